"""Clusters, definitions and services whose deployments are another's business: what the tests of task sets begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.simulation import Simulation

Document = dict[str, Any]

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
TARGET = {"targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80}
EXTERNAL = {"deploymentController": {"type": "EXTERNAL"}}
CODE_DEPLOY = {"deploymentController": {"type": "CODE_DEPLOY"}}
GREEN = {"taskDefinition": "web", "loadBalancers": [TARGET], **CODE_DEPLOY}
MACHINE = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 1024},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024},
]
SETS_ONLY = (
    "Amazon ECS only supports task set management on services configured to use external deployment controllers."
)
TAGS = [{"key": "colour", "value": "green"}]


def begun(directory: Path, **settings: Any) -> Simulation:
    sim = Simulation(directory, **settings)
    for name in ("default", "gone"):
        sim.call("CreateCluster", clusterName=name, capacityProviders=["FARGATE"])
    sim.call("DeleteCluster", cluster="gone")
    container = {"name": "app", "image": "web:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    for _ in range(2):
        sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[container], **sizes)
    sim.call("RegisterTaskDefinition", family="old", containerDefinitions=[container])
    sim.call("DeregisterTaskDefinition", taskDefinition="old:1")
    return sim


def create(sim: Simulation, **params: Any) -> Document:
    asked = {"serviceName": "web", "desiredCount": 2, **EXTERNAL, **params}
    return dict(sim.call("CreateService", **asked)["service"])


def a_set(sim: Simulation, scale: float | None = 100, **params: Any) -> Document:
    sim.clock.advance(1)  # so that the sets are in an order
    asked = {"cluster": "default", "service": "web", "taskDefinition": "web", **params}
    if scale is not None:
        asked["scale"] = {"value": scale, "unit": "PERCENT"}
    return dict(sim.call("CreateTaskSet", **asked)["taskSet"])


def scaled(sim: Simulation, task_set: Document, value: float) -> Document:
    asked = {"cluster": "default", "service": "web", "taskSet": task_set["id"], "scale": {"value": value}}
    return dict(sim.call("UpdateTaskSet", **asked)["taskSet"])


def let_go(sim: Simulation, task_set: Document, **params: Any) -> Document:
    asked = {"cluster": "default", "service": "web", "taskSet": task_set["id"], **params}
    return dict(sim.call("DeleteTaskSet", **asked)["taskSet"])


def promoted(sim: Simulation, task_set: Document) -> Document:
    asked = {"cluster": "default", "service": "web", "primaryTaskSet": task_set["id"]}
    return dict(sim.call("UpdateServicePrimaryTaskSet", **asked)["taskSet"])


def sets(sim: Simulation, **params: Any) -> list[Document]:
    return list(sim.call("DescribeTaskSets", cluster="default", service="web", **params)["taskSets"])


def counts(sim: Simulation) -> list[tuple[Any, ...]]:
    members = ("status", "computedDesiredCount", "runningCount", "pendingCount", "stabilityStatus")
    return [tuple(each[member] for member in members) for each in sets(sim)]


def shown(sim: Simulation) -> Document:
    (found,) = sim.call("DescribeServices", services=["web"])["services"]
    return dict(found)


def running(sim: Simulation, task_set: Document) -> list[str]:
    return list(sim.call("ListTasks", startedBy=task_set["id"])["taskArns"])
