"""Permission to make one call, or a pair of calls, and when to make it."""

from typing import Literal, NamedTuple

SideName = Literal["target", "baseline"]


class Permit(NamedTuple):
    """Permission to make `calls` of a run's calls, one right after the other.

    number        the first call's, from 1, over the whole run; the other one's follows
    scheduled_s   when the first call should start, in seconds from the run's start; `None`: as soon as a user is free
    stage         the stage of the schedule, from 1; `None` without a schedule
    conversation  the number of the conversation that they begin; `None` if they continue one, or the run plays none
    """

    number: int
    scheduled_s: float | None = None
    stage: int | None = None
    calls: int = 1
    conversation: int | None = None

    @property
    def numbers(self) -> range:
        return range(self.number, self.number + self.calls)

    def put_off(self, by_s: float) -> "Permit":
        """Return the permit with a later due time, if it has one."""
        return self if self.scheduled_s is None else self._replace(scheduled_s=self.scheduled_s + by_s)


class Granted(NamedTuple):
    """One of the calls that a permit grants.

    side   whom it goes to; `None` in a run without a baseline, as are the others
    pair   the number of its pair, from 1
    order  1 for the first call of a pair, 2 for the second
    """

    number: int
    side: SideName | None = None
    pair: int | None = None
    order: int | None = None
