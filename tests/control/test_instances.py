"""Machines come when an EC2 task needs one, and go when none does; who waited for capacity gets it when there is some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from ecs_emulator.records.tasks import TaskStatus
from ecs_emulator.rules import machines
from tests.simulation import Refused, Simulation

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def a_small_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 vCPUs and 1024 MiB, whatever this machine has."""
    monkeypatch.setattr(machines, "host_shape", lambda: machines.Shape(2048, 1024))


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    yield from _simulation(tmp_path, Instances.ON_DEMAND)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Simulation]:
    yield from _simulation(tmp_path, Instances.NONE)


def _simulation(directory: Path, instances: Instances) -> Iterator[Simulation]:
    sim = Simulation(directory, instances=instances)
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


def define(sim: Simulation, memory: int = 400, **container: Any) -> None:
    definition = {"name": "app", "image": "img", "memory": memory, **container}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[definition])


def serve(sim: Simulation, desired: int, **params: Any) -> None:
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=desired, **params)
    sim.settle()


def listed(sim: Simulation) -> list[str]:
    arns: list[str] = sim.call("ListContainerInstances")["containerInstanceArns"]
    return arns


def add(sim: Simulation, memory: int = 1024) -> str:
    """A machine that stays, as RegisterContainerInstance makes it."""
    total = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
    ]
    answer = sim.call("RegisterContainerInstance", totalResources=total)
    return str(answer["containerInstance"]["containerInstanceArn"])


def drain(sim: Simulation, instance: str, status: str = "DRAINING") -> None:
    sim.call("UpdateContainerInstancesState", containerInstances=[instance], status=status)


def running(sim: Simulation) -> int:
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    count: int = service["runningCount"]
    return count


# --- on demand ------------------------------------------------------------------------------------------------------


def test_a_machine_appears_for_the_first_task_and_another_when_it_is_full(sim: Simulation) -> None:
    define(sim)
    assert listed(sim) == []
    sim.call("RunTask", taskDefinition="web", count=2)
    assert len(listed(sim)) == 1
    sim.call("RunTask", taskDefinition="web")
    assert len(listed(sim)) == 2
    zones = {task.availability_zone for task in sim.tasks()}
    assert zones == {"us-east-1a", "us-east-1b"}


def test_a_service_gets_the_machines_that_it_needs(sim: Simulation) -> None:
    define(sim)
    serve(sim, 5)
    assert (running(sim), len(listed(sim))) == (5, 3)


def test_an_idle_machine_is_retired_after_a_minute_and_not_before(sim: Simulation) -> None:
    define(sim)
    sim.call("RunTask", taskDefinition="web")
    sim.settle()
    sim.advance(600)
    assert len(listed(sim)) == 1
    sim.call("StopTask", task=sim.tasks()[0].id)
    sim.advance(59)
    assert len(listed(sim)) == 1
    sim.advance(2)
    assert listed(sim) == []
    (gone,) = sim.call("DescribeContainerInstances", containerInstances=[str(sim.tasks()[0].container_instance_arn)])[
        "containerInstances"
    ]
    assert gone["status"] == "INACTIVE"


def test_a_machine_that_is_used_again_within_the_minute_stays(sim: Simulation) -> None:
    define(sim, dockerLabels={"ecs-emulator.simulate": "exit=0 after=10s"})
    for _ in range(4):
        sim.call("RunTask", taskDefinition="web")
        sim.advance(50)
    assert len({task.container_instance_arn for task in sim.tasks()}) == 1
    sim.advance(25)
    assert listed(sim) == []


def test_a_machine_that_somebody_registered_is_never_retired(sim: Simulation) -> None:
    add(sim)
    sim.advance(3600)
    assert len(listed(sim)) == 1


def test_a_task_that_no_machine_of_this_host_could_take_is_refused(sim: Simulation) -> None:
    define(sim, memory=2000)
    with pytest.raises(Refused, match="No Container Instances were found in your cluster"):
        sim.call("RunTask", taskDefinition="web")
    assert listed(sim) == []
    add(sim)
    answer = sim.call("RunTask", taskDefinition="web")
    assert [one["reason"] for one in answer["failures"]] == ["RESOURCE:MEMORY"]


def test_delete_cluster_takes_machines_made_on_demand_along(sim: Simulation) -> None:
    define(sim)
    sim.call("RunTask", taskDefinition="web")
    sim.settle()
    with pytest.raises(Refused, match="The Cluster cannot be deleted while Tasks are active"):
        sim.call("DeleteCluster", cluster="default")
    sim.call("StopTask", task=sim.tasks()[0].id)
    sim.settle()
    assert sim.call("DeleteCluster", cluster="default")["cluster"]["status"] == "INACTIVE"


def test_delete_cluster_is_blocked_by_machines_that_were_registered(sim: Simulation) -> None:
    add(sim)
    with pytest.raises(Refused, match="while Container Instances are active or draining"):
        sim.call("DeleteCluster", cluster="default")


# --- as AWS ---------------------------------------------------------------------------------------------------------


