"""What a run will do: every option validated and typed, or one line that says which is wrong."""

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from locust.util.timespan import parse_timespan

from harness.errors import UsageError
from harness.load.schedule import Schedule, Timetable
from harness.plan.gate_options import check_needs, gates_of, junit_of, slo_of
from harness.plan.keys import secrets_of
from harness.plan.rate_options import schedule_of, timetable_of, users_for
from harness.plan.target import Options, ProviderClasses, settings_of
from harness.plan.values import DATA_DIR, LARGEST, count, here_or_beside, natural, number, one_of, rate, utf8, whole
from harness.secrets import MASK, Secrets
from providers.base import Provider
from providers.prompt import shortened
from providers.settings import Settings
from seeds import files, text
from seeds.prompts import SelectionMode
from summary.gates.gate import Gate
from summary.gates.slo import Slo


@dataclass(frozen=True, slots=True, kw_only=True)
class MockPlan:
    """How the in-process mock answers."""

    median_latency_s: float
    tokens: int
    error_rate: float
    error_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one run will do.

    packages      the distributions of all providers' SDKs
    calls         the exact number of measured calls; `None` if it is not limited
    warmup_calls  the number of calls made before those
    schedule      when calls start in an open loop; `None` for a closed loop
    system        what the model is told before prompts that don't tell it themselves
    slo           what each call should meet
    gates         conditions that fail the run; `junit` is the file for their verdicts
    load          Locust's own options: users, users started per second, run time, stop timeout
    """

    settings: Settings
    provider: type[Provider]
    packages: tuple[str, ...]
    calls: int | None
    warmup_calls: int
    schedule: Schedule | Timetable | None
    slo: Slo | None
    gates: list[Gate]
    fail_fast: bool
    junit: Path | None
    files: list[files.SeedFile]
    selection_mode: SelectionMode
    system: str | None
    seed: int
    cache_bust: bool
    log_bodies: bool
    mock: MockPlan
    load: dict[str, Any]

    @property
    def secrets(self) -> Secrets:
        """Return the values that this run must never show."""
        secrets = Secrets()
        secrets.add_all(secrets_of(self.settings, self.provider))
        return secrets

    @property
    def most_calls(self) -> int | None:
        """Return the largest possible number of calls; `None` if it is unknown."""
        of_schedule = self.schedule.most_calls(self.load["run_time"]) if self.schedule else None
        known = [calls for calls in (self.calls, of_schedule) if calls is not None]
        return min(known, default=None)

    @property
    def is_counted_out(self) -> bool:
        """Return whether calls are numbered in one place for all workers, rather than by each worker for itself."""
        return bool(self.calls or self.warmup_calls or self.schedule or self.selection_mode == "in-order")

    def options(self) -> dict[str, Any]:
        """Return every option that affects the run, as parsed, without secrets."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _NOT_OPTIONS}
        return {
            **self.load,
            "iterations": self.calls,
            "warmup": self.warmup_calls,
            "rate_stages": self.schedule and self.schedule.facts(),
            "arrival": self.schedule and self.schedule.arrival,
            "slo": self.slo and self.slo.text,
            "fail_if": [gate.text for gate in self.gates],
            "fail_fast": self.fail_fast,
            **settings,
            "headers": [name for name, _ in self.settings.headers],
            "host_query": MASK if self.settings.host_query else None,
            "extra_body": self.secrets.redact_within(self.settings.extra_body),
            "seed_files": [file.name for file in self.files],
            "selection_mode": self.selection_mode,
            "system": self.system and shortened(self.system),
            "cache_bust": self.cache_bust,
            **({f"mock_{name}": value for name, value in asdict(self.mock).items()} if self.settings.mock else {}),
        }


_NOT_OPTIONS = ("provider", "model", "api", "host", "mock", "api_key", "headers", "host_query", "extra_body")
"""Settings that are recorded beside the options, or must not be shown."""

_LOAD = ("num_users", "spawn_rate", "run_time", "stop_timeout")


def plan_of(options: Options, classes: ProviderClasses) -> Plan:
    """Return the plan for the options. Raises `UsageError` for the first invalid one."""
    settings = settings_of(options, classes)
    found = _files(options)
    timetable = timetable_of(options, found)
    schedule, level, gates = timetable or schedule_of(options), slo_of(options), gates_of(options)
    check_needs(level, gates, stream=settings.stream, open_loop=schedule is not None)
    users = users_for(schedule, settings.timeout_s) if schedule else None
    return Plan(
        settings=settings,
        provider=classes[settings.provider].provider,
        packages=tuple(dict.fromkeys(name for user_class in classes.values() for name in user_class.provider.packages)),
        calls=_calls(count("--iterations", options["iterations"]), timetable),
        warmup_calls=natural("--warmup", options["warmup"]),
        schedule=schedule,
        slo=level,
        gates=gates,
        fail_fast=bool(options["fail_fast"]),
        junit=junit_of(options, gates),
        files=found,
        selection_mode="in-order" if timetable else _selection_mode(options),
        system=_system(options["system"]),
        seed=_seed(options["seed"]),
        cache_bust=bool(options["cache_bust"]),
        log_bodies=bool(options["json_response"]),
        mock=_mock(options),
        load=_load(options, users),
    )


def _files(options: Options) -> list[files.SeedFile]:
    try:
        return files.read(here_or_beside(options["data_dir"], DATA_DIR), lines=bool(options["plain"]))
    except text.SeedError as error:
        raise UsageError(str(error)) from error


def _selection_mode(options: Options) -> SelectionMode:
    mode: SelectionMode = one_of("--selection-mode", options["selection_mode"], get_args(SelectionMode))
    return mode


def _system(given: str) -> str | None:
    """Return the system's text, or that of a file named `@FILE`."""
    if not given.startswith("@"):
        return utf8("--system", given.strip()) or None
    try:
        found = text.text_of(Path(given[1:])).strip()
    except text.SeedError as error:
        raise UsageError(f"--system {error}") from error
    if not found:
        raise UsageError(f"--system {given[1:]}: the file is empty")
    return found


def _calls(asked: int | None, timetable: Timetable | None) -> int | None:
    """Return the exact number of calls: a recording has no more than its own."""
    return asked if timetable is None else min(asked or timetable.calls, timetable.calls)


def _load(options: Options, users_of_an_open_loop: int | None) -> dict[str, Any]:
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


def _mock(options: Options) -> MockPlan:
    return MockPlan(
        median_latency_s=number("--mock-latency", options["mock_latency"]),
        tokens=count("--mock-tokens", options["mock_tokens"]) or 1,
        error_rate=rate("--mock-error-rate", options["mock_error_rate"]),
        error_status=_error_status(options["mock_error_status"]),
    )


def _error_status(text: str) -> int:
    status = count("--mock-error-status", text) or 0
    if not 400 <= status <= 599:
        raise UsageError(f"--mock-error-status must be from 400 to 599, not {text!r}")
    return status
