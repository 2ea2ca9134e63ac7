"""Text from servers and users: shown as it is, and never a formula, mark-up or a terminal's command."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment

import report
from harness.record.locust_csv import LocustCSV
from harness.record.requests_csv import Records, cells_of
from summary.cells import FORMULA_STARTS, printable, quoted, unquoted
from summary.registry import STATISTICS
from summary.render.csv_row import COLUMNS
from summary.render.render import as_csv, as_json, as_table
from summary.rows import rows
from tests.harness.test_requests_csv import a_call
from tests.running import run

HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''", "'", "it's", "plain")
MARK_UP = "[bold]m[/red] :smile: [link=x]"
COMMANDS = "\x1b[2J\x9b31m\x00\x7f\u202e\ud83d"


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_quoted_text_is_not_a_formula_and_comes_back_as_it_was(text: str) -> None:
    assert not quoted(text).startswith(tuple(FORMULA_STARTS))
    assert unquoted(quoted(text)) == text


@pytest.mark.parametrize("value", [-1.5, 0, None, True])
def test_what_is_not_text_stays_as_it_is(value: Any) -> None:
    assert quoted(value) is value


def test_no_cell_of_a_row_starts_a_formula_and_the_texts_are_read_back(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    for number, text in enumerate(HOSTILE, 1):
        records.append(cells_of(a_call(request=number, prompt=text, error=text, finish_reason=text, model=text)))
    records.append(cells_of(a_call(request=len(HOSTILE) + 1, prompt="=1+1")))
    with records.path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(tuple(FORMULA_STARTS))]
    table = rows.read(records.path)
    assert table["error"].tolist() == [*HOSTILE, None]
    assert table["model"].tolist() == [*HOSTILE, "m"]
    assert (table["prompt"].value_counts() > 1).sum() == 1


def test_a_text_of_digits_stays_a_text(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call(model="007", worker="1")))
    table = rows.read(records.path)
    assert (table["model"][0], table["worker"][0]) == ("007", "1")


def test_locusts_own_files_hold_no_formula(tmp_path: Path) -> None:
    environment = Environment()
    environment.create_local_runner()
    written = LocustCSV(environment, tmp_path / "run", full_history=True)
    for text in HOSTILE:
        environment.stats.log_request("=method", text, 1, 1)
        environment.stats.log_error("=method", text, text)
        environment.runner.log_exception("node", text, text)  # type: ignore[union-attr]
    written.finish()
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(tuple(FORMULA_STARTS))], path
        assert path.name == "run_stats_history.csv" or "'=1+1" in cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain run, a stream, an open loop, and one of stages with gates: each has different figures."""
    folder = tmp_path_factory.mktemp("runs")
    options: dict[str, tuple[str, ...]] = {
        "plain": ("-i", "3"),
        "stream": ("--stream", "-i", "3", "--slo", "ttft<9", "--fail-if", "p95>9"),
        "open": ("--rate", "50", "-i", "3"),
        "stages": ("--rate-stages", "20:100ms,40:100ms", "--mock-error-rate", "1"),
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, given_options in options.items():
            (folder / name).mkdir()
            run(folder / name, *given_options, monkeypatch=monkeypatch)
    return folder


RUNS = ("plain", "stream", "open", "stages")


def summary_of(folder: Path, name: str) -> dict[str, Any]:
    return report.summary_of(folder / name / "run")


def test_every_run_has_the_same_columns_as_csv(folder: Path) -> None:
    summaries = [*(summary_of(folder, name) for name in RUNS), report.summary_of(folder / "plain" / "run_stats.csv")]
    tables = [list(csv.reader(io.StringIO(as_csv(summary)))) for summary in summaries]
    assert all(table[0] == list(COLUMNS) and len(table[1]) == len(COLUMNS) for table in tables)
    assert len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.parametrize("name", RUNS)
def test_the_columns_have_everything_in_a_summary_except_histograms_and_checksums(name: str, folder: Path) -> None:
    def missing(value: Any, path: str) -> list[str]:
        if path in COLUMNS or value in (None, {}) or path.endswith(("histogram_ms", "checksums")):
            return []
        if not isinstance(value, dict):
            return [path]
        return [lost for key, inner in value.items() for lost in missing(inner, f"{path}.{key}" if path else key)]

    assert missing(summary_of(folder, name), "") == []


def test_the_columns_are_these() -> None:
    of_rows = [*STATISTICS, "p90_ci95", "p95_ci95", "p99_ci95", "p99_9_ci95", "samples"]
    assert STATISTICS == ("min", "avg", "median", "p90", "p95", "p99", "p99_9", "max")
    latency = COLUMNS.index("latency_s.min")
    assert COLUMNS[:3] == ("run_id", "provider", "model")
    assert [f"latency_s.{name}" for name in of_rows] == list(COLUMNS[latency : latency + 13])
    assert {"rows.missing_numbers", "client.loop_lag_s.p99", "itl_s.gaps", "verdict.believable"} < set(COLUMNS)
    assert not [column for column in COLUMNS if column.startswith("options.") or "histogram" in column]


def hostile(folder: Path, text: str) -> dict[str, Any]:
    summary = summary_of(folder, "stages")
    failure = {**summary["failures"][0], "error": text}
    finding = {"about": text, "ok": False, "says": text, "touches": [], "kind": "run"}
    gate = {"gate": text, "breached": True, "value": 1, "samples": 1, "reason": text}
    verdict = {**summary["verdict"], "findings": [finding]}
    texts = dict.fromkeys(("model", "provider", "host", "files"), text)
    return {**summary, **texts, "failures": [failure], "verdict": verdict, "gates": [gate]}


def test_brackets_are_shown_as_they_are(folder: Path) -> None:
    lines = as_table(hostile(folder, MARK_UP), colour=True)
    assert lines.count("[/red]") >= 7
    assert lines.count(":smile:") >= 7


@pytest.mark.parametrize("render", [as_table, as_csv, as_json])
def test_no_text_reaches_a_terminal_as_a_command(render: Any, folder: Path) -> None:
    text = render(hostile(folder, f"x{COMMANDS}y\r\nz"))
    assert not [character for character in text if character != "\n" and not character.isprintable()]


def test_json_restores_every_text(folder: Path) -> None:
    assert json.loads(as_json(hostile(folder, COMMANDS)))["model"] == COMMANDS


def test_spaces_stay_spaces_where_a_text_is_made_printable() -> None:
    assert printable({"a\tb": ["c\u00a0d\r\ne", 1, None]}) == {"a b": ["c d  e", 1, None]}
