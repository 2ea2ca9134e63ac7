"""An open loop: each call is made on time or dropped, none twice and none forgotten; alone, and in whole runs."""

import csv
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import gevent
import pytest

import harness.load.open_loop
import harness.load.permits
from harness.errors import UsageError
from harness.load.open_loop import LEAD_S, MOST_AT_ONCE, TURN_S, OpenLoop
from harness.load.permits import PermitLedger, PermitQueue
from harness.load.schedule import Due
from harness.plan.plan import plan_of
from harness.plan.rate_options import schedule_of
from harness.run.counting import queue_here
from providers.permit import Permit
from tests.command_line import rows_in, summary_in
from tests.running import MOCK, harnessed, run, turn
from wire.exchange import now

FOREVER_S = 1e6


class Clock:
    """The open loop's and its permit queue's time, which moves on when told to."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A run that starts at 0 and whose schedule, if it begins at once, begins `LEAD_S` later."""
    clock = Clock()
    monkeypatch.setattr(harness.load.open_loop, "now", clock)
    monkeypatch.setattr(harness.load.permits, "now", clock)
    return clock


class Kept:
    """An open loop and its callbacks' arguments."""

    def __init__(self, times: list[float], warmup: int = 0, patience_s: float = FOREVER_S, started_at: float = 0.0):
        self.dropped: list[int] = []
        self.spent = 0
        dues = (Due(at_s, 1) for at_s in times)
        self.loop = OpenLoop(dues, warmup, patience_s, started_at, self._drop, self._spend)

    def pass_(self, clock: Clock, at_s: float) -> None:
        """Set the schedule's clock to a time, and let its pacer look at it."""
        clock.at_s = LEAD_S + at_s
        turn()
        turn()

    def _drop(self, permit: Permit) -> None:
        self.dropped.append(permit.number)

    def _spend(self) -> None:
        self.spent += 1


def users(queue: PermitQueue, number: int, taken: list[Permit]) -> list[Any]:
    """Start `number` users, each of which ends a call as soon as it has taken it."""

    def use() -> None:
        while permit := queue.take():
            taken.append(permit)
            queue.end(permit.number)

    return [gevent.spawn(use) for _ in range(number)]


def numbers(permits: list[Permit]) -> list[int]:
    return [permit.number for permit in permits]


def test_calls_come_in_order_and_never_before_their_time() -> None:
    kept, taken = Kept([0, 0.01, 0.01, 0.05, 0.2], started_at=(started_at := now())), list[int]()
    queue = queue_here(kept.loop, started_at)
    lateness_s: list[float] = []

    def use() -> None:
        while permit := queue.take():
            lateness_s.append(now() - started_at - (permit.scheduled_s or 0.0))
            taken.append(permit.number)
            queue.end(permit.number)

    user = gevent.spawn(use)
    kept.loop.begin()
    while not kept.spent:
        gevent.sleep(0.01)
    queue.close()
    user.join()
    assert taken == [1, 2, 3, 4, 5]
    assert min(lateness_s) >= 0


@pytest.mark.parametrize("user_count", [1, 2, 30])
@pytest.mark.parametrize("patience_s", [0.0, FOREVER_S])
def test_each_call_is_made_or_dropped_once_and_the_end_is_reported_once(user_count: int, patience_s: float) -> None:
    kept, taken = Kept([0.001 * n for n in range(50)], 4, patience_s, started_at=(started_at := now())), list[Permit]()
    queue = queue_here(kept.loop, started_at)
    kept.loop.begin()
    at_work = users(queue, user_count, taken)
    while not kept.spent:
        gevent.sleep(0.01)
    kept.loop.close()
    queue.close()
    gevent.joinall(at_work)
    assert sorted([*numbers(taken), *kept.dropped]) == list(range(1, 55))
    assert kept.spent == 1


def test_the_warm_up_comes_first_and_the_schedule_begins_when_it_has_ended(clock: Clock) -> None:
    kept = Kept([0, 1], warmup=2)
    kept.loop.begin()
    assert [kept.loop.take(), kept.loop.take(), kept.loop.take()] == [Permit(1), Permit(2), None]
    kept.loop.end(2)
    kept.pass_(clock, 40)
    assert kept.loop.take() is None
    kept.loop.end(1)
    kept.pass_(clock, 40.5)
    permit = kept.loop.take() or Permit(0)
    assert permit.number == 3
    assert permit.scheduled_s == pytest.approx(LEAD_S + 40 + LEAD_S)


