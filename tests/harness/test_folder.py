"""Where a run's files are: under a run number, and easy to find again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

import report
from harness.errors import UsageError
from harness.record.folder import Results, check_writable
from tests.command_line import PROJECT
from tests.running import MOCK, harnessed, run

CLAIMING = """
import sys
from harness.record.folder import Results

sys.stdin.read(1)
print(Results(sys.argv[1], "out/run").prefix)
"""


def test_five_runs_at_once_under_one_prefix_get_five_numbers(empty_folder: Path) -> None:
    command = [sys.executable, "-c", CLAIMING]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipe = subprocess.PIPE
    runs = [
        subprocess.Popen([*command, f"run-{number}"], stdin=pipe, stdout=pipe, env=environment, text=True)
        for number in range(5)
    ]
    for process in runs:
        assert process.stdin is not None
        process.stdin.close()
    claimed = {process.communicate()[0].strip() for process in runs}
    assert claimed == {"out/run", *(f"out/run-{number}" for number in range(2, 6))}


@pytest.mark.parametrize("name", ["requests.csv", "failures.csv", "summary.json"])
def test_a_prefix_counts_as_used_if_any_run_file_has_it(name: str, empty_folder: Path) -> None:
    Path(f"run_{name}").write_text("precious")
    assert Results("r", "run").prefix == Path("run-2")
    assert Path(f"run_{name}").read_text() == "precious"


def test_without_a_place_for_results_the_message_says_how_to_name_one(empty_folder: Path) -> None:
    Path("results").write_text("in the way")
    with pytest.raises(UsageError, match=r"can't write results to results: .*; --csv PREFIX puts them elsewhere"):
        check_writable(None)
    with pytest.raises(UsageError, match=r"can't write results to results: [^;]*$"):
        check_writable("results/run")


def test_a_link_to_nowhere_counts_as_used_too(empty_folder: Path) -> None:
    Path("run_summary.json").symlink_to("nowhere")
    assert Results("r", "run").prefix == Path("run-2")


def test_a_draft_replaces_no_file_of_anothers(empty_folder: Path) -> None:
    """Browsers call what they have yet to download so."""
    Path("run_summary.json.part").write_text("precious")
    Results("r", "run").write_json("summary.json", {"a": 1})
    assert json.loads(Path("run_summary.json").read_text()) == {"a": 1}
    assert Path("run_summary.json.part").read_text() == "precious"


def test_a_file_that_cant_be_written_leaves_no_draft(empty_folder: Path) -> None:
    results = Results("r", "run")
    Path("run_summary.json").mkdir()
    before = sorted(empty_folder.iterdir())
    with pytest.raises(IsADirectoryError):
        results.write_json("summary.json", {"a": 1})
    assert sorted(empty_folder.iterdir()) == before


def a_run(folder: Path, *arguments: str) -> str:
    """Make a run; return its id."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        run(folder, "-i", "1", *arguments, monkeypatch=monkeypatch)
    return newest_id()


def newest_id() -> str:
    assert report.main(["-o", "json", "--out", "report.json"]) == 0
    return str(json.loads(Path("report.json").read_text())["run_id"])


def id_under(prefix: str) -> str:
    return str(json.loads(Path(f"{prefix}_run.json").read_text())["run_id"])


def test_a_report_without_a_path_finds_the_newest_run_anywhere(empty_folder: Path) -> None:
    elsewhere = Path("else/where")
    elsewhere.mkdir(parents=True)
    assert a_run(elsewhere) == id_under("else/where/run")
    own_folder = a_run(empty_folder, "--csv", "")
    assert own_folder == (empty_folder / "results" / "latest").resolve().name
    assert a_run(elsewhere) == id_under("else/where/run-2")
    for path in elsewhere.glob("run-2_*"):
        path.unlink()
    assert newest_id() == own_folder


def test_without_a_place_for_the_pointer_a_run_goes_on(empty_folder: Path) -> None:
    Path("results").write_text("a file")
    assert Results("r", "run").prefix == Path("run")
    assert report.main([]) == 2


def test_a_start_that_another_one_replaces_leaves_no_folder(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = Event()

    def waiting() -> None:
        reached.set()
        gevent.sleep(60)

    monkeypatch.setattr("harness.record.recorder.platform", waiting)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    environment, _ = harnessed(MOCK)
    environment.runner.start(1, spawn_rate=1)
    assert reached.wait(30)
    environment.runner.spawning_greenlet.kill()
    assert list(empty_folder.glob("results/*")) == []
