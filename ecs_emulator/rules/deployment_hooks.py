"""The lifecycle hooks of a service deployment: as it shows them, and what becomes of those that are open when it is given up.

Source: DeploymentLifecycleHookDetail in the ECS API reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ecs_emulator.records.hooks import OPEN, HookStatus, LifecycleHook
from ecs_emulator.store import Transaction

Document = dict[str, Any]


def of(tx: Transaction, deployment_id: str) -> list[LifecycleHook]:
    """Those of all the stages so far, in the order in which they began."""
    return tx.find(LifecycleHook, deployment_id=deployment_id, order="created_at,id")


def document(hook: LifecycleHook) -> Document:
    return {
        "hookId": hook.id,
        "targetType": hook.target_type,
        "targetArn": hook.target_arn,
        "status": hook.status,
        "expiresAt": hook.expires_at,
        "timeoutAction": hook.timeout_action,
    }


def close(tx: Transaction, deployment_id: str) -> None:
    """Nobody waits for them any more."""
    for hook in of(tx, deployment_id):
        if hook.status in OPEN:
            tx.put(replace(hook, status=HookStatus.FAILED, call_at=None))
