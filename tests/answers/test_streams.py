"""Streams of all providers: the figures of an exact schedule, and every way in which a stream can fail."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Pool

from mock.connection import chunk, head_bytes
from mock.formats.message import Request as MockRequest
from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers import bedrock_families
from providers.call import Call
from tests.asking import APIS, Asker
from tests.cases import CASES, case_of
from tests.certificates import make_certificate, trusting
from tests.mock_server import MockServer
from tests.mock_server import serving as serving_mock
from tests.providers.test_providers import (
    EVERY_API,
    EVERY_PROVIDER,
    ask_one,
    assert_failed,
)
from tests.raw_server import WAIT_S, Peer, RawServer, Script, answer, answering, serving
from wire.exchange import Exchange, Reply, Request, Wire, current
from wire.extra_headers import WithHeaders
from wire.network import NetworkWire

TTFT_S, ITL_S, TOKENS = 0.05, 0.002, 12
CLOCK_S = 1e-4
"""The kernel stamps arrivals on the wall clock, which is read a moment apart from the monotonic one."""
PATIENT_S = 60.0
DEADLINE_S = 2.0
IN_PROCESS = "http://mock.invalid"
CACHED_TOKENS = 3

Serve = Callable[[Script], RawServer]
Case = tuple[str, str]

BEDROCK_APIS = [case for case in APIS if CASES[case[0]].has_frames]
FAMILIES = {
    "anthropic.claude-v2:1": ("stop_sequence", "max_tokens"),
    "anthropic.claude-instant-v1": ("stop_sequence", "max_tokens"),
    "us.anthropic.claude-3-5-sonnet-20241022-v2:0": ("end_turn", "max_tokens"),
    "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-sonnet-4-v1:0": ("end_turn", "max_tokens"),
    "meta.llama3-70b-instruct-v1:0": ("stop", "length"),
    "mistral.mistral-7b-instruct-v0:2": ("stop", "length"),
    "mistral.mixtral-8x7b-instruct-v0:1": ("stop", "length"),
    "mistral.mistral-large-2402-v1:0": ("stop", "length"),
    "mistral.mistral-small-2402-v1:0": ("stop", "length"),
    "mistral.mistral-large-2407-v1:0": ("stop", "length"),
    "us.deepseek.r1-v1:0": ("stop", "length"),
    "deepseek.v3-v1:0": ("stop", "length"),
    "qwen.qwen3-32b-v1:0": ("stop", "length"),
    "moonshot.kimi-k2-thinking": ("stop", "length"),
    "minimax.minimax-m2": ("stop", "length"),
    "zai.glm-4.7": ("stop", "length"),
    "google.gemma-3-27b-it": ("stop", "length"),
    "nvidia.nemotron-nano-12b-v2": ("stop", "length"),
    "us.writer.palmyra-x5-v1:0": ("stop", "length"),
    "cohere.command-r-plus-v1:0": ("COMPLETE", "MAX_TOKENS"),
    "cohere.command-text-v14": ("COMPLETE", "MAX_TOKENS"),
    "ai21.j2-ultra-v1": ("stop", "length"),
    "ai21.jamba-1-5-large-v1:0": ("stop", "length"),
    "openai.gpt-oss-20b-1:0": ("stop", "length"),
    "amazon.titan-text-express-v1": ("FINISH", "LENGTH"),
    "amazon.nova-lite-v1:0": ("end_turn", "max_tokens"),
}
"""A model of each family, and its finish reasons: normally, and when the token limit cut the answer."""
UNKNOWN_MODEL = "acme.novel-v1:0"
EVERY_FAMILY = pytest.mark.parametrize("model", FAMILIES)


class Corrupting:
    """A wire that counts what is sent, keeps its latest exchange, and can corrupt the answers of the mock behind it."""

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire or NetworkWire()
        self.headers: dict[str, str] = {}
        self.sent = 0
        self.exchange = Exchange()
        self.answered = Event()

    def send(self, request: Request) -> Reply:
        self.sent += 1
        self.exchange = current()
        reply = WithHeaders(self._wire, tuple(self.headers.items())).send(request)
        self.answered.set()
        return reply


@pytest.fixture(scope="module")
def scheduled_mock() -> Iterator[MockServer]:
    """`python -m mock` with an exact schedule."""
    with serving_mock("--ttft", str(TTFT_S), "--itl", str(ITL_S), "--tokens", str(TOKENS)) as server:
        yield server


@pytest.fixture
def scheduled(scheduled_mock: MockServer) -> MockServer:
    scheduled_mock.reset()
    return scheduled_mock


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start raw servers that stop with the test."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(serving(script))


def on_schedule() -> Service:
    return Service(Pace(ttft_s=TTFT_S, itl_s=ITL_S), exact_tokens=True, tokens=TOKENS)


def streaming(provider: str, url: str = IN_PROCESS, wire: Wire | None = None, **options: object) -> Asker:
    return Asker(provider, url, wire, **{"stream": True, "timeout_s": PATIENT_S, **options})


def in_process(provider: str, service: Service, **options: object) -> Asker:
    return streaming(provider, IN_PROCESS, InProcessWire(service), **options)


def at(value: float | None) -> float:
    """Return a figure that must be present."""
    assert value is not None
    return value


# The figures


@EVERY_API
def test_a_stream_agrees_with_what_the_server_counted(scheduled: MockServer, provider: str, api: str) -> None:
    call = ask_one(streaming(provider, scheduled.url, api=api))
    counted = scheduled.stats()
    assert (call.outcome, call.status, call.error) == ("ok", 200, None)
    assert call.finish_reason == case_of(provider, api).finish_reason
    assert (counted["requests"], counted["by_status"]) == (1, {"200": 1})
    assert call.response_bytes == counted["response_bytes"]
    assert_tokens(call, (provider, api), counted["input_tokens"], counted["output_tokens"])
    assert_consistent(call)


@EVERY_API
def test_in_process_a_stream_agrees_with_what_the_mock_counted(provider: str, api: str) -> None:
    service = on_schedule()
    call = ask_one(in_process(provider, service, api=api, mock=True))
    assert (call.outcome, call.status, call.mode, call.connection) == ("ok", 200, "mock", None)
    assert call.finish_reason == case_of(provider, api).finish_reason
    assert (service.stats.requests, call.response_bytes) == (1, service.stats.response_bytes)
    assert_tokens(call, (provider, api), service.stats.input_tokens, service.stats.output_tokens)
    assert_consistent(call)
    assert len(call.gaps_s) == TOKENS - 1


def assert_tokens(call: Call, case: Case, input_tokens: int, output_tokens: int) -> None:
    assert output_tokens == TOKENS
    expected = (input_tokens, output_tokens) if case_of(*case).reports_usage else (None, None)
    assert (call.input_tokens, call.output_tokens) == expected


def assert_consistent(call: Call) -> None:
    """Check that every figure is present, none is earlier than its time, and each follows from the others."""
    latency_s, ttfb_s, ttft_s, ttfv_s = map(at, (call.latency_s, call.ttfb_s, call.ttft_s, call.ttfv_s))
    assert 0 < ttfb_s <= ttft_s <= ttfv_s <= latency_s
    assert ttft_s >= TTFT_S - CLOCK_S
    assert latency_s >= TTFT_S + (TOKENS - 1) * ITL_S - CLOCK_S
    assert len(call.gaps_s) < TOKENS
    if not call.gaps_s:  # The machine was so busy that too many tokens were sent in one write.
        assert (call.tpot_s, call.itl_mean_s, call.itl_max_s, call.output_tokens_per_s) == (None,) * 4
        return
    assert ttft_s + sum(call.gaps_s) <= latency_s + 1e-9
    assert ttft_s + sum(call.gaps_s) >= TTFT_S + (TOKENS - 1) * ITL_S - CLOCK_S
    assert min(call.gaps_s) > 0
    assert call.itl_mean_s == pytest.approx(sum(call.gaps_s) / len(call.gaps_s))
    assert call.itl_max_s == max(call.gaps_s)
    assert_tpot(call)


def assert_tpot(call: Call) -> None:
    if call.output_tokens is None:
        assert (call.tpot_s, call.output_tokens_per_s) == (None, None)
        return
    assert at(call.tpot_s) * (call.output_tokens - 1) == pytest.approx(sum(call.gaps_s))
    assert call.output_tokens_per_s == pytest.approx(1 / at(call.tpot_s))


@pytest.mark.parametrize("provider", ["openai", "azure-openai"])
def test_the_first_byte_of_a_response_comes_before_its_first_text(provider: str) -> None:
    """The Responses API says at once that it has begun."""
    call = ask_one(in_process(provider, on_schedule(), api="responses"))
    assert at(call.ttfb_s) < at(call.ttft_s)


@EVERY_API
def test_a_plain_call_has_a_first_byte_but_no_pace(scheduled: MockServer, provider: str, api: str) -> None:
    call = ask_one(streaming(provider, scheduled.url, api=api, stream=False))
    assert 0 < at(call.ttfb_s) <= at(call.latency_s)
    assert (call.ttft_s, call.ttfv_s, call.tpot_s, call.itl_mean_s, call.itl_max_s) == (None,) * 5
    assert (call.output_tokens_per_s, call.gaps_s) == (None, [])


@pytest.mark.parametrize(("provider", "api"), [case for case in APIS if case_of(*case).reasoning_model])
def test_reasoning_is_the_first_text_but_not_the_first_visible(provider: str, api: str) -> None:
    service = on_schedule()
    call = ask_one(in_process(provider, service, api=api, model=case_of(provider, api).reasoning_model))
    thoughts = TOKENS // 2
    assert (call.outcome, call.output_tokens) == ("ok", TOKENS + thoughts)
    assert call.input_tokens == service.stats.input_tokens
    assert TTFT_S <= at(call.ttft_s) < at(call.ttfv_s) < at(call.latency_s)
    assert at(call.ttfv_s) >= TTFT_S + thoughts * ITL_S
    assert len(call.gaps_s) == TOKENS + thoughts - 1
    assert call.reasoning_tokens == (thoughts if CASES[provider].reports_reasoning_tokens else None)


@EVERY_API
def test_without_reasoning_the_first_text_is_visible(provider: str, api: str) -> None:
    call = ask_one(in_process(provider, on_schedule(), api=api))
    assert call.ttft_s == call.ttfv_s
    assert not call.reasoning_tokens


@EVERY_API
@pytest.mark.parametrize("stream", [True, False])
def test_input_tokens_include_the_cached_ones(provider: str, api: str, stream: bool) -> None:
    service = on_schedule()
    headers = (("x-mock-cached", str(CACHED_TOKENS)),)
    call = ask_one(in_process(provider, service, api=api, stream=stream, headers=headers))
    assert call.outcome == "ok"
    if case_of(provider, api).reports_usage:
        assert call.input_tokens == service.stats.input_tokens
    assert call.cached_tokens == (CACHED_TOKENS if case_of(provider, api).reports_cached_tokens else None)


@EVERY_API
def test_a_token_limit_ends_a_stream_in_the_providers_own_words(
    mock_server: MockServer, provider: str, api: str
) -> None:
    call = ask_one(streaming(provider, mock_server.url, api=api, max_tokens=5))
    assert call.outcome == "ok"
    assert call.finish_reason == case_of(provider, api).cut_reason
    assert call.output_tokens == (5 if case_of(provider, api).reports_usage else None)
    assert mock_server.stats()["output_tokens"] == 5


@EVERY_API
def test_a_stream_of_one_token_has_no_pace(provider: str, api: str) -> None:
    call = ask_one(in_process(provider, on_schedule(), api=api, max_tokens=1))
    assert (call.outcome, call.gaps_s) == ("ok", [])
    assert at(call.ttft_s) == at(call.ttfv_s) <= at(call.latency_s)
    assert (call.tpot_s, call.itl_mean_s, call.itl_max_s, call.output_tokens_per_s) == (None,) * 4


@EVERY_API
def test_twenty_streams_of_a_user_share_one_connection(mock_server: MockServer, provider: str, api: str) -> None:
    assert_one_connection(
        mock_server, [ask_one(asker) for asker in [streaming(provider, mock_server.url, api=api)] * 20]
    )


@EVERY_PROVIDER
def test_twenty_https_streams_of_a_user_share_one_connection(https_mock: MockServer, provider: str) -> None:
    https_mock.reset()
    assert_one_connection(https_mock, [ask_one(asker) for asker in [streaming(provider, https_mock.url)] * 20])


@pytest.fixture(scope="module")
def https_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    """`python -m mock` over TLS, with a certificate that the wire trusts."""
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    options = ["--latency", "0", "--tls-cert", str(certificate.path), "--tls-key", str(certificate.key_path)]
    with trusting(certificate), serving_mock(*options) as server:
        yield server


def assert_one_connection(server: MockServer, calls: list[Call]) -> None:
    assert {call.outcome for call in calls} == {"ok"}
    assert [call.connection for call in calls] == ["new"] + ["reused"] * 19
    assert [call.connect_s is None for call in calls] == [False] + [True] * 19
    counted = server.stats()
    assert (counted["connections"], counted["requests"]) == (1, 20)
    assert sum(call.response_bytes or 0 for call in calls) == counted["response_bytes"]
    for call in calls:
        assert at(call.ttfb_s) <= at(call.ttft_s) <= at(call.ttfv_s) <= at(call.latency_s)
    for earlier, later in pairwise(calls):
        assert earlier.start_s + at(earlier.latency_s) <= later.start_s


@EVERY_API
def test_a_stream_that_arrives_byte_by_byte_is_the_same_stream(serve: Serve, provider: str, api: str) -> None:
    service = Service(Pace(0), exact_tokens=True, tokens=2)
    call = ask_one(streaming(provider, serve(dripping(service)).url, api=api))
    assert (call.outcome, call.finish_reason) == ("ok", case_of(provider, api).finish_reason)
    assert call.response_bytes == service.stats.response_bytes
    assert call.output_tokens == (2 if case_of(provider, api).reports_usage else None)
    assert at(call.ttfb_s) <= at(call.ttft_s) <= at(call.latency_s)


def dripping(service: Service) -> Script:
    """Answer as the mock would, but one byte at a time, chunk framing included."""

    def script(peer: Peer) -> None:
        while received := peer.request():
            named = {name.lower(): value for name, value in received.headers}
            said = service.answer(MockRequest(received.method, received.target, named, received.body))
            service.stats.sent(sum(len(part.data) for part in said.parts))
            body = b"".join(chunk(part.data) for part in said.parts)
            peer.send_in_pieces(head_bytes(said, chunked=True, keep_alive=True) + body + b"0\r\n\r\n")

    return script


# Failures


@EVERY_API
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_an_error_status_to_a_stream_is_the_sdks_own_exception(
    mock_server: MockServer, provider: str, api: str, status: int
) -> None:
    asker = streaming(provider, mock_server.url, api=api, headers=(("x-mock-status", str(status)),))
    call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].status_errors[status], status)
    assert (call.ttft_s, call.finish_reason, call.output_tokens) == (None, None, None)
    counted = mock_server.stats()
    assert (counted["requests"], counted["by_status"]) == (1, {str(status): 1})
    assert call.response_bytes == counted["response_bytes"] > 0


def failure_of(provider: str, fault: str) -> tuple[str, int | None]:
    """The exception's class, and the status if a head arrived."""
    if fault in ("reset", "close"):
        return CASES[provider].trouble.broken, None
    if fault == "hang":
        return CASES[provider].trouble.late, None
    if fault in ("cut", "stall"):
        trouble = CASES[provider].trouble
        return trouble.cut_body if fault == "cut" else trouble.stalled_body, 200
    errors = {"bad-crc": "BadChecksum", "garbage": "MalformedAnswer", "error-in-stream": "ErrorInStream"}
    return errors.get(fault, "IncompleteStream"), 200


