"""The web UI's tab "Schedule": whether an open loop keeps its schedule, live."""

from collections.abc import Callable
from typing import Any

from harness.load.open_loop import Standing
from harness.watch.tabs import Tab

KEY = "schedule"
COLUMNS = {
    "asked": "Asked (due by now)",
    "delivered": "Delivered (started)",
    "waiting": "Waiting for a user",
    "dropped": "Dropped",
}


def tab_of(standing: Callable[[], Standing | None]) -> Tab:
    """Return the tab, which shows how the run stands."""
    return Tab(KEY, "Schedule", COLUMNS, lambda: rows_of(standing()))


def rows_of(standing: Standing | None) -> list[dict[str, Any]]:
    """Return the run's only row; none before the first run, and none of a closed loop."""
    if standing is None:
        return []
    return [{"name": "all calls", "safe_name": KEY, **standing._asdict()}]
