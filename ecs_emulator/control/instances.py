"""A machine made on demand goes when nobody needs it; a machine that changed is news for the services that it concerns."""

from __future__ import annotations

from collections.abc import Iterator

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control.plan import Wait
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import machines
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Transaction


def decide(tx: Transaction, instance_arn: str, now: Instant, timings: Timings) -> Iterator[Wait]:
    """Tell those who wait for the cluster's capacity and those whose tasks are to leave, and retire what is idle."""
    instance = tx.get(ContainerInstance, instance_arn)
    if instance is None:
        return
    tx.mark(*(("service", service.arn) for service in tx.find(Service, waiting_for=instance.cluster_arn)))
    if instance.status is InstanceStatus.DRAINING:
        placed = {"container_instance_arn": instance_arn, "desired_status": DesiredStatus.RUNNING}
        found = tx.tally(Task, ("service_arn",), **placed)
        tx.mark(*(("service", service_arn) for (service_arn,) in found if service_arn is not None))
    if instance.origin is not Origin.ON_DEMAND or instance.status is not InstanceStatus.ACTIVE:
        return
    due = machines.retired_at(instance, _telling(tx, instance_arn), timings.idle_instance)
    if due is None:
        return
    if now < due:
        yield Wait(due, because="a machine made on demand is retired when it is idle")
    else:
        tx.put(
            machines.deregistered(instance, now),
            Decided(now, instance_arn, "deregistered because it was made on demand and is idle"),
        )


def _telling(tx: Transaction, instance_arn: str) -> list[Task]:
    """The tasks that say when the machine became idle: one that holds it, else the last that did."""
    held = tx.find(Task, container_instance_arn=instance_arn, last_status=HOLDING, limit=1)
    return held or tx.find(
        Task,
        container_instance_arn=instance_arn,
        last_status=TaskStatus.STOPPED,
        order="stopped_at",
        descending=True,
        limit=1,
    )
