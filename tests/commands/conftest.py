"""A clone of the project, and a shell in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import PROJECT, free_port


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's tracked files in a separate folder, with this environment as its `.venv`."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def typed(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a block into a shell with the environment activated."""
    port = str(free_port())
    environment = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port,
    }  # fmt: skip
    block = block.replace("8000", str(free_port())).replace("8001", str(free_port()))
    return subprocess.run(
        ["bash", "-ec", block], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
