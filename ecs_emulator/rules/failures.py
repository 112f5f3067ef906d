"""Why a deployment is given up, when, and in which words.

Source: "How the Amazon ECS deployment circuit breaker detects failures", "Stopping Amazon ECS service deployments" in the developer
guide; recorded events and reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.records.services import RolloutState, ServiceDeployment, ServiceDeploymentStatus

FEWEST_FAILURES = 3
MOST_FAILURES = 200
NO_CANDIDATE = "No rollback candidate was found to run the rollback."


OVERTAKEN = {
    ServiceDeploymentStatus.PENDING: ServiceDeploymentStatus.STOP_REQUESTED,
    ServiceDeploymentStatus.IN_PROGRESS: ServiceDeploymentStatus.STOP_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_REQUESTED: ServiceDeploymentStatus.STOP_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS: ServiceDeploymentStatus.ROLLBACK_FAILED,
}
"""What becomes of a service deployment that goes on when a newer one begins."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of failure, as its deployment, its service's events and its service deployment tell it."""

    event: str
    """What follows `(deployment ecs-svc/<n>) deployment failed: `."""
    rollout: str
    """The `rolloutStateReason` of the one that failed."""
    rolling_back: str
    """That of the one that takes over, before its id."""
    status: str
    """The `statusReason` of the service deployment."""


BREAKER = Cause(
    event="tasks failed to start.",
    rollout="ECS deployment circuit breaker: tasks failed to start.",
    rolling_back="ECS deployment circuit breaker: rolling back to deploymentId",
    status="Service deployment rolled back because the circuit breaker threshold was exceeded.",
)
STOPPED_BY_USER = Cause(
    event="Service deployment rolled back because of a user request.",
    rollout="Service deployment rolled back because of a user request.",
    rolling_back="ECS deployment stopped: rolling back to deploymentId",
    status="Service deployment rolled back because of a user request.",
)
"""Its texts are not recorded; they follow those that are."""
ALARM = Cause(
    event="alarm detected.",
    rollout="ECS deployment alarms: alarm detected.",
    rolling_back="ECS deployment alarms: rolling back to deploymentId",
    status="Service deployment rolled back because one or more alarms were triggered.",
)


def hook_failed(stage: str, detail: str) -> Cause:
    """A lifecycle hook said no, or nothing that could be understood; recorded: the event repeats the reason."""
    return _told(f"Service deployment rolled back because {stage} lifecycle hook(s) failed. {detail}", "lifecycle hook")


def took_too_long(what: str) -> Cause:
    return _told(f"Service deployment rolled back because {what} timed out.", "timeout")


def _told(text: str, kind: str) -> Cause:
    return Cause(text, text, f"ECS deployment {kind}: rolling back to deploymentId", text)


def threshold(breaker: Mapping[str, Any], desired: int) -> int:
    """The failures that are too many: half of the desired count, 3 to 200, unless the user said otherwise.

    Worked, at 50 %: 1 desired 3, 7 desired 4, 25 desired 13, 800 desired 200; unbounded, 800 desired 400.
    """
    said = breaker.get("thresholdConfiguration") or {}
    value = int(said.get("value", 50))
    if said.get("type") == "COUNT":
        return value
    share = -(-desired * value // 100)
    if said.get("type") == "UNBOUNDED_PERCENT":
        return max(1, share)
    return min(MOST_FAILURES, max(FEWEST_FAILURES, share))


def overtaken(deployment: ServiceDeployment, now: Instant) -> ServiceDeployment:
    """One that goes on, when a newer one begins."""
    status = OVERTAKEN[deployment.deployment_status]
    over = status is ServiceDeploymentStatus.ROLLBACK_FAILED
    return replace(
        deployment, deployment_status=status, updated_at=now, finished_at=now if over else deployment.finished_at
    )


def is_tripped(deployment: ServiceDeployment, breaker: Mapping[str, Any], desired: int) -> bool:
    """Whether too many tasks of the deployment have failed. One that has completed before is past all judging."""
    if not breaker["enable"] or deployment.rollout_state is not RolloutState.IN_PROGRESS or deployment.finished_at:
        return False
    return deployment.failed_tasks >= threshold(breaker, desired)
