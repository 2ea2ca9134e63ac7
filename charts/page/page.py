"""The report page: the verdict, the run, its gates and figures, then the charts. One file that loads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from charts.catalogue import charts_of
from charts.data.run import Run
from charts.drawing.chart import CONFIG, DARK, LIGHT, Chart, Json, colour_of, template
from charts.page import figures
from charts.page.file import OPENING
from charts.page.markup import script_data, table, text
from summary.render import comparison as compare
from summary.render.facts import sections
from summary.render.render import remarks
from summary.render.tables import title_of_gates
from summary.validity.verdict import no_figures
from summary.vocabulary import Summary

FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
"""The browser itself refuses whatever is not in the file."""

MOST_KINDS, FURTHER = 50, "further_kinds_of_failure"
YES, NOT_ALL = "Yes.", "Not all of them."


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the page that stands by itself.

    key      names it
    figures  what is drawn into its plots, in order
    """

    key: str
    markup: str
    figures: Sequence[Json] = ()


def page(runs: Sequence[Run], comparison: Summary | None = None) -> str:
    """Return the page of one run, or of several laid over each other, below their comparison if there is one."""
    shown, runs = list(blocks(runs)), [replace(run, summary=_without_the_rarest(run.summary)) for run in runs]
    return "".join([
        OPENING.decode(), _head(runs), "<body>\n<main>\n", _comparison(comparison),
        *(block.markup for block in shown), _footer(), "</main>\n", *_scripts(runs, shown), "</body>\n</html>\n",
    ])  # fmt: skip


def blocks(runs: Sequence[Run], so_far: bool = False) -> Iterator[Block]:
    """Yield what the page shows, in order.

    so_far  whether the run is still on
    """
    charts = charts_of(runs)
    runs = [replace(run, summary=_without_the_rarest(run.summary)) for run in runs]
    yield from _opening(runs, so_far)
    yield from _sections(charts)
    yield Block("absent", _absent(charts))
    yield Block("details", "".join(_details(runs)))


def _without_the_rarest(summary: Summary) -> Summary:
    """Return the summary with as many kinds of failure as a page can show: a server can make up any number of them."""
    kinds = summary.get("failures") or []
    if len(kinds) <= MOST_KINDS:
        return summary
    return {**summary, "failures": kinds[:MOST_KINDS], FURTHER: len(kinds) - MOST_KINDS}


def _head(runs: Sequence[Run]) -> str:
    title = "Load test: " + ", ".join(str(run.summary.get("model") or run.name) for run in runs)
    return (
        f'<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n"
    )


def _comparison(summary: Summary | None) -> str:
    """Return what became worse and better, with the gates on it, and all of it as data."""
    if not summary:
        return ""
    found, of = summary["comparison"], summary["compared"]
    title = f"<h2>{text(compare.conclusion(found))}</h2>"
    sides = f'<p class="run">New: {text(compare.names(of, "new"))}, old: {text(compare.names(of, "old"))}</p>'
    content = f"{title}{sides}{figures.compared(summary)}{_gates(summary)}"
    return f'<section class="card" id="compared">{content}</section>\n{script_data("comparison", summary)}\n'


def _opening(runs: Sequence[Run], so_far: bool) -> Iterator[Block]:
    several = len(runs) > 1
    yield Block("verdict", "".join(_verdict(run, place, several, so_far) for place, run in enumerate(runs)))
    if several:
        yield Block("tables", f'<section class="card"><h2>Side by side</h2>{figures.comparison(runs)}</section>\n')
        return
    yield Block("numbers", _card("numbers", figures.headlines(runs[0].summary)))
    yield Block("tables", _card("tables", _tables(runs[0].summary)))


def _card(name: str, content: str) -> str:
    return f'<section class="card {name}">{content}</section>\n' if content else ""


def _verdict(run: Run, position: int, several: bool, so_far: bool) -> str:
    """Return the answer to the first question, the run in a sentence, what speaks against it, and the gates."""
    verdict = run.summary.get("verdict")
    name = f'<h2><i style="background:{colour_of(position)}"></i>{text(run.name)}</h2>' if several else ""
    parts = [name, f'<p class="run">{text(figures.sentence(run.summary))}</p>', _remarks(run.summary)]
    if verdict:
        when = " so far" if so_far else ""
        question = f'<p class="verdict">Can these figures be believed{when}? {_answer(run.summary)}</p>'
        parts = [name, question, *parts[1:], _findings(verdict["findings"])]
    return f'<header class="card">{"".join(parts)}{_gates(run.summary)}</header>\n'


def _answer(summary: Summary) -> str:
    if why := no_figures(summary):
        return f'<b class="no">There are none: {text(why)}.</b>'
    is_good = summary["verdict"]["believable"]
    return f'<b class="{"yes" if is_good else "no"}">{YES if is_good else NOT_ALL}</b>'


