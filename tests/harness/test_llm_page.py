"""The LLM page and the start form: what they show, and what they refuse."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from harness.watch.start_form import LOCUSTS_FIELDS
from locustfile import harness
from tests.asking import PROVIDERS
from tests.harness.test_web_guard import UI, page

HEADERS = {"Host": UI}
EVIL = "</script><img src=x onerror=alert(1)>"


class Form(HTMLParser):
    """The named fields of a page's form with their values, by group, and the JSON beside it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.fields: dict[str, str | None] = {}
        self.groups: dict[str, list[str]] = {}
        self.only: dict[str, str] = {}
        self.tags: set[str] = set()
        self.choices: Any = None
        self._group = self._only = ""
        self._reads = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self._only = (found.get("data-only") or "") if tag == "label" else self._only
        self._reads = tag if tag == "legend" else "choices" if found.get("id") == "choices" else ""
        if tag == "option" and ("selected" in found):
            self.fields[list(self.fields)[-1]] = found.get("value")
        name = found.get("name") or found.get("data-name") or found.get("data-choice")
        if tag in ("input", "select") and name and name not in self.fields:
            self.fields[name] = found.get("value")
            self.groups.setdefault(self._group, []).append(name)
            self.only[name] = self._only

    def handle_data(self, data: str) -> None:
        if self._reads == "legend":
            self._group = data
        if self._reads == "choices":
            self.choices = json.loads(data)
        self._reads = ""


def start_page(client: Any) -> Form:
    return Form(client.get("/llm/start", headers=HEADERS).text)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    return page(monkeypatch, "--mock")


def test_the_form_begins_with_provider_and_model_and_has_every_field_that_locusts_has(client: Any) -> None:
    form = start_page(client)
    assert list(form.groups) == ["Where calls go", "Load", "Each call", "Prompts"]
    assert form.groups["Where calls go"][1:3] == ["provider", "model"]
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    known = {action.dest for action in parser._actions}
    harness.add_arguments(parser)
    ours = {name for name in parser.args_included_in_web_ui if name not in known}
    of_locust = set(LOCUSTS_FIELDS) - {"profile", "user_classes", "shape_class"}
    assert set(form.fields) - {"open"} == (ours | of_locust) - {"any_model"}


def test_models_and_apis_follow_the_provider(client: Any) -> None:
    choices = start_page(client).choices
    assert sorted(choices["models"]) == sorted(choices["apis"]) == sorted(PROVIDERS)
    assert "claude-3-opus-20240229" in choices["models"]["anthropic"]["listed"]
    assert "gpt-4o" not in choices["models"]["anthropic"]["listed"]
    assert "responses" not in choices["apis"]["anthropic"]


def test_fields_of_the_mock_and_of_a_schedule_are_marked(client: Any) -> None:
    only = start_page(client).only
    assert {name for name, choice in only.items() if choice == "mock"} == {
        "mock_latency", "mock_tokens", "mock_error_rate", "mock_error_status",
    }  # fmt: skip
    assert {name for name, choice in only.items() if choice == "open"} == {"rate", "rate_stages", "arrival", "replay"}
    assert only["host"] == "real"


def test_an_endpoint_that_the_environment_describes_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_ENDPOINT_URL", "http://localhost:4000/v1")
    monkeypatch.setenv("LLM_MODEL_NAME", "my-model")
    monkeypatch.setenv("LLM_API_KEY", "none-at-all")
    client = page(monkeypatch)
    form = start_page(client)
    assert form.fields["host"] == "http://localhost:4000/v1"
    assert form.choices["models"]["openai"]["given"] == "my-model"
    assert '"my-model"' in client.get("/", headers=HEADERS).text  # Locust's own form offers it too
    assert "none-at-all" not in client.get("/llm/start", headers=HEADERS).text


def test_during_a_run_only_the_users_can_be_changed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.watch.start_page.is_on", lambda environment: True)
    assert list(start_page(client).fields) == ["user_count", "spawn_rate"]


def test_what_a_user_gave_is_shown_and_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock", "--any-model", "-m", EVIL, "--slo", "ttft<0.5")
    form = start_page(client)
    assert "img" not in form.tags
    assert form.choices["models"]["openai"]["given"] == form.fields["model"] == EVIL
    assert form.fields["slo"] == "ttft<0.5"


@pytest.mark.parametrize("path", ["/llm", "/llm/start"])
def test_the_pages_load_only_what_is_their_own_and_run_no_script_within(path: str, client: Any) -> None:
    answer = client.get(path, headers=HEADERS)
    assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
    sources = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert not [source for source in sources if "//" in source]
    for source in sources:
        if source.endswith((".js", ".css")) or "plotly" in source:
            address = f"/{source}" if path == "/llm" else f"/llm/{source}"
            assert client.get(address, headers=HEADERS).status_code == 200, source


def test_before_the_first_run_there_is_nothing_to_show(client: Any) -> None:
    found = client.get("/llm/data", headers=HEADERS).json
    assert (found["status"]["run"], found["drawing"], found["status"]["state"]) == (None, None, "ready")
    for path in ("/llm/files/x/requests.csv", "/llm/files/..%2f..%2fx/run.json", "/llm/calls.csv"):
        answer = client.get(path, headers=HEADERS)
        assert answer.status_code in (404, 409), path


def test_locusts_page_has_links_to_ours_and_tells_its_downloads_apart(client: Any) -> None:
    shown = client.get("/", headers=HEADERS).text
    assert 'href="./llm"' in shown
    assert 'href="./llm/start"' in shown
    assert "Download every call CSV" in shown


def test_a_base_path_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock", "--web-base-path", "/load")
    for path in ("/load/llm", "/load/llm/start", "/load/llm/data", "/load/llm/page.css", "/load/llm/csv"):
        assert client.get(path, headers=HEADERS).status_code == 200, path
    assert 'href="./llm"' in client.get("/load/", headers=HEADERS).text


def test_a_login_guards_our_pages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client = page(monkeypatch, "--mock", "--web-login")
    for path in ("/llm", "/llm/start", "/llm/data", "/llm/calls.csv", "/llm/llm.js"):
        assert client.get(path, headers=HEADERS).status_code == 302, path
