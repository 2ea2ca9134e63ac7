"""The first table of a summary: what was run, and what was counted."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from summary import refused_fields
from summary.vocabulary import Summary

ORDINARY_ENDS = {"stop", "end_turn", "completed", "complete", "finish", "eos", "eos_token", "endoftext"}
REASON_CHARACTERS = 40


def facts(summary: Summary) -> Table:
    table = Table(title=_title(summary), show_header=False, title_justify="left", min_width=64)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for section in (_run_lines, _count_lines, _size_lines, _finish_lines, _failure_lines):
        for name, value in section(summary):
            table.add_row(name, Text(value))
        table.add_section()
    return table


def _title(summary: Summary) -> str:
    named = [summary[name] for name in ("provider", "model", "api", "mode") if summary.get(name)]
    return " · ".join([*named, *(["stream"] if summary.get("stream") else [])]) or str(summary.get("source"))


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
        yield "lost", f"{summary['lost']['calls']} (counted out to workers that died: perhaps sent)"
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
    if summary["total_bytes"] is not None:
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
        yield "failure", _failure(failure)
    for entry in summary.get("entries", ()):
        yield str(entry["type"] or "entry"), f"{entry['name']}: {entry['requests']} calls, {entry['failures']} failed"


def _failure(failure: Summary) -> str:
    """Return a group of failures as lines: how many of what, when; what one of them said; what to do about it."""
    status = f"HTTP {failure['status']}" if failure["status"] is not None else None
    why = ", ".join(filter(None, [status, failure.get("reason")]))
    text = f"{failure['count']} × {failure['error']}" + (f" ({why})" if why else "")
    if failure.get("first"):
        text += f", {_span(failure['first'], failure['last'])}"
    message = failure.get("example", "").removeprefix(failure["error"]).removeprefix(":").strip()
    hint = refused_fields.hint(failure["status"], message)
    return "\n".join(filter(None, [text, message, hint]))


def _span(first: str, last: str) -> str:
    """Return the times of day of a first and a last event."""
    return _time_of_day(first) if first == last else f"{_time_of_day(first)} to {_time_of_day(last)}"


def _time_of_day(iso: str) -> str:
    return iso[iso.find("T") + 1 :]


def _finish_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """Name the finish reasons, unless the model came to its own end in each answer."""
    reasons = summary.get("finish_reasons") or {}
    if len(reasons) > 1 or not {reason.lower() for reason in reasons} <= ORDINARY_ENDS:
        counted = ", ".join(f"{count} {_short(reason)}" for reason, count in reasons.items())
        yield "finish reasons", counted


def _short(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else text[: REASON_CHARACTERS - 1] + "…"
