"""The names that the figures and their rendering share."""

from typing import Any

Summary = dict[str, Any]

PERCENTILES = {"median": 50, "p95": 95, "p99": 99}
SAMPLES_NEEDED = {"p95": 20, "p99": 100}
"""Below this many samples a percentile is no more than the largest one or two values."""

CI_NEEDS = {"p95": 72, "p99": 368}
"""Below this many samples an interval that holds the true percentile with 95 % confidence has no upper end."""

LATENCIES = ("latency_s", "latency_from_schedule_s")
LATE_S = 0.01
"""A call that starts later than this after its time is late."""

STREAM_FIGURES = ("ttft_s", "ttfv_s", "tpot_s")
TITLES = {
    "latency_s": "latency",
    "latency_from_schedule_s": "latency from schedule",
    "ttft_s": "TTFT",
    "ttfv_s": "TTFV",
    "tpot_s": "TPOT",
    "itl_s": "ITL",
}
TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
OTHER_REASONS = "…"
"""Stands for the rarest of very many finish reasons."""

OBSERVED = ("itl_s", "client", "lost", "ended")
"""What the running process saw and the rows can't tell: it is taken from PREFIX_summary.json when that is there."""