def test_the_schedule_waits_for_all_users(clock: Clock) -> None:
    kept = Kept([0])
    kept.pass_(clock, 7)
    assert kept.loop.take() is None
    kept.loop.begin()
    kept.pass_(clock, 7.5)
    permit = kept.loop.take() or Permit(0)
    assert permit.number == 1
    assert permit.scheduled_s == pytest.approx(LEAD_S + 7 + LEAD_S)


def test_a_second_beginning_changes_nothing(clock: Clock) -> None:
    kept = Kept([0, 1])
    kept.loop.begin()
    kept.loop.begin()
    kept.pass_(clock, 1)
    assert [kept.loop.take(), kept.loop.take(), kept.loop.take()] == [
        Permit(1, LEAD_S, 1), Permit(2, LEAD_S + 1, 1), None,
    ]  # fmt: skip


def test_a_call_is_dropped_once_if_no_user_takes_it_within_patience(clock: Clock) -> None:
    kept = Kept([0, 1, 3], patience_s=5)
    kept.loop.begin()
    kept.pass_(clock, 6.5)
    assert kept.loop.take() == Permit(3, LEAD_S + 3, 1)
    assert kept.loop.take() is None
    assert kept.dropped == [1, 2]
    kept.loop.end(3)
    assert (kept.dropped, kept.spent) == ([1, 2], 1)


def test_a_call_that_is_late_within_patience_is_made(clock: Clock) -> None:
    kept = Kept([0], patience_s=5)
    kept.loop.begin()
    kept.pass_(clock, 4.9)
    assert kept.loop.take() == Permit(1, LEAD_S, 1)


def test_a_drop_of_the_last_call_ends_the_run(clock: Clock) -> None:
    kept = Kept([0, 0], patience_s=1)
    kept.loop.begin()
    kept.pass_(clock, 2)
    assert kept.loop.take() is None
    assert (kept.dropped, kept.spent) == ([1, 2], 1)


def test_a_schedule_without_a_call_ends_at_once(clock: Clock) -> None:
    kept = Kept([])
    kept.loop.begin()
    turn()
    assert (kept.loop.take(), kept.dropped, kept.spent) == (None, [], 1)


def test_the_end_of_the_run_drops_what_is_overdue_and_nothing_else(clock: Clock) -> None:
    kept = Kept([0, 1, 1 + LEAD_S / 2, 1000])
    kept.loop.begin()
    kept.pass_(clock, 1 + LEAD_S / 4)
    kept.loop.close()
    assert (kept.dropped, kept.loop.take(), kept.spent) == ([1, 2], None, 0)
    kept.loop.close()
    kept.pass_(clock, 2000)
    assert (kept.dropped, kept.loop.take()) == ([1, 2], None)


def test_at_the_end_of_the_run_others_have_their_turn_while_what_is_overdue_is_dropped(clock: Clock) -> None:
    count = 20 * MOST_AT_ONCE
    kept = Kept([0.0] * count)
    kept.loop.begin()
    kept.pass_(clock, 1)
    end = gevent.spawn(kept.loop.close)
    seen = [0]
    while not end.ready():
        gevent.sleep(TURN_S / 10)
        seen.append(len(kept.dropped))
    assert kept.dropped == list(range(1, count + 1))
    assert max(later - sooner for sooner, later in pairwise(seen)) < count / 2


def test_a_run_that_ended_before_all_users_started_begins_no_schedule(clock: Clock) -> None:
    kept = Kept([0])
    kept.loop.close()
    kept.loop.begin()
    kept.pass_(clock, 10)
    assert (kept.loop.take(), kept.dropped) == (None, [])


def test_a_rate_that_cant_be_kept_up_with_leaves_others_their_turn(clock: Clock) -> None:
    count = 5 * MOST_AT_ONCE // 2
    kept = Kept([0.0] * count, patience_s=1)
    queue = queue_here(kept.loop, 0.0)
    user = gevent.spawn(queue.take)
    turn()
    kept.loop.begin()
    clock.at_s = 60
    seen = [0]
    while not kept.spent and len(seen) < 100:
        turn()
        seen.append(len(kept.dropped))
    assert kept.dropped == list(range(1, count + 1))
    assert max(later - sooner for sooner, later in pairwise(seen)) <= MOST_AT_ONCE
    queue.close()
    assert user.get(timeout=10) is None


def test_calls_that_all_become_overdue_are_dropped_a_hundred_at_a_time(clock: Clock) -> None:
    kept = Kept([0.0] * (2 * MOST_AT_ONCE), patience_s=5)
    kept.loop.begin()
    for _ in range(3):
        kept.pass_(clock, 1)
    clock.at_s = 60
    queue = queue_here(kept.loop, 0.0)
    gevent.spawn(queue.take)
    gevent.sleep(0)
    assert len(kept.dropped) == MOST_AT_ONCE
    gevent.sleep(0.1)
    assert (len(kept.dropped), kept.spent) == (2 * MOST_AT_ONCE, 1)
    queue.close()


@pytest.fixture
def granted(clock: Clock) -> Iterator[tuple[Kept, PermitQueue, Any]]:
    """A user that has been given the only call and waits for its due time."""
    kept = Kept([LEAD_S / 2], patience_s=5)
    queue = queue_here(kept.loop, 0.0)
    user = gevent.spawn(queue.take)
    turn()
    kept.loop.begin()
    kept.pass_(clock, -LEAD_S / 4)
    yield kept, queue, user
    queue.close()


def test_a_killed_users_call_is_made_by_another(granted: tuple[Kept, PermitQueue, Any], clock: Clock) -> None:
    kept, queue, user = granted
    user.kill()
    kept.pass_(clock, 1)
    assert gevent.spawn(queue.take).get(timeout=10) == Permit(1, LEAD_S + LEAD_S / 2, 1)
    queue.end(1)
    assert (kept.dropped, kept.spent) == ([], 1)


def test_a_call_given_back_is_dropped_like_any_other(granted: tuple[Kept, PermitQueue, Any], clock: Clock) -> None:
    kept, queue, user = granted
    user.kill()
    kept.pass_(clock, 6)
    gevent.spawn(queue.take)
    turn()
    assert (kept.dropped, kept.spent) == ([1], 1)


def test_a_call_given_back_is_dropped_at_the_end_of_the_run(
    granted: tuple[Kept, PermitQueue, Any], clock: Clock
) -> None:
    kept, _, user = granted
    user.kill()
    kept.pass_(clock, 1)
    kept.loop.close()
    assert (kept.dropped, kept.spent) == ([1], 1)


def test_a_withdrawn_users_call_goes_to_the_next_user(clock: Clock) -> None:
    kept = Kept([0])
    queue = queue_here(kept.loop, 0.0)
    user = gevent.spawn(queue.take)
    turn()
    queue.withdraw(user)
    assert user.get(timeout=10) is None
    kept.loop.begin()
    kept.pass_(clock, 1)
    assert gevent.spawn(queue.take).get(timeout=10) == Permit(1, LEAD_S, 1)


def test_a_user_that_is_killed_as_its_call_comes_gives_it_back() -> None:
    given_back: list[int] = []
    queue = PermitQueue(now(), want=lambda begins: None, unwant=lambda begins: None, back=given_back.append)
    user = gevent.spawn(queue.take)
    turn()
    user.kill(block=False)
    queue.grant(Permit(1))
    user.join()
    assert given_back == [1]


def test_a_permit_that_comes_when_no_user_waits_goes_back() -> None:
    given_back: list[int] = []
    PermitQueue(now(), want=lambda begins: None, unwant=lambda begins: None, back=given_back.append).grant(Permit(1))
    assert given_back == [1]


def test_a_warm_up_call_given_back_is_made_by_another_however_late(clock: Clock) -> None:
    kept = Kept([], warmup=1, patience_s=1)
    grants: list[tuple[str, Permit]] = []
    ledger = PermitLedger(kept.loop, lambda worker, permit: grants.append((worker, permit)))
    ledger.want("first")
    clock.at_s = 10
    ledger.take_back("first", 1)
    ledger.want("second")
    assert grants == [("first", Permit(1)), ("second", Permit(1))]


def test_a_thousand_users_that_waited_leave_at_once(clock: Clock) -> None:
    kept, taken = Kept([0]), list[Permit]()
    queue = queue_here(kept.loop, 0.0)
    waiting = users(queue, 2000, taken)
    turn()
    kept.loop.begin()
    kept.pass_(clock, -LEAD_S / 2)
    kept.loop.close()
    queue.close()
    gevent.joinall(waiting, timeout=30)
    assert [user.exception for user in waiting] == [None] * 2000
    assert (taken, kept.dropped) == ([], [])


