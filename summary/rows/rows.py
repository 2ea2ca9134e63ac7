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
ENDED_COUNT = 2
"""How many of these, from the first, are of calls that ended by themselves: each has a latency."""

PHASES = ("warmup", "measured")
SIDES = ("target", "baseline")
LONGEST_S = 1e9
FROM_ZERO = set(OF_CALLS) - {"start_lag_s"}
"""Times that can't be negative: they count from the call's start."""

LARGEST_COUNT = 1e15
FIRST_DAY, LAST_DAY = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
"""Between which a run can start: nanoseconds since 1970 end in 2262, and calls can be `LONGEST_S` later."""

NUMBER, TEXT, CODE = np.dtype("float64"), np.dtype("object"), np.dtype("int8")
Columns = dict[str, np.ndarray]
"""A block of rows by column: numbers, texts, and codes of choices."""

NO_CHOICE, UNKNOWN = -1, -2
"""Codes of a missing text, as pandas has it, and of one that is no choice."""

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
    heap.add(_Converter(columns).leniently(_as_csv(rows))[0])
    return heap.table()


def concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return both tables' rows as one table."""
    return pd.concat([table for table in (first, second) if len(table)] or [first], ignore_index=True)


def _read(blocks: Blocks, path: Path) -> tuple[pd.DataFrame, Damage]:
    columns = _columns_of(blocks.head)
    if not set(REQUIRED) <= set(columns) or len(set(columns)) < len(columns):
        raise UnreadableRows(f"{path}: not a file of requests ({_EXPECTED})")
    converter, damage = _Converter(columns), Damage()
    heap = _Heap()
    for block in blocks:
        heap.add(converter.take(block, blocks, damage))
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
            if name in OF_PAIRS and name not in self._columns and _is_empty(values):
                continue
            column = self._columns.setdefault(name, [] if values.dtype == TEXT else array(values.dtype.char))
            self._pad(column)
            if isinstance(column, array):
                column.frombytes(values.tobytes())
            else:
                column.extend(values)
        self._count += _count(columns)

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
            return pd.Series(column, dtype=TEXT)
        values = np.frombuffer(column, column.typecode)
        if name in CHOICES:
            return pd.Categorical.from_codes(values, pd.Index(CHOICES[name]))
        if name == "timestamp":
            return pd.Series(values.view("datetime64[ns]")).dt.tz_localize("UTC")
        return pd.arrays.IntegerArray(values, values == MISSING) if name == "prompt" else values


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _is_empty(values: np.ndarray) -> bool:
    return bool((values == NO_CHOICE).all() if values.dtype == CODE else pd.isna(values).all())


class _Converter:
    """Converts the rows of one file to typed columns. Equal texts share one object."""

    def __init__(self, names: Sequence[str]) -> None:
        self._all = list(names)
        self._used = [name for name in names if name not in IN_NO_FIGURE]
        self._numbers = [name for name in self._used if _is_number(name)]
        self._choices = [name for name in self._used if name in CHOICES]
        others = (*self._numbers, *self._choices, *CONVERTED, cell.CELL)
        self._texts = [name for name in self._used if name not in others]
        self._known: dict[str, dict[str, str]] = {name: {} for name in self._texts}
        self._possible = _Possible(self._numbers)

    def take(self, block: bytes, blocks: Blocks, damage: Damage) -> Columns:
        """Return a block's sound rows, and count the others as damage."""
        try:
            if not is_regular(block, len(self._all)):
                raise ValueError("rows of different lengths")
            columns = self._parsed(block, NUMBER)
            is_sound = np.ones(_count(columns), dtype=bool)
        except ValueError:
            rows, unreadable = _mended(block, blocks, len(self._all))
            damage.unreadable += unreadable
            columns, is_sound = self.leniently(rows)
        is_sound &= _is_sound(columns) & self._possible.each(columns)
        is_known = columns["outcome"] >= 0
        damage.unreadable += int((~is_sound).sum())
        damage.unknown_outcomes += int((is_sound & ~is_known).sum())
        is_whole = is_sound & is_known
        return columns if is_whole.all() else {name: values[is_whole] for name, values in columns.items()}

    def leniently(self, block: bytes) -> tuple[Columns, np.ndarray]:
        """Return rows of the right length, and for each whether all its number cells are numbers."""
        columns = self._parsed(block, TEXT)
        is_sound = np.ones(_count(columns), dtype=bool)
        for name in self._numbers:
            numbers = np.asarray(pd.to_numeric(columns[name], errors="coerce"), dtype=NUMBER)
            is_sound &= ~np.isnan(numbers) | pd.isna(columns[name])
            columns[name] = numbers
        return columns, is_sound

    def _parsed(self, block: bytes, numbers: "np.dtype[Any]") -> Columns:
        columns = self._cells(block, numbers)
        for name in self._texts:
            columns[name] = self._shared(name, columns[name])
        for name in self._choices:
            columns[name] = _codes(columns[name], CHOICES[name])
        if {"side", "prompt"} <= set(columns):
            columns["prompt_characters"] = _lengths(columns["prompt"], columns["side"])
        if "prompt" in columns:
            columns["prompt"] = _hashed(columns["prompt"])
        if "timestamp" in columns:
            columns["timestamp"] = _nanoseconds(columns["timestamp"])
        return columns

    def _cells(self, block: bytes, numbers: "np.dtype[Any]") -> Columns:
        types = dict.fromkeys(self._used, TEXT) | dict.fromkeys(self._numbers, numbers)
        if not block:
            return {name: np.array([], types[name]) for name in self._used}
        table = pd.read_csv(
            io.BytesIO(block), header=None, names=self._all, usecols=self._used, index_col=False, engine="c",
            dtype=types, keep_default_na=False, na_values=[""],
            skip_blank_lines=False, low_memory=False,
        )  # fmt: skip
        return {name: table[name].to_numpy() for name in self._used}

    def _shared(self, name: str, texts: np.ndarray) -> np.ndarray:
        """Return a column in which equal texts share one object and missing ones are `None`."""
        codes, different = pd.factorize(texts)
        return np.array([*(self._object(self._known[name], text) for text in different), None], dtype=TEXT)[codes]

    def _object(self, known: dict[str, str], text: str) -> str:
        plain = unquoted(text)
        if len(known) >= DISTINCT_TEXTS and plain not in known:
            plain = plain.partition(":")[0]
        return known.setdefault(plain, plain)


