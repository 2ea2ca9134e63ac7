"""The commands of the README and of docs/ work for anyone who types them as they are."""

import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.command_line import free_port
from tests.commands.conftest import typed
from tests.docs.pages import blocks

BLOCKS = blocks("sh")
FOREIGN = [block for block in BLOCKS if "https://" in block]
SET_UP = [block for block in BLOCKS if block.startswith("make ")]
WEB = [block for block in BLOCKS if "locust" in block and "--headless" not in block]
PLAIN = [block for block in BLOCKS if block not in [*FOREIGN, *SET_UP, *WEB]]


def test_the_pages_show_each_kind_of_command() -> None:
    assert FOREIGN
    assert SET_UP
    assert WEB
    assert len(PLAIN) >= 4


@pytest.mark.parametrize("block", PLAIN, ids=lambda block: block.splitlines()[0][:50])
def test_a_block_of_commands_ends_well(block: str, clone: Path) -> None:
    ended = typed(block, clone)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("block", WEB, ids=lambda block: block.strip()[:50])
def test_the_web_ui_answers(block: str, clone: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", *block.split(), "--web-port", str(port)]
    with subprocess.Popen(command, cwd=clone, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert "Locust" in page(f"http://127.0.0.1:{port}/")
        finally:
            process.terminate()
    assert process.returncode == 143


def page(url: str, patience_s: float = 60) -> str:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
