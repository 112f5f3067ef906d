"""What is refused of RunTask, StartTask, StopTask, DescribeTasks and ListTasks: in AWS's order, in AWS's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.ecs.running import ARN, CLIENT, FARGATE, INVALID, NETWORK, begun, refusal
from tests.simulation import Simulation

STARTED = {"taskDefinition": "web", "containerInstances": ["x"]}
UNKNOWN_ID = "0" * 32
NEEDS_ROLE = (
    "The task couldn't be started because a valid taskRoleArn is not being used. "
    "Specify a valid task role in your task definition and try again."
)
NO_SUCH_SIZE = (
    "No Fargate configuration exists for given values: 512 CPU, 512 memory. "
    "See the Amazon ECS documentation for the valid values."
)
NOT_ASSOCIATED = (
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. "
    "Associate the capacity provider with the cluster or specify a valid capacity provider and try again."
)
NO_INSTANCES = "No Container Instances were found in your cluster."


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = begun(tmp_path)
    yield sim
    sim.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Simulation]:
    """Without machines made on demand: an empty cluster is empty, as on AWS."""
    sim = begun(tmp_path, instances=Instances.NONE)
    yield sim
    sim.close()


# --- refusals -----------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"taskDefinition": "ghost", "cluster": "ghost"}, (CLIENT, "TaskDefinition not found.")),
    ({"taskDefinition": "web:9"}, (CLIENT, "TaskDefinition not found.")),
    ({"taskDefinition": ""}, (CLIENT, "TaskDefinition can not be blank.")),
    ({"cluster": "ghost"}, ("ClusterNotFoundException", "Cluster not found.")),
    (
        {"tags": [{"key": "aws:x", "value": ""}], "count": 11},
        (INVALID, "Tag keys/values with prefix 'aws:' are reserved"),
    ),
    ({"propagateTags": "SERVICE"}, (INVALID, "propagateTags should be one of [TASK_DEFINITION,NONE]")),
    ({"clientToken": "x" * 65}, (INVALID, "idempotency token longer than 64.")),
    (
        {"clientToken": "two words"},
        (INVALID, "idempotency token can only contain ASCII characters in the range of 33-126."),
    ),
    ({"count": 11, "launchType": "NO"}, (INVALID, "count cannot be greater than 10.")),
    ({"count": 0}, (INVALID, "count must be greater than or equal to 1.")),
    (
        {"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        (INVALID, "You may choose a capacity provider or a launch type but not both."),
    ),
    (
        {"launchType": "BOGUS"},
        (INVALID, "launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]"),
    ),
    ({"launchType": "FARGATE"}, (INVALID, "Task definition does not support launch_type FARGATE.")),
    (
        {"taskDefinition": "far", "launchType": "FARGATE"},
        (INVALID, "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
    ),
    (
        {"networkConfiguration": NETWORK},
        (INVALID, "Network Configuration is not valid for the given networkMode of this task definition."),
    ),
    (
        {**FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
        (INVALID, "subnets can not be empty."),
    ),
    (
        {**FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"] * 17}}},
        (INVALID, "subnets can have at most 16 items."),
    ),
    (
        {**FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["g"] * 6}}},
        (INVALID, "securityGroups can have at most 5 items."),
    ),
    (
        {**FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "YES"}}},
        (INVALID, "assignPublicIp should be one of [ENABLED,DISABLED]"),
    ),
    (
        {
            "taskDefinition": "far",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}},
        },
        (INVALID, "Assign public IP is not supported for this launch type."),
    ),
    (
        {"platformVersion": "1.4.0"},
        (INVALID, "The platform version must be null when specifying an EC2 launch type."),
    ),
    (
        {**FARGATE, "platformVersion": "9"},
        ("PlatformUnknownException", "The platform version '9' does not exist"),
    ),
    (
        {**FARGATE, "placementConstraints": [{"type": "distinctInstance"}]},
        (INVALID, "Placement constraints are not supported with FARGATE launch type."),
    ),
    (
        {**FARGATE, "placementStrategy": [{"type": "random"}]},
        (INVALID, "Placement strategies are not supported with FARGATE launch type."),
    ),
    (
        {"taskDefinition": "far", "launchType": "EXTERNAL", "networkConfiguration": NETWORK},
        (INVALID, "Task definition does not support launch_type EXTERNAL."),
    ),
    (
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        (INVALID, NOT_ASSOCIATED),
    ),
    ({"placementStrategy": [{"type": "random"}] * 6}, (INVALID, "Maximum number of strategies is 5.")),
    (
        {"placementConstraints": [{"type": "distinctInstance"}] * 11},
        (INVALID, "Maximum number of constraints is 10."),
    ),
    (
        {"placementConstraints": [{"type": "distinctInstance", "expression": "x"}]},
        (INVALID, "distinctInstance expression should not be specified."),
    ),
    ({"placementStrategy": [{"type": "binpack", "field": "x"}]}, (INVALID, "binpack field 'x' is invalid.")),
    (
        {"placementStrategy": [{"type": "random", "field": "x"}]},
        (INVALID, "random field should not be specified."),
    ),
    (
        {"overrides": {"containerOverrides": [{"name": "ghost"}]}},
        (INVALID, "Override for container named ghost is not a container in the TaskDefinition."),
    ),
    (
        {"overrides": {"containerOverrides": [{"name": "app", "command": ["x" * 8192]}]}},
        (INVALID, "Container Overrides length must be at most 8192"),
    ),
    ({"overrides": {"cpu": "much"}}, (INVALID, "Invalid 'cpu' setting for task.")),
    ({"overrides": {"memory": "1 vCPU"}}, (INVALID, "Invalid 'memory' setting for task.")),
    (
        {**FARGATE, "overrides": {"cpu": "512"}},
        (INVALID, NO_SUCH_SIZE),
    ),
    (
        {**FARGATE, "overrides": {"ephemeralStorage": {"sizeInGiB": 20}}},
        (INVALID, "EphemeralStorage size should be at least 21"),
    ),
    (
        {
            "overrides": {
                "containerOverrides": [{"name": "app", "resourceRequirements": [{"type": "GPU", "value": "x"}]}]
            }
        },
        (INVALID, "Invalid 'resourceRequirements' setting for container 'app'."),
    ),
    ({"startedBy": "x" * 129}, (INVALID, "startedBy can have at most 128 characters.")),
    ({"group": "x" * 256}, (INVALID, "group can have at most 255 characters.")),
    ({"group": "service:web"}, (INVALID, "Invalid namespace for group.")),
    ({"enableExecuteCommand": True}, (INVALID, NEEDS_ROLE)),
    (
        {"volumeConfigurations": [{"name": "v"}]},
        (INVALID, "Volume configuration provided but no matching configuredAtLaunch volume found in task definition."),
    ),
]


@pytest.mark.parametrize(("asked", "answer"), REFUSED, ids=[text for _, (_, text) in REFUSED])
def test_run_task_refuses_in_aws_words(sim: Simulation, asked: dict[str, Any], answer: tuple[str, str]) -> None:
    assert refusal(sim, "RunTask", **{"taskDefinition": "web", **asked}) == answer
    assert sim.tasks() == []


@pytest.mark.parametrize(
    ("operation", "asked", "answer"),
    [
        (
            "StartTask",
            {**STARTED, "taskDefinition": "ghost", "cluster": "ghost"},
            (CLIENT, "TaskDefinition not found."),
        ),
        ("StartTask", {**STARTED, "cluster": "ghost"}, ("ClusterNotFoundException", "Cluster not found.")),
        ("StartTask", {"taskDefinition": "web"}, (INVALID, "Container Instances cannot be empty.")),
        (
            "StartTask",
            {"taskDefinition": "web", "containerInstances": []},
            (INVALID, "Container Instances cannot be empty."),
        ),
        (
            "StartTask",
            {"taskDefinition": "web", "containerInstances": [UNKNOWN_ID] * 11},
            (INVALID, "Container Instances cannot have more than 10 elements"),
        ),
        (
            "StartTask",
            {"taskDefinition": "far", "containerInstances": [UNKNOWN_ID]},
            (INVALID, "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
        ),
        (
            "StartTask",
            {**STARTED, "overrides": {"containerOverrides": [{"name": "ghost"}]}},
            (INVALID, "Override for container named ghost is not a container in the TaskDefinition."),
        ),
        ("StartTask", {**STARTED, "group": "service:web"}, (INVALID, "Invalid namespace for group.")),
        ("StartTask", {**STARTED, "startedBy": "x" * 129}, (INVALID, "startedBy can have at most 128 characters.")),
        (
            "StartTask",
            {**STARTED, "propagateTags": "SERVICE"},
            (INVALID, "propagateTags should be one of [TASK_DEFINITION,NONE]"),
        ),
        (
            "StartTask",
            STARTED,
            (INVALID, "containerInstanceId length should be one of [32,36]"),
        ),
        ("StopTask", {"task": UNKNOWN_ID, "cluster": "ghost"}, ("ClusterNotFoundException", "Cluster not found.")),
        ("StopTask", {"task": UNKNOWN_ID}, (INVALID, "The referenced task was not found.")),
        ("StopTask", {"task": "short"}, (INVALID, "taskId length should be one of [32,36]")),
        ("DescribeTasks", {"tasks": []}, (INVALID, "Tasks cannot be empty.")),
        ("DescribeTasks", {}, (INVALID, "Tasks cannot be empty.")),
        ("DescribeTasks", {"tasks": [UNKNOWN_ID] * 101}, (INVALID, "Tasks cannot have more than 100 elements")),
        ("DescribeTasks", {"tasks": ["short"]}, (INVALID, "taskId length should be one of [32,36]")),
        (
            "DescribeTasks",
            {"tasks": [f"{ARN}task/other/{UNKNOWN_ID}"]},
            (INVALID, "Invalid identifier: Identifier is for cluster other. Your cluster is default"),
        ),
        (
            "DescribeTasks",
            {"tasks": [UNKNOWN_ID], "cluster": "ghost"},
            ("ClusterNotFoundException", "Cluster not found."),
        ),
        ("ListTasks", {"cluster": "ghost"}, ("ClusterNotFoundException", "Cluster not found.")),
        ("ListTasks", {"serviceName": "ghost"}, ("ServiceNotFoundException", "Service not found.")),
        *(
            ("ListTasks", {"startedBy": "me", **other}, (INVALID, "cannot specify startedBy with other filters"))
            for other in (
                {"family": "web"},
                {"serviceName": "web"},
                {"launchType": "EC2"},
                {"containerInstance": UNKNOWN_ID},
                {"daemonName": "agent"},
            )
        ),
        (
            "ListTasks",
            {"desiredStatus": "GONE"},
            (INVALID, "desired status should be one of [RUNNING,PENDING,STOPPED]"),
        ),
        ("ListTasks", {"containerInstance": "short"}, (INVALID, "containerInstanceId length should be one of [32,36]")),
        ("ListTasks", {"maxResults": 0}, (INVALID, "maxResults must be between 1 and 100")),
        ("ListTasks", {"maxResults": 101}, (INVALID, "maxResults must be between 1 and 100")),
        ("ListTasks", {"nextToken": "nonsense"}, (INVALID, "Invalid next token.")),
        (
            "ListTasks",
            {"launchType": "BOGUS"},
            (INVALID, "launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]"),
        ),
    ],
)
def test_the_other_operations_refuse_in_aws_words(
    sim: Simulation, operation: str, asked: dict[str, Any], answer: tuple[str, str]
) -> None:
    assert refusal(sim, operation, **asked) == answer


def volume(**members: Any) -> dict[str, Any]:
    mounts = [{"sourceVolume": "data", "containerPath": "/data"}]
    container = {"name": "app", "image": "web:1", "memory": 64, "mountPoints": mounts}
    return {"containerDefinitions": [container], "volumes": [{"name": "data", **members}]}


ON_FARGATE = {"networkMode": "awsvpc", "cpu": "1024", "memory": "2048", "requiresCompatibilities": ["FARGATE"]}
WINDOWS = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
OTHER_DEFINITIONS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, str]]] = [
    (
        volume(configuredAtLaunch=True),
        {"volumeConfigurations": [{"name": "other"}]},
        (
            INVALID,
            "The volume name 'other' in your request does not have a matching volume in your Task Definition that is "
            "configurable at launch.",
        ),
    ),
    (
        volume(configuredAtLaunch=True),
        {},
        (
            INVALID,
            "The volume name 'data' in your Task Definition is configured at launch and does not have a matching volume "
            "configuration in your request.",
        ),
    ),
    (
        {**ON_FARGATE, **volume(efsVolumeConfiguration={"fileSystemId": "fs-1"})},
        {**FARGATE, "platformVersion": "1.3.0"},
        (
            "PlatformTaskDefinitionIncompatibilityException",
            "One or more of the requested capabilities are not supported.",
        ),
    ),
    (
        {**ON_FARGATE, **volume(), "ephemeralStorage": {"sizeInGiB": 30}},
        {**FARGATE, "platformVersion": "1.3.0"},
        (
            "PlatformTaskDefinitionIncompatibilityException",
            "One or more of the requested capabilities are not supported.",
        ),
    ),
    (
        {**ON_FARGATE, **volume(), **WINDOWS},
        {**FARGATE, "platformVersion": "1.4.0"},
        ("PlatformUnknownException", "The platform version '1.4.0' does not exist"),
    ),
]


@pytest.mark.parametrize(("definition", "asked", "answer"), OTHER_DEFINITIONS)
def test_run_task_refuses_what_does_not_go_with_the_definition(
    sim: Simulation, definition: dict[str, Any], asked: dict[str, Any], answer: tuple[str, str]
) -> None:
    sim.call("RegisterTaskDefinition", family="own", **definition)
    assert refusal(sim, "RunTask", **{**asked, "taskDefinition": "own"}) == answer
    assert sim.tasks() == []


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("TaskDefinition not found.", {"taskDefinition": "far"}),
    ("Cluster not found.", {"cluster": "default"}),
    ("Tag keys/values with prefix 'aws:' are reserved", {"tags": []}),
    ("idempotency token longer than 64.", {"clientToken": "t"}),
    ("count cannot be greater than 10.", {"count": 1}),
    ("You may choose a capacity provider or a launch type but not both.", {"capacityProviderStrategy": []}),
    ("launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]", {"launchType": "FARGATE"}),
    (
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"] * 17}}},
    ),
    ("Placement constraints are not supported with FARGATE launch type.", {"placementConstraints": []}),
    ("Placement strategies are not supported with FARGATE launch type.", {"placementStrategy": []}),
    ("subnets can have at most 16 items.", {"networkConfiguration": NETWORK}),
    ("The platform version '9' does not exist", {"platformVersion": "LATEST"}),
    (
        "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.",
        {"volumeConfigurations": []},
    ),
    (NO_SUCH_SIZE, {"overrides": {"containerOverrides": [{"name": "ghost"}]}}),
    ("startedBy can have at most 128 characters.", {"startedBy": "me"}),
    ("Invalid namespace for group.", {"group": "mine"}),
    ("Override for container named ghost is not a container in the TaskDefinition.", {"overrides": {}}),
    (NEEDS_ROLE, {"enableExecuteCommand": False}),
]
"""What is refused of a request in which everything is wrong, and what mends it: then the next thing is refused."""


def test_the_first_fault_is_the_answer_and_the_next_once_it_is_mended(sim: Simulation) -> None:
    wrong: dict[str, Any] = {
        "taskDefinition": "ghost",
        "cluster": "ghost",
        "tags": [{"key": "aws:x", "value": ""}],
        "clientToken": "x" * 65,
        "count": 11,
        "launchType": "BOGUS",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}],
        "placementConstraints": [{"type": "distinctInstance"}],
        "placementStrategy": [{"type": "random"}],
        "platformVersion": "9",
        "volumeConfigurations": [{"name": "v"}],
        "overrides": {"cpu": "512", "containerOverrides": [{"name": "ghost"}]},
        "startedBy": "x" * 129,
        "group": "service:web",
        "enableExecuteCommand": True,
    }
    for message, mended in FAULTS:
        assert refusal(sim, "RunTask", **wrong)[1] == message
        wrong |= mended
    assert len(sim.call("RunTask", **wrong)["tasks"]) == 1


def test_a_definition_that_is_being_deleted_runs_nothing_not_even_again(sim: Simulation) -> None:
    asked = {"taskDefinition": "web:1", "clientToken": "t"}
    sim.call("RunTask", **asked)
    sim.call("DeregisterTaskDefinition", taskDefinition="web:1")
    sim.call("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    assert refusal(sim, "RunTask", **asked) == (INVALID, "TaskDefinition is being deleted")
    started = {"taskDefinition": "web:1", "containerInstances": [UNKNOWN_ID]}
    assert refusal(sim, "StartTask", **started) == (INVALID, "TaskDefinition is being deleted")


def test_the_reason_of_a_stop_is_at_most_255_characters(sim: Simulation) -> None:
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    asked = {"task": task["taskArn"], "reason": "x" * 256}
    assert refusal(sim, "StopTask", **asked) == (INVALID, "reason can have at most 255 characters.")
    assert sim.call("StopTask", **{**asked, "reason": "x" * 255})["task"]["stoppedReason"] == "x" * 255


def test_an_inactive_definition_and_an_inactive_cluster_run_nothing(sim: Simulation) -> None:
    sim.call("DeleteCluster", cluster="other")
    gone = ("ClusterNotFoundException", "The referenced cluster was inactive.")
    assert refusal(sim, "RunTask", taskDefinition="web", cluster="other") == gone
    sim.call("DeregisterTaskDefinition", taskDefinition="web:1")
    assert refusal(sim, "RunTask", taskDefinition="web:1", cluster="other") == gone
    assert refusal(sim, "RunTask", taskDefinition="web:1") == (INVALID, "TaskDefinition is inactive")


def test_without_machines_a_request_for_ec2_is_refused_after_its_public_address(strict: Simulation) -> None:
    assert refusal(strict, "RunTask", taskDefinition="web") == (INVALID, NO_INSTANCES)
    public = {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}}
    text = "Assign public IP is not supported for this launch type."
    assert refusal(strict, "RunTask", taskDefinition="far", networkConfiguration=public) == (INVALID, text)
    assert refusal(strict, "RunTask", taskDefinition="far", networkConfiguration=NETWORK) == (INVALID, NO_INSTANCES)
