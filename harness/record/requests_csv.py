"""PREFIX_requests.csv: one row per call, on disk as soon as the call ends.

The columns are the fields of `providers.call.Call`, documented there. Times of day are ISO 8601 with milliseconds; what
was not observed is an empty cell. A text that a spreadsheet would take for a formula is prefixed with an apostrophe.
"""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from errno import EIO, ENOENT
from operator import attrgetter
from pathlib import Path
from typing import Any

from providers.call import Call
from summary.cells import iso, quoted

Cells = list[Any]
"""A call's row: only strings, numbers and `None`."""

COLUMNS = tuple(field.name for field in fields(Call) if field.name != "gaps_s" and field.name[0] != "_")
REQUEST = COLUMNS.index("request")
AS_IT_IS = {int, float, type(None)}

_values_of = attrgetter(*COLUMNS)


class Records:
    """The file of rows. Each row is written in one call, so that a killed process leaves only whole rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._size_bytes = 0
        self.row_count = -1
        self.append(COLUMNS)

    def append(self, cells: Sequence[object]) -> None:
        """Write a row. Raises `OSError` if the disk takes only part of it, which is then removed again, or if the file
        was truncated, extended or deleted by somebody else.
        """
        self._check_untouched()
        line = io.StringIO()
        # The writer quotes a text with a carriage return only if its line terminator contains one.
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        data = f"{line.getvalue()[:-2]}\n".encode("utf-8", "replace")
        try:
            self._write(data)
        except OSError:
            os.ftruncate(self._file, self._size_bytes)
            os.lseek(self._file, self._size_bytes, os.SEEK_SET)
            raise
        self._size_bytes += len(data)
        self.row_count += 1

    @property
    def readable(self) -> Path:
        """Return a path to the rows that works while the file is open, even if it was deleted or moved."""
        return self.path if self._is_in_its_place() else Path(f"/dev/fd/{self._file}")

    def check(self) -> None:
        """Raise `OSError` unless the file is in place and has the size that was written."""
        self._check_untouched()
        if not self._is_in_its_place():
            raise OSError(ENOENT, "it was moved during the run")

    def close(self) -> None:
        os.close(self._file)

    def _check_untouched(self) -> None:
        found = os.fstat(self._file)
        if not found.st_nlink:
            raise OSError(ENOENT, "it was deleted during the run")
        if found.st_size != self._size_bytes:
            raise OSError(EIO, f"its size was changed from {self._size_bytes} to {found.st_size} bytes")

    def _is_in_its_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except OSError:
            return False

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.write(self._file, data[written:])


def cells_of(call: Call) -> Cells:
    return [value if type(value) in AS_IT_IS else _cell(value) for value in _values_of(call)]


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    return quoted(value)
