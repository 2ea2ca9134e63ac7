"""Our tabs on Locust's page: each a table, filled by what the page polls every two seconds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from locust.runners import STATE_CLEANUP, STATE_RUNNING

Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with one table.

    columns  a row's keys and their titles
    rows     returns the table's current rows
    """

    key: str
    title: str
    columns: Mapping[str, str]
    rows: Callable[[], Rows]


def attach(web_ui: Any, *tabs: Tab) -> None:
    """Add the tabs to Locust's page, and their rows to what it polls."""
    web_ui.template_args["extended_tabs"] = [{"title": tab.title, "key": tab.key} for tab in tabs]
    web_ui.template_args["extended_tables"] = [{"key": tab.key, "structure": _structure(tab)} for tab in tabs]

    def feed(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            content = response.get_json() or {}
            # Locust caches this response for two seconds, with our addition: replace that.
            content["extended_stats"] = [{"key": tab.key, "data": tab.rows()} for tab in tabs]
            if content.get("state") == STATE_CLEANUP:
                content["state"] = STATE_RUNNING  # else the page stops polling and misses the run's end
            response.set_data(json.dumps(content))
        return response

    web_ui.app.after_request(feed)


def _structure(tab: Tab) -> list[dict[str, str]]:
    return [{"key": name, "title": title} for name, title in tab.columns.items()]
