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

from summary.cells import unquoted
from summary.claims import cell
from summary.registry import NAMED, OF_CALLS
from summary.rows.blocks import Blocks, NoRowEnds, is_regular

csv.field_size_limit(2**31 - 1)
REQUIRED = (
    "run_id", "request", "timestamp", "start_s", "latency_s", "response_bytes", "outcome", "status", "error", "prompt",
)  # fmt: skip
IN_NO_FIGURE = {"prompt_id", "scheduled_at", "output_tokens_per_s", "server_request_id"} - set(OF_CALLS)
COUNTS = (
    "request", "status", "stage", "content_events", "content_reads", "joined_reads", "first_read_joined",
    "joined_events", "pair", "order", "prompt_characters", "conversation", "turn",
)  # fmt: skip
COUNT_ENDINGS = ("_bytes", "_tokens")
COUNT_KINDS = ("count", "bytes", "tokens")
OUTCOMES = ("ok", "failed", "aborted", "dropped")
PHASES = ("warmup", "measured")
SIDES = ("target", "baseline")
LONGEST_S = 1e9
FROM_ZERO = set(OF_CALLS) - {"start_lag_s"}
"""Times that can't be negative: they count from the call's start."""

LARGEST_COUNT = 1e15
FIRST_DAY, LAST_DAY = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
"""Between which a run can start: nanoseconds since 1970 end in 2262, and calls can be `LONGEST_S` later."""

NUMBER, TEXT = np.dtype("float64"), np.dtype("object")

NO_CHOICE = -1
"""Pandas' code for a missing category."""

MISSING = -(2**63)
"""Marks a missing prompt among hashes, and a missing time among nanoseconds."""

CONVERTED = ("prompt", "timestamp")
"""Columns that are neither numbers nor texts: hashes, and times of day."""

CHOICES = {"outcome": OUTCOMES, "phase": PHASES, "side": SIDES}
"""Columns whose few texts are known beforehand: they are kept as categories, which compare faster."""

OF_PAIRS = ("side", "pair", "order", "prompt_characters")
"""Columns that are left out of rows of a run without --against."""

DISTINCT_TEXTS = 10_000
"""Once a column has more distinct texts than this, such as errors with an id in each, further ones are cut at the
colon."""

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
    heap.add(_Table(columns).leniently(_as_csv(rows))[0])
    return heap.table()


def concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return both tables' rows as one table."""
    return pd.concat([table for table in (first, second) if len(table)] or [first], ignore_index=True)


def _read(blocks: Blocks, path: Path) -> tuple[pd.DataFrame, Damage]:
    columns = _columns_of(blocks.head)
    if not set(REQUIRED) <= set(columns) or len(set(columns)) < len(columns):
        raise UnreadableRows(f"{path}: not a file of requests ({_EXPECTED})")
    table, damage = _Table(columns), Damage()
    heap = _Heap()
    for block in blocks:
        heap.add(table.take(block, blocks, damage))
    damage.is_cut = blocks.is_cut
    return heap.table(), damage


def _columns_of(head: bytes) -> list[str]:
    """Return the names in the first line; none if it is not CSV."""
    try:
        return next(csv.reader([head.decode("utf-8", "replace")]), [])
    except csv.Error:
        return []


