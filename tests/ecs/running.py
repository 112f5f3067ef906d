"""Two clusters, a definition for each launch type, and tasks run of them: what the tests of tasks begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.simulation import Refused, Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
FARGATE = {"taskDefinition": "far", "launchType": "FARGATE", "networkConfiguration": NETWORK}
ARN = "arn:aws:ecs:us-east-1:123456789012:"
INVALID, CLIENT = "InvalidParameterException", "ClientException"


def begun(directory: Path, **settings: Any) -> Simulation:
    sim = Simulation(directory, **settings)
    sim.call("CreateCluster", clusterName="default")
    sim.call("CreateCluster", clusterName="other")
    container = {"name": "app", "image": "web:1", "cpu": 10, "memory": 64, "portMappings": [{"containerPort": 80}]}
    side = {"name": "side", "image": "side", "memoryReservation": 32, "essential": False}
    tags = [{"key": "from", "value": "definition"}, {"key": "team", "value": "blue"}]
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container, side], tags=tags)
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[{"name": "app", "image": "web:1"}], **sizes)
    return sim


def refusal(sim: Simulation, operation: str, /, **params: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        sim.call(operation, **params)
    return refused.value.code, refused.value.message


def run(sim: Simulation, **params: Any) -> dict[str, Any]:
    """The one task of a RunTask."""
    answer = sim.call("RunTask", **{"taskDefinition": "web", **params})
    assert answer["failures"] == []
    (task,) = answer["tasks"]
    return dict(task)


def shown(sim: Simulation, task: str, **params: Any) -> dict[str, Any]:
    (found,) = sim.call("DescribeTasks", tasks=[task], **params)["tasks"]
    return dict(found)
