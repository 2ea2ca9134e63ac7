"""The end of a process's test, however impatient its user is."""

import logging
from typing import Any

_log = logging.getLogger("llm")


def stop(runner: Any) -> None:
    """Stop the test and let its calls in flight finish; a second Ctrl-C cuts them off, and they are recorded so."""
    if len(runner.user_greenlets):
        _log.info("the calls of %d users may finish; Ctrl-C cuts them off", len(runner.user_greenlets))
    try:
        runner.stop()
    except KeyboardInterrupt:
        runner.user_greenlets.kill()
