"""Tags on anything that has an ARN: the kind of thing decides where they are kept and who refuses them how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import ClientException, InvalidParameterException, ResourceNotFoundException
from ecs_emulator.records.capacity_providers import CapacityProvider, CapacityProviderStatus
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.daemons import (
    Daemon,
    DaemonStatus,
    DaemonTaskDefinition,
    DaemonTaskDefinitionStatus,
)
from ecs_emulator.records.gateways import Gateway
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import capacity, tags
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.errors import AwsError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that carries tags."""

    record: type[Any]
    name: str
    """As AWS's texts call it."""
    gone: Callable[[Any], str | None]
    """Why a thing that is still known is too old to be tagged."""
    long_only: bool = False
    """Its ARN names its cluster; the old short form does not do here."""
    error: type[AwsError] = InvalidParameterException
    """What a bad tag is refused with."""


def _inactive(name: str) -> str:
    return f"The specified {name} is inactive. Specify an active {name} and try again."


def _leaving(daemon: Daemon) -> str | None:
    if daemon.gone:
        return "The specified daemon does not exist."
    return _inactive("daemon") if daemon.status is not DaemonStatus.ACTIVE else None


KINDS: Mapping[str, Kind] = {
    "cluster": Kind(
        Cluster, "cluster", lambda each: _inactive("cluster") if each.status is ClusterStatus.INACTIVE else None
    ),
    "service": Kind(
        Service,
        "service",
        lambda each: _inactive("service") if each.status is ServiceStatus.INACTIVE else None,
        long_only=True,
    ),
    "task": Kind(
        Task,
        "task",
        lambda each: (
            "The specified task is stopped. Specify a running task and try again."
            if each.last_status is TaskStatus.STOPPED
            else None
        ),
        long_only=True,
    ),
    "container-instance": Kind(
        ContainerInstance,
        "container instance",
        lambda each: _inactive("container instance") if each.status is InstanceStatus.INACTIVE else None,
        long_only=True,
    ),
    "capacity-provider": Kind(
        CapacityProvider,
        "capacity provider",
        lambda each: _inactive("capacity provider") if each.status is CapacityProviderStatus.INACTIVE else None,
    ),
    "daemon": Kind(Daemon, "daemon", _leaving, long_only=True),
    "daemon-task-definition": Kind(
        DaemonTaskDefinition,
        "daemon task definition",
        lambda each: (
            _inactive("daemon task definition") if each.status is not DaemonTaskDefinitionStatus.ACTIVE else None
        ),
        error=ClientException,
    ),
    "gateway": Kind(Gateway, "gateway", lambda each: None),
    "task-set": Kind(TaskSet, "task set", lambda each: None, long_only=True),
    "task-definition": Kind(TaskDefinition, "task definition", lambda each: None, error=ClientException),
}


def tag_resource(call: Call, params: Params) -> Document:
    """Add tags, or give those that are there new values; one bad tag and nothing is done.

    Source: TagResource in the ECS API reference. Errors: InvalidParameterException, ClientException,
    ResourceNotFoundException.
    """
    kind, thing = _taggable(call, params)
    call.put(replace(thing, tags=tags.merged(thing.tags, params.get("tags") or (), kind.error)))
    return {}


def untag_resource(call: Call, params: Params) -> Document:
    """Take tags away by their keys; keys that are not there are passed over.

    Source: UntagResource in the ECS API reference. Errors: as TagResource.
    """
    kind, thing = _taggable(call, params)
    call.put(replace(thing, tags=tags.without(thing.tags, params.get("tagKeys") or (), kind.error)))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Document:
    """The tags in the order in which they came. Source: ListTagsForResource in the ECS API reference."""
    arn = _own(call, params)
    kind, _, name = arn.resource.partition("/")
    if kind == "capacity-provider" and name in capacity.RESERVED:
        return {"tags": []}
    _, thing = _taggable(call, params)
    return {"tags": tags.document(thing.tags)}


def _taggable(call: Call, params: Params) -> tuple[Kind, Any]:
    """The kind and the record that `resourceArn` names, if it is alive."""
    arn = _own(call, params)
    name, _, rest = arn.resource.partition("/")
    kind = KINDS.get(name)
    if kind is None:
        if call.operation == "ListTagsForResource":  # which declares no error of that name
            raise InvalidParameterException(ResourceNotFoundException.message)
        raise ResourceNotFoundException()
    if kind.long_only and "/" not in rest:
        raise InvalidParameterException("Long arn format must be used for tagging operations")
    thing = call.get(kind.record, params["resourceArn"])
    if thing is None or (isinstance(thing, Cluster) and not resolve.remembered(call, thing)):
        raise InvalidParameterException(f"The specified {kind.name} does not exist.")
    if reason := kind.gone(thing):
        raise InvalidParameterException(reason)
    return kind, thing


def _own(call: Call, params: Params) -> arns.Arn:
    arn = arns.parse(params.get("resourceArn") or "")
    if arn is None or arn.service != "ecs":
        raise InvalidParameterException("The ARN provided is invalid.")
    resolve.refuse_foreign(call, arn)
    return arn
