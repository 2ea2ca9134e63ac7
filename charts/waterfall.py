"""Where the time of a typical, a slow and a very slow call went."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from charts.data.claims import times_of
from charts.data.run import Run
from charts.drawing import quantities
from charts.drawing.chart import LEGEND, QUIET, Chart, Json, figure, label
from charts.drawing.quantities import TimeAxis, time_axis
from summary.registry import MAIN, PERCENTILES, SAMPLES_NEEDED

PARTS = {
    "late start": "#7d8a99",
    "connect": "#c95f9d",
    "send": "#b8912a",
    "to the headers": "#3aa3b5",
    "to the first byte": "#3b82d0",
    "to the first token": "#e07b1f",
    "stream": "#2a9d74",
    "body": "#2a9d74",
}
ROW_PX, REST_PX = 38, 110
CLAIM = " · claims "


def of_typical_calls(runs: Sequence[Run]) -> Chart:
    """Return the parts of the calls whose latencies are nearest to the median, p95 and p99."""
    title = "Where the time went"
    named = [each for run in runs for each in _named_calls(run, several=len(runs) > 1)]
    if not named:
        return Chart("waterfall", title, absent="no call succeeded")
    parts = [(name, parts_of(row)) for name, row in named]
    claims = [(name, times_of(row)) for name, row in named]
    ends_s = [sum(of_call.values()) for _, of_call in parts] + [s for _, of_call in claims for s in of_call.values()]
    axis = time_axis("time since the call was due", ends_s, False)
    rows = [row for name, of_call in claims for row in (name, *(_claim(name, claim) for claim in of_call))]
    layout = {
        "barmode": "stack", "bargap": 0.35, "legend": {**LEGEND, "traceorder": "normal"},
        "annotations": list(_totals(parts, axis)),
    }  # fmt: skip
    traces = [*_bars(parts, axis), *_claims(claims, axis)]
    found = figure(traces, axis.layout, _rows_axis(rows), ROW_PX * len(rows) + REST_PX, **layout)
    how = "Each bar is one real call, the one whose latency is nearest to the percentile, cut into what it waited for."
    return Chart("waterfall", title, how, [found], list(_notes(runs, claims)))


def _rows_axis(rows: Sequence[str]) -> Json:
    """Return an axis with a row per call, the first on top, and one below it for each claim about it."""
    texts = [f"↳ {row.partition(CLAIM)[2]}" if CLAIM in row else row for row in rows]
    order = {"categoryorder": "array", "categoryarray": list(rows), "autorange": "reversed", "type": "category"}
    return {**order, "tickvals": list(rows), "ticktext": texts, "rangemode": "normal"}


def _claim(name: str, claim: str) -> str:
    return f"{name}{CLAIM}{label(claim.removesuffix('_s').replace('_', ' '))}"


def _named_calls(run: Run, several: bool) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    """Yield the call at each percentile for which there are enough samples."""
    ordered = run.successes.sort_values("latency_s", kind="stable")
    for name in MAIN:
        if len(ordered) >= max(1, SAMPLES_NEEDED.get(name, 0)):
            row = ordered.iloc[round((len(ordered) - 1) * PERCENTILES[name] / 100)]
            call = f"{name} call" if len(ordered) > 1 else "the only success"
            yield (f"{label(run.name)} {call}" if several else call), row


def parts_of(row: "pd.Series[Any]") -> dict[str, float]:
    """Return a call's parts, one after the other, in seconds; a part that was not observed belongs to the next."""
    ends: dict[str, float] = {}
    sent_s = _known(row, "connect_s") + _known(row, "send_s")
    if _known(row, "connect_s"):
        ends["connect"] = _known(row, "connect_s")
    if sent_s:
        ends["send"] = sent_s
    ends |= {name: row[column] for name, column in _LATER.items() if _known(row, column)}
    last = "stream" if _known(row, "ttft_s") else "body"
    ends[last] = row["latency_s"]
    times = np.diff(np.maximum.accumulate([0.0, *ends.values()])).tolist()
    lag_s = _known(row, "start_lag_s")
    return {**({"late start": lag_s} if lag_s else {}), **dict(zip(ends, times, strict=True))}


_LATER = {"to the headers": "head_s", "to the first byte": "ttfb_s", "to the first token": "ttft_s"}


def _known(row: "pd.Series[Any]", column: str) -> float:
    value = row.get(column)
    return 0.0 if value is None or np.isnan(value) else float(value)


def _bars(parts: Sequence[tuple[str, dict[str, float]]], axis: TimeAxis) -> Iterator[Json]:
    for part, colour in PARTS.items():
        rows = [(name, of_call[part]) for name, of_call in parts if part in of_call]
        if rows:
            yield {
                "type": "bar", "orientation": "h", "name": part, "y": [name for name, _ in rows],
                "x": axis.placed(seconds for _, seconds in rows), "marker": {"color": colour},
                "hovertext": [f"{part}: {quantities.time(seconds)}" for _, seconds in rows], "hoverinfo": "text",
            }  # fmt: skip


def _claims(claims: Sequence[tuple[str, dict[str, float]]], axis: TimeAxis) -> Iterator[Json]:
    """Yield what the servers claim, each in a row below its call: nobody knows where within the call it belongs."""
    rows = [(_claim(name, claim), s) for name, of_call in claims for claim, s in of_call.items()]
    if rows:
        yield {
            "type": "bar", "orientation": "h", "name": "the server's own claim", "y": [name for name, _ in rows],
            "x": axis.placed(seconds for _, seconds in rows), "marker": {"color": QUIET, "pattern": {"shape": "/"}},
            "hovertext": [f"claimed: {quantities.time(seconds)}" for _, seconds in rows], "hoverinfo": "text",
        }  # fmt: skip


def _totals(parts: Sequence[tuple[str, dict[str, float]]], axis: TimeAxis) -> Iterator[Json]:
    for name, of_call in parts:
        seconds = sum(of_call.values())
        yield {
            "text": quantities.time(seconds), "x": axis.at(seconds), "y": name, "xanchor": "left", "showarrow": False,
            "xshift": 4, "font": {"size": 12},
        }  # fmt: skip


def _notes(runs: Sequence[Run], claims: Sequence[tuple[str, dict[str, float]]]) -> Iterator[str]:
    few = min(len(run.successes) for run in runs)
    missing = [name for name in MAIN if few < SAMPLES_NEEDED.get(name, 0)]
    if missing:
        yield f"Too few successes for a {' and a '.join(missing)} call."
    if any(of_call for _, of_call in claims):
        yield "What the server claims is drawn from 0: where within the call it lies is not known."
    yield "The first byte is the body's."
