"""A number on its own, with its unit: never an exponent, and times below a second in milliseconds."""

import math
from collections.abc import Iterator, Sequence

from summary.registry import UNITS, Kind

SIGNIFICANT = 4
SECOND_S, LONG_S = 0.9995, 100
"""What is written as 1.000 s, and from where on a tenth of a second is precise enough."""


def written(kind: Kind, value: float | None) -> str:
    """Return a number with its unit; "" for none."""
    if value is None:
        return ""
    return time(value) if kind == "time" else digits(UNITS[kind].factor * value) + UNITS[kind].sign


def precise(kind: Kind, value: float) -> Iterator[tuple[str, float]]:
    """Yield the number with its unit as `written` has it, then with ever more digits; each with the value shown."""
    factor, sign = UNITS[kind].factor, UNITS[kind].sign
    if kind == "time" and abs(value) < SECOND_S:
        factor, sign = 1000, " ms"
    usual = written(kind, value).removesuffix(sign)
    decimals = len(usual.partition(".")[2])
    for text in (usual, *(f"{factor * value:,.{more}f}" for more in range(decimals + 1, decimals + 18))):
        yield text + sign, float(text.replace(",", "")) / factor


def number(kind: Kind, value: float | None) -> str:
    """Return a number with its unit, except for a rate's, which is said beside it; "" for none."""
    return written(kind, value).removesuffix("/s")


def digits(value: float, significant: int = SIGNIFICANT) -> str:
    """Return the significant digits, and all of a large number's integer ones, without trailing zeros."""
    if not value:
        return "0"
    decimals = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def time(seconds: float) -> str:
    """Return a time as "1.061 s", "711 ms", "42.3 ms" or "6.54 ms"."""
    if abs(seconds) >= SECOND_S:
        return f"{seconds:,.3f} s" if abs(seconds) < LONG_S else f"{seconds:,.1f} s"
    ms = 1000 * seconds
    return f"{digits(ms, 2) if abs(ms) < 0.0995 else f'{ms:.{decimals_of(ms)}f}'} ms"


def decimals_of(value: float, significant: int = 3) -> int:
    """Return how many decimals, at most 3, show so many digits."""
    rounded_up = ((places, 10 ** (significant - 1 - places) - 0.05 / 10**places) for places in range(3))
    return next((places for places, least in rounded_up if abs(value) >= least), 3)


def signed(kind: Kind, value: float) -> str:
    """Return a difference with its sign and unit; that of shares is in percentage points."""
    return signed_ends(kind, (value,))


def signed_ends(kind: Kind, ends: Sequence[float]) -> str:
    """Return the ends of a difference's interval, and the unit that they share."""
    is_long = kind == "time" and max(map(abs, ends)) >= SECOND_S
    factor, unit = (1, " s") if is_long else _OF_DIFFERENCES.get(kind, (UNITS[kind].factor, UNITS[kind].sign))
    return " to ".join(_signed(kind, factor * end) for end in ends) + unit


def bare_difference(kind: Kind, value: float) -> str:
    """Return a difference with its sign but without its unit: of times, milliseconds."""
    return _signed(kind, _OF_DIFFERENCES.get(kind, (UNITS[kind].factor, ""))[0] * value)


_OF_DIFFERENCES: dict[Kind, tuple[int, str]] = {"time": (1000, " ms"), "share": (100, " points")}


def _signed(kind: Kind, value: float) -> str:
    if not value:
        return "0"
    is_whole = kind in ("bytes", "tokens", "count") and value == round(value)
    return f"{value:+,.{0 if is_whole else 2 if kind == 'share' else decimals_of(value)}f}"


def signed_share(value: float) -> str:
    """Return a relative change as a percentage with its sign."""
    return f"{100 * value:+,.{1 if abs(value) < 1 else 0}f} %"
