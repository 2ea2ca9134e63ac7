"""Whether there are enough samples: the only place that says so, besides the asterisks."""

from collections.abc import Iterator

from summary.registry import CI_NEEDS, NAMED, SAMPLES_NEEDED, over
from summary.validity.finding import LATENCY, finding
from summary.vocabulary import Summary

LATENCIES = tuple(name for name in over("successes") if name in LATENCY)
PARTIAL = tuple(name for name in over("successes") if name not in LATENCY)
"""Distributions that some successes have no value for."""


def findings(summary: Summary) -> Iterator[Summary]:
    successes = summary["success_count"]
    if not summary["total_requests"]:
        return
    if not successes:
        yield finding("samples", "samples", False, "no call succeeded: there is no latency to report", LATENCIES)
    elif summary["too_few_samples"]:
        needs = ", ".join(f"{name} needs {SAMPLES_NEEDED[name]}" for name in summary["too_few_samples"])
        yield finding("samples", "samples", False, f"{successes} successes are too few: {needs}", LATENCIES)
    else:
        yield _enough(summary)


def _enough(summary: Summary) -> Summary:
    """Name the figures and stages with too few samples, and whether p99's confidence interval lacks some."""
    says = f"{summary['success_count']} successes, enough for p95 and p99"
    for name in PARTIAL:
        samples = (summary.get(name) or {}).get("samples", SAMPLES_NEEDED["p99"])
        if samples < SAMPLES_NEEDED["p99"]:
            says += f"; {NAMED[name].title} has only {samples}"
    few = [str(stage["stage"]) for stage in summary.get("stages") or () if stage.get("too_few_samples")]
    if few:
        says += f"; too few in stage{'s' if len(few) > 1 else ''} {', '.join(few)}"
    if summary["success_count"] < CI_NEEDS["p99"]:
        says += f"; an interval of p99 needs {CI_NEEDS['p99']}"
    return finding("samples", "samples", True, says)
