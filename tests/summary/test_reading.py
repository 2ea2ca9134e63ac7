"""report.py says on a terminal that it is reading large files, and nowhere else."""

import io
from pathlib import Path

import pytest

import report
from tests.running import run

ERASED = "\r\033[K"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(report, "LARGE_BYTES", 1000)
    return terminal


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as monkeypatch:
        run(folder, "-i", "9", monkeypatch=monkeypatch)
    return str(folder / "run")


@pytest.mark.parametrize("more", [["-o", "json"], ["--html", "page.html"]], ids=["summary", "charts"])
def test_a_terminal_shows_that_large_files_are_read(
    stderr: Terminal, prefix: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert report.main([prefix, *more]) == 0
    shown, rest = stderr.getvalue().split(ERASED)
    assert shown == "reading 0 MB of rows …"
    assert rest == ("charts: page.html\n" if "--html" in more else "")


def test_a_refusal_is_a_line_for_itself(stderr: Terminal, prefix: str) -> None:
    assert report.main([prefix, "--fail-if", "p95>+1%"]) == 2
    assert stderr.getvalue().split(ERASED)[1].startswith("report.py: error: ")


def test_small_files_are_read_in_silence(
    stderr: Terminal, prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "LARGE_BYTES", 10**9)
    assert report.main([prefix, "-o", "json"]) == 0
    assert stderr.getvalue() == ""
    capsys.readouterr()


def test_a_log_has_no_such_line(stderr: Terminal, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stderr, "isatty", lambda: False)
    assert report.main([prefix, "-o", "json"]) == 0
    assert stderr.getvalue() == ""
