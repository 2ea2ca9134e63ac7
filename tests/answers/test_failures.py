"""What real servers do to a call, through the real SDKs: odd answers are read, early ones kept, failures named."""

import codecs
import errno
import gc
import gzip
import os
import resource
import ssl
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import gevent
import httpx2
import pytest
from gevent import socket
from gevent.event import Event

from mock.service import Service
from mock.timing import Pace
from providers.answers import gemini_lines, openai, reading, sse
from providers.call import Call
from summary.failures import OWN_ERRORS
from tests.asking import APIS, PROVIDERS, Asker
from tests.beside import counting
from tests.canned import Canned, answered, mocked
from tests.certificates import make_certificate, trusting
from tests.raw_server import WAIT_S, Peer, RawServer, Script, answer, answering, mocking, sending, serving, silent
from wire import botocore_plug, exchange, httpx2_plug, network
from wire.exchange import MOST_ERROR_BYTES, MOST_ERROR_COMMAS, ConnectionBroken, Exchange
from wire.failures import failure_of
from wire.proxy import proxy_of
from wire.turns import TURN_BYTES, turns

BOTH_PLUGS = pytest.mark.parametrize("provider", ["openai", "aws-bedrock"])
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
ENDED_BY_DONE = ("openai", "azure-openai", "deepseek")
PAST_THE_FINISH = pytest.mark.parametrize(
    ("provider", "api"), [case for case in APIS if case[0] not in ENDED_BY_DONE or case[1] == "responses"]
)
"""The APIs whose streams don't end with [DONE]."""
BOTH_SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])
SOON_S = 0.5
"""Long enough for a busy machine to reach the server before the deadline."""
LARGE = "word " * 1_200_000
TOO_LARGE = answer(b'{"error": {"message": "request entity too large"}}', status="413 Payload Too Large")


