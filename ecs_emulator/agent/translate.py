"""A task definition in, the engine's own JSON out: the one place that knows both languages, and it never asks anybody.

What lives only here: the bodies of `POST /containers/create`. What it does not know: whether an engine is there.
Source: dockerConfig and dockerHostConfig of amazon-ecs-agent; ContainerDefinition in the ECS API reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecs_emulator.agent import ports, volumes
from ecs_emulator.agent.names import LABEL_BINDINGS, LABEL_LOGS, Identity, container_name, labels
from ecs_emulator.control.plan import PAUSE, TaskSlice
from ecs_emulator.records.tasks import Container
from ecs_emulator.rules.definitions import sizes
from ecs_emulator.rules.dependencies import definition_of
from ecs_emulator.rules.task_documents import runtime_id

Definition = dict[str, Any]
EngineJson = dict[str, Any]

MIB = 1 << 20
LEAST_MEMORY = 6
"""MiB; engines since 20.10 refuse less."""
LEAST_SHARES, MOST_SHARES = 2, 262_144
NANO = 1_000_000_000
FARGATE_FILES = {"Name": "nofile", "Soft": 65_535, "Hard": 65_535}
"""Of platform version 1.4.0."""
STOP_TIMEOUT = 30
EXECUTION = {"FARGATE": "AWS_ECS_FARGATE", "EXTERNAL": "AWS_ECS_EXTERNAL"}
LOGS_READ_BY_US = {"Type": "json-file", "Config": {"max-size": "20m", "max-file": "2"}}
"""What the `awslogs` driver becomes: the collector follows it and ships it to the emulator's own log store."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a translation has to be told about this emulator and its engine. Lives for one effect."""

    identity: Identity
    cpus: int = 0
    """CPUs of the engine's host; 0: not known, no quota is set. The engine refuses a quota above them."""
    network: str = ""
    """The VPC network; awsvpc only."""
    address: str | None = None
    """A fixed address on it; None: the engine picks."""
    pause_image: str = ""
    endpoint: str | None = None
    """Where the AWS API answers containers: `AWS_ENDPOINT_URL`."""
    metadata_base: str | None = None
    """`http://169.254.170.2`, where the metadata service answers."""
    image_environment: frozenset[str] = frozenset()
    """Names that the image's own ENV sets."""
    port_blocks: Mapping[str, int] = field(default_factory=dict)
    """First host port of each dynamic range, by `<containerPortRange>/<protocol>`."""
    raises_files: bool = True
    """Whether the engine may raise the limit of open files; not every daemon may."""


# --- the definition with its overrides --------------------------------------------------------------------------------


def overridden(slice: TaskSlice, name: str) -> Definition:
    """The container's definition as this task runs it: the environment merges by name, all else is replaced."""
    own = definition_of(slice.definition, name)
    given = _overrides(slice).get("containerOverrides") or ()
    override: Definition = next((one for one in given if one.get("name") == name), {})
    environment = {
        each["name"]: each.get("value") or "" for one in (own, override) for each in one.get("environment") or ()
    }
    return {**own, **override, "environment": [{"name": key, "value": value} for key, value in environment.items()]}


def _overrides(slice: TaskSlice) -> Definition:
    found: Definition = slice.task.spec.get("overrides") or {}
    return found


def _task_size(slice: TaskSlice, dimension: str) -> int:
    """CPU units or MiB of the whole task; 0 where the task itself has no limit."""
    stated = _overrides(slice).get(dimension) or slice.definition.get(dimension)
    read = sizes.cpu_units if dimension == "cpu" else sizes.memory_mib
    return (read(str(stated)) or 0) if stated else 0


def _record(slice: TaskSlice, name: str) -> Container:
    return next(one for one in slice.task.containers if one.name == name)


# --- one container of the definition ----------------------------------------------------------------------------------


