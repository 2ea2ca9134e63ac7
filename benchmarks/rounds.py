"""One round of a client's calls, as measured in its process. Stdlib only."""

from typing import NamedTuple

READY = "ready"
"""What a client prints when its rounds can begin."""


class Round(NamedTuple):
    """What a round's calls took. `wall_s` includes the end of the last one; `error` is from a failed call, if any."""

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
        """The share of its core that the client used; well below 1, it was waiting for the server."""
        return self.cpu_s / self.wall_s
