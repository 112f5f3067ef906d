"""What is over of daemons: a deleted definition that nobody has is DELETED, and after a while all of it is forgotten."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.records.daemons import (
    Daemon,
    DaemonDeployment,
    DaemonRevision,
    DaemonTaskDefinition,
    DaemonTaskDefinitionStatus,
)
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Transaction

DELETED, DELETE_IN_PROGRESS = DaemonTaskDefinitionStatus.DELETED, DaemonTaskDefinitionStatus.DELETE_IN_PROGRESS


def forget_daemons(tx: Transaction, before: Instant, most: int) -> int:
    """Daemons that are gone for so long, and their history."""
    found = tx.find(Daemon, gone=True, order="gone_at", limit=most)
    over = [one for one in found if one.gone_at is not None and one.gone_at <= before]
    for daemon in over:
        for kind in (DaemonDeployment, DaemonRevision):
            tx.delete(*tx.find(kind, daemon_arn=daemon.arn))
    tx.delete(*over)
    return len(over)


def end_definitions(tx: Transaction, now: Instant, most: int) -> int:
    """Those that are to go and that no daemon has any more; there is nothing else to wait for."""
    found = tx.find(DaemonTaskDefinition, status=DELETE_IN_PROGRESS, order="delete_requested_at", limit=most)
    over = [one for one in found if not _is_used(tx, one)]
    tx.put(*(replace(one, status=DELETED, deleted_at=now) for one in over))
    return len(over)


def forget_definitions(tx: Transaction, before: Instant, most: int) -> int:
    """Those that are DELETED for so long, and that no remembered task goes by."""
    found = tx.find(DaemonTaskDefinition, status=DELETED, order="deleted_at", limit=most)
    over = [
        one
        for one in found
        if one.deleted_at is not None
        and one.deleted_at <= before
        and tx.first(Task, task_definition_arn=one.arn) is None
    ]
    tx.delete(*over)
    return len(over)


def _is_used(tx: Transaction, definition: DaemonTaskDefinition) -> bool:
    """Whether a daemon runs it, or would roll back to it."""
    if tx.first(Task, task_definition_arn=definition.arn, last_status=HOLDING) is not None:
        return True
    for (daemon_arn,) in tx.tally(DaemonRevision, ("daemon_arn",), task_definition_arn=definition.arn):
        daemon = tx.get(Daemon, daemon_arn)
        if daemon is None or daemon.gone:
            continue
        kept = tx.find(DaemonRevision, arn={daemon.revision_arn, daemon.stable_revision_arn or daemon.revision_arn})
        if any(one.task_definition_arn == definition.arn for one in kept):
            return True
    return False
