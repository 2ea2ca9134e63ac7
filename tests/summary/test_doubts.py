"""Runs that must not be believed, and runs that must: from their rows to their verdict and their gates."""

from typing import Any

import numpy as np
import pytest

from harness.record.requests_csv import COLUMNS
from summary.figures import summarise
from summary.gates.gate import parse
from summary.gates.junit import as_junit
from summary.gates.verdict import judge
from summary.registry import NAMED, OF_CALLS, Need
from summary.render.render import as_table
from summary.rows.rows import frame
from summary.validity.client import FIRSTS, GAPS
from summary.validity.finding import titles
from summary.vocabulary import READS

OLDER = (
    "request", "timestamp", "start_s", "latency_s", "response_bytes", "status", "outcome", "error", "prompt", "phase",
)  # fmt: skip
"""The columns of a version that knew less of a call."""


def needing(option: Need) -> set[str]:
    """The figures of calls that only such a run has."""
    return {name for name in OF_CALLS if NAMED[name].needs == option}


OPEN = needing("--rate") | {"stage"}
STREAM = needing("--stream") | {"content_reads", "joined_reads", "first_read_joined", "output_tokens"}
QUIET = {
    "verdict": "ok", "loop_lag_s": {"p50": 0.0005, "p99": 0.006, "max": 0.05}, "cpu_share": 0.3, "processes": 1,
    "observed_s": 20.0, "stalls": {"count": 0, "longest_s": 0.0, "total_s": 0.0}, "late_calls": 0,
}  # fmt: skip


def a_row(number: int, **cells: Any) -> list[str]:
    """The row of a stream of 61 tokens, the first after 100 ms and then one every 10 ms, scheduled at ten calls per
    second."""
    usual = {
        "request": number, "timestamp": f"2026-01-01T00:{number // 600:02}:{number % 600 / 10:06.3f}Z",
        "start_s": number / 10, "latency_s": 0.702, "response_bytes": 10, "status": 200, "outcome": "ok", "error": "",
        "prompt": f"p{number}", "phase": "measured", "finish_reason": "stop", "output_tokens": 61,
        "reasoning_tokens": 0, "connection": "reused", "ttft_s": 0.102, "ttfv_s": 0.102, "tpot_s": 0.01,
        "itl_mean_s": 0.01, "lag_s": 0.002, "start_lag_s": 0.001, "latency_from_schedule_s": 0.703, "stage": 1,
        "content_events": 61, "content_reads": 61, "joined_reads": 0, "first_read_joined": 0,
        "send_s": 0.001,
    }  # fmt: skip
    others = {name: 0.001 if NAMED[name].kind == "time" else 1 for name in OF_CALLS}
    return [str({**others, **usual, **cells}.get(name, "")) for name in COLUMNS]


def closed(number: int, **cells: Any) -> list[str]:
    return a_row(number, **dict.fromkeys(OPEN, ""), **cells)


def plain(number: int, **cells: Any) -> list[str]:
    """The row of a call that is not streamed, in an open loop."""
    return a_row(number, **{**dict.fromkeys(STREAM, ""), "content_events": 1, **cells})


def summary_of(rows: list[list[str]], client: dict[str, Any] | None = None, **observed: Any) -> dict[str, Any]:
    known = {"client": QUIET if client is None else {**QUIET, **client}, "lost": {"calls": 0, "workers": 0}}
    return summarise(
        frame(COLUMNS, rows), {"stream": True}, {**known, "itl_s": {"p99": 0.02, "gaps": 9000}, **observed}
    )


def shown(summary: dict[str, Any]) -> str:
    """The tables as one line, without box-drawing characters."""
    return " ".join(as_table(summary).replace("│", " ").split())


def doubts(summary: dict[str, Any], *kinds: str) -> list[str]:
    """Return the findings of these kinds that count against a run."""
    findings = summary["verdict"]["findings"]
    return [finding["about"] for finding in findings if not finding["ok"] and finding["kind"] in kinds]


def assert_doubted(summary: dict[str, Any], about: list[str], touched: set[str]) -> None:
    assert not summary["verdict"]["believable"]
    assert doubts(summary, "client", "run") == about
    touches = {figure for finding in summary["verdict"]["findings"] for figure in finding["touches"]}
    assert touched <= touches


def test_a_quiet_run_is_believed() -> None:
    for kind in (a_row, closed, plain):
        summary = summary_of([kind(number) for number in range(400)])
        assert summary["verdict"]["believable"], summary["verdict"]
        assert doubts(summary, "client", "run", "server", "samples") == []


