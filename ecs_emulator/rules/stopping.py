"""How a task is asked to stop: once, with a cause that stays."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.records.tasks import DesiredStatus, Member, StopCode, Task

ESSENTIAL_EXITED = "Essential container in task exited"
FAILED_TO_START = "Task failed to start"
FAILED_HEALTH_CHECKS = "Task failed container health checks"
STOPPED_BY_USER = "Task stopped by user"
SPOT_INTERRUPTED = "Your Spot Task was interrupted."


def scaling_reason(task: Task) -> str:
    """Why the scheduler stops a task of a service that is not needed any more: recorded with the task's own deployment."""
    return f"Scaling activity initiated by (deployment {task.deployment_id})"


UNASKED = (StopCode.TASK_FAILED_TO_START, StopCode.ESSENTIAL_CONTAINER_EXITED)


def unasked(task: Task | Member) -> bool:
    """Whether it ends by its own doing: it never started, an essential container ended, or it was unhealthy."""
    return task.stop_code in UNASKED or task.stopped_reason == FAILED_HEALTH_CHECKS


def asked_to_stop(task: Task, code: StopCode | None, reason: str, now: Instant, *, counts: bool = True) -> Task:
    """The task with `desiredStatus` STOPPED and its cause; a task that was asked before keeps its first cause.

    `counts`: whether the asking is a state change of its own (StopTask, the scheduler), or is seen together with the end it only
    follows (an essential container's exit): recorded versions of real tasks tell the two apart.
    """
    if task.desired_status is DesiredStatus.STOPPED:
        return task
    return replace(
        task,
        desired_status=DesiredStatus.STOPPED,
        stop_code=code,
        stopped_reason=reason,
        stopping_at=now,
        version=task.version + 1 if counts else task.version,
    )
