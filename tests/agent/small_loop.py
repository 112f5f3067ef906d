"""The control loop with nothing around it: observe, decide, act, on one thread and without a store."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ecs_emulator.clock import Clock
from ecs_emulator.control import observe, tasks
from ecs_emulator.control.plan import (
    Agent,
    Effect,
    EngineLost,
    Observation,
    Postponed,
    Snapshot,
    TaskSlice,
    Wait,
)
from ecs_emulator.control.shift_plan import HookAnswered
from ecs_emulator.records.tasks import (
    Attachment,
    AttachmentStatus,
    Container,
    DesiredStatus,
    Stage,
    StopCode,
    Task,
    TaskStatus,
)
from ecs_emulator.rules.stopping import asked_to_stop

ACCOUNT, REGION = "123456789012", "us-east-1"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/test"
PATIENCE = 20.0
"""Seconds that a test waits for what it expects."""

Definition = dict[str, Any]


def task_slice(definition: Definition, label: str, *, revision: int = 3, now: float = 0.0, **task: Any) -> TaskSlice:
    """A task of this definition as RunTask leaves it; the same label gives the same ids."""
    digits = hashlib.sha256(label.encode()).hexdigest()
    mode = definition.get("networkMode", "bridge")
    containers = tuple(
        Container(
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{place:012x}", one["name"], one["image"]
        )
        for place, one in enumerate(definition["containerDefinitions"])
    )
    attached = Attachment(f"eni-of-{label}", AttachmentStatus.PRECREATED, "subnet-1") if mode == "awsvpc" else None
    made = Task(
        arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/test/{digits[:32]}",
        account=ACCOUNT,
        region=REGION,
        cluster_arn=CLUSTER,
        task_definition_arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{definition['family']}:{revision}",
        family=definition["family"],
        group=f"family:{definition['family']}",
        launch_type=task.pop("launch_type", "FARGATE" if mode == "awsvpc" else "EC2"),
        network_mode=mode,
        created_at=now,
        cpu=int(definition.get("cpu", 0)),
        memory=int(definition.get("memory", 0)),
        spec=task.pop("spec", {}),
        containers=containers,
        last_status=TaskStatus.PROVISIONING if attached else TaskStatus.PENDING,
        attachment=attached,
        **task,
    )
    return TaskSlice(made, definition, revision, "test")


@dataclass(slots=True)
class SmallLoop:
    """Lives as long as a test, or until its emulator dies: `die` leaves the engine as it is, and the records too."""

    agent: Agent
    clock: Clock
    slices: dict[str, TaskSlice] = field(default_factory=dict)
    inbox: queue.SimpleQueue[Observation] = field(default_factory=queue.SimpleQueue)
    performed: list[Effect] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    _watching: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._watching = threading.Thread(target=self.agent.watch, args=(self.inbox.put,), daemon=True)
        self._watching.start()

    def die(self) -> dict[str, TaskSlice]:
        """The process ends; what it knew is what its store would say."""
        self.agent.close()
        assert self._watching is not None
        self._watching.join(5)
        assert not self._watching.is_alive()
        return self.slices

    def run(self, definition: Definition, label: str, **task: Any) -> str:
        """The ARN of a new task of this definition."""
        slice = task_slice(definition, label, now=self.clock.now(), **task)
        self.slices[slice.task.arn] = slice
        return slice.task.arn

    def stop(self, arn: str) -> None:
        task = asked_to_stop(self.task(arn), StopCode.USER_INITIATED, "Task stopped by user", self.clock.now())
        self._put(task)

    def task(self, arn: str) -> Task:
        return self.slices[arn].task

    def container(self, arn: str, name: str = "app") -> Container:
        return next(one for one in self.task(arn).containers if one.name == name)

    def perform(self, effect: Effect) -> None:
        """Have the agent do it, and observe what came of it."""
        for observation in self.agent.perform(effect):
            self.inbox.put(observation)
        self.take()

    def until(self, holds: Callable[[], bool]) -> None:
        """Move on until this holds; fail where it does not in time."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, self._report()
            for slice in list(self.slices.values()):
                self._step(slice.task.arn)
            self.take(0.02)

    def until_running(self, arn: str) -> None:
        self.until(lambda: self.task(arn).last_status is TaskStatus.RUNNING)

    def until_stopped(self, arn: str) -> None:
        self.until(lambda: self.task(arn).last_status is TaskStatus.STOPPED)

    def end(self) -> None:
        """Stop every task and have it cleaned up."""
        for arn, slice in self.slices.items():
            if slice.task.desired_status is DesiredStatus.RUNNING:
                self.stop(arn)
        self.until(lambda: all(slice.task.cleaned for slice in self.slices.values()))

    def _step(self, arn: str) -> None:
        now = self.clock.now()
        while (moved := tasks.advance(self.slices[arn], now)) is not None:
            self._put(moved.task)
        for item in list(self.agent.decide(self.slices[arn], now)):
            if not isinstance(item, Wait):
                self.performed.append(item)
                self.perform(item)

    def take(self, timeout: float = 0.0) -> None:
        """Observe what is in the inbox; wait so long for the first of it."""
        try:
            self._observe(self.inbox.get(timeout=timeout) if timeout else self.inbox.get_nowait())
            while True:
                self._observe(self.inbox.get_nowait())
        except queue.Empty:
            return

    def _observe(self, observation: Observation) -> None:
        now = self.clock.now()
        match observation:
            case Snapshot():
                self.snapshots.append(observation)
                for slice in list(self.slices.values()):
                    if slice.task.last_status is not TaskStatus.STOPPED:
                        for missing in observe.missing_from(slice.task, observation):
                            self._put(observe.seen(self.task(slice.task.arn), missing, now))
                for one in observation.seen:
                    self._observe(one)
            case EngineLost() | Postponed() | HookAnswered():
                return
            case _:
                if observation.task_arn in self.slices:
                    self._put(observe.seen(self.task(observation.task_arn), observation, now))

    def _put(self, task: Task) -> None:
        self.slices[task.arn] = replace(self.slices[task.arn], task=task)

    def _report(self) -> str:
        standing = [
            f"{slice.task.family} {slice.task.last_status} {slice.task.stopped_reason or ''} "
            + ", ".join(f"{one.name} {one.stage} {one.exit_code} {one.reason or ''}" for one in slice.task.containers)
            for slice in self.slices.values()
        ]
        return "not in time: " + "; ".join(standing)


def stages(task: Task) -> list[Stage]:
    return [one.stage for one in task.containers]
