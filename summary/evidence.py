"""What the rows reveal about how they were measured, and about answers that only look like successes."""

import numpy as np
import pandas as pd

from summary import calls
from summary.vocabulary import LATE_S, OTHER_REASONS, READS, Summary

MOST_REASONS = 20
"""How many finish reasons a summary names: a server can make up any number of them."""

LATE_SHARE = 0.05
"""A call that was sent late by a smaller share of its time is hardly longer for it."""

PIECE_S = 0.0002
"""Hardly any server streams pieces faster than this: those of a read that was late by less per piece came together."""

CONTENT, JOINED = ("content_reads", "content_events"), ("joined_reads", "joined_events", "first_read_joined")
OF_READS = (
    "outcome", "latency_s", "lag_s", "send_s", "ttft_s", "itl_mean_s", "output_tokens", "reasoning_tokens",
    *CONTENT, *JOINED,
)  # fmt: skip


def reads(rows: pd.DataFrame) -> Summary:
    """Count the successes whose packets were read late, and how their streams were split into reads.

    stamped        successes whose packets' arrival times are known
    late           of these, those with a packet that was read over 10 ms late
    late_sends     successes whose request was sent over 10 ms late, and late by over 5 % of the time to the first token
                   (of the latency, for a plain answer); `None` for rows that don't say
    streams        streamed successes; this and all that follow are `None` for rows of a version that did not count
                   reads
    joined_firsts  of these, those whose first token came in a read that joined several; `None` where that is unknown
    content_reads  the reads that carried content, of the streams whose packets' arrival times are known
    joined_reads   of these, those that joined several tokens because they were late; none in streams of one piece
    content_events, joined_events  the tokens in all of these reads, and in those that joined several
    one_piece      streams of more than one token whose content came in a single read, not late enough to have joined it
    unpaced        streams of several pieces that came in too few reads to show a pace, `one_piece` included
    """
    successes = calls.of_successes(rows.filter(items=OF_READS))
    found: Summary = dict.fromkeys(READS)
    if calls.is_reported(rows, "lag_s"):
        found["stamped"] = int(successes["lag_s"].notna().sum())
        found["late"] = int((successes["lag_s"] > LATE_S).sum())
    if calls.is_reported(rows, "send_s"):
        send_s, first_s = calls.numbers(successes, "send_s"), calls.numbers(successes, "ttft_s")
        whole_s = first_s.fillna(calls.numbers(successes, "latency_s"))
        found["late_sends"] = int(((send_s > LATE_S) & (send_s > LATE_SHARE * whole_s)).sum())
    return {**found, **_pieces(successes)}


def _pieces(successes: pd.DataFrame) -> Summary:
    if not calls.is_reported(successes, "content_reads"):
        return {}
    streams = successes[calls.numbers(successes, "content_reads") > 0]
    several = (calls.numbers(streams, "content_events") > 1) | (_streamed_tokens(streams) > 1)
    is_late = calls.numbers(streams, "joined_reads") > 0
    one_piece = several & (~is_late | _came_together(streams)) & (calls.numbers(streams, "content_reads") == 1)
    unpaced = several & ~is_late & calls.numbers(streams, "itl_mean_s").isna()
    stamped = _stamped(streams, one_piece)
    return {
        "streams": len(streams),
        "joined_firsts": calls.total(stamped, "first_read_joined"),
        "content_reads": calls.total(stamped, "content_reads"),
        "joined_reads": calls.total(stamped, "joined_reads"),
        "content_events": calls.total(stamped, "content_events"),
        "joined_events": calls.total(stamped, "joined_events"),
        "one_piece": int(one_piece.sum()),
        "unpaced": int((one_piece | unpaced).sum()),
    }


def _stamped(streams: pd.DataFrame, one_piece: "pd.Series[bool]") -> pd.DataFrame:
    """Return the reads of the streams whose packets' arrival times are known, none of them joined in one piece."""
    columns = {name: calls.numbers(streams, name) for name in (*CONTENT, *JOINED)}
    columns |= {name: columns[name].mask(one_piece & columns[name].notna(), 0) for name in JOINED}
    return pd.DataFrame(columns)[columns["joined_reads"].notna()]


def _came_together(streams: pd.DataFrame) -> "pd.Series[bool]":
    """Return which streams, of those read at once, had come at once, although the read was late."""
    return calls.numbers(streams, "lag_s") < PIECE_S * (calls.numbers(streams, "content_events") - 1)


def _streamed_tokens(rows: pd.DataFrame) -> "pd.Series[float]":
    return calls.numbers(rows, "output_tokens") - calls.numbers(rows, "reasoning_tokens").fillna(0)


def no_content_count(rows: pd.DataFrame) -> int | None:
    """Count the successes without text, reasoning, tool call or refusal; `None` if the rows don't say."""
    if "content_events" not in rows:
        return None
    return int((calls.in_successes(rows, "content_events") == 0).sum())


def finish_reasons(rows: pd.DataFrame) -> dict[str, int] | None:
    """Count the finish reasons of the successes, most frequent first; beyond `MOST_REASONS` the rest count as one."""
    if "finish_reason" not in rows:
        return None
    counts = rows.loc[rows["outcome"] == "ok", "finish_reason"].dropna().astype(str).value_counts()
    named = {str(reason): int(count) for reason, count in counts.iloc[:MOST_REASONS].items()}
    rest = int(counts.iloc[MOST_REASONS:].sum())
    return {**named, OTHER_REASONS: rest} if rest else named


def peak_in_flight(rows: pd.DataFrame) -> int:
    """Return the most calls that were in flight at once. A call that ends just as another starts doesn't overlap it."""
    sent = rows["outcome"] != "dropped"
    starts_s = rows.loc[sent, "start_s"].to_numpy(dtype=float)
    if not len(starts_s):
        return 0
    ends_s = np.nan_to_num(starts_s + rows.loc[sent, "latency_s"].to_numpy(dtype=float), nan=np.inf)
    ended = np.searchsorted(np.sort(ends_s), np.sort(starts_s), side="right")
    return int((np.arange(1, len(starts_s) + 1) - ended).max())