def test_a_client_frozen_in_an_open_loop_is_doubted() -> None:
    """1.5 s of 20: 15 of 200 calls start up to 1.5 s late, though no answer took over 23 ms."""
    frozen = [plain(number, start_lag_s=1.4 - 0.1 * (number - 50), latency_s=0.023,
                    latency_from_schedule_s=1.4 - 0.1 * (number - 50) + 0.023) for number in range(50, 64)]  # fmt: skip
    quick = [plain(number, latency_s=0.02, latency_from_schedule_s=0.021) for number in [*range(50), *range(64, 200)]]
    stalls = {"count": 1, "longest_s": 1.5, "total_s": 1.5}
    summary = summary_of(quick + frozen, {"stalls": stalls}, itl_s=None)
    assert_doubted(summary, ["stalls", "starts"], {"latency_from_schedule_s"})
    # The rows alone show it, too: a file of an older version, or one whose summary is lost.
    assert_doubted(summary_of(quick + frozen, itl_s=None), ["starts"], {"latency_from_schedule_s"})


def test_many_streams_on_a_busy_process_are_doubted() -> None:
    """As 200 streams were: a third of the calls late, half of them with joined reads, some from the first on."""
    rows = [
        closed(number, lag_s=0.03 if number % 3 == 0 else 0.004, joined_reads=number % 2 * 7,
               first_read_joined=int(number % 12 == 1))
        for number in range(600)
    ]  # fmt: skip
    summary = summary_of(rows, {"cpu_share": 0.8})
    assert_doubted(summary, ["joined reads"], {"ttft_s", "ttfv_s", "tpot_s", "itl_s"})
    assert (
        f"p95 and p99 of {titles((*FIRSTS, *GAPS))} are doubtful: late reads joined 8 % of the first tokens"
        in shown(summary)
    )


def test_late_packets_of_an_older_run_are_doubted() -> None:
    """That version did not look for tokens joined by a late read."""
    unknown = {"joined_reads": "", "first_read_joined": ""}
    rows = [closed(number, lag_s=0.03 if number % 3 == 0 else 0.004, **unknown) for number in range(600)]
    assert_doubted(summary_of(rows), ["packets"], {"ttft_s", "ttfv_s", "tpot_s", "itl_s"})


def test_joined_reads_alone_are_doubted() -> None:
    """A read can join ten tokens and hardly be late: the gaps are gone all the same."""
    rows = [closed(number, lag_s=0.004, joined_reads=number % 2 * 3) for number in range(600)]
    assert_doubted(summary_of(rows), ["joined reads"], {"itl_s"})


def test_late_packets_that_joined_nothing_raise_no_doubt() -> None:
    """The kernel stamped them as they came."""
    rows = [closed(number, lag_s=0.02 if number % 25 == 0 else 0.004) for number in range(600)]
    assert summary_of(rows)["verdict"]["believable"]


def test_a_busy_open_loop_is_doubted() -> None:
    """As with --rate 250: 9 % of the calls late, while latency and rate were right."""
    rows = [a_row(number, lag_s=0.0135 if number % 11 == 0 else 0.006, joined_reads=2) for number in range(1500)]
    assert_doubted(summary_of(rows, {"cpu_share": 0.81}), ["joined reads"], {"itl_s"})


def test_a_worker_that_was_stopped_is_doubted() -> None:
    """8 s of one of two workers, in 30 s: its heartbeat shows it, whatever happened to its calls."""
    stalls = {"count": 1, "longest_s": 8.0, "total_s": 8.0}
    summary = summary_of([closed(number) for number in range(300)], {"processes": 2, "stalls": stalls})
    assert_doubted(summary, ["stalls"], {"ttft_s", "throughput_rps"})


def test_a_run_that_ended_early_and_one_with_refused_rows_are_doubted() -> None:
    rows = [closed(number) for number in range(12)]
    assert_doubted(summary_of(rows, ended={"early": True, "why": "all workers died"}), ["end"], {"total_requests"})
    assert_doubted(summary_of(rows, lost={"calls": 0, "workers": 0, "refused_rows": 2}), ["workers"], {"latency_s"})


@pytest.mark.parametrize(
    "failed",
    [
        {"error": "APIConnectionError: Connection error.", "error_reason": "too many open files"},
        {"error": "APIConnectionError: Connection error. (Too many open files)", "error_reason": ""},
        {"error": "KeyError: 'choices'", "error_reason": ""},
    ],
    ids=["named by the wire", "named in the text", "a bug"],
)
def test_the_clients_own_failures_are_doubted(failed: dict[str, str]) -> None:
    rows = [closed(number) for number in range(199)] + [closed(199, outcome="failed", status="", **failed)]
    summary = summary_of(rows)
    assert_doubted(summary, ["failures"], {"error_rate", "failure_count"})
    assert summary["own_failures"][0]["count"] == 1
    reason = judge(parse("error_rate>0.1%"), summary).reason
    assert reason == "error_rate is 0.5 % (200 samples) (the client itself failed in 1 call)"


