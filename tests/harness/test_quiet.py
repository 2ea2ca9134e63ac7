"""What a worker sends stays within one line of its master's log."""

import logging
from argparse import Namespace

import pytest

from harness.process.quiet import calm


@pytest.mark.parametrize("name", ["locust.runners", ""])
def test_a_worker_can_not_begin_a_line_of_its_masters_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    options = Namespace(print_stats=True, rate=None, rate_stages=None, replay=None, iterations=None)
    logger = logging.getLogger(name)
    calm(options, ())
    with caplog.at_level(logging.INFO):
        logger.info("%s (index 0) reported as ready", "host\n[2026-01-01] all is well\x1b[1A")
    for each in (logging.getLogger(), logging.getLogger("locust.runners")):
        each.filters.clear()
    assert caplog.messages == ["host [2026-01-01] all is well\ufffd[1A (index 0) reported as ready"]
