"""The figures of one call worked out by hand, the run's histograms of them, and the verdict on the client."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import numpy as np
import pytest
from gevent.monkey import get_original
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.rpc.protocol import Message

from harness.cluster.outbox import Outbox
from harness.messages import HISTOGRAMS
from harness.record.client_load import ClientFigures, ClientWatch, lags_of, verdict
from harness.record.run_histograms import RunHistograms
from harness.run.rehearsal import rehearse
from locustfile import harness
from providers.call import Call, Delta, Finish, Part, Usage
from providers.vertex_ai import VertexAI
from summary.vocabulary import CPU_LIMIT, ENOUGH_S, LAG_LIMIT_S
from tests.asking import APIS, Asker, settings_of
from tests.raw_server import serving, silent
from wire.exchange import now

QUICKLY = settings(deadline=None, max_examples=50)
BUCKET_ERROR = 0.005
"""Three significant digits: at most half a percent off."""
SHARES = (0.5, 0.95, 0.99)
NAME = "chat m"


def a_call(*parts: tuple[Part, float | None], **changes: Any) -> Call:
    """A call with these parts, each at its time."""
    usual: dict[str, Any] = {
        "run_id": "r", "request": 1, "provider": "openai", "model": "m", "api": "chat", "mode": "mock",
        "prompt_id": "f#1", "prompt": "p", "timestamp": datetime(2026, 1, 2, tzinfo=UTC), "start_s": 0.0,
        "latency_s": 1.0, "status": 200, "outcome": "ok",
    }  # fmt: skip
    call = Call(**{**usual, **changes})
    for part, at_s in parts:
        call.take(part, at_s)
    call.conclude_pace()
    return call


def figures(call: Call) -> dict[str, float | None]:
    names = ("ttft_s", "ttfv_s", "tpot_s", "itl_mean_s", "itl_max_s", "output_tokens_per_s")
    return {name: value for name in names if (value := getattr(call, name)) is not None}


def test_a_stream_of_four_reads_worked_out_by_hand() -> None:
    call = a_call(
        (Delta("a"), 0.5), (Delta("b"), 0.6), (Delta("c"), 0.9), (Delta("d"), 1.1), (Usage(3, 7), 1.2),
        (Finish("stop"), 1.2),
    )  # fmt: skip
    # Gaps 0.1, 0.3 and 0.2: mean 0.2. Last content 1.1, so 0.6 s for the six tokens after the first: 0.1 s each.
    expected = {
        "ttft_s": 0.5, "ttfv_s": 0.5, "tpot_s": 0.1, "itl_mean_s": 0.2, "itl_max_s": 0.3, "output_tokens_per_s": 10
    }  # fmt: skip
    assert figures(call) == pytest.approx(expected)
    assert call.gaps_s == pytest.approx([0.1, 0.3, 0.2])
    assert (call.input_tokens, call.output_tokens, call.finish_reason) == (3, 7, "stop")


@pytest.mark.parametrize("count", [10**400, 10**300, 1e308, float("inf"), float("nan"), -1, 1.5, "7", True, [7]])
def test_an_impossible_token_count_is_none(count: object) -> None:
    call = a_call((Delta("a"), 0.5), (Delta("b"), 0.75), (Usage(count, count), 1.0))  # type: ignore[arg-type]
    assert (call.input_tokens, call.output_tokens, call.tpot_s) == (None, None, None)


def test_two_deltas_in_one_read_make_no_gap() -> None:
    reads_s = (0.5, 0.6, 0.6, 0.8, 0.8)
    call = a_call(*((Delta("x"), at_s) for at_s in reads_s), (Usage(1, 5), 0.8))
    assert call.gaps_s == pytest.approx([0.1, 0.2])
    assert call.tpot_s == pytest.approx(0.3 / 4)
    assert (call.content_events, call.content_reads) == (5, 3)


def test_an_answer_of_one_read_has_a_first_token_and_no_gap() -> None:
    call = a_call((Delta("a"), 0.5), (Delta("b"), 0.5), (Usage(1, 2), 0.5))
    assert (call.ttft_s, call.ttfv_s, call.gaps_s, call.itl_mean_s) == (0.5, 0.5, [], None)
    assert call.output_tokens_per_s is None


def test_an_empty_text_is_not_content() -> None:
    call = a_call((Delta(""), 0.1), (Delta("a"), 0.5), (Delta("", reasoning=True), 0.6), (Delta("b"), 0.8))
    assert figures(call) == pytest.approx({"ttft_s": 0.5, "ttfv_s": 0.5, "itl_mean_s": 0.3, "itl_max_s": 0.3})


def test_reasoning_is_the_first_token_but_not_the_first_visible() -> None:
    call = a_call((Delta("Hm", True), 0.2), (Delta("m", True), 0.4), (Delta("Hi"), 0.9), (Usage(1, 3, None, 2), 0.9))
    assert (call.ttft_s, call.ttfv_s, call.reasoning_tokens) == (0.2, 0.9, 2)
    assert call.tpot_s == pytest.approx(0.35)


def test_an_answer_that_only_reasons_shows_nothing() -> None:
    call = a_call((Delta("Hm", True), 0.2), (Delta("m", True), 0.4))
    assert (call.ttft_s, call.ttfv_s, call.gaps_s) == (0.2, None, [0.2])


@pytest.mark.parametrize("usage", [Usage(), Usage(5, None), Usage(5, 0), Usage(5, 1)])
def test_without_two_counted_tokens_there_is_no_time_per_token(usage: Usage) -> None:
    call = a_call((Delta("a"), 0.5), (Delta("b"), 0.75), (usage, 1.0))
    assert figures(call) == pytest.approx({"ttft_s": 0.5, "ttfv_s": 0.5, "itl_mean_s": 0.25, "itl_max_s": 0.25})


def test_an_answer_that_comes_whole_has_no_pace() -> None:
    call = a_call((Delta("Hi"), None), (Usage(5, 64), None), (Finish("stop"), None))
    assert (figures(call), call.gaps_s) == ({}, [])
    assert (call.output_tokens, call.finish_reason) == (64, "stop")


def test_a_call_without_content_has_no_pace() -> None:
    assert figures(a_call((Usage(5, 64), 0.5), (Finish("stop"), 0.5))) == {}


def test_the_last_usage_counts() -> None:
    assert a_call((Usage(5, 1), 0.1), (Usage(5, 9, 2, 3), 0.2)).output_tokens == 9


GAPS_S = st.integers(0, 10**9).map(lambda ns: ns / 1e9)
"""Multiples of a clock's nanosecond: half of the smallest float would be 0."""