def with_head(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def bend(data: bytes) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        return change(head + end[:2]) + end[2:] + body

    return bend


def with_length(data: bytes) -> bytes:
    """Give a stream a content length, which the mock doesn't send."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = b"" if b"content-length" in head.lower() else b"\r\nContent-Length: %d" % len(body)
    return head + length + b"\r\n\r\n" + body


def line_feeds_alone(data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + body


def chunks_beside_the_length(data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def the_length_twice(head: bytes) -> bytes:
    return head + next(line for line in head.splitlines(True) if line.lower().startswith(b"content-length"))


BENDS = {
    "Latin-1 in a header": with_head(lambda head: head + b"X-City: S\xe3o Paulo\r\n"),
    "UTF-8 in a header": with_head(lambda head: head + "X-City: São Paulo €\r\n".encode()),
    "64 kB of headers": with_head(lambda head: head + b"X-Long: %s\r\n" % (b"a" * 1000) * 64),
    "a folded header": with_head(lambda head: head + b"X-Folded: a\r\n b\r\n"),
    "the length twice": with_head(the_length_twice),
    "line feeds alone": line_feeds_alone,
    "chunks beside the length": chunks_beside_the_length,
}


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
def test_an_odd_answer_is_read_as_the_sdk_would(provider: str, stream: bool) -> None:
    for kind, change in BENDS.items():

        def bend(data: bytes, change: Callable[[bytes], bytes] = change) -> bytes:
            return change(with_length(data))

        with serving(mocking(Service(Pace(0)), bend=bend)) as server:
            call = Asker(provider, server.url, stream=stream).ask()
        assert (call.outcome, call.status, call.error_reason) == ("ok", 200, None), (kind, call.error)


def zipped(data: bytes, codings: str = "gzip") -> bytes:
    body = data.partition(b"\r\n\r\n")[2]
    for coding in codings.split(", "):
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    kind = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"content-type"))
    lines = [b"HTTP/1.1 200 OK", kind, b"Content-Encoding: " + codings.encode(), b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", body])


@pytest.mark.parametrize("provider", [provider for provider in PROVIDERS if provider != "aws-bedrock"])
@BOTH_WAYS
@pytest.mark.parametrize("codings", ["gzip", "gzip, deflate, gzip"])
def test_a_compression_that_the_sdk_announces_is_read(provider: str, stream: bool, codings: str) -> None:
    with serving(mocking(Service(Pace(0)), bend=partial(zipped, codings=codings))) as server:
        call = Asker(provider, server.url, stream=stream).ask()
        assert "gzip" in server.requests[0].all("accept-encoding")[0]
    assert (call.outcome, call.status) == ("ok", 200), call.error


def test_a_body_compressed_more_often_than_the_sdk_reads_fails() -> None:
    with serving(mocking(Service(Pace(0)), bend=partial(zipped, codings=", ".join(["gzip"] * 6)))) as server:
        call = Asker("openai", server.url).ask()
    assert (call.outcome, call.status) == ("failed", 200)
    assert "compressed more than 5 times" in (call.error or "")


@BOTH_WAYS
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_that_decompresses_to_megabytes_of_nothing_leaves_others_their_turn(stream: bool, status: int) -> None:
    nothing = gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * ((8 << 20) // 5)
    canned = Canned([gzip.compress(gzip.compress(nothing))], status=status)
    canned.headers.append(("content-encoding", "gzip, gzip, gzip"))
    with counting(turns().take) as taken:
        call = answered("openai", "chat", canned, stream=stream)
    assert call.outcome == "failed"
    assert len(taken) >= httpx2_plug.MOST_BARREN_BYTES // TURN_BYTES


def test_a_whole_answer_of_more_objects_than_any_is_not_given_to_botocore() -> None:
    """It reads each by its model: half a million empty blocks took it seven seconds, in which all else stood still."""
    block = b'{"text": ""}'
    blocks = b", ".join([block] * botocore_plug.MOST_OBJECTS)
    body = b'{"stopReason": "end_turn", "output": {"message": {"content": [' + blocks + b"]}}}"
    call = answered("aws-bedrock", "chat", Canned([body]), stream=False)
    assert (call.outcome, call.status) == ("failed", 200)
    assert "more than 50,000 objects and lists" in (call.error or "")


@contextmanager
def without_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def limit_answers(monkeypatch: pytest.MonkeyPatch, most_bytes: int) -> None:
    for module, name in (
        (exchange, "MOST_WHOLE_BYTES"),
        (sse, "LARGEST_EVENT_BYTES"),
        (gemini_lines, "LARGEST_EVENT_BYTES"),
    ):
        monkeypatch.setattr(module, name, most_bytes)


def endless(start: bytes, more: bytes) -> Script:
    """Answer with a start and then keep adding to it until the client closes the connection."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(start)
        while True:
            peer.send(more)

    return script


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "206 Partial Content"])
def test_another_success_than_200_keeps_its_words(provider: str, stream: bool, status: str) -> None:
    body = b'{"error": {"message": "the model is still loading"}}'
    with serving(answering(answer(body, "Content-Type: application/json", status=status))) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert (call.outcome, call.status) == ("failed", int(status[:3]))
    assert "the model is still loading" in (call.error or "")


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
def test_an_endless_answer_fails_before_it_fills_memory(
    monkeypatch: pytest.MonkeyPatch, provider: str, stream: bool, status: str
) -> None:
    limit_answers(monkeypatch, 1 << 18)
    monkeypatch.setattr(network, "LINGER_S", 0.005)
    with serving(endless(b"HTTP/1.1 %s\r\n\r\n{" % status.encode(), b'"a": 1, ' * 8192)) as server:
        call = Asker(provider, server.url, stream=stream).ask()
        server.wait_for_end()
    assert (call.outcome, call.status, call.error_reason) == ("failed", int(status[:3]), None)


@pytest.mark.parametrize("provider", [provider for provider in PROVIDERS if provider != "aws-bedrock"])
@BOTH_WAYS
@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
def test_a_decompressed_answer_has_the_same_size_limit_as_any_other(
    monkeypatch: pytest.MonkeyPatch, provider: str, stream: bool, status: str
) -> None:
    limit_answers(monkeypatch, 1 << 20)
    body = gzip.compress(b"{" + b" " * (3 << 20))
    with serving(answering(answer(body, "Content-Encoding: gzip", status=status))) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert (call.outcome, call.status) == ("failed", int(status[:3]))
    assert any(words in (call.error or "") for words in ("longer than 1 MB", "of over 1 MB", "not an event stream")), (
        call.error
    )


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
@pytest.mark.parametrize(
    ("more", "words"),
    [(b'{"x": "a"}, ' * MOST_ERROR_COMMAS, "more than 10,000 commas"), (b" " * MOST_ERROR_BYTES, "longer than 1 MB")],
)
def test_an_error_longer_than_any_is_not_read_to_its_end(provider: str, stream: bool, more: bytes, words: str) -> None:
    """anthropic makes objects of an error's details: 100,000 of them took it two seconds."""
    body = b'{"error": {"message": "too many", "details": [' + more + b"1]}}"
    with serving(answering(answer(body, status="429 Too Many Requests"))) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert (call.outcome, call.status) == ("failed", 429)
    assert words in (call.error or "")
    assert "too many" in (call.error or "")


