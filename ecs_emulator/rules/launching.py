"""What every launch has in common: what may not be asked together, and the task that comes of it.

Used by RunTask, StartTask and CreateService for the checks, and by them and the loop for the task itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import DaemonTaskDefinition
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import Attachment, AttachmentStatus, Container, Task, TaskStatus
from ecs_emulator.rules import capacity, placement
from ecs_emulator.rules.definitions import containers, facts, platforms, sizes
from ecs_emulator.rules.definitions.rule import Definition, Refusals
from ecs_emulator.rules.definitions.task import ephemeral_storage
from ecs_emulator.rules.errors import (
    InvalidParameterException,
    PlatformTaskDefinitionIncompatibilityException,
    PlatformUnknownException,
)
from ecs_emulator.rules.resources import Need

LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL", "FMI", "MANAGED_INSTANCES")
LATEST_PLATFORM, LATEST_WINDOWS_PLATFORM = "1.4.0", "1.0.0"
LINUX = "Linux"
PLATFORM_VERSIONS = ("LATEST", LATEST_PLATFORM, "1.3.0")
WINDOWS_PLATFORM_VERSIONS = ("LATEST", LATEST_WINDOWS_PLATFORM)
MOST_SUBNETS = 16
MOST_SECURITY_GROUPS = 5

Params = Mapping[str, Any]
Contradiction = tuple[Callable[[Params, Params, "Launching"], bool], str]
"""When it is so, of a request, a definition and how it is launched; and what is said of it."""


@dataclass(frozen=True, slots=True)
class Launching:
    """What a request comes to once the cluster's defaults are in: where its tasks run, and by whose capacity."""

    launch_type: str
    strategy: tuple[dict[str, Any], ...] = ()

    @property
    def on_fargate(self) -> bool:
        return self.launch_type == "FARGATE"


def launching(params: Params, cluster: Cluster) -> Launching:
    """The launch type or the strategy of the request, else the cluster's default strategy, else EC2.

    Raises InvalidParameterException, also where the strategy is none for this cluster.
    """
    launch_type = params.get("launchType")
    if launch_type is not None:
        refuse_launch_type(launch_type)
    asked = params.get("capacityProviderStrategy") or (cluster.default_strategy if launch_type is None else ())
    if not asked:
        return Launching(launch_type or "EC2")
    managed = cluster.managed_instances
    items = tuple(capacity.strategy(asked, cluster.capacity_providers, managed))
    return Launching(capacity.launch_type(items[0]["capacityProvider"], managed), items)


