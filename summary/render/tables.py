"""The tables that follow the facts of a summary: distributions, stages, gates, and whether it can be believed."""

from collections.abc import Callable, Collection, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from summary.registry import CI_NEEDS, NAMED, PERCENTILES, SAMPLES_NEEDED, STATISTICS, UNITS, Figure, Kind, used
from summary.render.numbers import number
from summary.vocabulary import CLAIM_SPANS, OF_TURNS, Summary

_SPANS = dict(zip(CLAIM_SPANS, ("latency", "to the headers", "TTFT"), strict=True))
_SHARES = {
    "proxy": "· claimed by the proxy",
    "provider": "· claimed for the provider",
    "unaccounted": "· unaccounted",
}

StageColumn = tuple[str, Callable[[Summary], str]]
FURTHER_COLUMNS = 5
"""More don't fit side by side."""

TURN_COLUMNS = ("median", "p95")
MOST_TURNS = 12
"""Conversations can have hundreds."""

TOO_FEW = "*"
INFINITE = "∞"
GOOD, BAD = "ok", "!"


def distributions(summary: Summary) -> Iterator[Table]:
    """Yield a table for each kind of distribution that the run has, first the one of times, in seconds."""
    figures = [figure for figure in used("table") if figure.over and summary.get(figure.name)]
    for kind in dict.fromkeys(figure.kind for figure in figures):
        yield _distributions(summary, kind, [figure for figure in figures if figure.kind == kind])


def _distributions(summary: Summary, kind: Kind, figures: Collection[Figure]) -> Table:
    """Return one line per figure, with the confidence intervals of p95 and p99 below it; an asterisk marks too few
    samples."""
    table = Table(min_width=64)
    table.add_column(UNITS[kind].heading, style="bold")
    too_few = summary.get("too_few_samples", ())
    for name in STATISTICS:
        table.add_column(name + (TOO_FEW if name in too_few else ""), justify="right")
    for figure in figures:
        for title, cells in _lines(figure, summary, too_few):
            table.add_row(title, *cells)
    return table


