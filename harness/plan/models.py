"""models.json: each provider's models."""

import difflib
import json
from pathlib import Path

from harness.errors import UsageError
from harness.process.utf8 import is_utf8

Models = dict[str, list[str]]


def read(path: Path) -> Models:
    """Return the models by provider, in the file's order. Raises `UsageError`."""
    if path.exists() and not path.is_file():
        raise UsageError(f"models file {path}: not a regular file")
    try:
        models = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"models file {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"models file {path}: not JSON ({error})") from error
    if not _is_well_formed(models):
        raise UsageError(f'models file {path}: expected {{"provider": ["model", …], …}}')
    return dict(models)


def read_if_well(path: Path) -> Models:
    """Return the same for a form to offer; empty if the file is missing or unreadable."""
    try:
        return read(path)
    except UsageError:
        return {}


def check(models: Models, provider: str, model: str) -> None:
    """Raise `UsageError`, with the known models and the nearest, for a model that is not listed under its provider."""
    known = models.get(provider, [])
    if model in known:
        return
    names = ", ".join(known) or "none"
    raise UsageError(f"unknown model {model!r} for {provider}: models.json has {names}{hint(model, known)}")


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
