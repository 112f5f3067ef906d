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
        ("ListTasks", {"startedBy": "me", "family": "web"}, (INVALID, "cannot specify startedBy with other filters")),
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
