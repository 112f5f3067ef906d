"""From RunTask to RUNNING on a real engine, against the same engine calls made by hand, one after the other in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.raw import MODES, Raw
from tests.benchmarks.table import Row, at_most, compared, in_turns
from tests.benchmarks.tasks import Tasks, tasks_and_raw

TITLE = "launch: RunTask → RUNNING on the Docker engine, against create and start by hand"
SECONDS = 240

ROUNDS = 20


def measure() -> Iterator[Row]:
    for mode in MODES:
        with tasks_and_raw(mode) as (tasks, raw):
            yield from _launched(tasks, raw)


def _launched(tasks: Tasks, raw: Raw) -> Iterator[Row]:
    answered = []

    def by_emulator(number: int) -> float:
        began = time.time()
        arn = tasks.run()
        answered.append((time.time() - began) * 1000)
        return (tasks.ran_at(arn) - began) * 1000

    def by_hand(number: int) -> float:
        return raw.start(tasks.mode) * 1000

    ours, base = in_turns(ROUNDS, by_emulator, by_hand)
    calls = "2 × (create + start)" if tasks.mode == "awsvpc" else "create + start"
    yield compared(f"{tasks.mode}: RunTask → RUNNING", ours, base, "ms", calls, at_most(1.1))
    yield compared("    its answer", answered, base, "ms", calls, None)
