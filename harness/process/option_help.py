"""`--llm-help`: this project's options by topic, in 80 columns. Locust's own `--help` can't list them."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, NamedTuple

WIDTH, INDENT = 80, 6


class Topic(NamedTuple):
    """Options that belong together.

    title     what they are for
    examples  command lines to start from
    actions   argparse's own
    """

    title: str
    examples: Sequence[str]
    actions: list[argparse.Action]


Topics = Mapping[str, Topic]


class ShowHelp(argparse.Action):
    """Prints the help on one topic, or on all, and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, topics: Topics, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs="?", metavar="TOPIC", default=argparse.SUPPRESS, **settings)
        self._topics = topics

    def __call__(self, parser: Any, namespace: object, values: Any, option_string: str | None = None) -> None:
        if values and values not in self._topics:
            parser.exit(2, f"{parser.prog}: error: --llm-help: choose from {', '.join(self._topics)}, not {values!r}\n")
        shown = [values] if values else list(self._topics)
        lines = [line for name in shown for line in _section(name, self._topics[name])]
        sys.stdout.write("\n".join(lines) + _end(shown))
        parser.exit(0)


def _section(name: str, topic: Topic) -> Iterator[str]:
    yield f"{topic.title} ({name})"
    for action in topic.actions:
        yield f"  {written(action)}"
        yield fill(described(action), WIDTH, initial_indent=" " * INDENT, subsequent_indent=" " * INDENT)
    yield from (f"  e.g. {example}" for example in topic.examples)
    yield ""


def _end(shown: Sequence[str]) -> str:
    return "" if len(shown) == 1 else "\nLocust's own options: locust --help. In full: docs/options.md.\n"


def written(action: argparse.Action) -> str:
    """Return an option's names, and what follows them."""
    takes = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + takes


def described(action: argparse.Action) -> str:
    """Return an option's meaning, its default and its environment variable."""
    default = f"; default: {action.default}" if isinstance(action.default, str) and _is_shown(action.default) else ""
    return f"{action.help}{default} [{variable(action)}]"


def variable(action: argparse.Action) -> str:
    return str(getattr(action, "env_var", None) or "")


def _is_shown(default: str) -> bool:
    return default not in ("", argparse.SUPPRESS)
