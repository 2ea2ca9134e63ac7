"""A report in a real Chromium. See `make test-browser`."""

from pathlib import Path

import pytest

from charts.page.page import page
from tests.browser.chromium import CHROMIUM, chromium
from tests.charts.made import STREAMED, call, run_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

COUNT = "addEventListener('load', () => { window.drawn = document.querySelectorAll('.js-plotly-plot').length; })"


def test_every_chart_is_drawn_when_the_page_has_loaded(tmp_path: Path) -> None:
    target = tmp_path / "p.html"
    target.write_text(page([run_of(tmp_path, [call(n, n / 10, **STREAMED) for n in range(20)])]))
    with chromium(tmp_path / "profile") as tab:
        tab.send("Page.addScriptToEvaluateOnNewDocument", source=COUNT)
        tab.open(target.as_uri())
        tab.until("window.drawn !== undefined")
        plots = tab.js("document.querySelectorAll('.plot').length")
        assert plots > 5
        assert tab.js("window.drawn") == plots
        assert tab.complaints == []
