"""Values out of option texts. Each function raises `UsageError` with the option's name."""

import math
from typing import Any

from harness.errors import UsageError

LARGEST = 1e9
"""Of seconds, 30 years. With larger numbers, clocks and sums overflow."""


def count(option: str, text: str | int | None) -> int | None:
    """Return a whole number from 1; `None` for no text."""
    if text in ("", None):
        return None
    try:
        value = int(str(text))
    except ValueError:
        value = 0
    if value < 1:
        raise UsageError(f"{option} must be a whole number from 1, not {text!r}")
    return value


def natural(option: str, text: str | int) -> int:
    """Return a whole number from 0, which no text means too."""
    return 0 if str(text) == "0" else count(option, text) or 0


def number(option: str, text: str | float) -> float:
    """Return a number from 0 to `LARGEST`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"{option} must be a number from 0, not {text!r}")
    if value > LARGEST:
        raise UsageError(f"{option} must be at most {LARGEST:,.0f}, not {text!r}")
    return value


def seconds(option: str, text: str | float) -> float:
    """Return a number of seconds above 0."""
    value = number(option, text)
    if value == 0:
        raise UsageError(f"{option} must be a number of seconds above 0, not {text!r}")
    return value


def rate(option: str, text: str | float) -> float:
    """Return a share from 0 to 1."""
    value = number(option, text)
    if value > 1:
        raise UsageError(f"{option} must be from 0 to 1, not {text!r}")
    return value


def one_of(option: str, value: str, choices: tuple[Any, ...]) -> Any:
    """Return the value, if it is one of the choices."""
    if value not in choices:
        raise UsageError(f"{option} must be one of {', '.join(choices)}, not {value!r}")
    return value
