"""A new provider is only its own files: a toy is added to a copy of this tree, and the whole copy knows it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import command_line, mock_server
from tests.asking import PROVIDERS
from tests.command_line import PROJECT, Command, locusts, report, rows_in, scrubbed, summary_in
from tests.commands import test_menus
from tests.commands.test_menus import DOWN, ENTER, terminal
from tests.copies import NOT_IGNORED, copy_project
from tests.mock_server import MockServer, serving

TOY = PROJECT / "tests" / "toy"
"""Laid out like the tree."""
NEW_FILES = {"providers/toy.py", "providers/answers/toy.py", "mock/formats/toy.py", "tests/cases/toy.py"}
NEW_LINES = {
    "locustfile.py": [
        ("from providers.user import", "from providers.toy import Toy\n"),
        ("\nharness =", "ToyUser = user_of(Toy)\n"),
    ],
    "docs/providers.md": [("\n`vertex-ai` speaks", "| `toy` | `TOY_API_KEY` | `/toy/talk` | – | – |\n")],
    "models.json": [('  "openai"', '  "toy": ["toy-1", "toy-2"],\n')],
}
CONTRACT = (
    "tests/test_imports.py",
    "tests/harness/test_masking.py",
    "tests/harness/test_replay.py",
    "tests/providers",
    "tests/answers",
)
RUN = ["--headless", "--mock", "--mock-latency", "0", "-p", "toy", "-i", "5", "--csv", "run"]
REFUSED = {
    "no key": (["--headless", "-p", "toy", "-m", "toy-1"], "no API key for toy: set TOY_API_KEY, LLM_API_KEY or -k"),
    "no provider": (["--headless"], f"give -p with one of {', '.join([*PROVIDERS, 'toy'])}"),
    "a misspelt provider": (["--headless", "-p", "tyo"], "did you mean 'toy'?"),
    "no model": (["--headless", "-p", "toy", "-k", "k"], "give -m with one of toy-1, toy-2"),
    "another API": ([*RUN, "--api", "responses"], "toy has no API 'responses': choose from chat"),
    "a misspelt class": ([*RUN, "ToyUsers"], "ToyUser, "),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the toy in it."""
    folder = tmp_path_factory.mktemp("tree")
    copy_project(folder, NOT_IGNORED)
    shutil.copytree(TOY, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, lines in NEW_LINES.items():
        text = (folder / name).read_text()
        for before, line in lines:
            text = text.replace(before, line + before, 1)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def in_the_copy(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything that these tests start use the copy."""
    for module in (command_line, mock_server, test_menus):
        monkeypatch.setattr(module, "PROJECT", tree)
    for module in (command_line, test_menus):
        monkeypatch.setattr(module, "LOCUST", [*command_line.LOCUST[:3], "-f", str(tree / "locustfile.py")])
        monkeypatch.setattr(module, "FILES", ["--models-file", str(tree / "models.json"), *command_line.FILES[2:]])


@pytest.fixture
def toy_server(tree: Path) -> Iterator[MockServer]:
    with serving("--latency", "0") as server:
        yield server


def test_a_provider_is_four_files_and_four_lines(tree: Path) -> None:
    put = {str(path.relative_to(TOY)) for path in TOY.rglob("*.py")}
    assert put == NEW_FILES
    assert not any((PROJECT / name).exists() for name in NEW_FILES)
    for name, lines in NEW_LINES.items():
        added = set((tree / name).read_text().splitlines()) - set((PROJECT / name).read_text().splitlines())
        assert added == {line.rstrip("\n") for _, line in lines}


@pytest.mark.timeout(300)
def test_it_passes_the_tests_of_every_provider(tree: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-k", "toy or every_provider", "-p", "no:cacheprovider"]
    command += CONTRACT
    done = subprocess.run(command, cwd=tree, env=scrubbed(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_its_runs_with_the_mock_are_recorded_and_reported(tmp_path: Path) -> None:
    commands = {"plain": Command(RUN), "stream": Command([*RUN, "--stream"])}
    for name, ended in locusts(tmp_path, commands).items():
        assert ended.code == 0, ended.stderr
        summary, rows = summary_in(tmp_path / name), rows_in(tmp_path / name)
        assert (summary["provider"], summary["model"], summary["success_count"]) == ("toy", "toy-1", 5)
        assert {row["finish_reason"] for row in rows} == {"stop"}
        assert all(row["output_tokens"] and bool(row["ttft_s"]) is (name == "stream") for row in rows)
        assert "h11" in json.loads((tmp_path / name / "run_run.json").read_text())["versions"]
        shown = report(tmp_path / name, "run_requests.csv")
        assert (shown.code, "toy · toy-1 · chat" in shown.stdout) == (0, True), shown


def test_refusals_name_it_and_its_key(tmp_path: Path) -> None:
    ended = locusts(tmp_path, {name: Command(arguments) for name, (arguments, _) in REFUSED.items()})
    for name, (_, words) in REFUSED.items():
        assert words in ended[name].error_line
        assert ended[name].code == 2


def test_the_menus_offer_it_and_its_own_variable_has_the_key(tmp_path: Path, toy_server: MockServer) -> None:
    with terminal(tmp_path, "-H", toy_server.url, TOY_API_KEY="toy-key-5af1c03b") as menus:
        menus.until("toy")
        menus.press(*[DOWN] * len(PROVIDERS), ENTER)
        menus.until("toy-2")
        menus.press(DOWN, ENTER)
        assert menus.end() == 0, menus.shown
    assert {(row["provider"], row["model"], row["outcome"]) for row in rows_in(tmp_path)} == {("toy", "toy-2", "ok")}
    assert toy_server.stats()["by_format"] == {"toy talk": 2}
    assert not [path for path in tmp_path.rglob("*.*") if "5af1c03b" in path.read_text()]
