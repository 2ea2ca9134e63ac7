"""A checksum of each column of rows: edits show even in columns that are in no figure of the run."""

import numpy as np
import pandas as pd

from summary.claims import cell
from summary.rows.columns import CONVERTED
from summary.vocabulary import Summary

LEFT_OUT = (*CONVERTED, "run_id", "worker")
"""Columns that are in no figure, or in one that is itself compared: prompts in `repeated_payloads`, and the first
call's time of day, the only one that counts, in `start`."""

GOLDEN_RATIO = (5**0.5 - 1) / 2


def checksums(rows: pd.DataFrame) -> Summary:
    """Return, by column, the sum of its values plus one, each weighted by its row's number; a text's value is a
    fraction made from its CRC-32. Missing values count 0, and columns without any are left out, except for what servers
    said: there, 0 tells a run in which they said nothing from one of a version that did not look.

    The plus one tells a 0 from a missing value, and the weights, from 1 to 2, tell values that changed places. They are
    sums so that a spreadsheet can shorten the numbers or sort the rows.
    """
    weights = 1 + np.modf(rows["request"].to_numpy(dtype=float) * GOLDEN_RATIO)[0]
    names = [name for name in rows.columns if name not in LEFT_OUT]
    sums = {name: float(np.nansum((_values(rows[name]) + 1) * weights)) for name in names}
    return {name: value for name, value in {cell.CELL: 0.0, **sums}.items() if value or name == cell.CELL}


def _values(column: "pd.Series[float] | pd.Series[str]") -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    codes, texts = pd.factorize(column)
    return np.array([*map(cell.fraction, texts), np.nan])[codes]
