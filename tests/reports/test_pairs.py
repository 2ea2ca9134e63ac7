"""A run with --against: its summary speaks of the target, and `against` of the baseline and the difference."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import report
from harness.record.requests_csv import COLUMNS
from summary.figures import summarise
from summary.gates import slo
from summary.registry import OF_DIFFERENCE, used
from summary.render.render import as_csv, as_json, as_table
from summary.rows.rows import frame, read_with_damage
from tests.summary import test_doubts
from tests.summary.paired import half, pair, table


def against(*pairs: list[list[Any]]) -> dict[str, Any]:
    return dict(summarise(table(*pairs), {}, {})["against"])


FIFTY = [pair(number) for number in range(1, 51)]


def test_the_figures_of_the_run_are_those_of_its_target() -> None:
    warmup = [half(51, "target", phase="warmup"), half(51, "baseline", phase="warmup")]
    failed = [half(52, "target"), half(52, "baseline", outcome="failed", error="E: x")]
    rows = table(*FIFTY, warmup, failed)
    level = slo.parse("latency<5")
    whole = summarise(rows, {}, {}, level)
    alone = summarise(rows[rows["side"] == "target"].drop(columns=["side", "pair", "order"]), {}, {}, level)
    assert {name: value for name, value in whole.items() if name != "against"} == alone
    assert (whole["total_requests"], whole["warmup_count"], whole["error_rate"]) == (51, 1, 0)


def test_the_baselines_own_figures_are_those_of_a_run_of_it_alone() -> None:
    failed = [half(51, "target"), half(51, "baseline", outcome="failed", error="E: x", status=500)]
    rows = table(*FIFTY, failed)
    found = summarise(rows, {}, {})["against"]["baseline"]
    alone = summarise(rows[rows["side"] == "baseline"].drop(columns=["side", "pair"]), {}, {})
    assert (found["failure_count"], found["latency_s"]["samples"], found["failures"][0]["status"]) == (1, 50, 500)
    assert found == {name: alone[name] for name in found}


def test_a_run_of_one_side_has_no_comparison() -> None:
    rows = frame(COLUMNS, [test_doubts.closed(number) for number in range(9)])
    without = rows.assign(side=None, pair=float("nan"), order=float("nan"))
    assert "against" not in summarise(rows, {}, {})
    assert summarise(rows, {}, {}) == summarise(without, {}, {})


def test_only_pairs_of_two_successes_are_compared() -> None:
    found = against(
        *FIFTY,
        pair(51, {"outcome": "failed", "error": "E: x", "latency_s": 9}),
        [half(52, "target"), half(52, "baseline", outcome="dropped", error="E: x")],
        pair(53, {"outcome": "aborted", "latency_s": ""}),
        [half(54, "target")],
        [half(55, "baseline", outcome="failed", error="E: x")],
    )
    assert (found["pairs"], found["failed_pairs"], found["incomplete_pairs"]) == (55, 2, 3)
    latency_s = found["difference"]["latency_s"]
    assert (latency_s["pairs"], latency_s["slower_share"], latency_s["told_apart"]) == (50, 1, True)
    assert latency_s["median"] == pytest.approx(0.01)
    assert latency_s["median_ci95"] == pytest.approx([0.01, 0.01])
    assert latency_s["p95"] == pytest.approx(0.01)


def test_calls_belong_together_by_their_pairs_number_in_whatever_order_they_ended() -> None:
    rows = table(*(pair(number, latency_s=number / 10) for number in range(1, 41)))
    shuffled = rows.sample(frac=1, random_state=1).reset_index(drop=True)
    assert summarise(shuffled, {}, {})["against"]["difference"] == summarise(rows, {}, {})["against"]["difference"]
    assert summarise(shuffled, {}, {})["against"]["difference"]["latency_s"]["median"] == 0


def test_calls_of_two_runs_in_one_file_are_never_a_pair() -> None:
    """Both runs number their pairs from 1."""
    halves = [[half(number, "target", run_id="r")] for number in range(1, 9)]
    halves += [[half(number, "baseline", run_id="s", latency_s=9)] for number in range(1, 9)]
    found = against(*halves)
    assert (found["pairs"], found["incomplete_pairs"], found["difference"]) == (16, 16, {})
    both = [pair(number, run_id=run_id) for run_id in "rs" for number in range(1, 9)]
    assert (against(*both)["pairs"], against(*both)["warm_pairs"]) == (16, 16)


def test_every_figure_that_both_sides_have_is_compared() -> None:
    found = against(*(pair(n, {"ttft_s": 0.2, "output_tokens": 61 + n % 2}) for n in range(1, 11)))
    times = {"latency_s", "ttfb_s", "ttft_s", "ttfv_s", "tpot_s", "itl_max_s"}
    names = {*times, "response_bytes", "input_tokens", "output_tokens"}
    assert set(found["difference"]) >= names
    assert names <= {figure.name for figure in used("difference")}
    assert found["difference"]["ttft_s"]["median"] == pytest.approx(0.098)
    assert all({*OF_DIFFERENCE, "target", "baseline"} == set(each) for each in found["difference"].values())


def test_pairs_of_different_answers_are_counted_and_latency_is_also_given_without_them() -> None:
    found = against(*(pair(n, {"output_tokens": 80, "latency_s": 1.7} if n % 3 == 0 else {}) for n in range(1, 31)))
    assert found["unequal_pairs"] == 10
    assert found["difference"]["latency_s"]["pairs"] == 30
    assert found["equal_output"]["latency_s"]["pairs"] == 20
    assert found["equal_output"]["latency_s"]["median"] == pytest.approx(0.01)


def test_answers_without_token_counts_are_neither_equal_nor_different() -> None:
    found = against(*(pair(n, output_tokens="") for n in range(1, 11)))
    assert (found["unequal_pairs"], found["equal_output"]) == (0, {})


def test_pairs_that_opened_a_connection_are_compared_apart() -> None:
    cold = [pair(n, {"connection": "new", "latency_s": 2}) for n in range(51, 58)]
    found = against(*FIFTY, *cold)
    assert (found["connections"], found["warm_pairs"]) == ("warm", 50)
    assert found["difference"]["latency_s"]["pairs"] == 50
    assert found["cold"]["latency_s"]["pairs"] == 7
    assert found["cold"]["latency_s"]["median"] > 1


def test_a_server_that_closes_its_connections_is_compared_cold() -> None:
    found = against(*(pair(n, connection="new") for n in range(1, 41)), pair(41))
    assert (found["connections"], found["warm_pairs"], found["cold"]) == ("cold", 1, {})


def test_which_side_opened_connections_is_said() -> None:
    """A baseline that closes each connection pays for a new one in each call, which is in the difference."""
    closing = [[half(n, "target"), half(n, "baseline", connection="new")] for n in range(1, 41)]
    assert against(*closing, pair(41))["opened"] == {"target": 0, "baseline": 40}
    said = "41 pairs: 40 compared (cold connections: the target opened 0, the baseline 40), 1 warm"
    assert said in shown(*closing, pair(41))


def test_failures_of_the_baseline_are_shown_with_their_reason() -> None:
    failed = [[half(n, "target"), half(n, "baseline", outcome="failed", error="RateLimitError: wait", status=429)]
              for n in range(1, 4)]  # fmt: skip
    text = shown(*FIFTY, *failed)
    assert "baseline failure 3 × RateLimitError (HTTP 429)" in text
    assert "failed 0" in text


def test_calls_without_connections_count_as_warm() -> None:
    found = against(*(pair(n, connection="") for n in range(1, 11)))
    assert (found["connections"], found["warm_pairs"], found["cold"]) == ("warm", 10, {})


def test_differences_are_given_by_the_size_of_the_prompt() -> None:
    """The target takes a millisecond more for each character."""
    prompts = ["x" * (100 * (number % 3) + number) for number in range(1, 31)]
    found = against(
        *(
            pair(number, {"latency_s": 0.7 + len(prompt) / 1000}, prompt=prompt)
            for number, prompt in enumerate(prompts, 1)
        )
    )
    thirds = found["by_prompt_size"]
    assert [(third["from"], third["to"], third["pairs"]) for third in thirds] == [
        (3, 30, 10), (101, 128, 10), (202, 229, 10),
    ]  # fmt: skip
    assert {third["unit"] for third in thirds} == {"characters"}
    medians_s = [third["difference"]["latency_s"]["median"] for third in thirds]
    assert medians_s == pytest.approx([0.0135, 0.1115, 0.2125], abs=0.003)


def test_rows_without_prompts_are_sized_by_tokens_and_equal_prompts_not_at_all() -> None:
    rows = table(*(pair(n, input_tokens=100 * (n % 3 + 1)) for n in range(1, 31)))
    by_tokens = summarise(rows.drop(columns="prompt_characters"), {}, {})["against"]["by_prompt_size"]
    assert [(each["unit"], each["to"]) for each in by_tokens] == [("input tokens", to) for to in (100, 200, 300)]
    assert against(*(pair(n, prompt="same") for n in range(1, 31)))["by_prompt_size"] is None


def test_error_rates_are_compared_over_pairs_that_ended() -> None:
    failed = {"outcome": "failed", "error": "E: x"}
    rates = against(*(pair(n, failed if n % 6 == 0 else {}) for n in range(1, 61)), pair(61, {"outcome": "aborted"}))
    found = rates["error_rate"]
    assert (found["target"], found["baseline"], found["pairs"]) == (pytest.approx(10 / 60), 0, 60)
    assert found["difference"] == pytest.approx(10 / 60)
    lower, upper = found["difference_ci95"]
    assert 0.05 < lower < 10 / 60 < upper < 0.30
    assert found["told_apart"]


def test_one_outage_does_not_show_that_the_target_fails_more_often() -> None:
    failed = {"outcome": "failed", "error": "E: x"}
    rates = against(*(pair(n, failed if 31 <= n <= 40 else {}) for n in range(1, 61)))["error_rate"]
    assert rates["difference"] == pytest.approx(10 / 60)
    assert not rates["told_apart"]


def test_no_failures_don_t_prove_that_there_are_none() -> None:
    """Wilson's upper end for 0 of 100 is z² / (100 + z²) = 3.7 %, either way."""
    rates = against(*(pair(n) for n in range(1, 101)))["error_rate"]
    assert rates["difference_ci95"] == pytest.approx([-0.03699, 0.03699], abs=1e-4)
    assert not rates["told_apart"]


