"""The Service document as ECS shows it, from the service, its deployments and the counts of their tasks.

Source: Service, Deployment and ServiceCurrentRevisionSummary in the ECS API reference; recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecs_emulator.arns import World, partition
from ecs_emulator.records.services import (
    LISTED,
    DeploymentStatus,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceEvent,
    ServiceRevision,
)
from ecs_emulator.records.task_sets import TaskSet, TaskSetStatus
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import launching, placement, tags, task_sets
from ecs_emulator.store import Transaction

Document = dict[str, Any]

ONGOING = (
    ServiceDeploymentStatus.PENDING,
    ServiceDeploymentStatus.IN_PROGRESS,
    ServiceDeploymentStatus.ROLLBACK_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
)
ECHOED = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
"""What a deployment shows of its revision as it was asked for."""
SHORT_CONFIGURATION = ("deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent", "strategy")


@dataclass(frozen=True, slots=True)
class Known:
    """What a service's document is made of."""

    service: Service
    deployments: Sequence[ServiceDeployment]
    """Those that are listed, newest first."""
    revisions: Mapping[str, ServiceRevision]
    running: Mapping[str, int]
    """Tasks in RUNNING that are wanted to run, by deployment id."""
    pending: Mapping[str, int]
    events: Sequence[ServiceEvent] = ()
    """Newest first."""
    task_sets: Sequence[TaskSet] = ()
    """The oldest first."""


def listed(tx: Transaction, service: Service) -> list[ServiceDeployment]:
    """The deployments that `deployments[]` lists, newest first."""
    found = tx.find(
        ServiceDeployment, service_arn=service.arn, status=list(LISTED), order="created_at", descending=True
    )
    return sorted(found, key=lambda one: one.status is not DeploymentStatus.PRIMARY)


def counted(tx: Transaction, service_arn: str) -> tuple[dict[str, int], dict[str, int]]:
    """The service's tasks that are wanted to run, those in RUNNING and the others, by deployment or task set."""
    running: dict[str, int] = {}
    pending: dict[str, int] = {}
    wanted = {"service_arn": service_arn, "released": False, "desired_status": DesiredStatus.RUNNING}
    for (keeper_id, status), number in tx.tally(Task, ("deployment_id", "last_status"), **wanted).items():
        counts = running if status == TaskStatus.RUNNING else pending
        counts[keeper_id] = counts.get(keeper_id, 0) + number
    return running, pending


def known(tx: Transaction, service: Service) -> Known:
    """All that the service's document is made of, by index."""
    deployments = listed(tx, service)
    revisions = {one.revision_arn: tx.get(ServiceRevision, one.revision_arn) for one in deployments}
    running, pending = counted(tx, service.arn)
    events = tx.find(ServiceEvent, service_arn=service.arn, order="seq", descending=True, limit=100)
    found = {arn: revision for arn, revision in revisions.items() if revision is not None}
    return Known(service, deployments, found, running, pending, events, task_sets.sets_of(tx, service))


def document(known: Known, *, shown_tags: bool = False) -> Document:
    """The service as DescribeServices shows it, but for `currentServiceDeployment`."""
    service = known.service
    spec = service.spec
    in_sets = service.controller != "ECS"
    found: Document = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "loadBalancers": spec.get("loadBalancers", []),
        "serviceRegistries": spec.get("serviceRegistries", []),
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": sum(known.running.values()),
        "pendingCount": sum(known.pending.values()),
        "taskDefinition": service.task_definition_arn,
        "deploymentConfiguration": spec["deploymentConfiguration"],
        "deployments": [_deployment(known, one) for one in known.deployments],
        "roleArn": _role(service),
        "events": [{"id": event.id, "createdAt": event.created_at, "message": event.message} for event in known.events],
        "createdAt": service.created_at,
        "taskSets": [_task_set(known, one) for one in known.task_sets] if in_sets else None,
        "currentServiceRevisions": None if in_sets else [_revision(known, one) for one in known.deployments],
        "placementConstraints": spec.get("placementConstraints", []),
        "placementStrategy": [each.document() for each in placement.strategies(spec.get("placementStrategy"))],
        "networkConfiguration": spec.get("networkConfiguration"),
        "healthCheckGracePeriodSeconds": spec.get("healthCheckGracePeriodSeconds", 0),
        "schedulingStrategy": service.scheduling_strategy,
        "deploymentController": {"type": service.controller},
        "createdBy": service.created_by,
        "enableECSManagedTags": spec.get("enableECSManagedTags", False),
        "propagateTags": spec.get("propagateTags", "NONE"),
        "enableExecuteCommand": spec.get("enableExecuteCommand", False),
        "availabilityZoneRebalancing": spec["availabilityZoneRebalancing"],
        "resourceManagementType": service.resource_management_type,
        "tags": tags.document(service.tags) if shown_tags and service.tags else None,
        **_capacity(service.launch_type, spec),
    }
    if service.launch_type == "FARGATE":
        asked = spec.get("platformVersion", "LATEST")
        found |= {"platformVersion": asked, "platformFamily": _platform_family(known)}
    return found


