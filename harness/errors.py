"""The ways in which a run can't begin, and the exit codes of the whole tool."""

REACHED, UNREACHABLE, BAD_USAGE, BREACHED, INTERNAL = 0, 1, 2, 3, 70
HUNG_UP, INTERRUPTED, TERMINATED = 129, 130, 143


class CannotStart(Exception):
    """The run can't begin; the text is one line for the user."""

    exit_code = INTERNAL


class UsageError(CannotStart):
    """An option, a seed file, a model or a key is missing or wrong."""

    exit_code = BAD_USAGE


class Unreachable(CannotStart):
    """The host doesn't accept a connection."""

    exit_code = UNREACHABLE


class NoWorkers(CannotStart):
    """The workers that the run waits for don't come."""
