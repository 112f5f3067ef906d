"""Lifecycle hooks: what begins with a stage, what is asked of it, what its answer means, and whether the stage may go on.

All hooks of a stage run side by side, and all must be done; one that says no is enough. An invocation may be repeated after a crash, as
nobody knows then whether it was heard.
Source: "Lifecycle hooks for Amazon ECS service deployments" in the developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import Wait
from ecs_emulator.control.shift_plan import CallHook, Expire, HookAnswered
from ecs_emulator.ids import Ids
from ecs_emulator.records.hooks import OPEN, HookStatus, LifecycleHook
from ecs_emulator.records.services import LifecycleStage, ServiceDeployment
from ecs_emulator.rules import deployment_strategies as strategies
from ecs_emulator.rules.failures import Cause, hook_failed

CALL_BACK = 30.0
"""Seconds until a hook that is IN_PROGRESS is asked again, unless it says."""
LONGEST_DELAY = 86_400.0
"""Seconds; what is more is taken for none."""
LONGEST_CALL = 900.0
"""Seconds that one invocation may take."""
DEEPEST = 100
"""Levels of an answer that is understood."""
ID_LETTERS = 43
PRODUCTION = (LifecycleStage.PRE_PRODUCTION_TRAFFIC_SHIFT, LifecycleStage.PRODUCTION_TRAFFIC_SHIFT)
NO_STATUS = "HookStatus must not be null"
BACK = -1
"""The step of a deployment whose traffic goes back."""


def begun(
    deployment: ServiceDeployment, stage: LifecycleStage, step: int, now: Instant, ids: Ids
) -> list[LifecycleHook]:
    """The hooks that a deployment has at this stage, as they begin. On the way back nothing pauses."""
    return [
        _begun(deployment, asked, stage, step, now, ids)
        for asked in strategies.hooks_at(deployment.configuration, stage)
        if step != BACK or asked["targetType"] == strategies.LAMBDA
    ]


def _begun(
    deployment: ServiceDeployment, asked: Mapping[str, Any], stage: LifecycleStage, step: int, now: Instant, ids: Ids
) -> LifecycleHook:
    pauses = asked["targetType"] == strategies.PAUSE
    return LifecycleHook(
        id=f"ecs-{'pause' if pauses else 'lambda'}-{ids.nano('lifecycle-hook', ID_LETTERS)}",
        account=deployment.account,
        region=deployment.region,
        service_arn=deployment.service_arn,
        deployment_id=deployment.id,
        stage=stage,
        step=step,
        target_type=asked["targetType"],
        target_arn=asked.get("hookTargetArn"),
        status=HookStatus.AWAITING_ACTION if pauses else HookStatus.IN_PROGRESS,
        created_at=now,
        expires_at=now + strategies.hook_seconds(asked),
        timeout_action=strategies.timeout_action(asked),
        execution_id=ids.uuid("hook-execution"),
        details=dict(asked.get("hookDetails") or {}),
        call_at=None if pauses else now,
    )


# --- what is to be done about them ----------------------------------------------------------------------------------


def pursued(
    hooks: Sequence[LifecycleHook],
    deployment: ServiceDeployment,
    listed: Sequence[ServiceDeployment],
    now: Instant,
) -> Iterator[Expire | CallHook | Wait]:
    """What those that are not done ask for now; `listed`: the deployments among which the traffic is shared."""
    for hook in hooks:
        if hook.status not in OPEN:
            continue
        if now >= hook.expires_at:
            yield Expire(hook, because=f"it was not done in {(hook.expires_at - hook.created_at) / 60:g} minutes")
            continue
        yield Wait(hook.expires_at, because=f"the hook of {hook.stage} may take that long")
        if hook.call_at is None:
            continue
        if now >= hook.call_at:
            yield CallHook(hook, payload(hook, deployment, listed), because=f"{deployment.id} is at {hook.stage}")
        else:
            yield Wait(hook.call_at, because=f"the hook of {hook.stage} is in progress")


def refusal(hooks: Sequence[LifecycleHook]) -> Cause | None:
    """Why the stage's deployment is to be rolled back: the first hook that FAILED, or that ran out of a time that was to be kept."""
    for hook in hooks:
        if hook.status is HookStatus.FAILED:
            return hook_failed(hook.stage, hook.problem or "")
        if hook.status is HookStatus.TIMED_OUT and hook.timeout_action == "ROLLBACK":
            return hook_failed(hook.stage, f"Lifecycle hook {hook.target_arn or hook.id} timed out.")
    return None


