"""Whether a run can be believed: each finding, at its limit and one step beyond."""

from typing import Any

import pytest

from summary.render import as_table
from summary.trust import verdict_on

CLIENT = {"verdict": "ok", "loop_lag_s": {"p50": 0.0, "p99": 0.0042, "max": 1.0}, "cpu_share": 0.317, "processes": 1}
BUSY = {**CLIENT, "verdict": "the bottleneck (…)", "loop_lag_s": {"p99": 0.0612}, "cpu_share": 0.952}


def a_summary(**changes: Any) -> dict[str, Any]:
    usual = {
        "total_requests": 200, "success_count": 200, "failure_count": 0, "aborted_count": 0, "too_few_samples": [],
        "lost": {"calls": 0, "workers": 0}, "client": {**CLIENT, "new_connections": 20},
    }  # fmt: skip
    return {**usual, **changes}


def schedule(asked_rps: float | None, delivered_rps: float | None, late: int = 0, dropped: int = 0) -> dict[str, Any]:
    counts = {"late_count": late, "dropped_count": dropped}
    return {"asked_rps": asked_rps, "delivered_rps": delivered_rps, **counts}


def client(**changes: Any) -> dict[str, Any]:
    return {"client": {**CLIENT, "new_connections": 0, **changes}}


@pytest.mark.parametrize(
    ("about", "ok", "changes", "says"),
    [
        ("samples", True, {}, "200 successes, enough for p95 and p99"),
        (
            "samples", False, {"success_count": 99, "too_few_samples": ["p99"]},
            "99 successes are too few: p99 needs 100",
        ),
        (
            "samples", False, {"success_count": 19, "too_few_samples": ["p95", "p99"]},
            "19 successes are too few: p95 needs 20, p99 needs 100",
        ),
        (
            "samples", False, {"success_count": 0, "too_few_samples": ["p95", "p99"]},
            "no call succeeded: there is no latency to give",
        ),
        (
            "samples", False, {"total_requests": 0, "success_count": 0},
            "no call was made: there is nothing to measure",
        ),
        ("client", True, {}, "kept up: loop lag p99 4 ms, CPU 32 % of a core"),
        (
            "client", False, {"client": BUSY},
            "was the bottleneck: loop lag p99 61 ms, CPU 95 % of a core; use --processes or fewer users",
        ),
        ("client", False, {"client": None}, "unknown: the run was cut off"),
        ("rate", True, schedule(50, 49, late=3), "50/s asked, 49/s delivered; 3 late, 0 dropped"),
        (
            "rate", False, schedule(50, 48.9, late=3, dropped=1),
            "50/s asked, 48.9/s delivered; 3 late, 1 dropped: 2.2 % short; use more users (-u) or --processes",
        ),
        (
            "rate", False, schedule(50, 0.0, dropped=200),
            "50/s asked, 0/s delivered; 0 late, 200 dropped: 100 % short; use more users (-u) or --processes",
        ),
        ("workers", True, client(processes=3), "none was lost"),
        (
            "workers", False, {"lost": {"calls": 4, "workers": 1}},
            "1 died, and 4 calls of theirs, perhaps sent, were never heard of again",
        ),
        ("connections", True, {}, "20 opened for 200 calls"),
        (
            "connections", False, client(new_connections=21),
            "21 opened for 200 calls: latency includes their set-up; --warmup opens them first",
        ),
        (
            "connections", False, client(new_connections=200),
            "200 opened for 200 calls: latency includes their set-up; --warmup opens them first",
        ),
        ("aborted", True, {"aborted_count": 2}, "2 of 200 calls were cut off by the end of the run"),
        ("aborted", False, {"aborted_count": 3}, "3 of 200 calls were cut off: the slowest are missing"),
    ],
)  # fmt: skip
def test_a_finding_says_what_was_seen(about: str, ok: bool, changes: dict[str, Any], says: str) -> None:
    verdict = verdict_on(a_summary(**changes))
    (finding,) = [finding for finding in verdict["findings"] if finding["about"] == about]
    assert (finding["says"], finding["ok"]) == (says, ok)
    assert verdict["believable"] == ok


@pytest.mark.parametrize(
    ("about", "changes"),
    [
        ("rate", {}),
        ("rate", schedule(None, None)),
        ("workers", {}),
        ("workers", {"lost": None}),
        ("connections", client(new_connections=None)),
        ("connections", {"client": None}),
        ("aborted", {"total_requests": 0, "success_count": 0}),
    ],
)
def test_nothing_is_said_about_what_a_run_does_not_have(about: str, changes: dict[str, Any]) -> None:
    assert about not in [finding["about"] for finding in verdict_on(a_summary(**changes))["findings"]]


def test_one_doubt_is_enough_for_a_reservation() -> None:
    verdict = verdict_on(a_summary(**schedule(10, 5), aborted_count=1))
    assert [finding["about"] for finding in verdict["findings"] if not finding["ok"]] == ["rate"]
    assert not verdict["believable"]


def test_the_table_asks_and_answers() -> None:
    latency = {"latency_s": {"samples": 400}, "total_bytes": 0, "error_rate": 0.0, "throughput_rps": 1.0}
    good, bad = (a_summary(**latency, aborted_count=count) for count in (0, 3))
    assert "Can these figures be believed? Yes." in as_table({**good, "verdict": verdict_on(good)})
    text = as_table({**bad, "verdict": verdict_on(bad)})
    assert "Can these figures be believed? With a reservation:" in text
    (line,) = [line for line in text.splitlines() if "cut off:" in line]
    assert line.split("│")[1].strip() == "!"
