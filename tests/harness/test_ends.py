"""How a run ends after something has happened to it: what is known is kept, and what is missing is reported."""

import errno
import io
import json
import os
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, TextIO

import gevent
import pytest
import zmq.green as zmq
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments
from locust.env import Environment

from charts.page import file as page_file
from harness.cluster.master import Master, _accepts
from harness.command_line.config_files import MOST_ITEMS
from harness.command_line.mistakes import refuse_mistakes
from harness.errors import NoWorkers, UsageError
from harness.exit_code import ExitCode
from harness.load.closed_loop import Budget
from harness.load.open_loop import LEAD_S, OpenLoop, Standing
from harness.load.permits import PermitLedger
from harness.load.schedule import Due
from harness.plan.models import read
from harness.plan.plan import Plan, plan_of
from harness.process import outlet
from harness.process.outlet import check_outlet, open_outlet
from harness.process.streams import Lasting
from harness.record.folder import Results
from harness.record.requests_csv import COLUMNS, Records, cells_of
from harness.record.row_check import are_figures, is_row
from harness.run import early_end
from harness.run.early_end import End
from locustfile import harness
from prompts.files import read as read_prompts
from providers.permit import Permit
from seeds import SeedError
from tests.certificates import make_certificate
from tests.command_line import FILES, free_port
from tests.harness.test_requests_csv import a_call
from tests.running import harnessed, run, start_and_wait, turn

CLASSES = ", ".join(sorted(user_class.__name__ for user_class in harness.classes.values()))
WHOLE = End(asked=False, spent=False, lasted_s=3.0, made=12, workers_gone=0)


def a_plan(*arguments: str) -> Plan:
    environment, _ = harnessed(["--headless", "--mock", "--models-file", "models.json", *arguments])
    return plan_of(
        {**vars(environment.parsed_options), "api_key": "", "header": [], "against_api_key": "", "against_header": []},
        harness.classes,
    )


@pytest.fixture(autouse=True)
def own_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))


# Whether it ended early


@pytest.mark.parametrize(
    ("arguments", "end", "why"),
    [
        (["-i", "120"], WHOLE, "12 of 120 calls"),
        (["-i", "120"], WHOLE._replace(asked=True), None),
        (["-i", "120"], WHOLE._replace(spent=True), None),
        (["-i", "120"], WHOLE._replace(spent=True, workers_gone=2), "all workers were gone (2 took part)"),
        (["-t", "60s"], WHOLE, "by itself after 3.0 s"),
        (["-t", "60s"], WHOLE._replace(lasted_s=59.5), None),
        (["-t", "3s", "-i", "120"], WHOLE, None),
        (["--rate-stages", "10:12s"], WHOLE, "12 of 120 calls"),
    ],
)
def test_a_run_is_complete_if_it_reached_its_goal_or_was_asked_to_end(
    arguments: list[str], end: End, why: str | None
) -> None:
    found = early_end.why_early(a_plan(*arguments), end)
    assert (found is None) is (why is None)
    assert (why or "") in (found or "")


# Runs that would never end are refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tags", "x", "-i", "3"], "--tags x leaves OpenAIUser without a task"),
        (["-t", "0"], "--run-time must be at least 1 second, not 0"),
        (["-t", "9999999999h"], "--run-time must be at most 1,000,000,000 seconds, not 35999999996400"),
        (["--autostart", "-u", "0", "-i", "3"], "--users must be a positive integer"),
        (["--autostart", "--autoquit", "1"], "--autoquit needs a run that ends"),
    ],
)
def test_a_run_that_would_never_end_is_refused(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headless = [] if "--autostart" in arguments else ["--headless"]
    given = [*headless, "--mock", "--models-file", "models.json", "--csv", str(tmp_path / "run"), *arguments]
    with pytest.raises(SystemExit) as ended:
        harnessed(given)
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(lines) == 1
    assert says in lines[0]


def test_excluded_tags_that_leave_the_task_are_accepted(tmp_path: Path) -> None:
    given = ["--headless", "--mock", "--models-file", "models.json", "--csv", str(tmp_path / "run")]
    harnessed([*given, "--exclude-tags", "slow", "-i", "1"])


def test_a_pipe_is_neither_a_models_file_nor_a_seed_file(fifo: Path) -> None:
    with pytest.raises(UsageError, match="not a regular file"):
        read(fifo)
    with pytest.raises(SeedError, match=r"seed\.txt: not a regular file"):
        read_prompts(fifo.parent)


def test_a_pipe_without_a_reader_is_not_waited_for(fifo: Path) -> None:
    with pytest.raises(OSError, match="No such device"):
        open_outlet(fifo)


OUTLETS = ["--junit", "--html-report", "--html", "--logfile"]


@pytest.mark.parametrize("option", OUTLETS)
def test_a_pipe_that_nobody_reads_is_refused_before_the_run(
    option: str, fifo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = ["--fail-if", "error_rate>0"]
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "-i", "1", *gates, "--csv", str(tmp_path / "run"), option, str(fifo)])
    assert ended.value.code == 2
    assert "no such device or address" in capsys.readouterr().err


