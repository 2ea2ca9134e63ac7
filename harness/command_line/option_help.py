"""`--llm-help`: this project's options by topic, in 80 columns. Locust's own `--help` can't list them."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, NamedTuple

from harness.errors import INTERNAL

WIDTH, INDENT = 80, 6
FEW = 4
"""As many choices are written where an option's value is."""


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
        self.topics = topics

    def __call__(self, parser: Any, namespace: object, values: Any, option_string: str | None = None) -> None:
        if values and values not in self.topics:
            parser.exit(2, f"{parser.prog}: error: --llm-help: choose from {', '.join(self.topics)}, not {values!r}\n")
        shown = [values] if values else list(self.topics)
        lines = [line for name in shown for line in _section(name, self.topics[name])]
        try:
            sys.stdout.write("\n".join(lines) + _end(shown))
            sys.stdout.flush()
        except (AttributeError, OSError) as error:
            reason = getattr(error, "strerror", None) or "it is closed"
            parser.exit(INTERNAL, f"{parser.prog}: error: can't write to stdout: {reason.lower()}\n")
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
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {_value(action)}")


def _value(action: argparse.Action) -> str:
    """Return what is named after the option: its few choices, or the last word of its name."""
    choices = list(action.choices or ())
    return str(action.metavar or (len(choices) <= FEW and "|".join(choices)) or action.dest.split("_")[-1].upper())


def described(action: argparse.Action) -> str:
    """Return an option's meaning, its default and its environment variable."""
    default = f"; default: {default_of(action)}" if default_of(action) else ""
    return f"{meaning(action)}{default} [{variable(action)}]"


def meaning(action: argparse.Action) -> str:
    return str(action.help).replace("%%", "%")


def default_of(action: argparse.Action) -> str:
    """Return an option's default as it would be typed; "" if there is none, or none worth showing."""
    return action.default if isinstance(action.default, str) and action.default != argparse.SUPPRESS else ""


def variable(action: argparse.Action) -> str:
    return str(getattr(action, "env_var", None) or "")
