"""A new figure is one row in the registry and the line that computes it: added to a copy of the project, it is
everywhere."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.command_line import PROJECT, scrubbed

Edits = Mapping[str, Mapping[str, str]]
"""By file: what is inserted before the first occurrence of a text."""

END_OF_FIGURES = ")  # fmt: skip\nNAMED"
OF_A_COLUMN: Edits = {
    "summary/registry.py": {
        END_OF_FIGURES: """
    Figure(
        "response_bytes", "bytes", "answer", "an answer's body as received", better="less",
        uses=("gate", "slo", "table"), over="successes",
    ),
""",
    },
}
"""The distribution of a column that the rows already have."""

OF_A_CALL: Edits = {
    "summary/registry.py": {
        END_OF_FIGURES: """
    Figure(
        "ttlt_s", "time", "TTLT", "start -> last content", better="less", needs="--stream",
        uses=("gate", "slo", "table", "stage", "line", "tab"), over="successes", groups=("pace",),
    ),
""",
    },
    "providers/call.py": {
        "    gaps_s: list[float]": "    ttlt_s: float | None = None\n",
        "        if not self._has_pace": "        self.ttlt_s = self._last_content_s\n",
    },
}
OF_A_RUN: Edits = {
    "summary/registry.py": {
        END_OF_FIGURES: """
    Figure("received_rate", "rate", "received", "bytes a second", better="more", uses=("gate", "table", "stage")),
""",
    },
    "summary/calls.py": {
        '        "error_rate": ': '        "received_rate": per_second(total(rows, "response_bytes"), span_s),\n',
    },
}


def places(edits: Edits) -> int:
    return sum(len(insertions) for insertions in edits.values())


def test_how_many_places_a_figure_takes() -> None:
    assert (places(OF_A_COLUMN), places(OF_A_RUN), places(OF_A_CALL)) == (1, 2, 3)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the toy figures, and the files of a run of it."""
    folder = tmp_path_factory.mktemp("toy") / "project"
    unwanted = shutil.ignore_patterns(".*", "tests", "benchmarks", "results")
    shutil.copytree(PROJECT, folder, ignore=unwanted)
    for edits in (OF_A_COLUMN, OF_A_CALL, OF_A_RUN):
        for name, insertions in edits.items():
            for before, text in insertions.items():
                source = (folder / name).read_text()
                assert before in source
                (folder / name).write_text(source.replace(before, text.lstrip("\n") + before, 1))
    return folder


@pytest.fixture(scope="module")
def ended(house: Path) -> subprocess.CompletedProcess[str]:
    """A run of streams in stages, judged by the toy figures."""
    gates = ("ttlt_p95>29", "ttlt_max<29", "response_bytes_avg<1", "response_bytes_p50>9", "received_rate<1")
    return python(
        house, "-m", "locust", "--headless", "--mock", "--mock-latency", "0", "--stream", "-i", "60",
        "--rate-stages", "200:0.2s,200:1s", "--csv", "run", "--slo", "ttlt<29 response_bytes<1000000",
        *(argument for condition in gates for argument in ("--fail-if", condition)),
    )  # fmt: skip


def python(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=house, env=scrubbed(), capture_output=True, text=True, timeout=60, check=False)


def test_it_is_in_the_tables(ended: subprocess.CompletedProcess[str]) -> None:
    heads = [row.split("┃")[1].strip() for row in ended.stdout.splitlines() if row.startswith("┃")]
    lines = {row.split("│")[1].strip() for row in ended.stdout.splitlines() if row.startswith("│")}
    assert {"TTLT, ms", "answer"} <= lines
    assert {"time", "bytes", "stage"} <= set(heads)
    assert [name for name in ("TTLT ┃", "received ┃") if name not in ended.stdout] == []


def test_it_is_judged_as_a_gate(ended: subprocess.CompletedProcess[str]) -> None:
    breaches = [line for line in ended.stderr.splitlines() if line.startswith("breach: ")]
    assert [line.split(": ")[1] for line in breaches] == ["ttlt_max<29", "response_bytes_p50>9"], ended.stderr
    assert ended.returncode == 3


@pytest.mark.usefixtures("ended")
def test_it_is_in_json_and_judges_calls(house: Path) -> None:
    summary = json.loads((house / "run_summary.json").read_text())
    assert summary["ttlt_s"]["samples"] == summary["response_bytes"]["samples"] == summary["success_count"] == 60
    assert summary["received_rate"] > 0
    assert summary["slo_attainment"] == 1
    assert all(stage["ttlt_s"]["max"] > 0 for stage in summary["stages"])


@pytest.mark.usefixtures("ended")
def test_it_is_in_the_rows_and_offline_in_csv(house: Path) -> None:
    with (house / "run_requests.csv").open(newline="") as file:
        assert all(
            float(row["ttft_s"]) <= float(row["ttlt_s"]) <= float(row["latency_s"]) for row in csv.DictReader(file)
        )
    names, cells = csv.reader(python(house, "report.py", "run", "-o", "csv").stdout.splitlines())
    offline = dict(zip(names, cells, strict=True))
    assert all(offline[name] for name in ("ttlt_s.p95", "response_bytes.avg", "received_rate"))
    assert names.index("versions") < names.index("ttlt_s.min")
    summary = json.loads((house / "run_summary.json").read_text())
    assert float(offline["ttlt_s.p95"]) == summary["ttlt_s"]["p95"]


def test_it_is_in_the_web_uis_tab(house: Path) -> None:
    reported = python(house, "-c", "from harness.watch.llm_tab import TITLES; print(TITLES['ttlt_p95_ms'])")
    assert reported.stdout == "TTLT p95 (ms)\n", reported.stderr
