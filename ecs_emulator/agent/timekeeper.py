"""Where tasks are simulated time is the emulator's own: it runs as fast as was asked for, jumps when told, and never goes back.

How far it is ahead of the machine's clock is written down before it is. A clean end writes the very distance; after a `kill -9` the time
goes on from the last promise, a few of the machine's seconds later than the last instant that anybody saw.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ecs_emulator.clock import ScaledClock
from ecs_emulator.control.loop import Advance, Letter
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store, StoreUnusable

log = logging.getLogger(__name__)

CLOCK_AHEAD = "clock-ahead"
PROMISED_FOR = 5.0
"""The machine's seconds that a promise lasts; time stands still rather than pass it."""
PROMISED_EVERY = 1.0
SLACK = 1.0
"""Seconds that an advance may come later than it was asked for."""
LOOKS_EVERY = 0.2


class NotAdvanced(Exception):
    """The emulator ended before it was as late as was asked for."""


def ahead_in(store: Store) -> float:
    """How far the time of this data directory is ahead of the machine's clock."""
    with store.snapshot() as tx:
        fact = tx.get(Fact, CLOCK_AHEAD)
    return 0.0 if fact is None else max(0.0, float(fact.value))


class Timekeeper:
    """Lives as long as the server; owns its clock."""

    def __init__(self, store: Store, scale: float) -> None:
        self._store = store
        self._advancing = threading.Lock()
        """One advance at a time: two that are asked for together are one after the other."""
        self._writing = threading.Lock()
        self.clock = ScaledClock(scale=scale, ahead=ahead_in(store))
        self._promise()

    def keep(self, ending: threading.Event) -> None:
        """Promise ever more, where time is faster than the machine's."""
        while self.clock.scale != 1.0 and not ending.wait(PROMISED_EVERY):
            try:
                self._promise()
            except StoreUnusable as error:
                log.warning("time stands still until this can be written down: %s", error)

    def close(self) -> None:
        """Write down how late it is, so that the next start goes on from there."""
        if self.clock.ahead > 0.0:
            self._write(self.clock.ahead)

    def advance(self, seconds: float, tell: Callable[[Letter], None], over: Callable[[], bool]) -> None:
        """Have it later by so many seconds, and come back when all has happened until then. Raises NotAdvanced, StoreUnusable."""
        done = threading.Event()
        with self._advancing:
            self._promise(seconds + SLACK)
            tell(Advance(self.clock.now() + seconds, self.clock.move_to, done.set))
            while not done.wait(LOOKS_EVERY):
                if over():
                    raise NotAdvanced("the emulator is ending")

    def _promise(self, more: float = 0.0) -> None:
        more += (self.clock.scale - 1.0) * PROMISED_FOR
        if more <= 0.0:
            return
        with self._writing:
            promised = self.clock.ahead + more
            if promised > self.clock.promised:
                self._write(promised)  # first written down, then true
                self.clock.promise(promised)

    def _write(self, ahead: float) -> None:
        with self._store.transaction() as tx:
            tx.put(Fact(CLOCK_AHEAD, repr(ahead)))
