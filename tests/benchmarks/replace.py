"""A container is killed behind the emulator's back: how soon the service counts right, and how soon the replacement runs.

Time begins with the engine's own time of the death, in its `die` event. Each task that is killed has run for a while: ECS makes a
service wait whose tasks end as soon as they run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from statistics import median

from tests.benchmarks.raw import Raw
from tests.benchmarks.table import Row, at_most
from tests.benchmarks.tasks import PATIENCE, Tasks, tasks_and_raw

TITLE = "replace: a container of a service is killed on the Docker engine, its replacement runs"
SECONDS = 180

ROUNDS = 8
ALLOWED = 0.25
"""Seconds beside the engine's own."""
LONG_ENOUGH = 6.0
"""Seconds that a task has to run before its end is an accident."""
LOOK_EVERY = 0.005
SERVICE = "web"


def measure() -> Iterator[Row]:
    for mode in ("bridge", "awsvpc"):
        with tasks_and_raw(mode) as (tasks, raw):
            tasks.create_service(SERVICE, 2 * ROUNDS)
            tasks.steady_at(SERVICE)
            time.sleep(LONG_ENOUGH)
            first = tasks.tasks_of(SERVICE)
            yield _replaced(tasks, raw, first[:ROUNDS])
            yield _counted(tasks, raw, first[ROUNDS:])


def _replaced(tasks: Tasks, raw: Raw, victims: list[str]) -> Row:
    ours, by_hand = [], []
    for victim in victims:
        before = {*tasks.tasks_of(SERVICE)}
        died, _ = _killed(tasks, raw, victim)
        (replacement,) = _replacements(tasks, before)
        ours.append(tasks.ran_at(replacement) - died)
        by_hand.append(raw.start(tasks.mode))
    against = f"create + start {median(by_hand):.2f} s, + {ALLOWED} s"
    base = median(by_hand) + ALLOWED
    return Row(f"{tasks.mode}: death → replacement RUNNING", median(ours), "s", at_most(1), against, base)


def _replacements(tasks: Tasks, before: set[str]) -> set[str]:
    """The service's tasks that it did not have before, once there is one."""
    tasks.until(lambda: not before.issuperset(tasks.tasks_of(SERVICE)), "a replacement")
    return {*tasks.tasks_of(SERVICE)} - before


def _counted(tasks: Tasks, raw: Raw, victims: list[str]) -> Row:
    """What a client sees that looks all the time."""
    took = []
    for victim in victims:
        tasks.until(lambda: _count(tasks) == 2 * ROUNDS, "the replacement to run")
        died, seen = _killed(tasks, raw, victim, look=True)
        took.append(seen - died)
    return Row("    death → runningCount is true", median(took), "s", at_most(0.1))


def _count(tasks: Tasks) -> int:
    return int(tasks.service(SERVICE)["runningCount"])


def _killed(tasks: Tasks, raw: Raw, task: str, *, look: bool = False) -> tuple[float, float]:
    """When the task's container died, and when its service counted one less; that is looked for only if asked to."""
    (container,) = raw.containers_of(task, "main")
    deaths: SimpleQueue[float] = SimpleQueue()
    with raw.deaths_of(container["Id"], deaths.put), ThreadPoolExecutor(1) as killer:
        killing = killer.submit(raw.kill, container["Id"])
        if look:
            tasks.until(lambda: _count(tasks) < 2 * ROUNDS, "the count", LOOK_EVERY)
        seen = time.time()
        killing.result()
        return deaths.get(timeout=PATIENCE), seen
