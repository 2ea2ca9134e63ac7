"""A chart: its figures, how to read them, or why there are none. A figure is plotly's JSON: `data` and `layout`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from summary.cells import printable

Json = dict[str, Any]

HEIGHT_PX, SMALL_HEIGHT_PX = 360, 280
LEGEND: Json = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
LABEL_CHARACTERS = 60
FONTS = "system-ui, -apple-system, 'Segoe UI', sans-serif"
FEW = 5

COLOURS = ("#3b82d0", "#e07b1f", "#2a9d74", "#9a6ad6", "#b8912a", "#3aa3b5", "#c95f9d", "#7d8a99")
FAILED, WARMUP, LIMIT, QUIET = "#dc3f47", "#8a919c", "#b4479e", "#8a919c"
"""All can be told from a white and from a nearly black background."""

LIGHT, DARK = (
    {"text": "#3d444d", "grid": "#e4e7eb", "line": "#b6bcc4", "paper": "#ffffff"},
    {"text": "#c3c9d1", "grid": "#2b3138", "line": "#525a64", "paper": "#181c21"},
)


CONFIG: Json = {
    "responsive": True, "displaylogo": False, "showSendToCloud": False, "plotlyServerURL": "",
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}  # fmt: skip
"""How plotly draws every figure. By default it offers a button that sends the data to its makers' cloud."""


@dataclass(frozen=True)
class Chart:
    """Figures under one heading.

    name         an identifier
    how_to_read  one sentence
    notes        what this drawing leaves out, or adds
    absent       why there are no figures
    """

    name: str
    title: str
    how_to_read: str = ""
    figures: Sequence[Json] = ()
    notes: Sequence[str] = field(default_factory=list)
    absent: str = ""


def figure(traces: Sequence[Json], x: Json, y: Json, height_px: int = HEIGHT_PX, **layout: Any) -> Json:
    """Return a figure. Its colours besides the traces' are the template's."""
    return {
        "data": list(traces),
        "layout": {
            "xaxis": {"automargin": True, **x},
            "yaxis": {"automargin": True, "rangemode": "tozero", **y},
            "height": height_px,
            "margin": {"l": 8, "r": 14, "t": 34, "b": 8},
            "legend": LEGEND,
            "hovermode": "closest",
            **layout,
        },
    }


def counted_axis(title: str, largest: int) -> Json:
    """Return an axis of counts, without ticks between two whole numbers."""
    return {"title": {"text": title}, **({"dtick": 1} if largest <= FEW else {})}


def template(colours: Json) -> Json:
    """Return plotly's template for a light or a dark page."""
    axis = {
        "gridcolor": colours["grid"], "zerolinecolor": colours["grid"], "linecolor": colours["line"],
        "tickcolor": colours["line"], "showline": True, "ticks": "outside", "ticklen": 4,
        "title": {"standoff": 8, "font": {"size": 12}},
    }  # fmt: skip
    return {
        "layout": {
            "font": {"family": FONTS, "size": 12, "color": colours["text"]},
            "paper_bgcolor": colours["paper"], "plot_bgcolor": colours["paper"],
            "hoverlabel": {"font": {"color": colours["text"]}, "bgcolor": colours["paper"]},
            "xaxis": axis, "yaxis": axis,
        }
    }  # fmt: skip


def label(text: object) -> str:
    """Return a text from users or servers for a figure: short, printable, and without what plotly takes for markup."""
    plain = " ".join(str(printable(str(text))).split())
    return escape(plain if len(plain) <= LABEL_CHARACTERS else plain[: LABEL_CHARACTERS - 1] + "…", quote=False)


def colour_of(position: int) -> str:
    return COLOURS[position % len(COLOURS)]


def faint(colour: str, share: float) -> str:
    """Return a colour with this opacity."""
    red, green, blue = (int(colour[first : first + 2], 16) for first in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"
