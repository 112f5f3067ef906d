"""Histories that are told of whole: each is played, and all that EventBridge would have been sent is a golden file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecs_emulator.config import Instances
from ecs_emulator.records.events import StateEvent
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.rules import event_documents
from tests.simulation import Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-12345678"], "assignPublicIp": "ENABLED"}}
SIZE = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096},
]
SAID = [
    {"name": "ecs.capability.container-health-check"},
    *({"name": f"com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"} for minor in (18, 24)),
    {"name": "ecs.cpu-architecture", "value": "x86_64"},
]
"""The machine of the golden files is no particular one."""


def documents(sim: Simulation) -> list[dict[str, Any]]:
    """All that was told, as EventBridge would be sent it."""
    with sim.store.snapshot() as tx:
        return [event_documents.envelope(one) for one in tx.find(StateEvent, order="seq")]


def played(name: str, directory: Path) -> list[dict[str, Any]]:
    sim = Simulation(directory, instances=Instances.NONE)
    sim.call("CreateCluster", clusterName="default")
    HISTORIES[name](sim)
    found = documents(sim)
    sim.close()
    return found


def define(sim: Simulation, script: str = "", **more: Any) -> None:
    app = {"name": "app", "image": "app", "memory": 64, "portMappings": [{"containerPort": 80}], **more}
    if script:
        app["dockerLabels"] = {"ecs-emulator.simulate": script}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[app])


def machine(sim: Simulation) -> str:
    registered = sim.call("RegisterContainerInstance", totalResources=SIZE, attributes=SAID)
    arn: str = registered["containerInstance"]["containerInstanceArn"]
    sim.settle()
    return arn


def fargate_task(sim: Simulation) -> None:
    """Two containers; the one that is not essential exits with 7; then the task is stopped."""
    containers = [
        {"name": "main", "image": "main", "environment": [{"name": "A", "value": "1"}]},
        {"name": "other", "image": "other", "essential": False, "memory": 64},
    ]
    sim.call(
        "RegisterTaskDefinition",
        family="job",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=containers,
    )
    override = {"containerOverrides": [{"name": "other", "command": ["exit", "7"]}]}
    asked = {"taskDefinition": "job", "launchType": "FARGATE", "networkConfiguration": NETWORK, "overrides": override}
    (task,) = sim.call("RunTask", **asked, tags=[{"key": "a", "value": "b"}], startedBy="me")["tasks"]
    sim.advance(10.25)
    sim.kill(task["taskArn"], "other", exit_code=7)
    sim.advance(20.69)
    sim.call("StopTask", task=task["taskArn"], reason="enough")
    sim.advance(60)


def ec2_service(sim: Simulation) -> None:
    """A service of one task on a machine; its container crashes once; then there is no room for a second one."""
    machine(sim)
    define(sim, cpu=1500)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    sim.advance(10)
    sim.kill(sim.tasks()[0].arn, exit_code=1)
    sim.advance(10)
    sim.call("UpdateService", service="web", desiredCount=2)
    sim.advance(10)


def rolling_with_breaker(sim: Simulation) -> None:
    """A deployment completes; the next fails again and again, and is rolled back."""
    machine(sim)
    define(sim)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1, deploymentConfiguration=breaker)
    sim.advance(10)
    define(sim, "start=fail")
    sim.call("UpdateService", service="web", taskDefinition="web:2")
    sim.advance(120)


def instance(sim: Simulation) -> None:
    """A machine registers, takes a task and is rid of it, drains, loses its agent, and leaves."""
    arn = machine(sim)
    define(sim)
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    sim.advance(5)
    sim.call("StopTask", task=task["taskArn"])
    sim.advance(60)
    sim.call("UpdateContainerInstancesState", containerInstances=[arn], status="DRAINING")
    sim.advance(5)
    with sim.store.transaction() as tx:
        known = tx.get(ContainerInstance, arn)
        assert known is not None
        tx.put(replace(known, agent_connected=False, version=known.version + 1))
    sim.advance(5)
    sim.call("DeregisterContainerInstance", containerInstance=arn)
    sim.advance(5)


HISTORIES: dict[str, Callable[[Simulation], None]] = {
    "fargate_task": fargate_task,
    "ec2_service": ec2_service,
    "rolling_with_breaker": rolling_with_breaker,
    "instance": instance,
}
