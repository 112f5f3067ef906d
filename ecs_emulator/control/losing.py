"""A machine that is gone takes its tasks with it: no SIGTERM reaches them, and ECS says which machine it was."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task
from ecs_emulator.rules import machines
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.rules.stopping import asked_to_stop
from ecs_emulator.store import Transaction

LONG_AGO = 0.0
"""So that no time is left to stop."""


def terminated_reason(instance: ContainerInstance) -> str:
    """Source: the stopped-task error messages of the ECS developer guide."""
    return f"Host EC2 (instance {instance.ec2_instance_id}) terminated."


def lose(tx: Transaction, instance: ContainerInstance, code: StopCode, reason: str, now: Instant, because: str) -> None:
    """Deregister the machine and stop all that was on it; what was stopping already keeps its cause."""
    tx.put(machines.deregistered(instance, now), Decided(now, instance.arn, f"deregistered because {because}"))
    for task in tx.find(Task, container_instance_arn=instance.arn, last_status=HOLDING):
        wanted = task.desired_status is DesiredStatus.RUNNING
        stopped = asked_to_stop(task, code, reason, now)
        containers = tuple(replace(one, stop_sent_at=LONG_AGO) for one in stopped.containers)
        tx.put(replace(stopped, containers=containers))
        if wanted:
            tx.put(Decided(now, task.arn, f"stopped because {because}"))
