"""Numbers side by side in a table: those of one figure share a unit, which is written once, beside its name."""

from collections.abc import Iterable
from dataclasses import dataclass

from summary.numbers.written import decimals_of, number
from summary.registry import Kind

LONG_S = 9.9995
"""From here on, times side by side are in seconds; below, in milliseconds: no cell is wider than five digits."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of some numbers; "" if it needs no name."""

    kind: Kind
    unit: str

    def cell(self, value: float | None) -> str:
        """Return a number as a cell; "" for none."""
        if value is None or self.kind != "time":
            return number(self.kind, value)
        if not value:
            return "0"
        if self.unit == "s":
            return f"{value:,.{decimals_of(value, 4)}f}"
        return f"{1000 * value:,.{decimals_of(1000 * value)}f}"

    def beside(self, title: str) -> str:
        """Return a figure's title with the unit."""
        return f"{title}, {self.unit}" if self.unit else title


def scale(kind: Kind, values: Iterable[float | None]) -> Scale:
    """Return the unit for these numbers of one figure."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return Scale(kind, ("s" if largest >= LONG_S else "ms") if kind == "time" else "")
