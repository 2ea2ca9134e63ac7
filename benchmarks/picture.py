"""Latencies over time as an SVG picture: one panel per run, one dot per call."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL_HEIGHT, MARGIN, TITLE_HEIGHT = 760, 150, 46, 52
TICKS_S, MOST_S = (0, 1, 2), 2.2
TIME_TICK_S = 10
DOT = "M{x:.0f} {y:.1f}h0"
STYLE = (
    "text{font:13px sans-serif;fill:#333}.title{font-weight:bold}.tick{font-size:11px;fill:#777}"
    "line{stroke:#ddd}path{stroke:#2563a8;stroke-width:2.6;stroke-linecap:round}"
)


@dataclass(frozen=True)
class Panel:
    """One run's calls, as pairs of start time and latency, both in seconds."""

    title: str
    calls: Sequence[tuple[float, float]]


def drawn(panels: Sequence[Panel]) -> str:
    """Return the picture. All panels have the same axes, in seconds."""
    first_s = min(at_s for panel in panels for at_s, _ in panel.calls)
    last_s = max(at_s for panel in panels for at_s, _ in panel.calls)
    height = len(panels) * (PANEL_HEIGHT + TITLE_HEIGHT) + MARGIN
    body = [_panel(panel, number, first_s, last_s) for number, panel in enumerate(panels)]
    label = f'<text class="tick" x="{WIDTH / 2}" y="{height - 8}" text-anchor="middle">seconds since the start</text>'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *body, label, "</svg>\n",
    ])  # fmt: skip


def _panel(panel: Panel, number: int, first_s: float, last_s: float) -> str:
    top = number * (PANEL_HEIGHT + TITLE_HEIGHT) + TITLE_HEIGHT
    x_scale, y_scale = (WIDTH - 1.5 * MARGIN) / (last_s - first_s), PANEL_HEIGHT / MOST_S

    def x(at_s: float) -> float:
        return MARGIN + (at_s - first_s) * x_scale

    def y(latency_s: float) -> float:
        return top + PANEL_HEIGHT - latency_s * y_scale

    dots = "".join(DOT.format(x=x(at_s), y=y(latency_s)) for at_s, latency_s in panel.calls)
    return "\n".join([
        f'<text class="title" x="{MARGIN}" y="{top - 10}">{escape(panel.title)}</text>',
        *(_latency_tick(f"{tick} s", y(tick)) for tick in TICKS_S),
        *(_time_tick(tick, x(first_s + tick), top) for tick in range(0, int(last_s - first_s) + 1, TIME_TICK_S)),
        f'<path d="{dots}"/>',
    ])  # fmt: skip


def _latency_tick(text: str, at_y: float) -> str:
    line = f'<line x1="{MARGIN}" y1="{at_y:.0f}" x2="{WIDTH - MARGIN / 2}" y2="{at_y:.0f}"/>'
    return f'{line}<text class="tick" x="{MARGIN - 8}" y="{at_y + 4:.0f}" text-anchor="end">{text}</text>'


def _time_tick(tick: int, at_x: float, top: float) -> str:
    return f'<text class="tick" x="{at_x:.0f}" y="{top + PANEL_HEIGHT + 14}" text-anchor="middle">{tick}</text>'
