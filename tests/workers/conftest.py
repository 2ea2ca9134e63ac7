"""A server for all tests of masters and workers."""

from collections.abc import Iterator

import pytest

from tests.mock_server import MockServer, serving


@pytest.fixture(scope="module")
def slow_mock() -> Iterator[MockServer]:
    """A mock whose every answer takes 0.2 s."""
    with serving("--ttft", "0.2", "--itl", "0", "--tokens", "8", "--exact-tokens") as server:
        yield server
