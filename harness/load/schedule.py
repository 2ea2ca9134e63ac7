"""When calls should start: absolute times computed from a rate, independent of the answers."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, count, repeat
from random import Random
from typing import Literal, NamedTuple

Arrival = Literal["constant", "poisson"]

ROUNDING = 1e-6
"""Less than this fraction of a call is rounding: 1.1 calls per second for 50 s is 55.00000000000001 in floats."""


class Due(NamedTuple):
    """A call's due time, in seconds from the schedule's start, and its stage, counted from 1."""

    at_s: float
    stage: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A span over which the rate changes linearly from one value to another; `duration_s` can be infinite."""

    from_rps: float
    to_rps: float
    duration_s: float

    @property
    def calls(self) -> float:
        """The number of calls due in this stage on average: the area under the rate."""
        return self.duration_s * (self.from_rps + self.to_rps) / 2

    def time_s(self, calls: float) -> float:
        """Return the time from the stage's start by which `calls` calls are due: the root t of
        from t + (to - from) t² / (2 duration) = calls, in the form that cancels nothing and covers a constant rate.
        """
        if not calls:
            return 0.0
        bend = (self.to_rps - self.from_rps) / self.duration_s
        return 2 * calls / (self.from_rps + math.sqrt(max(0.0, self.from_rps**2 + 2 * bend * calls)))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run's rate over time, and its arrival process.

    constant  evenly spaced: call n (from 0) is due when the integrated rate reaches n
    poisson   random, as independent clients would send: exponential gaps; a changing rate by time rescaling (Çinlar,
              Introduction to Stochastic Processes, 4.7)
    """

    stages: tuple[Stage, ...]
    arrival: Arrival

    @property
    def peak_rps(self) -> float:
        return max(max(stage.from_rps, stage.to_rps) for stage in self.stages)

    @property
    def has_end(self) -> bool:
        return self.stages[-1].duration_s < math.inf

    def most_calls(self, run_time_s: float | None) -> int | None:
        """Return an upper bound on the calls due within the run time, if there is one; `None` if there is no bound."""
        if self.arrival == "poisson":
            return None
        whole = sum(stage.calls for stage in self.stages)
        most = min(whole, math.inf if run_time_s is None else self.peak_rps * run_time_s + 1)
        return math.ceil(most) if most < math.inf else None

    def facts(self) -> list[dict[str, float | None]]:
        """Return the stages as they are written to PREFIX_run.json; an infinite duration is `None`."""
        return [
            {**asdict(stage), "duration_s": stage.duration_s if stage.duration_s < math.inf else None}
            for stage in self.stages
        ]

    def times(self, seed: int) -> Iterator[Due]:
        """Yield each call's due time, computed from the start rather than from the call before, so that it can't
        drift."""
        return _in_stages(self.stages, self._marks(Random(f"arrivals {seed}")))

    def _marks(self, random: Random) -> Iterator[float]:
        """Yield arrival times of a process with one call per unit of time on average. Of `Random`, only `random()` is
        the same in every version of Python."""
        if self.arrival == "constant":
            return map(float, count())
        return accumulate(-math.log(1.0 - random.random()) for _ in repeat(None))


@dataclass(frozen=True, slots=True)
class Timetable:
    """Given due times, in seconds from the schedule's start, in ascending order. It has what `Schedule` has."""

    due_s: tuple[float, ...]
    arrival: Literal["replay"] = "replay"
    stages: tuple[Stage, ...] = ()
    has_end: bool = True

    @property
    def calls(self) -> int:
        return len(self.due_s)

    @property
    def peak_rps(self) -> float:
        """The most calls due within any second."""
        return max(at - bisect_left(self.due_s, due_s - 1.0) + 1 for at, due_s in enumerate(self.due_s))

    def most_calls(self, run_time_s: float | None) -> int:
        return self.calls

    def facts(self) -> None:
        """Return no stages: the times are in the files."""

    def times(self, seed: int) -> Iterator[Due]:
        return (Due(due_s, 1) for due_s in self.due_s)


def _in_stages(stages: Sequence[Stage], marks: Iterator[float]) -> Iterator[Due]:
    mark, began_s, calls_before = next(marks), 0.0, 0.0
    for number, stage in enumerate(stages, 1):
        while mark - calls_before < stage.calls - ROUNDING:
            yield Due(began_s + stage.time_s(max(0.0, mark - calls_before)), number)
            mark = next(marks)
        began_s += stage.duration_s
        calls_before += stage.calls
