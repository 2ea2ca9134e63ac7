"""The text of the live line: a run's progress, rate and latencies."""

import math
from collections.abc import Callable
from typing import Any

from harness.load.open_loop import Standing
from harness.plan.plan import Plan
from harness.record.run_histograms import RunHistograms
from harness.watch.live_line import Rate
from wire.exchange import now


class Progress:
    """A run's current state in one line.

    in_flight  the number of calls in flight
    standing   how well an open loop keeps its schedule
    """

    def __init__(
        self,
        plan: Plan,
        stats: Any,
        histograms: RunHistograms,
        run_time_s: int | None,
        in_flight: Callable[[], int],
        standing: Callable[[], Standing] | None = None,
    ) -> None:
        self._standing = standing
        self._plan, self._total, self._histograms, self._run_time_s = plan, stats.total, histograms, run_time_s
        self._in_flight = in_flight
        self._name = f"{plan.settings.api} {plan.settings.model}"
        self._began_at, self._rate = now(), Rate()

    def line(self) -> str:
        done = self._total.num_requests
        parts = [
            self._extent(done),
            f"{self._rate.look(done):.1f}/s",
            f"{self._in_flight()} in flight",
            *self._schedule(),
            *self._median("p50", "latency_s"),
            *self._median("TTFT p50", "ttft_s"),
            f"{self._total.num_failures} failed",
        ]
        return " · ".join(parts)

    def _extent(self, done: int) -> str:
        """Return the calls made, and the calls or the time left."""
        if self._plan.calls:
            return f"{done}/{self._plan.most_calls} calls"
        stages = self._plan.schedule.stages if self._plan.schedule else ()
        ends_s = [sum(stage.duration_s for stage in stages) or math.inf, self._run_time_s or math.inf]
        if (end_s := min(ends_s)) == math.inf:
            return f"{done} calls"
        left_s = max(0, round(end_s - (now() - self._began_at)))
        return f"{done} calls, {left_s // 60}:{left_s % 60:02} left"

    def _schedule(self) -> list[str]:
        """Return how well the schedule is kept: calls due by now, and what became of them."""
        if self._standing is None:
            return []
        asked, delivered, waiting, dropped = self._standing()
        return [f"{asked} asked, {delivered} delivered, {waiting} waiting, {dropped} dropped"]

    def _median(self, title: str, figure: str) -> list[str]:
        seen = self._histograms.of(self._name, figure)
        return [f"{title} {seen.percentile(0.5):.3g} s"] if len(seen) else []
