"""The pages in a real Chromium: start, watch, change, stop, again, refused, on two workers. See `make test-browser`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import CHROMIUM, Tab, chromium
from tests.command_line import free_port, rows_in, summary_in
from tests.web_ui import Page, web_ui

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

DRAWN = "document.querySelector('#latency_s .plot .main-svg')"
RUNNING, ENDED = (f"document.getElementById('state').textContent === '{state}'" for state in ("running", "ended"))
QUICK: dict[str, Any] = {"mock_latency": "0.1", "stream": True, "user_count": "4", "spawn_rate": "4", "slo": "ttft<0.5"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with web_ui(tmp_path_factory.mktemp("locust"), "--mock") as page:
        yield page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Iterator[Tab]:
    """The browser, which must have nothing to complain of at the end."""
    browser.look_like()
    browser.complaints.clear()
    yield browser
    assert browser.complaints == []


def start(tab: Tab, page: Page, **fields: Any) -> None:
    tab.open(f"{page.url}/llm/start")
    tab.fill(**{**QUICK, **fields})
    tab.click("form .main")


def test_a_run_is_started_watched_changed_and_stopped(tab: Tab, page: Page) -> None:
    before = len(page.runs())
    start(tab, page)
    tab.until(f"location.pathname === '/llm' && {RUNNING}")
    tab.until(f"{DRAWN} && document.body.innerText.includes('believed so far?')")
    assert "openai · gpt-4o" in tab.text()
    tab.until("document.getElementById('tokens') && document.getElementById('goodput')")
    tab.fill(user_count="6", spawn_rate="6")
    tab.click("#change button")
    tab.until("document.getElementById('progress').textContent.includes('6 users')")
    tab.click("#reset")
    tab.until("document.getElementById('hint').textContent.startsWith('Reset at')")
    tab.click("#stop")
    folder = page.next_run(before)
    tab.until(f"{ENDED} && document.body.innerText.includes('Can these figures be believed?')")
    calls = summary_in(folder, "metrics")["total_requests"]
    tab.until(f"document.querySelector('.tile data').value === '{calls}'")
    links = tab.js("[...document.querySelectorAll('#files a')].map((link) => link.textContent)")
    assert links[:2] == ["report.html", "requests.csv"]
    report = tab.js("fetch(document.querySelector('#files a').href).then((answer) => answer.text())")
    assert report.startswith("<!doctype html>")
    assert "the summary, as on the console" in tab.text().lower()


def test_a_second_run_takes_the_place_of_the_first_and_says_what_it_lacks(tab: Tab, page: Page) -> None:
    before = len(page.runs())
    tab.open(f"{page.url}/llm")
    tab.until(f"{ENDED} && {DRAWN}")
    start(tab, page, provider="anthropic", stream=False, slo="", iterations="30")
    page.next_run(before)
    tab.until(f"{ENDED} && document.querySelector('.tile data')?.value === '30'")
    assert "anthropic" in tab.js("document.getElementById('what').textContent")
    assert "need a stream" in tab.text()


def test_a_change_of_users_after_the_runs_end_starts_no_other(tab: Tab, page: Page) -> None:
    before = len(page.runs())
    start(tab, page)
    tab.until(f"location.pathname === '/llm' && {RUNNING}")
    tab.open(f"{page.url}/llm/start")
    page.post("stop")
    page.next_run(before)
    tab.fill(user_count="2")
    tab.click("form .main")
    tab.until("document.getElementById('problem').textContent.startsWith('the run has ended')")
    assert len(list(page.folder.glob("results/2*"))) == before + 1


def test_the_form_follows_its_choices(tab: Tab, page: Page) -> None:
    def shown() -> set[str]:
        return set(
            tab.js("[...document.querySelectorAll('[name]')].filter((each) => each.offsetParent).map((e) => e.name)")
        )

    tab.open(f"{page.url}/llm/start")
    assert "mock_latency" in shown()
    assert not {"host", "rate", "region"} & shown()
    tab.click('[data-choice="mock"][value="false"]')
    tab.click('[data-choice="open"][value="true"]')
    tab.fill(provider="aws-bedrock", rate="5", timeout="10")
    assert {"host", "rate", "region"} <= shown()
    assert "mock_latency" not in shown()
    assert "meta.llama3-70b-instruct-v1:0" in tab.js("document.getElementById('models').innerText")
    assert tab.js("document.querySelector('[name=user_count]').value") == "50"


def test_a_refusal_is_shown_beside_the_button(tab: Tab, page: Page) -> None:
    tab.open(f"{page.url}/llm/start")
    tab.click('[data-choice="mock"][value="false"]')
    tab.fill(host=f"http://127.0.0.1:{free_port()}", iterations="1")
    tab.click("form .main")
    tab.until("document.getElementById('problem').textContent.includes('keys are only for')")
    assert tab.js("location.pathname") == "/llm/start"


def test_another_model_is_taken(tab: Tab, page: Page) -> None:
    before = len(page.runs())
    tab.open(f"{page.url}/llm/start")
    tab.fill(**{**QUICK, "provider": "openai", "iterations": "3"})
    tab.js("document.getElementById('models').selectedIndex = document.getElementById('models').length - 1")
    tab.js("document.getElementById('models').dispatchEvent(new Event('change'))")
    tab.fill(model="my-model <b>")
    tab.click("form .main")
    assert {row["model"] for row in rows_in(page.next_run(before), "metrics")} == {"my-model <b>"}
    tab.until(f"{ENDED} && document.getElementById('what').textContent.includes('my-model <b>')")


def test_failures_are_counted_by_kind(tab: Tab, page: Page) -> None:
    before = len(page.runs())
    start(tab, page, provider="openai", mock_error_rate="0.5", iterations="40", stream=False, slo="")
    page.next_run(before)
    tab.until(f"{ENDED} && document.getElementById('errors')?.innerText.includes('Errors over time')")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(dark: bool, tab: Tab, page: Page) -> None:
    tab.look_like(390, 844, dark, is_phone=True)
    for path in ("llm", "llm/start"):
        tab.open(f"{page.url}/{path}")
        tab.until("document.querySelector('.card:not([hidden])')")
        assert tab.js("document.documentElement.scrollWidth") <= 390


def test_locusts_page_leads_here_and_back(tab: Tab, page: Page) -> None:
    tab.open(f"{page.url}/")
    tab.until("document.getElementById('root').innerText.includes('RPS')")
    tab.click("#llm-links a")
    tab.until("location.pathname === '/llm' && document.querySelector('nav a[href=\"./\"]')")
    tab.click('nav a[href="./"]')
    tab.until("location.pathname === '/'")


def test_two_workers(tab: Tab, tmp_path: Path) -> None:
    port = str(free_port())
    ports = ["--master-port", port, "--master-bind-port", port]
    with web_ui(tmp_path, "--mock", "--processes", "2", *ports) as page:
        start(tab, page)
        tab.until(f"location.pathname === '/llm' && {RUNNING} && {DRAWN}")
        tab.until("document.getElementById('progress').textContent.includes('on 2 workers')")
        tab.click("#stop")
        folder = page.next_run(0)
        calls = summary_in(folder, "metrics")["total_requests"]
        tab.until(f"{ENDED} && document.querySelector('.tile data')?.value === '{calls}'")
        assert summary_in(folder, "metrics")["client"]["processes"] >= 2
    tab.until('document.body.innerText.includes("Locust doesn\'t answer")')
    tab.complaints.clear()  # what it could not load
