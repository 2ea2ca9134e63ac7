"""Axes of numbers, and what stands on them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from summary.numbers.written import time as time

Json = dict[str, Any]
SMALLEST_TICK_S, DECADES_WITH_STEPS = 1e-6, 2
MOST_ON_A_LINEAR_AXIS = 25
"""A linear axis on which the largest value is more than so many times the typical one shows nothing else."""


def short_time(seconds: float) -> str:
    """Return a time without needless zeros, for ticks: "2 s", "50 ms", "5 µs"."""
    if seconds >= 1:
        return f"{seconds:g} s"
    return f"{1000 * seconds:g} ms" if seconds >= 0.001 or not seconds else f"{1e6 * seconds:g} µs"


def listed(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Return numbers for JSON: rounded, `None` for NaN and for what is too large to be rounded."""
    with np.errstate(over="ignore"):
        rounded = np.round(np.array(list(values), dtype=float), digits)
    return [value if math.isfinite(value) else None for value in rounded.tolist()]


@dataclass(frozen=True)
class TimeAxis:
    """An axis of times: its layout, and what seconds are multiplied by to stand on it."""

    layout: Json
    factor: float
    is_log: bool

    def placed(self, seconds: Iterable[float], digits: int = 3) -> list[float | None]:
        return listed(self.factor * np.array(list(seconds), dtype=float), digits + (6 if self.is_log else 0))

    def at(self, seconds: float) -> float:
        """Return where a shape or an annotation stands: on a logarithmic axis plotly wants the logarithm."""
        return math.log10(seconds) if self.is_log else self.factor * seconds


def time_axis(title: str, seconds: Iterable[float], is_log: bool | None = None, **layout: Any) -> TimeAxis:
    """Return the axis for these times: linear from 0, unless a few are so large that the others would lie on the
    floor."""
    known = _known(seconds)
    if is_log is None:
        is_log = spread(known) > MOST_ON_A_LINEAR_AXIS
    if is_log and (known > 0).any():
        return TimeAxis({**_log_axis(known[known > 0]), "title": {"text": title}, **layout}, 1, True)
    in_ms = not len(known) or float(known.max()) < 1
    unit, factor = ("ms", 1000.0) if in_ms else ("s", 1.0)
    return TimeAxis({"title": {"text": title}, "ticksuffix": f" {unit}", **layout}, factor, False)


def spread(known: np.ndarray) -> float:
    """Return how many times the median the largest value is."""
    if not len(known):
        return 1.0
    median = float(np.median(known))
    return float(known.max()) / median if median > 0 else math.inf


def _known(seconds: Iterable[float]) -> np.ndarray:
    values = np.array(list(seconds), dtype=float)
    known: np.ndarray = values[~np.isnan(values)]
    return known


def _log_axis(seconds: np.ndarray) -> Json:
    """Return a logarithmic axis with ticks in their own units: 1, 2, 5 in each decade, only 1 if there are many."""
    first = math.floor(math.log10(max(float(seconds.min()), SMALLEST_TICK_S)))
    last = math.ceil(math.log10(max(float(seconds.max()), SMALLEST_TICK_S)))
    steps = (1, 2, 5) if last - first <= DECADES_WITH_STEPS else (1,)
    ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    return {"type": "log", "tickvals": ticks, "ticktext": [short_time(tick) for tick in ticks], "rangemode": "normal"}