def container_body(slice: TaskSlice, name: str, facts: Facts) -> EngineJson:
    """The body of `POST /containers/create` for one container of the task definition, by image id."""
    container = overridden(slice, name)
    record = _record(slice, name)
    body = {
        "Image": record.image_id or record.image,
        "Entrypoint": container.get("entryPoint") or None,
        "Cmd": container.get("command") or None,
        "Env": [f"{key}={value}" for key, value in _environment(slice, container, record, facts).items()],
        "WorkingDir": container.get("workingDirectory"),
        "User": container.get("user"),
        "Hostname": None if _joins_pause(slice) else container.get("hostname"),
        "OpenStdin": container.get("interactive"),
        "Tty": container.get("pseudoTerminal"),
        "NetworkDisabled": container.get("disableNetworking"),
        "StopTimeout": container.get("stopTimeout") or STOP_TIMEOUT,
        "Healthcheck": _health_check(container),
        "ExposedPorts": None if _joins_pause(slice) else ports.exposed([container]),
        "Labels": {**(container.get("dockerLabels") or {}), **_container_labels(slice, container, facts)},
        "HostConfig": _host_config(slice, container, facts),
    }
    return _said(body)


def _said(members: EngineJson) -> EngineJson:
    """Only what was said: the engine's defaults fill the rest."""
    return {key: value for key, value in members.items() if value is not None}


def _container_labels(slice: TaskSlice, container: Definition, facts: Facts) -> dict[str, str]:
    found = labels(slice, container["name"], facts.identity)
    if known := ports.known_bindings(slice.task.network_mode, container, facts.port_blocks):
        found[LABEL_BINDINGS] = _json(known)
    if (options := log_options(container)) is not None:
        found[LABEL_LOGS] = _json(options)
    return found


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def log_options(container: Definition) -> dict[str, str] | None:
    """The options of the awslogs driver; None where another driver, or none, was asked for."""
    said = container.get("logConfiguration") or {}
    return dict(said.get("options") or {}) if said.get("logDriver") == "awslogs" else None


def _environment(slice: TaskSlice, container: Definition, record: Container, facts: Facts) -> dict[str, str]:
    said = {each["name"]: each["value"] for each in container["environment"]}
    told = dict(said)
    if not {"AWS_REGION", "AWS_DEFAULT_REGION"} & (said.keys() | facts.image_environment):
        told |= {"AWS_REGION": slice.task.region, "AWS_DEFAULT_REGION": slice.task.region}
    if slice.task.launch_type == "FARGATE" and (host_name := runtime_id(slice.task, record)) is not None:
        told.setdefault("HOSTNAME", host_name)
    told["AWS_EXECUTION_ENV"] = said.get("AWS_EXECUTION_ENV") or EXECUTION.get(slice.task.launch_type, "AWS_ECS_EC2")
    if facts.endpoint is not None and "AWS_ENDPOINT_URL" not in said.keys() | facts.image_environment:
        told["AWS_ENDPOINT_URL"] = facts.endpoint
    if facts.metadata_base is not None:
        told["ECS_CONTAINER_METADATA_URI"] = f"{facts.metadata_base}/v3/{record.id}"
        told["ECS_CONTAINER_METADATA_URI_V4"] = f"{facts.metadata_base}/v4/{record.id}"
        told["ECS_AGENT_URI"] = f"{facts.metadata_base}/api/{record.id}"
    return told


def _health_check(container: Definition) -> EngineJson:
    """The definition's check, or none at all: ECS ignores a HEALTHCHECK of the image."""
    check = container.get("healthCheck")
    if check is None:
        return {"Test": ["NONE"]}
    return {
        "Test": list(check["command"]),
        "Interval": int(check.get("interval") or 30) * NANO,
        "Timeout": int(check.get("timeout") or 5) * NANO,
        "Retries": int(check.get("retries") or 3),
        "StartPeriod": int(check.get("startPeriod") or 0) * NANO,
    }


# --- host configuration -----------------------------------------------------------------------------------------------


