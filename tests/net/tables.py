"""The tables that a run prints, without anything that depends on how wide a figure is."""

import re
from collections.abc import Iterable, Iterator

from summary.registry import UNITS
from tests.net.kinds import BY_DRAW, BY_FINDINGS, BY_SPEED, PER_SECOND, SECONDS, SPEED_FINDINGS, SPEED_WORDS, text

BORDERS = set("┌┬┐├┼┤└┴┘─┏┳┓┡╇┩━ ")
UNIT, UNIT_OF_TIMES = re.compile(r"(?<= )m?s$"), "<ms or s>"
RATE_COLUMNS = {"delivered", "goodput"}
FACTS = (
    ("time", r"^[\d.,]+ m?s", SECONDS),
    ("throughput", r"^[\d.,]+ ", f"{PER_SECOND} "),
    ("goodput", r"^(?!0 )[\d.,]+ ", f"{PER_SECOND} "),
    ("output", r"^[\d.,]+ ", f"{PER_SECOND} "),
)
DRAWN_HEADINGS = {unit.heading for unit in UNITS.values()} - {UNITS["time"].heading}
DRAWN_FACTS = ("bytes received", "input tokens", "output tokens", "repeated prompts")
QUESTION = "Can these figures be believed?"


def tables(printed: str, believable: object, by_draw: bool) -> Iterator[str]:
    """Yield the lines of tables: one per row, each cell in its shortest form, borders without their length."""
    head: list[str] = []
    for line in _whole_rows(printed.splitlines()):
        if line.startswith(QUESTION):
            yield f"{QUESTION} {BY_FINDINGS}" if believable == BY_FINDINGS else line
        elif not line or set(line) <= BORDERS:
            head = [] if line[:1] in ("┌", "┏") else head
            yield re.sub("[─━]+", lambda found: found[0][0], line)
        elif line[0] == "┃":
            head = _cells(line)
            yield _row([UNIT.sub(UNIT_OF_TIMES, name) for name in head])
        elif line[0] == "│":
            yield from _body(head, _cells(line), by_draw)
        else:
            yield text(line)


def _whole_rows(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of each row whose cells are wrapped."""
    whole = ""
    for line in lines:
        if whole[:1] == line[:1] == "┃" or (whole[:1] == line[:1] == "│" and _continues(_cells(line))):
            whole = _joined(whole, line)
            continue
        yield from [whole] if whole else []
        whole = line
        if not line:
            yield line
    yield whole


def _continues(cells: list[str]) -> bool:
    """Return whether a line of a body continues a row: it has no name, or nothing but the rest of a name."""
    return not cells[0] or (len(cells) > 3 and not any(cells[1:]))


def _joined(first: str, second: str) -> str:
    pairs = zip(_cells(first), _cells(second), strict=True)
    return first[0] + first[0].join(" ".join(filter(None, pair)) for pair in pairs) + first[0]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]


def _row(cells: list[str]) -> str:
    return f"│ {' │ '.join(cells)} │"


def _body(head: list[str], cells: list[str], by_draw: bool) -> Iterator[str]:
    if head and by_draw and head[0] in DRAWN_HEADINGS:
        yield _row([cells[0], *([BY_DRAW] * (len(cells) - 1))])
    elif head:
        is_figures = head[0] == "time"
        yield _row([_figure(cell, name, is_figures) for name, cell in zip(head, cells, strict=True)])
    elif len(cells) == 2:
        yield _row([cells[0], _fact(cells[0], cells[1], by_draw)])
    elif cells[1] in SPEED_WORDS:
        yield _row([BY_SPEED, cells[1], BY_SPEED])
    elif cells[1] not in SPEED_FINDINGS:
        yield _row([cells[0], cells[1], text(cells[2])])


def _figure(cell: str, column: str, is_figures: bool) -> str:
    if column in RATE_COLUMNS:
        return re.sub(r"[\d.,]+", PER_SECOND, cell)
    if column == "time":
        return UNIT.sub(UNIT_OF_TIMES, cell)
    if is_figures or UNIT.search(column):
        return re.sub(r"\d[\d.,]*", SECONDS, cell)
    return cell


def _fact(name: str, fact: str, by_draw: bool) -> str:
    if by_draw and name in DRAWN_FACTS:
        return BY_DRAW
    for of, pattern, kind in FACTS:
        if name == of:
            fact = re.sub(pattern, kind, fact)
    return text(fact)
