"""The ordered table of a task's life: each rule alone, by its name, and the order in which they are asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecs_emulator.control import tasks
from ecs_emulator.control.plan import TaskSlice
from ecs_emulator.records.tasks import (
    Attachment,
    AttachmentStatus,
    Container,
    DesiredStatus,
    Health,
    Stage,
    StopCode,
    Task,
    TaskStatus,
)

NOW = 1000.0
DELETED = Attachment("a", AttachmentStatus.DELETED, "subnet-1")
ATTACHED = replace(DELETED, status=AttachmentStatus.ATTACHED)
PRECREATED = replace(DELETED, status=AttachmentStatus.PRECREATED)
NAMES = [rule.__name__ for rule in tasks.RULES]


def container(name: str = "app", stage: Stage = Stage.RUNNING, **more: Any) -> Container:
    started = {"started_at": 900.0} if stage is Stage.RUNNING else {}
    return Container(f"id-{name}", name, "img", stage, **{**started, **more})


def slice_of(
    *containers: Container, definitions: dict[str, dict[str, Any]] | None = None, launch_type: str = "EC2", **more: Any
) -> TaskSlice:
    """A RUNNING task of these containers, all essential unless `definitions` says otherwise."""
    own = definitions or {}
    spec = {
        "containerDefinitions": [{"name": one.name, "image": one.image, **own.get(one.name, {})} for one in containers]
    }
    facts: dict[str, Any] = {"last_status": TaskStatus.RUNNING, "version": 3, "started_at": 900.0, **more}
    task = Task("arn/t", "1", "r", "c", "d", "f", "g", launch_type, "bridge", 0.0, 0, 0, {}, containers, **facts)
    return TaskSlice(task, spec, 1, "c")


def ended(name: str = "app", code: int | None = 0, **more: Any) -> Container:
    return container(name, Stage.STOPPED, exit_code=code, **{"started_at": 900.0, "finished_at": 990.0, **more})


STOPPING: dict[str, Any] = {
    "desired_status": DesiredStatus.STOPPED,
    "stop_code": StopCode.USER_INITIATED,
    "stopping_at": 980.0,
}
PENDING: dict[str, Any] = {"last_status": TaskStatus.PENDING, "version": 2, "started_at": None}
OPTIONAL: dict[str, Any] = {"essential": False}
CHECK: dict[str, Any] = {"healthCheck": {"command": ["CMD", "true"]}}
WAITS: dict[str, Any] = {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}

# The slice that exactly this rule moves first; what it changes of the task; why.
CASES: dict[str, tuple[TaskSlice, dict[str, Any], str]] = {
    "_network_ready": (
        slice_of(container(stage=Stage.NONE), last_status=TaskStatus.PROVISIONING, version=1, attachment=ATTACHED),
        {"last_status": TaskStatus.PENDING, "version": 2},
        "its network is ready",
    ),
    "_all_started": (
        slice_of(container(), container("side", started_at=950.0), **PENDING),
        {"last_status": TaskStatus.RUNNING, "version": 3, "started_at": 950.0, "connectivity_at": NOW},
        "all its containers have started",
    ),
    "_essential_container_ended": (
        slice_of(ended(code=3), container("side")),
        {
            "desired_status": DesiredStatus.STOPPED,
            "stop_code": StopCode.ESSENTIAL_CONTAINER_EXITED,
            "stopped_reason": "Essential container in task exited",
            "stopping_at": NOW,
        },
        "essential container app exited with 3",
    ),
    "_dependency_failed": (
        slice_of(
            ended("init", 7),
            container(stage=Stage.PULLED),
            definitions={"init": OPTIONAL, "app": WAITS},
            launch_type="FARGATE",
            **PENDING,
        ),
        {
            "desired_status": DesiredStatus.STOPPED,
            "stop_code": StopCode.TASK_FAILED_TO_START,
            "stopped_reason": "Task failed to start",
            "stopping_at": NOW,
        },
        "dependency graph: failed to resolve container ordering dependency [init(img) (STOPPED->RUNNING) - Exit: 7] "
        "for target [app(img) (MANIFEST_PULLED->RUNNING)] as dependency did not exit successfully.",
    ),
    "_all_ended": (
        slice_of(ended(), definitions={"app": OPTIONAL}),
        {
            "desired_status": DesiredStatus.STOPPED,
            "stop_code": StopCode.ESSENTIAL_CONTAINER_EXITED,
            "stopped_reason": "Essential container in task exited",
            "stopping_at": NOW,
        },
        "all its containers have ended",
    ),
    "_other_container_ended": (
        slice_of(container(), ended("side", 7), definitions={"side": OPTIONAL}),
        {"version": 4, "containers": (container(), ended("side", 7, end_counted=True))},
        "side, which is not essential, exited with 7",
    ),
    "_never_started_ends": (
        slice_of(container(), container("late", Stage.PULLED), **{**PENDING, **STOPPING}),
        {"containers": (container(), container("late", Stage.STOPPED))},
        "containers that were never created have nothing to stop",
    ),
    "_never_had_a_network": (
        slice_of(
            container(stage=Stage.STOPPED), last_status=TaskStatus.PROVISIONING, attachment=DELETED,
            **{**STOPPING, "version": 2, "started_at": None},
        ),
        {"last_status": TaskStatus.STOPPED, "version": 4, "stopped_at": NOW, "connectivity_at": NOW},
        "it was stopped before it had its network",
    ),
    "_executions_stopped": (
        slice_of(ended(), attachment=ATTACHED, **{**STOPPING, "version": 4}),
        {
            "last_status": TaskStatus.DEPROVISIONING,
            "version": 5,
            "execution_stopped_at": 990.0,
            "connectivity_at": 990.0,
            "attachment": replace(ATTACHED, status=AttachmentStatus.DETACHING),
        },
        "all its containers have ended",
    ),
    "_network_gone": (
        slice_of(ended(), last_status=TaskStatus.DEPROVISIONING, attachment=DELETED, **{**STOPPING, "version": 5}),
        {"last_status": TaskStatus.STOPPED, "version": 6, "stopped_at": NOW},
        "its network is gone",
    ),
    "_health_changed": (
        slice_of(container(health=Health.UNHEALTHY), definitions={"app": CHECK}),
        {"health": Health.UNHEALTHY},
        "its essential containers are UNHEALTHY",
    ),
}  # fmt: skip


def test_every_rule_has_its_case() -> None:
    assert list(CASES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_moves_the_task(name: str) -> None:
    slice, changes, because = CASES[name]
    moved = tasks.advance(slice, NOW)
    assert moved is not None
    assert moved == tasks.RULES[NAMES.index(name)](slice, NOW), f"another rule than {name} comes first"
    assert moved.task == replace(slice.task, **changes)
    assert moved.because == because


STANDING = {
    "a running task": slice_of(container(), container("side", health=Health.UNKNOWN)),
    "a pending task whose containers are not all there": slice_of(container(), container("b", Stage.NONE), **PENDING),
    "a task that waits for its network": slice_of(
        container(stage=Stage.NONE), last_status=TaskStatus.PROVISIONING, attachment=PRECREATED
    ),
    "a running task one of whose containers ended long ago": slice_of(
        container(), ended("side", end_counted=True), definitions={"side": OPTIONAL}
    ),
    "a stopping task whose containers have not ended": slice_of(container(), **STOPPING),
    "a stopping task whose network is still there": slice_of(
        ended(), last_status=TaskStatus.DEPROVISIONING, attachment=ATTACHED, **STOPPING
    ),
    "a stopped task": slice_of(ended(), last_status=TaskStatus.STOPPED, **STOPPING),
    "a task whose dependency has not ended": slice_of(
        container("init"), container(stage=Stage.PULLED), definitions={"init": OPTIONAL, "app": WAITS}, **PENDING
    ),
}


@pytest.mark.parametrize("name", STANDING)
def test_what_stands_right_is_not_moved(name: str) -> None:
    assert tasks.advance(STANDING[name], NOW) is None


def last_of(slice: TaskSlice) -> Task:
    """The task when no rule moves it any more."""
    for _ in range(20):
        moved = tasks.advance(slice, NOW)
        if moved is None:
            return slice.task
        slice = replace(slice, task=moved.task)
    raise AssertionError("the rules never come to an end")


def test_a_task_that_is_over_in_no_time_was_running_all_the_same() -> None:
    task = last_of(slice_of(ended(code=0), **PENDING))
    assert (task.last_status, task.started_at, task.version) == (TaskStatus.STOPPED, 900.0, 4)
    assert task.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED


def test_another_container_that_failed_to_start_does_not_keep_the_task_from_running() -> None:
    failed = container("side", Stage.STOPPED, reason="CannotPullContainerError: no")
    task = last_of(slice_of(container(), failed, definitions={"side": OPTIONAL}, **PENDING))
    assert (task.last_status, task.version) == (TaskStatus.RUNNING, 3)


def test_on_ec2_the_agent_says_why_a_container_never_started() -> None:
    waiting = container(stage=Stage.CREATED, engine_id="x")
    definitions = {"init": OPTIONAL, "app": WAITS}
    task = last_of(slice_of(ended("init", 7), waiting, definitions=definitions, **PENDING))
    (app,) = [one for one in task.containers if one.name == "app"]
    assert (app.exit_code, app.stage, task.stopped_reason) == (143, Stage.STOPPED, "Task failed to start")
    assert app.reason is not None and app.reason.startswith("CannotStartContainerError: dependency graph: failed to")
    assert "[init(img) (STOPPED->RUNNING) - Exit: 7] for target [app(img) (CREATED->RUNNING)]" in app.reason


HEALTHS = [
    ({"app": Health.HEALTHY}, Health.HEALTHY),
    ({"app": Health.UNKNOWN}, Health.UNKNOWN),
    ({"app": Health.HEALTHY, "b": Health.UNKNOWN}, Health.UNKNOWN),
    ({"app": Health.UNHEALTHY, "b": Health.UNKNOWN}, Health.UNHEALTHY),
    ({"app": Health.HEALTHY, "optional": Health.UNHEALTHY}, Health.HEALTHY),
    ({"app": Health.HEALTHY, "unchecked": Health.UNKNOWN}, Health.HEALTHY),
    ({"unchecked": Health.UNHEALTHY}, Health.UNKNOWN),
]


@pytest.mark.parametrize(("of", "expected"), HEALTHS)
def test_a_task_is_as_healthy_as_its_essential_checked_containers(of: dict[str, Health], expected: Health) -> None:
    definitions: dict[str, dict[str, Any]] = {"app": CHECK, "b": CHECK, "optional": {**CHECK, **OPTIONAL}}
    containers = [container(name, health=health) for name, health in of.items()]
    assert last_of(slice_of(*containers, definitions=definitions)).health is expected
