"""Where a run's calls go: provider, model, address, key and headers, all validated."""

import os
from collections.abc import Mapping
from typing import Any, get_args

from harness.errors import UsageError
from harness.plan import addresses, extra_body, headers, keys, models
from harness.plan.gate_options import gates_of
from harness.plan.values import MODELS_FILE, count, here_or_beside, number, one_of, seconds, word
from providers.settings import API, DEFAULT_REGION, MOCK_HOST, Settings
from providers.user import LLMUser

ProviderClasses = Mapping[str, type[LLMUser]]
Options = Mapping[str, Any]


def settings_of(options: Options, classes: ProviderClasses) -> Settings:
    """Return what every call of the run needs. Raises `UsageError` for the first invalid option."""
    provider = classes[provider_of(options, classes)].provider
    headers.check_variables(provider)
    mock = bool(options["mock"])
    host = addresses.check(options["host"])
    api = one_of("--api", options["api"], get_args(API))
    if api not in provider.apis:
        raise UsageError(f"{provider.name} has no API {api!r}: choose from {', '.join(provider.apis)}")
    return Settings(
        provider=provider.name,
        model=_model(options, provider.name, mock),
        api=api,
        host=MOCK_HOST if mock else host,
        host_query="" if mock else addresses.query_for(options["host"], options["host_query"]),
        timeout_s=seconds("--timeout", options["timeout"]),
        temperature=None if options["temperature"] == "none" else number("--temperature", options["temperature"]),
        max_tokens=count("--max-tokens", options["max_tokens"]),
        api_version=word("--api-version", options["api_version"]) if options["api_version"] else None,
        region=word("--region (AWS_REGION)", options["region"] or DEFAULT_REGION),
        api_key=keys.find(provider, options["api_key"], mock),
        headers=tuple(headers.parse(text) for text in options["header"]),
        extra_body=extra_body.parse(options["extra_body"]),
        mock=mock,
        stream=bool(options["stream"]),
    )


def check_unshown(options: Options) -> None:
    """Raise `UsageError`, before the web UI opens, for options that its form doesn't show and so can't correct."""
    for text in options["header"]:
        headers.parse(text)
    extra_body.parse(options["extra_body"])
    gates_of(options)


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
        raise UsageError(f"no model: give -m with one of {', '.join(known.of(provider))}, or any with --any-model")
    if not options["any_model"] and not _is_described_by_environment(model):
        models.check(known, provider, model)
    if not model.isprintable() or not model.strip():
        raise UsageError(f"--model must be a name, not {model!r}")
    return model


def _is_described_by_environment(model: str) -> bool:
    """Return whether the environment describes the endpoint and its model, which models.json can't list."""
    return bool(os.environ.get("LLM_ENDPOINT_URL")) and os.environ.get("LLM_MODEL_NAME") == model
