"""Task sets as records: their share, whether they are steady, and their end."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.control.announcing import announce, latest, service_of
from ecs_emulator.control.plan import Drop, Recompute, Stabilize
from ecs_emulator.ids import Ids
from ecs_emulator.store import Transaction


def record(tx: Transaction, decision: Recompute | Stabilize | Drop, now: Instant, ids: Ids) -> str:
    """Write down what was decided; answers the ARN of the service."""
    task_set = decision.task_set
    service_arn = task_set.service_arn
    match decision:
        case Recompute(count=count):
            tx.put(replace(latest(tx, task_set), computed_count=count, updated_at=now))
            tx.put(replace(service_of(tx, service_arn), steady=False))
            announce(tx, service_arn, f"updated computedDesiredCount for taskSet {task_set.id} to {count}.", now, ids)
        case Stabilize(stability=stability):
            tx.put(replace(latest(tx, task_set), stability=stability, stability_at=now))
        case Drop():
            tx.delete(task_set)
    return service_arn
