"""The few threads that wait for the engine, in three lanes: a stop never queues behind a start, nor a start behind a pull.

A worker knows nothing: it hands the effect to the agent and posts what came of it.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable

from ecs_emulator.clock import Clock
from ecs_emulator.control.loop import Done
from ecs_emulator.control.plan import Agent, Effect, Lane, Postponed

log = logging.getLogger(__name__)

MOST_WORKERS = 8
STOP_WORKERS = 4
PULL_WORKERS = 3
RETRY_AFTER = 2.0

Post = Callable[[Done], None]


def start_workers() -> int:
    """More than two for each core add latency and no throughput."""
    return min(MOST_WORKERS, 2 * (os.cpu_count() or 1))


class ThreadedWorkers:
    """Lives as long as the server; threads start with the first effect of their lane."""

    def __init__(self, agent: Agent, clock: Clock) -> None:
        self._agent = agent
        self._clock = clock
        self._sizes = {Lane.START: start_workers(), Lane.STOP: STOP_WORKERS, Lane.PULL: PULL_WORKERS}
        self._lanes: dict[Lane, queue.SimpleQueue[tuple[Effect, Post] | None]] = {
            lane: queue.SimpleQueue() for lane in Lane
        }
        self._threads: dict[Lane, list[threading.Thread]] = {lane: [] for lane in Lane}
        self._closed = False

    def submit(self, effect: Effect, post: Post) -> None:
        """Have the effect performed by the next free worker of its lane."""
        lane = effect.LANE
        if len(self._threads[lane]) < self._sizes[lane] and not self._closed:
            thread = threading.Thread(target=self._work, args=(self._lanes[lane],), name=f"{lane}-worker", daemon=True)
            self._threads[lane].append(thread)
            thread.start()
        self._lanes[lane].put((effect, post))

    def close(self, timeout: float = 10.0) -> None:
        """Finish what is queued, then end the threads."""
        self._closed = True
        for lane, threads in self._threads.items():
            for _ in threads:
                self._lanes[lane].put(None)
        for threads in self._threads.values():
            for thread in threads:
                thread.join(timeout)

    def _work(self, lane: queue.SimpleQueue[tuple[Effect, Post] | None]) -> None:
        while (item := lane.get()) is not None:
            effect, post = item
            try:
                observations = tuple(self._agent.perform(effect))
            except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
                log.exception("%s of %s failed unexpectedly", type(effect).__name__, effect.container)
                until = self._clock.now() + RETRY_AFTER
                observations = (Postponed(effect.slice.task.arn, until, because=f"{type(error).__name__}: {error}"),)
            post(Done(effect, observations))
