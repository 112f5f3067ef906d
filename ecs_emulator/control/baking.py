"""The bake time of a rolling deployment: the new tasks stand, and are watched for a while before the deployment is called complete.

Source: `bakeTimeInMinutes` and `earlySuccessCriteria` of DeploymentConfiguration in the ECS API reference; "How CloudWatch alarms detect
Amazon ECS deployment failures" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control.plan import Complete, ServiceSlice, Wait
from ecs_emulator.control.shift_plan import Enter
from ecs_emulator.records.services import LifecycleStage, RolloutState
from ecs_emulator.rules import deployment_strategies


def baked(slice: ServiceSlice, now: Instant, timings: Timings, because: str) -> Iterator[Enter | Wait | Complete]:
    """Complete the PRIMARY, at once or when it has baked. One that takes over from a failure had been complete before."""
    primary = slice.deployments[0]
    seconds = _seconds(slice, timings) if primary.finished_at is None else 0.0
    if seconds and primary.stage is not LifecycleStage.BAKE_TIME:
        yield Enter(primary, LifecycleStage.BAKE_TIME, because=because)
        return
    due = (primary.stage_at or now) + seconds
    if seconds and now < due:
        yield Wait(due, because=f"it bakes for {seconds / 60:g} minutes")
    else:
        yield Complete(slice.service, primary, because=because)


def _seconds(slice: ServiceSlice, timings: Timings) -> float:
    """What the user said; with alarms and without a word, as long as they take to tell."""
    primary = slice.deployments[0]
    configuration: dict[str, Any] = primary.configuration or slice.service.spec["deploymentConfiguration"]
    said = deployment_strategies.bake(configuration)
    heeded = (configuration.get("alarms") or {}).get("enable") and not primary.alarms_ignored
    return said if said or not heeded else timings.alarm_bake


def healthy_enough(slice: ServiceSlice, healthy: int) -> str | None:
    """Whether so many healthy tasks of the PRIMARY make it a success already: BLOCKING or DEFERRED, as what is old goes before or after.

    4 desired at 75 %: with 3 healthy.
    """
    primary = slice.deployments[0]
    criteria = (primary.configuration or {}).get("earlySuccessCriteria") or {}
    judged = primary.rollout_state is RolloutState.IN_PROGRESS and primary.finished_at is None
    if not criteria.get("enable") or not judged:
        return None
    needed = -(-slice.service.desired_count * criteria["healthyPercent"] // 100)
    return str(criteria["sourceServiceRevisionCleanup"]) if healthy >= needed else None