def test_a_pipes_reader_does_not_take_the_check_for_the_end(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "_kept", kept := dict[Path, TextIO]())
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    for _ in range(2):
        check_outlet(fifo)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
    with open_outlet(fifo) as file:
        file.write("page")
    assert os.read(reader, 9) == b"page"
    kept[fifo].close()
    os.close(reader)


def test_a_page_that_cant_be_served_over_tls_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Locust would serve it unencrypted with one of the two, and refuse every connection with files of no use."""
    made = make_certificate(tmp_path)
    certificate, key, nowhere = str(made.path), str(made.key_path), str(tmp_path / "none")
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    refuse_mistakes(parser, ())
    port = ["--web-host", "127.0.0.1", "--web-port", str(free_port())]
    parser.parse_args([*port, "--tls-cert", certificate, "--tls-key", key])
    for given in (["--tls-cert", certificate], ["--tls-key", key]):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args([*port, *given])
        assert "--tls-cert and --tls-key need each other" in capsys.readouterr().err
    for one, other, why in (
        (key, certificate, "in PEM"),
        (nowhere, key, "no such file"),
        (certificate, nowhere, "no such"),
    ):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args([*port, "--tls-cert", one, "--tls-key", other])
        assert why in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a..b", 70 * "a", "\u00e9", "a b", "tcp://a"])
@pytest.mark.parametrize("option", ["--master-host", "--master-bind-host"])
def test_a_masters_address_that_is_none_is_refused(option: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    refuse_mistakes(parser, ())
    role = ["--worker"] if option == "--master-host" else ["--master", "--headless", "--master-bind-port", "0"]
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([*role, option, name])
    assert capsys.readouterr().err.endswith(f"{option} must be a name or an address, not {name!r}\n")
    for good in ("localhost", "127.0.0.1", "::1"):
        parser.parse_args(["--worker", "--master-host", good])


@pytest.mark.parametrize("name", ["-", "*", "%eth0", "_a", ".a", ";a", "]", "[", "a_b", "a%", ":a", "1.2.3.4.5"])
def test_a_worker_connects_to_whatever_zeromq_takes_for_an_address(name: str) -> None:
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    refuse_mistakes(parser, ())
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        try:
            dealer.connect(f"tcp://{name}:5557")
        except zmq.ZMQError:
            with pytest.raises(SystemExit, match="2"):
                parser.parse_args(["--worker", "--master-host", name])
            return
    parser.parse_args(["--worker", "--master-host", name])


def test_a_log_whose_reader_leaves_at_once_is_not_waited_for(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "_kept", kept := dict[Path, TextIO]())
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    refuse_mistakes(parser, ())
    parser.parse_args(["--headless", "--logfile", str(fifo)])
    os.close(reader)
    log = open_outlet(fifo)
    outlet.let_go()
    turn()  # gevent closes files in its loop.
    log.write("a line")
    with pytest.raises(BrokenPipeError):
        log.close()
    kept[fifo].close()


def test_a_page_is_not_written_to_a_pipe_that_nobody_reads(fifo: Path) -> None:
    page_file.check(fifo)
    with pytest.raises(OSError, match="No such device"):
        page_file.write(fifo, "page")


def test_a_page_replaces_links_that_form_a_loop(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.symlink_to(page)
    page_file.check(page)
    page_file.write(page, "page")
    assert page.read_text() == "page"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "seed.txt"
    os.mkfifo(path)
    return path


# A mistyped option is named

MISTYPED = {
    "--max_tokens 5": "unrecognized arguments: --max_tokens (did you mean --max-tokens?)",
    "--tim 5": "unrecognized arguments: --tim (did you mean --timeout?)",
    "--iter 5": "unrecognized arguments: --iter (did you mean --iterations?)",
    "--max-token 5": "unrecognized arguments: --max-token (did you mean --max-tokens?)",
    "-max-tokens 5": "unrecognized arguments: -max-tokens (did you mean --max-tokens?)",
    "--frobnicate=12 -i 3": "unrecognized arguments: --frobnicate",
    "--api_key=sk-secret-1 -i 3": "unrecognized arguments: --api_key (did you mean --api-key?)",
    "--api-key:sk-secret-1 -i 3": "unrecognized arguments: --api-key (did you mean --api-key?)",
    "--api-keysk-secret-1 -i 3": "unrecognized arguments: --api-key… (did you mean --api-key?)",
    "--stream-options x": "unrecognized arguments: --stream… (did you mean --stream?)",
    "--against-region x": "unrecognized arguments: --against… (did you mean --against?)",
    "-Ksk-secret-1": "unrecognized arguments: -K",
    "-key sk-secret-1": f"a value that belongs to no option and is not a User class: choose from {CLASSES}",
    "OPENAI_API_KEY=sk-secret-1": "a value that belongs to no option and is not a User class: choose from ",
    "--header Authorization:Bearer sk-secret-1": "a value that belongs to no option and is not a User class: choose ",
    "-i 3 OpenUser": f"unknown User class 'OpenUser': choose from {CLASSES}",
    "OpenAIUser -i 3 AnthropicUser": "unrecognized arguments: AnthropicUser",
    "-i 3 --logfile nowhere/x.log": "--logfile nowhere/x.log: no such file or directory",
}


@pytest.mark.parametrize("line", MISTYPED)
def test_a_mistyped_option_is_named_and_never_its_value(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", *line.split()])
    assert ended.value.code == 2
    says = capsys.readouterr().err
    assert f"error: {MISTYPED[line]}" in says
    assert "secret" not in says
    assert len(says.splitlines()) == 1
    assert "secret" not in says


IN_A_FILE = {
    "api-key = [sk-secret-1, 'sk-secret-2']": "api-key can't be set to a list unless",
    "stream = sk-secret-1": "Unexpected value for stream. Expecting 'true', 'false'",
    "stream = [sk-secret-1]": "keys.conf: stream is a switch and takes no list",
    "sk-secret-123": "unrecognized arguments: --…",
}


@pytest.mark.parametrize("line", IN_A_FILE)
def test_a_config_file_is_refused_without_its_values(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys.conf").write_text(f"{line}\n")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "keys.conf")])
    assert ended.value.code == 2
    says = capsys.readouterr().err
    assert IN_A_FILE[line] in says
    assert "secret" not in says
    assert len(says.splitlines()) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("fail-if = p50>1", "fail-if = p50>2"),
        ("--fail-if p50>1", "fail-if: p50>2"),
        ("header: a:1", "header: b:2"),
        ("slo = ttft<1", "slo = latency<2"),
    ],
)
def test_an_option_on_two_lines_of_a_config_file_is_refused(
    lines: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf").write_text("\n# both count\n".join(lines))
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "a.conf")])
    assert ended.value.code == 2
    assert "a.conf: " in (says := capsys.readouterr().err)
    assert "must be on one line" in says


@pytest.mark.parametrize(
    ("variable", "instead"),
    [
        ("LOCUST_PROMPTS", "the variable of --prompts is LOCUST_DATA_DIR"),
        ("LOCUST_MODEL", "the variable of --model is LLM_MODEL_NAME"),
        ("LOCUST_NUM_REQUESTS", "the variable of --num-requests is LOCUST_ITERATIONS"),
        ("LOCUST_CONFIG", "give --config"),
        ("LOCUST_FAILIF", "did you mean LOCUST_FAIL_IF?"),
        ("LOCUST_HEADERS", "did you mean LOCUST_HEADER?"),
        ("LOCUST_ITERATION", "did you mean LOCUST_ITERATIONS?"),
    ],
)
def test_a_variable_that_no_option_reads_is_refused(
    variable: str, instead: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was lost without a word: the calls sent other prompts, and no gate was judged."""
    monkeypatch.setenv(variable, "secret-value")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock"])
    assert ended.value.code == 2
    assert f"error: {variable} is not read: {instead}\n" in (says := capsys.readouterr().err)
    assert "secret-value" not in says


