"""A series of calls in blocks that hardly depend on each other, though neighbouring calls do."""

import numpy as np

FEWEST = 20
"""With fewer blocks nothing is known of how much they differ."""

MOST = 500
"""More cost time, and tell no more of it: the error of a standard error from 500 blocks is 3 %."""


def split(count: int, size: int) -> np.ndarray:
    """Return for each of `count` values, in order of their start, the number of its block: 0, 0, …, 1, 1, …

    size  the least number of values per block; see `size_of`

    The blocks differ by at most one value, and are at most `MOST`.
    """
    blocks = min(MOST, max(1, count // max(1, size)))
    return np.arange(count) * blocks // max(1, count)


def size_of(*series: np.ndarray) -> int:
    """Return the number of values per block that the most dependent of these series asks for. Each is in order of its
    calls' start, without missing values, and all have the same length.

    At most a `FEWEST`th of the length, so that there are enough blocks; 1 for values that don't depend on each other.
    """
    length = min(map(len, series))
    wanted = max(map(_optimal_size, series))
    return int(max(1, min(np.ceil(wanted), length // FEWEST)))


def are_enough(blocks: np.ndarray) -> bool:
    """Return whether there are enough blocks for an interval; `blocks` are as returned by `split`."""
    return len(blocks) > 0 and int(blocks[-1]) + 1 >= FEWEST


def _optimal_size(values: np.ndarray) -> float:
    """Return the block size with the least error of the variance: (2 G² / D)^(1/3) n^(1/3), where G sums |k| R(k), D is
    4/3 of the squared sum of R(k), and R(k) is the autocovariance at lag k, tapered by a flat-top window.

    Politis & White, Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23 (2004), as
    corrected by Patton, Politis & White, Econometric Reviews 28 (2009). Over ranks instead of values: the same for
    times and their logarithms, and a single outlier changes little.
    """
    count = len(values)
    if count < FEWEST or (values == values[0]).all():
        return 1.0
    covariances = _autocovariances(_ranks(values), _most_lags(count))
    used = 2 * _last_dependent_lag(covariances / covariances[0], count)
    lags = np.arange(min(used, len(covariances) - 1) + 1)
    tapered = covariances[lags] * np.clip(2 - 2 * lags / max(1, used), 0, 1)
    moment, spectrum = 2 * (lags * tapered).sum(), 2 * tapered.sum() - tapered[0]
    return float((1.5 * moment**2 / spectrum**2 * count) ** (1 / 3)) if spectrum > 0 else float(count)


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
    power = np.abs(np.fft.rfft(centred, 2 * len(values))) ** 2
    covariances: np.ndarray = np.fft.irfft(power)[: lags + 1] / len(values)
    return covariances


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return each value's rank; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