def test_no_pair_at_all_is_said_and_nothing_fails() -> None:
    summary = summarise(table([half(1, "target", outcome="aborted", latency_s="")]), {}, {})
    found = summary["against"]
    assert (found["pairs"], found["incomplete_pairs"], found["difference"]) == (1, 1, {})
    assert found["error_rate"]["pairs"] == 0
    assert "Against the baseline: no pair can be compared." in as_table(summary)
    assert "1 pair: 1 incomplete" in as_table(summary)
    json.loads(as_json(summary))


def test_the_schedule_counts_a_pair_once() -> None:
    """Ten pairs a second: twenty calls are numbered, but the target's were due ten times a second."""
    rows = table(*(pair(number, start_s=number / 10) for number in range(1, 102))).assign(start_lag_s=0.0, stage=1)
    assert summarise(rows, {}, {})["drawn_rps"] == pytest.approx(10)


def shown(*pairs: list[list[Any]]) -> str:
    return " ".join(as_table(summarise(table(*pairs), {}, {})).replace("│", " ").split())


def test_the_table_says_in_words_what_the_target_adds() -> None:
    text = shown(*FIFTY)
    assert "Against the baseline: latency +10.0 ms at the median (95 % CI +10.0 to +10.0 ms); TTFT can't" in text
    assert "latency 713 703 +10.0 +10.0 to +10.0 100 %" in text
    assert "50 pairs: 50 compared (warm connections)" in text


