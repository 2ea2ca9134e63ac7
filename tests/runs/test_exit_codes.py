"""The exit codes: 0 reachable, 1 not, 2 bad usage, 70 an internal error; each with one line that says why."""

import json
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import open_files
from tests.asking import PROVIDERS
from tests.command_line import (
    LOCUST,
    PROJECT,
    QUICK_MOCK,
    Command,
    Ended,
    free_port,
    locust,
    locusts,
    rows_in,
    scrubbed,
    started,
    summary_in,
)
from tests.mock_server import MockServer

OPENAI = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123"]
FAILING = [*QUICK_MOCK, "--mock-error-rate", "1", "-i", "3"]
NOT_JSON = "{'openai': ['gpt-4o']}"
MALFORMED_DEFAULT = "a malformed models.json in the current folder"

BAD_USAGE: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "an unknown provider": (["--headless", "-p", "opnai"], ("'opnai'", *PROVIDERS)),
    "an unknown model": (
        ["--headless", "-p", "openai", "-m", "gpt-4-o", "-k", "test-key-123"],
        ("'gpt-4-o'", "gpt-4o, gpt-4o-mini, gpt-3.5-turbo-0125", "did you mean 'gpt-4o'"),
    ),
    "no model": (["--headless", "-p", "deepseek", "-k", "k"], ("-m", "deepseek-chat, deepseek-coder")),
    "no key": (["--headless", "-p", "anthropic", "-m", "claude-3-opus-20240229"], ("ANTHROPIC_API_KEY", "-k")),
    "no AWS credentials": (["--headless", "-p", "aws-bedrock", "-m", "anthropic.claude-v2"], ("AWS_ACCESS_KEY_ID",)),
    "a login that nobody set up": (["--mock", "--web-login", "--web-port", "0"], ("--web-login",)),
    "no provider": (["--headless", "-i", "1"], ("-p", *PROVIDERS)),
    "a timeout of words": ([*QUICK_MOCK, "--timeout", "soon"], ("--timeout", "'soon'")),
    "a timeout of zero": ([*QUICK_MOCK, "--timeout", "0"], ("--timeout", "'0'")),
    "a negative count": ([*QUICK_MOCK, "-i", "-5"], ("--iterations", "'-5'")),
    "a broken count": ([*QUICK_MOCK, "-n", "1.5"], ("--iterations", "'1.5'")),
    "a seed of words": ([*QUICK_MOCK, "--seed", "lucky"], ("--seed", "'lucky'")),
    "a host without a scheme": ([*OPENAI, "-H", "localhost:8000"], ("--host", "'localhost:8000'")),
    "a header whose name holds a value": ([*QUICK_MOCK, "--header", "X Team sk-1: a"], ("--header", "NAME:VALUE")),
    "a header without a colon": ([*QUICK_MOCK, "--header", "X-Team"], ("--header", "NAME:VALUE")),
    "an error rate above 1": ([*QUICK_MOCK, "--mock-error-rate", "1.5"], ("--mock-error-rate", "'1.5'")),
    "an unknown API": ([*QUICK_MOCK, "--api", "edits"], ("--api", "'edits'", "chat, completions, responses")),
    "an API that the provider lacks": (
        [*QUICK_MOCK, "-p", "anthropic", "--api", "responses"],
        ("anthropic", "responses", "chat, completions"),
    ),
    "a class of another provider": ([*QUICK_MOCK, "AnthropicUser", "-p", "openai"], ("AnthropicUser", "openai")),
    "an unknown class": ([*QUICK_MOCK, "OpenUser"], ("'OpenUser'", "OpenAIUser", "VertexAIUser")),
    "two classes": ([*QUICK_MOCK, "OpenAIUser", "AnthropicUser"], ("OpenAIUser", "AnthropicUser")),
    "a malformed seed file": ([*QUICK_MOCK, "-d", "bad_seeds"], ("bad_seeds/second.txt:3:", "---")),
    "an empty folder of seeds": ([*QUICK_MOCK, "-d", "no_seeds"], ("no_seeds", "*.txt")),
    "a malformed models file": ([*QUICK_MOCK, "--models-file", "bad.json"], ("bad.json", "not JSON")),
    MALFORMED_DEFAULT: ([*QUICK_MOCK, "--models-file", "./models.json"], ("models.json", "not JSON")),
    "a models file that is not there": ([*QUICK_MOCK, "--models-file", "gone.json"], ("gone.json", "no such file")),
    "a provider without models": ([*QUICK_MOCK, "--models-file", "no_models.json"], ("no model", "openai")),
    "endless models": ([*QUICK_MOCK, "--models-file", "deep.json"], ("deep.json", "not JSON")),
    "half a character in a model": ([*QUICK_MOCK, "--models-file", "half.json"], ("half.json", "expected")),
    "bytes that are no text": ([*QUICK_MOCK, "--csv", "run\udcff", "--processes", "2"], ("--csv is not UTF-8",)),
    "a folder of results below a file": ([*QUICK_MOCK, "--csv", "bad.json/run"], ("bad.json", "can't write")),
    "an unknown output format": ([*QUICK_MOCK, "-o", "xml"], ("--output-format", "'xml'", "table, json, csv")),
    "a negative number of processes": ([*QUICK_MOCK, "--processes", "-2"], ("--processes", "-2")),
    "two masters": ([*QUICK_MOCK, "--processes", "2", "--master"], ("--processes", "--master")),
    "a master that is a worker": ([*QUICK_MOCK, "--master", "--worker"], ("--master", "--worker")),
    "a master and its workers on two ports": (
        [*QUICK_MOCK, "--processes", "2", "--master-bind-port", "6123"], ("--master-port", "--master-bind-port")
    ),
    "a configuration of no class": (
        [*QUICK_MOCK, "--config-users", '{"user_class_name": "OpenUser"}'],
        ("--config-users", "OpenAIUser, VertexAIUser"),
    ),
    "a weight of words": (
        [*QUICK_MOCK, "--config-users", '{"user_class_name": "OpenAIUser", "weight": "x"}'],
        ("--config-users", "weight must be a positive integer"),
    ),
    "a method for a setting": (
        [*QUICK_MOCK, "--config-users", '{"user_class_name": "OpenAIUser", "ask": 2}'],
        ("--config-users", "no setting 'ask'"),
    ),
    "tasks that are no list": (
        [*QUICK_MOCK, "--config-users", '{"user_class_name": "OpenAIUser", "tasks": 5}'],
        ("--config-users", "tasks must be a list"),
    ),
    "a host that is not read": (
        [*QUICK_MOCK, "--config-users", '{"user_class_name": "OpenAIUser", "host": "http://127.0.0.1:9"}'],
        ("--config-users", "give -H"),
    ),
    "nothing to end a run early for": ([*QUICK_MOCK, "--fail-fast"], ("--fail-fast needs --fail-if",)),
    "a page with nothing to end a run early for": (
        ["--mock", "--fail-fast", "--web-port", "0"], ("--fail-fast needs --fail-if",)
    ),
    "a page with verdicts on nothing": (
        ["--mock", "--junit", "j.xml", "--web-port", "0"], ("--junit needs --fail-if",)
    ),
    "a page with half a baseline": (
        ["--mock", "--against-model", "x", "--web-port", "0"], ("--against-model needs --against",)
    ),
    "a page that ends no run": ([*QUICK_MOCK, "--autoquit", "1"], ("--autoquit", "--autostart")),
    "a path without a slash": ([*QUICK_MOCK, "--web-base-path", "a"], ("--web-base-path", "'a'")),
    "a port above 65535": ([*QUICK_MOCK, "--master-port", "99999"], ("--master-port", "99999")),
    "a name of no host for the page": (["--mock", "--web-host", "a..b"], ("--web-host", "'a..b'")),
    "a name of no host for a master": (
        [*QUICK_MOCK, "--master", "--master-bind-host", "a..b"], ("--master-bind-host", "'a..b'")
    ),
    "a master of no host": ([*QUICK_MOCK, "--worker", "--master-host", "a..b"], ("--master-host", "'a..b'")),
    "an unknown option": ([*QUICK_MOCK, "--frobnicate"], ("--frobnicate",)),
}  # fmt: skip

