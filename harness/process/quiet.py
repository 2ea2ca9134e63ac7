"""Which log lines and tables a run doesn't need, and what one of them costs."""

import logging
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import locust.runners

CHATTY = ("httpx2", "httpcore2")
"""What logs, under several SDKs, a line a call at INFO (6 % of its cost)."""


def forget_callers() -> None:
    """Let Locust's `stop` not know who called it, which only its debug log says: to find out takes up to half a second
    the first time, in which nothing else runs, and by which calls in flight would seem to last longer."""
    locust.runners.inspect = SimpleNamespace()  # type: ignore[attr-defined, assignment]


def calm(options: Any, loggers: Iterable[str]) -> None:
    """Quieten the SDKs' loggers, and Locust's tables, which say less than the summary and are there with
    `--print-stats`."""
    for name in (*CHATTY, *loggers):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not options.print_stats:
        options.only_summary = options.only_summary or bool(options.headless)
        logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
    if options.rate or options.rate_stages:
        logging.getLogger("locust.runners").addFilter(lambda record: not record.msg.startswith("Your selected spawn"))
    if options.iterations:
        logging.getLogger("locust.main").addFilter(lambda record: not record.msg.startswith("No run time limit"))
