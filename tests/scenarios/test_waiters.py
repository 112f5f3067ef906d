"""Every waiter that botocore has for ECS waits for what an unmodified client did, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from botocore.exceptions import WaiterError

import ecs_emulator

WAITERS = sorted(botocore.session.get_session().get_waiter_model("ecs").waiter_names)
PATIENCE = {"Delay": 0.05, "MaxAttempts": 400}
CONTAINER = {"name": "app", "image": "app:1", "memory": 64}
ROLE = "arn:aws:iam::123456789012:role/ecs"
MANAGED = {
    "infrastructureRoleArn": ROLE,
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
        "networkConfiguration": {"subnets": ["subnet-1"]},
    },
}

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
SIZES = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["MANAGED_INSTANCES"]}

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """What is done before one waiter is asked, and what it is asked about."""

    about: Callable[[Any], Params]
    """Does it; the waiter's own arguments."""
    hopeless: Callable[[Any], Params] | None
    """Arguments with which it gives up at once; None where the waiter knows no such case."""


@pytest.fixture(scope="module")
def ecs() -> Iterator[Any]:
    with ecs_emulator.start(engine="simulated") as emulator:
        client: Any = emulator.client("ecs")
        client.create_cluster()
        client.register_task_definition(family="web", containerDefinitions=[CONTAINER])
        client.create_capacity_provider(name="managed", cluster="default", managedInstancesProvider=MANAGED)
        client.register_task_definition(family="managed", containerDefinitions=[CONTAINER], **SIZES)
        client.register_daemon_task_definition(family="log", containerDefinitions=[CONTAINER])
        yield client


def new(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"


# --- services and tasks -----------------------------------------------------------------------------------------------


def a_service(ecs: Any) -> Params:
    service = ecs.create_service(serviceName=new("web"), taskDefinition="web", desiredCount=2)["service"]
    return {"services": [service["serviceName"]]}


def a_deleted_service(ecs: Any) -> Params:
    asked = a_service(ecs)
    ecs.delete_service(service=asked["services"][0], force=True)
    return asked


def running_tasks(ecs: Any) -> Params:
    return {"tasks": [task["taskArn"] for task in ecs.run_task(taskDefinition="web", count=3)["tasks"]]}


def stopped_tasks(ecs: Any) -> Params:
    asked = running_tasks(ecs)
    for task in asked["tasks"]:
        ecs.stop_task(task=task)
    return asked


# --- daemons ----------------------------------------------------------------------------------------------------------


def a_daemon(ecs: Any) -> Params:
    daemon = ecs.create_daemon(
        daemonName=new("log"),
        clusterArn=ecs.describe_clusters()["clusters"][0]["clusterArn"],
        daemonTaskDefinitionArn=_definition(ecs, "log"),
        capacityProviderArns=[_provider(ecs)],
    )
    return {"daemonArn": daemon["daemonArn"]}


def a_deployment(ecs: Any) -> Params:
    daemon = a_daemon(ecs)["daemonArn"]
    (deployment,) = ecs.list_daemon_deployments(daemonArn=daemon)["daemonDeployments"]
    return {"daemonDeploymentArns": [deployment["daemonDeploymentArn"]]}


def a_replaced_deployment(ecs: Any) -> Params:
    """Another began while this one baked on the machine that it had come to, which takes an hour."""
    managed = {"capacityProviderStrategy": [{"capacityProvider": "managed"}], "networkConfiguration": NETWORK}
    task = ecs.run_task(taskDefinition="managed", **managed)["tasks"][0]
    ecs.get_waiter("tasks_running").wait(tasks=[task["taskArn"]], WaiterConfig=PATIENCE)
    daemon = a_daemon(ecs)["daemonArn"]
    wanted = {"daemonTaskDefinitionArn": _definition(ecs, "log"), "capacityProviderArns": [_provider(ecs)]}
    first = ecs.update_daemon(daemonArn=daemon, deploymentConfiguration={"bakeTimeInMinutes": 60}, **wanted)
    ecs.update_daemon(daemonArn=daemon, **wanted)
    return {"daemonDeploymentArns": [first["deploymentArn"]]}


def a_daemon_definition(ecs: Any) -> Params:
    made = ecs.register_daemon_task_definition(family=new("trace"), containerDefinitions=[CONTAINER])
    return {"daemonTaskDefinition": made["daemonTaskDefinitionArn"]}


def a_deleted_daemon_definition(ecs: Any) -> Params:
    asked = a_daemon_definition(ecs)
    ecs.delete_daemon_task_definition(**asked)
    return asked


def _definition(ecs: Any, family: str) -> str:
    return str(
        ecs.describe_daemon_task_definition(daemonTaskDefinition=family)["daemonTaskDefinition"][
            "daemonTaskDefinitionArn"
        ]
    )


def _provider(ecs: Any) -> str:
    (provider,) = ecs.describe_capacity_providers(capacityProviders=["managed"])["capacityProviders"]
    return str(provider["capacityProviderArn"])


# --- the table --------------------------------------------------------------------------------------------------------


def no_service(ecs: Any) -> Params:
    return {"services": ["no-such-service"]}


def no_task(ecs: Any) -> Params:
    return {"tasks": ["0" * 32]}


def no_deployment(ecs: Any) -> Params:
    (known,) = a_deployment(ecs)["daemonDeploymentArns"]
    return {"daemonDeploymentArns": [known.rpartition("/")[0] + "/" + "0" * 21]}


WAITS = {
    "DaemonActive": Wait(a_daemon, None),
    "DaemonDeploymentStopped": Wait(a_replaced_deployment, no_deployment),
    "DaemonDeploymentSuccessful": Wait(a_deployment, no_deployment),
    "DaemonTaskDefinitionActive": Wait(a_daemon_definition, a_deleted_daemon_definition),
    "DaemonTaskDefinitionDeleted": Wait(a_deleted_daemon_definition, None),
    "ServicesInactive": Wait(a_deleted_service, no_service),
    "ServicesStable": Wait(a_service, no_service),
    "TasksRunning": Wait(running_tasks, no_task),
    "TasksStopped": Wait(stopped_tasks, None),
}


def waiter(ecs: Any, name: str) -> Any:
    return ecs.get_waiter(botocore.xform_name(name))


@pytest.mark.parametrize("name", WAITERS)
def test_the_waiter_comes_back(ecs: Any, name: str) -> None:
    waiter(ecs, name).wait(**WAITS[name].about(ecs), WaiterConfig=PATIENCE)


@pytest.mark.parametrize("name", [name for name in WAITERS if name not in WAITS or WAITS[name].hopeless is not None])
def test_the_waiter_gives_up_what_will_never_be(ecs: Any, name: str) -> None:
    hopeless = WAITS[name].hopeless
    assert hopeless is not None
    with pytest.raises(WaiterError, match="terminal failure state"):
        waiter(ecs, name).wait(**hopeless(ecs), WaiterConfig=PATIENCE)