UNREACHABLE = {
    "a port without a server": [*OPENAI, "-H", f"http://127.0.0.1:{free_port()}"],
    "an unknown name": [*OPENAI, "-H", "https://llm.example.invalid"],
    "a name of no host": [*OPENAI, "-H", "http://a..b"],
}

COUNTED: dict[str, tuple[list[str], int]] = {
    "failed calls": (FAILING, 0),
    "failed calls with a code for them": ([*FAILING, "--exit-code-on-error", "5"], 5),
    "no failed call with a code for them": ([*QUICK_MOCK, "-i", "3", "--exit-code-on-error", "5"], 0),
}

ALL = {case: arguments for case, (arguments, _) in [*BAD_USAGE.items(), *COUNTED.items()]} | UNREACHABLE


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """What the cases of this session's tests left behind."""
    folder = tmp_path_factory.mktemp("exit_codes")
    chosen = {item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")}
    cases = [case for case in ALL if case in chosen]
    for case in cases:
        _write_bad_files(folder / case)
    (folder / MALFORMED_DEFAULT).mkdir(exist_ok=True)
    (folder / MALFORMED_DEFAULT / "models.json").write_text(NOT_JSON)
    return locusts(folder, {case: Command(ALL[case]) for case in cases})


def _write_bad_files(folder: Path) -> None:
    for name in ("no_seeds", "bad_seeds"):
        (folder / name).mkdir(parents=True)
    (folder / "bad_seeds" / "first.txt").write_text("### Prompt\nSay it.\n---\nOne.\n")
    (folder / "bad_seeds" / "second.txt").write_text("### Prompt\nSay it.\nOne.")
    (folder / "bad.json").write_text(NOT_JSON)
    (folder / "no_models.json").write_text('{"openai": []}')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "half.json").write_text(r'{"openai": ["\ud83d"]}')


