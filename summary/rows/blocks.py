"""PREFIX_requests.csv as blocks of whole rows, even if the file is damaged. Bytes only: nothing is decoded."""

import re
from collections.abc import Iterator
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
    with the run's id and a number.

    is_cut  the file ends within a row; that row is not in any block
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = file.readline(LONGEST_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
        self.is_cut = False
        first = file.read(BLOCK_BYTES)
        of_first_row = re.escape(first[:256].partition(b",")[0])
        self._start_of_row = re.compile(rb"\n(?=(?:%s|%s),\d+,)" % (_RUN_ID, of_first_row))
        self._begun = first

    def __iter__(self) -> Iterator[bytes]:
        rows = self._begun
        while data := self._file.read(BLOCK_BYTES):
            end = self._last_start(rows)
            yield rows[:end]
            rows = rows[end:] + data
            if len(rows) > LONGEST_BYTES:
                raise NoRowEnds(f"no row ends within {LONGEST_BYTES >> 20} MiB")
        yield self._without_a_cut_row(rows)

    def rows_of(self, block: bytes) -> Iterator[bytes]:
        """Yield a block's rows one by one; a row whose beginning is damaged comes together with the row before it."""
        begin = 0
        for start in self._start_of_row.finditer(block):
            yield block[begin : start.end()]
            begin = start.end()
        yield block[begin:]

    def _last_start(self, rows: bytes) -> int:
        """Return where the last row that follows whole rows begins; 0 if it can all be one row."""
        starts = self._last_starts(rows)
        return next((end for end in reversed(starts[-9:]) if not rows.count(b'"', 0, end) % 2), starts[-1])

    def _last_starts(self, rows: bytes) -> list[int]:
        """Return where the last rows begin; where all rows begin if the last ones are long."""
        for begin in (max(0, len(rows) - TAIL_BYTES), 0):
            if starts := [start.end() for start in self._start_of_row.finditer(rows, begin)]:
                return starts
        return [0]

    def _without_a_cut_row(self, rows: bytes) -> bytes:
        last = rows[self._last_starts(rows)[-1] :]
        whole = last[: last.rfind(b"\n") + 1]
        if whole.count(b'"') % 2:
            whole = b""
        self.is_cut = len(whole) < len(last)
        return rows[: len(rows) - len(last)] + whole


def is_regular(block: bytes, columns: int) -> bool:
    """Return whether all rows of a block have `columns` cells, judging by quotes, commas and line feeds."""
    if b"\0" in block:
        return False
    structure = np.frombuffer(block.translate(None, delete=_CONTENT), np.uint8)
    is_outside = np.cumsum(structure == _QUOTE, dtype=np.uint8) % 2 == 0
    commas = np.cumsum((structure == _COMMA) & is_outside)[(structure == _LINE_FEED) & is_outside]
    return bool((np.diff(commas, prepend=0) == columns - 1).all()) and (not len(structure) or bool(is_outside[-1]))