def assert_corrupted(asker: Asker, call: Call, fault: str) -> None:
    """Check that the call failed as it should, and that what had arrived before was kept."""
    assert_failed(asker, call, *failure_of(call.provider, fault))
    assert call.finish_reason is None
    if fault in ("reset", "close", "hang", "garbage"):
        assert (call.ttft_s, call.gaps_s) == (None, [])
    else:
        assert 0 < at(call.ttfb_s) <= at(call.ttft_s) <= at(call.latency_s)
        assert at(call.response_bytes) > 0
    assert (call.response_bytes is None) == (call.status is None)


def assert_next_is_good(asker: Asker, wire: Corrupting) -> None:
    wire.headers = {}
    call = ask_one(asker)
    assert (call.outcome, call.status, call.error) == ("ok", 200, None)
    assert at(call.ttft_s) <= at(call.latency_s)


PROMPT_FAULTS = ("early-end", "cut", "reset", "close", "garbage", "error-in-stream")


@EVERY_API
@pytest.mark.parametrize("fault", PROMPT_FAULTS)
def test_a_corrupt_stream_fails_once_and_affects_no_other(
    mock_server: MockServer, provider: str, api: str, fault: str
) -> None:
    wire = Corrupting()
    asker = streaming(provider, mock_server.url, wire, api=api)
    wire.headers = {"x-mock-fault": fault}
    call = ask_one(asker)
    assert_corrupted(asker, call, fault)
    counted = mock_server.stats()
    assert counted["requests"] == wire.sent == 1
    assert (call.response_bytes or 0) == counted["response_bytes"]
    assert_next_is_good(asker, wire)


