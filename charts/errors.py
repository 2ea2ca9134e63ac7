"""Failures by kind, over time."""

from collections.abc import Sequence
from http import HTTPStatus

import pandas as pd

from charts.data.run import Run
from charts.data.slices import Slices, counting
from charts.drawing.chart import SMALL_HEIGHT_PX, Chart, Json, counted_axis, figure, label
from charts.drawing.quantities import short_time, time
from charts.latencies import last_end_s, seconds_axis
from summary import failures
from summary.claims.cell import said

HOW = "Each bar counts the calls that failed in that time: tall ones side by side are an outage."
MOST_KINDS, MOST_BARS = 7, 60
OTHERS = "others"
COLOURS = ("#dc3f47", "#e07b1f", "#9a6ad6", "#b8912a", "#3aa3b5", "#c95f9d", "#3b82d0", "#7d8a99")


def by_kind(runs: Sequence[Run]) -> Chart:
    """Return the failures in each slice of time, stacked by kind; one figure per run."""
    title = "Errors over time"
    drawn = [(run, failed) for run in runs if len(failed := _failed(run))]
    if not drawn:
        return Chart("errors", title, absent="no call failed")
    kinds = _kinds([failed for _, failed in drawn])
    calls = max(len(run.measured) for run in runs)
    span = counting(max(last_end_s(run.rows) for run in runs), calls, MOST_BARS)
    found = [_figure(label(run.name) if len(runs) > 1 else "", failed, kinds, span, runs) for run, failed in drawn]
    notes = [f"A bar is {short_time(span.length_s)} wide.", *_limits(runs)]
    return Chart("errors", title, HOW, found, notes)


def _failed(run: Run) -> pd.DataFrame:
    """Return a run's failures: when each ended, and its kind as people read it."""
    rows = run.measured
    found = failures.each(rows)
    at_s = rows.loc[found.index, "start_s"] + rows.loc[found.index, "latency_s"].fillna(0)
    kinds = [_kind(*cells) for cells in zip(found["error"], found["status"], found["reason"], strict=True)]
    return pd.DataFrame({"at_s": at_s, "kind": pd.Series(kinds, index=found.index, dtype=object)})


def _kind(error: str, status: float | None, reason: str | None) -> str:
    parts = [error or "dropped", f"HTTP {status:.0f}" if status and status == status else "", reason or ""]
    return " · ".join(filter(None, parts))


def _kinds(failed: Sequence[pd.DataFrame]) -> list[str]:
    """Return the most frequent kinds of all runs' failures."""
    counted = pd.concat([of_run["kind"] for of_run in failed]).value_counts()
    return [str(kind) for kind in counted.index[:MOST_KINDS]]


def _figure(name: str, failed: pd.DataFrame, kinds: Sequence[str], span: Slices, runs: Sequence[Run]) -> Json:
    named = failed["kind"].where(failed["kind"].isin(kinds), OTHERS)
    traces = [
        {
            "type": "bar", "name": f"{label(kind)} ({int((named == kind).sum()):,})",
            "x": span.middles_s.round(6).tolist(), "y": span.counts(failed.loc[named == kind, "at_s"]).tolist(),
            "width": span.length_s, "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": "%{y} × %{fullData.name}<extra></extra>",
        }
        for kind, colour in zip([*kinds, OTHERS], COLOURS, strict=False)
        if (named == kind).any()
    ]  # fmt: skip
    most = int(span.counts(failed["at_s"]).max())
    y = counted_axis(f"{name}: failures" if name else "failures", most)
    return figure(traces, seconds_axis(runs), y, SMALL_HEIGHT_PX, barmode="stack", bargap=0, showlegend=True)


def _limits(runs: Sequence[Run]) -> list[str]:
    """Say how many calls were turned away by a rate limit, and how long the server asked to wait, where it did."""
    refused = [run.measured[run.measured["status"] == HTTPStatus.TOO_MANY_REQUESTS] for run in runs]
    if not (count := sum(map(len, refused))):
        return []
    asked_s = pd.concat([said(rows, "retry_after_s") for rows in refused]).dropna()
    waits = f"; Retry-After asked for {time(asked_s.min())} to {time(asked_s.max())}" if len(asked_s) else ""
    return [f"{count:,} were turned away by a rate limit (HTTP 429){waits}."]