@pytest.mark.parametrize(
    "events",
    [[b"{}"] * 60, [b'{"choices":[{"delta":{"content":[' + b"{}," * 9 + b"{}]}}]}"] * 6],
    ids=["events", "parts"],
)
def test_events_and_parts_of_one_read_leave_others_their_turn(
    monkeypatch: pytest.MonkeyPatch, events: list[bytes]
) -> None:
    monkeypatch.setattr(reading, "PARTS_IN_TURN", 10)
    with counting(partial(gevent.sleep, 0)) as taken:
        list(reading.stream([("", event) for event in events], openai.chat_stream))
    assert len(taken) >= 5


@pytest.mark.parametrize("line", [b": ping\n\n", b"\r\r\n", b"data: {}\n\n"])
def test_a_stream_that_decompresses_to_megabytes_keeps_its_deadline_and_blocks_nobody(line: bytes) -> None:
    body = gzip.compress(line * ((32 << 20) // len(line)))
    script = answering(answer(body, "Content-Type: text/event-stream", "Content-Encoding: gzip"))
    with serving(script) as server, counting(partial(gevent.sleep, 0.01)) as taken:
        call = Asker("openai", server.url, stream=True, timeout_s=SOON_S).ask()
    assert (call.outcome, call.response_bytes) == ("failed", len(body))
    assert call.error_reason == "timed out within the body" or "finish marker" in (call.error or "")
    assert len(taken) > 1


@pytest.mark.parametrize("codings", ["gzip", "gzip, gzip"])
@BOTH_WAYS
def test_a_compressed_answer_that_goes_on_behind_its_end_fails_at_once(codings: str, stream: bool) -> None:
    """zlib keeps what comes then, and copied all of it for each piece, for as long as there was time."""
    body = gzip.compress(b'data: {"choices": []}\n\n' if stream else b"{}") + bytes(4 << 20)
    body = gzip.compress(body) if "," in codings else body
    with serving(answering(answer(body, f"Content-Encoding: {codings}"))) as server:
        call = Asker("openai", server.url, stream=stream, timeout_s=WAIT_S).ask()
    assert (call.outcome, call.error_reason) == ("failed", None)
    assert "too much that decompresses to nothing" in (call.error or "")


@pytest.mark.parametrize("charset", ["cp1252", "utf-8"])
def test_a_long_text_is_decoded_in_turns(charset: str) -> None:
    """Where bytes mean nothing, a megabyte can take half a second: google-genai decodes every whole answer."""
    canned = Canned([b"\x81" * (4 << 20)])
    canned.headers = [("content-type", f"application/json; charset={charset}")]
    with counting(turns().take) as taken:
        call = answered("vertex-ai", "chat", canned, stream=False)
    assert call.outcome == "failed"
    assert len(taken) >= (4 << 20) // TURN_BYTES


def test_a_long_text_is_decoded_as_at_once() -> None:
    text = "😀é" * TURN_BYTES
    for charset in ("utf-8", "utf-16", "utf-7", "gb18030"):
        head = {"Content-Type": f"text/plain; charset={charset}"}
        body = text.encode(charset)
        for content in (body, body[:-1]):
            expected = httpx2.Response(200, headers=head, content=content).text
            assert httpx2_plug.decoded(head.items(), content) == expected


@BOTH_WAYS
def test_a_redirect_has_the_size_limit_of_an_error(stream: bool) -> None:
    body = b"x" * (MOST_ERROR_BYTES + 1)
    with serving(answering(answer(body, "Location: /", status="302 Found"))) as server:
        call = Asker("openai", server.url, stream=stream).ask()
    assert (call.outcome, call.status) == ("failed", 302)
    assert "longer than 1 MB" in (call.error or "")


@pytest.mark.parametrize("nest", [b"[%s]", b'{"error": %s}', b'{"message": [%s]}'])
@BOTH_PLUGS
def test_an_error_nested_deeper_than_can_be_read_is_a_failed_call(provider: str, nest: bytes) -> None:
    body = b'"x"'
    for _ in range(400):
        body = nest % body
    with serving(answering(answer(b'{"error": %s}' % body, status="500 Internal Server Error"))) as server:
        call = Asker(provider, server.url).ask()
    assert (call.outcome, call.status, bool(call.error)) == ("failed", 500, True)


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
def test_an_error_in_an_encoding_that_is_not_ascii_keeps_its_words(provider: str, stream: bool) -> None:
    head = b"HTTP/1.1 500 Internal Server Error\r\nContent-Encoding: \xff\r\n\r\n"
    with serving(sending(head + b'{"error": {"message": "the model is still loading"}}')) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert (call.outcome, call.status) == ("failed", 500)
    assert "the model is still loading" in (call.error or "")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
@pytest.mark.parametrize("charset", ["hex", "rot13", "idna", "utf-16", "punycode"])
def test_an_error_in_a_charset_that_is_no_charset_is_the_servers_failure(
    provider: str, status: str, charset: str
) -> None:
    body = b'{"error": {"message": "the model is still loading"}}'
    kind = f"Content-Type: application/json; charset={charset}"
    with serving(answering(answer(body, kind, status=status))) as server:
        call = Asker(provider, server.url).ask()
    assert (call.outcome, call.status) == ("failed", int(status[:3]))
    assert "the model is still loading" in (call.error or "")
    assert (call.error or "").partition(":")[0] not in OWN_ERRORS


@pytest.mark.parametrize("provider", PROVIDERS)
@BOTH_WAYS
@pytest.mark.parametrize("said", [answer(b"{}", status="500 Oh"), answer(b"<p>"), answer(b"{}")[:-1], b"SSH-2.0"])
def test_a_failure_is_not_kept_until_the_collector_runs(provider: str, stream: bool, said: bytes) -> None:
    """Locust keeps one failure of each kind to the end of the run, and the SDK's exception has the whole answer."""
    with serving(sending(said)) as server, without_collector():
        asker = Asker(provider, server.url, stream=stream)
        assert asker.ask().outcome == "failed"
        error = weakref.ref(asker.events[-1].pop("cause"))
        assert error() is None


@pytest.mark.parametrize("charset", ["punycode", "PUNYCODE", "-PunyCode", '"punycode"'])
def test_punycode_is_never_decoded(charset: str) -> None:
    """A megabyte would take minutes."""
    response = httpx2_plug._Response(500, headers={"Content-Type": f"text/plain; charset={charset}"}, content=b"-a")
    with pytest.raises(LookupError):
        response.text  # noqa: B018
    assert codecs.lookup(charset.strip('"')).name == "punycode"


@pytest.mark.parametrize("parameters", [";" * 200_000, '"' + ";" * 200_000])
def test_an_endless_content_type_holds_nobody_up(parameters: str) -> None:
    response = httpx2_plug._Response(500, headers={"Content-Type": f"text/plain;{parameters}"}, content=b"a")
    assert (response.charset_encoding, response.text) == (None, "a")


def test_a_stream_that_fails_and_then_only_sends_keep_alives_fails_soon() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"error": "it died"}\n\n')
        for _ in range(100):
            gevent.sleep(0.05)
            peer.send(b": ping\n\n")

    with serving(script) as server:
        call = Asker("openai", server.url, stream=True).ask()
    assert "it died" in (call.error or "")
    assert (call.latency_s or WAIT_S) < 3


def test_a_call_whose_figures_cannot_be_computed_is_still_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: Call) -> None:
        raise OverflowError

    monkeypatch.setattr(Call, "conclude_pace", stumble)
    with serving(mocking(Service(Pace(0)))) as server:
        asker = Asker("openai", server.url)
        with pytest.raises(OverflowError):
            asker.ask()
    assert [call.outcome for call in asker.session.calls] == ["ok"]


