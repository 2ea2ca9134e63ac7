"""The tables that follow the facts of a summary: distributions, stages, gates, and whether it can be believed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from rich.table import Table
from rich.text import Text

from summary.numbers.scale import Scale, scale
from summary.numbers.written import digits, number
from summary.registry import CI_NEEDS, EXTRA, MAIN, NAMED, SAMPLES_NEEDED, STATISTICS, TITLES, UNITS, Figure, used
from summary.render.grid import LEAST_WIDTH, grid
from summary.validity.verdict import no_figures
from summary.vocabulary import CLAIM_SPANS, OF_TURNS, Summary

_SPANS = dict(zip(CLAIM_SPANS, ("latency", "to the headers", "TTFT"), strict=True))
_SHARES = {
    "proxy": "· claimed by the proxy",
    "provider": "· claimed for the provider",
    "unaccounted": "· unaccounted",
}

Line = tuple[str, list[str]]
StageColumn = tuple[str, Callable[[Summary], str]]
COLUMNS_OF_STAGES = 6
"""More don't fit side by side."""

TURN_COLUMNS = ("median", "p95")
TURNS_SHOWN = 12
"""Conversations can have hundreds."""

TOO_FEW = "*"
LEGEND = "* too few samples for this percentile"
INFINITE = "∞"
GOOD, BAD = "ok", "!"


def explained(parts: Iterable[Table]) -> Iterator[Table]:
    """Yield the tables; below the first one with an asterisk stands what it means."""
    is_explained = False
    for table in parts:
        if not is_explained and _is_starred(table):
            table.caption, is_explained = LEGEND, True
        yield table


def _is_starred(table: Table) -> bool:
    cells = (cell for column in table.columns for cell in (column.header, *column.cells))
    return table.show_header and any(isinstance(cell, str) and cell.endswith(TOO_FEW) for cell in cells)


def statistics(summary: Summary) -> list[str]:
    """Return the statistics that the tables of a run have: those that few runs have the samples for only in these."""
    observed = {name for figure in used("table") if figure.over for name, value in _values(summary, figure) if value}
    lacking = summary.get("too_few_samples", ())
    return [name for name in STATISTICS if name not in EXTRA or (name in observed and name not in lacking)]


def _values(summary: Summary, figure: Figure) -> Collection[tuple[str, float | None]]:
    return [(name, (summary.get(figure.name) or {}).get(name)) for name in STATISTICS]


def distributions(summary: Summary) -> Iterator[Table]:
    """Yield a table for each kind of distribution that the run has, first the one of times; a line per figure, with
    the confidence intervals below it. An asterisk marks too few samples."""
    figures = with_distributions(summary)
    names, too_few = statistics(summary), summary.get("too_few_samples", ())
    for kind in dict.fromkeys(figure.kind for figure in figures):
        stars = (TITLES[name] + (TOO_FEW if name in too_few else "") for name in names)
        table = grid(head=(UNITS[kind].heading, *stars))
        for figure in figures:
            for title, cells in _lines(figure, summary, names) if figure.kind == kind else ():
                table.add_row(title, *cells)
        yield table


def with_distributions(summary: Summary) -> list[Figure]:
    return [figure for figure in used("table") if figure.over and summary.get(figure.name)]


def line(figure: Figure, values: Summary, names: Sequence[str], marked: Collection[str]) -> Line:
    """Return a figure's title, with the unit of its times, and its cells, with an asterisk for too few samples unless
    the column is already `marked`."""
    unit = _scale(figure, values)
    return unit.beside(figure.title), [_starred(unit, values, name, marked) for name in names]


def _lines(figure: Figure, summary: Summary, names: Sequence[str]) -> Iterator[Line]:
    values, adjusted = summary[figure.name], NAMED["latency_error_adjusted_s"]
    unit = _scale(figure, values)
    yield line(figure, values, names, summary.get("too_few_samples", ()))
    if any(values.get(f"{name}_ci95") for name in names):
        for end, title in enumerate(("· 95 % CI", "·      to")):
            yield title, [_end_of_interval(unit, values, name, end) for name in names]
    if figure.name == "latency_s" and summary["failure_count"] and summary.get(adjusted.name):
        yield f"· {adjusted.title}", _adjusted(unit, summary[adjusted.name], names)


def _scale(figure: Figure, values: Summary) -> Scale:
    return scale(figure.kind, (values.get(name) for name in STATISTICS))


def _starred(unit: Scale, values: Summary, name: str, marked: Collection[str] = ()) -> str:
    samples = values.get("samples", values.get("gaps"))
    is_few = samples is not None and samples < SAMPLES_NEEDED.get(name, 0)
    cell = unit.cell(values.get(name))
    return cell + TOO_FEW if cell and is_few and name not in marked else cell


def _adjusted(unit: Scale, values: Summary, names: Sequence[str]) -> list[str]:
    return [INFINITE if name in values["infinite"] else unit.cell(values.get(name)) for name in names]


def _end_of_interval(unit: Scale, values: Summary, name: str, end: int) -> str:
    """Return an end of a percentile's 95 % confidence interval, or a dash where there is none."""
    ends = values.get(f"{name}_ci95")
    return unit.cell(ends[end]) if ends else "–" if name in CI_NEEDS else ""


