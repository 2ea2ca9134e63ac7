"""Cuts a run's time into slices, and a hundred thousand calls to what a picture can show: the extremes stay."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_SLICES, CALLS_PER_SLICE = 90, 12
ENOUGH_COUNTS, LEAST_PER_COUNT = 8, 3
NICE = (1.0, 2.0, 5.0)
PER_SLICE = 8
"""How many points are kept of each slice of a scatter: the smallest, the largest, and those between by rank."""


@dataclass(frozen=True)
class Slices:
    """Equal slices of a run's time, from `first_s` on, of a round length."""

    first_s: float
    length_s: float
    count: int

    @property
    def edges_s(self) -> np.ndarray:
        edges: np.ndarray = self.first_s + self.length_s * np.arange(self.count + 1)
        return edges

    @property
    def middles_s(self) -> np.ndarray:
        middles: np.ndarray = self.first_s + self.length_s * (np.arange(self.count) + 0.5)
        return middles

    def cut(self, first_s: float, last_s: float) -> np.ndarray:
        """Return the slices' edges within a run that begins and ends at these times: its own are the first and the
        last. What is left of less than half a slice belongs to the next one, as its rate would be chance."""
        half_s = self.length_s / 2
        inner = self.edges_s[(self.edges_s > first_s + half_s) & (self.edges_s < last_s - half_s)]
        return np.array([first_s, *inner, max(last_s, first_s + 1e-3)])

    def of(self, at_s: "pd.Series[float]") -> np.ndarray:
        """Return each time's slice; times outside fall into the first or the last."""
        numbers = np.floor((at_s.to_numpy(dtype=float) - self.first_s) / self.length_s)
        slices: np.ndarray = np.clip(np.nan_to_num(numbers), 0, self.count - 1).astype(int)
        return slices

    def counts(self, at_s: "pd.Series[float]") -> np.ndarray:
        return np.bincount(self.of(at_s), minlength=self.count)

    def quantile(self, at_s: "pd.Series[float]", values: "pd.Series[float]", share: float, needs: int) -> np.ndarray:
        """Return a quantile of the values in each slice; NaN in slices with fewer than `needs` values."""
        groups = pd.Series(values.to_numpy(dtype=float)).dropna().groupby(self.of(at_s[values.notna()]))
        found = groups.quantile(share).where(groups.size() >= needs)
        quantiles: np.ndarray = found.reindex(range(self.count)).to_numpy()
        return quantiles


def sliced(first_s: float, last_s: float, calls: int, most: int = MOST_SLICES) -> Slices:
    """Return slices of a round length that cover the time, with a dozen calls in each on average; at most `most`."""
    span_s = max(last_s - first_s, 1e-3)
    wanted = max(1, min(most, calls // CALLS_PER_SLICE))
    length_s = nice(span_s / wanted)
    begin_s = math.floor(first_s / length_s) * length_s
    return Slices(begin_s, length_s, max(1, math.ceil((last_s - begin_s) / length_s + 1e-9)))


def counting(last_s: float, calls: int, most: int = MOST_SLICES) -> Slices:
    """Return slices to count calls in. A count needs fewer calls than a percentile: a short run gets more slices."""
    return sliced(0, last_s, max(calls, CALLS_PER_SLICE * min(ENOUGH_COUNTS, calls // LEAST_PER_COUNT)), most)


def nice(length_s: float) -> float:
    """Return the next round number: 1, 2 or 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(length_s))
    return next((step * power for step in NICE if step * power >= length_s * (1 - 1e-9)), 10 * power)


def thinned(at_s: np.ndarray, values: np.ndarray, most: int) -> np.ndarray:
    """Return the positions of at most about `most` points that keep the picture: of each of many slices of time the
    smallest and the largest value, and some between them, evenly by rank."""
    if len(values) <= most:
        return np.arange(len(values))
    span = max(float(at_s.max() - at_s.min()), 1e-9)
    count = max(1, most // PER_SLICE)
    slices = np.minimum(((at_s - at_s.min()) / span * count).astype(int), count - 1)
    order = np.lexsort((values, slices))
    firsts = np.searchsorted(slices[order], np.arange(count), side="left")
    sizes = np.bincount(slices, minlength=count)
    ranks = np.rint(np.outer(np.maximum(sizes - 1, 0), np.linspace(0, 1, PER_SLICE))).astype(int)
    kept = (firsts[:, None] + ranks)[sizes > 0]
    positions: np.ndarray = np.sort(order[np.unique(kept)])
    return positions
