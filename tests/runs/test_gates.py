"""Gates in a pipeline: the exit code, the line on stderr and the JUnit report of whole runs."""

import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command_line import QUICK_MOCK, Command, Ended, free_port, locusts, rows_in, started, summary_in
from tests.mock_server import MockServer

OPENAI = ["--headless", "-p", "openai", "-m", "gpt-4o", "-k", "test-key-123"]
FAILING = ["--mock-error-rate", "1", "--exit-code-on-error", "9"]
UNWRITABLE = "report.txt/junit.xml"

BREACHED: dict[str, tuple[list[str], list[str]]] = {
    "slow": (
        ["-i", "20", "--fail-if", "p95 > 0s", "--fail-if", "p95>29s", "--junit", "new/junit.xml"],
        [r"breach: p95>0s: p95 is \d[\d.,]* m?s \(20 samples\)"],
    ),
    "failing": (
        ["-i", "5", *FAILING, "--fail-if", "error_rate>1%"],
        [r"breach: error_rate>1%: error_rate is 100 % \(5 samples\)"],
    ),
    "without a success": (
        ["-i", "30", *FAILING, "--fail-if", "p95>9", "--fail-if", "max<0.1"],
        ["breach: p95>9: no call succeeded", r"breach: max<0\.1: no call succeeded"],
    ),
    "off its level": (
        ["-i", "4", "--slo", "latency<0.001ms", "--fail-if", "goodput_rps<1", "--fail-if", "slo_attainment<99%"],
        [
            r"breach: goodput_rps<1: goodput_rps is 0/s \(4 samples\)",
            r"breach: slo_attainment<99%: slo_attainment is 0 % \(4 samples\)",
        ],
    ),
    "too short": (
        ["-i", "19", "--fail-if", "p95>9", "--fail-if", "ttft_p99>9", "--stream"],
        [
            r"breach: p95>9: too few samples \(19\): p95 needs 20",
            r"breach: ttft_p99>9: too few samples \(19\): p99 needs 100",
        ],
    ),
    "saturated": (
        ["-u", "1", "--rate", "200", "-i", "20", "--timeout", "0.05", "--mock-latency", "9",
         "--fail-if", "dropped_count>0", "--fail-if", "latency_from_schedule_p95>0.1"],
        [
            r"breach: dropped_count>0: dropped_count is \d+ \(20 samples\)",
            r"breach: latency_from_schedule_p95>0\.1: no call succeeded",
        ],
    ),
    "slow in one stage": (
        ["--rate-stages", "50:0.5s,100:0.5s", "--fail-if", "stage 2 p90>0s", "--fail-if", "stage 1 p90>29s",
         "--fail-if", "stage 2 total_requests<50", "--fail-if", "p99.9>29s", "--junit", "junit.xml"],
        [
            r"breach: stage 2 p90>0s: p90 is [\d.,]+ m?s \(50 samples\)",
            r"breach: p99\.9>29s: too few samples \(75\): p99\.9 needs 1,000",
        ],
    ),
    "given up": (
        ["-i", "500", "-u", "5", "-r", "5", *FAILING, "--fail-fast", "--fail-if", "failure_count>1",
         "--fail-if", "p95>9", "--junit", "junit.xml"],
        [
            r"breach: failure_count>1: failure_count is \d+ \(\d+ samples\)",
            "breach: p95>9: no call succeeded",
        ],
    ),
}  # fmt: skip

KEPT: dict[str, tuple[list[str], int]] = {
    "well": (["-i", "20", "--fail-if", "p95>3600", "--fail-if", "error_rate>0%", "--junit", "junit.xml"], 0),
    "failures that no gate forbids": (["-i", "3", *FAILING, "--fail-if", "total_requests<3"], 9),
    "nothing to give up": (["-i", "8", "--fail-fast", "--fail-if", "failure_count>1", "--junit", "junit.xml"], 0),
}