def test_a_slow_machines_short_run_is_believed() -> None:
    """One hiccup of 60 ms: two calls with a late packet, two that started late, three late ticks."""
    lag = {"loop_lag_s": {"p50": 0.001, "p99": 0.045, "max": 0.06}, "observed_s": 3.0}
    for count in (20, 40):
        late = [a_row(number, lag_s=0.05, joined_reads=1, start_lag_s=0.05) for number in range(2)]
        summary = summary_of(late + [a_row(number) for number in range(2, count)], lag)
        assert summary["verdict"]["believable"], summary["verdict"]
        assert not summary["verdict"]["enough_samples"]


def test_streams_in_one_piece_are_named_and_have_no_pace() -> None:
    nothing = {"tpot_s": "", "itl_mean_s": "", "content_reads": 1}
    summary = summary_of([closed(number, **nothing) for number in range(400)], itl_s=None)
    assert doubts(summary, "server") == ["buffering"]
    assert summary["verdict"]["believable"]
    assert (summary["reads"]["one_piece"], summary["reads"]["unpaced"]) == (400, 400)
    found = judge(parse("tpot_p95>1"), summary)
    assert (found.breached, found.reason) == (True, "tpot_p95 was not observed")
    assert "400 of 400 streams came in one piece" in shown(summary)


@pytest.mark.parametrize(
    ("cells", "pieces"),
    [
        ({"content_events": 1, "content_reads": 1, "output_tokens": 1}, (0, 0)),
        ({"content_events": 1, "content_reads": 1, "output_tokens": 200, "itl_mean_s": ""}, (1, 1)),
        ({"content_events": 1, "content_reads": 1, "output_tokens": 200, "reasoning_tokens": 199}, (0, 0)),
        ({"content_events": 9, "content_reads": 1, "output_tokens": "", "itl_mean_s": ""}, (1, 1)),
        ({"content_events": 9, "content_reads": 2, "itl_mean_s": ""}, (0, 1)),
        ({"content_events": 9, "content_reads": 1, "joined_reads": 1, "itl_mean_s": ""}, (0, 0)),
        ({"content_events": 61, "content_reads": 1, "joined_reads": 1, "itl_mean_s": "", "lag_s": 0.004}, (1, 1)),
        ({"content_events": 9, "content_reads": 9}, (0, 0)),
    ],
    ids=[
        "one token",
        "a whole answer as one event",
        "hidden reasoning",
        "one read",
        "two reads",
        "read late",
        "read late by less than a server takes",
        "paced",
    ],
)
def test_a_stream_came_in_one_piece_if_it_could_have_come_in_several(
    cells: dict[str, Any], pieces: tuple[int, int]
) -> None:
    reads = summary_of([closed(0, **cells)])["reads"]
    assert (reads["one_piece"], reads["unpaced"]) == pieces


def test_a_proxy_that_buffers_is_not_taken_for_a_late_client() -> None:
    joined = {"content_reads": 1, "joined_reads": 1, "first_read_joined": 1, "joined_events": 61, "lag_s": 0.0115}
    held = {**joined, "tpot_s": "", "itl_mean_s": ""}
    for paced_count in (0, 130):
        paced = [closed(number, joined_events=0) for number in range(paced_count)]
        summary = summary_of([*paced, *(closed(number, **held) for number in range(paced_count, 200))])
        assert (doubts(summary, "server"), doubts(summary, "client")) == (["buffering"], [])
        assert f"{200 - paced_count} of 200 streams came in one piece" in shown(summary)
        assert [summary["reads"][name] for name in ("joined_reads", "joined_events", "joined_firsts")] == [0, 0, 0]


def test_answers_without_content_are_counted() -> None:
    rows = [plain(number, content_events=int(number > 2)) for number in range(200)]
    rows.append(plain(200, outcome="failed", content_events=0, error="E: x"))
    summary = summary_of(rows)
    assert summary["no_content_count"] == 3
    assert doubts(summary, "server") == ["answers"]
    assert summary["verdict"]["believable"]


