"""Ports: one container maps them, and all containers of a task share the ones of the host or of the interface.

Source: PortMapping in the ECS API reference.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Container, Definition, Refusals, one_of

_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)
_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
MOST_RANGES = 100
LAST_PORT = 65_535


def of_container(definition: Definition, container: Container) -> Refusals:
    """Each mapping of one container, by itself."""
    mode, name = facts.network_mode(definition), container["name"]
    mappings = container.get("portMappings") or ()
    if mappings and mode == "none":
        yield "Port mappings are not supported when networkMode=none."
    if sum("containerPortRange" in mapping for mapping in mappings) > MOST_RANGES:
        yield f"Container '{name}' can have at most {MOST_RANGES} container port ranges."
    for mapping in mappings:
        yield from _range(mapping, mode, name) if "containerPortRange" in mapping else _single(mapping, mode, name)
        yield from one_of("protocol", mapping.get("protocol"), ("tcp", "udp"))
        if "name" in mapping and not _NAME.fullmatch(mapping["name"]):
            yield f"Invalid port mapping name for container '{name}'."
        yield from one_of("appProtocol", mapping.get("appProtocol"), ("http", "http2", "grpc"))
        if "appProtocol" in mapping and "name" not in mapping:
            yield f"Invalid 'appProtocol' setting for container '{name}'. The port mapping must have a name."


def _single(mapping: Container, mode: str, name: str) -> Refusals:
    container_port, host_port = mapping.get("containerPort"), mapping.get("hostPort")
    if container_port is None or not 1 <= container_port <= LAST_PORT:
        yield f"Invalid 'containerPort' setting for container '{name}'."
    if host_port is None:
        return
    if not 0 <= host_port <= LAST_PORT:
        yield f"Invalid 'hostPort' setting for container '{name}'."
    if mode in ("awsvpc", "host") and host_port != container_port:
        yield f"When networkMode={mode}, the host ports and container ports in port mappings must match."


def _range(mapping: Container, mode: str, name: str) -> Refusals:
    if "containerPort" in mapping or "hostPort" in mapping:
        yield f"Invalid port mapping for container '{name}', cannot specify both single port and port range."
    found = _RANGE.fullmatch(mapping["containerPortRange"])
    if found is None or not 1 <= int(found[1]) < int(found[2]) <= LAST_PORT:
        yield f"Invalid 'containerPortRange' setting for container '{name}'."
    if mode == "host":
        yield "Container port ranges are not supported when networkMode=host."


def of_task(definition: Definition) -> Refusals:
    """What the containers would have to share: names, ports of the host, ports of the interface."""
    mode = facts.network_mode(definition)
    names: set[str] = set()
    taken: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for mapping in _mappings(definition):
        if mapping.get("name") in names:
            yield f"When networkMode={mode}, port mapping name is already used"
        names.update({mapping["name"]} if "name" in mapping else ())
        if ports := _taken(mapping, mode):
            taken[(mapping.get("protocol") or "tcp").upper()].append(ports)
    for protocol, spans in taken.items():
        if (port := _twice(spans)) is None:
            continue
        if mode == "awsvpc":
            yield f"{protocol} container port '{port}' is used multiple times in task when networkMode=awsvpc."
        yield f"{protocol} host port '{port}' is mapped multiple times in task."


def _mappings(definition: Definition) -> Iterator[Container]:
    for container in facts.containers(definition):
        yield from container.get("portMappings") or ()


def _taken(mapping: Container, mode: str) -> tuple[int, int] | None:
    """The ports, first and last, that this mapping alone may have; None where the engine finds some."""
    if (text := mapping.get("containerPortRange")) is not None:
        low, _, high = text.partition("-")
        return (int(low), int(high)) if mode == "awsvpc" else None
    port = mapping.get("hostPort") if mode == "bridge" else mapping.get("containerPort")
    return (port, port) if port else None


def _twice(spans: list[tuple[int, int]]) -> int | None:
    """The first port that two spans have; None where they are disjoint."""
    reached = 0
    for low, high in sorted(spans):
        if low <= reached:
            return low
        reached = high
    return None
