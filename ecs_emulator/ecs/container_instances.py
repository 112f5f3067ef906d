"""Container instances: machines that tasks are placed on; what remains of one is counted whenever it is shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from ecs_emulator.ecs import clusters, resolve
from ecs_emulator.ecs.attributes import asked_for, batches, documents, instance_arns, refuse_malformed, refuse_reported
from ecs_emulator.ecs.errors import ClientException, InvalidParameterException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.tasks import DesiredStatus, Occupant, Task
from ecs_emulator.rules import machines, query, resources, settings, stopping, tags
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 100
MOST_UPDATED = 10
MOST_ADDED = 1000
LISTED = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)
FILTERABLE = tuple(each for each in InstanceStatus if each is not InstanceStatus.INACTIVE)
SETTABLE = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)
EXTERNAL = "ecs.capability.external"
"""An agent on a machine that is none of AWS's, whose id begins with `mi-`."""
DEVICES = ("GPU", "NEURON_DEVICE")
FORCED = "Container instance deregistration forced by user"


# --- the operations -------------------------------------------------------------------------------


def register_container_instance(call: Call, params: Params) -> Document:
    """A machine joins its cluster, or says again what it has. The cluster `default` is made where it is missing.

    A request without agent capabilities comes from no agent: the local engine then stands for the machine, with all
    that the engine can do.
    Source: RegisterContainerInstance in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException.
    """
    cluster = _home(call, params)
    asked_tags = tags.checked(params.get("tags") or ())
    if reference := params.get("containerInstanceArn"):
        instance = _registered_again(call, cluster, reference, params, asked_tags)
    else:
        instance = replace(_registered(call, cluster, params), tags=asked_tags)
    call.put(instance)
    return {"containerInstance": document(instance, _tasks(call, instance), include=("TAGS",))}


def deregister_container_instance(call: Call, params: Params) -> Document:
    """A machine leaves its cluster; with `force` also while tasks run on it, which then stop.

    Source: DeregisterContainerInstance in the ECS API reference. Errors: ClusterNotFoundException,
    InvalidParameterException.
    """
    reference = params.get("containerInstance", "")
    cluster = resolve.active_cluster(call, params, [reference])
    instance = resolve.instance_named(call, cluster, reference)
    if instance is None:
        raise InvalidParameterException("Referenced container instance not found.")
    running = call.find(Task, container_instance_arn=instance.arn, desired_status=DesiredStatus.RUNNING)
    if running and not params.get("force"):
        raise InvalidParameterException("Found running tasks on the instance.")
    if instance.status is not InstanceStatus.INACTIVE:
        call.put(*(stopping.asked_to_stop(task, None, FORCED, call.now) for task in running))
        instance = machines.deregistered(instance, call.now)
        call.put(instance)
    return {"containerInstance": document(instance, _tasks(call, instance))}


def describe_container_instances(call: Call, params: Params) -> Document:
    """Instances in the order asked for; one that does not exist is a failure.

    Source: DescribeContainerInstances in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException.
    """
    references = params.get("containerInstances") or []
    cluster = resolve.active_cluster(call, params, references)
    if not references:
        raise ClientException("Container Instances cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException(f"Container Instances cannot have more than {MOST_DESCRIBED} elements")
    found, missing = _named(call, cluster, references)
    include = params.get("include") or ()
    return {
        "containerInstances": _documents(call, found, include),
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in missing],
    }


def list_container_instances(call: Call, params: Params) -> Document:
    """The ARNs of the cluster's instances, ACTIVE and DRAINING ones unless a status is named, that satisfy `filter`.

    Source: ListContainerInstances in the ECS API reference. Errors: ClusterNotFoundException,
    InvalidParameterException.
    """
    cluster = resolve.active_cluster(call, params)
    status = params.get("status")
    if status and status not in FILTERABLE:
        raise InvalidParameterException(f"Container instance status should be one of [{','.join(FILTERABLE)}]")
    wanted = (InstanceStatus(status),) if status else LISTED
    satisfies = _filter(params.get("filter"))

    def fetch(after: Sequence[object] | None, limit: int) -> list[str]:
        if satisfies is None:
            return instance_arns(call, cluster, wanted, after, limit)
        matching = (each.arn for each in _satisfying(call, cluster, wanted, satisfies, after))
        return list(islice(matching, limit))

    arns, token = page(call, params, fetch, lambda arn: arn, default=100, maximum=100)
    return {"containerInstanceArns": arns, "nextToken": token}