def _host_config(slice: TaskSlice, container: Definition, facts: Facts) -> EngineJson:
    binds, mounts = volumes.attached(slice, container["name"], facts.identity)
    bridge = slice.task.network_mode == "bridge"
    own_network = not _joins_pause(slice)
    return _said(
        {
            "NetworkMode": _network_mode(slice),
            "PortBindings": ports.engine_bindings(container, facts.port_blocks) or None if bridge else None,
            "Links": [_link(slice, link, facts.identity) for link in container.get("links") or ()] or None,
            "Binds": binds or None,
            "Mounts": mounts or None,
            "VolumesFrom": [_volumes_from(slice, each, facts.identity) for each in container.get("volumesFrom") or ()]
            or None,
            "Privileged": container.get("privileged"),
            "ReadonlyRootfs": container.get("readonlyRootFilesystem"),
            "SecurityOpt": container.get("dockerSecurityOptions") or None,
            "Ulimits": _ulimits(slice, container, facts) or None,
            "Sysctls": _sysctls(container, net=own_network) or None,
            "LogConfig": _log_config(container, slice.task.spec.get("logDriverMode")),
            **(_name_service(container) if own_network else {}),
            **_sizes(slice, container, facts),
            **_linux(container.get("linuxParameters") or {}),
            **_namespaces(slice),
        }
    )


def _network_mode(slice: TaskSlice) -> str:
    return f"container:{slice.task.pause_engine_id}" if _joins_pause(slice) else slice.task.network_mode


def _joins_pause(slice: TaskSlice) -> bool:
    """Whether the network is the pause container's: the engine then refuses ports, names and `net.*` on the others."""
    return slice.task.network_mode == "awsvpc"


def _name_service(container: Definition) -> EngineJson:
    hosts = [f"{each['hostname']}:{each['ipAddress']}" for each in container.get("extraHosts") or ()]
    return {
        "Dns": container.get("dnsServers") or None,
        "DnsSearch": container.get("dnsSearchDomains") or None,
        "ExtraHosts": hosts or None,
    }


def _sizes(slice: TaskSlice, container: Definition, facts: Facts) -> EngineJson:
    """CPU: shares of the container, capped by the task's quota. Memory: the container's limit, else the task's.

    256 units of a task are a quarter of a CPU: `NanoCpus` 250,000,000. A task of 4 vCPU on a host of 2 gets the 2.
    """
    shares = min(max(int(container.get("cpu") or 0), LEAST_SHARES), MOST_SHARES)
    quota = min(_task_size(slice, "cpu") * NANO // 1024, facts.cpus * NANO)
    memory = int(container.get("memory") or _task_size(slice, "memory"))
    reserved = int(container.get("memoryReservation") or 0)
    return {
        "CpuShares": shares,
        "NanoCpus": quota or None,
        "Memory": max(memory, LEAST_MEMORY) * MIB if memory else None,
        "MemoryReservation": reserved * MIB or None,
        **_swap(container, memory),
    }


def _swap(container: Definition, memory: int) -> EngineJson:
    """The engine counts memory and swap together: 64 MiB and `maxSwap` 32 are 96; `maxSwap` 0 is no swap."""
    linux = container.get("linuxParameters") or {}
    if linux.get("maxSwap") is None or not memory:
        return {}
    return {
        "MemorySwap": (max(memory, LEAST_MEMORY) + int(linux["maxSwap"])) * MIB,
        "MemorySwappiness": linux.get("swappiness"),
    }


def _linux(linux: Definition) -> EngineJson:
    capabilities = linux.get("capabilities") or {}
    tmpfs = {
        each["containerPath"]: ",".join([f"size={each['size']}m", *(each.get("mountOptions") or ())])
        for each in linux.get("tmpfs") or ()
    }
    return {
        "Init": linux.get("initProcessEnabled"),
        "CapAdd": capabilities.get("add") or None,
        "CapDrop": capabilities.get("drop") or None,
        "Devices": [_device(each) for each in linux.get("devices") or ()] or None,
        "ShmSize": int(linux.get("sharedMemorySize") or 0) * MIB or None,
        "Tmpfs": tmpfs or None,
    }


def _device(device: Definition) -> EngineJson:
    letters = {"read": "r", "write": "w", "mknod": "m"}
    permissions = "".join(letters[each] for each in device.get("permissions") or letters)
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": permissions,
    }


