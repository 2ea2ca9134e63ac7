"""Silences log lines and tables that a run doesn't need, and keeps what others sent within one line."""

import logging
from argparse import Namespace
from collections.abc import Iterable

from harness.errors import HUNG_UP, INTERRUPTED, TERMINATED
from summary.cells import printable

CHATTY = ("httpx2", "httpcore2")
"""What logs, under several SDKs, a line per call at INFO (6 % of its cost)."""

VERBOSE = ("botocore.credentials", "botocore.tokens")
"""What warns with a traceback of an exception that it also raises."""

SIGNALLED = tuple(f"worker children: {code}" for code in (INTERRUPTED, TERMINATED, HUNG_UP))
"""Locust reports these exit codes of its workers as bad; they are the run's own."""


def calm(options: Namespace, loggers: Iterable[str]) -> None:
    """Silence the SDKs and Locust's tables, which say less than the summary; `--print-stats` brings the tables back."""
    for name in (*CHATTY, *loggers):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in VERBOSE:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger().addFilter(_says_more_than_a_signal)
    for name in ("locust.runners", ""):  # Locust uses both.
        logging.getLogger(name).addFilter(_in_one_line)
    if not options.print_stats:
        options.only_summary = options.only_summary or bool(options.headless)
        logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
    if options.rate or options.rate_stages or options.replay:
        logging.getLogger("locust.runners").addFilter(lambda record: not record.msg.startswith("Your selected spawn"))
    if options.iterations or options.replay:
        logging.getLogger("locust.main").addFilter(lambda record: not record.msg.startswith("No run time limit"))


def _says_more_than_a_signal(record: logging.LogRecord) -> bool:
    return not str(record.msg).endswith(SIGNALLED)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Make a message printable: Locust repeats what a worker calls itself, its version and its state."""
    record.msg, record.args = printable(record.getMessage()), ()
    return True
