"""Answers as bytes: strict ones and those that bend the rules, however they are split into reads."""

from contextlib import suppress
from time import process_time

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.answers.test_readers import cuts_of
from tests.raw_server import answer, chunked
from wire.exchange import ConnectionBroken, NotHTTP
from wire.http1 import AnswerParser
from wire.tolerant import MOST_HEAD_BYTES, MOST_HEADERS

QUICKLY = settings(deadline=None, max_examples=30)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"

BENT = {
    "a length before chunks": OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a length after chunks": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n" + CHUNKS,
    "the same length twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "the same length twice in a line": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "line feeds alone before chunks": b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n" + CHUNKS,
    "line feeds alone and a close": b"HTTP/1.0 200 OK\nX-Last: 1\n\nhello",
    "a folded header": OK + b"X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "a control character": OK + b"X-Bell: \x07\r\nContent-Length: 5\r\n\r\nhello",
    "spaces after a chunk's size": OK + b"Transfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n",
    "spaces after a later chunk's size": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3  \r\nllo\r\n0  \r\n\r\n",
    "a line feed alone after the chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[:-2] + b"\n",
    "a trailer with a line feed alone": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[:-2] + b"X-A: 1\n\n",
    "a tab after the coding": OK + b"Transfer-Encoding: chunked\t\r\n\r\n" + CHUNKS,
    "a tab and spaces after a value": OK + b"Connection: close \t \r\nContent-Length: 5\r\n\r\nhello",
    "a later version": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "an interim answer before": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
}  # fmt: skip

STRICT = {
    "a length": answer(b"hello", "X-Long-Name: a long value", "X-Empty:"),
    "chunks": chunked(b"he", b"llo"),
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"hello"),
    "bytes beyond ASCII": OK + b"X-Latin: N\xe3o\r\nX-Utf: N\xc3\xa3o\r\nContent-Length: 5\r\n\r\nhello",
    "a trailer": chunked(b"hello")[:-2] + b"X-Trailer: 1\r\n\r\n",
    "a close": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "64 kB of headers": answer(b"hello", *(f"X-{number}: {'a' * 1000}" for number in range(64))),
}

REFUSED = {
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length of 5,000 digits": OK + b"Content-Length: " + b"1" * 5000 + b"\r\n\r\n",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n",
    "a space before the colon": OK + b"X-A : 1\r\nContent-Length: 5\r\n\r\nhello",
    "a name beyond ASCII": OK + b"X-\xe3: 1\r\nContent-Length: 5\r\n\r\nhello",
    "a NUL in a value": OK + b"X-A: \0\r\nContent-Length: 5\r\n\r\nhello",
    "a bad chunk's size": OK + b"Transfer-Encoding: chunked\r\n\r\nwhat?\r\n",
    "a bad size of a later chunk": chunked(b"he")[:-5] + b"what?\r\n",
    "a status of 0": answer(b"hello", status="000 What"),
    "a status below 100": answer(b"hello", status="099 What"),
    **{f"{code!r} in a reason": answer(b"hello", status=f"200 O{code}K") for code in "\0\v\f"},
    "no status": b"HTTP/1.1 fine\r\n",
    "an empty line before the status": b"\r\n" + answer(b"hello"),
    "an empty line after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + answer(b"hello"),
    "two empty lines after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n\r\n\r\n" + answer(b"hello"),
    "a line feed after an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n\n" + answer(b"hello"),
    "a greeting": b"SSH-2.0-OpenSSH_9\r\n",
    "too many headers": OK + b"A: b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
    "too many headers in a head that bends the rules": OK + b"A: b\n" * (MOST_HEADERS + 1) + b"\n",
    "an endless header": OK + b"X-Endless: " + b"a" * (MOST_HEAD_BYTES + 2),
}


def seen_of(pieces: list[bytes]) -> tuple[int, list[tuple[str, str]], bytes, bool]:
    """Read an answer as it arrives, up to the peer's close."""
    parser, body = AnswerParser(), bytearray()
    for piece in pieces:
        parser.parse(piece)
        body += parser.take_body()
    if not parser.complete:
        parser.finish()
    body += parser.take_body()
    return parser.status, parser.headers, bytes(body), parser.reusable


def in_reads(data: bytes, size: int = 1400) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("kind", BENT)
def test_an_answer_that_bends_the_rules_is_read_and_ends_its_connection(kind: str) -> None:
    status, _, body, reusable = seen_of([BENT[kind]])
    assert (status, body, reusable) == (200, b"hello", False)


