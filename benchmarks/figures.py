"""The spread of repeated measurements, and aims to judge it by."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median, smallest and largest of several repeats."""

    middle: float
    low: float
    high: float

    def text(self, pattern: str = "{:.3g}") -> str:
        middle, low, high = (pattern.format(value) for value in (self.middle, self.low, self.high))
        return middle if low == high else f"{middle} ({low} to {high})"


def spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    return Spread(median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True)
class Aim:
    """A lower limit for the median, or with `at_most` an upper limit for its absolute value."""

    limit: float
    at_most: bool = False

    def judge(self, value: Spread) -> str:
        distance = value.middle - self.limit
        reached = abs(value.middle) <= self.limit if self.at_most else distance >= 0
        return f"{'≤' if self.at_most else '≥'} {self.limit:g} {'✓' if reached else '✗'}"
