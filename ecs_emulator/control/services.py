"""A service keeps its desired count: what is to be started, stopped or said now, as a function of what is there.

What lives only here: what is the same for every service. How one revision follows another is `rolling`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import rolling
from ecs_emulator.control.plan import Decision, Judge, Release, Retire, ServiceSlice, Stop, Wait
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import LISTED, DeploymentStatus, Service, ServiceDeployment, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import resources, stopping
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.resources import Candidate
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
    tasks = sorted(tx.find(Task, service_arn=service_arn, released=False), key=lambda task: task.arn)
    checked = frozenset(one.id for one in deployments if _has_check(tx.get(TaskDefinition, one.task_definition_arn)))
    instances = {task.container_instance_arn for task in tasks if task.container_instance_arn is not None}
    return ServiceSlice(
        service, tuple(deployments), tuple(tasks), checked, _draining(tx, instances), _free(tx, service, instances)
    )


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


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """What to do now. Says the same again until it has been done; says nothing when the service stands right."""
    if slice.service.status is ServiceStatus.INACTIVE:
        return
    ended: list[Judge | Release] = [*_judged(slice), *_released(slice)]
    if ended:
        yield from ended
    elif slice.service.status is ServiceStatus.DRAINING:
        yield from _drain(slice, now, timings)
    elif slice.deployments:
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
