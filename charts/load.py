"""The load over time: calls in flight, and rates asked, delivered and answered."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from charts.data.run import Run
from charts.data.slices import Slices, counting
from charts.drawing.chart import (
    LIMIT,
    QUIET,
    SMALL_HEIGHT_PX,
    Chart,
    Json,
    colour_of,
    counted_axis,
    faint,
    figure,
    label,
)
from charts.drawing.quantities import listed
from charts.latencies import counted_in, edges_of, last_end_s, marks, seconds_axis
from summary.punctuality import due_s, stage_began_s
from summary.vocabulary import Summary

HOW_OPEN = (
    "Where started falls below asked, the client could not keep its schedule; where answered falls below started, "
    "calls pile up or fail."
)
HOW_CLOSED = "Started follows answered: a closed loop sends the next call when an answer has come."
MOST_STEPS, ENVELOPE_SLICES = 1500, 300


def in_flight(runs: Sequence[Run]) -> Chart:
    """Return how many calls were in flight at any time, without the warm-up."""
    drawn = [run for run in runs if len(_sent(run))]
    title = "Calls in flight"
    if not drawn:
        return Chart("in_flight", title, absent="no call was sent")
    traces = [trace for position, run in enumerate(drawn) for trace in _steps(run, position, len(drawn))]
    shapes, annotations = marks(drawn)
    layout = {"shapes": shapes, "annotations": annotations, "showlegend": len(drawn) > 1}
    found = figure(
        traces,
        seconds_axis(drawn),
        counted_axis("calls in flight", max(int(levels(_sent(run))[1].max()) for run in drawn)),
        SMALL_HEIGHT_PX,
        **layout,
    )
    how = "A closed loop stays at its number of users; in an open loop a growing number is a queue at the server."
    notes = [] if all(2 * len(_sent(run)) <= MOST_STEPS for run in drawn) else [
        "The band spans the fewest and the most calls in flight within each moment."
    ]  # fmt: skip
    return Chart("in_flight", title, how, [found], notes)


def rates(runs: Sequence[Run]) -> Chart:
    """Return the calls per second that were asked for, started, and succeeded."""
    drawn = [run for run in runs if len(_sent(run))]
    title = "Calls per second"
    if not drawn:
        return Chart("rates", title, absent="no call was sent")
    time = counting(max(last_end_s(run.rows) for run in drawn), max(len(_sent(run)) for run in drawn))
    traces = [trace for position, run in enumerate(drawn) for trace in _rates(run, time, position, len(drawn))]
    shapes, annotations = marks(drawn)
    layout = {"shapes": shapes, "annotations": annotations}
    found = figure(traces, seconds_axis(drawn), {"title": {"text": "calls per second"}}, SMALL_HEIGHT_PX, **layout)
    return Chart("rates", title, *_rates_text(drawn, [found], time))


def _rates_text(runs: Sequence[Run], figures: list[Json], time: Slices) -> tuple[str, list[Json], list[str]]:
    if any(run.is_open_loop for run in runs):
        return HOW_OPEN, figures, [counted_in(time)]
    return HOW_CLOSED, figures, [counted_in(time), "A closed loop has no schedule, so there is no asked rate."]


def _sent(run: Run) -> pd.DataFrame:
    return run.measured[run.measured["outcome"] != "dropped"]


def _steps(run: Run, position: int, runs: int) -> Iterator[Json]:
    at_s, level = levels(_sent(run))
    colour, name = colour_of(position), label(run.name) if runs > 1 else "in flight"
    line = {"type": "scatter", "mode": "lines", "name": name, "line": {"color": colour, "width": 1.5, "shape": "hv"}}
    if len(at_s) <= MOST_STEPS:
        fill = {"fill": "tozeroy", "fillcolor": faint(colour, 0.15)} if runs == 1 else {}
        yield {**line, "x": listed(at_s, 4), "y": level.tolist(), **fill}
        return
    x, fewest, most = _envelope(at_s, level)
    group = {"legendgroup": name, "hoverinfo": "x+y+name"}
    yield {**line, **group, "x": listed(x, 3), "y": fewest.tolist(), "showlegend": False}
    yield {**line, **group, "x": listed(x, 3), "y": most.tolist(), "fill": "tonexty", "fillcolor": faint(colour, 0.3)}


def levels(sent: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the times at which the number of calls in flight changes, and the number from then on. At the same time
    ends come before starts, as in `summary.evidence.peak_in_flight`; a call that was cut off never ends."""
    starts_s = sent["start_s"].to_numpy(dtype=float)
    ends_s = (sent["start_s"] + sent["latency_s"]).dropna().to_numpy(dtype=float)
    at_s = np.concatenate([ends_s, starts_s])
    change = np.concatenate([np.full(len(ends_s), -1), np.ones(len(starts_s), dtype=int)])
    order = np.argsort(at_s, kind="stable")
    return at_s[order], np.cumsum(change[order])


