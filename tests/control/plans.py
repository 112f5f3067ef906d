"""The golden plans: what is given, what happens, and nothing of what follows from it; that is in `fixtures/golden/plans`."""

from __future__ import annotations

from ecs_emulator.config import Instances
from ecs_emulator.records.tasks import Health, StopCode, TaskStatus
from tests.control.stage import Stage, plan

RUNNING, STOPPED = TaskStatus.RUNNING, TaskStatus.STOPPED
ROLLBACK = {"enable": True, "rollback": True}
CHECKED = {"healthCheck": {"command": ["CMD", "true"]}}


def _rolled_out(stage: Stage, desired: int, minimum: int, maximum: int) -> None:
    stage.given(desired, minimum, maximum)
    stage.new_revision()
    for _ in range(4 * desired + 4):
        if any(task.desired_status == "STOPPED" for task in stage.tasks()):
            stage.stopped()
        elif any(task.last_status is not RUNNING for task in stage.tasks()):
            stage.move(RUNNING)
        else:
            return


# --- the worked examples of the arithmetic --------------------------------------------------------------------------


@plan()
def rolling_1_at_100_200(stage: Stage) -> None:
    """One task is replaced by another that runs first."""
    _rolled_out(stage, 1, 100, 200)


@plan()
def rolling_4_at_50_100(stage: Stage) -> None:
    """Two old tasks make room, and the new ones wait until those have STOPPED."""
    _rolled_out(stage, 4, 50, 100)


@plan()
def rolling_4_at_100_200(stage: Stage) -> None:
    """All new tasks are started at once; each that is healthy replaces an old one."""
    stage.given(4, 100, 200)
    stage.new_revision()
    stage.move(RUNNING, "task 05")
    stage.move(RUNNING)
    stage.stopped()


@plan()
def rolling_4_at_50_200(stage: Stage) -> None:
    """Where there is room, starting comes first."""
    _rolled_out(stage, 4, 50, 200)


@plan()
def rolling_2_at_75_100(stage: Stage) -> None:
    """Nothing may stop and nothing may start: it is said once."""
    stage.given(2, 75, 100)
    stage.new_revision()
    stage.update("the floor is lowered", deploymentConfiguration={"minimumHealthyPercent": 50})


@plan()
def rolling_3_at_100_125(stage: Stage) -> None:
    """125 % of 3 is 3: a deadlock too."""
    stage.given(3, 100, 125)
    stage.new_revision()


@plan()
def rolling_3_at_50_125(stage: Stage) -> None:
    """One by one: stop, then start."""
    _rolled_out(stage, 3, 50, 125)


@plan()
def rolling_10_at_100_110(stage: Stage) -> None:
    """One by one: start, then stop."""
    _rolled_out(stage, 10, 100, 110)


@plan()
def rolling_1_at_0_100(stage: Stage) -> None:
    """The old task goes first: nothing runs for a while."""
    _rolled_out(stage, 1, 0, 100)


@plan()
def rolling_5_at_66_133(stage: Stage) -> None:
    """At least 4 stay, at most 6 are alive."""
    _rolled_out(stage, 5, 66, 133)


@plan()
def rolling_0_at_100_200(stage: Stage) -> None:
    """With nothing desired a deployment completes at once."""
    stage.given(0, 100, 200)
    stage.new_revision()


# --- other beginnings and ends --------------------------------------------------------------------------------------


@plan()
def first_deployment(stage: Stage) -> None:
    """From nothing to a steady state."""
    stage.given(2, 100, 200, healthy=False)
    stage.move(RUNNING)


@plan()
def scaled_out_and_in(stage: Stage) -> None:
    """A change of count is no deployment; what is PENDING goes before what runs."""
    stage.given(2, 100, 200)
    stage.update("4 are desired", desiredCount=4)
    stage.move(RUNNING, "task 03")
    stage.update("2 are desired", desiredCount=2)
    stage.update("none is desired", desiredCount=0)
    stage.stopped()


