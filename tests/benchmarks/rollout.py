"""A service of ten tasks from UpdateService until ten new ones run and the old ones have stopped, against the same by hand.

By hand each container that has started has one of the old ones stopped, from as many threads as the agent has for either.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ecs_emulator.agent.workers import STOP_WORKERS, start_workers
from tests.benchmarks.raw import MEMORY_MIB, Raw, Started
from tests.benchmarks.table import Row, at_most, compared, in_turns
from tests.benchmarks.tasks import Tasks, tasks_and_raw

TITLE = "rollout: UpdateService of 10 tasks → 10 new ones, 10 stopped, on the Docker engine, against ten starts and stops by hand"
SECONDS = 240

ROUNDS = 6
TASKS = 10
SERVICE = FAMILY = "rolled"
COMMAND = ["/busybox", "sh", "-c", "trap 'exit 0' TERM; /busybox sleep 3600 & wait"]
"""It ends as soon as it is told to: how long it would have had is no part of this."""


def measure() -> Iterator[Row]:
    for mode in ("bridge", "awsvpc"):
        with tasks_and_raw(mode) as (tasks, raw), ByHand(raw, mode) as by_hand:
            for _ in range(2):
                _register(tasks, raw.image)
            tasks.asking.ask("CreateService", serviceName=SERVICE, desiredCount=TASKS, **_how(tasks, 1))
            tasks.steady_at(SERVICE)
            yield _rolled(tasks, by_hand)


def _register(tasks: Tasks, image: str) -> None:
    container = {"name": "main", "image": image, "command": COMMAND, "memory": MEMORY_MIB}
    tasks.asking.ask("RegisterTaskDefinition", family=FAMILY, networkMode=tasks.mode, containerDefinitions=[container])


def _how(tasks: Tasks, revision: int) -> dict[str, Any]:
    return tasks.how() | {"taskDefinition": f"{FAMILY}:{revision}"}


def _rolled(tasks: Tasks, by_hand: ByHand) -> Row:
    def by_emulator(number: int) -> float:
        old = tasks.tasks_of(SERVICE)
        changed = {"cluster": "benchmark", "service": SERVICE, "taskDefinition": f"{FAMILY}:{2 - number % 2}"}
        began = time.time()
        tasks.asking.ask("UpdateService", **changed)
        return max(tasks.rolled_out_at(SERVICE), *tasks.stopped_at(old)) - began

    ours, base = in_turns(ROUNDS, by_emulator, lambda number: by_hand.replace_all())
    against = f"{TASKS} starts and stops, {start_workers()} + {STOP_WORKERS} threads"
    return compared(f"{tasks.mode}: a service of {TASKS} tasks is rolled out", ours, base, "s", against, at_most(1.3))


class ByHand:
    """Ten containers that nobody but this keeps. Lives inside its `with`, and leaves the tidying up to `raw`."""

    def __init__(self, raw: Raw, mode: str) -> None:
        self._raw = raw
        self._mode = mode
        self._starters = ThreadPoolExecutor(start_workers())
        self._stoppers = ThreadPoolExecutor(STOP_WORKERS)
        self._standing: list[Started] = []

    def __enter__(self) -> ByHand:
        self._standing = list(self._starters.map(self._start, range(TASKS)))
        return self

    def __exit__(self, *raised: object) -> None:
        self._starters.shutdown()
        self._stoppers.shutdown()

    def replace_all(self) -> float:
        """Seconds until each has another in its place, and has ended."""
        began = time.monotonic()
        stopped = []
        new = []
        for old, started in zip(self._standing, self._starters.map(self._start, range(TASKS)), strict=True):
            stopped.append(self._stoppers.submit(self._raw.stop, old))
            new.append(started)
        for each in stopped:
            each.result()
        self._standing = new
        return time.monotonic() - began

    def _start(self, number: int) -> Started:
        return self._raw.started(self._mode, COMMAND)
