"""Where a task stands, from what its containers did: one step of its life at a time, each with its cause.

PROVISIONING (network) → PENDING (images, containers) → RUNNING → DEPROVISIONING (network) → STOPPED. The rules are one ordered table:
the first that applies makes the next state. Source: the task life cycle in the ECS developer guide, and recorded tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import TaskSlice
from ecs_emulator.records.tasks import (
    AttachmentStatus,
    Container,
    DesiredStatus,
    Health,
    Stage,
    StopCode,
    Task,
    TaskStatus,
)
from ecs_emulator.rules import dependencies
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.stopping import ESSENTIAL_EXITED, FAILED_TO_START, asked_to_stop

UNRESOLVED = 143
"""The exit code that the agent gives a container whose dependencies never come."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The task's next state, and why."""

    task: Task
    because: str


def advance(slice: TaskSlice, now: Instant) -> Moved | None:
    """The one next state that follows from what is known; None where it stands right."""
    for rule in RULES:
        if (moved := rule(slice, now)) is not None:
            return moved
    return None


# --- while it is wanted ---------------------------------------------------------------------------------------------


def _network_ready(slice: TaskSlice, now: Instant) -> Moved | None:
    attachment = slice.task.attachment
    if slice.task.last_status is not TaskStatus.PROVISIONING or not _wanted(slice):
        return None
    if attachment is not None and attachment.status is not AttachmentStatus.ATTACHED:
        return None
    return _to(slice.task, TaskStatus.PENDING, "its network is ready")


def _all_started(slice: TaskSlice, now: Instant) -> Moved | None:
    """Also where a container has ended since: a task that is over in no time was RUNNING all the same."""
    task = slice.task
    if task.last_status is not TaskStatus.PENDING or not _wanted(slice):
        return None
    if not all(one.stage.reached(Stage.RUNNING) for one in task.containers):
        return None
    if any(_failed_to_start(one) and _essential(slice, one) for one in task.containers):
        return None
    started_at = max((one.started_at for one in task.containers if one.started_at is not None), default=now)
    running = replace(task, started_at=started_at, connectivity_at=task.connectivity_at or now)
    return _to(running, TaskStatus.RUNNING, "all its containers have started")


def _essential_container_ended(slice: TaskSlice, now: Instant) -> Moved | None:
    if not _wanted(slice):
        return None
    ended = next((one for one in slice.task.containers if one.stage is Stage.STOPPED and _essential(slice, one)), None)
    if ended is None:
        return None
    if _failed_to_start(ended):
        return _failed(
            slice.task,
            ended.reason or FAILED_TO_START,
            now,
            f"{ended.name} could not be started: {ended.reason or FAILED_TO_START}",
        )
    stopped = asked_to_stop(slice.task, StopCode.ESSENTIAL_CONTAINER_EXITED, ESSENTIAL_EXITED, now, counts=False)
    return Moved(stopped, f"essential container {ended.name} exited with {ended.exit_code}")


def _dependency_failed(slice: TaskSlice, now: Instant) -> Moved | None:
    """On EC2 the agent's words stay with the container that waited in vain; on Fargate nothing is said of it."""
    if not _wanted(slice):
        return None
    for container in slice.task.containers:
        if container.stage.reached(Stage.RUNNING):
            continue
        if (why := dependencies.never_hold(slice.task, slice.definition, container, now)) is None:
            continue
        if slice.task.launch_type == "FARGATE":
            return _failed(slice.task, FAILED_TO_START, now, why)
        given_up = replace(
            container,
            stage=Stage.STOPPED,
            exit_code=UNRESOLVED,
            reason=f"CannotStartContainerError: {why}",
            finished_at=now,
        )
        containers = tuple(given_up if one is container else one for one in slice.task.containers)
        return _failed(replace(slice.task, containers=containers), FAILED_TO_START, now, why)
    return None


def _all_ended(slice: TaskSlice, now: Instant) -> Moved | None:
    if not _wanted(slice) or not _ended(slice.task):
        return None
    stopped = asked_to_stop(slice.task, StopCode.ESSENTIAL_CONTAINER_EXITED, ESSENTIAL_EXITED, now, counts=False)
    return Moved(stopped, "all its containers have ended")


def _other_container_ended(slice: TaskSlice, now: Instant) -> Moved | None:
    """The end of a container that is not essential changes the task's document, and so its version."""
    task = slice.task
    if task.last_status is not TaskStatus.RUNNING or not _wanted(slice):
        return None
    ended = next((one for one in task.containers if one.stage is Stage.STOPPED and not one.end_counted), None)
    if ended is None:
        return None
    # What had ended before the task was RUNNING is part of that change, and counts for nothing of its own.
    before = ended.finished_at is None or (task.started_at is not None and ended.finished_at <= task.started_at)
    counted = tuple(replace(one, end_counted=True) if one is ended else one for one in task.containers)
    moved = replace(task, containers=counted, version=task.version if before else task.version + 1)
    return Moved(moved, f"{ended.name}, which is not essential, exited with {ended.exit_code}")