@pytest.mark.parametrize("whole", [*BENT.values(), *STRICT.values()], ids=[*BENT, *STRICT])
@QUICKLY
@given(data=st.data())
def test_an_answer_is_the_same_however_it_is_split(whole: bytes, data: st.DataObject) -> None:
    assert seen_of(data.draw(cuts_of(whole))) == seen_of([whole])


@pytest.mark.parametrize("whole", [*BENT.values(), *STRICT.values()], ids=[*BENT, *STRICT])
def test_an_answer_that_comes_byte_by_byte_is_the_same(whole: bytes) -> None:
    assert seen_of(in_reads(whole, 1)) == seen_of([whole])


def test_spaces_around_a_headers_value_are_not_part_of_it() -> None:
    padded = OK + b"X-A: \t 1 2  \r\nX-Blank:  \r\nTransfer-Encoding: chunked \r\n\r\n" + CHUNKS
    _, headers, body, reusable = seen_of([padded])
    assert (headers, body) == ([("X-A", "1 2"), ("X-Blank", ""), ("Transfer-Encoding", "chunked")], b"hello")
    assert reusable


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("size", [1400, 1 << 22])
def test_what_even_the_tolerant_parser_refuses_is_not_http(kind: str, size: int) -> None:
    with pytest.raises(NotHTTP) as refusal:
        seen_of([*in_reads(REFUSED[kind], size), b"\r\n"])
    assert len(str(refusal.value)) < 300


