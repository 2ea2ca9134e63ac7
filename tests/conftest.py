"""What every test has: Locust imported before anything with sockets, a scrubbed environment, a mock to call."""

import locust.log  # noqa: I001  # patches gevent in; an SDK imported before it recurses in ssl

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.certificates import make_certificate
from tests.mock_server import MockServer, serving

SCRUBBED = (
    "LLM_",
    "LOCUST_",
    "OPENAI_",
    "ANTHROPIC_",
    "AZURE_",
    "GOOGLE_",
    "DEEPSEEK_",
    "AWS_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "MAKE",
)

settings.register_profile("on any machine", deadline=None, max_examples=40)
settings.load_profile("on any machine")


@pytest.fixture(scope="session", autouse=True)
def hearing_hang_ups() -> None:
    """Start processes that hear SIGHUP, also where the tests run under nohup, whose children would ignore it."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust a single certificate: google-genai loads all the system's certificates three times per client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path_factory.mktemp("authority")).path))
        yield


@pytest.fixture(autouse=True)
def nothing_unhandled() -> Iterator[None]:
    """Fail a test in which a listener or a greenlet fails: Locust remembers that, and a later run would end with 70."""
    locust.log.unhandled_greenlet_exception = False
    yield
    assert not locust.log.unhandled_greenlet_exception


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's keys, proxies and options out of tests, and keep tests from calling a cloud's metadata
    server."""
    for name in os.environ:
        if name.upper().startswith(SCRUBBED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture(scope="session")
def shared_mock_server() -> Iterator[MockServer]:
    with serving("--latency", "0") as server:
        yield server


@pytest.fixture
def mock_server(shared_mock_server: MockServer) -> MockServer:
    """`python -m mock` without delays, its counts at zero."""
    shared_mock_server.reset()
    return shared_mock_server


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the test, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
