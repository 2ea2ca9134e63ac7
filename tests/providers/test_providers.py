"""One contract for all providers: a call through the real SDK is one request, one event and one truthful record."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import gevent
import gevent.monkey
import pytest
from gevent.event import Event

from mock.inprocess import InProcessWire
from mock.service import Service
from mock.timing import Pace
from providers.bedrock import aws_session
from providers.call import Call
from providers.settings import API
from providers.user import CallFailed
from tests.asking import APIS, PROVIDERS, Asker
from tests.cases import CASES, case_of
from tests.certificates import make_certificate, trusting
from tests.docs.pages import PAGES
from tests.mock_server import MockServer
from tests.mock_server import serving as serving_mock
from tests.raw_server import WAIT_S, Peer, RawServer, Script, answer, answering, mocking, sending, serving, silent
from wire import network
from wire.exchange import Reply, Request, Wire
from wire.extra_headers import WithHeaders
from wire.network import NetworkReply, NetworkWire

block = gevent.monkey.get_original("time", "sleep")
HELD_S = 0.05
NEVER_S = 3600.0
PATIENT_S = 60.0
DEADLINE_S = 0.5
SILENT_DEADLINE_S = 0.1
IN_PROCESS_DEADLINE_S = 0.05
IN_PROCESS = "http://mock.invalid"
PROMPT_TOKENS = 4
Serve = Callable[[Script], RawServer]

EVERY_API = pytest.mark.parametrize(("provider", "api"), APIS)
EVERY_PROVIDER = pytest.mark.parametrize("provider", PROVIDERS)

EVERY_ERROR_STATUS = pytest.mark.parametrize("status", CASES["openai"].status_errors)

EVERY_FAULT = pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("reset", "broken", None),
        ("close", "broken", None),
        ("cut", "broken", 200),
        ("hang", "late", None),
        ("stall", "late", 200),
    ],
)


class Watched:
    """A wire that signals when a request is on its way and when the head of its answer has arrived."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.asked, self.answered = Event(), Event()

    def send(self, request: Request) -> Reply:
        self.asked.set()
        reply = self._wire.send(request)
        self.answered.set()
        return reply


