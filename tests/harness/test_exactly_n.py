"""-i N makes N calls: for any number of users, with equal latencies or not, and again in the next run."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.load.closed_loop import Budget
from prompts.draws import Prompts
from providers.permit import Permit
from providers.prompt import Prompt
from tests.running import MOCK, harnessed, run

SLOW_RUNS = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows_of(prefix: Path) -> list[dict[str, Any]]:
    with open(f"{prefix}_requests.csv", newline="") as file:
        return list(csv.DictReader(file))


@SLOW_RUNS
@given(users=st.integers(1, 30), calls=st.integers(1, 40), latency=st.sampled_from(["0", "0.01"]))
def test_n_calls_are_n_rows_and_n_requests_for_locust(
    users: int, calls: int, latency: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("run")
    environment, prefix = run(folder, "-i", str(calls), "--mock-latency", latency, users=users, monkeypatch=monkeypatch)
    rows = rows_of(prefix)
    assert sorted(int(row["request"]) for row in rows) == list(range(1, calls + 1))
    assert {row["outcome"] for row in rows} == {"ok"}
    assert environment.stats.total.num_requests == calls
    assert environment.process_exit_code == 0


def test_a_stop_cuts_off_no_call_that_could_have_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in range(4):
        monkeypatch.setattr(sys, "stdout", sys.stdout)
        prefix = tmp_path / f"run{attempt}"
        environment, harness = harnessed([*MOCK, "--mock-latency", "0.005", "-t", "9s", "--csv", str(prefix)])
        environment.runner.start(20, spawn_rate=20)
        with gevent.Timeout(60):
            while environment.stats.total.num_requests < 20:
                gevent.sleep(0.01)
        harness.end(environment)
        assert {row["outcome"] for row in rows_of(prefix)} == {"ok"}


@pytest.mark.parametrize("loop", [[], ["--rate", "200"]], ids=["closed", "open"])
def test_a_prompt_that_cannot_be_made_fails_its_call_and_the_run_ends(
    loop: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_call = Prompts.of_call

    def faulty(prompts: Prompts, number: int) -> Prompt:
        if number == 3:
            raise KeyError("a fault")
        return of_call(prompts, number)

    monkeypatch.setattr(Prompts, "of_call", faulty)
    environment, prefix = run(tmp_path, "-i", "5", *loop, users=2, monkeypatch=monkeypatch)
    outcomes = {int(row["request"]): (row["outcome"], row["error"]) for row in rows_of(prefix)}
    assert outcomes == {**dict.fromkeys(range(1, 6), ("ok", "")), 3: ("failed", "KeyError: 'a fault'")}
    assert environment.stats.total.num_failures == 1
    assert json.loads(Path(f"{prefix}_summary.json").read_text())["own_failures"]


def test_headless_with_neither_a_count_nor_a_time_makes_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prefix = run(tmp_path, users=5, monkeypatch=monkeypatch)
    assert len(rows_of(prefix)) == 1


@given(calls=st.integers(1, 50), asked=st.integers(0, 80))
def test_a_budget_gives_each_number_once_and_ends_once(calls: int, asked: int) -> None:
    spent: list[bool] = []
    budget = Budget(calls, lambda: spent.append(True))
    permits = [budget.take() for _ in range(asked)]
    given_out = [permit.number for permit in permits if permit is not None]
    assert given_out == list(range(1, min(calls, asked) + 1))
    for number in given_out:
        budget.end(number)
    assert len(spent) == (1 if asked >= calls else 0)


def test_a_budget_without_a_count_never_ends() -> None:
    budget = Budget(None, on_spent=lambda: pytest.fail("it ended"))
    for number in range(1, 100):
        assert budget.take() == Permit(number)
        budget.end(number)
