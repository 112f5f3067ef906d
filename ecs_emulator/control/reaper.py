"""What AWS forgets after a while, the emulator forgets too: stopped tasks, what was deleted, old requests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import daemon_reaper
from ecs_emulator.records.capacity_providers import CapacityProvider, CapacityProviderStatus
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.events import StateEvent
from ecs_emulator.records.hooks import LifecycleHook
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
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import RunTaskRequest, Task, TaskStatus
from ecs_emulator.store import Transaction

EVERY = 60.0
AGAIN = 1.0
"""Seconds until the next pass where one met its limit."""
AT_ONCE = 500
"""The most of one kind that one pass forgets; the rest waits for the next."""
JOURNAL_KEPT = 200_000
"""Decisions; older ones are forgotten."""
JOURNAL_AT_ONCE = 5_000


def reap(tx: Transaction, now: Instant, timings: Timings, events_kept: int = 10_000) -> Instant:
    """Forget what is over; answers when to look again: soon where there may be more."""
    forgotten = (
        _forget_tasks(tx, now - timings.stopped_kept),
        _forget_requests(tx, now),
        _forget_services(tx, now - timings.service_kept),
        _forget_clusters(tx, now - timings.cluster_kept),
        _forget_instances(tx, now - timings.cluster_kept),
        _forget_providers(tx, now - timings.cluster_kept),
        _forget_definitions(tx, now - timings.delete_definition),
        daemon_reaper.end_definitions(tx, now, AT_ONCE),
        daemon_reaper.forget_definitions(tx, now - timings.cluster_kept, AT_ONCE),
        daemon_reaper.forget_daemons(tx, now - timings.cluster_kept, AT_ONCE),
        _forget_decisions(tx),
        _forget_events(tx, now - timings.event_kept, events_kept),
    )
    return now + (AGAIN if any(number >= AT_ONCE for number in forgotten) else EVERY)


def forget_service(tx: Transaction, service: Service) -> None:
    """The service and all that lives only as long as it does."""
    for kind in (ServiceDeployment, ServiceRevision, ServiceEvent, LifecycleHook, TaskSet):
        tx.delete(*tx.find(kind, service_arn=service.arn))
    tx.delete(service)


# --- each kind: how many were forgotten, those that ended first before all others -------------------------------------


def _forget_tasks(tx: Transaction, before: Instant) -> int:
    found = tx.find(Task, last_status=TaskStatus.STOPPED, cleaned=True, order="stopped_at", limit=AT_ONCE)
    return _forget(tx, [one for one in found if one.stopped_at is not None and one.stopped_at <= before])


def _forget_requests(tx: Transaction, now: Instant) -> int:
    found = tx.find(RunTaskRequest, order="expires_at", limit=AT_ONCE)
    return _forget(tx, [one for one in found if one.expires_at <= now])


def _forget_services(tx: Transaction, before: Instant) -> int:
    found = tx.find(Service, status=ServiceStatus.INACTIVE, order="deleted_at", limit=AT_ONCE)
    over = [one for one in found if one.deleted_at is not None and one.deleted_at <= before]
    for service in over:
        forget_service(tx, service)
    return len(over)


def _forget_clusters(tx: Transaction, before: Instant) -> int:
    found = tx.find(Cluster, status=ClusterStatus.INACTIVE, order="deleted_at", limit=AT_ONCE)
    return _forget(tx, [one for one in found if one.deleted_at is not None and one.deleted_at <= before])


def _forget_instances(tx: Transaction, before: Instant) -> int:
    found = tx.find(ContainerInstance, status=InstanceStatus.INACTIVE, order="deregistered_at", limit=AT_ONCE)
    return _forget(tx, [one for one in found if one.deregistered_at is not None and one.deregistered_at <= before])


def _forget_providers(tx: Transaction, before: Instant) -> int:
    found = tx.find(CapacityProvider, status=CapacityProviderStatus.INACTIVE, order="deleted_at", limit=AT_ONCE)
    return _forget(tx, [one for one in found if one.deleted_at is not None and one.deleted_at <= before])


def _forget(tx: Transaction, over: Sequence[object]) -> int:
    tx.delete(*over)
    return len(over)


def _forget_definitions(tx: Transaction, before: Instant) -> int:
    """A deleted task definition stays as long as a task that is remembered or a service goes by it."""
    deleted = TaskDefinitionStatus.DELETE_IN_PROGRESS
    forgotten = 0
    for definition in tx.find(TaskDefinition, status=deleted, order="delete_requested_at", limit=AT_ONCE):
        asked_at = definition.delete_requested_at
        if asked_at is None or asked_at > before or _is_used(tx, definition):
            continue
        tx.delete(definition)
        family = tx.get(TaskDefinitionFamily, definition.account, definition.region, definition.family)
        if family is not None:
            tx.put(family.forgotten())
        forgotten += 1
    return forgotten


def _is_used(tx: Transaction, definition: TaskDefinition) -> bool:
    if tx.first(Task, task_definition_arn=definition.arn) is not None:
        return True
    if tx.first(TaskSet, task_definition_arn=definition.arn) is not None:
        return True
    return tx.first(ServiceDeployment, task_definition_arn=definition.arn, status=LISTED) is not None


def _forget_decisions(tx: Transaction) -> int:
    newest = tx.find(Decided, order="seq", descending=True, limit=1)
    oldest = tx.find(Decided, order="seq", limit=1)
    if not newest or newest[0].seq is None or oldest[0].seq is None:
        return 0
    last = min(newest[0].seq - JOURNAL_KEPT, oldest[0].seq + JOURNAL_AT_ONCE - 1)
    if last < oldest[0].seq:
        return 0
    tx.delete_until(Decided, last)
    return last - oldest[0].seq + 1


def _forget_events(tx: Transaction, before: Instant, kept: int) -> int:
    """Those that are too many, and those that are too old, as many of each as one pass takes."""
    newest = tx.columns(StateEvent, ("seq",), order="seq", descending=True, limit=1)
    if not newest:
        return 0
    first_kept = newest[0][0] - kept + 1
    oldest = tx.columns(StateEvent, ("seq", "at"), order="seq", limit=JOURNAL_AT_ONCE)
    over = list(itertools.takewhile(lambda one: one[0] < first_kept or one[1] <= before, oldest))
    if over:
        tx.delete_until(StateEvent, over[-1][0])
    return len(over)
