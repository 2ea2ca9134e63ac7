"""Checks rows sent by workers, which can be of another version or not ours at all."""

import math
from collections.abc import Mapping
from datetime import datetime
from types import NoneType
from typing import Literal, get_args, get_origin, get_type_hints

from harness.record.requests_csv import COLUMNS
from providers.call import Call

Kinds = tuple[type, ...]


def is_row(cells: object, run_id: str) -> bool:
    """Return whether these are the cells of one of this run's calls: every column, each with a valid value."""
    if not isinstance(cells, list) or len(cells) != len(COLUMNS) or cells[0] != run_id:
        return False
    return all(_fits(column, cell) for column, cell in zip(COLUMNS, cells, strict=True))


def _fits(column: str, cell: object) -> bool:
    if column in _WORDS:
        return cell in _WORDS[column]
    if isinstance(cell, float) and not math.isfinite(cell):
        return False
    return isinstance(cell, _KINDS[column]) and not isinstance(cell, bool)


def _kinds(hint: object) -> Kinds:
    """Return the cell types that a field's values become; an integer is valid where a float is."""
    kinds: Mapping[object, Kinds] = {datetime: (str,), float: (float, int)}
    return tuple(kind for part in get_args(hint) or (hint,) for kind in kinds.get(part, (part,)))


def _words(hint: object) -> tuple[object, ...]:
    """Return the only values that a field can have, if its type lists them."""
    parts = hint if get_origin(hint) is Literal else next((p for p in get_args(hint) if get_origin(p) is Literal), None)
    return (*get_args(parts), *((None,) if NoneType in get_args(hint) else ()))


_HINTS = {column: hint for column, hint in get_type_hints(Call).items() if column in COLUMNS}
_WORDS = {column: words for column, hint in _HINTS.items() if any(words := _words(hint)) and words != (None,)}
_KINDS = {column: _kinds(hint) for column, hint in _HINTS.items() if column not in _WORDS}