def test_finish_reasons_are_counted_over_the_successes() -> None:
    rows = [plain(number, finish_reason="length" if number < 2 else "stop") for number in range(200)]
    rows.append(plain(200, outcome="failed", finish_reason="error", error="E: x"))
    summary = summary_of(rows)
    assert summary["finish_reasons"] == {"stop": 198, "length": 2}
    assert "finish reasons 198 stop, 2 length" in shown(summary)
    assert doubts(summary, "server") == []


@pytest.mark.parametrize(("reason", "is_said"), [("stop", False), ("END_TURN", False), ("length", True), ("", False)])
def test_one_ordinary_finish_reason_is_not_worth_a_line(reason: str, is_said: bool) -> None:
    assert ("finish reasons" in shown(summary_of([plain(0, finish_reason=reason)]))) is is_said


def test_the_rarest_of_many_finish_reasons_are_counted_together() -> None:
    reasons = summary_of([plain(number, finish_reason=f"r{number}" if number > 9 else "stop") for number in range(99)])
    assert (len(reasons["finish_reasons"]), sum(reasons["finish_reasons"].values())) == (21, 99)
    assert reasons["finish_reasons"]["stop"] == 10


def test_an_older_runs_rows_are_read_without_what_they_lack() -> None:
    rows = frame(OLDER, [[row[COLUMNS.index(name)] for name in OLDER] for row in map(closed, range(200))])
    summary = summarise(rows, {}, {"client": {"verdict": "ok", "loop_lag_s": {"p99": 0.001}, "cpu_share": 0.1}})
    assert summary["reads"] == dict.fromkeys(READS)
    assert (summary["finish_reasons"], summary["no_content_count"], summary["ended"]) == (None, None, None)
    assert (summary["failures"], summary["own_failures"], summary["outages"]) == ([], [], [])
    assert summary["verdict"]["believable"]
    as_table(summary)


# Gates

LATE = "(the client itself was late: 31 % of the first tokens)"


@pytest.mark.parametrize(
    ("gate", "breached", "reason"),
    [
        ("ttft_p99>0.1", True, f"ttft_p99 is 102 ms (600 samples) {LATE}"),
        ("ttft_p99>9", False, f"ttft_p99 is 102 ms (600 samples) {LATE}"),
        ("p99>9", False, "p99 is 702 ms (600 samples)"),
        ("error_rate>1%", False, "error_rate is 0 % (600 samples)"),
    ],
)  # fmt: skip
def test_a_gate_whose_figure_the_client_affected_says_so(gate: str, breached: bool, reason: str) -> None:
    rows = [
        closed(number, joined_reads=int(number < 186), first_read_joined=int(number < 186)) for number in range(600)
    ]
    judged = summarise(frame(COLUMNS, rows), {}, {"client": QUIET}, gates=[parse(gate)])
    assert (judged["gates"][0]["breached"], judged["gates"][0]["reason"]) == (breached, reason)
    assert reason in shown(judged)
    assert reason in as_junit(judged)


def test_several_doubts_are_in_one_reservation() -> None:
    rows = [closed(number, joined_reads=3) for number in range(100)]
    stalls = {"count": 1, "longest_s": 1.5, "total_s": 1.5}
    reason = judge(parse("itl_p99>1"), summary_of(rows, {"stalls": stalls})).reason
    assert reason.endswith("(the client itself stood still for 1.5 s; was late: 5 % of the reads)")


def test_a_gate_is_not_excused_by_what_the_server_did() -> None:
    rows = [closed(number, connection="new") for number in range(200)]
    summary = summary_of(rows)
    assert doubts(summary, "server") == ["connections"]
    assert judge(parse("p99>9"), summary).reason == "p99 is 702 ms (200 samples)"


# What is in flight


@pytest.mark.parametrize("seed", range(5))
def test_the_peak_in_flight_is_what_counting_by_hand_gives(seed: int) -> None:
    random = np.random.default_rng(seed)
    spans = [(float(start), float(length)) for start, length in random.integers(1, 20, (30, 2))]
    rows = [closed(number, start_s=start, latency_s=length) for number, (start, length) in enumerate(spans)]
    by_hand = max(sum(start <= at < start + length for start, length in spans) for at, _ in spans)
    assert summary_of(rows)["peak_in_flight"] == by_hand


def test_a_call_that_never_ended_was_in_flight_to_the_end() -> None:
    rows = [
        closed(0, outcome="aborted", latency_s=""),
        closed(1, start_s=5),
        closed(2, start_s=9),
        closed(3, outcome="dropped"),
    ]
    assert summary_of(rows)["peak_in_flight"] == 2
    assert summary_of([])["peak_in_flight"] == 0
