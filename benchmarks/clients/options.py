"""The options that the benchmarks' own Locust files share, and the prompts that all clients send."""

from typing import Any

from locust import events

import seeds
from benchmarks.contenders import DATA, SEED


def prompts() -> seeds.Prompts:
    """Return the prompts that this project sends with `--seed SEED`."""
    return seeds.Prompts(seeds.read_folder(DATA), "single-file", SEED)


def add_options(parser: Any, **_: Any) -> None:
    parser.add_argument("--provider", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--own-clients", action="store_true")


events.init_command_line_parser.add_listener(add_options)
