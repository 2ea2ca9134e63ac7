"""The menus for a missing provider or model, on a pseudo-terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.command_line import FILES, LOCUST, PROJECT, rows_in, scrubbed
from tests.mock_server import MockServer
from tests.prefork import Forked, fork

DOWN, ENTER, CTRL_C = b"\x1b[B", b"\r", b"\x03"


class Terminal:
    """A process that believes it is talking to a person."""

    def __init__(self, process: Forked, screen: int) -> None:
        self.process, self.screen, self.shown = process, screen, ""

    def until(self, text: str, timeout_s: float = 60) -> None:
        """Read on until the text is shown."""
        give_up_at = time.monotonic() + timeout_s
        while text not in self.shown:
            assert time.monotonic() < give_up_at, self.shown
            assert self._read() or text in self.shown, self.shown

    def press(self, *keys: bytes) -> None:
        for key in keys:
            os.write(self.screen, key)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self.screen)
        self.screen = -1

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(30)

    def _read(self) -> bool:
        """Read a piece, if there is one; return False at the end."""
        if not select.select([self.screen], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self.screen, 65_536)
        except OSError:  # Linux's way of saying that the other side is closed
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def terminal(folder: Path, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run locust on a terminal of 40 lines and 120 columns."""
    screen, its_side = pty.openpty()
    fcntl.ioctl(its_side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {"PYTHONPATH": str(PROJECT), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", **environment}
    command = [*LOCUST[2:], *FILES, "--headless", "-i", "2", "--csv", "run", *arguments]
    process = fork(command, folder, {**scrubbed(), **environment}, [its_side] * 3, PROJECT)
    os.close(its_side)
    shown = Terminal(process, screen)
    try:
        yield shown
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        if shown.screen >= 0:
            shown.hang_up()


def test_arrows_and_enter_choose_a_provider_and_one_of_its_models(tmp_path: Path, mock_server: MockServer) -> None:
    with terminal(tmp_path, "-H", mock_server.url, ANTHROPIC_API_KEY="test-key-123") as menus:
        menus.until("deepseek")
        menus.press(DOWN, ENTER)
        menus.until("claude-opus-5-5")
        assert "gpt-4o" not in menus.shown
        menus.press(DOWN, ENTER)  # from the default
        assert menus.end() == 0
    asked = {(row["provider"], row["model"]) for row in rows_in(tmp_path)}
    assert asked == {("anthropic", "claude-sonnet-5-5")}
    assert mock_server.stats()["by_format"] == {"anthropic messages": 2}
    assert "\x1b[" in menus.shown.split("latency median")[0]


def test_a_given_provider_is_not_asked_for(tmp_path: Path, mock_server: MockServer) -> None:
    with terminal(tmp_path, "-p", "deepseek", "-k", "test-key-123", "-H", mock_server.url) as menus:
        menus.until("deepseek-v4-pro")
        assert "anthropic" not in menus.shown
        menus.press(DOWN, ENTER)
        assert menus.end() == 0
    assert {row["model"] for row in rows_in(tmp_path)} == {"deepseek-v4-pro"}


def test_ctrl_c_in_a_menu_ends_it_quietly(tmp_path: Path) -> None:
    with terminal(tmp_path) as menus:
        menus.until("deepseek")
        menus.press(CTRL_C)
        assert menus.end() == 130
    assert "Traceback" not in menus.shown
    assert not (tmp_path / "run_requests.csv").exists()


def test_no_interactive_asks_nothing_even_on_a_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, "--no-interactive") as menus:
        assert menus.end() == 2
    assert "no provider: give -p with one of" in menus.shown
    assert "Provider" not in menus.shown
