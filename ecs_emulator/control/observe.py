"""What was seen moves a task and its containers forward, never back; nothing is decided here.

Pure: `(task, observation) -> task`. An observation that says nothing new gives the same task back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import (
    PAUSE,
    Connected,
    Created,
    Disconnected,
    EngineLost,
    Failed,
    Observation,
    Postponed,
    Pulled,
    Removed,
    Seen,
    Signalled,
    Snapshot,
)
from ecs_emulator.control.shift_plan import HookAnswered
from ecs_emulator.records.tasks import (
    Attachment,
    AttachmentStatus,
    Container,
    Stage,
    StopCode,
    Task,
)
from ecs_emulator.rules.stopping import ESSENTIAL_EXITED, asked_to_stop

VANISHED = "ContainerVanishedError: No container matching saved ID found"


def seen(task: Task, observation: Observation, now: Instant) -> Task:
    """The task as this observation leaves it."""
    match observation:
        case Connected():
            return _connected(task, observation)
        case Pulled():
            return _pulled(task, observation, now)
        case Created(container=name, engine_id=engine_id):
            return _changed(task, name, lambda one: _moved(one, Stage.CREATED, engine_id=engine_id))
        case Seen(container=name) if name == PAUSE:
            return _pause_seen(task, observation, now)
        case Seen():
            return _container_seen(task, observation)
        case Signalled(container=name, at=at):
            return _changed(task, name, lambda one: one if one.stop_sent_at else replace(one, stop_sent_at=at))
        case Failed(container=name, reason=reason) if name == PAUSE:
            return asked_to_stop(_unattached(task), StopCode.TASK_FAILED_TO_START, reason, now, counts=False)
        case Failed(container=name, reason=reason, at=at):
            return _changed(
                task, name, lambda one: _moved(one, Stage.STOPPED, reason=one.reason or reason, finished_at=at)
            )
        case Disconnected():
            return _unattached(task)
        case Removed():
            return replace(task, cleaned=True)
        case Postponed() | Snapshot() | EngineLost() | HookAnswered():
            return task


def missing_from(task: Task, snapshot: Snapshot) -> Iterator[Seen]:
    """What the snapshot's silence says of this task: containers that were there and are not any more."""
    there = snapshot.containers.get(task.arn, frozenset())
    for container in task.containers:
        if container.stage in (Stage.CREATED, Stage.RUNNING) and container.name not in there:
            yield Seen(
                task.arn,
                container.name,
                Stage.STOPPED,
                container.engine_id or "",
                reason=VANISHED,
                finished_at=snapshot.at,
            )
    if task.pause_engine_id is not None and PAUSE not in there and _attached(task):
        yield Seen(task.arn, PAUSE, Stage.STOPPED, task.pause_engine_id, finished_at=snapshot.at)


# --- the network of a task ------------------------------------------------------------------------------------------


def _connected(task: Task, observation: Connected) -> Task:
    if task.attachment is None or task.pause_engine_id is not None:
        return task
    if task.attachment.status is AttachmentStatus.DELETED:
        return task  # what came too late goes with the rest of the task's containers
    name = "ip-" + observation.address.replace(".", "-") + ".ec2.internal"
    attachment = replace(
        task.attachment,
        status=AttachmentStatus.ATTACHED,
        network_interface_id=interface_id(task.attachment),
        mac_address=observation.mac_address,
        private_dns_name=name,
        private_ipv4_address=observation.address,
    )
    containers = tuple(replace(one, network_bindings=observation.network_bindings) for one in task.containers)
    return replace(
        task,
        attachment=attachment,
        pause_engine_id=observation.engine_id,
        connectivity_at=observation.at,
        containers=containers,
    )


def interface_id(attachment: Attachment) -> str:
    """`eni-` and 17 digits, the same for the same attachment at any time."""
    return "eni-" + hashlib.sha256(attachment.id.encode()).hexdigest()[:17]


def _pause_seen(task: Task, observation: Seen, now: Instant) -> Task:
    if observation.stage is not Stage.STOPPED or task.pause_engine_id is None or not _attached(task):
        return task
    return asked_to_stop(task, StopCode.ESSENTIAL_CONTAINER_EXITED, ESSENTIAL_EXITED, now, counts=False)


def _unattached(task: Task) -> Task:
    if task.attachment is None or task.attachment.status is AttachmentStatus.DELETED:
        return task
    return replace(task, attachment=replace(task.attachment, status=AttachmentStatus.DELETED))


def _attached(task: Task) -> bool:
    return task.attachment is not None and task.attachment.status is AttachmentStatus.ATTACHED


# --- one container --------------------------------------------------------------------------------------------------


def _pulled(task: Task, observation: Pulled, now: Instant) -> Task:
    moved = _changed(
        task,
        observation.container,
        lambda one: _moved(one, Stage.PULLED, image_id=observation.image_id, image_digest=observation.image_digest),
    )
    began_at, ended_at = observation.began_at, observation.ended_at
    if began_at is None or ended_at is None:
        if task.launch_type != "FARGATE":
            return moved
        began_at = ended_at = now  # an agent on EC2 says nothing of what was there already; Fargate always pulls
    if moved is task:
        return task
    return replace(
        moved,
        pull_started_at=min(began_at, moved.pull_started_at or began_at),
        pull_stopped_at=max(ended_at, moved.pull_stopped_at or ended_at),
    )


def _container_seen(task: Task, observation: Seen) -> Task:
    return _changed(task, observation.container, lambda one: _as_seen(one, observation))


def _as_seen(container: Container, observation: Seen) -> Container:
    if container.stage is Stage.STOPPED:
        return container
    bindings = observation.network_bindings
    facts = replace(
        container,
        stage=observation.stage if observation.stage.reached(container.stage) else container.stage,
        engine_id=observation.engine_id or container.engine_id,
        started_at=observation.started_at or container.started_at,
        health=observation.health or container.health,
        network_bindings=container.network_bindings if bindings is None else bindings,
    )
    if observation.stage is not Stage.STOPPED:
        return facts
    return replace(
        facts,
        exit_code=observation.exit_code,
        finished_at=observation.finished_at,
        reason=container.reason or observation.reason,
    )


def _moved(container: Container, stage: Stage, **facts: object) -> Container:
    if container.stage.reached(stage):
        return container
    return replace(container, stage=stage, **facts)  # type: ignore[arg-type]


def _changed(task: Task, name: str, change: Callable[[Container], Container]) -> Task:
    containers = tuple(change(one) if one.name == name else one for one in task.containers)
    return task if containers == task.containers else replace(task, containers=containers)
