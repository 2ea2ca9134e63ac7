"""What a file of rows lacks, according to its numbering."""

from typing import Any

import numpy as np
import pandas as pd

from summary.rows.rows import Damage
from summary.vocabulary import Summary


def losses(rows: pd.DataFrame, damage: Damage, run: dict[str, Any], observed: Summary) -> Summary:
    """Return what is wrong with a run's rows. Sound rows have zero counts, one run, and no differences.

    observed  see `summary.vocabulary.OBSERVED`; its lost calls have numbers but no rows

    unreadable, unknown_outcomes  rows that are not in any figure
    double_numbers                rows whose number (`request`) another row already has
    missing_numbers               gaps in the numbers that lost calls don't explain
    runs                          the number of runs that the rows and PREFIX_run.json come from
    differs                       how their figures differ from those that the run wrote: see
                                  `summary.rows.agreement`, once they are known
    is_cut                        the last row was cut off, as when a run is killed
    """
    numbers = rows["request"].to_numpy()
    return {
        "unreadable": damage.unreadable,
        "double_numbers": len(numbers) - len(np.unique(numbers)),
        "missing_numbers": _missing(numbers, run, observed),
        "unknown_outcomes": damage.unknown_outcomes,
        "runs": len({*rows["run_id"].unique(), *filter(None, [run.get("run_id")])}),
        "differs": [],
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
