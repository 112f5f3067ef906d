"""What was measured, against what of the same run, and what the target was: a row says it, a table shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

BREATH = 0.1
"""Seconds before each measure: what the one before it left to be done is not the next one's cost."""
HEADINGS = ("what", "measured", "against, in the same run", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the ratio where there is one, else on what was measured."""

    bound: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def at_most(bound: float) -> Target:
    return Target(bound)


def at_least(bound: float) -> Target:
    return Target(bound, at_least=True)


@dataclass(frozen=True, slots=True)
class Point:
    """Where a number stands in a plot: on which curve, and how far to the right."""

    curve: str
    x: float


@dataclass(frozen=True, slots=True)
class Row:
    """One number. `base` is what `against` measured; without it the number stands alone."""

    what: str
    measured: float
    unit: str
    target: Target | None = None
    against: str = ""
    base: float | None = None
    point: Point | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.base is None else self.measured / self.base

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.target is None:
            return None
        return self.target.met_by(self.measured if self.ratio is None else self.ratio)

    def cells(self) -> tuple[str, ...]:
        against = self.against if self.base is None else f"{self.against}: {_number(self.base)} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        target = "" if self.target is None else f"{self.target}{'×' if ratio else ' ' + self.unit}"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return self.what, f"{_number(self.measured)} {self.unit}", against, ratio, target, verdict


def in_turns(
    rounds: int, ours: Callable[[int], float], base: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """What both find in each round, A B, B A, A B …: neither always comes after the other."""
    found: dict[Callable[[int], float], list[float]] = {ours: [], base: []}
    for number in range(rounds):
        for measure in (ours, base) if number % 2 == 0 else (base, ours):
            time.sleep(BREATH)
            found[measure].append(measure(number))
    return found[ours], found[base]


def compared(
    what: str, measured: Sequence[float], base: Sequence[float], unit: str, against: str, target: Target | None
) -> Row:
    """The ratio of two medians, taken in turns."""
    return Row(what, median(measured), unit, target, against, median(base))


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:,.{digits}f}"


def show(title: str, rows: Iterable[Row], seconds: float) -> str:
    """The table of one part."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"{title}  ({seconds:.0f} s)", *(f"  {line}" for line in shown)])
