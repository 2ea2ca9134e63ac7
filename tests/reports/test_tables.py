"""The console's tables: within 80 columns whatever they hold, with every number and word whole."""

import re
from typing import Any

import pytest
from rich.cells import cell_len

import report
from harness.record.requests_csv import COLUMNS
from summary.figures import summarise
from summary.gates import gate, slo
from summary.render.render import RENDERERS, as_markdown, as_table
from summary.rows.rows import frame
from tests.docs import options
from tests.summary import test_doubts

URL = "https://proxy.example.com/a/very/long/address/that/no/terminal/has/room/for" * 3
MODEL = "projects/p/locations/l/publishers/google/models/" + "m" * 120
ERROR = f"BadRequestError: {'x' * 200} and {'漢字' * 60}"
PLANNED = [{"from_rps": 123_456.0, "to_rps": 654_321.0, "duration_s": 1.0}] * 2


def summary(calls: int = 40, scale: float = 1.0, **changes: Any) -> dict[str, Any]:
    rows = [test_doubts.a_row(number) for number in range(calls)]
    at = {name: place for place, name in enumerate(COLUMNS)}
    for number, row in enumerate(rows):
        for name in ("latency_s", "ttft_s", "ttfv_s", "tpot_s"):
            row[at[name]] = str(scale * (1 + number / 100))
    options = {"rate_stages": PLANNED, "slo": "latency<1 ttft<1"}
    run = {"provider": "openai", "model": MODEL, "host": URL, "options": options, "stream": True}
    gates = [gate.parse(text) for text in ("stage 2 latency_from_schedule_p99>1500ms", "p95>" + "9" * 90)]
    return {**summarise(frame(COLUMNS, rows), run, {}, slo.parse("latency<1 ttft<1"), gates), **changes}


def widest(printed: str) -> int:
    return max(cell_len(line) for line in printed.splitlines())


def together(printed: str) -> str:
    """Return the lines one after the other, then each column from top to bottom, without spaces."""
    rows = [line.strip("│").split("│") for line in printed.splitlines()]
    columns = ("".join(row[place] for row in rows if place < len(row)) for place in range(3))
    return re.sub(r"\s", "", "".join((*printed.splitlines(), *columns)))


@pytest.mark.parametrize("scale", [1e-6, 0.001, 1.0, 9.0, 100.0, 3000.0])
@pytest.mark.parametrize("calls", [2, 40, 1200])
def test_every_table_fits_80_columns_and_cuts_nothing(calls: int, scale: float) -> None:
    failures = [{"error": ERROR.split(":")[0], "count": 3, "status": 400, "example": ERROR}]
    printed = as_table(summary(calls, scale, failures=failures, seed=7))
    assert widest(printed) <= 80
    assert "…" not in printed
    for text in (URL, MODEL, ERROR.split(": ")[1], "stage2latency_from_schedule_p99>1500ms", "9" * 90):
        assert "".join(text.split()) in together(printed)
    assert not re.search(r"\d[eE][+-]?\d", printed.replace(URL, ""))


def test_markdown_calls_no_user_and_no_issue() -> None:
    printed = as_markdown(summary(model="@someone#12 !3"))
    assert "@<!-- -->someone#<!-- -->12" in printed
    assert not re.search(r"[@#!]\w", printed)


def test_in_markdown_sentences_stand_to_the_left() -> None:
    assert "| gate |  | result |\n|---|---|---|\n" in as_markdown(summary())


def test_the_table_names_the_baseline_by_what_differs_from_the_target() -> None:
    target = {"provider": "openai", "model": MODEL, "api": None}
    options = {"slo": "latency<1", "against": {**target, "host": None}}
    assert "baseline│thebuilt-inmock" in re.sub(r"\s", "", as_table(summary(options=options)))
    options["against"] = {**target, "provider": "azure-openai", "host": "http://behind:8001/v1"}
    assert "baseline│azure-openai·http://behind:8001/v1" in re.sub(r"\s", "", as_table(summary(options=options)))
    assert "baseline" not in as_table(summary())


def test_a_line_of_numbers_is_one_line_up_to_1000_seconds() -> None:
    for scale in (0.001, 1.0, 9.0, 100.0):
        (line,) = (line for line in as_table(summary(1200, scale)).splitlines() if line.startswith("│ TTFT, "))
        assert all(re.fullmatch(r"[\d.,]+", cell.strip()) for cell in line.split("│")[2:-1])


def test_p99_9_has_a_column_only_where_there_are_enough_calls() -> None:
    assert "p99.9" in as_table(summary(1000))
    assert "p99.9" not in as_table(summary(999)).partition("Gates")[0]
    assert "p99.9" in as_markdown(summary(1000))
    assert "p99_9" not in as_table(summary(1000)) + as_markdown(summary(1000))


def test_times_of_a_line_are_in_milliseconds_below_10_seconds() -> None:
    assert "latency, ms" in as_table(summary(40, 1.0))
    assert "latency, s " in as_table(summary(40, 9.0))
    assert "| latency, ms |" in as_markdown(summary(40, 1.0))


@pytest.mark.parametrize(
    ("calls", "failed", "why"),
    [
        (3, 3, "all 3 calls failed"),
        (1, 1, "the only call failed"),
        (3, 1, "no call succeeded"),
        (0, 0, "no call was made"),
    ],
)
def test_a_run_without_a_success_has_no_figures_to_believe(calls: int, failed: int, why: str) -> None:
    counts = {"total_requests": calls, "success_count": 0, "failure_count": failed, "aborted_count": calls - failed}
    found = summary(40, **counts)
    assert f"Can these figures be believed? There are none: {why}." in as_table(found)
    assert f"There are no figures: {why}" in as_markdown(found).splitlines()[0]


def test_the_first_asterisk_is_explained_and_no_other() -> None:
    assert as_table(summary(40)).count("* too few samples") == 1
    assert "* too few" not in as_table(summary(1200, stages=None, claims=None))


def test_every_format_of_a_summary_is_offered_and_named() -> None:
    actions = [action for topic in options.topics().values() for action in topic.actions]
    (offer,) = [action for action in actions if action.dest == "output_format"]
    *names, last = RENDERERS
    assert str(offer.help).endswith(f": {', '.join(names)} or {last}")
    assert f"-o {'|'.join(RENDERERS)}]" in str(report.__doc__)
