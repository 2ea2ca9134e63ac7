"""The reasons why a run can't start, and the tool's exit codes."""

REACHED, UNREACHABLE, BAD_USAGE, BREACHED, INTERNAL = 0, 1, 2, 3, 70
HUNG_UP, INTERRUPTED, TERMINATED = 129, 130, 143


class CannotStart(Exception):
    """The run can't start; the message is one line for the user."""

    exit_code = INTERNAL


class UsageError(CannotStart):
    """An option, a seed file, a model or a key is missing or wrong."""

    exit_code = BAD_USAGE


class Unreachable(CannotStart):
    """The host doesn't accept a connection."""

    exit_code = UNREACHABLE


class NoWorkers(CannotStart):
    """The workers that the run waits for didn't become ready in time."""
