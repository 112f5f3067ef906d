"""One task's next container steps, as the ECS agent takes them: pure, shared by the agents that drive containers here.

What lives only here: the order of start and stop. What it does not know: engines, the store, services.
Source: the dependency graph and the task engine of amazon-ecs-agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import (
    Connect,
    Create,
    Disconnect,
    Effect,
    Kill,
    Pull,
    Remove,
    Signal,
    Start,
    TaskSlice,
    Wait,
)
from ecs_emulator.records.tasks import AttachmentStatus, Container, DesiredStatus, Stage, TaskStatus
from ecs_emulator.rules import dependencies

STOP_TIMEOUT = 30.0
"""Seconds from SIGTERM to SIGKILL where the definition says nothing (`ECS_CONTAINER_STOP_TIMEOUT`)."""


def next_steps(slice: TaskSlice, now: Instant, *, containers_kept: float) -> Iterator[Effect | Wait]:
    """What to do now for this task; repeats itself until what it asked for has been seen."""
    if slice.task.last_status is TaskStatus.STOPPED:
        yield from _clean(slice, now, containers_kept)
    elif slice.task.desired_status is DesiredStatus.STOPPED:
        yield from _stop(slice, now)
    else:
        yield from _start(slice)


def _start(slice: TaskSlice) -> Iterator[Effect | Wait]:
    if _lacks_network(slice):
        yield Connect(slice, because="an awsvpc task needs its network before its images")
        return
    for container in slice.task.containers:
        if container.stage is Stage.NONE:
            # Whatever it depends on: a container that never starts has its image all the same (recorded).
            yield Pull(slice, container.name, because=f"{container.image} is not resolved yet")
        elif container.stage.reached(Stage.RUNNING):
            continue
        elif not dependencies.hold(slice.task, slice.definition, container):
            for due in dependencies.deadlines(slice.task, slice.definition, container):
                yield Wait(due, because=f"what {container.name} waits for has its startTimeout until then")
        elif container.stage is Stage.PULLED:
            yield Create(slice, container.name, because="its image is here and its dependencies hold")
        else:
            yield Start(slice, container.name, because="it is created and its dependencies hold")


def _stop(slice: TaskSlice, now: Instant) -> Iterator[Effect | Wait]:
    running = [container for container in slice.task.containers if container.stage in (Stage.CREATED, Stage.RUNNING)]
    for container in running:
        if not dependencies.dependents_ended(slice.task, slice.definition, container):
            continue
        yield from _end(slice, container, now)
    if not running and _has_network(slice):
        yield Disconnect(slice, because="all its containers have stopped")


def _end(slice: TaskSlice, container: Container, now: Instant) -> Iterator[Effect | Wait]:
    if container.stage is Stage.CREATED:
        yield Kill(slice, container.name, because="it was never started")
        return
    if container.stop_sent_at is None:
        yield Signal(slice, container.name, because=slice.task.stopped_reason or "the task is to stop")
        return
    timeout = stop_timeout(dependencies.definition_of(slice.definition, container.name))
    deadline = container.stop_sent_at + timeout
    if now < deadline:
        yield Wait(deadline, because=f"{container.name} has {timeout:g} s to stop")
    else:
        yield Kill(slice, container.name, because=f"it did not stop within {timeout:g} s")


def _clean(slice: TaskSlice, now: Instant, containers_kept: float) -> Iterator[Effect | Wait]:
    if slice.task.cleaned:
        return
    stopped_at = slice.task.stopped_at
    due = (now if stopped_at is None else stopped_at) + containers_kept
    if now < due:
        yield Wait(due, because="stopped containers are kept for a look at them")
    else:
        yield Remove(slice, because="it stopped long enough ago")


def stop_timeout(container: dict[str, Any]) -> float:
    """Seconds that a container has between SIGTERM and SIGKILL."""
    return float(container.get("stopTimeout", STOP_TIMEOUT))


# --- network --------------------------------------------------------------------------------------------------------


def _lacks_network(slice: TaskSlice) -> bool:
    return slice.task.network_mode == "awsvpc" and slice.task.pause_engine_id is None


def _has_network(slice: TaskSlice) -> bool:
    attachment = slice.task.attachment
    return attachment is not None and attachment.status is not AttachmentStatus.DELETED
