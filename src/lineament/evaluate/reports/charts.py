"""Charts as SVG text that stands in a page by itself: lines and grouped bars, no script, nothing to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

COLORS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
"""A colour a predictor, in order; they differ in lightness too."""
WIDTH, HEIGHT = 560.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 16.0, 46.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values fall on the page.

    Attributes:
        max_x: at the right end; the left end is zero.
        max_y: at the top; the bottom is zero.
    """

    max_x: float
    max_y: float

    def x(self, value: float) -> float:
        """Page units of a value along the horizontal axis."""
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.max_x

    def y(self, value: float) -> float:
        """Page units of a value along the vertical axis."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.max_y


def line_chart(
    lines: Mapping[str, tuple[Array, Array]], *, x_label: str, y_label: str, max_x: float, max_y: float
) -> str:
    """Lines of (x, y) values by name, from zero to the given ends."""
    frame = Frame(max_x, max_y)
    parts = [_axes(frame, _ticks(max_x), _ticks(max_y), x_label, y_label)]
    for number, (x, y) in enumerate(lines.values()):
        points = " ".join(f"{frame.x(a):.1f},{frame.y(b):.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_color(number)}" stroke-width="2"/>')
    return _svg(parts, f"{y_label} over {x_label}") + legend(tuple(lines))


def bar_chart(
    groups: Sequence[str],
    bars: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    counts: Sequence[int] = (),
) -> str:
    """Bars by group and name; NaN leaves a gap. `counts` stand under the groups."""
    heights = np.array(list(bars.values()), dtype=np.float64)
    maximum = _round_up(float(np.nanmax(heights))) if np.isfinite(heights).any() else 1.0
    frame = Frame(float(len(groups)), maximum)
    parts = [_axes(frame, (), _ticks(maximum), x_label, y_label)]
    width = 0.76 / max(len(bars), 1)
    for number, values in enumerate(bars.values()):
        for place, value in enumerate(values):
            if np.isfinite(value):
                left, right = (frame.x(place + 0.12 + (number + side) * width) for side in (0, 1))
                top, bottom = frame.y(value), frame.y(0)
                parts.append(
                    f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left - 1:.1f}" '
                    f'height="{bottom - top:.1f}" fill="{_color(number)}"><title>{value:.2f}</title></rect>'
                )
    for place, group in enumerate(groups):
        label = f"{group} ({counts[place]})" if counts else group
        parts.append(_text(frame.x(place + 0.5), HEIGHT - BOTTOM + 15, label, "middle"))
    return _svg(parts, f"{y_label} by {x_label}") + legend(tuple(bars))


def legend(names: Sequence[str]) -> str:
    """Names beside their colours, as HTML."""
    items = (
        f'<span class="key"><i style="background:{_color(number)}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<div class="legend">{"".join(items)}</div>'


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _ticks(maximum: float) -> tuple[float, ...]:
    """Round values from zero to the end."""
    step = _round_up(maximum / 5)
    return tuple(np.arange(0, maximum + step * 1e-6, step).tolist())


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-9)))
    return float(next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= value * (1 - 1e-9)))


def _axes(
    frame: Frame, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str, y_label: str
) -> str:
    parts = []
    for value in y_ticks:
        y = frame.y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:g}", "end"))
    for value in x_ticks:
        x = frame.x(value)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 15, f"{value:g}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "middle", "label"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="14" y="{middle}" text-anchor="middle" class="label" '
        f'transform="rotate(-90 14 {middle})">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )
