"""What is still to be decided, in order and each once: a hundred thousand slices wait here as cheaply as ten."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from ecs_emulator.records import Mark


class Backlog:
    """Marks that wait, least first by `order`. Lives as long as the loop."""

    def __init__(self, order: Callable[[Mark], tuple[int, str]]) -> None:
        self._order = order
        self._waiting: set[Mark] = set()
        self._heap: list[tuple[tuple[int, str], Mark]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, marks: Iterable[Mark]) -> None:
        new = set(marks) - self._waiting
        self._waiting |= new
        if len(new) > len(self._heap):
            self._heap += [(self._order(mark), mark) for mark in new]
            heapq.heapify(self._heap)
            return
        for mark in new:
            heapq.heappush(self._heap, (self._order(mark), mark))

    def take(self, most: int) -> set[Mark]:
        """The first of those that wait."""
        taken = {heapq.heappop(self._heap)[1] for _ in range(min(most, len(self._heap)))}
        self._waiting -= taken
        return taken
