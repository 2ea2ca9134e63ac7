"""Parses option values. Each parser raises `UsageError` with the option's name."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.command_line.utf8 import is_utf8, refusal
from harness.errors import UsageError

Options = Mapping[str, Any]
"""Every option by name, Locust's own included, as given."""

PROJECT = Path(__file__).parents[2]
DATA_DIR, MODELS_FILE = "./unstructured_data", "./models.json"

LARGEST = 1e9
"""In seconds, 30 years. Larger numbers overflow clocks and sums."""

_NUMERALS = re.compile(r"\s*[-+]?[0-9.]+(e[-+]?[0-9]+)?\s*", re.IGNORECASE)
"""What Python parses as a number, except `1_0` and the digits of other scripts: here those are typing errors."""

_WORD = re.compile(r"[A-Za-z0-9._-]+")


def here_or_beside(given: str, default: str) -> Path:
    """Return a path. The default one is beside the locustfile if it isn't in the current folder."""
    path = Path(given)
    return PROJECT / default if given == default and not path.exists() else path


def count(option: str, text: str | int | None, largest: float = LARGEST) -> int | None:
    """Return a positive integer; `None` for an empty text."""
    if text in ("", None):
        return None
    value = whole(text) or 0
    if value < 1:
        raise UsageError(f"{option} must be a positive integer, not {text!r}")
    _refuse_too_large(option, text, value, largest)
    return value


def whole(text: str | int) -> int | None:
    """Return an integer; `None` if the text is not one."""
    try:
        return int(text) if _NUMERALS.fullmatch(str(text)) else None
    except ValueError:
        return None


def natural(option: str, text: str | int) -> int:
    """Return a non-negative integer; 0 for an empty text."""
    if (value := whole(text or 0)) is None or value < 0:
        raise UsageError(f"{option} must be 0 or a positive integer, not {text!r}")
    _refuse_too_large(option, text, value)
    return value


def number(option: str, text: str | float, largest: float = LARGEST) -> float:
    """Return a number from 0 to the largest."""
    try:
        value = float(text) if _NUMERALS.fullmatch(str(text)) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"{option} must be a non-negative number, not {text!r}")
    _refuse_too_large(option, text, value, largest)
    return value


def positive(option: str, text: str | float, unit: str, largest: float = LARGEST) -> float:
    """Return a positive number of a unit."""
    value = number(option, text, largest)
    if value == 0:
        raise UsageError(f"{option} must be a positive number of {unit}, not {text!r}")
    return value


def share(option: str, text: str | float) -> float:
    """Return a fraction from 0 to 1."""
    value = number(option, text)
    if value > 1:
        raise UsageError(f"{option} must be from 0 to 1, not {text!r}")
    return value


def word(option: str, text: str) -> str:
    """Return a text that needs no encoding in a header, a path or a query."""
    if not _WORD.fullmatch(text):
        raise UsageError(f"{option} must consist of letters, digits, '-', '_' and '.', not {text!r}")
    return text


def utf8(option: str, text: str) -> str:
    """Return a text that can be sent: Python reads other bytes of a command line as halves of characters."""
    if not is_utf8(text):
        raise UsageError(refusal(option))
    return text


def one_of(option: str, value: str, choices: tuple[Any, ...]) -> Any:
    """Return the value if it is one of the choices."""
    if value not in choices:
        raise UsageError(f"{option} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _refuse_too_large(option: str, text: str | float, value: float, largest: float = LARGEST) -> None:
    if value > largest:
        raise UsageError(f"{option} must be at most {largest:,.0f}, not {text!r}")
