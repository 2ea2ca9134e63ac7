"""README.md and the pages of docs/."""

import re

from tests.command_line import PROJECT

PAGES = {str(path.relative_to(PROJECT)): path.read_text() for path in (
    PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))
)}  # fmt: skip
TEXT = "\n".join(PAGES.values())


def blocks(language: str, text: str = TEXT) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