REFUSED: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "an unknown figure": (["--fail-if", "p98>1"], ("--fail-if p98>1", "unknown figure p98", "did you mean p")),
    "a stage too many": (
        ["--rate-stages", "5:1s,9:1s", "--fail-if", "stage 3 p95>1"],
        ("--fail-if stage 3 p95>1: the schedule has 2 stages",),
    ),
    "a stage without a schedule": (["--fail-if", "stage 1 p95>1"], ("needs several stages (--rate-stages)",)),
    "no condition": (["--fail-if", "p95=1"], ("--fail-if p95=1", "such as p95>2")),
    "a gate on TTFT without a stream": (["--fail-if", "ttft_p95>1"], ("ttft_p95>1", "needs --stream")),
    "a gate on goodput without a level": (["--fail-if", "goodput_rps<1"], ("goodput_rps<1", "needs --slo")),
    "a gate on drops in a closed loop": (["--fail-if", "dropped_count>1"], ("dropped_count>1", "needs --rate")),
    "a level on TTFT without a stream": (["--slo", "ttft<1"], ("--slo ttft<1", "needs --stream")),
    "a report without a gate": (["--junit", "junit.xml"], ("--junit", "needs --fail-if")),
    "a report below a file": (["--fail-if", "p95>1", "--junit", UNWRITABLE], (UNWRITABLE, "can't write")),
    "a rate without an end": (["--rate", "5"], ("--rate", "-i", "-t", "--rate-stages")),
    "a rate and stages": (["--rate", "5", "--rate-stages", "5:1s"], ("--rate", "--rate-stages", "mutually exclusive")),
}

UNREACHABLE = "an unreachable host"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each run of this module has a separate folder."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def ended(folder: Path, shared_mock_server: MockServer) -> dict[str, Ended]:
    shared_mock_server.reset()
    nobody = f"http://127.0.0.1:{free_port()}"
    cases: dict[str, Sequence[str]] = {
        **{case: [*QUICK_MOCK, "--csv", "run", *arguments] for case, (arguments, _) in BREACHED.items()},
        **{case: [*QUICK_MOCK, "--csv", "run", *arguments] for case, (arguments, _) in KEPT.items()},
        **{case: [*OPENAI, "-H", shared_mock_server.url, *arguments] for case, (arguments, _) in REFUSED.items()},
        UNREACHABLE: [*OPENAI, "-H", nobody, "--fail-if", "p95>9", "--junit", "junit.xml"],
    }
    for case in cases:
        (folder / case).mkdir()
        (folder / case / "report.txt").touch()
    return locusts(folder, {case: Command(arguments) for case, arguments in cases.items()})


def breaches(done: Ended) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("breach")]