def test_in_process_a_deadline_ends_a_stream_that_no_client_can_keep_up_with() -> None:
    service = Service(Pace(0), exact_tokens=True, tokens=100_000)
    call = in_process("openai", service, timeout_s=0.3).ask()
    assert (call.outcome, call.error_reason) == ("failed", "timed out within the body")
    assert (call.content_events or 0) < 100_000


@EVERY_API
@pytest.mark.parametrize("fault", ["early-end", "cut", "reset", "error-in-stream"])
def test_in_process_a_corrupt_stream_fails_as_on_a_socket(provider: str, api: str, fault: str) -> None:
    service = Service(Pace(0))
    wire = Corrupting(InProcessWire(service))
    wire.headers = {"x-mock-fault": fault}
    asker = streaming(provider, IN_PROCESS, wire, api=api)
    call = ask_one(asker)
    assert_corrupted(asker, call, fault)
    assert service.stats.requests == wire.sent == 1
    assert_next_is_good(asker, wire)


@pytest.mark.parametrize(("provider", "api"), BEDROCK_APIS)
def test_a_frame_with_a_bad_checksum_fails_the_stream(mock_server: MockServer, provider: str, api: str) -> None:
    wire = Corrupting()
    asker = streaming(provider, mock_server.url, wire, api=api)
    wire.headers = {"x-mock-fault": "bad-crc"}
    assert_corrupted(asker, ask_one(asker), "bad-crc")
    assert mock_server.stats()["requests"] == wire.sent == 1
    assert_next_is_good(asker, wire)


