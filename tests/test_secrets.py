"""A key and a header's value are seen by the host that they are for, and nowhere else."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from gevent.pywsgi import WSGIServer

from tests.command_line import Running, free_port, rows_in, started

KEY, HEADER = "marker-key-5af1c03b", "marker-header-77de0a91"
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
    "--json-file",
    "j",
]


class Echo:
    """A host that answers each request with a 401 whose body shows the request's headers, as careless gateways do."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.server = WSGIServer(("127.0.0.1", 0), self._answer, log=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def _answer(self, request: dict[str, Any], begin: Any) -> list[bytes]:
        headers = {name: value for name, value in request.items() if name.startswith("HTTP_")}
        self.seen.append(json.dumps(headers))
        begin(
            "401 Unauthorized",
            [("Content-Type", "application/json"), ("X-Echo", headers.get("HTTP_AUTHORIZATION", ""))],
        )
        message = f"not allowed: {headers}"
        return [json.dumps({"error": {"message": message, "code": "no"}, "message": message}).encode()]


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    echo.server.start()
    yield echo
    echo.server.stop()


def _are_in_no_file(folder: Path) -> None:
    """Check everything that was written, what the process printed included."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"stdout", "stderr"} <= {path.name for path in files}
    assert [path for path in files if _are_in(path.read_bytes())] == []


def _are_in(data: bytes) -> bool:
    return any(secret.encode() in data for secret in (KEY, HEADER))


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
    "by AWS's variables": (
        ["-p", "aws-bedrock", "-m", "anthropic.claude-v2", "--header", f"X-Gateway: {HEADER}"],
        {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "test-key-123", "AWS_SESSION_TOKEN": KEY},
    ),
}


@pytest.mark.parametrize("given", GIVEN)
def test_an_error_that_echoes_the_secrets_shows_them_nowhere(given: str, echo: Echo, tmp_path: Path) -> None:
    arguments, environment = GIVEN[given]
    if "--config" in arguments:
        (tmp_path / "headers.conf").write_text(f"provider = openai\nheader = X-Gateway: Token {HEADER}\n")
    with started(tmp_path, [*arguments, *LOUD, *TEN_CALLS, "-H", echo.url], **environment) as running:
        done = running.wait()
    (tmp_path / "headers.conf").unlink(missing_ok=True)
    assert done.code == 0, done.stderr
    assert all(KEY in headers and HEADER in headers for headers in echo.seen)
    assert len(echo.seen) == len(rows_in(tmp_path)) == 10
    assert all("***" in row["error"] for row in rows_in(tmp_path))
    _are_in_no_file(tmp_path)


@contextmanager
def _web_ui(folder: Path, host: str) -> Iterator[tuple[Running, str]]:
    port = free_port()
    arguments = ["--web-port", str(port), "--web-host", "127.0.0.1", "-H", host, "--csv", "run", *LOUD]
    with started(folder, [*arguments, "-k", KEY, "--header", f"X-Gateway: {HEADER}"]) as running:
        running.until(lambda: _is_up(port))
        yield running, f"http://127.0.0.1:{port}"


def _is_up(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


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
