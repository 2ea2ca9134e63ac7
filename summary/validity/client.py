"""What the client did to the figures: it read late, stood still, started late, or failed by itself."""

from collections.abc import Iterator, Sequence

from summary.registry import over
from summary.validity.finding import (
    FAILURES,
    LATENCY,
    P95_LIMIT,
    P99_LIMIT,
    PACE,
    RATES,
    doubtful,
    finding,
    is_many,
    listed,
    percent,
    present,
    titles,
)
from summary.vocabulary import ENOUGH_S, EVIDENT_S, HICCUP_S, LAG_LIMIT_S, LATE_S, STALL_S, Summary

MATERIAL = 0.1
"""Lateness below this fraction of a figure is negligible."""

GAPS = over("gaps")
FIRSTS = tuple(name for name in PACE if name not in GAPS)
"""The figures that a joined first read affects; any joined read affects `GAPS`."""

ADVICE = "use --processes or fewer users"

IDLE_CPU_SHARE = 0.25
"""A client that used less of a core was hardly late because of its own work."""


def findings(summary: Summary) -> Iterator[Summary]:
    for look in (_loop, _stalls, _packets, _sends, _joined_reads, _starts, _own_failures):
        yield from look(summary)


def _loop(summary: Summary) -> Iterator[Summary]:
    if (client := summary["client"]) is None:
        return
    if client.get("observed_s", ENOUGH_S) < ENOUGH_S:
        yield finding("client", "client", True, "the run was too short to tell")
        return
    lag_ms, cpu_percent = 1000 * client["loop_lag_s"]["p99"], 100 * client["cpu_share"]
    seen = f"loop lag p99 {lag_ms:,.0f} ms, CPU {cpu_percent:.0f} % of a core"
    if client["verdict"] == "ok":
        hiccup = ", except for a hiccup" if client["loop_lag_s"]["p99"] > LAG_LIMIT_S else ""
        yield finding("client", "client", True, f"kept up{hiccup}: {seen}")
    else:
        says = f"was the bottleneck: {seen}; {_advice(client)}"
        yield finding("client", "client", False, says, _touched_by_a_standstill(summary), f"was the bottleneck: {seen}")


def _stalls(summary: Summary) -> Iterator[Summary]:
    client = summary["client"] or {}
    seen = _stalls_of(client)
    if not seen["count"]:
        return
    watched_s = client.get("observed_s", 0.0) * client.get("processes", 1)
    is_short = seen["longest_s"] < HICCUP_S and seen["total_s"] <= P99_LIMIT * watched_s
    ok = seen["total_s"] < HICCUP_S or is_short
    longest = f"{seen['longest_s']:.2g} s"
    says = f"the client stood still for {longest}"
    if seen["count"] > 1:
        says = f"the client stood still {seen['count']} times, for {seen['total_s']:.2g} s in all, {longest} at most"
    yield finding("stalls", "client", ok, says, _touched_by_a_standstill(summary), f"stood still for {longest}")


def _stalls_of(client: Summary) -> Summary:
    """Return the stalls; for a run of an older version, the one that the loop's maximum lag shows."""
    if "stalls" in client:
        return dict(client["stalls"])
    longest_s = (client.get("loop_lag_s") or {}).get("max") or 0.0
    return {"count": int(longest_s >= STALL_S), "longest_s": longest_s, "total_s": longest_s}


def _packets(summary: Summary) -> Iterator[Summary]:
    """Report late packets. Their times are the kernel's, so they count against a run only if its rows don't record
    joined reads."""
    reads = summary.get("reads") or {}
    if not reads.get("stamped"):
        yield from _packets_by_the_loop(summary)
        return
    stamped, late = reads["stamped"], reads["late"]
    share = percent(late, stamped)
    says = f"{share} of the calls had packets read over 10 ms late"
    looked_at = reads.get("joined_reads") is not None
    if late and looked_at:
        says += ": their times are the kernel's, so this alone affects no figure"
    pace = present(summary, PACE)
    rates = present(summary, RATES) if is_many(late, stamped, P95_LIMIT) else []
    touches = [*pace, *rates] if not looked_at and is_many(late, stamped) else []
    doubts = doubtful(late, stamped, pace) if pace else "throughput"
    yield _lateness(summary, "packets", says, doubts, touches, f"was late: {share} of the calls")


def _packets_by_the_loop(summary: Summary) -> Iterator[Summary]:
    """Without arrival times (the mock, not Linux) any packet could have waited as long as the loop was late."""
    client = summary["client"] or {}
    watched_s = client.get("observed_s", 0.0) * client.get("processes", 1)
    if client.get("verdict") != "ok" or watched_s < EVIDENT_S:
        return
    lag_s = client["loop_lag_s"]["p99"]
    figures = [
        name
        for name in present(summary, ("latency_s", *PACE))
        if lag_s > LATE_S and lag_s > MATERIAL * (summary[name].get("p99") or float("inf"))
    ]
    if figures:
        late = f"{1000 * lag_s:,.0f} ms at p99"
        says = f"arrivals are not stamped here, and the loop was late by {late}"
        yield _lateness(summary, "packets", says, f"p99 of {titles(figures)}", figures, f"was late by {late}")


