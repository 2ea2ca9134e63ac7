"""report.py compares runs: real ones, those of an older version, and those that can't be compared."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import report
from summary.gates.relative import COMPARED
from summary.rows.rows import REQUIRED
from tests.running import run

STAGES = ("--rate-stages", "200:0.4s,300:0.4s")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an old and a new run of streams in two stages; `slow` is the new one with half as much again."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("old", "new"):
        (folder / name).mkdir()
        with pytest.MonkeyPatch.context() as monkeypatch:
            run(folder / name, *STAGES, "--stream", "--seed", "3", "--slo", "latency<29", monkeypatch=monkeypatch)
    shutil.copytree(folder / "new", folder / "slow")
    path = folder / "slow" / "run_requests.csv"
    rows = pd.read_csv(path)
    rows["latency_s"] = rows["latency_s"] * 1.5 + 10
    rows.to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module")
def slower(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The slow run against the old one."""
    return compared(runs / "slow", runs / "old", tmp_path_factory.mktemp("slower") / "out")


@pytest.fixture
def copies(runs: Path, tmp_path: Path) -> Path:
    """A copy of these runs, to be changed."""
    return Path(shutil.copytree(runs, tmp_path / "runs"))


def compared(new: Path, old: Path, out: Path, *arguments: str) -> dict[str, Any]:
    assert report.main([str(new), "--against", str(old), "-o", "json", "--out", str(out), *arguments]) in (0, 3)
    return dict(json.loads(out.read_text()))


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert report.main([str(each) for each in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def in_one_line(printed: str) -> str:
    return " ".join(printed.replace("│", " ").split())


def edited(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_gate_says_how_the_client_affected_the_new_run(copies: Path, tmp_path: Path) -> None:
    client = report.summary_of(copies / "slow")["client"]
    stalls = {"count": 1, "longest_s": 9.0, "total_s": 9.0}
    edited(copies / "slow" / "run_summary.json", client={**client, "stalls": stalls})
    (gate,) = compared(copies / "slow", copies / "old", tmp_path / "out", "--fail-if", "p95>+10%")["gates"]
    assert "stood still for 9 s" in gate["reason"]
    (gate,) = compared(copies / "old", copies / "slow", tmp_path / "out", "--fail-if", "p95>+10%")["gates"]
    assert "stood still for 9 s" not in gate["reason"]


def test_each_figure_has_both_sides_the_change_and_what_it_says(
    runs: Path, slower: dict[str, Any], tmp_path: Path
) -> None:
    found = slower
    entry, old = found["comparison"]["latency_p95"], report.summary_of(runs / "old")["latency_s"]["p95"]
    assert entry["old"] == old
    assert entry["difference"] == entry["new"] - old > 9
    assert entry["change_ci95"][0] <= entry["change"] <= entry["change_ci95"][1]
    assert (entry["says"], entry["old_samples"], entry["new_samples"]) == ("worse", 200, 200)
    assert found["comparison"]["error_rate"]["says"] == "same"
    assert [name for name in COMPARED if name not in found["comparison"] and "p99_9" not in name] == []
    assert compared(runs / "old", runs / "slow", tmp_path / "out")["comparison"]["latency_median"]["says"] == "better"


def test_a_run_against_itself_is_the_same(runs: Path, tmp_path: Path) -> None:
    found = compared(runs / "old", runs / "old", tmp_path / "out")
    assert {entry["says"] for entry in found["comparison"].values()} <= {"same", None}
    assert all(entry["change"] == 0 for entry in found["comparison"].values())
    assert "The same run is on both sides." in found["compared"]["notes"]


def test_stages_are_compared_too(slower: dict[str, Any]) -> None:
    stages = slower["compared"]["stages"]
    assert [(stage["stage"], stage["from_rps"]) for stage in stages] == [(1, 200), (2, 300)]
    assert [stage["comparison"]["latency_median"]["says"] for stage in stages] == ["worse", "worse"]


def test_the_table_says_in_words_what_one_run_each_can_show(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(runs / "slow"), "--against", str(runs / "old")]) == 0
    printed = capsys.readouterr().out
    assert "Worse: latency (median, p95, p99)" in printed
    assert "Stage 2: Worse: " in printed
    assert "two runs differ by more than their calls" in in_one_line(printed)
    assert {line[-1] for line in printed.splitlines() if line and line[0] in "│┃┌└"} <= set("│┃┐┘"), printed


def test_several_runs_of_a_side_are_the_unit(copies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("old", "slow"):
        again = copies / f"{name}-again"
        shutil.copytree(copies / name, again)
        for path in again.glob("run_*"):
            path.write_text(path.read_text().replace(report.summary_of(copies / name)["run_id"], f"{name}-again"))
    new, old = ([str(copies / name), str(copies / f"{name}-again")] for name in ("slow", "old"))
    assert report.main([*new, "--against", *old, "-o", "json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out").read_text())
    assert found["compared"]["unit"] == "run"
    assert found["comparison"]["latency_median"]["says"] == "worse"
    assert found["comparison"]["latency_median"]["old_samples"] == 400
    assert not any("One run" in note for note in found["compared"]["notes"])
    assert report.main([*new, "--against", *old]) == 0
    printed = capsys.readouterr().out
    assert "ITL median" in printed
    assert "Samples: old 400, new 400\n" in printed


def test_old_runs_can_be_given_one_by_one(runs: Path, tmp_path: Path) -> None:
    one_by_one = compared(runs / "new", runs / "old", tmp_path / "out", "--against", str(runs / "slow"))
    arguments = ["--against", str(runs / "old"), str(runs / "slow"), "-o", "json", "--out", str(tmp_path / "both")]
    assert report.main([str(runs / "new"), *arguments]) == 0
    assert one_by_one == json.loads((tmp_path / "both").read_text())


def test_csv_has_a_row_per_figure_and_stage(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(runs / "slow"), "--against", str(runs / "old"), "-o", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["stage"] for row in rows} == {"", "1", "2"}
    assert next(row for row in rows if row["figure"] == "latency_p95")["says"] == "worse"


def test_markdown_has_the_verdict_in_its_first_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = ("--fail-if", "p95>+10%", "--fail-if", "p99>29", "-o", "markdown")
    assert report.main([str(runs / "slow"), "--against", str(runs / "old"), *gates]) == 3
    first, _, second, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("**1 of 2 gates breached. Worse: latency (median, p95, p99)")
    assert second == f"New: `{runs / 'slow'}`, old: `{runs / 'old'}`"
    assert "| figure | old | new | change | 95 % CI |  | samples |" in lines
    assert any(line.startswith("| p95\\>+10% | ❌ | p95 changed by ") for line in lines)


def test_markdown_of_a_single_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(runs / "old"), "-o", "markdown", "--fail-if", "p95>29"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("**No gate breached. ")
    assert "| succeeded | 200 |" in printed
    assert "\n| latency, ms | " in printed
    assert "| p95\\>29 | ✅ | p95 is " in printed


def test_gates_are_judged_by_the_interval(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = [str(runs / "slow"), "--against", str(runs / "old")]
    assert report.main([*sides, "--fail-if", "p95>+10%", "--fail-if", "error_rate>+1%"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("breach: p95>+10%: p95 changed by +")
    assert report.main([*sides, "--fail-if", "p95>+29s", "--fail-if", "throughput_rps<-99%"]) == 0
    assert report.main([*sides, "--fail-if", "p95>10"]) == 3
    assert report.main([*sides, "--fail-if", "slo_attainment<-1%", "--slo", "latency<5"]) == 3


# What an older version wrote


def test_files_of_an_older_version_are_compared_as_far_as_they_go(copies: Path, tmp_path: Path) -> None:
    path = copies / "old" / "run_requests.csv"
    pd.read_csv(path, dtype=str, usecols=list(REQUIRED)).to_csv(path, index=False)
    for name in ("run.json", "summary.json"):
        (copies / "old" / f"run_{name}").unlink()
    found = compared(copies / "slow", copies / "old", tmp_path / "out")
    assert found["comparison"]["latency_p95"]["says"] == "worse"
    assert found["comparison"]["ttft_median"]["old"] is None
    assert found["comparison"]["ttft_median"]["says"] is None
    assert found["compared"]["stages"] is None


def test_a_run_with_two_sides_is_compared_by_its_target(copies: Path, tmp_path: Path) -> None:
    in_pairs(copies / "new" / "run_requests.csv")
    found = compared(copies / "new", copies / "old", tmp_path / "out")["comparison"]
    assert (found["latency_p95"]["new_samples"], found["error_rate"]["new_samples"]) == (200, 200)
    assert found["latency_p95"]["new"] < 100
    assert report.main([str(copies / "new"), "-o", "markdown", "--out", str(tmp_path / "out")]) == 0
    headline, *lines = (tmp_path / "out").read_text().splitlines()
    assert "Against the baseline: latency " in headline
    assert "| ms, or count | target | baseline | added | 95 % CI | slower |" in lines


def test_calls_in_pairs_on_one_side_alone_are_said(copies: Path, tmp_path: Path) -> None:
    """Users who also wait for a baseline make fewer calls to the target, however fast it is."""
    in_pairs(copies / "new" / "run_requests.csv")
    run_json = copies / "new" / "run_run.json"
    options = json.loads(run_json.read_text())["options"]
    edited(run_json, options={**options, "against": {"host": "http://b", "mode": "real", "model": "m"}})
    found = compared(copies / "new", copies / "old", tmp_path / "out")["compared"]
    assert found["notes"][0].startswith(f"Only {copies / 'new'} made calls in pairs (--against)")
    assert found["differs"]["against"] == {"old": None, "new": "http://b"}
    shutil.copytree(copies / "new", copies / "newer")
    edited(copies / "newer" / "run_run.json", options={**options, "against": {"mode": "mock", "model": "n"}})
    found = compared(copies / "newer", copies / "new", tmp_path / "out")["compared"]
    assert not any("in pairs" in note for note in found["notes"])
    assert found["differs"] == {
        "against": {"old": "http://b", "new": "mock"},
        "against_model": {"old": "m", "new": "n"},
    }


def in_pairs(path: Path) -> None:
    """Let each call have a second one to a baseline."""
    rows = pd.read_csv(path)
    rows["pair"] = rows["request"]
    other = rows.assign(latency_s=100.0, side="baseline", request=rows["request"] + len(rows))
    pd.concat([rows.assign(side="target"), other]).to_csv(path, index=False)


def test_seed_files_are_compared_by_their_hash_if_both_sides_have_one(copies: Path, tmp_path: Path) -> None:
    def says() -> bool:
        notes = compared(copies / "new", copies / "old", tmp_path / "out")["compared"]["notes"]
        return any("seed files differ" in note for note in notes)

    assert not says()
    edited(copies / "new" / "run_run.json", seeds_sha256="a")
    edited(copies / "old" / "run_run.json", seeds_sha256="a")
    assert not says()
    edited(copies / "old" / "run_run.json", seeds_sha256="b")
    assert says()


def test_other_settings_are_listed(copies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_json = copies / "old" / "run_run.json"
    options = {**json.loads(run_json.read_text())["options"], "max_tokens": 50}
    edited(run_json, options=options, model="gpt-3", provider="deepseek")
    found = compared(copies / "new", copies / "old", tmp_path / "out")["compared"]
    assert found["differs"]["max_tokens"] == {"old": 50, "new": None}
    assert found["notes"][:2] == [
        "Another provider: old deepseek, new openai.",
        "Another model: old gpt-3, new gpt-4o.",
    ]
    assert report.main([str(copies / "new"), "--against", str(copies / "old")]) == 0
    assert "max_tokens 50 → none" in in_one_line(capsys.readouterr().out)


# What is refused


@pytest.mark.parametrize(
    ("facts", "reason"),
    [({"stream": False}, "streamed and not streamed"), ({"api": "responses"}, "api"), ({"mode": "real"}, "mode")],
)
def test_runs_that_measure_different_things_are_refused(
    facts: dict[str, Any], reason: str, copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(copies / "old" / "run_run.json", **facts)
    line = refused(capsys, copies / "new", "--against", copies / "old")
    assert "can't be compared: " in line
    assert reason in line


def test_bad_input_is_one_line_and_exit_code_2(copies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, old = copies / "new", copies / "old"
    rows = old / "run_requests.csv"
    assert "nowhere: no run found" in refused(capsys, new, "--against", copies / "nowhere")
    assert "nowhere: no run found" in refused(capsys, copies / "nowhere", "--against", old)
    said = refused(capsys, new, "--against", "http://user:secret-1@localhost:8000/v1")
    assert "locust … --against URL compares two targets in one run" in said
    assert "secret-1" not in said
    assert "give the old ones after --against" in refused(capsys, new, old)
    assert "is given twice on one side" in refused(capsys, new, "--against", old, old)
    assert "give --against" in refused(capsys, new, "--fail-if", "p95>+10%")
    assert "unknown figure" in refused(capsys, new, "--against", old, "--fail-if", "speed>+10%")
    assert "needs a run's rows" in refused(capsys, new, "--against", old / "run_stats.csv")
    edited(old / "run_run.json", options=["odd"])
    assert "run.json is damaged" in refused(capsys, new, "--against", old)
    rows.write_text(rows.read_text().splitlines()[0] + "\n")
    (old / "run_run.json").unlink()
    (old / "run_summary.json").unlink()
    assert f"{old}: has no rows to compare" in refused(capsys, new, "--against", old)


def test_a_side_without_successes_is_compared_by_its_failures(copies: Path, tmp_path: Path) -> None:
    path = copies / "new" / "run_requests.csv"
    rows = pd.read_csv(path)
    rows["outcome"] = "failed"
    rows.to_csv(path, index=False)
    found = compared(copies / "new", copies / "old", tmp_path / "out", "--fail-if", "p95>+10%")
    assert found["comparison"]["error_rate"]["says"] == "worse"
    assert found["comparison"]["latency_p95"]["new"] is None
    assert found["gates"][0]["breached"]


def test_a_figure_that_one_run_of_a_side_lacks_is_not_compared_over_the_others(copies: Path, tmp_path: Path) -> None:
    path = copies / "slow" / "run_requests.csv"
    rows = pd.read_csv(path)
    rows.loc[10:, "outcome"] = "failed"
    rows.to_csv(path, index=False)
    out = tmp_path / "out"
    arguments = ["--against", str(copies / "new"), "-o", "json", "--out", str(out), "--fail-if", "p95>+10%"]
    assert report.main([str(copies / "old"), str(copies / "slow"), *arguments]) == 3
    found = json.loads(out.read_text())
    assert found["comparison"]["latency_median"]["new"] is not None
    assert found["comparison"]["latency_p95"]["new"] is found["comparison"]["latency_p95"]["change_ci95"] is None
    reason, *_ = found["gates"][0]["reason"].partition(" (the client itself")
    assert reason == "not observed, or from too few samples, on the new side"
    (note,) = (note for note in found["compared"]["notes"] if "not compared" in note)
    assert note.startswith(f"{copies / 'slow'} has too few values, or none, for latency_p95, ")
