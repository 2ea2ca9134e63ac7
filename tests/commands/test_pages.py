"""The README and the pages of docs/ agree with the code and with each other."""

import re
from pathlib import Path

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from locustfile import harness
from tests.command_line import PROJECT
from tests.docs import options
from tests.docs.pages import PAGES, TEXT

LINKS = [
    (page, target)
    for page, text in PAGES.items()
    for target in re.findall(r"\]\(([^)\s]+)\)", text)
    if "://" not in target
]


def test_the_tables_of_options_are_up_to_date() -> None:
    """If not: python -m tests.docs"""
    text = options.PAGE.read_text()
    assert options.named(text) == list(options.topics())
    assert options.renewed(text) == text


def test_every_option_that_a_page_names_exists() -> None:
    parser = get_empty_argument_parser()
    setup_parser_arguments(parser)
    harness.add_arguments(parser)
    existing = {option for action in parser._actions for option in action.option_strings}
    assert set(re.findall(r"`(--[a-z][a-z-]+)", TEXT)) - existing == set()


@pytest.mark.parametrize(("page", "target"), LINKS, ids=[f"{page} to {target}" for page, target in LINKS])
def test_a_link_leads_somewhere(page: str, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (PROJECT / page).parent / name if name else PROJECT / page
    assert path.exists()
    assert not anchor or anchor in anchors(path)


def anchors(path: Path) -> set[str]:
    """Return where links into a page can lead, as GitHub names its headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_takes_a_stranger_few_minutes() -> None:
    assert len(PAGES["README.md"].split()) < 1200
