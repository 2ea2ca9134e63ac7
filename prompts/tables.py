"""Files of records: JSON lines, JSON arrays and CSV, each record with the line on which it begins. Stdlib only."""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prompts.records import prompt_of
from providers.prompt import Prompt
from seeds import LARGEST_BYTES, SeedError, Wrong, name_of, text_of

Records = Iterator[tuple[int, Any]]

CSV_COLUMNS = ("prompt", "system", "id", "max_tokens", "at")

_log = logging.getLogger(__name__)
_GAP = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_ARRAY_BEGINS = re.compile(r"\[\s*(\{|$)")
_AFTER = {",": "a comma after the object"}
_BREAK = "a line break in a text is written as \\n"
_BROKEN = {
    "Unterminated string starting at": f"a text without its closing quote ({_BREAK})",
    "Invalid control character at": f"a control character in a text ({_BREAK})",
}
"""What Python says, in words that don't need a place after them."""


def table_prompts(path: Path) -> Iterator[Prompt]:
    """Yield the prompts of a file of records, named after their ids, or else numbered. Raises `SeedError`."""
    file, lines, skipped = name_of(path), dict[str, int](), 0
    for number, (line, record) in enumerate(_placed(path), 1):
        try:
            prompt = prompt_of(record, file, number)
        except Wrong as error:
            raise SeedError(f"{path}:{line}: {error}") from error
        if prompt is None:
            skipped += 1
            continue
        if first := lines.get(prompt.prompt_id):
            name = prompt.prompt_id.removeprefix(f"{file}#")
            raise SeedError(f"{path}:{line}: the id {name!r} is already that of line {first}")
        lines[prompt.prompt_id] = line
        yield prompt
    if skipped:
        _log.warning("%s: %d conversations without a word of the user's were skipped", path, skipped)


def _placed(path: Path) -> Records:
    """Yield the records with their lines. Raises `SeedError` for what is none."""
    read = READERS[path.suffix.lower()]
    try:
        yield from read(text_of(path))
    except _WrongLine as error:
        raise SeedError(f"{path}:{error.line}: {error}") from error


class _WrongLine(Exception):
    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line = line


def _json_lines(text: str) -> Records:
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line:
            if _ARRAY_BEGINS.match(line):
                raise _WrongLine(number, "an array: name the file *.json")
            record, end = _decoded(line, 0, number)
            if after := line[end:].strip():
                raise _WrongLine(number, _AFTER.get(after, "more than one JSON value on this line"))
            yield number, record


def _json_array(text: str) -> Records:
    at, line, counted = _past(text, 0), 1, 0
    if text[at : at + 1] != "[":
        raise _WrongLine(1, f'not a JSON array, such as [{{"conversations": …}}]{_if_lines(text)}')
    at = _past(text, at + 1)
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        record, at = _decoded(text, at, line)
        yield line, record
        at = _past(text, at)
        if text[at : at + 1] not in (",", "]"):
            raise _WrongLine(line + text.count("\n", counted, at), "not JSON: expected ',' or ']'")
        at = _past(text, at + (text[at] == ","))
    if text[at + 1 :].strip():
        raise _WrongLine(line + text.count("\n", counted, at), "not JSON: more after the array")


def _if_lines(text: str) -> str:
    """Return the end of an error message, if the text has an object per line."""
    lines = text.lstrip().split("\n", 1)
    try:
        is_object = isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return ""
    return ": with an object per line, name the file *.jsonl" if is_object else ""


def _past(text: str, at: int) -> int:
    """Return where the white space at a place ends."""
    return _GAP.match(text, at).end()  # type: ignore[union-attr]  # it matches anything


def _decoded(text: str, at: int, line: int) -> tuple[Any, int]:
    """Return the JSON value at a place, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        raise _WrongLine(line, "nested too deeply") from None
    except json.JSONDecodeError as error:
        says = "it ends within an object" if error.pos == len(text) else _BROKEN.get(error.msg, error.msg)
        raise _WrongLine(line + text.count("\n", at, error.pos), f"not JSON: {says}") from error
    except ValueError as error:  # of over 4,300 digits
        raise _WrongLine(line, "not JSON: a number with too many digits") from error


def _csv_rows(text: str) -> Records:
    limit = csv.field_size_limit(LARGEST_BYTES)
    try:
        rows = list(_cells(text))
    finally:
        csv.field_size_limit(limit)
    if not rows:
        return
    header = [name.strip() for name in rows[0][1]]
    if "prompt" not in header:
        raise _WrongLine(rows[0][0], "the first line must name the columns, with commas between, one of them 'prompt'")
    if twice := next((name for name in CSV_COLUMNS if header.count(name) > 1), None):
        raise _WrongLine(rows[0][0], f"two columns are named {twice!r}")
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise _WrongLine(line, f"{len(cells)} cells, but {len(header)} columns")
        found = dict(zip(header, cells, strict=True))
        yield line, {name: _value(name, found.get(name, "")) for name in CSV_COLUMNS}


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in rows:
            if cells:
                yield line, cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise _WrongLine(line, f"not CSV: {error}") from error


def _value(name: str, cell: str) -> Any:
    """Return a cell as JSON would have it: an empty one is missing, and numbers are numbers."""
    if name in ("max_tokens", "at") and cell.strip():
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell or None


READERS: dict[str, Callable[[str], Records]] = {".jsonl": _json_lines, ".json": _json_array, ".csv": _csv_rows}