def test_late_streams_fail_at_their_deadline_and_keep_what_had_arrived(mock_server: MockServer) -> None:
    """Run all at once, as each takes as long as its deadline."""
    late = [corrupted_user(mock_server, *case, fault) for case in APIS for fault in ("hang", "stall")]
    mock_server.reset()
    Pool(len(late)).map(lambda user: user[0].ask(), late)
    counted = mock_server.stats()
    calls = [asker.session.calls[-1] for asker, _, _ in late]
    assert counted["requests"] == sum(wire.sent for _, wire, _ in late) - len(late) == len(late)
    assert sum(call.response_bytes or 0 for call in calls) == counted["response_bytes"]
    for (asker, _, fault), call in zip(late, calls, strict=True):
        assert_corrupted(asker, call, fault)
        assert at(call.latency_s) > DEADLINE_S / 2
        assert len(asker.events) == len(asker.session.calls) == 2
    mend(late)
    Pool(len(late)).map(lambda user: user[0].ask(), late)
    assert {asker.session.calls[-1].outcome for asker, _, _ in late} == {"ok"}


def corrupted_user(server: MockServer, provider: str, api: str, fault: str) -> tuple[Asker, Corrupting, str]:
    """A user with a separate session, which has made one good call and will meet a fault in the next."""
    wire = Corrupting()
    asker = streaming(provider, server.url, wire, api=api)
    vars(asker.user)["session"] = asker.session
    assert ask_one(asker).outcome == "ok"
    wire.headers = {"x-mock-fault": fault}
    asker.wait_at_most(DEADLINE_S)
    return asker, wire, fault


