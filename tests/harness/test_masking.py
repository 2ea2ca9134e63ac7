"""A secret is masked however a server writes it, and wherever the environment keeps it."""

import json
import logging
import os
import re
import sys
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha1, sha256
from html import escape
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import CredentialRetrievalError, EndpointConnectionError, MetadataRetrievalError
from botocore.parsers import ResponseParserError
from botocore.utils import ContainerMetadataFetcher
from google.auth.aws import Credentials as AwsCredentials
from google.auth.exceptions import OAuthError, RefreshError
from google.auth.impersonated_credentials import _make_iam_token_request
from google.auth.transport import requests as google_requests
from google.auth.transport.requests import Request as GoogleRequest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.env import Environment

from harness.plan import keys
from harness.process import user_errors
from harness.run.sent_tokens import WithTokensLearnt
from harness.secrets import MOST_LEARNT, Secrets
from locustfile import harness
from providers import aws_files, aws_tokens, google_files, google_tokens
from providers.openai import OpenAI
from providers.vertex_ai import VertexAI
from tests.asking import settings_of
from tests.command_line import free_port
from tests.raw_server import Peer, answer, answering, serving
from wire.exchange import Reply, Request
from wire.network import NetworkWire

SECRETS = {
    "letters": "sk-proj-5af1c03b77de0a91",
    "backslashes": r"\\5a\f1\\\c03b\\",
    "signs": "a/5af1c03b+\"&=<x>'y%z\\n",
    "few letters": "5af1c0",
    "words": "Token of 5af1c03b",
    "Latin": "ém-5af1c03b-ß",
    "what looks escaped": "%2b5af1c03b%00<&amp;>",
    "signs behind backslashes": r"5af1c03b\'3b77de\<\\+",
}
ENCODINGS: dict[str, Any] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON of .NET and Go": lambda text: json.dumps(text).translate({ord(c): f"\\u{ord(c):04X}" for c in "<>&'+"}),
    "JSON in JSON in JSON": lambda text: json.dumps({"a": json.dumps([json.dumps(text)])}),
    "a URL": lambda text: quote(text, ""),
    "a URL in lower case": lambda text: quote(text, "").replace("%2F", "%2f").replace("%2B", "%2b"),
    "a URL in a URL": lambda text: quote(quote(text, ""), ""),
    "a form": quote_plus,
    "a URL of Rust": lambda text: "".join(quote(c, "") if c not in "-._~" else f"%{ord(c):02X}" for c in text),
    "a URL with all escaped": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "JSON with all escaped": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "HTML of OWASP": lambda text: "".join(c if c.isalnum() and c.isascii() else f"&#x{ord(c):x};" for c in text),
    "HTML with all escaped": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "JavaScript of OWASP": lambda text: re.sub("[^A-Za-z0-9]", lambda found: f"\\x{ord(found[0]):02X}", text),
    "HTML": escape,
    "HTML with the names of HTML 5": lambda text: escape(text).translate(
        {ord("/"): "&sol;", ord("+"): "&plus;", ord("="): "&equals;", ord("%"): "&percnt;"}
    ),
    "HTML in numbers": lambda text: escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#034;"),
    "HTML of HTML": lambda text: escape(escape(text)),
    "Python": lambda text: repr({"key": text}),
    "base64": lambda text: b64encode(f"Authorization: Bearer {text}\r\n".encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(f"x{text}yz".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(secret: str, encoding: str) -> None:
    secrets = Secrets()
    secrets.add(secret)
    written = ENCODINGS[encoding](secret)
    shown = secrets.redact(f"<{written}>")
    assert "***" in shown
    assert "5af1" not in shown
    assert "35616631" not in shown
    assert not any(five in shown for five in ("%35", "u0035", "&#53;"))


def others(secret: str) -> str:
    """A secret of the same form that differs within."""
    return secret.replace("5af1c0", "9de4b2").replace("3b77de", "7c01fa")


def pieces(shown: str) -> list[str]:
    """What is left between masks, without the ends: a digit of base64 can belong to the secret and what is beside it,
    and its escape has up to 6 characters."""
    return [piece[8:-8] for piece in shown.split("***")]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
@pytest.mark.parametrize("outer", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding_of_every_encoding(secret: str, outer: str) -> None:
    secrets = Secrets()
    secrets.add(secret)
    for inner, encoded in ENCODINGS.items():
        written, of_other = (ENCODINGS[outer](encoded(each)) for each in (secret, others(secret)))
        shown = secrets.redact(f"<{written}>")
        assert "***" in shown, inner
        assert all(piece in of_other for piece in pieces(shown)), inner


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_secret_is_masked_in_two_encodings_wherever_it_is_in_a_text(data: st.DataObject) -> None:
    secret = data.draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40))
    before, after = data.draw(st.text(max_size=9)), data.draw(st.text(max_size=9))
    inner, outer = (data.draw(st.sampled_from(list(ENCODINGS))) for _ in range(2))
    secrets = Secrets()
    secrets.add(secret)
    for written in (f"{before} {secret} {after}", secret):
        shown = secrets.redact(ENCODINGS[outer](ENCODINGS[inner](written)))
        assert "***" in shown, (inner, outer)


@pytest.mark.parametrize("name", sorted(SECRETS.keys() - {"backslashes"}))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_line_of_json_stays_one_whatever_is_masked_in_it(name: str, encoding: str) -> None:
    """Unless the secret ends in backslashes: those of an escaped quote after it can't be told from them."""
    secret = SECRETS[name]
    secrets = Secrets()
    secrets.add(secret)
    for inner in ENCODINGS.values():
        line = json.dumps({"said": [f'x " {ENCODINGS[encoding](inner(secret))} " z', "y"], "more": 1})
        shown = json.loads(secrets.redact(line))
        assert (shown["said"][1], shown["more"]) == ("y", 1)


@pytest.mark.parametrize("length", range(13, 18))
def test_any_secret_that_was_cut_after_12_characters_is_masked(length: int) -> None:
    secrets = Secrets()
    secrets.add("sk-proj-5af1c03b77de0a91"[:length])
    for end in range(12, length + 1):
        assert secrets.redact(f"no key {'sk-proj-5af1c03b77de0a91'[:end]}") == "no key ***"


@pytest.mark.parametrize("end", range(12, 24))
def test_a_long_secret_that_was_cut_is_masked_too(end: int) -> None:
    secrets = Secrets()
    secrets.add("sk-proj-5af1c03b77de0a91")
    assert secrets.redact(f"no key {'sk-proj-5af1c03b77de0a91'[:end]}… ('cut')") == "no key ***… ('cut')"


@pytest.mark.parametrize("escaped", ["%{:02x}", "\\u{:04x}", "&#{};"])
def test_a_long_secret_that_was_escaped_and_cut_is_masked_too(escaped: str) -> None:
    secrets = Secrets()
    secrets.add("sk-proj-5af1c03b77de0a91")
    written = "".join(escaped.format(ord(character)) for character in "sk-proj-5af1c03b77de0a91")
    whole = sum(len(escaped.format(ord(character))) for character in "sk-proj-5af1")
    for end in range(whole, len(written) + 1):
        assert secrets.redact(f"no key {written[:end]}… ('cut')") == "no key ***… ('cut')"


@pytest.mark.parametrize("run", ["\\", "%5c", "&#92;", "\\&#92;", "\\u005c"])
def test_a_secret_of_backslashes_is_masked_behind_any_number_of_others(run: str) -> None:
    secrets = Secrets()
    secrets.add(r"\\a\\b\\c\\d")
    for number in (1, 10, 1000):
        assert secrets.redact(number * run + r"\\a\\b\\c\\d").endswith("***")


@pytest.mark.parametrize(
    "secret", ["sk-anything-long", "-secret", "!x!y!z!", "'quoted'", r"a\b\c\d\e", r"\\a\\b\\c\\d"]
)
@pytest.mark.parametrize(
    "run",
    [
        "\\",
        "%",
        "%25",
        "%5c",
        "&#92;",
        "\\&#92;",
        "&amp;",
        "&#",
        "\\u0073",
        "%41",
        "&#65;",
        "QUJD",
        "4142",
        " ",
        "s",
        "sk-anything-",
        "-",
        "!",
    ],
)
def test_what_begins_like_a_secret_again_and_again_is_searched_quickly(secret: str, run: str) -> None:
    """The search holds up the event loop: in time squared, a header of 50 kB would stop it for 15 s."""
    secrets = Secrets()
    secrets.add(secret)
    began_s = process_time()
    secrets.redact(50_000 // len(run) * run)
    assert process_time() - began_s < 5


def test_a_line_of_json_stays_one() -> None:
    secrets = Secrets()
    secrets.add('sk/5af1c03b+"&key')
    body = {"said": ['sk/5af1c03b+"&key', json.dumps({"x": 'sk/5af1c03b+"&key'})]}
    assert json.loads(secrets.redact(json.dumps(body))) == {"said": ["***", '{"x": "***"}']}


@pytest.mark.parametrize("escape", ["u{:04x}", "x{:02x}"])
def test_a_line_of_json_stays_one_if_a_server_escapes_every_character(escape: str) -> None:
    secrets = Secrets()
    secrets.add("sk-proj-5af1c03b77de0a91")
    written = "".join("\\" + escape.format(ord(character)) for character in "sk-proj-5af1c03b77de0a91")
    said = json.dumps({"x": [written, "y"]})
    assert json.loads(secrets.redact(json.dumps({"said": said}))) == {"said": '{"x": ["***", "y"]}'}


def test_the_user_and_password_of_a_basic_header_are_masked() -> None:
    secrets = Secrets()
    secrets.add("Basic " + b64encode(b"somebody:5af1c03b").decode())
    assert secrets.redact("somebody:5af1c03b; 5af1c03b; " + b64encode(b"somebody:5af1c03b").decode()) == "***; ***; ***"


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
@pytest.mark.parametrize("padding", ["==", ""])
def test_the_password_of_a_basic_header_is_masked_in_either_charset(charset: str, padding: str) -> None:
    secrets = Secrets()
    secrets.add("Basic " + b64encode("me:pässwörd-1".encode(charset)).decode().rstrip("=") + padding)
    assert secrets.redact("no pässwörd-1") == "no ***"


@pytest.mark.parametrize("password", ['p@ss"é-5af1c03b', "É-5af1", "zwölf Wörter-5af1c03b"])
def test_what_a_header_has_in_utf8_is_masked_as_it_is_read(password: str) -> None:
    secrets = Secrets()
    secrets.add(password)
    assert secrets.redact(f"id {password.encode().decode('latin-1')}") == "id ***"


def test_a_named_value_in_quotes_is_masked_with_its_spaces() -> None:
    secrets = Secrets()
    secrets.add('session="5af1; c03b, 77de"; theme=dark')
    assert secrets.redact("no 5af1; c03b, 77de") == "no ***"


@pytest.mark.parametrize(
    "value",
    ["theme=dark; session=5af1c03b; b=2", 'Digest username="me", response="5af1c03b", qop=auth', "key = 5af1c03b"],
)
def test_a_named_value_within_a_header_is_also_masked_alone(value: str) -> None:
    secrets = Secrets()
    secrets.add(value)
    assert secrets.redact("no session 5af1c03b, theme dark") == "no session ***, theme dark"


def test_a_secret_that_begins_with_another_is_masked_whole() -> None:
    secrets = Secrets()
    secrets.add_all(["abcdef", "abcdefghijklmnop"])
    assert secrets.redact("abcdefghijklmnop, abcdef, abcdef-g") == "***, ***, ***-g"


def test_other_words_stay_as_they_are() -> None:
    secrets = Secrets()
    secrets.add_all(["short", "", "gpt-4o-secret-key"])
    text = "short messages about gpt-4o and % and \\ and &amp; stay"
    assert secrets.redact(text) == text


PROVIDERS = [user_class.provider for user_class in harness.classes.values()]
VARIABLES = {
    **{provider.key_variable: "hush-5af1c03b" for provider in PROVIDERS},
    **{variable: "hush-5af1c03b" for provider in PROVIDERS for variable in provider.secret_variables},
    "OPENAI_CUSTOM_HEADERS": "X-Tenant: one\nAuthorization: Bearer hush-5af1c03b",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Key: hush-5af1c03b",
    "HTTPS_PROXY": "http://someone:hush%2D5af1c03b@proxy:3128",
    "http_proxy": "http://hush-5af1c03b@proxy:3128",
    "ALL_PROXY": "someone:hush-5af1c03b@proxy:3128",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_what_the_environment_keeps_secret_is_masked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, VARIABLES[name])
    secrets = Secrets()
    secrets.add_all(keys.secrets_in_environment(PROVIDERS))
    pair = b64encode(b"someone:hush-5af1c03b").decode()
    shown = secrets.redact(f"hush-5af1c03b {VARIABLES[name]} " + (pair if name == "HTTPS_PROXY" else ""))
    assert "5af1c03b" not in shown
    assert pair[12:20] not in shown


def test_a_web_token_is_masked_wherever_it_ends_though_nobody_knew_of_it() -> None:
    token = ".".join(
        urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg": "RS256"}', b'{"a": 1}', b"\xff")
    )
    said = [f"assertion={token}&x=1", f"'Bearer {token}'", f'"{token[:30]}…', json.dumps({"jwt": token})]
    masked = ["assertion=***&x=1", "'Bearer ***'", '"***…', '{"jwt": "***"}']
    assert [Secrets().redact(text) for text in said] == masked
    began_s = process_time()
    Secrets().redact("eyJ" * 300_000)
    assert process_time() - began_s < 1


def test_googles_default_credentials_are_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"client_id": "public", "client_secret": "secret-1", "source_credentials": {"refresh_token": "secret-2"}}
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(found))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    assert VertexAI.credentials() == []
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    assert VertexAI.credentials() == ["secret-1", "secret-2"]
    for unreadable in ("[", "[" * 100_000):
        (tmp_path / "application_default_credentials.json").write_text(unreadable)
        assert VertexAI.credentials() == []


