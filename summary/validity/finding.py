"""A finding: what it is about, whether it counts against the figures, and against which of them."""

from collections.abc import Iterable, Sequence
from typing import Literal

from summary.registry import NAMED, group
from summary.vocabulary import Summary

Kind = Literal["client", "run", "server", "samples"]
"""What a finding is about. Only the first two make figures unbelievable: a server's behaviour is what was measured."""

PACE, LATENCY, TOTALS = group("pace"), group("latency"), group("total")
RATES = (*group("rate"), *group("service"))
FAILURES = (*group("failure"), *group("with failures"))
EVERYTHING = (*LATENCY, *PACE, *RATES, *FAILURES, *TOTALS)

P99_LIMIT = 0.01
P95_LIMIT = 0.05
"""A percentile can't be believed once more calls were affected than lie beyond it."""

FEW_CALLS = 2
"""Up to this many affected calls are never held against a run: a single hiccup would condemn a short one."""


def finding(
    about: str, kind: Kind, ok: bool, says: str, touches: Sequence[str] = (), note: str | None = None
) -> Summary:
    """Return a finding.

    touches  the figures that it makes doubtful, by their names in the summary; dropped if it is `ok`
    note     completes "the client itself …" beside a gate's result
    """
    return {
        "about": about,
        "kind": kind,
        "ok": ok,
        "says": says,
        "touches": [] if ok else list(dict.fromkeys(touches)),
        **({"note": note} if note and not ok else {}),
    }


def present(summary: Summary, figures: Iterable[str]) -> list[str]:
    """Return those of the figures that the run has."""
    return [name for name in figures if summary.get(name) is not None]


def is_many(count: int, of: int, limit: float = P99_LIMIT) -> bool:
    """Return whether too many calls were affected to believe p99, or the percentile with `limit` beyond it."""
    return count > max(FEW_CALLS, limit * of)


def doubtful(count: int, of: int, figures: Iterable[str]) -> str:
    """Name the percentiles and figures that `count` affected calls make doubtful."""
    return f"{'p95 and p99' if is_many(count, of, P95_LIMIT) else 'p99'} of {titles(figures)}"


def titles(figures: Iterable[str]) -> str:
    """Return the figures' titles as a list in a sentence."""
    return listed([NAMED[name].title for name in figures])


def listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def percent(count: float, of: float) -> str:
    """Return a share in whole percent, or with one decimal if it is below 1 %."""
    share = 100 * count / of
    return f"{share:.1f} %" if 0 < share < 1 else f"{share:.0f} %"
