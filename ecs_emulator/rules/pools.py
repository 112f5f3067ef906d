"""The machines that a task may be put on: those of its launch type and its provider, less what DAEMON services have yet to take there.

A DAEMON service's share of a machine is kept free for it: its task comes to a machine as surely as the machine itself.
Source: "Daemon scheduling strategy" and "Amazon ECS launch types" in the ECS developer guide.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import (
    DAEMON,
    DeploymentStatus,
    Service,
    ServiceDeployment,
    ServiceStatus,
)
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import Occupant
from ecs_emulator.rules import machines, placement, resources
from ecs_emulator.rules.resources import Candidate
from ecs_emulator.store import Transaction

ASKS_FOR_TASKS = ("task:group", "runningTasksCount")
"""What an expression says that looks at an instance's tasks: those of the service itself do not count."""


def candidates(
    tx: Transaction, cluster: Cluster, launch_type: str, provider: str | None = None
) -> tuple[Candidate, ...]:
    """The cluster's ACTIVE instances that tasks of this launch type, and of this provider if one is named, go to."""
    active = tx.find(ContainerInstance, cluster_arn=cluster.arn, status=InstanceStatus.ACTIVE, order="arn")
    meant = [each for each in active if provider is None or each.capacity_provider_name == provider]
    instances = [each for each in meant if is_of(launch_type, each, cluster.managed_instances)]
    held = resources.tasks_by_instance(tx, [each.arn for each in instances])
    found = {each.arn: resources.candidate(each, held[each.arn]) for each in instances}
    for service, definition in daemons(tx, cluster.arn):
        need = resources.needed(definition.spec)
        for arn in matching(tx, service, definition, instances):
            if not any(task.service_arn == service.arn for task in held[arn]):
                found[arn] = found[arn].less(need)
    return tuple(found.values())


def reserved(tx: Transaction, instance: ContainerInstance) -> Candidate:
    """A machine that has just come, less what the DAEMON services will take of it."""
    fresh = resources.candidate(instance, ())
    for service, definition in daemons(tx, instance.cluster_arn):
        if matching(tx, service, definition, [instance]):
            fresh = fresh.less(resources.needed(definition.spec))
    return fresh


def daemons(tx: Transaction, cluster_arn: str) -> list[tuple[Service, TaskDefinition]]:
    """The cluster's ACTIVE services with one task on each machine, and what they run there now."""
    found = []
    for service in tx.find(Service, cluster_arn=cluster_arn, status=ServiceStatus.ACTIVE, scheduling_strategy=DAEMON):
        primary = tx.first(ServiceDeployment, service_arn=service.arn, status=DeploymentStatus.PRIMARY)
        definition = None if primary is None else tx.get(TaskDefinition, primary.task_definition_arn)
        if definition is not None:
            found.append((service, definition))
    return found


def is_of(launch_type: str, instance: ContainerInstance, managed: Collection[str]) -> bool:
    """Whether tasks of this launch type go to the instance. `managed` names the cluster's providers of managed instances."""
    if machines.EXTERNAL in instance.attributes:
        return launch_type == "EXTERNAL"
    provider = instance.capacity_provider_name
    if launch_type == "MANAGED_INSTANCES":
        return provider is None or provider in managed
    return launch_type != "EXTERNAL" and provider not in managed


def matching(
    tx: Transaction, service: Service, definition: TaskDefinition, instances: Sequence[ContainerInstance]
) -> list[str]:
    """The ARNs of those that have what the definition requires and satisfy its constraints and the service's.

    Room is not asked for: a machine that is full is to have its task, and the service says that it cannot.
    """
    constraints = placement.of_task(definition.spec, service.spec)
    held: dict[str, list[Occupant]] = {}
    if any(word in each.expression for each in constraints for word in ASKS_FOR_TASKS):
        held = resources.tasks_by_instance(tx, [each.arn for each in instances])
    need = resources.needed(definition.spec)
    cluster = tx.get(Cluster, service.cluster_arn)
    managed = () if cluster is None else cluster.managed_instances
    found = []
    for instance in instances:
        if not is_of(service.launch_type, instance, managed):
            continue
        others = [task for task in held.get(instance.arn, ()) if task.service_arn != service.arn]
        if placement.matches(need, resources.candidate(instance, others), constraints):
            found.append(instance.arn)
    return found
