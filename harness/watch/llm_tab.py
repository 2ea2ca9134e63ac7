"""The web UI's tab "LLM": TTFT, ITL, TPOT and tokens per second by model, live."""

import csv
import io
from collections.abc import Callable
from typing import Any

from flask import Response

from harness.record.run_histograms import RunHistograms
from harness.watch.tabs import Rows, Tab
from summary.cells import quoted
from summary.registry import MAIN, PERCENTILES, used

FIGURES = used("tab", "ttft_s", "itl_s")
SHARES = {f"p{PERCENTILES[name]}": PERCENTILES[name] / 100 for name in MAIN}
TITLES = {
    "name": "Name",
    "calls": "Streams",
    **{f"{figure.noun}_{name}_ms": f"{figure.title} {name} (ms)" for figure in FIGURES for name in SHARES},
    "output_tokens_per_s": "Output tokens/s",
}
CSV_PATH, CALLS_PATH = "/llm/csv", "/llm/calls.csv"
CSV_COLUMNS = (
    "name",
    "calls",
    *(f"{figure.name}_{name}" for figure in FIGURES for name in SHARES),
    "output_tokens_per_s",
)

UNSTREAMED = "empty: no call was streamed (--stream)"


def tab_of(web_ui: Any, base_path: str, latest: Callable[[], RunHistograms | None]) -> Tab:
    """Return the tab of the `latest` run, and make its table available as CSV.

    base_path  the path of Locust's page: `--web-base-path`
    """
    web_ui.template_args["extended_csv_files"] = [
        {"href": f".{CSV_PATH}", "title": "Download LLM statistics CSV"},
        {"href": f".{CALLS_PATH}", "title": "Download every call CSV (after the run; above are totals)"},
    ]

    def download() -> Response:
        headers = {"Content-Type": "text/csv", "Content-Disposition": "attachment;filename=llm.csv"}
        return Response(as_csv(latest()), headers=headers)

    web_ui.app.route(base_path + CSV_PATH)(web_ui.auth_required_if_enabled(download))
    return Tab("llm", "LLM", TITLES, lambda: rows_of(latest()))


def rows_of(histograms: RunHistograms | None) -> Rows:
    """Return the table's rows, one per model; none before the first call. Without streams the only row says why."""
    if histograms is None or not histograms.has_calls:
        return []
    return [_row(histograms, name) for name in histograms.names()] or [{"name": UNSTREAMED, "safe_name": "unstreamed"}]


def as_csv(histograms: RunHistograms | None) -> str:
    """Return the same as CSV, in seconds like every other file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    if histograms is not None:
        writer.writerows([quoted(name), *_figures(histograms, name, float)] for name in histograms.names())
    return text.getvalue()


def _row(histograms: RunHistograms, name: str) -> dict[str, object]:
    in_ms = _figures(histograms, name, lambda value_s: float(f"{1000 * value_s:.4g}"))
    return {**dict(zip(TITLES, [name, *in_ms], strict=True)), "safe_name": name}


def _figures(histograms: RunHistograms, name: str, shown: Callable[[float], float]) -> list[float | str]:
    """Return the columns after the name; a figure that was not observed is an empty cell."""
    of_figures = [histograms.of(name, figure.name) for figure in FIGURES]
    times = [shown(seen.percentile(at)) if len(seen) else "" for seen in of_figures for at in SHARES.values()]
    return [len(of_figures[0]), *times, round(histograms.output_tokens_per_s(name), 1)]
