"""A summary as text: tables for people, JSON or one CSV row for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from summary.vocabulary import CI_NEEDS, LATENCIES, STREAM_FIGURES, Summary

TABLE_WIDTH = 88
STATISTICS = ("min", "avg", "median", "p95", "p99", "max")
TOO_FEW = "*"
INFINITE = "∞"
GOOD, BAD = "ok", "!"
NAMES = {
    "latency_s": "latency",
    "latency_from_schedule_s": "from schedule",
    "ttft_s": "TTFT",
    "ttfv_s": "TTFV",
    "tpot_s": "TPOT",
    "itl_s": "ITL",
}
CONFIDENT = ("p95", "p99")


def as_json(summary: Summary) -> str:
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def as_csv(summary: Summary) -> str:
    """Return two lines, names and values; nested names are joined by dots, lists stand as JSON."""
    flat = dict(_flat(summary, ""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(flat)
    writer.writerow(flat.values())
    return text.getvalue()


def as_table(summary: Summary, colour: bool = False) -> str:
    """Return the tables that end a run."""
    console = Console(file=io.StringIO(), width=TABLE_WIDTH, force_terminal=colour, highlight=False)
    with console.capture() as capture:
        for part in _parts(summary):
            console.print(part)
        for remark in _remarks(summary):
            console.print(Text(remark, style="yellow" if colour else ""))
    return "\n" + "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


RENDERERS: dict[str, Callable[[Summary], str]] = {"table": as_table, "json": as_json, "csv": as_csv}


def _parts(summary: Summary) -> Iterator[Table]:
    yield _facts(summary)
    if summary["success_count"]:
        yield _distributions(summary)
    if summary.get("stages"):
        yield _stages(summary["stages"])
    if summary.get("gates"):
        yield _gates(summary["gates"])
    if summary.get("verdict"):
        yield _verdict(summary["verdict"])


def _facts(summary: Summary) -> Table:
    table = Table(title=_title(summary), show_header=False, title_justify="left", min_width=64)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for section in (_run_lines, _count_lines, _size_lines, _failure_lines):
        for name, value in section(summary):
            table.add_row(name, value)
        table.add_section()
    return table


def _distributions(summary: Summary) -> Table:
    """One line a figure, in seconds, below it how sure p95 and p99 are; an asterisk marks too few samples."""
    table = Table(min_width=64)
    table.add_column("seconds", style="bold")
    for name in STATISTICS:
        doubt = TOO_FEW if name in summary.get("too_few_samples", ()) else ""
        table.add_column(name + doubt, justify="right")
    for figure in (*LATENCIES, *STREAM_FIGURES, "itl_s"):
        if values := summary.get(figure):
            table.add_row(NAMES[figure], *(_seconds(values.get(name)) for name in STATISTICS))
            if figure == "latency_s" and summary["failure_count"] and summary.get("latency_error_adjusted_s"):
                table.add_row("· failures as ∞", *_adjusted(summary["latency_error_adjusted_s"]))
            if any(values.get(f"{name}_ci95") for name in CONFIDENT):
                table.add_row("· 95 % CI", *_intervals(values))
    return table


def _adjusted(values: Summary) -> list[str]:
    return [INFINITE if name in values["infinite"] else _seconds(values.get(name)) for name in STATISTICS]


def _intervals(values: Summary) -> list[str]:
    """Return the cells of a line with the intervals of p95 and p99, a few words where there is none."""
    return [_interval(values.get(f"{name}_ci95")) if name in CONFIDENT else "" for name in STATISTICS]


def _interval(ends: list[float] | None) -> str:
    return "too few" if ends is None else f"{_seconds(ends[0])}–{_seconds(ends[1])}"


def _stages(stages: list[Summary]) -> Table:
    """One line a stage: what was asked for, what came of it; latencies in seconds."""
    table = Table(min_width=64)
    for name in ("stage", "calls/s", "delivered", "calls", "failed", "median", "p95", "p99", "sched. p99"):
        table.add_column(name, justify="right")
    for stage in stages:
        latency, scheduled = stage["latency_s"], stage.get("latency_from_schedule_s") or {}
        table.add_row(
            str(stage["stage"]), _rates(stage), _rate(stage.get("delivered_rps")), str(stage["total_requests"]),
            str(stage["failure_count"]), *(_seconds(latency[name]) for name in ("median", "p95", "p99")),
            _seconds(scheduled.get("p99")),
        )  # fmt: skip
    return table


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _rates(stage: Summary) -> str:
    """Return a stage's rate as it is written in --rate-stages."""
    first, last = stage["from_rps"], stage["to_rps"]
    return f"{first:g}" if first == last else f"{first:g}-{last:g}"


