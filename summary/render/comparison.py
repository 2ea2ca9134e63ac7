"""A comparison of runs as a table, as CSV, and as the cells that every form of it shares."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from summary.gates.language import Subject
from summary.gates.relative import COMPARED
from summary.numbers.written import bare_difference, digits, signed, signed_share, written
from summary.registry import MAIN, Kind
from summary.render.csv_row import cell as csv_cell
from summary.render.grid import grid
from summary.vocabulary import Summary

HEADINGS = ("figure", "old", "new", "change", "95 % CI", "", "samples")
SAME, UNKNOWN = "~", "?"
CSV_COLUMNS = (
    "stage", "figure", "old", "new", "change", "change_ci95.low", "change_ci95.high", "difference",
    "difference_ci95.low", "difference_ci95.high", "says", "old_samples", "new_samples",
)  # fmt: skip
LONGEST_SETTING = 40


def tables(summary: Summary) -> Iterator[Table]:
    """Yield what was compared, the figures, those of each stage, and what a reader must know."""
    yield _sides(summary["compared"])
    yield _figures(conclusion(summary["comparison"]), summary["comparison"])
    for stage in summary["compared"].get("stages") or ():
        yield _figures(stage_title(stage), stage["comparison"])
    if remarks := list(notes(summary["compared"])):
        yield _notes(remarks)


def lines(comparison: Summary) -> Iterator[tuple[str, ...]]:
    """Yield a line per figure, but for means; an interval that contains 0 is `~`, and a missing one `?`."""
    return (_line(subject, entry) for subject, entry in _shown(comparison))


def _shown(comparison: Summary) -> Iterator[tuple[Subject, Summary]]:
    for name, subject in COMPARED.items():
        entry = comparison.get(name)
        if entry is not None and subject.statistic in (None, *MAIN) and not _is_idle(subject, entry, comparison):
            yield subject, entry


def _is_idle(subject: Subject, entry: Summary, comparison: Summary) -> bool:
    """Return whether a line says nothing: ITL without an interval, or TTFV that equals TTFT."""
    if subject.figure.over == "gaps":
        return entry["says"] is None
    return subject.figure.name == "ttfv_s" and entry == comparison.get(f"ttft_{subject.statistic}")


def conclusion(comparison: Summary) -> str:
    """Return in one line what became worse and better."""
    said = {word: _said(comparison, word) for word in ("worse", "better", "same")}
    found = [f"{word}: {said[word]}" for word in ("worse", "better") if said[word]]
    if found:
        return "; ".join(found).replace("worse", "Worse", 1) if said["worse"] else found[0].replace("b", "B", 1)
    return "Nothing can be told apart" if said["same"] else "Too few samples to tell anything apart"


def _said(comparison: Summary, word: str) -> str:
    """Return the figures of which this is said, each with its statistics."""
    found: dict[str, list[str]] = {}
    for subject, entry in _shown(comparison):
        if entry["says"] == word:
            found.setdefault(subject.figure.title, []).extend(filter(None, [subject.statistic]))
    return ", ".join(f"{title} ({', '.join(each)})" if each else title for title, each in found.items())


def stage_title(stage: Summary) -> str:
    return f"Stage {stage['stage']}: {conclusion(stage['comparison'])}"


def names(compared: Summary, side: str) -> str:
    return ", ".join(str(run["run"]) for run in compared[side])


def notes(compared: Summary) -> Iterator[str]:
    """Yield what a reader must know, with the settings that differ."""
    yield from compared["notes"]
    differing = [f"{name} {_short(each['old'])} → {_short(each['new'])}" for name, each in compared["differs"].items()]
    if differing:
        yield f"Also different: {', '.join(differing)}."


def csv_rows(summary: Summary) -> Iterator[list[Any]]:
    """Yield the names of the columns, then a row per figure, of the whole runs and of each stage."""
    yield list(CSV_COLUMNS)
    yield from _csv_rows("", summary["comparison"])
    for stage in summary["compared"].get("stages") or ():
        yield from _csv_rows(stage["stage"], stage["comparison"])


def _csv_rows(stage: Any, comparison: Summary) -> Iterator[list[Any]]:
    for name, entry in comparison.items():
        ends = {
            f"{key}.{side}": (entry[key] or (None, None))[place]
            for key in ("change_ci95", "difference_ci95")
            for place, side in enumerate(("low", "high"))
        }
        row = {"stage": stage, "figure": name, **entry, **ends}
        yield [csv_cell(row[column]) for column in CSV_COLUMNS]


def _sides(compared: Summary) -> Table:
    table = grid("Comparison")
    for side in ("old", "new"):
        for run in compared[side]:
            facts = [run["provider"], run["model"], run["host"], run["start"], _calls(run["total_requests"])]
            table.add_row(side, Text(" · ".join([str(run["run"]), *(str(fact) for fact in facts if fact)])))
    return table


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _figures(title: str, comparison: Summary) -> Table:
    table = grid(title, HEADINGS[:-1])
    table.caption = _samples(comparison)
    for *line, _ in lines(comparison):
        table.add_row(*map(Text, line))
    return table


def _samples(comparison: Summary) -> str:
    """Return how many calls the figures are of: on the console their column has no room. ITL's gaps are no calls."""
    of_calls = [entry for subject, entry in _shown(comparison) if subject.figure.over != "gaps"]
    counts = {side: [each for entry in of_calls if (each := entry[f"{side}_samples"])] for side in ("old", "new")}
    ranges = (
        f"{side} {' to '.join(f'{end:,}' for end in dict.fromkeys((min(found), max(found))))}"
        for side, found in counts.items()
        if found
    )
    return f"Samples: {', '.join(ranges)}"


def _notes(remarks: list[str]) -> Table:
    table = grid(columns=1, bold=-1)
    for remark in remarks:
        table.add_row(Text(remark))
    return table


def _line(subject: Subject, entry: Summary) -> tuple[str, ...]:
    kind = subject.figure.kind
    change, ends = entry["change"], entry["change_ci95"]
    return (
        " ".join(filter(None, (subject.figure.title, subject.statistic))),
        written(kind, entry["old"]),
        written(kind, entry["new"]),
        "" if change is None else _change(kind, change),
        "" if ends is None else " to ".join(_bare(kind, end) for end in ends),
        {"same": SAME, None: UNKNOWN}.get(entry["says"]) or entry["says"],
        " / ".join(dict.fromkeys(_counted(entry[f"{side}_samples"]) for side in ("old", "new"))),
    )


def _counted(samples: int) -> str:
    return str(samples) if samples < 1000 else f"{digits(samples / 1000, 3)}k"


def _change(kind: Kind, change: float) -> str:
    return signed(kind, change).replace("points", "pts") if kind == "share" else signed_share(change)


def _bare(kind: Kind, change: float) -> str:
    return bare_difference(kind, change) if kind == "share" else signed_share(change).removesuffix(" %")


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= LONGEST_SETTING else text[: LONGEST_SETTING - 1] + "…"
