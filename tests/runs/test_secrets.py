"""A key and a header's value are seen by the host that they are for, and nowhere else."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode
from urllib.request import urlopen

import pytest
from gevent.pywsgi import WSGIServer

from tests.command_line import Running, free_port, rows_in, started

KEY, HEADER = 'sk/5af1c03b+"&marker-key', "marker-header-77de0a91"
MARKS = ("marker-key", "5af1c03b", HEADER, "77de0a91", "marker-proxy", "marker-custom", "marker-project")
LOUD = ["-L", "DEBUG", "-j"]
TEN_CALLS = [
    "--headless",
    "-u",
    "2",
    "-r",
    "2",
    "-i",
    "10",
    "--csv",
    "run",
    "--html",
    "report.html",
    "--html-report",
    "charts.html",
    "--json-file",
    "j",
]


def _written(text: str) -> dict[str, str]:
    """The text in every way that a server can write it."""
    return {
        "raw": text, "json": json.dumps(text), "json twice": json.dumps(json.dumps(text)), "url": quote(text, ""),
        "url twice": quote(quote(text, ""), ""), "form": quote_plus(text), "html": escape(text), "python": repr(text),
        "base64": b64encode(text.encode()).decode(), "base64 for urls": urlsafe_b64encode(text.encode()).decode(),
        "hex": text.encode().hex(), "cut": text[:30],
    }  # fmt: skip


class Echo:
    """A host that shows each request's headers in its answer, as careless gateways do, in every way that it can: in a
    401, or in an answer below `/ok`."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.server = WSGIServer(("127.0.0.1", 0), self._answer, log=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def _answer(self, request: dict[str, Any], begin: Any) -> list[bytes]:
        headers = {name: value for name, value in request.items() if name.startswith("HTTP_")}
        self.seen.append(json.dumps(headers))
        secrets_first = sorted(headers.values(), key=lambda value: "marker" not in value)
        said = json.dumps([_written(value) for value in secrets_first])
        is_ok = "/ok/" in request["PATH_INFO"]
        echoed = ("X-Echo", headers.get("HTTP_AUTHORIZATION", ""))
        begin("200 OK" if is_ok else "401 Unauthorized", [("Content-Type", "application/json"), echoed])
        error = {"error": {"message": f"not allowed: {said}", "code": "no"}, "message": said}
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": said}
        return [json.dumps({"model": said, "choices": [choice]} if is_ok else error).encode()]


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    echo.server.start()
    yield echo
    echo.server.stop()