def test_what_is_sent_to_token_servers_for_a_workload_identity_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headers in its file, and passwords in a netrc file, which requests looks for."""
    source = {"url": "http://localhost/token", "headers": {"X-Own": "header-5af1c03b"}}
    (tmp_path / "google.json").write_text(json.dumps({"type": "external_account", "credential_source": source}))
    (tmp_path / "netrc").write_text("machine localhost login me password word-5af1c03b\n")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "google.json"))
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert VertexAI.credentials() == ["header-5af1c03b", "word-5af1c03b"]
    monkeypatch.delenv("NETRC")
    assert VertexAI.credentials() == ["header-5af1c03b"]
    (tmp_path / "netrc").rename(tmp_path / ".netrc")
    assert VertexAI.credentials() == ["header-5af1c03b", "word-5af1c03b"]


@pytest.mark.parametrize("source", [None, [], "headers", {}, {"headers": []}, {"headers": {"a": 5}}])
def test_a_workload_identity_without_headers_is_left_to_the_sdk(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "google.json").write_text(json.dumps({"type": "external_account", "credential_source": source}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "google.json"))
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    assert VertexAI.credentials() == []


def test_credentials_in_a_pipe_are_left_to_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from `<(command)` in a shell: they can be read only once."""
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "pipe"))
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    assert VertexAI.credentials() == []


