"""The golden plans of Availability Zone rebalancing: where tasks were left, and how they are moved."""

from __future__ import annotations

from typing import Any

from ecs_emulator.config import Instances
from ecs_emulator.records.tasks import StopCode, TaskStatus
from tests.control.stage import Stage, plan

RUNNING, STOPPED = TaskStatus.RUNNING, TaskStatus.STOPPED
STRICT: dict[str, Any] = {"launch_type": "EC2", "instances": Instances.NONE}


def _in_one_zone(stage: Stage, desired: int, minimum: int = 100, maximum: int = 200, **more: Any) -> None:
    """All tasks are where the only machine is; then a machine of another zone comes."""
    stage.machine()
    stage.given(desired, minimum, maximum, **more)
    stage.machine("a machine in a second zone comes")


@plan(**STRICT)
def zones_balanced(stage: Stage) -> None:
    """As many as are to move are started in the poorer zone, and as many of the richer stop when those are healthy."""
    _in_one_zone(stage, 4)
    stage.move(RUNNING)
    stage.stopped()


@plan(**STRICT)
def zones_balanced_one_by_one(stage: Stage) -> None:
    """The maximum lets one be beside the others."""
    _in_one_zone(stage, 4, 100, 125)
    stage.move(RUNNING)
    stage.move(RUNNING)


@plan(**STRICT)
def zones_even_enough(stage: Stage) -> None:
    """One task more in a zone is balanced: a single task is never moved."""
    _in_one_zone(stage, 1)


@plan(**STRICT)
def zones_without_room(stage: Stage) -> None:
    """110 % of 3 is 3: nothing can be moved, and nothing is begun."""
    _in_one_zone(stage, 3, 75, 110)


@plan(**STRICT)
def zones_without_rebalancing(stage: Stage) -> None:
    """Who does not want it keeps tasks where they are."""
    _in_one_zone(stage, 4, availabilityZoneRebalancing="DISABLED")


@plan(**STRICT)
def zones_given_up_for_a_deployment(stage: Stage) -> None:
    """A deployment, or a task that ends, comes before it."""
    _in_one_zone(stage, 2)
    stage.new_revision()
    stage.move(RUNNING)


@plan(**STRICT)
def zones_of_protected_tasks(stage: Stage) -> None:
    """Protected tasks are not moved, and it is said."""
    stage.machine()
    stage.given(2, 100, 200)
    stage.protect("task 01", "task 02", minutes=10)
    stage.machine("a machine in a second zone comes")
    stage.wait(600)
    stage.move(RUNNING)


@plan(**STRICT)
def zones_with_a_task_that_fails(stage: Stage) -> None:
    """Where the new task does not come up it is tried again; nothing is stopped before."""
    _in_one_zone(stage, 3)
    why = "CannotPullContainerError: not found"
    stage.move(STOPPED, "task 04", stop_code=StopCode.TASK_FAILED_TO_START, stopped_reason=why)
    stage.move(RUNNING)