class Meddling:
    """A wire whose extra headers can change from call to call."""

    def __init__(self) -> None:
        self.network = NetworkWire()
        self.headers: dict[str, str] = {}

    def send(self, request: Request) -> Reply:
        return WithHeaders(self.network, tuple(self.headers.items())).send(request)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a busy machine from making an idle connection too old."""
    monkeypatch.setattr(network, "IDLE_S", NEVER_S)


@pytest.fixture(scope="module")
def https_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    """`python -m mock` over TLS, with a certificate that the wire trusts."""
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    options = ["--latency", "0", "--tls-cert", str(certificate.path), "--tls-key", str(certificate.key_path)]
    with trusting(certificate), serving_mock(*options) as server:
        yield server


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start raw servers that stop with the test."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(serving(script))


def ask_one(asker: Asker) -> Call:
    """Make one call and check that it left one record and one event, which agree."""
    calls, events = len(asker.session.calls), len(asker.events)
    call = asker.ask()
    assert (len(asker.session.calls) - calls, len(asker.events) - events) == (1, 1)
    event = asker.events[-1]
    reported: Call = event["call"]
    assert reported is call
    assert call.latency_s is not None
    assert event["response_time"] == call.latency_s * 1000
    assert event["response_length"] == (call.response_bytes or 0)
    assert (event["exception"] is None) == (call.outcome == "ok") == (call.error is None)
    return call


def assert_failed(asker: Asker, call: Call, error: str, status: int | None) -> None:
    """Check that the call failed with the SDK's own exception, and that Locust got its class, the status and the wire's
    reason."""
    assert (call.outcome, call.status) == ("failed", status)
    assert call.error is not None
    assert call.error.partition(":")[0] == error
    reported = asker.events[-1]["exception"]
    assert isinstance(reported, CallFailed)
    assert str(reported) == " ".join(str(part) for part in (error, status, call.error_reason) if part)
    assert type(asker.events[-1]["cause"]).__name__ == error


def set_deadline(asker: Asker, timeout_s: float) -> None:
    asker.wait_at_most(timeout_s)


# Success


@EVERY_API
def test_a_good_call_agrees_with_what_the_server_counted(mock_server: MockServer, provider: str, api: str) -> None:
    call = ask_one(Asker(provider, mock_server.url, api=api))
    counted = mock_server.stats()
    assert (call.outcome, call.status, call.error) == ("ok", 200, None)
    assert call.finish_reason == case_of(provider, api).finish_reason
    assert (counted["requests"], counted["by_status"]) == (1, {"200": 1})
    assert call.response_bytes == counted["response_bytes"]
    if not case_of(provider, api).reports_usage:
        assert (call.input_tokens, call.output_tokens) == (None, None)
    else:
        assert (call.input_tokens, call.output_tokens) == (counted["input_tokens"], counted["output_tokens"])


@EVERY_API
def test_a_call_is_named_after_its_provider_api_and_model(mock_server: MockServer, provider: str, api: str) -> None:
    asker = Asker(provider, mock_server.url, api=api)
    call = ask_one(asker)
    event = asker.events[0]
    assert (event["request_type"], event["name"]) == (provider, f"{api} {call.model}")
    assert (call.provider, call.api, call.mode, call.request) == (provider, api, "real", 1)
    assert (call.prompt_id, call.prompt) == ("test.txt#1", "Say something.")


@EVERY_PROVIDER
def test_a_page_lists_the_provider_with_its_key_and_its_apis(provider: str) -> None:
    case = CASES[provider].provider
    (row,) = [line for line in PAGES["docs/providers.md"].splitlines() if line.startswith(f"| `{provider}` |")]
    key, *apis = (cell.strip() for cell in row.split("|")[2:-1])
    assert key == f"`{case.key_variable}`"
    assert [api for api, cell in zip(get_args(API), apis, strict=True) if cell != "–"] == list(case.apis)


@EVERY_API
def test_a_token_limit_reaches_the_model(mock_server: MockServer, provider: str, api: str) -> None:
    call = ask_one(Asker(provider, mock_server.url, api=api, max_tokens=5))
    assert call.outcome == "ok"
    assert mock_server.stats()["output_tokens"] == 5
    assert call.finish_reason == case_of(provider, api).cut_reason


@EVERY_API
def test_the_stamps_of_a_call_lie_within_it(mock_server: MockServer, provider: str, api: str) -> None:
    asker = Asker(provider, mock_server.url, api=api)
    call = ask_one(asker)
    seen = asker.session.exchanges[0]
    started_at = asker.session.started_at + call.start_s
    assert seen.sent_at is not None
    assert seen.first_byte_at is not None
    assert seen.last_byte_at is not None
    assert started_at <= seen.sent_at < seen.first_byte_at <= seen.last_byte_at
    assert call.latency_s == seen.last_byte_at - started_at
    assert call.send_s == seen.sent_at - started_at - (seen.connect_s or 0.0)


class Held(NetworkWire):
    """Keeps each request from being sent for as long as a busy client might."""

    def send(self, request: Request) -> NetworkReply:
        block(HELD_S)
        return super().send(request)


@EVERY_API
def test_a_request_that_was_kept_from_being_sent_says_so(mock_server: MockServer, provider: str, api: str) -> None:
    call = ask_one(Asker(provider, mock_server.url, Held(), api=api))
    assert call.send_s is not None
    assert HELD_S <= call.send_s < (call.ttfb_s or 0.0)


@EVERY_API
def test_thirty_calls_of_a_user_share_one_connection(mock_server: MockServer, provider: str, api: str) -> None:
    asker = Asker(provider, mock_server.url, api=api, timeout_s=PATIENT_S)
    calls = [ask_one(asker) for _ in range(30)]
    assert {call.outcome for call in calls} == {"ok"}
    assert [call.connection for call in calls] == ["new"] + ["reused"] * 29
    counted = mock_server.stats()
    assert (counted["connections"], counted["requests"]) == (1, 30)


@EVERY_PROVIDER
def test_a_hundred_https_calls_of_a_user_share_one_connection(https_mock: MockServer, provider: str) -> None:
    https_mock.reset()
    asker = Asker(provider, https_mock.url, timeout_s=PATIENT_S)
    calls = [ask_one(asker) for _ in range(100)]
    assert {call.outcome for call in calls} == {"ok"}
    counted = https_mock.stats()
    assert (counted["connections"], counted["requests"]) == (1, 100)
    assert sum(call.response_bytes or 0 for call in calls) == counted["response_bytes"]


@EVERY_PROVIDER
def test_an_untrusted_certificate_is_a_refused_connection(
    https_mock: MockServer, provider: str, tmp_path: Path
) -> None:
    asker = Asker(provider, https_mock.url)
    with trusting(make_certificate(tmp_path)):
        call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].trouble.refused, None)


# Statuses


@EVERY_API
@EVERY_ERROR_STATUS
def test_an_error_status_is_one_request_and_the_sdks_own_exception(
    mock_server: MockServer, provider: str, api: str, status: int
) -> None:
    asker = Asker(provider, mock_server.url, api=api, headers=(("x-mock-status", str(status)),))
    call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].status_errors[status], status)
    assert (call.finish_reason, call.input_tokens, call.output_tokens) == (None, None, None)
    counted = mock_server.stats()
    assert (counted["requests"], counted["by_status"]) == (1, {str(status): 1})
    assert call.response_bytes == counted["response_bytes"] > 0


@EVERY_PROVIDER
def test_an_error_status_keeps_the_connection(mock_server: MockServer, provider: str) -> None:
    wire = Meddling()
    asker = Asker(provider, mock_server.url, wire)
    wire.headers = {"x-mock-status": "429"}
    assert ask_one(asker).status == 429
    wire.headers = {}
    call = ask_one(asker)
    assert (call.outcome, call.connection) == ("ok", "reused")


@EVERY_PROVIDER
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(mock_server: MockServer, provider: str, status: int) -> None:
    asker = Asker(provider, mock_server.url, headers=(("x-mock-status", str(status)),))
    call = ask_one(asker)
    assert (call.outcome, call.status) == ("failed", status)
    assert mock_server.stats()["by_status"] == {str(status): 1}


@EVERY_PROVIDER
@pytest.mark.parametrize("body", [b"", b"<h1>Permanent Redirect</h1>"], ids=["empty", "page"])
def test_the_error_of_a_redirect_says_where_it_leads(provider: str, body: bytes) -> None:
    moved = answer(body, "location: https://me:secret@moved.example/v1/x?key=secret", status="308 Permanent Redirect")
    with serving(sending(moved)) as server:
        call = ask_one(Asker(provider, server.url))
    assert str(call.error).endswith("redirected to “https://moved.example/v1/x”; calls follow no redirects")


# Trouble on the wire


@EVERY_API
def test_a_refused_connection_fails_with_the_sdks_own_exception(provider: str, api: str) -> None:
    with serving(silent) as gone:
        pass
    asker = Asker(provider, gone.url, api=api)
    call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].trouble.refused, None)
    assert call.response_bytes is None


@EVERY_API
@EVERY_FAULT
def test_a_corrupt_answer_fails_once_and_affects_no_other_call(
    mock_server: MockServer, provider: str, api: str, fault: str, kind: str, status: int | None
) -> None:
    wire = Meddling()
    asker = Asker(provider, mock_server.url, wire, api=api, timeout_s=PATIENT_S)
    assert ask_one(asker).outcome == "ok"
    mock_server.reset()
    wire.headers = {"x-mock-fault": fault}
    timeout_s = {"hang": SILENT_DEADLINE_S, "stall": DEADLINE_S}.get(fault, PATIENT_S)
    set_deadline(asker, timeout_s)
    call = ask_one(asker)
    assert_failed(asker, call, getattr(CASES[provider].trouble, kind), status)
    assert kind != "late" or (call.latency_s or 0) > timeout_s / 2
    counted = mock_server.stats()
    assert counted["requests"] == 1
    assert (call.response_bytes or 0) == counted["response_bytes"]
    assert_the_next_call_is_good(asker, wire, "new")


@EVERY_API
@pytest.mark.parametrize("fault", ["garbage", "early-end"])
def test_an_answer_that_makes_no_sense_fails_once(mock_server: MockServer, provider: str, api: str, fault: str) -> None:
    wire = Meddling()
    asker = Asker(provider, mock_server.url, wire, api=api)
    wire.headers = {"x-mock-fault": fault}
    call = ask_one(asker)
    assert_failed(asker, call, "MalformedAnswer", 200)
    assert mock_server.stats()["requests"] == 1
    assert_the_next_call_is_good(asker, wire, "reused")


@EVERY_API
def test_an_error_sent_as_a_200_is_a_failure(serve: Serve, provider: str, api: str) -> None:
    refusal = answer(b'{"error": {"message": "quota exceeded"}}', "Content-Type: application/json")
    call = ask_one(Asker(provider, serve(answering(refusal)).url, api=api))
    assert (call.outcome, call.status, call.error) == ("failed", 200, "ErrorInStream: quota exceeded")


def assert_the_next_call_is_good(asker: Asker, wire: Meddling, connection: str) -> None:
    wire.headers = {}
    set_deadline(asker, PATIENT_S)
    call = ask_one(asker)
    assert (call.outcome, call.status, call.connection) == ("ok", 200, connection)


def dripping(peer: Peer) -> None:
    """Answer with a byte now and then, so that no single read ever waits long."""
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        peer.send(b" ")
        gevent.sleep(0.02)


@EVERY_PROVIDER
def test_the_deadline_counts_the_whole_call_however_the_bytes_drip(serve: Serve, provider: str) -> None:
    server = serve(dripping)
    asker = Asker(provider, server.url, timeout_s=DEADLINE_S)
    call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].trouble.late, 200)
    assert call.response_bytes is not None
    assert 0 < call.response_bytes < 1_000_000
    assert len(server.requests) == 1
    server.wait_for_end(0)


def test_a_deadline_that_boto3_catches_while_it_renews_credentials_ends_the_call_all_the_same(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials with 12 minutes left are renewed, but are used as they are if that fails."""

    def once(peer: Peer) -> None:
        if containers.connections == 1 and peer.request():
            keys = {"AccessKeyId": "ASIA", "SecretAccessKey": "test-key-123", "Token": "test-token-123"}
            until = datetime.now(UTC) + timedelta(minutes=12)
            peer.send(answer(json.dumps({**keys, "Expiration": until.isoformat()}).encode(), "Connection: close"))
        else:
            silent(peer)

    containers, server = serve(once), serve(mocking(Service(Pace(0))))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", containers.url)
    aws_session.cache_clear()
    asker = Asker("aws-bedrock", server.url, api_key=None, timeout_s=DEADLINE_S)
    call = ask_one(asker)
    aws_session.cache_clear()
    assert (call.outcome, call.error_reason) == ("failed", "timed out before the head")
    assert f"no complete answer within {DEADLINE_S:g} s" in (call.error or "")
    assert containers.connections == 2
    assert server.requests == []


