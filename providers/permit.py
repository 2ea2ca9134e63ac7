"""The right to make one call, and the time to make it."""

from typing import NamedTuple


class Permit(NamedTuple):
    """One of a run's calls, counted out.

    number       from 1, over the whole run
    scheduled_s  when the call should start, in seconds from the run's start; `None`: as soon as a user is free
    stage        the stage of the schedule that it belongs to, from 1; `None` without a schedule
    """

    number: int
    scheduled_s: float | None = None
    stage: int | None = None