def _says_in_one_line(done: Ended, parts: tuple[str, ...]) -> None:
    assert [part for part in parts if part not in done.error_line] == []
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("case", BAD_USAGE)
@pytest.mark.timeout(300)
def test_bad_usage_ends_with_2_and_one_line(case: str, ended: dict[str, Ended]) -> None:
    _says_in_one_line(ended[case], BAD_USAGE[case][1])
    assert ended[case].code == 2


@pytest.mark.parametrize("case", UNREACHABLE)
@pytest.mark.timeout(300)
def test_an_unreachable_host_ends_with_1_and_one_line(case: str, ended: dict[str, Ended]) -> None:
    _says_in_one_line(ended[case], ("can't be reached",))
    assert ended[case].code == 1


def test_tls_to_a_plain_port_ends_with_1_and_one_line(tmp_path: Path, mock_server: MockServer) -> None:
    url = mock_server.url.replace("http:", "https:")
    with started(tmp_path, [*OPENAI, "-H", url]) as running:
        done = running.wait()
    _says_in_one_line(done, (url, "can't be reached"))
    assert done.code == 1


@pytest.mark.parametrize("option", ["--web-port", "--master-bind-port"])
def test_a_port_that_is_taken_ends_with_2_and_one_line(option: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ended = locust(tmp_path, *(["--mock"] if option == "--web-port" else [*QUICK_MOCK, "--master"]), option, port)
    assert ended.code == 2
    assert f"{option} {port}: can't listen on " in ended.error_line
    assert "address already in use" in ended.error_line
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("case", COUNTED)
@pytest.mark.timeout(300)
def test_failed_calls_change_the_code_only_when_asked_to(case: str, ended: dict[str, Ended]) -> None:
    assert ended[case].code == COUNTED[case][1]
    assert "Traceback" not in ended[case].stderr


@pytest.mark.parametrize("case", ["failed calls"])
@pytest.mark.timeout(300)
def test_a_run_without_successes_says_so(case: str, ended: dict[str, Ended]) -> None:
    assert "no call succeeded: there is no latency to report" in ended[case].stdout
    assert "3 × InternalServerError (HTTP 500)" in ended[case].stdout


def test_a_full_disk_ends_with_70_and_a_whole_summary(tmp_path: Path) -> None:
    """A limit of 16 blocks of 512 bytes simulates a full disk: the file has room for about ten rows."""
    full = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
    arguments = [*QUICK_MOCK, "-i", "40", "-o", "json", "--csv", "run"]
    with started(tmp_path, arguments, wrapper=full, PYTHONDONTWRITEBYTECODE="1") as running:
        done = running.wait()
    assert done.code == 70
    summary = json.loads(done.stdout)
    assert summary["total_requests"] == 40
    assert summary["rows"]["unwritten"] == 40 - len(rows_in(tmp_path))
    assert [row["request"] for row in rows_in(tmp_path)] == [str(n + 1) for n in range(len(rows_in(tmp_path)))]
    assert 0 < len(rows_in(tmp_path)) < 40
    assert all(row["outcome"] == "ok" and row["connection"] == "" for row in rows_in(tmp_path))
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "/ERROR/" in line]) == 1, done.stderr
    assert "file too large" in done.stderr


