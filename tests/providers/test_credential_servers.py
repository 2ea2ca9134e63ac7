"""What SDKs ask for credentials can't fill the memory, and leaves nothing behind."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import boto3
import gevent
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, HTTPClientError
from gevent.socket import wait_read
from google.auth.transport import requests as google_requests

from providers import aws_servers, google_tokens
from providers.bedrock import Bedrock, aws_session
from providers.token_servers import MOST_LINES
from providers.vertex_ai import VertexAI
from tests.beside import counting
from tests.raw_server import WAIT_S, Peer, RawServer, answer, answering, chunked, serving
from tests.workers.watching import is_alive
from wire.exchange import TooLong

A_MEGABYTE = 1 << 20
ENDS_WITH_ITS_CONNECTION = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"


@pytest.fixture
def flood() -> Iterator[RawServer]:
    """A server whose answers are longer than any with credentials."""

    def pour(peer: Peer) -> None:
        while peer.request():
            with suppress(OSError):
                peer.send(ENDS_WITH_ITS_CONNECTION)
                for _ in range(8):
                    peer.send(A_MEGABYTE * b"x")
            return

    with serving(pour) as server:
        yield server


@pytest.fixture
def fresh_session() -> Iterator[None]:
    aws_session.cache_clear()
    yield
    aws_session.cache_clear()


def test_a_long_answer_is_no_credentials_of_aws(flood: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_servers.set_bounds()
    session, once = boto3.Session("ASIA-signer", "secret", region_name="x"), Config(retries={"total_max_attempts": 1})
    with pytest.raises(HTTPClientError, match="longer than 64 kB"):
        session.client("sts", endpoint_url=flood.url, config=once).get_caller_identity()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", flood.url)
    with pytest.raises(HTTPClientError, match="longer than 64 kB"):
        boto3.Session().get_credentials()


def test_a_long_answer_is_no_credentials_of_google(flood: RawServer) -> None:
    google_tokens.listen_in()
    with pytest.raises(TooLong, match="longer than 64 kB"):
        google_requests.Request()(flood.url)
    with serving(answering(answer(b"{}"))) as server:
        assert google_requests.Request()(server.url).data == b"{}"


@pytest.mark.parametrize("where", ["head", "trailer"])
def test_an_answer_of_many_lines_leaves_others_their_turn(where: str) -> None:
    """While there was always one more to read, not even a deadline or Ctrl-C ended an endless answer."""
    interim, trailer = b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, b"a: b\r\n" * 2000
    longer = {"head": interim + chunked(b"{}"), "trailer": chunked(b"{}")[:-2] + trailer + b"\r\n"}[where]
    google_tokens.listen_in()
    with serving(answering(longer)) as server, counting(partial(gevent.sleep, 0)) as taken:
        connection = HTTPConnection(server.host, server.port)
        connection.request("POST", "/", b"")
        assert connection.sock is not None
        wait_read(connection.sock.fileno(), WAIT_S)
        taken.clear()
        assert connection.getresponse().read() == b"{}"
        connection.close()
    assert len(taken) >= 2000 // MOST_LINES


def test_a_long_answer_is_no_machine_of_googles(flood: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked at the start, before anything else is sent."""
    [*_, plain, _] = [each for each in google_requests.Request.__mro__ if each.__name__ in ("Heard", "Request")]
    monkeypatch.setattr(google_requests, "Request", plain)
    google_tokens.listen_in.cache_clear()
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)
    monkeypatch.delenv("NO_GCE_CHECK")
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, flood.url.partition("://")[2])
    assert "longer than 64 kB" in (VertexAI.missing_key() or "")


def test_a_token_that_is_no_text_when_it_is_renewed_fails_the_call_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws_servers.set_bounds()
    given = {"AccessKeyId": "ASIA-signer", "SecretAccessKey": "secret", "Expiration": "2001-01-01T00:00:00Z"}
    coming = iter([json.dumps({**given, "Token": token}).encode() for token in ("token", ["token"])])

    def renew(peer: Peer) -> None:
        while peer.request():
            peer.send(answer(next(coming)))

    with serving(renew) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        found = boto3.Session().get_credentials()
        with pytest.raises(BotoCoreError, match="a key or a token that boto3 was given is not a text"):
            found.get_frozen_credentials()


def test_an_answer_of_another_form_is_called_malformed(monkeypatch: pytest.MonkeyPatch, fresh_session: None) -> None:
    """A login page in the place of the answer was said to be `'AssumeRoleWithWebIdentityResult'`, a null `'NoneType'
    object is not subscriptable`."""
    with serving(answering(answer(b"null"))) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        assert "what was given for credentials is malformed (TypeError: " in (Bedrock.missing_key() or "")


@pytest.mark.parametrize(
    ("lacks", "says"), [("Credentials", "KeyError"), ("Expiration", "KeyError"), ("", "timestamp")]
)
def test_an_answer_that_boto3_cannot_read_is_told_as_one_for_credentials(
    lacks: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a `KeyError: 'Credentials'`, and counted as a failure of the client's own."""
    aws_servers.set_bounds()
    given = {"AccessKeyId": "ASIA-signer", "SecretAccessKey": "secret", "SessionToken": "token", "Expiration": "soon"}
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in given.items() if name != lacks)
    found = fields if lacks == "Credentials" else f"<Credentials>{fields}</Credentials>"
    body = f"<AssumeRoleResponse><AssumeRoleResult>{found}</AssumeRoleResult></AssumeRoleResponse>".encode()
    role = "role_arn = arn:aws:iam::123456789012:role/a\nsource_profile = base\n"
    keys = "[profile base]\naws_access_key_id = AKIA-1\naws_secret_access_key = secret\n"
    (tmp_path / "config").write_text(f"[default]\nregion = x\n{role}{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with serving(answering(answer(body))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        credentials = boto3.Session().get_credentials()
        assert credentials is not None
        with pytest.raises(BotoCoreError, match=f"what was given for credentials is malformed .*{says}"):
            credentials.get_frozen_credentials()


def test_a_command_for_credentials_ends_with_the_call_that_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs was left behind by each call."""
    aws_servers.set_bounds()
    (command := tmp_path / "command").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    command.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    call = gevent.spawn(boto3.Session().get_credentials)
    with gevent.Timeout(WAIT_S):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            gevent.sleep(0.01)
        call.kill()
        while is_alive(int((tmp_path / "pid").read_text())):
            gevent.sleep(0.01)


def test_no_code_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody was asked, the process answered nothing, not even Ctrl-C."""
    aws_servers.set_bounds()
    role = "role_arn = arn:aws:iam::123456789012:role/a\nmfa_serial = b\nsource_profile = base\n"
    keys = "[profile base]\naws_access_key_id = AKIA-1\naws_secret_access_key = secret\n"
    (tmp_path / "config").write_text(f"[default]\nregion = x\n{role}{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    credentials = boto3.Session().get_credentials()
    assert credentials is not None
    for _ in range(2):
        with pytest.raises(Exception, match="mfa_serial asks for a code"):
            credentials.get_frozen_credentials()
