"""The commands of docs/ work for anyone who types them as they are."""

import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.command_line import free_port
from tests.commands.conftest import assert_ends_well, is_plain, is_web
from tests.docs.pages import PAGES, blocks

BLOCKS = [block for page, text in PAGES.items() if page != "README.md" for block in blocks("sh", text)]


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if is_plain(block)], ids=lambda block: block.splitlines()[0][:50]
)
def test_a_block_of_commands_ends_well(block: str, clone: Path) -> None:
    assert_ends_well(block, clone)


@pytest.mark.parametrize(
    "block", [block for block in blocks("sh") if is_web(block)], ids=lambda block: block.strip()[:50]
)
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
