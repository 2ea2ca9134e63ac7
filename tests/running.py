"""A whole run in this process: Locust's own runner, the real harness, the in-process mock."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gevent
import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments
from locust.env import Environment
from locust.event import Events

import locustfile
from harness.harness import Harness
from harness.load.open_loop import TURN_S
from tests.command_line import FILES

MOCK = ("--headless", "--mock", "--mock-latency", "0", *FILES)


def run(folder: Path, *arguments: str, users: int = 1, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """Run to the end, and return Locust's environment and the prefix of the run's files."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    prefix = folder / "run"
    environment, harness = harnessed([*MOCK, "--csv", str(prefix), *arguments])
    start_and_wait(environment, users)
    harness.end(environment)
    return environment, prefix


def harnessed(arguments: Sequence[str]) -> tuple[Any, Harness]:
    """Return what Locust's main makes of a command line, up to the end of `init`."""
    events = Events()
    harness = Harness(locustfile.harness.classes.values())
    harness.listen(events)
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    harness.add_arguments(parser)
    options = parser.parse_args(list(arguments))
    environment = Environment(events=events, parsed_options=options, host=options.host)
    runner = environment.create_local_runner()
    with patch.object(sys, "argv", ["locust", *arguments]):  # Locust's form reads them again.
        harness.begin(environment, runner, None if options.headless else _web_ui(environment))
    return environment, harness


def _web_ui(environment: Any) -> Any:
    """Return the web UI, which does not listen: its application is called in this process."""
    given = environment.parsed_options
    return environment.create_web_ui(
        given.web_host, port=0, web_base_path=given.web_base_path, web_login=given.web_login, delayed_start=True
    )


def start_and_wait(environment: Any, users: int) -> None:
    """Start a test as Locust's main does and wait until it has ended by itself."""
    environment.parsed_options.num_users = users
    environment.runner.start(users, spawn_rate=users)
    environment.runner.greenlet.join()


def turn() -> None:
    """Let every greenlet that is to run now have a turn, and then those that sleep for a turn."""
    gevent.sleep(0)
    gevent.sleep(2 * TURN_S)