def described(known: Known, *, shown_tags: bool) -> Document:
    """The same with the service deployment that is under way."""
    found = document(known)
    if shown_tags:
        found["tags"] = [{"key": key, "value": value} for key, value in sorted(known.service.tags.items())]
    ongoing = next((one.arn for one in known.deployments if one.deployment_status in ONGOING), None)
    return found | {"currentServiceDeployment": ongoing}


def deleted(known: Known) -> Document:
    """DeleteService's answer: a short deploymentConfiguration, and no revisions."""
    found = document(known)
    configuration = found["deploymentConfiguration"]
    short = {name: configuration[name] for name in SHORT_CONFIGURATION}
    breaker = configuration["deploymentCircuitBreaker"]
    short["deploymentCircuitBreaker"] = {"enable": breaker["enable"], "rollback": breaker["rollback"]}
    return {name: value for name, value in found.items() if name != "currentServiceRevisions"} | {
        "deploymentConfiguration": short
    }


def _deployment(known: Known, deployment: ServiceDeployment) -> Document:
    revision = known.revisions[deployment.revision_arn]
    found: Document = {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition_arn,
        "desiredCount": deployment.desired_count,
        "pendingCount": known.pending.get(deployment.id, 0),
        "runningCount": known.running.get(deployment.id, 0),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "networkConfiguration": revision.spec.get("networkConfiguration"),
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_reason,
        **{member: revision.spec.get(member) for member in ECHOED},
        **_capacity(revision.launch_type, revision.spec),
    }
    if revision.launch_type == "FARGATE":
        found |= launching.platform(revision.spec.get("platformVersion"), revision.platform_family)
    if any(one.get("loadBalancerName") for one in revision.spec.get("loadBalancers") or ()):
        found |= {"rolloutState": None, "rolloutStateReason": None}  # not told of a Classic Load Balancer's
    return found


def _platform_family(known: Known) -> str:
    """That of what is PRIMARY."""
    families = [known.revisions[one.revision_arn].platform_family for one in known.deployments]
    families += [one.platform_family for one in known.task_sets if one.status is TaskSetStatus.PRIMARY]
    return next(filter(None, families), launching.LINUX)


def _task_set(known: Known, task_set: TaskSet) -> Document:
    """Recorded: its tags are an empty list here, whatever they are."""
    running, pending = known.running.get(task_set.id, 0), known.pending.get(task_set.id, 0)
    return {**task_sets.document(task_set, running, pending), "tags": []}


def _revision(known: Known, deployment: ServiceDeployment) -> Document:
    return {
        "arn": deployment.revision_arn,
        "requestedTaskCount": deployment.desired_count if deployment.status is not DeploymentStatus.DRAINING else 0,
        "runningTaskCount": known.running.get(deployment.id, 0),
        "pendingTaskCount": known.pending.get(deployment.id, 0),
    }


def _capacity(launch_type: str, spec: Document) -> Document:
    strategy = spec.get("capacityProviderStrategy")
    return {"capacityProviderStrategy": strategy} if strategy else {"launchType": launch_type}


def _role(service: Service) -> str | None:
    """The service-linked role, where ECS needs one: an awsvpc service, or one with a load balancer or a registry."""
    spec = service.spec
    if spec.get("role"):
        return str(spec["role"])
    if not (spec.get("networkConfiguration") or spec.get("loadBalancers") or spec.get("serviceRegistries")):
        return None
    world = World(service.account, service.region)
    return f"arn:{partition(world.region)}:iam::{world.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