def _sends(summary: Summary) -> Iterator[Summary]:
    """Report calls whose request left late: their clock ran, and the server knew nothing of them."""
    late, ended = (summary.get("reads") or {}).get("late_sends"), summary["success_count"]
    if not late:
        return
    share = percent(late, ended)
    touches = present(summary, (*LATENCY, *FIRSTS[:2])) if is_many(late, ended) else []
    says = f"{share} of the requests were sent over 10 ms late"
    yield _lateness(
        summary, "sends", says, doubtful(late, ended, touches), touches, f"sent {share} of the requests late"
    )


def _joined_reads(summary: Summary) -> Iterator[Summary]:
    """Tokens joined by one late read all have the time of the last one: gaps vanish, and a first token seems late."""
    reads = summary.get("reads") or {}
    if not reads.get("joined_reads"):
        return
    looks = list(_joined(reads))
    says = f"late reads joined {', and '.join(f'{percent(*of)} of {what}' for of, _, what in looks)}, with others"
    many = [look for look in looks if is_many(*look[0])]
    touches = [name for _, touched, _ in many for name in touched]
    worst = max((of for of, _, _ in many), key=lambda of: of[0] / of[1], default=looks[0][0])
    notes = [f"was late: {percent(*of)} of {what.replace('all', 'the')}" for of, _, what in many]
    yield _lateness(
        summary, "joined reads", says, doubtful(*worst, present(summary, touches)), touches, "".join(notes[:1])
    )


def _joined(reads: Summary) -> Iterator[tuple[tuple[int, int], Sequence[str], str]]:
    """Yield how many tokens came in late reads of several, of how many, the figures that they touch, and what they are:
    the first tokens, and all, or the reads; of rows that don't say, only what they do."""
    if reads.get("joined_firsts") is not None:
        yield (reads["joined_firsts"], reads["streams"]), FIRSTS, "the first tokens"
    if reads.get("joined_events") is not None and reads.get("content_events"):
        yield (reads["joined_events"], reads["content_events"]), GAPS, "all tokens"
    else:
        yield (reads["joined_reads"], reads["content_reads"]), GAPS, "all reads"


def _starts(summary: Summary) -> Iterator[Summary]:
    """Report calls of an open loop that started late. If no user was free, the plan is at fault, not the client."""
    lag_s = summary.get("start_lag_s") or {}
    if not lag_s.get("samples"):
        return
    late, started, p99_s = summary["late_count"], lag_s["samples"], lag_s["p99"]
    says = f"{percent(late, started)} of the calls started over 10 ms late (p99 {1000 * p99_s:,.0f} ms)"
    whole_s = (summary.get("latency_from_schedule_s") or {}).get("p99") or 0.0
    touches = ("latency_from_schedule_s",) if is_many(late, started) and p99_s > MATERIAL * whole_s else ()
    doubts = doubtful(late, started, touches)
    if touches and _had_no_user_free(summary):
        yield finding(
            "starts", "run", False, f"{_are_doubtful(doubts)}: {says}: all users were busy; use more (-u)", touches
        )
    else:
        yield _lateness(
            summary, "starts", says, doubts, touches, f"started late: {percent(late, started)} of the calls"
        )


def _lateness(summary: Summary, about: str, says: str, doubts: str, touches: Sequence[str], note: str) -> Summary:
    """Return a finding on how late the client was; if it affects figures, `doubts` names their doubtful parts."""
    if touches:
        says = f"{_are_doubtful(doubts)}: {says}; {_advice(summary['client'] or {})}"
    return finding(about, "client", not touches, says, touches, note)


def _are_doubtful(doubts: str) -> str:
    return f"{doubts} {'are' if ' and p99 of ' in doubts else 'is'} doubtful"


def _advice(client: Summary) -> str:
    """Return what to do about a late client: if it did little itself, it lacked the machine."""
    cpu_share = client.get("cpu_share")
    if cpu_share is None or cpu_share >= IDLE_CPU_SHARE:
        return ADVICE
    return f"the client used only {percent(cpu_share, 1)} of a core: other programs probably kept this machine busy"


def _had_no_user_free(summary: Summary) -> bool:
    users = (summary.get("options") or {}).get("num_users")
    return bool(users and summary.get("peak_in_flight", 0) >= users)


def _own_failures(summary: Summary) -> Iterator[Summary]:
    own = summary.get("own_failures")
    if not own:
        return
    count = sum(each["count"] for each in own)
    says = f"{count} of {summary['failure_count']} are the client's own: {listed([each['error'] for each in own])}"
    if any(each["error"] == "too many open files" for each in own):
        says += " (raise ulimit -n)"
    calls = f"{count} call{'s' if count > 1 else ''}"
    yield finding("failures", "client", False, says, (*FAILURES, "success_count"), f"failed in {calls}")


def _touched_by_a_standstill(summary: Summary) -> tuple[str, ...]:
    """Return the figures that a late loop makes doubtful; latency is not among them if the kernel stamps packets."""
    is_stamped = (summary.get("reads") or {}).get("stamped")
    return (*(() if is_stamped else LATENCY), *PACE, "latency_from_schedule_s", *RATES)
