"""The safety net: whole runs with fixed seeds write what is held in `tests/net/held`, except for times and chance."""

import pytest

from tests.net import kinds
from tests.net.cases import CASES, HELD, differences, run_all


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each case left behind."""
    return run_all(tmp_path_factory.mktemp("net"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_a_run_writes_what_is_held(case: str, left: dict[str, str]) -> None:
    if changes := differences(case, left[case]):
        pytest.fail(f"{changes}\n\nIf this is meant: python -m tests.net, and read its diff.", pytrace=False)


def test_nothing_is_held_that_is_not_run() -> None:
    assert {path.stem for path in HELD.iterdir()} == set(CASES)


def test_a_new_providers_packages_change_nothing_that_is_held() -> None:
    assert kinds.json({"versions": {"locust": "2.0", "new-sdk": "1.0"}}) == {"versions": {"locust": kinds.VERSION}}
