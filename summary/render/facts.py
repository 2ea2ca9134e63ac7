"""The first table of a summary: what was run, and what was counted."""

from collections.abc import Callable, Iterator

from rich.table import Table
from rich.text import Text

from finishes import is_natural
from summary.numbers.written import digits, number, time, written
from summary.registry import Figure, found, used
from summary.render.grid import grid
from summary.render.hints import hint
from summary.vocabulary import Summary

REASON_CHARACTERS = 40


def facts(summary: Summary) -> Table:
    table = grid(title(summary))
    for section in sections(summary):
        for name, value in section:
            table.add_row(name, Text(value))
        table.add_section()
    return table


def sections(summary: Summary) -> Iterator[Iterator[tuple[str, str]]]:
    """Yield the sections of the table; each yields names with their values."""
    for section in (_run_lines, count_lines, _size_lines, _claim_lines, _finish_lines, _failure_lines):
        yield section(summary)


def title(summary: Summary) -> str:
    """Return what was tested: provider, model, API, and how."""
    named = [summary[name] for name in ("provider", "model", "api", "mode") if summary.get(name)]
    return " · ".join([*named, *(["stream"] if summary.get("stream") else [])]) or str(summary.get("source"))


def _run_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    known = {**summary, "baseline": baseline_of(summary)}
    for name in ("run_id", "files", "host", "baseline", "start", "end", "seed"):
        if known.get(name) is not None:
            yield name.replace("_id", ""), str(known[name])


def baseline_of(summary: Summary) -> str | None:
    """Return what a run with --against was compared with: its address, after what differs from the target's."""
    options = (summary.get("options") or {}).get("against")
    if not options:
        return None
    named = {name: options.get(name) for name in ("provider", "model", "api")}
    others = [value for name, value in named.items() if value and value != summary.get(name)]
    return " · ".join([*others, options.get("host") or "the built-in mock"])


def count_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield the run's counts and rates, each with its title."""
    return _lines(summary, lambda figure: "size" not in figure.groups)


def _size_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    return _lines(summary, lambda figure: "size" in figure.groups)


def _lines(summary: Summary, is_wanted: Callable[[Figure], bool]) -> Iterator[tuple[str, str]]:
    """Yield a line for each of the run's figures except distributions."""
    for figure in used("table"):
        value = None if figure.over or not is_wanted(figure) else found(summary, figure.name)
        if value or (value is not None and not figure.quiet):
            remark = _REMARKS.get(figure.name)
            text = figure.text.format(number(figure.kind, value)) if figure.text else written(figure.kind, value)
            yield figure.title, text + (remark(summary) if remark else "")


def _failed_share(summary: Summary) -> str:
    return f" ({written('share', summary['error_rate'])} of those that ended)" if summary["error_rate"] else ""


def _met(summary: Summary) -> str:
    return f" ({written('share', summary['slo_attainment'])} met {summary['options']['slo']})"


def _part(name: str, word: str) -> Callable[[Summary], str]:
    """Return a remark that names a part of a figure."""
    return lambda summary: f" ({summary[name]:,} {word})" if summary.get(name) else ""


_REMARKS: dict[str, Callable[[Summary], str]] = {
    "failure_count": _failed_share,
    "goodput_rps": _met,
    "input_tokens": _part("cached_tokens", "cached"),
    "output_tokens": _part("reasoning_tokens", "reasoning"),
}
"""Text that follows a figure's value."""


def _failure_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    for failure in summary.get("failures", ()):
        yield "failure", _failure(failure)
    for failure in found(summary, "against.baseline.failures") or ():
        yield "baseline failure", _failure(failure)
    for entry in summary.get("entries", ()):
        counted = f"{entry['requests']:,} calls, {entry['failures']:,} failed"
        yield str(entry["type"] or "entry"), f"{entry['name']}: {counted}"


def _failure(failure: Summary) -> str:
    """Return a group of failures as lines: count, kind and time; an example's message; what to do about it."""
    status = f"HTTP {failure['status']}" if failure["status"] is not None else None
    why = ", ".join(filter(None, [status, failure.get("reason")]))
    text = f"{failure['count']:,} × {failure['error']}" + (f" ({why})" if why else "")
    if failure.get("first"):
        text += f", {_span(failure['first'], failure['last'])}"
    message = failure.get("example", "").removeprefix(failure["error"]).removeprefix(":").strip()
    return "\n".join(filter(None, [text, message, hint(failure["status"], message)]))


def _span(first: str, last: str) -> str:
    """Return the times of day of the first and the last event."""
    return _time_of_day(first) if first == last else f"{_time_of_day(first)} to {_time_of_day(last)}"


def _time_of_day(iso: str) -> str:
    return iso[iso.find("T") + 1 :]


def _claim_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield what servers say of cost and limits; caches and retries are in the verdict."""
    claims = summary.get("claims") or {}
    if cost_usd := claims.get("cost_usd"):
        yield "cost", f"{digits(cost_usd)} USD, as the proxy says"
    if refused := claims.get("too_many_requests"):
        yield "HTTP 429", f"{refused['count']}{_asked(refused['retry_after_s'])}"
    for quota, lowest in (claims.get("lowest_remaining") or {}).items():
        yield f"{quota.replace('_', ' ')} left", f"{lowest['value']:,} at least, at {_time_of_day(lowest['at'])}"


def _asked(retry_after_s: Summary | None) -> str:
    if retry_after_s is None:
        return ", none with a Retry-After"
    return f"; Retry-After: median {time(retry_after_s['median'])}, longest {time(retry_after_s['max'])}"


def _finish_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield the finish reasons, unless the model ended every answer of its own accord."""
    reasons = summary.get("finish_reasons") or {}
    if len(reasons) > 1 or not all(map(is_natural, reasons)):
        counted = ", ".join(f"{count} {_short(reason)}" for reason, count in reasons.items())
        yield "finish reasons", counted


def _short(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else text[: REASON_CHARACTERS - 1] + "…"
