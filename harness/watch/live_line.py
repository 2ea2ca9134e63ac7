"""One line on the terminal that shows how a headless run is doing."""

import logging
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from rich.console import Console
from rich.live import Live
from rich.text import Text

from wire.exchange import now

REFRESH_EVERY_S = 0.25
RATE_OVER_S = 5.0
LOGGERS = ("", "locust", "locust.stats_logger")


def wanted(given: Namespace) -> bool:
    """Return whether the line would be visible, and not mixed up with Locust's tables."""
    return bool(given.headless and sys.stderr.isatty() and not given.print_stats)


class LiveLine:
    """Redraws `line()` four times per second, below the log's lines, and removes it at the end."""

    def __init__(self, line: Callable[[], str]) -> None:
        self._line = line
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
        self._live.start()
        self._streams = _redirect(sys.stderr)
        self._ticker = gevent.spawn(self._tick)

    def stop(self) -> None:
        self._ticker.kill()
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._live.stop()

    def _tick(self) -> None:
        while True:
            self._live.update(Text(self._line(), style="bold", no_wrap=True, overflow="ellipsis"), refresh=True)
            gevent.sleep(REFRESH_EVERY_S)


class Rate:
    """Events per second over the last few seconds, from the counts passed to `look`."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, count: int) -> float:
        self._seen.append((now(), count))
        while self._seen[-1][0] - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        (began_at, before), (at, _) = self._seen[0], self._seen[-1]
        return (count - before) / (at - began_at) if at > began_at else 0.0


def _redirect(stream: Any) -> list[tuple[logging.StreamHandler[Any], Any]]:
    """Send the log through the live display, which prints it above the line; return what to restore."""
    handlers = {handler for name in LOGGERS for handler in logging.getLogger(name).handlers}
    on_terminal = [handler for handler in handlers if type(handler) is logging.StreamHandler]
    return [(handler, handler.setStream(stream)) for handler in on_terminal]
