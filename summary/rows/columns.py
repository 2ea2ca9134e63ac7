"""The columns of rows: the types that a block's cells become, and which rows a run could have written."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from summary.cells import unquoted
from summary.claims import cell
from summary.registry import NAMED, OF_CALLS
from summary.vocabulary import ENDED

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

DISTINCT_TEXTS = 10_000
"""Once a column has more distinct texts than this, such as errors with an id in each, further ones are cut at the
colon."""


class Converter:
    """Converts the rows of one file to typed columns. Equal texts share one object.

    width  how many cells each row has
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._all, self.width = list(names), len(names)
        self._used = [name for name in names if name not in IN_NO_FIGURE]
        self._numbers = [name for name in self._used if _is_number(name)]
        self._choices = [name for name in self._used if name in CHOICES]
        others = (*self._numbers, *self._choices, *CONVERTED, cell.CELL)
        self._texts = [name for name in self._used if name not in others]
        self._known: dict[str, dict[str, str]] = {name: {} for name in self._texts}
        self._possible = _Possible(self._numbers)

    def leniently(self, block: bytes) -> tuple[Columns, np.ndarray]:
        """Return rows of the right length, and for each whether all its number cells are numbers."""
        columns = self.parsed(block, TEXT)
        is_sound = np.ones(count(columns), dtype=bool)
        for name in self._numbers:
            numbers = np.asarray(pd.to_numeric(columns[name], errors="coerce"), dtype=NUMBER)
            is_sound &= ~np.isnan(numbers) | pd.isna(columns[name])
            columns[name] = numbers
        return columns, is_sound

    def parsed(self, block: bytes, numbers: "np.dtype[Any]" = NUMBER) -> Columns:
        """Return rows of the right length. Raises `ValueError` for a cell that should be a number, and is none."""
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

    def are_sound(self, columns: Columns) -> np.ndarray:
        """Return for each row whether a run could have written it."""
        found: np.ndarray = _is_sound(columns) & self._possible.each(columns)
        return found

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
        self._is_count = np.array([_iscount(name) for name in names])
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
    return column.endswith("_s") or column in OF_CALLS or _iscount(column)


def _iscount(column: str) -> bool:
    is_figure = column in NAMED and NAMED[column].kind in COUNT_KINDS
    return is_figure or column in COUNTS or column.endswith(COUNT_ENDINGS)


def _is_from_zero(column: str) -> bool:
    return column in FROM_ZERO or _iscount(column)


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
    is_possible = (parsed >= FIRST_DAY) & (parsed <= LAST_DAY) & (times != "now") & (times != "today")
    return np.where(is_possible, parsed.tz_localize(None).to_numpy("datetime64[ns]").view("int64"), MISSING)


def _lengths(prompts: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Return how many characters each prompt of a run with --against has; NaN in other runs, which don't need it."""
    if is_empty(sides):
        return np.full(len(prompts), np.nan)
    return pd.Series(prompts, dtype=TEXT).str.len().to_numpy(NUMBER, na_value=np.nan)


def _is_sound(columns: Columns) -> np.ndarray:
    """Return for each row whether it has what every row has, and a run could have written its time, phase and side."""
    is_missing = {name: np.isnan(columns[name]) for name in ("request", "start_s", "latency_s")}
    is_sound = ~is_missing["request"] & ~is_missing["start_s"] & (columns["timestamp"] != MISSING)
    is_sound &= ~is_missing["latency_s"] | ~np.isin(columns["outcome"], [OUTCOMES.index(name) for name in ENDED])
    if "phase" in columns:
        is_sound &= columns["phase"] >= 0
    if "side" in columns:
        has_pair = ~np.isnan(columns["pair"]) if "pair" in columns else False
        is_sound &= (columns["side"] >= 0) & has_pair | (columns["side"] == NO_CHOICE)
    found: np.ndarray = is_sound
    return found


def count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def is_empty(values: np.ndarray) -> bool:
    return bool((values == NO_CHOICE).all() if values.dtype == CODE else pd.isna(values).all())
