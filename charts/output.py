"""What the calls brought over time: output tokens per second, and the calls that met the service level."""

from collections.abc import Iterator, Sequence

import numpy as np

from charts.data.run import Run
from charts.data.slices import Slices, counting
from charts.drawing.chart import SMALL_HEIGHT_PX, Chart, Json, colour_of, figure, label
from charts.drawing.quantities import listed
from charts.latencies import counted_in, edges_of, last_end_s, marks, seconds_axis
from summary import calls
from summary.gates.slo import Slo
from summary.goodput import met

HOW_TOKENS = "The tokens of all answers together: a plateau while calls in flight grow is the server's limit."
HOW_GOODPUT = "Where the two lines part, answers came, but too late to meet the service level."


def tokens(runs: Sequence[Run]) -> Chart:
    """Return the output tokens per second, those of each call spread from its first token, or its start, to its end."""
    drawn = [run for run in runs if calls.is_reported(run.successes, "output_tokens")]
    title = "Output tokens per second"
    if not drawn:
        return Chart("tokens", title, absent="no answer said how many tokens it has")
    time = _time(drawn)
    edges_s = [edges_of(run, time) for run in drawn]
    traces = [
        _step(label(run.name) if len(drawn) > 1 else "output tokens", edges, _tokens(run, edges), colour_of(position))
        for position, (run, edges) in enumerate(zip(drawn, edges_s, strict=True))
    ]
    found = _drawn(drawn, traces, "tokens per second", showlegend=len(drawn) > 1)
    spread = "A call's tokens are spread evenly from its first token (not streamed: from its start) to its end."
    return Chart("tokens", title, HOW_TOKENS, [found], [counted_in(time), spread])


def goodput(runs: Sequence[Run]) -> Chart:
    """Return the calls per second that succeeded, and those that met the service level."""
    title = "Goodput"
    levels = [(run, level) for run in runs if (level := run.level) and len(run.successes)]
    if not levels:
        return Chart("goodput", title, absent="it needs what each call should meet (--slo), and a success")
    drawn = [run for run, _ in levels]
    time = _time(drawn)
    traces = [
        trace
        for position, (run, level) in enumerate(levels)
        for trace in _goodput(run, level, time, position, several=len(drawn) > 1)
    ]
    found = _drawn(drawn, traces, "calls per second", showlegend=True)
    text = ", ".join(sorted({label(level.text) for _, level in levels}))
    return Chart("goodput", title, HOW_GOODPUT, [found], [f"Service level: {text}. {counted_in(time)}"])


def _time(runs: Sequence[Run]) -> Slices:
    return counting(max(last_end_s(run.rows) for run in runs), max(len(run.successes) for run in runs))


def _drawn(runs: Sequence[Run], traces: Sequence[Json], title: str, showlegend: bool) -> Json:
    shapes, annotations = marks(runs)
    layout = {"shapes": shapes, "annotations": annotations, "showlegend": showlegend}
    return figure(traces, seconds_axis(runs), {"title": {"text": title}}, SMALL_HEIGHT_PX, **layout)


def _tokens(run: Run, edges_s: np.ndarray) -> np.ndarray:
    """Return the tokens per second in each slice."""
    answers = run.successes[run.successes["output_tokens"].notna()]
    started_s = answers["start_s"].to_numpy(dtype=float)
    ended_s = started_s + answers["latency_s"].to_numpy(dtype=float)
    began_s = started_s + calls.numbers(answers, "ttft_s").fillna(0).to_numpy(dtype=float)
    counts = answers["output_tokens"].to_numpy(dtype=float)
    lasted_s = np.maximum(ended_s - began_s, 1e-9)
    by_edge = [float((counts * np.clip((edge_s - began_s) / lasted_s, 0, 1)).sum()) for edge_s in edges_s]
    rates: np.ndarray = np.diff(by_edge) / np.diff(edges_s)
    return rates


def _goodput(run: Run, level: Slo, time: Slices, position: int, several: bool) -> Iterator[Json]:
    prefix = f"{label(run.name)} " if several else ""
    edges_s = edges_of(run, time)
    good = run.successes[met(level, run.successes)]
    for name, rows, colour, dash in (
        ("succeeded", run.successes, colour_of(position), "dot"),
        ("met the service level", good, colour_of(position) if several else colour_of(2), "solid"),
    ):
        counts, _ = np.histogram(rows["start_s"] + rows["latency_s"], edges_s)
        yield _step(prefix + name, edges_s, counts / np.diff(edges_s), colour, dash)


def _step(name: str, edges_s: np.ndarray, rates: np.ndarray, colour: str, dash: str = "solid") -> Json:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": listed(edges_s),
        "y": listed([*rates, rates[-1]], 3), "line": {"color": colour, "width": 2, "dash": dash, "shape": "hv"},
    }  # fmt: skip
