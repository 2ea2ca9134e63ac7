"""The end of a process's test: calls in flight finish, unless the user aborts them."""

import logging
from typing import Any

import gevent

_log = logging.getLogger("llm")


def end_by_itself(environment: Any) -> None:
    """End a test that is done, and Locust with it if it is headless, or after --autoquit's delay."""
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
        _log.info("waiting for the calls of %d users to finish; Ctrl-C aborts them", len(runner.user_greenlets))
    runner.stop()


def cut(runner: Any) -> None:
    """Abort the calls in flight; they are recorded as aborted."""
    runner.user_greenlets.kill(block=False)
