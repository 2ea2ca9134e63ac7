"""Permission to make one call, and when to make it."""

from typing import NamedTuple


class Permit(NamedTuple):
    """Permission to make one of a run's calls.

    number       from 1, over the whole run
    scheduled_s  when the call should start, in seconds from the run's start; `None`: as soon as a user is free
    stage        the stage of the schedule, from 1; `None` without a schedule
    """

    number: int
    scheduled_s: float | None = None
    stage: int | None = None
