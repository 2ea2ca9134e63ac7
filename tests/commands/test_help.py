"""`--llm-help` shows every option of this project, and nothing that is secret."""

from pathlib import Path

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from locustfile import harness
from tests.command_line import Ended, locust, started


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return locust(tmp_path_factory.mktemp("help"), "--llm-help", LLM_API_KEY="sk-secret-12345")


def ours() -> set[str]:
    """The long names of the options that the project adds to Locust's."""
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    locusts = len(parser._actions)
    harness.add_arguments(parser)
    names = [name for action in parser._actions[locusts:] for name in action.option_strings]
    return {name for name in names if name.startswith("--") and name != "--llm-help"}


def test_help_lists_every_option_within_80_columns(shown: Ended) -> None:
    assert shown.code == 0
    assert len(ours()) > 40
    assert {name for name in ours() if name not in shown.stdout} == set()
    long = [line for line in shown.stdout.splitlines() if len(line) > 80 and "e.g." not in line]
    assert not long


def test_help_shows_no_key(shown: Ended) -> None:
    assert "LLM_API_KEY" in shown.stdout
    assert "sk-secret" not in shown.stdout


@pytest.mark.parametrize(("stdout", "reason"), [(">/dev/full", "no space left on device"), (">&-", "it is closed")])
def test_help_that_cannot_be_written_is_one_line(stdout: str, reason: str, tmp_path: Path) -> None:
    with started(tmp_path, ["--llm-help"], ["sh", "-c", f'exec "$@" {stdout}', "sh"]) as running:
        ended = running.wait()
    assert ended.code == 70
    assert ended.stderr.partition(" ")[2] == f"error: can't write to stdout: {reason}\n"


def test_help_on_one_topic_is_about_that_alone(tmp_path: Path) -> None:
    ended = locust(tmp_path, "--llm-help", "gates")
    assert ended.code == 0
    assert "--fail-if" in ended.stdout
    assert "--provider" not in ended.stdout


def test_an_unknown_topic_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    ended = locust(tmp_path, "--llm-help", "gate")
    assert ended.code == 2
    assert "choose from target, against, request" in ended.error_line
