"""The LLM page, beside Locust's: what a run measures while it lasts, and its summary and files at the end."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, jsonify, make_response, render_template_string, request, send_file
from locust.runners import MasterRunner

import charts.page
from harness.watch.live_charts import LiveCharts, ShownRun

OURS, OF_REPORTS = Path(__file__).parent / "page", Path(charts.page.__file__).parent
ASSETS = {
    "page.css": OF_REPORTS / "page.css", "plots.js": OF_REPORTS / "plots.js", "live.css": OURS / "live.css",
    "llm.js": OURS / "llm.js", "start.js": OURS / "start.js",
}  # fmt: skip
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""plotly needs styles within the page; no script does, so what a server said can't become one."""

A_WEEK_S = 7 * 24 * 3600
FILES = {
    "requests.csv": "every call, a row each",
    "summary.json": "the summary, with every figure",
    "run.json": "the run's options and versions",
    "stats.csv": "Locust's statistics: what its Download tab calls “requests”",
    "failures.csv": "Locust's failures, counted by message",
}
"""The run's files that the page offers."""

REPORT = "report.html"
LINKS = (
    '<nav id="llm-links" style="background:#181c21;color:#e3e7ec;padding:7px 24px;font:14px/1.5 system-ui,sans-serif">'
    'LLM load test: <a href="./llm" style="color:#79b2f2">charts and verdict</a> · '
    '<a href="./llm/start" style="color:#79b2f2">new run</a></nav>'
)


class Source(NamedTuple):
    """What the page is about.

    shown    returns the latest run; `None` before the first
    refusal  returns why the latest run that was to start could not; "" if it could
    """

    environment: Any
    shown: Callable[[], ShownRun | None]
    refusal: Callable[[], str]


def attach(web_ui: Any, base_path: str, source: Source, live: LiveCharts) -> None:
    """Add the page, what it loads, and links to it from Locust's.

    base_path  the path of Locust's page: `--web-base-path`
    """
    pages = _Pages(source, live)
    for path, view in {
        "": pages.page,
        "/data": pages.data,
        "/plotly.js": pages.plotly,
        "/files/<run_id>/<name>": pages.file,
        "/calls.csv": pages.calls,
        "/<any({}):name>".format(",".join(f'"{name}"' for name in ASSETS)): pages.asset,
    }.items():
        web_ui.app.route(f"{base_path}/llm{path}", endpoint=f"llm{path}")(web_ui.auth_required_if_enabled(view))
    web_ui.app.after_request(lambda response: _with_links(response, base_path))
    source.environment.events.quitting.add_listener(lambda **_: live.end())


def render(name: str, **content: object) -> Response:
    """Return one of our pages."""
    page = render_template_string((OURS / name).read_text(encoding="utf-8"), **content)
    return Response(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


class _Pages:
    def __init__(self, source: Source, live: LiveCharts) -> None:
        self._environment, self._shown, self._refusal = source
        self._live = live

    def page(self) -> Response:
        return render("llm.html", plotly_version=importlib.metadata.version("plotly"))

    def data(self) -> Response:
        """Return how the run is doing, and its charts unless the page has `seen` them, or takes a `rest`."""
        self._live.look()
        run = self._shown()
        drawing = b"null"
        if run is not None and request.args.get("seen") != self._mark(run) and "rest" not in request.args:
            drawing = self._live.drawing(run.run_id)
        status = json.dumps(self._status(run)).encode()
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(b'{"status":%b,"drawing":%b}' % (status, drawing), headers=headers)

    def _mark(self, run: ShownRun) -> str:
        return f"{run.run_id}/{self._live.count}"

    def _status(self, run: ShownRun | None) -> dict[str, object]:
        runner = self._environment.runner
        workers = {"workers": runner.worker_count} if isinstance(runner, MasterRunner) else {}
        of_run = None if run is None else {**_facts(run), "mark": self._mark(run)}
        return {
            "state": runner.state, "users": runner.user_count, **workers, "refusal": self._refusal(), "run": of_run,
            "spawn_rate": self._environment.parsed_options.spawn_rate or 1,
        }  # fmt: skip

    def file(self, run_id: str, name: str) -> Response:
        """Return a file of the latest run, by one of the names that the page offers."""
        run = self._shown()
        if run is None or run.run_id != run_id or not run.is_over:
            return _refused("no files yet: no run has ended, it is still on, or a later one has begun", 409)
        if name == REPORT:
            return self._report(run)
        if name not in FILES or not run.path(name).is_file():
            return _refused("this run has no such file", 404)
        return send_file(run.path(name).resolve(), as_attachment=True, download_name=f"{run_id}_{name}")

    def calls(self) -> Response:
        """Return the latest run's rows, for Locust's Download tab, which knows no run."""
        run = self._shown()
        return self.file(run.run_id if run else "", "requests.csv")

    def _report(self, run: ShownRun) -> Response:
        try:
            content = self._live.page(run)
        except OSError as error:
            return _refused(str(error), 500)
        return Response(content, headers={"Content-Disposition": f"attachment; filename={run.run_id}.html"})

    def asset(self, name: str) -> Response:
        return send_file(ASSETS[name], max_age=0)

    def plotly(self) -> Response:
        """Return plotly's script from its package, which is not imported: that takes a second."""
        found = importlib.util.find_spec("plotly")
        [folder] = (found and found.submodule_search_locations) or [""]
        return send_file(Path(folder) / "package_data" / "plotly.min.js", max_age=A_WEEK_S)


def _facts(run: ShownRun) -> dict[str, object]:
    known = ("run_id", "provider", "model", "api", "mode", "host", "stream")
    against = (run.facts.get("options") or {}).get("against")
    offered = [name for name in FILES if run.is_over and run.path(name).is_file()]
    return {
        **{name: run.facts.get(name) for name in known},
        "against": against and {name: against.get(name) for name in ("provider", "model", "mode", "host")},
        "is_over": run.is_over, "rows": run.rows, "lasts_s": run.lasts_s, "since_s": run.since_s,
        "standing": run.standing and run.standing._asdict(),
        "files": [{"name": name, "says": FILES[name]} for name in offered],
    }  # fmt: skip


def _refused(reason: str, status: int) -> Response:
    return make_response(jsonify(message=reason), status)


def _with_links(response: Response, base_path: str) -> Response:
    """Add links to our pages to Locust's, which has no place for them."""
    if request.path == f"{base_path}/" and response.mimetype == "text/html" and response.status_code == 200:
        response.set_data(response.get_data(as_text=True).replace("<body>", f"<body>{LINKS}", 1))
    return response
