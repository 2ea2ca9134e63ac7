"""How times are distributed: the percentile spectrum, and a small histogram per figure."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from charts.data.run import Run
from charts.drawing import quantities
from charts.drawing.chart import QUIET, SMALL_HEIGHT_PX, Chart, Json, colour_of, faint, figure, label
from charts.drawing.quantities import TimeAxis, listed, time_axis
from summary import calls
from summary.registry import NAMED, PERCENTILES, SAMPLES_NEEDED, TITLES
from summary.validity.finding import listed as in_words
from summary.vocabulary import Summary

HOW_SPECTRUM = (
    "Above each percentile stands how long it took; the slowest calls, one in a hundred or in a thousand, get as much "
    "room as all others."
)
HOW_HISTOGRAMS = "A second hump is a second kind of call, such as cache hits or cold starts."
SPECTRUM = {"latency_s": "solid", "latency_from_schedule_s": "dash", "ttft_s": "dot"}
DETAIL = 400
TAILS = (2, 10, 100, 1000, 10_000, 100_000, 1_000_000)
TAIL_TEXTS = ("50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %")
HISTOGRAMS = ("latency_s", "ttft_s", "tpot_s", "itl_s")
LARGEST = 1e15
"""No time or count of a run is larger."""

MOST_BINS, BINS_PER_CUBE_ROOT = 60, 3.5


def spectrum(runs: Sequence[Run]) -> Chart:
    """Return latency at every percentile, with a logarithmic tail; a line per run and figure."""
    title = "Percentile spectrum"
    drawn = [(run, position) for position, run in enumerate(runs) if len(run.successes) > 1]
    if not drawn:
        return Chart("spectrum", title, absent="it needs two successes")
    found = [(run, position, column) for run, position in drawn for column in SPECTRUM if _values(run, column).size > 1]
    axis = time_axis("time", np.concatenate([_values(run, column) for run, _, column in found]), rangemode="tozero")
    traces = [
        trace
        for run, position, column in found
        for trace in _curve(run, column, axis, position, several=len(runs) > 1)
    ]  # fmt: skip
    most = max(_values(run, column).size for run, _, column in found)
    x = {
        "type": "log", "tickvals": list(TAILS), "ticktext": list(TAIL_TEXTS), "rangemode": "normal", "tickangle": 0,
        "range": [0, float(np.log10(_slowest_at(most)) * 1.02)],
        "title": {"text": "share of the calls that were at least this fast"},
    }  # fmt: skip
    return Chart("spectrum", title, HOW_SPECTRUM, [figure(traces, x, axis.layout)], list(_spectrum_notes(runs)))


def _values(run: Run, column: str) -> np.ndarray:
    values: np.ndarray = calls.numbers(run.successes, column).dropna().to_numpy(dtype=float)
    return values


def _curve(run: Run, column: str, axis: TimeAxis, position: int, several: bool) -> Iterator[Json]:
    values, noun = _values(run, column), NAMED[column].title
    colour = colour_of(position if several else list(SPECTRUM).index(column))
    name = f"{label(run.name)} {noun}" if several else noun
    tails = tail_of(len(values))
    y = [*np.percentile(values, 100 * (1 - 1 / tails)), values.max()]
    yield {
        "type": "scatter", "mode": "lines", "name": name, "legendgroup": name,
        "x": listed([*tails, _slowest_at(len(values))]), "y": axis.placed(y),
        "line": {"color": colour, "width": 2, "dash": SPECTRUM[column]}, "hoverinfo": "skip",
    }  # fmt: skip
    found = calls.distribution(values)
    points = {name: percent for name, percent in PERCENTILES.items() if len(values) >= SAMPLES_NEEDED.get(name, 0)}
    yield {
        "type": "scatter", "mode": "markers", "name": name, "legendgroup": name, "showlegend": False,
        "x": [*(1 / (1 - percent / 100) for percent in points.values()), _slowest_at(len(values))],
        "y": axis.placed([*(found[point] for point in points), found["max"]]),
        "marker": {"color": colour, "size": 8}, "hoverinfo": "text",
        "text": [f"{name} {TITLES[point]}: {quantities.time(found[point])}" for point in (*points, "max")],
    }  # fmt: skip


def tail_of(samples: int) -> np.ndarray:
    """Return the tails to draw, as one call in so many: evenly on the logarithmic axis, with every percentile that the
    summary has, as far as there are samples."""
    even = np.geomspace(1, samples, min(DETAIL, max(2, samples)))
    named = np.array([1 / (1 - percent / 100) for percent in PERCENTILES.values()])
    return np.unique(np.concatenate([even, named[named <= samples * (1 + 1e-9)]]))


def _slowest_at(samples: int) -> float:
    """Return the tail at which the slowest call stands: the middle of the share that is its own (Hazen 1914)."""
    return 2.0 * samples


def _spectrum_notes(runs: Sequence[Run]) -> Iterator[str]:
    yield "The last dot of each line is its slowest call; dots before it are the percentiles of the table."
    for run in runs:
        if (failed := run.summary.get("failure_count")) and len(run.successes):
            name = f"{label(run.name)}: " if len(runs) > 1 else ""
            infinite = (run.summary.get("latency_error_adjusted_s") or {}).get("infinite") or ()
            named = in_words([TITLES[each] for each in infinite])
            endless = f"; counted as infinitely slow, they make {named} infinite" if infinite else ""
            yield f"{name}{failed:,} failed calls are not in these lines{endless}."


def histograms(runs: Sequence[Run]) -> Chart:
    """Return a histogram of latency, TTFT, TPOT and ITL each, as far as the runs have them."""
    title = "Distributions"
    found = {column: [_binnable(run, column) for run in runs] for column in HISTOGRAMS}
    drawn = [column for column, of_runs in found.items() if any(len(values) > 1 for values, _ in of_runs)]
    if not drawn:
        return Chart("distributions", title, absent="it needs two successes")
    figures = [_histogram(runs, column, found[column]) for column in drawn]
    return Chart("distributions", title, HOW_HISTOGRAMS, figures, list(_missing(runs)))


def _missing(runs: Sequence[Run]) -> Iterator[str]:
    """Say which figures the runs don't have at all, and why."""
    absent = [NAMED[column].title for column in HISTOGRAMS if not any(len(_binnable(run, column)[0]) for run in runs)]
    if absent:
        reason = "no call was streamed" if NAMED["ttft_s"].title in absent else "no pace of tokens was observed"
        yield f"Not drawn: {', '.join(absent)}, as {reason}."


