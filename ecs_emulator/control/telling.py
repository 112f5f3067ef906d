"""Whatever changes is told in the same breath: beside each change, in its own transaction, the document that tells of it.

Nothing is told from outside of a transaction, and each state once: a crash neither loses a document nor doubles one.
A new kind of record to tell of: the columns whose change counts in its `TOLD`, and a line in `TELLERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.ids import Ids
from ecs_emulator.records.daemons import DaemonDeployment, DaemonRevision
from ecs_emulator.records.events import ResourcesChanged, StateEvent
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.services import RolloutState, Service, ServiceDeployment, ServiceEvent, ServiceStatus
from ecs_emulator.records.task_sets import Stability, TaskSet
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import daemon_definitions, deployment_strategies, event_documents, resources, service_actions
from ecs_emulator.rules.event_documents import Document
from ecs_emulator.rules.stopping import unasked
from ecs_emulator.store import Change, Transaction

MOST_REMEMBERED = 1000
"""Definitions."""


class Telling:
    """Writes the documents of each transaction at its end. Lives as long as the store; the write lock guards it."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._definitions: dict[str, Document] = {}

    def tell(self, tx: Transaction, now: Instant) -> None:
        """Write what is to be told of all that this transaction changed."""
        changes = tx.take_changes()
        if not changes:
            return
        read = _Reading(tx, self._definitions)
        for change in changes:
            for told in TELLERS[type(change.record)](read, change, now):
                tx.put(_event(told, change.record, self._ids))
        if len(self._definitions) > MOST_REMEMBERED:
            self._definitions.clear()


@dataclass(frozen=True, slots=True)
class Told:
    """One document, and what it is about."""

    detail_type: str
    resource: str | None
    cluster_arn: str
    at: Instant
    detail: Document
    service: str | None = None


def _event(told: Told, record: Any, ids: Ids) -> StateEvent:
    return StateEvent(
        account=record.account,
        region=record.region,
        id=ids.uuid("state-event"),
        at=told.at,
        detail_type=told.detail_type,
        resource=told.resource,
        resource_id=_last(told.resource) if told.resource else None,
        cluster=_last(told.cluster_arn),
        service=told.service,
        detail=told.detail,
    )


@dataclass(slots=True)
class _Reading:
    """What telling reads besides. Lives inside one transaction."""

    tx: Transaction
    definitions: dict[str, Document]
    """By ARN, as they were read last."""
    fresh: set[str] = field(default_factory=set)

    def definition(self, task: Task, *, new: bool) -> Document:
        """The `spec` that the task goes by. A cleared account counts its revisions from 1 again: a new task has its own read."""
        arn = task.task_definition_arn
        if arn in self.definitions and (not new or arn in self.fresh):
            return self.definitions[arn]
        if (found := daemon_definitions.of_task(self.tx, arn)) is None:
            return {"containerDefinitions": [{"name": one.name} for one in task.containers]}
        self.definitions[arn] = found.spec
        self.fresh.add(arn)
        return found.spec


# --- tasks and machines -------------------------------------------------------------------------------------------------


