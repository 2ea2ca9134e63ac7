"""Latency and TTFT over time: a dot per call, a line for the median and one for p95."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from charts.data.run import Run
from charts.data.slices import Slices, nice, sliced, thinned
from charts.drawing import quantities
from charts.drawing.chart import FAILED, QUIET, WARMUP, Chart, Json, colour_of, faint, figure, label
from charts.drawing.quantities import TimeAxis, time_axis
from summary import calls
from summary.numbers.written import digits
from summary.punctuality import stage_began_s
from summary.registry import SAMPLES_NEEDED

MOST_DOTS, MOST_FAILURES, MOST_LABELLED_STAGES = 4000, 1500, 12
CROWD, SHORT_TICKS = 800, 6
SUCCEEDED = "succeeded"
HOW = "Each dot is a call, at its start: a flat cloud is a steady server, a rising one a queue, a gap a standstill."


def latency(runs: Sequence[Run]) -> Chart:
    """Return every call's latency over time, with failures, warm-up and stages marked."""
    return _over_time(runs, "latency_s", "latency", "Latency over time", "no call has ended")


def ttft(runs: Sequence[Run]) -> Chart:
    """Return every streamed call's TTFT over time."""
    return _over_time(runs, "ttft_s", "TTFT", "Time to first token over time", "no call was streamed (--stream)")


def _over_time(runs: Sequence[Run], column: str, noun: str, title: str, absent: str) -> Chart:
    drawn = [run for run in runs if calls.is_reported(run.rows, column)]
    if not drawn:
        return Chart(column, title, absent=absent)
    axis = _axis(noun, drawn, column)
    time = sliced(0, max(last_end_s(run.rows) for run in drawn), max(len(run.successes) for run in drawn))
    traces = [
        trace for position, run in enumerate(drawn) for trace in _traces(run, column, axis, time, position, drawn)
    ]
    shapes, annotations = marks(drawn)
    found = figure(traces, seconds_axis(drawn), axis.layout, shapes=shapes, annotations=annotations, showlegend=True)
    dots = sum(len(trace["x"]) for trace in traces if trace["name"].endswith(SUCCEEDED))
    return Chart(column, title, HOW, [found], list(_notes(drawn, column, time, axis, dots)))


def _axis(noun: str, runs: Sequence[Run], column: str) -> TimeAxis:
    """Return an axis for all calls, which is logarithmic only if the successes ask for it."""
    successes = np.concatenate([calls.numbers(run.successes, column).dropna().to_numpy() for run in runs])
    everything = np.concatenate([calls.numbers(run.rows, column).to_numpy() for run in runs])
    return time_axis(noun, everything, quantities.spread(successes) > quantities.MOST_ON_A_LINEAR_AXIS)


def seconds_axis(runs: Sequence[Run]) -> Json:
    """Return the axis of the runs' time: the same in every chart, from 0 to the last end."""
    last_s = max(last_end_s(run.rows) for run in runs) or 1.0
    axis: Json = {"title": {"text": "time since the start"}, "range": [0, 1.01 * last_s]}
    if last_s >= 1:
        return {**axis, "ticksuffix": " s"}
    ticks = np.arange(0, last_s, nice(last_s / SHORT_TICKS)).round(9).tolist()
    return {**axis, "tickvals": ticks, "ticktext": [quantities.short_time(tick) for tick in ticks]}


def last_end_s(rows: pd.DataFrame) -> float:
    """Return when the last call ended; one that was cut off counts with its start."""
    return float((rows["start_s"] + rows["latency_s"].fillna(0)).max()) if len(rows) else 0.0


def edges_of(run: Run, time: Slices) -> np.ndarray:
    """Return the edges of the slices within a run's own time, without its warm-up."""
    return time.cut(float(run.measured["start_s"].min()), last_end_s(run.measured))


def counted_in(time: Slices) -> str:
    """Say in which slices calls are counted."""
    return (
        f"Counted in slices of {quantities.short_time(time.length_s)}; the first and the last begin and end with the "
        "run, and their rates are over their true length."
    )


def marks(runs: Sequence[Run]) -> tuple[list[Json], list[Json]]:
    """Return shapes and annotations for warm-up and stages, if all runs have the same ones: those of a single run."""
    if len({id(run.summary) for run in runs}) > 1:
        return [], []
    lines = [*_stages(runs[0])]
    shapes = [*_warmup(runs[0]), *(shape for shape, _ in lines)]
    return shapes, [text for _, text in lines if len(lines) <= MOST_LABELLED_STAGES]


def _warmup(run: Run) -> Iterator[Json]:
    if len(run.warmup):
        begin_s, end_s = float(run.warmup["start_s"].min()), _end_of_warmup(run)
        yield {
            "type": "rect", "xref": "x", "yref": "paper", "x0": begin_s, "x1": end_s, "y0": 0, "y1": 1,
            "layer": "below", "line": {"width": 0}, "fillcolor": faint(WARMUP, 0.16),
        }  # fmt: skip


def _end_of_warmup(run: Run) -> float:
    if len(run.measured):
        return float(run.measured["start_s"].min())
    return float((run.warmup["start_s"] + run.warmup["latency_s"].fillna(0)).max())


def _stages(run: Run) -> Iterator[tuple[Json, Json]]:
    """Yield a line and a label where each stage of a schedule begins."""
    stages = run.summary.get("stages") or []
    for stage in stages:
        if (run.measured["stage"] == stage["stage"]).any():
            at_s = stage_began_s(run.measured, stages, stage["stage"])
            line = {
                "type": "line", "xref": "x", "yref": "paper", "x0": at_s, "x1": at_s, "y0": 0, "y1": 1,
                "line": {"color": QUIET, "width": 1, "dash": "dot"},
            }  # fmt: skip
            yield line, {
                "x": at_s, "xref": "x", "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top",
                "showarrow": False, "text": label(rate_of(stage)), "font": {"size": 11}, "opacity": 0.8,
            }  # fmt: skip


