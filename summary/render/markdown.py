"""A summary in Markdown, for a pull request's comment: the verdict in one line, then small tables."""

import re
from collections.abc import Iterable, Iterator, Sequence

from summary.registry import NAMED, STATISTICS, TITLES, UNITS
from summary.render import against, comparison
from summary.render.facts import count_lines, title
from summary.render.tables import line, statistics, with_distributions
from summary.validity.verdict import no_figures
from summary.vocabulary import Summary

Line = Sequence[str]
_NAMING = re.compile(r"[@#!](?=\w)")


def as_markdown(summary: Summary) -> str:
    """Return the verdict, the counts, the distributions, the comparison and the gates, as far as there are any."""
    parts = [part for part in _parts(summary) if part]
    return "\n\n".join(parts) + "\n"


def _parts(summary: Summary) -> Iterator[str]:
    yield f"**{_literal(_headline(summary))}**"
    if "total_requests" in summary:
        yield _table(("run", title(summary)), count_lines(summary))
        yield _distributions(summary)
    if summary.get("against"):
        yield _table(against.HEADINGS, against.lines(summary["against"]))
        yield _literal(against.counts(summary["against"]))
    if "comparison" in summary:
        yield from _comparison(summary)
    if summary.get("gates"):
        gates = [(gate["gate"], _mark(gate), gate["reason"]) for gate in summary["gates"]]
        yield _table(("gate", "", "result"), gates, "---")


def _headline(summary: Summary) -> str:
    """Return in one line what is to be known first: breached gates, the comparison, whether to believe it."""
    gates = summary.get("gates") or ()
    breached = sum(gate["breached"] for gate in gates)
    said = [f"{breached} of {len(gates)} gates breached" if breached else "No gate breached"] if gates else []
    if summary.get("against"):
        said.append(against.conclusion(summary["against"]).removesuffix("."))
    if "comparison" in summary:
        said.append(comparison.conclusion(summary["comparison"]))
    if summary.get("verdict"):
        said.append(_believed(summary))
    return ". ".join(said or ["Locust's own figures"]) + "."


def _believed(summary: Summary) -> str:
    doubts = [f"{each['about']}: {each['says']}" for each in summary["verdict"]["findings"] if not each["ok"]]
    return f"{_answer(summary)} ({'; '.join(doubts)})" if doubts else _answer(summary)


def _answer(summary: Summary) -> str:
    if why := no_figures(summary):
        return f"There are no figures: {why}"
    is_believable = summary["verdict"]["believable"]
    return "These figures can be believed" if is_believable else "Not all of these figures can be believed"


def _distributions(summary: Summary) -> str:
    figures, names = with_distributions(summary), statistics(summary)
    if not summary["success_count"] or not figures:
        return ""
    lines = (line(figure, summary[figure.name], names, STATISTICS) for figure in figures)
    head = (UNITS[NAMED["latency_s"].kind].heading, *(TITLES[name] for name in names))
    return _table(head, [[title, *cells] for title, cells in lines])


def _comparison(summary: Summary) -> Iterator[str]:
    compared = summary["compared"]
    yield f"New: {_code(comparison.names(compared, 'new'))}, old: {_code(comparison.names(compared, 'old'))}"
    yield _table(comparison.HEADINGS, comparison.lines(summary["comparison"]))
    for stage in compared.get("stages") or ():
        yield _literal(comparison.stage_title(stage))
        yield _table(comparison.HEADINGS, comparison.lines(stage["comparison"]))
    yield "\n".join(f"- {_literal(note)}" for note in comparison.notes(compared))


def _mark(gate: Summary) -> str:
    return "❌" if gate["breached"] else "✅"


def _table(head: Line, lines: Iterable[Line], others: str = "---:") -> str:
    """Return a table; `others` is the rule of all columns but the first: to the right, unless they are sentences."""
    rule = f"|---|{f'{others}|' * (len(head) - 1)}"
    first, *rest = [f"| {' | '.join(map(_literal, row))} |" for row in (head, *lines)]
    return "\n".join([first, rule, *rest])


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _literal(text: str) -> str:
    """Return text from users and servers without what Markdown or HTML would take for its own, or a forge for the name
    of a user or an issue."""
    for sign in "\\`*_[]<>~|":
        text = text.replace(sign, f"\\{sign}")
    return _NAMING.sub(r"\g<0><!-- -->", text.replace("\n", " "))
