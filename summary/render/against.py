"""What the target adds to the baseline (--against), as a table under one line of words."""

from collections.abc import Iterator

from rich.table import Table

from summary.comparison.intervals import excludes_0
from summary.numbers.written import bare_difference, digits, signed, signed_ends
from summary.registry import NAMED, PAIRS_NEEDED, Figure, Kind
from summary.render.grid import grid
from summary.vocabulary import Summary

HEADLINES = ("latency_s", "ttft_s")
SAME = "~"
"""Stands for a difference that can't be told apart from none."""

Line = tuple[str, ...]
HEADINGS: Line = ("ms, or count", "target", "baseline", "added", "95 % CI", "slower")


def against(against: Summary) -> Table:
    table = grid(conclusion(against), HEADINGS)
    table.caption = counts(against)
    for line in lines(against):
        table.add_row(*line)
    return table


def conclusion(against: Summary) -> str:
    """Return in words whether the target takes longer."""
    found = [_phrase(NAMED[name], against["difference"][name]) for name in HEADLINES if name in against["difference"]]
    baseline = "the baseline, which is the target itself" if against["is_target_itself"] else "the baseline"
    return f"Against {baseline}: {'; '.join(found) or 'no pair can be compared'}."


def _phrase(figure: Figure, entry: Summary) -> str:
    pairs = "1 pair" if entry["pairs"] == 1 else f"{entry['pairs']:,} pairs"
    if entry["median_ci95"] is None:
        return f"{figure.title} can't be compared with {pairs}: {PAIRS_NEEDED['median']} are needed"
    if entry["told_apart"]:
        interval = signed_ends(figure.kind, entry["median_ci95"])
        return f"{figure.title} {signed(figure.kind, entry['median'])} at the median (95 % CI {interval})"
    shown = signed(figure.kind, entry["would_show"]).removeprefix("+")
    return f"{figure.title} can't be told apart; with {pairs} a difference of {shown} would have shown"


def counts(against: Summary) -> str:
    """Return how many pairs were compared, and why others were not."""
    compared = max((entry["pairs"] for entry in against["difference"].values()), default=0)
    cold = sum(entry["pairs"] for name, entry in against["cold"].items() if name == "latency_s")
    is_cold = against["connections"] == "cold"
    opened = against["opened"]
    by_side = f": the target opened {opened['target']:,}, the baseline {opened['baseline']:,}" if is_cold else ""
    counted = {
        f"compared ({against['connections']} connections{by_side})": compared,
        "cold": cold,
        "warm": against["warm_pairs"] if is_cold else 0,
        "with a failed call": against["failed_pairs"],
        "incomplete": against["incomplete_pairs"],
        "with different output token counts": against["unequal_pairs"],
    }
    total = "1 pair" if against["pairs"] == 1 else f"{against['pairs']:,} pairs"
    said = f"{total}: " + ", ".join(f"{count:,} {what}" for what, count in counted.items() if count)
    thirds = against["by_prompt_size"]
    return f"{said}; the length of prompts is in {thirds[0]['unit']}" if thirds else said


def lines(against: Summary) -> Iterator[Line]:
    """Yield a line per figure: both sides' median, the median difference with its 95 % confidence interval, and the
    share of pairs in which the target was slower. p95 and p99 follow where they have an interval."""
    for name, entry in against["difference"].items():
        figure = NAMED[name]
        if _is_redundant(name, entry, against["difference"]):
            continue
        yield _line(figure.title, figure.kind, entry, "median", slower=True)
        yield from _tails(figure.kind, entry)
        if name == "latency_s":
            yield from _parts(against, figure)
    yield _errors(against["error_rate"])


def _is_redundant(name: str, entry: Summary, differences: Summary) -> bool:
    """Return whether a line says nothing new: TTFB beside TTFT, TTFV that equals it, counts that are all the same."""
    ttft = differences.get("ttft_s")
    if name == "ttfb_s":
        return ttft is not None
    return (name == "ttfv_s" and entry == ttft) or (NAMED[name].kind != "time" and entry["median_ci95"] == [0.0, 0.0])


def _tails(kind: Kind, entry: Summary) -> Iterator[Line]:
    for statistic in ("p95", "p99"):
        if kind == "time" and entry[f"{statistic}_ci95"]:
            yield _line(f"· {statistic}", kind, entry, statistic)


def _parts(against: Summary, figure: Figure) -> Iterator[Line]:
    """Yield the median differences of some of the pairs."""
    parts = {"· cold": against["cold"]}
    if against["unequal_pairs"]:
        parts["· equal output"] = against["equal_output"]
    for third in against["by_prompt_size"] or ():
        parts[f"· prompt ≤ {third['to']:,}"] = third["difference"]
    for title, differences in parts.items():
        if figure.name in differences:
            yield _line(title, figure.kind, differences[figure.name], "median", slower=True)


def _line(title: str, kind: Kind, entry: Summary, statistic: str, slower: bool = False) -> Line:
    sides = (_plain(entry[side][statistic], kind) for side in ("target", "baseline"))
    added = _added(entry[statistic], entry[f"{statistic}_ci95"], kind)
    return title, *sides, *added, f"{100 * entry['slower_share']:.0f} %" if slower else ""


def _errors(rates: Summary) -> Line:
    sides = ("" if rates[side] is None else digits(100 * rates[side], 3) for side in ("target", "baseline"))
    return "errors, %", *sides, *_added(rates["difference"], rates["difference_ci95"], "share"), ""


def _added(value: float | None, interval: list[float] | None, kind: Kind) -> tuple[str, str]:
    """Return the difference, or a tilde if it can't be told apart, and its interval."""
    if value is None or interval is None:
        return "" if value is None else bare_difference(kind, value), "–"
    added = bare_difference(kind, value) if excludes_0(interval) else SAME
    return added, " to ".join(bare_difference(kind, end) for end in interval)


def _plain(value: float, kind: Kind) -> str:
    return bare_difference(kind, value).removeprefix("+")
