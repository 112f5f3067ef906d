"""The workers: whatever an agent does, each effect has an answer, and the end comes in time."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from ecs_emulator.agent.workers import PULL_WORKERS, RETRY_AFTER, ThreadedWorkers
from ecs_emulator.clock import Instant, ManualClock
from ecs_emulator.control.loop import Done
from ecs_emulator.control.plan import Effect, Observation, Postponed, Pull, Pulled, Signal, TaskSlice, Wait
from tests.agent.small_loop import task_slice

PATIENCE = 10.0
SLICE = task_slice({"family": "web", "containerDefinitions": [{"name": "app", "image": "app:1"}]}, "one")
PULL = Pull(SLICE, "app", because="a test says so")
PULLED = Pulled(SLICE.task.arn, "app", "sha256:0", "sha256:0", 0.0, 0.0)


@dataclass
class ScriptedAgent:
    """An agent that does what a test says. Lives as long as a test."""

    does: Callable[[], Iterable[Observation]]
    begun: list[str] = field(default_factory=list)

    def perform(self, effect: Effect) -> Iterable[Observation]:
        self.begun.append(threading.current_thread().name)
        return self.does()

    def decide(self, task: TaskSlice, now: Instant) -> Iterator[Effect | Wait]:
        return iter(())

    def watch(self, tell: Callable[[Observation], None]) -> None: ...

    def forget(self, keep_running: bool) -> None: ...

    def close(self) -> None: ...


def raising(error: BaseException) -> Callable[[], Iterable[Observation]]:
    def does() -> Iterable[Observation]:
        raise error

    return does


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("disk I/O error"), AssertionError("no"), MemoryError(), SystemExit(1)], ids=repr
)
def test_a_worker_survives_whatever_an_effect_raises_and_each_effect_is_answered(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    agent = ScriptedAgent(raising(error))
    workers = ThreadedWorkers(agent, clock)
    answers: queue.SimpleQueue[Done] = queue.SimpleQueue()
    for _ in range(2 * PULL_WORKERS):
        workers.submit(PULL, answers.put)
    postponed = Postponed(SLICE.task.arn, clock.now() + RETRY_AFTER, because=f"{type(error).__name__}: {error}")
    for _ in range(2 * PULL_WORKERS):
        assert answers.get(timeout=PATIENCE) == Done(PULL, (postponed,))
    agent.does = lambda: (PULLED,)
    workers.submit(PULL, answers.put)
    assert answers.get(timeout=PATIENCE) == Done(PULL, (PULLED,))
    assert "Pull of app failed unexpectedly" in caplog.text
    workers.close()


def test_what_is_raised_while_observations_are_made_is_an_answer_too() -> None:
    def does() -> Iterator[Observation]:
        yield PULLED
        raise sqlite3.OperationalError("locked")

    workers = ThreadedWorkers(ScriptedAgent(does), ManualClock())
    answers: queue.SimpleQueue[Done] = queue.SimpleQueue()
    workers.submit(PULL, answers.put)
    (observed,) = answers.get(timeout=PATIENCE).observations
    assert isinstance(observed, Postponed)
    workers.close()


def test_a_worker_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    died = threading.Event()

    def nobody(done: Done) -> None:
        raise RuntimeError("nobody listens any more")

    monkeypatch.setattr(threading, "excepthook", lambda args: died.set())
    workers = ThreadedWorkers(ScriptedAgent(lambda: (PULLED,)), ManualClock())
    for _ in range(PULL_WORKERS):
        died.clear()
        workers.submit(PULL, nobody)
        assert died.wait(PATIENCE)
    answers: queue.SimpleQueue[Done] = queue.SimpleQueue()
    deadline = time.monotonic() + PATIENCE
    while answers.empty():
        assert time.monotonic() < deadline
        workers.submit(PULL, answers.put)
        threading.Event().wait(0.01)
    workers.close()


def test_the_end_begins_nothing_more_and_waits_once_for_all_that_is_under_way() -> None:
    release = threading.Event()
    begun = threading.Semaphore(0)

    def does() -> Iterable[Observation]:
        begun.release()
        release.wait(PATIENCE)
        return (PULLED,)

    agent = ScriptedAgent(does)
    workers = ThreadedWorkers(agent, ManualClock())
    answers: queue.SimpleQueue[Done] = queue.SimpleQueue()
    for _ in range(10 * PULL_WORKERS):
        workers.submit(PULL, answers.put)
    for _ in range(PULL_WORKERS):
        assert begun.acquire(timeout=PATIENCE)
    began = time.monotonic()
    workers.close(timeout=0.1)
    assert time.monotonic() - began < PULL_WORKERS * 0.1
    workers.submit(Signal(SLICE, "app", because="too late"), answers.put)
    release.set()
    for _ in range(PULL_WORKERS):
        answers.get(timeout=PATIENCE)
    workers.close()
    assert len(agent.begun) == PULL_WORKERS
    assert answers.empty()
