"""How well an open loop's schedule was kept, over the whole run and stage by stage; values worked out by hand."""

import csv
import io
import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from charts.data.run import Run
from charts.latencies import marks
from charts.load import asked
from harness.load.schedule import Schedule, Stage
from report import summary_of
from summary import punctuality as open_loop
from summary.figures import summarise
from summary.gates import slo
from summary.registry import PERCENTILES
from summary.render.render import as_csv, as_json, as_table
from summary.rows.rows import frame
from summary.vocabulary import MOST_STAGES, Summary
from tests.command_line import summary_in
from tests.running import run

COLUMNS = (
    "timestamp", "start_s", "latency_s", "response_bytes", "status", "outcome", "error", "prompt", "phase",
    "start_lag_s", "latency_from_schedule_s", "stage",
)  # fmt: skip
PLANNED = [
    {"from_rps": 1.0, "to_rps": 1.0, "duration_s": 2.0},
    {"from_rps": 0.0, "to_rps": 0.0, "duration_s": 5.0},
    {"from_rps": 2.0, "to_rps": 4.0, "duration_s": 1.0},
]


def made(due_s: float, lag_s: float = 0.0, latency_s: float = 0.5, stage: int = 1, **cells: Any) -> list[str]:
    """The row of a call that was due at a time and started later; `cells` replace those of a success."""
    usual = {
        "timestamp": f"2026-01-01T00:00:{int(due_s + lag_s):02}.000Z", "start_s": due_s + lag_s, "latency_s": latency_s,
        "response_bytes": 10, "status": 200, "outcome": "ok", "error": "", "prompt": "p", "phase": "measured",
        "start_lag_s": lag_s, "latency_from_schedule_s": lag_s + latency_s, "stage": stage,
    }  # fmt: skip
    return [str({**usual, **cells}[name]) for name in COLUMNS]


def dropped(due_s: float, stage: int = 1) -> list[str]:
    nothing = dict.fromkeys(("latency_s", "latency_from_schedule_s", "status", "prompt", "start_lag_s"), "")
    row = dict(zip(COLUMNS, made(due_s, stage=stage), strict=True))
    return list({**row, **nothing, "outcome": "dropped", "error": "Dropped: no user was free for it"}.values())


def closed(start_s: float, **cells: Any) -> list[str]:
    """The row of a call without a schedule, such as a warm-up call."""
    row = dict(zip(COLUMNS, made(start_s, **cells), strict=True))
    return list({**row, "start_lag_s": "", "latency_from_schedule_s": "", "stage": ""}.values())


def aborted(due_s: float) -> list[str]:
    row = dict(zip(COLUMNS, made(due_s, outcome="aborted", status=""), strict=True))
    return list({**row, "latency_s": "", "latency_from_schedule_s": ""}.values())


def table(*rows: list[str]) -> pd.DataFrame:
    return frame(COLUMNS, rows)


def summary(*rows: list[str], **run: Any) -> dict[str, Any]:
    return summarise(table(*rows), run, {})


