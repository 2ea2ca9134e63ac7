"""Where calls go: provider, model, address, key and headers, validated, and how the mock answers."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import get_args

from harness.errors import UsageError
from harness.plan import addresses, extra_body, headers, keys, models
from harness.plan.values import MODELS_FILE, Options, count, here_or_beside, number, one_of, positive, share, word
from harness.secrets import MASK
from providers.base import Provider
from providers.settings import API, DEFAULT_REGION, MOCK_HOST, Settings
from providers.user import LLMUser

ProviderClasses = Mapping[str, type[LLMUser]]

MOCK_DEFAULTS = {"mock_latency": "0.7", "mock_tokens": "64", "mock_error_rate": "0", "mock_error_status": "500"}
"""The mock's options."""

MOST_MOCK_TOKENS = 1_000_000
"""An answer is made whole before its first token is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockPlan:
    """How the in-process mock answers."""

    median_latency_s: float
    tokens: int
    error_rate: float
    error_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where calls go, and everything that they need.

    mock  how the mock answers, if it is the mock
    """

    settings: Settings
    provider: type[Provider]
    mock: MockPlan

    def secrets(self) -> list[str]:
        """Return the values that must never be shown."""
        with keys.in_time():
            return keys.secrets_of(self.settings, self.provider)

    def check_key(self) -> None:
        """Raise `UsageError` if it needs a key and there is none."""
        with keys.in_time():
            keys.check(self.settings, self.provider)

    def facts(self) -> dict[str, object]:
        """Return what identifies it."""
        return {
            **{name: getattr(self.settings, name) for name in ("provider", "model", "api", "mode")},
            "host": None if self.settings.mock else self.settings.host,
        }

    def options(self) -> dict[str, object]:
        """Return its other options, without secrets."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _NOT_OPTIONS}
        return {
            **settings,
            "headers": [name for name, _ in self.settings.headers],
            "host_query": MASK if self.settings.host_query else None,
            **({f"mock_{name}": value for name, value in asdict(self.mock).items()} if self.settings.mock else {}),
        }


_NOT_OPTIONS = ("provider", "model", "api", "host", "mock", "api_key", "headers", "host_query", "extra_body")
"""Settings that are recorded beside the options, or must not be shown."""


def target_of(options: Options, classes: ProviderClasses) -> Target:
    """Return where the calls go. Raises `UsageError` for the first invalid option."""
    settings = settings_of(options, classes)
    return Target(settings=settings, provider=classes[settings.provider].provider, mock=_mock(options))


def _mock(options: Options) -> MockPlan:
    return MockPlan(
        median_latency_s=number("--mock-latency", options["mock_latency"]),
        tokens=count("--mock-tokens", options["mock_tokens"], MOST_MOCK_TOKENS) or 1,
        error_rate=share("--mock-error-rate", options["mock_error_rate"]),
        error_status=_error_status(options["mock_error_status"]),
    )


def _error_status(text: str) -> int:
    status = count("--mock-error-status", text) or 0
    if not 400 <= status <= 599:
        raise UsageError(f"--mock-error-status must be from 400 to 599, not {text!r}")
    return status


def settings_of(options: Options, classes: ProviderClasses) -> Settings:
    """Return what every call of the run needs. Raises `UsageError` for the first invalid option."""
    provider = classes[provider_of(options, classes)].provider
    mock = bool(options["mock"])
    key = keys.find(provider, options["api_key"], mock)
    with keys.in_time():
        headers.check_variables(provider, has_key=bool(key))
    host = addresses.check(options["host"])
    return Settings(
        provider=provider.name,
        model=_model(options, provider.name, mock),
        api=_api(options, provider),
        host=MOCK_HOST if mock else host,
        host_query="" if mock else addresses.query_for(options["host"], options["host_query"]),
        timeout_s=positive("--timeout", options["timeout"], "seconds"),
        temperature=None if options["temperature"] == "none" else number("--temperature", options["temperature"]),
        max_tokens=count("--max-tokens", options["max_tokens"]),
        api_version=word("--api-version", options["api_version"]) if options["api_version"] else None,
        region=word("--region (AWS_REGION)", options["region"] or DEFAULT_REGION),
        api_key=key,
        headers=tuple(headers.parse(text) for text in options["header"]),
        extra_body=extra_body.parse(options["extra_body"]),
        mock=mock,
        stream=bool(options["stream"]),
    )


def _api(options: Options, provider: type[Provider]) -> API:
    api: API = one_of("--api", options["api"], get_args(API))
    if api not in provider.apis:
        raise UsageError(f"{provider.name} has no API {api!r}: choose from {', '.join(provider.apis)}")
    return api


def provider_of(options: Options, classes: ProviderClasses) -> str:
    """Return the provider that the options name or imply. Raises `UsageError`."""
    implied = next(iter(classes)) if options["mock"] or os.environ.get("LLM_ENDPOINT_URL") else ""
    chosen = _provider_of_class(options, classes)
    named = options["provider"] or chosen or implied
    if not named:
        raise UsageError(f"no provider: give -p with one of {', '.join(classes)}")
    if named not in classes:
        raise UsageError(
            f"unknown provider {named!r}: choose from {', '.join(classes)}{models.hint(named, list(classes))}"
        )
    if chosen and chosen != named:
        raise UsageError(f"User class {options['user_classes'][0]} is for {chosen}, but the provider is {named}")
    return str(named)


def _provider_of_class(options: Options, classes: ProviderClasses) -> str | None:
    chosen = options.get("user_classes") or []
    if len(chosen) > 1:
        raise UsageError(f"one User class per run, not {len(chosen)}: {', '.join(chosen)}")
    known = {user_class.__name__: provider for provider, user_class in classes.items()}
    if chosen and chosen[0] not in known:
        raise UsageError(f"unknown User class {chosen[0]!r}: choose from {', '.join(known)}")
    return known[chosen[0]] if chosen else None


def _model(options: Options, provider: str, mock: bool) -> str:
    known = models.read(here_or_beside(options["models_file"], MODELS_FILE))
    model = str(options["model"]) or (known.default(provider) if mock else "")
    if not model:
        listed = ", ".join(known.of(provider))
        choice = f"give -m with one of {listed}" if listed else f"models.json lists none for {provider}: give -m"
        raise UsageError(f"no model: {choice}, or any with --any-model")
    if not options["any_model"] and model != models.described():
        models.check(known, provider, model)
    if not model.isprintable() or not model.strip():
        raise UsageError(f"--model must be a name, not {model!r}")
    return model
