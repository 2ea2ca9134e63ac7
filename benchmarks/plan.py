"""How much to measure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`repeats` rounds of `round_s` each; `full` measures all providers where otherwise one represents them; `write`
    redraws the pictures."""

    repeats: int
    round_s: float
    full: bool
    write: bool = False
