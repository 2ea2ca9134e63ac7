"""Rows of a run with --against, pair by pair."""

from typing import Any

import pandas as pd

from harness.record.requests_csv import COLUMNS
from summary.rows.rows import frame
from tests.summary import test_doubts


def half(pair: int, side: str, **cells: Any) -> list[Any]:
    """One call of a pair: the target's takes 710 ms, the baseline's 700, unless `cells` say otherwise."""
    order = 1 + (pair + (side == "target")) % 2
    latency_s = {"target": 0.71, "baseline": 0.7}[side] + pair % 7 / 1000
    own = {"input_tokens": 9, "run_id": "r", "side": side, "pair": pair, "order": order}
    usual = {"latency_s": latency_s, "prompt": f"p{pair}", **own}
    return test_doubts.closed(2 * pair - 2 + order, **{**usual, **cells})


def pair(number: int, target: dict[str, Any] | None = None, **both: Any) -> list[list[Any]]:
    """Both calls of a pair; `target` is what differs on that side."""
    return [half(number, "target", **{**both, **(target or {})}), half(number, "baseline", **both)]


def table(*pairs: list[list[Any]]) -> pd.DataFrame:
    return frame(COLUMNS, [row for each in pairs for row in each])