def test_a_user_without_a_home_has_no_default_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with a user id of its own."""
    for name in ("HOME", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    assert VertexAI.credentials() == []


PROFILES = """[profile mine]
aws_access_key_id = AKIA5af1c03b
role_arn = arn:aws:iam::1:role/shown
source_profile = source
web_identity_token_file = web-token
sso_start_url = https://start
[profile source]
AWS_SECRET_ACCESS_KEY=secret-1/+=
aws_session_token : session-1
source_profile = source
login_session = arn:login
[profile other]
aws_session_token = of a profile that is not in use
"""
SSO = {"accessToken": "sso-1", "clientSecret": "client-1", "region": "shown", "refreshToken": "refresh-1"}
LOGIN = {"accessToken": {"accessKeyId": "ASIA77de0a91", "secretAccessKey": "secret-2", "sessionToken": "session-2"}}


def test_what_is_in_awss_files_is_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In those of the profile in use: each secret costs time where one is looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_CONFIG_FILE", "AWS_LOGIN_CACHE_DIRECTORY", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "container-token")
    assert list(filter(None, aws_files.secrets())) == []
    for folder in (".aws/sso/cache", ".aws/login/cache"):
        Path(folder).mkdir(parents=True)
        Path(folder, "other.json").write_text('{"accessToken": "of a session that is not in use"}')
    Path(".aws/config").write_text(PROFILES)
    Path(f".aws/sso/cache/{sha1(b'https://start').hexdigest()}.json").write_text(json.dumps(SSO))
    Path(f".aws/login/cache/{sha256(b'arn:login').hexdigest()}.json").write_text(json.dumps(LOGIN, indent=1))
    Path("web-token").write_text("web-1\n")
    Path("container-token").write_text("container-1")
    assert set(filter(None, aws_files.secrets())) == {
        "AKIA5af1c03b", "secret-1/+=", "session-1", "web-1", "sso-1", "client-1", "refresh-1", "ASIA77de0a91",
        "secret-2", "session-2", "container-1",
    }  # fmt: skip


SERVERS = """
[default]
endpoint_url = https://me:word-1@aws?bare-1
services = of mine
region = us-east-1
[services of mine]
sts =
  endpoint_url = https://me:word-4@sts
