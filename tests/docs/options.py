"""The tables of docs/options.md, made from the options themselves."""

import argparse
import re
from collections.abc import Iterator, Mapping

from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from harness.command_line.option_help import ShowHelp, Topic, default_of, meaning, variable, written
from locustfile import harness
from tests.command_line import PROJECT

PAGE = PROJECT / "docs" / "options.md"
_TABLE = re.compile(r"(?<=<!-- made by python -m tests\.docs: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def topics() -> Mapping[str, Topic]:
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    harness.add_arguments(parser)
    (found,) = [action for action in parser._actions if isinstance(action, ShowHelp)]
    return found.topics


def named(text: str) -> list[str]:
    """Return the topics that have a table."""
    return [name for name, _ in _TABLE.findall(text)]


def renewed(text: str) -> str:
    """Return the page with each topic's table made again, and everything else as it is."""
    known = topics()
    return _TABLE.sub(lambda found: found[1] + found[2] + "\n".join(_section(known[found[1]])), text)


def _section(topic: Topic) -> Iterator[str]:
    yield f"## {topic.title}\n"
    yield "| option | default | meaning | variable |"
    yield "|---|---|---|---|"
    yield from map(_row, topic.actions)
    yield ""


def _row(action: argparse.Action) -> str:
    default = f"`{default_of(action)}`" if default_of(action) else ""
    cells = (f"`{written(action)}`", default, meaning(action), f"`{variable(action)}`")
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
