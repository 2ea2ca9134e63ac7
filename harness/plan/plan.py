"""What a run will do: every option validated and typed, or one line that says which is wrong."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from locust.util.timespan import parse_timespan

from harness.errors import UsageError
from harness.load.pairs import Grant, pairs, single
from harness.load.schedule import Schedule, Timetable
from harness.plan.baseline import baseline_of
from harness.plan.gate_options import check_needs, gates_of, is_fail_fast, junit_of, slo_of
from harness.plan.rate_options import schedule_of, timetable_of, users_for
from harness.plan.target import ProviderClasses, Target, target_of
from harness.plan.values import DATA_DIR, LARGEST, Options, count, here_or_beside, natural, one_of, utf8, whole
from harness.secrets import Secrets
from prompts import files
from prompts.draws import SelectionMode
from providers.base import Provider
from providers.conversation import History, steps
from providers.permit import SideName
from providers.prompt import shortened
from providers.settings import Settings
from seeds import SeedError, text_of
from summary.gates.gate import Gate
from summary.gates.relative import RelativeGate
from summary.gates.slo import Slo

LATE_REPLAY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one run will do.

    target        where the calls go
    baseline      what it is compared with, if anything: then calls come in pairs, one to each
    packages      the distributions of all providers' SDKs
    permits       the exact number of measured calls, or pairs of calls; `None` if it is not limited
    warmup        the number of calls, or pairs, made before those
    schedule      when calls start in an open loop; `None` for a closed loop
    history       what comes before each turn of a conversation; `None` if no prompt has several turns
    system        what the model is told before prompts that don't tell it themselves
    slo           what each call should meet
    gates         conditions that fail the run; `junit` is the file for their verdicts
    earlier_runs  where the runs are that this one is compared with, by `relative_gates` too
    load          Locust's own options: users, users started per second, run time, stop timeout
    """

    target: Target
    baseline: Target | None
    packages: tuple[str, ...]
    permits: int | None
    warmup: int
    schedule: Schedule | Timetable | None
    slo: Slo | None
    gates: list[Gate]
    relative_gates: list[RelativeGate]
    earlier_runs: tuple[str, ...]
    fail_fast: bool
    junit: Path | None
    files: list[files.SeedFile]
    selection_mode: SelectionMode
    history: History | None
    system: str | None
    seed: int
    cache_bust: bool
    log_bodies: bool
    load: Options

    @property
    def settings(self) -> Settings:
        return self.target.settings

    @property
    def provider(self) -> type[Provider]:
        return self.target.provider

    @property
    def targets(self) -> dict[SideName | None, Target]:
        """Return whom the calls go to, by side; `None` is the only side of a run without a baseline."""
        return {"target": self.target, "baseline": self.baseline} if self.baseline else {None: self.target}

    @property
    def header_names(self) -> list[list[str]]:
        """Return the names of the headers given for each target: unlike the values, they may be known to others."""
        return [sorted(name.lower() for name, _ in target.settings.headers) for target in self.targets.values()]

    def _masker(self) -> Secrets:
        """Return what masks the secrets of this run's targets."""
        secrets = Secrets()
        for target in self.targets.values():
            secrets.add_all(target.secrets())
        return secrets

    def warnings(self) -> Iterator[str]:
        """Say which conditions on times can't matter, as the timeout comes first; and that a replay begins late, as
        one of times of day does: it would seem to hang."""
        conditions: list[Slo | Gate | RelativeGate] = [*self.gates, *self.relative_gates]
        for each in [self.slo, *conditions] if self.slo else conditions:
            yield from each.beyond_timeout(self.settings.timeout_s)
        if isinstance(self.schedule, Timetable) and (first_s := self.schedule.due_s[0]) >= LATE_REPLAY_S:
            yield f"--replay: the first call is due after {first_s:,.0f} s, as 'at' counts from the run's start"

    @property
    def warmup_calls(self) -> int:
        return self.warmup * len(self.targets)

    @property
    def calls(self) -> int | None:
        return self.permits and self.permits * len(self.targets)

    @property
    def longest_s(self) -> float:
        """The longest that a call, or a pair of calls, can take."""
        return longest_s(self.settings.timeout_s, self.baseline)

    @property
    def most_permits(self) -> int | None:
        """Return the largest possible number of measured calls, or pairs; `None` if it is unknown."""
        of_schedule = self.schedule.most_calls(self.load["run_time"]) if self.schedule else None
        known = [permits for permits in (self.permits, of_schedule) if permits is not None]
        return min(known, default=None)

    @property
    def most_calls(self) -> int | None:
        most = self.most_permits
        return most and most * len(self.targets)

    def grant(self) -> Grant:
        """Return what divides a permit into its calls."""
        return pairs(self.seed) if self.baseline else single

    @property
    def is_counted_out(self) -> bool:
        """Return whether calls are numbered in one place for all workers, rather than by each worker for itself."""
        counted_out = (self.permits, self.warmup, self.schedule, self.baseline, self.selection_mode == "in-order")
        return any(counted_out) or self.plays_conversations

    @property
    def plays_conversations(self) -> bool:
        """Return whether conversations are played call by call."""
        return self.history in ("answers", "recorded")

    def options(self) -> dict[str, object]:
        """Return every option that affects the run, as parsed, without secrets."""
        masker = self._masker()
        return {
            **self.load,
            "iterations": self.permits,
            "warmup": self.warmup,
            "rate_stages": self.schedule and self.schedule.facts(),
            "arrival": self.schedule and self.schedule.arrival,
            "slo": self.slo and self.slo.text,
            "fail_if": [gate.text for gate in self.gates] + [gate.text for gate in self.relative_gates],
            "fail_fast": self.fail_fast,
            **self.target.options(),
            **({"against": {**self.baseline.facts(), **self.baseline.options()}} if self.baseline else {}),
            "extra_body": masker.redact_within(self.settings.extra_body),
            "seed_files": [file.name for file in self.files],
            "selection_mode": self.selection_mode,
            **({"history": self.history} if self.history else {}),
            "system": self.system and shortened(masker.redact(self.system)),
            "cache_bust": self.cache_bust,
            **({"baseline": list(self.earlier_runs)} if self.earlier_runs else {}),
        }