[services of others]
sts =
  endpoint_url = https://me:word-5@sts
"""


def test_what_is_in_the_addresses_of_servers_for_credentials_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SDKs repeat an address at which nobody answers."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1/x?code=query-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://me:pass%2F1@sts")
    (tmp_path / "config").write_text(SERVERS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    found = {"query-1", "pass%2F1", "pass/1", "word-1", "bare-1", "word-4"}
    assert set(filter(None, aws_files.secrets())) == found
    source = {"url": "http://me:word-2@x/?code=query-2", "headers": {"a": "header-2"}}
    workload = {"token_url": "https://sts?key=query-3", "audience": "//a", "credential_source": source}
    (tmp_path / "credentials.json").write_text(json.dumps(workload))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
    monkeypatch.setenv("NETRC", os.devnull)
    assert set(google_files.secrets()) == {"word-2", "query-2", "query-3", "header-2"}


def test_awss_files_that_cant_be_read_are_left_to_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "config").write_text("aws_session_token = in no profile")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "pipe"))
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert set(aws_files.secrets()) <= {""}


def test_what_a_run_adds_itself_is_secret() -> None:
    extra = {"metadata": {"api_key": "key-of-the-body", "user": "me"}}
    settings = settings_of("openai", "http://x", headers=(("a", "b"),), host_query="t=query&bare", extra_body=extra)
    found = keys.secrets_of(settings, OpenAI)
    assert set(found) == {"test-key-123", "b", "t=query&bare", "query", "bare", "key-of-the-body"}


def test_a_token_that_an_sdk_fetched_becomes_known_when_it_is_sent() -> None:
    class Nowhere:
        def send(self, request: Request) -> Reply:
            raise ConnectionError(secrets.redact(str(request.headers)))

    secrets = Secrets()
    request = Request("POST", "http", "x", 80, "/", [("authorization", "Bearer ya29.5af1c03b")], b"")
    with pytest.raises(ConnectionError, match=r"\*\*\*") as failed:
        WithTokensLearnt(Nowhere(), secrets).send(request)
    assert "5af1c03b" not in str(failed.value)


def test_aws_credentials_that_are_renewed_become_known_when_they_are_sent() -> None:
    class Nowhere:
        def send(self, request: Request) -> Reply:
            raise ConnectionError

    secrets = Secrets()
    signature = "AWS4-HMAC-SHA256 Credential=ASIA5af1c03b/20261126/us-east-1/bedrock/aws4_request, Signature=77de0a91"
    headers = [("Authorization", signature), ("X-Amz-Security-Token", "IQoJ-5af1c03b")]
    with pytest.raises(ConnectionError):
        WithTokensLearnt(Nowhere(), secrets).send(Request("POST", "http", "x", 80, "/", headers, b""))
    assert secrets.redact("ASIA5af1c03b and IQoJ-5af1c03b in us-east-1") == "*** and *** in us-east-1"


def test_what_aws_exchanges_for_credentials_becomes_known_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that was renewed and a token that was replaced in its file are in nothing that was read at the start."""
    monkeypatch.setattr(aws_tokens, "listeners", {(found := list[str]()).append})
    session = boto3.Session("ASIA-signer", "secret", "session-1", region_name="x")
    aws_tokens.listen_in(session.events)
    nowhere = f"http://127.0.0.1:{free_port()}"
    once = Config(retries={"total_max_attempts": 1})

    def send(service: str, operation: str, **given: str) -> list[str]:
        found.clear()
        with pytest.raises(EndpointConnectionError):
            getattr(session.client(service, endpoint_url=nowhere, config=once), operation)(**given)
        return sorted(found)

    role = {"RoleArn": "arn:aws:iam::1:role/shown", "RoleSessionName": "shown"}
    renewed = {"clientId": "client-1", "clientSecret": "client-2", "refreshToken": "refresh-2"}
    assert send("sts", "assume_role", **role) == ["ASIA-signer", "session-1"]
    assert send("sts", "assume_role_with_web_identity", **role, WebIdentityToken="web/2") == ["web/2"]
    assert send("sso-oidc", "create_token", **renewed, grantType="shown") == sorted(renewed.values())
    asked = {"roleName": "shown", "accountId": "1", "accessToken": "access-2"}
    assert send("sso", "get_role_credentials", **asked) == ["access-2"]


