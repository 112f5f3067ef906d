"""What is echoed: the request, with the few defaults that ECS writes out and none that it only assumes.

Members that have a default and are not here (`networkMode`, `readOnly`, `startPeriod`, …) stay absent, as in ECS; lists
given empty stay empty.
"""

from __future__ import annotations

from typing import Any

from ecs_emulator.rules.definitions import facts, sizes
from ecs_emulator.rules.definitions.rule import Container, Definition

CONTAINER_LISTS = ("portMappings", "environment", "mountPoints", "volumesFrom", "systemControls")
"""Always there, if only empty."""
HEALTH_CHECK = {"interval": 30, "timeout": 5, "retries": 3}


def echoed(definition: Definition) -> Definition:
    """The definition as it is described ever after, less what ECS itself adds."""
    mode = facts.network_mode(definition)
    echo = {name: value for name, value in definition.items() if name != "tags"}
    echo["containerDefinitions"] = [_container(each, mode) for each in facts.containers(definition)]
    echo["volumes"] = [_volume(each) for each in definition.get("volumes") or ()]
    echo.setdefault("placementConstraints", [])
    for member, units in (("cpu", sizes.cpu_units), ("memory", sizes.memory_mib)):
        if member in echo:
            echo[member] = str(units(echo[member]))
    return echo


def _container(container: Container, mode: str) -> Container:
    echo: Container = {"cpu": 0, "essential": True, **container}
    for member in CONTAINER_LISTS:
        echo[member] = list(container.get(member) or ())
    echo["portMappings"] = [_port(each, mode) for each in echo["portMappings"]]
    if (check := container.get("healthCheck")) is not None:
        echo["healthCheck"] = {**HEALTH_CHECK, **check}
    return echo


def _port(mapping: dict[str, Any], mode: str) -> dict[str, Any]:
    """Without a host port: 0 on a bridge, for the engine to choose; else the container's own."""
    echo = {"protocol": "tcp", **mapping}
    if "containerPort" in mapping:
        echo.setdefault("hostPort", mapping["containerPort"] if mode in ("awsvpc", "host") else 0)
    return echo


def _volume(volume: dict[str, Any]) -> dict[str, Any]:
    """A volume of only a name is an empty bind volume; an EFS volume without a directory begins at the root."""
    if volume.keys() == {"name"}:
        return {**volume, "host": {}}
    if (efs := volume.get("efsVolumeConfiguration")) is not None:
        return {**volume, "efsVolumeConfiguration": {"rootDirectory": "/", **efs}}
    return volume
