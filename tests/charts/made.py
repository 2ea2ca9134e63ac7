"""Runs that never took place, and a reader of their pages."""

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from charts.data.run import Run
from harness.record.requests_csv import COLUMNS
from report import run_at

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = {
    "run_id": "20260101T000000.000Z-abcdef", "provider": "openai", "model": "gpt-4o", "api": "chat", "mode": "real",
    "stream": True, "host": "http://localhost:8000", "start": "2026-01-01T00:00:00.000Z", "seed": 1, "options": {},
    "versions": {},
}  # fmt: skip
USUAL = {
    "run_id": FACTS["run_id"], "provider": "openai", "model": "gpt-4o", "api": "chat", "mode": "real", "prompt": "p",
    "latency_s": 1.0, "response_bytes": 10, "status": 200, "outcome": "ok", "phase": "measured", "input_tokens": 3,
    "output_tokens": 4,
}  # fmt: skip
STREAMED = {"ttfb_s": 0.2, "ttft_s": 0.3, "ttfv_s": 0.3, "tpot_s": 0.01, "send_s": 0.001, "connect_s": 0.05}


def call(number: int, start_s: float = 0.0, **cells: Any) -> dict[str, Any]:
    at = (BEGAN + timedelta(seconds=start_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**USUAL, "request": number, "start_s": start_s, "timestamp": at, **cells}


def failed(number: int, start_s: float = 0.0, **cells: Any) -> dict[str, Any]:
    error = {"outcome": "failed", "status": 500, "error": "InternalServerError: no", "output_tokens": None}
    return call(number, start_s, **{**error, **cells})


def made(folder: Path, calls: Iterable[Mapping[str, Any]], **facts: Any) -> Path:
    """Write the rows and run.json that a killed run leaves, and return its prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(calls)
    further = [name for name in (rows[0] if rows else ()) if name not in COLUMNS]
    with (folder / "run_requests.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *further], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "run_run.json").write_text(json.dumps({**FACTS, **facts}))
    return folder / "run"


def run_of(folder: Path, calls: Iterable[Mapping[str, Any]], **facts: Any) -> Run:
    return run_at(made(folder, calls, **facts))


class Page(HTMLParser):
    """What a browser would make of a page.

    tags     every element's name and attributes
    numbers  the `<data value>` of each table row and tile, after the text that heads it
    blocks   the content of each script that has an id, read as JSON
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: dict[str, list[str]] = {}
        self.blocks: dict[str, Any] = {}
        self.text = ""
        self._heading = self._block = ""
        self._is_heading = self._is_code = False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "tr" or found.get("class") == "tile":
            self._heading = ""
        self._is_heading = found.get("scope") == "row" or (tag == "span")
        self._is_code = tag in ("script", "style")
        self._block = (found.get("id") or "") if tag == "script" else ""
        if tag == "data":
            self.numbers.setdefault(self._heading.strip(), []).append(str(found["value"]))

    def handle_endtag(self, tag: str) -> None:
        self._is_heading = False
        if tag in ("script", "style"):
            self._is_code, self._block = False, ""

    def handle_data(self, data: str) -> None:
        if self._block:
            self.blocks[self._block] = json.loads(data)
        if self._is_heading:
            self._heading += data
        if not self._is_code:
            self.text += data
