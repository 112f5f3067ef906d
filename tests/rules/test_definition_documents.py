"""What ECS makes of a definition that it accepts: the defaults it writes out, where it may run, what an agent must know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_emulator.arns import World
from ecs_emulator.rules import definitions
from ecs_emulator.rules.definitions import sizes
from ecs_emulator.rules.errors import ClientException, InvalidParameterException
from ecs_emulator.wire.errors import AwsError

WORLD = World("123456789012", "us-east-1")
WINDOWS = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}


def spec(container: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """The definition as described, of a request with one container."""
    own = {"name": "app", "image": "busybox", "memory": 64, **(container or {})}
    return definitions.validated({"family": "web", "containerDefinitions": [own], **members})


def echo(container: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Its one container as described."""
    found: dict[str, Any] = spec(container, **members)["containerDefinitions"][0]
    return found


def awsvpc(container: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    asked = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", **members}
    return spec(container, **{name: value for name, value in asked.items() if value is not None})


# --- the echo ---------------------------------------------------------------------------------------------------------


def test_the_least_definition_is_echoed_as_recorded() -> None:
    assert spec() == {
        "family": "web",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "busybox",
                "cpu": 0,
                "memory": 64,
                "essential": True,
                "portMappings": [],
                "environment": [],
                "mountPoints": [],
                "volumesFrom": [],
                "systemControls": [],
            }
        ],
        "volumes": [],
        "placementConstraints": [],
        "compatibilities": ["EXTERNAL", "EC2"],
    }


def test_the_least_fargate_definition_is_echoed_as_recorded() -> None:
    container = {"name": "app", "image": "busybox"}
    found = definitions.validated(
        {
            "family": "web",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": ".25 vCPU",
            "memory": "0.5GB",
            "containerDefinitions": [container],
        }
    )
    assert (found["cpu"], found["memory"]) == ("256", "512")
    assert "memory" not in found["containerDefinitions"][0]
    assert set(found["compatibilities"]) == {"EC2", "FARGATE", "MANAGED_INSTANCES"}
    assert found["requiresAttributes"] == [
        {"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"},
        {"name": "ecs.capability.task-eni"},
    ]


def test_tags_are_no_part_of_the_definition() -> None:
    assert "tags" not in spec(tags=[{"key": "owner", "value": "x"}])


@pytest.mark.parametrize("member", ["command", "entryPoint", "links", "dnsServers", "secrets", "dependsOn", "ulimits"])
def test_a_list_given_empty_is_echoed_empty_and_one_not_given_is_absent(member: str) -> None:
    assert echo({member: []})[member] == []
    assert member not in echo()


@pytest.mark.parametrize(
    ("mode", "mapping", "echoed"),
    [
        (None, {"containerPort": 80}, {"containerPort": 80, "hostPort": 0, "protocol": "tcp"}),
        ("bridge", {"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}),
        ("host", {"containerPort": 80}, {"containerPort": 80, "hostPort": 80, "protocol": "tcp"}),
        ("awsvpc", {"containerPort": 53, "protocol": "udp"}, {"containerPort": 53, "hostPort": 53, "protocol": "udp"}),
        ("awsvpc", {"containerPortRange": "80-90"}, {"containerPortRange": "80-90", "protocol": "tcp"}),
    ],
)
def test_a_port_has_a_protocol_and_a_host_port(mode: str | None, mapping: Any, echoed: Any) -> None:
    modes = {} if mode is None else {"networkMode": mode}
    assert echo({"portMappings": [mapping]}, **modes)["portMappings"] == [echoed]


def test_a_health_check_is_filled_in_all_but_its_start_period() -> None:
    check = {"command": ["CMD", "true"], "timeout": 2}
    assert echo({"healthCheck": check})["healthCheck"] == {
        "command": ["CMD", "true"],
        "interval": 30,
        "timeout": 2,
        "retries": 3,
    }


def test_a_volume_of_only_a_name_is_bound_and_efs_begins_at_its_root() -> None:
    volumes = [
        {"name": "a"},
        {"name": "b", "host": {}},
        {"name": "c", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
    ]
    assert spec(volumes=volumes)["volumes"] == [
        {"name": "a", "host": {}},
        {"name": "b", "host": {}},
        {"name": "c", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}},
    ]


def test_what_was_asked_for_is_left_as_it_was() -> None:
    request = {"family": "web", "containerDefinitions": [{"name": "app", "image": "i", "memory": 64}], "cpu": "1 vCPU"}
    definitions.validated(request)
    assert request == {
        "family": "web",
        "containerDefinitions": [{"name": "app", "image": "i", "memory": 64}],
        "cpu": "1 vCPU",
    }


@pytest.mark.parametrize("members", [{}, {"networkMode": "awsvpc", "cpu": "1 vCPU"}, {"volumes": [{"name": "v"}]}])
def test_a_described_definition_can_be_registered_again_and_says_the_same(members: dict[str, Any]) -> None:
    container = {"portMappings": [{"containerPort": 80}], "healthCheck": {"command": ["CMD", "true"]}}
    first = spec(container, **members)
    assert definitions.validated(first) == first


# --- where it may run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "compatibilities"),
    [
        (spec(), {"EXTERNAL", "EC2"}),
        (spec(networkMode="host"), {"EXTERNAL", "EC2"}),
        (spec(networkMode="none"), {"EXTERNAL", "EC2"}),
        (awsvpc(), {"EC2", "FARGATE", "MANAGED_INSTANCES"}),
        (awsvpc(cpu="1024", memory="2048", runtimePlatform=WINDOWS), {"EC2", "FARGATE"}),
        (awsvpc(memory="4096"), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc({"stopTimeout": 121}), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc({"privileged": True}), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc({"resourceRequirements": [{"type": "GPU", "value": "1"}]}), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc({"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}]}}), {"EC2", "MANAGED_INSTANCES"}),
        (
            awsvpc(placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}]),
            {"EC2", "MANAGED_INSTANCES"},
        ),
        (awsvpc(cpu=None), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc(volumes=[{"name": "v", "host": {"sourcePath": "/v"}}]), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc(ephemeralStorage={"sizeInGiB": 30}), {"EC2", "FARGATE", "MANAGED_INSTANCES"}),
        (awsvpc(cpu="512", memory="717", requiresCompatibilities=["EC2"]), {"EC2", "MANAGED_INSTANCES"}),
        (awsvpc({"logConfiguration": {"logDriver": "syslog"}}), {"EC2"}),
        (spec({"portMappings": [{"containerPort": 80, "name": "web", "appProtocol": "http"}]}), {"EC2"}),
        (awsvpc(requiresCompatibilities=["EC2"]), {"EC2", "FARGATE", "MANAGED_INSTANCES"}),
        (
            spec(networkMode="host", requiresCompatibilities=["MANAGED_INSTANCES"]),
            {"EXTERNAL", "EC2", "MANAGED_INSTANCES"},
        ),
    ],
)
def test_compatibilities_are_all_that_could_run_it(definition: dict[str, Any], compatibilities: set[str]) -> None:
    assert set(definition["compatibilities"]) == compatibilities
    assert all(definitions.supports(definition, launch_type) for launch_type in compatibilities)


def test_only_what_was_required_makes_a_definition_fargates() -> None:
    assert definitions.is_fargate(awsvpc(requiresCompatibilities=["EC2", "FARGATE"]))
    assert not definitions.is_fargate(awsvpc())


def test_a_container_is_essential_unless_it_says_no() -> None:
    assert definitions.essential({"name": "app"})
    assert not definitions.essential({"name": "app", "essential": False})


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1024", 1024),
        ("1 vCPU", 1024),
        ("1vcpu", 1024),
        (".25 vCPU", 256),
        ("0.5 vCPU", 512),
        ("1 GB", None),
        ("", None),
    ],
)
def test_cpu_is_read_in_units_and_in_vcpus(text: str, units: int | None) -> None:
    assert sizes.cpu_units(text) == units


