"""The volumes of a task: host directories, volumes that end with their task, and volumes that outlive it.

Source: Volume and MountPoint in the ECS API reference; the volume names of amazon-ecs-agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecs_emulator.agent.names import LABEL_SHARED, LABEL_TASK, Identity, digits
from ecs_emulator.control.plan import TaskSlice
from ecs_emulator.rules.dependencies import definition_of

Definition = dict[str, Any]
EngineJson = dict[str, Any]


def volume_name(slice: TaskSlice, volume: Definition, identity: Identity) -> str:
    """The engine's name of a volume: a shared one keeps its own, a task's own is told apart by the task."""
    if _is_shared(volume):
        return str(volume["name"])
    if (efs := volume.get("efsVolumeConfiguration")) is not None:
        return f"ecs-{efs['fileSystemId']}-{digits(identity, efs['fileSystemId'], efs.get('rootDirectory', '/'))}"
    told_apart = digits(identity, slice.task.arn, "volume", volume["name"])
    return f"ecs-{slice.task.family}-{slice.revision}-{volume['name']}-{told_apart}"


def task_volumes(slice: TaskSlice, identity: Identity) -> Iterator[str]:
    """The engine's names of the volumes that end with the task."""
    for volume in slice.definition.get("volumes") or ():
        if not _source_path(volume) and not _outlives_tasks(volume):
            yield volume_name(slice, volume, identity)


def required_volumes(slice: TaskSlice, name: str) -> Iterator[str]:
    """Shared volumes of this container that must be there already, as nobody may provision them."""
    for volume in _mounted_volumes(slice, name):
        if _is_shared(volume) and not volume["dockerVolumeConfiguration"].get("autoprovision"):
            yield volume["name"]


def attached(slice: TaskSlice, name: str, identity: Identity) -> tuple[list[str], list[EngineJson]]:
    """Host directories as binds: the engine makes missing ones then. Volumes as mounts: they are labelled then."""
    binds, mounts = [], []
    points = definition_of(slice.definition, name).get("mountPoints") or ()
    for point, volume in zip(points, _mounted_volumes(slice, name), strict=True):
        if source := _source_path(volume):
            binds.append(f"{source}:{point['containerPath']}" + (":ro" if point.get("readOnly") else ""))
        else:
            mounts.append(_mount(slice, point, volume, identity))
    return binds, mounts


def _mounted_volumes(slice: TaskSlice, name: str) -> list[Definition]:
    by_name = {volume["name"]: volume for volume in slice.definition.get("volumes") or ()}
    return [by_name[point["sourceVolume"]] for point in definition_of(slice.definition, name).get("mountPoints") or ()]


def _mount(slice: TaskSlice, point: Definition, volume: Definition, identity: Identity) -> EngineJson:
    said = volume.get("dockerVolumeConfiguration") or {}
    own = (
        {**identity.labels, LABEL_SHARED: "true"}
        if _outlives_tasks(volume)
        else {**identity.labels, LABEL_TASK: slice.task.arn}
    )
    options: EngineJson = {"Labels": {**(said.get("labels") or {}), **own}}
    if said.get("driver") or said.get("driverOpts"):
        options["DriverConfig"] = {"Name": said.get("driver") or "local", "Options": said.get("driverOpts") or {}}
    return {
        "Type": "volume",
        "Source": volume_name(slice, volume, identity),
        "Target": point["containerPath"],
        "ReadOnly": bool(point.get("readOnly")),
        "VolumeOptions": options,
    }


def _source_path(volume: Definition) -> str | None:
    return (volume.get("host") or {}).get("sourcePath") or None


def _is_shared(volume: Definition) -> bool:
    return (volume.get("dockerVolumeConfiguration") or {}).get("scope") == "shared"


def _outlives_tasks(volume: Definition) -> bool:
    return _is_shared(volume) or "efsVolumeConfiguration" in volume
