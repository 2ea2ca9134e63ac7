"""A summary as text: tables for people, JSON or one CSV row for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from summary.vocabulary import SAMPLES_NEEDED, STREAM_FIGURES, Summary

TABLE_WIDTH = 88
STATISTICS = ("min", "avg", "median", "p95", "p99", "max")
TOO_FEW = "*"
NAMES = {"latency_s": "latency", "ttft_s": "TTFT", "ttfv_s": "TTFV", "tpot_s": "TPOT", "itl_s": "ITL"}


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
        console.print(_facts(summary))
        if summary["success_count"]:
            console.print(_distributions(summary))
        for remark in _remarks(summary):
            console.print(Text(remark, style="yellow" if colour else ""))
    return "\n" + "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


RENDERERS: dict[str, Callable[[Summary], str]] = {"table": as_table, "json": as_json, "csv": as_csv}


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
    """One line a figure, in seconds; percentiles of too few samples bear an asterisk."""
    table = Table(min_width=64)
    table.add_column("seconds", style="bold")
    for name in STATISTICS:
        doubt = TOO_FEW if name in summary.get("too_few_samples", ()) else ""
        table.add_column(name + doubt, justify="right")
    for figure in ("latency_s", *STREAM_FIGURES, "itl_s"):
        if values := summary.get(figure):
            table.add_row(NAMES[figure], *(_seconds(values.get(name)) for name in STATISTICS))
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
    ended = summary["success_count"] + summary["failure_count"]
    if not ended:
        yield "No call ended: there is nothing to measure."
    elif not summary["success_count"]:
        yield f"Every call failed ({ended} of {ended}): there is no latency to give."
    elif summary.get("too_few_samples"):
        needs = ", ".join(f"{name} needs {SAMPLES_NEEDED[name]}" for name in summary["too_few_samples"])
        yield f"{TOO_FEW} too few samples ({summary['success_count']}): {needs}."
    if summary.get("cut_off"):
        yield "This run was cut off before its summary: calls that were in flight are in no row."
    if summary.get("percentiles"):
        yield f"Percentiles are {summary['percentiles']}."
    if (summary.get("lost") or {}).get("workers"):
        yield f"{summary['lost']['workers']} worker(s) died: up to the last second of their calls is missing."
    if summary.get("client"):
        yield f"client: {summary['client']['verdict']}"


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