def strictly(text: str) -> Any:
    """Read strict JSON: without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_schedule_that_was_kept_is_delivered_as_asked() -> None:
    # 5 calls from 0 s to 2 s: 4 gaps of 0.5 s.
    found = summary(*(made(due_s, lag_s=2**-9) for due_s in (0, 0.5, 1, 1.5, 2)))
    assert (found["asked_rps"], found["delivered_rps"]) == (2.0, 2.0)
    assert (found["late_count"], found["dropped_count"]) == (0, 0)
    assert found["start_lag_s"]["max"] == 2**-9
    assert found["start_lag_s"]["samples"] == 5


def test_calls_that_started_after_the_schedules_end_were_not_delivered() -> None:
    # Due 0, 1, 2, 3 (1/s asked), so the schedule's time ends at 4; the third started at 3.9, the fourth at 4.5.
    found = summary(made(0), made(1, lag_s=0.02), made(2, lag_s=1.9), made(3, lag_s=1.5))
    assert (found["asked_rps"], found["delivered_rps"]) == (1.0, 0.75)
    assert (found["late_count"], found["dropped_count"], found["failure_count"]) == (3, 0, 0)


def test_a_call_made_again_was_due_later_but_the_schedule_was_not() -> None:
    # Due 0, 1, 2, 3; the first was refused and is due again at 0.25: the others show 1/s.
    again, others = made(0.25), [made(due_s) for due_s in (1, 2, 3)]
    said = [[*again, '{"stream_options_refused":true}'], *([*row, ""] for row in others)]
    found = summarise(frame((*COLUMNS, "server_says"), said), {}, {})
    assert (found["drawn_rps"], found["delivered_rps"], found["late_count"]) == (1.0, 1.0, 0)
    alone = summarise(frame((*COLUMNS, "server_says"), said[:1]), {}, {})
    assert (alone["drawn_rps"], alone["delivered_rps"]) == (None, None)


def test_a_call_is_late_after_more_than_10_ms() -> None:
    found = summary(made(0, lag_s=0.01), made(1, lag_s=0.011), made(2, lag_s=0.009))
    assert found["late_count"] == 1


def test_a_dropped_call_is_a_failure_that_was_not_delivered() -> None:
    found = summary(made(0), dropped(1), made(2), made(3, outcome="failed", error="E: x", status=500), dropped(4))
    assert (found["total_requests"], found["success_count"], found["failure_count"]) == (5, 2, 3)
    assert (found["dropped_count"], found["late_count"], found["error_rate"]) == (2, 0, 0.6)
    # Due from 0 s to 4 s: 4 gaps in 4 s; 3 of 5 calls started.
    assert (found["asked_rps"], found["delivered_rps"]) == (1.0, pytest.approx(0.6))
    assert found["start_lag_s"]["samples"] == 3
    # First send to last end: 0 s to 3.5 s; the times of dropped calls are not part of it.
    assert (found["total_execution_time_s"], found["throughput_rps"]) == (3.5, pytest.approx(2 / 3.5))
    failures = [(failure["error"], failure["status"], failure["count"]) for failure in found["failures"]]
    assert failures == [("Dropped", None, 2), ("E", 500, 1)]
    assert found["repeated_payloads"] == 1


def test_dropped_calls_are_infinitely_slow_in_the_adjusted_latency() -> None:
    found = summary(made(0, latency_s=1), made(1, latency_s=3), dropped(2))["latency_error_adjusted_s"]
    # 1, 3, ∞: the median is the second.
    assert (found["median"], found["infinite"]) == (3.0, ["p90", "p95", "p99", "p99_9"])


def test_latency_from_schedule_is_over_successes() -> None:
    found = summary(made(0, 1, 2), made(1, 0, 2), made(2, 5, 2, outcome="failed", error="E: x"), dropped(3))
    assert (found["latency_from_schedule_s"]["min"], found["latency_from_schedule_s"]["max"]) == (2.0, 3.0)
    assert found["latency_from_schedule_s"]["samples"] == 2


def test_an_aborted_call_was_delivered_but_is_in_no_error_rate() -> None:
    found = summary(made(0), aborted(1), dropped(2))
    assert (found["asked_rps"], found["delivered_rps"]) == (1.0, pytest.approx(2 / 3))
    assert (found["aborted_count"], found["error_rate"]) == (1, 0.5)


def test_a_run_whose_every_call_was_dropped_delivered_nothing() -> None:
    found = summary(dropped(0), dropped(1), dropped(2))
    assert (found["asked_rps"], found["delivered_rps"], found["error_rate"]) == (1.0, 0.0, 1.0)
    assert (found["total_execution_time_s"], found["throughput_rps"]) == (None, None)
    assert found["start_lag_s"]["max"] is None
    assert found["latency_error_adjusted_s"]["infinite"] == list(PERCENTILES)
    strictly(as_json(found))
    assert "60 % short" not in as_table(found)
    assert "100 % short" in as_table(found)


def test_a_single_call_has_no_rate() -> None:
    found = summary(made(0))
    assert (found["asked_rps"], found["delivered_rps"], found["late_count"]) == (None, None, 0)


def test_warm_up_calls_are_not_part_of_the_schedule() -> None:
    found = summary(closed(0, phase="warmup"), made(10), made(11))
    assert (found["asked_rps"], found["warmup_count"], found["total_requests"]) == (1.0, 1, 2)


def test_a_closed_loop_has_no_such_figures() -> None:
    found = summary(closed(0), closed(1))
    assert {"asked_rps", "delivered_rps", "late_count", "dropped_count", "start_lag_s"} & set(found) == set()
    assert "latency_from_schedule_s" not in found
    assert "rate" not in [finding["about"] for finding in found["verdict"]["findings"]]


STAGED = (
    made(0, latency_s=1), made(1, latency_s=3), made(7, lag_s=0.5, latency_s=0.1, stage=3), dropped(7.25, stage=3),
    made(7.5, latency_s=0.2, stage=3),
)  # fmt: skip


def test_each_stage_has_its_own_figures() -> None:
    first, pause, ramp = open_loop.stages(table(*STAGED), table(*STAGED), PLANNED) or []
    assert [stage["stage"] for stage in (first, pause, ramp)] == [1, 2, 3]
    assert {name: ramp[name] for name in PLANNED[2]} == PLANNED[2]
    assert (first["total_requests"], first["asked_rps"], first["delivered_rps"]) == (2, 1.0, 1.0)
    assert (first["latency_s"]["median"], first["error_rate"]) == (2.0, 0.0)
    # Due at 7, 7.25 and 7.5: 4/s drawn; one of them dropped, one started at 7.5, in time for the last. From 2
    # to 4/s in 1 s: 2.0625 calls were asked for in the 0.75 s of these three.
    assert (ramp["total_requests"], ramp["dropped_count"], ramp["late_count"]) == (3, 1, 1)
    assert (ramp["asked_rps"], ramp["drawn_rps"], ramp["delivered_rps"]) == (2.75, 4.0, pytest.approx(8 / 3))
    assert ramp["error_rate"] == pytest.approx(1 / 3)
    assert ramp["latency_s"]["max"] == 0.2
    assert (pause["total_requests"], pause["error_rate"], pause["latency_s"]["median"]) == (0, None, None)


def test_one_stage_alone_is_the_run_and_needs_no_table() -> None:
    assert open_loop.stages(table(*STAGED), table(*STAGED), PLANNED[:1]) is None
    assert open_loop.stages(table(*STAGED), table(*STAGED), None) is None


def test_a_damaged_run_json_with_more_stages_than_any_run_has_none() -> None:
    """Each would have figures of its own: a file of a few megabytes would take hours."""
    many = [PLANNED[0]] * (MOST_STAGES + 1)
    assert open_loop.stages(table(*STAGED), table(*STAGED), many) is None


def test_the_table_of_stages_has_one_line_per_stage() -> None:
    printed = as_table(summary(*STAGED, options={"rate_stages": PLANNED}))
    counts, times = cells_of(printed, 5)[-6:-3], cells_of(printed, 5)[-3:]
    assert counts == [["1", "1", "1", "2", "0"], ["2", "0", "", "0", "0"], ["3", "2-4", "2.667", "3", "1"]]
    assert times == [
        ["1", "2,000", "2,900*", "2,980*", "2,980*"],
        ["2", "", "", "", ""],
        ["3", "150", "195*", "199*", "596*"],
    ]


def cells_of(text: str, columns: int) -> list[list[str]]:
    """Return the cells of the table that has `columns` columns."""
    lines = [line for line in text.splitlines() if line.startswith("│") and line.count("│") == columns + 1]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_a_stages_percentiles_are_starred_where_it_has_too_few_samples() -> None:
    steady = [
        {"from_rps": 100.0, "to_rps": 100.0, "duration_s": 1.0},
        {"from_rps": 10.0, "to_rps": 10.0, "duration_s": 2.0},
    ]
    rows = [made(n / 100) for n in range(100)] + [made(1 + n / 10, stage=2) for n in range(20)]
    found = summary(*rows, options={"rate_stages": steady})
    assert [stage["too_few_samples"] for stage in found["stages"]] == [["p99_9"], ["p99", "p99_9"]]
    assert [row[1:] for row in cells_of(as_table(found), 5)[-2:]] == [
        ["500", "500", "500", "500"], ["500", "500", "500*", "500*"],
    ]  # fmt: skip
    assert "too few in stage 2" in as_table(found)


def test_stages_show_ttft_and_goodput_if_there_are_any() -> None:
    streamed = frame(
        (*COLUMNS, "ttft_s"),
        [[*made(n / 20, latency_s=n / 20, stage=1 + n // 20), str(0.1 + n / 100)] for n in range(40)],
    )
    steady = [{"from_rps": 20.0, "to_rps": 20.0, "duration_s": 1.0}] * 2
    found = summarise(
        streamed, {"options": {"rate_stages": steady, "slo": "latency<1.5"}}, {}, slo.parse("latency<1.5")
    )
    assert [stage["slo_attainment"] for stage in found["stages"]] == [1.0, 0.5]
    assert [stage["ttft_s"]["median"] for stage in found["stages"]] == pytest.approx([0.195, 0.395])
    assert [row[6] for row in cells_of(as_table(found), 7)] == ["100 %", "50 %"]
    assert cells_of(as_table(found), 4)[-2:] == [["1", "195", "280", "288*"], ["2", "395", "480", "488*"]]


def test_asked_is_the_options_rate_and_drawn_is_the_scheduled_one() -> None:
    """Poisson arrivals at 20 per second drew 11 calls in a second: chance, and not a shortfall."""
    at_20 = [{"from_rps": 20.0, "to_rps": 20.0, "duration_s": None}]
    found = summary(*(made(n / 10) for n in range(11)), options={"rate_stages": at_20, "arrival": "poisson"})
    assert (found["asked_rps"], found["drawn_rps"], found["delivered_rps"]) == pytest.approx((20, 10, 10))
    (rate,) = [finding for finding in found["verdict"]["findings"] if finding["about"] == "rate"]
    assert (rate["ok"], rate["says"]) == (True, "20/s asked, 10/s drawn, 10/s delivered; 0 late, 0 dropped")


@pytest.mark.parametrize("calls", [20, 100, 1000])
@pytest.mark.parametrize(
    "stages",
    [
        (Stage(5, 5, math.inf),), (Stage(5, 5, 10), Stage(20, 20, 10)), (Stage(0, 30, 60),), (Stage(10, 1, 20),),
        (Stage(0, 0, 5), Stage(10, 10, 10), Stage(0, 0, 5)),
    ],
    ids=["one rate", "two rates", "a ramp up", "a ramp down", "pauses"],
)  # fmt: skip
def test_an_even_schedule_draws_the_rate_asked_wherever_it_is_cut(stages: tuple[Stage, ...], calls: int) -> None:
    schedule = Schedule(stages, "constant")
    rows = [made(at_s, stage=stage) for at_s, stage in islice(schedule.times(1), calls)]
    found = open_loop.punctuality(table(*rows), schedule.facts())
    assert found["asked_rps"] == pytest.approx(found["drawn_rps"], rel=2 / len(rows))


class Counted(dict[str, Any]):
    """A stage that counts how often its duration is read."""

    reads = 0

    def __getitem__(self, name: str) -> Any:
        Counted.reads += name == "duration_s"
        return super().__getitem__(name)


def test_where_stages_begin_is_found_in_one_pass_over_the_schedule() -> None:
    """This is asked for each stage. A sum for each of the others made it cubic: a minute for a day of 1,440 stages."""
    count = 50
    stages: list[Summary] = [Counted({**PLANNED[0], "duration_s": 60.0}) for _ in range(count)]
    rows = table(*(made(60.0 * number, stage=number + 1, timestamp="2026-01-01T00:00:00Z") for number in range(count)))
    assert open_loop.stage_began_s(rows, stages, count) == pytest.approx(60.0 * (count - 1))
    assert Counted.reads == count


def test_a_random_schedules_asked_rate_is_not_what_it_drew() -> None:
    schedule = Schedule((Stage(20, 20, math.inf),), "poisson")
    for seed in range(20):
        rows = [made(at_s, stage=stage) for at_s, stage in islice(schedule.times(seed), 40)]
        assert open_loop.punctuality(table(*rows), schedule.facts())["asked_rps"] == pytest.approx(20)


def test_random_stages_were_asked_for_whenever_their_first_call_came() -> None:
    schedule = Schedule((Stage(1, 1, 4), Stage(50, 50, 1), Stage(0, 40, 2)), "poisson")
    for seed in range(10):
        rows = table(*(made(100 + at_s, stage=stage) for at_s, stage in schedule.times(seed)))
        found = summarise(rows, {"options": {"rate_stages": schedule.facts()}}, {})
        assert found["asked_rps"] == pytest.approx((4 + 50 + 40) / 7, rel=0.05)
        assert found["stages"][2]["asked_rps"] == pytest.approx(20, rel=0.1)
        x, y = asked(Run("", found, rows))
        assert x == pytest.approx([100, 104, 104, 105, 105, 107], abs=0.2)
        assert y[:4] == [1, 1, 50, 50]
        lines, _ = marks([Run("", found, rows)])
        assert [line["x0"] for line in lines] == pytest.approx([100, 104, 105], abs=0.2)


def test_p95_and_p99_have_intervals_if_there_are_enough_samples() -> None:
    few = summary(*(made(n / 10) for n in range(71)))["latency_s"]
    assert (few["p95_ci95"], few["p99_ci95"]) == (None, None)
    many = summary(*(made(n / 10, latency_s=n) for n in range(368)))["latency_s"]
    (low, high), (lowest, highest) = many["p95_ci95"], many["p99_ci95"]
    assert low < many["p95"] < high
    assert lowest < many["p99"] < highest <= 367


OPEN = ("--rate-stages", "200:100ms,0:50ms,100:100ms", "--slo", "latency<9", "--fail-if", "error_rate>50%", "--stream")
SATURATED = (
    "--rate",
    "100",
    "-i",
    "9",
    "--timeout",
    "0.1",
    "--mock-latency",
    "60",
    "--fail-if",
    "error_adjusted_p95>1",
)
ENDED: dict[str, tuple[str, ...]] = {"open": OPEN, "closed": ("-i", "5"), "without a success": SATURATED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs of each kind have left their files."""
    folder = tmp_path_factory.mktemp("summaries")
    with pytest.MonkeyPatch.context() as patch:
        for name, arguments in ENDED.items():
            (folder / name).mkdir()
            run(folder / name, *arguments, users=2, monkeypatch=patch)
    return folder


