"""Whether the rows of a run give the summary that the run wrote: if not, one of the two was edited or cut."""

import math
from typing import Any

from summary.registry import over
from summary.vocabulary import COMPARED, JUDGED, Summary

NESTED = ("against", "baseline", "checksums")
"""The entries that are named by what differs in them, as `against.baseline.latency_s`."""

NOT_OF_ROWS = (*JUDGED, *COMPARED, "rows", "cut_off")
TIMES = over("successes")
"""Compared even if the run wrote none, so that a column which it left empty can't be filled."""

DIFFERENCE = 1e-9
"""Relative, and absolute: a spreadsheet that saves rows shortens their numbers to 15 digits."""


def differing(found: Summary, written: Summary) -> list[str]:
    """Return the names of the entries that differ from those in `written`, PREFIX_summary.json; [] if it is {}.

    found  the summary of the rows, with what only the running process saw taken from `written`

    An entry that `written` lacks does not count, as an older version wrote fewer, unless it is a column's checksum.
    """
    names = dict.fromkeys((*written, *TIMES)) if written else {}
    return [path for name in names if name not in NOT_OF_ROWS for path in _paths(name, found, written)]


def _paths(name: str, found: Summary, written: Summary) -> list[str]:
    new, old = found.get(name), written.get(name)
    if name in NESTED and isinstance(new, dict) and isinstance(old, dict):
        lacking = dict.fromkeys(new) if name == "checksums" else {}
        return [f"{name}.{path}" for path in differing(new, lacking | old)]
    return [] if _is_same(new, old) else [name]


def _is_same(new: Any, old: Any) -> bool:
    if isinstance(new, dict) and isinstance(old, dict):
        return not differing(new, old)
    if isinstance(new, (list, tuple)) and isinstance(old, list):
        return len(new) == len(old) and all(map(_is_same, new, old))
    if isinstance(new, float) and isinstance(old, (float, int)):
        return math.isclose(new, old, rel_tol=DIFFERENCE, abs_tol=DIFFERENCE)
    return bool(new == old)