def mend(users: Iterable[tuple[Asker, Corrupting, str]]) -> None:
    for asker, wire, _ in users:
        wire.headers = {}
        asker.wait_at_most(PATIENT_S)


@EVERY_API
@pytest.mark.parametrize(
    "body",
    [b'{"error": {"code": 429, "message": "quota exceeded", "status": "RESOURCE_EXHAUSTED"}}', b""],
    ids=["an error", "nothing"],
)
def test_a_200_that_is_not_an_event_stream_is_a_failure(serve: Serve, provider: str, api: str, body: bytes) -> None:
    server = serve(answering(answer(body, "Content-Type: application/json")))
    asker = streaming(provider, server.url, api=api)
    call = ask_one(asker)
    assert_failed(asker, call, "ErrorInStream" if body else "IncompleteStream", 200)
    assert ("RESOURCE_EXHAUSTED: quota exceeded" in at_all(call.error)) is bool(body)
    assert (call.ttft_s, call.response_bytes) == (None, len(body))


@EVERY_API
@pytest.mark.parametrize("kind", ["text/html", "text/event-stream"])
def test_a_page_instead_of_a_stream_is_a_failure_even_if_it_never_ends(
    serve: Serve, provider: str, api: str, kind: str
) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n<html>Sign in" % kind.encode())
        peer.wait_for_close()

    asker = streaming(provider, serve(script).url, api=api)
    call = ask_one(asker)
    assert_failed(asker, call, "MalformedAnswer", 200)
    assert "“<html>Sign in”" in at_all(call.error)


