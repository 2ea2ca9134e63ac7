"""A key given on the page goes only to the host it was given for; no address shows the secrets in it."""

import sys
from typing import Any

import pytest

from harness.errors import UsageError
from harness.plan.addresses import HostQuery, check, check_query, origin, query_for, split_query
from harness.watch.key_hosts import KeyHosts
from mock.service import Service
from mock.timing import Pace
from providers.anthropic import Anthropic
from providers.openai import OpenAI
from tests.asking import settings_of
from tests.command_line import FILES, free_port
from tests.harness.test_web_guard import UI, page
from tests.raw_server import mocking, serving
from tests.running import harnessed

FORM = {"user_count": "1", "spawn_rate": "1", "iterations": "1"}
MODELS = {"openai": "gpt-4o", "anthropic": "claude-3-opus-20240229", "aws-bedrock": "anthropic.claude-v2"}
PORT = free_port()
GIVEN = f"http://127.0.0.1:{PORT}"
ELSEWHERE = f"http://127.0.0.1:{free_port()}"
NAMED_PORT = ("--web-allow-host", ELSEWHERE.removeprefix("http://"))
MAY_GO, IS_REFUSED = "can't be reached", "--web-allow-host 127.0.0.1"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.setenv(name, f"marker-of-{name}")


def started(client: Any, provider: str, host: str | None, **fields: str) -> str:
    """Start a run from the form; return why it can't start."""
    form = {**FORM, "provider": provider, "model": MODELS[provider], **({"host": host} if host else {}), **fields}
    answer = client.post("/swarm", data=form, headers={"Host": UI}).json
    assert answer["success"] is False
    assert "marker" not in answer["message"]
    return str(answer["message"])


