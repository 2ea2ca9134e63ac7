"""The commands of the README work for anyone who types them as they are."""

from pathlib import Path

import pytest

from tests.commands.conftest import assert_ends_well, is_foreign, is_plain, is_set_up
from tests.docs.pages import PAGES, blocks

BLOCKS = blocks("sh", PAGES["README.md"])
PLAIN = [block for block in BLOCKS if is_plain(block)]


def test_the_readme_shows_each_kind_of_command() -> None:
    assert any(map(is_set_up, BLOCKS))
    assert any(map(is_foreign, blocks("sh")))
    assert len(PLAIN) >= 4


@pytest.mark.parametrize("block", PLAIN, ids=lambda block: block.splitlines()[0][:50])
def test_a_block_of_commands_ends_well(block: str, clone: Path) -> None:
    assert_ends_well(block, clone)