def _of_task(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    task: Task = change.record
    version, status, instance_arn = change.before or (0, None, None)
    _free_or_take(read.tx, task, status, instance_arn)
    if task.version <= version:
        return
    at = event_documents.changed_at(task, status, now)
    keeper = task.service_arn or task.daemon_arn
    service = _last(keeper) if keeper else None
    detail = event_documents.task(task, read.definition(task, new=change.before is None), at)
    yield Told(event_documents.TASK, task.arn, task.cluster_arn, at, detail, service)
    if task.daemon_arn and task.last_status is TaskStatus.STOPPED and task.started_at is None and unasked(task):
        detail = event_documents.daemon_task_failed(task, at)
        yield Told(event_documents.DAEMON, task.arn, task.cluster_arn, at, detail, service)


def _free_or_take(tx: Transaction, task: Task, status: str | None, instance_arn: str | None) -> None:
    """What is left of its machine changed with it: the loop tells so once it has looked at all that is going on there."""
    held = instance_arn is not None and status != TaskStatus.STOPPED
    holds = task.container_instance_arn is not None and task.last_status is not TaskStatus.STOPPED
    where = task.container_instance_arn or instance_arn
    if where is None or (held == holds and task.container_instance_arn == instance_arn):
        return
    tx.put(ResourcesChanged(where, task.account, task.region))
    tx.mark(("instance", where))


def _of_instance(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    instance: ContainerInstance = change.record
    held = resources.tasks_by_instance(read.tx, [instance.arn])[instance.arn] if change.before else ()
    detail = event_documents.instance(instance, held, now)
    yield Told(event_documents.INSTANCE, instance.arn, instance.cluster_arn, now, detail)


# --- services -----------------------------------------------------------------------------------------------------------


def _of_line(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    line: ServiceEvent = change.record
    service = read.tx.get(Service, line.service_arn)
    if service is None:
        return
    for kind, name, more in service_actions.actions(line.message, service):
        detail = event_documents.service_action(kind, name, service.cluster_arn, line.created_at, more)
        yield _about(event_documents.SERVICE, service.arn, service.cluster_arn, line.created_at, detail)


def _of_deployment(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    """A rollout state; that the last one counts as completed when its service is deleted is no news."""
    deployment: ServiceDeployment = change.record
    if deployment.rollout_state is RolloutState.COMPLETED:
        service = read.tx.get(Service, deployment.service_arn)
        if service is None or service.status is not ServiceStatus.ACTIVE:
            return
    detail, at = event_documents.deployment(deployment), deployment.updated_at
    yield _about(event_documents.DEPLOYMENT, deployment.service_arn, deployment.cluster_arn, at, detail)


def _of_hook(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    hook: LifecycleHook = change.record
    deployment = read.tx.get(ServiceDeployment, hook.deployment_id)
    if hook.target_type != deployment_strategies.PAUSE or deployment is None:
        return
    detail, service = event_documents.hook(hook, deployment, now), _last(hook.service_arn)
    yield Told(event_documents.HOOK, None, deployment.cluster_arn, now, detail, service)


def _of_task_set(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    task_set: TaskSet = change.record
    if task_set.stability is not Stability.STEADY_STATE:
        return
    more = {"taskSetArns": [task_set.arn]}
    detail = event_documents.service_action("INFO", "TASKSET_STEADY_STATE", task_set.cluster_arn, now, more)
    yield _about(event_documents.SERVICE, task_set.service_arn, task_set.cluster_arn, now, detail)


# --- daemons ------------------------------------------------------------------------------------------------------------


def _of_daemon_deployment(read: _Reading, change: Change, now: Instant) -> Iterator[Told]:
    deployment: DaemonDeployment = change.record
    detail = event_documents.daemon_deployment(deployment, now)
    yield _about(event_documents.DAEMON_DEPLOYMENT, deployment.daemon_arn, deployment.cluster_arn, now, detail)


def daemon_task_not_made(
    tx: Transaction, revision: DaemonRevision, instance: ContainerInstance, lacks: str, now: Instant, ids: Ids
) -> None:
    """The one thing to tell of that leaves no record: a task that was not made."""
    detail = event_documents.daemon_task_not_made(revision, instance, lacks, now)
    service, kind = _last(revision.daemon_arn), event_documents.DAEMON
    tx.put(_event(Told(kind, None, revision.cluster_arn, now, detail, service), revision, ids))


def _about(detail_type: str, keeper_arn: str, cluster_arn: str, at: Instant, detail: Document) -> Told:
    return Told(detail_type, keeper_arn, cluster_arn, at, detail, service=_last(keeper_arn))


Teller = Callable[[_Reading, Change, Instant], Iterator[Told]]

TELLERS: dict[type, Teller] = {
    Task: _of_task,
    ContainerInstance: _of_instance,
    ServiceEvent: _of_line,
    ServiceDeployment: _of_deployment,
    LifecycleHook: _of_hook,
    TaskSet: _of_task_set,
    DaemonDeployment: _of_daemon_deployment,
}


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
