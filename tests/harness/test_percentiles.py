"""One definition of a percentile, in the summary and in everything shown beside it."""

import csv
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.rpc.protocol import Message

import locust_inside
from harness.record.histograms import Histogram, bucket, percentile
from harness.record.locust_csv import LocustCSV
from harness.record.run_histograms import RunHistograms
from harness.watch import llm_tab
from summary.calls import distribution
from tests.harness.test_requests_csv import a_call

WITHIN = 0.005
SHARES = {"median": 0.5, "p95": 0.95, "p99": 0.99}
VALUES = st.lists(st.floats(1e-5, 100), min_size=1, max_size=200)


def drawn(count: int) -> list[float]:
    draw = random.Random(count)
    return [draw.lognormvariate(0, 1) for _ in range(count)]


@given(VALUES, st.floats(0, 1))
def test_without_rounding_it_is_exact(values: list[float], share: float) -> None:
    rounded = [float(f"{value:.3g}") for value in values]
    found = percentile({value: rounded.count(value) for value in rounded}, share)
    assert found == pytest.approx(float(np.percentile(rounded, 100 * share)), rel=1e-9)


@given(VALUES)
def test_a_histograms_percentiles_are_within_half_a_percent_of_the_summarys(values: list[float]) -> None:
    histogram, exact = Histogram(), distribution(np.array(values))
    histogram.add(values)
    for name, share in SHARES.items():
        assert histogram.percentile(share) == pytest.approx(exact[name], rel=WITHIN)
    assert (histogram.smallest, histogram.largest, len(histogram)) == (min(values), max(values), len(values))


@given(st.lists(VALUES, max_size=4))
def test_histograms_of_several_processes_are_merged(parts: list[list[float]]) -> None:
    whole, merged = Histogram(), Histogram()
    for part in parts:
        other = Histogram()
        other.add(part)
        whole.add(part)
        merged.merge(Message.unserialize(Message("stats", other.packed(), "worker").serialize()).data)
    assert (merged.counts, merged.smallest, merged.largest) == (whole.counts, whole.smallest, whole.largest)
    assert merged.total == pytest.approx(whole.total)


def test_without_values_there_is_no_percentile() -> None:
    assert (Histogram().percentile(0.5), percentile({}, 0.99)) == (0.0, 0.0)


@pytest.fixture
def refined(monkeypatch: pytest.MonkeyPatch) -> None:
    import locust.stats

    for name in ("bucket_response_time", "calculate_response_time_percentile"):
        monkeypatch.setattr(locust.stats, name, getattr(locust.stats, name))
    locust_inside.refine_percentiles(bucket, percentile)


@pytest.mark.usefixtures("refined")
@pytest.mark.parametrize("count", [20, 100, 380])
def test_locusts_files_and_pages_agree_with_the_summary(count: int, tmp_path: Path) -> None:
    values, environment = drawn(count), Environment()
    environment.create_local_runner()
    written = LocustCSV(environment, tmp_path / "run", full_history=True)
    for value_s in values:
        environment.stats.log_request("openai", "chat m", 1000 * value_s, 1)  # type: ignore[arg-type]
    written.finish()
    exact_ms = {name: 1000 * value_s for name, value_s in distribution(np.array(values)).items() if name in SHARES}
    with (tmp_path / "run_stats.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[-1]
    page: dict[str, Any] = environment.stats.total.to_dict()
    for found in (
        {"median": row["Median Response Time"], "p95": row["95%"], "p99": row["99%"]},
        {"median": page["median_response_time"], "p95": page["response_time_percentile_0.95"]},
    ):
        for name, value_ms in found.items():
            assert float(value_ms) == pytest.approx(exact_ms[name], rel=WITHIN), name


@pytest.mark.parametrize("count", [20, 100])
def test_the_llm_tab_agrees_in_its_milliseconds_and_its_csv_in_its_seconds(count: int) -> None:
    values, pace = drawn(count), RunHistograms()
    for value_s in values:
        pace.add(a_call(latency_s=value_s, ttft_s=value_s, tpot_s=value_s, gaps_s=[value_s], output_tokens=9))
    [shown] = llm_tab.rows_of(pace)
    [line] = csv.DictReader(io.StringIO(llm_tab.as_csv(pace)))
    exact = distribution(np.array(values))
    for figure in ("ttft", "itl", "tpot"):
        for name, statistic in (("p50", "median"), ("p95", "p95"), ("p99", "p99")):
            assert shown[f"{figure}_{name}_ms"] == pytest.approx(1000 * exact[statistic], rel=WITHIN)
            assert float(line[f"{figure}_s_{name}"]) == pytest.approx(exact[statistic], rel=WITHIN)
    assert llm_tab.TITLES["ttft_p95_ms"] == "TTFT p95 (ms)"
