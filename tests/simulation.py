"""The whole emulator on one thread: a manual clock, seeded ids, the simulated agent. Hours of ECS in milliseconds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecs_emulator import ecs
from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.arns import World
from ecs_emulator.clock import ManualClock
from ecs_emulator.config import Config
from ecs_emulator.control import hooks
from ecs_emulator.control.loop import Done, Loop
from ecs_emulator.control.plan import Errand, Seen
from ecs_emulator.control.shift_plan import CallHook, HookAnswered
from ecs_emulator.control.telling import Telling
from ecs_emulator.ecs import constraints
from ecs_emulator.ids import Ids
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.tasks import Health, Stage, Task
from ecs_emulator.store import Store
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.dispatch import Service
from ecs_emulator.wire.models import load
from ecs_emulator.wire.tokens import Tokens

ECS = Service("ecs", load("ecs"), ecs, constraints)


class Refused(AssertionError):
    """An operation answered with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class InlineWorkers:
    """Performs each effect at once; its answer waits in the inbox for the next step."""

    def __init__(self, agent: SimulatedAgent, call: Callable[[CallHook], HookAnswered] | None = None) -> None:
        self._agent = agent
        self._call = call

    def submit(self, effect: Errand, post: Callable[[Done], None]) -> None:
        if isinstance(effect, CallHook):
            assert self._call is not None
            post(Done(effect, (self._call(effect),)))
        else:
            post(Done(effect, tuple(self._agent.perform(effect))))


class Simulation:
    """An emulator without threads: nothing moves but in `settle` and `advance`."""

    def __init__(
        self, directory: Path | None = None, *, seed: int = 1, store: Store | None = None, **settings: Any
    ) -> None:
        """With a `store` of the caller's own that one is opened again after a crash."""
        self._given = store
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._own = tempfile.TemporaryDirectory(prefix="ecs-emulator-simulation-")
            directory = Path(self._own.name)
        self.directory = directory
        self.clock = ManualClock()
        self.ids = Ids(seed)
        self.config = Config(data_dir=self.directory, **settings)
        self.world = World("123456789012", "us-east-1")
        self._tokens = Tokens(b"0" * 32)
        self.called: list[dict[str, Any]] = []
        """What lifecycle hooks were told, the oldest first."""
        self.function: Callable[[dict[str, Any]], Any] = lambda told: {"hookStatus": "SUCCEEDED"}
        """What answers for every Lambda function."""
        self._start()

    def _start(self) -> None:
        self.store = self._given or Store(self.directory, durable=False)
        telling = Telling(self.ids)
        self.store.before_commit(lambda tx: telling.tell(tx, self.clock.now()))
        self.agent = SimulatedAgent(self.clock, containers_kept=self.config.timings.containers_kept)
        self.loop = Loop(
            self.store, self.agent, InlineWorkers(self.agent, self._call_hook), self.clock, self.ids, self.config
        )

    def _call_hook(self, asked: CallHook) -> HookAnswered:
        told = json.loads(json.dumps(asked.payload))
        self.called.append(told)
        return hooks.answered(asked.hook, json.dumps(self.function(told)).encode(), self.clock.now())

    def crash(self) -> None:
        """End without a word, and start again on the same data."""
        self.store.close()
        self._start()

    def close(self) -> None:
        self.store.close()
        if self._own is not None:
            self._own.cleanup()

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One operation of ECS through the wire; raises `Refused`."""
        status, body = ECS.answer(operation, json.dumps(params).encode(), self.context())
        document: dict[str, Any] = json.loads(body)
        if status != 200:
            raise Refused(document["__type"], document.get("message", ""))
        return document

    def context(self) -> Context:
        return Context(
            store=self.store,
            world=self.world,
            now=self.clock.now(),
            ids=self.ids,
            config=self.config,
            principal_arn=self.world.root_arn,
            request_id="request",
            data_dir=self.directory,
            endpoint="http://127.0.0.1:4566",
            tokens=self._tokens,
        )

    def step(self) -> None:
        self.loop.step(self.loop.waiting_letters())

    def settle(self, most: int = 10_000) -> None:
        """Step until only time can change anything."""
        self.step()
        for _ in range(most):
            if self.loop.idle():
                return
            self.step()
        raise AssertionError("the emulator does not come to rest:\n" + self.journal())

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each instant that something waits for."""
        end = self.clock.now() + seconds
        self.settle()
        while (due := self.loop.next_due()) is not None and due <= end:
            self.clock.move_to(due)
            self.settle()
        self.clock.move_to(end)
        self.settle()

    # --- what containers do by themselves -----------------------------------------------------------------------------

    def kill(
        self, task: str, container: str = "app", *, exit_code: int | None = 137, reason: str | None = None
    ) -> None:
        """The container of this task (id or ARN) ends; the loop hears of it."""
        known = self.task(task)
        seen = Seen(known.arn, container, Stage.STOPPED, "", exit_code, reason, finished_at=self.clock.now())
        self.loop.tell(seen)

    def health(self, task: str, health: Health, container: str = "app") -> None:
        """The container's health check says so."""
        self.loop.tell(Seen(self.task(task).arn, container, Stage.RUNNING, "", health=health))

    def task(self, task: str) -> Task:
        """The record of the task with this id or ARN."""
        return next(one for one in self.tasks() if task in (one.arn, one.id))

    def tasks(self, **equals: Any) -> list[Task]:
        """The records of tasks, by age."""
        with self.store.snapshot() as tx:
            return sorted(tx.find(Task, **equals), key=lambda task: (task.created_at, task.arn))

    def events(self, service: str = "web") -> list[str]:
        """The messages of the service's events, oldest first, without the name in front."""
        (described,) = self.call("DescribeServices", services=[service])["services"]
        return [event["message"].removeprefix(f"(service {service}) ") for event in reversed(described["events"])]

    # --- what was decided ---------------------------------------------------------------------------------------------

    def journal(self) -> str:
        """The decision log, a line each."""
        with self.store.snapshot() as tx:
            return "\n".join(
                f"{one.at:.3f} {one.subject.rpartition('/')[2][:12]} {one.text}"
                for one in tx.find(Decided, order="seq")
            )
