"""PREFIX_requests.csv as a pandas DataFrame: a million rows in little memory, and the sound rows of a damaged file."""

import csv
import io
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from summary.claims import cell
from summary.rows.blocks import Blocks, NoRowEnds, is_regular
from summary.rows.columns import CHOICES, MISSING, NO_CHOICE, TEXT, Columns, Converter, count, is_empty

csv.field_size_limit(2**31 - 1)
REQUIRED = (
    "run_id", "request", "timestamp", "start_s", "latency_s", "response_bytes", "outcome", "status", "error", "prompt",
)  # fmt: skip
OF_PAIRS = ("side", "pair", "order", "prompt_characters")
"""Columns that are left out of rows of a run without --against."""

_EXPECTED = f"its first line must name {', '.join(REQUIRED)}, with commas between, and no column twice"


class UnreadableRows(Exception):
    """The file is not a file of rows; the message says why in one line."""


@dataclass(slots=True)
class Damage:
    """What was wrong with a file of rows.

    unreadable        rows with too few or too many cells, bytes that are not UTF-8, or an invalid number
    unknown_outcomes  rows with an unknown outcome
    is_cut            whether the last row was cut off
    """

    unreadable: int = 0
    unknown_outcomes: int = 0
    is_cut: bool = False


def read(path: Path) -> pd.DataFrame:
    """Return the sound rows: numbers as numbers, empty cells as missing values, and prompts as hashes."""
    return read_with_damage(path)[0]


def read_with_damage(path: Path) -> tuple[pd.DataFrame, Damage]:
    """Return the sound rows, as `read` does, and what was wrong with the others. Raises `UnreadableRows`."""
    try:
        with path.open("rb") as file:
            return parsed(file, path)
    except OSError as error:
        raise UnreadableRows(f"{path}: {(error.strerror or str(error)).lower()}") from error


def parsed(file: BinaryIO, path: Path) -> tuple[pd.DataFrame, Damage]:
    """Return the same of an open file, which errors call by its path. Raises `UnreadableRows`."""
    try:
        return _read(Blocks(file), path)
    except NoRowEnds as error:
        raise UnreadableRows(f"{path}: {str(error).lower()}") from error


def frame(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return rows as the DataFrame that reading them from a file would give."""
    heap = _Heap()
    heap.add(Converter(columns).leniently(_as_csv(rows))[0])
    return heap.table()


def concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return both tables' rows as one table."""
    return pd.concat([table for table in (first, second) if len(table)] or [first], ignore_index=True)


def _read(blocks: Blocks, path: Path) -> tuple[pd.DataFrame, Damage]:
    columns = _columns_of(blocks.head)
    if not set(REQUIRED) <= set(columns) or len(set(columns)) < len(columns):
        raise UnreadableRows(f"{path}: not a file of requests ({_EXPECTED})")
    converter, damage = Converter(columns), Damage()
    heap = _Heap()
    for block in blocks:
        heap.add(_taken(block, blocks, converter, damage))
    damage.is_cut = blocks.is_cut
    return heap.table(), damage


def _columns_of(head: bytes) -> list[str]:
    """Return the names in the first line; none if it is not CSV."""
    try:
        return next(csv.reader([head.decode("utf-8", "replace")]), [])
    except csv.Error:
        return []


class _Heap:
    """Columns that grow in place: keeping blocks and joining them at the end would take twice the memory."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any] | list[Any]] = {}
        self._count = 0

    def add(self, columns: Columns) -> None:
        for name, values in cell.columns(columns):
            if name in OF_PAIRS and name not in self._columns and is_empty(values):
                continue
            column = self._columns.setdefault(name, [] if values.dtype == TEXT else array(values.dtype.char))
            self._pad(column)
            if isinstance(column, array):
                column.frombytes(values.tobytes())
            else:
                column.extend(values)
        self._count += count(columns)

    def _pad(self, column: "array[Any] | list[Any]") -> None:
        """Fill up a column that not every block of rows has, such as those of what servers said."""
        missing = max(0, self._count - len(column))
        if isinstance(column, list):
            column.extend([None] * missing)
        elif missing:
            column.extend([math.nan if column.typecode == "d" else NO_CHOICE] * missing)

    def table(self) -> pd.DataFrame:
        """Return everything as one table, emptying the heap. Where no server said anything, the time to the head has
        nothing to be compared with, and is left out."""
        if cell.CELL not in self._columns:
            self._columns.pop(cell.HEAD, None)
        return pd.DataFrame({name: self._taken(name) for name in list(self._columns)}, copy=False)

    def _taken(self, name: str) -> Any:
        column = self._columns.pop(name)
        self._pad(column)
        if isinstance(column, list):
            return pd.Series(column, dtype=TEXT)
        values = np.frombuffer(column, column.typecode)
        if name in CHOICES:
            return pd.Categorical.from_codes(values, pd.Index(CHOICES[name]))
        if name == "timestamp":
            return pd.Series(values.view("datetime64[ns]")).dt.tz_localize("UTC")
        return pd.arrays.IntegerArray(values, values == MISSING) if name == "prompt" else values


def _taken(block: bytes, blocks: Blocks, converter: Converter, damage: Damage) -> Columns:
    """Return a block's sound rows, and count the others as damage."""
    try:
        if not is_regular(block, converter.width):
            raise ValueError("rows of different lengths")
        columns = converter.parsed(block)
        is_sound = np.ones(count(columns), dtype=bool)
    except ValueError:
        rows, unreadable = _mended(block, blocks, converter.width)
        damage.unreadable += unreadable
        columns, is_sound = converter.leniently(rows)
    is_sound &= converter.are_sound(columns)
    is_known = columns["outcome"] >= 0
    damage.unreadable += int((~is_sound).sum())
    damage.unknown_outcomes += int((is_sound & ~is_known).sum())
    is_whole = is_sound & is_known
    return columns if is_whole.all() else {name: values[is_whole] for name, values in columns.items()}


def _mended(block: bytes, blocks: Blocks, width: int) -> tuple[bytes, int]:
    """Return a block's rows that have the right number of cells, and count the others."""
    whole, others = list[list[str]](), 0
    for row in blocks.rows_of(block):
        found, rest = _cells(row, width)
        whole += found
        others += rest
    return _as_csv(whole), others


def _cells(row: bytes, columns: int) -> tuple[list[list[str]], int]:
    """Return the cells of what should be one row, but is several if a row's beginning is damaged, and count those of
    another length: there can be millions. One that can't be read counts as one."""
    whole, others = list[list[str]](), 0
    try:
        for cells in csv.reader(io.StringIO(row.decode("utf-8"), newline=""), strict=True):
            if len(cells) == columns:
                whole.append(cells)
            else:
                others += 1
    except (UnicodeDecodeError, csv.Error):
        return [], 1
    return whole, others


def _as_csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