@pytest.mark.parametrize("variable", ["LOCUST_MASTER_PORT", "LOCUST_WORKER", "LOCUST_TAG", "LOCUST_MOCK_PORT"])
def test_variables_that_kubernetes_names_after_services_are_none_of_ours(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "tcp://10.0.0.1:5557")
    harnessed(["--headless", "--mock"])


def test_two_config_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Locust reads the last one: the gates of the first would be lost."""
    first, second = tmp_path / "gates.conf", tmp_path / "load.conf"
    first.write_text("fail-if = p50>1\n")
    second.write_text("iterations = 1\n")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(first), f"--config={second}"])
    assert ended.value.code == 2
    assert "error: --config can be given once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conf", "config = gates.conf"),
        ("a.conf", "--config gates.conf"),
        ("a.toml", "[tool.locust]\nconfig = 'gates.conf'"),
    ],
)
def test_a_config_file_that_names_another_one_is_refused(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(f"{content}\n")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / name)])
    assert ended.value.code == 2
    assert f"{name}: config: a config file can't name another one" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "head"), [("a.conf", ""), ("a.toml", "[tool.locust]\n")])
@pytest.mark.parametrize(("one", "other"), [("host", "proxy-url"), ("iterations", "num-requests")])
def test_two_names_of_one_option_in_a_config_file_are_refused(
    one: str, other: str, name: str, head: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only one of the values would count."""
    (tmp_path / name).write_text(f'{head}{one} = "1"\n{other} = "2"\n')
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / name)])
    assert ended.value.code == 2
    assert f"{name}: {one} and {other} are one option" in capsys.readouterr().err