def suite(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()


@pytest.mark.parametrize("case", BREACHED)
@pytest.mark.timeout(300)
def test_a_breach_ends_with_3_and_a_line_on_stderr(case: str, ended: dict[str, Ended]) -> None:
    assert ended[case].code == 3, ended[case].stderr
    expected = BREACHED[case][1]
    found = [line.partition(" (the client itself ")[0] for line in breaches(ended[case])]
    assert len(found) == len(expected)
    assert [line for line, pattern in zip(found, expected, strict=True) if not re.fullmatch(pattern, line)] == []
    assert "Traceback" not in ended[case].stderr


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.timeout(300)
def test_without_a_breach_the_code_is_what_it_would_be_without_gates(case: str, ended: dict[str, Ended]) -> None:
    assert ended[case].code == KEPT[case][1], ended[case].stderr
    assert breaches(ended[case]) == []
    assert "Gates: none breached" in ended[case].stdout


def test_the_log_warns_of_a_gate_that_the_timeout_keeps_from_being_breached(ended: dict[str, Ended]) -> None:
    assert "WARNING/llm: --fail-if p95>3600: no success takes so long, as --timeout is 30 s" in ended["well"].stderr


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.timeout(300)
def test_a_gate_that_cant_be_judged_is_refused_before_any_call(
    case: str, folder: Path, ended: dict[str, Ended], shared_mock_server: MockServer
) -> None:
    assert ended[case].code == 2, ended[case].stderr
    assert [part for part in REFUSED[case][1] if part not in ended[case].error_line] == []
    assert ended[case].stdout == ""
    assert list((folder / case).glob("results/*")) == []
    assert shared_mock_server.stats()["requests"] == 0


@pytest.mark.timeout(300)
def test_an_unreachable_host_ends_with_1_and_without_a_report(folder: Path, ended: dict[str, Ended]) -> None:
    assert ended[UNREACHABLE].code == 1
    assert "can't be reached" in ended[UNREACHABLE].error_line
    assert not (folder / UNREACHABLE / "junit.xml").exists()


@pytest.mark.parametrize(
    ("case", "file", "tests", "failures"),
    [
        ("slow", "new/junit.xml", 2, 1),
        ("well", "junit.xml", 2, 0),
        ("given up", "junit.xml", 2, 2),
        ("slow in one stage", "junit.xml", 4, 2),
    ],
)
@pytest.mark.timeout(300)
def test_the_report_has_one_test_per_gate(
    case: str, file: str, tests: int, failures: int, folder: Path, ended: dict[str, Ended]
) -> None:
    found = suite(folder / case / file)
    assert (found.attrib["tests"], found.attrib["failures"], found.attrib["errors"]) == (str(tests), str(failures), "0")
    assert (len(found.findall("testcase")), len(found.findall("testcase/failure"))) == (tests, failures)
    judged = [(gate["gate"], gate["reason"]) for gate in summary_in(folder / case)["gates"] if gate["breached"]]
    reported = [(test.attrib["name"], test[0].attrib["message"]) for test in found if test[0].tag == "failure"]
    assert reported == judged


@pytest.mark.timeout(300)
def test_fail_fast_ends_a_run_that_cant_pass_any_more(folder: Path, ended: dict[str, Ended]) -> None:
    assert 2 <= len(rows_in(folder / "given up")) < 500
    lines = [line for line in ended["given up"].stderr.splitlines() if "failure_count>1 can no longer be" in line]
    assert len(lines) == 1
    assert len(rows_in(folder / "nothing to give up")) == 8


@pytest.mark.timeout(300)
def test_a_saturated_runs_rows_are_all_there(folder: Path, ended: dict[str, Ended]) -> None:
    assert sorted(int(row["request"]) for row in rows_in(folder / "saturated")) == list(range(1, 21))
    assert summary_in(folder / "saturated")["error_rate"] == 1.0


@pytest.mark.timeout(300)
def test_a_gate_on_a_frozen_client_is_not_blamed_on_the_server(tmp_path: Path) -> None:
    """An open loop that is stopped for 1.5 s: the calls of that time start late, though each is answered at once."""
    gate = ["--fail-if", "latency_from_schedule_p99>1s"]
    with started(tmp_path, [*QUICK_MOCK, "--rate", "20", "-i", "80", "--csv", "run", *gate]) as running:
        rows = tmp_path / "run_requests.csv"
        running.until(lambda: rows.exists() and len(rows_in(tmp_path)) > 10)
        running.send(signal.SIGSTOP)
        time.sleep(1.5)
        running.send(signal.SIGCONT)
        ended = running.wait()
    (breach,) = breaches(ended)
    assert ended.code == 3
    assert re.search(r"\(the client itself .*stood still for .*started late: \d+ % of the calls\)", breach)
    verdict = summary_in(tmp_path)["verdict"]
    doubts = {finding["about"]: finding["touches"] for finding in verdict["findings"] if not finding["ok"]}
    assert not verdict["believable"]
    assert "latency_from_schedule_s" in doubts["stalls"]
    assert doubts["starts"] == ["latency_from_schedule_s"]
