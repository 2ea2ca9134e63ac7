"""Checks rows and figures sent by workers, which can be of another version or not ours at all."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import starmap
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from harness.messages import CLIENT, HISTOGRAMS, IN_FLIGHT
from harness.record.requests_csv import COLUMNS
from providers.call import Call, Json
from summary.vocabulary import ENDED

Kinds = tuple[type, ...]
NUMBER = (int, float)

LARGEST = 10**15
"""Nothing that is measured is larger, and a row with more can't be read from the file; sums of it would overflow."""

LONGEST_S, FIRST_YEAR, LAST_YEAR = 1e9, 1970, 2099
"""The times of a row that can be read from the file: see `summary.rows.columns`."""

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
"""How `requests_csv` writes times of day. Of other forms, some can't be read from the file."""

FROM_AN_ORIGIN = ("start_s", "start_lag_s")
"""Times that can be before their origin. No other number is negative."""

LONGEST_TEXT = 20_000
"""In characters; what a worker writes is far shorter."""


def is_row(cells: object, run_id: str) -> bool:
    """Return whether these are the cells of one of this run's calls: every column, each with a valid value."""
    if not isinstance(cells, list) or len(cells) != len(COLUMNS) or cells[0] != run_id:
        return False
    row = dict(zip(COLUMNS, cells, strict=True))
    has_what_it_needs = all(row[needed] is not None for needed in _needed(row))
    return has_what_it_needs and all(starmap(_fits, row.items()))


def _needed(row: Json) -> Iterator[str]:
    if row["outcome"] in ENDED:
        yield "latency_s"
    if row["side"] is not None:
        yield "pair"


def _fits(column: str, cell: object) -> bool:
    if column in _WORDS:
        return cell in _WORDS[column]
    if cell is None or not isinstance(cell, _KINDS[column]):
        return cell is None and NoneType in _KINDS[column]
    if isinstance(cell, str):
        return len(cell) <= LONGEST_TEXT and (column not in _DATES or _is_date(cell))
    return _is_number(cell) and _is_possible(column, cell)


def _is_possible(column: str, cell: Any) -> bool:
    return (cell >= 0 or column in FROM_AN_ORIGIN) and not (column in _TIMES and abs(cell) > LONGEST_S)


def _is_date(text: str) -> bool:
    try:
        return bool(DATE.fullmatch(text)) and FIRST_YEAR <= datetime.fromisoformat(text).year <= LAST_YEAR
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    is_finite = isinstance(value, NUMBER) and math.isfinite(value) and abs(value) <= LARGEST
    return is_finite and not isinstance(value, bool)


def are_figures(report: Json) -> bool:
    """Return whether what a report says beside its rows can be counted."""
    try:
        return all(fits(value) for fits, values in _figures(report) for value in values)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _figures(report: Json) -> Iterator[tuple[Callable[[object], bool], Iterable[Any]]]:
    """Yield what a report says, and what it must be. Raises various errors if it has another shape."""
    yield _is_count, [report.get(IN_FLIGHT, 0)]
    histograms, tokens = report.get(HISTOGRAMS) or ([], [])
    for name, figure, (values, counts, total, smallest, largest) in histograms:
        yield _is_text, (name, figure)
        yield _is_count, (*counts, sum(counts))
        yield _is_number, (total, *(value for value, _ in zip(values, counts, strict=True)))
        yield _is_number, (0 if end is None else end for end in (smallest, largest))
    for name, count, began_s, ended_s in tokens:
        yield _is_text, [name]
        yield _is_count, [count]
        yield _is_number, (ended_s, 0 if began_s is None else began_s)
    if CLIENT in report:
        yield from _of_client(report[CLIENT])


def _of_client(sample: Json) -> Iterator[tuple[Callable[[object], bool], Iterable[Any]]]:
    cpu_s, wall_s = sample["cpu_s"], sample["wall_s"]
    yield _is_amount, (cpu_s, wall_s, cpu_s / (wall_s or 1), *sample["lags_s"])
    yield _is_count, [sample["late_calls"]]
    for began_s, ended_s in sample["stalls"]:
        yield _is_number, (began_s, ended_s)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_amount(value: Any) -> bool:
    return _is_number(value) and bool(value >= 0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_amount(value)


def _kinds(hint: object) -> Kinds:
    """Return the cell types that a field's values become; an integer is valid where a float is."""
    kinds: Mapping[object, Kinds] = {datetime: (str,), float: (float, int)}
    return tuple(kind for part in get_args(hint) or (hint,) for kind in kinds.get(part, (part,)))


def _words(hint: object) -> tuple[object, ...]:
    """Return the only values that a field can have, if its type lists them."""
    parts = hint if get_origin(hint) is Literal else next((p for p in get_args(hint) if get_origin(p) is Literal), None)
    return (*get_args(parts), *((None,) if NoneType in get_args(hint) else ()))


_HINTS = {column: hint for column, hint in get_type_hints(Call).items() if column in COLUMNS}
_TIMES = {column for column in COLUMNS if column.endswith("_s") and not column.endswith("_per_s")}
_DATES = {column for column, hint in _HINTS.items() if datetime in (get_args(hint) or (hint,))}
_WORDS = {column: words for column, hint in _HINTS.items() if any(words := _words(hint)) and words != (None,)}
_KINDS = {column: _kinds(hint) for column, hint in _HINTS.items() if column not in _WORDS}
