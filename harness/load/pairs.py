"""Pairs of calls, one to the target and one to the baseline: which comes first."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random

from providers.permit import Granted, Permit, SideName

BLOCK = 10
"""In each block of this many pairs, the target comes first in half of them."""

ORDERS: tuple[tuple[SideName, SideName], ...] = (("target", "baseline"), ("baseline", "target"))

Grant = Callable[[Permit], Sequence[Granted]]
"""Returns the calls that a permit grants, in the order in which to make them."""


def single(permit: Permit) -> Sequence[Granted]:
    """Return the one call of a permit in a run without a baseline."""
    return [Granted(permit.number)]


def pairs(seed: int) -> Grant:
    """Return a function that makes each permit a pair, in an order that depends on the seed and the pair's number only:
    at random, but balanced within each block (Friedman, Furberg and DeMets, Fundamentals of Clinical Trials, on
    permuted blocks), so that neither drift nor a warm cache favours a side."""

    @lru_cache(maxsize=64)
    def block(number: int) -> Sequence[tuple[SideName, SideName]]:
        orders = [*ORDERS] * (BLOCK // 2)
        Random(f"order {seed}/{number}").shuffle(orders)
        return orders

    def grant(permit: Permit) -> Sequence[Granted]:
        pair = (permit.number + 1) // 2
        sides = block((pair - 1) // BLOCK)[(pair - 1) % BLOCK]
        return [Granted(permit.number + place, side, pair, place + 1) for place, side in enumerate(sides)]

    return grant