@pytest.mark.parametrize(
    ("text", "mib"),
    [("512", 512), ("1 GB", 1024), ("1GB", 1024), (".5 gb", 512), ("0.3 GB", None), ("-1", None), ("1e3", None)],
)
def test_memory_is_read_in_mib_and_in_gb(text: str, mib: int | None) -> None:
    assert sizes.memory_mib(text) == mib


@pytest.mark.parametrize(
    ("cpu", "least", "most", "count"),
    [
        (256, 512, 2048, 3),
        (512, 1024, 4096, 4),
        (1024, 2048, 8192, 7),
        (2048, 4096, 16384, 13),
        (4096, 8192, 30720, 23),
        (8192, 16384, 61440, 12),
        (16384, 32768, 122880, 12),
    ],
)
def test_fargate_has_a_table_of_sizes(cpu: int, least: int, most: int, count: int) -> None:
    fitting = [memory for memory in range(0, 200_000, 256) if sizes.fits_fargate(cpu, memory)]
    assert (fitting[0], fitting[-1], len(fitting)) == (least, most, count)


def test_windows_has_only_the_middle_of_it() -> None:
    windows = [
        cpu for cpu in sizes.FARGATE_SIZES if sizes.fits_fargate(cpu, min(sizes.FARGATE_SIZES[cpu]), windows=True)
    ]
    assert windows == [1024, 2048, 4096]


@given(st.text(max_size=12))
def test_no_text_breaks_the_reading_of_a_size(text: str) -> None:
    assert (sizes.cpu_units(text) or 1) > 0
    assert (sizes.memory_mib(text) or 1) > 0


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "family", "revision"),
    [
        ("web", "web", None),
        ("web:3", "web", 3),
        ("arn:aws:ecs:us-east-1:123456789012:task-definition/web:3", "web", 3),
        ("arn:aws:ecs:us-east-1:123456789012:task-definition/web", "web", None),
    ],
)
def test_a_definition_is_named_by_family_revision_or_arn(text: str, family: str, revision: int | None) -> None:
    assert definitions.family_and_revision(text, WORLD) == (family, revision)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ClientException, "TaskDefinition can not be blank."),
        ("a/b", ClientException, "Family contains invalid characters."),
        ("https://example.com/web", ClientException, "Family contains invalid characters."),
        ("web:bad", InvalidParameterException, "Invalid task definition: Invalid revision number."),
        ("web:", InvalidParameterException, "Invalid task definition: Invalid revision number."),
        ("web:0", InvalidParameterException, "Invalid task definition: Invalid revision number."),
        ("web:²", ClientException, "Family contains invalid characters."),
        ("web:99999999999", InvalidParameterException, "Invalid task definition: Invalid revision number."),
        (
            "arn:aws:ecs:us-east-1:123456789012:cluster/web",
            InvalidParameterException,
            "Unsupported resource type: cluster",
        ),
        (
            "arn:aws:ecs:us-east-1:210987654321:task-definition/web:3",
            InvalidParameterException,
            "AccountIDs mismatch",
        ),
        (
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3",
            InvalidParameterException,
            "Region mismatch",
        ),
    ],
)
def test_what_names_no_definition_is_refused(text: str, error: type[AwsError], message: str) -> None:
    with pytest.raises(error) as refused:
        definitions.family_and_revision(text, WORLD)
    assert refused.value.message == message
