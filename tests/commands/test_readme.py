"""The commands of the README and of docs/ work for anyone who types them as they are."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest

from tests.command_line import PROJECT, free_port
from tests.docs.pages import blocks

BLOCKS, PIPELINES = blocks("sh"), blocks("yaml")
FOREIGN = [block for block in BLOCKS if "https://" in block]
SET_UP = [block for block in BLOCKS if block.startswith("make ")]
WEB = [block for block in BLOCKS if "locust" in block and "--headless" not in block]
PLAIN = [block for block in BLOCKS if block not in [*FOREIGN, *SET_UP, *WEB]]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's tracked files in a separate folder, with this environment as its `.venv`."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def typed(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a block into a shell with the environment activated."""
    port = str(free_port())
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port,
    }  # fmt: skip
    block = block.replace("8000", str(free_port())).replace("8001", str(free_port()))
    return subprocess.run(
        ["bash", "-ec", block], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_the_pages_show_each_kind_of_command() -> None:
    assert FOREIGN
    assert SET_UP
    assert WEB
    assert len(PLAIN) >= 4


@pytest.mark.parametrize("block", PLAIN, ids=lambda block: block.splitlines()[0][:50])
def test_a_block_of_commands_ends_well(block: str, clone: Path) -> None:
    ended = typed(block, clone)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("block", PIPELINES, ids=["github", "baseline", "gitlab"])
def test_a_pipelines_commands_end_well_and_leave_what_its_page_shows(block: str, clone: Path) -> None:
    shutil.rmtree(clone / "results", ignore_errors=True)
    for command in commands_of(block):
        ended = typed(command.replace("make ", "make --old-file=.venv/.ready "), clone)
        assert ended.returncode == 0, ended.stderr
    suite = ElementTree.parse(clone / "results" / "gates.xml").getroot()
    assert int(suite.attrib["tests"]) >= 2
    assert suite.attrib["failures"] == "0"


def commands_of(pipeline: str) -> list[str]:
    """Return what a pipeline's steps run: the list items that are commands, with folded ones (>-) on one line."""
    step = r"^ +- (?:if: .*\n +)?(?:run: )?"
    items = re.findall(step + r"(?:>-\n((?: {6,}[^ -].*\n| {6,}--.*\n)+)|(make .*)\n)", pipeline, re.MULTILINE)
    return [" ".join(folded.split()) or plain for folded, plain in items]


def test_make_run_makes_forty_calls_and_says_what_to_try_next(clone: Path) -> None:
    ended = typed("make --old-file=.venv/.ready run", clone)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"succeeded +│ 40 ", ended.stdout)
    through_another, charts, _ = ended.stdout.splitlines()[-3:]
    assert "make run PROVIDER=anthropic" in through_another
    drawn = typed(" ".join(re.findall(r"\S+/python report.py --html \S+", charts)), clone)
    assert drawn.returncode == 0, drawn.stderr
    assert (clone / "run.html").stat().st_size > 100_000


@pytest.mark.parametrize("block", WEB, ids=lambda block: block.strip()[:50])
def test_the_web_ui_answers(block: str, clone: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", *block.split(), "--web-port", str(port)]
    with subprocess.Popen(command, cwd=clone, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert "Locust" in page(f"http://127.0.0.1:{port}/")
        finally:
            process.terminate()
    assert process.returncode == 143


def page(url: str, patience_s: float = 60) -> str:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
