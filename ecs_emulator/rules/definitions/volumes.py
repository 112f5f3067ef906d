"""Volumes: each is of one kind and has one name, and what a container mounts is there.

Source: Volume, MountPoint, EFSVolumeConfiguration and DockerVolumeConfiguration in the ECS API reference.
"""

from __future__ import annotations

from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Definition, Refusals, one_of

Volume = Definition
CONFIGURATIONS = (
    "host",
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "s3filesVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
)
_REQUIRED = {
    "efsVolumeConfiguration": ("fileSystemId",),
    "s3filesVolumeConfiguration": ("fileSystemArn",),
    "fsxWindowsFileServerVolumeConfiguration": ("fileSystemId", "rootDirectory", "authorizationConfig"),
}


def declared(definition: Definition) -> Refusals:
    names: set[str] = set()
    for volume in definition.get("volumes") or ():
        name = volume.get("name")
        if not name:
            yield "volume.name should not be null or empty."
            continue
        if not facts.NAME.fullmatch(name):
            yield "volume.name contains invalid characters."
        if name in names:
            yield "Volume names must be unique within a task definition"
        names.add(name)
        yield from _kind(volume)
    yield from _at_launch(definition)


def _kind(volume: Volume) -> Refusals:
    given = [kind for kind in CONFIGURATIONS if volume.get(kind) is not None]
    if len(given) + bool(volume.get("configuredAtLaunch")) > 1:
        yield "When the volume parameter is specified, only one volume configuration type should be used."
    for kind in given:
        for member in _REQUIRED.get(kind, ()):
            if not volume[kind].get(member):
                yield f"volume.{kind}.{member} should not be null or empty."
    if (docker := volume.get("dockerVolumeConfiguration")) is not None:
        yield from _docker(docker)
    if (efs := volume.get("efsVolumeConfiguration")) is not None:
        yield from _efs(efs)


def _docker(volume: Volume) -> Refusals:
    yield from one_of("scope", volume.get("scope"), ("task", "shared"))
    if volume.get("scope", "task") == "task" and volume.get("autoprovision") is False:
        yield "When 'scope' parameter is 'task', 'autoprovision' must either not be specified or set to 'True'."
    if volume.get("driver") == "":
        yield "volume.dockerVolumeConfiguration.driver should not be null or empty."


def _efs(volume: Volume) -> Refusals:
    authorization = volume.get("authorizationConfig") or {}
    yield from one_of("transitEncryption", volume.get("transitEncryption"), ("ENABLED", "DISABLED"))
    yield from one_of("iam", authorization.get("iam"), ("ENABLED", "DISABLED"))
    if authorization.get("accessPointId") and volume.get("rootDirectory", "/") != "/":
        yield 'When using an EFS access point, the root directory must either be set to "/" or be omitted.'
    if volume.get("transitEncryption") == "ENABLED":
        return
    if authorization.get("iam") == "ENABLED":
        yield "EFS IAM authorization requires TransitEncryption to be enabled."
    if volume.get("transitEncryptionPort") is not None:
        yield "TransitEncryptionPort requires that TransitEncryption is enabled."


def _at_launch(definition: Definition) -> Refusals:
    """The volume that RunTask or CreateService brings: one at most, and somebody mounts it."""
    brought = [volume["name"] for volume in definition.get("volumes") or () if volume.get("configuredAtLaunch")]
    if len(brought) > 1:
        yield "Only one volume can be configured at launch."
    mounted = {
        mount.get("sourceVolume")
        for container in facts.containers(definition)
        for mount in container.get("mountPoints") or ()
    }
    if unused := [name for name in brought if name not in mounted]:
        yield f"Volumes [{', '.join(unused)}] are not referenced by any of the containers"


def mounted(definition: Definition) -> Refusals:
    names = {volume["name"] for volume in definition.get("volumes") or ()}
    for container in facts.containers(definition):
        for mount in container.get("mountPoints") or ():
            if mount.get("sourceVolume") not in names:
                yield f"Unknown volume '{mount.get('sourceVolume', 'null')}'."
            if not mount.get("containerPath"):
                yield f"Invalid 'containerPath' setting for container '{container['name']}'."
