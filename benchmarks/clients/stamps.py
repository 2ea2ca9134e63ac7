"""A call's times as measured from outside an SDK, and the file of them, with the column names of this project."""

import csv
from pathlib import Path
from typing import Any


class Stamps:
    """One call's stamps, in seconds."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self.ttft_s: float | None = None
        self.latency_s = 0.0

    def text(self, at: float) -> None:
        """Note that the SDK yielded a piece of text."""
        if self.ttft_s is None:
            self.ttft_s = at - self._started_at

    def end(self, at: float) -> None:
        """Note that the SDK has finished."""
        self.latency_s = at - self._started_at


def write_rows(path: Path, calls: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("outcome", "ttft_s", "latency_s"))
        for call in calls:
            stamps = call["stamps"]
            rows.writerow(("failed" if call["exception"] else "ok", stamps.ttft_s, stamps.latency_s))