@QUICKLY
@given(st.lists(st.tuples(GAPS_S, st.text(max_size=1), st.booleans()), max_size=20), st.integers(2, 100))
def test_the_figures_of_any_stream_agree_with_each_other(steps: list[tuple[float, str, bool]], tokens: int) -> None:
    at_s, parts = 0.0, []
    for gap_s, text, reasoning in steps:
        at_s += gap_s
        parts.append((Delta(text, reasoning), at_s))
    call = a_call(*parts, (Usage(1, tokens), at_s))
    contents_s = [when for part, when in parts if part.text]
    if not contents_s:
        assert figures(call) == {}
        return
    assert call.ttft_s == contents_s[0]
    assert call.ttfv_s is None or call.ttft_s <= call.ttfv_s
    assert (call.content_events, call.content_reads) == (len(contents_s), len(set(contents_s)))
    if not call.gaps_s:
        assert set(figures(call)) <= {"ttft_s", "ttfv_s"}
        return
    assert len(call.gaps_s) == len(set(contents_s)) - 1
    assert sum(call.gaps_s) == pytest.approx(contents_s[-1] - contents_s[0])
    assert call.tpot_s == pytest.approx((contents_s[-1] - contents_s[0]) / (tokens - 1))


# The run's histograms


def streamed(*reads_s: float, **changes: Any) -> Call:
    """A good call with content at each of these times and a token for each."""
    return a_call(*((Delta("x"), at_s) for at_s in reads_s), (Usage(1, len(reads_s)), reads_s[-1]), **changes)


