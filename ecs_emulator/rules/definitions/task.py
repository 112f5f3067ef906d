"""A task definition as a whole: its name, its number of containers, the modes it asks for and the roles it needs.

Source: RegisterTaskDefinition in the ECS API reference.
"""

from __future__ import annotations

import json
import re

from ecs_emulator.rules import placement
from ecs_emulator.rules.definitions import facts, platforms
from ecs_emulator.rules.definitions.rule import Definition, Refusals, one_of

MOST_CONTAINERS = 10
LARGEST_DEFINITION = 65_536
NETWORK_MODES = ("bridge", "host", "awsvpc", "none")
CPU_ARCHITECTURES = ("X86_64", "ARM64")
OS_FAMILIES = (
    "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2016_FULL", "WINDOWS_SERVER_2004_CORE",
    "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2022_FULL", "WINDOWS_SERVER_2025_CORE", "WINDOWS_SERVER_2025_FULL",
    "WINDOWS_SERVER_20H2_CORE", "LINUX",
)  # fmt: skip
SMALLEST_STORAGE, LARGEST_STORAGE = 21, 200
"""GiB; the 20 that every Fargate task has may not be asked for."""
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+|[\w+=,.@-]{1,64}", re.ASCII)


def family(definition: Definition) -> Refusals:
    name = definition.get("family")
    if not name:
        yield "Family can not be blank."
    elif not facts.NAME.fullmatch(name):
        yield "Family contains invalid characters."


def number_of_containers(definition: Definition) -> Refusals:
    if not facts.containers(definition):
        yield "Container list cannot be empty."
    if len(facts.containers(definition)) > MOST_CONTAINERS:
        yield "Too many containers."


def length(definition: Definition) -> Refusals:
    found = len(json.dumps(definition, ensure_ascii=False, separators=(",", ":")).encode())
    if found > LARGEST_DEFINITION:
        yield f"Actual length: '{found}'. Max allowed length is '{LARGEST_DEFINITION}' bytes."


def retired_members(definition: Definition) -> Refusals:
    if definition.get("inferenceAccelerators") is not None:
        yield "Unsupported field 'inferenceAccelerators'."


def enumerations(definition: Definition) -> Refusals:
    platform = definition.get("runtimePlatform") or {}
    yield from one_of("networkMode", definition.get("networkMode"), NETWORK_MODES)
    yield from one_of("pidMode", definition.get("pidMode"), ("host", "task"))
    yield from one_of("ipcMode", definition.get("ipcMode"), ("host", "task", "none"))
    for launch_type in definition.get("requiresCompatibilities") or ():
        yield from one_of("requiresCompatibilities", launch_type, platforms.LAUNCH_TYPES)
    yield from one_of("operatingSystemFamily", platform.get("operatingSystemFamily"), OS_FAMILIES)
    yield from one_of("cpuArchitecture", platform.get("cpuArchitecture"), CPU_ARCHITECTURES)


def names(definition: Definition) -> Refusals:
    containers = facts.containers(definition)
    if len({container["name"] for container in containers}) < len(containers):
        yield "Container names must be unique within a task definition"


def some_essential(definition: Definition) -> Refusals:
    if not any(map(facts.essential, facts.containers(definition))):
        yield "Task definition doesn't have any essential container."


def ephemeral_storage(definition: Definition) -> Refusals:
    if (storage := definition.get("ephemeralStorage")) is None:
        return
    if storage.get("sizeInGiB", 0) < SMALLEST_STORAGE:
        yield f"EphemeralStorage size should be at least {SMALLEST_STORAGE}"
    if storage["sizeInGiB"] > LARGEST_STORAGE:
        yield f"EphemeralStorage size should be at most {LARGEST_STORAGE}"


def placement_constraints(definition: Definition) -> Refusals:
    """A definition may only say where (`memberOf`); `distinctInstance` is for who runs it."""
    asked = definition.get("placementConstraints") or ()
    for constraint in asked:
        if constraint.get("type") != "memberOf":
            yield "Placement constraint type should be one of [memberOf]"
    placement.constraints(asked)


def proxy(definition: Definition) -> Refusals:
    if (configuration := definition.get("proxyConfiguration")) is None:
        return
    yield from one_of("Proxy configuration type", configuration.get("type"), ("APPMESH",))
    if facts.network_mode(definition) != "awsvpc":
        yield "APPMESH proxy configuration is only supported in networkMode=awsvpc"
    name = configuration.get("containerName")
    if name not in {container["name"] for container in facts.containers(definition)}:
        yield f"Proxy container [{name}] does not exist."
    properties = {each.get("name"): each.get("value") for each in configuration.get("properties") or ()}
    if not properties.get("ProxyIngressPort"):
        yield "Ingress port not found"


def roles(definition: Definition) -> Refusals:
    """A role is an ARN or the short name of one."""
    for member in ("taskRoleArn", "executionRoleArn"):
        if (role := definition.get(member)) is not None and not _ROLE.fullmatch(role):
            yield "Role is not valid"


def execution_role(definition: Definition) -> Refusals:
    """What the agent fetches before the container starts, it fetches in the execution role."""
    if definition.get("executionRoleArn") is not None:
        return
    for container in facts.containers(definition):
        if facts.secrets(container):
            yield ("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
        if container.get("repositoryCredentials") is not None:
            yield (
                "Private repository authentication requires that the task definition specify a value for "
                "executionRoleArn."
            )
