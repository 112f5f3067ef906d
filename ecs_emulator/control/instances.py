"""A machine made on demand goes when nobody needs it; a machine that changed is news for the services that it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import daemon_services, daemons
from ecs_emulator.control.losing import lose
from ecs_emulator.control.plan import Wait
from ecs_emulator.records.events import ResourcesChanged
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.scaling import key_of
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task, TaskStatus
from ecs_emulator.rules import machines
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.rules.stopping import SPOT_INTERRUPTED
from ecs_emulator.store import Transaction


def decide(tx: Transaction, instance_arn: str, now: Instant, timings: Timings) -> Iterator[Wait]:
    """Tell those who wait for the cluster's capacity and those whose tasks are to leave, and retire what is idle."""
    instance = tx.get(ContainerInstance, instance_arn)
    if instance is None:
        return
    instance = _with_zone_told(tx, _with_resources_counted(tx, instance))
    tx.mark(*(("service", service.arn) for service in tx.find(Service, waiting_for=instance.cluster_arn)))
    meant = {"capacity_provider_name": instance.capacity_provider_name, "desired_status": DesiredStatus.RUNNING}
    waiting = tx.keys(Task, waiting_for=instance.cluster_arn, **meant)
    tx.mark(*(("task", arn) for (arn,) in waiting))
    if instance.capacity_provider_name is not None:
        tx.mark(("scaling", key_of(instance.cluster_arn, instance.capacity_provider_name)))
    tx.mark(*(("service", arn) for arn in daemon_services.concerned(tx, instance)))
    tx.mark(*(("daemon", arn) for arn in daemons.concerned(tx, instance)))
    tx.mark(*(("task", arn) for arn in daemons.waiting(tx, instance)))
    if instance.status is InstanceStatus.DRAINING:
        placed = {"container_instance_arn": instance_arn, "desired_status": DesiredStatus.RUNNING}
        found = tx.tally(Task, ("service_arn",), **placed)
        tx.mark(*(("service", service_arn) for (service_arn,) in found if service_arn is not None))
    if instance.interrupted_at is not None and instance.status is not InstanceStatus.INACTIVE:
        yield from _interrupted(tx, instance, instance.interrupted_at + timings.spot_warning, now)
        return
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


def _with_zone_told(tx: Transaction, instance: ContainerInstance) -> ContainerInstance:
    """A zone that comes, or comes back, with its first machine is news for all services: some balance their tasks over the zones."""
    active = instance.status is InstanceStatus.ACTIVE
    if not instance.zone or instance.announced is active:
        return instance
    instance = replace(instance, announced=active)
    tx.put(instance)
    here = {"cluster_arn": instance.cluster_arn, "status": InstanceStatus.ACTIVE}
    if active and tx.tally(ContainerInstance, ("zone",), **here)[(instance.zone,)] == 1:
        services = tx.keys(Service, cluster_arn=instance.cluster_arn, status=ServiceStatus.ACTIVE)
        tx.mark(*(("service", arn) for (arn,) in services))
    return instance


def _with_resources_counted(tx: Transaction, instance: ContainerInstance) -> ContainerInstance:
    """Tasks that came or left since are one state change of the machine, however many they were."""
    if (news := tx.get(ResourcesChanged, instance.arn)) is None:
        return instance
    tx.delete(news)
    if instance.status is InstanceStatus.INACTIVE:
        return instance
    changed = replace(instance, version=instance.version + 1)
    tx.put(changed)
    return changed


def _interrupted(tx: Transaction, instance: ContainerInstance, due: Instant, now: Instant) -> Iterator[Wait]:
    """A Spot instance goes when its warning is over, whatever is left on it."""
    if now < due:
        yield Wait(due, because="its Spot interruption was announced")
    else:
        lose(tx, instance, StopCode.SPOT_INTERRUPTION, SPOT_INTERRUPTED, now, "its Spot capacity was taken away")


def _telling(tx: Transaction, instance_arn: str) -> list[Task]:
    """The tasks that say when the machine became idle: one that holds it, else the last that did. Daemons go where it goes."""
    others: dict[str, Any] = {"container_instance_arn": instance_arn, "daemon_arn": None, "stays_with_machine": False}
    held = tx.find(Task, **others, last_status=HOLDING, limit=1)
    return held or tx.find(Task, **others, last_status=TaskStatus.STOPPED, order="stopped_at", descending=True, limit=1)
