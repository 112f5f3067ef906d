"""A task that found no room waits for the machine that its capacity provider is to bring, and not for ever."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config
from ecs_emulator.control.plan import Wait
from ecs_emulator.control.tasks import Moved
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import DaemonTaskDefinition
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.scaling import key_of
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task
from ecs_emulator.rules import launching, placing, resources
from ecs_emulator.rules.launching import Launching, Wanted
from ecs_emulator.rules.placement import Refusal
from ecs_emulator.rules.stopping import asked_to_stop
from ecs_emulator.store import Transaction

NO_ACTIVE_INSTANCES = "TaskFailedToStart: NO ACTIVE INSTANCES"


def waits(task: Task) -> bool:
    """Whether the task has no machine yet and is still to have one."""
    return task.waiting_for is not None and task.desired_status is DesiredStatus.RUNNING


def decide(
    tx: Transaction,
    task: Task,
    definition: TaskDefinition | DaemonTaskDefinition,
    now: Instant,
    ids: Ids,
    config: Config,
) -> Moved | Wait:
    """The task on its machine, or asked to stop when its time is over; else until when it waits."""
    cluster = tx.get(Cluster, task.cluster_arn)
    assert cluster is not None
    found = placing.place_waiting(tx, task, _wanted(task, cluster, definition), ids, now, config)
    if isinstance(found, Task):
        return Moved(found, f"there is room for it on {found.container_instance_arn}")
    if task.capacity_provider_name is not None:
        tx.mark(("scaling", key_of(task.cluster_arn, task.capacity_provider_name)))
    due = task.created_at + config.timings.capacity_wait
    if now < due:
        return Wait(due, because="a machine of its capacity provider may come until then")
    reason = _why_none(tx, task, found)
    stopped = asked_to_stop(replace(task, waiting_for=None), StopCode.TASK_FAILED_TO_START, reason, now, counts=False)
    return Moved(stopped, f"no machine came for it in {config.timings.capacity_wait:g} s")


def _why_none(tx: Transaction, task: Task, refusal: Refusal) -> str:
    """A provider without any machine is empty; one whose machines all drain has none that is active."""
    if refusal.closest is not None:
        return refusal.stopped_reason
    draining = tx.find(ContainerInstance, cluster_arn=task.cluster_arn, status=InstanceStatus.DRAINING)
    if any(each.capacity_provider_name == task.capacity_provider_name for each in draining):
        return NO_ACTIVE_INSTANCES
    return refusal.stopped_reason


def _wanted(task: Task, cluster: Cluster, definition: TaskDefinition | DaemonTaskDefinition) -> Wanted:
    """What was asked for, as placement wants to know it."""
    overrides = task.spec.get("overrides") or {}
    return Wanted(
        world=World(task.account, task.region),
        cluster=cluster,
        definition=definition,
        need=resources.needed(definition.spec, launching.in_units(overrides)),
        how=Launching(task.launch_type),
        group=task.group,
        spec=task.spec,
        capacity_provider=task.capacity_provider_name,
    )