def drawn(seed: int, calls: int = 400) -> list[Call]:
    """Calls with a log-normal pace."""
    draw = random.Random(seed)
    made = []
    for number in range(calls):
        reads_s = [draw.lognormvariate(-1, 1)]
        for _ in range(draw.randrange(2, 12)):
            reads_s.append(reads_s[-1] + draw.lognormvariate(-4, 1))
        made.append(streamed(*reads_s, start_s=0.01 * number, latency_s=reads_s[-1] + 0.001))
    return made


def counted(calls: Sequence[Call]) -> RunHistograms:
    pace = RunHistograms()
    for call in calls:
        pace.add(call)
    return pace


@pytest.mark.parametrize("figure", ["ttft_s", "tpot_s"])
@pytest.mark.parametrize("share", SHARES)
def test_percentiles_of_the_histograms_are_exact_to_half_a_percent(figure: str, share: float) -> None:
    calls = drawn(1)
    histogram = counted(calls).of(NAME, figure)
    values = [getattr(call, figure) for call in calls]
    assert len(histogram) == len(calls)
    assert histogram.percentile(share) == pytest.approx(np.percentile(values, 100 * share), rel=BUCKET_ERROR)


def test_the_itl_of_a_run_is_over_every_gap_of_every_call() -> None:
    calls = drawn(2)
    gaps_s = [gap_s for call in calls for gap_s in call.gaps_s]
    itl_s = counted(calls).itl_s()
    assert itl_s is not None
    assert itl_s["gaps"] == sum(itl_s["histogram_ms"].values()) == len(gaps_s)
    for name, share in zip(("median", "p95", "p99"), SHARES, strict=True):
        assert itl_s[name] == pytest.approx(np.percentile(gaps_s, 100 * share), rel=BUCKET_ERROR)
    assert itl_s["avg"] == pytest.approx(sum(gaps_s) / len(gaps_s))
    assert (itl_s["min"], itl_s["max"]) == (pytest.approx(min(gaps_s)), pytest.approx(max(gaps_s)))


@QUICKLY
@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=30))
def test_each_gap_is_in_a_bucket_within_half_a_percent_of_it(gaps_s: list[float]) -> None:
    itl_s = counted([replace(a_call(), gaps_s=gaps_s)]).itl_s()
    assert itl_s is not None
    buckets_s = sorted(float(ms) / 1000 for ms, count in itl_s["histogram_ms"].items() for _ in range(count))
    assert buckets_s == pytest.approx(sorted(gaps_s), rel=BUCKET_ERROR)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_merged_histograms_are_those_of_one_process(parts: int) -> None:
    """As they travel from workers: in several reports, each serialised and packed."""
    calls = drawn(3) + [replace(call, model="other") for call in drawn(4, calls=50)]
    whole, merged = counted(calls), RunHistograms()
    for part in range(parts):
        report = counted(calls[part::parts]).packed()
        merged.merge(Message.unserialize(Message("stats", report, "worker").serialize()).data)
    assert flat(merged) == pytest.approx(flat(whole))
    for name in (NAME, "chat other"):
        for figure in ("latency_s", "ttft_s", "tpot_s", "itl_s"):
            assert merged.of(name, figure).counts == whole.of(name, figure).counts != {}
        assert merged.output_tokens_per_s(name) == pytest.approx(whole.output_tokens_per_s(name)) != 0


def flat(pace: RunHistograms) -> dict[str, float]:
    """The run's inter-token latency, with its histogram's buckets as separate figures."""
    itl_s = pace.itl_s() or {}
    return {**itl_s.pop("histogram_ms"), **itl_s}


def test_what_a_worker_has_sent_it_does_not_send_again() -> None:
    outbox, master = Outbox("run", "worker", now()), RunHistograms()
    for calls in (drawn(5, calls=10), [], [streamed(0.1, 0.2)]):
        report: dict[str, Any] = {}
        for call in calls:
            outbox.keep(call)
        outbox.fill(report, in_flight=0)
        master.merge(report[HISTOGRAMS])
    outbox.close()
    assert len(master.of(NAME, "ttft_s")) == 11