@plan()
def superseded_while_pending(stage: Stage) -> None:
    """What of the former revision has not started yet is not waited for."""
    stage.given(2, 100, 200)
    stage.new_revision()
    stage.new_revision()
    stage.move(RUNNING)
    stage.stopped()


@plan()
def killed(stage: Stage) -> None:
    """A task that ends by itself is replaced; after a minute of running well that is no failure."""
    stage.given(2, 100, 200)
    stage.wait(60)
    stage.move(STOPPED, "task 01", stop_code=StopCode.ESSENTIAL_CONTAINER_EXITED, stopped_reason="it was killed")
    stage.move(RUNNING)


@plan()
def stopped_by_the_user_at_100_percent(stage: Stage) -> None:
    """With 100 % as the most, the successor waits for the end of the one it replaces."""
    stage.given(1, 0, 100)
    task = stage.tasks()[0]
    stage.sim.call("StopTask", task=task.id)
    stage.update("its task is stopped by the user")
    stage.stopped()
    stage.move(RUNNING)


@plan()
def unhealthy_is_replaced_first(stage: Stage) -> None:
    """An unhealthy task goes when its replacement is healthy."""
    stage.given(2, 100, 200, container=CHECKED)
    stage.health(Health.UNHEALTHY, "task 01")
    stage.move(RUNNING)
    stage.health(Health.HEALTHY, "task 03")
    stage.stopped()


@plan()
def unhealthy_without_room(stage: Stage) -> None:
    """With no room for the replacement, the unhealthy task goes first, one at a time."""
    stage.given(2, 50, 100, container=CHECKED)
    stage.health(Health.UNHEALTHY, "task 01", "task 02")
    stage.stopped()
    stage.move(RUNNING, health=Health.HEALTHY)
    stage.stopped()
    stage.move(RUNNING, health=Health.HEALTHY)


@plan()
def unhealthy_replacement(stage: Stage) -> None:
    """If the replacement is unhealthy too, one of the two goes, and another is tried."""
    stage.given(1, 100, 200, container=CHECKED)
    stage.health(Health.UNHEALTHY, "task 01")
    stage.move(RUNNING, health=Health.UNHEALTHY)
    stage.stopped()


@plan()
def unhealthy_within_the_grace_period(stage: Stage) -> None:
    """What is seen during the grace period is not acted on."""
    stage.given(1, 100, 200, container=CHECKED, healthCheckGracePeriodSeconds=30)
    stage.health(Health.UNHEALTHY, "task 01")
    stage.wait(30)


@plan()
def draining_service(stage: Stage) -> None:
    """A deleted service stops its tasks, and is INACTIVE when they have STOPPED."""
    stage.given(2, 100, 200)
    stage.delete()
    stage.stopped()


@plan()
def failing_starts(stage: Stage) -> None:
    """Three failures are tried again at once, the next with growing pauses; a task that runs well ends the row."""
    stage.given(1, 100, 200, healthy=False)
    for number in range(1, 6):
        stage.fail(f"task {number:02d}")
        if number > 3:
            stage.wait(0.25 * 2 ** (number - 4))
    stage.move(RUNNING)
    stage.wait(5)


@plan()
def failing_update(stage: Stage) -> None:
    """While the new revision fails and pauses, the old one keeps up its own number."""
    stage.given(2, 100, 200)
    stage.wait(60)
    stage.new_revision()
    stage.fail(*(f"task {number:02d}" for number in range(3, 8)))
    stage.move(STOPPED, "task 01", stop_code=StopCode.ESSENTIAL_CONTAINER_EXITED, stopped_reason="it was killed")
    stage.move(RUNNING)
    stage.wait(0.5)
    stage.move(RUNNING)
    stage.stopped()


# --- deployments that are given up ----------------------------------------------------------------------------------


