"""One run's files, from the first row to the summary."""

import logging
import math
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import Any

from locust.env import Environment

import refused_fields
from harness.earlier_runs import EarlierRuns
from harness.messages import CALLS, CLIENT, HISTOGRAMS, IN_FLIGHT
from harness.plan.plan import Plan
from harness.record.client_load import ClientFigures, ClientWatch
from harness.record.folder import Results, new_run_id
from harness.record.locust_csv import LocustCSV
from harness.record.requests_csv import COLUMNS, REQUEST, Cells, Records, cells_of
from harness.record.run_histograms import RunHistograms
from prompts.files import sha256
from providers.call import Call, Json
from summary.cells import iso
from summary.vocabulary import Summary
from wire.exchange import now

START_S, LATENCY_S = COLUMNS.index("start_s"), COLUMNS.index("latency_s")
STATUS, ERROR, SIDE = COLUMNS.index("status"), COLUMNS.index("error"), COLUMNS.index("side")

LOOK_EVERY_S = 1.0

_log = logging.getLogger("llm")


class Recorder:
    """Writes a run's calls to disk as they end, and computes the summary from the rows after the last one.

    A full disk loses no calls: those that couldn't be written still count in the summary, and `broken` says that the
    files are incomplete.

    shown                 the histograms since the page's RESET
    on_row                is called with the cells of each row, but for a baseline's
    earlier_runs          what the summary is compared with
    began_at, started_at  the run's start, as wall-clock time and on the monotonic clock
    """

    def __init__(
        self,
        plan: Plan,
        environment: Environment,
        given_prefix: str | None,
        full_history: bool,
        on_row: Callable[[Cells], None] | None = None,
        earlier_runs: EarlierRuns | None = None,
    ) -> None:
        """Open the run's files. Raises `UsageError` if they can't be written."""
        self.run_id = new_run_id()
        self.began_at, self.started_at = datetime.now(UTC), now()
        self.broken = False
        self._plan = plan
        facts = _facts(self.run_id, self.began_at, plan)  # waits for a command: a start killed here leaves no folder
        self._results = Results(self.run_id, given_prefix)
        self._facts = {**facts, "files": f"{self._results.prefix}_*"}
        with self._results.beginning():
            self._records = Records(self._results.path("requests.csv"))
            self._results.write_json("run.json", self._facts)
            self._locust_csv = LocustCSV(environment, self._results.prefix, full_history)
        self._unwritten: list[Cells] = []
        self._hints: set[str] = set()
        self.histograms = self.shown = RunHistograms()
        self._watch = ClientWatch(self.started_at)
        self._client, self._looked_at = ClientFigures(), self.started_at
        self._received = 0
        self._in_flight: dict[str, int] = {}
        self._lost = {"calls": 0, "workers": 0, "refused_rows": 0}
        self.why_early: str | None = None
        self._calls_s = (math.inf, 0.0)
        self._table: Any = None
        self._on_row = on_row or (lambda cells: None)
        self._earlier_runs = earlier_runs

    def keep(self, call: Call) -> None:
        """Write a call's row and count the call."""
        for histograms in self._both():
            histograms.add(call)
        self._watch.saw_lag(call.lag_s)
        if now() - self._looked_at > LOOK_EVERY_S:
            self._look()
        self._write(cells_of(call))

    def receive(self, worker: str, report: Json) -> None:
        """Write and count what a worker has reported."""
        for cells in report.get(CALLS, ()):
            self._write(self._numbered(cells))
        for histograms in self._both():
            histograms.merge(report.get(HISTOGRAMS, []))
        self._in_flight[worker] = int(report.get(IN_FLIGHT, 0))
        if CLIENT in report:
            self._client.add(worker, report[CLIENT])

    def _both(self) -> set[RunHistograms]:
        return {self.histograms, self.shown}

    def reset_shown(self) -> float:
        """Start the histograms that are shown anew; return how many seconds after the run's start this is."""
        self.shown = RunHistograms()
        return now() - self.started_at

    def lose(self, calls: int, workers: int) -> None:
        """Note how many calls and workers were lost."""
        self._lost |= {"calls": calls, "workers": workers}

    def refuse(self, rows: int) -> None:
        """Count rows that a worker sent and that are invalid or belong to none of its calls."""
        self._lost["refused_rows"] += rows

    @property
    def is_counted_out(self) -> bool:
        """Return whether calls are numbered in one place for all workers, rather than by each worker for itself."""
        return self._plan.is_counted_out

    @property
    def row_count(self) -> int:
        """The number of rows, including those that couldn't be written."""
        return self._records.row_count + len(self._unwritten)

    def in_flight(self, workers: Collection[str] | None = None) -> int:
        """Return the number of calls in flight on these workers, or on all, by their latest reports."""
        return sum(calls for worker, calls in self._in_flight.items() if workers is None or worker in workers)

    @property
    def facts(self) -> Summary:
        """The content of PREFIX_run.json."""
        return self._facts

    def path(self, name: str) -> Path:
        """Return the path of one of the run's files, which may not exist (yet)."""
        return self._results.path(name)

    def observed_so_far(self) -> Summary:
        """Return, during the run, what only this process has seen of it: see `summary.vocabulary.OBSERVED`."""
        self._look()
        return self._observed(self._client.so_far(self._calls_s))

    def finish(self, why_early: str | None = None) -> Summary:
        """Close the files and return the summary, which is also written to PREFIX_summary.json.

        why_early  why the run ended early, if it did
        """
        self.why_early = why_early
        self._look()
        self._watch.stop()
        summary = self._summary()
        write_summary = partial(self._results.write_summary, summary)
        for step in (self._records.close, self._locust_csv.finish, write_summary, self._results.check):
            try:
                step()
            except OSError as error:
                self._give_up_writing(self._results.prefix, error)
        return summary

    def take_table(self) -> Any:
        """Return, once, the rows as the summary read them, and let go of them."""
        table, self._table = self._table, None
        return table

    def _summary(self) -> Summary:
        # Importing pandas takes half a second, which no run should wait for before it starts.
        from summary.figures import figures, judged
        from summary.rows.checksums import checksums
        from summary.rows.losses import losses

        self._table, damage = self._read_back()
        observed = self._observed(self._client.conclude(self._calls_s))
        observed["rows"] = losses(self._table, damage, self._facts, observed)
        if self._unwritten:
            observed["rows"]["unwritten"] = len(self._unwritten)
        found = figures(self._table, self._facts, observed, self._plan.slo)
        summary = judged({**found, "checksums": checksums(self._table)}, self._plan.gates)
        return self._compared(summary, self._table, self._earlier_runs) if self._earlier_runs else summary

    def _read_back(self) -> tuple[Any, Any]:
        """Return the run's rows from their file, with those that could not be written, and the file's damage."""
        from summary.rows import rows

        try:
            self._records.check()
        except OSError as error:
            self._give_up_writing(self._records.path, error)
        try:
            table, damage = rows.read_with_damage(self._records.readable)
        except rows.UnreadableRows:
            table, damage = rows.frame(COLUMNS, []), rows.Damage()
        if (missing := self._records.row_count - len(table)) > 0:
            self.why_early = f"{missing} rows were lost with their file"
        if self._unwritten:
            table = rows.concat(table, rows.frame(COLUMNS, self._unwritten))
        return table, damage

    def _compared(self, summary: Summary, table: Any, earlier: EarlierRuns) -> Summary:
        """Compare the run. If that fails, whatever the reason, its own figures are kept."""
        try:
            return earlier.compare(summary, table, self._facts)
        except Exception:
            _log.exception("internal error in the comparison with the baseline")
            self.broken = True
            return earlier.uncompared(summary)

    def _look(self) -> None:
        """Note how this process's event loop has been."""
        self._client.add("here", self._watch.take())
        self._looked_at = now()

    def _observed(self, client: Summary) -> Summary:
        return {
            "itl_s": self.histograms.itl_s(),
            "client": client,
            "lost": self._lost,
            "ended": {"early": self.why_early is not None, "why": self.why_early},
        }

    def _numbered(self, cells: Cells) -> Cells:
        """Renumber a call, unless numbers are handed out centrally: each worker counts from 1."""
        if not self._plan.is_counted_out:
            self._received += 1
            cells[REQUEST] = self._received
        return cells

    def _write(self, cells: Cells) -> None:
        self._extend_span(cells)
        self._hint_once(cells)
        if cells[SIDE] != "baseline":
            self._on_row(cells)
        try:
            if not self.broken:
                self._records.append(cells)
                return
        except OSError as error:
            self._give_up_writing(self._records.path, error)
        self._unwritten.append(cells)

    def _hint_once(self, cells: Cells) -> None:
        """Log, during the run, how to leave out a field that the server refuses."""
        hint = refused_fields.hint(cells[STATUS], cells[ERROR] or "")
        if hint and hint not in self._hints:
            self._hints.add(hint)
            _log.warning("%s", hint)

    def _extend_span(self, cells: Cells) -> None:
        """Extend the span from the first call's start to the last call's end; an aborted call ends now."""
        start_s, latency_s = cells[START_S], cells[LATENCY_S]
        ended_s = now() - self.started_at if latency_s is None else start_s + latency_s
        first_s, last_s = self._calls_s
        self._calls_s = (min(first_s, start_s), max(last_s, ended_s))

    def _give_up_writing(self, path: Path, error: OSError) -> None:
        if not self.broken:
            _log.error("can't write %s: %s; the run's files are incomplete", path, (error.strerror or "").lower())
        self.broken = True


def _facts(run_id: str, began_at: datetime, plan: Plan) -> Summary:
    """Return the content of PREFIX_run.json, written at the start so that a killed run can be reported."""
    return {
        "run_id": run_id,
        **plan.target.facts(),
        "stream": plan.settings.stream,
        "start": iso(began_at),
        "seed": plan.seed,
        "seeds_sha256": sha256(plan.files),
        "options": plan.options(),
        "versions": {
            "python": python_version(),
            "platform": platform(),
            **{package: version(package) for package in ("locust", *plan.packages, "httpx2", "gevent", "pandas")},
        },
    }
