"""Tasks of a capacity provider that scales by itself wait for their machine: PROVISIONING, not refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from ecs_emulator.ecs import container_instances
from ecs_emulator.wire.call import Call
from tests.ecs.running import refusal, run, shown
from tests.simulation import Simulation

STRATEGY = [{"capacityProvider": "scaled", "weight": 1}]
SCALED = {"autoScalingGroupArn": "scaled", "managedScaling": {"status": "ENABLED"}}
MANAGED = {
    "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs",
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
        "networkConfiguration": {"subnets": ["subnet-1"]},
    },
}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
WAIT = 1_800.0


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, instances=Instances.NONE)
    found.call("CreateCapacityProvider", name="scaled", autoScalingGroupProvider=SCALED)
    found.call("CreateCluster", capacityProviders=["scaled"], defaultCapacityProviderStrategy=STRATEGY)
    container = {"name": "app", "image": "app", "memory": 64, "cpu": 512}
    found.call("RegisterTaskDefinition", family="app", containerDefinitions=[container])
    found.call("RegisterTaskDefinition", family="net", networkMode="awsvpc", containerDefinitions=[container])
    yield found
    found.close()


def machine(sim: Simulation, provider: str | None = "scaled", **shape: Any) -> str:
    with sim.store.transaction() as tx:
        call = Call.of(sim.context(), "RegisterContainerInstance", tx)
        (made,) = container_instances.add_instances(call, capacity_provider=provider, **shape)
    return made.arn


def test_a_task_without_room_is_provisioning_until_a_machine_comes(sim: Simulation) -> None:
    task = run(sim, taskDefinition="app")
    assert (task["lastStatus"], task["launchType"], task["capacityProviderName"]) == ("PROVISIONING", "EC2", "scaled")
    assert task.keys().isdisjoint({"containerInstanceArn", "availabilityZone", "startedAt"})
    machine(sim, None)
    sim.advance(60)
    assert shown(sim, task["taskArn"])["lastStatus"] == "PROVISIONING"
    (cluster,) = sim.call("DescribeClusters")["clusters"]
    assert (cluster["pendingTasksCount"], cluster["runningTasksCount"]) == (1, 0)
    arn = machine(sim)
    sim.settle()
    now = shown(sim, task["taskArn"])
    assert (now["lastStatus"], now["containerInstanceArn"]) == ("RUNNING", arn)
    assert now["availabilityZone"].startswith("us-east-1")


def test_those_for_whom_there_is_room_start_and_the_others_wait_for_it(sim: Simulation) -> None:
    machine(sim, cpu=1024, memory=1024)
    answer = sim.call("RunTask", taskDefinition="app", count=3)
    assert answer["failures"] == []
    sim.settle()
    assert sum(task.last_status == "RUNNING" for task in sim.tasks()) == 2
    first = next(task for task in sim.tasks() if task.last_status == "RUNNING")
    sim.call("StopTask", task=first.arn)
    sim.advance(40)
    assert sorted(task.last_status for task in sim.tasks()) == ["RUNNING", "RUNNING", "STOPPED"]


def test_a_task_with_a_network_waits_for_its_machine_before_its_interface(sim: Simulation) -> None:
    task = run(sim, taskDefinition="net", networkConfiguration=NETWORK)
    sim.advance(5)
    assert shown(sim, task["taskArn"])["attachments"][0]["status"] == "PRECREATED"
    machine(sim)
    sim.settle()
    assert shown(sim, task["taskArn"])["lastStatus"] == "RUNNING"


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ({}, "EMPTY CAPACITY PROVIDER"),
        ({"cpu": 128, "memory": 1024}, "RESOURCE:CPU"),
        ({"cpu": 1024, "memory": 32}, "RESOURCE:MEMORY"),
    ],
)
def test_after_half_an_hour_the_task_says_what_was_missing(sim: Simulation, there: dict[str, Any], reason: str) -> None:
    if there:
        machine(sim, **there)
    task = run(sim, taskDefinition="app")
    sim.advance(WAIT - 1)
    assert shown(sim, task["taskArn"])["lastStatus"] == "PROVISIONING"
    sim.advance(2)
    end = shown(sim, task["taskArn"])
    assert (end["lastStatus"], end["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert end["stoppedReason"] == f"TaskFailedToStart: {reason}"


def test_a_provider_whose_machines_all_drain_has_no_active_ones(sim: Simulation) -> None:
    arn = machine(sim)
    sim.call("UpdateContainerInstancesState", containerInstances=[arn], status="DRAINING")
    task = run(sim, taskDefinition="app")
    sim.advance(WAIT + 1)
    assert shown(sim, task["taskArn"])["stoppedReason"] == "TaskFailedToStart: NO ACTIVE INSTANCES"


@pytest.mark.parametrize(
    "more", [{"taskDefinition": "app"}, {"taskDefinition": "net", "networkConfiguration": NETWORK}]
)
def test_a_task_is_stopped_while_it_waits(sim: Simulation, more: dict[str, Any]) -> None:
    task = run(sim, **more)
    sim.settle()
    sim.call("StopTask", task=task["taskArn"])
    sim.settle()
    assert shown(sim, task["taskArn"])["lastStatus"] == "STOPPED"
    machine(sim)
    sim.settle()
    assert "containerInstanceArn" not in shown(sim, task["taskArn"])


def test_a_crash_changes_nothing_for_those_who_wait(sim: Simulation) -> None:
    task = run(sim, taskDefinition="app", placementConstraints=[{"type": "distinctInstance"}])
    other = run(sim, taskDefinition="app", placementConstraints=[{"type": "distinctInstance"}])
    sim.crash()
    machine(sim)
    sim.settle()
    found = [shown(sim, each["taskArn"])["lastStatus"] for each in (task, other)]
    assert sorted(found) == ["PROVISIONING", "RUNNING"], "the rules of the request hold for those who waited too"


def test_no_more_than_five_hundred_wait_in_a_cluster(sim: Simulation) -> None:
    for _ in range(50):
        sim.call("RunTask", taskDefinition="app", count=10)
    assert refusal(sim, "RunTask", taskDefinition="app") == (
        "ClientException",
        "The tasks provisioning capacity limit was exceeded.",
    )
    assert len(sim.tasks()) == 500


def test_a_provider_that_does_not_scale_refuses_at_once(sim: Simulation) -> None:
    group = {"autoScalingGroupArn": "still", "managedScaling": {"status": "DISABLED"}}
    sim.call("CreateCapacityProvider", name="still", autoScalingGroupProvider=group)
    sim.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["scaled", "still"],
        defaultCapacityProviderStrategy=[],
    )
    strategy = [{"capacityProvider": "still", "weight": 1}]
    assert refusal(sim, "RunTask", taskDefinition="app", capacityProviderStrategy=strategy) == (
        "InvalidParameterException",
        "No Container Instances were found in your cluster.",
    )


# --- services ---------------------------------------------------------------------------------------------------------


def test_tasks_of_a_service_wait_too_and_are_the_first_to_go(sim: Simulation) -> None:
    machine(sim, cpu=1024, memory=1024)
    sim.call("CreateService", serviceName="web", taskDefinition="app", desiredCount=4)
    sim.settle()
    assert sorted(task.last_status for task in sim.tasks()) == ["PROVISIONING"] * 2 + ["RUNNING"] * 2
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert (service["runningCount"], service["pendingCount"]) == (2, 2)
    assert not any("unable to place" in event for event in sim.events())
    sim.call("UpdateService", service="web", desiredCount=3)
    sim.settle()
    assert (
        sorted(task.last_status for task in sim.tasks(desired_status="RUNNING")) == ["PROVISIONING"] + ["RUNNING"] * 2
    )
    machine(sim, cpu=1024, memory=1024)
    sim.settle()
    assert [task.last_status for task in sim.tasks(desired_status="RUNNING")] == ["RUNNING"] * 3
    assert sim.events()[-1] == "has reached a steady state."


def test_a_service_tries_again_when_a_task_has_waited_in_vain(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="web", taskDefinition="app", desiredCount=1)
    sim.settle()
    (first,) = sim.tasks()
    sim.advance(WAIT + 10)
    assert sim.task(first.arn).stopped_reason == "TaskFailedToStart: EMPTY CAPACITY PROVIDER"
    (second,) = sim.tasks(desired_status="RUNNING")
    assert (second.arn != first.arn, second.last_status) == (True, "PROVISIONING")
    machine(sim)
    sim.settle()
    assert sim.task(second.arn).last_status == "RUNNING"


def test_a_service_says_that_too_many_wait(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="web", taskDefinition="app", desiredCount=501)
    sim.settle()
    assert len(sim.tasks()) == 500
    assert (
        "was unable to place tasks in your cluster because the tasks provisioning capacity limit was exceeded."
        in sim.events()
    )


# --- managed instances ------------------------------------------------------------------------------------------------


@pytest.fixture
def managed(sim: Simulation) -> Simulation:
    sim.call("CreateCapacityProvider", name="managed", cluster="default", managedInstancesProvider=MANAGED)
    return sim


def test_tasks_on_managed_instances_have_a_launch_type_of_their_own(managed: Simulation) -> None:
    strategy = [{"capacityProvider": "managed", "weight": 1}]
    asked = {"networkConfiguration": NETWORK, "capacityProviderStrategy": strategy}
    task = run(managed, taskDefinition="net", **asked)
    assert (task["launchType"], task["lastStatus"]) == ("MANAGED_INSTANCES", "PROVISIONING")
    managed.call("CreateService", serviceName="web", taskDefinition="net", desiredCount=0, **asked)
    managed.settle()
    (cluster,) = managed.call("DescribeClusters", include=["STATISTICS"])["clusters"]
    counts = {each["name"]: each["value"] for each in cluster["statistics"]}
    assert (counts["pendingManagedInstancesTasksCount"], counts["pendingEC2TasksCount"]) == ("1", "0")
    assert (counts["activeManagedInstancesServiceCount"], counts["activeEC2ServiceCount"]) == ("1", "0")
    machine(managed, "managed")
    managed.settle()
    assert shown(managed, task["taskArn"])["lastStatus"] == "RUNNING"


def test_a_definition_that_managed_instances_cannot_run_is_refused(managed: Simulation) -> None:
    strategy = [{"capacityProvider": "managed", "weight": 1}]
    assert refusal(managed, "RunTask", taskDefinition="app", capacityProviderStrategy=strategy) == (
        "InvalidParameterException",
        "Task definition does not support launch_type MANAGED_INSTANCES.",
    )


def test_managed_instances_share_a_strategy_with_no_other_kind(managed: Simulation) -> None:
    both = [*STRATEGY, {"capacityProvider": "managed", "weight": 1}]
    code, message = refusal(managed, "RunTask", taskDefinition="app", capacityProviderStrategy=both)
    assert code == "InvalidParameterException"
    assert message.startswith("A capacity provider strategy cannot contain a mix of")
