"""A page in a real browser, where there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from charts.page.page import page
from tests.charts.made import STREAMED, Page, call, run_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")
def test_every_chart_is_drawn_when_the_page_has_loaded(tmp_path: Path) -> None:
    target = tmp_path / "p.html"
    target.write_text(page([run_of(tmp_path, [call(n, n / 10, **STREAMED) for n in range(20)])]))
    options = ("--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
    loaded = subprocess.run(
        [str(CHROMIUM), *options, target.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    plots = [
        classes for _, each in Page(loaded.stdout).tags if "plot" in (classes := (each.get("class") or "").split())
    ]
    assert len(plots) > 5
    assert all("js-plotly-plot" in classes for classes in plots)