ENDED = [
    *(whole for kind, whole in STRICT.items() if kind != "a close"),
    *(answer(body) for body in (b"", b"\r\n", b"\r\n\r\n", bytes(MOST_HEAD_BYTES * 2))),
    *(chunked(*chunks) for chunks in ([], [b"\r\n"], [bytes(MOST_HEAD_BYTES // 2)] * 4)),
    answer(b"", status="204 No Content"),
]


@pytest.mark.parametrize("whole", ENDED, ids=range(len(ENDED)))
@pytest.mark.parametrize("more", [b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
def test_empty_lines_after_an_answer_end_its_connection_at_which_the_sdks_parser_fails(
    whole: bytes, more: bytes
) -> None:
    assert seen_of([whole])[3] is True
    assert seen_of([whole + more])[3] is seen_of([whole, more])[3] is seen_of(in_reads(whole + more, 7))[3] is False
    peer = peer_after(whole)
    peer.receive_data(more + whole)
    with pytest.raises(h11.RemoteProtocolError):
        peer.next_event()


def test_as_many_headers_as_are_accepted_are_read() -> None:
    whole = OK + b"A: b\r\n" * (MOST_HEADERS - 1) + b"Content-Length: 5\r\n\r\nhello"
    status, headers, body, _ = seen_of([whole])
    assert (status, len(headers), body) == (200, MOST_HEADERS, b"hello")


def test_what_comes_before_the_body_does_not_fill_memory() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(NotHTTP, match="too long"):
        seen_of([chunked, b"5;", *[b"a" * 65536] * 40])


@pytest.mark.parametrize("kind", [kind for kind in BENT if "close" not in kind])
def test_an_answer_that_bends_the_rules_and_breaks_off_is_broken(kind: str) -> None:
    with pytest.raises(ConnectionBroken):
        seen_of([BENT[kind][:-1]])


def test_a_fault_after_many_megabytes_is_a_failure_though_h11_would_read_on() -> None:
    large = b"%x\r\n%s\r\n" % (1 << 22, bytes(1 << 22))
    with pytest.raises(NotHTTP):
        seen_of([OK + b"Transfer-Encoding: chunked\r\n\r\n", *in_reads(large, 1 << 16), b"1  \r\nx\r\n0\r\n\r\n"])


def test_headers_keep_their_bytes_beyond_ascii() -> None:
    headers = dict(seen_of([STRICT["bytes beyond ASCII"]])[1])
    assert headers["X-Latin"].encode("latin-1") == b"N\xe3o"
    assert headers["X-Utf"].encode("latin-1").decode() == "Não"


FRAGMENTS = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching Protocols",
    b"\r\n", b"\n", b"\r", b" ", b":", b"Content-Length: 2", b"Content-Length: 5, 5", b"Transfer-Encoding: chunked",
    b"5\r\nhello\r\n", b"0\r\n\r\n", b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c", b"X-A: \xe3",
    b"\0", b"ffffffffffffffff",
])  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(FRAGMENTS | st.binary(min_size=1, max_size=6), max_size=20))
@example([b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"more"])
@example([b"HTTP/1.1 200 OK\n\n", b"hello", b"more"])
def test_no_bytes_make_the_parser_raise_anything_but_its_own_errors(pieces: list[bytes]) -> None:
    with suppress(NotHTTP, ConnectionBroken):
        seen_of(pieces)


def peer_of(pieces: list[bytes]) -> tuple[int, bytes]:
    """Read an answer with h11, the SDKs' own parser."""
    peer, status, body = h11.Connection(h11.CLIENT), 0, b""
    ask(peer)
    for piece in [*pieces, b""]:
        peer.receive_data(piece)
        while not isinstance(event := peer.next_event(), type) and not isinstance(event, h11.ConnectionClosed):
            status = event.status_code if isinstance(event, h11.Response) else status
            body += event.data if isinstance(event, h11.Data) else b""
            if isinstance(event, h11.EndOfMessage):
                return status, body
    raise AssertionError("the answer has no end")


def peer_after(whole: bytes) -> h11.Connection:
    """Return the SDKs' own parser, ready for the connection's next answer."""
    peer = h11.Connection(h11.CLIENT)
    ask(peer)
    peer.receive_data(whole)
    while not isinstance(peer.next_event(), h11.EndOfMessage):
        pass
    peer.start_next_cycle()
    ask(peer)
    return peer


def ask(peer: h11.Connection) -> None:
    peer.send(h11.Request(method="POST", target="/", headers=[("Host", "")]))
    peer.send(h11.EndOfMessage())


HEADERS = st.lists(
    st.sampled_from([b"X-A: 1", b"X-B:", b"X-C: a\tb\t", b"X-D: \xe3", b"X-E: 1\r\n 2", b"Content-Type: text/plain"]),
    max_size=4,
)
ENDS = st.sampled_from([b"\r\n", b"\n"])
STATUS_LINES = st.sampled_from([b"HTTP/1.1 200 OK"] * 3 + [b"HTTP/1.2 200 OK"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as a careless server writes it."""
    body, headers = draw(st.binary(max_size=40)), draw(HEADERS)
    length = b"Content-Length: %d" % draw(st.sampled_from([len(body), len(body), 7]))
    if draw(st.booleans()):
        headers += [b"Transfer-Encoding: chunked", *draw(st.sampled_from([[], [length]]))]
        pads = st.sampled_from([b"", b" ", b";name=value"])
        chunks = [b"%x%s\r\n%s\r\n" % (len(part), draw(pads), part) for part in in_reads(body, 9)]
        body = b"".join(chunks) + b"0\r\n" + draw(ENDS)
    else:
        headers += draw(
            st.sampled_from([[], [b"Content-Length: %d" % len(body)] * 2, [b"Content-Length: %d" % len(body)]])
        )
    lines = [draw(STATUS_LINES), *draw(st.permutations(headers)), b"", b""]
    return draw(ENDS).join(lines) + body


@settings(deadline=None, max_examples=100)
@given(st.data(), answers())
def test_what_the_sdks_parser_reads_is_read_the_same_way(data: st.DataObject, whole: bytes) -> None:
    pieces = data.draw(cuts_of(whole))
    status, _, body, _ = seen_of(pieces)
    assert (status, body) == peer_of(pieces)


def cpu_s(pieces: list[bytes]) -> float:
    began_s = process_time()
    seen_of(pieces)
    return process_time() - began_s


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_body_in_small_reads_costs_in_proportion_to_its_length(line_end: bytes) -> None:
    def cost_s(size: int) -> float:
        head = line_end.join([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", b"", b""])
        pieces = in_reads(head + b"%x\r\n" % size + bytes(size) + b"\r\n0\r\n\r\n")
        return min(cpu_s(pieces) for _ in range(3))

    assert cost_s(8_000_000) < 4 * 8 * cost_s(1_000_000)


def test_thousands_of_chunks_before_a_bent_one_are_not_read_again_one_by_one() -> None:
    """The tolerant parser would take half a second, in which nothing else is read."""
    head, tiny, padded = OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 40_000, b"1 \r\nb\r\n"
    early, late = head + padded + tiny, head + tiny + padded
    assert seen_of(in_reads(late + b"0\r\n\r\n"))[2] == b"a" * 40_000 + b"b"
    costs_s = [min(cpu_s(in_reads(whole + b"0\r\n\r\n")) for _ in range(3)) for whole in (early, late)]
    assert costs_s[0] > 2 * costs_s[1]
