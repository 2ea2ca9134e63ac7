"""`--against`: the baseline, which gets the same calls as the target."""

import os

from harness.errors import UsageError
from harness.plan import addresses, keys
from harness.plan.target import MOCK_DEFAULTS, ProviderClasses, Target, provider_of, target_of
from harness.plan.values import Options
from providers.base import Provider

MOCK = "mock"
"""The value of `--against` that means the in-process mock."""

_OF_BASELINE = ("provider", "model", "api", "api_key", "header", "mock_latency")


def baseline_of(options: Options, target: Target, classes: ProviderClasses) -> Target | None:
    """Return what `--against` compares the target with, if it is given. Raises `UsageError`."""
    check_stray(options)
    if not options["against"]:
        return None
    given = {name: options[f"against_{name}"] for name in _OF_BASELINE}
    try:
        return target_of({**options, **_options_of_baseline(options, given, target, classes)}, classes)
    except UsageError as error:
        raise UsageError(f"the baseline: {error}") from error


def check_stray(options: Options) -> None:
    """Raise `UsageError` for an option of a baseline that there is none of, or of a mock that no call goes to; a page's
    form can choose the mock later."""
    named = [name for name in _OF_BASELINE if name != "api_key" and options[f"against_{name}"]]
    if named and not options["against"]:
        raise UsageError(f"--against-{named[0].replace('_', '-')} needs --against")
    if "mock_latency" in named and options["against"] != MOCK:
        raise UsageError("--against-mock-latency needs --against mock")
    of_mock = [name for name, default in MOCK_DEFAULTS.items() if options[name] != default]
    if of_mock and options.get("headless") and not options["mock"] and options["against"] != MOCK:
        raise UsageError(f"--{of_mock[0].replace('_', '-')} needs --mock")


def _options_of_baseline(options: Options, given: Options, target: Target, classes: ProviderClasses) -> Options:
    """Return the options of the baseline, as if it were the target: those of the target where none are given."""
    is_mock = options["against"] == MOCK
    host = options["host"] if is_mock else addresses.check(options["against"], "--against")
    named = given["provider"] or target.settings.provider
    provider = provider_of({**options, "provider": named, "user_classes": []}, classes)
    model = given["model"] or (target.settings.model if provider == target.settings.provider else "")
    if not (model or is_mock):
        raise UsageError(f"--against-provider {provider} needs --against-model")
    if not is_mock:
        _check_key(classes[provider].provider, given["api_key"])
    return {
        "provider": provider, "model": model, "api": given["api"] or options["api"], "user_classes": [],
        "mock": is_mock, "mock_latency": given["mock_latency"] or options["mock_latency"],
        "host": host, "host_query": addresses.HostQuery(), "api_key": given["api_key"], "header": given["header"],
    }  # fmt: skip


def _check_key(provider: type[Provider], given: str) -> None:
    with keys.in_time():
        is_missing = not (given or os.environ.get(provider.key_variable)) and provider.missing_key()
    if is_missing:
        raise UsageError(f"no API key for {provider.name}: set LLM_AGAINST_API_KEY or {provider.key_variable}")
