"""A real Chromium without a window, driven over its DevTools protocol."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import websocket

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)  # fmt: skip
PATIENCE_S = 60.0
COMPLAINTS = ("Runtime.exceptionThrown", "Log.entryAdded")


class Tab:
    """A page in a browser.

    complaints  what the browser had to say: exceptions, refusals of its policy, what could not be loaded
    """

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=PATIENCE_S)
        self._count = 0
        self.complaints: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("method") in COMPLAINTS:
                self.complaints.append(said["params"])
            if said.get("id") == self._count:
                assert "error" not in said, said
                return dict(said["result"])

    def look_like(self, width: int = 1280, height: int = 900, dark: bool = False, is_phone: bool = False) -> None:
        """Set the size of the window, and whether its user wants it dark."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        """Return what an expression is on the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true on the page."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not self._is_true(expression):
            assert time.monotonic() < give_up_at, f"in vain: {expression}\n{self.text()[:500]}\n{self.complaints}"
            time.sleep(0.1)

    def _is_true(self, expression: str) -> bool:
        """Return whether an expression is true; an exception is not: the page may just be changing."""
        found = self.send("Runtime.evaluate", expression=f"Boolean({expression})", returnByValue=True)
        return found["result"].get("value") is True

    def text(self) -> str:
        """Return what can be read on the page."""
        return str(self.js("document.body.innerText"))

    def fill(self, **fields: Any) -> None:
        """Type into fields, choose from lists, tick or untick boxes, as a user would."""
        for name, value in fields.items():
            self.js(f"({FILL})({json.dumps(name)}, {json.dumps(value)})")

    def click(self, selector: str) -> None:
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


FILL = """(name, value) => {
  const field = document.querySelector(`[name="${name}"], [data-name="${name}"]`);
  if (field.type === "checkbox") { if (field.checked !== value) field.click(); return; }
  field.value = value;
  for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));
}"""


@contextmanager
def chromium(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Tab]:
    """Start a browser with a profile of its own, and end it."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *SWITCHES, f"--user-data-dir={folder}", *arguments, "about:blank"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield _first_tab(folder / "DevToolsActivePort")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _first_tab(port_file: Path) -> Tab:
    _wait_for(lambda: port_file.exists() and port_file.read_text().count("\n"))
    port = port_file.read_text().split()[0]
    tabs: list[dict[str, Any]] = []

    def is_there() -> bool:
        with urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE_S) as answer:
            tabs[:] = [each for each in json.load(answer) if each["type"] == "page"]
        return bool(tabs)

    _wait_for(is_there)
    return Tab(tabs[0]["webSocketDebuggerUrl"])


def _wait_for(happened: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up_at, "the browser did not start"
        time.sleep(0.05)
