"""Series of values that depend on the one before, as the latencies of a busy server do."""

import numpy as np


def ar1(series: int, length: int, correlation: float, seed: int = 5) -> np.ndarray:
    """Return so many series of normal values, each correlated with the one before."""
    shocks = np.random.default_rng(seed).normal(size=(length, series))
    values = shocks
    for at in range(1, length):
        values[at] = correlation * values[at - 1] + np.sqrt(1 - correlation**2) * shocks[at]
    return values.T
