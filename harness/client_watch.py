"""Whether the client itself was the bottleneck: its event loops' lag, its CPU, its late reads."""

import time
from collections import defaultdict
from typing import Any

import gevent
import numpy as np

from wire.exchange import now

TICK_S = 0.02
LATE_S = 0.01
"""A packet taken up later than this had to wait for us."""

LAG_LIMIT_S = 0.05
CPU_LIMIT = 0.9

Sample = dict[str, Any]


class ClientWatch:
    """Samples one process's event loop: each tick should come after `TICK_S`; what it takes longer is lag."""

    def __init__(self) -> None:
        self._ticker = gevent.spawn(self._tick)
        self._begin()

    def saw_lag(self, lag_s: float | None) -> None:
        """Count a call whose packets had to wait."""
        if lag_s is not None and lag_s > LATE_S:
            self._late_calls += 1

    def take(self) -> Sample:
        """Return what was seen since the last `take`."""
        sample = {
            "lags_s": self._lags_s,
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
        self._late_calls = 0
        self._began_at, self._cpu_began_s = now(), time.process_time()

    def _tick(self) -> None:
        while True:
            due_at = now() + TICK_S
            gevent.sleep(TICK_S)
            self._lags_s.append(max(0.0, now() - due_at))


class ClientFigures:
    """The samples of every process of a run, and what they say together."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._late_calls = 0
        self._used: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, process: str, sample: Sample) -> None:
        self._lags_s += sample["lags_s"]
        self._late_calls += sample["late_calls"]
        self._used[process][0] += sample["cpu_s"]
        self._used[process][1] += sample["wall_s"]

    def conclude(self) -> dict[str, Any]:
        """Return lag in seconds over all processes, the CPU share of the busiest, and a verdict in words."""
        lags_s = np.array(self._lags_s or [0.0])
        cpu_share = max((cpu_s / wall_s for cpu_s, wall_s in self._used.values() if wall_s), default=0.0)
        p50_s, p99_s = (float(np.percentile(lags_s, share)) for share in (50, 99))
        return {
            "verdict": verdict(p99_s, cpu_share),
            "loop_lag_s": {"p50": p50_s, "p99": p99_s, "max": float(lags_s.max())},
            "cpu_share": cpu_share,
            "late_calls": self._late_calls,
            "observed_s": max((wall_s for _, wall_s in self._used.values()), default=0.0),
            "processes": len(self._used),
        }


def verdict(lag_p99_s: float, cpu_share: float) -> str:
    """Say in words whether the figures are the server's or the client's."""
    if lag_p99_s <= LAG_LIMIT_S and cpu_share <= CPU_LIMIT:
        return "ok"
    seen = f"loop lag p99 {1000 * lag_p99_s:.0f} ms, CPU {100 * cpu_share:.0f} %"
    return f"the bottleneck ({seen}): use --processes or fewer users"