@pytest.mark.parametrize("changes", [{"outcome": "failed"}, {"outcome": "aborted"}, {"phase": "warmup"}], ids=str)
def test_only_measured_successes_count(changes: dict[str, Any]) -> None:
    pace = counted([streamed(0.1, 0.2, **changes)])
    assert (pace.itl_s(), pace.packed()) == (None, RunHistograms().packed())


def test_a_plain_call_leaves_no_pace() -> None:
    pace = counted([a_call((Delta("Hi"), None), (Usage(1, 64), None))])
    assert pace.itl_s() is None
    assert [figure for _, figure, _ in pace.packed()[0]] == ["latency_s"]


def test_tokens_per_second_cover_all_tokens_from_first_start_to_last_end() -> None:
    first = streamed(0.1, 0.2, 0.3, start_s=2.0, latency_s=1.0)
    second = streamed(0.1, 0.2, 0.3, 0.4, 0.5, start_s=2.5, latency_s=3.5)
    assert counted([second, first]).output_tokens_per_s(NAME) == pytest.approx(8 / 4)
    assert RunHistograms().output_tokens_per_s(NAME) == 0


# The verdict on the client


@pytest.mark.parametrize(
    ("lag_p99_s", "cpu_share", "is_ok"),
    [
        (0.0, 0.0, True),
        (LAG_LIMIT_S, CPU_LIMIT, True),
        (LAG_LIMIT_S + 1e-6, 0.0, False),
        (0.0, CPU_LIMIT + 1e-6, False),
        (1.0, 1.0, False),
    ],
)
def test_the_client_is_the_bottleneck_beyond_either_limit(lag_p99_s: float, cpu_share: float, is_ok: bool) -> None:
    assert (verdict(lag_p99_s, cpu_share, observed_s=60) == "ok") is is_ok


@pytest.mark.parametrize(
    ("cpu_share", "observed_s", "is_ok"), [(0.5, 8.0, True), (0.5, 8.3, False), (0.95, 1.0, False), (0.5, 60, False)]
)
def test_a_hiccup_in_a_short_run_is_no_bottleneck(cpu_share: float, observed_s: float, is_ok: bool) -> None:
    """Half a second without a tick would be no hiccup: 61 ms at p99 of 8.3 s."""
    assert (verdict(0.061, cpu_share, observed_s) == "ok") is is_ok


def test_the_cpu_share_of_a_run_that_has_hardly_begun_says_nothing() -> None:
    assert verdict(0.0, 1.0, ENOUGH_S - 0.01) == "ok"
    assert verdict(0.0, 1.0, ENOUGH_S) != "ok"


def test_the_verdict_says_what_was_seen_and_what_to_do() -> None:
    assert verdict(0.084, 0.98, 60) == "the bottleneck (loop lag p99 84 ms, CPU 98 %): use --processes or fewer users"


ALL_ALONG = (0.0, 1e9)


def a_sample(lags_s: Sequence[float] = (), stalls: Sequence[tuple[float, float]] = (), **changes: float) -> Any:
    usual = {"lags_s": list(lags_s), "stalls": list(stalls), "cpu_s": 0.0, "wall_s": 1.0, "late_calls": 0}
    return {**usual, **changes}


def test_the_busiest_process_decides_over_all_of_its_samples() -> None:
    client = ClientFigures()
    client.add("one", a_sample(cpu_s=1.0, wall_s=1.0))
    client.add("one", a_sample(cpu_s=0.2, wall_s=2.0))
    client.add("two", a_sample(cpu_s=1.5, wall_s=3.0))
    concluded = client.conclude(ALL_ALONG)
    assert concluded["cpu_share"] == pytest.approx(0.5)
    assert (concluded["processes"], concluded["verdict"]) == (2, "ok")