def test_a_pipe_is_no_config_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Locust empties it before this project's options are parsed: they would be lost."""
    os.mkfifo(tmp_path / "a.conf")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "a.conf")])
    assert ended.value.code == 2
    assert "a.conf: a config file is read twice, which a pipe can't be" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--logfile", "--html", "--json-file"])
@pytest.mark.parametrize(("name", "says"), [("old_summary", "is a run's file"), ("linked", "is a hard link")])
def test_a_file_of_an_earlier_run_is_no_output(
    option: str, name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for old in ("old_run.json", "old_summary.json"):
        (tmp_path / old).write_text("precious")
    (tmp_path / "linked.json").hardlink_to(tmp_path / "old_summary.json")
    ending = "" if option == "--json-file" else ".json"
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "-i", "1", option, str(tmp_path / f"{name}{ending}")])
    assert ended.value.code == 2
    assert says in (error := capsys.readouterr().err)
    assert "name another file" in error
    assert (tmp_path / "old_summary.json").read_text() == "precious"


def test_a_link_to_a_file_that_is_yet_to_be_written_is_kept(tmp_path: Path) -> None:
    page, link = tmp_path / "page", tmp_path / "link"
    link.symlink_to(page)
    harnessed([*FILES, "--headless", "--mock", "-i", "1", "--csv", str(tmp_path / "run"), "--html", str(link)])
    assert link.is_symlink()
    assert not page.exists()


@pytest.mark.parametrize("name", ["csv", "data-dir", "html", "html-report", "json-file", "junit", "logfile"])
def test_a_nul_in_a_config_file_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.conf").write_text(f"{name} = a\0b\n")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "a.conf")])
    assert ended.value.code == 2
    assert "contains a NUL character" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.conf", "a.toml"])
