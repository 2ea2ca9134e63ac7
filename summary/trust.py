"""Whether a run's figures can be believed, in plain words: what speaks against them, and what was looked at."""

from collections.abc import Iterator

from summary.vocabulary import SAMPLES_NEEDED, Summary

SHORTFALL_LIMIT = 0.02
NEW_CONNECTIONS_LIMIT = 0.1
ABORTED_LIMIT = 0.01
ENOUGH_S = 0.5
"""A shorter run shows mostly how long Locust's own start takes."""


def verdict_on(summary: Summary) -> Summary:
    """Return `believable`, and the findings: what each is about, whether it is `ok`, and what it says."""
    findings = [*_samples(summary), *_client(summary), *_rate(summary)]
    findings += [*_workers(summary), *_connections(summary), *_aborted(summary)]
    return {"believable": all(finding["ok"] for finding in findings), "findings": findings}


def _finding(about: str, ok: bool, says: str) -> Summary:
    return {"about": about, "ok": ok, "says": says}


def _samples(summary: Summary) -> Iterator[Summary]:
    successes = summary["success_count"]
    if not summary["total_requests"]:
        yield _finding("samples", False, "no call was made: there is nothing to measure")
    elif not successes:
        yield _finding("samples", False, "no call succeeded: there is no latency to give")
    elif summary["too_few_samples"]:
        needs = ", ".join(f"{name} needs {SAMPLES_NEEDED[name]}" for name in summary["too_few_samples"])
        yield _finding("samples", False, f"{successes} successes are too few: {needs}")
    else:
        yield _finding("samples", True, f"{successes} successes, enough for p95 and p99")


def _client(summary: Summary) -> Iterator[Summary]:
    client = summary["client"]
    if client is None:
        yield _finding("client", False, "unknown: the run was cut off")
        return
    if client.get("observed_s", ENOUGH_S) < ENOUGH_S:
        yield _finding("client", True, "the run was too short to tell")
        return
    lag_ms, cpu_percent = 1000 * client["loop_lag_s"]["p99"], 100 * client["cpu_share"]
    seen = f"loop lag p99 {lag_ms:.0f} ms, CPU {cpu_percent:.0f} % of a core"
    if client["verdict"] == "ok":
        yield _finding("client", True, f"kept up: {seen}")
    else:
        yield _finding("client", False, f"was the bottleneck: {seen}; use --processes or fewer users")


def _rate(summary: Summary) -> Iterator[Summary]:
    asked_rps, delivered_rps = summary.get("asked_rps"), summary.get("delivered_rps")
    if asked_rps is None or delivered_rps is None:
        return
    says = f"{asked_rps:.4g}/s asked, {delivered_rps:.4g}/s delivered"
    says += f"; {summary['late_count']} late, {summary['dropped_count']} dropped"
    if delivered_rps >= (1 - SHORTFALL_LIMIT) * asked_rps:
        yield _finding("rate", True, says)
    else:
        shortfall = 1 - delivered_rps / asked_rps
        yield _finding("rate", False, f"{says}: {100 * shortfall:.3g} % short; use more users (-u) or --processes")


def _workers(summary: Summary) -> Iterator[Summary]:
    lost, client = summary["lost"] or {}, summary["client"] or {}
    if lost.get("workers") or lost.get("calls"):
        says = f"{lost['workers']} died, and {lost['calls']} calls of theirs, perhaps sent, were never heard of again"
        yield _finding("workers", False, says)
    elif client.get("processes", 1) > 1:
        yield _finding("workers", True, "none was lost")


def _connections(summary: Summary) -> Iterator[Summary]:
    new, calls = (summary["client"] or {}).get("new_connections"), summary["total_requests"]
    if new is None or not calls:
        return
    says = f"{new} opened for {calls} calls"
    if new <= NEW_CONNECTIONS_LIMIT * calls:
        yield _finding("connections", True, says)
    else:
        yield _finding("connections", False, f"{says}: latency includes their set-up; --warmup opens them first")


def _aborted(summary: Summary) -> Iterator[Summary]:
    aborted, calls = summary["aborted_count"], summary["total_requests"]
    if not calls or summary["client"] is None:
        return
    if aborted <= ABORTED_LIMIT * calls:
        yield _finding("aborted", True, f"{aborted} of {calls} calls were cut off by the end of the run")
    else:
        yield _finding("aborted", False, f"{aborted} of {calls} calls were cut off: the slowest are missing")
