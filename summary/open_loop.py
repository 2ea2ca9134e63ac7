"""The figures of an open loop: whether the calls started when they should have, as a whole and stage by stage."""

from typing import Any

import pandas as pd

from summary import calls
from summary.vocabulary import LATE_S, Summary


def punctuality(rows: pd.DataFrame) -> Summary:
    """Return how a schedule was kept; {} for rows without one.

    asked_rps      calls scheduled, lost ones too, over the time from the first one's to the last one's
    delivered_rps  those of them that had started by the end of that time and of the gap that follows
    late_count     started more than 10 ms after their time
    dropped_count  never started, as no user was free: failures too
    start_lag_s    how long after its time a call started
    """
    if not calls.is_reported(rows, "stage"):
        return {}
    planned = rows[rows["stage"].notna()]
    scheduled_s = planned["start_s"] - planned["start_lag_s"].fillna(0.0)
    asked = _asked(planned)
    asked_rps = calls.per_second(asked - 1, float(scheduled_s.max() - scheduled_s.min()))
    gap_s = max(LATE_S, 1 / asked_rps) if asked_rps else LATE_S
    in_time = planned["start_lag_s"].notna() & (planned["start_s"] <= scheduled_s.max() + gap_s)
    return {
        "asked_rps": asked_rps,
        "delivered_rps": asked_rps and asked_rps * int(in_time.sum()) / asked,
        "late_count": int((planned["start_lag_s"] > LATE_S).sum()),
        "dropped_count": int((planned["outcome"] == "dropped").sum()),
        "start_lag_s": calls.distribution_of(planned, "start_lag_s"),
    }


def _asked(planned: pd.DataFrame) -> int:
    """Return how many calls were scheduled: they are numbered in a row, and a worker that dies leaves a gap."""
    if not calls.is_reported(planned, "request"):
        return len(planned)
    return int(planned["request"].max() - planned["request"].min()) + 1


def stages(rows: pd.DataFrame, planned: list[dict[str, Any]] | None) -> list[Summary] | None:
    """Return a row of figures for each stage of a schedule with several; what is asked for, then what came of it."""
    if not planned or len(planned) < 2 or "stage" not in rows:
        return None
    return [
        {"stage": number, **stage, **_of_stage(rows[rows["stage"] == number])}
        for number, stage in enumerate(planned, 1)
    ]


def _of_stage(rows: pd.DataFrame) -> Summary:
    return {**calls.counts(rows), **punctuality(rows), **calls.rates(rows), **calls.times(rows)}
