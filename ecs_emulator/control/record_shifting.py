"""A stage as records: where the deployment is, what its tasks are given of the traffic, and the hooks that begin with it."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.control import hooks
from ecs_emulator.control.announcing import latest
from ecs_emulator.control.shift_plan import Enter, Expire
from ecs_emulator.ids import Ids
from ecs_emulator.records.hooks import HookStatus
from ecs_emulator.store import Transaction


def record(tx: Transaction, decision: Enter | Expire, now: Instant, ids: Ids) -> str:
    """Write down what was decided; answers the ARN of the service."""
    match decision:
        case Enter(deployment=deployment):
            _enter(tx, decision, now, ids)
            return deployment.service_arn
        case Expire(hook=hook):
            tx.put(replace(hook, status=HookStatus.TIMED_OUT, call_at=None))
            return hook.service_arn


def _enter(tx: Transaction, decision: Enter, now: Instant, ids: Ids) -> None:
    for share in decision.shares:
        known = latest(tx, share.deployment)
        tx.put(replace(known, production_weight=share.production, test_weight=share.test, updated_at=now))
    stage, step = decision.stage, decision.step
    deployment = replace(latest(tx, decision.deployment), stage=stage, stage_at=now, step=step, updated_at=now)
    tx.put(deployment, *hooks.begun(deployment, stage, step, now, ids))
