"""The pipelines of docs/ and `make run` work as they are."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.conftest import typed
from tests.docs.pages import blocks

PIPELINES = blocks("yaml")


@pytest.mark.parametrize("block", PIPELINES, ids=["github", "baseline", "gitlab"])
def test_a_pipelines_commands_end_well_and_leave_what_its_page_shows(block: str, clone: Path) -> None:
    shutil.rmtree(clone / "results", ignore_errors=True)
    for command in commands_of(block):
        command = command.replace("make ", "make --old-file=.venv/.ready ")
        if block != PIPELINES[0]:  # One starts the real commands; forks will do for the others.
            command = command.replace(".venv/bin/", "")
        ended = typed(command, clone)
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