def _ulimits(slice: TaskSlice, container: Definition, facts: Facts) -> list[EngineJson]:
    found = [
        {"Name": each["name"], "Soft": each["softLimit"], "Hard": each["hardLimit"]}
        for each in container.get("ulimits") or ()
    ]
    raised = (
        slice.task.launch_type == "FARGATE" and facts.raises_files and all(each["Name"] != "nofile" for each in found)
    )
    return [*found, FARGATE_FILES] if raised else found


def _sysctls(container: Definition, *, net: bool) -> dict[str, str]:
    """The container's own kernel parameters; those of a network belong to whoever holds it."""
    said = {each["namespace"]: each["value"] for each in container.get("systemControls") or ()}
    return {name: value for name, value in said.items() if net or not name.startswith("net.")}


def _log_config(container: Definition, default_mode: str | None) -> EngineJson | None:
    """`default_mode`: how lines are delivered where the container does not say it, by the account's settings."""
    said = container.get("logConfiguration")
    if said is None:
        return None
    if log_options(container) is not None:
        return LOGS_READ_BY_US
    options = dict(said.get("options") or {})
    if default_mode is not None and said["logDriver"] != "none":
        options.setdefault("mode", default_mode)
    if options.get("mode") == "non-blocking":
        options.setdefault("max-buffer-size", "10m")
    return {"Type": said["logDriver"], "Config": options}


def _namespaces(slice: TaskSlice) -> EngineJson:
    """`task` shares those of the pause container; without one the containers keep their own."""
    pause = f"container:{slice.task.pause_engine_id}" if _joins_pause(slice) else None
    of_mode = {"host": "host", "task": pause}
    ipc = {**of_mode, "none": "none"}
    return {
        "PidMode": of_mode.get(slice.definition.get("pidMode") or ""),
        "IpcMode": ipc.get(slice.definition.get("ipcMode") or ""),
    }


def _link(slice: TaskSlice, link: str, identity: Identity) -> str:
    target, _, alias = link.partition(":")
    return f"{container_name(slice, target, identity)}:{alias or target}"


def _volumes_from(slice: TaskSlice, source: Definition, identity: Identity) -> str:
    return container_name(slice, source["sourceContainer"], identity) + (":ro" if source.get("readOnly") else "")


# --- the pause container ----------------------------------------------------------------------------------------------


def pause_body(slice: TaskSlice, facts: Facts) -> EngineJson:
    """The container that holds an awsvpc task's network, and so all that the engine ties to a network."""
    containers = [overridden(slice, one.name) for one in slice.task.containers]
    endpoint = {"IPAMConfig": {"IPv4Address": facts.address}} if facts.address else {}
    host_config = {
        "NetworkMode": facts.network,
        "Dns": _united(containers, "dnsServers"),
        "DnsSearch": _united(containers, "dnsSearchDomains"),
        "ExtraHosts": [f"{each['hostname']}:{each['ipAddress']}" for each in _united(containers, "extraHosts") or ()]
        or None,
        "Sysctls": {
            name: value
            for one in containers
            for name, value in _sysctls(one, net=True).items()
            if name.startswith("net.")
        }
        or None,
        "IpcMode": "shareable" if slice.definition.get("ipcMode") == "task" else None,
        "LogConfig": {"Type": "none", "Config": {}},
    }
    body = {
        "Image": facts.pause_image,
        "Hostname": next((one["hostname"] for one in containers if one.get("hostname")), None),
        "ExposedPorts": ports.exposed(containers),
        "Labels": labels(slice, PAUSE, facts.identity),
        "HostConfig": _said(host_config),
        "NetworkingConfig": {"EndpointsConfig": {facts.network: endpoint}},
    }
    return _said(body)


def _united(containers: list[Definition], member: str) -> list[Any] | None:
    """What any of the containers asks for, each once, in their order."""
    found: list[Any] = []
    for container in containers:
        found += [each for each in container.get(member) or () if each not in found]
    return found or None
