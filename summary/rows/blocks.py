"""PREFIX_requests.csv as blocks of whole rows, even if the file is damaged. Bytes only: nothing is decoded."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

import numpy as np

BLOCK_BYTES = 8 << 20
TAIL_BYTES = 1 << 18
LONGEST_BYTES = 256 << 20
LONGEST_HEAD_BYTES = 1 << 16
_RUN_ID = rb"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{6}"
_QUOTE, _COMMA, _LINE_FEED = b'",\n'
_CONTENT = bytes(set(range(256)) - {_QUOTE, _COMMA, _LINE_FEED})


class NoRowEnds(ValueError):
    """No row ends within `LONGEST_BYTES`."""


class Blocks:
    """A file's first line, then its rows in blocks of about ten thousand.

    A prompt can contain line feeds, and a damaged file an odd number of quotes, so a row begins where a line begins
    with the run's id and a number. A text can quote such lines too, of another run or even of this one: quotes, and the
    number of cells, show which rows are whole only with them.

    is_cut  the file ends within a row; that row is not in any block
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = file.readline(LONGEST_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
        self._columns = 1 + self.head.count(b",")
        self.is_cut = False
        first = file.read(BLOCK_BYTES)
        of_first_row = re.escape(re.split(rb"[,\n]", first[:256], maxsplit=1)[0].strip(b'"'))
        self._start_of_row = re.compile(rb'\n(?="?(?:%s|%s)"?,"?\d+"?,)' % (_RUN_ID, of_first_row))
        self._start_in_first_run = re.compile(rb'\n(?="?%s"?,"?\d+"?,)' % of_first_row)
        self._begun = first

    def __iter__(self) -> Iterator[bytes]:
        rows = self._begun
        while data := self._file.read(max(BLOCK_BYTES, len(rows))):  # All is searched again while no row ends.
            end = self._last_start(rows)
            yield rows[:end]
            rows = rows[end:] + data
            if len(rows) > LONGEST_BYTES:
                raise NoRowEnds(f"no row ends within {LONGEST_BYTES >> 20} MiB")
        yield self._without_a_cut_row(rows)

    def rows_of(self, block: bytes) -> Iterator[bytes]:
        """Yield a block's rows one by one; a row whose beginning is damaged comes together with the row before it."""
        starts = [0, *(start.end() for start in self._start_of_row.finditer(block)), len(block)]
        is_odd = [block.count(b'"', *ends) % 2 for ends in pairwise(starts)]
        at = 0
        while at < len(is_odd):
            after = at + 1
            if is_odd[at]:
                closed = next((place + 1 for place in range(after, len(is_odd)) if is_odd[place]), after)
                after = closed if _is_row(block[starts[at] : starts[closed]], self._columns) else after
            yield block[starts[at] : starts[after]]
            at = after

    def _last_start(self, rows: bytes) -> int:
        """Return where the last row that follows whole rows begins; 0 if it can all be one row."""
        patterns = (self._start_in_first_run, self._start_of_row)
        starts = (start for pattern in patterns for start in reversed(_last_starts(pattern, rows)[-9:]))
        is_quote = np.frombuffer(rows, np.uint8) == _QUOTE
        unquoted = (start for start in starts if np.count_nonzero(is_quote[:start]) % 2 == 0)
        return next(unquoted, self._last_starts(rows)[-1])

    def _last_starts(self, rows: bytes) -> list[int]:
        return _last_starts(self._start_of_row, rows) or [0]

    def _start_of_last(self, rows: bytes) -> int:
        """Return where the last row begins, even if it is cut and quotes rows: then whole rows come before it, and no
        whole one after. Else an earlier row is damaged."""
        starts = self._last_starts(rows)
        after = len(rows)
        for start in reversed(starts[-9:]):
            if _is_row(rows[start:after], self._columns):
                break
            if _is_whole(rows[:start], self._columns):
                return start
            after = start
        return starts[-1]

    def _without_a_cut_row(self, rows: bytes) -> bytes:
        end = rows.rfind(b"\n") + 1
        if not _is_whole(rows[:end], self._columns):
            begin = self._start_of_last(rows)
            end = begin if rows.count(b'"', begin, end) % 2 else end
        self.is_cut = end < len(rows)
        return rows[:end]


def _last_starts(pattern: re.Pattern[bytes], rows: bytes) -> list[int]:
    """Return where the last rows begin; where all rows begin if the last ones are long."""
    for begin in (max(0, len(rows) - TAIL_BYTES), 0):
        if starts := [start.end() for start in pattern.finditer(rows, begin)]:
            return starts
    return []


def is_regular(block: bytes, columns: int) -> bool:
    """Return whether all rows of a block have `columns` cells, judging by quotes, commas and line feeds."""
    return b"\0" not in block and _is_whole(block, columns)


def _is_whole(block: bytes, columns: int) -> bool:
    found = _cells(block)
    return found is not None and bool((found == columns).all())


def _is_row(block: bytes, columns: int) -> bool:
    if block.count(b",") < columns - 1:  # A damaged file can have tens of thousands of such pieces per megabyte.
        return False
    found = _cells(block)
    return found is not None and found.tolist() == [columns]


def _cells(block: bytes) -> np.ndarray | None:
    """Return how many cells each row of a block has; `None` if it ends within a quoted one."""
    structure = np.frombuffer(block.translate(None, delete=_CONTENT), np.uint8)
    is_outside = np.cumsum(structure == _QUOTE, dtype=np.uint8) % 2 == 0
    if len(structure) and not is_outside[-1]:
        return None
    commas = np.cumsum((structure == _COMMA) & is_outside, dtype=np.int32)[(structure == _LINE_FEED) & is_outside]
    counts: np.ndarray = np.diff(commas, prepend=0) + 1
    return counts
