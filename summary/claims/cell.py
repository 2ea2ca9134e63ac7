"""The cell `server_says` of rows as columns of numbers: a million cells would take too much memory."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pandas as pd

from summary import calls

CELL, HEAD = "server_says", "head_s"
KEYS = (
    *("server_s", "server_total_s", "server_ttft_s", "queue_s", "proxy_s", "overhead_s", "upstream_s"),
    *("retries", "fallbacks", "cache_hit", "stream_options_refused", "cost_usd", "retry_after_s"),
    *("remaining_requests", "remaining_tokens", "remaining_input_tokens", "remaining_output_tokens"),
)
"""The keys that are in a figure (see `providers.claims`)."""

LARGEST = 1e12
NUMBER = (int, float)


def said(rows: pd.DataFrame, key: str) -> "pd.Series[float]":
    """Return what the rows' cells say under a key, NaN where they don't."""
    return calls.numbers(rows, _column(key))


def is_any_said(rows: pd.DataFrame) -> bool:
    return any(_column(key) in rows for key in KEYS)


def is_of_cells(column: str) -> bool:
    """Return whether a column is one of those that `columns` yields in place of the cells."""
    return column == CELL or column.endswith(_column(""))


def columns(table: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a table's columns, with fractions in place of its cells, and one for each key that they have."""
    cells = table.get(CELL, np.array([]))
    is_said = pd.notna(cells)
    for name, values in table.items():
        if name != CELL:
            yield name, values
    if is_said.any():
        yield CELL, _spread(list(map(fraction, cells[is_said])), is_said)
        yield from _numbers(cells[is_said], is_said)


def _numbers(cells: np.ndarray, is_said: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    claims = _parsed(list(cells))
    known = set().union(*claims)
    for key in KEYS:
        if key in known:
            yield _column(key), _spread([_number(claim.get(key)) for claim in claims], is_said)


def fraction(text: object) -> float:
    """Return the value that stands for a text in a column's checksum."""
    return zlib.crc32(str(text).encode("utf-8", "replace")) / 2**32


def _spread(values: np.ndarray | list[float], is_said: np.ndarray) -> np.ndarray:
    column = np.full(len(is_said), np.nan)
    column[is_said] = values
    return column


def _parsed(cells: list[str]) -> list[dict[str, Any]]:
    """Return the cells' objects, {} for a damaged one. A block of sound cells is parsed at once."""
    try:
        claims = orjson.loads(f"[{','.join(cells)}]")
    except orjson.JSONDecodeError:
        claims = []
    is_sound = len(claims) == len(cells) and all(isinstance(claim, dict) for claim in claims)
    return claims if is_sound else list(map(_object, cells))


def _object(cell: str) -> dict[str, Any]:
    try:
        claim = orjson.loads(cell)
    except orjson.JSONDecodeError:
        return {}
    return claim if isinstance(claim, dict) else {}


def _number(value: Any) -> float:
    """Return a number, 1 for true; NaN for what is no number that a run could have written."""
    return float(value) if isinstance(value, NUMBER) and 0 <= value <= LARGEST else np.nan


def _column(key: str) -> str:
    return f"{key}.said"
