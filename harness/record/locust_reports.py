"""Locust's own reports, `--html` and `--json-file`, written when the run has ended, before its exit code is decided.

Locust itself writes them later: a disk that is full by then is a traceback, and a forked worker may replace its
master's figures by its own.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import locust_inside
from harness.process.outlet import open_outlet
from harness.record.folder import writable


class LocustReports:
    """Takes both options out of Locust's hands when it is made."""

    def __init__(self, given: Any) -> None:
        self._html_file, self._json_file = given.html_file, given.json_file
        given.html_file = given.json_file = None

    def writers(self, environment: Any) -> list[Callable[[], None]]:
        """Return what writes each report that is wanted. It raises `UsageError` if the file can't be written."""

        def write_html() -> None:
            name = locust_inside.named_html(self._html_file, environment.parsed_options)
            _write(Path(name), locust_inside.html_report(environment))

        def write_json() -> None:
            stats = environment.runner.stats.serialize_stats()
            _write(Path(f"{self._json_file}.json"), json.dumps(stats, indent=4))

        return [*([write_html] if self._html_file else []), *([write_json] if self._json_file else [])]


def _write(path: Path, text: str) -> None:
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_outlet(path, os.O_TRUNC) as file:
            file.write(text)
