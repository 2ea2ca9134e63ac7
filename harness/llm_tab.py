"""The web UI's tab "LLM", beside Locust's statistics: what a stream's pace is, by model, live."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request
from locust.runners import STATE_CLEANUP, STATE_RUNNING

from harness.pace import PaceStats
from summary.cells import quoted

KEY = "llm"
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FIGURES = {"ttft": "TTFT", "itl": "ITL", "tpot": "TPOT"}
TITLES = {
    "name": "Name",
    "calls": "Streams",
    **{f"{figure}_{name}_ms": f"{title} {name} (ms)" for figure, title in FIGURES.items() for name in PERCENTILES},
    "output_tokens_per_s": "Output tokens/s",
}
CSV_PATH = "/llm/csv"
CSV_COLUMNS = (
    "name",
    "calls",
    *(f"{figure}_s_{name}" for figure in FIGURES for name in PERCENTILES),
    "output_tokens_per_s",
)

Row = dict[str, Any]


def attach(web_ui: Any, latest: Callable[[], PaceStats | None]) -> None:
    """Add the tab, what it polls, and its table as CSV, for the `latest` run."""
    web_ui.template_args["extended_tabs"] = [{"title": "LLM", "key": KEY}]
    web_ui.template_args["extended_tables"] = [
        {"key": KEY, "structure": [{"key": name, "title": title} for name, title in TITLES.items()]}
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
        response = make_response(as_csv(latest()))
        response.headers["Content-Type"] = "text/csv"
        response.headers["Content-Disposition"] = "attachment;filename=llm.csv"
        return response

    web_ui.app.after_request(feed)
    web_ui.app.route(CSV_PATH)(web_ui.auth_required_if_enabled(download))


def rows_of(pace: PaceStats | None) -> list[Row]:
    """Return what the page's table shows, a row a model; none before the first run, or without streams."""
    return [_row(pace, name) for name in pace.names()] if pace else []


def as_csv(pace: PaceStats | None) -> str:
    """Return the same as CSV, in seconds, as in every other file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    if pace is not None:
        writer.writerows([quoted(name), *_figures(pace, name, float)] for name in pace.names())
    return text.getvalue()


def _row(pace: PaceStats, name: str) -> Row:
    in_ms = _figures(pace, name, lambda value_s: float(f"{1000 * value_s:.4g}"))
    return {**dict(zip(TITLES, [name, *in_ms], strict=True)), "safe_name": name}


def _figures(pace: PaceStats, name: str, shown: Callable[[float], float]) -> list[float | str]:
    """Return the columns behind the name; a figure that was not observed is an empty cell."""
    histograms = [pace.of(name, f"{figure}_s") for figure in FIGURES]
    times = [shown(seen.percentile(at)) if len(seen) else "" for seen in histograms for at in PERCENTILES.values()]
    return [len(histograms[0]), *times, round(pace.output_tokens_per_s(name), 1)]