def test_gemini_streams_objects_without_data_too(serve: Serve) -> None:
    pieces = [b'{"candidates": [{"content": {"parts": [{"text": "%s"}]}' % text for text in (b"Hi", b"!")]
    body = pieces[0] + b"}]}\n" + pieces[1] + b', "finishReason": "STOP"}]}\n'
    server = serve(answering(answer(body, "Content-Type: application/json")))
    call = ask_one(streaming("vertex-ai", server.url))
    assert (call.outcome, call.finish_reason, call.content_events) == ("ok", "STOP", 2)


def at_all(text: str | None) -> str:
    """Return a text that must be present."""
    assert text is not None
    return text


@EVERY_API
def test_a_whole_answer_instead_of_a_stream_is_read_as_the_sdk_reads_it(serve: Serve, provider: str, api: str) -> None:
    """A proxy that does not stream answers as if `stream` had not been set."""
    whole = Corrupting(InProcessWire(Service(Pace(0), exact_tokens=True, tokens=4)))
    plain = Asker(provider, IN_PROCESS, whole, api=api)
    plain.session.keep_bodies = True
    assert ask_one(plain).outcome == "ok"
    server = serve(answering(answer(bytes(whole.exchange.body), "Content-Type: application/json")))
    asker = streaming(provider, server.url, api=api)
    call = ask_one(asker)
    if provider == "vertex-ai":  # Its SDK takes an object as the only event of a stream.
        assert (call.outcome, call.content_reads) == ("ok", 1)
    else:
        assert_failed(asker, call, "MalformedAnswer", 200)


@EVERY_API
def test_a_stream_killed_in_the_middle_is_aborted_and_keeps_its_first_token(
    mock_server: MockServer, provider: str, api: str
) -> None:
    wire = Corrupting()
    asker = streaming(provider, mock_server.url, wire, api=api)
    wire.headers = {"x-mock-fault": "stall"}
    asking = gevent.spawn(asker.ask)
    wait_until(lambda: (wire.exchange.body_bytes or 0) == mock_server.stats()["response_bytes"] > 0)
    asking.kill()
    call = assert_aborted(asker)
    assert call.response_bytes == mock_server.stats()["response_bytes"]
    assert mock_server.stats()["requests"] == wire.sent == 1
    assert_next_is_good(asker, wire)


@EVERY_API
def test_in_process_a_stream_killed_in_the_middle_is_aborted(provider: str, api: str) -> None:
    wire = Corrupting(InProcessWire(Service(Pace(0))))
    wire.headers = {"x-mock-fault": "stall"}
    asker = streaming(provider, IN_PROCESS, wire, api=api)
    asking = gevent.spawn(asker.ask)
    assert wire.answered.wait(WAIT_S)
    asking.kill()
    assert_aborted(asker)