def test_the_lag_is_over_the_samples_of_all_processes() -> None:
    client = ClientFigures()
    client.add("one", a_sample([0.001] * 97, late_calls=2, wall_s=60))
    client.add("two", a_sample([0.2, 0.3, 0.4], late_calls=3))
    concluded = client.conclude(ALL_ALONG)
    # 100 samples: rank 0.99 * 99 = 98.01, so 1 % of the way from the 99th, 0.3, to the 100th.
    assert concluded["loop_lag_s"] == pytest.approx({"p50": 0.001, "p99": 0.301, "max": 0.4})
    assert concluded["late_calls"] == 5
    assert concluded["verdict"].startswith("the bottleneck (loop lag p99 301 ms")


def test_a_run_too_short_for_a_sample_blames_nothing() -> None:
    assert ClientFigures().conclude(ALL_ALONG)["verdict"] == "ok"
    client = ClientFigures()
    client.add("here", a_sample(wall_s=0.0))
    assert (client.conclude(ALL_ALONG)["cpu_share"], client.conclude(ALL_ALONG)["verdict"]) == (0.0, "ok")


def test_a_stalled_loop_counts_by_its_share_of_time_not_as_one_tick() -> None:
    """1.5 s of 10 s: 425 ticks on time, and the 75 that should have come in between."""
    client = ClientFigures()
    client.add("here", a_sample([0.0] * 425 + lags_of(1.5)))
    assert client.conclude(ALL_ALONG)["loop_lag_s"]["p99"] == pytest.approx(1.4, abs=0.02)
    assert lags_of(0.05) == pytest.approx([0.05, 0.03, 0.01])
    assert lags_of(0.0) == [0.0]


def test_a_stall_touches_calls_only_between_the_first_start_and_the_last_end() -> None:
    client = ClientFigures()
    client.add("one", a_sample(stalls=[(0.0, 0.9), (1.8, 2.3)]))
    client.add("two", a_sample(stalls=[(5.0, 6.5), (9.0, 9.4)]))
    assert client.conclude((1.0, 8.0))["stalls"] == pytest.approx({"count": 2, "longest_s": 1.5, "total_s": 2.0})
    assert ClientFigures().conclude(ALL_ALONG)["stalls"] == {"count": 0, "longest_s": 0, "total_s": 0}


def test_a_blocked_loop_is_a_stall_even_without_a_later_tick() -> None:
    watch = ClientWatch(now())
    gevent.sleep(0)
    get_original("time", "sleep")(0.3)
    sample = watch.take()
    watch.stop()
    ((began_s, ended_s),) = sample["stalls"]
    assert 0 <= began_s < ended_s
    assert ended_s - began_s >= 0.25
    assert len(sample["lags_s"]) >= 10


# The rehearsal


@pytest.mark.parametrize("stream", [False, True])
def test_the_rehearsal_makes_no_connection(stream: bool) -> None:
    with serving(silent) as server:
        for provider, api in APIS:
            asked = settings_of(provider, server.url, api=api, stream=stream, headers=(("x-mock-status", "500"),))
            assert rehearse(harness.classes[provider].provider, asked)
        assert (server.connections, server.requests) == (0, [])


def test_a_model_that_the_mock_cannot_route_does_not_refuse_a_run() -> None:
    asked = settings_of("vertex-ai", "http://mock.invalid", model="org/name:tuned")
    assert not rehearse(VertexAI, asked)


@pytest.mark.parametrize(("spread_s", "joined"), [(0.0009, (0, 0)), (0.004, (1, 0)), (0.011, (1, 1))])
def test_a_joined_first_read_counts_where_ttft_could_be_much_shorter(spread_s: float, joined: tuple[int, int]) -> None:
    call = a_call()
    for text, at_s in (("one", 0.2), ("two", 0.2), ("three", 0.3)):
        call.take(Delta(text), at_s, spread_s)
    assert (call.joined_reads, call.first_read_joined) == joined


def test_a_call_is_dated_by_the_runs_clock_and_not_by_its_workers() -> None:
    """Failures in a row are found by these times: a worker whose clock was off scattered them."""
    with serving(silent) as server:
        asker = Asker("openai", server.url)
        asker.wait_at_most(0.01)
        asker.session.began_at = began_at = datetime(2020, 1, 2, tzinfo=UTC)
        call = asker.ask()
    assert call.timestamp == began_at + timedelta(seconds=call.start_s)
