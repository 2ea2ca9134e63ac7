"""Numbers as the cells of a table."""

from summary.registry import Kind

_SCALES = ((1, "s"), (1e3, "ms"), (1e6, "µs"))


def number(kind: Kind, value: float | None) -> str:
    """Return a number as a table cell: its significant digits, and no unit except a percent sign."""
    if value is None:
        return ""
    if kind == "time":
        return f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"
    if kind in ("share", "rate"):
        return f"{100 * value:.4g} %" if kind == "share" else f"{value:.4g}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def with_unit(kind: Kind, value: float | None) -> str:
    """Return a number with its unit: a short time in milliseconds or microseconds."""
    if value is None:
        return ""
    if kind == "time":
        factor, unit = next((each for each in _SCALES if value >= 1 / each[0]), _SCALES[-1])
        return f"{factor * value:.3g} {unit}"
    if kind == "rate":
        return f"{value:,.0f}/s" if value >= 1000 else f"{value:.4g}/s"
    return number(kind, value)
