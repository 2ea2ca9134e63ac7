"""The exit code of the process: the worst event decides."""

from locust.env import Environment

import locust_inside
from harness.errors import BAD_USAGE, BREACHED, HUNG_UP, INTERNAL, INTERRUPTED, REACHED, TERMINATED, UNREACHABLE

PRECEDENCE = (BAD_USAGE, UNREACHABLE, INTERNAL, INTERRUPTED, HUNG_UP, TERMINATED, BREACHED)
SIGNALLED = {INTERRUPTED, HUNG_UP, TERMINATED}


class ExitCode:
    """Collects events and decides at the end. An internal error is never hidden behind a 0."""

    def __init__(self) -> None:
        self._noted: set[int] = set()

    def note(self, code: int) -> None:
        """Note an event; one with another code, as a worker of another version can send, is an internal error."""
        self._noted.add(code if code in PRECEDENCE else INTERNAL)

    def has(self, code: int) -> bool:
        return code in self._noted

    @property
    def is_signalled(self) -> bool:
        """Return whether a signal ended the run."""
        return bool(self._noted & SIGNALLED)

    def decide(self, environment: Environment) -> int:
        """Return the first code of `PRECEDENCE` that was noted, else Locust's code for failed calls, else 0."""
        if locust_inside.has_unhandled_exception(environment):
            self.note(INTERNAL)
        for code in PRECEDENCE:
            if code in self._noted:
                return code
        return int(vars(environment.parsed_options)["exit_code_on_error"]) if environment.stats.errors else REACHED
