"""What EventBridge is told of a change: the documents of the API, less what events leave out, with times as text.

Source: "Amazon ECS events" in the developer guide, the schema aws.ecs@ECSTaskStateChange, and recorded events.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.records.daemons import DaemonDeployment, DaemonDeploymentStatus, DaemonRevision
from ecs_emulator.records.events import StateEvent
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.services import RolloutState, ServiceDeployment
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import resources, task_documents

Document = dict[str, Any]

TASK = "ECS Task State Change"
INSTANCE = "ECS Container Instance State Change"
SERVICE = "ECS Service Action"
DEPLOYMENT = "ECS Deployment State Change"
HOOK = "ECS Hook State Change"
DAEMON = "ECS Daemon Service Action"
DAEMON_DEPLOYMENT = "ECS Daemon Deployment State Change"
DETAIL_TYPES = (TASK, INSTANCE, SERVICE, DEPLOYMENT, HOOK, DAEMON, DAEMON_DEPLOYMENT)

SOURCE = "aws.ecs"
NOT_OF_TASKS = ("tags", "platformFamily", "fargateEphemeralStorage")
"""What DescribeTasks shows and its event does not: recorded."""
TIMES = (
    "createdAt",
    "connectivityAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
    "stoppedAt",
)


def envelope(event: StateEvent) -> Document:
    """The whole document, as a rule's target is sent it."""
    return {
        "version": "0",
        "id": event.id,
        "detail-type": event.detail_type,
        "source": SOURCE,
        "account": event.account,
        "time": in_seconds(event.at),
        "region": event.region,
        "resources": [event.resource] if event.resource else [],
        "detail": event.detail,
    }


# --- tasks ------------------------------------------------------------------------------------------------------------


def task(task: Task, definition: Document, at: Instant) -> Document:
    """The task of this definition's `spec`, as it is since `at`."""
    found = task_documents.document(task, definition, shown_tags=False, health=False)
    found["updatedAt"] = iso(at)
    for name in NOT_OF_TASKS:
        found.pop(name, None)
    for name in TIMES:
        if (value := found.get(name)) is not None:
            found[name] = iso(value)
    found["overrides"].pop("inferenceAcceleratorOverrides", None)
    on_fargate = task.launch_type == "FARGATE"
    if on_fargate and task.capacity_provider_name is None:
        found["capacityProviderName"] = "FARGATE"
    for attachment in found["attachments"]:
        if attachment["type"] == "ElasticNetworkInterface":
            attachment["type"] = "eni"
    for container in found["containers"]:
        container.pop("managedAgents", None)
        if on_fargate:
            container.pop("networkBindings", None)
    found["containers"] = [_given(each) for each in found["containers"]]
    return _given(found)


