"""What a run left behind as one text, in which nothing is held twice."""

import contextlib
import csv
import hashlib
import io
import json
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import report
from tests.command_line import Ended, rows_in
from tests.net import kinds
from tests.net.kinds import BY_DRAW
from tests.net.tables import tables

WIDTH, MOST_ROWS = 110, 20
SECONDS_COLUMNS = re.compile(r"_s$|^scheduled_at$")
COUNTED = ("Type", "Name", "Method", "Error", "Request Count", "Failure Count", "Occurrences")


class Left:
    """A finished run's folder. With `by_draw`, it is chance which worker makes which call."""

    def __init__(self, folder: Path, ended: Ended, by_draw: bool = False) -> None:
        self._folder, self._ended, self._by_draw = folder, ended, by_draw
        self._run, self._summary = self._json("run.json"), self._json("summary.json")
        self._believable = kinds.believable(self._summary["verdict"])

    def text(self) -> str:
        """Return everything that is held, in sections."""
        sections = {
            "exit code": [str(self._ended.code)],
            "files": sorted({path.name for path in self._folder.iterdir()} - {"stdout", "stderr"}),
            "stdout": self._printed(self._ended.stdout),
            "stderr, but for Locust's lines": self._stderr(),
            "run.json": _tree(self._without_draws(kinds.json(self._run))),
            "summary.json": _tree(self._held_summary()),
            "requests.csv": self._rows(),
            "stats.csv": self._locusts("stats"),
            "failures.csv": self._locusts("failures"),
            "junit.xml": self._junit(),
            "report.py -o table": self._report("table"),
            "report.py -o json": self._report("json"),
            "report.py -o csv": self._report("csv"),
        }
        return "\n".join("\n".join([f"== {name}", *lines, ""]) for name, lines in sections.items())

    def _json(self, name: str) -> dict[str, Any]:
        path = self._folder / f"run_{name}"
        assert path.exists(), f"{path.parent.name} ended with {self._ended.code}: {self._ended.stderr}"
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def _without_draws(self, content: Any) -> Any:
        return kinds.without_draws(content) if self._by_draw else content

    def _held_summary(self) -> dict[str, Any]:
        """Return the summary without what it repeats from run.json: that is compared here and held there."""
        summary: dict[str, Any] = self._without_draws(kinds.json(self._summary))
        for name in ("options", "versions"):
            if self._summary[name] == self._run[name]:
                summary[name] = "<as in run.json>"
        return summary

    def _printed(self, printed: str) -> Iterator[str]:
        if printed == (self._folder / "run_summary.json").read_text(encoding="utf-8"):
            yield "<summary.json, byte for byte>"
        elif printed.startswith("run_id,"):
            columns, *differing = self._flat(printed)
            yield from (*textwrap.wrap(columns, WIDTH), *differing)
        else:
            yield from tables(printed, self._believable, self._by_draw)

    def _stderr(self) -> Iterator[str]:
        """Yield our own lines on stderr; those that differ only in a call's number as one."""
        lines = (re.sub(r" \[\d+\] ", " [#] ", line) for line in self._our_lines())
        for line, same in groupby(lines):
            count = len(list(same))
            yield f"{line} ({count} times)" if count > 1 else line

    def _our_lines(self) -> Iterator[str]:
        for line in self._ended.stderr.splitlines():
            logged = re.match(r"\[[^]]*\] [^/]*/(\w+)/(\S+): (.*)", line)
            if not logged:
                yield kinds.text(line)
            elif logged[2] == "llm":
                yield f"{logged[1]} {kinds.text(logged[3])}"

    def _rows(self) -> Iterator[str]:
        rows = [self._row(row) for row in sorted(rows_in(self._folder), key=lambda row: int(row["request"]))]
        yield from textwrap.wrap(f"columns: {', '.join(rows[0])}", WIDTH, subsequent_indent="  ")
        same = {name: cell for name, cell in rows[0].items() if all(row[name] == cell for row in rows)}
        yield from textwrap.wrap(f"empty in all rows: {' '.join(name for name in same if not same[name])}", WIDTH)
        yield from (f"  {name}: {cell}" for name, cell in same.items() if cell)
        lines = [" ".join(f"{name}={cell}" for name, cell in row.items() if name not in same) for row in rows]
        yield from lines[:MOST_ROWS]
        if rest := lines[MOST_ROWS:]:
            yield f"and {len(rest)} more: {_digest(''.join(rest))}"

    def _row(self, row: dict[str, str]) -> dict[str, str]:
        row = {name: _cell(name, cell) for name, cell in row.items()}
        return {name: BY_DRAW if self._by_draw and cell and name in kinds.DRAWN else cell for name, cell in row.items()}

    def _locusts(self, name: str) -> Iterator[str]:
        with open(self._folder / f"run_{name}.csv", newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            yield from textwrap.wrap(f"columns: {', '.join(reader.fieldnames or ())}", WIDTH, subsequent_indent="  ")
            for row in reader:
                yield " ".join(f"{column}={cell}" for column, cell in row.items() if column in COUNTED or not cell)

    def _junit(self) -> Iterator[str]:
        if (self._folder / "junit.xml").exists():
            xml = (self._folder / "junit.xml").read_text(encoding="utf-8")
            yield from (kinds.text(re.sub(r'time="[\d.]+"', 'time="<seconds>"', line)) for line in xml.splitlines())

    def _report(self, output_format: str) -> Iterator[str]:
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            code = report.main([str(self._folder / "run"), "-o", output_format])
        yield f"exit code {code}"
        if stdout.getvalue() == self._ended.stdout:
            yield "<stdout, byte for byte>"
        elif output_format == "csv":
            columns, *differing = self._flat(stdout.getvalue())
            yield f"{columns.count(',') + 1} columns, {_digest(columns)} (all in completions.txt)"
            yield from differing
        else:
            yield from self._printed(stdout.getvalue())

    def _flat(self, printed: str) -> Iterator[str]:
        """Yield the columns of `-o csv`, and the cells that differ from the summary's value of the same name."""
        names, cells = csv.reader(io.StringIO(printed))
        yield ", ".join(names)
        for name, cell in zip(names, cells, strict=True):
            if cell != (expected := self._expected(name)):
                yield f"{name}: {cell!r}, but {expected!r} in summary.json"

    def _expected(self, column: str) -> str:
        found: Any = self._summary
        for name in column.split("."):
            found = (found or {}).get(name)
        if isinstance(found, list | dict):
            return json.dumps(found, ensure_ascii=False)
        return "" if found is None else str(found)


def _cell(name: str, cell: str) -> str:
    if not cell:
        return ""
    if name == "prompt":
        return f"<{len(cell)} characters, {_digest(cell)}>"
    if name == "output_tokens_per_s":
        return kinds.PER_SECOND
    return kinds.SECONDS if SECONDS_COLUMNS.search(name) else kinds.text(cell)


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def _tree(content: Any, start: str = "") -> Iterator[str]:
    """Yield JSON as indented lines: one line for what is short, and one for neighbours of one kind."""
    line = f"{start} {json.dumps(content, ensure_ascii=False)}"
    is_flat = isinstance(content, list) and not any(isinstance(each, dict) for each in content)
    if start and (is_flat or not isinstance(content, dict | list) or len(line) <= WIDTH):
        yield line
        return
    if start:
        yield start
    indent = re.match(" *", start)[0] + "  " * bool(start)  # type: ignore[index]
    if isinstance(content, list):
        for each in content:
            yield from _tree(each, f"{indent}-")
        return
    for _, names in groupby(content, lambda name: content[name] if _is_kind(content[name]) else name):
        joined = list(names)
        yield from _tree(content[joined[0]], f"{indent}{', '.join(joined)}:")


def _is_kind(content: Any) -> bool:
    return isinstance(content, str) and content.startswith("<")
