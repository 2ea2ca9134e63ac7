"""One round of calls of one client, as its process measured it. Stdlib only."""

from typing import NamedTuple

READY = "ready"
"""What a client says when its rounds can begin."""


class Round(NamedTuple):
    """What the calls of a round took. `wall_s` lasts until the last has ended; `error` is of one that failed."""

    calls: int
    error: str | None
    cpu_s: float
    wall_s: float

    @property
    def cpu_ms_per_call(self) -> float:
        return 1000 * self.cpu_s / self.calls

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.wall_s

    @property
    def busy(self) -> float:
        """The share of its core that the client used: well below 1, it waited for the server."""
        return self.cpu_s / self.wall_s