class _Possible:
    """Tells which rows have only numbers that a run could have written: all columns are looked at together."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._is_count = np.array([_is_count(name) for name in names])
        self._highest = np.where(self._is_count, LARGEST_COUNT, LONGEST_S)[:, np.newaxis]
        self._lowest = np.array([0 if _is_from_zero(name) else -LONGEST_S for name in names])[:, np.newaxis]

    def each(self, columns: Columns) -> np.ndarray:
        numbers = np.stack([columns[name] for name in self._names])
        is_possible = (numbers <= self._highest) & (numbers >= self._lowest)
        counts = numbers[self._is_count]
        is_possible[self._is_count] &= counts == np.floor(counts)
        found: np.ndarray = (is_possible | np.isnan(numbers)).all(axis=0)
        return found


def _is_number(column: str) -> bool:
    return column.endswith("_s") or column in OF_CALLS or _is_count(column)


def _is_count(column: str) -> bool:
    is_figure = column in NAMED and NAMED[column].kind in COUNT_KINDS
    return is_figure or column in COUNTS or column.endswith(COUNT_ENDINGS)


def _is_from_zero(column: str) -> bool:
    return column in FROM_ZERO or _is_count(column)


def _codes(texts: np.ndarray, choices: Sequence[str]) -> np.ndarray:
    """Return each text's place among the choices; `NO_CHOICE` for a missing one, `UNKNOWN` for any other."""
    codes, different = pd.factorize(texts)
    places = {choice: place for place, choice in enumerate(choices)}
    return np.array([*(places.get(unquoted(text), UNKNOWN) for text in different), NO_CHOICE], CODE)[codes]


def _hashed(prompts: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash per prompt: enough to find repeated ones without keeping a million prompts."""
    return np.where(pd.isna(prompts), MISSING, pd.util.hash_array(prompts, categorize=False).view("int64"))


def _nanoseconds(times: np.ndarray) -> np.ndarray:
    """Return times of day as nanoseconds since 1970, `MISSING` for what is none or no run can have had: a million texts
    would take eight times the memory."""
    parsed = pd.to_datetime(times, format="ISO8601", utc=True, errors="coerce")
    is_possible = (parsed >= FIRST_DAY) & (parsed <= LAST_DAY)
    return np.where(is_possible, parsed.tz_localize(None).to_numpy("datetime64[ns]").view("int64"), MISSING)


def _lengths(prompts: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Return how many characters each prompt of a run with --against has; NaN in other runs, which don't need it."""
    if _is_empty(sides):
        return np.full(len(prompts), np.nan)
    return pd.Series(prompts, dtype=TEXT).str.len().to_numpy(NUMBER, na_value=np.nan)


def _is_sound(columns: Columns) -> np.ndarray:
    """Return for each row whether it has what every row has, and a run could have written its time, phase and side."""
    is_missing = {name: np.isnan(columns[name]) for name in ("request", "start_s", "latency_s")}
    is_sound = ~is_missing["request"] & ~is_missing["start_s"] & (columns["timestamp"] != MISSING)
    is_sound &= ~is_missing["latency_s"] | (columns["outcome"] < 0) | (columns["outcome"] >= ENDED_COUNT)
    if "phase" in columns:
        is_sound &= columns["phase"] >= 0
    if "side" in columns:
        has_pair = ~np.isnan(columns["pair"]) if "pair" in columns else False
        is_sound &= (columns["side"] >= 0) & has_pair | (columns["side"] == NO_CHOICE)
    found: np.ndarray = is_sound
    return found


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