def _remarks(summary: Summary) -> str:
    return "".join(f'<p class="remark">{text(remark)}</p>' for remark in remarks(summary))


def _findings(findings: Iterable[Json]) -> str:
    """Return what is not well for all to see, and the rest on demand."""
    checks = [(finding["ok"], text(finding["about"]), finding["says"]) for finding in findings]
    bad, good = ([check for check in checks if check[0] == is_ok] for is_ok in (False, True))
    passed = f"{len(good)} check{'s' if len(good) != 1 else ''} passed"
    hidden = f"<details><summary>{passed}</summary>{_checklist(good)}</details>" if good else ""
    return (_checklist(bad) if bad else "") + hidden


def _checklist(checks: Iterable[tuple[bool, str, str]]) -> str:
    """Return lines of whether all is well, about what (as markup), and what there is to say."""
    items = "".join(
        f'<li class="{"ok" if is_ok else "bad"}"><b>{about}</b> {text(says)}</li>' for is_ok, about, says in checks
    )
    return f'<ul class="checks">{items}</ul>'


def _gates(summary: Summary) -> str:
    gates = summary.get("gates") or []
    if not gates:
        return ""
    judged = [(not gate["breached"], f"<code>{text(gate['gate'])}</code>", gate["reason"]) for gate in gates]
    return f"<h3>{title_of_gates(gates)}</h3>{_checklist(judged)}"


def _tables(summary: Summary) -> str:
    return (
        figures.against(summary) + figures.baseline(summary) + figures.distributions(summary) + figures.stages(summary)
    )


def _sections(charts: Sequence[Chart]) -> Iterator[Block]:
    for chart in charts:
        if chart.figures:
            plots = "".join(map(_plot, chart.figures))
            notes = "".join(f'<p class="note">{note}</p>' for note in chart.notes)
            markup = (
                f'<section class="card chart" id="{chart.name}"><h2>{text(chart.title)}</h2>'
                f'<p class="how">{text(chart.how_to_read)}</p><div class="plots">{plots}</div>{notes}</section>\n'
            )
            yield Block(chart.name, markup, chart.figures)


def _plot(figure: Json) -> str:
    return f'<div class="plot" style="min-height:{figure["layout"]["height"]}px"></div>'


def _absent(charts: Sequence[Chart]) -> str:
    items = [f"<li><b>{text(chart.title)}</b>: {text(chart.absent)}</li>" for chart in charts if chart.absent]
    return f'<section class="card quiet"><h2>Not drawn</h2><ul>{"".join(items)}</ul></section>\n' if items else ""


def _details(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        name = f": {text(run.name)}" if len(runs) > 1 else ""
        numbers = _tables(run.summary) if len(runs) > 1 else ""
        yield (
            f'<section class="card quiet"><h2>The run{name}</h2>{numbers}{_facts(run.summary)}'
            f"<details><summary>Options and versions</summary>{_settings(run.summary)}</details></section>\n"
        )


def _facts(summary: Summary) -> str:
    rows = [[text(name), text(value)] for section in sections(summary) for name, value in section]
    rows += [["", f"and {summary[FURTHER]:,} further kinds of failure"]] if FURTHER in summary else []
    return table(["", ""], rows, "facts")


def _settings(summary: Summary) -> str:
    given = {**(summary.get("options") or {}), **(summary.get("versions") or {})}
    return table(
        ["", ""], [[text(name), text(value)] for name, value in given.items() if value not in (None, [], "")], "facts"
    )


def _footer() -> str:
    return (
        "<footer>Every number has all its digits beneath it, and in the summary within this file. "
        "Charts: drag to zoom, double-click to zoom out, camera for a PNG. This page loads nothing from anywhere; "
        "plotly.js (MIT) is inside.</footer>\n<noscript>The charts need JavaScript; the tables don't.</noscript>\n"
    )


def style() -> Json:
    """Return what plotly needs to draw figures in the page's colours."""
    return {"templates": {"light": template(LIGHT), "dark": template(DARK)}, "config": CONFIG}


def _scripts(runs: Sequence[Run], shown: Iterable[Block]) -> Iterator[str]:
    """Yield the data and the scripts. plotly is imported here: it is needed by nothing else."""
    from plotly.offline import get_plotlyjs

    yield script_data("summaries", [run.summary for run in runs]) + "\n"
    yield script_data("figures", [figure for block in shown for figure in block.figures]) + "\n"
    yield script_data("style", style()) + "\n"
    yield f"<script>{get_plotlyjs()}</script>\n<script>\n{_asset('plots.js')}{_asset('page.js')}</script>\n"


def _asset(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
