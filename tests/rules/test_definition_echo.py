"""Every member of RegisterTaskDefinition's model, filled in: nothing that was said is lost, and only known defaults are added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecs_emulator.rules import definitions
from ecs_emulator.wire import models, render

MODEL = models.load("ecs")
REQUEST = "RegisterTaskDefinitionRequest"
ROLE = "arn:aws:iam::123456789012:role/runs"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"
GONE = {"inferenceAccelerators", "tags"}
"""Members that are refused, and those that are no part of the definition."""

VALUES: dict[str, Any] = {
    f"{REQUEST}.family": "web",
    f"{REQUEST}.cpu": "1 vCPU",
    f"{REQUEST}.memory": "2 GB",
    f"{REQUEST}.taskRoleArn": ROLE,
    f"{REQUEST}.executionRoleArn": ROLE,
    "ContainerDefinition.name": "app",
    "ContainerDefinition.memory": 256,
    "ContainerDefinition.memoryReservation": 128,
    "ContainerDefinition.links": ["other:alias"],
    "ContainerDependency.containerName": "other",
    "ContainerDependency.condition": "START",
    "VolumeFrom.sourceContainer": "other",
    "MountPoint.sourceVolume": "v0",
    "MountPoint.containerPath": "/v0",
    "EnvironmentFile.value": "arn:aws:s3:::bucket/a.env",
    "EnvironmentFile.type": "s3",
    "Secret.valueFrom": SECRET,
    "Secret.name": "SECRET",
    "KeyValuePair.name": "PLAIN",
    "LogConfiguration.logDriver": "awsfirelens",
    "LogConfiguration.options": {"Name": "cloudwatch"},
    "HealthCheck.command": ["CMD", "true"],
    "HealthCheck.retries": 5,
    "ResourceRequirement.type": "GPU",
    "ResourceRequirement.value": "2",
    "ContainerRestartPolicy.restartAttemptPeriod": 90,
    "ProxyConfiguration.containerName": "app",
    "ProxyConfiguration.properties": [{"name": "ProxyIngressPort", "value": "15000"}],
    "TaskDefinitionPlacementConstraint.expression": "attribute:stack == prod",
    "PortMapping.name": "web",
    "PortMapping.containerPortRange": "9000-9009",
    "PortMapping.appProtocol": "http2",
    "DockerVolumeConfiguration.scope": "shared",
    "EFSVolumeConfiguration.rootDirectory": "/",
    "EFSVolumeConfiguration.transitEncryption": "ENABLED",
    "RuntimePlatform.operatingSystemFamily": "LINUX",
    "RuntimePlatform.cpuArchitecture": "ARM64",
}
MODES: dict[str, dict[str, Any]] = {
    "bridge": {"requires": ["EXTERNAL"], "without": {"proxyConfiguration"}},
    "awsvpc": {
        "requires": ["MANAGED_INSTANCES"],
        "without": {"links", "hostname", "dnsServers", "extraHosts", "disableNetworking"},
    },
}
OTHER = {"name": "other", "image": "busybox", "memory": 64, "essential": False}


def filled(shape_name: str, mode: str, site: str = "") -> Any:
    """A value with every member that goes together with the others in this network mode."""
    if site in VALUES:
        return VALUES[site]
    shape = MODEL.shapes[shape_name]
    match shape.type:
        case "structure":
            return {
                member: filled(inner, mode, f"{shape_name}.{member}")
                for member, inner in shape.members.items()
                if member not in GONE | MODES[mode]["without"]
            }
        case "list":
            return [filled(shape.element, mode)]
        case "map":
            return {"key": "value"}
        case "boolean":
            return True
        case "string":
            return shape.enum[0] if shape.enum else "text"
    return 30


def request(mode: str) -> dict[str, Any]:
    """All of it, with one volume of each kind, one port of each kind, and another container to speak of."""
    found: dict[str, Any] = {
        **filled(REQUEST, mode),
        "networkMode": mode,
        "requiresCompatibilities": MODES[mode]["requires"],
    }
    (container,) = found["containerDefinitions"]
    (ports,) = container["portMappings"]
    apart = {"containerPort", "hostPort"}
    container["portMappings"] = [
        {name: value for name, value in ports.items() if name != "containerPortRange"},
        {name: value for name, value in ports.items() if name not in apart | {"name", "appProtocol"}},
    ]
    (volume,) = found["volumes"]
    kinds = [name for name in volume if name != "name"]
    found["volumes"] = [{"name": f"v{n}", kind: volume[kind]} for n, kind in enumerate(kinds)]
    container["mountPoints"] = [{**container["mountPoints"][0], "sourceVolume": f"v{n}"} for n in range(len(kinds))]
    found["containerDefinitions"] = [container, OTHER]
    return found


def sites(value: Any, shape_name: str) -> Iterator[str]:
    """`Shape.member` for all that is said."""
    shape = MODEL.shapes[shape_name]
    if shape.type == "list":
        for item in value:
            yield from sites(item, shape.element)
    if shape.type == "structure":
        for member, inner in value.items():
            yield f"{shape_name}.{member}"
            yield from sites(inner, shape.members[member])


def known(shape_name: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """`Shape.member` for all that can be said."""
    shape = MODEL.shapes[shape_name]
    if shape_name in seen:
        return
    if shape.type == "list":
        yield from known(shape.element, seen | {shape_name})
    if shape.type == "structure":
        for member, inner in shape.members.items():
            if member not in GONE:
                yield f"{shape_name}.{member}"
                yield from known(inner, seen | {shape_name})


def lost(said: Any, echoed: Any, where: str = "") -> Iterator[str]:
    if isinstance(said, dict) and isinstance(echoed, dict):
        for name, value in said.items():
            yield from lost(value, echoed.get(name), f"{where}.{name}")
    elif isinstance(said, list) and isinstance(echoed, list) and len(said) == len(echoed):
        for n, (one, other) in enumerate(zip(said, echoed, strict=True)):
            yield from lost(one, other, f"{where}[{n}]")
    elif said != echoed:
        yield f"{where}: {said!r} became {echoed!r}"


def test_the_requests_say_all_that_the_model_knows() -> None:
    said = {site for mode in MODES for site in sites(request(mode), REQUEST)}
    assert set(known(REQUEST)) - said == set()


@pytest.mark.parametrize("mode", MODES)
def test_nothing_that_was_said_is_lost(mode: str) -> None:
    asked = request(mode)
    spec = definitions.validated(asked)
    sizes = [".cpu: '1 vCPU' became '1024'", ".memory: '2 GB' became '2048'"]
    assert list(lost(asked, spec)) == sorted(sizes)
    answer = render.compile_output(MODEL, "TaskDefinition")(spec)
    assert answer == spec


@pytest.mark.parametrize("mode", MODES)
def test_only_known_defaults_are_added(mode: str) -> None:
    asked = request(mode)
    added = sorted(lost(definitions.validated(asked), asked))
    own = [one.partition(":")[0] for one in added if "became None" in one]
    other = ".containerDefinitions[1]"
    defaults = [f"{other}.{name}" for name in ("cpu", "environment", "mountPoints", "portMappings", "systemControls")]
    assert own == sorted([*defaults, f"{other}.volumesFrom", ".compatibilities", ".requiresAttributes"])
