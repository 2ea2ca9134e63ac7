"""A checksum of each column of numbers, by which any edit of the rows is noticed, whichever figures a run has."""

import numpy as np
import pandas as pd

from summary.rows.rows import is_number
from summary.vocabulary import Summary

GOLDEN_RATIO = (5**0.5 - 1) / 2


def checksums(rows: pd.DataFrame) -> Summary:
    """Return, by column, the sum of its values plus one, each weighted by its row's number. Missing values count 0, and
    columns without any are left out.

    The plus one tells a 0 from a missing value, and the weights, from 1 to 2, tell values that changed places. They are
    sums so that a spreadsheet can shorten the numbers or sort the rows.
    """
    weights = 1 + np.modf(rows["request"].to_numpy(dtype=float) * GOLDEN_RATIO)[0]
    sums = {name: _sum(rows[name], weights) for name in rows.columns if is_number(name)}
    return {name: value for name, value in sums.items() if value}


def _sum(values: "pd.Series[float]", weights: np.ndarray) -> float:
    return float(np.nansum((values.to_numpy(dtype=float) + 1) * weights))
