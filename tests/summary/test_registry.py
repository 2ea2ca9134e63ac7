"""The registry of figures: it agrees with what runs have, what conditions know and what the pages of docs/ describe."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from harness.record.requests_csv import COLUMNS as ROW
from providers.call import Call
from summary.figures import summarise
from summary.gates import gate, slo
from summary.registry import FIGURES, NAMED, STATISTICS, TOKENS, Figure, found, used
from summary.render.csv_row import COLUMNS
from summary.rows.rows import REQUIRED, frame, read_with_damage
from tests.docs.pages import PAGES, TEXT
from tests.summary import test_doubts

OF_SUMMARIES = [figure for figure in FIGURES if figure.columns]
OF_CALLS = [figure for figure in FIGURES if figure.over in ("successes", "calls") or "slo" in figure.uses]


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    """A run with everything there can be: an open loop of streams, judged by a service level."""
    rows = [test_doubts.a_row(number) for number in range(20)]
    observed = {
        "client": test_doubts.QUIET,
        "lost": {"calls": 0},
        "itl_s": {**dict.fromkeys(STATISTICS, 0.01), "gaps": 9},
    }
    return summarise(frame(ROW, rows), {}, observed, slo.parse("ttft<1"))


def test_a_name_and_a_title_mean_one_figure() -> None:
    assert len(NAMED) == len(FIGURES) == len({figure.title for figure in FIGURES})


@pytest.mark.parametrize("figure", OF_CALLS, ids=lambda figure: figure.name)
def test_a_figure_of_calls_is_a_column_of_their_rows(figure: Figure) -> None:
    assert figure.name in {field.name for field in fields(Call)}


@pytest.mark.parametrize("figure", OF_SUMMARIES, ids=lambda figure: figure.name)
def test_a_figure_of_summaries_is_in_them_with_all_its_fields(figure: Figure, summary: dict[str, Any]) -> None:
    if figure.name not in TOKENS:
        value = found(summary, figure.name)
        assert set(figure.fields) <= set(value) if figure.over else value is not None
    assert set(figure.columns) <= set(COLUMNS)


def test_every_figure_of_a_gate_on_a_stage_is_one_that_stages_have() -> None:
    rows = [test_doubts.a_row(number) for number in range(20)]
    stages = [{"from_rps": 10.0, "to_rps": 10.0, "duration_s": 1.0}] * 2
    (stage, _) = summarise(frame(ROW, rows), {"options": {"rate_stages": stages}}, {}, slo.parse("ttft<1"))["stages"]
    assert {each.figure.name for each in gate.OF_STAGES.values()} <= set(stage)
    assert not {each.figure.name for each in gate.SUBJECTS.values()} - set(stage) & {
        each.figure.name for each in gate.OF_STAGES.values()
    }


def test_a_figure_that_counts_is_a_whole_number_in_sound_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NAMED, "tool_calls", Figure("tool_calls", "count", "tool calls", "tools that an answer called"))
    cells = ["1", "1", "2026-01-01T00:00:00.000Z", "0", "1", "9", "ok", "200", "", "p"]
    rows = [",".join([*REQUIRED, "tool_calls"]), *(",".join([*cells, count]) for count in ("3", "1.5", "-1", ""))]
    (tmp_path / "rows.csv").write_text("\n".join([*rows, ""]))
    table, damage = read_with_damage(tmp_path / "rows.csv")
    assert (table["tool_calls"].dropna().tolist(), len(table), damage.unreadable) == ([3.0], 2, 2)


def test_only_mere_sizes_have_no_better_direction() -> None:
    """Every figure of a gate has a better direction, except mere sizes."""
    assert {figure.name for figure in used("gate") if figure.better is None} == {"total_requests", "total_bytes"}
    assert all(figure.better == "less" for figure in used("slo"))


def test_the_page_of_gates_names_their_figures() -> None:
    gates = PAGES["docs/gates.md"]
    (sentence,) = re.findall(r"^A condition is .*? Figures are\n(.*?) A figure that the run can't", gates, re.M | re.S)
    named = [f"error_adjusted{name}" if name[0] == "_" else name for name in re.findall(r"`([\w.]+)`", sentence)]
    alike = [name for name in named if name.endswith("_")]
    statistics = [name for name in named if f"latency_{name}" in gate.SUBJECTS]
    whole = {f"{name}{statistic}" for name in ("latency_", *alike) for statistic in statistics}
    described = set(named) - set(alike) | whole
    assert described == set(gate.SUBJECTS), f"docs/gates.md, Conditions: {sorted(described ^ set(gate.SUBJECTS))}"


def test_the_page_of_options_names_the_figures_of_levels() -> None:
    (note,) = re.findall(r"^- `--slo` can limit (.*)", PAGES["docs/options.md"], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", note)) == set(slo.FIGURES), "docs/options.md, the note on --slo"


def test_the_page_of_comparisons_names_the_figures_of_differences() -> None:
    named = set(re.findall(r"`(added_\w+_)`", PAGES["docs/comparing.md"]))
    assert named == {f"added_{figure.noun}_" for figure in used("difference")}, "docs/comparing.md, Gates"


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_page_describes_the_figure(figure: Figure) -> None:
    is_described = f"`{figure.name}`" in TEXT or f"`{figure.noun}`" in TEXT
    assert is_described, f"docs/metrics.md has no line for `{figure.name}`"
