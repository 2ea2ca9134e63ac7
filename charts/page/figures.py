"""The figures of a summary as HTML: the same numbers as on the console, with every digit in `<data value>`."""

from collections.abc import Iterator, Sequence

from charts.data.run import Run
from charts.drawing import quantities
from charts.latencies import rate_of
from charts.page.markup import data, table, text
from summary.registry import CI_NEEDS, MAIN, NAMED, SAMPLES_NEEDED, TITLES, Figure, found, used
from summary.render import against as pairs
from summary.render import comparison as compare
from summary.render.facts import baseline_of
from summary.render.tables import statistics, with_distributions
from summary.vocabulary import Summary

STAR = "*"
HEADLINES = (
    (("total_requests", ""), ("error_rate", ""), ("throughput_rps", ""), ("goodput_rps", ""),
     ("output_tokens_per_s", "")),
    (("latency_s", "median"), ("latency_s", "p95"), ("ttft_s", "median"), ("ttft_s", "p95"), ("tpot_s", "median")),
)  # fmt: skip


def headlines(summary: Summary) -> str:
    """Return the first numbers that anybody asks for: counts and rates, then times."""
    rows = ("".join(_tiles(summary, row)) for row in HEADLINES)
    return "".join(f'<div class="tiles">{row}</div>' for row in rows if row)


