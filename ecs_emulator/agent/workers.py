"""The few threads that wait for the engine, in four lanes: a stop never queues behind a start, nor a start behind a pull or a hook.

A worker knows nothing: it hands the effect to the agent and posts what came of it.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ecs_emulator.agent.hooks import HookCaller
from ecs_emulator.agent.rooted import Rooted
from ecs_emulator.clock import Clock
from ecs_emulator.control.loop import Done
from ecs_emulator.control.plan import Agent, Errand, Lane, Observation, Postponed, effect_key, lane_of
from ecs_emulator.control.shift_plan import CallHook

log = logging.getLogger(__name__)

MOST_WORKERS = 8
STOP_WORKERS = 4
PULL_WORKERS = 3
HOOK_WORKERS = 16
RETRY_AFTER = 2.0

Post = Callable[[Done], None]
Queue = queue.SimpleQueue[tuple[Errand, Post] | None]


def start_workers() -> int:
    """More than two for each core add latency and no throughput."""
    return min(MOST_WORKERS, 2 * (os.cpu_count() or 1))


class ThreadedWorkers:
    """Lives as long as the server; threads start with the first effect of their lane."""

    def __init__(self, agent: Agent, clock: Clock, hooks: HookCaller | None = None) -> None:
        self._agent = agent
        self._clock = clock
        self._hooks = hooks or HookCaller((), clock)
        self._sizes = {
            Lane.START: start_workers(),
            Lane.STOP: STOP_WORKERS,
            Lane.PULL: PULL_WORKERS,
            Lane.HOOK: HOOK_WORKERS,
        }
        self._lanes: dict[Lane, Queue] = {lane: queue.SimpleQueue() for lane in Lane}
        self._threads: dict[Lane, list[threading.Thread]] = {lane: [] for lane in Lane}
        self._lock = threading.Lock()
        """Held while threads are counted and while the end begins: no effect and no thread comes after that."""
        self._closed = False

    def submit(self, effect: Errand, post: Post) -> None:
        """Have the effect performed by the next free worker of its lane; after `close` by nobody."""
        lane = lane_of(effect)
        with self._lock:
            if self._closed:
                return
            self._lanes[lane].put((effect, post))
            alive = [thread for thread in self._threads[lane] if thread.is_alive()]
            if len(alive) < self._sizes[lane]:
                target, name = self._work, f"{lane}-worker"
                alive.append(threading.Thread(target=target, args=(self._lanes[lane],), name=name, daemon=True))
                alive[-1].start()
            self._threads[lane] = alive

    def close(self, timeout: float = 5.0) -> None:
        """Forget what is queued, as it is decided anew at the next start; give what is under way so many seconds in all.

        A hook may take minutes, and is called again: its thread is not waited for.
        """
        with self._lock:
            self._closed = True
            for lane, threads in self._threads.items():
                _drop(self._lanes[lane])
                for _ in threads:
                    self._lanes[lane].put(None)
        deadline = time.monotonic() + timeout
        for lane, threads in self._threads.items():
            for thread in threads if lane is not Lane.HOOK else ():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, lane: Queue) -> None:
        while (item := lane.get()) is not None:
            effect, post = item
            post(Done(effect, self._performed(effect)))

    def _performed(self, effect: Errand) -> tuple[Observation, ...]:
        """Whatever the agent raises: an effect without an answer would be under way for ever."""
        errors: list[BaseException] = []
        with Rooted(errors.append):
            if isinstance(effect, CallHook):
                return (self._hooks(effect),)
            return tuple(self._agent.perform(effect))
        (error,) = errors
        subject, part = effect_key(effect)
        log.error("%s of %s failed unexpectedly", type(effect).__name__, part, exc_info=error)
        until = self._clock.now() + RETRY_AFTER
        return (Postponed(subject, until, because=f"{type(error).__name__}: {error}"),)


def _drop(lane: Queue) -> None:
    with suppress(queue.Empty):
        while True:
            lane.get_nowait()