def _binnable(run: Run, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and how often each occurs; gaps between reads are only in the summary's histogram. Raises
    `ValueError` for one that was edited: a text there can say infinity, unlike a number of JSON's, and sums of numbers
    that are too large are infinite."""
    if column != "itl_s":
        values = _values(run, column)
        return values, np.ones(len(values))
    counted = (run.summary.get("itl_s") or {}).get("histogram_ms") or {}
    values, counts = np.array([float(ms) / 1000 for ms in counted]), np.array(list(counted.values()), dtype=float)
    if not all(((numbers >= 0) & (numbers <= LARGEST)).all() for numbers in (values, counts)):
        raise ValueError(f"histogram_ms must have numbers from 0 to {LARGEST:g}")
    return values, counts


def _histogram(runs: Sequence[Run], column: str, of_runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Json:
    edges, is_log = bins([values for values, _ in of_runs], [counts for _, counts in of_runs])
    axis = time_axis(NAMED[column].title, edges, is_log, rangemode="normal")
    traces = [
        _bars(label(run.name), axis.placed(edges, 6), _counted(values, counts, edges), position, len(runs))
        for position, (run, (values, counts)) in enumerate(zip(runs, of_runs, strict=True))
        if len(values)
    ]  # fmt: skip
    shapes, annotations = _percentiles(runs[0], column, axis) if len(runs) == 1 else ([], [])
    y = {"title": {"text": "share of gaps" if column == "itl_s" else "share of calls"}, "ticksuffix": " %"}
    layout = {"shapes": shapes, "annotations": annotations, "showlegend": len(runs) > 1}
    return figure(traces, {**axis.layout, "nticks": 6}, y, SMALL_HEIGHT_PX, **layout)


def _counted(values: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counted: np.ndarray = np.histogram(values, edges, weights=counts)[0]
    return counted


def bins(of_runs: Sequence[np.ndarray], counts: Sequence[np.ndarray]) -> tuple[np.ndarray, bool]:
    """Return the edges of bins for all runs, and whether they grow with the values."""
    values, weights = np.concatenate(of_runs), np.concatenate(counts)
    smallest, largest = float(values.min()), float(values.max())
    number = int(np.clip(BINS_PER_CUBE_ROOT * np.cbrt(weights.sum()), 1, MOST_BINS))
    median = _weighted(values, weights, 0.5)
    if smallest > 0 and largest > quantities.MOST_ON_A_LINEAR_AXIS * median:
        return np.geomspace(smallest, largest * (1 + 1e-9), number + 1), True
    margin = (largest - smallest) * 1e-9 or max(largest, 1e-6) * 0.05
    return np.linspace(smallest - margin, largest + margin, number + 1), False


def _weighted(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), share * weights.sum())])


def _bars(name: str, edges: list[Any], counts: np.ndarray, position: int, runs: int) -> Json:
    """Return a histogram's outline: it can be laid over others, and stands on any axis."""
    colour, shares = colour_of(position), 100 * counts / max(1.0, counts.sum())
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": [edges[0], *edges], "y": [0, *listed(shares, 3), 0],
        "line": {"color": colour, "width": 1.5, "shape": "hv"}, "fill": "tozeroy",
        "fillcolor": faint(colour, 0.35 if runs == 1 else 0.12), "hovertemplate": "%{x}: %{y:.2f}<extra></extra>",
    }  # fmt: skip


def _percentiles(run: Run, column: str, axis: TimeAxis) -> tuple[list[Json], list[Json]]:
    """Return a line and a label for each percentile of the summary."""
    found: Summary = run.summary.get(column) or {}
    samples = found.get("samples", found.get("gaps")) or 0
    names = [name for name in PERCENTILES if found.get(name) is not None and samples >= SAMPLES_NEEDED.get(name, 0)]
    shapes: list[Json] = []
    texts: list[Json] = []
    for row, name in enumerate(names):
        line = {"color": QUIET, "width": 1, "dash": "dot"}
        at = axis.factor * found[name]
        shapes.append(
            {"type": "line", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1 - 0.09 * row, "line": line}
        )
        text = f"{TITLES[name]} {quantities.time(found[name])}"
        texts.append(_percentile_label(text, axis.at(found[name]), 1 - 0.09 * row))
    return shapes, texts


def _percentile_label(text: str, x: float, y: float) -> Json:
    return {
        "text": text, "x": x, "y": y, "yref": "paper", "xanchor": "left", "yanchor": "middle", "showarrow": False,
        "xshift": 2, "font": {"size": 11},
    }  # fmt: skip
