"""Latency with failures counted in, as what they are to a user who waits for an answer: infinitely slow."""

from typing import Any

import numpy as np

from summary.registry import PERCENTILES


def error_adjusted(successes: np.ndarray, failures: int) -> dict[str, Any]:
    """Return median, p95 and p99, in the values' unit, over the successes and so many infinite values.

    Linear interpolation (Hyndman-Fan type 7). A percentile that an infinite value has a part in is `None`, and named
    in the list `infinite`; without any value all are `None`, and none is infinite.
    """
    infinite = [name for name, share in PERCENTILES.items() if _is_infinite(share, len(successes), failures)]
    # What stands in for the infinite values has no part in the percentiles that are kept.
    values = np.concatenate([successes, np.full(failures, np.inf if not len(successes) else successes.max())])
    known = [name for name in PERCENTILES if len(values) and name not in infinite]
    percentiles = {name: float(np.percentile(values, PERCENTILES[name])) for name in known}
    return {**dict.fromkeys(PERCENTILES), **percentiles, "infinite": infinite}


def _is_infinite(share: int, successes: int, failures: int) -> bool:
    """Tell whether rank `share` % * (n - 1), counted from 0, lies beyond the last success. In whole numbers: exact."""
    total = successes + failures
    return total > 0 and share * (total - 1) > 100 * (successes - 1)