# Early answers


@contextmanager
def reached(scheme: str, script: Script, folder: Path) -> Iterator[RawServer]:
    """Serve with or without TLS."""
    certificate = make_certificate(folder)
    with trusting(certificate), serving(script, tls=certificate.server_context() if scheme == "https" else None) as one:
        yield one


def reads_on(peer: Peer) -> None:
    peer.head()
    peer.send(TOO_LARGE)
    peer.wait_for_close()


def reads_no_more(peer: Peer) -> None:
    peer.head()
    peer.send(TOO_LARGE)
    Event().wait(WAIT_S)


@BOTH_PLUGS
@BOTH_SCHEMES
@pytest.mark.parametrize("script", [reads_on, reads_no_more])
def test_an_answer_before_the_whole_request_is_kept(provider: str, scheme: str, script: Script, tmp_path: Path) -> None:
    with reached(scheme, script, tmp_path) as server:
        asker = Asker(provider, server.url)
        asker.session.payload = LARGE
        calls = [asker.ask() for _ in range(2)]
        assert server.connections == 2
    assert [(call.status, call.connection, call.error_reason) for call in calls] == [(413, "new", None)] * 2
    assert "too large" in (calls[0].error or "") or provider == "aws-bedrock"


@BOTH_PLUGS
@BOTH_SCHEMES
def test_an_immediate_reset_leaves_the_answer_or_the_reason(provider: str, scheme: str, tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(TOO_LARGE)
        peer.reset()

    with reached(scheme, script, tmp_path) as server:
        asker = Asker(provider, server.url)
        asker.session.payload = LARGE
        call = asker.ask()
    assert (call.status, call.error_reason) in [(413, None), (None, "reset")]


@BOTH_PLUGS
def test_a_request_that_nobody_reads_is_a_failed_send(provider: str) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.reset()

    with serving(script) as server:
        asker = Asker(provider, server.url)
        asker.session.payload = LARGE
        call = asker.ask()
    assert (call.outcome, call.status, call.connection, call.error_reason) == ("failed", None, "new", "reset")


# Failures in fixed words


def closes(peer: Peer) -> None:
    peer.request()
    peer.close()


def resets(peer: Peer) -> None:
    peer.request()
    peer.reset()


def closes_within_the_body(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"{}")[:-1])
    peer.close()