def test_a_list_in_a_config_file_is_taken_whole(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text('[tool.locust]\nfail-if = ["p50>1", "p50>2"]\n[tool.other]\n# fail-if = 1\n')
    environment, _ = harnessed([*FILES, "--headless", "--mock", "-i", "1", "--config", str(tmp_path / name)])
    assert environment.parsed_options.fail_if == ["p50>1", "p50>2"]


def test_a_list_in_a_config_file_has_an_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parser takes 40 s over a hundred thousand items."""
    (tmp_path / "a.conf").write_text(f"fail-if = [{', '.join(['p95>2s'] * (MOST_ITEMS + 1))}]")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "a.conf")])
    assert ended.value.code == 2
    assert "a.conf: fail-if has over 1,000 items" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.conf", "a.toml"])
def test_a_list_of_service_levels_is_one_level(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text('[tool.locust]\nslo = ["latency<3", "ttfb<1"]\n')
    given = [*FILES, "--headless", "--mock", "-i", "1"]
    environment, _ = harnessed([*given, "--config", str(tmp_path / name)])
    assert environment.parsed_options.slo == "latency<3 ttfb<1"
    monkeypatch.setenv("LOCUST_SLO", "[latency<2, ttfb<2]")
    environment, _ = harnessed(given)
    assert environment.parsed_options.slo == "latency<2 ttfb<2"


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[locust]\n{}",
        "[[tool.locust]]\n{}",
        "{}[tool.locust]\niterations = 1\n",
        "[locust]\n{}[tool.locust]\niterations = 1\n",
    ],
)
def test_an_option_where_locust_looks_for_none_is_not_lost(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(content.format('fail-if = ["p50>1"]\n'))
    with pytest.raises(SystemExit) as ended:
        harnessed([*FILES, "--headless", "--mock", "--config", str(tmp_path / "a.toml")])
    assert ended.value.code == 2
    assert "a.toml: options must be in the table [tool.locust]" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[tool.locust.system]\na = 1\n", "[tool.locust]\nsystem = {a = 1}\n"])
def test_a_table_in_place_of_an_option_is_named(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(SystemExit) as ended:
        harnessed([*FILES, "--headless", "--mock", "--config", str(tmp_path / "a.toml")])
    assert ended.value.code == 2
    assert "a.toml: system: an option can't be a table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content"), [("pyproject.toml", "[tool.other]\na = 1\n"), ("a.toml", "[tool.locust]\n"), ("a.toml", "")]
)
def test_a_config_file_without_options_is_accepted(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    harnessed([*FILES, "--headless", "--mock", "--config", str(tmp_path / name)])


def test_a_byte_order_mark_in_a_config_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.conf").write_text("iterations = 5\n", encoding="utf-8-sig")
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--config", str(tmp_path / "a.conf")])
    assert ended.value.code == 2
    assert "error: the config file begins with a byte order mark" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.jsonl", "a\n\x1b[2J.jsonl"])
def test_no_control_character_of_a_file_reaches_the_terminal(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text('{"\\u001b[2J\\n": 1}')
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--models-file", "models.json", "-d", str(tmp_path / name)])
    assert ended.value.code == 2
    says = capsys.readouterr().err
    assert "expected one of prompt, text, messages" in says
    assert "\x1b" not in says
    assert len(says.splitlines()) == 1


def test_correctly_spelt_options_are_accepted() -> None:
    environment, _ = harnessed(
        ["OpenAIUser", "--headless", "--mock", "--models-file", "models.json", "--max-tokens", "5", "-i=1"]
    )
    assert environment.parsed_options.user_classes == ["OpenAIUser"]
    assert environment.parsed_options.max_tokens == "5"


# The rows' file in other hands


def in_the_middle(tmp_path: Path, act: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Run 20 calls, and do something to the files after the tenth; return the summary and the environment."""
    prefix = tmp_path / "out" / "run"
    given = ["--headless", "--mock", "--mock-latency", "0", "--models-file", "models.json", "--csv", str(prefix)]
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    environment, ours = harnessed([*given, "-i", "20", "-o", "json"])

    def see(request_type: str, **_: Any) -> None:
        seen.append(request_type)
        if len(seen) == 10:
            act(prefix)

    seen: list[str] = []
    environment.events.request.add_listener(see)
    start_and_wait(environment, 1)
    ours.end(environment)
    return json.loads(stdout.getvalue()), environment


def test_a_folder_that_vanishes_costs_the_summary_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(prefix: Path) -> None:
        for path in prefix.parent.iterdir():
            path.unlink()
        prefix.parent.rmdir()

    summary, environment = in_the_middle(tmp_path, vanish, monkeypatch)
    assert summary["total_requests"] == summary["success_count"] == 20
    assert environment.process_exit_code == 70


def test_a_file_that_is_moved_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary, environment = in_the_middle(
        tmp_path, lambda prefix: prefix.parent.rename(tmp_path / "elsewhere"), monkeypatch
    )
    assert summary["total_requests"] == 20
    assert environment.process_exit_code == 70


def test_a_run_that_began_where_a_moved_one_was_keeps_its_own_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moved one's was written over it, so that files of one run had the figures of another."""

    def move(prefix: Path) -> None:
        prefix.parent.rename(tmp_path / "elsewhere")
        Results("another-run", str(prefix)).write_json("run.json", {"run_id": "another-run"})
        Path(f"{prefix}_summary.json").write_text("its own")

    summary, environment = in_the_middle(tmp_path, move, monkeypatch)
    assert (summary["total_requests"], environment.process_exit_code) == (20, 70)
    assert (tmp_path / "out" / "run_summary.json").read_text() == "its own"


@pytest.mark.parametrize("name", ["run.json", "stats.csv", "stats_history.csv", "failures.csv", "exceptions.csv"])
def test_any_file_of_the_run_that_vanishes_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    summary, environment = in_the_middle(tmp_path, lambda prefix: Path(f"{prefix}_{name}").unlink(), monkeypatch)
    assert (summary["total_requests"], environment.process_exit_code) == (20, 70)
    assert f"run_{name} was deleted or moved during the run" in caplog.text


def test_a_file_that_is_cut_leaves_the_rest_and_the_loss_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def cut(prefix: Path) -> None:
        with open(f"{prefix}_requests.csv", "r+") as file:
            file.truncate(5)

    summary, environment = in_the_middle(tmp_path, cut, monkeypatch)
    assert summary["total_requests"] == 10
    assert environment.process_exit_code == 70
    assert "the run is not complete: 10 rows were lost with their file" in caplog.text
    assert b"\0" not in (tmp_path / "out" / "run_requests.csv").read_bytes()


def test_a_disk_that_says_only_at_the_close_that_it_is_full_costs_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As network file systems do, which write later."""
    close = Records.close

    def refuse(records: Records) -> None:
        close(records)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(Records, "close", refuse)
    summary, environment = in_the_middle(tmp_path, lambda _: None, monkeypatch)
    assert (summary["total_requests"], environment.process_exit_code) == (20, 70)
    assert json.loads((tmp_path / "out" / "run_summary.json").read_text()) == summary
    assert "run: disk quota exceeded; the run's files are incomplete" in caplog.text
    assert "stdout" not in caplog.text


def test_rows_are_not_appended_to_another_programs_output(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call()))
    with open(records.path, "a") as file:
        file.write("garbage\n")
    with pytest.raises(OSError, match="its size was changed"):
        records.append(cells_of(a_call(request=2)))
    assert records.row_count == 1


# Streams that go away


class Gone:
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    flush = close = write


def test_a_closed_stream_accepts_everything_silently() -> None:
    stream: Any = Lasting(Gone())  # type: ignore[arg-type]
    assert print("told", file=stream) is None
    assert stream.write("told") == 4


def test_a_closed_stdout_costs_neither_the_gates_nor_junit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.process.streams.take_stdout", Gone)
    junit = tmp_path / "gates.xml"
    environment, prefix = run(tmp_path, "-i", "3", "--fail-if", "max>0", "--junit", str(junit), monkeypatch=monkeypatch)
    assert environment.process_exit_code == 70
    assert 'failures="1"' in junit.read_text()
    assert prefix.with_name("run_summary.json").exists()


def test_a_failed_locust_report_costs_the_exit_code_but_no_other_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reports = ["--html", "/dev/full", "--json-file", str(tmp_path / "figures")]
    environment, _ = run(tmp_path, "-i", "3", *reports, monkeypatch=monkeypatch)
    assert environment.process_exit_code == 70
    assert "can't write results to /dev/full: no space left on device" in caplog.text
    assert "Traceback" not in caplog.text
    assert [entry["num_requests"] for entry in json.loads((tmp_path / "figures.json").read_text())] == [3]


def test_charts_that_cannot_be_written_cost_the_exit_code_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment, prefix = run(tmp_path, "-i", "3", "--html-report", "/dev/full", monkeypatch=monkeypatch)
    assert environment.process_exit_code == 70
    assert "--html-report /dev/full: no space left on device" in caplog.text
    assert "Traceback" not in caplog.text
    assert json.loads(prefix.with_name("run_summary.json").read_text())["total_requests"] == 3


def test_a_report_is_named_and_written_by_the_load_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, _ = run(tmp_path, "-i", "3", "--html", str(tmp_path / "of-{u}.html"), users=2, monkeypatch=monkeypatch)
    assert environment.process_exit_code == 0
    assert "chat gpt-4o" in (tmp_path / "of-2.html").read_text()
    assert environment.parsed_options.html_file is None


# Rows that no worker was asked for

A_ROW = cells_of(a_call(worker="w-0", run_id="r", request=1))


def test_a_row_has_every_column_with_a_possible_value() -> None:
    assert is_row(A_ROW, "r")
    assert not is_row(A_ROW, "another run")
    assert not is_row(A_ROW[:-1], "r")
    assert not is_row({"request": 1}, "r")
    wrong = {"request": "1", "latency_s": "fast", "outcome": "fine", "status": True, "prompt": None, "ttft_s": [0.1]}
    too_large = {"response_bytes": 2**64 - 1, "start_s": 1e300, "finish_reason": 100_000 * "x"}
    impossible = {"latency_s": -0.1, "lag_s": float("nan"), "output_tokens": -1}
    of_no_run = {"timestamp": "today", "scheduled_at": "2262-01-01T00:00:00Z", "ttfb_s": 1e10, "input_tokens": 2**52}
    of_another_form = {"timestamp": "2026-W48-5", "scheduled_at": "1970-01-01T00:00:00+14:00"}
    without_others = {"latency_s": None, "side": "baseline"}
    for bad in (wrong, too_large, impossible, of_no_run, of_another_form, without_others):
        for column, value in bad.items():
            assert not is_row(changed(column, value), "r"), column
    assert is_row(changed("start_s", -0.1), "r")
    for outcome, is_possible in {"ok": False, "failed": False, "aborted": True, "dropped": True}.items():
        untimed = cells_of(a_call(worker="w-0", run_id="r", outcome=outcome, latency_s=None))
        assert is_row(untimed, "r") == is_possible, outcome


def changed(column: str, value: object) -> list[Any]:
    cells = list(A_ROW)
    cells[COLUMNS.index(column)] = value
    return cells


A_SAMPLE = {"lags_s": [0.1], "stalls": [[1, 2.5]], "cpu_s": 0.1, "wall_s": 0.2, "late_calls": 0}
HISTOGRAMS = [
    ["title", "ttft_s", [[0.1, 0.2], [1, 2], 0.5, 0.1, 0.2]],
    ["title", "itl_s", [[], [], 0.0, None, None]],
]
TOKENS = [["title", 5, None, 0.0], ["title", 5, 0.1, 0.2]]


@pytest.mark.parametrize(
    "report",
    [{}, {"llm_in_flight": 3, "llm_histograms": [], "llm_client": A_SAMPLE}, {"llm_histograms": [HISTOGRAMS, TOKENS]}],
)
def test_a_worker_reports_figures_beside_its_rows(report: dict[str, Any]) -> None:
    assert are_figures(report)


BAD_FIGURES: list[dict[str, Any]] = [
    {"llm_in_flight": "3"},
    {"llm_client": 5},
    {"llm_client": {}},
    {"llm_client": {**A_SAMPLE, "lags_s": ["x"]}},
    {"llm_client": {**A_SAMPLE, "stalls": [[1]]}},
    {"llm_client": {**A_SAMPLE, "cpu_s": float("nan")}},
    {"llm_client": {**A_SAMPLE, "wall_s": 1e300}},
    {"llm_histograms": 5},
    {"llm_histograms": [[]]},
    {"llm_histograms": [[["title", "ttft_s"]], []]},
    {"llm_histograms": [[["title", "ttft_s", []]], []]},
    {"llm_histograms": [[["title", "ttft_s", [["x"], [1], 0.5, 0.1, 0.2]]], []]},
    {"llm_histograms": [[["title", "ttft_s", [[0.1], [1, 2], 0.5, 0.1, 0.2]]], []]},
    {"llm_histograms": [[[5, "ttft_s", [[], [], 0.0, None, None]]], []]},
    {"llm_histograms": [[], [["title", 5, None]]]},
    {"llm_histograms": [[], [[["title"], 5, None, 0.0]]]},
    {"llm_in_flight": -1},
    {"llm_in_flight": 1.5},
    {"llm_client": {**A_SAMPLE, "lags_s": [-0.1]}},
    {"llm_client": {**A_SAMPLE, "late_calls": 0.5}},
    {"llm_client": {**A_SAMPLE, "wall_s": 5e-324}},
    {"llm_histograms": [[["title", "itl_s", [[0.1], [-1], 0.1, 0.1, 0.1]]], []]},
    {"llm_histograms": [[["title", "itl_s", [[0.1], [0.5], 0.1, 0.1, 0.1]]], []]},
    {"llm_histograms": [[["title", "itl_s", [[0.1], [1], 0.1, [], 0.1]]], []]},
    {"llm_histograms": [[["title", "itl_s", [[0.1], [1], 0.1, 0.1, ""]]], []]},
    {"llm_histograms": [[["title", "itl_s", [[0.1, 0.2], [10**15, 10**15], 0.3, 0.1, 0.2]]], []]},
    {"llm_histograms": [[], [["title", -5, None, 0.0]]]},
    {"llm_histograms": [[], [["title", 5, "", 0.0]]]},
]


@pytest.mark.parametrize("report", BAD_FIGURES)
def test_figures_that_can_not_be_counted_are_not(report: dict[str, Any]) -> None:
    assert not are_figures(report)


@pytest.mark.parametrize("code", [0, 99, "2", None, []])
def test_a_worker_that_refuses_with_an_unknown_exit_code_fails_the_run(code: Any) -> None:
    noted = ExitCode()
    noted.note(code)
    assert noted.decide(Environment(parsed_options=Namespace(exit_code_on_error=0))) == 70


class ARun:
    """The parts of a run that a master needs."""

    run_id, is_counted_out = "r", True


def test_only_the_rows_of_granted_calls_are_accepted_and_each_once() -> None:
    ended: list[int] = []
    budget = Budget(3, lambda: ended.append(3))
    ledger = PermitLedger(budget, lambda worker, permit: None)
    for worker in ("one", "one", "two"):
        ledger.want(worker)
    run: Any = ARun()

    def accepts(worker: str, number: int, **changes: Any) -> bool:
        return _accepts(run, ledger, worker, cells_of(a_call(request=number, **changes)))

    assert not accepts("two", 1)
    assert not accepts("one", 4)
    assert not accepts("three", 1)
    assert accepts("one", 1)
    assert not accepts("one", 1)
    assert not accepts("one", 2, latency_s="fast")
    ledger.bury({"one"})
    assert (ledger.lost_count, ended) == (1, [3])
    assert not accepts("one", 3)
    assert accepts("two", 3)
    assert ledger.lost_count == 0
    assert not _accepts(run, ledger, "one", "no row at all")


# An open loop that falls behind shows it


def test_the_standing_counts_asked_delivered_waiting_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("harness.load.open_loop.now", lambda: clock[0])
    dropped: list[Permit] = []
    loop = OpenLoop((Due(float(at), 1) for at in range(10)), 1, 3.0, 0.0, dropped.append, lambda: None)
    warmup = loop.take()
    assert loop.standing() == Standing(0, 0, 0, 0)
    loop.end(warmup.number if warmup else 0)
    loop.begin()
    clock[0] = LEAD_S + 6.5
    turn()
    assert loop.standing() == Standing(7, 0, 7, 0)
    assert loop.take() is not None  # After those that have waited for over 3 s.
    assert loop.standing() == Standing(7, 1, 2, 4)
    assert len(dropped) == 4
    loop.close()
    clock[0] += 100
    assert loop.standing() == Standing(7, 1, 0, 6)


# How long a pair can take


def test_a_pair_of_calls_gets_both_of_their_timeouts_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pairs = ("--against", "mock", "--timeout", "3", "-i", "2")
    assert run(tmp_path, *in_pairs, monkeypatch=monkeypatch)[0].stop_timeout == 7
    assert run(tmp_path, "--timeout", "3", "-i", "2", monkeypatch=monkeypatch)[0].stop_timeout == 4


def test_an_open_loop_of_pairs_has_users_for_both_timeouts() -> None:
    """Else a baseline that hangs would keep all users, and calls to the target would be dropped."""
    schedule = ("--rate", "10", "-t", "5s", "--timeout", "3")
    assert a_plan(*schedule).load["num_users"] == 30
    assert a_plan(*schedule, "--against", "mock").load["num_users"] == 60


def test_a_master_that_waits_no_longer_tells_the_workers_that_came_to_quit(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Environment().create_master_runner("127.0.0.1", 0)
    told: list[bool] = []
    monkeypatch.setattr(runner, "quit", lambda: told.append(True))
    try:
        with pytest.raises(NoWorkers, match=r"^0 of 2 workers were ready within 0\.1 s$"):
            Master(runner, lambda *_: None, lambda: False).wait_for_workers(2, 0.1)
    finally:
        runner.greenlet.kill()
        runner.server.close(linger=0)
    assert told == [True]


def test_the_second_of_two_shutdowns_waits_for_the_first_to_end_the_process(tmp_path: Path) -> None:
    """`timeout` sends two SIGTERMs at once, and Locust shuts down for each."""
    environment, _ = harnessed([*FILES, "--headless", "--mock", "-i", "1", "--csv", str(tmp_path / "run")])
    of_sigterm = signal.getsignal(signal.SIGTERM)
    quitting = environment.events.quitting
    first, second = (gevent.spawn(quitting.fire, environment=environment, reverse=True) for _ in range(2))
    try:
        first.get(timeout=60)
        assert not second.ready()
    finally:
        second.kill()
        signal.signal(signal.SIGTERM, of_sigterm)