def update_container_instances_state(call: Call, params: Params) -> Document:
    """Up to ten instances become ACTIVE or DRAINING; moving their services' tasks elsewhere is the scheduler's.

    Source: UpdateContainerInstancesState in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException.
    """
    references = params.get("containerInstances") or []
    cluster = resolve.active_cluster(call, params, references)
    status = params.get("status")
    if not references:
        raise ClientException("Container Instances cannot be empty.")
    if len(references) > MOST_UPDATED:
        raise InvalidParameterException(f"Container Instances cannot have more than {MOST_UPDATED} elements")
    if status not in SETTABLE:
        raise InvalidParameterException(f"Container instance status should be one of [{','.join(SETTABLE)}]")
    found, missing = _named(call, cluster, references)
    changed = [_moved(each, InstanceStatus(status)) for each in found if each.status is not InstanceStatus.INACTIVE]
    call.put(*changed)
    inactive = [each.arn for each in found if each.status is InstanceStatus.INACTIVE]
    return {
        "containerInstances": _documents(call, changed, ()),
        "failures": [
            *({"arn": arn, "reason": "MISSING"} for arn in missing),
            *({"arn": arn, "reason": "INACTIVE"} for arn in inactive),
        ],
    }


def add_instances(
    call: Call,
    cluster: str | None = None,
    count: int = 1,
    *,
    cpu: int | None = None,
    memory: int | None = None,
    attributes: Mapping[str, str | None] | None = None,
    capacity_provider: str | None = None,
) -> list[ContainerInstance]:
    """`ecs-emulator instances add`: so many simulated machines of this shape (else the host's), zone after zone.

    Raises ClusterNotFoundException and, for a shape, a number or an attribute that is none, InvalidParameterException.
    """
    host = machines.host_shape()
    shape = replace(host, cpu=host.cpu if cpu is None else cpu, memory=host.memory if memory is None else memory)
    if not (1 <= count <= MOST_ADDED and shape.cpu >= 1 and shape.memory >= 1):
        raise InvalidParameterException(f"count must be between 1 and {MOST_ADDED}, cpu and memory at least 1")
    for name, value in (attributes or {}).items():
        refuse_malformed(name, value)
    home = _home(call, {"cluster": cluster})
    zones = [_zone(each) for each in call.find(ContainerInstance, cluster_arn=home.arn, status=LISTED)]
    added = []
    for _ in range(count):
        zone, *_others = machines.zones_to_fill(call.world.region, zones)
        zones.append(zone)
        added.append(
            machines.new(
                call.world,
                home,
                call.ids,
                call.now,
                origin=Origin.COMMAND,
                zone=zone,
                shape=shape,
                attributes=attributes,
                capacity_provider=capacity_provider,
            )
        )
    call.put(*added)
    return added


# --- registering ----------------------------------------------------------------------------------


def _home(call: Call, params: Params) -> Cluster:
    if resolve.cluster_name(call, params.get("cluster")) == resolve.DEFAULT:
        return clusters.default_cluster(call)
    return resolve.active_cluster(call, params)