def _given(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def changed_at(task: Task, status_before: str | None, now: Instant) -> Instant:
    """When the change happened that made this version: where the task's own times tell, they are the same."""
    match task.last_status:
        case TaskStatus.RUNNING if status_before != TaskStatus.RUNNING:
            at = task.started_at
        case TaskStatus.STOPPED:
            at = task.stopped_at
        case TaskStatus.DEPROVISIONING:
            at = None
        case _ if task.stopping_at is not None:
            at = task.stopping_at
        case _:
            at = task.created_at if task.version == 1 else None
    return now if at is None else at


# --- container instances ----------------------------------------------------------------------------------------------


def instance(instance: ContainerInstance, tasks: Iterable[resources.Held], at: Instant) -> Document:
    """The machine with the tasks that hold resources of it."""
    return {
        "agentConnected": instance.agent_connected,
        "attributes": [
            {"name": name} if value is None else {"name": name, "value": value}
            for name, value in instance.attributes.items()
        ],
        "clusterArn": instance.cluster_arn,
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.ec2_instance_id,
        "registeredResources": _resources(resources.registered_resources(instance)),
        "remainingResources": _resources(resources.remaining_resources(instance, tasks)),
        "status": instance.status,
        "version": instance.version,
        "versionInfo": instance.version_info,
        "updatedAt": iso(at),
    }


def _resources(shown: Iterable[Document]) -> list[Document]:
    """Each with the one value that its type means."""
    unmeant = resources.ZEROS.keys()
    return [
        {
            name: value
            for name, value in each.items()
            if name not in unmeant or name == _VALUES.get(each.get("type", ""), "integerValue")
        }
        for each in shown
    ]


_VALUES = {"INTEGER": "integerValue", "LONG": "longValue", "DOUBLE": "doubleValue", "STRINGSET": "stringSetValue"}


# --- services and their deployments -----------------------------------------------------------------------------------


def service_action(kind: str, name: str, cluster_arn: str, at: Instant, more: Mapping[str, Any]) -> Document:
    """What a service's scheduler did, or could not do; `more` is what events of this name say besides."""
    return {"eventType": kind, "eventName": name, "clusterArn": cluster_arn, "createdAt": iso(at), **more}


ROLLOUTS = {
    RolloutState.IN_PROGRESS: ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    RolloutState.COMPLETED: ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
    RolloutState.FAILED: ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
}


def deployment(deployment: ServiceDeployment) -> Document:
    """A rollout state. Where the API says that tasks failed to start, the event says that a task did."""
    kind, name = ROLLOUTS[deployment.rollout_state]
    return {
        "eventType": kind,
        "eventName": name,
        "clusterArn": deployment.cluster_arn,
        "deploymentId": deployment.id,
        "updatedAt": in_seconds(deployment.updated_at),
        "reason": deployment.rollout_reason.replace("tasks failed to start", "task failed to start"),
    }


def hook(hook: LifecycleHook, deployment: ServiceDeployment, at: Instant) -> Document:
    """A pause begins, or has ended; functions that are asked are not told of."""
    return {
        "eventType": "INFO",
        "eventName": f"HOOK_{hook.status}",
        "hookId": hook.id,
        "hookType": hook.target_type,
        "expiresAt": iso(hook.expires_at),
        "lifecycleStage": hook.stage,
        "clusterArn": deployment.cluster_arn,
        "serviceArn": hook.service_arn,
        "serviceDeploymentArn": deployment.arn,
        "updatedAt": iso(at),
    }


# --- daemons ----------------------------------------------------------------------------------------------------------


def daemon_deployment(deployment: DaemonDeployment, at: Instant) -> Document:
    """A status of a daemon's deployment; one that takes the daemon away has no target."""
    failed = deployment.status is DaemonDeploymentStatus.ROLLBACK_FAILED
    return _given(
        {
            "eventType": "ERROR" if failed else "INFO",
            "eventName": f"DAEMON_DEPLOYMENT_{deployment.status}",
            "clusterArn": deployment.cluster_arn,
            "daemonArn": deployment.daemon_arn,
            "daemonDeploymentArn": deployment.arn,
            "targetDaemonRevisionArn": deployment.revision_arn,
            "updatedAt": iso(at),
        }
    )


NEVER_RAN = "TASK_FAILED_TO_RUN"
NEVER_MADE = "TASK_CREATION_FAILED"


def daemon_task_failed(task: Task, at: Instant) -> Document:
    """A daemon's task that never came to RUNNING."""
    why = next((one.reason for one in task.containers if one.reason), task.stopped_reason)
    reason = f"Task failed to reach RUNNING status: {why}"
    return _impaired(task, task.daemon_arn, task.daemon_revision_arn, NEVER_RAN, reason, at) | {
        "containerInstanceArn": task.container_instance_arn,
        "taskArn": task.arn,
        "capacityProviderName": task.capacity_provider_name,
        "daemonTaskDefinitionArn": task.task_definition_arn,
    }


def daemon_task_not_made(revision: DaemonRevision, instance: ContainerInstance, lacks: str, at: Instant) -> Document:
    """A daemon's task that found no room on its machine, which lacks this."""
    what = WORDS.get(lacks) or f"insufficient {lacks.removeprefix('RESOURCE:')}"
    reason = f"{lacks} - Unable to place daemon task on container instance: {what}"
    return _impaired(revision, revision.daemon_arn, revision.arn, NEVER_MADE, reason, at) | {
        "containerInstanceArn": instance.arn,
        "capacityProviderName": instance.capacity_provider_name,
        "daemonTaskDefinitionArn": revision.task_definition_arn,
    }


WORDS = {"RESOURCE:MEMORY": "insufficient memory", "ATTRIBUTE": "missing attribute", "AGENT": "agent not connected"}


def _impaired(
    of: Task | DaemonRevision, daemon_arn: str | None, revision_arn: str | None, failure: str, reason: str, at: Instant
) -> Document:
    return {
        "eventType": "WARNING",
        "eventName": "DAEMON_TASK_START_IMPAIRED",
        "clusterArn": of.cluster_arn,
        "daemonArn": daemon_arn,
        "daemonRevisionArn": revision_arn,
        "failureType": failure,
        "createdAt": iso(at),
        "reason": reason,
    }


# --- times ------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def iso(at: Instant) -> str:
    """`2026-09-16T10:27:25.94Z`: up to three decimals, none that are zero at the end."""
    text = datetime.fromtimestamp(round(at * 1000) / 1000, UTC).isoformat(timespec="milliseconds")[:23]
    return text.rstrip("0").rstrip(".") + "Z" if text.endswith("0") else text + "Z"


def in_seconds(at: Instant) -> str:
    """`2026-09-16T10:27:25Z`: cut, not rounded."""
    return datetime.fromtimestamp(math.floor(at), UTC).isoformat()[:19] + "Z"
