"""Locust's own CSV files (`_stats`, `_stats_history`, `_failures`, `_exceptions`), kept complete and precise."""

import csv
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import gevent
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter, StatsEntry

from summary.cells import quoted

_log = logging.getLogger(__name__)


class SafeWriter:
    """Writes CSV rows whose texts a spreadsheet can't take for formulas."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)

    def writerow(self, cells: Iterable[object]) -> None:
        self._writer.writerow([quoted(cell) for cell in cells])


class LocustCSV(StatsCSVFileWriter):
    """Locust's writer with unrounded percentiles, cells that are safe in spreadsheets, UTF-8, and a final write.

    Locust's own writes once per second and closes its files without the last second: a run of half a second would
    leave no rows at all.
    """

    def __init__(self, environment: Environment, prefix: Path, full_history: bool) -> None:
        super().__init__(environment, PERCENTILES_TO_REPORT, str(prefix), full_history)
        for name in ("requests", "stats_history", "failures", "exceptions"):
            file = getattr(self, f"{name}_csv_filehandle")
            file.reconfigure(encoding="utf-8", errors="backslashreplace")
            setattr(self, f"{name}_csv_writer", SafeWriter(file))
        self._ticker = gevent.spawn(self._tick)

    def finish(self) -> None:
        """Write every file once more, after the last call, and close them."""
        self._ticker.kill()
        for file, writer, write in (
            (self.requests_csv_filehandle, self.requests_csv_writer, self.requests_csv),
            (self.failures_csv_filehandle, self.failures_csv_writer, self.failures_csv),
            (self.exceptions_csv_filehandle, self.exceptions_csv_writer, self.exceptions_csv),
        ):
            file.seek(0)
            file.truncate()
            write(writer)
        self.close_files()

    def _tick(self) -> None:
        try:
            self.stats_writer()
        except OSError as error:
            _log.error("Locust's CSV files are incomplete: %s", error.strerror)

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> list[Any]:
        if not stats_entry.num_requests:
            return self.percentiles_na
        current = use_current and stats_entry.use_response_times_cache
        read = stats_entry.get_current_response_time_percentile if current else stats_entry.get_response_time_percentile
        return [float(f"{read(share) or 0:.6g}") for share in self.percentiles_to_report]