# The end of the run


@EVERY_API
def test_a_call_killed_in_flight_is_recorded_once_as_aborted(serve: Serve, provider: str, api: str) -> None:
    server = serve(silent)
    asker = Asker(provider, server.url, api=api, timeout_s=PATIENT_S)
    asking = gevent.spawn(asker.ask)
    server.wait_for_request()
    asking.kill()
    assert_aborted(asker, None)
    assert len(server.requests) == 1
    server.wait_for_end(0)


@EVERY_API
def test_a_call_killed_within_its_answer_is_recorded_once_as_aborted(serve: Serve, provider: str, api: str) -> None:
    def half(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        peer.wait_for_close()

    server = serve(half)
    wire = Watched(NetworkWire())
    asker = Asker(provider, server.url, wire, api=api, timeout_s=PATIENT_S)
    asking = gevent.spawn(asker.ask)
    assert wire.answered.wait(WAIT_S)
    asking.kill()
    assert_aborted(asker, 200)
    server.wait_for_end(0)


def assert_aborted(asker: Asker, status: int | None) -> None:
    assert [call.outcome for call in asker.session.calls] == ["aborted"]
    call = asker.session.calls[0]
    assert (call.latency_s, call.error, call.finish_reason, call.status) == (None, None, None, status)
    assert asker.events == []


# Headers


@EVERY_PROVIDER
def test_cookies_are_not_sent_back(serve: Serve, provider: str) -> None:
    cookies = [("set-cookie", "AWSALB=backend-1; Path=/"), ("set-cookie", "__cf_bm=x; Path=/; HttpOnly")]
    server = serve(mocking(Service(Pace(0)), *cookies))
    asker = Asker(provider, server.url)
    assert [ask_one(asker).outcome for _ in range(3)] == ["ok"] * 3
    assert [received.all("cookie") for received in server.requests] == [[]] * 3


@EVERY_API
def test_the_users_headers_arrive(serve: Serve, provider: str, api: str) -> None:
    server = serve(mocking(Service(Pace(0))))
    headers = (("X-Team", "blue"), ("X-Tag", "one"), ("X-Tag", "two"))
    assert ask_one(Asker(provider, server.url, api=api, headers=headers)).outcome == "ok"
    [received] = server.requests
    assert received.all("X-Team") == ["blue"]
    assert received.all("X-Tag") == ["one", "two"]


@EVERY_API
@pytest.mark.parametrize("name", ["User-Agent", "content-type", "AUTHORIZATION", "api-key", "X-Goog-Api-Key"])
def test_a_users_header_replaces_the_sdks(serve: Serve, provider: str, api: str, name: str) -> None:
    server = serve(mocking(Service(Pace(0))))
    assert ask_one(Asker(provider, server.url, api=api, headers=((name, "my own"),))).outcome == "ok"
    [received] = server.requests
    assert received.all(name) == ["my own"]


# The same contract without a socket


@EVERY_API
def test_in_process_a_good_call_agrees_with_what_the_mock_counted(provider: str, api: str) -> None:
    service = Service(Pace(0))
    call = ask_one(Asker(provider, IN_PROCESS, InProcessWire(service), api=api, mock=True))
    assert (call.outcome, call.status, call.mode, call.connection) == ("ok", 200, "mock", None)
    assert call.finish_reason == case_of(provider, api).finish_reason
    assert (service.stats.requests, call.response_bytes) == (1, service.stats.response_bytes)
    if not case_of(provider, api).reports_usage:
        assert (call.input_tokens, call.output_tokens) == (None, None)
    else:
        assert call.input_tokens == service.stats.input_tokens
        assert call.output_tokens == service.stats.output_tokens


@EVERY_API
@EVERY_ERROR_STATUS
def test_in_process_an_error_status_is_one_request_and_the_sdks_own_exception(
    provider: str, api: str, status: int
) -> None:
    service = Service(Pace(0))
    headers = (("x-mock-status", str(status)),)
    asker = Asker(provider, IN_PROCESS, InProcessWire(service), api=api, headers=headers)
    call = ask_one(asker)
    assert_failed(asker, call, CASES[provider].status_errors[status], status)
    assert (service.stats.requests, service.stats.by_status) == (1, {str(status): 1})
    assert call.response_bytes == service.stats.response_bytes > 0


@EVERY_API
@EVERY_FAULT
def test_in_process_a_corrupt_answer_fails_as_on_a_socket(
    provider: str, api: str, fault: str, kind: str, status: int | None
) -> None:
    service = Service(Pace(0))
    timeout_s = IN_PROCESS_DEADLINE_S if kind == "late" else PATIENT_S
    headers = (("x-mock-fault", fault),)
    asker = Asker(provider, IN_PROCESS, InProcessWire(service), api=api, timeout_s=timeout_s, headers=headers)
    call = ask_one(asker)
    assert_failed(asker, call, getattr(CASES[provider].trouble, kind), status)
    assert service.stats.requests == 1
    assert (call.response_bytes or 0) == service.stats.response_bytes


@EVERY_API
def test_in_process_a_call_killed_in_flight_is_recorded_once_as_aborted(provider: str, api: str) -> None:
    wire = Watched(InProcessWire(Service(Pace(0))))
    headers = (("x-mock-fault", "hang"),)
    asker = Asker(provider, IN_PROCESS, wire, api=api, timeout_s=PATIENT_S, headers=headers)
    asking = gevent.spawn(asker.ask)
    assert wire.asked.wait(WAIT_S)
    asking.kill()
    assert_aborted(asker, None)
