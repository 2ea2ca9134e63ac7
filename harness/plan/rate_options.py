"""`--rate`, `--rate-stages`, `--arrival` and `--replay`: an open loop's schedule."""

import math
import re
from typing import get_args

from harness.errors import UsageError
from harness.load.schedule import Arrival, Schedule, Stage, Timetable
from harness.plan.values import LARGEST, Options, number, one_of, positive
from prompts.draws import in_order
from prompts.files import SeedFile
from summary.vocabulary import MOST_STAGES

MOST_USERS = 1000
MOST_RPS = 100_000
"""More than a hundred processes can make. Each call that is due has a row, and a mistyped rate would fill the disk."""

SPAN_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}


def schedule_of(options: Options) -> Schedule | None:
    """Return the schedule of an open loop; `None` for a closed loop. Raises `UsageError`."""
    stages = _stages(options["rate"], options["rate_stages"])
    arrival: Arrival = one_of("--arrival", options["arrival"], get_args(Arrival))
    if not stages and arrival != "constant":
        raise UsageError("--arrival needs --rate or --rate-stages")
    return Schedule(stages, arrival) if stages else None


def timetable_of(options: Options, files: list[SeedFile]) -> Timetable | None:
    """Return the times of `--replay`, which are the prompts' own; `None` without it. Raises `UsageError`."""
    if not options["replay"]:
        return None
    for option in ("rate", "rate_stages"):
        if options[option]:
            raise UsageError(f"--replay and --{option.replace('_', '-')} are mutually exclusive")
    if options["selection_mode"] == "all-files" or options["arrival"] != "constant":
        raise UsageError("--replay sends the prompts at their own times: it takes no --selection-mode and no --arrival")
    prompts = in_order(files)
    for prompt in prompts:
        if prompt.at_s is None:
            raise UsageError(f"--replay needs a time ('at') for every prompt, and {prompt.prompt_id!r} has none")
    return Timetable(tuple(prompt.at_s or 0.0 for prompt in prompts))


def users_for(schedule: Schedule | Timetable, longest_s: float) -> int:
    """Return the users needed, at most `MOST_USERS`: peak rate × the longest that a call, or a pair of calls, can take
    (Little's law). With fewer, a baseline that hangs would drop calls of the target."""
    return max(1, min(MOST_USERS, math.ceil(schedule.peak_rps * longest_s)))


def _stages(rate: str, stages: str) -> tuple[Stage, ...]:
    if rate and stages:
        raise UsageError("--rate and --rate-stages are mutually exclusive")
    if rate:
        rate_rps = positive("--rate", rate, "calls per second", MOST_RPS)
        return (Stage(rate_rps, rate_rps, math.inf),)
    if not stages:
        return ()
    read = tuple(_stage(text) for text in stages.split(","))
    if len(read) > MOST_STAGES:
        raise UsageError(f"--rate-stages has more than {MOST_STAGES:,} stages")
    if not any(stage.calls for stage in read):
        raise UsageError(f"--rate-stages {stages!r} schedules no calls")
    return read


def _stage(text: str) -> Stage:
    rates, colon, span = text.strip().partition(":")
    first, dash, last = rates.partition("-")
    if not colon or not first or (dash and not last):
        raise UsageError(f"--rate-stages must look like 5:30s,10:30s,5-20:1m, not {text!r}")
    from_rps = number("--rate-stages", first, MOST_RPS)
    return Stage(from_rps, number("--rate-stages", last, MOST_RPS) if dash else from_rps, _span_s(span))


def _span_s(text: str) -> float:
    """Return a span such as 30s, 1m30s, 500ms or 30, in seconds."""
    if not re.fullmatch(r"([0-9]+(\.[0-9]+)?(h|ms|m|s))+|[0-9]+(\.[0-9]+)?", text):
        raise UsageError(f"--rate-stages: a span must look like 30s, 1m30s or 500ms, not {text!r}")
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|)", text)
    span_s = sum(float(value) * SPAN_UNITS_S[unit] for value, unit in parts)
    if not 0 < span_s <= LARGEST:
        raise UsageError(f"--rate-stages: a span must be above 0 and at most {LARGEST:,.0f} s, not {text!r}")
    return span_s
