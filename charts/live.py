"""Draws a run while it lasts, for the web UI, in a process of lowest priority: python -m charts.live

Each line on stdin is a request, as JSON: {"prefix": …, "want": "charts", "observed": {…}, "since_s": 0.0} or
{"prefix": …, "want": "page"}. It is answered on stdout: the number of bytes in a line, then JSON or HTML. The process
ends with its stdin, at once.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pandas as pd

from charts.data.run import Run
from charts.page.markup import text
from charts.page.page import Block, blocks, page, style
from summary.cells import escaped
from summary.render.render import as_table
from summary.rows.finished import REQUESTS, RUN, SUMMARY, read_json, so_far
from summary.rows.growing import GrowingRows
from summary.vocabulary import Summary

LOWEST_PRIORITY = 19
PAGE = "page"


class Drawing:
    """Answers requests. What has been read of a run is kept until another run is asked for."""

    def __init__(self) -> None:
        self._run: LiveRun | None = None

    def answer(self, prefix: str, want: str, **given: Any) -> str:
        """Return the charts, as `LiveRun.charts` does, or the page of a run that is over."""
        try:
            if self._run is None or self._run.prefix != prefix:
                self._run = LiveRun(prefix)
            return self._run.page() if want == PAGE else _json(self._run.charts(**given))
        except Exception as error:  # Damaged files raise anything; the page says so, and the run goes on.
            return _json({"error": f"{type(error).__name__}: {error}"})


class LiveRun:
    """A run that may still be on.

    prefix  of its files
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._run, self._summary = Path(prefix + RUN), Path(prefix + SUMMARY)
        self._rows = GrowingRows(Path(prefix + REQUESTS))

    def charts(self, observed: Summary, since_s: float) -> dict[str, Any]:
        """Return the blocks of the page so far, or of the finished run.

        observed  what only the load-generating process knows
        since_s   leave out calls that ended before: the user pressed RESET then
        """
        self._rows.look()
        written = read_json(self._summary)
        run = self._finished(written) if written else self._so_far(observed, since_s)
        shown = [*blocks([run], so_far=not written), *(_console(written) if written else ())]
        return {
            "calls": len(self._rows.table), "final": bool(written), "style": style(),
            "blocks": [asdict(block) for block in shown],
        }  # fmt: skip

    def _so_far(self, observed: Summary, since_s: float) -> Run:
        facts = read_json(self._run)
        table = _since(self._rows.table, since_s)
        return Run(str(facts.get("run_id")), so_far(table, self._rows.damage, facts, observed), table)

    def _finished(self, written: Summary) -> Run:
        return Run(str(written["run_id"]), written, self._rows.table)

    def page(self) -> str:
        """Return the HTML report of the run, which is over."""
        self._rows.look()
        return page([self._finished(read_json(self._summary))])


def _since(table: pd.DataFrame, since_s: float) -> pd.DataFrame:
    if not since_s:
        return table
    return table[table["start_s"] + table["latency_s"].fillna(0) >= since_s].reset_index(drop=True)


def _console(summary: Summary) -> Iterator[Block]:
    """Yield the summary as the console shows it."""
    shown = f'<div class="scroll"><pre>{text(as_table(summary).strip())}</pre></div>'
    title = "<h2>The summary, as on the console</h2>"
    yield Block("console", f'<section class="card quiet">{title}{shown}</section>')


def _json(content: Any) -> str:
    return escaped(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def main() -> None:
    os.nice(LOWEST_PRIORITY)
    drawing, requests = Drawing(), SimpleQueue[bytes]()
    answers = open(sys.stdout.fileno(), "wb", closefd=False)  # noqa: SIM115 # Unbuffered, a signal could cut one.
    Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        content = drawing.answer(**json.loads(requests.get())).encode("utf-8", "replace")
        try:
            answers.write(b"%d\n%b" % (len(content), content))
            answers.flush()
        except BrokenPipeError:
            os._exit(0)


def _listen(requests: "SimpleQueue[bytes]") -> None:
    """Pass on each request. When the parent is gone nobody waits for an answer: end, whatever is being drawn."""
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
