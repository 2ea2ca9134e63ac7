"""What a run is to do: every option checked and given its type, or one line that says which is wrong."""

import os
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from locust.util.timespan import parse_timespan

import seeds
from harness import keys, models
from harness.arrivals import Schedule
from harness.conditions import check_needs, gates_of, junit_of, slo_of
from harness.errors import UsageError
from harness.numbers import count, natural, number, rate, seconds
from harness.rates import schedule_of, users_for
from providers.settings import API, MOCK_HOST, Settings
from providers.user import LLMUser
from summary.gates import Gate
from summary.slo import Slo

ProviderClasses = Mapping[str, type[LLMUser]]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MockPlan:
    """How the in-process mock answers."""

    median_latency_s: float
    tokens: int
    error_rate: float
    error_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run, decided.

    calls         exactly so many are measured; `None` for a run without a count
    warmup_calls  so many come before them
    schedule      when calls start, in an open loop; `None` for a closed one
    slo           what each call should meet
    gates         conditions that the run should not meet; `junit` is where their verdicts go
    load          Locust's own options: users, users started a second, run time, stop timeout
    """

    settings: Settings
    calls: int | None
    warmup_calls: int
    schedule: Schedule | None
    slo: Slo | None
    gates: list[Gate]
    fail_fast: bool
    junit: Path | None
    files: list[seeds.SeedFile]
    selection_mode: seeds.SelectionMode
    seed: int
    cache_bust: bool
    log_bodies: bool
    mock: MockPlan
    load: dict[str, Any]

    @property
    def most_calls(self) -> int | None:
        """Return how many calls there can be at most; `None` where nothing tells."""
        of_schedule = self.schedule.most_calls(self.load["run_time"]) if self.schedule else None
        known = [calls for calls in (self.calls, of_schedule) if calls is not None]
        return min(known, default=None)

    @property
    def is_counted_out(self) -> bool:
        """Tell whether calls get their numbers from one place for all workers; without a count each numbers its own."""
        return bool(self.calls or self.warmup_calls or self.schedule)

    def options(self) -> dict[str, Any]:
        """Return every option that shapes the run, as it was understood, without secrets."""
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
            "seed_files": [file.name for file in self.files],
            "selection_mode": self.selection_mode,
            "cache_bust": self.cache_bust,
            **({f"mock_{name}": value for name, value in asdict(self.mock).items()} if self.settings.mock else {}),
        }


_NOT_OPTIONS = ("provider", "model", "api", "host", "mock", "api_key", "headers")
"""Fields of the settings that stand beside the options, or must not be seen."""

_LOAD = ("num_users", "spawn_rate", "run_time", "stop_timeout")


def plan_of(options: Options, classes: ProviderClasses) -> Plan:
    """Return the plan that the options ask for. Raises `UsageError` for the first that can't be met."""
    settings = _settings(options, classes)
    try:
        files = seeds.read_folder(Path(options["data_dir"]))
    except seeds.SeedError as error:
        raise UsageError(str(error)) from error
    schedule, level, gates = schedule_of(options), slo_of(options), gates_of(options)
    check_needs(level, gates, stream=settings.stream, open_loop=schedule is not None)
    users = users_for(schedule, settings.timeout_s) if schedule else None
    return Plan(
        settings=settings,
        calls=count("--iterations", options["iterations"]),
        warmup_calls=natural("--warmup", options["warmup"]),
        schedule=schedule,
        slo=level,
        gates=gates,
        fail_fast=bool(options["fail_fast"]),
        junit=junit_of(options, gates),
        files=files,
        selection_mode=_one_of("--selection-mode", options["selection_mode"], get_args(seeds.SelectionMode)),
        seed=_seed(options["seed"]),
        cache_bust=bool(options["cache_bust"]),
        log_bodies=bool(options["json_response"]),
        mock=_mock(options),
        load=_load(options, users),
    )


