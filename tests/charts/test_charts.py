"""The charts themselves: each is a valid figure, and its numbers are the summary's."""

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from charts import capacity, differences, distributions, errors, latencies, load, output, waterfall
from charts.catalogue import charts_of
from charts.data.run import Run, sides_of
from charts.data.slices import counting, sliced, thinned
from charts.drawing.chart import Chart, Json
from charts.drawing.quantities import listed
from summary.confidence import interval
from summary.registry import PERCENTILES
from tests.charts.made import STREAMED, call, failed, run_of

STAGES = [
    {"from_rps": 10.0, "to_rps": 10.0, "duration_s": 10.0},
    {"from_rps": 10.0, "to_rps": 30.0, "duration_s": 10.0},
]
RANDOM = np.random.default_rng(7)


def streams(count: int, per_s: float = 10.0, **cells: Any) -> list[dict[str, Any]]:
    """Return calls with random latencies, one in ten failed."""
    drawn = RANDOM.lognormal(0, 0.4, count).tolist()
    return [
        failed(n, n / per_s, latency_s=0.01, **cells)
        if n % 10 == 9
        else call(n, n / per_s, **{**STREAMED, "latency_s": 0.4 + latency_s, "ttft_s": 0.3 + latency_s / 9, **cells})
        for n, latency_s in enumerate(drawn)
    ]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in two stages, with a warm-up, dropped calls and calls that were cut off."""
    calls = [
        call(1000, 0.0, phase="warmup", **STREAMED),
        *({**each, "stage": 1 + (each["request"] >= 100), "start_lag_s": 0.001} for each in streams(400)),
        call(500, 40.0, outcome="dropped", latency_s=None, status=None, stage=2),
        call(501, 40.1, outcome="aborted", latency_s=None, status=None, stage=2, start_lag_s=0.001),
    ]
    for each in calls:
        if each["latency_s"] is not None and "stage" in each:
            each["latency_from_schedule_s"] = each["latency_s"] + 0.001
    options = {"rate_stages": STAGES, "arrival": "constant", "slo": "latency<2 ttft<0.5"}
    return run_of(tmp_path_factory.mktemp("staged"), calls, options=options)


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of pairs whose target takes 20 ms more, and whose summary says so."""
    calls = [
        {**call(2 * pair + side, pair / 10, **STREAMED), "latency_s": base_s + (0.02 if side else 0.0) + noise_s,
         "input_tokens": 10 + pair, "side": ("baseline", "target")[side], "pair": pair, "order": side}
        for pair, base_s in enumerate(RANDOM.lognormal(0, 0.4, 90).tolist())
        for side, noise_s in enumerate(RANDOM.normal(0, 0.001, 2).tolist())
    ]  # fmt: skip
    run = run_of(tmp_path_factory.mktemp("paired"), calls)
    values = differences.differences(run.measured, "latency_s", "warm")
    given = {"median": float(np.median(values)), "median_ci95": list(interval(values, 0.5) or ())}
    sizes = [
        {"unit": "characters", "from": 10 * size, "to": 10 * size + 9, "pairs": 30, "difference": {"latency_s": given}}
        for size in range(3)
    ]
    against = {
        "pairs": 90, "failed_pairs": 0, "connections": "warm", "difference": {"latency_s": given},
        "by_prompt_size": sizes,
    }  # fmt: skip
    return Run(run.name, {**run.summary, "against": against}, run.rows)


def traces(chart: Chart) -> list[Json]:
    return [trace for figure in chart.figures for trace in figure["data"]]


@pytest.mark.parametrize("of", [["staged"], ["paired"], ["staged", "paired"]], ids=lambda of: " and ".join(of))
def test_every_figure_is_one_that_plotly_knows(of: list[str], request: pytest.FixtureRequest) -> None:
    charts = charts_of([request.getfixturevalue(name) for name in of])
    assert all(bool(chart.figures) != bool(chart.absent) for chart in charts)
    assert all(chart.how_to_read for chart in charts if chart.figures)
    for figure in (figure for chart in charts for figure in chart.figures):
        go.Figure(figure)  # refuses unknown names and impossible values


def test_the_spectrum_passes_through_the_summarys_percentiles(staged: Run) -> None:
    (curve, dots) = traces(distributions.spectrum([staged]))[:2]
    latency = staged.summary["latency_s"]
    expected = [round(latency[name], 3) for name in PERCENTILES if name not in staged.summary["too_few_samples"]]
    expected.append(round(latency["max"], 3))
    assert dots["y"] == expected
    on_curve = dict(zip(curve["x"], curve["y"], strict=True))
    assert [on_curve[x] for x in np.round(np.array(dots["x"]), 6).tolist()] == expected