def test_what_a_container_and_a_machine_are_sent_becomes_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container's token is read from its file each time, and the machine's comes from the machine itself."""

    def serve(peer: Peer) -> None:
        while received := peer.request():
            peer.send(answer(b"machine-2") if received.method == "PUT" else answer(b"no", status="400 Bad Request"))

    monkeypatch.setattr(aws_tokens, "listeners", {(found := list[str]()).append})
    aws_tokens.listen_to_the_machine()
    (tmp_path / "token").write_text("container-2")
    with serving(serve) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        assert boto3.Session().get_credentials() is None
        assert set(found) == {"machine-2"}
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        with pytest.raises(CredentialRetrievalError):
            boto3.Session().get_credentials()
    assert set(found) == {"machine-2", "container-2"}


def test_what_google_exchanges_for_credentials_becomes_known_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workload identity's token comes from a server, is exchanged for a second, and that for an account's."""

    def echo(peer: Peer) -> None:
        while received := peer.request():
            said = " ".join([*received.all("authorization"), unquote(received.body.decode())])
            fetched = {"access_token": "second/5af1c03b", "issued_token_type": "a", "token_type": "b", "expires_in": 9}
            served = {"GET": b"first/5af1c03b", "/exchange": json.dumps(fetched).encode()}
            body = served.get(received.target) or served.get(received.method)
            peer.send(answer(body) if body else answer(said.encode(), status="400 Bad Request"))

    monkeypatch.setattr(google_tokens, "listeners", {(secrets := Secrets()).add})
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "l")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "google.json"))
    with serving(echo) as server:
        written = {
            "type": "external_account", "audience": "//a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server.url}/exchange", "credential_source": {"url": server.url},
            "service_account_impersonation_url": f"{server.url}/serviceAccounts/a@b:generateAccessToken",
        }  # fmt: skip
        (tmp_path / "google.json").write_text(json.dumps(written))
        client = VertexAI.connect(settings_of("vertex-ai", server.url, api_key=None), NetworkWire())
        with pytest.raises(RefreshError, match="second/5af1c03b") as refused:
            client.models.generate_content(model="m", contents="Hi")
    assert '*** {"delegates"' in secrets.redact(str(refused.value))
    assert "5af1c03b" not in secrets.redact(f"{refused.value} first/5af1c03b")


