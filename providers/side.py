"""Whom a run's calls go to: its target, and perhaps a baseline to compare it with."""

from dataclasses import dataclass
from typing import Any

from providers.base import Provider
from providers.settings import Settings


@dataclass(frozen=True, slots=True)
class Side:
    """The provider that makes the calls of one side, its settings, and its SDK's client."""

    provider: type[Provider]
    settings: Settings
    client: Any
