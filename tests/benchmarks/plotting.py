"""Curves over powers of ten, drawn as SVG: what must be flat is seen to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 76, 52
COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed")
LINES = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """What one kind of thing costs at each size."""

    name: str
    points: tuple[tuple[float, float], ...]


def svg(title: str, across: str, unit: str, curves: Sequence[Curve]) -> str:
    """The curves from zero upwards, over powers of ten. It is seen by day and by night: the background is white."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        raise ValueError("nothing was measured that could be drawn")
    frame = _Frame(
        math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points)), _above(max(y for _, y in points))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15" fill="#111827">{escape(title)}, {escape(unit)}</text>',
        *_grid(frame, sorted({x for x, _ in points})),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle" fill="#374151">{escape(across)}</text>',
    ]
    for number, curve in enumerate(curves):
        parts += _drawn(frame, curve, COLOURS[number % len(COLOURS)], number)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a value stands on the sheet."""

    first: float
    last: float
    most: float

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.first) / (self.last - self.first or 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.most * (HEIGHT - TOP - BOTTOM)


def _above(value: float) -> float:
    """A round number that leaves some room."""
    step = 10.0 ** math.floor(math.log10(value))
    return next(step * each for each in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15) if step * each >= value * 1.1)


def _grid(frame: _Frame, sizes: Sequence[float]) -> list[str]:
    parts = []
    for number in range(LINES + 1):
        value = frame.most * number / LINES
        y = frame.y(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#374151">{value:g}</text>')
    for size in sizes:
        x, y = frame.x(size), HEIGHT - BOTTOM + 18
        anchor = "end" if size == sizes[-1] else "start" if size == sizes[0] else "middle"
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="#374151">{size:,.0f}</text>')
    return parts


def _drawn(frame: _Frame, curve: Curve, colour: str, number: int) -> list[str]:
    at = [(frame.x(x), frame.y(y)) for x, y in curve.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    key = 44 + 18 * number
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in at),
        f'<rect x="{LEFT}" y="{key - 9}" width="18" height="4" fill="{colour}"/>',
        f'<text x="{LEFT + 26}" y="{key - 3}" fill="#111827">{escape(curve.name)}</text>',
    ]
