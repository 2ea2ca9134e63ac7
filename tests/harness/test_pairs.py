"""Pairs of calls: balanced, reproducible, and never torn apart on their way to a user and back."""

from collections import Counter
from itertools import islice

import gevent
import pytest

from harness.load.closed_loop import Budget
from harness.load.open_loop import OpenLoop
from harness.load.pairs import BLOCK, pairs, single
from harness.load.permits import PermitLedger
from harness.load.schedule import Schedule, Stage
from providers.permit import Granted, Permit
from wire.exchange import now


def first_sides(seed: int, count: int) -> list[str | None]:
    grant = pairs(seed)
    return [grant(Permit(2 * pair - 1, calls=2))[0].side for pair in range(1, count + 1)]


def test_in_each_block_of_pairs_either_side_comes_first_equally_often() -> None:
    sides = first_sides(7, 40 * BLOCK)
    blocks = [sides[at : at + BLOCK] for at in range(0, len(sides), BLOCK)]
    assert all(Counter(block) == {"target": BLOCK // 2, "baseline": BLOCK // 2} for block in blocks)
    assert len({tuple(block) for block in blocks}) > 20, "the order within a block is drawn"


def test_the_order_depends_on_the_seed_and_the_number_of_the_pair_only() -> None:
    assert first_sides(7, 100) == first_sides(7, 100) != first_sides(8, 100)
    backwards = [pairs(7)(Permit(2 * pair - 1, calls=2))[0].side for pair in range(100, 0, -1)]
    assert backwards[::-1] == first_sides(7, 100)
    initials = "".join(str(side)[0] for side in first_sides(7, 10))
    assert initials == "ttbttbbbbt", "the same in every version"


def test_a_permit_for_two_calls_is_one_call_to_each_side() -> None:
    first, second = pairs(1)(Permit(5, 0.5, 2, calls=2))
    assert (first.number, first.pair, first.order) == (5, 3, 1)
    assert (second.number, second.pair, second.order) == (6, 3, 2)
    assert {first.side, second.side} == {"target", "baseline"}
    assert single(Permit(5)) == [Granted(5, None, None, None)]


def test_a_budget_hands_out_pairs_and_is_spent_when_every_call_has_ended() -> None:
    spent: list[bool] = []
    budget = Budget(4, lambda: spent.append(True), per_permit=2)
    assert [budget.take(), budget.take(), budget.take()] == [Permit(1, calls=2), Permit(3, calls=2), None]
    for number in (1, 3, 2):
        budget.end(number)
        assert not spent
    budget.end(4)
    assert spent == [True]


def test_of_a_dead_workers_pair_only_the_call_without_a_row_is_lost() -> None:
    spent: list[bool] = []
    ledger = PermitLedger(Budget(4, lambda: spent.append(True), per_permit=2), lambda worker, permit: None)
    ledger.want("dies")
    ledger.want("lives")
    ledger.end("dies", 1)
    assert ledger.has("dies", 2)
    assert not ledger.has("dies", 1)
    ledger.bury({"lives"})
    assert ledger.lost_count == 1
    for number in (3, 4):
        ledger.end("lives", number)
    assert spent == [True]


def test_a_pair_that_is_given_back_is_granted_whole_to_the_next() -> None:
    granted: list[tuple[str, Permit]] = []
    ledger = PermitLedger(Budget(2, lambda: None, per_permit=2), lambda *grant: granted.append(grant))
    ledger.want("first")
    ledger.take_back("first", 1)
    assert not ledger.has("first", 2)
    ledger.want("second")
    assert granted == [("first", Permit(1, calls=2)), ("second", Permit(1, calls=2))]


@pytest.mark.parametrize("warmup", [0, 4])
def test_a_schedule_is_one_of_pairs_and_drops_them_whole(warmup: int) -> None:
    dropped: list[Permit] = []
    spent: list[bool] = []
    times = islice(Schedule((Stage(1000, 1000, float("inf")),), "constant").times(1), 3)
    loop = OpenLoop(times, warmup, 30.0, now() - 10, dropped.append, lambda: spent.append(True), per_permit=2)
    for number in range(1, warmup, 2):
        assert loop.take() == Permit(number, calls=2)
        loop.end(number)
        loop.end(number + 1)
    loop.begin()
    while loop.standing().asked < 3:
        gevent.sleep(0.01)
    loop.close()
    assert [(permit.number, permit.calls) for permit in dropped] == [(warmup + 1 + 2 * at, 2) for at in range(3)]
    assert loop.standing().dropped == 3
