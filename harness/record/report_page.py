"""The page of a run's charts (--html-report)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from charts.page import file
from harness.errors import UsageError
from harness.process.outlet import check_outlet
from summary.vocabulary import Summary

_log = logging.getLogger("llm")


def check(path: Path) -> None:
    """Raise `UsageError`, before anything is sent, if the page can't be written or would replace a file that is not
    one of our pages."""
    with _writable(path):
        file.check(path)
        if path.is_fifo():
            check_outlet(path)


def write(path: Path, summary: Summary, table: Any) -> None:
    """Draw a run's charts and write them as one page. Raises `UsageError` if it can't be written."""
    from charts.data.run import Run  # With pandas, at the run's end: see `Recorder`.
    from charts.page.page import page

    content = page([Run(str(summary["run_id"]), summary, table)])
    with _writable(path):
        file.write(path, content)
    _log.info("charts: %s", path)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except file.NotOurs as error:
        raise UsageError(f"--html-report {error}") from error
    except OSError as error:
        raise UsageError(f"--html-report {path}: {(error.strerror or str(error)).lower()}") from error
