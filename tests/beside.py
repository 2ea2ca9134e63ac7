"""What runs beside a block, to show that the block leaves others their turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent


@contextmanager
def counting(pause: Callable[[], object]) -> Iterator[list[None]]:
    """Pause again and again beside the block; yield a list that grows by an item after each pause."""
    turns: list[None] = []

    def run() -> None:
        while True:
            pause()
            turns.append(None)

    beside = gevent.spawn(run)
    try:
        yield turns
    finally:
        gevent.kill(beside)
