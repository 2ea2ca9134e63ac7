"""What servers say of a call themselves: taken from headers and answers through the real SDKs, and never trusted."""

import json
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.secrets import Secrets
from mock.connection import head_bytes
from mock.formats.message import Request as MockRequest
from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers import claims
from providers.call import Call
from providers.user import _in_one_line
from tests.asking import Asker
from tests.raw_server import Peer, answer, answering, serving

Headers = tuple[tuple[str, str], ...]

LITELLM: Headers = (
    ("x-litellm-call-id", "8d1f-4b"), ("x-litellm-response-duration-ms", "412.5"),
    ("x-litellm-overhead-duration-ms", "12.25"), ("x-litellm-attempted-retries", "2"),
    ("x-litellm-attempted-fallbacks", "0"), ("x-litellm-cache-key", "5e1"), ("x-litellm-response-cost", "3.45e-05"),
    ("llm_provider-x-request-id", "req_1"), ("llm_provider-openai-processing-ms", "390"),
    ("llm_provider-set-cookie", "secret"), ("llm_provider-openai-organization", "org-1"),
    ("llm_provider-x-ratelimit-remaining-tokens", "149984"), ("Set-Cookie", "session=secret"),
    ("openai-project", "proj_1"), ("x-litellm-model-id", "gpt-a"), ("x-ratelimit-remaining-tokens", "77"),
)  # fmt: skip
LITELLM_SAYS = {
    "cache_hit": True, "cost_usd": 3.45e-05, "deployment": "gpt-a", "fallbacks": 0, "overhead_s": 0.01225,
    "proxy_s": 0.4125, "remaining_tokens": 77, "retries": 2, "server_s": 0.39,
}  # fmt: skip

