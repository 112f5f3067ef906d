"""The golden plans of task sets: what is given and what happens; what follows from it is in `fixtures/golden/plans`."""

from __future__ import annotations

from ecs_emulator.records.tasks import Health, StopCode, TaskStatus
from tests.control.stage import Stage, plan

RUNNING, STOPPED = TaskStatus.RUNNING, TaskStatus.STOPPED
CHECKED = {"healthCheck": {"command": ["CMD", "true"]}}


@plan()
def task_sets_blue_green(stage: Stage) -> None:
    """A second set grows beside the first, which is let go when the second is whole: the maximum percent counts for neither."""
    stage.given_sets(4, 100)
    stage.task_set(33.3)
    stage.move(RUNNING)
    stage.of_set("set 2", "is scaled to 100 %", "UpdateTaskSet", scale={"value": 100})
    stage.move(RUNNING)
    stage.of_set("set 1", "is deleted by force", "DeleteTaskSet", force=True)
    stage.stopped()


@plan()
def task_sets_follow_the_service(stage: Stage) -> None:
    """Each set has its share of what is desired now, rounded up; what is PENDING goes before what runs."""
    stage.given_sets(2, 100, 50)
    stage.update("3 are desired", desiredCount=3)
    stage.move(RUNNING, "task 04")
    stage.update("2 are desired", desiredCount=2)
    stage.update("none is desired", desiredCount=0)
    stage.stopped()


@plan()
def task_sets_failing(stage: Stage) -> None:
    """The set whose tasks fail waits with growing pauses, the other one goes on; a task that runs well ends the row."""
    stage.given_sets(1, 100)
    stage.task_set(100)
    for number in range(2, 7):
        why = "CannotPullContainerError: not found"
        stage.move(STOPPED, f"task {number:02d}", stop_code=StopCode.TASK_FAILED_TO_START, stopped_reason=why)
        if number > 4:
            stage.wait(0.25 * 2 ** (number - 5))
    stage.move(RUNNING)
    stage.wait(5)


@plan()
def task_sets_unhealthy(stage: Stage) -> None:
    """An unhealthy task goes when its replacement is healthy."""
    stage.given_sets(2, 100, container=CHECKED)
    stage.health(Health.UNHEALTHY, "task 01")
    stage.move(RUNNING)
    stage.health(Health.HEALTHY, "task 03")
    stage.stopped()


@plan(launch_type="EC2")
def task_sets_on_a_draining_instance(stage: Stage) -> None:
    """Tasks on a machine that drains go one for one, as others are healthy elsewhere."""
    stage.given_sets(2, 100)
    (instance,) = stage.sim.call("ListContainerInstances")["containerInstanceArns"]
    stage.sim.call("UpdateContainerInstancesState", containerInstances=[instance], status="DRAINING")
    stage.update("its machine is set to DRAINING")
    stage.move(RUNNING, "task 03")
    stage.move(RUNNING)
    stage.stopped()


@plan()
def task_sets_protected(stage: Stage) -> None:
    """A protected task is not scaled in, and it is said; deleted with its set it has no protection."""
    stage.given_sets(2, 100)
    stage.protect("task 01", "task 02", minutes=10)
    stage.of_set("set 1", "is scaled to 50 %", "UpdateTaskSet", scale={"value": 50})
    stage.wait(600)
    stage.protect("task 02", "task 01", minutes=10)
    stage.of_set("set 1", "is deleted by force", "DeleteTaskSet", force=True)
    stage.stopped()


@plan()
def task_sets_of_a_deleted_service(stage: Stage) -> None:
    """All sets of a deleted service stop their tasks and vanish, then the service is INACTIVE."""
    stage.given_sets(1, 100, 100)
    stage.delete()
    stage.stopped()
