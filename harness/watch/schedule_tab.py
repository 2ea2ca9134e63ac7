"""The web UI's tab "Schedule": how well an open loop keeps its schedule, live."""

from collections.abc import Callable

from harness.load.open_loop import Standing
from harness.watch.tabs import Rows, Tab

KEY = "schedule"
COLUMNS = {
    "asked": "Asked (due by now)",
    "delivered": "Delivered (started)",
    "waiting": "Waiting for a user",
    "dropped": "Dropped",
}


def tab_of(standing: Callable[[], Standing | None]) -> Tab:
    return Tab(KEY, "Schedule", COLUMNS, lambda: rows_of(standing()))


def rows_of(standing: Standing | None) -> Rows:
    """Return the table's only row; none before the first run or in a closed loop."""
    if standing is None:
        return []
    return [{"name": "all calls", "safe_name": KEY, **standing._asdict()}]
