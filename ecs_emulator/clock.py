"""Time is an argument everywhere but here: the one place that asks the machine what time it is."""

from __future__ import annotations

import time
from typing import Protocol

Instant = float
"""Seconds since the epoch; milliseconds are meaningful, as on the wire of AWS JSON."""


class Clock(Protocol):
    """What tells the time: the machine, or a test."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Instant:
        return time.time()


class ManualClock:
    """A clock that a test moves by hand; it never moves by itself, and never back."""

    def __init__(self, start: Instant = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> Instant:
        return self._now

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._now += seconds

    def move_to(self, instant: Instant) -> None:
        self._now = max(self._now, instant)
