"""How latency depends on load: by the stages of a schedule, or by run."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from charts.data.run import Run
from charts.drawing import quantities
from charts.drawing.chart import LIMIT, Chart, Json, colour_of, figure, label
from charts.drawing.quantities import TimeAxis, listed, time_axis
from summary.registry import MAIN, NAMED, SAMPLES_NEEDED
from summary.vocabulary import Summary

HOW_LOAD = "The load at which a line turns upwards or crosses the limit is the most that the server should be given."
HOW_THROUGHPUT = (
    "Right is more work done, lower is faster: a line that goes up but not right shows a server at its limit."
)
NOTE = (
    "Bars are 95 % confidence intervals of p95 and p99; hollow marks have too few samples "
    f"({SAMPLES_NEEDED['p95']} for p95, {SAMPLES_NEEDED['p99']} for p99)."
)
DASHES = {"median": "solid", "p95": "dash", "p99": "dot"}
Load = Callable[[Summary], float | None]


def by_load(runs: Sequence[Run]) -> Chart:
    """Return the percentiles of each stage against the rate that it asked for, with the SLO as a line."""
    title = "Percentiles against load"
    drawn = [run for run in runs if run.summary.get("stages")]
    if not drawn:
        return Chart("load", title, absent="it needs a schedule with several stages (--rate-stages)")
    columns = [_latency_of(drawn), *(["ttft_s"] if _has(drawn, "ttft_s") else [])]
    figures = [_figure(drawn, column, _asked, "asked rate, calls per second") for column in columns]
    return Chart("load", title, HOW_LOAD, figures, [NOTE])


def _latency_of(runs: Sequence[Run]) -> str:
    return "latency_from_schedule_s" if _has(runs, "latency_from_schedule_s") else "latency_s"


def _has(runs: Sequence[Run], column: str) -> bool:
    return any(stage.get(column) for run in runs for stage in _points(run))


def against_throughput(runs: Sequence[Run]) -> Chart:
    """Return latency against the successes per second, of each stage or of each run."""
    title = "Latency against throughput"
    if sum(len(_points(run)) for run in runs) < 2:
        return Chart("throughput", title, absent="it needs several stages or several runs")
    found = _figure(runs, "latency_s", lambda stage: stage.get("throughput_rps"), "throughput, successes per second")
    return Chart("throughput", title, HOW_THROUGHPUT, [found], [NOTE])


def _points(run: Run) -> list[Summary]:
    return run.summary.get("stages") or [run.summary]


def _asked(stage: Summary) -> float:
    """Return a stage's mean rate: in one without calls, what was planned."""
    return float(stage.get("asked_rps") or (stage["from_rps"] + stage["to_rps"]) / 2)


def _figure(runs: Sequence[Run], column: str, load: Load, x_title: str) -> Json:
    limits = list(_limits(runs, column))
    known = [stage[column][name] for run in runs for stage in _points(run) for name in _names(stage, column)]
    axis = time_axis(NAMED[column].title, [*known, *(limit for _, limit in limits)])
    traces = [
        _trace(run, column, name, axis, load, position, len(runs)) for position, run in enumerate(runs) for name in MAIN
    ]
    x = {"title": {"text": x_title}, "rangemode": "tozero"}
    shapes, annotations = (
        zip(*(_limit(text, limit, axis) for text, limit in limits), strict=True) if limits else ((), ())
    )
    return figure(traces, x, axis.layout, shapes=list(shapes), annotations=list(annotations))


def _names(stage: Summary, column: str) -> list[str]:
    return [name for name in MAIN if (stage.get(column) or {}).get(name) is not None]


def _trace(run: Run, column: str, name: str, axis: TimeAxis, load: Load, position: int, runs: int) -> Json:
    points = [stage for stage in _points(run) if name in _names(stage, column) and load(stage) is not None]
    found = [stage[column] for stage in points]
    colour = colour_of(position if runs > 1 else MAIN.index(name))
    trace: dict[str, Any] = {
        "type": "scatter", "mode": "lines+markers", "name": f"{label(run.name)} {name}" if runs > 1 else name,
        "x": listed([load(stage) or 0.0 for stage in points]), "y": axis.placed(each[name] for each in found),
        "line": {"color": colour, "width": 2, "dash": DASHES[name]},
        "marker": {"size": 9, "color": colour, "symbol": [_symbol(each, name) for each in found]},
        "text": [f"{name} {quantities.time(each[name])}{_samples(each)}" for each in found],
        "hoverinfo": "text+x",
    }  # fmt: skip
    return {**trace, **_bars([each.get(f"{name}_ci95") for each in found], [each[name] for each in found], axis)}


def _symbol(found: Summary, name: str) -> str:
    return "circle" if found.get("samples", math.inf) >= SAMPLES_NEEDED.get(name, 0) else "circle-open"


def _samples(found: Summary) -> str:
    """Return how many samples a percentile has; nothing for one of Locust's statistics, which don't say."""
    return f" ({found['samples']:,} samples)" if "samples" in found else ""


def _bars(intervals: Sequence[Any], values: Sequence[float], axis: TimeAxis) -> Json:
    ends = [interval or (value, value) for interval, value in zip(intervals, values, strict=True)]
    if not any(intervals):
        return {}
    above = axis.placed(upper - value for (_, upper), value in zip(ends, values, strict=True))
    below = axis.placed(value - lower for (lower, _), value in zip(ends, values, strict=True))
    return {"error_y": {"type": "data", "array": above, "arrayminus": below, "thickness": 1, "width": 4}}


def _limits(runs: Sequence[Run], column: str) -> Iterator[tuple[str, float]]:
    """Yield each limit that the SLO sets for a figure, once; latency from schedule is held against latency's too."""
    columns = {column, "latency_s"} if column == "latency_from_schedule_s" else {column}
    found: dict[str, float] = {}
    for run in runs:
        for name, condition in run.level.by_column() if run.level else ():
            if name in columns:
                found[condition.text] = condition.limit
    yield from found.items()


def _limit(text: str, limit_s: float, axis: TimeAxis) -> tuple[Json, Json]:
    y = axis.factor * limit_s
    line = {"color": LIMIT, "width": 1.5, "dash": "dash"}
    shape = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line}
    return shape, {
        "text": f"SLO {label(text)}", "xref": "paper", "x": 0, "xanchor": "left", "y": axis.at(limit_s),
        "yanchor": "bottom", "showarrow": False, "font": {"size": 11, "color": LIMIT},
    }  # fmt: skip