def all_done(hooks: Sequence[LifecycleHook]) -> bool:
    return all(hook.status not in OPEN for hook in hooks)


# --- what a hook is told, and what it says --------------------------------------------------------------------------


def payload(hook: LifecycleHook, deployment: ServiceDeployment, listed: Sequence[ServiceDeployment]) -> dict[str, Any]:
    """The document that a function is invoked with; the weights are those of the traffic that the stage shifts."""
    test: dict[str, float] = {}
    production: dict[str, float] = {}
    if hook.stage is LifecycleStage.TEST_TRAFFIC_SHIFT:
        test = {one.revision_arn: _plain(one.test_weight or 0.0) for one in listed}
    elif hook.stage in PRODUCTION:
        production = {one.revision_arn: _plain(one.production_weight or 0.0) for one in listed}
    return {
        "executionId": hook.execution_id,
        "lifecycleStage": hook.stage,
        "resourceArn": deployment.arn,
        "executionDetails": {
            "serviceArn": deployment.service_arn,
            "targetServiceRevisionArn": deployment.revision_arn,
            "testTrafficWeights": test,
            "productionTrafficWeights": production,
        },
        "hookDetails": hook.details,
    }


def _plain(percent: float) -> float:
    return int(percent) if percent == int(percent) else percent


def answered(hook: LifecycleHook, body: bytes, at: Instant) -> HookAnswered:
    """What a body says, which may be anything."""
    answer = _read(body)
    status = answer.get("hookStatus") if isinstance(answer, dict) else None
    match status:
        case "SUCCEEDED":
            return HookAnswered(hook.id, at, HookStatus.SUCCEEDED)
        case "FAILED":
            problem = f"Lifecycle hook target {hook.target_arn} returned FAILED status."
            return HookAnswered(hook.id, at, HookStatus.FAILED, problem=problem)
        case "IN_PROGRESS":
            delay, details = answer.get("callBackDelay"), answer.get("hookDetails")
            known = isinstance(delay, int | float) and not isinstance(delay, bool) and 0 <= delay <= LONGEST_DELAY
            return HookAnswered(
                hook.id,
                at,
                HookStatus.IN_PROGRESS,
                delay=float(delay) if known else CALL_BACK,
                details=details if isinstance(details, dict) else None,
            )
        case None:
            return unparsed(hook, at)
        case _:
            return unparsed(hook, at, f"HookStatus {status} is none of SUCCEEDED, FAILED and IN_PROGRESS")


def _read(body: bytes) -> Any:
    """The JSON that a body is; None where it is none, or none that can be kept: too deep, or with half a character in it."""
    try:
        answer = json.loads(body, parse_int=_number)
        json.dumps(answer, ensure_ascii=False).encode()
        return answer if _depth(answer) <= DEEPEST else None
    except (ValueError, RecursionError):
        return None


def _number(digits: str) -> float:
    """An integer as long as 64 bits hold it, as JSON means it."""
    number = int(digits)
    return number if abs(number) < 2**63 else float(digits)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def unparsed(hook: LifecycleHook, at: Instant, why: str = NO_STATUS) -> HookAnswered:
    problem = f"ECS was unable to parse the response from {hook.target_arn} due to {why}"
    return HookAnswered(hook.id, at, HookStatus.FAILED, problem=problem)


def unreached(hook: LifecycleHook, at: Instant, why: str) -> HookAnswered:
    problem = f"ECS was unable to invoke hook target {hook.target_arn} due to {why}"
    return HookAnswered(hook.id, at, HookStatus.FAILED, problem=problem)


def heard(hook: LifecycleHook, answer: HookAnswered) -> LifecycleHook:
    """The hook after an answer; one that is over by then stays as it is."""
    if hook.status not in OPEN:
        return hook
    if answer.status is HookStatus.IN_PROGRESS:
        details = {**hook.details, **(answer.details or {})}
        return replace(hook, call_at=answer.at + answer.delay, details=details)
    return replace(hook, status=answer.status, problem=answer.problem, call_at=None)
