"""What AWS forgets after a while, the emulator forgets too: stopped tasks, what was deleted, old requests."""

from __future__ import annotations

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import (
    LISTED,
    Service,
    ServiceDeployment,
    ServiceEvent,
    ServiceRevision,
    ServiceStatus,
)
from ecs_emulator.records.task_definitions import TaskDefinition, TaskDefinitionFamily, TaskDefinitionStatus
from ecs_emulator.records.tasks import RunTaskRequest, Task, TaskStatus
from ecs_emulator.store import Transaction

EVERY = 60.0
AT_ONCE = 500
"""The most of one kind that one pass forgets; the rest waits for the next."""
JOURNAL_KEPT = 200_000
"""Decisions; older ones are forgotten."""


def reap(tx: Transaction, now: Instant, timings: Timings) -> Instant:
    """Forget what is over; answers when to look again."""
    for task in tx.find(Task, last_status=TaskStatus.STOPPED, cleaned=True, order="stopped_at", limit=AT_ONCE):
        if now >= (task.stopped_at or now) + timings.stopped_kept:
            tx.delete(task)
    for request in tx.find(RunTaskRequest, order="expires_at", limit=AT_ONCE):
        if now >= request.expires_at:
            tx.delete(request)
    for service in tx.find(Service, status=ServiceStatus.INACTIVE, order="deleted_at", limit=AT_ONCE):
        if now >= (service.deleted_at or now) + timings.service_kept:
            forget_service(tx, service)
    for cluster in tx.find(Cluster, status=ClusterStatus.INACTIVE, limit=AT_ONCE):
        if now >= (cluster.deleted_at or now) + timings.cluster_kept:
            tx.delete(cluster)
    for instance in tx.find(ContainerInstance, status=InstanceStatus.INACTIVE, limit=AT_ONCE):
        if now >= (instance.deregistered_at or now) + timings.cluster_kept:
            tx.delete(instance)
    _forget_definitions(tx, now, timings)
    _forget_decisions(tx)
    return now + EVERY


def forget_service(tx: Transaction, service: Service) -> None:
    """The service and all that lives only as long as it does."""
    for kind in (ServiceDeployment, ServiceRevision, ServiceEvent):
        tx.delete(*tx.find(kind, service_arn=service.arn))
    tx.delete(service)


def _forget_definitions(tx: Transaction, now: Instant, timings: Timings) -> None:
    """A deleted task definition stays as long as a task that is remembered or a service goes by it."""
    deleted = TaskDefinitionStatus.DELETE_IN_PROGRESS
    for definition in tx.find(TaskDefinition, status=deleted, order="delete_requested_at", limit=AT_ONCE):
        due = (definition.delete_requested_at or now) + timings.delete_definition
        if now < due or tx.first(Task, task_definition_arn=definition.arn) is not None:
            continue
        if tx.first(ServiceDeployment, task_definition_arn=definition.arn, status=LISTED) is not None:
            continue
        tx.delete(definition)
        family = tx.get(TaskDefinitionFamily, definition.account, definition.region, definition.family)
        if family is not None:
            tx.put(family.forgotten())


def _forget_decisions(tx: Transaction) -> None:
    newest = tx.find(Decided, order="seq", descending=True, limit=1)
    if newest and newest[0].seq is not None and newest[0].seq > JOURNAL_KEPT:
        oldest = tx.find(Decided, order="seq", limit=AT_ONCE)
        tx.delete(*(one for one in oldest if one.seq is not None and one.seq <= newest[0].seq - JOURNAL_KEPT))
