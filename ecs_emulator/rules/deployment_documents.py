"""A roll-out and what it rolls out, as ECS shows them: service deployments and service revisions.

Source: ServiceDeployment, ServiceDeploymentBrief and ServiceRevision in the ECS API reference; "How the Amazon ECS deployment
circuit breaker detects failures" in the developer guide; recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.services import (
    LifecycleStage,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceRevision,
)
from ecs_emulator.records.tasks import Container
from ecs_emulator.rules import deployment_hooks, launching
from ecs_emulator.rules.deployment_counts import Counts, shown
from ecs_emulator.rules.deployment_strategies import ROLLING
from ecs_emulator.rules.failures import threshold

Document = dict[str, Any]

UNDER_WAY = (
    ServiceDeploymentStatus.PENDING,
    ServiceDeploymentStatus.IN_PROGRESS,
    ServiceDeploymentStatus.ROLLBACK_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
)
ECHOED = (
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
)
"""What a revision shows as it was asked for."""


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


def deployment(
    known: ServiceDeployment, service: Service, now: Mapping[str, Counts], hooks: Sequence[LifecycleHook] = ()
) -> Document:
    """A service deployment; `now`: the counts of revisions by ARN, for one that is not over; `hooks`: those of its stages so far."""
    configuration = service.spec["deploymentConfiguration"]
    counts = shown(known, now)
    return {
        **brief(known),
        "stoppedAt": known.stopped_at,
        "updatedAt": known.finished_at or known.stopped_at or known.updated_at,
        "sourceServiceRevisions": [_summary(arn, counts) for arn in known.source_revision_arns],
        "targetServiceRevision": _summary(known.revision_arn, counts),
        "deploymentConfiguration": known.configuration or configuration,
        **(_staged(known, hooks) if known.strategy != ROLLING else {}),
        "deploymentCircuitBreaker": {
            "status": _monitoring(known, configuration["deploymentCircuitBreaker"]["enable"]),
            "failureCount": known.failed_tasks,
            "threshold": threshold(configuration["deploymentCircuitBreaker"], service.desired_count),
        },
        "alarms": _alarms(known, configuration.get("alarms") or {}),
        "rollback": _rollback(known),
    }


def _staged(known: ServiceDeployment, hooks: Sequence[LifecycleHook]) -> Document:
    """PRE_PRODUCTION_TRAFFIC_SHIFT is a stage of hooks alone: the enum of what is shown does not have it."""
    stage = known.stage
    if stage is LifecycleStage.PRE_PRODUCTION_TRAFFIC_SHIFT:
        stage = LifecycleStage.PRODUCTION_TRAFFIC_SHIFT
    return {"lifecycleStage": stage, "lifecycleHookDetails": [deployment_hooks.document(each) for each in hooks]}


def _rollback(known: ServiceDeployment) -> Document | None:
    if known.rolled_back_to is None:
        return None
    return {
        "reason": known.status_reason,
        "startedAt": known.rolled_back_at,
        "serviceRevisionArn": known.rolled_back_to,
    }


def _summary(revision_arn: str, counts: Mapping[str, Counts]) -> Document:
    found = counts.get(revision_arn, Counts())
    return {
        "arn": revision_arn,
        "requestedTaskCount": found.requested,
        "runningTaskCount": found.running,
        "pendingTaskCount": found.pending,
        "requestedProductionTrafficWeight": found.production,
        "requestedTestTrafficWeight": found.test,
    }


def _monitoring(known: ServiceDeployment, enabled: bool) -> str:
    if not enabled:
        return "DISABLED"
    if known.rollout_state is RolloutState.FAILED:
        return "TRIGGERED"
    return "MONITORING" if known.deployment_status in UNDER_WAY else "MONITORING_COMPLETE"


def _alarms(known: ServiceDeployment, alarms: Mapping[str, Any]) -> Document:
    """Alarms that one of them was raised before the deployment began are not heeded by it."""
    if not alarms.get("enable") or known.alarms_ignored:
        return {"status": "DISABLED"}
    status = "MONITORING" if known.deployment_status in UNDER_WAY else "MONITORING_COMPLETE"
    return {
        "status": "TRIGGERED" if known.triggered_alarms else status,
        "alarmNames": alarms.get("alarmNames", []),
        "triggeredAlarmNames": list(known.triggered_alarms),
    }


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
        found |= launching.platform(known.spec.get("platformVersion"), known.platform_family)
    if known.target_groups:
        found["resolvedConfiguration"] = {"loadBalancers": _resolved(known)}
    if resolved or is_first(known, service):
        digests = {each.name: each.image_digest for each in ran}
        found["containerImages"] = [
            {"containerName": each["name"], "image": each["image"], "imageDigest": digests.get(each["name"])}
            for each in definition.get("containerDefinitions", ())
        ]
    return found


def _resolved(known: ServiceRevision) -> list[Document]:
    """The target group of each load balancer that is this revision's, and the rule that sends production traffic there."""
    balancers = known.spec.get("loadBalancers") or ()
    return [
        {"targetGroupArn": arn, "productionListenerRule": one["advancedConfiguration"]["productionListenerRule"]}
        for arn, one in zip(known.target_groups, balancers, strict=True)
    ]


def is_first(known: ServiceRevision, service: Service) -> bool:
    """Whether CreateService made it."""
    return known.created_at == service.created_at


def _capacity(known: ServiceRevision) -> Document:
    strategy = known.spec.get("capacityProviderStrategy")
    return {"capacityProviderStrategy": strategy} if strategy else {"launchType": known.launch_type}
