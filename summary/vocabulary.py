"""The names that the figures and their rendering share."""

from typing import Any

Summary = dict[str, Any]

LAG_LIMIT_S = 0.05
CPU_LIMIT = 0.9
"""A client whose event loop's lag has a higher p99, or that uses more of a core, is the bottleneck."""

ENOUGH_S = 0.5
"""A shorter run mostly shows how long Locust takes to start: what it uses of a core says nothing."""

LATE_S = 0.01
"""A call that starts later than this after its due time, or a packet that is read later after its arrival, is late."""

STALL_S = 0.1
"""An event loop that is this late was stalled: by its own work, a lack of CPU, or because the process was suspended."""

HICCUP_S = 0.5
"""No scheduler on a healthy machine takes the CPU away for this long; less than that in a short run is a hiccup."""

EVIDENT_S = 10.0
"""In a shorter time fewer than five late ticks, at 50 per second, move the loop's p99: one or two hiccups."""

OTHER_REASONS = "…"
"""The key under which the rarest finish reasons are counted together."""

FACTS = (
    "run_id", "provider", "model", "api", "mode", "stream", "host", "files", "seed", "options", "versions",
)  # fmt: skip
"""What a run was, from PREFIX_run.json; if that is lost, from PREFIX_summary.json."""

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

ENDED = ("ok", "failed")
"""The outcomes of calls that ended by themselves: each has a latency."""

MOST_STAGES = 1000
"""That a schedule can have: each has figures of its own, and a thousand take many seconds."""

OF_TURNS = ("ttft_s", "latency_s")
"""The times that a summary has by the turns of conversations."""

CLAIM_SPANS = ("latency_s", "head_s", "ttft_s")
"""The measured times that servers' claims can speak of."""

CLAIM_SHARES = ("measured", "proxy", "provider", "unaccounted")
CLAIM_COUNTS = ("cache_hits", "retried_calls", "retries", "fallback_calls", "stream_options_refusals", "cost_usd")
QUOTAS = ("requests", "tokens", "input_tokens", "output_tokens")
"""What `summary.claims.figures` computes."""