def test_a_difference_that_cant_be_told_apart_is_a_tilde() -> None:
    changing = [pair(n, {"latency_s": 0.7 + (n % 7) / 1000 + (-1) ** n * n / 10_000}) for n in range(1, 41)]
    text = shown(*changing)
    assert "latency can't be told apart; with 40 pairs a difference of" in text
    assert "latency 703 703 ~ -" in text


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    assert "latency can't be compared with 5 pairs: 6 are needed" in shown(*FIFTY[:5])
    assert "latency can't be compared with 1 pair: 6 are needed" in shown(FIFTY[0])


def test_the_table_fits_80_columns() -> None:
    wide = [
        pair(
            number, {"latency_s": 29 + number / 100, "output_tokens": 900 + number % 3}, latency_s=25 + number / 100,
            prompt="x" * 30 * number, output_tokens=900, connection="new" if number < 9 else "reused",
        )
        for number in range(1, 401)
    ]  # fmt: skip
    lines = as_table(summarise(table(*wide), {}, {})).splitlines()
    (first,) = [at for at, line in enumerate(lines) if line.startswith("Against")]
    (last,) = [at for at, line in enumerate(lines) if line.startswith("400 pairs")]
    assert max(map(len, lines[first : last + 1])) <= 80
    assert [line.split("│")[1].strip() for line in lines[first:last] if "│" in line][:8] == [
        "latency", "· p95", "· p99", "· cold", "· equal output", "· prompt ≤ 4,170", "· prompt ≤ 8,070",
        "· prompt ≤ 12,000",
    ]  # fmt: skip


