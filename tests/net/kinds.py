"""Values that change from run to run, replaced by their kind: times, ids, versions, and everything that depends on the
machine's speed. Empty values stay empty, so that "not measured" is held, too."""

import re
from typing import Any

Json = Any

SECONDS, PER_SECOND, BY_SPEED, BY_DRAW = "<seconds>", "<per second>", "<by speed>", "<by draw>"
VERSION, BY_FINDINGS = "<version>", "<as the findings say>"

SPEED_FINDINGS = ("stalls", "packets", "sends", "joined reads", "starts")
"""Findings that are present or not depending on the machine's speed: they are left out."""

SPEED_WORDS = ("client", "rate")
"""Findings that are always present; whether they are ok, and their words, depend on the machine's speed."""

RATES = {"throughput_rps", "goodput_rps", "delivered_rps", "output_tokens_per_s"}
SPEEDS = {"late_count", "late_calls", "late_sends", "cpu_share", "loop_lag_s", "stalls"}
COUNTS = {"samples", "gaps", "infinite", "longer"}
"""Numbers among seconds that are not seconds."""

PACKAGES = {
    "python", "platform", "locust", "openai", "anthropic", "boto3", "google-genai", "httpx2", "gevent", "pandas",
}  # fmt: skip
"""A new provider's packages are not held: no run here uses them."""

DRAWN = {
    "prompt_id", "prompt", "response_bytes", "total_bytes", "input_tokens", "output_tokens", "repeated_payloads",
    "worker", "peak_in_flight", "gaps", "histogram_ms", "content_events", "content_reads",
    "server_request_id",
}  # fmt: skip
"""Values that depend on which of two workers makes which call."""

TEXTS = (
    (r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{6}", "<run id>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\d\d:\d\d:\d\d\.\d{3}Z( to \d\d:\d\d:\d\d\.\d{3}Z)?", "<times of day>"),
    (r" \(the client itself [^)]*\)", ""),
    (r"\bis \d[\d.,]* m?s \(", f"is {SECONDS} ("),
    (r"\bis (?!0/s)\d[\d.,]*/s \(", f"is {PER_SECOND} ("),
    (r"(Latency:|Failed after) \d+\.\d+s", rf"\1 {SECONDS}"),
)


def text(words: str) -> str:
    """Return a message without its times, ids and measured values."""
    for pattern, kind in TEXTS:
        words = re.sub(pattern, kind, words)
    return words


def json(content: Json, name: str = "", is_time: bool = False) -> Json:
    """Return the content of a JSON file below a name."""
    if name == "options":
        return content
    if name == "versions":
        return {held: VERSION for held in content if held in PACKAGES}
    if name in SPEEDS:
        return None if content is None else BY_SPEED
    if name == "histogram_ms":
        return f"<{sum(content.values())} gaps>"
    if name == "verdict" and isinstance(content, dict):
        return _verdict(content)
    if name == "client" and content:
        content = {**content, "verdict": BY_SPEED}
    if name == "gates":
        return [_gate(gate) for gate in content]
    is_time = name not in COUNTS and (is_time or (name.endswith("_s") and name not in RATES))
    if isinstance(content, dict):
        return {inner: json(each, inner, is_time) for inner, each in content.items()}
    if isinstance(content, list):
        return [json(each, "", is_time) for each in content]
    return _single(content, name, is_time)


def _single(content: Json, name: str, is_time: bool) -> Json:
    if isinstance(content, str):
        return text(content)
    if content is None or isinstance(content, bool):
        return content
    if name in RATES:
        return PER_SECOND if content else content
    if isinstance(content, float) and not is_time:
        return float(f"{content:.9g}")  # Sums of floats that are times differ in the last digits.
    return SECONDS if is_time else content


def _gate(gate: Json) -> Json:
    """Return a gate's outcome; its value is replaced by the kind found in its reason. Only percentiles have too few
    samples."""
    reason, value = text(gate["reason"]), gate["value"]
    for kind, sign in ((SECONDS, SECONDS), (SECONDS, "too few samples"), (PER_SECOND, PER_SECOND)):
        if sign in reason and value is not None:
            value = kind
    return {**gate, "value": value, "reason": reason}


def _verdict(verdict: Json) -> Json:
    findings = verdict["findings"]
    kept = [_finding(each) for each in findings if each["about"] not in SPEED_FINDINGS]
    return {**verdict, "believable": believable(verdict), "findings": kept}


def believable(verdict: Json) -> Json:
    """Return the answer if it doesn't depend on speed; otherwise whether it agrees with the findings."""
    decisive = [each for each in verdict["findings"] if each["kind"] in ("client", "run")]
    by_speed = (*SPEED_FINDINGS, *SPEED_WORDS)
    is_certain = any(not each["ok"] for each in decisive if each["about"] not in by_speed)
    is_sound = verdict["believable"] == all(each["ok"] for each in decisive)
    return BY_FINDINGS if is_sound and not is_certain else verdict["believable"]


def _finding(finding: Json) -> Json:
    if finding["about"] in SPEED_WORDS:
        return {"about": finding["about"], "kind": finding["kind"], "says": BY_SPEED}
    return json(finding)


def without_draws(content: Json, name: str = "") -> Json:
    """Return the content without what depends on which worker makes which call."""
    if name in DRAWN and content not in (None, ""):
        return BY_DRAW
    if isinstance(content, dict):
        return {inner: without_draws(each, inner) for inner, each in content.items()}
    return content