def _gates(gates: list[Summary]) -> Table:
    breaches = sum(gate["breached"] for gate in gates)
    title = f"Gates: {breaches} of {len(gates)} breached" if breaches else "Gates: none breached"
    table = _checklist(title)
    for gate in gates:
        table.add_row(BAD if gate["breached"] else GOOD, gate["gate"], gate["reason"])
    return table


def _verdict(verdict: Summary) -> Table:
    believable = verdict["believable"]
    title = "Can these figures be believed? " + ("Yes." if believable else "With a reservation:")
    table = _checklist(title)
    for finding in verdict["findings"]:
        table.add_row(GOOD if finding["ok"] else BAD, finding["about"], finding["says"])
    return table


def _checklist(title: str) -> Table:
    table = Table(title=title, show_header=False, title_justify="left", min_width=64)
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    return table


def _title(summary: Summary) -> str:
    named = [summary[name] for name in ("provider", "model", "api", "mode") if summary.get(name)]
    return " · ".join([*named, *(["stream"] if summary.get("stream") else [])]) or str(summary.get("source"))


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"


def _run_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    for name in ("run_id", "files", "host", "start", "end", "seed"):
        if summary.get(name) is not None:
            yield name.replace("_id", ""), str(summary[name])


def _count_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "calls", f"{summary['total_requests']}"
    yield "succeeded", f"{summary['success_count']}"
    yield "failed", f"{summary['failure_count']}" + _share(summary["error_rate"])
    if summary.get("dropped_count"):
        yield "dropped", f"{summary['dropped_count']} of the failed: no user was free for them"
    if summary.get("aborted_count"):
        yield "aborted", f"{summary['aborted_count']} (cut off by the end of the run)"
    if (summary.get("lost") or {}).get("calls"):
        yield "lost", f"{summary['lost']['calls']} (in flight on workers that died)"
    if summary.get("warmup_count"):
        yield "warm-up calls", f"{summary['warmup_count']} (in no figure)"
    if summary.get("total_execution_time_s") is not None:
        yield "time", f"{summary['total_execution_time_s']:.3f} s, first send to last end"
    if summary["throughput_rps"]:
        yield "throughput", f"{summary['throughput_rps']:.3g} successes/s"
    if summary.get("goodput_rps") is not None:
        share = f"{100 * summary['slo_attainment']:.4g} % met {summary['options']['slo']}"
        yield "goodput", f"{summary['goodput_rps']:.3g} calls/s ({share})"
    if summary.get("output_tokens_per_s"):
        yield "output", f"{summary['output_tokens_per_s']:.4g} tokens/s"


def _share(error_rate: float | None) -> str:
    return f" ({100 * error_rate:.3g} % of those that ended)" if error_rate else ""


def _size_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "bytes received", f"{summary['total_bytes']:,}"
    for name in ("input_tokens", "output_tokens"):
        if summary.get(name) is not None:
            yield name.replace("_", " "), f"{summary[name]:,}" + _part(summary, name)
    if summary.get("repeated_payloads") is not None:
        yield "repeated payloads", f"{summary['repeated_payloads']}"


def _part(summary: Summary, name: str) -> str:
    part, of = {"input_tokens": ("cached_tokens", "cached"), "output_tokens": ("reasoning_tokens", "reasoning")}[name]
    return f" ({summary[part]:,} {of})" if summary.get(part) else ""


def _failure_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    for failure in summary.get("failures", ()):
        status = "" if failure["status"] is None else f" (HTTP {failure['status']})"
        yield "failure", f"{failure['count']} × {failure['error']}{status}"
    for entry in summary.get("entries", ()):
        yield str(entry["type"] or "entry"), f"{entry['name']}: {entry['requests']} calls, {entry['failures']} failed"


def _remarks(summary: Summary) -> Iterator[str]:
    samples = summary["latency_s"].get("samples")
    if needs := samples and [f"{name} needs {needed}" for name, needed in CI_NEEDS.items() if samples < needed]:
        yield f"Too few samples ({samples}) for a 95 % confidence interval: {', '.join(needs)}."
    if summary.get("cut_off"):
        yield "This run was cut off before its summary: calls that were in flight are in no row."
    if summary.get("percentiles"):
        yield f"Percentiles are {summary['percentiles']}."


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