def _are_in_no_file(folder: Path) -> None:
    """Check everything that was written, including what the process printed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"stdout", "stderr"} <= {path.name for path in files}
    assert [path for path in files if _are_in(path.read_bytes())] == []


def _are_in(data: bytes) -> bool:
    return any(form in data for mark in MARKS for form in _forms(mark.encode()))


def _forms(mark: bytes) -> list[bytes]:
    """Return what gives a text away: the text, its hexadecimal form, and its base64 at every offset."""
    in_base64 = [b64encode(b"xyz"[:shift] + mark)[4:-4] for shift in range(3)]
    return [mark, mark.hex().encode(), *(form for form in in_base64 if len(form) >= 8)]


GIVEN: dict[str, tuple[list[str], dict[str, str]]] = {
    "by options": (
        ["-p", "openai", "-m", "gpt-4o", "-k", KEY, "--header", f"X-Gateway: Token {HEADER}"],
        {},
    ),
    "by LLM_API_KEY and a config file": (["--config", "headers.conf", "-m", "gpt-4o"], {"LLM_API_KEY": KEY}),
    "by the provider's variable": (
        ["-p", "azure-openai", "-m", "gpt-4o", "--header", f"Authorization: Bearer {HEADER}"],
        {"AZURE_OPENAI_API_KEY": KEY},
    ),
    "to two workers": (
        ["-p", "anthropic", "-m", "claude-3-opus-20240229", "--header", f"X-Gateway: {HEADER}", "--processes", "2"],
        {"ANTHROPIC_API_KEY": KEY},
    ),
    "by AWS's variables": (
        ["-p", "aws-bedrock", "-m", "anthropic.claude-v2", "--header", f"X-Gateway: {HEADER}"],
        {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "test-key-123", "AWS_SESSION_TOKEN": KEY},
    ),
    "by Bedrock's bearer variable": (
        ["-p", "aws-bedrock", "-m", "anthropic.claude-v2", "--header", f"X-Gateway: {HEADER}"],
        {"AWS_BEARER_TOKEN_BEDROCK": KEY},
    ),
    "by the SDK's own variables": (
        ["-p", "openai", "-m", "gpt-4o", "--header", f"X-Gateway: {HEADER}"],
        {
            "OPENAI_API_KEY": KEY,
            "OPENAI_CUSTOM_HEADERS": "X-First: one\nX-Second: Token marker-custom",
            "OPENAI_PROJECT_ID": "marker-project",
        },
    ),
}


@pytest.mark.parametrize("given", GIVEN)
def test_an_error_that_echoes_the_secrets_shows_them_nowhere(given: str, echo: Echo, tmp_path: Path) -> None:
    arguments, environment = GIVEN[given]
    if "--config" in arguments:
        (tmp_path / "headers.conf").write_text(f"provider = openai\nheader = X-Gateway: Token {HEADER}\n")
    environment = {"HTTP_PROXY": f"http://someone:marker-proxy%20%2F@{echo.url[7:]}", "NO_PROXY": "", **environment}
    with started(tmp_path, [*arguments, *LOUD, *TEN_CALLS, "-H", echo.url], **environment) as running:
        done = running.wait()
    (tmp_path / "headers.conf").unlink(missing_ok=True)
    assert done.code == 0, done.stderr
    assert all(json.dumps(KEY)[1:-1] in headers and HEADER in headers for headers in echo.seen)
    assert all("HTTP_PROXY_AUTHORIZATION" in headers for headers in echo.seen)
    assert len(echo.seen) == len(rows_in(tmp_path)) == 10
    assert all("***" in row["error"] for row in rows_in(tmp_path))
    _are_in_no_file(tmp_path)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_what_an_sdk_logs_without_locusts_logs_shows_no_secret(provider: str, echo: Echo, tmp_path: Path) -> None:
    """Asked by its variable, an SDK makes its own log if it finds none."""
    arguments = ["-p", provider, "-m", "any", "--any-model", "-k", KEY, "--header", f"X-Gateway: {HEADER}"]
    loud = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
    with started(tmp_path, [*arguments, "--skip-log-setup", *TEN_CALLS, "-H", echo.url], **loud) as running:
        done = running.wait()
    assert f"DEBUG:{provider}._base_client:" in done.stderr
    _are_in_no_file(tmp_path)


TOKENS: dict[str, dict[str, str]] = {
    "a container's": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{folder}/token",
    },
    "a role's": {"AWS_PROFILE": "a", "AWS_CONFIG_FILE": "{folder}/profiles", "AWS_ENDPOINT_URL_STS": "{url}"},
    "a command's, for a role": {
        "AWS_PROFILE": "b",
        "AWS_CONFIG_FILE": "{folder}/profiles",
        "AWS_ENDPOINT_URL_STS": "{url}",
    },
}


@pytest.mark.parametrize("of", TOKENS)
def test_a_token_server_that_echoes_what_awss_files_have_shows_it_nowhere(of: str, echo: Echo, tmp_path: Path) -> None:
    folder, files = tmp_path / "run", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    (files / "token").write_text(HEADER)
    keys = f"aws_access_key_id = AKIA\naws_secret_access_key = secret\naws_session_token = {HEADER}\n"
    role = "[profile a]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = a\nregion = x\n"
    of_command = "[profile b]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = c\nregion = x\n"
    command = f"[profile c]\ncredential_process = cat {files / 'said'}\n"
    (files / "profiles").write_text(role + keys + of_command + command)
    said = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "secret", "SessionToken": HEADER}
    (files / "said").write_text(json.dumps(said))
    environment = {name: value.format(url=echo.url, folder=files) for name, value in TOKENS[of].items()}
    arguments = ["--headless", "-p", "aws-bedrock", "-m", "anthropic.claude-v2", "-H", echo.url]
    with started(folder, [*arguments, *LOUD], **environment) as running:
        done = running.wait()
    assert done.code == 2
    assert all(HEADER in headers for headers in echo.seen)
    assert "boto3 can't get the AWS credentials" in done.stderr
    assert "***" in done.stderr
    _are_in_no_file(folder)


def test_an_answer_that_echoes_the_secrets_shows_them_nowhere(echo: Echo, tmp_path: Path) -> None:
    arguments = ["-p", "openai", "-m", "gpt-4o", "-k", KEY, "--header", f"X-Gateway: {HEADER}", "--extra-body"]
    system = ["--system", f"Know {KEY}."]
    extra = {"api_key": HEADER, "note": f"with {KEY}", "limits": [5, None]}
    with started(
        tmp_path, [*arguments, json.dumps(extra), *system, *LOUD, *TEN_CALLS, "-H", f"{echo.url}/ok/v1?token={KEY}"]
    ) as running:
        done = running.wait()
    assert done.code == 0, done.stderr
    assert [row["outcome"] for row in rows_in(tmp_path)] == ["ok"] * 10
    options = json.loads((tmp_path / "run_run.json").read_text())["options"]
    assert options["extra_body"] == {"api_key": "***", "note": "with ***", "limits": [5, None]}
    assert (options["host_query"], options["system"]) == ("***", "Know ***.")
    _are_in_no_file(tmp_path)


@contextmanager
def _web_ui(folder: Path, host: str) -> Iterator[tuple[Running, str]]:
    port = free_port()
    arguments = ["--web-port", str(port), "--web-host", "127.0.0.1", "-H", host, "--csv", "run", *LOUD]
    with started(folder, [*arguments, "-k", KEY, "--header", f"X-Gateway: {HEADER}"]) as running:
        url = f"http://127.0.0.1:{port}"
        running.until(lambda: _is_up(url))
        yield running, url


def _is_up(url: str) -> bool:
    """A connection alone would prove nothing: locust listens for a moment to see whether its port is free."""
    with suppress(OSError), urlopen(url, timeout=30) as answer:
        return bool(answer.read())
    return False


def test_the_web_ui_shows_no_secret(echo: Echo, tmp_path: Path) -> None:
    form = {"provider": "openai", "model": "gpt-4o", "iterations": 5, "user_count": 1, "spawn_rate": 1}
    with _web_ui(tmp_path, echo.url) as (running, url):
        pages = [urlopen(f"{url}/", timeout=30).read()]
        pages.append(urlopen(f"{url}/swarm", urlencode(form).encode(), timeout=30).read())
        running.until(lambda: (tmp_path / "run_summary.json").exists())
        for page in ("", "stats/requests", "stats/failures/csv", "exceptions", "tasks", "logs", "stats/report"):
            pages.append(urlopen(f"{url}/{page}", timeout=30).read())
    assert json.loads(pages[1])["success"]
    assert len(echo.seen) == 5
    assert [page for page in pages if _are_in(page)] == []
    _are_in_no_file(tmp_path)
