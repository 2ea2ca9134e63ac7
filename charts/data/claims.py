"""What servers say of a call themselves: the numbers in the column `server_says`, a JSON object per row."""

import json
from typing import Any

import pandas as pd

COLUMN = "server_says"
TIME = "_s"
NOT_OF_THE_CALL = ("retry_after_s", "reset_s")


def claimed(rows: pd.DataFrame, name: str) -> "pd.Series[float]":
    """Return one claimed number per row; NaN where there is none."""
    if COLUMN not in rows:
        return pd.Series(float("nan"), index=rows.index)
    return pd.Series([_number(_parsed(text).get(name)) for text in rows[COLUMN]], index=rows.index, dtype=float)


def times_of(row: "pd.Series[Any]") -> dict[str, float]:
    """Return the times that a server claims for one call, in seconds, by name."""
    claims = _parsed(row.get(COLUMN))
    return {
        name: number
        for name, value in claims.items()
        if name.endswith(TIME) and not name.endswith(NOT_OF_THE_CALL) and (number := _number(value)) >= 0
    }


def _parsed(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else float("nan")  # type: ignore[arg-type]