def test_a_call_for_a_thousand_users_that_have_left_waits_for_the_next(clock: Clock) -> None:
    kept, taken = Kept([0]), list[Permit]()
    queue = queue_here(kept.loop, 0.0)
    waiting = users(queue, 2000, taken)
    turn()
    for user in waiting:
        queue.withdraw(user)
    kept.loop.begin()
    kept.pass_(clock, 1)
    assert gevent.spawn(queue.take).get(timeout=30) == Permit(1, LEAD_S, 1)
    assert kept.dropped == []


def test_a_closed_queue_grants_nothing_and_releases_all_users(clock: Clock) -> None:
    kept = Kept([0])
    queue = queue_here(kept.loop, 0.0)
    waiting = [gevent.spawn(queue.take) for _ in range(3)]
    turn()
    queue.close()
    gevent.joinall(waiting, timeout=10)
    assert [user.value for user in waiting] == [None] * 3
    assert queue.take() is None


CONSTANT = ("--rate", "100", "-i", "30", "--warmup", "3")
POISSON = ("--rate", "200", "-i", "30", "--arrival", "poisson", "--seed", "5")
STAGES = ("--rate-stages", "50:200ms,0:100ms,100-0:400ms")
SATURATED = ("--rate", "100", "-i", "30", "--timeout", "0.1", "--mock-latency", "60")


def loop_run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, users: int = 20) -> Any:
    environment, _ = run(folder, *arguments, "-o", "json", users=users, monkeypatch=monkeypatch)
    return environment


def measured(folder: Path) -> list[dict[str, Any]]:
    return sorted((row for row in rows_in(folder) if row["phase"] == "measured"), key=lambda row: int(row["request"]))


def seconds(rows: list[dict[str, Any]], column: str) -> list[float]:
    return [float(row[column]) for row in rows]


def scheduled_s(rows: list[dict[str, Any]]) -> list[float]:
    """When the calls were due, from the first one's due time."""
    dues = [
        start_s - lag_s for start_s, lag_s in zip(seconds(rows, "start_s"), seconds(rows, "start_lag_s"), strict=True)
    ]
    return [due_s - dues[0] for due_s in dues]


@pytest.mark.parametrize("arguments", [CONSTANT, POISSON, STAGES], ids=["constant", "poisson", "stages"])
def test_a_row_has_its_calls_due_time_and_lateness(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = loop_run(tmp_path, monkeypatch, *arguments)
    rows = measured(tmp_path)
    assert len(rows) == environment.stats.total.num_requests == 30
    assert {row["outcome"] for row in rows} == {"ok"}
    assert all(lag_s >= 0 for lag_s in seconds(rows, "start_lag_s"))
    assert seconds(rows, "latency_from_schedule_s") == pytest.approx(
        [sum(pair) for pair in zip(seconds(rows, "start_lag_s"), seconds(rows, "latency_s"), strict=True)]
    )
    assert all(row["scheduled_at"] <= row["timestamp"] for row in rows)
    assert summary_in(tmp_path)["start_lag_s"]["max"] == max(seconds(rows, "start_lag_s"))


def test_a_constant_rates_calls_are_due_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, *CONSTANT)
    rows = measured(tmp_path)
    assert [int(row["request"]) for row in rows] == list(range(4, 34))
    assert scheduled_s(rows) == pytest.approx([n / 100 for n in range(30)], abs=1e-9)
    warm_up = [row for row in rows_in(tmp_path) if row["phase"] == "warmup"]
    assert [(row["scheduled_at"], row["start_lag_s"], row["stage"]) for row in warm_up] == [("", "", "")] * 3
    ended_s = [float(row["start_s"]) + float(row["latency_s"]) for row in warm_up]
    assert max(ended_s) <= min(seconds(rows, "start_s"))
    assert summary_in(tmp_path)["asked_rps"] == pytest.approx(100)


def test_a_runs_poisson_calls_are_due_when_its_seed_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, *POISSON)
    schedule = schedule_of({"rate": "200", "rate_stages": "", "arrival": "poisson"})
    assert schedule is not None
    expected = [due.at_s for due in islice(schedule.times(5), 30)]
    rows = measured(tmp_path)
    assert scheduled_s(rows) == pytest.approx([at_s - expected[0] for at_s in expected], abs=1e-9)