def resets_within_the_body(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"{}")[:-1])
    peer.reset()


def stops_within_the_body(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"{}")[:-1])
    peer.wait_for_close()


def babbles(peer: Peer) -> None:
    peer.request()
    peer.send(b"SSH-2.0-OpenSSH_9\r\n")
    peer.wait_for_close()


@BOTH_PLUGS
@BOTH_WAYS
@pytest.mark.parametrize(
    ("script", "reason", "status"),
    [
        (closes, "closed early", None),
        (closes_within_the_body, "closed early", 200),
        (resets, "reset", None),
        (resets_within_the_body, "reset", 200),
        (babbles, "not HTTP", None),
    ],
)
def test_a_broken_answer_has_a_reason(
    provider: str, stream: bool, script: Script, reason: str, status: int | None
) -> None:
    with serving(script) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    assert (call.outcome, call.error_reason, call.status, call.connection) == ("failed", reason, status, "new")


@pytest.mark.parametrize("codings", [["chunked", "chunked"], ["chunked, chunked"], ["identity"]])
@BOTH_PLUGS
@BOTH_WAYS
def test_transfer_codings_that_the_sdks_client_refuses_are_a_failure(
    provider: str, stream: bool, codings: list[str]
) -> None:
    """httpx2 refuses a repeated `chunked`, which some proxies send; urllib3, below boto3, reads it."""
    body = mocked(provider, "chat", stream)
    framed = body if codings == ["identity"] else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = "".join(f"Transfer-Encoding: {coding}\r\n" for coding in codings)
    with serving(sending(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + framed)) as server:
        call = Asker(provider, server.url, stream=stream).ask()
    expected = ("ok", None) if provider == "aws-bedrock" else ("failed", "not HTTP")
    assert (call.outcome, call.error_reason) == expected, call.error


@PAST_THE_FINISH
def test_a_stream_that_breaks_off_after_its_finish_marker_is_broken(provider: str, api: str) -> None:
    """These SDKs read on to the end, and raise there."""
    whole = mocked(provider, api, stream=True)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(sending(head + b"%x\r\n%s\r\n" % (len(whole), whole))) as server:
        call = Asker(provider, server.url, api=api, stream=True).ask()
    assert (call.outcome, call.status, call.error_reason) == ("failed", 200, "closed early")


@BOTH_PLUGS
@pytest.mark.parametrize(
    ("script", "reason"),
    [(silent, "timed out before the head"), (stops_within_the_body, "timed out within the body")],
)
def test_a_deadline_says_how_far_the_call_had_come(provider: str, script: Script, reason: str) -> None:
    with serving(script) as server:
        call = Asker(provider, server.url, timeout_s=SOON_S).ask()
    assert (call.outcome, call.error_reason) == ("failed", reason)