def _registered(call: Call, cluster: Cluster, params: Params) -> ContainerInstance:
    said = asked_for(params.get("attributes") or ())
    identity = _identity(params)
    zones = machines.zones_to_fill(
        call.world.region, map(_zone, call.find(ContainerInstance, cluster_arn=cluster.arn, status=LISTED))
    )
    for name, value in said.items():
        refuse_reported(name, value)
    fresh = machines.new(
        call.world,
        cluster,
        call.ids,
        call.now,
        origin=Origin.API,
        zone=str(identity.get("availabilityZone") or zones[0]),
        shape=_shape(params),
    )
    made_up = f"m{fresh.ec2_instance_id}" if EXTERNAL in said else fresh.ec2_instance_id
    instance_id = str(identity.get("instanceId") or made_up)
    builtin = {name: value for name, value in fresh.attributes.items() if name not in machines.CAPABILITIES}
    builtin["ecs.instance-id"] = instance_id
    for name, member in (("ecs.instance-type", "instanceType"), ("ecs.ami-id", "imageId")):
        if identity.get(member):
            builtin[name] = str(identity[member])
    from_agent = any("ecs.capability." in name for name in said)
    capabilities = {} if from_agent else dict.fromkeys((*machines.CAPABILITIES, machines.TRUNKING))
    registered = replace(
        fresh,
        ec2_instance_id=instance_id,
        attributes=builtin | capabilities | said,
        **_resources(params),
        version_info=params.get("versionInfo") or fresh.version_info,
    )
    registered = replace(registered, zone=_zone(registered) or "")
    return _with_interfaces(call, registered, str(identity.get("instanceType") or ""))


def _registered_again(
    call: Call, cluster: Cluster, reference: str, params: Params, asked_tags: dict[str, str]
) -> ContainerInstance:
    """The agent came back, perhaps newer, and says again what it has: what was put on the instance by others stays."""
    known = resolve.instance_named(call, cluster, reference)
    if known is None:
        raise ClientException("Referenced container instance not found.")
    if known.status is InstanceStatus.INACTIVE:
        raise ClientException(f"Container instance {known.arn.rpartition('/')[2]} is inactive.")
    identity = _identity(params)
    kind = identity.get("instanceType")
    if kind and kind != known.attributes.get("ecs.instance-type"):
        raise ClientException("Container instance type changes are not supported.")
    said = asked_for(params.get("attributes") or ())
    for name, value in said.items():
        refuse_reported(name, value)
    shape = _shape(params, machines.Shape(known.cpu, known.memory))
    return replace(
        known,
        agent_connected=True,
        cpu=shape.cpu,
        memory=shape.memory,
        **_resources(params),
        attributes=known.attributes | said,
        version_info=params.get("versionInfo") or known.version_info,
        tags=known.tags | asked_tags,
        version=known.version + 1,
    )


def _with_interfaces(call: Call, instance: ContainerInstance, kind: str) -> ContainerInstance:
    """The machine with as many network interfaces for tasks as one of its type has: more where the account wants trunking."""
    plain, trunked = machines.INTERFACES.get(kind, (None, 0))
    wanted = settings.value_for(call.tx, call.world, "awsvpcTrunking", call.principal_arn) == "enabled"
    if not (trunked and wanted and machines.TRUNKING in instance.attributes):
        return replace(instance, interfaces=plain)
    trunk = {"ecs.awsvpc-trunk-id": f"eni-{call.ids.hex17('trunk')}"}
    return replace(instance, interfaces=trunked, attributes=instance.attributes | trunk)


