"""Decisions become records: one arm for each, and beside each change the sentence that says why.

A decision was made from a slice that an earlier decision of the same pass may have changed: each arm reads what it changes.
"""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.config import Config
from ecs_emulator.control import record_deployments, record_shifting, record_task_sets, record_tasks
from ecs_emulator.control.announcing import announce, latest, service_of
from ecs_emulator.control.plan import (
    Announce,
    Balance,
    Complete,
    Cover,
    Decision,
    Drop,
    Fail,
    Forgive,
    Judge,
    Launch,
    Recompute,
    Release,
    Resize,
    Retire,
    Settle,
    Stabilize,
    Stop,
    Supersede,
)
from ecs_emulator.control.shift_plan import Enter, Expire
from ecs_emulator.ids import Ids
from ecs_emulator.records.journal import Decided
from ecs_emulator.store import Transaction


def record(tx: Transaction, decision: Decision, now: Instant, ids: Ids, config: Config) -> None:
    """Write down what was decided."""
    match decision:
        case Launch(deployment=deployment):
            subject = deployment.service_arn
            if not record_tasks.launch(tx, decision, now, ids, config):
                return
        case Stop(service=service):
            subject = service.arn
            record_tasks.stop(tx, decision, now, ids)
        case Judge(task=task):
            subject = task.arn
            record_tasks.judge(tx, task, now, ids, config.timings)
        case Release(task=task):
            subject = task.arn
            record_tasks.release(tx, task)
        case Announce(service=service, message=message, problem=problem):
            subject = service.arn
            if not announce(tx, service.arn, message, now, ids, problem=problem):
                return
        case Resize(deployment=deployment, desired_count=count):
            subject = deployment.service_arn
            tx.put(replace(latest(tx, deployment), desired_count=count, updated_at=now))
        case Cover(service=service, count=count):
            subject = service.arn
            tx.put(replace(service_of(tx, subject), desired_count=count, steady=False))
        case Enter() | Expire():
            subject = record_shifting.record(tx, decision, now, ids)
        case Balance(service=service, message=message, under_way=under_way):
            subject = service.arn
            tx.put(replace(service_of(tx, subject), rebalancing=under_way))
            announce(tx, subject, message, now, ids)
        case Complete(service=service, deployment=deployment):
            subject = service.arn
            record_deployments.complete(tx, deployment, now, ids)
        case Fail(service=service):
            subject = service.arn
            record_deployments.fail(tx, decision, now, ids)
        case Supersede(deployment=deployment):
            subject = deployment.service_arn
            record_deployments.supersede(tx, deployment, now)
        case Forgive(deployment=keeper):
            subject = keeper.service_arn
            tx.put(replace(latest(tx, keeper), failed_tasks=0, failed_created_at=None, launch_not_before=None))
        case Recompute() | Stabilize() | Drop():
            subject = record_task_sets.record(tx, decision, now, ids)
        case Settle(service=service):
            subject = service.arn
            announce(tx, service.arn, "has reached a steady state.", now + 0.001, ids)
            record_deployments.settle(tx, service, now)
        case Retire(service=service):
            subject = service.arn
            record_deployments.retire(tx, service, now)
    tx.put(Decided(now, subject, f"{decision} because {decision.because}"))