def claims(claims: Summary) -> Iterator[Table]:
    """Yield a table of the measured times that servers made claims about, each with the claims below it."""
    spans = {title: claims[name] for name, title in _SPANS.items() if claims[name]}
    if not spans:
        return
    table = grid("What the servers say themselves", ("time", "median", "p95", "calls"))
    for title, span in spans.items():
        unit = scale("time", (span[share][name] for share in ("measured", *_SHARES) for name in ("median", "p95")))
        for share, titled in {"measured": unit.beside(f"{title}, measured"), **_SHARES}.items():
            if span[share]["samples"]:
                table.add_row(titled, *_claimed(unit, span[share]))
    yield table


def _claimed(unit: Scale, values: Summary) -> list[str]:
    """Return a line's cells, starred as above. A claim that is longer than the measured time leaves less than nothing
    unaccounted."""
    mark = TOO_FEW if values["samples"] < SAMPLES_NEEDED["p95"] else ""
    return [unit.cell(values["median"]), unit.cell(values["p95"]) + mark, f"{values['samples']:,}"]


def stages(stages: list[Summary]) -> Iterator[Table]:
    """Yield one line per stage, in as many tables as they need: the planned rate and what was counted, then times,
    starred as above, with their unit in the heading."""
    known = {name for stage in stages for name in stage}
    figures = [figure for figure in used("stage", "goodput_rps", "ttft_s") if figure.name in known]
    yield from _of_stages(
        stages,
        [
            ("calls/s", _rates),
            ("delivered", lambda stage: _scalar(NAMED["delivered_rps"], stage)),
            ("calls", lambda stage: f"{stage['total_requests']:,}"),
            ("failed", lambda stage: f"{stage['failure_count']:,}"),
            *((figure.title, partial(_scalar, figure)) for figure in figures if not figure.over),
        ],
    )
    yield from _of_stages(
        stages,
        [
            *_stage_columns(stages, NAMED["latency_s"], MAIN),
            *_stage_columns(stages, NAMED["latency_from_schedule_s"], ("p99",), "sched."),
        ],
    )
    others = [column for figure in figures if figure.over for column in _stage_columns(stages, figure, MAIN)]
    yield from _of_stages(stages, others)


def _of_stages(stages: list[Summary], columns: Sequence[StageColumn]) -> Iterator[Table]:
    for first in range(0, len(columns), COLUMNS_OF_STAGES):
        some = columns[first : first + COLUMNS_OF_STAGES]
        table = grid(head=("stage", *(title for title, _ in some)))
        for stage in stages:
            table.add_row(str(stage["stage"]), *(cell(stage) for _, cell in some))
        yield table


def turns(by_turn: list[Summary]) -> Table:
    """Return one line per turn of the conversations, the first ones at least, starred as above."""
    known = [name for name in OF_TURNS if any(name in turn for turn in by_turn)]
    times = [column for name in known for column in _stage_columns(by_turn, NAMED[name], TURN_COLUMNS)]
    table = grid(head=("turn", "calls", "failed", *(title for title, _ in times)))
    for turn in by_turn[:TURNS_SHOWN]:
        counts = (f"{turn[name]:,}" for name in ("turn", "total_requests", "failure_count"))
        table.add_row(*counts, *(cell(turn) for _, cell in times))
    if len(by_turn) > TURNS_SHOWN:
        table.add_row("…")
    return table


def _stage_columns(stages: list[Summary], figure: Figure, names: Sequence[str], title: str = "") -> list[StageColumn]:
    unit = scale(figure.kind, ((stage.get(figure.name) or {}).get(name) for stage in stages for name in MAIN))
    lines = ((title or figure.title, name, unit.unit) for name in names)
    headings = ("\n".join(filter(None, each)) for each in lines)
    return [(heading, partial(_of_stage, figure, unit, name)) for heading, name in zip(headings, names, strict=True)]


def _of_stage(figure: Figure, unit: Scale, name: str, stage: Summary) -> str:
    return _starred(unit, stage.get(figure.name) or {}, name)


def _scalar(figure: Figure, stage: Summary) -> str:
    return number(figure.kind, stage.get(figure.name))


def _rates(stage: Summary) -> str:
    """Return a stage's planned rate, or its range."""
    first, last = digits(stage["from_rps"], 6), digits(stage["to_rps"], 6)
    return first if first == last else f"{first}-{last}"


def title_of_gates(gates: list[Summary]) -> str:
    breaches = sum(gate["breached"] for gate in gates)
    return f"Gates: {breaches} of {len(gates)} breached" if breaches else "Gates: none breached"


def gates(gates: list[Summary]) -> Table:
    table = grid(title_of_gates(gates), columns=3, bold=1)
    for gate in gates:
        table.add_row(BAD if gate["breached"] else GOOD, gate["gate"], Text(gate["reason"]))
    return table


def verdict(summary: Summary) -> Table:
    """Return every finding under the one question. Too few samples are a finding but don't change the answer."""
    title = f"Can these figures be believed? {_answer(summary)}"
    table = grid(title, columns=3, bold=1)
    table.min_width = max(LEAST_WIDTH, len(title))
    for finding in summary["verdict"]["findings"]:
        table.add_row(GOOD if finding["ok"] else BAD, finding["about"], Text(finding["says"]))
    return table


def _answer(summary: Summary) -> str:
    if why := no_figures(summary):
        return f"There are none: {why}."
    return "Yes." if summary["verdict"]["believable"] else "Not all of them:"
