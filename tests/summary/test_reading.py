"""report.py says on a terminal that it is reading large files, and nowhere else."""

import io
from pathlib import Path

import pytest

import report
from tests.running import run

READING, ERASED = "reading 0 MB of rows …", "\r\033[K"


class Screen(io.StringIO):
    """Standard error, on a terminal or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as monkeypatch:
        run(folder, "-i", "9", monkeypatch=monkeypatch)
    return str(folder / "run")


def said(*arguments: str, is_terminal: bool = True, large_bytes: int = 1000) -> str:
    """Return what report.py wrote to stderr."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        screen = Screen(is_terminal)
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(report, "LARGE_BYTES", large_bytes)
        report.main(list(arguments))
    return screen.getvalue()


def test_a_terminal_shows_that_large_files_are_read(prefix: str, tmp_path: Path) -> None:
    page = str(tmp_path / "page.html")
    assert said(prefix, "-o", "json") == READING + ERASED
    assert said(prefix, "--html", page) == f"{READING}{ERASED}charts: {page}\n"


def test_a_refusal_is_a_line_for_itself(prefix: str) -> None:
    assert said(prefix, "--fail-if", "p95>+1%").startswith(f"{READING}{ERASED}report.py: error: ")
    assert said(f"{prefix}-none").startswith("report.py: error: ")


def test_small_files_and_logs_have_no_such_line(prefix: str) -> None:
    assert said(prefix, "-o", "json", large_bytes=10**9) == ""
    assert said(prefix, "-o", "json", is_terminal=False) == ""
