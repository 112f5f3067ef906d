"""The Task document as ECS shows it: which members are there in which state, and how they read.

Source: Task and Container in the ECS API reference; recorded answers of RunTask, StopTask and DescribeTasks.
"""

from __future__ import annotations

import uuid
from typing import Any

from ecs_emulator.records.tasks import Attachment, AttachmentStatus, Container, Health, Stage, Task, TaskStatus
from ecs_emulator.rules import tags

Document = dict[str, Any]

NO_TAGS: list[dict[str, str]] = []


def document(task: Task, definition: Document, *, shown_tags: bool, health: bool = True) -> Document:
    """The task of this definition's `spec`. `health`: RunTask and StopTask answer without it."""
    names = [one["name"] for one in definition["containerDefinitions"]]
    found: Document = {
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "containerInstanceArn": task.container_instance_arn,
        "overrides": _overrides(task, names),
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "cpu": str(task.cpu),
        "memory": str(task.memory),
        "containers": [_container(task, one, definition, health=health) for one in task.containers],
        "startedBy": task.started_by,
        "version": task.version,
        "stoppedReason": task.stopped_reason,
        "stopCode": task.stop_code,
        "createdAt": task.created_at,
        "startedAt": task.started_at,
        "stoppingAt": task.stopping_at,
        "stoppedAt": task.stopped_at,
        "executionStoppedAt": task.execution_stopped_at,
        "group": task.group,
        "launchType": task.launch_type,
        "capacityProviderName": task.capacity_provider_name,
        "platformVersion": task.platform_version,
        "platformFamily": task.platform_family,
        "availabilityZone": task.availability_zone,
        "attachments": [*([_attachment(task.attachment)] if task.attachment else []), *_volumes(task)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": _architecture(definition)}],
        "enableExecuteCommand": bool(task.spec.get("enableExecuteCommand")),
        "tags": tags.document(task.tags) if shown_tags else NO_TAGS,
    }
    if task.launch_type == "FARGATE":
        overrides: Document = task.spec.get("overrides") or {}
        storage = overrides.get("ephemeralStorage") or definition.get("ephemeralStorage") or {"sizeInGiB": 20}
        found |= {"ephemeralStorage": storage, "fargateEphemeralStorage": storage}
    if _past_pending(task):
        found |= {"connectivity": "CONNECTED", "connectivityAt": task.connectivity_at}
        found |= {"pullStartedAt": task.pull_started_at, "pullStoppedAt": task.pull_stopped_at}
    if health:
        found["healthStatus"] = task.health
    return found


def bare_document(task: Task, definition: Document) -> Document:
    """What StopTask answers for a task that is STOPPED already: its end, without its parts."""
    whole = document(task, definition, shown_tags=False, health=False)
    emptied = {
        "attachments": [],
        "containers": [],
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
    }
    return {name: value for name, value in whole.items() if name != "attributes"} | emptied


def _past_pending(task: Task) -> bool:
    """connectivity and pull times become visible together with RUNNING, or with the end."""
    return task.last_status.reached(TaskStatus.RUNNING)


def _overrides(task: Task, names: list[str]) -> Document:
    """What was given, between the bare names of the others, in the definition's order."""
    given: Document = task.spec.get("overrides") or {}
    by_name = {one.get("name"): one for one in given.get("containerOverrides", ())}
    return {
        **given,
        "containerOverrides": [by_name.get(name, {"name": name}) for name in names],
        "inferenceAcceleratorOverrides": given.get("inferenceAcceleratorOverrides", []),
    }


def _architecture(definition: Document) -> str:
    arm = (definition.get("runtimePlatform") or {}).get("cpuArchitecture") == "ARM64"
    return "arm64" if arm else "x86_64"


# --- the network interface ------------------------------------------------------------------------------------------


def _attachment(attachment: Attachment) -> Document:
    details = [{"name": "subnetId", "value": attachment.subnet_id}]
    if attachment.network_interface_id is not None:
        details += [
            {"name": "networkInterfaceId", "value": attachment.network_interface_id},
            {"name": "macAddress", "value": attachment.mac_address or ""},
            {"name": "privateDnsName", "value": attachment.private_dns_name or ""},
            {"name": "privateIPv4Address", "value": attachment.private_ipv4_address or ""},
        ]
    elif attachment.status is AttachmentStatus.DELETED:
        details += [{"name": "networkInterfaceId", "value": "unset"}, {"name": "macAddress"}]
    return {"id": attachment.id, "type": "ElasticNetworkInterface", "status": attachment.status, "details": details}


def _volumes(task: Task) -> list[Document]:
    """The EBS volumes that the launch configured: there as long as the task is, each with an id that depends on it alone.

    Source: Attachment in the ECS API reference. No volume is made at EC2.
    """
    found: list[Document] = []
    for volume in task.spec.get("volumeConfigurations") or ():
        id = uuid.uuid5(uuid.NAMESPACE_URL, f"{task.arn}/{volume['name']}")
        managed: Document = volume.get("managedEBSVolume") or {}
        kept = (managed.get("terminationPolicy") or {}).get("deleteOnTermination") is False
        details = {
            "roleArn": managed.get("roleArn", ""),
            "deleteOnTermination": "false" if kept else "true",
            "volumeName": volume["name"],
            "volumeId": f"vol-{id.hex[:17]}",
        }
        status = _volume_status(task.last_status)
        listed = [{"name": name, "value": value} for name, value in details.items()]
        found.append({"id": str(id), "type": "AmazonElasticBlockStorage", "status": status, "details": listed})
    return found


def _volume_status(of_task: TaskStatus) -> AttachmentStatus:
    if of_task is TaskStatus.STOPPED:
        return AttachmentStatus.DELETED
    return AttachmentStatus.ATTACHED if of_task.reached(TaskStatus.PENDING) else AttachmentStatus.PRECREATED


def _interfaces(task: Task) -> list[Document]:
    attachment = task.attachment
    if attachment is None or attachment.private_ipv4_address is None:
        return []
    return [{"attachmentId": attachment.id, "privateIpv4Address": attachment.private_ipv4_address}]


# --- containers -----------------------------------------------------------------------------------------------------


def _container(task: Task, container: Container, definition: Document, *, health: bool) -> Document:
    own = next(one for one in definition["containerDefinitions"] if one["name"] == container.name)
    sizes = {**own, **_override(task, container.name)}
    shown = container.stage.reached(Stage.RUNNING) or task.last_status.reached(TaskStatus.DEPROVISIONING)
    found: Document = {
        "containerArn": f"{task.cluster_arn.replace(':cluster/', ':container/')}/{task.id}/{container.id}",
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "lastStatus": _status(container),
        "exitCode": container.exit_code,
        "reason": container.reason if task.launch_type != "FARGATE" or container.started_at is not None else None,
        "networkInterfaces": _interfaces(task),
        "cpu": str(sizes.get("cpu", 0)),
        "memory": str(sizes["memory"]) if "memory" in sizes else None,
        "memoryReservation": str(sizes["memoryReservation"]) if "memoryReservation" in sizes else None,
    }
    if shown:
        found["imageDigest"] = container.image_digest
        found["runtimeId"] = runtime_id(task, container)
    if container.started_at is not None:
        found["networkBindings"] = list(container.network_bindings)
    if health:
        found["healthStatus"] = container.health if "healthCheck" in own else Health.UNKNOWN
    if task.spec.get("enableExecuteCommand"):
        found["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]
    return found


def _override(task: Task, container_name: str) -> Document:
    overrides: Document = task.spec.get("overrides") or {}
    given: list[Document] = overrides.get("containerOverrides") or []
    return next((one for one in given if one.get("name") == container_name), {})


def _status(container: Container) -> str:
    return container.stage if container.stage in (Stage.RUNNING, Stage.STOPPED) else "PENDING"


def runtime_id(task: Task, container: Container) -> str | None:
    """On Fargate the task's id and ten digits that depend on the container's name alone; elsewhere the engine's id.

    A Fargate task that was stopped before it had its network has none.
    """
    if task.launch_type != "FARGATE":
        return container.engine_id
    if task.attachment is not None and task.attachment.network_interface_id is None:
        return None
    return f"{task.id}-{_fnv1a(container.name):010d}"


def _fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash: `main` gives 3935363592."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