def test_without_machines_on_demand_an_empty_cluster_is_refused_as_by_aws(strict: Simulation) -> None:
    define(strict)
    with pytest.raises(Refused) as refused:
        strict.call("RunTask", taskDefinition="web")
    assert (refused.value.code, refused.value.message) == (
        "InvalidParameterException",
        "No Container Instances were found in your cluster.",
    )


EMPTY = (
    "was unable to place a task because no container instance met all of its requirements. "
    "Reason: No Container Instances were found in your cluster. "
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)


def test_a_service_says_once_that_it_waits_and_starts_when_a_machine_comes(strict: Simulation) -> None:
    define(strict)
    serve(strict, 3)
    strict.advance(1200)
    assert strict.events() == [EMPTY]
    first = add(strict)
    strict.settle()
    assert running(strict) == 2
    closest = first.rpartition("/")[2]
    assert strict.events()[2] == (
        "was unable to place a task because no container instance met all of its requirements. "
        f"The closest matching (container-instance {closest}) has insufficient memory available. "
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
    add(strict)
    strict.settle()
    assert running(strict) == 3
    assert strict.events()[-1] == "has reached a steady state."


def test_a_service_starts_when_another_task_leaves_room(strict: Simulation) -> None:
    add(strict)
    define(strict)
    standing = strict.call("RunTask", taskDefinition="web", count=2)["tasks"]
    serve(strict, 1)
    assert running(strict) == 0
    strict.call("StopTask", task=standing[0]["taskArn"])
    strict.settle()
    assert running(strict) == 1


def test_a_problem_that_lasts_is_said_again_after_six_hours(strict: Simulation) -> None:
    define(strict)
    serve(strict, 1)
    strict.advance(6 * 3600 + 600)
    assert strict.events() == [EMPTY, EMPTY]


# --- DRAINING -------------------------------------------------------------------------------------------------------


def test_tasks_of_a_service_leave_a_machine_that_drains_and_others_stay(strict: Simulation) -> None:
    first = add(strict)
    define(strict, memory=100)
    strict.call("RunTask", taskDefinition="web")
    serve(strict, 2)
    second = add(strict)
    drain(strict, first)
    strict.settle()
    where = {task.container_instance_arn for task in strict.tasks(last_status=TaskStatus.RUNNING) if task.service_arn}
    assert where == {second}
    stays = [task for task in strict.tasks(last_status=TaskStatus.RUNNING) if not task.service_arn]
    assert [task.container_instance_arn for task in stays] == [first]
    assert [text.split(":")[0] for text in strict.events()[-3:]] == [
        "has started 2 tasks",
        "has stopped 2 running tasks",
        "has reached a steady state.",
    ]
    stopped = next(task for task in strict.tasks(last_status=TaskStatus.STOPPED))
    assert stopped.stopped_reason == f"Scaling activity initiated by (deployment {stopped.deployment_id})"


def test_tasks_stay_on_a_machine_that_drains_until_there_is_another(strict: Simulation) -> None:
    first = add(strict)
    define(strict, memory=100)
    serve(strict, 2)
    drain(strict, first)
    strict.settle()
    assert running(strict) == 2
    assert strict.events()[-1] == EMPTY
    add(strict)
    strict.settle()
    assert running(strict) == 2
    assert first not in {task.container_instance_arn for task in strict.tasks(last_status=TaskStatus.RUNNING)}


def test_a_machine_that_is_active_again_keeps_what_is_still_on_it(strict: Simulation) -> None:
    first = add(strict)
    define(strict, memory=100)
    serve(strict, 2)
    drain(strict, first)
    strict.settle()
    drain(strict, first, "ACTIVE")
    strict.settle()
    assert {task.container_instance_arn for task in strict.tasks(last_status=TaskStatus.RUNNING)} == {first}
    assert strict.events()[-1] == "has reached a steady state."


def test_nothing_new_is_started_on_a_machine_that_drains(strict: Simulation) -> None:
    drain(strict, instance := add(strict))
    define(strict)
    with pytest.raises(Refused, match="No Container Instances were found in your cluster"):
        strict.call("RunTask", taskDefinition="web")
    answer = strict.call("StartTask", taskDefinition="web", containerInstances=[instance])
    assert answer == {"tasks": [], "failures": [{"arn": instance, "reason": "INACTIVE"}]}


def test_pending_tasks_on_a_machine_that_drains_are_stopped_at_once(strict: Simulation) -> None:
    first = add(strict)
    define(strict, memory=100, dockerLabels={"ecs-emulator.simulate": "pull=slow"})
    serve(strict, 2)
    drain(strict, first)
    strict.settle()
    assert "stopped 2 pending tasks." in strict.events()


def test_a_forced_deregistration_stops_tasks_and_their_service_starts_them_elsewhere(strict: Simulation) -> None:
    first = add(strict)
    define(strict, memory=100)
    serve(strict, 1)
    add(strict)
    strict.call("DeregisterContainerInstance", containerInstance=first, force=True)
    strict.settle()
    assert running(strict) == 1
    stopped = next(task for task in strict.tasks(last_status=TaskStatus.STOPPED))
    assert stopped.stopped_reason == "Container instance deregistration forced by user"
    (service,) = strict.call("DescribeServices", services=["web"])["services"]
    assert service["deployments"][0]["failedTasks"] == 0
