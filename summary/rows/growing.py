"""PREFIX_requests.csv while a run writes it: each look parses only what is new."""

import io
from pathlib import Path

from summary.rows import rows
from summary.rows.rows import Damage


class GrowingRows:
    """The rows of a file so far.

    table   those that have been read
    damage  what was wrong with others
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read_bytes = path, 0
        self.table, self.damage = rows.frame(rows.REQUIRED, []), Damage()

    def look(self) -> None:
        """Read what has been written since the last look. Raises `UnreadableRows` or `OSError`."""
        with self._path.open("rb") as file:
            head = file.readline()
            file.seek(max(self._read_bytes, len(head)))
            new = file.read()
            read_bytes = file.tell()
        found, damage = rows.parsed(io.BytesIO(head + new), self._path)
        if damage.is_cut:  # The last row is being written: take it with the next look.
            return
        self._read_bytes = read_bytes
        self.table = rows.concat(self.table, found) if len(self.table) else found
        self.damage.unreadable += damage.unreadable
        self.damage.unknown_outcomes += damage.unknown_outcomes
