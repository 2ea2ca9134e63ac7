"""The web UI's tab "LLM", beside Locust's statistics: what a stream's pace is, by model, live."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request
from locust.runners import STATE_CLEANUP, STATE_RUNNING

from harness.pace import PaceStats

KEY = "llm"
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FIGURES = {"ttft_s": "TTFT", "itl_s": "ITL", "tpot_s": "TPOT"}
COLUMNS = {
    "name": "Name",
    "calls": "Streams",
    **{f"{figure}_{name}": f"{title} {name} (ms)" for figure, title in FIGURES.items() for name in PERCENTILES},
    "output_tokens_per_s": "Output tokens/s",
}
CSV_PATH = "/llm/csv"

Row = dict[str, Any]


def attach(web_ui: Any, latest: Callable[[], PaceStats | None]) -> None:
    """Add the tab, what it polls, and its table as CSV, for the `latest` run."""
    web_ui.template_args["extended_tabs"] = [{"title": "LLM", "key": KEY}]
    web_ui.template_args["extended_tables"] = [
        {"key": KEY, "structure": [{"key": name, "title": title} for name, title in COLUMNS.items()]}
    ]
    web_ui.template_args["extended_csv_files"] = [{"href": CSV_PATH, "title": "Download LLM statistics CSV"}]

    def feed(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            content = response.get_json() or {}
            content["extended_stats"] = [{"key": KEY, "data": rows_of(latest())}, *content.get("extended_stats", [])]
            if content.get("state") == STATE_CLEANUP:
                content["state"] = STATE_RUNNING  # The page stops asking otherwise, and never sees the run's end.
            response.set_data(json.dumps(content))
        return response

    def download() -> Response:
        response = make_response(as_csv(rows_of(latest())))
        response.headers["Content-Type"] = "text/csv"
        response.headers["Content-Disposition"] = "attachment;filename=llm.csv"
        return response

    web_ui.app.after_request(feed)
    web_ui.app.route(CSV_PATH)(web_ui.auth_required_if_enabled(download))


def rows_of(pace: PaceStats | None) -> list[Row]:
    """Return a row a model; none before the first run, or without streams."""
    if pace is None:
        return []
    names = sorted({name for name, figure in list(pace.stats.entries) if figure == "ttft_s"})
    return [_row(pace, name) for name in names]


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(pace: PaceStats, name: str) -> Row:
    row: Row = {
        "name": name,
        "safe_name": name,
        "calls": pace.entry(name, "ttft_s").num_requests,
        "output_tokens_per_s": round(pace.output_tokens_per_s(name), 1),
    }
    for figure in FIGURES:
        entry = pace.entry(name, figure)
        for label, share in PERCENTILES.items():
            row[f"{figure}_{label}"] = entry.get_response_time_percentile(share) if entry.num_requests else ""
    return row
