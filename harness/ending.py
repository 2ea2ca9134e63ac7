"""The end of a process's test, however impatient its user is."""

from typing import Any


def stop(runner: Any) -> None:
    """Stop the test and let its calls in flight finish; a second Ctrl-C cuts them off, and they are recorded so."""
    try:
        runner.stop()
    except KeyboardInterrupt:
        runner.user_greenlets.kill()
