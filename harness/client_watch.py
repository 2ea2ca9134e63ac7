"""Whether the client itself was the bottleneck: its event loop's lag, its CPU, its late reads."""

import time
from typing import Any

import gevent
import numpy as np

from wire.exchange import now

TICK_S = 0.02
LATE_S = 0.01
"""A packet taken up later than this had to wait for us."""

LAG_LIMIT_S = 0.05
CPU_LIMIT = 0.9


class ClientWatch:
    """Samples the event loop from its start to `stop`: each tick should come after `TICK_S`, what is more is lag."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._started_at, self._cpu_started_s = now(), time.process_time()
        self._late_reads = 0
        self._ticker = gevent.spawn(self._tick)

    def saw_read(self, lag_s: float | None) -> None:
        """Count a call whose packets had to wait."""
        if lag_s is not None and lag_s > LATE_S:
            self._late_reads += 1

    def stop(self) -> dict[str, Any]:
        """Return what was seen, and a verdict in words."""
        self._ticker.kill()
        lags_s = np.array(self._lags_s or [0.0])
        cpu_share = (time.process_time() - self._cpu_started_s) / max(now() - self._started_at, 1e-9)
        p99_s = float(np.percentile(lags_s, 99))
        return {
            "verdict": verdict(p99_s, cpu_share),
            "loop_lag_s": {"p50": float(np.percentile(lags_s, 50)), "p99": p99_s, "max": float(lags_s.max())},
            "cpu_share": cpu_share,
            "late_calls": self._late_reads,
        }

    def _tick(self) -> None:
        while True:
            due_at = now() + TICK_S
            gevent.sleep(TICK_S)
            self._lags_s.append(max(0.0, now() - due_at))


def verdict(lag_p99_s: float, cpu_share: float) -> str:
    """Say in words whether the figures are the server's or the client's."""
    if lag_p99_s <= LAG_LIMIT_S and cpu_share <= CPU_LIMIT:
        return "ok"
    seen = f"loop lag p99 {1000 * lag_p99_s:.0f} ms, CPU {100 * cpu_share:.0f} %"
    return f"the bottleneck ({seen}): use --processes or fewer users"
