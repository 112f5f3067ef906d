"""A roll-out and what it rolls out, as ECS shows them: service deployments and service revisions.

Source: ServiceDeployment, ServiceDeploymentBrief and ServiceRevision in the ECS API reference; "How the Amazon ECS deployment
circuit breaker detects failures" in the developer guide; recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecs_emulator.records.services import (
    DeploymentStatus,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceRevision,
)
from ecs_emulator.records.tasks import Container
from ecs_emulator.rules import launching

Document = dict[str, Any]

FEWEST_FAILURES = 3
MOST_FAILURES = 200
UNDER_WAY = (
    ServiceDeploymentStatus.PENDING,
    ServiceDeploymentStatus.IN_PROGRESS,
    ServiceDeploymentStatus.ROLLBACK_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
)
GONE = (DeploymentStatus.DRAINING, DeploymentStatus.INACTIVE)
ECHOED = (
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
)
"""What a revision shows as it was asked for."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The tasks of one deployment. Lives for one answer."""

    requested: int = 0
    running: int = 0
    pending: int = 0


def deployment_id(revision_arn: str) -> str:
    """The deployment that first carried a revision: both end in the same number."""
    return f"ecs-svc/{revision_arn.rpartition('/')[2]}"


def requested(deployment: ServiceDeployment | None) -> int:
    """The tasks that a deployment is to have; none once it is on its way out."""
    return 0 if deployment is None or deployment.status in GONE else deployment.desired_count


def brief(deployment: ServiceDeployment) -> Document:
    """An entry of ListServiceDeployments."""
    return {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": deployment.service_arn,
        "clusterArn": deployment.cluster_arn,
        "startedAt": deployment.started_at,
        "createdAt": deployment.created_at,
        "finishedAt": deployment.finished_at,
        "targetServiceRevisionArn": deployment.revision_arn,
        "status": deployment.deployment_status,
        "statusReason": deployment.status_reason,
    }


def deployment(known: ServiceDeployment, service: Service, counts: Mapping[str, Counts]) -> Document:
    """A service deployment with the counts of its revisions, by deployment id, as they are now."""
    configuration = service.spec["deploymentConfiguration"]
    return {
        **brief(known),
        "stoppedAt": known.stopped_at,
        "updatedAt": known.finished_at or known.stopped_at or known.updated_at,
        "sourceServiceRevisions": [_summary(arn, counts) for arn in known.source_revision_arns],
        "targetServiceRevision": _summary(known.revision_arn, counts),
        "deploymentConfiguration": configuration,
        "deploymentCircuitBreaker": {
            "status": _monitoring(known, configuration["deploymentCircuitBreaker"]["enable"]),
            "failureCount": known.failed_tasks,
            "threshold": threshold(configuration["deploymentCircuitBreaker"], service.desired_count),
        },
        "alarms": _alarms(known, configuration.get("alarms") or {}),
    }


def _summary(revision_arn: str, counts: Mapping[str, Counts]) -> Document:
    found = counts.get(deployment_id(revision_arn), Counts())
    return {
        "arn": revision_arn,
        "requestedTaskCount": found.requested,
        "runningTaskCount": found.running,
        "pendingTaskCount": found.pending,
    }


def _monitoring(known: ServiceDeployment, enabled: bool) -> str:
    if not enabled:
        return "DISABLED"
    if known.rollout_state is RolloutState.FAILED:
        return "TRIGGERED"
    return "MONITORING" if known.deployment_status in UNDER_WAY else "MONITORING_COMPLETE"


def _alarms(known: ServiceDeployment, alarms: Mapping[str, Any]) -> Document:
    """There is no CloudWatch here: no alarm is ever raised."""
    if not alarms.get("enable"):
        return {"status": "DISABLED"}
    status = "MONITORING" if known.deployment_status in UNDER_WAY else "MONITORING_COMPLETE"
    return {"status": status, "alarmNames": alarms.get("alarmNames", []), "triggeredAlarmNames": []}


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


def revision(
    known: ServiceRevision, service: Service, definition: Mapping[str, Any], *, resolved: bool, ran: Sequence[Container]
) -> Document:
    """A service revision. `resolved`: its images are known; `ran`: containers that ran of it, which know the digests.

    Recorded: a revision that UpdateService made names load balancers and registries even where there are none.
    """
    found: Document = {
        "serviceRevisionArn": known.arn,
        "serviceArn": known.service_arn,
        "clusterArn": known.cluster_arn,
        "taskDefinition": known.task_definition_arn,
        "guardDutyEnabled": False,
        "createdAt": known.created_at,
        **({"loadBalancers": [], "serviceRegistries": []} if not is_first(known, service) else {}),
        **{member: known.spec[member] for member in ECHOED if member in known.spec},
        **_capacity(known),
    }
    if known.launch_type == "FARGATE":
        version = launching.platform_version(known.spec.get("platformVersion"))
        found |= {"platformVersion": version, "platformFamily": "Linux"}
    if resolved or is_first(known, service):
        digests = {each.name: each.image_digest for each in ran}
        found["containerImages"] = [
            {"containerName": each["name"], "image": each["image"], "imageDigest": digests.get(each["name"])}
            for each in definition.get("containerDefinitions", ())
        ]
    return found


def is_first(known: ServiceRevision, service: Service) -> bool:
    """Whether CreateService made it."""
    return known.created_at == service.created_at


def _capacity(known: ServiceRevision) -> Document:
    strategy = known.spec.get("capacityProviderStrategy")
    return {"capacityProviderStrategy": strategy} if strategy else {"launchType": known.launch_type}
