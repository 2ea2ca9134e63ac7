"""PREFIX_requests.csv: a row a call, on disk as soon as the call has ended.

The columns are those of `providers.call.Call`, which defines them. timestamp is ISO 8601 with milliseconds; what was
not observed is an empty cell.
"""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.call import Call

COLUMNS = tuple(field.name for field in fields(Call) if field.name != "gaps_s" and field.name[0] != "_")
REQUEST = COLUMNS.index("request")


class Records:
    """The file of rows. A row goes to the file in one write, so that a killed process leaves whole rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._size_bytes = 0
        self.append(COLUMNS)

    def append(self, cells: Sequence[Any]) -> None:
        """Write a row. A disk that takes only a part of it gets none: `OSError`, and the file stays whole."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        data = line.getvalue().encode("utf-8", "replace")
        try:
            self._write(data)
        except OSError:
            os.ftruncate(self._file, self._size_bytes)
            os.lseek(self._file, self._size_bytes, os.SEEK_SET)
            raise
        self._size_bytes += len(data)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.write(self._file, data[written:])


def cells_of(call: Call) -> list[Any]:
    """Return a call's row, of nothing but texts, numbers and `None`."""
    return [_cell(getattr(call, column)) for column in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
