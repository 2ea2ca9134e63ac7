"""models.json: each provider's models, and which of them is the default."""

import difflib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from harness.command_line.utf8 import is_utf8
from harness.errors import UsageError

DEFAULTS = "default"
"""The field that names providers' default models, beside the providers."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models by provider, in the file's order."""

    listed: dict[str, list[str]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def of(self, provider: str) -> list[str]:
        return self.listed.get(provider, [])

    def default(self, provider: str) -> str:
        """Return a provider's default model: the one that the file names, or the first; empty if there is none."""
        return self.defaults.get(provider) or next(iter(self.of(provider)), "")


def read(path: Path) -> Models:
    """Read a models file. Raises `UsageError`."""
    if path.exists() and not path.is_file():
        raise UsageError(f"models file {path}: not a regular file")
    try:
        listed = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"models file {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"models file {path}: not JSON ({error})") from error
    defaults = listed.pop(DEFAULTS, {}) if isinstance(listed, dict) else {}
    if not _is_well_formed(listed):
        raise UsageError(f'models file {path}: expected {{"provider": ["model", …], …}}')
    _check_defaults(path, listed, defaults)
    return Models(listed, defaults)


def read_if_well(path: Path) -> Models:
    """Return the same for a form to offer; empty if the file is missing or unreadable."""
    try:
        return read(path)
    except UsageError:
        return Models()


def described() -> str:
    """Return the model of the endpoint that the environment describes, which no file can list; "" if it describes
    none."""
    return os.environ.get("LLM_MODEL_NAME", "") if os.environ.get("LLM_ENDPOINT_URL") else ""


def check(models: Models, provider: str, model: str) -> None:
    """Raise `UsageError`, with the known models and the nearest, for a model that is not listed under its provider."""
    known = models.of(provider)
    if model in known:
        return
    names = ", ".join(known) or "none"
    found = f"unknown model {model!r} for {provider}: models.json has {names}{hint(model, known)}"
    raise UsageError(f"{found} (--any-model takes any)")


def hint(wrong: str, known: list[str]) -> str:
    """Return the end of an error message: the nearest known name, if one is close."""
    nearest = difflib.get_close_matches(wrong, known, n=1, cutoff=0.4)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _is_well_formed(models: object) -> bool:
    return isinstance(models, dict) and all(
        isinstance(names, list) and all(map(_is_name, names)) for names in models.values()
    )


def _is_name(name: object) -> bool:
    """Return whether this is text that can be sent: half a surrogate pair can't."""
    return isinstance(name, str) and bool(name) and is_utf8(name)


def _check_defaults(path: Path, listed: dict[str, list[str]], defaults: object) -> None:
    if not isinstance(defaults, dict):
        raise UsageError(f'models file {path}: expected "{DEFAULTS}": {{"provider": "model", …}}')
    for provider, model in defaults.items():
        if model not in listed.get(provider, []):
            raise UsageError(f"models file {path}: the default {model!r} is not among {provider}'s models")