def _lines(figure: Figure, summary: Summary, too_few: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    values, adjusted = summary[figure.name], NAMED["latency_error_adjusted_s"]
    yield figure.title, [_starred(figure, values, name, too_few) for name in STATISTICS]
    if figure.name == "latency_s" and summary["failure_count"] and summary.get(adjusted.name):
        yield f"· {adjusted.title}", _adjusted(adjusted, summary[adjusted.name])
    if any(values.get(f"{name}_ci95") for name in CI_NEEDS):
        yield "· 95 % CI", _intervals(figure, values)


def _starred(figure: Figure, values: Summary, name: str, marked: Collection[str] = ()) -> str:
    """Return a cell, with an asterisk if the figure has too few samples and its column is not already `marked`."""
    samples = values.get("samples", values.get("gaps"))
    is_few = samples is not None and samples < SAMPLES_NEEDED.get(name, 0)
    cell = number(figure.kind, values.get(name))
    return cell + TOO_FEW if cell and is_few and name not in marked else cell


def _adjusted(figure: Figure, values: Summary) -> list[str]:
    return [INFINITE if name in values["infinite"] else number(figure.kind, values.get(name)) for name in STATISTICS]


def _intervals(figure: Figure, values: Summary) -> list[str]:
    """Return a line's cells with the intervals of p95 and p99, or a dash where there is none."""
    return [_interval(figure, values.get(f"{name}_ci95")) if name in CI_NEEDS else "" for name in STATISTICS]


def _interval(figure: Figure, ends: list[float] | None) -> str:
    return "–" if ends is None else "–".join(number(figure.kind, end) for end in ends)


def claims(claims: Summary) -> Iterator[Table]:
    """Yield a table of the measured times that servers made claims about, each with the claims below it."""
    spans = {title: claims[name] for name, title in _SPANS.items() if claims[name]}
    if not spans:
        return
    table = Table(title="What the servers say themselves", title_justify="left", min_width=64)
    table.add_column("seconds", style="bold")
    for name in ("median", "p95", "calls"):
        table.add_column(name, justify="right")
    for title, span in spans.items():
        for share, titled in {"measured": f"{title}, measured", **_SHARES}.items():
            if span[share]["samples"]:
                table.add_row(titled, *_claimed(span[share]))
    yield table


def _claimed(values: Summary) -> list[str]:
    """Return a line's cells, starred as above. A claim that is longer than the measured time leaves less than nothing
    unaccounted."""
    mark = TOO_FEW if values["samples"] < SAMPLES_NEEDED["p95"] else ""
    return [_signed(values["median"]), _signed(values["p95"]) + mark, str(values["samples"])]


def _signed(seconds: float) -> str:
    return f"-{number('time', -seconds)}" if seconds < 0 else number("time", seconds)


def stages(stages: list[Summary]) -> Table:
    """Return one line per stage: the planned rate, then what was measured; latencies in seconds, starred as above."""
    latency, scheduled = NAMED["latency_s"], NAMED["latency_from_schedule_s"]
    return _of_stages(
        stages,
        [
            ("calls/s", _rates),
            ("delivered", lambda stage: number("rate", stage.get("delivered_rps"))),
            ("calls", lambda stage: str(stage["total_requests"])),
            ("failed", lambda stage: str(stage["failure_count"])),
            *((name, _starred_in(latency, name)) for name in PERCENTILES),
            ("sched. p99", _starred_in(scheduled, "p99")),
        ],
    )


def further_of_stages(stages: list[Summary]) -> Iterator[Table]:
    """Yield one line per stage with TTFT, in seconds, goodput and other figures of stages, in as many tables as they
    need."""
    known = {name for stage in stages for name in stage}
    figures = [figure for figure in used("stage", "ttft_s", "goodput_rps") if figure.name in known]
    columns = [column for figure in figures for column in _stage_columns(figure)]
    for first in range(0, len(columns), FURTHER_COLUMNS):
        yield _of_stages(stages, columns[first : first + FURTHER_COLUMNS])


def turns(by_turn: list[Summary]) -> Table:
    """Return one line per turn of the conversations, the first ones at least; times in seconds, starred as above."""
    times = [(NAMED[name], of) for name in OF_TURNS if any(name in turn for turn in by_turn) for of in TURN_COLUMNS]
    table = Table(min_width=64)
    for title in ("turn", "calls", "failed", *(f"{figure.title}\n{of}" for figure, of in times)):
        table.add_column(title, justify="right")
    for turn in by_turn[:MOST_TURNS]:
        counts = (str(turn[name]) for name in ("turn", "total_requests", "failure_count"))
        table.add_row(*counts, *(_starred(figure, turn.get(figure.name) or {}, of) for figure, of in times))
    if len(by_turn) > MOST_TURNS:
        table.add_row("…")
    return table


def _of_stages(stages: list[Summary], columns: Sequence[StageColumn]) -> Table:
    table = Table(min_width=64)
    for title in ("stage", *(title for title, _ in columns)):
        table.add_column(title, justify="right")
    for stage in stages:
        table.add_row(str(stage["stage"]), *(cell(stage) for _, cell in columns))
    return table


def _stage_columns(figure: Figure) -> list[StageColumn]:
    if figure.over:
        return [(f"{figure.title} {name}", _starred_in(figure, name)) for name in PERCENTILES]
    return [(figure.title, lambda stage: number(figure.kind, stage.get(figure.name)))]


def _starred_in(figure: Figure, name: str) -> Callable[[Summary], str]:
    return lambda stage: _starred(figure, stage.get(figure.name) or {}, name)


def _rates(stage: Summary) -> str:
    """Return a stage's rate in the notation of --rate-stages."""
    first, last = stage["from_rps"], stage["to_rps"]
    return f"{first:g}" if first == last else f"{first:g}-{last:g}"


def gates(gates: list[Summary]) -> Table:
    breaches = sum(gate["breached"] for gate in gates)
    title = f"Gates: {breaches} of {len(gates)} breached" if breaches else "Gates: none breached"
    table = _checklist(title)
    for gate in gates:
        table.add_row(BAD if gate["breached"] else GOOD, gate["gate"], Text(gate["reason"]))
    return table


def verdict(verdict: Summary) -> Table:
    """Return every finding under the one question. Too few samples are a finding but don't change the answer."""
    table = _checklist("Can these figures be believed? " + ("Yes." if verdict["believable"] else "Not all of them:"))
    for finding in verdict["findings"]:
        table.add_row(GOOD if finding["ok"] else BAD, finding["about"], Text(finding["says"]))
    return table


def _checklist(title: str) -> Table:
    table = Table(title=title, show_header=False, title_justify="left", min_width=64)
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    return table