def _identity(params: Params) -> dict[str, Any]:
    """The instance identity document; anything else than a JSON object says nothing."""
    try:
        found = json.loads(params.get("instanceIdentityDocument") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _shape(params: Params, otherwise: machines.Shape | None = None) -> machines.Shape:
    """What `totalResources` says of CPU and memory, else what is known, else what the host has."""
    known = otherwise or machines.host_shape()
    said = {each.get("name"): each.get("integerValue") for each in params.get("totalResources") or ()}
    return replace(known, cpu=said.get("CPU") or known.cpu, memory=said.get("MEMORY") or known.memory)


def _resources(params: Params) -> dict[str, Any]:
    """What else is said of resources, as columns of the record: reserved ports, GPUs, and what ECS only echoes.

    The agent names its GPUs as `platformDevices`; who registers by hand may name them among `totalResources`.
    """
    columns = {"PORTS": "ports", "PORTS_UDP": "ports_udp", "GPU": "gpus"}
    found: dict[str, Any] = {}
    others = []
    for each in params.get("totalResources") or ():
        name = each.get("name") or ""
        if column := columns.get(name):
            found[column] = tuple(each.get("stringSetValue") or ())
        elif name not in ("CPU", "MEMORY"):
            others.append(each)
    if others:
        found["other_resources"] = others
    if devices := params.get("platformDevices"):
        if strange := [each["type"] for each in devices if each["type"] not in DEVICES]:
            raise InvalidParameterException(f"{strange[0]} should be one of [{','.join(DEVICES)}]")
        found["gpus"] = tuple(each["id"] for each in devices if each["type"] == "GPU") or found.get("gpus", ())
    if any(not port.isdecimal() for column in ("ports", "ports_udp") for port in found.get(column, ())):
        raise InvalidParameterException("Invalid resource: a port is a number")
    return found


def _zone(instance: ContainerInstance) -> str | None:
    zone: str | None = instance.attributes.get(resources.AVAILABILITY_ZONE)
    return zone


# --- finding --------------------------------------------------------------------------------------


def _named(call: Call, cluster: Cluster, references: Sequence[str]) -> tuple[list[ContainerInstance], list[str]]:
    """Those that there are and the ARNs of those that there are not, each once, in the order asked for."""
    by_arn = {resolve.instance_arn(call, cluster, each): each for each in references}
    found = {arn: resolve.instance_named(call, cluster, arn) for arn in by_arn}
    return [each for each in found.values() if each is not None], [arn for arn, each in found.items() if each is None]


def _filter(expression: str | None) -> query.Predicate | None:
    if not expression:
        return None
    try:
        return query.parse(expression)
    except query.NotAnExpression as error:
        raise InvalidParameterException(f"Invalid filter expression '{expression}': {error}") from None


def _satisfying(
    call: Call,
    cluster: Cluster,
    statuses: Sequence[InstanceStatus],
    satisfies: query.Predicate,
    after: Sequence[object] | None,
) -> Iterator[ContainerInstance]:
    """Those that a filter lets through: no index knows, so they are read until the page is full."""
    for found in batches(call, cluster, statuses, after):
        held = resources.tasks_by_instance(call.tx, [each.arn for each in found])
        yield from (each for each in found if satisfies(resources.candidate(each, held[each.arn]).subject))


def _tasks(call: Call, instance: ContainerInstance) -> list[Occupant]:
    return resources.tasks_by_instance(call.tx, [instance.arn])[instance.arn]


def _moved(instance: ContainerInstance, status: InstanceStatus) -> ContainerInstance:
    if instance.status is status:
        return instance
    return replace(instance, status=status, version=instance.version + 1)


# --- showing --------------------------------------------------------------------------------------


def _documents(call: Call, instances: Sequence[ContainerInstance], include: Collection[str]) -> list[Document]:
    held = resources.tasks_by_instance(call.tx, [each.arn for each in instances])
    return [document(each, held[each.arn], include) for each in instances]


def document(instance: ContainerInstance, tasks: Sequence[Occupant], include: Collection[str] = ()) -> Document:
    """The instance as the API shows it, with the tasks that hold resources of it."""
    found: Document = {
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.ec2_instance_id,
        "status": instance.status,
        "agentConnected": instance.agent_connected,
        "version": instance.version,
        "versionInfo": instance.version_info,
        "registeredAt": instance.registered_at,
        "registeredResources": resources.registered_resources(instance),
        "remainingResources": resources.remaining_resources(instance, tasks),
        "runningTasksCount": resources.running(tasks),
        "pendingTasksCount": resources.pending(tasks),
        "attributes": documents(instance.attributes),
        "attachments": [],
        "tags": tags.document(instance.tags) if "TAGS" in include else [],
    }
    if instance.capacity_provider_name is not None:
        found["capacityProviderName"] = instance.capacity_provider_name
    if "CONTAINER_INSTANCE_HEALTH" in include:
        found["healthStatus"] = _health(instance)
    return found


def _health(instance: ContainerInstance) -> Document:
    """A simulated machine is well as long as its agent is connected: the local engine answers for it."""
    state = "OK" if instance.agent_connected else "IMPAIRED"
    since = instance.registered_at if instance.deregistered_at is None else instance.deregistered_at
    check = {"type": "CONTAINER_RUNTIME", "status": state, "lastUpdated": since, "lastStatusChange": since}
    return {"overallStatus": state, "details": [check]}
