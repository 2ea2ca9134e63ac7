"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`repeats` of rounds that last `round_s` each; `full` takes all providers where one speaks for them otherwise;
    `write`: the pictures are drawn anew."""

    repeats: int
    round_s: float
    full: bool
    write: bool = False
