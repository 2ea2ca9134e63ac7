"""Latency with failures included as what they are to a user waiting for an answer: infinitely slow."""

from typing import Any

import numpy as np

from summary.registry import PERCENTILES


def error_adjusted(successes: np.ndarray, failures: int) -> dict[str, Any]:
    """Return median, p90, p95, p99 and p99.9, in the values' unit, with each failure as an infinite value.

    Linear interpolation (Hyndman-Fan type 7). A percentile that depends on an infinite value is `None` and is listed
    in `infinite`. If there are no values at all, every percentile is `None` and `infinite` is empty.
    """
    infinite = [name for name, percent in PERCENTILES.items() if _is_infinite(percent, len(successes), failures)]
    # The finite stand-ins for the infinite values never affect the percentiles that are kept.
    values = np.concatenate([successes, np.full(failures, np.inf if not len(successes) else successes.max())])
    known = [name for name in PERCENTILES if len(values) and name not in infinite]
    percentiles = np.percentile(values, [PERCENTILES[name] for name in known]).tolist() if known else []
    return {**dict.fromkeys(PERCENTILES), **dict(zip(known, percentiles, strict=True)), "infinite": infinite}


def _is_infinite(percent: float, successes: int, failures: int) -> bool:
    """Return whether rank `percent` % * (n - 1), counted from 0, lies beyond the last success, in exact integers."""
    total = successes + failures
    return total > 0 and round(10 * percent) * (total - 1) > 1000 * (successes - 1)