# --- while it stops -------------------------------------------------------------------------------------------------


def _never_started_ends(slice: TaskSlice, now: Instant) -> Moved | None:
    """What was never created has nothing to stop."""
    if _wanted(slice):
        return None
    containers = tuple(_ended_unborn(one) for one in slice.task.containers)
    if containers == slice.task.containers:
        return None
    return Moved(replace(slice.task, containers=containers), "containers that were never created have nothing to stop")


def _never_had_a_network(slice: TaskSlice, now: Instant) -> Moved | None:
    """Recorded: such a task stays PROVISIONING to its end, which counts twice, and no execution has stopped."""
    task = slice.task
    if task.last_status is not TaskStatus.PROVISIONING or _wanted(slice) or not _ended(task) or _interface_left(task):
        return None
    ended = replace(task, version=task.version + 1, connectivity_at=task.connectivity_at or now)
    return _stopped(ended, now, "it was stopped before it had its network")


def _executions_stopped(slice: TaskSlice, now: Instant) -> Moved | None:
    task = slice.task
    if task.last_status is TaskStatus.PROVISIONING or task.last_status.reached(TaskStatus.DEPROVISIONING):
        return None
    if _wanted(slice) or not _ended(task):
        return None
    finished_at = max((one.finished_at for one in task.containers if one.finished_at is not None), default=now)
    task = replace(_shown_at_its_end(task, finished_at), execution_stopped_at=finished_at)
    if task.attachment is None or not _interface_left(task):
        return _stopped(task, now, "all its containers have ended")
    detaching = replace(task, attachment=replace(task.attachment, status=AttachmentStatus.DETACHING))
    return _to(detaching, TaskStatus.DEPROVISIONING, "all its containers have ended")


def _network_gone(slice: TaskSlice, now: Instant) -> Moved | None:
    if slice.task.last_status is not TaskStatus.DEPROVISIONING or _interface_left(slice.task):
        return None
    return _stopped(slice.task, now, "its network is gone")


# --- at any time ----------------------------------------------------------------------------------------------------


def _health_changed(slice: TaskSlice, now: Instant) -> Moved | None:
    health = _task_health(slice)
    if health is slice.task.health:
        return None
    return Moved(replace(slice.task, health=health), f"its essential containers are {health}")


Rule = Callable[[TaskSlice, Instant], Moved | None]

RULES: tuple[Rule, ...] = (
    _network_ready,
    _all_started,
    _essential_container_ended,
    _dependency_failed,
    _all_ended,
    _other_container_ended,
    _never_started_ends,
    _never_had_a_network,
    _executions_stopped,
    _network_gone,
    _health_changed,
)


# --- small facts ----------------------------------------------------------------------------------------------------


def _wanted(slice: TaskSlice) -> bool:
    return slice.task.desired_status is DesiredStatus.RUNNING


def _essential(slice: TaskSlice, container: Container) -> bool:
    return facts.essential(dependencies.definition_of(slice.definition, container.name))


def _failed_to_start(container: Container) -> bool:
    return container.stage is Stage.STOPPED and container.started_at is None


def _ended(task: Task) -> bool:
    return all(one.stage is Stage.STOPPED for one in task.containers)


def _interface_left(task: Task) -> bool:
    return task.attachment is not None and task.attachment.status is not AttachmentStatus.DELETED


def _shown_at_its_end(task: Task, at: Instant) -> Task:
    """With what an end shows even of a task that never ran: that its agent was connected, and on Fargate a pull of no time (recorded)."""
    task = replace(task, connectivity_at=task.connectivity_at or at)
    if task.launch_type != "FARGATE" or task.pull_started_at is not None:
        return task
    return replace(task, pull_started_at=at, pull_stopped_at=at)


def _ended_unborn(container: Container) -> Container:
    if container.stage in (Stage.NONE, Stage.PULLED):
        return replace(container, stage=Stage.STOPPED)
    return container


def _failed(task: Task, text: str, now: Instant, because: str) -> Moved:
    """Fargate promotes the container's error to the task; on EC2 it stays with the container."""
    reason = text if task.launch_type == "FARGATE" else FAILED_TO_START
    return Moved(asked_to_stop(task, StopCode.TASK_FAILED_TO_START, reason, now, counts=False), because)


def _to(task: Task, status: TaskStatus, because: str) -> Moved:
    return Moved(replace(task, last_status=status, version=task.version + 1), because)


def _stopped(task: Task, now: Instant, because: str) -> Moved:
    return _to(replace(task, stopped_at=now), TaskStatus.STOPPED, because)


def _task_health(slice: TaskSlice) -> Health:
    """UNHEALTHY if an essential container is; HEALTHY if every essential container that has a check is, and there is one."""
    checked = [
        one.health
        for one in slice.task.containers
        if _essential(slice, one) and "healthCheck" in dependencies.definition_of(slice.definition, one.name)
    ]
    if Health.UNHEALTHY in checked:
        return Health.UNHEALTHY
    if not checked or Health.UNKNOWN in checked:
        return Health.UNKNOWN
    return Health.HEALTHY
