"""A against B: the differences within pairs of calls, target minus baseline."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from charts.data.run import Run, has_sides
from charts.drawing import quantities
from charts.drawing.chart import COLOURS, FAILED, QUIET, SMALL_HEIGHT_PX, Chart, Json, faint, figure, label
from charts.drawing.quantities import listed
from summary.comparison.pairs import whole
from summary.registry import NAMED, found
from summary.vocabulary import Summary

HOW = (
    "Each value is one pair, the target's time less the baseline's for the same prompt: right of the zero line the "
    "target was slower."
)
FIGURES = ("latency_s", "ttft_s")
MOST_BINS = 50


def of_pairs(runs: Sequence[Run]) -> Chart:
    """Return the distribution of the differences of the first run of pairs, and their medians by size of prompt."""
    title = "Target against baseline"
    run = next((run for run in runs if has_sides(run) and found(run.summary, "against.difference")), None)
    connections = found(run.summary, "against.connections") if run else None
    pairs = {column: differences(run.measured, column, connections) for column in FIGURES} if run else {}
    drawn = {column: of_column for column, of_column in pairs.items() if len(of_column)}
    if run is None or not drawn:
        return Chart("differences", title, absent="it needs pairs of calls (--against)")
    figures = [
        each
        for column, of_column in drawn.items()
        for each in (_histogram(run, column, of_column), *_by_size(run, column))
    ]
    return Chart("differences", title, HOW, figures, list(_notes(run, drawn)))


def differences(rows: pd.DataFrame, column: str, connections: str | None) -> np.ndarray:
    """Return the difference within each pair of which both calls succeeded, in seconds.

    connections  warm: only pairs in which neither call opened a connection; cold: only the others; `None`: all
    """
    pairs = whole(rows)
    pairs = pairs.where(~pairs.has_failed)
    if connections:
        pairs = pairs.where(pairs.is_warm if connections == "warm" else ~pairs.is_warm)
    target, baseline = pairs.both(column)
    found_s: np.ndarray = (target - baseline)[~np.isnan(target - baseline)]
    return found_s


def _given(run: Run, column: str) -> Summary:
    return found(run.summary, f"against.difference.{column}") or {}


def _histogram(run: Run, column: str, differences_s: np.ndarray) -> Json:
    values_ms = 1000 * differences_s
    low, high = np.percentile(values_ms, [0.5, 99.5])
    edges = np.linspace(min(low, 0), max(high, 0) + 1e-6, MOST_BINS + 1)
    shares = 100 * np.histogram(np.clip(values_ms, edges[0], edges[-1]), edges)[0] / len(values_ms)
    trace = {
        "type": "scatter", "mode": "lines", "x": listed([edges[0], *edges]), "y": [0, *listed(shares, 3), 0],
        "line": {"color": COLOURS[0], "width": 1.5, "shape": "hv"}, "fill": "tozeroy",
        "fillcolor": faint(COLOURS[0], 0.35), "hovertemplate": "%{x:.2f} ms: %{y:.2f} %<extra></extra>",
    }  # fmt: skip
    marks = list(_marks(_given(run, column)))
    x = {"title": {"text": f"{NAMED[column].title}: target − baseline"}, "ticksuffix": " ms", "rangemode": "normal"}
    y = {"title": {"text": "share of pairs"}, "ticksuffix": " %"}
    layout = {"shapes": [shape for shape, _ in marks], "annotations": [text for _, text in marks if text]}
    return figure([trace], x, y, SMALL_HEIGHT_PX, **layout, showlegend=False)


def _marks(given: Summary) -> Iterator[tuple[Json, Json | None]]:
    """Yield the zero line, and the median with its confidence interval, as far as they are known."""
    yield _line(0, {"color": QUIET, "width": 2}), None
    if interval_s := given.get("median_ci95"):
        low, high = (1000 * end for end in interval_s)
        box = {"type": "rect", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1, "line": {"width": 0}}
        yield {**box, "fillcolor": faint(FAILED, 0.22), "layer": "below"}, None
    if given.get("median") is not None:
        at = 1000 * given["median"]
        text = f"median {quantities.time(given['median'])}{_interval_text(given)}"
        yield _line(at, {"color": FAILED, "width": 1.5}), _label(text)


def _interval_text(given: Summary) -> str:
    if not (ends := given.get("median_ci95")):
        return ""
    return f" (95 % CI {quantities.time(ends[0])} to {quantities.time(ends[1])})"


def _line(at: float, line: Json) -> Json:
    return {"type": "line", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": line}


def _label(text: str) -> Json:
    """Return a line of text above the plot."""
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom"}
    return {"text": text, **place, "showarrow": False}


def _by_size(run: Run, column: str) -> Iterator[Json]:
    """Yield the medians of the thirds of the pairs by the size of their prompt, as the summary has them."""
    thirds = found(run.summary, "against.by_prompt_size") or []
    groups = [
        (each, entry) for each in thirds if (entry := each["difference"].get(column)) and entry["median"] is not None
    ]
    if not groups:
        return
    medians = np.array([1000 * entry["median"] for _, entry in groups])
    low, high = (
        np.array([1000 * (entry["median_ci95"] or (np.nan, np.nan))[end] for _, entry in groups]) for end in (0, 1)
    )
    trace = {
        "type": "scatter", "mode": "markers", "y": [_size(each) for each, _ in groups], "x": listed(medians),
        "error_x": {"type": "data", "array": listed(high - medians), "arrayminus": listed(medians - low), "width": 6},
        "marker": {"size": 10, "color": COLOURS[0]}, "hovertemplate": "%{x:.2f} ms<extra>%{y}</extra>",
    }  # fmt: skip
    title = f"median {NAMED[column].title} difference, 95 % CI"
    x = {"title": {"text": title}, "ticksuffix": " ms", "rangemode": "tozero"}
    y = {"type": "category", "autorange": "reversed", "rangemode": "normal"}
    yield figure([trace], x, y, SMALL_HEIGHT_PX, shapes=[_line(0, {"color": QUIET, "width": 2})], showlegend=False)


def _size(third: Summary) -> str:
    return f"prompts of {third['from']:,} to {third['to']:,}<br>{label(third['unit'])}"


def _notes(run: Run, drawn: dict[str, np.ndarray]) -> Iterator[str]:
    counted = max(len(pairs) for pairs in drawn.values())
    failed = found(run.summary, "against.failed_pairs")
    warm = found(run.summary, "against.connections")
    kind = f"{counted:,} pairs" + (f" on {label(warm)} connections" if warm else "")
    yield kind + (f"; {failed:,} more with a failed call are left out." if failed else ".")
    yield "The shaded band is the median's 95 % confidence interval: if it contains zero, the two can't be told apart."
    yield "The most extreme half per cent on each side is counted in the outermost bins."
