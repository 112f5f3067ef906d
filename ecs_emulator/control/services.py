"""A service keeps its desired count: what is to be started, stopped or said now, as a function of what is there.

What lives only here: what is the same for every service. How one revision follows another is `rolling`'s, what
task sets keep is `task_sets`'s, and what is on every machine `daemon_services`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import daemon_services, rolling, shifting, task_sets, zones
from ecs_emulator.control.plan import Decision, Judge, Keeper, Release, Retire, ServiceSlice, Stop, Wait
from ecs_emulator.control.shift_plan import CallHook
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import (
    LISTED,
    DeploymentStatus,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceStatus,
)
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, Member, TaskStatus
from ecs_emulator.rules import deployment_alarms, resources, stopping
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.resources import Candidate
from ecs_emulator.rules.task_sets import sets_of
from ecs_emulator.store import Transaction


def read(tx: Transaction, service_arn: str) -> ServiceSlice | None:
    """The slice of one service, by index."""
    service = tx.get(Service, service_arn)
    if service is None:
        return None
    deployments = tx.find(
        ServiceDeployment, service_arn=service_arn, status=LISTED, order="created_at", descending=True
    )
    deployments.sort(key=lambda one: one.status is not DeploymentStatus.PRIMARY)
    tasks = sorted(tx.find(Member, service_arn=service_arn, released=False), key=lambda task: task.arn)
    sets = sets_of(tx, service)
    keepers: tuple[Keeper, ...] = (*deployments, *sets)
    checked = frozenset(one.id for one in keepers if _has_check(tx.get(TaskDefinition, one.task_definition_arn)))
    instances = {task.container_instance_arn for task in tasks if task.container_instance_arn is not None}
    if service.is_daemon and deployments:
        return _watched(tx, _on_machines(tx, ServiceSlice(service, tuple(deployments), tuple(tasks), checked)))
    slice = ServiceSlice(
        service,
        tuple(deployments),
        tuple(tasks),
        checked,
        _draining(tx, instances),
        _free(tx, service, instances),
        tuple(sets),
        zones=zones.configured(tx, service, deployments[0]) if len(deployments) == 1 else (),
    )
    return _watched(tx, slice)


def _watched(tx: Transaction, slice: ServiceSlice) -> ServiceSlice:
    """With the alarms and the hooks that a deployment under way heeds."""
    going_on = any(one.rollout_state is RolloutState.IN_PROGRESS for one in slice.deployments[:1])
    raised = deployment_alarms.raised(tx, slice.service) if going_on else ()
    staged = shifting.subject_of(slice)
    hooks: tuple[LifecycleHook, ...] = ()
    if staged is not None and staged.stage is not None:
        stage, step = staged.stage, staged.step
        hooks = tuple(tx.find(LifecycleHook, deployment_id=staged.id, stage=stage, step=step, order="created_at,id"))
    return replace(slice, raised=raised, hooks=hooks) if raised or hooks else slice


def _on_machines(tx: Transaction, slice: ServiceSlice) -> ServiceSlice:
    """A DAEMON service's slice with the machines that it is on, and is to be on."""
    found = daemon_services.seen(tx, slice.service, slice.deployments[0], slice.tasks)
    return replace(slice, leaving=found.leaving, machines=found.machines, busy=found.busy, violating=found.violating)


def _has_check(definition: TaskDefinition | None) -> bool:
    if definition is None:
        return False
    return any("healthCheck" in one and facts.essential(one) for one in definition.spec["containerDefinitions"])


def _draining(tx: Transaction, instance_arns: set[str]) -> frozenset[str]:
    if not instance_arns:
        return frozenset()
    found = tx.find(ContainerInstance, arn=sorted(instance_arns))
    return frozenset(one.arn for one in found if one.status is InstanceStatus.DRAINING)


def _free(tx: Transaction, service: Service, instance_arns: set[str]) -> dict[str, Candidate]:
    """What the instances have left: only a strategy that the user gave asks for more than zones and counts."""
    if not instance_arns or not service.spec.get("placementStrategy"):
        return {}
    return {one.arn: one for one in resources.candidates(tx, service.cluster_arn)}


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait | CallHook]:
    """What to do now. Says the same again until it has been done; says nothing when the service stands right."""
    if slice.service.status is ServiceStatus.INACTIVE:
        return
    ended: list[Judge | Release] = [*_judged(slice), *_released(slice)]
    if ended:
        yield from ended
    elif slice.task_sets:
        yield from task_sets.decide(slice, now, timings)
    elif slice.service.status is ServiceStatus.DRAINING:
        yield from _drain(slice, now, timings)
    elif slice.service.is_daemon:
        yield from daemon_services.decide(slice, now, timings)
    elif shifting.applies(slice):
        yield from shifting.decide(slice, now, timings)
    elif slice.deployments:
        yield from zones.decide(slice, now)
        if not zones.holds(slice, now):
            yield from rolling.decide(slice, now, timings)


def _judged(slice: ServiceSlice) -> Iterator[Judge]:
    """As soon as they are to stop: what is started in their place must know of them."""
    for task in slice.tasks:
        if task.desired_status is DesiredStatus.STOPPED and not task.judged and stopping.unasked(task):
            yield Judge(task, because=task.stopped_reason or "it ends")


def _released(slice: ServiceSlice) -> Iterator[Release]:
    for task in slice.tasks:
        if task.last_status is TaskStatus.STOPPED:
            yield Release(slice.service, task, because=task.stopped_reason or "it stopped")


def _drain(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """A deleted service stops its tasks, waits for their end, and some time more."""
    wanted = tuple(task for task in slice.tasks if task.desired_status is DesiredStatus.RUNNING)
    if wanted:
        yield Stop(slice.service, wanted, because="its service was deleted")
    elif not slice.tasks:
        due = (slice.service.deleted_at or now) + timings.draining
        if now < due:
            yield Wait(due, because="a service without tasks stays DRAINING for a while")
        else:
            yield Retire(slice.service, because="it was deleted and none of its tasks is left")
