"""A summary as text: a table for people, JSON or one CSV row for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from summary.figures import SAMPLES_NEEDED, Summary

TABLE_WIDTH = 88


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
    """Return the table that ends a run."""
    console = Console(file=io.StringIO(), width=TABLE_WIDTH, force_terminal=colour, highlight=False)
    with console.capture() as capture:
        console.print(_table(summary))
        for remark in _remarks(summary):
            console.print(Text(remark, style="yellow" if colour else ""))
    return "\n" + "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


RENDERERS: dict[str, Callable[[Summary], str]] = {"table": as_table, "json": as_json, "csv": as_csv}


def _table(summary: Summary) -> Table:
    title = " · ".join(str(summary[name]) for name in ("provider", "model", "api", "mode") if summary.get(name))
    table = Table(title=title or summary.get("source"), show_header=False, title_justify="left", min_width=60)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for section in (_run_lines, _count_lines, _latency_lines, _size_lines, _failure_lines):
        for name, value in section(summary):
            table.add_row(name, value)
        table.add_section()
    return table


def _run_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    for name in ("run_id", "host", "start", "end", "seed"):
        if summary.get(name) is not None:
            yield name.replace("_id", ""), str(summary[name])


def _count_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    aborted = summary.get("aborted_count")
    yield "calls", f"{summary['total_requests']}"
    yield "succeeded", f"{summary['success_count']}"
    yield "failed", f"{summary['failure_count']}" + _share(summary["error_rate"])
    if aborted:
        yield "aborted", f"{aborted} (cut off by the end of the run)"
    if summary.get("total_execution_time_s") is not None:
        yield "time", f"{summary['total_execution_time_s']:.3f} s, first send to last end"
    if summary["throughput_rps"] is not None:
        yield "throughput", f"{summary['throughput_rps']:.3g} successes/s"


def _share(error_rate: float | None) -> str:
    return "" if error_rate is None else f" ({100 * error_rate:.3g} % of those that ended)"


def _latency_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    for name, value in summary["latency_s"].items():
        if value is not None:
            yield f"latency {name}", f"{value:.3f} s" + _doubt(summary, name)


def _doubt(summary: Summary, name: str) -> str:
    if name not in summary.get("too_few_samples", ()):
        return ""
    return f"  (too few samples: {summary['success_count']}, needs {SAMPLES_NEEDED[name]})"


def _size_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "bytes received", f"{summary['total_bytes']:,}"
    for name in ("input_tokens", "output_tokens"):
        if summary.get(name) is not None:
            yield name.replace("_", " "), f"{summary[name]:,}"
    if summary.get("repeated_payloads") is not None:
        yield "repeated payloads", f"{summary['repeated_payloads']}"


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
    if summary.get("percentiles"):
        yield f"Percentiles are {summary['percentiles']}."


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    else:
        yield name, json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
