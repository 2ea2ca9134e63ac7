"""Whether the client itself was the bottleneck: event loop lag, stalls, CPU and late reads."""

import time
from collections import defaultdict
from itertools import count, takewhile
from typing import Any

import gevent

from harness.record.histograms import Histogram
from summary.vocabulary import (
    CPU_LIMIT,
    ENOUGH_S,
    EVIDENT_S,
    HICCUP_S,
    LAG_LIMIT_S,
    LATE_S,
    STALL_S,
    Summary,
)
from wire.exchange import now

TICK_S = 0.02
Sample = dict[str, Any]
Span = tuple[float, float]


class ClientWatch:
    """Samples one process's event loop: a tick is due every `TICK_S`, and its delay is the loop's lag.

    Stalls are spans in seconds since the run's start, `started_at`. The first is the `missed_s` before the watch began.
    """

    def __init__(self, started_at: float, missed_s: float = 0.0) -> None:
        self._started_at = started_at
        self._due_at = now() + TICK_S - missed_s
        self._begin()
        self._ticker = gevent.spawn(self._tick)

    def saw_lag(self, lag_s: float | None) -> None:
        """Count a call if its packets had to wait for us."""
        if lag_s is not None and lag_s > LATE_S:
            self._late_calls += 1

    def take(self) -> Sample:
        """Return what has been observed since the last `take`."""
        if now() > self._due_at:
            self._look()
        sample = {
            "lags_s": self._lags_s,
            "stalls": self._stalls,
            "cpu_s": time.process_time() - self._cpu_began_s,
            "wall_s": now() - self._began_at,
            "late_calls": self._late_calls,
        }
        self._begin()
        return sample

    def stop(self) -> None:
        self._ticker.kill()

    def _begin(self) -> None:
        self._lags_s: list[float] = []
        self._stalls: list[Span] = []
        self._late_calls = 0
        self._began_at, self._cpu_began_s = now(), time.process_time()

    def _tick(self) -> None:
        while True:
            gevent.sleep(TICK_S)
            self._look()

    def _look(self) -> None:
        at = now()
        lag_s = max(0.0, at - self._due_at)
        self._lags_s += lags_of(lag_s)
        if lag_s >= STALL_S:
            self._stalls.append((self._due_at - self._started_at, at - self._started_at))
        self._due_at = at + TICK_S


def lags_of(lag_s: float) -> list[float]:
    """Return the lag of a late tick and of the ticks that were due in the meantime, one every `TICK_S`.

    Without those, a loop stalled for a second would be one sample among many (coordinated omission).
    """
    missed = takewhile(lambda left_s: left_s > 0, (lag_s - tick * TICK_S for tick in count(1)))
    return [lag_s, *missed]


class ClientFigures:
    """The samples from all of a run's processes, combined."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._seen = Histogram()
        self._stalls: list[Span] = []
        self._late_calls = 0
        self._used: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, process: str, sample: Sample) -> None:
        self._lags_s += sample["lags_s"]
        self._seen.add(sample["lags_s"])
        self._stalls += [(began_s, ended_s) for began_s, ended_s in sample["stalls"]]
        self._late_calls += sample["late_calls"]
        self._used[process][0] += sample["cpu_s"]
        self._used[process][1] += sample["wall_s"]

    def conclude(self, calls_s: Span) -> Summary:
        """Return the lag in seconds over all processes, their stalls, the CPU share of the busiest, and a verdict.

        calls_s  from the first call's start to the last call's end; stalls outside it affected no call
        """
        import numpy as np  # With pandas, at the run's end: see `Recorder`.

        lags_s = np.array(self._lags_s or [0.0])
        p50_s, p99_s = (float(np.percentile(lags_s, percent)) for percent in (50, 99))
        return self._conclusion(calls_s, p50_s, p99_s, float(lags_s.max()))

    def so_far(self, calls_s: Span) -> Summary:
        """Return the same during a run, with percentiles within 0.5 %: quickly, and without NumPy."""
        seen = self._seen
        return self._conclusion(calls_s, seen.percentile(0.5), seen.percentile(0.99), seen.largest or 0.0)

    def _conclusion(self, calls_s: Span, p50_s: float, p99_s: float, max_s: float) -> Summary:
        cpu_share = max((cpu_s / wall_s for cpu_s, wall_s in self._used.values() if wall_s), default=0.0)
        observed_s = max((wall_s for _, wall_s in self._used.values()), default=0.0)
        return {
            "verdict": verdict(p99_s, cpu_share, observed_s),
            "loop_lag_s": {"p50": p50_s, "p99": p99_s, "max": max_s},
            "stalls": self._stalls_within(calls_s),
            "cpu_share": cpu_share,
            "late_calls": self._late_calls,
            "observed_s": observed_s,
            "processes": len(self._used),
        }

    def _stalls_within(self, calls_s: Span) -> dict[str, float]:
        first_s, last_s = calls_s
        lasted_s = [ended - began for began, ended in self._stalls if began < last_s and ended > first_s]
        return {"count": len(lasted_s), "longest_s": max(lasted_s, default=0.0), "total_s": sum(lasted_s)}


def verdict(lag_p99_s: float, cpu_share: float, observed_s: float) -> str:
    """Return `ok`, or why the figures are the client's rather than the server's. A single moment is enough to move the
    p99 of a short run: that is a hiccup, which the run's verdict mentions."""
    is_hiccup = observed_s < EVIDENT_S and lag_p99_s * observed_s < HICCUP_S
    is_busy = observed_s >= ENOUGH_S and cpu_share > CPU_LIMIT
    if (lag_p99_s <= LAG_LIMIT_S or is_hiccup) and not is_busy:
        return "ok"
    seen = f"loop lag p99 {1000 * lag_p99_s:.0f} ms, CPU {100 * cpu_share:.0f} %"
    return f"the bottleneck ({seen}): use --processes or fewer users"
