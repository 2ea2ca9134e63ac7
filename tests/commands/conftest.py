"""A clone of the project, and a shell in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import prefork, relay
from tests.command_line import PROJECT, free_port
from tests.copies import copy_project

FORKING = "forking"
END_SERVERS = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
"""For blocks that fail before they end the servers that they have started."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's tracked files in a separate folder, with this environment as its `.venv`."""
    folder = tmp_path_factory.mktemp("clone")
    copy_project(folder)
    (folder / ".venv").symlink_to(sys.prefix)
    _put_forking_commands(folder)
    return folder


def typed(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a block into a shell with the environment activated. Its commands are forks, unless it starts servers: those
    have to be ready before locust calls them."""
    port, orders = str(free_port()), prefork.orders(folder)
    places = [] if "--port" in block else [folder / FORKING]
    environment = {
        **os.environ, "PATH": os.pathsep.join(map(str, [*places, Path(sys.executable).parent, os.environ["PATH"]])),
        "LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port, relay.ORDERS: str(orders),
    }  # fmt: skip
    block = block.replace("8000", str(free_port())).replace("8001", str(free_port()))
    return subprocess.run(
        ["bash", "-ec", END_SERVERS + block], cwd=folder, env=environment, capture_output=True, text=True, timeout=100,
        check=False, pass_fds=[orders],
    )  # fmt: skip


def is_foreign(block: str) -> bool:
    return "https://" in block


def is_set_up(block: str) -> bool:
    return block.startswith("make ")


def is_web(block: str) -> bool:
    return "locust" in block and "--headless" not in block


def is_plain(block: str) -> bool:
    return not (is_foreign(block) or is_set_up(block) or is_web(block))


def assert_ends_well(block: str, folder: Path) -> None:
    ended = typed(block, folder)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def _put_forking_commands(folder: Path) -> None:
    """Put `locust` and `python` where a shell finds them first: a fork of one process spares each the start of Python
    and the import of the packages. Of `python`, that is only so for a file; `.venv/bin/locust` remains the real one."""
    forked = f"exec {sys.executable} -S -E {PROJECT / 'tests' / 'relay.py'}"
    scripts = {
        "locust": f'{forked} locust "$@"',
        "python": f'case $1 in *.py) {forked} "$@";; *) exec {sys.executable} "$@";; esac',
    }
    (folder / FORKING).mkdir()
    for name, script in scripts.items():
        (folder / FORKING / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / FORKING / name).chmod(0o755)
