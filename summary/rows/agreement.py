"""Whether a run's rows still agree with the summary that the run wrote: if not, one of the two was edited or cut."""

import math
from typing import Any

from summary.claims import cell
from summary.registry import TOKENS, over
from summary.vocabulary import FACTS, Summary

TIMES = over("successes")
"""Compared even if the run wrote none, so that filling a column that it left empty is noticed."""

COMPARABLE = {
    *FACTS, "start", "total_requests", "success_count", "failure_count", "aborted_count", "warmup_count", "total_bytes",
    *TOKENS, "repeated_payloads", "total_execution_time_s", *TIMES, "late_count", "dropped_count", "start_lag_s",
    "against", "pairs", "baseline", "checksums",
}  # fmt: skip
"""The facts, the figures that no version defines otherwise, and the columns, which all other figures come from."""

DIFFERENCE = 1e-9
"""Relative, and absolute: a spreadsheet that saves rows shortens their numbers to 15 digits. So a change of one cell by
less than this share of its column's sum does not show in the checksum."""


def differing(found: Summary, written: Summary) -> list[str]:
    """Return the names of what differs from `written`, PREFIX_summary.json, as `against.baseline.latency_s` or
    `checksums.ttfb_s`; [] if it is {}.

    found  the summary of the rows, with what only the running process saw taken from `written`

    What `written` lacks does not count, as an older version wrote less, unless it is a column of the file.
    """
    names = dict.fromkeys((*written, *TIMES)) if written else {}
    return [path for name in names if name in COMPARABLE for path in _paths(name, found.get(name), written.get(name))]


def _paths(name: str, new: Any, old: Any) -> list[str]:
    if not (isinstance(new, dict) and isinstance(old, dict)):
        return [] if _is_same(new, old) else [name]
    if name in ("against", "baseline"):
        return [f"{name}.{path}" for path in differing(new, old)]
    if name == "checksums":
        columns = dict.fromkeys((*old, *(column for column in new if cell.CELL in old or not cell.is_of_cells(column))))
        return [f"{name}.{column}" for column in columns if not _is_same(new.get(column), old.get(column))]
    return [] if _is_same(new, old) else [name]


def _is_same(new: Any, old: Any) -> bool:
    if isinstance(new, dict) and isinstance(old, dict):
        return all(_is_same(new.get(name), value) for name, value in old.items())
    if isinstance(new, (list, tuple)) and isinstance(old, list):
        return len(new) == len(old) and all(map(_is_same, new, old))
    if isinstance(new, float) and isinstance(old, (float, int)):
        return math.isclose(new, old, rel_tol=DIFFERENCE, abs_tol=DIFFERENCE)
    return bool(new == old)
