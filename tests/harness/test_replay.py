"""`--replay`, `--system`, `--plain` and `--any-model`: options of one's own prompts and models."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.load.schedule import Timetable
from harness.plan import models
from harness.plan.plan import Plan, plan_of
from harness.plan.values import PROJECT
from locustfile import harness
from providers.openai import OpenAI
from providers.prompt import Prompt
from tests.command_line import rows_in
from tests.running import harnessed, run

AT_S = (0.2, 0.0, 0.05)
TIMED = "".join(f'{{"prompt": "Number {number}.", "at": {at_s}}}\n' for number, at_s in enumerate(AT_S, 1))


def a_plan(*arguments: str) -> Plan:
    environment, _ = harnessed(["--headless", "--mock", *arguments])
    return plan_of(
        {**vars(environment.parsed_options), "api_key": "", "header": [], "against_api_key": "", "against_header": []},
        harness.classes,
    )


@pytest.fixture
def timed(tmp_path: Path) -> str:
    (tmp_path / "timed.jsonl").write_text(TIMED)
    return str(tmp_path / "timed.jsonl")


def test_a_replay_sends_each_prompt_at_its_own_time(
    timed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "-d", timed, "--replay", "--warmup", "2", users=3, monkeypatch=monkeypatch)
    rows = [row for row in rows_in(tmp_path) if row["phase"] == "measured"]
    rows.sort(key=lambda row: int(row["request"]))
    assert [row["prompt"] for row in rows] == ["Number 2.", "Number 3.", "Number 1."]
    due_s = [float(row["start_s"]) - float(row["start_lag_s"]) for row in rows]
    assert [at_s - due_s[0] for at_s in due_s] == pytest.approx([0.0, 0.05, 0.2], abs=1e-6)
    facts = json.loads((tmp_path / "run_run.json").read_text())["options"]
    assert (facts["arrival"], facts["selection_mode"], facts["iterations"]) == ("replay", "in-order", 3)


def test_a_replay_can_be_cut_short_but_not_extended(timed: str) -> None:
    for asked, calls in (("2", 2), ("9", 3)):
        assert a_plan("-d", timed, "--replay", "-i", asked).calls == calls


def test_a_replay_that_begins_late_says_so(timed: str, tmp_path: Path) -> None:
    """It seemed to hang: nothing was said until the first call was due."""
    (tmp_path / "late.jsonl").write_text(TIMED.replace('"at": 0', '"at": 5400'))
    (told,) = a_plan("-d", str(tmp_path / "late.jsonl"), "--replay").warnings()
    assert told.startswith("--replay: the first call is due after 5,400 s")
    assert list(a_plan("-d", timed, "--replay").warnings()) == []


def test_a_timetables_peak_is_its_busiest_second() -> None:
    table = Timetable((0.0, 0.5, 0.999, 1.5, 3.0, 3.0, 3.0, 3.9))
    assert (table.peak_rps, table.calls) == (4, 8)
    assert [due.at_s for due in table.times(seed=1)] == list(table.due_s)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--replay", "--rate", "5"], "--replay and --rate are mutually exclusive"),
        (["--replay", "--rate-stages", "5:1s"], "--replay and --rate-stages are mutually exclusive"),
        (["--replay", "--selection-mode", "all-files"], "it takes no --selection-mode"),
        (["--replay", "--arrival", "poisson"], "no --arrival"),
        (["--replay", "-d", str(PROJECT / "unstructured_data")], "#1' has none"),
        (["--plain", "-d", "TIMED"], "--plain is for text files"),
        (["--system", "@nowhere.txt"], "--system nowhere.txt: No such file"),
        (["--system", "@/dev/null"], "--system /dev/null: not a regular file"),
        (["-m", "my-model"], "(--any-model takes any)"),
        (["--any-model", "-m", "a\nb"], "--model must be a name"),
        (["-d", "nowhere"], "nowhere: no such file or folder"),
        (["-d", "n" * 300], ": File name too long"),
        (["--system", "@" + "n" * 300], ": File name too long"),
        (["--system", "\udcff"], "--system is not UTF-8"),
    ],
)
def test_what_can_not_be_is_refused_with_2_and_one_line(
    arguments: list[str], says: str, timed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [timed if argument == "TIMED" else argument for argument in arguments]
    given = given if "-d" in given else [*given, "-d", timed]
    with pytest.raises(SystemExit) as ended:
        harnessed(["--headless", "--mock", "--csv", str(tmp_path / "run"), *given])
    assert ended.value.code == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert says in line


def test_a_system_is_a_text_or_a_files_and_only_for_prompts_without_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.txt").write_bytes(b"\xef\xbb\xbfBe brief.\r\nBe kind.\r\n")
    (tmp_path / "talks.jsonl").write_text(
        '{"messages": [{"role": "system", "content": "Own."}, {"role": "user", "content": "x"}]}\n{"prompt": "y"}\n'
    )
    given = ["-d", str(tmp_path / "talks.jsonl"), "--selection-mode", "in-order", "-i", "2"]
    sent: list[Prompt] = []
    answer = OpenAI.chat

    def kept(provider: OpenAI, prompt: Prompt) -> Any:
        sent.append(prompt)
        return answer(provider, prompt)

    monkeypatch.setattr(OpenAI, "chat", kept)
    run(tmp_path, *given, "--system", f"@{tmp_path / 'system.txt'}", monkeypatch=monkeypatch)
    assert [prompt.system for prompt in sent[-2:]] == ["Own.", "Be brief.\nBe kind."]
    assert json.loads((tmp_path / "run_run.json").read_text())["options"]["system"] == "Be brief.\nBe kind."


def test_the_file_of_prompts_has_two_names(timed: str) -> None:
    assert [a_plan(name, timed).files[0].name for name in ("--data-dir", "--prompts")] == ["timed.jsonl"] * 2


def test_any_model_is_taken_if_asked(tmp_path: Path) -> None:
    assert a_plan("--any-model", "-m", "org/my-model").settings.model == "org/my-model"


def test_the_default_model_is_the_one_that_the_file_names_or_the_first(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text('{"openai": ["old", "new"], "deepseek": ["first"], "default": {"openai": "new"}}')
    read = models.read(path)
    assert [read.default(provider) for provider in ("openai", "deepseek", "anthropic")] == ["new", "first", ""]
    path.write_text('{"openai": ["old"], "default": {"openai": "new"}}')
    with pytest.raises(UsageError, match="the default 'new' is not among openai's models"):
        models.read(path)
    path.write_text('{"openai": ["old"], "default": "old"}')
    with pytest.raises(UsageError, match='expected "default"'):
        models.read(path)


def test_every_provider_has_a_default_model_and_the_first_ones_stay_first() -> None:
    read = models.read(PROJECT / "models.json")
    assert set(read.listed) == set(harness.classes)
    assert all(map(read.default, harness.classes))
    assert read.of("anthropic")[:2] == ["claude-3-opus-20240229", "claude-3-sonnet-20240229"]


def test_models_and_prompts_are_found_beside_the_locustfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(a_plan("-i", "1").files) >= 5
    (tmp_path / "unstructured_data").mkdir()
    (tmp_path / "unstructured_data" / "own.txt").write_text("### Prompt\nSay it.\n---\nOne.\n")
    (tmp_path / "models.json").write_text('{"openai": ["own-model"]}')
    plan = a_plan("-i", "1")
    assert ([file.name for file in plan.files], plan.settings.model) == (["own.txt"], "own-model")
