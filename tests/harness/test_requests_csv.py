"""The file of rows, written and read back."""

import csv
import os
import resource
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.record.folder import Results
from harness.record.requests_csv import COLUMNS, Records, cells_of
from providers.call import Call
from summary.rows import rows

AWKWARD = 'one,\n\n"two"\u2028three'


def a_call(**changes: Any) -> Call:
    usual: dict[str, Any] = {
        "run_id": "r", "request": 1, "provider": "openai", "model": "m", "api": "chat", "mode": "mock",
        "prompt_id": "f#1", "prompt": AWKWARD, "timestamp": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        "start_s": 0.1234567890123, "latency_s": 1 / 3, "status": 200, "outcome": "ok",
    }  # fmt: skip
    return Call(**{**usual, **changes})


def test_the_columns_are_a_calls_fields_in_the_promised_order() -> None:
    assert tuple(field.name for field in fields(Call))[: len(COLUMNS)] == COLUMNS
    assert COLUMNS[:17] == (
        "run_id", "request", "provider", "model", "api", "mode", "prompt_id", "prompt", "timestamp", "start_s",
        "latency_s", "response_bytes", "status", "outcome", "error", "finish_reason", "input_tokens",
    )  # fmt: skip


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call()))
    records.append(cells_of(a_call(request=2, prompt="plain", outcome="failed", error="E: a, b")))
    table = rows.read(records.path)
    assert [cells["prompt"] for cells in csv.DictReader(records.path.open(newline=""))] == [AWKWARD, "plain"]
    assert table["latency_s"][0] == 1 / 3
    assert table["timestamp"][0] == pd.Timestamp("2026-01-02T03:04:05.678Z")
    assert table["error"].tolist() == [None, "E: a, b"]


def test_none_is_an_empty_cell(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call(latency_s=None, status=None)))
    cells = records.path.read_text().splitlines()[-1].split(",")
    assert "None" not in cells


def test_a_row_that_was_cut_off_is_left_out_when_read(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call()))
    records.append(cells_of(a_call(request=2)))
    whole = records.path.read_bytes()
    for cut in range(1, 40):
        records.path.write_bytes(whole[:-cut])
        assert rows.read(records.path)["request"].tolist() == [1]


def test_a_disk_that_takes_half_a_row_keeps_none_of_it(tmp_path: Path) -> None:
    records = Records(tmp_path / "x_requests.csv")
    records.append(cells_of(a_call()))
    size_bytes = records.path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes + 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            records.append(cells_of(a_call(request=2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert records.path.stat().st_size == size_bytes
    records.append(cells_of(a_call(request=3)))
    assert rows.read(records.path)["request"].tolist() == [1, 3]


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x_requests.csv"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        Records(path)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x_requests.csv"]


def test_a_users_file_with_the_name_of_the_latest_link_is_kept(empty_folder: Path) -> None:
    latest = Path("results/latest")
    latest.parent.mkdir()
    latest.write_text("mine")
    Results("a-run", None)
    assert latest.read_text() == "mine"
    latest.unlink()
    Results("another-run", None)
    assert latest.readlink() == Path("another-run")
