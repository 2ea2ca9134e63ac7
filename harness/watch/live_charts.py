"""The charts of a run while it lasts, drawn by another process: here, drawing would block the event loop for seconds,
and every call in flight would seem slower."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent import subprocess
from gevent.lock import RLock

from harness.load.open_loop import Standing
from harness.plan.values import PROJECT
from summary.vocabulary import Summary
from wire.exchange import now

LOOKS_END_AFTER_S = 15.0
"""A page that is looked at asks every second or two."""

LOOK_EVERY_S, DRAW_EVERY_S, MOST_SHARE = 0.5, 2.0, 0.2
"""Drawing takes at most this share of a core during a run, however many calls there are."""

PASSED_ON = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """What the LLM page shows of a run.

    facts     the content of PREFIX_run.json
    path      returns where one of its files is
    rows      how many there are
    since_s   when RESET was pressed, in seconds from the start; 0 if it wasn't
    lasts_s   how long it has lasted
    observed  returns what only this process has seen of it: see `summary.vocabulary.OBSERVED`
    """

    facts: Summary
    path: Callable[[str], Path]
    is_over: bool
    rows: int
    since_s: float
    lasts_s: float
    standing: Standing | None
    observed: Callable[[], Summary]

    @property
    def run_id(self) -> str:
        return str(self.facts["run_id"])

    @property
    def prefix(self) -> str:
        return str(self.path("requests.csv")).removesuffix("_requests.csv")

    @property
    def version(self) -> tuple[object, ...]:
        """What a drawing depends on: while this stays the same, so does the drawing."""
        return self.run_id, self.rows, self.since_s, self.is_over


class LiveCharts:
    """Draws the latest run while somebody looks, as `charts.live` does.

    shown  returns that run; `None` before the first
    """

    def __init__(self, shown: Callable[[], ShownRun | None]) -> None:
        self._shown = shown
        self._artist: _Artist | None = None
        self._of_process = RLock()
        self._looked_at = 0.0
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self._drawn: tuple[object, ...] = ()
        self._drawing = b"null"
        self.count = 0

    def look(self) -> None:
        """Note that somebody looks."""
        self._looked_at = now()
        if not self._greenlet:
            self._greenlet = gevent.spawn(self._draw_while_looked_at)

    def drawing(self, run_id: str) -> bytes:
        """Return a run's latest drawing as JSON: `null` if there is none yet."""
        return self._drawing if self._drawn[:1] == (run_id,) else b"null"

    def page(self, run: ShownRun) -> bytes:
        """Return the HTML report of a run that is over. Raises `OSError` if it can't be drawn."""
        content = self._ask(run, {"want": "page"})
        if content.startswith(b"{"):  # why there is none, as JSON
            raise OSError(json.loads(content)["error"])
        return content

    def end(self) -> None:
        """Draw no more."""
        if self._greenlet:
            self._greenlet.kill()
        if self._artist is not None:
            self._artist.end()

    def _draw_while_looked_at(self) -> None:
        self._get_ready()
        rests_until = 0.0
        while now() - self._looked_at < LOOKS_END_AFTER_S:
            run, began_at = self._shown(), now()
            if run is not None and run.version != self._drawn and (run.is_over or began_at > rests_until):
                self._draw(run)
                took_s = now() - began_at
                rests_until = began_at + max(DRAW_EVERY_S, took_s / MOST_SHARE)
            gevent.sleep(LOOK_EVERY_S)
        self._dismiss()

    def _get_ready(self) -> None:
        """Start the process, which takes a second. If that fails, the first drawing says so."""
        with suppress(OSError):
            self._artist = self._artist or _Artist()

    def _draw(self, run: ShownRun) -> None:
        observed = {} if run.is_over else run.observed()
        try:
            drawing = self._ask(run, {"want": "charts", "observed": observed, "since_s": run.since_s})
        except OSError as error:
            drawing = json.dumps({"error": str(error)}).encode()
        self._drawing, self._drawn = drawing, run.version
        self.count += 1

    def _ask(self, run: ShownRun, request: dict[str, object]) -> bytes:
        with self._of_process:
            self._artist = self._artist or _Artist()
            try:
                return self._artist.answer({"prefix": run.prefix, **request})
            except OSError:
                self._dismiss()
                raise

    def _dismiss(self) -> None:
        with self._of_process:
            if self._artist is not None:
                self._artist.end()
            self._artist = None


class _Artist:
    """The process that draws. It gets no key, and no signal that is meant for this one."""

    def __init__(self) -> None:
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.pathsep.join(filter(None, [str(PROJECT), known.get("PYTHONPATH")]))
        self._process: Any = subprocess.Popen(
            [sys.executable, "-P", "-m", "charts.live"], env={**known, **ONE_THREAD, "PYTHONPATH": path},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def answer(self, request: dict[str, object]) -> bytes:
        """Raises `OSError` if the process has ended."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        size = self._process.stdout.readline()
        content: bytes = self._process.stdout.read(int(size)) if size else b""
        if not size or len(content) < int(size):
            raise OSError("the process that draws the charts has ended")
        return content

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()
