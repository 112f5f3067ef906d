"""A cluster, definitions for each launch type, and services made of them: what the tests of services begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.simulation import Refused, Simulation

INVALID, CLIENT = "InvalidParameterException", "ClientException"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
ROLE = "arn:aws:iam::123456789012:role/task"
VPC = {"taskDefinition": "vpc", "networkConfiguration": NETWORK}
ON_FARGATE = {**VPC, "launchType": "FARGATE"}
TARGET = {"targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80}
CLASSIC = {"loadBalancerName": "elb", "containerName": "app", "containerPort": 80}
TYPES = "launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]"
BLOCKED = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
Document = dict[str, Any]

BREAKER = {
    "enable": False,
    "rollback": False,
    "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}
LONG = {
    "deploymentCircuitBreaker": BREAKER,
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
"""The deploymentConfiguration that is shown where none was asked for."""


def begun(directory: Path) -> Simulation:
    sim = Simulation(directory, instances=Instances.NONE)
    sim.call("CreateCluster", clusterName="default")
    sim.call("CreateCluster", clusterName="gone")
    sim.call("DeleteCluster", cluster="gone")
    ports = [{"containerPort": 80, "name": "http"}]
    container = {"name": "app", "image": "img", "memory": 64, "portMappings": ports}
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sim.call("RegisterTaskDefinition", family="vpc", containerDefinitions=[container], **sizes)
    sim.call("RegisterTaskDefinition", family="old", containerDefinitions=[container])
    sim.call("DeregisterTaskDefinition", taskDefinition="old:1")
    volume = {"name": "data", "configuredAtLaunch": True}
    mounted = {**container, "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    sim.call("RegisterTaskDefinition", family="disk", containerDefinitions=[mounted], volumes=[volume])
    sim.call("CreateCluster", clusterName="both", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    return sim


def create(sim: Simulation, **params: Any) -> Document:
    document: Document = sim.call(
        "CreateService", **{"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, **params}
    )["service"]
    return document


def fargate(sim: Simulation, **params: Any) -> Document:
    asked = {"taskDefinition": "vpc", "launchType": "FARGATE", "networkConfiguration": NETWORK}
    return create(sim, **{**asked, **params})


def update(sim: Simulation, **params: Any) -> Document:
    document: Document = sim.call("UpdateService", service="web", **params)["service"]
    return document


def described(sim: Simulation, name: str = "web", **params: Any) -> Document:
    (found,) = sim.call("DescribeServices", services=[name], **params)["services"]
    document: Document = found
    return document


def refusal(sim: Simulation, operation: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        sim.call(operation, **params)
    return refused.value.code, refused.value.message


def providers(fargate: Document, spot: Document) -> list[Document]:
    return [{"capacityProvider": "FARGATE", **fargate}, {"capacityProvider": "FARGATE_SPOT", **spot}]


def connected(*aliases: Document, port_name: str = "http") -> Document:
    """A service of Service Connect, whose port is reached by these aliases."""
    services = [{"portName": port_name, "clientAliases": list(aliases)}]
    return {"serviceConnectConfiguration": {"enabled": True, "namespace": "shop", "services": services}}


def percents(minimum: int, maximum: int) -> Document:
    return {"deploymentConfiguration": {"minimumHealthyPercent": minimum, "maximumPercent": maximum}}


def breaker(**threshold: Any) -> Document:
    return {"deploymentCircuitBreaker": {"enable": True, "rollback": False, "thresholdConfiguration": threshold}}


def rebalancing(verb: str) -> str:
    return (
        f"The service couldn't be {verb} because Availability Zone Rebalancing does not support maximumPercent <= 100 % as "
        "deployment configuration. Update deployment configuration and try again."
    )


def no_role(verb: str) -> str:
    return (
        f"The service couldn't be {verb} because a valid taskRoleArn is not being used. "
        "Specify a valid task role in your task definition and try again."
    )