@BOTH_PLUGS
def test_a_deadline_before_there_is_a_connection_says_so(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = Asker(provider, "http://127.0.0.1:9", timeout_s=SOON_S)
    monkeypatch.setattr(socket, "create_connection", lambda address: Event().wait())
    call = asker.ask()
    assert (call.error_reason, call.connection) == ("timed out at connect", None)


def refused(_: Path) -> str:
    with serving(silent) as server:
        return server.url


def unknown(_: Path) -> str:
    return "http://nowhere.invalid"


def impossible(_: Path) -> str:
    return "http://no..name"


@BOTH_PLUGS
@pytest.mark.parametrize(("where", "reason"), [(refused, "refused"), (unknown, "unknown host")])
def test_a_call_without_a_connection_reports_no_connection(
    provider: str, where: Callable[[Path], str], reason: str, tmp_path: Path
) -> None:
    call = Asker(provider, where(tmp_path)).ask()
    assert (call.outcome, call.error_reason, call.connection, call.connect_s) == ("failed", reason, None, None)


@pytest.mark.parametrize(("provider", "by_proxy"), [("openai", False), ("openai", True), ("aws-bedrock", True)])
def test_a_name_that_none_can_be_is_an_unknown_host_and_nothing_is_printed(
    provider: str, by_proxy: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if by_proxy:
        monkeypatch.setenv("HTTP_PROXY", "http://a..b:1")
        proxy_of.cache_clear()
    call = Asker(provider, "http://llm.invalid" if by_proxy else f"http://{'a' * 70}.invalid").ask()
    proxy_of.cache_clear()
    assert (call.outcome, call.error_reason) == ("failed", "proxy" if by_proxy else "unknown host")
    assert "Traceback" not in capfd.readouterr().err


@BOTH_PLUGS
def test_an_untrusted_certificate_is_a_failure_of_tls(provider: str, tmp_path: Path) -> None:
    with serving(silent, tls=make_certificate(tmp_path).server_context()) as server:
        call = Asker(provider, server.url).ask()
    assert (call.error_reason, call.connection) == ("TLS", None)


@BOTH_PLUGS
@pytest.mark.parametrize(("where", "name"), [(refused, "127.0.0.1"), (impossible, "no..name")])
def test_an_unreachable_proxy_is_the_proxys_failure(
    provider: str,
    where: Callable[[Path], str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HTTP_PROXY", where(tmp_path))
    proxy_of.cache_clear()
    call = Asker(provider, "http://llm.invalid").ask()
    proxy_of.cache_clear()
    assert (call.error_reason, call.connection) == ("proxy", None)
    assert f"the proxy {name}" in (call.error or "")
    assert "Traceback" not in capfd.readouterr().err


@contextmanager
def no_file_left() -> Iterator[None]:
    gc.collect()
    gevent.sleep(0.01)  # What was closed before, gevent closes in its loop: it would be a file that is left.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as restored:
        restored.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with open(os.devnull) as highest:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno() + 1, hard))
        with suppress(OSError):
            while True:
                restored.enter_context(open(os.devnull))
        yield


@BOTH_PLUGS
def test_too_many_open_files_are_the_clients_own_failure(provider: str) -> None:
    Asker(provider, "http://127.0.0.1:9").ask()  # Some of an SDK is imported with its first call.
    with serving(silent) as server:
        asker = Asker(provider, server.url)
        calls: list[Call] = []
        with no_file_left():
            calls.append(asker.ask())
    assert (calls[0].error_reason, calls[0].connection) == ("too many open files", None)
    assert "ulimit -n" in (calls[0].error or "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "no route to host"), "unreachable"),
        (OSError(errno.ENETUNREACH, "network is unreachable"), "unreachable"),
        (OSError(errno.ENFILE, "too many open files in system"), "too many open files"),
        (OSError(errno.EADDRNOTAVAIL, "cannot assign requested address"), "no local port left"),
        (BrokenPipeError(errno.EPIPE, "broken pipe"), "reset"),
        (ssl.SSLEOFError(8, "EOF occurred"), "closed early"),
        (ssl.SSLError(1, "bad record"), "TLS"),
        (socket.gaierror(-2, "unknown"), "unknown host"),
        (UnicodeError("label too long"), "unknown host"),
        (OSError(errno.EIO, "input/output error"), "send failed"),
    ],
)
def test_an_operating_system_error_has_a_fixed_word(error: Exception, reason: str) -> None:
    assert failure_of(error, "send failed") == reason


def test_a_failure_that_the_sdk_never_saw_is_not_reported() -> None:
    seen = Exchange()
    assert seen.failure is None
    seen.failed(ConnectionBroken("gone"))
    assert seen.failure == "closed early"
