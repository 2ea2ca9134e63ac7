"""The options that the benchmarks' own Locust files share, and the prompts that all clients send."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from locust import events

from benchmarks.contenders import DATA, SEED
from prompts.draws import Prompts
from prompts.files import read
from providers.prompt import Prompt


def prompts() -> Iterator[Prompt]:
    """Return the prompts that this project sends with `--seed SEED`."""
    return map(Prompts(read(DATA), "single-file", SEED).of_call, count(1))


def add_options(parser: Any, **_: Any) -> None:
    parser.add_argument("--provider", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--own-clients", action="store_true")


events.init_command_line_parser.add_listener(add_options)