@pytest.mark.parametrize("samples", [2, 10, 19, 20, 30, 100, 150, 1000])
def test_no_dot_of_the_spectrum_is_beside_its_line(samples: int, tmp_path: Path) -> None:
    calls = [call(n, n / 10, latency_s=latency_s) for n, latency_s in enumerate(RANDOM.lognormal(0, 1, samples))]
    curve, dots = traces(distributions.spectrum([run_of(tmp_path, calls)]))
    on_curve = dict(zip(curve["x"], curve["y"], strict=True))
    assert [on_curve[round(x, 6)] for x in dots["x"]] == dots["y"]
    assert dots["x"] == sorted(set(dots["x"]))


def test_failures_are_never_in_the_spectrum_or_the_histograms(staged: Run) -> None:
    assert min(traces(distributions.spectrum([staged]))[0]["y"]) >= staged.summary["latency_s"]["min"] - 0.001
    for trace in traces(distributions.histograms([staged])):
        assert sum(trace["y"]) == pytest.approx(100, abs=0.1)
    notes = " ".join(distributions.spectrum([staged]).notes)
    assert f"{staged.summary['failure_count']} failed calls are not in these lines" in notes


def test_no_number_on_a_page_is_infinite() -> None:
    assert listed([1.5, 1e308, float("nan"), float("inf")]) == [1.5, None, None, None]


def test_percentiles_that_failures_make_infinite_are_listed(staged: Run) -> None:
    adjusted = {"infinite": ["p95", "p99", "p99_9"]}
    summary = {**staged.summary, "failure_count": 9, "latency_error_adjusted_s": adjusted}
    chart = distributions.spectrum([Run(staged.name, summary, staged.rows)])
    assert chart.notes[-1].endswith("they make p95, p99 and p99.9 infinite.")


def test_calls_in_flight_reach_the_summarys_peak(staged: Run) -> None:
    (trace,) = traces(load.in_flight([staged]))
    assert max(trace["y"]) == staged.summary["peak_in_flight"]


def test_the_peak_stays_when_the_steps_are_thinned(tmp_path: Path) -> None:
    calls = [call(n, n / 50, latency_s=0.5) for n in range(4000)]
    calls += [call(5000 + n, 33.333, latency_s=0.001) for n in range(40)]
    run = run_of(tmp_path, calls)
    assert (
        max(value for trace in traces(load.in_flight([run])) for value in trace["y"]) == run.summary["peak_in_flight"]
    )


def test_the_asked_rate_has_the_corners_of_the_schedule(staged: Run) -> None:
    x, y = load.asked(staged)
    assert y[:3] == [10.0, 10.0, 10.0]
    assert x[1] - x[0] == pytest.approx(10.0)
    assert y[3] == pytest.approx(10 + 20 * (x[3] - x[2]) / 10)


def test_every_failure_is_in_the_chart_of_errors(staged: Run) -> None:
    assert sum(sum(trace["y"]) for trace in traces(errors.by_kind([staged]))) == staged.summary["failure_count"]


def test_a_rate_limit_is_named_with_what_the_server_asked(tmp_path: Path) -> None:
    calls = [failed(n, status=429, error="RateLimitError: slow down") for n in range(3)]
    run = run_of(tmp_path, calls)
    said = Run(run.name, run.summary, run.rows.assign(**{"retry_after_s.said": 2.5}))
    notes = " ".join(errors.by_kind([said]).notes)
    assert "3 were turned away by a rate limit (HTTP 429); Retry-After asked for 2.500 s to 2.500 s" in notes


def test_the_load_has_the_stages_percentiles_and_the_limit(staged: Run) -> None:
    figures = capacity.by_load([staged]).figures
    p95 = next(trace for trace in figures[0]["data"] if trace["name"] == "p95")
    stages = staged.summary["stages"]
    assert p95["y"] == [round(stage["latency_from_schedule_s"]["p95"], 3) for stage in stages]
    assert [shape["y0"] for shape in figures[0]["layout"]["shapes"]] == [2.0]
    assert [text["text"] for text in figures[1]["layout"]["annotations"]] == ["SLO ttft&lt;0.5"]


def test_a_calls_parts_add_up_to_its_latency(staged: Run) -> None:
    row = staged.successes.iloc[0]
    parts = waterfall.parts_of(row)
    assert list(parts) == ["late start", "connect", "send", "to the first byte", "to the first token", "stream"]
    assert sum(parts.values()) == pytest.approx(row["latency_s"] + row["start_lag_s"])
    assert parts["send"] == pytest.approx(0.001)


