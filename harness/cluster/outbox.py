"""A worker's rows on their way to the master: in Locust's reports, together with the statistics that match them."""

from harness.messages import CALLS, CLIENT, HISTOGRAMS, IN_FLIGHT, RUN
from harness.record.client_load import ClientWatch
from harness.record.requests_csv import Cells, cells_of
from harness.record.run_histograms import RunHistograms
from providers.call import Call, Json


class Outbox:
    """Holds a worker's ended calls of one run until the next report."""

    def __init__(self, run_id: str, worker: str, started_at: float, missed_s: float = 0.0) -> None:
        self._run_id, self._worker = run_id, worker
        self._cells: list[Cells] = []
        self._histograms = RunHistograms()
        self._watch = ClientWatch(started_at, missed_s)

    def keep(self, call: Call) -> None:
        call.worker = self._worker
        self._cells.append(cells_of(call))
        self._histograms.add(call)
        self._watch.saw_lag(call.lag_s)

    def fill(self, report: Json, in_flight: int) -> None:
        """Move everything into the next report to the master."""
        report[RUN], report[IN_FLIGHT] = self._run_id, in_flight
        report[CALLS], self._cells = self._cells, []
        report[HISTOGRAMS], self._histograms = self._histograms.packed(), RunHistograms()
        report[CLIENT] = self._watch.take()

    def close(self) -> None:
        self._watch.stop()
