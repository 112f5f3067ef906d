"""Time is an argument everywhere but here: the one place that asks the machine what time it is."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Protocol

Instant = float
"""Seconds since the epoch; milliseconds are meaningful, as on the wire of AWS JSON."""


class Clock(Protocol):
    """What tells the time: the machine, or a test."""

    @property
    def scale(self) -> float:
        """How many of its seconds pass in one of the machine's."""
        ...

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's own clock."""

    scale = 1.0

    def now(self) -> Instant:
        return time.time()


class ScaledClock:
    """The machine's clock, faster by a factor and pushed ahead by hand: the time of an emulator whose tasks are simulated.

    It is never further ahead of the machine than was promised, and a promise is written down before it counts: an emulator that is shot
    and started again with the last promise does not see an instant twice.
    """

    def __init__(
        self,
        *,
        scale: float = 1.0,
        ahead: float = 0.0,
        wall: Callable[[], Instant] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ahead`: how many seconds it is ahead of the machine's clock at first."""
        self._scale = scale
        self._wall = wall
        self._steady = steady
        self._began = steady()
        self._pushed = ahead
        self._promised = ahead

    @property
    def scale(self) -> float:
        return self._scale

    @property
    def ahead(self) -> float:
        """Seconds ahead of the machine's clock."""
        return min(self._pushed + (self._scale - 1.0) * (self._steady() - self._began), self._promised)

    def now(self) -> Instant:
        return self._wall() + self.ahead

    @property
    def promised(self) -> float:
        """How far ahead it may be."""
        return self._promised

    def promise(self, ahead: float) -> None:
        """From now on it may be so far ahead; called once that is written down."""
        self._promised = max(self._promised, ahead)

    def move_to(self, instant: Instant) -> None:
        """Push it to this instant, never back. By one thread at a time."""
        self._pushed += max(0.0, instant - self.now())


class ManualClock:
    """A clock that a test moves by hand; it never moves by itself, and never back."""

    scale = 1.0

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


LONGEST = 10 * 366 * 86_400.0
"""Seconds: further than ten years nobody looks ahead."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")


def seconds_of(duration: object) -> float:
    """`90`, `"90"`, `"30m"`, `"1h30m"`, `"250ms"` in seconds. Raises ValueError, a sentence, for what is no duration."""
    if isinstance(duration, str) and duration and _PART.sub("", duration) == "":
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))
    elif isinstance(duration, str) and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", duration):
        seconds = float(duration)
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = float(duration) if abs(duration) <= LONGEST else math.inf
    else:
        raise ValueError(f"{duration!r} is no duration: it should be seconds, or a text like 90s, 30m or 1h30m")
    if not 0.0 <= seconds <= LONGEST:
        raise ValueError(f"{duration!r} is no duration: it should be between 0 and ten years")
    return seconds