def test_what_the_server_claims_is_a_row_below_its_call(staged: Run) -> None:
    said = Run(staged.name, staged.summary, staged.rows.assign(**{"upstream_s.said": 0.25, "retry_after_s.said": 9.0}))
    (figure,) = waterfall.of_typical_calls([said]).figures
    assert figure["layout"]["yaxis"]["ticktext"][:3] == ["median call", "↳ upstream", "p95 call"]
    claims = next(trace for trace in figure["data"] if trace["name"] == "the server's own claim")
    assert set(claims["x"]) == {0.25}


def test_warm_up_and_stages_are_marked_and_lost_calls_shown(staged: Run) -> None:
    chart = latencies.latency([staged])
    kinds = [shape["type"] for shape in chart.figures[0]["layout"]["shapes"]]
    assert kinds == ["rect", "line", "line"]
    assert {"warm-up", "failed", "dropped, never sent", "cut off"} <= {trace["name"] for trace in traces(chart)}


def test_differences_stand_beside_zero_and_by_size_of_prompt(paired: Run) -> None:
    histogram, sizes = differences.of_pairs([paired]).figures[:2]
    median_ms = 1000 * paired.summary["against"]["difference"]["latency_s"]["median"]
    assert [shape["x0"] for shape in histogram["layout"]["shapes"]][::2] == [0, median_ms]
    assert sizes["data"][0]["x"] == [round(median_ms, 6)] * 3
    assert median_ms == pytest.approx(20, abs=2)


def test_pairs_with_a_failed_call_are_not_said_to_be_among_those_drawn(paired: Run) -> None:
    against = {**paired.summary["against"], "failed_pairs": 13}
    chart = differences.of_pairs([Run(paired.name, {**paired.summary, "against": against}, paired.rows)])
    assert chart.notes[0] == "90 pairs on warm connections; 13 more with a failed call are left out."


def test_pairs_on_new_connections_are_counted_apart(paired: Run) -> None:
    rows = paired.rows.assign(connection=np.where(paired.rows["pair"] < 10, "new", "reused"))
    counted = {kind: len(differences.differences(rows, "latency_s", kind)) for kind in ("warm", "cold", None)}
    assert counted == {"warm": 80, "cold": 10, None: 90}


def test_the_sides_of_a_pair_are_drawn_apart(paired: Run) -> None:
    names = {trace["name"] for trace in traces(latencies.latency(sides_of([paired])))}
    assert {"target succeeded", "baseline succeeded"} <= names


def test_thinning_keeps_the_extremes_of_each_moment() -> None:
    at_s, values = np.sort(RANDOM.uniform(0, 100, 50_000)), RANDOM.lognormal(0, 1, 50_000)
    kept = thinned(at_s, values, 2000)
    assert len(kept) <= 2000
    assert {values.argmin(), values.argmax()} <= set(kept)
    assert list(thinned(at_s[:50], values[:50], 2000)) == list(range(50))


def test_slices_are_round_and_cover_the_run() -> None:
    time = sliced(0, 37.2, 400)
    assert time.length_s == 2.0
    assert time.edges_s[0] <= 0
    assert time.edges_s[-1] >= 37.2


@pytest.mark.parametrize(("calls", "every_s"), [(1, 1.0), (2, 1.0), (20, 0.17), (20, 1.1), (400, 0.1)])
def test_rates_over_time_have_the_runs_own_rate_as_their_mean(calls: int, every_s: float, tmp_path: Path) -> None:
    run = run_of(
        tmp_path, [call(n, 0.3 + n * every_s, latency_s=0.2) for n in range(calls)], options={"slo": "latency<1"}
    )
    for trace in traces(load.rates([run])) + traces(output.goodput([run])):
        counted = sum(rate * width_s for rate, width_s in zip(trace["y"], np.diff(trace["x"]), strict=False))
        assert counted == pytest.approx(calls, rel=0.01)
        assert max(trace["y"]) <= 2.5 * calls / run.summary["total_execution_time_s"]


def test_output_over_time_has_every_token(staged: Run) -> None:
    (trace,) = traces(output.tokens([staged]))
    drawn = sum(rate * width_s for rate, width_s in zip(trace["y"], np.diff(trace["x"]), strict=False))
    assert drawn == pytest.approx(staged.successes["output_tokens"].sum(), rel=0.001)


def test_a_short_runs_rates_have_several_slices() -> None:
    time = counting(3.43, 20)
    assert time.length_s == 1.0
    assert list(time.cut(0.02, 3.43)) == [0.02, 1.0, 2.0, 3.43]
    assert counting(37.2, 400).length_s == sliced(0, 37.2, 400).length_s
