"""Findings about the run: whether it did what was planned, and whether its record is complete."""

from collections.abc import Iterator

from summary.numbers.written import written
from summary.validity.finding import EVERYTHING, LATENCY, PACE, RATES, TOTALS, finding, listed
from summary.vocabulary import Summary

SHORTFALL_LIMIT = 0.02
DRAW_SHOWN = 0.005
ABORTED_LIMIT = 0.01
NAMED_DIFFERENCES = 5

_ROW_FAULTS = {
    "unreadable": ("can't be read", "can't be read"),
    "double_numbers": ("has a duplicate number", "have duplicate numbers"),
    "missing_numbers": ("is missing", "are missing"),
    "unknown_outcomes": ("has an unknown outcome", "have unknown outcomes"),
}
"""What is wrong with one row, and with several."""


def findings(summary: Summary) -> Iterator[Summary]:
    for look in (_nothing, _cut_off, _end, _rate, _workers, _rows, _aborted):
        yield from look(summary)


def _nothing(summary: Summary) -> Iterator[Summary]:
    if not summary["total_requests"]:
        yield finding("samples", "run", False, "no call was made: there is nothing to measure")


def _cut_off(summary: Summary) -> Iterator[Summary]:
    if summary["client"] is None:
        yield finding("client", "run", False, "unknown: the run was cut off", EVERYTHING)


def _end(summary: Summary) -> Iterator[Summary]:
    ended = summary.get("ended") or {}
    if ended.get("early"):
        yield finding("end", "run", False, f"the run ended early: {ended.get('why') or 'reason unknown'}", TOTALS)


def _rate(summary: Summary) -> Iterator[Summary]:
    """Compare the delivered rate with the drawn one: a draw that differs from the rate asked for is chance."""
    asked_rps, delivered_rps = summary.get("asked_rps"), summary.get("delivered_rps")
    if asked_rps is None or delivered_rps is None:
        return
    drawn_rps = summary.get("drawn_rps") or asked_rps
    drawn = f", {written('rate', drawn_rps)} drawn" if abs(drawn_rps - asked_rps) > DRAW_SHOWN * asked_rps else ""
    says = f"{written('rate', asked_rps)} asked{drawn}, {written('rate', delivered_rps)} delivered"
    says += f"; {summary['late_count']} late, {summary['dropped_count']} dropped"
    if delivered_rps >= (1 - SHORTFALL_LIMIT) * drawn_rps:
        yield finding("rate", "run", True, says)
    else:
        shortfall = 1 - delivered_rps / drawn_rps
        says += f": {written('share', shortfall)} short; use more users (-u) or --processes"
        yield finding("rate", "run", False, says, (*LATENCY, *PACE, *RATES))


def _workers(summary: Summary) -> Iterator[Summary]:
    lost, client = summary["lost"] or {}, summary["client"] or {}
    if lost.get("workers") or lost.get("calls"):
        says = f"{lost['workers']} died, left, fell silent or reported no calls, "
        says += f"and {lost['calls']} calls assigned to them were lost, sent or not"
        yield finding("workers", "run", False, says, EVERYTHING)
    elif client.get("processes", 1) > 1 and not lost.get("refused_rows"):
        yield finding("workers", "run", True, "none was lost")
    if refused := lost.get("refused_rows"):
        says = f"{refused} rows were refused: invalid, or of calls not granted to the workers that sent them"
        yield finding("workers", "run", False, says, EVERYTHING)


def _rows(summary: Summary) -> Iterator[Summary]:
    rows = summary.get("rows")
    if rows is None:
        return
    faults = [
        f"{rows[name]} {one if rows[name] == 1 else more}"
        for name, (one, more) in _ROW_FAULTS.items()
        if rows.get(name)
    ]
    if rows.get("runs", 1) > 1:
        faults.append(f"they come from {rows['runs']} runs")
    if differs := rows.get("differs"):
        others = [f"{len(differs) - NAMED_DIFFERENCES} more"] if len(differs) > NAMED_DIFFERENCES else []
        verb = "differs" if len(differs) == 1 else "differ"
        faults.append(f"{listed([*differs[:NAMED_DIFFERENCES], *others])} {verb} from _summary.json")
    yield finding("rows", "run", not faults, "; ".join(faults) or _sound(summary, rows), EVERYTHING)


def _sound(summary: Summary, rows: Summary) -> str:
    """Say what is known of rows without a fault. After a run that was cut off, nobody knows how many there should be:
    a full disk can have refused any number of them."""
    but = ", except the last, which was cut off" if rows.get("is_cut") else ""
    if unwritten := rows.get("unwritten"):
        return f"all counted; {unwritten:,} of them could not be written to _requests.csv"
    if summary["client"] is not None:
        return f"all present{but}"
    asked = (summary.get("options") or {}).get("iterations")
    return f"{summary['total_requests']:,} found{f', of {asked:,} asked for' if asked else ''}{but}"


def _aborted(summary: Summary) -> Iterator[Summary]:
    aborted, calls = summary["aborted_count"], summary["total_requests"]
    if not calls or summary["client"] is None:
        return
    if aborted <= ABORTED_LIMIT * calls:
        yield finding("aborted", "run", True, f"{aborted:,} of {calls:,} calls were cut off by the end of the run")
    else:
        says = f"{aborted:,} of {calls:,} calls were cut off: the slowest are missing"
        yield finding("aborted", "run", False, says, (*LATENCY, *PACE))
