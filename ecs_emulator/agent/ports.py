"""Port mappings in the engine's words and back in ECS's: pure.

A static host port is published as it is, a dynamic one (0) is the engine's choice, a dynamic range needs a block that
somebody found free.
Source: PortMapping and NetworkBinding in the ECS API reference; buildPortMapWithSCIngressConfig of amazon-ecs-agent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Mapped = dict[str, Any]
Binding = dict[str, Any]


def _mappings(container: Mapping[str, Any]) -> Iterator[Mapped]:
    yield from container.get("portMappings") or ()


def _protocol(mapping: Mapped) -> str:
    return str(mapping.get("protocol") or "tcp")


def _span(ports: str) -> range:
    first, _, last = ports.partition("-")
    return range(int(first), int(last or first) + 1)


def block_key(mapping: Mapped) -> str:
    """`8000-8010/tcp`: how a dynamic range is told apart within one container."""
    return f"{mapping['containerPortRange']}/{_protocol(mapping)}"


def blocks_needed(container: Mapping[str, Any]) -> dict[str, int]:
    """How many contiguous host ports each range of this container wants, by `block_key`."""
    return {
        block_key(one): len(_span(one["containerPortRange"]))
        for one in _mappings(container)
        if "containerPortRange" in one
    }


def is_dynamic(container: Mapping[str, Any]) -> bool:
    """Whether the engine has to be asked what it bound, where ports are published at all."""
    return any("containerPortRange" in one or not one.get("hostPort") for one in _mappings(container))


def exposed(containers: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]] | None:
    """`ExposedPorts`: every mapped port, every port of a range."""
    found: dict[str, dict[str, str]] = {}
    for mapping in (each for one in containers for each in _mappings(one)):
        for port in _span(str(mapping.get("containerPortRange") or mapping["containerPort"])):
            found[f"{port}/{_protocol(mapping)}"] = {}
    return found or None


def engine_bindings(container: Mapping[str, Any], blocks: Mapping[str, int]) -> dict[str, list[dict[str, str]]]:
    """`PortBindings`: an empty host port lets the engine pick one.

    There it binds IPv4 alone: of its own accord it would pick another port for `::`, which is a stranger's on IPv4.
    """
    found: dict[str, list[dict[str, str]]] = {}
    for mapping in _mappings(container):
        if "containerPortRange" in mapping:
            first = blocks[block_key(mapping)]
            for offset, port in enumerate(_span(mapping["containerPortRange"])):
                found.setdefault(f"{port}/{_protocol(mapping)}", []).append({"HostPort": str(first + offset)})
        else:
            host = mapping.get("hostPort")
            bound = {"HostPort": str(host)} if host else {"HostIp": "0.0.0.0", "HostPort": ""}
            found.setdefault(f"{mapping['containerPort']}/{_protocol(mapping)}", []).append(bound)
    return found


def known_bindings(network_mode: str, container: Mapping[str, Any], blocks: Mapping[str, int]) -> list[Binding]:
    """The network bindings that are known before the container starts; the others are the engine's choice.

    In host mode nothing is published, and every port is its own host port.
    """
    if network_mode not in ("bridge", "host"):
        return []
    found = []
    for mapping in _mappings(container):
        if "containerPortRange" in mapping:
            if block_key(mapping) in blocks:
                found.append(_range_binding(mapping, blocks[block_key(mapping)]))
        elif host := mapping.get("hostPort") or (mapping["containerPort"] if network_mode == "host" else 0):
            found.append(_binding(mapping["containerPort"], host, _protocol(mapping)))
    return found


def _binding(container_port: int, host_port: int, protocol: str) -> Binding:
    return {"bindIP": "0.0.0.0", "containerPort": container_port, "hostPort": host_port, "protocol": protocol}


def _range_binding(mapping: Mapped, first: int) -> Binding:
    span = _span(mapping["containerPortRange"])
    return {
        "bindIP": "0.0.0.0",
        "containerPortRange": mapping["containerPortRange"],
        "hostPortRange": f"{first}-{first + len(span) - 1}",
        "protocol": _protocol(mapping),
    }


def observed_bindings(
    known: str | None, engine_ports: Mapping[str, list[dict[str, str]] | None]
) -> tuple[Binding, ...]:
    """The bindings of a running container: the known ones (as the label keeps them) and what the engine picked.

    The engine's twin on `::` is left out, as the agent does by default (`ECS_EXCLUDE_IPV6_PORTBINDING`).
    """
    found: list[Binding] = json.loads(known) if known else []
    covered = {
        f"{port}/{one['protocol']}/{host}"
        for one in found
        for port, host in zip(
            _span(str(one.get("containerPortRange") or one["containerPort"])),
            _span(str(one.get("hostPortRange") or one["hostPort"])),
            strict=True,
        )
    }
    for name, hosts in sorted(engine_ports.items(), key=lambda each: (int(each[0].partition("/")[0]), each[0])):
        port, _, protocol = name.partition("/")
        for host in hosts or ():
            if ":" not in host.get("HostIp", "") and f"{port}/{protocol}/{host['HostPort']}" not in covered:
                found.append(_binding(int(port), int(host["HostPort"]), protocol))
    return tuple(found)