def longest_s(timeout_s: float, baseline: Target | None) -> float:
    """Return the longest that a call can take; with a baseline, a pair of calls: one timeout for each."""
    return timeout_s if baseline is None else 2 * timeout_s


_LOAD = ("num_users", "spawn_rate", "run_time", "stop_timeout")


def plan_of(options: Options, classes: ProviderClasses) -> Plan:
    """Return the plan for the options. Raises `UsageError` for the first invalid one."""
    target, found = target_of(options, classes), _files(options)
    settings, timetable = target.settings, timetable_of(options, found)
    schedule, level, (gates, relative_gates) = timetable or schedule_of(options), slo_of(options), gates_of(options)
    baseline = baseline_of(options, target, classes)
    check_needs(level, [*gates, *relative_gates], settings.stream, schedule, has_baseline=baseline is not None)
    users = users_for(schedule, longest_s(settings.timeout_s, baseline)) if schedule else None
    return Plan(
        target=target,
        baseline=baseline,
        packages=tuple(dict.fromkeys(name for user_class in classes.values() for name in user_class.provider.packages)),
        permits=_calls(count("--iterations", options["iterations"]), timetable),
        warmup=natural("--warmup", options["warmup"]),
        schedule=schedule,
        slo=level,
        gates=gates,
        relative_gates=relative_gates,
        earlier_runs=tuple(filter(None, options["baseline"])),
        fail_fast=is_fail_fast(options, [*gates, *relative_gates]),
        junit=junit_of(options, [*gates, *relative_gates]),
        files=found,
        selection_mode="in-order" if timetable else _selection_mode(options),
        history=_history(options, found, is_replay=timetable is not None, has_baseline=baseline is not None),
        system=_system(options["system"]),
        seed=_seed(options["seed"]),
        cache_bust=bool(options["cache_bust"]),
        log_bodies=bool(options["json_response"]),
        load=_load(options, users),
    )


def _files(options: Options) -> list[files.SeedFile]:
    if not options["data_dir"]:
        raise UsageError("--data-dir must be a path, not ''")  # to `Path` it is the current folder
    try:
        return files.read(here_or_beside(options["data_dir"], DATA_DIR), lines=bool(options["plain"]))
    except SeedError as error:
        raise UsageError(str(error)) from error


def _selection_mode(options: Options) -> SelectionMode:
    mode: SelectionMode = one_of("--selection-mode", options["selection_mode"], get_args(SelectionMode))
    return mode


def _history(options: Options, found: list[files.SeedFile], *, is_replay: bool, has_baseline: bool) -> History | None:
    history: History = one_of("--history", options["history"], get_args(History))
    if not any(len(steps(prompt.turns)) > 1 for file in found for prompt in file.prompts):
        return None
    if is_replay and history != "whole":
        raise UsageError("--replay sends each prompt once: with prompts of several turns it needs --history whole")
    if has_baseline and history == "answers":
        raise UsageError(
            "--against sends both sides the same, and their answers differ: with prompts of several turns it needs "
            "--history recorded or whole"
        )
    return history


def _system(given: str) -> str | None:
    """Return the system's text, or that of a file named `@FILE`."""
    if not given.startswith("@"):
        return utf8("--system", given.strip()) or None
    try:
        found = text_of(Path(given[1:])).strip()
    except SeedError as error:
        raise UsageError(f"--system {error}") from error
    if not found:
        raise UsageError(f"--system {given[1:]}: the file is empty")
    return found


def _calls(asked: int | None, timetable: Timetable | None) -> int | None:
    """Return the exact number of calls: a recording has no more than its own."""
    return asked if timetable is None else min(asked or timetable.calls, timetable.calls)


def _load(options: Options, users_of_an_open_loop: int | None) -> Options:
    """Return Locust's own options. An open loop's users only wait for its calls: by default there are enough of them,
    all started at once."""
    users = options.get("num_users")
    if users is not None and users < 1 and (options.get("headless") or options.get("autostart")):
        raise UsageError(f"--users must be a positive integer, not {users}")
    load = {**{name: options.get(name) for name in _LOAD}, "run_time": run_time_s(options.get("run_time"))}
    if users_of_an_open_loop:
        load["num_users"] = users or users_of_an_open_loop
        load["spawn_rate"] = load["spawn_rate"] or load["num_users"]
    return load


def run_time_s(given: int | str | None) -> int | None:
    """Return the run time in seconds; Locust's command line gives it as a number, the web UI's form as a string."""
    if given in (None, ""):
        return None
    try:
        run_time_s = parse_timespan(str(given))
    except (ValueError, OverflowError):
        raise UsageError(f"--run-time must look like 20, 20s, 3m or 1h20m, not {given!r}") from None
    if run_time_s < 1:
        raise UsageError(f"--run-time must be at least 1 second, not {given!r}")
    if run_time_s > LARGEST:
        raise UsageError(f"--run-time must be at most {LARGEST:,.0f} seconds, not {given!r}")
    return run_time_s


def _seed(text: str) -> int:
    if not text:
        return random.SystemRandom().getrandbits(32)
    if (seed := whole(text)) is None:
        raise UsageError(f"--seed must be an integer, not {text!r}")
    return seed
