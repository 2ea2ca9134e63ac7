"""Interactive menus for a missing provider or model."""

import sys
from argparse import Namespace

from harness.errors import INTERRUPTED, UsageError
from harness.plan import models
from harness.plan.target import ProviderClasses, provider_of
from harness.plan.values import MODELS_FILE, here_or_beside


def ask_for_missing(options: Namespace, classes: ProviderClasses) -> None:
    """Ask for a missing provider and model in menus, by default only on a terminal."""
    asks = options.interactive
    if not (_on_a_terminal() if asks is None else asks):
        return
    if not _is_provider_known(options, classes):
        options.provider = _choose("Provider", list(classes))
    if not options.model and not options.mock:
        known = models.read(here_or_beside(options.models_file, MODELS_FILE))
        provider = provider_of(vars(options), classes)
        options.model = _choose("Model", known.of(provider), known.default(provider))


def _is_provider_known(options: Namespace, classes: ProviderClasses) -> bool:
    try:
        return bool(provider_of(vars(options), classes))
    except UsageError:
        return bool(options.provider)


def _choose(title: str, choices: list[str], default: str = "") -> str:
    import questionary  # Takes 0.1 s, and few runs need it.

    if not choices:
        raise UsageError(f"no {title.lower()} to choose from")
    chosen = questionary.select(title, choices=choices, default=default or None).ask()
    if chosen is None:
        sys.exit(INTERRUPTED)
    return str(chosen)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.__stdout__ is not None and sys.__stdout__.isatty()
