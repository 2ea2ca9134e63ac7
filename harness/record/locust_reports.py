"""Locust's own reports, `--html` and `--json-file`, written after the run but before its exit code is decided.

Locust writes them later: a full disk then ends in a traceback, and a forked worker can overwrite its master's report.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from locust.env import Environment

import locust_inside
from harness.process.outlet import open_outlet
from harness.record.folder import writable


class LocustReports:
    """Takes both options out of Locust's hands when it is made."""

    def __init__(self, given: Any) -> None:
        self._html_file, self._json_file = given.html_file, given.json_file
        given.html_file = given.json_file = None

    def writers(self, environment: Environment) -> Iterator[Callable[[], None]]:
        """Yield a writer for each report asked for. It raises `UsageError` if the file can't be written."""
        if self._html_file:
            yield lambda: self._write_html(environment)
        if self._json_file:
            yield lambda: self._write_json(environment)

    def _write_html(self, environment: Environment) -> None:
        name = locust_inside.named_html(self._html_file, environment.parsed_options)
        _write(Path(name), locust_inside.html_report(environment))

    def _write_json(self, environment: Environment) -> None:
        stats = environment.stats.serialize_stats()
        _write(Path(f"{self._json_file}.json"), json.dumps(stats, indent=4))


def _write(path: Path, text: str) -> None:
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_outlet(path, os.O_TRUNC) as file:
            file.write(text)
