"""A compact histogram, and the definition of a percentile that all views of it share."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import floor
from typing import Any

Packed = list[Any]
"""Lists, strings and numbers, as a message can hold."""


def bucket(value: float) -> float:
    """Round to three significant digits: an error below 0.5 %."""
    return float(f"{value:.3g}")


def percentile(counts: Mapping[float, int], share: float) -> float:
    """Return a percentile of counted values, defined as in the summary: by linear interpolation between two ranks
    (Hyndman-Fan type 7). 0 if there are no values.

    share  from 0 to 1: 0.95 for p95
    """
    values = sorted(counts)
    ends = list(accumulate(counts[value] for value in values))
    if not ends or not ends[-1]:
        return 0.0
    rank = share * (ends[-1] - 1)
    lower, upper = (_at(values, ends, floor(rank) + step) for step in (0, 1))
    return lower + (rank - floor(rank)) * (upper - lower)


def _at(values: list[float], ends: list[int], rank: int) -> float:
    """Return the value at a rank, counted from 0; the last value for a rank beyond it."""
    return values[min(bisect_right(ends, rank), len(values) - 1)]


class Histogram:
    """Counts values by their first three significant digits; smallest, largest and mean are exact."""

    def __init__(self) -> None:
        self.counts: Counter[float] = Counter()
        self.total = 0.0
        self.smallest: float | None = None
        self.largest: float | None = None

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, values: Iterable[float]) -> None:
        values = list(values)
        self.counts.update(map(bucket, values))
        self._widen(sum(values), [min(values), max(values)] if values else [])

    def percentile(self, share: float) -> float:
        """Return a percentile, within 0.5 % of the exact one; 0 if there are no values."""
        found = percentile(self.counts, share)
        return min(max(found, self.smallest or 0.0), self.largest or 0.0)

    def packed(self) -> Packed:
        """Return the histogram as lists and numbers, for `merge` in another process."""
        return [list(self.counts), list(self.counts.values()), self.total, self.smallest, self.largest]

    def merge(self, packed: Packed) -> None:
        """Add the counts of another, packed histogram."""
        values, counts, total, smallest, largest = packed
        for value, count in zip(values, counts, strict=True):
            self.counts[value] += count
        self._widen(total, [end for end in (smallest, largest) if end is not None])

    def _widen(self, total: float, ends: list[float]) -> None:
        self.total += total
        self.smallest = min([*ends, *([] if self.smallest is None else [self.smallest])], default=None)
        self.largest = max([*ends, *([] if self.largest is None else [self.largest])], default=None)