def _envelope(at_s: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the fewest and the most calls in flight in each of many slices, the number at its beginning included."""
    edges = np.linspace(at_s[0], at_s[-1], ENVELOPE_SLICES + 1)
    firsts = np.searchsorted(at_s, edges[:-1], side="right") - 1
    ends = np.append(firsts[1:] + 1, len(at_s))
    within = [level[first:end] for first, end in zip(np.maximum(firsts, 0), ends, strict=True)]
    return edges[:-1], np.array([each.min() for each in within]), np.array([each.max() for each in within])


def _rates(run: Run, time: Slices, position: int, runs: int) -> Iterator[Json]:
    prefix = f"{label(run.name)} " if runs > 1 else ""
    sent = _sent(run)
    answered_s = (run.successes["start_s"] + run.successes["latency_s"]).dropna()
    if run.is_open_loop:
        x, y = asked(run)
        yield {
            "type": "scatter", "mode": "lines", "name": f"{prefix}asked", "x": listed(x, 3), "y": listed(y),
            "line": {"color": LIMIT if runs == 1 else colour_of(position), "width": 1.5, "dash": "dash"},
        }  # fmt: skip
    edges_s = edges_of(run, time)
    yield from _counted(f"{prefix}started", edges_s, sent["start_s"], colour_of(position), "solid")
    second = colour_of(2) if runs == 1 else colour_of(position)
    yield from _counted(f"{prefix}answered", edges_s, answered_s, second, "dot")
    dropped = run.measured.loc[run.measured["outcome"] == "dropped", "start_s"]
    yield from _counted(f"{prefix}dropped", edges_s, dropped, QUIET, "dashdot")


def _counted(name: str, edges_s: np.ndarray, at_s: "pd.Series[float]", colour: str, dash: str) -> Iterator[Json]:
    """Yield a step per slice, from the first to the last with a call."""
    counts, _ = np.histogram(at_s, edges_s)
    (some,) = np.nonzero(counts)
    if len(at_s):
        rates = (counts / np.diff(edges_s))[some[0] : some[-1] + 1]
        yield {
            "type": "scatter", "mode": "lines", "name": name, "x": listed(edges_s[some[0] : some[-1] + 2]),
            "y": listed([*rates, rates[-1]], 3), "line": {"color": colour, "width": 2, "dash": dash, "shape": "hv"},
        }  # fmt: skip


def asked(run: Run) -> tuple[list[float], list[float]]:
    """Return the rate that the options ask for, as the corners of a line over time, from the beginning of the first
    stage that has calls. It ends with the run if the schedule has no end of its own."""
    planned = run.measured[run.measured["stage"].notna()]
    stages: list[Summary] = (run.summary.get("options") or {}).get("rate_stages") or []
    first, last = int(planned["stage"].min()), int(planned["stage"].max())
    at_s, last_s = stage_began_s(planned, stages, first), float(due_s(planned).max())
    x: list[float] = []
    y: list[float] = []
    for stage in stages[first - 1 : last]:
        end_s = min(at_s + (stage["duration_s"] or math.inf), max(last_s, at_s))
        reached = _reached(stage, end_s - at_s)
        x, y, at_s = [*x, at_s, end_s], [*y, stage["from_rps"], reached], end_s
    return x, y


def _reached(stage: Summary, after_s: float) -> float:
    """Return a stage's rate after so long: it changes linearly."""
    bend = (stage["to_rps"] - stage["from_rps"]) / stage["duration_s"] if stage["duration_s"] else 0.0
    return float(stage["from_rps"] + bend * after_s)
