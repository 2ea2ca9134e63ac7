"""The names that the figures and their rendering share."""

from typing import Any

Summary = dict[str, Any]

LATE_S = 0.01
"""A call that starts later than this after its due time is late."""

OTHER_REASONS = "…"
"""The key under which the rarest finish reasons are counted together."""

OBSERVED = ("itl_s", "client", "lost", "ended")
"""What only the running process saw, and the rows don't contain: read from PREFIX_summary.json if that exists."""

COMPARED = ("comparison", "compared")
"""The entries of a comparison with a baseline (see `summary.baseline.runs`), whose rows may be gone: read from
PREFIX_summary.json too."""

READS = (
    "stamped", "late", "late_sends", "streams", "joined_firsts", "content_reads", "joined_reads", "content_events",
    "joined_events", "one_piece", "unpaced",
)  # fmt: skip
"""What `summary.evidence.reads` counts."""
