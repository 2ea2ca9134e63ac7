"""What servers and proxies say of a call themselves, in headers and in fields of the answer: one table, by who says it.

To add a gateway, add its lines to `_OF_PROXIES`. What no line names never gets into a row: no cookie, no organisation,
no project.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

Read = Callable[[Any], Any]
"""Returns the value in the unit of its key, from a header's text or a body's JSON; `None` if it is not valid."""

LARGEST = 10**12
"""A larger number is no time, quota or cost."""

BEHIND = "llm_provider-"
"""LiteLLM's prefix for the headers that the provider behind it sent."""

NUMBER = (int, float)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,20})?(?:[eE]-?[0-9]{1,2})?")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|ms|m|µs|us|ns|s)){1,7}")
_DURATION_PART = re.compile(r"([0-9.]+)(h|ms|m|µs|us|ns|s)")
_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
_GEMINI = re.compile(r"gfet4t7\s*;\s*dur=([^\s;,]{1,20})(?![^\s;,])")


def number(value: Any) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(stripped := value.strip()):
        value = float(stripped)
    is_valid = isinstance(value, NUMBER) and not isinstance(value, bool) and 0 <= value <= LARGEST
    return value if is_valid else None


def count(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def from_ms(value: Any) -> float | None:
    found = number(value)
    return None if found is None else round(found / 1000, 9)


def duration_s(value: Any) -> float | None:
    """Read a number of seconds, or a Go duration such as `6m0s`; a time of day is only kept as text."""
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        value = sum(float(amount) * _UNITS_S[unit] for amount, unit in _DURATION_PART.findall(value))
    return number(value)


def percentage(value: Any) -> float | None:
    found = number(value.strip().removesuffix("%")) if isinstance(value, str) else None
    return None if found is None else round(found / 100, 9)


def gemini_s(value: Any) -> float | None:
    """Read Google's own entry of a Server-Timing header: others can add theirs."""
    found = _GEMINI.search(value) if isinstance(value, str) else None
    return from_ms(found[1]) if found else None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def date_text(value: Any) -> str | None:
    return text(value) if duration_s(value) is None else None


def is_hit(value: Any) -> bool | None:
    """Read a cache's status, such as `HIT` or `Miss`; one without either word says nothing."""
    words = value.lower() if isinstance(value, str) else ""
    return "hit" in words if "hit" in words or "miss" in words else None


def is_there(value: Any) -> bool | None:
    return bool(text(value)) or None


def is_true(value: Any) -> bool | None:
    """Read a flag of our own; no header can be one."""
    return value is True or None


def beyond_first(value: Any) -> int | None:
    """Read a number of attempts as the number of retries."""
    attempts = count(value)
    return attempts - 1 if attempts else None


class Claim(NamedTuple):
    """One line of the table. A source with two meanings has two lines; of several sources of a key the first counts.

    source  a header in lower case, or the path of a field in the body
    key     its name in the cell, with its unit
    """

    source: str
    key: str
    read: Read


def _quota(source: str, key: str) -> tuple[Claim, ...]:
    """Return the lines of a quota's headers: `source` and `key` have a placeholder. Resets come in three formats."""
    said = {word: source.format(word) for word in ("limit", "remaining", "reset")}
    return (
        Claim(said["limit"], key.format("limit"), count),
        Claim(said["remaining"], key.format("remaining"), count),
        Claim(said["reset"], key.format("reset"), text),
        Claim(said["reset"], key.format("reset") + "_s", duration_s),
    )


_OF_PROVIDERS = (
    # OpenAI, and on Azure
    Claim("openai-processing-ms", "server_s", from_ms),
    Claim("x-request-id", "request_id", text),
    Claim("apim-request-id", "apim_request_id", text),
    Claim("cf-ray", "cf_ray", text),
    Claim("x-ms-region", "region", text),
    *_quota("x-ratelimit-{}-requests", "{}_requests"),
    *_quota("x-ratelimit-{}-tokens", "{}_tokens"),
    Claim("azure-openai-deployment-utilization", "utilization_share", percentage),
    Claim("retry-after-ms", "retry_after_s", from_ms),
    Claim("retry-after", "retry_after_s", duration_s),
    Claim("retry-after", "retry_after", date_text),
    # Anthropic
    Claim("request-id", "request_id", text),
    Claim("x-envoy-upstream-service-time", "server_s", from_ms),
    *_quota("anthropic-ratelimit-requests-{}", "{}_requests"),
    *_quota("anthropic-ratelimit-tokens-{}", "{}_tokens"),
    *_quota("anthropic-ratelimit-input-tokens-{}", "{}_input_tokens"),
    *_quota("anthropic-ratelimit-output-tokens-{}", "{}_output_tokens"),
    # Bedrock
    Claim("x-amzn-requestid", "request_id", text),
    Claim("x-amzn-bedrock-invocation-latency", "server_s", from_ms),
    Claim("metrics.latencyMs", "server_total_s", from_ms),
    Claim("amazon-bedrock-invocationMetrics.invocationLatency", "server_total_s", from_ms),
    Claim("amazon-bedrock-invocationMetrics.firstByteLatency", "server_ttft_s", from_ms),
    # Gemini, Vertex AI
    Claim("server-timing", "server_s", gemini_s),
    Claim("responseId", "request_id", text),
    Claim("RetryInfo.retryDelay", "retry_after_s", duration_s),
    # Of OpenAI's API, but older servers don't know it: see `providers.openai`
    Claim("stream_options", "stream_options_refused", is_true),
    # DeepSeek
    Claim("x-ds-trace-id", "request_id", text),
    # Groq: the total leaves out the queue
    Claim("usage.total_time", "server_total_s", number),
    Claim("usage.queue_time", "queue_s", number),
    Claim("usage.prompt_time", "prompt_s", number),
    Claim("usage.completion_time", "completion_s", number),
)

_OF_PROXIES = (
    # LiteLLM
    Claim("x-litellm-response-duration-ms", "proxy_s", from_ms),
    Claim("x-litellm-overhead-duration-ms", "overhead_s", from_ms),
    Claim("x-litellm-callback-duration-ms", "callback_s", from_ms),
    Claim("x-litellm-timing-pre-processing-ms", "pre_processing_s", from_ms),
    Claim("x-litellm-timing-llm-api-ms", "upstream_s", from_ms),
    Claim("x-litellm-timing-post-processing-ms", "post_processing_s", from_ms),
    Claim("x-litellm-timing-message-copy-ms", "message_copy_s", from_ms),
    Claim("x-litellm-call-id", "proxy_request_id", text),
    Claim("x-litellm-model-id", "deployment", text),
    Claim("x-litellm-attempted-retries", "retries", count),
    Claim("x-litellm-attempted-fallbacks", "fallbacks", count),
    Claim("x-litellm-cache-key", "cache_hit", is_there),
    Claim("x-litellm-response-cost", "cost_usd", number),
    # Bifrost
    Claim("x-bifrost-upstream-latency-ms", "upstream_s", from_ms),
    Claim("x-bifrost-request-id", "proxy_request_id", text),
    Claim("x-bifrost-provider", "provider", text),
    Claim("x-bifrost-fallback-index", "fallbacks", count),
    # Kong
    Claim("x-kong-proxy-latency", "overhead_s", from_ms),
    Claim("x-kong-upstream-latency", "upstream_s", from_ms),
    Claim("x-kong-llm-model", "model", text),
    Claim("x-cache-status", "cache_hit", is_hit),
    # Envoy, Envoy AI Gateway
    Claim("x-envoy-upstream-service-time", "upstream_s", from_ms),
    Claim("x-envoy-attempt-count", "retries", beyond_first),
    # Portkey
    Claim("x-portkey-trace-id", "proxy_request_id", text),
    Claim("x-portkey-retry-attempt-count", "retries", count),
    Claim("x-portkey-cache-status", "cache_hit", is_hit),
    # Cloudflare AI Gateway: step 0 is the primary model
    Claim("cf-aig-log-id", "proxy_request_id", text),
    Claim("cf-aig-cache-status", "cache_hit", is_hit),
    Claim("cf-aig-step", "fallbacks", count),
    # MLflow
    Claim("x-mlflow-gateway-duration-ms", "proxy_s", from_ms),
    Claim("x-mlflow-gateway-overhead-duration-ms", "overhead_s", from_ms),
    # OpenRouter
    Claim("x-generation-id", "proxy_request_id", text),
)

_IDS = ("proxy_request_id", "request_id", "apim_request_id", "cf_ray")
"""The keys of ids. The first one said is the row's: that of the server that was asked; the others stay in the cell."""


def _ranked() -> dict[str, list[tuple[int, Claim]]]:
    """Return the table by source, each line with its rank. What a proxy passes on counts after its own words."""
    direct = [*_OF_PROXIES, *(claim for claim in _OF_PROVIDERS if claim.source not in _SAID_BY_PROXIES)]
    behind = [claim._replace(source=BEHIND + claim.source) for claim in _OF_PROVIDERS]
    ranked: dict[str, list[tuple[int, Claim]]] = {}
    for rank, claim in enumerate([*direct, *behind]):
        ranked.setdefault(claim.source, []).append((rank, claim))
    return ranked


_SAID_BY_PROXIES = {claim.source for claim in _OF_PROXIES}
_TABLE = _ranked()


def found(headers: Iterable[tuple[str, str]], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the valid claims by key; texts are as the server sent them. {} for an answer that says nothing."""
    said = [(name, value) for header, value in headers if (name := header.lower()) in _TABLE]
    said += fields.items()
    if not said:
        return {}
    lines = [(rank, claim, value) for name, value in said for rank, claim in _TABLE.get(name, ())]
    lines.sort(key=lambda line: line[0], reverse=True)
    read = [(claim.key, claim.read(value)) for _, claim, value in lines]
    return {key: value for key, value in read if value is not None}


def as_cells(claims: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return a row's `server_request_id` and `server_says`: compact JSON with sorted keys, or `None`."""
    name = next((name for name in _IDS if name in claims), "")
    rest = {key: value for key, value in claims.items() if key != name}
    return claims.get(name), orjson.dumps(rest, option=orjson.OPT_SORT_KEYS).decode() if rest else None
