"""Whether there are enough samples: the only place that says so, besides the asterisks."""

from collections.abc import Iterator

from summary.registry import CI_NEEDS, EXTRA, NAMED, SAMPLES_NEEDED, TITLES, over
from summary.validity.finding import LATENCY, finding, listed
from summary.vocabulary import Summary

LATENCIES = tuple(name for name in over("successes") if name in LATENCY)
PARTIAL = tuple(name for name in over("successes") if name not in LATENCY)
"""Distributions that some successes have no value for."""


def findings(summary: Summary) -> Iterator[Summary]:
    successes = summary["success_count"]
    too_few = _missed(summary)
    if not summary["total_requests"]:
        return
    if not successes:
        yield finding("samples", "samples", False, "no call succeeded: there is no latency to report", LATENCIES)
    elif too_few:
        needs = ", ".join(f"{name} needs {SAMPLES_NEEDED[name]}" for name in too_few)
        yield finding(
            "samples",
            "samples",
            False,
            f"{successes} {'success is' if successes == 1 else 'successes are'} too few: {needs}",
            LATENCIES,
        )
    else:
        yield _enough(summary)


def _missed(figures: Summary) -> list[str]:
    return [name for name in figures.get("too_few_samples") or () if name not in EXTRA]


def _enough(summary: Summary) -> Summary:
    """Name the figures and stages with too few samples, and whether p99's confidence interval lacks some."""
    enough = ["p95", "p99", *(TITLES[name] for name in EXTRA if name not in summary["too_few_samples"])]
    says = f"{summary['success_count']:,} successes, enough for {listed(enough)}"
    for name in PARTIAL:
        samples = (summary.get(name) or {}).get("samples", SAMPLES_NEEDED["p99"])
        if samples < SAMPLES_NEEDED["p99"]:
            says += f"; {NAMED[name].title} has only {samples}"
    few = [str(stage["stage"]) for stage in summary.get("stages") or () if _missed(stage)]
    if few:
        says += f"; too few in stage{'s' if len(few) > 1 else ''} {', '.join(few)}"
    if summary["success_count"] < CI_NEEDS["p99"]:
        says += f"; an interval of p99 needs {CI_NEEDS['p99']}"
    return finding("samples", "samples", True, says)
