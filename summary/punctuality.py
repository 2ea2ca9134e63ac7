"""The figures of an open loop: whether calls started on time, over the whole run and in each stage."""

import math
from itertools import accumulate

import pandas as pd

from summary import calls
from summary.claims.cell import said
from summary.gates.slo import Slo
from summary.goodput import service_level
from summary.vocabulary import LATE_S, MOST_STAGES, Summary


def punctuality(rows: pd.DataFrame, stages: list[Summary] | None = None, whole: pd.DataFrame | None = None) -> Summary:
    """Return how well a schedule was kept; {} for rows without one.

    stages  the schedule's stages, as in run.json; without them, asked_rps is drawn_rps
    whole   all rows of the schedule, if these are of a stage: they show better when it began

    asked_rps      the mean rate over the schedule's time that the options ask for, from the beginning of the first
                   stage that has calls
    drawn_rps      the rate of the scheduled calls, lost ones included, from the first due time to the last: with
                   `--arrival poisson`, a random draw
    delivered_rps  how much of it had started by the end of that time and of the gap that follows
    late_count     calls that started more than 10 ms after their due time
    dropped_count  calls that never started because no user was free; they are also failures
    start_lag_s    how long after its due time a call started
    """
    if not calls.is_reported(rows, "stage") or "start_lag_s" not in rows:
        return {}
    planned = rows[rows["stage"].notna()]
    scheduled_s = due_s(planned)
    count, span_s = _scheduled(planned), float(scheduled_s.max() - scheduled_s.min())
    drawn_rps = _drawn_rps(planned[~_is_put_off(planned)], scheduled_s) or calls.per_second(count - 1, span_s)
    gap_s = max(LATE_S, 1 / drawn_rps) if drawn_rps else LATE_S
    in_time = planned["start_lag_s"].notna() & (planned["start_s"] <= scheduled_s.max() + gap_s)
    first, planned_stages = int(planned["stage"].min()), stages or []
    began_s = stage_began_s(planned if whole is None else whole, planned_stages, first)
    lasted_s = float(scheduled_s.max()) + gap_s - began_s
    return {
        "asked_rps": drawn_rps and _asked_rps(planned_stages[first - 1 :], lasted_s, drawn_rps),
        "drawn_rps": drawn_rps,
        "delivered_rps": drawn_rps and drawn_rps * int(in_time.sum()) / count,
        "late_count": int((planned["start_lag_s"] > LATE_S).sum()),
        "dropped_count": int((planned["outcome"] == "dropped").sum()),
        "start_lag_s": calls.distribution_of(planned["start_lag_s"]),
    }


def due_s(planned: pd.DataFrame) -> "pd.Series[float]":
    """Return when scheduled calls were due. A dropped call has no lag: its start_s is when it was due."""
    return planned["start_s"] - calls.numbers(planned, "start_lag_s").fillna(0.0)


def stage_began_s(rows: pd.DataFrame, stages: list[Summary], number: int) -> float:
    """Return the latest time at which a stage can have begun, as no call is due before its own stage. Evenly spaced
    calls give it exactly; among random ones, those of a fast stage come close.

    rows  of all stages, or of some
    """
    planned = rows[rows["stage"].notna()]
    first_due_s = due_s(planned).groupby(planned["stage"]).min()
    ends_s = [*accumulate((stage["duration_s"] or 0.0 for stage in stages), initial=0.0)]
    offset_s = [_offset_s(ends_s, int(stage)) for stage in first_due_s.index]
    return float((first_due_s - offset_s).min()) + _offset_s(ends_s, number)


def _offset_s(ends_s: list[float], number: int) -> float:
    """Return how long after the schedule's beginning a stage begins: when the stages before it have ended."""
    return ends_s[min(max(0, number - 1), len(ends_s) - 1)]


def _is_put_off(planned: pd.DataFrame) -> "pd.Series[bool]":
    """Return which calls were made again, and were due only when the first request had been refused."""
    return said(planned, "stream_options_refused").notna()


def _drawn_rps(planned: pd.DataFrame, scheduled_s: "pd.Series[float]") -> float | None:
    if len(planned) < 2:
        return None
    of_these_s = scheduled_s[planned.index]
    return calls.per_second(_scheduled(planned) - 1, float(of_these_s.max() - of_these_s.min()))


def _scheduled(planned: pd.DataFrame) -> int:
    """Return the number of calls scheduled. They are numbered consecutively, so the calls of a worker that died, which
    have no rows, count too. In a run with --against every pair has one call to each side, and a number."""
    number = next((name for name in ("pair", "request") if calls.is_reported(planned, name)), None)
    return len(planned) if number is None else int(planned[number].max() - planned[number].min()) + 1


def _asked_rps(stages: list[Summary], lasted_s: float, otherwise_rps: float) -> float:
    """Return the mean rate of the stages over the first `lasted_s`: the area under the rate, divided by that time."""
    asked = covered_s = 0.0
    for stage in stages:
        duration_s = stage["duration_s"] or math.inf
        within_s = min(duration_s, lasted_s - covered_s)
        slope = (stage["to_rps"] - stage["from_rps"]) / duration_s
        asked += within_s * (stage["from_rps"] + slope * within_s / 2)
        covered_s += within_s
    return asked / covered_s if asked else otherwise_rps


def stages(
    rows: pd.DataFrame, scheduled: pd.DataFrame, planned: list[Summary] | None, level: Slo | None = None
) -> list[Summary] | None:
    """Return a row of figures for each stage of a schedule with several: the planned rate, then what was measured.

    scheduled  the rows of calls that had a due time
    """
    if not planned or not 2 <= len(planned) <= MOST_STAGES or "stage" not in rows:
        return None
    return [
        {"stage": number, **stage, **_of_stage(_in(rows, number), scheduled, number, planned, level)}
        for number, stage in enumerate(planned, 1)
    ]


def _in(rows: pd.DataFrame, stage: int) -> pd.DataFrame:
    return rows[rows["stage"] == stage]


def _of_stage(
    rows: pd.DataFrame, scheduled: pd.DataFrame, number: int, planned: list[Summary], level: Slo | None
) -> Summary:
    return {
        **calls.counts(rows),
        **punctuality(_in(scheduled, number), planned[:number], scheduled),
        **calls.rates(rows),
        **service_level(rows, level),
        **calls.times(rows),
        "too_few_samples": calls.too_few(rows),
    }