@plan()
def breaker_rolls_back(stage: Stage) -> None:
    """The third failure of an update trips the circuit breaker, and the last completed deployment takes over."""
    stage.given(2, 100, 200, breaker=ROLLBACK)
    stage.new_revision()
    stage.fail("task 03", "task 04", "task 05")
    stage.stopped()


@plan()
def breaker_rolls_back_what_had_gone(stage: Stage) -> None:
    """With 0–100 % the old task is gone when the breaker trips: the old revision starts one again."""
    stage.given(1, 0, 100, breaker=ROLLBACK)
    stage.new_revision()
    stage.stopped()
    stage.fail("task 02", "task 03", "task 04")
    stage.move(RUNNING)


@plan()
def breaker_without_rollback(stage: Stage) -> None:
    """The new revision is given up where it stands; what runs of the old one runs on."""
    stage.given(2, 50, 150, breaker={"enable": True, "rollback": False})
    stage.new_revision()
    stage.fail("task 03", "task 04", "task 05")
    stage.move(STOPPED, "task 02", stop_code=StopCode.ESSENTIAL_CONTAINER_EXITED, stopped_reason="it was killed")
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(1)


@plan()
def breaker_trips_on_the_first_deployment(stage: Stage) -> None:
    """There is nothing to roll back to."""
    stage.given(1, 100, 200, healthy=False, breaker=ROLLBACK)
    stage.fail("task 01", "task 02", "task 03")


@plan()
def breaker_counts_all_failures(stage: Stage) -> None:
    """Without resetOnHealthyTask a task that runs well does not clear the row."""
    threshold = {"type": "COUNT", "value": 2}
    breaker = {**ROLLBACK, "resetOnHealthyTask": False, "thresholdConfiguration": threshold}
    stage.given(2, 100, 200, healthy=False, breaker=breaker)
    stage.fail("task 01")
    stage.move(RUNNING, "task 02")
    stage.wait(6)
    stage.fail("task 03")


@plan()
def stopped_by_its_user(stage: Stage) -> None:
    """StopServiceDeployment: back to the revision before, though no rollback was configured."""
    stage.given(2, 100, 200)
    stage.new_revision()
    stage.move(RUNNING, "task 03")
    stage.stop_deployment()
    stage.stopped()
    stage.move(RUNNING)


# --- tasks that must stay -------------------------------------------------------------------------------------------


@plan()
def protected_from_scale_in(stage: Stage) -> None:
    """A protected task outlives what is desired until its time is over."""
    stage.given(3, 100, 200)
    stage.protect("task 01", "task 02", minutes=10)
    stage.update("1 is desired", desiredCount=1)
    stage.wait(600)


@plan()
def protected_from_a_deployment(stage: Stage) -> None:
    """A new revision waits for the protected task of the old one."""
    stage.given(1, 100, 200)
    stage.protect("task 01", minutes=10)
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(600)
    stage.stopped()


# --- machines -------------------------------------------------------------------------------------------------------


@plan(launch_type="EC2")
def draining_instance(stage: Stage) -> None:
    """Tasks on a machine that drains are replaced on another, within the bounds."""
    stage.given(2, 100, 200)
    (instance,) = stage.sim.call("ListContainerInstances")["containerInstanceArns"]
    stage.sim.call("UpdateContainerInstancesState", containerInstances=[instance], status="DRAINING")
    stage.update("its machine is set to DRAINING")
    stage.move(RUNNING)
    stage.stopped()


@plan(launch_type="EC2", instances=Instances.NONE)
def rolling_on_a_full_machine(stage: Stage) -> None:
    """Where the machines are full, old tasks make room down to the floor, though the ceiling would let new ones start."""
    total = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 4096},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 4 * 64},
    ]
    stage.sim.call("RegisterContainerInstance", totalResources=total)
    stage.given(4, 50, 200)
    stage.new_revision()
    stage.stopped()
    stage.move(RUNNING)
    stage.stopped()
    stage.move(RUNNING)
