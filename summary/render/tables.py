"""The tables of a summary that follow its facts: distributions, stages, gates, and whether it can be believed."""

from collections.abc import Collection

from rich.table import Table
from rich.text import Text

from summary.vocabulary import LATENCIES, SAMPLES_NEEDED, STREAM_FIGURES, TITLES, Summary

STATISTICS = ("min", "avg", "median", "p95", "p99", "max")
TOO_FEW = "*"
INFINITE = "∞"
GOOD, BAD = "ok", "!"
CONFIDENT = ("p95", "p99")


def distributions(summary: Summary) -> Table:
    """One line a figure, in seconds, below it how sure p95 and p99 are; an asterisk marks too few samples."""
    table = Table(min_width=64)
    table.add_column("seconds", style="bold")
    too_few = summary.get("too_few_samples", ())
    for name in STATISTICS:
        table.add_column(name + (TOO_FEW if name in too_few else ""), justify="right")
    for figure in (*LATENCIES, *STREAM_FIGURES, "itl_s"):
        if values := summary.get(figure):
            table.add_row(TITLES[figure], *(_starred(values, name, too_few) for name in STATISTICS))
            if figure == "latency_s" and summary["failure_count"] and summary.get("latency_error_adjusted_s"):
                table.add_row("· failures as ∞", *_adjusted(summary["latency_error_adjusted_s"]))
            if any(values.get(f"{name}_ci95") for name in CONFIDENT):
                table.add_row("· 95 % CI", *_intervals(values))
    return table


def _starred(values: Summary, name: str, marked: Collection[str] = ()) -> str:
    """Return a cell, with an asterisk if the figure has too few samples for it, and its column is not `marked`."""
    samples = values.get("samples", values.get("gaps"))
    is_few = samples is not None and samples < SAMPLES_NEEDED.get(name, 0)
    cell = _seconds(values.get(name))
    return cell + TOO_FEW if cell and is_few and name not in marked else cell


def _adjusted(values: Summary) -> list[str]:
    return [INFINITE if name in values["infinite"] else _seconds(values.get(name)) for name in STATISTICS]


def _intervals(values: Summary) -> list[str]:
    """Return the cells of a line with the intervals of p95 and p99, a dash where there is none."""
    return [_interval(values.get(f"{name}_ci95")) if name in CONFIDENT else "" for name in STATISTICS]


def _interval(ends: list[float] | None) -> str:
    return "–" if ends is None else f"{_seconds(ends[0])}–{_seconds(ends[1])}"


def stages(stages: list[Summary]) -> Table:
    """One line a stage: what was asked for, what came of it; latencies in seconds, starred as above."""
    table = Table(min_width=64)
    for name in ("stage", "calls/s", "delivered", "calls", "failed", "median", "p95", "p99", "sched. p99"):
        table.add_column(name, justify="right")
    for stage in stages:
        latency, scheduled = stage["latency_s"], stage.get("latency_from_schedule_s") or {}
        table.add_row(
            str(stage["stage"]), _rates(stage), _rate(stage.get("delivered_rps")), str(stage["total_requests"]),
            str(stage["failure_count"]), *(_starred(latency, name) for name in ("median", "p95", "p99")),
            _starred(scheduled, "p99"),
        )  # fmt: skip
    return table


def stage_services(stages: list[Summary]) -> Table | None:
    """One line a stage: TTFT, in seconds, and goodput; `None` if the run has neither."""
    has_ttft, has_level = (any(name in stage for stage in stages) for name in ("ttft_s", "goodput_rps"))
    if not has_ttft and not has_level:
        return None
    table = Table(min_width=64)
    names = (*(("TTFT median", "TTFT p95", "TTFT p99") if has_ttft else ()), *(("goodput",) if has_level else ()))
    for name in ("stage", *names, *(("met SLO",) if has_level else ())):
        table.add_column(name, justify="right")
    for stage in stages:
        ttft = stage.get("ttft_s") or {}
        cells = [_starred(ttft, name) for name in ("median", "p95", "p99")] if has_ttft else []
        table.add_row(str(stage["stage"]), *cells, *(_service(stage) if has_level else ()))
    return table


def _service(stage: Summary) -> tuple[str, str]:
    share = stage.get("slo_attainment")
    return _rate(stage.get("goodput_rps")), "" if share is None else f"{100 * share:.4g} %"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _rates(stage: Summary) -> str:
    """Return a stage's rate as it is written in --rate-stages."""
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
    """Every finding, below the one question. Few samples are a finding, and no reason for another answer."""
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


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"