def test_what_a_workload_identity_of_aws_signs_with_becomes_known_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The token that is exchanged is a signed request, of which a token server can repeat any part."""
    monkeypatch.setattr(google_tokens, "listeners", {(secrets := Secrets()).add})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA5af1c03b")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "IQoJ/5af1c03b+77de0a91==")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    google_tokens.listen_in()
    refused = answer(b"{}", status="400 Bad Request")
    with serving(answering(refused)) as server:
        credentials = AwsCredentials(  # type: ignore[no-untyped-call]
            audience="//a", subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
            token_url=f"{server.url}/exchange", credential_source={
                "environment_id": "aws1", "regional_cred_verification_url": "https://sts.{region}.amazonaws.com",
            },
        )  # fmt: skip
        with pytest.raises(OAuthError):
            credentials.refresh(google_requests.Request())  # type: ignore[no-untyped-call]
    assert secrets.redact("ASIA5af1c03b and IQoJ/5af1c03b+77de0a91== in us-east-1") == "*** and *** in us-east-1"


def test_a_machines_token_becomes_known_although_googles_sdk_sends_it_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(peer: Peer) -> None:
        while received := peer.request():
            said = " ".join(received.all("x-aws-ec2-metadata-token")).encode()
            peer.send(answer(b"machine-5af1c03b") if received.method == "PUT" else answer(said, status="400 No"))

    monkeypatch.setattr(google_tokens, "listeners", {(secrets := Secrets()).learn})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    google_tokens.listen_in()
    with serving(serve) as server:
        credentials = AwsCredentials(  # type: ignore[no-untyped-call]
            audience="//a", subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
            token_url=server.url, credential_source={
                "environment_id": "aws1", "regional_cred_verification_url": "https://sts.{region}.amazonaws.com",
                "url": server.url, "region_url": server.url, "imdsv2_session_token_url": server.url,
            },
        )  # fmt: skip
        with pytest.raises(RefreshError, match="machine-5af1c03b") as refused:
            credentials.refresh(google_requests.Request())  # type: ignore[no-untyped-call]
    assert "5af1c03b" not in secrets.redact(str(refused.value))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_token_that_was_fetched_is_masked_to_its_end(encoding: str) -> None:
    token = "".join(f"5af1c03b/{number}+" for number in range(1000)) + "=="
    (secrets := Secrets()).learn(token)
    assert len(secrets.redact(ENCODINGS[encoding](token))) < 50


def test_a_token_server_can_send_a_token_of_any_characters_and_length() -> None:
    """A pattern of all of it took minutes and gigabytes, in the middle of a run."""
    (secrets := Secrets()).learn(500_000 * '."')
    assert secrets.redact(500 * '."' + '" end') == '***" end'


def test_of_what_is_fetched_only_the_latest_is_searched_for() -> None:
    """Some SDKs fetch credentials for each call: with all of them, each line of the log would take longer."""
    (secrets := Secrets()).add("given-5af1c03b")
    tokens = [f"{number}-fetched-token" for number in range(MOST_LEARNT + 1)]
    for token in tokens:
        secrets.learn(token)
    assert secrets.redact(f"{tokens[0]} {tokens[1]} {tokens[-1]} given-5af1c03b") == f"{tokens[0]} *** *** ***"
    secrets.learn(tokens[0])
    assert secrets.redact(tokens[0]) == "***"


def test_what_token_servers_send_is_masked_where_an_sdk_repeats_what_it_cant_read() -> None:
    """A time with a fraction is one that Google's SDK can't read."""
    body = json.dumps({"accessToken": "ya29.5af1c03b-77de0a91", "expireTime": "2030-01-01T00:00:00.123Z"})
    with serving(answering(answer(body.encode()))) as server, pytest.raises(RefreshError) as refused:
        _make_iam_token_request(GoogleRequest(), "a", {}, {}, iam_endpoint_override=server.url)  # type: ignore[no-untyped-call]
    assert "ya29.5af1c03b-77de0a91" in str(refused.value)
    assert "5af1c03b" not in (shown := Secrets().redact(str(refused.value)))
    assert '"accessToken": "***", "expireTime": "2030' in shown

    keys = "<AccessKeyId>ASIA5af1c03b77de0a91</AccessKeyId>\n<SecretAccessKey>5af1c03b/77+de0a91</SecretAccessKey>"
    cut = f"<a><b><Credentials>{keys}<SessionToken>\nIQoJ-5af1c03b77de0a91</SessionToken></Cred"
    session = boto3.Session("ASIA-signer", "secret", region_name="x")
    with serving(answering(answer(cut.encode()))) as server, pytest.raises(ResponseParserError) as failed:
        session.client("sts", endpoint_url=server.url).get_caller_identity()
    assert "5af1c03b/77+de0a91" in str(failed.value)
    assert "5af1c03b" not in (shown := Secrets().redact(str(failed.value)))
    assert "<SecretAccessKey>***</SecretAccessKey>" in shown

    body = json.dumps({"SecretAccessKey": "5af1c03b/77+de0a91", "Token": "IQoJ/5af1c03b77de0a91=="})
    ask = ContainerMetadataFetcher(sleep=lambda _: None).retrieve_full_uri
    with (
        serving(answering(answer(body.encode(), status="203 From a proxy"))) as server,
        pytest.raises(MetadataRetrievalError) as unread,
    ):
        ask(server.url)
    assert "IQoJ/5af1c03b77de0a91" in str(unread.value)
    assert '{"SecretAccessKey": "***", "Token": "***"}' in Secrets().redact(str(unread.value))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_fetched_token_is_masked_by_its_name_in_every_encoding(encoding: str) -> None:
    said = "{'access_token': '1//5af1c03b+77de0a91', 'refresh_token': '1//5af1c03b~77de0a91=', 'expires_in': 3599}"
    shown = Secrets().redact(ENCODINGS[encoding](said))
    assert "5af1c03b" not in unquote(shown)
    assert b"5af1c03b".hex() not in shown


@pytest.mark.parametrize("run", ["access_token", 'access_token"', 'access_token="', "access_token = ", "idToken='a\\"])
def test_what_looks_like_many_tokens_is_searched_quickly(run: str) -> None:
    began_s = process_time()
    Secrets().redact(50_000 // len(run) * run)
    assert process_time() - began_s < 5


def test_an_exception_that_ends_a_user_is_redacted_before_locust_keeps_or_sends_it() -> None:
    environment = Environment()
    runner = environment.create_local_runner()
    secrets = Secrets()
    secrets.add("hush-5af1c03b")
    user_errors.redact(environment, secrets)
    environment.events.user_error.fire(user_instance=None, exception=ValueError("no hush-5af1c03b", 5), tb=None)
    assert [row["msg"] for row in runner.exceptions.values()] == ["('no ***', 5)"]


def test_no_control_character_reaches_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("seeds").addHandler(handler)
    Secrets().guard_logs()
    logging.getLogger("seeds").warning("%s:1: two\nlines", "a\x1b[31m\r.txt")
    logging.getLogger("seeds").removeHandler(handler)
    assert capsys.readouterr().err == "a\ufffd[31m .txt:1: two\nlines\n"


def test_a_traceback_in_a_log_is_redacted() -> None:
    secrets = Secrets()
    secrets.add("hush-5af1c03b")
    handler = logging.StreamHandler()
    logging.getLogger("masking").addHandler(handler)
    secrets.guard_logs()
    try:
        raise ValueError("hush-5af1c03b")
    except ValueError:
        record = logging.LogRecord("masking", logging.ERROR, "", 1, "%s", ("hush-5af1c03b",), sys.exc_info())
    assert handler.formatter is not None
    shown = handler.formatter.format(record)
    assert "5af1c03b" not in shown
    assert "Traceback" in shown
