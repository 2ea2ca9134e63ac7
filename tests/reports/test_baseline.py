"""A run with --baseline: compared at its end, and refused at its start if it can't be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import report
from harness.run.session import CallSession
from providers.permit import Permit
from providers.prompt import Prompt
from tests.running import MOCK, harnessed, run

CALLS = 200


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix of a plain run, in which no call fails."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return run(tmp_path_factory.mktemp("old"), "-i", str(CALLS), "--seed", "5", monkeypatch=monkeypatch)[1]


Ended = tuple[int, dict[str, Any], Path]


def ended(folder: Path, old: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Run to the end; return the exit code, the summary, and the prefix."""
    options = ("-i", str(CALLS), "--baseline", str(old), *arguments)
    environment, prefix = run(folder, *options, monkeypatch=monkeypatch)
    return environment.process_exit_code, json.loads(Path(f"{prefix}_summary.json").read_text()), prefix


def test_a_run_is_compared_with_its_baseline(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = ("--fail-if", "error_rate>+5%", "--fail-if", "median>+29s", "--fail-if", "p95>29")
    junit = ("--junit", str(tmp_path / "gates.xml"))
    code, summary, prefix = ended(tmp_path, old, "--mock-error-rate", "0.4", *gates, *junit, monkeypatch=monkeypatch)
    assert code == 3
    assert summary["comparison"]["error_rate"]["says"] == "worse"
    assert [(gate["gate"], gate["breached"]) for gate in summary["gates"]] == [
        ("p95>29", False), ("error_rate>+5%", True), ("median>+29s", False),
    ]  # fmt: skip
    assert summary["compared"]["differs"]["mock_error_rate"] == {"old": 0.0, "new": 0.4}
    assert summary["options"]["baseline"] == [str(old)]
    assert (tmp_path / "gates.xml").read_text().count("<failure ") == 1
    assert capsys.readouterr().err.count("breach: error_rate>+5%: error_rate changed by +") == 1
    assert report.summary_of(prefix) == summary


def test_what_was_compared_can_be_judged_again_without_the_baseline(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, prefix = ended(tmp_path, old, monkeypatch=monkeypatch)
    assert code == 0
    assert report.main([str(prefix), "--fail-if", "p95>+29s", "-o", "markdown"]) == 0
    assert report.main([str(prefix), "--fail-if", "p95<+29s", "-o", "table"]) == 3


def test_a_baseline_is_read_before_the_first_call(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with --baseline results/latest: it is read before the run takes its place."""
    folder = Path(shutil.copytree(old.parent, tmp_path / "results"))
    monkeypatch.setattr("harness.run.session.CallSession.prompt_of", removing(folder))
    _, summary, _ = ended(tmp_path, folder, monkeypatch=monkeypatch)
    assert summary["comparison"]["latency_median"]["old_samples"] == CALLS


def removing(folder: Path) -> Callable[[CallSession, Permit], Prompt]:
    """Return `prompt_of`, which also removes a folder."""
    prompt_of = CallSession.prompt_of

    def removes(session: CallSession, permit: Permit) -> Prompt:
        shutil.rmtree(folder, ignore_errors=True)
        return prompt_of(session, permit)

    return removes


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("run.json", {"versions": "x"}),
        ("run.json", {"seeds_sha256": ["a"]}),
        ("run.json", {"run_id": ["a"]}),
        ("run.json", {"options": {"against": "x"}}),
        ("summary.json", {"itl_s": 5}),
        ("summary.json", {"itl_s": {"p99": "1e309", "gaps": 5}}),
        ("summary.json", {"itl_s": {"p99": 1, "gaps": None}}),
    ],
)
def test_a_damaged_baseline_is_refused_before_any_call(
    name: str, damage: dict[str, Any], old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found at the end, the damage would cost the new run its summary."""
    folder = Path(shutil.copytree(old.parent, tmp_path / "old"))
    file = folder / f"{old.name}_{name}"
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    with pytest.raises(SystemExit, match="2"):
        harnessed([*MOCK, "--csv", str(tmp_path / "run"), "--baseline", str(folder)])
    (line,) = capsys.readouterr().err.splitlines()
    assert "_run.json is damaged" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--baseline", "nowhere"], "--baseline: nowhere: no run found"),
        (["--baseline", "OLD", "--baseline", "OLD"], "is given twice"),
        (["--baseline", "OLD", "--stream"], "can't be compared: streamed and not streamed"),
        (["--baseline", "OLD", "--api", "completions"], "can't be compared: api completions and api chat"),
        (["--baseline", "OLD", "--fail-if", "ttft_p95>+10%"], "ttft needs --stream"),
        (["--baseline", "", "--fail-if", "p95>+10%"], "give --baseline"),
        (["--fail-if", "p95>+10%"], "--fail-if p95>+10% compares with a baseline: give --baseline"),
    ],
)
def test_it_is_refused_before_any_call(
    arguments: list[str], reason: str, old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.replace("OLD", str(old)) for argument in arguments]
    with pytest.raises(SystemExit, match="2"):
        harnessed([*MOCK, "--csv", str(tmp_path / "run"), *given])
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_that_fails_does_not_cost_the_runs_own_figures(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("summary.baseline.runs.compare", failing)
    code, summary, _ = ended(tmp_path, old, "--fail-if", "p95>+29s", monkeypatch=monkeypatch)
    assert code == 70
    assert summary["success_count"] == CALLS
    [gate] = summary["gates"]
    assert gate["breached"]
    assert gate["reason"].startswith("there is no comparison with a baseline")
    assert "internal error in the comparison with the baseline" in caplog.text
