"""Whether a run can be believed: each finding, at its limit and one step beyond."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers

from summary.render.render import as_table
from summary.validity.verdict import verdict_on

CLIENT = {
    "verdict": "ok", "loop_lag_s": {"p50": 0.0, "p99": 0.0042, "max": 0.09}, "cpu_share": 0.317, "processes": 1,
    "observed_s": 100.0, "stalls": {"count": 0, "longest_s": 0.0, "total_s": 0.0},
}  # fmt: skip
BUSY = {**CLIENT, "verdict": "the bottleneck (…)", "loop_lag_s": {"p99": 0.0612}, "cpu_share": 0.952}
TIMES = {"p99": 0.1, "samples": 200}
STREAMED = {"ttft_s": TIMES, "ttfv_s": TIMES, "tpot_s": TIMES, "itl_s": TIMES}


def a_summary(**changes: Any) -> dict[str, Any]:
    usual = {
        "total_requests": 200, "success_count": 200, "failure_count": 0, "aborted_count": 0,
        "too_few_samples": ["p99_9"],
        "lost": {"calls": 0, "workers": 0}, "client": {**CLIENT, "new_connections": 20}, "latency_s": TIMES,
        "throughput_rps": 1.0,
    }  # fmt: skip
    return {**usual, **changes}


def schedule(asked_rps: float | None, delivered_rps: float | None, late: int = 0, dropped: int = 0) -> dict[str, Any]:
    counts = {"late_count": late, "dropped_count": dropped}
    return {"asked_rps": asked_rps, "delivered_rps": delivered_rps, **counts}


def client(**changes: Any) -> dict[str, Any]:
    return {"client": {**CLIENT, "new_connections": 0, **changes}}


def stalls(count: int, longest_s: float, total_s: float, **changes: Any) -> dict[str, Any]:
    return client(stalls={"count": count, "longest_s": longest_s, "total_s": total_s}, **changes)


def packets(late: int, stamped: int = 200, **changes: Any) -> dict[str, Any]:
    return {"reads": {"stamped": stamped, "late": late}, **STREAMED, **changes}


def streams(
    joined: int = 0, firsts: int = 0, one_piece: int = 0, unpaced: int = 0, late: int = 0, of: int = 12_000
) -> dict[str, Any]:
    reads = {
        "stamped": 200, "late": late, "streams": 200, "joined_firsts": firsts, "content_reads": of,
        "joined_reads": joined, "one_piece": one_piece, "unpaced": unpaced,
    }  # fmt: skip
    return {"reads": reads, **STREAMED}


def starts(late: int, p99_s: float, whole_p99_s: float = 1.0, **changes: Any) -> dict[str, Any]:
    from_schedule = {"latency_from_schedule_s": {"p99": whole_p99_s}}
    return {"start_lag_s": {"p99": p99_s, "samples": 200}, "late_count": late, **from_schedule, **changes}


def lost(**changes: int) -> dict[str, Any]:
    return {"lost": {"calls": 0, "workers": 0, **changes}}


def own(**counts: int) -> dict[str, Any]:
    errors = [{"error": name.replace("_", " "), "count": count} for name, count in counts.items()]
    return {"own_failures": errors, "failure_count": 9}


SOUND = {"unreadable": 0, "double_numbers": 0, "missing_numbers": 0, "unknown_outcomes": 0, "runs": 1, "differs": []}
DAMAGED = {**SOUND, "unreadable": 2, "runs": 2, "differs": ["success_count", "total_bytes"]}
OUTAGE = {"start": "2026-01-01T00:00:10.000Z", "end": "2026-01-01T00:00:12.000Z", "count": 40}


@pytest.mark.parametrize(
    ("about", "kind", "ok", "changes", "says"),
    [
        ("samples", "samples", True, {"success_count": 400}, "400 successes, enough for p95 and p99"),
        ("samples", "samples", True, {}, "200 successes, enough for p95 and p99; an interval of p99 needs 368"),
        (
            "samples", "samples", True, {"success_count": 400, "tpot_s": {"samples": 5}},
            "400 successes, enough for p95 and p99; TPOT has only 5",
        ),
        (
            "samples", "samples", True,
            {"success_count": 400, "stages": [{"stage": number, "too_few_samples": ["p99"]} for number in (1, 3)]},
            "400 successes, enough for p95 and p99; too few in stages 1, 3",
        ),
        (
            "samples", "samples", False, {"success_count": 99, "too_few_samples": ["p99"]},
            "99 successes are too few: p99 needs 100",
        ),
        (
            "samples", "samples", False, {"success_count": 19, "too_few_samples": ["p95", "p99"]},
            "19 successes are too few: p95 needs 20, p99 needs 100",
        ),
        (
            "samples", "samples", False, {"success_count": 0, "too_few_samples": ["p95", "p99"]},
            "no call succeeded: there is no latency to report",
        ),
        (
            "samples", "run", False, {"total_requests": 0, "success_count": 0},
            "no call was made: there is nothing to measure",
        ),
        ("client", "client", True, {}, "kept up: loop lag p99 4 ms, CPU 32 % of a core"),
        (
            "client", "client", False, {"client": BUSY},
            "was the bottleneck: loop lag p99 61 ms, CPU 95 % of a core; use --processes or fewer users",
        ),
        (
            "client", "client", True, {"client": {**BUSY, "verdict": "ok", "cpu_share": 0.5, "observed_s": 8.0}},
            "kept up, except for a hiccup: loop lag p99 61 ms, CPU 50 % of a core",
        ),
        ("client", "run", False, {"client": None}, "unknown: the run was cut off"),
        ("stalls", "client", True, stalls(1, 0.49, 0.49), "the client stood still for 0.49 s"),
        ("stalls", "client", False, stalls(1, 0.5, 0.5), "the client stood still for 0.5 s"),
        (
            "stalls", "client", True, stalls(10, 0.1, 1.0),
            "the client stood still 10 times, for 1 s in all, 0.1 s at most",
        ),
        (
            "stalls", "client", False, stalls(11, 0.1, 1.1),
            "the client stood still 11 times, for 1.1 s in all, 0.1 s at most",
        ),
        ("stalls", "client", True, stalls(4, 0.12, 0.48, observed_s=2.0),
         "the client stood still 4 times, for 0.48 s in all, 0.12 s at most"),
        ("packets", "client", True, packets(2), "1 % of the calls had packets read over 10 ms late"),
        (
            "packets", "client", False, packets(3),
            "p99 of TTFT, TTFV, TPOT and ITL is doubtful: 2 % of the calls had packets read over 10 ms late; "
            "use --processes or fewer users",
        ),
        (
            "packets", "client", False, packets(62),
            "p95 and p99 of TTFT, TTFV, TPOT and ITL are doubtful: 31 % of the calls had packets read over 10 ms late; "
            "use --processes or fewer users",
        ),
        ("packets", "client", True, {"reads": {"stamped": 200, "late": 10}},
         "5 % of the calls had packets read over 10 ms late"),
        (
            "packets", "client", False, {"reads": {"stamped": 200, "late": 11}},
            "throughput is doubtful: 6 % of the calls had packets read over 10 ms late; use --processes or fewer users",
        ),
        (
            "packets", "client", False, {**client(loop_lag_s={"p99": 0.012}), **STREAMED, "ttft_s": {"p99": 0.13}},
            "p99 of latency, TTFV, TPOT and ITL is doubtful: "
            "arrivals are not stamped here, and the loop was late by 12 ms at p99; "
            "use --processes or fewer users",
        ),
        ("packets", "client", True, streams(late=200), "100 % of the calls had packets read over 10 ms late: "
         "their times are the kernel's, so this alone affects no figure"),
        ("sends", "client", True, {"reads": {"late_sends": 1}}, "0.5 % of the requests were sent over 10 ms late"),
        (
            "sends", "client", False, {**streams(), "reads": streams()["reads"] | {"late_sends": 4}},
            "p99 of latency, TTFT and TTFV is doubtful: 2 % of the requests were sent over 10 ms late; "
            "use --processes or fewer users",
        ),
        (
            "joined reads", "client", False,
            {**streams(), "reads": streams(joined=60)["reads"] | {"joined_events": 300, "content_events": 12_000}},
            "p99 of ITL is doubtful: late reads joined 0 % of the first tokens, and 2 % of all tokens, with others; "
            "use --processes or fewer users",
        ),
        ("joined reads", "client", True,
         {**streams(), "reads": streams(joined=60)["reads"] | {"joined_firsts": None, "joined_events": 300}},
         "late reads joined 0.5 % of all reads, with others"),
        ("joined reads", "client", True, streams(joined=60, firsts=2),
         "late reads joined 1 % of the first tokens, and 0.5 % of all reads, with others"),
        (
            "joined reads", "client", False, streams(joined=80, firsts=80),
            "p95 and p99 of TTFT, TTFV and TPOT are doubtful: "
            "late reads joined 40 % of the first tokens, and 0.7 % of all reads, "
            "with others; use --processes or fewer users",
        ),
        (
            "joined reads", "client", False, streams(joined=130),
            "p99 of ITL is doubtful: late reads joined 0 % of the first tokens, and 1 % of all reads, with others; "
            "use --processes or fewer users",
        ),
        ("starts", "client", True, starts(2, 0.9), "1 % of the calls started over 10 ms late (p99 900 ms)"),
        ("starts", "client", True, starts(200, 0.1), "100 % of the calls started over 10 ms late (p99 100 ms)"),
        (
            "starts", "client", False, starts(24, 0.11),
            "p95 and p99 of latency from schedule are doubtful: "
            "12 % of the calls started over 10 ms late (p99 110 ms); "
            "use --processes or fewer users",
        ),
        (
            "starts", "run", False, starts(3, 0.9, options={"num_users": 5}, peak_in_flight=5),
            "p99 of latency from schedule is doubtful: 2 % of the calls started over 10 ms late (p99 900 ms): "
            "all users were busy; use more (-u)",
        ),
        ("failures", "client", False, own(KeyError=1), "1 of 9 are the client's own: KeyError"),
        (
            "failures", "client", False, own(too_many_open_files=6, TypeError=1),
            "7 of 9 are the client's own: too many open files and TypeError (raise ulimit -n)",
        ),
        ("end", "run", False, {"ended": {"early": True, "why": "all workers died"}},
         "the run ended early: all workers died"),
        ("rate", "run", True, schedule(50, 49, late=3), "50/s asked, 49/s delivered; 3 late, 0 dropped"),
        (
            "rate", "run", True, {**schedule(20, 16.9), "drawn_rps": 17.0},
            "20/s asked, 17/s drawn, 16.9/s delivered; 0 late, 0 dropped",
        ),
        (
            "rate", "run", False, {**schedule(20, 20.0), "drawn_rps": 22.0},
            "20/s asked, 22/s drawn, 20/s delivered; 0 late, 0 dropped: 9.091 % short; "
            "use more users (-u) or --processes",
        ),
        (
            "rate", "run", False, schedule(50, 48.9, late=3, dropped=1),
            "50/s asked, 48.9/s delivered; 3 late, 1 dropped: 2.2 % short; use more users (-u) or --processes",
        ),
        (
            "rate", "run", False, schedule(50, 0.0, dropped=200),
            "50/s asked, 0/s delivered; 0 late, 200 dropped: 100 % short; use more users (-u) or --processes",
        ),
        ("workers", "run", True, client(processes=3), "none was lost"),
        (
            "workers", "run", False, lost(calls=4, workers=1),
            "1 died, left, fell silent or reported no calls, and 4 calls assigned to them were lost, sent or not",
        ),
        (
            "workers", "run", False, lost(refused_rows=3),
            "3 rows were refused: invalid, or of calls not granted to the workers that sent them",
        ),
        ("rows", "run", True, {"rows": SOUND}, "all present"),
        ("rows", "run", True, {"rows": {**SOUND, "is_cut": True}},
         "all present, except the last, which was cut off"),
        ("rows", "run", True, {"rows": {**SOUND, "unwritten": 67}},
         "all counted; 67 of them could not be written to _requests.csv"),
        (
            "rows", "run", False, {"rows": DAMAGED},
            "2 can't be read; they come from 2 runs; success_count and total_bytes differ from _summary.json",
        ),
        ("aborted", "run", True, {"aborted_count": 2}, "2 of 200 calls were cut off by the end of the run"),
        ("aborted", "run", False, {"aborted_count": 3}, "3 of 200 calls were cut off: the slowest are missing"),
        ("connections", "server", True, {}, "20 opened for 200 calls"),
        ("connections", "server", True, {**client(new_connections=1), "total_requests": 2}, "1 opened for 2 calls"),
        ("connections", "server", True, {**client(new_connections=20), "total_requests": 40, "peak_in_flight": 20},
         "20 opened for 40 calls"),
        (
            "connections", "server", False, {**client(new_connections=26), "peak_in_flight": 5},
            "26 opened for 200 calls: latency includes their set-up; --warmup opens them first",
        ),
        (
            "connections", "server", False, client(new_connections=200),
            "200 opened for 200 calls: latency includes their set-up; --warmup opens them first",
        ),
        ("buffering", "server", True, streams(one_piece=1, unpaced=2),
         "1 of 200 streams came in one piece, 1 of 200 streams came in too few reads to show a pace"),
        ("buffering", "server", True, streams(unpaced=2), "2 of 200 streams came in too few reads to show a pace"),
        (
            "buffering", "server", False, streams(one_piece=200, unpaced=200),
            "200 of 200 streams came in one piece: the server or a proxy holds tokens back, so TTFT is late, and these "
            "have no TPOT and no ITL",
        ),
        (
            "answers", "server", False, {"no_content_count": 2},
            "2 of 200 successes have no content: no text, reasoning, tool call or refusal",
        ),
        (
            "finish", "server", False, {"finish_reasons": {"stop": 198, "STOP_SEQUENCE": 1, "[b]": 1}},
            "1 of 200 answers ended for a reason that no API documents: [b]",
        ),
        (
            "finish", "server", False, {"finish_reasons": {**dict.fromkeys("abcd", 2), "…": 9}},
            "8 of 200 answers ended for a reason that no API documents: a, b, c and others",
        ),
        (
            "outage", "server", False, {"outages": [OUTAGE]},
            "40 failures in a row, 2026-01-01T00:00:10.000Z to 2026-01-01T00:00:12.000Z",
        ),
    ],
)  # fmt: skip
def test_a_finding_says_what_was_seen(about: str, kind: str, ok: bool, changes: dict[str, Any], says: str) -> None:
    verdict = verdict_on(a_summary(**changes))
    (finding,) = [finding for finding in verdict["findings"] if finding["about"] == about]
    assert (finding["says"], finding["ok"], finding["kind"]) == (says, ok, kind)
    assert verdict["believable"] == (ok or kind in ("server", "samples"))
    assert verdict["enough_samples"] == (ok or kind != "samples")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": SOUND, "options": {"iterations": 300}}, "200 found, of 300 asked for"),
        ({"rows": {**SOUND, "is_cut": True}}, "200 found, except the last, which was cut off"),
    ],
)
def test_rows_of_a_run_that_was_cut_off_are_not_said_to_be_all(changes: dict[str, Any], says: str) -> None:
    findings = verdict_on(a_summary(client=None, **changes))["findings"]
    assert [finding["says"] for finding in findings if finding["about"] == "rows"] == [says]


@pytest.mark.parametrize(
    ("about", "changes"),
    [
        ("rate", {}),
        ("rate", schedule(None, None)),
        ("starts", {**schedule(10, 10), "start_lag_s": {"p99": None, "samples": 0}}),
        ("stalls", {}),
        ("packets", {}),
        ("packets", {**client(loop_lag_s={"p99": 0.049}, observed_s=9.9), **STREAMED}),
        ("joined reads", streams()),
        ("buffering", streams()),
        ("failures", {"own_failures": []}),
        ("answers", {"no_content_count": 0}),
        ("finish", {"finish_reasons": {"stop": 190, "length": 9, "…": 1}}),
        ("end", {"ended": {"early": False, "why": None}}),
        ("rows", {}),
        ("outage", {"outages": []}),
        ("workers", {}),
        ("workers", {"lost": None}),
        ("connections", client(new_connections=None)),
        ("connections", {"client": None}),
        ("aborted", {"total_requests": 0, "success_count": 0}),
    ],
)
def test_nothing_is_said_about_what_a_run_does_not_have(about: str, changes: dict[str, Any]) -> None:
    assert about not in [finding["about"] for finding in verdict_on(a_summary(**changes))["findings"]]


@pytest.mark.parametrize(
    ("about", "changes", "touches"),
    [
        ("packets", packets(62), ["ttft_s", "ttfv_s", "tpot_s", "itl_s", "throughput_rps"]),
        ("packets", packets(5), ["ttft_s", "ttfv_s", "tpot_s", "itl_s"]),
        ("packets", packets(0), []),
        ("packets", {"reads": {"stamped": 200, "late": 62}}, ["throughput_rps"]),
        ("joined reads", streams(joined=700), ["itl_s"]),
        ("joined reads", streams(joined=700, firsts=9), ["ttft_s", "ttfv_s", "tpot_s", "itl_s"]),
        ("packets", streams(late=62), []),
        ("starts", starts(24, 0.9), ["latency_from_schedule_s"]),
        ("client", {"client": BUSY}, ["latency_s", "throughput_rps"]),
        ("client", {**packets(0), "client": BUSY}, ["ttft_s", "ttfv_s", "tpot_s", "itl_s", "throughput_rps"]),
        ("stalls", stalls(1, 1.5, 1.5), ["latency_s", "throughput_rps"]),
        ("stalls", {**packets(0), **stalls(1, 1.5, 1.5)}, ["ttft_s", "ttfv_s", "tpot_s", "itl_s", "throughput_rps"]),
        ("outage", {"outages": [OUTAGE]}, []),
    ],
)
def test_a_finding_names_the_figures_that_it_touches(about: str, changes: dict[str, Any], touches: list[str]) -> None:
    findings = verdict_on(a_summary(**changes))["findings"]
    assert [finding["touches"] for finding in findings if finding["about"] == about] == [touches]


def test_a_client_that_was_idle_is_not_told_to_do_less() -> None:
    late = streams(joined=300, firsts=0) | client(cpu_share=0.05)
    (busy, idle) = (
        next(each for each in verdict_on(a_summary(**changes))["findings"] if each["about"] == "joined reads")
        for changes in (streams(joined=300), late)
    )
    assert (busy["ok"], idle["ok"]) == (False, False)
    assert busy["touches"] == idle["touches"]
    assert busy["says"].endswith("use --processes or fewer users")
    assert idle["says"].endswith("only 5 % of a core: other programs probably kept this machine busy")


def test_one_doubt_is_enough() -> None:
    verdict = verdict_on(a_summary(**schedule(10, 5), aborted_count=1))
    assert [finding["about"] for finding in verdict["findings"] if not finding["ok"]] == ["rate"]
    assert not verdict["believable"]


def test_a_slow_machines_hiccup_raises_no_doubt() -> None:
    """60 ms without a tick are three late ones of 100, and two calls of 40 have a late packet."""
    hiccup = client(loop_lag_s={"p50": 0.001, "p99": 0.06, "max": 0.06}, observed_s=2.0)
    few = {"total_requests": 40, "success_count": 40, "too_few_samples": ["p99"]}
    for changes in (hiccup, {**hiccup, **STREAMED}, {**hiccup, **packets(2, stamped=40)}):
        verdict = verdict_on(a_summary(**few, **changes))
        assert (verdict["believable"], verdict["enough_samples"]) == (True, False)


CALLS, SECONDS = integers(0, 200), floats(0, 10)


@given(CALLS, CALLS, CALLS, SECONDS, SECONDS, integers(0, 3), CALLS)
def test_a_doubt_never_makes_a_run_more_believable(
    late: int, joined: int, late_starts: int, lag_s: float, stalled_s: float, aborted: int, more: int
) -> None:
    """Each doubt alone, grown to any size: a run that was not believed stays that way."""

    def believed(**grown: float) -> bool:
        seen = {
            "late": late, "joined": joined, "starts": late_starts, "lag_s": lag_s, "stalled_s": stalled_s,
            "aborted": aborted,
        }  # fmt: skip
        seen = {name: value + grown.get(name, 0) for name, value in seen.items()}
        changes = {
            **streams(), **starts(int(seen["starts"]), seen["lag_s"]),
            **stalls(1, seen["stalled_s"], seen["stalled_s"]),
            **streams(joined=int(seen["joined"]), firsts=int(seen["joined"]), late=int(seen["late"])),
            "aborted_count": seen["aborted"],
        }  # fmt: skip
        return bool(verdict_on(a_summary(**changes))["believable"])

    for name in ("late", "joined", "starts", "lag_s", "stalled_s", "aborted"):
        assert believed(**{name: more}) <= believed()


def test_an_older_runs_maximum_lag_is_its_longest_stall() -> None:
    older = {name: value for name, value in CLIENT.items() if name != "stalls"}
    found = verdict_on(a_summary(client={**older, "loop_lag_s": {"p50": 0.0, "p99": 0.001, "max": 1.5}}))
    assert "the client stood still for 1.5 s" in [finding["says"] for finding in found["findings"]]
    assert not found["believable"]


@pytest.mark.parametrize(
    ("changes", "answer", "marks"),
    [
        ({}, "Yes.", 0),
        ({"too_few_samples": ["p99"], "success_count": 40}, "Yes.", 1),
        ({"aborted_count": 3}, "Not all of them:", 1),
    ],
)
def test_the_table_asks_and_answers(changes: dict[str, Any], answer: str, marks: int) -> None:
    summary = a_summary(total_bytes=0, error_rate=0.0, **changes)
    lines = as_table({**summary, "verdict": verdict_on(summary)}).splitlines()
    assert f"Can these figures be believed? {answer}" in lines
    assert sum(line.startswith("│ !") for line in lines) == marks


def test_brackets_in_text_are_shown_as_they_are() -> None:
    summary = a_summary(total_bytes=0, error_rate=0.0, ended={"early": True, "why": "[/bold] [red]"})
    assert "[/bold] [red]" in as_table({**summary, "verdict": verdict_on(summary)})
