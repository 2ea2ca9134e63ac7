"""What a file of rows lacks, according to its numbering and to the summary that the run wrote."""

import math
from typing import Any

import numpy as np
import pandas as pd

from summary import calls
from summary.comparison import sides
from summary.comparison.pairs import numbers_of
from summary.figures import measured, sizes, without_warmup
from summary.punctuality import punctuality
from summary.registry import TOKENS, over
from summary.rows.rows import Damage
from summary.vocabulary import Summary

TOTALS = (
    "run_id", "total_requests", "success_count", "failure_count", "aborted_count", "warmup_count", "total_bytes",
    *TOKENS, "total_execution_time_s",
)  # fmt: skip
TIMES = over("successes")
OF_SCHEDULE = ("late_count", "dropped_count", "start_lag_s")
COMPARABLE = (*TOTALS, *TIMES, *OF_SCHEDULE)
COMPARED = ("min", "avg", "max", "samples")


def losses(rows: pd.DataFrame, damage: Damage, run: dict[str, Any], observed: Summary, written: Summary) -> Summary:
    """Return what is wrong with a run's rows. Sound rows have zero counts, one run, and no differences.

    observed  see `summary.vocabulary.OBSERVED`; its lost calls have numbers but no rows
    written   PREFIX_summary.json; {} if it doesn't exist (yet)

    unreadable, unknown_outcomes  rows that are not in any figure
    double_numbers                rows whose number (`request`) another row already has
    missing_numbers               gaps in the numbers that lost calls don't explain
    runs                          the number of runs that the rows and PREFIX_run.json come from
    differs                       the totals and times that differ from those in `written`, the baseline's as
                                  `against.baseline.…`
    is_cut                        the last row was cut off, as when a run is killed
    """
    numbers = rows["request"].to_numpy()
    return {
        "unreadable": damage.unreadable,
        "double_numbers": len(numbers) - len(np.unique(numbers)),
        "missing_numbers": _missing(numbers, run, observed),
        "unknown_outcomes": damage.unknown_outcomes,
        "runs": len({*rows["run_id"].unique(), *filter(None, [run.get("run_id")])}),
        "differs": _differs(rows, written),
        "is_cut": damage.is_cut,
    }


def _missing(numbers: np.ndarray, run: dict[str, Any], observed: Summary) -> int:
    """Count the numbers below the highest that are missing without explanation."""
    if not len(numbers):
        return 0
    is_there = np.zeros(int(min(numbers.max(), 10 * len(numbers) + 1e6)) + 1, dtype=bool)
    is_there[numbers[numbers < len(is_there)].astype(int)] = True
    absent = np.flatnonzero(~is_there[1:]) + 1
    users = int((run.get("options") or {}).get("num_users") or 1)
    lost_calls = int((observed.get("lost") or {}).get("calls", 0))
    return max(0, len(absent) - min(users, _unused(absent, len(is_there) - 1, users, observed)) - lost_calls)


def _unused(absent: np.ndarray, highest: int, users: int, observed: Summary) -> int:
    """Count the missing numbers that users may account for, one each: of a call that was in flight when the run was
    killed, or on its way to a worker when the run ended."""
    client = observed.get("client")
    if client is None:
        return len(absent)
    return int((absent > highest - 2 * users).sum()) if client.get("processes", 1) > 1 else 0


def _differs(rows: pd.DataFrame, written: Summary) -> list[str]:
    if not written:
        return []
    counted, warmup_count = measured(rows)
    found: Summary = {**calls.counts(counted), "warmup_count": warmup_count, **sizes(counted)}
    ids = [run_id for run_id in rows["run_id"].unique() if run_id is not None]
    found["run_id"] = ids[0] if len(ids) == 1 else None
    found["total_execution_time_s"] = calls.rates(counted)["total_execution_time_s"]
    found |= dict.fromkeys(COMPARABLE[len(TOTALS) :]) | calls.times(counted)
    found |= punctuality(sides.first_calls(without_warmup(rows)))
    return [*_other(found, written), *_differs_of_pairs(without_warmup(rows), written.get("against") or {})]


def _differs_of_pairs(rows: pd.DataFrame, written: Summary) -> list[str]:
    """Return the same of what a run with --against adds: how many pairs it had, and its baseline's figures."""
    if not written:
        return []
    pairs = int(numbers_of(rows).nunique()) if "pair" in rows else 0
    baseline = dict.fromkeys(TIMES) | sides.figures_of_baseline(rows) if sides.are_in(rows) else {}
    others = _other(baseline, written["baseline"])
    return [
        *(["against.pairs"] if pairs != written["pairs"] else []),
        *(f"against.baseline.{name}" for name in others),
    ]


def _other(found: Summary, written: Summary) -> list[str]:
    return [name for name in COMPARABLE if name in written and not _is_same(found.get(name), written[name])]


def _is_same(found: Any, written: Any) -> bool:
    """Compare two figures; of distributions, the statistics that need no interpolation. A spreadsheet that saves rows
    shortens their numbers to 15 digits."""
    if isinstance(found, dict) and isinstance(written, dict):
        return all(_is_same(found[name], written.get(name)) for name in COMPARED)
    if isinstance(found, float) and isinstance(written, (float, int)):
        return math.isclose(found, written, rel_tol=1e-9)
    return bool(found == written)
