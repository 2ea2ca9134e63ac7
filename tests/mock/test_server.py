"""The mock on a socket: its framing, its faults, its counts, its command line."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from mock.__main__ import main
from tests.command_line import PROJECT

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


@contextmanager
def mock(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "mock", *options]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def port_of(process: subprocess.Popen[str]) -> int:
    """Waits until the mock listens, and says where."""
    assert process.stderr is not None
    return int(process.stderr.readline().rpartition(":")[2])


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mock", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with mock("--port", "0", "--latency", "0", "--tokens", "16", "--exact-tokens") as process:
        yield port_of(process)


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/stats/reset")
    connection.getresponse().read()
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, stream: bool = False, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", CHAT, orjson.dumps({**BODY, "stream": stream}), named)
    return connection.getresponse()


def stats(port: int) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/stats")
    counts = orjson.loads(connection.getresponse().read())
    connection.close()
    return counts


def test_a_plain_answer_carries_its_length(connection: http.client.HTTPConnection) -> None:
    answer = ask(connection)
    assert int(answer.headers["content-length"]) == len(answer.read())


def test_a_stream_is_chunked_and_ends_with_its_marker(connection: http.client.HTTPConnection) -> None:
    answer = ask(connection, stream=True)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.read().endswith(b"data: [DONE]\n\n")


def test_a_connection_serves_many_requests(port: int, connection: http.client.HTTPConnection) -> None:
    for _ in range(3):
        ask(connection, stream=True).read()
    counts = stats(port)
    assert (counts["connections"], counts["requests"]) == (1, 3)


def test_requests_sent_at_once_are_answered_in_their_order(port: int) -> None:
    body = orjson.dumps(BODY)
    request = b"POST %b HTTP/1.1\r\nhost: mock\r\ncontent-length: %d\r\n\r\n%b"
    good, missing = request % (CHAT.encode(), len(body), body), request % (b"/nothing", 2, b"{}")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(good + missing.replace(b"host", b"connection: close\r\nhost"))
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.index(b"200 OK") < received.index(b"404 Not Found")


def test_stats_count_the_bytes_of_bodies_by_format_and_status(
    port: int, connection: http.client.HTTPConnection
) -> None:
    body_bytes = len(ask(connection).read()) + len(ask(connection, stream=True).read())
    body_bytes += len(ask(connection, x_mock_status="429").read())
    counts = stats(port)
    assert counts["response_bytes"] == body_bytes
    assert counts["by_format"] == {"openai chat": 3}
    assert counts["by_status"] == {"200": 2, "429": 1}
    assert counts["output_tokens"] == 32


def test_stats_count_only_what_was_sent_of_a_cut_answer(port: int, connection: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(connection, x_mock_fault="cut").read()
    assert stats(port)["response_bytes"] == len(cut.value.partial)


def test_health_is_not_counted(port: int, connection: http.client.HTTPConnection) -> None:
    for path in ("/", "/health"):
        connection.request("GET", path)
        assert connection.getresponse().read() == b'{"status":"ok"}'
    counts = stats(port)
    assert (counts["requests"], counts["connections"], counts["response_bytes"]) == (0, 0, 0)


def test_a_reset_reaches_the_client_as_a_reset(connection: http.client.HTTPConnection) -> None:
    with pytest.raises(ConnectionResetError) as reset:
        ask(connection, x_mock_fault="reset")
    assert not isinstance(reset.value, http.client.RemoteDisconnected)


def test_a_close_reaches_the_client_before_any_answer(connection: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        ask(connection, x_mock_fault="close")


def test_a_hang_sends_nothing(connection: http.client.HTTPConnection) -> None:
    connection.timeout = 0.3
    connection.close()
    with pytest.raises(TimeoutError):
        ask(connection, x_mock_fault="hang")


def test_a_stall_falls_silent_in_the_middle(port: int) -> None:
    body = orjson.dumps({**BODY, "stream": True})
    head = f"POST {CHAT} HTTP/1.1\r\nx-mock-fault: stall\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body)
        received = [client.recv(65536)]
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            received.extend(iter(lambda: client.recv(65536), b""))
    assert b"200 OK" in received[0]
    assert b"[DONE]" not in b"".join(received)


def test_a_cut_stream_has_no_last_chunk(connection: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(connection, stream=True, x_mock_fault="cut").read()


def test_an_early_end_is_clean_but_without_the_marker(connection: http.client.HTTPConnection) -> None:
    body = ask(connection, stream=True, x_mock_fault="early-end").read()
    assert b"data: {" in body
    assert b"[DONE]" not in body


@pytest.mark.parametrize("stream", [False, True])
def test_garbage_is_a_200_without_json(connection: http.client.HTTPConnection, stream: bool) -> None:
    answer = ask(connection, stream=stream, x_mock_fault="garbage")
    assert answer.status == 200
    assert answer.read().startswith(b"<html>")


def test_garbage_instead_of_http_is_a_400(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 400")


def test_no_token_comes_before_it_is_due() -> None:
    with mock("--port", "0", "--ttft", "0.2", "--itl", "0.05", "--tokens", "4") as process:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=30)
        started_s = time.monotonic()
        answer = ask(connection, stream=True)
        first_s = time.monotonic() - started_s
        answer.read()
        last_s = time.monotonic() - started_s
        connection.close()
    assert first_s >= 0.2
    assert last_s >= 0.35


def test_parts_due_together_may_leave_as_one() -> None:
    with mock("--port", "0", "--latency", "0", "--merge") as process:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=30)
        assert ask(connection, stream=True).read().endswith(b"data: [DONE]\n\n")
        connection.close()


def test_the_server_speaks_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-days",
        "1",
    ]
    made = [*make, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with mock("--port", "0", "--latency", "0", "--tls-cert", str(certificate), "--tls-key", str(key)) as process:
        connection = http.client.HTTPSConnection("127.0.0.1", port_of(process), timeout=30, context=context)
        assert ask(connection, stream=True).read().endswith(b"data: [DONE]\n\n")
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    with mock("--port", "0") as process:
        with socket.create_connection(("127.0.0.1", port_of(process))):
            os.kill(process.pid, number)
            assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_port_in_use_is_one_line_and_exit_1(port: int) -> None:
    result = refused("--port", str(port))
    assert result.returncode == 1
    assert result.stderr == f"mock: cannot listen on 127.0.0.1:{port}: address already in use\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--error-rate", "1.5"),
        ("--error-rate", "half"),
        ("--latency", "-1"),
        ("--latency", "nan"),
        ("--tokens", "0"),
        ("--port", "70000"),
        ("--tokens=--",),
        ("--error-status", "200"),
        ("--tls-cert", "/nowhere.pem"),
        ("--tls-key", "/nowhere.pem"),
        ("--stall", "2"),
        ("--stall-every", "20"),
        ("--stall", "2", "--stall-every", "2"),
        ("--stall", "0", "--stall-every", "0"),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_option_and_exit_2(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0", *options])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert options[0].partition("=")[0] in line
