"""What RegisterTaskDefinition refuses of a task: a definition that passes, one thing changed in it, and AWS's words for that."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.rules import definitions
from ecs_emulator.rules.definitions import containers, platforms
from ecs_emulator.rules.definitions.task import OS_FAMILIES
from ecs_emulator.rules.errors import ClientException, InvalidParameterException
from ecs_emulator.wire.errors import AwsError
from tests.rules.given import (
    ECR,
    ROLE,
    Case,
    awslogs,
    awsvpc,
    bridge,
    container,
    docker_volume,
    fargate,
    fargate_one,
    logs,
    mounts,
    one,
    port,
    waits,
)

TASK: list[Case] = [
    (bridge(family=None), "Family can not be blank."),
    (bridge(family=""), "Family can not be blank."),
    (bridge(family="a/b"), "Family contains invalid characters."),
    (bridge(family="a" * 256), "Family contains invalid characters."),
    (bridge(containerDefinitions=None), "Container list cannot be empty."),
    (bridge(containerDefinitions=[]), "Container list cannot be empty."),
    (bridge(*(container(name=f"c{n}") for n in range(11))), "Too many containers."),
    (bridge(inferenceAccelerators=[]), "Unsupported field 'inferenceAccelerators'."),
    (bridge(networkMode="nat"), "networkMode should be one of [bridge,host,awsvpc,none]"),
    (bridge(pidMode="none"), "pidMode should be one of [host,task]"),
    (bridge(ipcMode="private"), "ipcMode should be one of [host,task,none]"),
    (
        bridge(requiresCompatibilities=["EC2", "LAMBDA"]),
        "requiresCompatibilities should be one of [EC2,FARGATE,EXTERNAL,MANAGED_INSTANCES]",
    ),
    (
        bridge(runtimePlatform={"cpuArchitecture": "MIPS"}),
        "cpuArchitecture should be one of [X86_64,ARM64]",
    ),
    (one(essential=False), "Task definition doesn't have any essential container."),
    (bridge(container(), container()), "Container names must be unique within a task definition"),
    (
        bridge(container(cpu=200), container(name="b", cpu=57), cpu="256"),
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ),
    (
        bridge(container(memory=513), memory="512"),
        "The 'memory' setting for container 'app' is greater than for the task.",
    ),
    (fargate(ephemeralStorage={"sizeInGiB": 20}), "EphemeralStorage size should be at least 21"),
    (fargate(ephemeralStorage={"sizeInGiB": 201}), "EphemeralStorage size should be at most 200"),
    (
        bridge(placementConstraints=[{"type": "distinctInstance"}]),
        "Placement constraint type should be one of [memberOf]",
    ),
    (bridge(taskRoleArn=""), "Role is not valid"),
    (bridge(executionRoleArn="arn:aws:iam::123456789012:user/runs"), "Role is not valid"),
    (bridge(taskRoleArn="arn:aws:cloudformation:us-east-1:123456789012:stack/s"), "Role is not valid"),
    (
        one(secrets=[{"name": "KEY", "valueFrom": "/app/key"}]),
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ),
    (
        one(repositoryCredentials={"credentialsParameter": "arn:aws:secretsmanager:us-east-1:1:secret:s"}),
        "Private repository authentication requires that the task definition specify a value for executionRoleArn.",
    ),
    (bridge(tags=[]), "Tags can not be empty."),
    (bridge(tags=[{"key": "empty"}]), "Tag value can not be null."),
    (bridge(tags=[{"value": "of what"}]), "Tag key can not be null."),
    (bridge(tags=[{"key": "aws:mine", "value": ""}]), "Tag keys/values with prefix 'aws:' are reserved"),
    (
        bridge(runtimePlatform={"operatingSystemFamily": "PLAN9"}),
        f"operatingSystemFamily should be one of [{','.join(OS_FAMILIES)}]",
    ),
    (
        awsvpc(proxyConfiguration={"type": "ENVOY", "containerName": "app"}),
        "Proxy configuration type should be one of [APPMESH]",
    ),
]

FARGATE: list[Case] = [
    (fargate(networkMode=None), "Fargate only supports network mode ‘awsvpc’."),
    (fargate(networkMode="host"), "Fargate only supports network mode ‘awsvpc’."),
    (fargate(cpu=None), "Fargate requires that 'cpu' be defined at the task level."),
    (fargate(memory=None), "Fargate requires that 'memory' be defined at the task level."),
    (
        fargate(cpu="1 vCPU", memory="512"),
        "No Fargate configuration exists for given values: 1024 CPU, 512 memory. "
        "See the Amazon ECS documentation for the valid values.",
    ),
    (
        fargate(memory="1024", requiresCompatibilities=["EC2", "FARGATE"], cpu="100"),
        "No Fargate configuration exists for given values: 100 CPU, 1024 memory. "
        "See the Amazon ECS documentation for the valid values.",
    ),
    (
        fargate(cpu="512", memory="1024", runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
        "No Fargate configuration exists for given values: 512 CPU, 1024 memory. "
        "See the Amazon ECS documentation for the valid values.",
    ),
    (fargate(ipcMode="task"), "Tasks using the Fargate launch type do not support ipcMode."),
    (
        fargate(pidMode="host"),
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
    ),
    (
        fargate(placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}]),
        "Fargate does not support task placement constraints.",
    ),
    (
        fargate_one(logConfiguration=awslogs()),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    ),
    (
        fargate_one(image=ECR),
        "Fargate requires task definition to have execution role ARN to support ECR images.",
    ),
    (
        fargate(container(logConfiguration=awslogs("awslogs-stream-prefix")), executionRoleArn=ROLE),
        "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
    ),
    (
        fargate_one(logConfiguration=logs("json-file")),
        "json-file is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]",
    ),
    (
        fargate(
            container(logConfiguration=logs("awsfirelens")),
            container(
                name="router",
                firelensConfiguration={"type": "fluentbit", "options": {"config-file-type": "s3"}},
            ),
        ),
        "Fargate launch type does not support FirelensConfiguration config file from 's3'",
    ),
    (
        fargate_one(linuxParameters={"capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}}),
        "NET_ADMIN is not allowed on Fargate.",
    ),
    (
        fargate_one(linuxParameters={"devices": [{"hostPath": "/dev/null"}]}),
        "Fargate compatible task definitions do not support devices",
    ),
    (
        fargate_one(linuxParameters={"maxSwap": 0}),
        "Fargate compatible task definitions do not support maxSwap",
    ),
    (
        fargate_one(linuxParameters={"sharedMemorySize": 64}),
        "Fargate compatible task definitions do not support sharedMemorySize",
    ),
    (
        fargate_one(dockerSecurityOptions=["no-new-privileges"]),
        "Fargate compatible task definitions do not support dockerSecurityOptions",
    ),
    (
        fargate(volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]),
        "Fargate compatible task definitions do not support dockerVolumeConfiguration",
    ),
    (
        fargate(volumes=[{"name": "v", "host": {"sourcePath": "/data"}}]),
        "Fargate compatible task definitions do not support sourcePath",
    ),
    (
        fargate_one(resourceRequirements=[{"type": "GPU", "value": "1"}]),
        "Tasks using the Fargate launch type do not support GPU resource requirements.",
    ),
    (
        fargate_one(privileged=True),
        "Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.",
    ),
    (
        fargate_one(stopTimeout=121),
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.",
    ),
    (
        fargate(container(stopTimeout=121), requiresCompatibilities=["EC2", "FARGATE"]),
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.",
    ),
    (
        fargate_one(linuxParameters={"swappiness": 60}),
        "Fargate compatible task definitions do not support swappiness",
    ),
    (
        fargate(ephemeralStorage={"sizeInGiB": 30}, requiresCompatibilities=["FARGATE", "EC2"]),
        "Tasks using the EC2 launch type do not support EphemeralStorage.",
    ),
    (
        fargate_one(ulimits=[{"name": "core", "softLimit": 1, "hardLimit": 1}]),
        "Fargate compatible task definitions do not support ulimit core",
    ),
]

OTHER_LAUNCH_TYPES: list[Case] = [
    (
        bridge(requiresCompatibilities=["EC2"], ephemeralStorage={"sizeInGiB": 30}),
        "Tasks using the EC2 launch type do not support EphemeralStorage.",
    ),
    (
        awsvpc(requiresCompatibilities=["EXTERNAL"]),
        "Tasks using the External launch type do not support network mode 'awsvpc'.",
    ),
    (
        bridge(requiresCompatibilities=["MANAGED_INSTANCES"]),
        "Tasks using the Managed Instances launch type only support network modes 'awsvpc' and 'host'.",
    ),
    (
        awsvpc(
            requiresCompatibilities=["MANAGED_INSTANCES"],
            runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},
        ),
        "Tasks using the Managed Instances launch type do not support Windows.",
    ),
    (
        awsvpc(container(logConfiguration=logs("syslog")), requiresCompatibilities=["MANAGED_INSTANCES"]),
        "syslog is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens,json-file]",
    ),
]

REFUSED = [*TASK, *FARGATE, *OTHER_LAUNCH_TYPES]

ACCEPTED = [
    bridge(),
    bridge(container(memory=None, memoryReservation=16)),
    bridge(container(memory=None), memory="512"),
    bridge(container(), container(name="side", essential=False)),
    bridge(cpu="2.5 vCPU", memory="100000"),
    bridge(taskRoleArn="worker", executionRoleArn=ROLE),
    one(logConfiguration=logs("sumologic", **{"sumo-url": "u"})),
    bridge(
        container(
            logConfiguration={
                **logs("splunk", **{"splunk-url": "u"}),
                "secretOptions": [{"name": "splunk-token", "valueFrom": "/splunk"}],
            }
        ),
        executionRoleArn=ROLE,
    ),
    one(portMappings=[port(7000), port(7000)]),
    one(portMappings=[port(53, hostPort=53), port(53, hostPort=53, protocol="udp")]),
    one(secrets=[]),
    one(stopTimeout=121, startTimeout=121),
    fargate_one(startTimeout=121),
    fargate_one(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}),
    fargate(pidMode="task"),
    fargate(ephemeralStorage={"sizeInGiB": 21}),
    fargate(
        cpu="1024",
        memory="2048",
        runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64"},
    ),
    bridge(waits("SUCCESS", on="b"), container(name="b", essential=False)),
    bridge(waits("HEALTHY", on="b"), container(name="b", healthCheck={"command": ["CMD", "true"]})),
    bridge(container(mountPoints=mounts("data")), volumes=[{"name": "data", "configuredAtLaunch": True}]),
    docker_volume(scope="shared", autoprovision=False, driver="local"),
    bridge(placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}]),
]


@pytest.mark.parametrize(("definition", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_a_wrong_definition_is_refused_in_the_words_of_ecs(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientException) as refused:
        definitions.validated(definition)
    assert refused.value.message == message


@pytest.mark.parametrize("definition", ACCEPTED)
def test_a_right_definition_is_accepted(definition: dict[str, Any]) -> None:
    assert definitions.validated(definition)["family"] == "web"


@pytest.mark.parametrize("member", ["cpu", "memory"])
@pytest.mark.parametrize("text", ["", "bad", "0", "1.5", "1 furlong"])
def test_a_size_that_is_no_amount_is_an_invalid_parameter(member: str, text: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        definitions.validated(bridge(**{member: text}))
    assert refused.value.message == f"Invalid '{member}' setting for task."


@pytest.mark.parametrize("cpu", ["127", "196609"])
def test_an_instance_has_no_less_than_an_eighth_of_a_cpu_and_no_more_than_192(cpu: str) -> None:
    with pytest.raises(InvalidParameterException):
        definitions.validated(bridge(cpu=cpu))


def test_a_size_is_looked_at_before_network_mode_and_essential_containers() -> None:
    wrong = fargate(container(essential=False), cpu="bad", networkMode="bridge")
    with pytest.raises(InvalidParameterException, match="Invalid 'cpu' setting for task"):
        definitions.validated(wrong)


def test_a_definition_is_at_most_64_kib_of_json() -> None:
    with pytest.raises(ClientException, match=r"Actual length: '\d+'. Max allowed length is '65536' bytes."):
        definitions.validated(one(environment=[{"name": "BIG", "value": "é" * 33_000}]))


def test_an_expression_that_cannot_be_read_is_refused() -> None:
    constraint = {"type": "memberOf", "expression": "attribute:stack =="}
    with pytest.raises(InvalidParameterException):
        definitions.validated(bridge(placementConstraints=[constraint]))


@pytest.mark.parametrize(
    ("definition", "error", "message"),
    [
        (
            bridge(placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}] * 11),
            InvalidParameterException,
            "Maximum number of constraints is 10.",
        ),
        (
            bridge(tags=[{"key": f"k{n}", "value": ""} for n in range(51)]),
            ClientException,
            "The maximum number of tags per resource is 50.",
        ),
    ],
)
def test_there_are_limits_to_what_is_said_of_a_definition(
    definition: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as refused:
        definitions.validated(definition)
    assert str(getattr(refused.value, "message", "")) == message


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("Family contains invalid characters.", {"family": "web"}),
    ("Unsupported field 'inferenceAccelerators'.", {"inferenceAccelerators": None}),
    ("Invalid 'cpu' setting for task.", {"cpu": "256"}),
    ("Invalid 'memory' setting for task.", {"memory": "512"}),
    ("networkMode should be one of [bridge,host,awsvpc,none]", {"networkMode": "awsvpc"}),
    ("Container.image should not be null or empty.", {"containerDefinitions": [container(essential=False)] * 2}),
    (
        "Container names must be unique within a task definition",
        {"containerDefinitions": [container(essential=False), container(name="b", essential=False)]},
    ),
    (
        "Task definition doesn't have any essential container.",
        {
            "containerDefinitions": [
                container(mountPoints=mounts("v"), memory=513, logConfiguration=logs("awsfirelens"))
            ]
        },
    ),
    ("volume.name should not be null or empty.", {"volumes": []}),
    (
        "Unknown volume 'v'.",
        {"containerDefinitions": [waits(on="app", memory=513, logConfiguration=logs("awsfirelens"))]},
    ),
    (
        "Container dependsOn contains a cycle",
        {
            "containerDefinitions": [
                container(memory=513, logConfiguration=logs("awsfirelens"), portMappings=[port(80), port(80)])
            ]
        },
    ),
    (
        "TCP container port '80' is used multiple times in task when networkMode=awsvpc.",
        {"containerDefinitions": [container(memory=513, logConfiguration=logs("awsfirelens"))]},
    ),
    (
        "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be "
        "configured in one of the containers.",
        {"containerDefinitions": [container(memory=513, image=ECR)]},
    ),
    ("Proxy container [envoy] does not exist.", {"proxyConfiguration": None}),
    ("EphemeralStorage size should be at least 21", {"ephemeralStorage": {"sizeInGiB": 21}}),
    ("Placement constraint type should be one of [memberOf]", {"placementConstraints": None}),
    ("Role is not valid", {"taskRoleArn": None}),
    ("Tasks using the Fargate launch type do not support ipcMode.", {"ipcMode": None}),
    ("Fargate requires task definition to have execution role ARN to support ECR images.", {"executionRoleArn": ROLE}),
    ("The 'memory' setting for container 'app' is greater than for the task.", {"containerDefinitions": [container()]}),
    ("Tags can not be empty.", {"tags": None}),
]
"""What is refused of a definition in which everything is wrong, and what mends it: then the next thing is refused."""


def test_the_first_fault_is_the_answer_and_the_next_once_it_is_mended() -> None:
    wrong: dict[str, Any] = {
        "family": "a/b",
        "inferenceAccelerators": [],
        "cpu": "much",
        "memory": "more",
        "networkMode": "nat",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [container(image="")],
        "volumes": [{}],
        "proxyConfiguration": {"containerName": "envoy"},
        "ephemeralStorage": {"sizeInGiB": 20},
        "placementConstraints": [{"type": "distinctInstance"}],
        "taskRoleArn": "no role",
        "ipcMode": "task",
        "tags": [],
    }
    for message, mended in FAULTS:
        with pytest.raises(AwsError) as refused:
            definitions.validated(wrong)
        assert refused.value.message == message
        wrong = bridge(**{**wrong, **mended})
    assert definitions.validated(wrong)["compatibilities"] == ["EC2", "MANAGED_INSTANCES", "FARGATE"]


def test_the_checks_stand_in_one_table_in_their_order() -> None:
    assert " · ".join(rule.name for rule in definitions.RULES) == (
        "family · number of containers · length · retired members · cpu · memory · enumerations · containers · names · "
        "essential container · volumes · mount points · volumes from · links · dependencies · ports · log router · "
        "proxy · ephemeral storage · placement constraints · roles · execution role · launch types · "
        "sizes of containers · tags"
    )
    assert " · ".join(rule.name for rule in containers.RULES) == (
        "name · image · cpu and memory · network · port mappings · environment · environment files · secrets · "
        "ulimits · timeouts · health check · restart policy · resource requirements · linux parameters · "
        "complete items · version consistency · logs"
    )
    assert set(platforms.RULES) == set(platforms.LAUNCH_TYPES)
