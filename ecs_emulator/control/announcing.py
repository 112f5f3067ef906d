"""A service's `events[]`: what the scheduler says, a problem once, the last hundred lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import Keeper
from ecs_emulator.ids import Ids
from ecs_emulator.records.services import DeploymentStatus, Service, ServiceDeployment, ServiceEvent
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import Member, Task
from ecs_emulator.store import Transaction

K = TypeVar("K", bound=Keeper)

EVENTS_KEPT = 100
PROBLEM_REPEATED = 21_600.0
"""Seconds until a problem that is still the same is said again."""


def announce(
    tx: Transaction,
    service_arn: str,
    message: str,
    now: Instant,
    ids: Ids,
    *,
    problem: bool = False,
    keeper: Keeper | None = None,
) -> bool:
    """Add a line to the service's events, unless it is the problem that was said last; answers whether it was said.

    `keeper`: whose tasks it is about. A line that is no problem names it where it is a task set.
    """
    service = service_of(tx, service_arn)
    if problem:
        known = _teller(tx, service, keeper)
        if known.refusal == message and now < (known.refused_at or now) + PROBLEM_REPEATED:
            return False
        tx.put(replace(known, refusal=message, refused_at=now))
    names_set = isinstance(keeper, TaskSet) and not problem
    subject = f"{service.name}, taskSet {keeper.id}" if keeper is not None and names_set else service.name
    text = f"(service {subject}) {message}"
    newest = tx.find(ServiceEvent, service_arn=service_arn, order="seq", descending=True, limit=1)
    # Whoever sorts by time is to find the order in which it was said.
    at = max([now, *(event.created_at for event in newest)])
    tx.put(ServiceEvent(service_arn, service.account, service.region, ids.uuid("event"), at, text))
    surplus = tx.count(ServiceEvent, service_arn=service_arn) - EVENTS_KEPT
    if surplus > 0:
        tx.delete(*tx.find(ServiceEvent, service_arn=service_arn, order="seq", limit=surplus))
    return True


def _teller(tx: Transaction, service: Service, keeper: Keeper | None) -> Service | Keeper:
    """Who remembers the problem that was said last.

    Task sets and the deployments beside the PRIMARY each do for themselves: two that took turns on the service would be said for ever.
    """
    if keeper is None or (isinstance(keeper, ServiceDeployment) and keeper.status is DeploymentStatus.PRIMARY):
        return service
    return latest(tx, keeper)


def listed(tasks: Iterable[Task | Member]) -> str:
    return " ".join(f"(task {task_id})" for task_id in sorted(task.id for task in tasks))


def service_of(tx: Transaction, arn: str) -> Service:
    """As it is now: an earlier decision of the same pass may have changed it."""
    service = tx.get(Service, arn)
    assert service is not None
    return service


def latest(tx: Transaction, known: K) -> K:
    """The deployment or task set as it is now."""
    return tx.first(type(known), id=known.id) or known
