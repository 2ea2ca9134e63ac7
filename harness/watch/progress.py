"""The text of the live line: a run's progress, rate and latencies."""

import math
from collections.abc import Callable

from locust.stats import RequestStats

from harness.load.open_loop import Standing
from harness.plan.plan import Plan
from harness.record.run_histograms import RunHistograms
from harness.watch.live_line import Rate
from providers.call import title_of
from summary.numbers.written import time
from summary.registry import used
from wire.exchange import now


class Progress:
    """A run's current state in one line.

    in_flight  the number of calls in flight
    standing   how well an open loop keeps its schedule
    """

    def __init__(
        self,
        plan: Plan,
        stats: RequestStats,
        histograms: RunHistograms,
        run_time_s: int | None,
        in_flight: Callable[[], int],
        standing: Callable[[], Standing] | None = None,
    ) -> None:
        self._standing = standing
        self._plan, self._total, self._histograms, self._run_time_s = plan, stats.total, histograms, run_time_s
        self._in_flight = in_flight
        self._name = title_of(plan.settings.api, plan.settings.model, "target" if plan.baseline else None)
        self._began_at, self._rate = now(), Rate()

    def line(self) -> str:
        done = self._total.num_requests
        parts = [
            self._extent(done),
            f"{self._rate.look(done):.1f}/s",
            f"{self._in_flight()} in flight",
            *self._schedule(),
            *self._medians(),
            f"{self._total.num_failures} failed",
        ]
        return " · ".join(parts)

    def _extent(self, done: int) -> str:
        """Return the calls made, and how many there are to be, or the time left."""
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

    def _medians(self) -> list[str]:
        """Return the medians of the latency, which needs no title, and of the other figures observed so far."""
        titles = {figure.name: f"{figure.title} p50" for figure in used("line")} | {"latency_s": "p50"}
        seen = {name: self._histograms.of(self._name, name) for name in titles}
        return [f"{title} {time(seen[name].percentile(0.5))}" for name, title in titles.items() if len(seen[name])]
