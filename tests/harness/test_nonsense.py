"""Nonsense is refused at the start, in one line that names its place: values that no header can contain, impossible
hosts, invalid numbers, and files that can't be written."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.plan import keys
from providers.bedrock import aws_session
from tests.cases import CASES
from tests.command_line import FILES
from tests.raw_server import RawServer, answering, serving, silent
from tests.running import harnessed, start_and_wait

KEYS = {"openai": "test-key-123", "azure-openai": "test-key-123", "deepseek": "test-key-123", "anthropic": "test-key-1"}
MARK = "marker"
UNSENDABLE = {
    "a line break": f"{MARK}\nX-Forged: 1",
    "a line break at its end": f"{MARK}\n",
    "a carriage return": f"{MARK}\rX-Forged: 1",
    "a control character": f"{MARK}\x01",
    "a letter beyond ASCII": f"{MARK}é",
    "a letter beyond Latin-1": f"{MARK}日",
    "a byte that is not text": f"{MARK}\udcff",
}
BAD_LINES = {
    "a carriage return": f"X-Team: {MARK}\rX-Forged: 1",
    "a letter beyond ASCII": f"X-Team: {MARK}é",
    "no colon": f"X-Team: a\n{MARK}",
    "no name": f": {MARK}",
    "a name with a space": f"X {MARK}: a",
    "the body's length": "Content-Length: 3",
    "a body in chunks": "transfer-encoding: chunked",
}
SENDABLE = {
    "OPENAI_ORG_ID": "org-1\t2 ",
    "OPENAI_PROJECT_ID": "",
    "OPENAI_CUSTOM_HEADERS": "X-Team: a:b\r\n\n  X-Empty:\nHost: other.example\n",
}
OF_PROVIDERS = {
    "OPENAI_ORG_ID": ("openai", "azure-openai", "deepseek"),
    "OPENAI_PROJECT_ID": ("openai", "azure-openai", "deepseek"),
    "OPENAI_CUSTOM_HEADERS": ("openai", "azure-openai", "deepseek"),
    "ANTHROPIC_CUSTOM_HEADERS": ("anthropic",),
    "OPENAI_API_KEY": ("openai",),
    "ANTHROPIC_API_KEY": ("anthropic",),
    "AZURE_OPENAI_API_KEY": ("azure-openai",),
    "DEEPSEEK_API_KEY": ("deepseek",),
    "GOOGLE_API_KEY": ("vertex-ai",),
    "AWS_BEARER_TOKEN_BEDROCK": ("aws-bedrock",),
    "AWS_ACCESS_KEY_ID": ("aws-bedrock",),
    "AWS_SESSION_TOKEN": ("aws-bedrock",),
}
UNSENDABLE_VARIABLES = [
    (variable, provider, case)
    for variable, providers in OF_PROVIDERS.items()
    for provider in providers
    for case in (BAD_LINES if variable.endswith("_HEADERS") else UNSENDABLE)
    if not (variable.endswith(("_KEY", "_BEDROCK")) and case == "a line break at its end")  # Keys are stripped.
]


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the streams that a run replaces, and let boto3 read the environment again."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    aws_session.cache_clear()


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, prefix: str = "locust: error: ") -> str:
    """Start with these options, and return the one line that says why nothing can begin. If the parser itself refuses
    them, the line starts with the program's name, which is pytest's here."""
    with pytest.raises(SystemExit) as ended:
        harnessed([*FILES, *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith((prefix, f"{Path(sys.argv[0]).name}: error: "))
    assert [line for line in said.splitlines() if "error: " in line] == said.splitlines()[-1:]
    assert not prefix or said.count("\n") == 1
    assert MARK not in said
    return said


SIGNED_OUT = "sso_start_url = http://127.0.0.1:9/\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = x"
NO_TEXT = '{"Version": 1, "AccessKeyId": "AKIA-1", "SecretAccessKey": "secret", "SessionToken": [5]}'
NO_KEY = '{"Version": 1, "AccessKeyId": "AKIA-1", "SecretAccessKey": 5}'
BROKEN_AWS: dict[str, tuple[dict[str, str], str, str]] = {
    "a profile that doesn't exist": ({"AWS_PROFILE": "nosuch"}, "", "The config profile (nosuch) could not be found"),
    "half a key": ({"AWS_ACCESS_KEY_ID": "AKIA-5af1c0"}, "", "missing: AWS_SECRET_ACCESS_KEY"),
    "a file that can't be read": ({}, "[default", "Unable to parse config file"),
    "a login that has ended": ({}, f"[default]\n{SIGNED_OUT}", "Error loading SSO Token"),
    "a session that is no text": ({}, f"[default]\ncredential_process = /bin/echo '{NO_TEXT}'", "is not a text"),
    "a key that is no text": ({}, f"[default]\ncredential_process = /bin/echo '{NO_KEY}'", "is not a text"),
    "a command that fails": ({}, "[default]\ncredential_process = /bin/false", "custom-process"),
    "a command that isn't there": ({}, "[default]\ncredential_process = /no/such", "No such file"),
}


@pytest.mark.parametrize("case", BROKEN_AWS)
def test_aws_credentials_that_boto3_can_not_get_are_refused_with_its_reason(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    variables, config, reason = BROKEN_AWS[case]
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = refusal(capsys, "--headless", "-p", "aws-bedrock", "-m", "m", "--any-model", "-H", "http://127.0.0.1:9")
    aws_session.cache_clear()
    assert said.startswith("locust: error: boto3 can't get the AWS credentials: ")
    assert reason in said


ROLE = "[default]\nregion = us-east-1\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n"
BASE = "[profile base]\naws_access_key_id = AKIA-5af1c0\naws_secret_access_key = test-key-123\n"
GOOGLES = {"type": "external_account", "audience": "//a", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}


@pytest.fixture
def silent_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """Token servers that never answer, and credentials that need them."""
    monkeypatch.setattr(keys, "PATIENCE_S", 0.5)
    with serving(silent) as server:
        (tmp_path / "config").write_text(ROLE + BASE)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        (tmp_path / "token").write_text("test-key-123")
        source = {"token_url": server.url, "credential_source": {"file": str(tmp_path / "token")}}
        (tmp_path / "google.json").write_text(json.dumps({**GOOGLES, **source}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "google.json"))
        monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "l")
        yield server
    aws_session.cache_clear()


@pytest.mark.parametrize("provider", ["aws-bedrock", "vertex-ai"])
def test_a_token_server_that_never_answers_is_told_of_instead_of_waited_for(
    provider: str, silent_servers: RawServer, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "--headless", "-p", provider, "-m", "m", "--any-model", "-H", silent_servers.url)
    assert "the SDK had no credentials after 0.5 s" in said


@pytest.mark.parametrize("given", [["--mock"], ["-k", "test-key-123"]])
def test_credentials_that_are_not_used_are_not_waited_for(given: list[str], silent_servers: RawServer) -> None:
    harnessed([*FILES, "--headless", "-p", "aws-bedrock", "-m", "m", "--any-model", "-H", silent_servers.url, *given])
    assert silent_servers.requests == []


@pytest.mark.parametrize(("variable", "provider", "case"), UNSENDABLE_VARIABLES)
def test_a_variable_that_no_header_can_carry_is_refused_by_its_name(
    variable: str, provider: str, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-key-123")
    monkeypatch.setenv(variable, (BAD_LINES if variable.endswith("_HEADERS") else UNSENDABLE)[case])
    key = ["-k", "test-key-123"] if variable.endswith(("_HEADERS", "_ID")) and provider in KEYS else []
    said = refusal(capsys, "--headless", "-p", provider, "-m", CASES[provider].model, "-H", "http://127.0.0.1:9", *key)
    assert variable in said


@pytest.mark.parametrize("case", UNSENDABLE)
def test_an_option_that_no_header_can_carry_is_refused_by_its_name(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    openai = ("--headless", "-p", "openai", "-m", "gpt-4o", "-H", "http://127.0.0.1:9")
    if case != "a line break at its end":
        assert "-k" in refusal(capsys, *openai, "-k", UNSENDABLE[case])
    if case not in ("a line break at its end", "a letter beyond ASCII"):
        assert "--header" in refusal(capsys, *openai, "-k", "test-key-123", "--header", f"X-A: {UNSENDABLE[case]}")


@pytest.mark.parametrize("header", ["Content-Length: 3", "Transfer-Encoding: chunked"])
def test_a_header_that_would_end_the_body_elsewhere_is_refused(header: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--header can't set" in refusal(capsys, "--headless", "--mock", "--header", header)


def test_another_providers_variables_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "no colon")
    harnessed([*FILES, "--headless", "--mock", "-p", "openai"])


def test_what_the_sdk_can_send_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The raw server never sends a readable answer: only what arrived there matters."""
    monkeypatch.chdir(tmp_path)
    for name, value in SENDABLE.items():
        monkeypatch.setenv(name, value)
    with serving(answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")) as server:
        arguments = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123", "-H", server.url]
        environment, _ = harnessed([*FILES, *arguments])
        start_and_wait(environment, users=1)
        (received,) = server.requests
    assert received.all("openai-organization") == ["org-1\t2 "]
    assert received.all("openai-project") == [""]
    assert (received.all("x-team"), received.all("x-empty")) == (["a:b"], [""])
    assert received.all("host") == ["other.example"]


NO_NAMES = ["name:abc", "", " ", "two names", "a:0", "a:65536", "a/b", "user:marker@a", "[x]", "a..b", "a:"]


@pytest.mark.parametrize(
    ("option", "name"),
    [*(("--web-allow-host", name) for name in NO_NAMES), ("--web-name", NO_NAMES[0]), ("--web-name", NO_NAMES[-1])],
)
def test_an_impossible_host_name_is_refused(option: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{option} must " in refusal(capsys, "--mock", option, name)


@pytest.mark.parametrize("name", ["http://tests.example", "*", "tést.example"])
def test_a_name_that_no_browser_sends_is_not_a_name_of_the_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--web-name must " in refusal(capsys, "--mock", "--web-name", name)


@pytest.mark.parametrize(
    "name", ["tests.example", "Tests.Example:8443", "localhost", "my_host", "10.0.0.1:1", "[::1]:80"]
)
def test_names_and_addresses_are_accepted(name: str) -> None:
    harnessed([*FILES, "--mock", "--web-name", name, "--web-allow-host", name])


NUMBERS = ("--timeout", "--temperature", "--rate", "--mock-latency", "--mock-error-rate")
COUNTS = ("--iterations", "--warmup", "--max-tokens", "--mock-tokens", "--mock-error-status", "--seed")


@pytest.mark.parametrize("text", ["nan", "-inf", "1_0", "\u0663", "0x10", "1e", "x"])
@pytest.mark.parametrize("option", [*NUMBERS, *COUNTS])
def test_an_invalid_number_is_refused(option: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{option} must be " in refusal(capsys, "--headless", "--mock", f"{option}={text}")


@pytest.mark.parametrize("option", [*NUMBERS, *(count for count in COUNTS if count != "--seed")])
def test_what_is_too_large_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{option} must be " in refusal(capsys, "--headless", "--mock", f"{option}={10**20}")


NONSENSE: dict[str, tuple[list[str], str]] = {
    "an answer of two million tokens": (["--mock-tokens", "2000000"], "--mock-tokens must be at most 1,000,000"),
    "a span in another script": (["--rate-stages", "5:\u0663s"], "--rate-stages"),
    "a region that no header can carry": (["--region", "us-east-1\n"], "--region (AWS_REGION)"),
    "a version that is a path": (["--api-version", "../v1"], "--api-version"),
    "prompts from nowhere": (["-d", ""], "--data-dir must be a path"),
    "a page that is a folder": (["--html", "."], "--html .: is a directory"),
    "figures below a file": (["--json-file", "/dev/null/figures"], "--json-file /dev/null/figures.json"),
    "charts that are a folder": (["--html-report", "."], "--html-report .: is a directory"),
    "charts below a file": (["--html-report", "/dev/null/charts.html"], "--html-report /dev/null/charts.html"),
    "charts in a file that is something else": (["--html-report", __file__], "is not a report of this tool"),
    "charts where Locust's page is": (["--html", "a", "--html-report", "a"], "--html-report and --html"),
    "one file for two": (["--logfile", "both", "--html", "./both"], "--logfile and --html"),
    "a file of the run's": (["--csv", "run", "--html", "run_summary.json"], "--csv and --html"),
    "a code that no process has": (["--exit-code-on-error", "256"], "--exit-code-on-error must be from 0 to 255"),
    "processes without end": (["--processes", "9" * 20], "--processes must be at most 16 per core"),
    "a wait that is over": (["--expect-workers-max-wait", "-1"], "--expect-workers-max-wait must be 0 or more seconds"),
    "a span beyond all clocks": (["-t", f"{10**20}s"], "--run-time"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, said = NONSENSE[case]
    is_of_the_parser = case in ("a code that no process has", "processes without end", "a span beyond all clocks")
    prefix = "" if is_of_the_parser else "locust: error: "
    assert said in refusal(capsys, "--headless", "--mock", *arguments, prefix=prefix)


@pytest.mark.parametrize("option", ["-H", "--host=", "--max-tokens=", "--header=", "--junit="])
def test_two_dashes_are_not_taken_for_no_value(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--headless", "--mock", f"{option}--", prefix="")
    assert option.strip("=") in said
    assert "expected one argument" in said


@pytest.mark.parametrize("host", ["", "nobody.example.invalid"])
def test_an_address_that_no_page_can_listen_on_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--web-port" in refusal(capsys, "--mock", "--web-host", host, prefix="")


@pytest.mark.parametrize(("option", "text"), [("--header", "X"), ("--extra-body", "[]"), ("--fail-if", "p95")])
def test_what_the_form_does_not_show_is_refused_before_the_page_opens(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert option in refusal(capsys, "--mock", option, text)


def test_a_check_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    harnessed(
        [*FILES, "--headless", "--mock", "--html", "{u}.html", "--json-file", "figures", "--html-report", "a/b.html"]
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


FIELDS = {
    "stream": ("1", "stream must be true or false"),
    "mock": ("yes", "mock must be true or false"),
    "run_time": (f"{10**20}s", "--run-time must "),
    "host": ("localhost", "--host must "),
    "user_classes": ("NoUser", "unknown User class 'NoUser'"),
    "iterations": ("1_0", "--iterations must "),
    "user_count": ("0", "user_count must be a positive integer"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_the_form_refuses_it_too(field: str) -> None:
    environment, _ = harnessed([*FILES, "--mock"])
    text, said = FIELDS[field]
    assert said in refused_form(environment, **{field: text})


def test_more_users_than_open_files_are_refused_by_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key-123")
    environment, _ = harnessed([*FILES, "-p", "openai", "-m", "gpt-4o", "-H", "http://127.0.0.1:9"])
    assert "open files are needed for 1000000000 users" in refused_form(environment, user_count=str(10**9))


def refused_form(environment: Any, **fields: str) -> str:
    """Start from the page, and return why nothing can begin."""
    form = {"user_count": "1", "spawn_rate": "1", "iterations": "1", **fields}
    answer = environment.web_ui.app.test_client().post("/swarm", data=form, headers={"Host": "localhost:8089"}).json
    assert answer["success"] is False
    return str(answer["message"])


@pytest.mark.parametrize(("limit", "said"), [((), 1), (("-i", "2"), 0), (("--rate", "5", "-t", "1s"), 0)])
def test_a_run_without_a_limit_says_that_it_makes_one_call(
    limit: tuple[str, ...], said: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level("INFO"):
        harnessed([*FILES, "--headless", "--mock", *limit])
    assert sum(record.getMessage().startswith("one call, as neither -i") for record in caplog.records) == said
