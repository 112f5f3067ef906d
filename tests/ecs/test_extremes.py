"""Sizes and numbers that nobody means are refused in AWS's words, before anything is booked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import Refused, Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
FARGATE = {"taskDefinition": "far", "launchType": "FARGATE", "networkConfiguration": NETWORK}
NO_CPU, NO_MEMORY = "Invalid 'cpu' setting for task.", "Invalid 'memory' setting for task."
LIMIT = "Desired count exceeds limit."


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    app = {"name": "app", "image": "app", "cpu": 10, "memory": 64}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[app])
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[{"name": "app", "image": "app"}], **sizes)
    yield sim
    sim.close()


def refusal(sim: Simulation, operation: str, /, **params: Any) -> str:
    with pytest.raises(Refused) as refused:
        sim.call(operation, **params)
    assert refused.value.code == "InvalidParameterException"
    return refused.value.message


def no_fargate(cpu: int, memory: int) -> str:
    return (
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
        "See the Amazon ECS documentation for the valid values."
    )


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"cpu": "abc"}, NO_CPU),
        ({"cpu": "-100000", "memory": "-100000"}, NO_CPU),
        ({"cpu": "9999999999999999999999"}, NO_CPU),
        ({"cpu": "0"}, NO_CPU),
        ({"memory": "-1"}, NO_MEMORY),
        ({"memory": ".5 vCPU"}, NO_MEMORY),
        ({"memory": "32"}, "The 'memory' setting for container 'app' is greater than for the task."),
        (
            {"containerOverrides": [{"name": "app", "cpu": -1}]},
            "Invalid 'cpu' setting for container 'app'.",
        ),
        (
            {"containerOverrides": [{"name": "app", "memory": -100}]},
            "Invalid 'memory' setting for container 'app'.",
        ),
        (
            {"containerOverrides": [{"name": "app", "memoryReservation": 0}]},
            "Invalid 'memoryReservation' setting for container 'app'.",
        ),
        (
            {"containerOverrides": [{"name": "app", "memoryReservation": 65}]},
            "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.",
        ),
        (
            {"containerOverrides": [{"name": "app", "resourceRequirements": [{"type": "GPU", "value": "-1"}]}]},
            "Invalid 'resourceRequirements' setting for container 'app'.",
        ),
    ],
)
def test_sizes_are_not_overridden_by_what_no_definition_could_say(
    sim: Simulation, overrides: dict[str, Any], text: str
) -> None:
    assert refusal(sim, "RunTask", taskDefinition="web", overrides=overrides) == text
    assert refusal(sim, "StartTask", taskDefinition="web", containerInstances=["x"], overrides=overrides) == text
    assert sim.tasks() == []


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"cpu": "7", "memory": "3"}, no_fargate(7, 3)),
        ({"cpu": "1 vCPU"}, no_fargate(1024, 512)),
        (
            {"containerOverrides": [{"name": "app", "cpu": 257}]},
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        ),
    ],
)
def test_fargate_has_no_other_machines_for_overrides(sim: Simulation, overrides: dict[str, Any], text: str) -> None:
    assert refusal(sim, "RunTask", **FARGATE, overrides=overrides) == text
    assert sim.tasks() == []


def test_a_service_has_no_more_than_five_thousand_tasks(sim: Simulation) -> None:
    asked: dict[str, Any] = {"serviceName": "web", "taskDefinition": "web"}
    assert refusal(sim, "CreateService", **asked, desiredCount=5_001) == LIMIT
    sim.call("CreateService", **asked, desiredCount=0)
    assert refusal(sim, "UpdateService", service="web", desiredCount=2_147_483_647) == LIMIT
    assert sim.call("UpdateService", service="web", desiredCount=5_000)["service"]["desiredCount"] == 5_000
    assert sim.tasks() == []
