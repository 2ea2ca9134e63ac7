"""The web UI's tab "Schedule": whether an open loop keeps its schedule, live."""

import json
from collections.abc import Callable
from typing import Any

from flask import Response, request

from harness.open_loop import Standing

KEY = "schedule"
COLUMNS = {
    "asked": "Asked (due by now)",
    "delivered": "Delivered (started)",
    "waiting": "Waiting for a user",
    "dropped": "Dropped",
}


def attach(web_ui: Any, standing: Callable[[], Standing | None]) -> None:
    """Add the tab beside those that are there, and its row to what the page polls."""
    table = {"key": KEY, "structure": [{"key": name, "title": title} for name, title in COLUMNS.items()]}
    web_ui.template_args.setdefault("extended_tabs", []).append({"title": "Schedule", "key": KEY})
    web_ui.template_args.setdefault("extended_tables", []).append(table)

    def feed(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            content = response.get_json() or {}
            rows = {"key": KEY, "data": rows_of(standing())}
            content["extended_stats"] = [*content.get("extended_stats", []), rows]
            response.set_data(json.dumps(content))
        return response

    web_ui.app.after_request(feed)


def rows_of(standing: Standing | None) -> list[dict[str, Any]]:
    """Return the run's only row; none before the first run, and none of a closed loop."""
    if standing is None:
        return []
    return [{"name": "all calls", "safe_name": KEY, **standing._asdict()}]