def test_a_summary_that_a_full_disk_cuts_ends_with_70(tmp_path: Path) -> None:
    """Unbuffered, as in many containers, Python drops what didn't fit."""
    full = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"]
    unbuffered = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with started(tmp_path, [*QUICK_MOCK, "-i", "1", "-o", "csv", "--csv", "run"], full, **unbuffered) as running:
        done = running.wait()
    assert done.code == 70
    assert "can't write the summary to stdout: file too large" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_stderr_that_takes_nothing_does_not_change_the_code(unbuffered: str, tmp_path: Path) -> None:
    mute = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]
    with started(tmp_path, ["--no-such-option"], mute, PYTHONUNBUFFERED=unbuffered) as running:
        assert running.wait().code == 2


def test_a_full_log_file_ends_with_70_and_one_line(tmp_path: Path) -> None:
    done = locust(tmp_path, *QUICK_MOCK, "-i", "2", "--csv", "run", "--log-file", "/dev/full")
    assert done.code == 70
    assert done.stderr == "locust: error: --logfile /dev/full: no space left on device\n"
    assert len(rows_in(tmp_path)) == 2


ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_what_an_encoding_lacks_is_escaped_and_files_are_utf8(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text('{"openai": ["modèle"]}', encoding="utf-8")
    options = ["--models-file", "models.json", "-i", "2", "--csv", "run", "--log-file", "log"]
    done = locust(tmp_path, *QUICK_MOCK, *options, **ASCII)
    assert (done.code, done.stderr) == (0, "")
    assert "openai \\xb7 mod\\xe8le" in done.stdout
    assert done.stdout.strip() in (tmp_path / "log").read_text()
    assert "chat modèle" in (tmp_path / "run_stats.csv").read_text(encoding="utf-8")
    assert summary_in(tmp_path)["model"] == "modèle"


def test_an_option_that_python_cannot_read_in_the_locale_says_how_it_can(tmp_path: Path) -> None:
    done = locust(tmp_path, *QUICK_MOCK, "--system", "é", **ASCII)
    assert done.code == 2
    assert done.stderr.endswith(
        ": error: --system is not in the locale's encoding, ascii: set PYTHONUTF8=1 if it is UTF-8\n"
    )


def test_locust_can_read_the_projects_own_file_in_any_encoding() -> None:
    """It reads pyproject.toml in the current folder, in the locale's encoding, for its options."""
    assert (PROJECT / "pyproject.toml").read_bytes().isascii()


def test_help_can_be_read_in_any_encoding(tmp_path: Path) -> None:
    done = locust(tmp_path, "--llm-help", **ASCII)
    assert (done.code, done.stderr) == (0, "")
    command = [sys.executable, str(PROJECT / "report.py"), "--help"]
    report = subprocess.run(command, capture_output=True, text=True, env={**scrubbed(), **ASCII})
    assert (report.returncode, report.stderr) == (0, "")


def test_a_start_that_a_full_disk_refuses_leaves_no_file(tmp_path: Path) -> None:
    command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *LOCUST, *QUICK_MOCK, "-i", "1", "--csv", "run"]
    ended = subprocess.run(command, cwd=tmp_path, env=scrubbed(), capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr.count("can't write results to run: file too large\n")) == (2, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["results"]


def test_more_users_than_open_files_are_refused_before_the_first_call(tmp_path: Path) -> None:
    few = ["sh", "-c", 'ulimit -n 300; exec "$@"', "sh"]
    with started(tmp_path, [*OPENAI, "-H", "http://127.0.0.1:9", "-u", "400"], wrapper=few) as running:
        done = running.wait()
    assert done.code == 2
    assert done.stderr.splitlines()[-1].startswith(
        "locust: error: 600 open files are needed for 400 users, but the limit is 300"
    )
    assert "Traceback" not in done.stderr


def test_a_soft_limit_of_open_files_is_raised_for_the_users() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        open_files.check(100)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (100 + open_files.SPARE_FILES, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