def provider_of(options: Options, classes: ProviderClasses) -> str:
    """Return the provider that the options name, or imply. Raises `UsageError`."""
    implied = "openai" if options["mock"] or os.environ.get("LLM_ENDPOINT_URL") else ""
    chosen = _provider_of_class(options, classes)
    named = options["provider"] or chosen or implied
    if not named:
        raise UsageError(f"no provider: give -p with one of {', '.join(classes)}")
    if named not in classes:
        raise UsageError(
            f"unknown provider {named!r}: there are {', '.join(classes)}{models.hint(named, list(classes))}"
        )
    if chosen and chosen != named:
        raise UsageError(f"the class {options['user_classes'][0]} is {chosen}'s, but the provider is {named}")
    return str(named)


def _provider_of_class(options: Options, classes: ProviderClasses) -> str | None:
    chosen = options.get("user_classes") or []
    if len(chosen) > 1:
        raise UsageError(f"one User class a run, not {len(chosen)}: {', '.join(chosen)}")
    return next((name for name, user_class in classes.items() if user_class.__name__ in chosen), None)


def _load(options: Options, users_of_an_open_loop: int | None) -> dict[str, Any]:
    """An open loop's users only wait for its calls: unless told otherwise, enough of them, and all at once."""
    users = options.get("num_users")
    if users is not None and users < 1 and options.get("headless"):
        raise UsageError(f"--users must be a whole number from 1, not {users}")
    load = {**{name: options.get(name) for name in _LOAD}, "run_time": _run_time_s(options.get("run_time"))}
    if users_of_an_open_loop:
        load["num_users"] = users or users_of_an_open_loop
        load["spawn_rate"] = load["spawn_rate"] or load["num_users"]
    return load


def _run_time_s(given: int | str | None) -> int | None:
    """Return the run time, which Locust's command line has as a number and the web UI's form as a text."""
    try:
        return parse_timespan(str(given)) if given else None
    except ValueError:
        raise UsageError(f"--run-time must look like 20, 20s, 3m or 1h20m, not {given!r}") from None


def _settings(options: Options, classes: ProviderClasses) -> Settings:
    provider = provider_of(options, classes)
    mock = bool(options["mock"])
    api = _one_of("--api", options["api"], get_args(API))
    if api not in classes[provider].apis:
        raise UsageError(f"{provider} has no API {api!r}: it has {', '.join(classes[provider].apis)}")
    return Settings(
        provider=provider,
        model=_model(options, provider, mock),
        api=api,
        host=MOCK_HOST if mock else _host(options["host"]),
        timeout_s=seconds("--timeout", options["timeout"]),
        temperature=None if options["temperature"] == "none" else number("--temperature", options["temperature"]),
        max_tokens=count("--max-tokens", options["max_tokens"]),
        api_version=options["api_version"] or None,
        region=options["region"],
        api_key=keys.find(provider, options["api_key"], mock),
        headers=tuple(_header(text) for text in options["header"]),
        mock=mock,
        stream=bool(options["stream"]),
    )


def _model(options: Options, provider: str, mock: bool) -> str:
    known = models.read(Path(options["models_file"]))
    model = str(options["model"]) or (known.get(provider, [""])[0] if mock else "")
    if not model:
        raise UsageError(f"no model: give -m with one of {', '.join(known.get(provider, []))}")
    if not _is_any_endpoints(model):
        models.check(known, provider, model)
    return model


def _is_any_endpoints(model: str) -> bool:
    """Tell whether the environment describes an endpoint whose models we can't know."""
    return bool(os.environ.get("LLM_ENDPOINT_URL")) and os.environ.get("LLM_MODEL_NAME") == model


def _host(host: str) -> str:
    try:
        url = urlsplit(host)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"--host must look like http://localhost:8000, not {host!r}")
    if url.username or url.password:
        raise UsageError("--host must not hold a user or a password: give them with --header Authorization:…")
    return host


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not name.isascii() or not _is_sendable(value):
        raise UsageError("--header must look like NAME:VALUE, in Latin-1, on one line")
    return name.strip(), value.strip()


def _is_sendable(value: str) -> bool:
    return all(" " <= character <= "\xff" and character != "\x7f" for character in value.strip())


def _seed(text: str) -> int:
    if not text:
        return random.SystemRandom().getrandbits(32)
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--seed must be a whole number, not {text!r}") from None


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


def _one_of(option: str, value: str, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise UsageError(f"{option} must be one of {', '.join(choices)}, not {value!r}")
    return value
