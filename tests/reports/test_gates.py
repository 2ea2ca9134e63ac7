"""report.py judges a finished run again: by another level and by other gates."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

import report
from summary.gates import language, verdict
from tests.command_line import PROJECT
from tests.running import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 30 calls, three of them failed, without gates."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        options = ("-i", "30", "--mock-error-rate", "0.1", "--seed", "2")
        _, prefix = run(tmp_path_factory.mktemp("finished"), *options, users=4, monkeypatch=monkeypatch)
    return prefix


def test_a_gate_that_holds_is_exit_code_3_and_a_line(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(finished), "--fail-if", "p95>0", "--fail-if", "max>29"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("breach: p95>0: p95 is ")


def test_gates_that_do_not_hold_are_exit_code_0(finished: Path) -> None:
    assert report.main([str(finished), "--fail-if", "p95>29", "-o", "csv"]) == 0


def test_a_separate_level_gives_attainment_and_goodput(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(finished), "--slo", "latency<29", "-o", "json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["slo_attainment"] == summary["success_count"] / 30 < 1
    assert summary["goodput_rps"] == summary["throughput_rps"]


def test_a_condition_is_parsed_once_and_a_gate_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr, the exit code, JUnit and the summary all report the same verdict."""
    parse, judge = Mock(wraps=language.parse), Mock(wraps=verdict.judge)
    monkeypatch.setattr(language, "parse", parse)
    monkeypatch.setattr(verdict, "judge", judge)
    junit = tmp_path / "gates.xml"
    conditions = ("--slo", "latency<29", "--fail-if", "p50>29", "--fail-if", "failure_count<9", "--junit", str(junit))
    environment, prefix = run(tmp_path, "-i", "3", "--fail-fast", *conditions, monkeypatch=monkeypatch)
    assert environment.process_exit_code == 3
    assert [call.args[0] for call in parse.call_args_list] == ["latency<29", "p50>29", "failure_count<9"]
    assert [call.args[0].text for call in judge.call_args_list] == ["p50>29", "failure_count<9"]
    assert [gate["breached"] for gate in report.summary_of(prefix)["gates"]] == [False, True]
    assert junit.read_text().count("<failure ") == 1


def test_conditions_of_each_slo_on_the_command_line_count(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = ["--slo", "latency<29", "--slo", "latency<=0s"]
    assert report.main([str(finished), *twice, "-o", "json", "--fail-if", "slo_attainment<1%"]) == 3
    assert json.loads(capsys.readouterr().out)["slo_attainment"] == 0
    _, prefix = run(tmp_path, "-i", "1", *twice, monkeypatch=monkeypatch)
    assert json.loads(Path(f"{prefix}_summary.json").read_text())["options"]["slo"] == "latency<29 latency<=0s"


@pytest.mark.parametrize("bad", [["--fail-if", "speed>1"], ["--slo", "ttft"]], ids=" ".join)
def test_a_bad_condition_is_one_line_and_exit_code_2(
    bad: list[str], finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(finished), *bad]) == 2
    assert capsys.readouterr().err.startswith(f"report.py: error: {' '.join(bad)}")


@pytest.mark.parametrize("against", [(), ("--against", "the run")], ids=["alone", "compared"])
@pytest.mark.parametrize("idle", [["--fail-if", "p95>800"], ["--slo", "latency<500"]], ids=" ".join)
def test_of_a_time_beyond_the_runs_timeout_report_warns(
    idle: list[str], against: tuple[str, ...], finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [str(finished) if each == "the run" else each for each in against]
    assert report.main([str(finished), *others, *idle]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"report.py: warning: {' '.join(idle)}: no success takes so long")


def test_old_runs_alone_are_not_compared_with_whatever_is_newest(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["--against", str(finished), str(finished), "--fail-if", "p95>+10%"]) == 2
    assert "name the new run before it" in capsys.readouterr().err


def test_locusts_statistics_cannot_be_judged_per_call(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([f"{finished}_stats.csv", "--fail-if", "p95>1"]) == 2
    assert "need a run's rows" in capsys.readouterr().err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "streams", "code"),
    [
        (["--fail-if", "p95>0"], ">/dev/null 2>&-", 3),
        (["--fail-if", "p95>0"], ">/dev/null 2>/dev/full", 3),
        (["--fail-if", "speed>1"], ">/dev/null 2>/dev/full", 2),
        (["--no-such-option"], "2>/dev/full", 2),
        (["-o", "markdown"], ">/dev/full", 2),
        ([], ">&- 2>&-", 2),
    ],
    ids=str,
)
def test_unwritable_streams_do_not_change_the_exit_code(
    arguments: list[str], streams: str, code: int, unbuffered: str, finished: Path
) -> None:
    command = [sys.executable, str(PROJECT / "report.py"), str(finished), *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", *command], cwd=PROJECT, env=environment, check=False)
    assert done.returncode == code


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_summary_that_a_full_disk_cuts_is_no_success(unbuffered: str, finished: Path, tmp_path: Path) -> None:
    """A limit of 8 blocks of 512 bytes simulates a full disk. Unbuffered, Python drops what didn't fit."""
    command = [sys.executable, str(PROJECT / "report.py"), str(finished), "-o", "json"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"}
    with (tmp_path / "out").open("wb") as out:
        limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *command]
        done = subprocess.run(limited, stdout=out, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (2, "report.py: error: stdout: file too large\n")


WRITES_LATER = """
import os, sys
from summary.cells import make_stdout_whole
another_programs = os.dup(1)
make_stdout_whole()
os.set_blocking(another_programs, False)
sys.stdout.write("x" * 10_000_000)
"""


def test_the_reader_of_a_pipe_is_waited_for_if_others_make_it_non_blocking_later() -> None:
    """Python would write no more than what fits into the pipe at once."""
    done = subprocess.run([sys.executable, "-c", WRITES_LATER], cwd=PROJECT, capture_output=True, check=False)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 10_000_000, b"")


def test_a_stdout_that_is_no_pipe_is_made_blocking() -> None:
    """gevent makes a child's streams blocking, so it is the child that makes them non-blocking again."""
    ours, theirs = socket.socketpair()
    code = "import os; os.set_blocking(1, False); from summary.cells import make_stdout_whole; make_stdout_whole()"
    with ours, theirs:
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT, stdout=theirs.fileno(), check=True)
        assert os.get_blocking(theirs.fileno())  # which the child shares


def test_a_closed_stdout_is_named_as_the_reason(finished: Path) -> None:
    command = [sys.executable, str(PROJECT / "report.py"), str(finished)]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "report.py: error: stdout: bad file descriptor\n")
