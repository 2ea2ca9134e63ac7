"""The figures of an open loop: whether the calls started when they should have, as a whole and stage by stage."""

import math

import pandas as pd

from summary import calls
from summary.gates.slo import Slo
from summary.goodput import service_level
from summary.vocabulary import LATE_S, Summary


def punctuality(rows: pd.DataFrame, stages: list[Summary] | None = None) -> Summary:
    """Return how a schedule was kept; {} for rows without one.

    stages  of the schedule, as run.json has them; without them what was asked is taken to be what was drawn

    asked_rps      the rate that the options ask for, on average over the schedule's time
    drawn_rps      calls scheduled, lost ones too, over the time from the first one's to the last one's: with
                   `--arrival poisson`, what the draw made of the rate
    delivered_rps  those of them that had started by the end of that time and of the gap that follows
    late_count     started more than 10 ms after their time
    dropped_count  never started, as no user was free: failures too
    start_lag_s    how long after its time a call started
    """
    if not calls.is_reported(rows, "stage"):
        return {}
    planned = rows[rows["stage"].notna()]
    scheduled_s = planned["start_s"] - planned["start_lag_s"].fillna(0.0)
    count, span_s = _scheduled(planned), float(scheduled_s.max() - scheduled_s.min())
    drawn_rps = calls.per_second(count - 1, span_s)
    gap_s = max(LATE_S, 1 / drawn_rps) if drawn_rps else LATE_S
    in_time = planned["start_lag_s"].notna() & (planned["start_s"] <= scheduled_s.max() + gap_s)
    begun = (stages or [])[int(planned["stage"].min()) - 1 :]
    return {
        "asked_rps": drawn_rps and _asked_rps(begun, span_s + gap_s, drawn_rps),
        "drawn_rps": drawn_rps,
        "delivered_rps": drawn_rps and drawn_rps * int(in_time.sum()) / count,
        "late_count": int((planned["start_lag_s"] > LATE_S).sum()),
        "dropped_count": int((planned["outcome"] == "dropped").sum()),
        "start_lag_s": calls.distribution_of(planned, "start_lag_s"),
    }


def _scheduled(planned: pd.DataFrame) -> int:
    """Return how many calls were scheduled: they are numbered in a row, and a worker that dies leaves a gap."""
    if not calls.is_reported(planned, "request"):
        return len(planned)
    return int(planned["request"].max() - planned["request"].min()) + 1


def _asked_rps(stages: list[Summary], lasted_s: float, otherwise_rps: float) -> float:
    """Return the mean rate of the stages over a time from their start: the area under the rate, over that time."""
    asked = covered_s = 0.0
    for stage in stages:
        duration_s = stage["duration_s"] or math.inf
        within_s = min(duration_s, lasted_s - covered_s)
        slope = (stage["to_rps"] - stage["from_rps"]) / duration_s
        asked += within_s * (stage["from_rps"] + slope * within_s / 2)
        covered_s += within_s
    return asked / covered_s if asked else otherwise_rps


def stages(rows: pd.DataFrame, planned: list[Summary] | None, level: Slo | None = None) -> list[Summary] | None:
    """Return a row of figures for each stage of a schedule with several; what is asked for, then what came of it."""
    if not planned or len(planned) < 2 or "stage" not in rows:
        return None
    return [
        {"stage": number, **stage, **_of_stage(rows[rows["stage"] == number], planned[:number], level)}
        for number, stage in enumerate(planned, 1)
    ]


def _of_stage(rows: pd.DataFrame, planned: list[Summary], level: Slo | None) -> Summary:
    return {
        **calls.counts(rows),
        **punctuality(rows, planned),
        **calls.rates(rows),
        **service_level(rows, level),
        **calls.times(rows),
        "too_few_samples": calls.too_few(rows),
    }
