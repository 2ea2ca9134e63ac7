"""Periodic silences of the whole server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stall:
    """A silence in the last `length_s` of every `every_s`, counted from `start_s`; times are seconds on one clock."""

    length_s: float
    every_s: float
    start_s: float = 0.0

    def until(self, at_s: float) -> float:
        """Return when something due at `at_s` can be sent: `at_s`, or the end of the stall that it falls into."""
        turns, into_s = divmod(at_s - self.start_s, self.every_s)
        if into_s < self.every_s - self.length_s:
            return at_s
        return self.start_s + (turns + 1) * self.every_s
