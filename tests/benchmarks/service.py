"""A service of ten tasks from its creation to its steady state, against ten starts by hand from as many threads as the agent has."""

from __future__ import annotations

from collections.abc import Iterator

from ecs_emulator.agent.workers import start_workers
from tests.benchmarks.raw import Raw
from tests.benchmarks.table import Row, at_most, compared, in_turns
from tests.benchmarks.tasks import Tasks, tasks_and_raw

TITLE = "service: CreateService of 10 tasks → steady on the Docker engine, against ten starts by hand"
SECONDS = 240

ROUNDS = 6
TASKS = 10


def measure() -> Iterator[Row]:
    for mode in ("bridge", "awsvpc"):
        with tasks_and_raw(mode) as (tasks, raw):
            yield _steady(tasks, raw)


def _steady(tasks: Tasks, raw: Raw) -> Row:
    threads = start_workers()

    def by_emulator(number: int) -> float:
        began = tasks.create_service(f"web-{number}", TASKS)
        return tasks.steady_at(f"web-{number}") - began

    def by_hand(number: int) -> float:
        return raw.start_many(tasks.mode, TASKS, threads)

    ours, base = in_turns(ROUNDS, by_emulator, by_hand)
    what = f"{tasks.mode}: a service of {TASKS} tasks is steady"
    return compared(what, ours, base, "s", f"{TASKS} starts, {threads} threads", at_most(1.2))
