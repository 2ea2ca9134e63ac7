"""HTML from Python. What servers and users said reaches a page only through `text`."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from summary.cells import printable
from summary.numbers.written import written
from summary.registry import Kind

_DANGEROUS_IN_SCRIPTS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def text(value: object) -> str:
    """Return a text as markup that shows it literally."""
    return escape(str(printable(str(value))))


def data(kind: Kind, value: float | None, mark: str = "", unit: str = "") -> str:
    """Return a number as people read it, with all its digits beneath; `unit` instead of a rate's own."""
    if value is None:
        return ""
    shown = written(kind, value)
    shown = f"{shown.removesuffix('/s')} {unit}" if unit else shown
    return f'<data value="{value!r}" title="{value!r}">{text(shown)}</data>{mark}'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """Return a table of markup; the first cell of each row is its heading."""
    heads = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    markup = f'<table class="{name}"><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    return f'<div class="scroll">{markup}</div>'


def _cells(row: Sequence[str]) -> str:
    first, *others = row
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others)


def script_data(name: str, content: Any) -> str:
    """Return JSON that a script of the page reads; nothing in it can end the script."""
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character, escaped in _DANGEROUS_IN_SCRIPTS.items():
        written = written.replace(character, escaped)
    return f'<script type="application/json" id="{name}">{written}</script>'
