"""The end of a process's test: its calls in flight may finish, unless its user is impatient."""

import logging
from typing import Any

import gevent

_log = logging.getLogger("llm")


def end_by_itself(environment: Any) -> None:
    """End a test whose calls are all made: Locust with it, if it is headless, or after --autoquit's pause."""
    runner, given = environment.runner, environment.parsed_options
    if given.headless:
        runner.quit()
        return
    runner.stop()
    if given.autostart and given.autoquit >= 0:
        gevent.sleep(given.autoquit)
        runner.quit()
        environment.web_ui.stop()


def stop(runner: Any) -> None:
    """Stop the test and let its calls in flight finish."""
    if len(runner.user_greenlets):
        _log.info("the calls of %d users may finish; Ctrl-C cuts them off", len(runner.user_greenlets))
    runner.stop()


def cut(runner: Any) -> None:
    """Abort the calls in flight, which are recorded so."""
    runner.user_greenlets.kill(block=False)
