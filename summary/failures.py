"""The failures of a run: grouped by kind, the client's own, and outages."""

from typing import Any

import numpy as np
import pandas as pd

from summary import calls
from summary.cells import iso
from summary.vocabulary import ENDED, Summary

OUTAGE_CALLS = 10
OUTAGE_S = 1.0
OUTAGE_CHANCE = 0.01
"""An outage is at least `OUTAGE_CALLS` failures in a row over at least `OUTAGE_S`, unless the share of other failures
makes such a row likelier than `OUTAGE_CHANCE`."""

EXAMPLE_CHARACTERS = 200
OWN_REASONS = ("too many open files", "no local port left")
OWN_ERRORS = (
    "SecondRequest", "AssertionError", "AttributeError", "IndexError", "KeyError", "MemoryError", "NameError",
    "NotImplementedError", "RecursionError", "TypeError", "UnboundLocalError", "ZeroDivisionError",
)  # fmt: skip
"""Exceptions that no server can be blamed for: bugs, here or in an SDK."""


def found_in(rows: pd.DataFrame) -> Summary:
    """Return the failures of a run: `failures`, `own_failures` and `outages`, as the functions below find them."""
    failed = each(rows)
    return {"failures": grouped(failed), "own_failures": own(failed), "outages": outages(rows, failed)}


def grouped(failed: pd.DataFrame) -> list[Summary]:
    """Count failures, as `each` returns them, by exception class, status, and what failed on the wire, most frequent
    first.

    Each group has the times of its first and last failure, and the shortened text of the first.
    """
    if failed.empty:
        return []
    groups = failed.groupby(["error", "status", "reason"], dropna=False, sort=False)
    found = groups.agg(count=("at", "size"), first=("at", "min"), last=("at", "max"), example=("text", "first"))
    ordered = found.reset_index().sort_values("count", ascending=False, kind="stable")
    return [_group(values) for values in ordered.to_dict("records")]


def own(failed: pd.DataFrame) -> list[Summary]:
    """Count the client's own failures by their cause."""
    ours = failed[_is_own(failed)]
    reasons = ours["reason"].where(ours["reason"].isin(OWN_REASONS), OWN_REASONS[0])
    names = ours["error"].where(ours["error"].isin(OWN_ERRORS), reasons)
    return [{"error": str(name), "count": int(count)} for name, count in names.value_counts().items()]


def outages(rows: pd.DataFrame, failed: pd.DataFrame) -> list[Summary]:
    """Return the outages: rows of server failures, in the order in which calls ended. `start` and `end` are the times
    of the first and last failure."""
    failed = failed[rows.loc[failed.index, "outcome"] == "failed"]
    if len(failed) < OUTAGE_CALLS:
        return []
    ended = rows.loc[rows["outcome"].isin(ENDED), ["outcome", "timestamp", "latency_s"]]
    ended = ended.drop(failed.index[_is_own(failed)])
    at = _ended_at(ended).sort_values(kind="stable")
    is_failed = (ended["outcome"] == "failed").loc[at.index].to_numpy()
    return [
        {"start": _iso(at.iloc[first]), "end": _iso(at.iloc[last]), "count": last - first + 1}
        for first, last in _rows_of(is_failed)
        if (at.iloc[last] - at.iloc[first]).total_seconds() >= OUTAGE_S
        and _is_no_chance(last - first + 1, int(is_failed.sum()), len(is_failed))
    ]


def _rows_of(is_failed: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last index of each row of at least `OUTAGE_CALLS` failures."""
    edges = np.diff(np.concatenate(([0], is_failed.astype(int), [0])))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    long_enough = lasts - firsts + 1 >= OUTAGE_CALLS
    return [(int(first), int(last)) for first, last in zip(firsts[long_enough], lasts[long_enough], strict=True)]


def _is_no_chance(length: int, failures: int, ended: int) -> bool:
    """Return whether so long a row is too unlikely, given how often the calls outside it failed."""
    others = ended - length
    share = (failures - length) / others if others else 0.0
    return bool(ended * share**length <= OUTAGE_CHANCE)


def each(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per failure: its exception, status, reason and text, and when it ended."""
    failed = rows[rows["outcome"].isin(calls.FAILED)]
    texts = failed["error"].fillna("").astype(str)
    names = {text: _shortened(text.partition(":")[0]) for text in texts.unique()}
    unknown = pd.Series([None] * len(failed), failed.index, dtype=object)
    return pd.DataFrame(
        {
            "error": texts.map(names),
            "status": failed["status"],
            "reason": failed.get("error_reason", unknown),
            "text": texts,
            "at": _ended_at(failed),
        }
    )


def _is_own(failed: pd.DataFrame) -> "pd.Series[bool]":
    says_so = failed["text"].str.contains(OWN_REASONS[0], case=False, regex=False)
    return failed["reason"].isin(OWN_REASONS) | says_so | failed["error"].isin(OWN_ERRORS)


def _ended_at(rows: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return when calls ended; for a dropped call, when it should have started."""
    starts = pd.to_datetime(rows["timestamp"], format="ISO8601", utc=True, errors="coerce")
    return starts + pd.to_timedelta(pd.to_numeric(rows["latency_s"]).fillna(0.0), unit="s")


def _group(values: dict[Any, Any]) -> Summary:
    return {
        "error": values["error"],
        "status": None if pd.isna(values["status"]) else int(values["status"]),
        "reason": None if pd.isna(values["reason"]) else values["reason"],
        "count": values["count"],
        "first": _iso(values["first"]),
        "last": _iso(values["last"]),
        "example": _shortened(values["example"]),
    }


def _shortened(text: str) -> str:
    """Return the text on one line, without control characters: it originates from a server."""
    plain = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return plain if len(plain) <= EXAMPLE_CHARACTERS else plain[: EXAMPLE_CHARACTERS - 1] + "…"


def _iso(at: pd.Timestamp) -> str | None:
    return None if pd.isna(at) else iso(at)
