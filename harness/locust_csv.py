"""Locust's own CSV files (`_stats`, `_stats_history`, `_failures`, `_exceptions`), kept complete and precise."""

import csv
import logging
from pathlib import Path
from typing import Any

import gevent
import locust.stats
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter

_log = logging.getLogger(__name__)


def bucket_finely(response_time: float) -> float:
    """Round to three significant digits: at most 0.5 % off, where Locust's two digits are up to 5 % off."""
    return float(f"{response_time:.3g}")


def refine_buckets() -> None:
    """Replace Locust's rounding, a module function made for it, in this process."""
    locust.stats.bucket_response_time = bucket_finely  # type: ignore[assignment]


class LocustCSV(StatsCSVFileWriter):
    """Locust's writer, with percentiles unrounded and with a last word.

    Locust's own ticks once a second and closes its files without writing the last second: a run of half a second
    would leave no row at all.
    """

    def __init__(self, environment: Environment, prefix: Path, full_history: bool) -> None:
        super().__init__(environment, PERCENTILES_TO_REPORT, str(prefix), full_history)
        self._ticker = gevent.spawn(self._tick)

    def finish(self) -> None:
        """Write every file once more, now that the last call has ended, and close them."""
        self._ticker.kill()
        for file, write in (
            (self.requests_csv_filehandle, self.requests_csv),
            (self.failures_csv_filehandle, self.failures_csv),
            (self.exceptions_csv_filehandle, self.exceptions_csv),
        ):
            file.seek(0)
            file.truncate()
            write(csv.writer(file))
        self.close_files()

    def _tick(self) -> None:
        try:
            self.stats_writer()
        except OSError as error:
            _log.error("Locust's CSV files are incomplete: %s", error.strerror)

    def _percentile_fields(self, stats_entry: Any, use_current: bool = False) -> list[Any]:
        if not stats_entry.num_requests:
            return self.percentiles_na
        current = use_current and stats_entry.use_response_times_cache
        read = stats_entry.get_current_response_time_percentile if current else stats_entry.get_response_time_percentile
        return [read(share) or 0 for share in self.percentiles_to_report]
