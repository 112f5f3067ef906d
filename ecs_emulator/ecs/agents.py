"""What an agent asks and tells its control plane, and what the control plane asks of an agent.

The agent of every machine is this emulator itself, always of the newest version it knows. It sees the tasks that it runs, and is
the one witness of what they do: what anybody else reports about them is held against what is known, acknowledged, and moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    MissingVersionException,
    NoUpdateAvailableException,
)
from ecs_emulator.records.instances import InstanceStatus
from ecs_emulator.records.tasks import AttachmentStatus, Task
from ecs_emulator.wire.call import Call, Document, Params

VERSION = re.compile(r"\d+\.\d+\.\d+")
ACCEPTED: Document = {"acknowledgment": "ACCEPT"}
STATES = ("PENDING", "RUNNING", "STOPPED")
"""What an agent says of a task, a container or a managed agent."""
ATTACHMENT_STATES = tuple(AttachmentStatus)
PROTOCOLS = ("tcp", "udp")
MANAGED_AGENTS = ("ExecuteCommandAgent",)
LONGEST_REASON = 1024
"""To which the agent cuts its reasons."""


def discover_poll_endpoint(call: Call, params: Params) -> Document:
    """Where an agent polls, reports and discovers: at this emulator, so that nothing leaves the machine.

    Source: DiscoverPollEndpoint in the ECS API reference.
    """
    own = f"{call.endpoint}/"
    return {"endpoint": own, "telemetryEndpoint": own, "serviceConnectEndpoint": own}


def update_container_agent(call: Call, params: Params) -> Document:
    """Every agent is as new as it can become: the refusal is the answer, once the instance is known to have one.

    Source: UpdateContainerAgent in the ECS API reference, NoUpdateAvailableException: "already running the latest version,
    or so old that there's no update path". Errors: ClusterNotFoundException, ClientException, InvalidParameterException,
    MissingVersionException, NoUpdateAvailableException.
    """
    reference = params["containerInstance"]
    cluster = resolve.active_cluster(call, params, [reference])
    instance = resolve.instance_named(call, cluster, reference)
    if instance is None:
        raise InvalidParameterException("Referenced container instance not found.")
    if instance.status is InstanceStatus.INACTIVE:
        raise ClientException(f"Container instance {instance.arn.rpartition('/')[2]} is inactive.")
    if not VERSION.match(str(instance.version_info.get("agentVersion") or "")):
        raise MissingVersionException()
    raise NoUpdateAvailableException()


# --- what agents report -----------------------------------------------------------------------------------------------


def submit_task_state_change(call: Call, params: Params) -> Document:
    """An agent reports what became of a task: its status with its containers', or its attachments' alone.

    The report is acknowledged and moves nothing: the emulator's own agent runs the tasks here, and it alone says what they do.
    Source: SubmitTaskStateChange in the ECS API reference; the requests of amazon-ecs-agent. Errors:
    ClusterNotFoundException, InvalidParameterException.
    """
    task = _reported(call, params)
    attachments = params.get("attachments") or ()
    if params.get("status") is None and not attachments:
        raise InvalidParameterException("Status can not be blank.")
    _refuse_state("Task status", params.get("status"))
    _refuse_reason(params)
    for change in params.get("containers") or ():
        _refuse_container(task, change)
    for change in attachments:
        attachment_id = _attachment_id(call, change)
        if task.attachment is None or task.attachment.id != attachment_id:
            raise InvalidParameterException("The referenced attachment was not found.")
    for change in params.get("managedAgents") or ():
        _refuse_managed_agent(task, change)
    return ACCEPTED


def submit_container_state_change(call: Call, params: Params) -> Document:
    """An agent of old reports what became of a container; acknowledged, and moves nothing, as `submit_task_state_change` says.

    Source: SubmitContainerStateChange in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    task = _reported(call, params)
    _refuse_container(task, params)
    return ACCEPTED


def submit_attachment_state_changes(call: Call, params: Params) -> Document:
    """An agent reports what became of network interfaces and volumes; acknowledged, and moves nothing, as the others.

    Machines have no attachments of their own here, so that an attachment is known by its form alone.
    Source: SubmitAttachmentStateChanges in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    resolve.active_cluster(call, params)
    if not params["attachments"]:
        raise InvalidParameterException("Attachments cannot be empty.")
    for change in params["attachments"]:
        _attachment_id(call, change)
    return ACCEPTED


def _reported(call: Call, params: Params) -> Task:
    reference = params.get("task")
    if not reference:
        raise InvalidParameterException("Task can not be blank.")
    cluster = resolve.active_cluster(call, params, [reference])
    task = resolve.task_named(call, cluster, reference)
    if task is None:
        raise InvalidParameterException("The referenced task was not found.")
    return task


def _refuse_container(task: Task, change: Mapping[str, Any]) -> None:
    _refuse_name(task, change.get("containerName"))
    _refuse_state("Container status", change.get("status"))
    _refuse_reason(change)
    for binding in change.get("networkBindings") or ():
        if binding.get("protocol", "tcp") not in PROTOCOLS:
            raise InvalidParameterException(f"protocol should be one of [{','.join(PROTOCOLS)}]")


def _refuse_managed_agent(task: Task, change: Mapping[str, Any]) -> None:
    _refuse_name(task, change.get("containerName"))
    if change["managedAgentName"] not in MANAGED_AGENTS:
        raise InvalidParameterException(f"managed agent name should be one of [{','.join(MANAGED_AGENTS)}]")
    _refuse_state("Managed agent status", change["status"])
    _refuse_reason(change)


def _refuse_name(task: Task, name: str | None) -> None:
    if name not in [one.name for one in task.containers]:
        raise InvalidParameterException(f"The task has no container named {name}.")


def _refuse_state(what: str, status: str | None) -> None:
    if status is not None and status not in STATES:
        raise InvalidParameterException(f"{what} should be one of [{','.join(STATES)}]")


def _refuse_reason(change: Mapping[str, Any]) -> None:
    if len(change.get("reason") or "") > LONGEST_REASON:
        raise InvalidParameterException(f"reason can have at most {LONGEST_REASON} characters.")


def _attachment_id(call: Call, change: Mapping[str, Any]) -> str:
    """The id that ends the ARN of an attachment in this account and region."""
    reference = change["attachmentArn"]
    arn = arns.parse(reference)
    kind, _, attachment_id = ("", "", "") if arn is None else arn.resource.partition("/")
    if arn is None or arn.service != "ecs" or kind != "attachment" or not attachment_id:
        raise InvalidParameterException(f"Invalid attachment ARN: {reference}")
    resolve.refuse_foreign(call, arn)
    if change["status"] not in ATTACHMENT_STATES:
        raise InvalidParameterException(f"Attachment status should be one of [{','.join(ATTACHMENT_STATES)}]")
    return attachment_id.rpartition("/")[2]