def assert_aborted(asker: Asker) -> Call:
    [call] = asker.session.calls
    assert (call.outcome, call.status, call.error, call.finish_reason) == ("aborted", 200, None, None)
    assert call.latency_s is None
    assert 0 < at(call.ttfb_s) <= at(call.ttft_s)
    assert call.itl_max_s == max(call.gaps_s, default=None)
    assert asker.events == []
    return call


def wait_until(happened: Callable[[], bool]) -> None:
    with gevent.Timeout(WAIT_S, AssertionError("it did not happen")):
        while not happened():
            gevent.sleep(0.02)


# Bedrock's model families


def invoking(model: str, service: Service, **options: object) -> Asker:
    return in_process("aws-bedrock", service, api="completions", model=model, **options)


def test_every_family_has_a_model_here() -> None:
    tried = {bedrock_families.of(model).mark for model in FAMILIES}
    assert tried == {family.mark for family in bedrock_families._FAMILIES}
    assert bedrock_families.of(UNKNOWN_MODEL) is bedrock_families.UNKNOWN


@pytest.mark.parametrize("model", [*FAMILIES, UNKNOWN_MODEL])
def test_every_family_streams_on_schedule(model: str) -> None:
    service = on_schedule()
    call = ask_one(invoking(model, service))
    assert (call.outcome, call.error) == ("ok", None)
    assert call.finish_reason == (FAMILIES[model][0] if model in FAMILIES else None)
    assert (call.input_tokens, call.output_tokens) == (service.stats.input_tokens, TOKENS)
    assert (call.response_bytes, len(call.gaps_s)) == (service.stats.response_bytes, TOKENS - 1)
    assert_consistent(call)


@EVERY_FAMILY
def test_every_family_reports_that_the_token_limit_cut_it(model: str) -> None:
    call = ask_one(invoking(model, Service(Pace(0)), max_tokens=5))
    assert (call.outcome, call.finish_reason, call.output_tokens) == ("ok", FAMILIES[model][1], 5)


@EVERY_FAMILY
def test_every_family_needs_its_finish_marker(model: str) -> None:
    asker = invoking(model, Service(Pace(0)), headers=(("x-mock-fault", "early-end"),))
    call = ask_one(asker)
    assert_corrupted(asker, call, "early-end")


@pytest.mark.parametrize("model", [*FAMILIES, UNKNOWN_MODEL])
@pytest.mark.parametrize("fault", ["cut", "error-in-stream", "bad-crc", "garbage"])
def test_every_family_fails_like_any_stream(model: str, fault: str) -> None:
    asker = invoking(model, Service(Pace(0)), headers=(("x-mock-fault", fault),))
    assert_corrupted(asker, ask_one(asker), fault)


def test_an_unknown_family_finishes_with_a_complete_body() -> None:
    call = ask_one(invoking(UNKNOWN_MODEL, Service(Pace(0)), headers=(("x-mock-fault", "early-end"),)))
    assert (call.outcome, call.finish_reason) == ("ok", None)
    assert at(call.ttft_s) > 0


def test_an_unknown_family_that_sends_no_frames_has_not_streamed(serve: Serve) -> None:
    server = serve(answering(answer(b"", "Content-Type: application/vnd.amazon.eventstream")))
    asker = streaming("aws-bedrock", server.url, api="completions", model=UNKNOWN_MODEL)
    assert_failed(asker, ask_one(asker), "IncompleteStream", 200)


@pytest.mark.parametrize(
    "model", [model for model in FAMILIES if "claude" in model and "v2:1" not in model and "instant" not in model]
)
def test_a_claude_in_invoke_reports_its_cached_tokens(model: str) -> None:
    service = on_schedule()
    call = ask_one(invoking(model, service, headers=(("x-mock-cached", str(CACHED_TOKENS)),)))
    assert (call.input_tokens, call.cached_tokens) == (service.stats.input_tokens, CACHED_TOKENS)


def test_a_nova_in_invoke_reports_its_cached_tokens() -> None:
    service = on_schedule()
    call = ask_one(invoking("amazon.nova-lite-v1:0", service, headers=(("x-mock-cached", str(CACHED_TOKENS)),)))
    assert (call.input_tokens, call.cached_tokens) == (service.stats.input_tokens, CACHED_TOKENS)
