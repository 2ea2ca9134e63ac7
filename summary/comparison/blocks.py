"""A series of calls in blocks that hardly depend on each other, though neighbouring calls do."""

from dataclasses import dataclass

import numpy as np

FEWEST = 20
"""With fewer blocks, too little is known of how much they differ."""

MOST = 500
"""More cost time and tell no more of it: the error of a standard error from 500 blocks is 3 %."""

MOST_MISSED = 0.75
"""The most of the variance that blocks can be taken to miss; if they miss more, there is too little to go by."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a series.

    of        for each value, in order of its call's start, the number of its block: 0, 0, …, 1, 1, …
    count     how many blocks there are, of the same size or one value more
    widening  how much wider an interval must be because these blocks still depend on each other: 1 if they don't
    """

    of: np.ndarray
    count: int
    widening: float

    @property
    def are_enough(self) -> bool:
        return self.count >= FEWEST


def blocks_of(*series: np.ndarray) -> Blocks:
    """Return the blocks for values that depend on each other as those of these series do: as `size_of` says, and at
    most `MOST`.

    Means of blocks of size b miss a part G / (b S) of the variance (Song & Schmeiser, Management Science 41, 1995; G
    and S as in `_optimal_size`), which intervals are widened for.
    """
    length = min(map(len, series))
    count = min(MOST, length // size_of(*series))
    missed = max(map(_span, series)) * count / max(1, length)
    return Blocks(np.arange(length) * count // max(1, length), count, (1 - min(MOST_MISSED, missed)) ** -0.5)


def size_of(*series: np.ndarray) -> int:
    """Return the number of values per block that the most dependent of these series asks for. Each is in order of its
    calls' start, without missing values, and all have the same length.

    At most a `FEWEST`th of the length, so that there are enough blocks; 1 for values that don't depend on each other.
    """
    length = min(map(len, series))
    wanted = max(map(_optimal_size, series))
    return int(max(1, min(np.ceil(wanted), length // FEWEST)))


def _optimal_size(values: np.ndarray) -> float:
    """Return the block size with the least error of the variance: (2 G² / D)^(1/3) n^(1/3), where G is the sum of
    |k| R(k), D is 4/3 S², S is the sum of R(k), and R(k) the autocovariance at lag k, tapered by a flat-top window.

    Politis & White, Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23 (2004), as
    corrected by Patton, Politis & White, Econometric Reviews 28 (2009). Over ranks instead of values: the same for
    times and their logarithms, and a single outlier changes little.
    """
    return float((1.5 * _span(values) ** 2 * len(values)) ** (1 / 3))


def _span(values: np.ndarray) -> float:
    """Return G / S: over how many values the dependence spans. 0 without dependence, 2 r / (1 - r²) for an AR(1)
    series of correlation r."""
    count = len(values)
    if count < FEWEST or (values == values[0]).all():
        return 0.0
    covariances = _autocovariances(_ranks(values), _most_lags(count))
    used = 2 * _last_dependent_lag(covariances / covariances[0], count)
    lags = np.arange(min(used, len(covariances) - 1) + 1)
    tapered = covariances[lags] * np.clip(2 - 2 * lags / max(1, used), 0, 1)
    moment, spectrum = 2 * (lags * tapered).sum(), 2 * tapered.sum() - tapered[0]
    return float(max(0.0, moment / spectrum)) if spectrum > 0 else 0.0


def _most_lags(count: int) -> int:
    return min(count - 1, int(np.ceil(np.sqrt(count))) + _silence(count))


def _silence(count: int) -> int:
    """Return how many lags in a row without correlation end the dependence."""
    return max(5, int(np.sqrt(np.log10(count))))


def _last_dependent_lag(correlations: np.ndarray, count: int) -> int:
    """Return the last lag before the first run of lags without correlation; the last one of all if there is no such
    run."""
    is_silent = np.abs(correlations[1:]) < 2 * np.sqrt(np.log10(count) / count)
    runs = np.convolve(is_silent, np.ones(_silence(count)), mode="valid") == _silence(count)
    return int(runs.argmax()) if runs.any() else len(correlations) - 1


def _autocovariances(values: np.ndarray, lags: int) -> np.ndarray:
    """Return the autocovariances at lags 0 … `lags`, by Fourier transform."""
    centred = values - values.mean()
    power = np.abs(np.fft.rfft(centred, 1 << (len(values) + lags).bit_length())) ** 2
    covariances: np.ndarray = np.fft.irfft(power)[: lags + 1] / len(values)
    return covariances


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return each value's rank; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
