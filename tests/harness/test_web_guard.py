"""The web UI answers its own page and clients without a page; requests from other sites' pages are always refused.

The requests are those that Chromium 156 was seen to send from a page of another origin.
"""

import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from flask_login import LoginManager  # type: ignore[import-untyped]  # it has no stubs
from locust.argument_parser import get_empty_argument_parser

from harness.harness import check_login
from tests.command_line import FILES
from tests.running import harnessed

UI = "localhost:8089"
FORM = {"user_count": "1", "spawn_rate": "1", "provider": "openai", "model": "gpt-4o"}
PATHS = [
    "/",
    "/stats/requests",
    "/logs",
    "/exceptions",
    "/exceptions/csv",
    "/stats/report",
    "/tasks",
    "/llm/csv",
    "/llm",
    "/llm/data",
    "/llm/start",
    "/llm/llm.js",
    "/llm/calls.csv",
    "/llm/files/run/requests.csv",
    "/login",
    "/nowhere",
]
POSTS = ["/swarm", "/stop", "/stats/reset", "/user"]


def fetched(site: str, mode: str, **more: str) -> dict[str, str]:
    """The headers that say where a request comes from, and what it is for."""
    return {
        "Sec-Fetch-Site": site,
        "Sec-Fetch-Mode": mode,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


EVIL, REBOUND = "http://127.0.0.1:46699", "evil.example:8089"
FROM_ANOTHER_SITE = {
    "a fetch that may not read": fetched("cross-site", "no-cors", Origin=EVIL),
    "a fetch that wants to read": fetched("cross-site", "cors", Origin=EVIL),
    "a page on another port": fetched("same-site", "cors", Origin="http://localhost:3000"),
    "a form of another page": fetched("cross-site", "navigate", Origin=EVIL, Sec_Fetch_Dest="iframe"),
    "a sandboxed frame": {"Origin": "null"},
    "an image": fetched("cross-site", "no-cors", Sec_Fetch_Dest="image"),
    "a script": fetched("same-site", "no-cors", Sec_Fetch_Dest="script"),
    "a frame": fetched("cross-site", "navigate", Sec_Fetch_Dest="iframe"),
    "an older browser": {"Origin": "https://evil.example"},
    "a name that was rebound": fetched("same-origin", "cors", Host=REBOUND, Origin=f"http://{REBOUND}"),
    "a rebound name, typed": fetched("none", "navigate", Host=REBOUND),
    "another machine's address": {"Host": "203.0.113.7:8089"},
    "no name that can be read": {"Host": "[evil"},
    "a name that is null": {"Host": "null"},
    "a name that begins like ours": {"Host": "localhost.evil.example"},
}
FROM_ITSELF = {
    "curl": {},
    "the page": fetched("same-origin", "cors", Origin=f"http://{UI}"),
    "a typed address": fetched("none", "navigate", Sec_Fetch_Dest="document"),
    "the page by its number": fetched("same-origin", "cors", Host="127.0.0.1:8089", Origin="http://127.0.0.1:8089"),
    "the page over IPv6": fetched("same-origin", "cors", Host="[::1]:8089", Origin="http://[::1]:8089"),
    "the page behind TLS": fetched("same-origin", "cors", Host="localhost", Origin="https://localhost"),
}


def page(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """Return a client of a web UI that was started with these arguments."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "argv", ["locust"])
    environment, _ = harnessed([*FILES, *arguments])
    if "--web-login" in arguments:
        environment.web_ui.app.secret_key = "of the session's cookie"
        environment.web_ui.login_manager.user_loader(lambda name: None)
    return environment.web_ui.app.test_client()


@pytest.fixture(scope="module")
def shared_client() -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return page(monkeypatch, "--mock")


@pytest.fixture
def client(shared_client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that only looks at the page, or is refused: so all tests can share it."""
    monkeypatch.setattr(sys, "argv", ["locust"])  # Locust's form reads them.
    return shared_client


@pytest.mark.parametrize(("arguments", "is_a_choice"), [((), True), (("--any-model",), False)])
def test_the_form_offers_the_models_unless_any_will_do(
    arguments: tuple[str, ...], is_a_choice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    _, ours = harnessed([*FILES, "--mock", *arguments])
    parser = get_empty_argument_parser(default_config_files=[])
    ours.add_arguments(parser)
    [model] = [action for action in parser._actions if action.dest == "model"]
    assert (model.choices is not None) is is_a_choice


@pytest.mark.parametrize("headers", FROM_ANOTHER_SITE.values(), ids=list(FROM_ANOTHER_SITE))
def test_what_another_sites_page_sends_is_refused_on_every_path(headers: dict[str, str], client: Any) -> None:
    sent = {"Host": UI, **headers}
    answers = [client.get(path, headers=sent) for path in PATHS]
    answers += [client.post(path, data=FORM, headers=sent) for path in POSTS]
    answers += [client.options("/user", headers={**sent, "Access-Control-Request-Method": "POST"})]
    bare = client.head("/", headers=sent)
    assert (bare.status_code, bare.data) == (403, b"")
    assert {answer.status_code for answer in answers} == {403}
    assert all(answer.text.count("\n") == 1 and answer.text.startswith("refused: ") for answer in answers)
    assert not any(name.lower().startswith("access-control") for answer in answers for name, _ in answer.headers)


@pytest.mark.parametrize("headers", FROM_ITSELF.values(), ids=list(FROM_ITSELF))
def test_the_page_itself_and_clients_without_a_page_are_answered(headers: dict[str, str], client: Any) -> None:
    for path in ("/", "/stats/requests", "/logs"):
        answer = client.get(path, headers={"Host": UI, **headers})
        assert answer.status_code == 200
        assert not any(name.lower().startswith("access-control") for name, _ in answer.headers)
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_an_exposed_page_accepts_addresses_and_its_given_names(monkeypatch: pytest.MonkeyPatch) -> None:
    exposed = page(monkeypatch, "--mock", "--web-host", "0.0.0.0", "--web-name", "tests.example")
    for host, status in {
        "192.0.2.7:8089": 200,
        "tests.example": 200,
        "TESTS.example.:8089": 200,
        "evil.example:8089": 403,
    }.items():
        assert exposed.get("/", headers={"Host": host}).status_code == status


def test_a_proxy_in_front_may_change_the_host_of_a_page_that_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    named = page(monkeypatch, "--mock", "--web-name", "tests.example", "--web-name", "other.example:8443")
    for origin, status in {
        "https://tests.example": 200,
        "https://other.example:8443": 200,
        "https://tests.example:9": 403,
        "https://sub.tests.example": 403,
    }.items():
        assert named.get("/", headers={"Host": "127.0.0.1:8089", "Origin": origin}).status_code == status


def test_a_query_in_bytes_that_no_browser_sends_is_refused_in_one_line(client: Any) -> None:
    """The WSGI server passes on what came, each byte as a character."""
    for path in PATHS:
        answer = client.get(path, environ_overrides={"QUERY_STRING": "seen=\xff"})
        assert answer.status_code == 403
        assert answer.text.count("\n") == 1


@pytest.mark.parametrize("host", [UI, "tests.example:8443", "tests.example"])
def test_a_redirect_keeps_the_scheme_that_the_browser_uses(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy with TLS, the page would send it to plain HTTP."""
    based = page(monkeypatch, "--mock", "--web-base-path", "/load", "--web-name", "tests.example")
    for asked, given in {"/load": "/load/", "/load//llm?a=b": "/load/llm?a=b"}.items():
        answer = based.get(asked, headers={"Host": host})
        assert (answer.status_code, answer.headers["Location"]) == (308, given)


def test_a_base_path_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    based = page(monkeypatch, "--mock", "--web-base-path", "/load")
    assert based.get("/load/", headers={"Host": UI}).status_code == 200
    assert based.get("/load/", headers={"Host": "evil.example"}).status_code == 403
    assert based.get("/load/llm/csv", headers={"Host": UI}).status_code == 200
    assert '"href": "./llm/csv"' in based.get("/load/", headers={"Host": UI}).text
    hidden = based.post("/load/swarm", data={**FORM, "junit": "x"}, headers={"Host": UI}).json
    assert (hidden["success"], hidden["message"]) == (False, "the form has no field 'junit'")


@pytest.mark.parametrize("path", ["/stats/requests/csv", "/stats/failures/csv", "/stats/report?download=1", "/llm/csv"])
def test_downloads_work_for_a_host_in_any_script(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock", "-H", "http://\u30e2\u30c7\u30eb.example")
    answer = client.get(path, headers={"Host": UI})
    assert answer.status_code == 200
    assert all(value.encode("latin-1") for _, value in answer.headers)


def test_an_unknown_shape_class_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock")
    answer = client.post("/swarm", data={**FORM, "shape_class": "Nothing"}, headers={"Host": UI}).json
    assert (answer["success"], answer["message"]) == (False, "unknown shape class 'Nothing'")


def test_a_change_of_users_starts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock")
    answer = client.post("/swarm?change", data={"user_count": "2", "spawn_rate": "2"}, headers={"Host": UI}).json
    assert (answer["success"], answer["message"]) == (False, "the run has ended: only a new one can have other users")


def test_a_page_with_a_login_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock", "--web-login")
    asked = client.get("/", headers={"Host": UI})
    assert (asked.status_code, asked.headers["Location"].partition("?")[0]) == (302, "/login")
    assert client.get("/login", headers={"Host": UI}).status_code == 200
    for fields in (FORM, {"junit": "x"}):
        assert client.post("/swarm", data=fields, headers={"Host": UI}).status_code == 302


@pytest.mark.parametrize("loader", ["user_loader", "request_loader"])
def test_a_login_that_a_locustfile_sets_up_is_taken(loader: str) -> None:
    page: Any = SimpleNamespace(web_login=True, login_manager=LoginManager())
    with pytest.raises(SystemExit):
        check_login(page)
    getattr(page.login_manager, loader)(lambda given: None)
    check_login(page)


HIDDEN = [
    "results_prefix",
    "csv_prefix",
    "junit",
    "models_file",
    "data_dir",
    "system",
    "plain",
    "logfile",
    "json_file",
    "html_file",
    "html_report",
    "header",
    "api_key",
    "extra_body",
    "host_query",
    "fail_if",
    "fail_fast",
    "baseline",
    "web_allow_host",
    "web_name",
    "headless",
    "num_users",
    "stats_history_enabled",
    "full_history",
    "locustfile",
    "tags",
    "processes",
    "no_such_option",
    "config",
]


@pytest.mark.parametrize("field", HIDDEN)
def test_a_field_that_the_form_does_not_show_is_refused(field: str, client: Any) -> None:
    for value in ("", "x"):
        answer = client.post("/swarm", data={**FORM, field: value}, headers={"Host": UI}).json
        assert (answer["success"], answer["message"]) == (False, f"the form has no field {field!r}")


def test_a_user_class_takes_only_what_its_form_shows(client: Any) -> None:
    settings = {"user_class_name": "OpenAIUser", "ask": "nothing", "session": None}
    answer = client.post("/user", json=settings, headers={"Host": UI})
    assert (answer.status_code, answer.json["message"]) == (400, "the form has no field 'ask', 'session'")


class AsItIs(bytes):
    """A body that is sent as it is."""


BAD_SETTINGS: dict[str, tuple[Any, str]] = {
    "no object": ([1], "must be a JSON object"),
    "no JSON": (None, "must be a JSON object"),
    "JSON without end": (AsItIs(b"[" * 100_000), "must be a JSON object"),
    "an unknown class": ({"user_class_name": "Nobody"}, "unknown User class 'Nobody'"),
    "a weight of nothing": ({"weight": 0}, "weight must be a positive integer"),
    "a weight of words": ({"weight": "heavy"}, "weight must be a positive integer"),
    "a weight that no float can be": ({"weight": 10**400}, "weight must be a positive integer, at most 1,000,000,000"),
    "a negative count": ({"fixed_count": -1}, "fixed count must be 0 or a positive integer"),
    "tasks that are no list": ({"tasks": "ask"}, "tasks must be a list of names"),
    "a host": ({"host": "http://evil.example"}, "a User class can't set the host"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_impossible_settings_are_refused(case: str, client: Any) -> None:
    settings, reason = BAD_SETTINGS[case]
    given = {"user_class_name": "OpenAIUser", **settings} if isinstance(settings, dict) else settings
    body = given if isinstance(given, AsItIs) else json.dumps(given).encode()
    answer = client.post("/user", data=body, headers={"Host": UI})
    assert answer.status_code == 400
    assert reason in answer.json["message"]


BAD_LOADS = {
    "an underscore": ({"user_count": "1_0"}, "user_count must be"),
    "another script": ({"user_count": "\u0661"}, "user_count must be"),
    "an underscore in the rate": ({"spawn_rate": "1_0"}, "spawn_rate must be a non-negative number"),
    "no rate": ({"spawn_rate": ""}, "spawn_rate is missing"),
    "no users": ({"user_count": ""}, "user_count is missing"),
    "a time limit": ({"run_time": "5s"}, "while a test is running, not run_time: stop it first"),
    "an age": ({"run_time": "9" * 30 + "h"}, "--run-time must look like"),
    "an unknown class": ({"user_classes": "Nobody"}, "unknown User class 'Nobody'"),
}


@pytest.mark.parametrize("case", BAD_LOADS)
def test_changes_that_would_break_the_next_start_are_refused_during_a_test(
    case: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.watch.start_form.is_on", lambda environment: True)
    fields, reason = BAD_LOADS[case]
    sent = {"user_count": "2", "spawn_rate": "2", **fields}
    answer = client.post("/swarm", data=sent, headers={"Host": UI})
    assert answer.status_code == 200
    assert answer.json["success"] is False
    assert reason in answer.json["message"]
