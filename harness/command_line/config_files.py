"""Config files: what Locust would drop without a word, such as a gate, is refused."""

import io
import re
import tomllib
from argparse import ArgumentParser, _AppendAction
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from summary.cells import printable

KEY = re.compile(r"(?:--)?([^:=;#\s]+)")
"""How a line begins that is neither empty, a comment nor a section."""

MOST_ITEMS = 1000
"""In a list: ten thousand would keep the parser busy for seconds, as it looks through all of them for each."""


def refusal_of_several(given: Sequence[str]) -> str | None:
    """Return why a command line that names two config files is refused: Locust reads only the last one."""
    named = [argument for argument in given if argument.partition("=")[0] == "--config"]
    return "--config can be given once: Locust would read only the last file" if len(named) > 1 else None


def refuse_losses(parser: Any) -> None:
    """Make a parser exit with code 2 and one line for a config file of which something would be lost: all of a pipe,
    all of another file that it names, all but the last of an option's lines, and what is outside the table of a TOML
    file that Locust reads."""
    open_file, parse = parser._config_file_open_func, parser._config_file_parser.parse

    def refuse(name: str, reason: str) -> None:
        parser.exit(2, f"{parser.prog}: error: {printable(name)}: {reason}\n")

    def open_unless_pipe(name: str, *mode: str) -> Any:
        """Locust has read it once, to find the locustfile."""
        if Path(name).is_fifo():
            refuse(name, "a config file is read twice, which a pipe can't be")
        return open_file(name, *mode)

    def parse_whole(stream: Any) -> Mapping[str, Any]:
        text = io.StringIO(stream.read())
        text.name = stream.name  # Locust's parser asks for it
        options: Mapping[str, Any] = parse(text)
        if loss := _loss(parser, Path(stream.name), text.getvalue(), options):
            refuse(stream.name, loss)
        return options

    parser._config_file_open_func = open_unless_pipe
    parser._config_file_parser.parse = parse_whole


def _loss(parser: ArgumentParser, path: Path, text: str, options: Mapping[str, Any]) -> str | None:
    if options.keys() & {"config", "--config"}:
        return "config: a config file can't name another one"
    of_format = _loss_of_toml if path.name.endswith(".toml") else _loss_of_lines
    return _loss_of_lists(parser, options) or _loss_of_names(parser, options) or of_format(parser, path, text, options)


def _loss_of_lists(parser: ArgumentParser, options: Mapping[str, Any]) -> str | None:
    for name, items in ((key.removeprefix("--"), value) for key, value in options.items() if isinstance(value, list)):
        action = parser._option_string_actions.get(f"--{name}")
        if action is not None and action.nargs == 0:
            return f"{name} is a switch and takes no list"
        if len(items) > MOST_ITEMS:
            return f"{name} has over {MOST_ITEMS:,} items"
    return None


def _loss_of_names(parser: ArgumentParser, options: Mapping[str, Any]) -> str | None:
    """Find two names of one option, such as `host` and `proxy-url`: only one of the values would count."""
    meant = {name.removeprefix("--"): action.dest for action in parser._actions for name in action.option_strings}
    given = dict[str, str]()
    for name in (key.removeprefix("--") for key in options):
        if (option := meant.get(name)) and given.setdefault(option, name) != name:
            return f"{given[option]} and {name} are one option"
    return None


def _loss_of_lines(parser: ArgumentParser, path: Path, text: str, options: Mapping[str, Any]) -> str | None:
    begun = Counter(found[1] for line in text.splitlines() if (found := KEY.match(line.strip())))
    for action in parser._actions:
        keys = [name.removeprefix("--") for name in action.option_strings]
        if sum(begun[key] for key in keys) > 1:
            remedy = f": {keys[-1]} = [A, B]" if isinstance(action, _AppendAction) else ""
            return f"{keys[-1]} must be on one line{remedy}"
    return None


def _loss_of_toml(parser: ArgumentParser, path: Path, text: str, options: Mapping[str, Any]) -> str | None:
    """Find options in [locust], before the tables or in their own tables, and a file that sets something, but nothing
    for Locust; pyproject.toml may."""
    content = tomllib.loads(text)
    is_missed = not options and content not in ({}, {"tool": {"locust": {}}}) and path.name != "pyproject.toml"
    if is_missed or "locust" in content or any(f"--{key}" in parser._option_string_actions for key in content):
        return "options must be in the table [tool.locust]"
    if tables := [key for key in options if isinstance(content["tool"]["locust"][key], dict)]:
        return f"{tables[0]}: an option can't be a table; JSON is a text, in quotes"
    return None