def of_service(params: Params, cluster: Cluster) -> Launching:
    """As `launching`, in the words with which a service or a task set is refused."""
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise InvalidParameterException(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    for item in params.get("capacityProviderStrategy") or ():
        if capacity.name_of(item.get("capacityProvider", "")) not in cluster.capacity_providers:
            name = item.get("capacityProvider")
            raise InvalidParameterException(f"The specified capacity provider '{name}' was not found.")
    return launching(params, cluster)


def refuse_launch_type(text: str) -> None:
    """What is none is refused in the words of all operations."""
    if text not in LAUNCH_TYPES:
        raise InvalidParameterException(f"launch type should be one of [{','.join(LAUNCH_TYPES)}]")


def refuse_contradictions(params: Params, definition: TaskDefinition, how: Launching) -> None:
    """The first of the contradictions between request, definition and launch type, in AWS's order and words."""
    refuse_network_mode(params, definition.spec, how)
    _refuse_first(CONTRADICTIONS, params, definition.spec, how)
    _refuse_network(params)
    _refuse_platform(params, definition.spec, how)
    _refuse_volumes(params, definition.spec)
    placement.strategies(params.get("placementStrategy"))
    own, asked = definition.spec.get("placementConstraints") or (), params.get("placementConstraints") or ()
    placement.constraints([*own, *asked])


def refuse_network_mode(params: Params, definition: Params, how: Launching) -> None:
    """A network that is missing, or that the definition has no use for: refused before all else."""
    _refuse_first(NETWORK_MODE, params, definition, how)


def _refuse_first(rules: Iterable[Contradiction], params: Params, definition: Params, how: Launching) -> None:
    for applies, text in rules:
        if applies(params, definition, how):
            raise InvalidParameterException(text)


def _awsvpc(spec: Params) -> bool:
    return facts.network_mode(dict(spec)) == "awsvpc"


def _network(params: Params) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return found


NETWORK_MODE: tuple[Contradiction, ...] = (
    (
        lambda params, spec, how: _awsvpc(spec) and not _network(params),
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    (
        lambda params, spec, how: not _awsvpc(spec) and bool(_network(params)),
        "Network Configuration is not valid for the given networkMode of this task definition.",
    ),
)
CONTRADICTIONS: tuple[Contradiction, ...] = (
    (
        lambda params, spec, how: how.on_fargate and not facts.supports(dict(spec), "FARGATE"),
        "Task definition does not support launch_type FARGATE.",
    ),
    (
        lambda params, spec, how: how.launch_type == "EXTERNAL" and not facts.supports(dict(spec), "EXTERNAL"),
        "Task definition does not support launch_type EXTERNAL.",
    ),
    (
        lambda params, spec, how: (
            how.launch_type == "MANAGED_INSTANCES" and not facts.supports(dict(spec), "MANAGED_INSTANCES")
        ),
        "Task definition does not support launch_type MANAGED_INSTANCES.",
    ),
    (
        lambda params, spec, how: not how.on_fargate and _network(params).get("assignPublicIp") == "ENABLED",
        "Assign public IP is not supported for this launch type.",
    ),
    (
        lambda params, spec, how: not how.on_fargate and bool(params.get("platformVersion")),
        "The platform version must be null when specifying an EC2 launch type.",
    ),
    (
        lambda params, spec, how: how.on_fargate and bool(params.get("placementConstraints")),
        "Placement constraints are not supported with FARGATE launch type.",
    ),
    (
        lambda params, spec, how: how.on_fargate and bool(params.get("placementStrategy")),
        "Placement strategies are not supported with FARGATE launch type.",
    ),
)


def _refuse_network(params: Params) -> None:
    network = _network(params)
    if not network:
        return
    if not network.get("subnets"):
        raise InvalidParameterException("subnets can not be empty.")
    for member, most in (("subnets", MOST_SUBNETS), ("securityGroups", MOST_SECURITY_GROUPS)):
        if len(network.get(member, ())) > most:
            raise InvalidParameterException(f"{member} can have at most {most} items.")
    if network.get("assignPublicIp") not in (None, "ENABLED", "DISABLED"):
        raise InvalidParameterException("assignPublicIp should be one of [ENABLED,DISABLED]")


def _refuse_platform(params: Params, definition: Params, how: Launching) -> None:
    version = params.get("platformVersion")
    if not how.on_fargate or version is None:
        return
    windows = facts.is_windows(definition)
    if version not in (WINDOWS_PLATFORM_VERSIONS if windows else PLATFORM_VERSIONS):
        raise PlatformUnknownException(f"The platform version '{version}' does not exist")
    on_efs = any("efsVolumeConfiguration" in volume for volume in definition.get("volumes") or ())
    if version == "1.3.0" and (on_efs or definition.get("ephemeralStorage")):
        raise PlatformTaskDefinitionIncompatibilityException()


def _refuse_volumes(params: Params, definition: Params) -> None:
    """What is configured at launch must be said to be so by the definition."""
    asked = params.get("volumeConfigurations") or ()
    open_ones = {volume["name"] for volume in definition.get("volumes") or () if volume.get("configuredAtLaunch")}
    if asked and not open_ones:
        raise InvalidParameterException(
            "Volume configuration provided but no matching configuredAtLaunch volume found in task definition."
        )
    for volume in asked:
        if volume.get("name") not in open_ones:
            raise InvalidParameterException(
                f"The volume name '{volume.get('name')}' in your request does not have a matching volume in your "
                "Task Definition that is configurable at launch."
            )
    for name in sorted(open_ones - {volume["name"] for volume in asked}):
        raise InvalidParameterException(
            f"The volume name '{name}' in your Task Definition is configured at launch and does not have a matching "
            "volume configuration in your request."
        )


def refuse_overrides(overrides: Params, definition: TaskDefinition, how: Launching) -> None:
    """What a run overrides of a definition's sizes is held against the same rules as the definition itself."""
    given = {member: overrides[member] for member in ("cpu", "memory", "ephemeralStorage") if overrides.get(member)}
    of_container = {each.get("name"): each for each in overrides.get("containerOverrides") or ()}
    defined = [{**each, **of_container.get(each["name"], {})} for each in definition.spec["containerDefinitions"]]
    sized = {**definition.spec, **given, "containerDefinitions": defined}
    for text in _size_refusals(sized, how):
        raise InvalidParameterException(text)


def _size_refusals(sized: Definition, how: Launching) -> Refusals:
    yield from sizes.cpu(sized)
    yield from sizes.memory(sized)
    if how.on_fargate:
        yield from platforms.fargate_size(sized)
    yield from ephemeral_storage(sized)
    for container in sized["containerDefinitions"]:
        yield from containers.size(sized, container)
        yield from containers.resource_requirements(sized, container)
    yield from sizes.of_containers(sized)


def in_units(overrides: Params) -> Params:
    """The overrides with the task's `cpu` and `memory` as plain numbers: `.5 vCPU` becomes `512`."""
    found = dict(overrides)
    for dimension, read in (("cpu", sizes.cpu_units), ("memory", sizes.memory_mib)):
        if overrides.get(dimension):
            found[dimension] = str(read(overrides[dimension]))
    return found


def platform_version(asked: str | None, definition: Params | None = None) -> str:
    """`LATEST` is 1.4.0, and 1.0.0 for a definition of Windows."""
    if asked not in (None, "LATEST"):
        return asked
    return LATEST_WINDOWS_PLATFORM if definition is not None and facts.is_windows(definition) else LATEST_PLATFORM


def platform(asked: str | None, family: str | None) -> dict[str, str]:
    """What is shown of Fargate: `LATEST` as the version that it is, and the family; unknown, it is Linux."""
    latest = LATEST_PLATFORM if family in (None, LINUX) else LATEST_WINDOWS_PLATFORM
    version = latest if asked in (None, "LATEST") else str(asked)
    return {"platformVersion": version, "platformFamily": family or LINUX}


def platform_family(definition: Params) -> str:
    """`Linux`, or the Windows that the definition asks for."""
    if facts.is_windows(definition):
        return str(definition["runtimePlatform"]["operatingSystemFamily"])
    return LINUX


def network_configuration(params: Params) -> dict[str, Any] | None:
    """`networkConfiguration` as it is echoed: assignPublicIp is DISABLED where it is not given."""
    network = _network(params)
    return {"awsvpcConfiguration": {"assignPublicIp": "DISABLED", **network}} if network else None


# --- the task -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that makes one task what it is, but where it goes."""

    world: World
    cluster: Cluster
    definition: TaskDefinition | DaemonTaskDefinition
    need: Need
    how: Launching
    group: str
    spec: dict[str, Any]
    """overrides, networkConfiguration, enableExecuteCommand, … as validated."""
    started_by: str | None = None
    service_arn: str | None = None
    deployment_id: str | None = None
    capacity_provider: str | None = None
    platform_version: str | None = None
    tags: Mapping[str, str] | None = None


def task(
    wanted: Wanted, ids: Ids, now: Instant, *, instance_arn: str | None = None, zone: str | None = None, turn: int = 0
) -> Task:
    """A task in its first state: PROVISIONING where it needs a network interface, else PENDING. `turn` spreads it over its subnets."""
    spec = wanted.definition.spec
    mode = facts.network_mode(spec)
    subnets = _network(wanted.spec).get("subnets", ())
    place = turn % len(subnets) if subnets else 0
    subnet = subnets[place] if subnets else ""
    attachment = Attachment(ids.uuid("attachment"), AttachmentStatus.PRECREATED, subnet) if mode == "awsvpc" else None
    return Task(
        arn=wanted.world.arn("ecs", f"task/{wanted.cluster.name}/{ids.hex32('task')}"),
        account=wanted.world.account,
        region=wanted.world.region,
        cluster_arn=wanted.cluster.arn,
        task_definition_arn=wanted.definition.arn,
        family=wanted.definition.family,
        group=wanted.group,
        launch_type=wanted.how.launch_type,
        network_mode=mode,
        created_at=now,
        cpu=wanted.need.cpu,
        memory=wanted.need.memory,
        ports=wanted.need.ports,
        ports_udp=wanted.need.ports_udp,
        gpus=wanted.need.gpus,
        spec=wanted.spec,
        containers=tuple(_containers(spec, ids)),
        last_status=TaskStatus.PROVISIONING if attachment else TaskStatus.PENDING,
        started_by=wanted.started_by,
        service_arn=wanted.service_arn,
        deployment_id=wanted.deployment_id,
        capacity_provider_name=wanted.capacity_provider,
        platform_version=platform_version(wanted.platform_version, spec) if wanted.how.on_fargate else None,
        platform_family=platform_family(spec) if wanted.how.on_fargate else None,
        container_instance_arn=instance_arn,
        availability_zone=zone or (zones_of(wanted.spec, wanted.world.region) or [f"{wanted.world.region}a"])[place],
        attachment=attachment,
        tags=dict(wanted.tags or {}),
    )


def zones_of(spec: Params, region: str) -> tuple[str, ...]:
    """The zone of each subnet of a request, in order: what they are called says nothing of it, so they take turns."""
    return tuple(region + "abc"[number % 3] for number, _ in enumerate(_network(spec).get("subnets", ())))


def _containers(spec: Params, ids: Ids) -> list[Container]:
    return [Container(ids.uuid("container"), one["name"], one["image"]) for one in spec["containerDefinitions"]]


def managed_tags(cluster: Cluster, service_name: str | None, tags: Mapping[str, str]) -> dict[str, str]:
    """With `enableECSManagedTags`: the cluster's and the service's name as tags that a user cannot remove."""
    found = {"aws:ecs:clusterName": cluster.name}
    if service_name is not None:
        found["aws:ecs:serviceName"] = service_name
    return {**tags, **found}
