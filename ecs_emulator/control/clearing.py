"""An account is left as if it had never been: its services go, its tasks are killed, then all that is remembered of it.

Made for tests that are given an account of their own; AWS has no such operation.
"""

from __future__ import annotations

from dataclasses import fields, replace

from ecs_emulator import records
from ecs_emulator.clock import Instant
from ecs_emulator.records.daemons import Daemon
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import StopCode, Task, TaskStatus
from ecs_emulator.rules.stopping import asked_to_stop
from ecs_emulator.store import Transaction

REASON = "its account is cleared"
LONG_AGO = 0.0
"""So that no time is left to stop, and none to look at what has stopped."""


def begin(tx: Transaction, account: str, now: Instant) -> None:
    """Ask everything of the account to end: SIGTERM counts as long over, so that containers are killed, then removed."""
    for service in tx.find(Service, account=account, status=[ServiceStatus.ACTIVE, ServiceStatus.DRAINING]):
        tx.put(replace(service, status=ServiceStatus.DRAINING, desired_count=0, deleted_at=now, waiting_for=None))
    tx.delete(*tx.find(Daemon, account=account))  # so that it starts no task in the place of those that go
    for task in tx.find(Task, account=account, cleaned=False):
        if task.last_status is TaskStatus.STOPPED:
            tx.put(replace(task, stopped_at=LONG_AGO))
        else:
            stopped = asked_to_stop(task, StopCode.USER_INITIATED, REASON, now)
            containers = tuple(replace(one, stop_sent_at=LONG_AGO) for one in stopped.containers)
            tx.put(replace(stopped, containers=containers))


def finish(tx: Transaction, account: str) -> bool:
    """Forget the account once nothing of it is left on the engine; answers whether that was so."""
    waiting = tx.find(Task, account=account, cleaned=False)
    for task in waiting:
        if task.last_status is TaskStatus.STOPPED and task.stopped_at != LONG_AGO:
            tx.put(replace(task, stopped_at=LONG_AGO))
    if waiting:
        return False
    for kind in records.kinds():
        if any(field.name == "account" for field in fields(kind)):
            tx.delete(*tx.find(kind, account=account))
    return True