def rate_of(stage: Json) -> str:
    """Return a stage's rate, as "25/s" or "5–20/s"."""
    shown = dict.fromkeys(digits(stage[end], 6) for end in ("from_rps", "to_rps"))
    return f"{'–'.join(shown)}/s"


def _traces(run: Run, column: str, axis: TimeAxis, time: Slices, position: int, runs: Sequence[Run]) -> Iterator[Json]:
    several = len(runs) > 1
    colour = colour_of(position)
    prefix = f"{label(run.name)} " if several else ""
    most = MOST_DOTS // len(runs)
    dots = faint(colour, 0.45 if len(run.successes) < CROWD else 0.25)
    yield from _dots(f"{prefix}{SUCCEEDED}", run.successes, column, axis, most, dots, "circle", size=5)
    if not several:
        yield from _dots("warm-up", run.warmup, column, axis, most // 4, faint(WARMUP, 0.7), "circle-open", size=5)
    ended = run.measured[run.measured["outcome"] == "failed"]
    failed = colour if several else FAILED
    yield from _dots(f"{prefix}failed", ended, column, axis, MOST_FAILURES // len(runs), failed, "x", size=7)
    yield from _unsent(run, prefix, axis, failed)
    yield from _lines(run, column, axis, time, colour if several else colour_of(1), prefix)


def _dots(
    name: str, rows: pd.DataFrame, column: str, axis: TimeAxis, most: int, colour: str, symbol: str, size: int
) -> Iterator[Json]:
    known = rows[calls.numbers(rows, column).notna()]
    if known.empty:
        return
    kept = known.iloc[thinned(known["start_s"].to_numpy(dtype=float), known[column].to_numpy(dtype=float), most)]
    yield {
        "type": "scatter", "mode": "markers", "name": name, "x": quantities.listed(kept["start_s"], 3),
        "y": axis.placed(kept[column]), "text": [_about(row) for row in _shown(kept, column)], "hoverinfo": "text",
        "marker": {"color": colour, "size": size, "symbol": symbol, "line": {"width": 1, "color": colour}},
    }  # fmt: skip


def _shown(rows: pd.DataFrame, column: str) -> Iterator[tuple[Any, float, Any, Any]]:
    return zip(rows["request"], rows[column], rows["outcome"], rows["status"], strict=True)


def _about(shown: tuple[Any, float, Any, Any]) -> str:
    number, seconds, outcome, status = shown
    ended = "" if outcome == "ok" else f" · {label(outcome)}" + (f" · HTTP {status:.0f}" if status == status else "")
    return f"call {number:.0f} · {quantities.time(seconds)}{ended}"


def _unsent(run: Run, prefix: str, axis: TimeAxis, colour: str) -> Iterator[Json]:
    """Yield calls without a latency, on the floor: those that were dropped, and those that the run's end cut off."""
    floor = axis.layout["tickvals"][0] if axis.is_log else 0
    for outcome, name, symbol in (
        ("dropped", "dropped, never sent", "triangle-down"),
        ("aborted", "cut off", "line-ns"),
    ):
        rows = run.measured[run.measured["outcome"] == outcome]
        if len(rows):
            at_s = rows["start_s"].to_numpy(dtype=float)
            kept = np.unique(thinned(at_s, at_s, MOST_FAILURES))
            yield {
                "type": "scatter", "mode": "markers", "name": f"{prefix}{name}", "x": quantities.listed(at_s[kept], 3),
                "y": [floor] * len(kept), "hoverinfo": "name+x", "cliponaxis": False,
                "marker": {"color": colour, "size": 8, "symbol": symbol, "line": {"width": 1, "color": colour}},
            }  # fmt: skip


def _lines(run: Run, column: str, axis: TimeAxis, time: Slices, colour: str, prefix: str) -> Iterator[Json]:
    values = calls.numbers(run.successes, column)
    for name, share, needs, dash in (("median", 0.5, 3, "solid"), ("p95", 0.95, SAMPLES_NEEDED["p95"], "dot")):
        found = time.quantile(run.successes["start_s"], values, share, needs)
        if np.isfinite(found).sum() > 1:
            yield {
                "type": "scatter", "mode": "lines", "name": f"{prefix}{name}", "x": quantities.listed(time.middles_s),
                "y": axis.placed(found), "line": {"color": colour, "width": 2.5, "dash": dash}, "connectgaps": False,
                "hovertemplate": f"{prefix}{name}: %{{y}}<extra></extra>",
            }  # fmt: skip


def _notes(runs: Sequence[Run], column: str, time: Slices, axis: TimeAxis, dots: int) -> Iterator[str]:
    if max(len(run.successes) for run in runs) > 2 * SAMPLES_NEEDED["p95"]:
        yield (
            f"Lines: the median and p95 of the calls that started within each {quantities.short_time(time.length_s)}; "
            f"p95 only where there are {SAMPLES_NEEDED['p95']}."
        )
    known = sum(int(calls.numbers(run.successes, column).notna().sum()) for run in runs)
    if dots < known:
        yield (
            f"Of {known:,} successes {dots:,} are drawn: the fastest and the slowest of each moment, and others "
            "between them evenly by rank. The lines count every one."
        )
    failed = [int((run.measured["outcome"] == "failed")[run.measured[column].notna()].sum()) for run in runs]
    if max(failed) > MOST_FAILURES // len(runs):
        yield f"Failures are thinned out in the same way; the chart of errors counts all {sum(failed):,}."
    if axis.is_log:
        yield "The axis is logarithmic: a few calls took many times the median."