def test_rows_and_the_summary_name_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, *STAGES)
    rows = measured(tmp_path)
    assert [row["stage"] for row in rows] == ["1"] * 10 + ["3"] * 20
    assert scheduled_s(rows)[10] == pytest.approx(0.3)
    stages = summary_in(tmp_path)["stages"]
    assert [(stage["stage"], stage["total_requests"], stage["success_count"]) for stage in stages] == [
        (1, 10, 10), (2, 0, 0), (3, 20, 20),
    ]  # fmt: skip


def test_a_call_that_no_user_is_free_for_is_a_failure_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = loop_run(tmp_path, monkeypatch, *SATURATED, "--exit-code-on-error", "9", users=2)
    rows, summary, total = measured(tmp_path), summary_in(tmp_path), environment.stats.total
    assert [int(row["request"]) for row in rows] == list(range(1, 31))
    dropped = [row for row in rows if row["outcome"] == "dropped"]
    # 30 calls in 0.3 s and 0.1 s of patience after them: in that time two users make at most 10 calls of 0.1 s.
    assert len(dropped) >= 20
    assert summary["dropped_count"] == len(dropped)
    assert (summary["total_requests"], summary["failure_count"], summary["error_rate"]) == (30, 30, 1.0)
    assert ("Dropped", len(dropped)) in [(failure["error"], failure["count"]) for failure in summary["failures"]]
    assert (total.num_requests, total.num_failures, total.num_none_requests) == (30, 30, len(dropped))
    assert {str(error.error): error.occurrences for error in environment.stats.errors.values()}["Dropped"] == len(
        dropped
    )
    assert environment.process_exit_code == 9


def test_a_dropped_calls_row_holds_its_time_and_no_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, *SATURATED, users=1)
    dropped = next(row for row in rows_in(tmp_path) if row["outcome"] == "dropped")
    for column in ("start_lag_s", "latency_s", "latency_from_schedule_s", "status", "prompt", "prompt_id"):
        assert dropped[column] == "", column
    assert dropped["error"] == "Dropped: no user was free for it"
    assert dropped["timestamp"] == dropped["scheduled_at"]
    assert (dropped["stage"], dropped["phase"]) == ("1", "measured")


def test_a_saturated_runs_end_leaves_no_due_call_without_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call waits for the only user's first one: when the run ends, all that were due by then are dropped."""
    with_end = ("--rate-stages", "100:200ms", "--mock-latency", "60", "--timeout", "1")
    loop_run(tmp_path, monkeypatch, *with_end, users=1)
    outcomes = [row["outcome"] for row in measured(tmp_path)]
    assert (len(outcomes), set(outcomes)) == (20, {"failed", "dropped"})


def test_locusts_own_files_count_the_dropped_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, *SATURATED, users=2)
    with open(tmp_path / "run_failures.csv", newline="", encoding="utf-8") as file:
        counts = {row["Error"]: int(row["Occurrences"]) for row in csv.DictReader(file)}
    assert counts["Dropped"] == summary_in(tmp_path)["dropped_count"]
    assert sum(counts.values()) == 30


@pytest.mark.parametrize("calls", [1, 7])
def test_a_count_ends_an_open_loop_exactly(calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, "--rate-stages", "100:1m", "-i", str(calls))
    assert len(measured(tmp_path)) == calls


def test_the_stages_end_a_run_that_asks_for_more_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_run(tmp_path, monkeypatch, "--rate-stages", "100:50ms", "-i", "40")
    assert len(measured(tmp_path)) == 5


def test_a_run_time_from_the_web_form_limits_the_number_of_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    environment, harness = harnessed([*MOCK, "--rate", "5", "-i", "100"])
    options, secret = (
        vars(environment.parsed_options),
        {"api_key": "", "header": [], "against_api_key": "", "against_header": []},
    )
    for given, most in (("1m", 100), ("3s", 16), (3, 16), ("", 100), (None, 100)):
        assert plan_of({**options, **secret, "run_time": given}, harness.classes).most_calls == most
    with pytest.raises(UsageError, match="--run-time must look like 20, 20s, 3m or 1h20m, not 'soon'"):
        plan_of({**options, **secret, "run_time": "soon"}, harness.classes)
