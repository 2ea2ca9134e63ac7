"""What servers and proxies claim of a call themselves: the columns `KEY.said` of the rows, one per claim."""

from typing import Any

import pandas as pd

from summary import calls

SAID = ".said"
TIME = "_s"
NOT_OF_THE_CALL = ("retry_after_s",)


def claimed(rows: pd.DataFrame, key: str) -> "pd.Series[float]":
    """Return one claimed number per row; NaN where there is none."""
    return calls.numbers(rows, key + SAID)


def times_of(row: "pd.Series[Any]") -> dict[str, float]:
    """Return the times that servers claim for one call, in seconds, by key."""
    said = {str(name).removesuffix(SAID): row[name] for name in row.index if str(name).endswith(TIME + SAID)}
    return {key: float(value) for key, value in said.items() if key not in NOT_OF_THE_CALL and not pd.isna(value)}
