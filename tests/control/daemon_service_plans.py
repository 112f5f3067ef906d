"""The golden plans of services with one task on each machine: the machines, and what becomes of them."""

from __future__ import annotations

from typing import Any

from ecs_emulator.config import Instances
from ecs_emulator.records.tasks import Health, StopCode, TaskStatus
from tests.control.stage import Stage, plan

RUNNING, STOPPED = TaskStatus.RUNNING, TaskStatus.STOPPED
CHECKED = {"healthCheck": {"command": ["CMD", "true"]}}
ROLLBACK = {"enable": True, "rollback": True}
STRICT: dict[str, Any] = {"launch_type": "EC2", "instances": Instances.NONE}


@plan(**STRICT)
def daemon_follows_machines(stage: Stage) -> None:
    """As many are desired as there are machines; a machine that comes gets its task, one that drains loses it."""
    stage.given_daemon(1)
    stage.machine("a second machine comes")
    stage.move(RUNNING)
    stage.on_machine(0, "drains", status="DRAINING")
    stage.stopped()
    stage.on_machine(0, "is ACTIVE again", status="ACTIVE")
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_update_at_0(stage: Stage) -> None:
    """Nothing need be healthy: all old tasks stop at once, and each machine gets its new one when its old one has STOPPED."""
    stage.given_daemon(3)
    stage.new_revision()
    stage.stopped()
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_update_at_50(stage: Stage) -> None:
    """Half of the machines at a time."""
    stage.given_daemon(4, 50)
    stage.new_revision()
    stage.stopped()
    stage.move(RUNNING)
    stage.stopped()
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_update_at_100(stage: Stage) -> None:
    """Nothing may stop, and nothing can start beside it: it is said once."""
    stage.given_daemon(2, 100)
    stage.new_revision()
    stage.update("the floor is lowered", deploymentConfiguration={"minimumHealthyPercent": 50})


@plan(**STRICT)
def daemon_constraint_changes(stage: Stage) -> None:
    """Tasks on machines that no longer satisfy the constraints are stopped."""
    stage.given_daemon(2)
    wanted = [{"type": "memberOf", "expression": "runningTasksCount > 5"}]
    stage.update("machines with other tasks only are asked for", placementConstraints=wanted)
    stage.stopped()


@plan(**STRICT)
def daemon_on_a_full_machine(stage: Stage) -> None:
    """A machine without room is waited for, and it is said; another has its task all the same."""
    stage.given_daemon(1)
    stage.machine("a machine comes that is too small", memory=32)
    stage.machine("a third comes")
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_killed(stage: Stage) -> None:
    """What ends by itself is replaced on its machine."""
    stage.given_daemon(2)
    stage.wait(60)
    stage.move(STOPPED, "task 01", stop_code=StopCode.ESSENTIAL_CONTAINER_EXITED, stopped_reason="it was killed")
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_unhealthy(stage: Stage) -> None:
    """Unhealthy tasks are stopped one by one, each when the one before has its successor."""
    stage.given_daemon(2, container=CHECKED)
    stage.health(Health.UNHEALTHY, "task 01", "task 02")
    stage.stopped()
    stage.move(RUNNING, "task 03", health=Health.HEALTHY)
    stage.stopped()
    stage.move(RUNNING, "task 04", health=Health.HEALTHY)


@plan(**STRICT)
def daemon_rolls_back(stage: Stage) -> None:
    """The circuit breaker counts its failures as those of any other service."""
    stage.given_daemon(3, 66, breaker=ROLLBACK)
    stage.new_revision()
    stage.stopped()
    for name in ("task 04", "task 05", "task 06"):
        stage.fail(name)
    stage.move(RUNNING)


@plan(**STRICT)
def daemon_deleted(stage: Stage) -> None:
    """It needs no force, and ends like any other."""
    stage.given_daemon(2)
    stage.delete()
    stage.stopped()