SAYINGS: dict[str, tuple[Headers, dict[str, Any]]] = {
    "openai": (
        (
            ("openai-processing-ms", "57"), ("x-request-id", "req_1"), ("cf-ray", "8f-AMS"),
            ("x-ratelimit-limit-requests", "5000"), ("x-ratelimit-remaining-requests", "4999"),
            ("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-reset-tokens", "120ms"),
            ("openai-organization", "org-1"),
        ),
        {
            "server_s": 0.057, "request_id": "req_1", "cf_ray": "8f-AMS", "limit_requests": 5000,
            "remaining_requests": 4999, "reset_requests": "6m0s", "reset_requests_s": 360, "reset_tokens": "120ms",
            "reset_tokens_s": 0.12,
        },
    ),
    "azure": (
        (
            ("apim-request-id", "a1"), ("x-request-id", "r1"), ("x-ms-region", "East US"),
            ("x-ratelimit-reset-tokens", "59"), ("x-ratelimit-remaining-tokens", "-1"), ("retry-after-ms", "1500"),
            ("retry-after", "2"), ("azure-openai-deployment-utilization", "11.2%"),
        ),
        {
            "apim_request_id": "a1", "request_id": "r1", "region": "East US", "reset_tokens": "59",
            "reset_tokens_s": 59, "retry_after_s": 1.5, "utilization_share": 0.112,
        },
    ),
    "anthropic": (
        (
            ("request-id", "req_2"), ("anthropic-ratelimit-input-tokens-remaining", "40000"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:07Z"), ("x-envoy-upstream-service-time", "812"),
        ),
        {
            "request_id": "req_2", "remaining_input_tokens": 40000, "reset_requests": "2026-01-01T00:00:07Z",
            "upstream_s": 0.812,
        },
    ),
    "gemini": ((("server-timing", "gfet4t7; dur=2345"),), {"server_s": 2.345}),
    "another server's timing": ((("server-timing", "cfRequestDuration;dur=9"),), {}),
    "bedrock": (
        (("x-amzn-requestid", "b-1"), ("x-amzn-bedrock-invocation-latency", "1200")),
        {"request_id": "b-1", "server_s": 1.2},
    ),
    "deepseek": ((("x-ds-trace-id", "d1"),), {"request_id": "d1"}),
    "litellm": (LITELLM, {**LITELLM_SAYS, "proxy_request_id": "8d1f-4b", "request_id": "req_1"}),
    "bifrost": (
        (("x-bifrost-upstream-latency-ms", "300"), ("x-bifrost-fallback-index", "1"), ("x-bifrost-provider", "groq")),
        {"upstream_s": 0.3, "fallbacks": 1, "provider": "groq"},
    ),
    "kong": (
        (("X-Kong-Proxy-Latency", "3"), ("X-Kong-Upstream-Latency", "250"), ("X-Cache-Status", "Miss")),
        {"overhead_s": 0.003, "upstream_s": 0.25, "cache_hit": False},
    ),
    "envoy": ((("x-envoy-attempt-count", "3"),), {"retries": 2}),
    "portkey": (
        (("x-portkey-trace-id", "p1"), ("x-portkey-retry-attempt-count", "1"), ("x-portkey-cache-status", "DISABLED")),
        {"proxy_request_id": "p1", "retries": 1},
    ),
    "cloudflare": (
        (("cf-aig-log-id", "l1"), ("cf-aig-cache-status", "HIT"), ("cf-aig-step", "1")),
        {"proxy_request_id": "l1", "cache_hit": True, "fallbacks": 1},
    ),
    "mlflow": (
        (("X-MLflow-Gateway-Duration-Ms", "220"), ("X-MLflow-Gateway-Overhead-Duration-Ms", "8")),
        {"proxy_s": 0.22, "overhead_s": 0.008},
    ),
    "an Anthropic behind LiteLLM": (
        (("llm_provider-x-envoy-upstream-service-time", "812"), ("llm_provider-retry-after", "7")),
        {"server_s": 0.812, "retry_after_s": 7},
    ),
    "a date": (
        (("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),),
        {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"},
    ),
    "nobody": ((("content-type", "application/json"), ("date", "now"), ("set-cookie", "a=b")), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAYINGS)
def test_each_server_and_gateway_is_understood(name: str) -> None:
    headers, said = SAYINGS[name]
    assert claims.found(headers, {}) == said
    assert claims.found(headers[::-1], {}) == said


NONSENSE = [
    "", " ", "-5", "nan", "inf", "1e999", "9" * 400, "0x10", "1_000", "٣", "12 ms", "NaN", "1e99", "12.", "1,5",
    "1h" * 8,
]  # fmt: skip


@pytest.mark.parametrize("value", NONSENSE)
def test_a_bad_number_is_ignored(value: str) -> None:
    numbers = [claim.source for claim in (*claims._OF_PROVIDERS, *claims._OF_PROXIES) if claim.read is not claims.text]
    found = claims.found([(source, value) for source in numbers], {})
    assert {key for key in found if not key.startswith(("reset_", "retry_after"))} <= {"cache_hit"}
    assert not [key for key in found if key.endswith("_s")]


@pytest.mark.parametrize("value", ["-5", "nan", "1e999", "0x10", "1_000", "12.", "9" * 400, "5ms"])
def test_the_beginning_of_a_bad_number_is_none(value: str) -> None:
    assert claims.found([("server-timing", f"gfet4t7; dur={value}, other;dur=5")], {}) == {}


@example([("anthropic-ratelimit-input-tokens-limit", "0\x1f")], {})  # white space to a text, but not to a float
@given(
    st.lists(st.tuples(st.sampled_from(sorted(claims._TABLE)), st.text())),
    st.dictionaries(
        st.sampled_from(sorted(claims._TABLE)),
        st.recursive(st.none() | st.floats() | st.integers(), st.lists, max_leaves=4),
    ),
)
def test_nothing_that_a_server_says_raises(headers: list[tuple[str, str]], fields: dict[str, Any]) -> None:
    found = claims.found(headers, fields)
    assert all(isinstance(value, str | int | float) for value in found.values())


def streaming(headers: Headers, service: Service) -> Any:
    """Answer as the mock would, in chunks, with more headers."""

    def script(peer: Peer) -> None:
        while received := peer.request():
            named = {name.lower(): value for name, value in received.headers}
            said = service.answer(MockRequest(received.method, received.target, named, received.body))
            said.headers.extend(headers)
            is_chunked = "content-length" not in dict(said.headers)
            peer.send(head_bytes(said, chunked=is_chunked, keep_alive=True))
            for data in [*(part.data for part in said.parts), *([b""] if is_chunked else [])]:
                peer.send(b"%x\r\n%s\r\n" % (len(data), data) if is_chunked else data)

    return script


def said_by(call: Call) -> dict[str, Any]:
    return dict(json.loads(call.server_says or "{}"))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "aws-bedrock", "vertex-ai"])
def test_every_sdks_calls_keep_what_a_proxy_says(provider: str, stream: bool) -> None:
    with serving(streaming(LITELLM, Service(Pace(0)))) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert call.outcome == "ok", call.error
    assert call.server_request_id == "8d1f-4b"
    assert said_by(call).items() >= LITELLM_SAYS.items()
    assert not re.search("cookie|secret|org-1|proj_1|organi", call.server_says or "")
    assert list(said_by(call)) == sorted(said_by(call))
    assert not re.search(r"\s", call.server_says or "")
    assert call.head_s is not None
    assert call.ttfb_s is not None
    assert call.latency_s is not None
    assert 0 < call.head_s <= call.ttfb_s <= call.latency_s


@pytest.mark.parametrize(
    ("api", "stream", "keys"),
    [
        ("chat", False, {"server_total_s"}),
        ("chat", True, {"server_total_s"}),
        ("completions", False, {"server_s"}),
        ("completions", True, {"server_total_s", "server_ttft_s"}),
    ],
)
def test_bedrocks_own_times_are_taken_from_wherever_they_are(api: str, stream: bool, keys: set[str]) -> None:
    wire = InProcessWire(Service(Pace(0.04, seed=1)))
    call = Asker("aws-bedrock", "http://mock.invalid", wire, api=api, stream=stream).ask()
    assert set(said_by(call)) == keys
    assert call.server_request_id
    assert all(0 < value < 1 for value in said_by(call).values())


USAGE = {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}
GROQ = {**USAGE, "queue_time": 0.25, "prompt_time": 0.001, "completion_time": 0.5, "total_time": 0.501}
GROQ_SAYS = {"server_total_s": 0.501, "queue_s": 0.25, "prompt_s": 0.001, "completion_s": 0.5}


def chat_of(usage: dict[str, Any]) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


def test_groqs_usage_says_its_times() -> None:
    with serving(answering(answer(chat_of(GROQ), "Content-Type: application/json"))) as server:
        call = Asker("openai", server.url).ask()
    assert said_by(call) == GROQ_SAYS
    assert (call.output_tokens, call.outcome) == (7, "ok")


@pytest.fixture
def exhausted() -> Iterator[str]:
    """A Gemini that refuses with a 429, and says in the body how long to wait."""
    details = [{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": "…RetryInfo", "retryDelay": "38s"}]
    body = {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": details}}
    script = answering(answer(json.dumps(body).encode(), "Content-Type: application/json", status="429 Too Many"))
    with serving(script) as server:
        yield server.url


@pytest.mark.parametrize("stream", [False, True])
def test_a_429_of_gemini_says_when_to_retry(exhausted: str, stream: bool) -> None:
    call = Asker("vertex-ai", exhausted, stream=stream).ask()
    assert (call.status, call.outcome, said_by(call)) == (429, "failed", {"retry_after_s": 38})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[" * 9999, b'{"error": {"details": [7, null]}}', b'{"error": "x"}', b"<p>"]
)
def test_a_429_with_any_other_body_asks_nothing(body: bytes) -> None:
    with serving(answering(answer(body, "Content-Type: application/json", status="429 Too Many"))) as server:
        call = Asker("vertex-ai", server.url).ask()
    assert (call.status, call.outcome, call.server_says) == (429, "failed", None)


def test_geminis_id_is_taken_once_from_its_body() -> None:
    wire = InProcessWire(Service(Pace(0)))
    call = Asker("vertex-ai", "http://mock.invalid", wire, stream=True).ask()
    assert call.server_request_id


def test_texts_are_redacted_short_and_on_one_line() -> None:
    secrets = Secrets()
    secrets.add("sk-abcdefghijklmnop")
    headers = (
        ("x-request-id", "id-sk-abcdefghijklmnop-7"), ("x-ms-region", "z" * 3000), ("cf-ray", "a\tb\x1b[31mc"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    )  # fmt: skip
    broken = (("apim-request-id", "sk-abcd\x00efgh\x01ijklmnop"),)
    asker = Asker("openai", "http://mock.invalid", _Saying(broken))
    asker.session.redact = secrets.redact  # type: ignore[method-assign]
    assert asker.ask().server_request_id == "***"
    asker = Asker("openai", "http://mock.invalid", _Saying(headers))
    asker.session.redact = secrets.redact  # type: ignore[method-assign]
    call = asker.ask()
    assert call.server_request_id == "id-***-7"
    assert said_by(call)["region"] == "z" * 99 + "…"
    assert said_by(call)["cf_ray"] == "a b[31mc"
    assert said_by(call)["reset_tokens_s"] == 360


@pytest.mark.parametrize("secret", ["correct  horse", "correct horse\u00a0battery", "horse\u00e0-5af1"])
def test_a_secret_is_redacted_though_its_spaces_are_not_shown(secret: str) -> None:
    secrets = Secrets()
    secrets.add(secret)
    asker = Asker("openai", "http://mock.invalid", _Saying((("x-request-id", secret.encode().decode("latin-1")),)))
    asker.session.redact = secrets.redact  # type: ignore[method-assign]
    assert asker.ask().server_request_id == "***"


class _Saying(InProcessWire):
    """The mock, with more headers."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(Service(Pace(0)))
        self._headers = headers

    def send(self, request: Any) -> Any:
        reply = super().send(request)
        reply.headers[:] = [*self._headers, *(each for each in reply.headers if each[0] != "x-request-id")]
        return reply


def test_only_the_beginning_of_a_long_text_is_looked_at_to_show_it() -> None:
    """Tens of millions of words, as in an answer's id, would take seconds and gigabytes."""
    text = "ab " * (1 << 20)
    tracemalloc.start()
    try:
        assert _in_one_line(text, 10) == "ab ab ab …"
        assert tracemalloc.get_traced_memory()[1] < 3 * len(text)
    finally:
        tracemalloc.stop()
