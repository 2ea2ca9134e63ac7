"""A running web UI, as a browser or a script drives it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.command_line import Running, free_port, started

KEYS = {"OPENAI_API_KEY": "marker-key-1a2b3c", "ANTHROPIC_API_KEY": "marker-key-4d5e6f"}
OPENAI = {"provider": "openai", "model": "gpt-4o"}
FIVE_CALLS = {"user_count": "2", "spawn_rate": "2", "iterations": "5"}


class Page:
    """The start page of a running locust."""

    def __init__(self, url: str, folder: Path, running: Running) -> None:
        self.url, self.folder, self.running = url, folder, running

    def get(self, path: str = "") -> str:
        with urlopen(f"{self.url}/{path}", timeout=60) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """Send a form. A field that is a list is sent once for each value."""
        with urlopen(f"{self.url}/{path}", urlencode(fields, doseq=True).encode(), timeout=60) as answer:
            return dict(json.load(answer))

    def post_bare(self, path: str) -> None:
        """Send a form without fields to a path that answers no JSON."""
        urlopen(f"{self.url}/{path}", b"", timeout=60).close()

    def options(self) -> dict[str, Any]:
        """What Locust's own forms show of our options."""
        [shown] = re.findall(r"window.templateArgs = (.*)", self.get())
        return dict(json.loads(shown)["extra_options"])

    def start(self, **fields: Any) -> dict[str, Any]:
        return self.post("swarm", **fields)

    def runs(self) -> list[Path]:
        """The folders of all runs that have ended, in order."""
        return sorted(path.parent for path in self.folder.glob("results/2*/metrics_summary.json"))

    def next_run(self, ended_before: int) -> Path:
        """Wait for one more run to end."""
        self.running.until(lambda: len(self.runs()) > ended_before)
        self.running.until(lambda: json.loads(self.get("stats/requests"))["state"] in ("stopped", "ready"))
        assert len(self.runs()) == ended_before + 1
        return self.runs()[-1]

    def shown_requests(self) -> int:
        """What the page's table says, which is up to two seconds old."""
        return int(json.loads(self.get("stats/requests"))["stats"][-1]["num_requests"])

    def is_up(self) -> bool:
        try:
            return bool(self.get())
        except OSError:
            return False


@contextmanager
def web_ui(folder: Path, *arguments: str, **environment: str) -> Iterator[Page]:
    port = free_port()
    with started(
        folder, ["--web-host", "127.0.0.1", "--web-port", str(port), *arguments], **{**KEYS, **environment}
    ) as running:
        page = Page(f"http://127.0.0.1:{port}", folder, running)
        running.until(page.is_up)
        yield page
        assert "Traceback" not in running.stderr()