class _Heap:
    """Columns that grow in place: keeping tables and joining them at the end would take twice the memory."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any] | list[Any]] = {}
        self._count = 0

    def add(self, table: pd.DataFrame) -> None:
        for name, values in cell.columns(table):
            if name in OF_PAIRS and name not in self._columns and pd.isna(values).all():
                continue
            if name in CHOICES:
                values = pd.Categorical(values, CHOICES[name]).codes
            column = self._columns.setdefault(name, [] if values.dtype == object else array(values.dtype.char))
            self._pad(column)
            if isinstance(column, array):
                column.frombytes(values.tobytes())
            else:
                column.extend(values)
        self._count += len(table)

    def _pad(self, column: "array[Any] | list[Any]") -> None:
        """Fill up a column that not every block of rows has, such as those of what servers said."""
        missing = max(0, self._count - len(column))
        if isinstance(column, list):
            column.extend([None] * missing)
        elif missing:
            column.extend([math.nan if column.typecode == "d" else NO_CHOICE] * missing)

    def table(self) -> pd.DataFrame:
        """Return everything as one table, emptying the heap."""
        return pd.DataFrame({name: self._taken(name) for name in list(self._columns)}, copy=False)

    def _taken(self, name: str) -> Any:
        column = self._columns.pop(name)
        self._pad(column)
        if isinstance(column, list):
            return pd.Series(column, dtype=object)
        values = np.frombuffer(column, column.typecode)
        if name in CHOICES:
            return pd.Categorical.from_codes(values, CHOICES[name])
        if name == "timestamp":
            return pd.Series(values.view("datetime64[ns]")).dt.tz_localize("UTC")
        return pd.arrays.IntegerArray(values, values == MISSING) if name == "prompt" else values


class _Table:
    """Converts the rows of one file to typed columns. Equal texts share one object."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._all = list(columns)
        self._used = [name for name in columns if name not in IN_NO_FIGURE]
        self._numbers = [name for name in self._used if _is_number(name)]
        self._texts = [name for name in self._used if name not in (*self._numbers, *CONVERTED, cell.CELL)]
        self._known: dict[str, dict[str, str]] = {name: {} for name in self._texts}

    def take(self, block: bytes, blocks: Blocks, damage: Damage) -> pd.DataFrame:
        """Return a block's sound rows, and count the others as damage."""
        try:
            if not is_regular(block, len(self._all)):
                raise ValueError("rows of different lengths")
            table = self._parsed(block, NUMBER)
            is_sound = np.ones(len(table), dtype=bool)
        except ValueError:
            rows, unreadable = _mended(block, blocks, len(self._all))
            damage.unreadable += unreadable
            table, is_sound = self.leniently(rows)
        is_sound &= _is_sound(table)
        is_known = table["outcome"].isin(OUTCOMES).to_numpy()
        damage.unreadable += int((~is_sound).sum())
        damage.unknown_outcomes += int((is_sound & ~is_known).sum())
        return table if (is_sound & is_known).all() else table[is_sound & is_known]

    def leniently(self, block: bytes) -> tuple[pd.DataFrame, np.ndarray]:
        """Return rows of the right length, and for each whether all its number cells are numbers."""
        table = self._parsed(block, TEXT)
        is_sound = np.ones(len(table), dtype=bool)
        for name in self._numbers:
            numbers = pd.to_numeric(table[name], errors="coerce")
            is_sound &= (numbers.notna() | table[name].isna()).to_numpy()
            table[name] = numbers.astype("float64")
        return table, is_sound

    def _parsed(self, block: bytes, numbers: "np.dtype[Any]") -> pd.DataFrame:
        types = dict.fromkeys(self._used, TEXT) | dict.fromkeys(self._numbers, numbers)
        if not block:
            empty = dict.fromkeys(CONVERTED, "int64") | dict.fromkeys(self._numbers, "float64")
            return pd.DataFrame({name: pd.Series(dtype=empty.get(name, "object")) for name in self._used})
        table = pd.read_csv(
            io.BytesIO(block), header=None, names=self._all, usecols=self._used, index_col=False, engine="c",
            dtype=types, keep_default_na=False, na_values=[""],
            skip_blank_lines=False, low_memory=False,
        )  # fmt: skip
        for name in self._texts:
            table[name] = self._shared(name, table[name])
        if {"side", "prompt"} <= set(table):
            table["prompt_characters"] = _lengths(table)
        if "prompt" in table:
            table["prompt"] = _hashed(table["prompt"])
        if "timestamp" in table:
            table["timestamp"] = _nanoseconds(table["timestamp"])
        return table

    def _shared(self, name: str, texts: "pd.Series[str]") -> "pd.Series[str]":
        """Return a column in which equal texts share one object and missing ones are `None`."""
        codes, different = pd.factorize(texts.to_numpy(dtype=object))
        objects = np.array([*(self._object(self._known[name], text) for text in different), None], dtype=object)
        return pd.Series(objects[codes], dtype=object)

    def _object(self, known: dict[str, str], text: str) -> str:
        plain = unquoted(text)
        if len(known) >= DISTINCT_TEXTS and plain not in known:
            plain = plain.partition(":")[0]
        return known.setdefault(plain, plain)


def _is_number(column: str) -> bool:
    return column.endswith("_s") or column in OF_CALLS or _is_count(column)


def _is_count(column: str) -> bool:
    is_figure = column in NAMED and NAMED[column].kind in COUNT_KINDS
    return is_figure or column in COUNTS or column.endswith(COUNT_ENDINGS)


def _hashed(prompts: "pd.Series[str]") -> np.ndarray:
    """Return a 64-bit hash per prompt: enough to find repeated ones without keeping a million prompts."""
    hashes = pd.util.hash_array(prompts.to_numpy(dtype=object), categorize=False).view("int64")
    return np.where(prompts.isna(), MISSING, hashes)


def _nanoseconds(times: "pd.Series[str]") -> np.ndarray:
    """Return times of day as nanoseconds since 1970, `MISSING` for what is none or no run can have had: a million texts
    would take eight times the memory."""
    parsed = pd.to_datetime(times, format="ISO8601", utc=True, errors="coerce")
    parsed = parsed.where(parsed.between(FIRST_DAY, LAST_DAY))
    return parsed.dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64")


def _lengths(table: pd.DataFrame) -> np.ndarray:
    """Return how many characters each prompt of a run with --against has; NaN in other runs, which don't need it."""
    if not table["side"].notna().any():
        return np.full(len(table), np.nan)
    return table["prompt"].str.len().to_numpy(dtype="float64", na_value=np.nan)


def _is_sound(table: pd.DataFrame) -> np.ndarray:
    """Return for each row whether a run could have written its numbers, time, phase and side."""
    is_sound = table["request"].notna().to_numpy() & table["start_s"].notna().to_numpy()
    is_sound &= ((table["outcome"] != "ok") | table["latency_s"].notna()).to_numpy()
    is_sound &= table["timestamp"].to_numpy() != MISSING
    if "phase" in table:
        is_sound &= table["phase"].isin(PHASES).to_numpy()
    if "side" in table:
        has_pair = table["pair"].notna() if "pair" in table else False
        is_sound &= (table["side"].isin(SIDES) & has_pair | table["side"].isna()).to_numpy()
    for name in filter(_is_number, table.columns):
        is_sound &= _is_possible(table[name].to_numpy(), name)
    return is_sound


def _is_possible(numbers: np.ndarray, name: str) -> np.ndarray:
    is_number: np.ndarray = (numbers <= LONGEST_S) & (numbers >= (0 if name in FROM_ZERO else -LONGEST_S))
    if _is_count(name):
        is_number = (numbers >= 0) & (numbers <= LARGEST_COUNT) & (numbers == np.floor(numbers))
    is_number |= np.isnan(numbers)
    return is_number


def _mended(block: bytes, blocks: Blocks, columns: int) -> tuple[bytes, int]:
    """Return a block's rows that have the right number of cells, and count the others."""
    whole, others = list[list[str]](), 0
    for row in blocks.rows_of(block):
        found, rest = _cells(row, columns)
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