def test_the_csv_form_has_the_same_columns_for_every_run() -> None:
    heads = []
    for summary in (summarise(table(*FIFTY), {}, {}), summarise(frame(COLUMNS, []), {}, {})):
        head, cells = csv.reader(io.StringIO(as_csv(summary)))
        heads.append(head)
        row = dict(zip(head, cells, strict=True))
        assert bool(row["against.difference.latency_s.median"]) == ("against" in summary)
    assert heads[0] == heads[1]


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """The files of a run of 30 pairs, one half of which was lost."""
    rows = [row for number in range(1, 31) for row in pair(number, prompt="é" * number)][:-1]
    for number, row in enumerate(rows, 1):
        row[COLUMNS.index("request")] = str(number)
    with (tmp_path / "run_requests.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return tmp_path / "run"


def test_a_file_of_pairs_is_reported_and_judged_offline(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(prefix), "-o", "json", "--fail-if", "added_latency_median>20ms"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total_requests"], found["against"]["pairs"], found["against"]["incomplete_pairs"]) == (30, 30, 1)
    assert found["rows"]["missing_numbers"] == found["rows"]["double_numbers"] == 0
    assert found["against"]["by_prompt_size"][0]["unit"] == "characters"
    assert report.main([str(prefix), "--fail-if", "added_latency_median>5ms"]) == 3
    assert "breach: added_latency_median>5ms: added_latency_median is +10.0 ms" in capsys.readouterr().err


def test_totals_of_the_target_are_compared_with_those_that_the_run_wrote(prefix: Path) -> None:
    written = report.summary_of(prefix)
    (prefix.parent / "run_summary.json").write_text(as_json(written))
    (prefix.parent / "run_run.json").write_text(json.dumps({"run_id": "r", "options": {}}))
    assert report.summary_of(prefix)["rows"]["differs"] == []


def test_sides_without_pairs_are_unreadable(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = prefix.with_name("run_requests.csv")
    pd.read_csv(file).drop(columns="pair").to_csv(file, index=False)
    assert read_with_damage(file)[1].unreadable == 59
    assert report.main([str(prefix), "-o", "json"]) == 0
    assert "against" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("column", "cell"), [("side", "other"), ("pair", ""), ("pair", "-1"), ("order", "x")])
def test_a_row_that_no_run_could_have_written_is_unreadable(prefix: Path, column: str, cell: str) -> None:
    file = prefix.with_name("run_requests.csv")
    rows = list(csv.reader(file.open(newline="")))
    rows[3][COLUMNS.index(column)] = cell
    with file.open("w", newline="") as mended:
        csv.writer(mended).writerows(rows)
    found, damage = read_with_damage(file)
    assert (len(found), damage.unreadable) == (58, 1)
    assert isinstance(found, pd.DataFrame)