def _tiles(summary: Summary, row: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, statistic in row:
        if shown := _shown(summary, NAMED[name], statistic):
            yield f'<div class="tile"><span>{text(NAMED[name].title)} {statistic}</span><b>{shown}</b></div>'


def _shown(summary: Summary, figure: Figure, statistic: str = "") -> str:
    if not statistic:
        return data(figure.kind, found(summary, figure.name), unit=_unit(figure))
    values = found(summary, figure.name) or {}
    return data(figure.kind, values.get(statistic), _star(values, statistic))


def _unit(figure: Figure) -> str:
    """Return what a rate counts, if not calls."""
    return "tokens/s" if figure.name == "output_tokens_per_s" else ""


def _star(values: Summary, statistic: str) -> str:
    samples = values.get("samples", values.get("gaps"))
    return STAR if samples is not None and samples < SAMPLES_NEEDED.get(statistic, 0) else ""


def distributions(summary: Summary) -> str:
    """Return a line per distribution, with confidence intervals within their cells."""
    figures = with_distributions(summary)
    names = statistics(summary)
    rows = [row for figure in figures for row in _lines(summary, figure, names)]
    if not summary["success_count"] or not rows:
        return ""
    markup = table(["", *(TITLES[name] for name in names)], rows, "distributions")
    return markup + _legend(markup, names)


def _legend(markup: str, names: Sequence[str]) -> str:
    """Return what the marks mean that are in the table."""
    said = {
        f"</data>{STAR}": f"{STAR} Too few samples: {_needs(names)}.",
        "<small>": "Small print: 95 % confidence intervals.",
    }
    legend = " ".join(words for mark, words in said.items() if mark in markup)
    return f'<p class="note">{legend}</p>' if legend else ""


def _needs(names: Sequence[str]) -> str:
    return ", ".join(f"{TITLES[name]} needs {SAMPLES_NEEDED[name]:,}" for name in names if name in SAMPLES_NEEDED)


def _lines(summary: Summary, figure: Figure, names: Sequence[str]) -> Iterator[list[str]]:
    values = summary[figure.name]
    yield [
        text(figure.title),
        *(_shown(summary, figure, name) + _interval(figure, values, name) for name in names),
    ]
    adjusted = NAMED["latency_error_adjusted_s"]
    if figure.name == "latency_s" and summary["failure_count"] and summary.get(adjusted.name):
        infinite = summary[adjusted.name]["infinite"]
        cells = ["∞" if name in infinite else _shown(summary, adjusted, name) for name in names]
        yield [text(f"· {adjusted.title}"), *cells]


def _interval(figure: Figure, values: Summary, name: str) -> str:
    ends = values.get(f"{name}_ci95") if name in CI_NEEDS else None
    return f"<small>{data(figure.kind, ends[0])} – {data(figure.kind, ends[1])}</small>" if ends else ""


def against(summary: Summary) -> str:
    """Return what the target adds to the baseline, in words and as on the console."""
    found = summary.get("against")
    if not found:
        return ""
    rows = [[text(cell) for cell in line] for line in pairs.lines(found)]
    head = [text(title) for title in pairs.HEADINGS]
    counted = f'<p class="note">{text(pairs.counts(found))}</p>'
    return f"<h3>{text(pairs.conclusion(found))}</h3>{table(head, rows, 'against')}{counted}"


def baseline(summary: Summary) -> str:
    """Return how the run compares with its --baseline, as on the console."""
    found = summary.get("comparison")
    if not found:
        return ""
    title = f"Against {compare.names(summary['compared'], 'old')}: {compare.conclusion(found)}"
    return f"<h3>{text(title)}</h3>{compared(summary)}"


def compared(summary: Summary) -> str:
    """Return the figures of a comparison, those of each stage, and what a reader must know."""
    of = summary["compared"]
    stages = (
        f"<h3>{text(compare.stage_title(stage))}</h3>{_compared(stage['comparison'])}"
        for stage in of.get("stages") or ()
    )
    notes = (f'<p class="note">{text(note)}</p>' for note in compare.notes(of))
    return "".join([_compared(summary["comparison"]), *stages, *notes])


def _compared(comparison: Summary) -> str:
    rows = [[text(cell) for cell in line] for line in compare.lines(comparison)]
    return table([text(name) for name in compare.HEADINGS], rows, "against")


def stages(summary: Summary) -> str:
    """Return a line per stage of a schedule."""
    planned = summary.get("stages") or []
    if not planned:
        return ""
    columns = _stage_columns(planned)
    counts = ["delivered_rps", "total_requests", "failure_count"]
    head = [
        "stage",
        "asked",
        *(text(NAMED[name].title) for name in counts),
        *(_heading(figure, name) for figure, name in columns),
    ]
    rows = [
        [
            text(stage["stage"]), text(rate_of(stage)), *(_shown(stage, NAMED[name]) for name in counts),
            *(_shown(stage, figure, name) for figure, name in columns),
        ]
        for stage in planned
    ]  # fmt: skip
    return "<h3>Stages</h3>" + table(head, rows, "stages")


def _stage_columns(planned: list[Summary]) -> list[tuple[Figure, str]]:
    """Return the figures that a stage has, and which statistic of each."""
    columns = [
        (figure, statistic)
        for figure in [NAMED["latency_s"], *used("stage")]
        if any(found(stage, figure.name) is not None for stage in planned)
        for statistic in (MAIN if figure.over else ("",))
    ]
    columns.insert(len(MAIN), (NAMED["latency_from_schedule_s"], "p99"))
    return columns


def _heading(figure: Figure, statistic: str) -> str:
    title = "sched." if figure.name == "latency_from_schedule_s" else text(figure.title)
    return f"{title} {statistic}"


def comparison(runs: Sequence[Run]) -> str:
    """Return the runs' figures side by side: a line per figure, a column per run."""
    columns = [(figure, statistic) for figure in used("table") for statistic in (MAIN if figure.over else ("",))]
    rows = [
        [f"{text(figure.title)} {statistic}", *cells]
        for figure, statistic in columns
        if any(cells := [_shown(run.summary, figure, statistic) for run in runs])
        and not (figure.quiet and not any(found(run.summary, figure.name) for run in runs))
    ]
    markup = table(["", *(text(run.name) for run in runs)], rows, "comparison")
    return markup + _legend(markup, MAIN)


def sentence(summary: Summary) -> str:
    """Return the run in one sentence."""
    what = " · ".join(str(summary[name]) for name in ("provider", "model", "api") if summary.get(name))
    how = "streamed" if summary.get("stream") else "not streamed" if summary.get("stream") is False else ""
    where = "the built-in mock" if summary.get("mode") == "mock" else summary.get("host")
    against = f"against {other}" if (other := baseline_of(summary)) else ""
    parts = [what or str(summary.get("source") or ""), how, str(where or ""), against, _load(summary)]
    calls, lasted_s = summary["total_requests"], summary.get("total_execution_time_s")
    took = f" in {quantities.time(lasted_s)}" if lasted_s is not None else ""
    began = f", started {_moment(summary['start'])}" if summary.get("start") else ""
    noun = "call" if calls == 1 else "calls"
    return f"{calls:,} {noun}{took}: {', '.join(filter(None, parts))}{began}."


def _moment(iso: str) -> str:
    """Return a time of the summary as people write it."""
    day, _, time = iso.partition("T")
    return f"{day} at {time.partition('.')[0]} UTC"


def _load(summary: Summary) -> str:
    options = summary.get("options") or {}
    if stages := options.get("rate_stages"):
        arrival = f" ({options['arrival']})" if options.get("arrival") else ""
        return f"open loop at {', '.join(map(rate_of, stages))}{arrival}"
    users = options.get("num_users")
    return f"closed loop of {users} user{'s' if users != 1 else ''}" if users else ""