@pytest.mark.parametrize("name", ENDED)
def test_a_summary_is_strict_json(name: str, folder: Path) -> None:
    assert strictly((folder / name / "run_summary.json").read_text()) == summary_in(folder / name)
    strictly((folder / name / "run_run.json").read_text())


@pytest.mark.parametrize("name", ENDED)
def test_a_report_gives_the_same_summary(name: str, folder: Path) -> None:
    assert summary_of(folder / name / "run") == summary_in(folder / name)


def _without_the_client(gates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of gates' results how late the client was: a busy machine decides it, and only the summary holds it."""
    return [gate | {"reason": gate["reason"].partition(" (the client itself")[0]} for gate in gates]


@pytest.mark.parametrize("name", ENDED)
def test_a_report_without_the_summary_judges_again(name: str, folder: Path, tmp_path: Path) -> None:
    for file in ("run_requests.csv", "run_run.json"):
        (tmp_path / file).write_bytes((folder / name / file).read_bytes())
    again, written = summary_of(tmp_path / "run"), summary_in(folder / name)
    assert _without_the_client(again["gates"]) == _without_the_client(written["gates"])
    assert again["stages"] == written["stages"]
    assert (again["cut_off"], again["verdict"]["believable"]) == (True, False)
    assert "unknown: the run was cut off" in as_table(again)


@pytest.mark.parametrize("name", ENDED)
def test_csv_is_one_line_of_names_and_one_of_values(name: str, folder: Path) -> None:
    written = summary_in(folder / name)
    names, values = csv.reader(io.StringIO(as_csv(written)))
    flat = dict(zip(names, values, strict=True))
    assert len(flat) == len(names)
    assert flat["total_requests"] == str(written["total_requests"])
    assert strictly(flat["verdict.findings"]) == written["verdict"]["findings"]
    assert strictly(flat["gates"]) == written["gates"]


def test_the_summary_of_an_open_run_has_every_figure_that_was_asked_for(folder: Path) -> None:
    found = summary_in(folder / "open")
    assert (found["total_requests"], found["slo_attainment"], len(found["stages"])) == (30, 1.0, 3)
    assert found["goodput_rps"] == found["throughput_rps"]
    assert found["gates"] == [
        {
            "gate": "error_rate>50%", "breached": False, "value": 0.0, "samples": 30,
            "reason": "error_rate is 0 % (30 samples)",
        }
    ]  # fmt: skip
    assert {"p95_ci95", "p99_ci95", "samples"} <= set(found["latency_s"])
    assert found["latency_error_adjusted_s"]["infinite"] == []


def test_a_value_that_failures_made_infinite_is_null_in_json(folder: Path) -> None:
    (gate,) = summary_in(folder / "without a success")["gates"]
    assert (gate["breached"], gate["value"]) == (True, None)
