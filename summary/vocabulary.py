"""The names that the figures and their rendering share."""

from typing import Any

Summary = dict[str, Any]

LATE_S = 0.01
"""A call that starts later than this after its time is late."""

OTHER_REASONS = "…"
"""Stands for the rarest of very many finish reasons."""

OBSERVED = ("itl_s", "client", "lost", "ended")
"""What the running process saw and the rows can't tell: it is taken from PREFIX_summary.json when that is there."""

READS = ("stamped", "late", "streams", "joined_firsts", "content_reads", "joined_reads", "one_piece", "unpaced")
"""What `summary.evidence.reads` counts."""