OPENAI = ("-p", "openai", "-m", "gpt-4o")
CASES: dict[str, tuple[tuple[str, ...], str, str | None, str]] = {
    "the given host": (("-H", GIVEN), "openai", GIVEN, MAY_GO),
    "the given host's other path": (("-H", f"{GIVEN}/v1"), "openai", GIVEN, MAY_GO),
    "the host of the command line": (("-H", GIVEN), "openai", None, MAY_GO),
    "any provider of a host for which none is named": (("-H", GIVEN), "anthropic", GIVEN, MAY_GO),
    "another port": (("-H", GIVEN), "openai", ELSEWHERE, IS_REFUSED),
    "another name of it": (
        ("-H", GIVEN),
        "openai",
        GIVEN.replace("127.0.0.1", "localhost"),
        "--web-allow-host localhost",
    ),
    "another scheme": (("-H", GIVEN), "openai", GIVEN.replace("http:", "https:"), IS_REFUSED),
    "no host but the default": ((), "openai", GIVEN, IS_REFUSED),
    "a given key, elsewhere": (("-H", GIVEN, *OPENAI, "-k", "marker-given"), "openai", ELSEWHERE, IS_REFUSED),
    "a given key, for another provider": (("-H", GIVEN, *OPENAI, "-k", "marker-given"), "anthropic", GIVEN, MAY_GO),
    "another provider's key": (("-H", GIVEN, *OPENAI), "anthropic", GIVEN, IS_REFUSED),
    "another provider's token": (("-H", GIVEN, *OPENAI), "aws-bedrock", GIVEN, IS_REFUSED),
    "the named provider's key": (("-H", GIVEN, *OPENAI), "openai", GIVEN, MAY_GO),
    "after a mock": (("-H", GIVEN, "--mock"), "anthropic", GIVEN, MAY_GO),
    "a host that is named": (("-H", GIVEN, "--web-allow-host", "127.0.0.1"), "anthropic", ELSEWHERE, MAY_GO),
    "any host": (("-H", GIVEN, *OPENAI, "--web-allow-host", "*"), "anthropic", ELSEWHERE, MAY_GO),
    "a named port": (NAMED_PORT, "openai", ELSEWHERE, MAY_GO),
    "a named address": (("--web-allow-host", f"{ELSEWHERE}/v1"), "openai", ELSEWHERE, MAY_GO),
    "another port than the named": (
        ("--web-allow-host", ELSEWHERE.removeprefix("http://")),
        "openai",
        GIVEN,
        IS_REFUSED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_key_goes_to_the_host_that_it_was_given_for(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, provider, host, reason = CASES[case]
    assert reason in started(page(monkeypatch, *arguments), provider, host, mock="false")


def test_a_host_that_is_refused_is_not_even_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mocking(Service(Pace(0)))) as server:
        assert IS_REFUSED in started(page(monkeypatch, "-H", GIVEN), "openai", server.url)
        assert server.connections == 0


def test_the_mock_sends_nothing_so_any_host_is_fine() -> None:
    given = KeyHosts("http://localhost:8000", OpenAI, "", [])
    assert given.refusal(settings_of("anthropic", "http://evil.example", mock=True), Anthropic) is None


OF_OPENAI, OF_ANTHROPIC = {"OPENAI_ORG_ID": "marker-org"}, {"ANTHROPIC_CUSTOM_HEADERS": "X-Gateway: marker-gateway"}
HEADERS: dict[str, tuple[tuple[str, ...], str, dict[str, str], str]] = {
    "another provider's headers": (OPENAI, "anthropic", OF_ANTHROPIC, "anthropic's ANTHROPIC_CUSTOM_HEADERS from the"),
    "another provider's organisation": (
        ("-p", "anthropic"),
        "openai",
        OF_OPENAI,
        "openai's OPENAI_ORG_ID from the",
    ),
    "the named provider's headers": (("-p", "anthropic"), "anthropic", OF_ANTHROPIC, MAY_GO),
    "headers that both providers have": (("-p", "deepseek"), "openai", OF_OPENAI, MAY_GO),
    "headers of a host for which no provider is named": ((), "anthropic", OF_ANTHROPIC, MAY_GO),
    "signing keys that the given key replaces": (OPENAI, "aws-bedrock", {"AWS_SESSION_TOKEN": "marker-token"}, MAY_GO),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_from_the_environment_go_where_their_providers_key_goes(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, provider, environment, reason = HEADERS[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = page(monkeypatch, "-H", GIVEN, "-k", "marker-given", *arguments)
    assert reason in started(client, provider, GIVEN, mock="false")


def test_default_ports_and_capitals_do_not_change_the_host() -> None:
    given = KeyHosts("https://API.openai.com/v1", None, "", ["proxy.example"])
    for host in ("https://api.openai.com:443", "https://api.OPENAI.com", "http://Proxy.Example:9000"):
        assert given.refusal(settings_of("openai", host), OpenAI) is None
    for host in ("http://api.openai.com", "https://api.openai.com.evil.example", "https://proxy.example.evil"):
        assert given.refusal(settings_of("openai", host), OpenAI) is not None
    assert origin("https://[2001:db8::1]/v1") == "https://[2001:db8::1]:443"


SECRET_ADDRESSES = {
    "a user": "http://marker:pw@localhost",
    "a password": "http://user:marker@localhost:8000",
    "a password, and no scheme": "user:marker@localhost",
    "a password, and another scheme": "ftp://user:marker@localhost",
    "a password, and no port": "http://user:marker@localhost:port",
    "a password with a slash": "http://user:mar/marker@localhost",
    "a fragment": "http://localhost:8000/#marker",
    "a fragment in a query": "http://localhost:8000/?a=1#marker",
    "a query with a space": "http://localhost:8000/?token=marker a",
}


@pytest.mark.parametrize("address", SECRET_ADDRESSES.values(), ids=list(SECRET_ADDRESSES))
@pytest.mark.parametrize("arguments", [["--headless", *OPENAI], []], ids=["headless", "page"])
def test_an_address_that_is_refused_is_not_repeated(
    address: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "argv", ["locust"])
    with pytest.raises(SystemExit) as left:
        harnessed([*FILES, *arguments, "-H", address])
    assert left.value.code == 2
    assert "marker" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("host", ["localhost", "http://", "ftp://localhost", "http://a b", "http://a\\b", "http://a:0"])
def test_an_address_that_holds_nothing_secret_is_repeated(host: str) -> None:
    with pytest.raises(UsageError, match="must look like http://localhost:8000/v1, not"):
        check(host)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/completions/", "http://localhost:8000/v1"),
        ("http://localhost:8000/proxy/responses", "http://localhost:8000/proxy"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com"),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions", "https://x.openai.azure.com"),
    ],
)
@pytest.mark.parametrize("option", ["--host", "--against"])
def test_the_address_of_one_api_is_refused_with_its_base(host: str, base: str, option: str) -> None:
    with pytest.raises(UsageError) as refused:
        check(host, option)
    assert str(refused.value).startswith(f"{option} must be the base address")
    assert str(refused.value).endswith(f"did you mean {base}?")
    assert check(base, option) == base
    assert check(f"{host}/more", option)


def test_a_path_for_the_baselines_address_is_told_of_the_other_options() -> None:
    with pytest.raises(UsageError, match=r"--baseline PATH, or by report.py NEW --against PATH"):
        check("results/old", "--against")
    with pytest.raises(UsageError) as refused:
        check("localhost:8000", "--against")
    assert "--baseline" not in str(refused.value)


def test_a_query_belongs_to_the_host_that_it_came_with() -> None:
    given = split_query("http://localhost:8000/v1?token=a?b")
    assert given == HostQuery("http://localhost:8000/v1", "token=a?b")
    assert (query_for(given.host, given), query_for("http://localhost:9000/v1", given)) == ("token=a?b", "")
    check_query(given.query)


def test_no_page_shows_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "-H", f"{GIVEN}?token=hush-1234")
    shown = [client.get(path, headers={"Host": UI}).text for path in ("/", "/stats/report", "/logs")]
    assert all(GIVEN in text for text in shown[:2])
    assert "hush" not in "".join([*shown, started(client, "openai", GIVEN)])
    assert "on the command line" in started(client, "openai", f"{GIVEN}?token=x")


def test_a_key_too_short_to_be_masked_works_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with serving(mocking(Service(Pace(0)))) as server:
        pairs = ["--against", server.url, "--against-api-key", "none"]
        _, harness = harnessed([*FILES, "--headless", *OPENAI, "-H", server.url, "-k", "none", *pairs])
        assert "fewer than 6 characters: too short to be masked" in caplog.text
        _, harness = harnessed([*FILES, "--headless", *OPENAI, "-H", server.url, "-k", "longer"])
    assert harness.runs is not None
    assert harness.runs.plan is not None
    assert caplog.text.count("fewer than 6 characters") == 1
