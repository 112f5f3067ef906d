"""Trouble on order, as the users of services see it: it comes when it is due, to whom it was meant for, and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import AWS, FAST, Instances
from ecs_emulator.control.loop import FULL_PASS_EVERY
from ecs_emulator.ecs import faults, interruptions
from ecs_emulator.ecs.container_instances import add_instances
from ecs_emulator.ecs.errors import InvalidParameterException
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import Health, Task, TaskStatus
from ecs_emulator.wire.call import Call
from ecs_emulator.wire.errors import AwsError
from tests.simulation import Simulation

CHECK = {"command": ["CMD", "true"]}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
Document = dict[str, Any]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Simulation]:
    """Where nobody makes a machine but the test."""
    sim = Simulation(tmp_path, instances=Instances.NONE, timings=replace(AWS, steady_after=0.0))
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


def order(sim: Simulation, kind: str, *, simulated: bool = True, **asked: Any) -> Document:
    with sim.store.transaction() as tx:
        ordered = faults.order(Call.of(sim.context(), "OrderFault", tx), {"kind": kind, **asked}, simulated=simulated)
    sim.settle()
    return ordered


def cancel(sim: Simulation, fault: Document) -> None:
    with sim.store.transaction() as tx:
        faults.cancel(Call.of(sim.context(), "CancelFault", tx), fault["id"])
    sim.settle()


def ordered(sim: Simulation) -> list[Document]:
    with sim.store.snapshot() as tx:
        return faults.ordered(Call.of(sim.context(), "ListFaults", tx))


def interrupt(sim: Simulation, subject: str, **asked: Any) -> Document:
    with sim.store.transaction() as tx:
        told = interruptions.interrupt(Call.of(sim.context(), "Interrupt", tx), subject, **asked)
    sim.settle()
    return told


def add(sim: Simulation, count: int = 1, **shape: Any) -> list[str]:
    with sim.store.transaction() as tx:
        added = add_instances(Call.of(sim.context(), "AddInstances", tx), count=count, **shape)
    return [each.arn for each in added]


def define(sim: Simulation, words: str = "", **more: Any) -> None:
    labels = {"dockerLabels": {"ecs-emulator.simulate": words}} if words else {}
    containers = [
        {"name": "app", "image": "img", "memory": 64, "healthCheck": CHECK, **labels},
        {"name": "side", "image": "img", "memory": 64, "essential": False},
    ]
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=containers, **more)


def serve(sim: Simulation, desired: int = 2, **params: Any) -> None:
    define(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=desired, **params)
    sim.settle()


def run(sim: Simulation, words: str = "", **params: Any) -> Task:
    define(sim, words)
    (task,) = sim.call("RunTask", taskDefinition="web", **params)["tasks"]
    sim.settle()
    return sim.task(task["taskArn"])


def running(sim: Simulation) -> list[Task]:
    return [task for task in sim.tasks() if task.last_status is TaskStatus.RUNNING]


def exit_codes(sim: Simulation) -> list[int | None]:
    return [task.containers[0].exit_code for task in sim.tasks() if task.last_status is TaskStatus.STOPPED]


# --- crashes ------------------------------------------------------------------------------------------------------------


def test_one_task_of_the_service_crashes_once_and_is_replaced(sim: Simulation) -> None:
    serve(sim)
    order(sim, "crash", service="web", exitCode=3)
    assert exit_codes(sim) == [3]
    assert len(running(sim)) == 2
    assert ordered(sim) == []
    sim.advance(3_000)
    assert exit_codes(sim) == [3]


def test_crashes_come_every_so_often_and_as_many_as_were_asked_for(sim: Simulation) -> None:
    serve(sim)
    order(sim, "crash", service="web", after="1m", every="10m", count=3)
    assert exit_codes(sim) == []
    sim.advance(60)
    assert exit_codes(sim) == [137]
    sim.advance(599)
    assert exit_codes(sim) == [137]
    sim.advance(1_000)
    assert exit_codes(sim) == [137, 137, 137]
    assert ordered(sim) == [] and len(running(sim)) == 2


def test_a_named_container_that_is_not_essential_crashes_and_its_task_goes_on(sim: Simulation) -> None:
    task = run(sim)
    order(sim, "crash", task=task.arn, container="side", exitCode=0)
    task = sim.task(task.arn)
    assert task.last_status is TaskStatus.RUNNING
    assert [one.exit_code for one in task.containers] == [None, 0]


def test_a_crash_that_is_due_waits_for_a_container_that_runs(sim: Simulation) -> None:
    define(sim, "start=slow")
    (started,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    sim.settle()
    order(sim, "crash", task=started["taskArn"], exitCode=9)
    assert len(ordered(sim)) == 1
    sim.advance(10)
    assert exit_codes(sim) == [9] and ordered(sim) == []


def test_a_crash_outlives_a_crash_of_the_emulator(sim: Simulation) -> None:
    serve(sim)
    order(sim, "crash", service="web", after=60)
    sim.crash()
    sim.settle()
    sim.advance(59)
    assert exit_codes(sim) == []
    sim.advance(1)
    assert exit_codes(sim) == [137]


def test_a_crash_that_was_cancelled_never_comes(sim: Simulation) -> None:
    serve(sim)
    cancel(sim, order(sim, "crash", service="web", after=60, every=60))
    sim.advance(600)
    assert exit_codes(sim) == [] and ordered(sim) == []


def test_the_fault_of_a_task_that_has_stopped_is_over(sim: Simulation) -> None:
    task = run(sim)
    order(sim, "slow-start", task=task.arn, seconds=5)
    sim.call("StopTask", task=task.arn)
    sim.advance(FULL_PASS_EVERY + 1)
    assert ordered(sim) == []


# --- slow starts and failing health -------------------------------------------------------------------------------------


def test_a_slow_start_is_slow_until_it_is_cancelled(sim: Simulation) -> None:
    serve(sim, 0)
    fault = order(sim, "slow-start", service="web", seconds="90s")
    sim.call("UpdateService", service="web", desiredCount=1)
    sim.advance(89)
    assert running(sim) == []
    sim.advance(1)
    assert len(running(sim)) == 1
    sim.call("UpdateService", service="web", desiredCount=2)
    sim.settle()
    assert len(running(sim)) == 1
    cancel(sim, fault)
    assert len(running(sim)) == 2


def test_a_service_replaces_tasks_as_long_as_their_health_checks_fail(sim: Simulation) -> None:
    serve(sim, 1)
    fault = order(sim, "unhealthy", service="web")
    sim.advance(120)
    reasons = {task.stopped_reason for task in sim.tasks() if task.last_status is TaskStatus.STOPPED}
    assert reasons == {"Task failed container health checks"}
    cancel(sim, fault)
    sim.advance(120)
    (task,) = running(sim)
    assert task.health is Health.HEALTHY
    before = len(sim.tasks())
    sim.advance(600)
    assert len(sim.tasks()) == before


def test_a_task_of_no_service_is_well_again_when_the_fault_is_over(sim: Simulation) -> None:
    task = run(sim)
    assert task.health is Health.HEALTHY
    fault = order(sim, "unhealthy", task=task.arn)
    assert sim.task(task.arn).health is Health.UNHEALTHY
    cancel(sim, fault)
    assert sim.task(task.arn).health is Health.HEALTHY


# --- container instances ------------------------------------------------------------------------------------------------


def test_tasks_stay_where_the_agent_is_disconnected_and_none_comes(machines: Simulation) -> None:
    sim = machines
    (instance,) = add(sim)
    task = run(sim)
    fault = order(sim, "disconnect", instance=instance)
    (shown,) = sim.call("DescribeContainerInstances", containerInstances=[instance])["containerInstances"]
    assert shown["agentConnected"] is False and shown["status"] == "ACTIVE"
    answer = sim.call("RunTask", taskDefinition="web")
    assert (answer["tasks"], [one["reason"] for one in answer["failures"]]) == ([], ["AGENT"])
    sim.call("StopTask", task=task.arn)
    sim.advance(300)
    assert sim.task(task.arn).last_status is TaskStatus.RUNNING
    sim.crash()
    sim.settle()
    assert sim.task(task.arn).last_status is TaskStatus.RUNNING
    cancel(sim, fault)
    assert sim.task(task.arn).last_status is TaskStatus.STOPPED
    assert len(sim.call("RunTask", taskDefinition="web")["tasks"]) == 1


def test_tasks_of_a_machine_that_is_gone_stop_and_the_service_has_them_elsewhere(machines: Simulation) -> None:
    sim = machines
    lost, other = add(sim, 2)
    serve(sim)
    assert {task.container_instance_arn for task in running(sim)} == {lost, other}
    order(sim, "capacity-loss", instance=lost)
    sim.advance(5)
    (gone,) = (task for task in sim.tasks() if task.last_status is TaskStatus.STOPPED)
    (shown,) = sim.call("DescribeContainerInstances", containerInstances=[lost])["containerInstances"]
    assert gone.stopped_reason == f"Host EC2 (instance {shown['ec2InstanceId']}) terminated."
    assert (shown["status"], gone.stop_code) == ("INACTIVE", "TerminationNotice")
    assert [task.container_instance_arn for task in running(sim)] == [other, other]
    assert ordered(sim) == []


# --- what cannot be ordered ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "flood"}, "kind should be one of throttle, error, latency, crash, slow-start, unhealthy, "),
        ({"kind": ["crash"]}, "kind should be one of"),
        ({"kind": "throttle", "colour": 1}, "colour is none of operations, share, count, seed"),
        ({"kind": "throttle", "share": 0}, "share should be a number above 0 and at most 1"),
        ({"kind": "throttle", "share": True}, "share should be a number above 0 and at most 1"),
        ({"kind": "throttle", "share": float("nan")}, "share should be a number above 0 and at most 1"),
        ({"kind": "error", "count": 0}, "count should be a whole number from 1 to 2147483647"),
        ({"kind": "error", "operations": []}, "operations should be 1 to 50 patterns"),
        ({"kind": "error", "operations": [7]}, "operations should be a text"),
        ({"kind": "latency"}, "latency needs seconds"),
        ({"kind": "latency", "seconds": 301}, "seconds should be at least 0.001 seconds and at most 300"),
        (
            {"kind": "latency", "seconds": "soon"},
            "seconds: 'soon' is no duration: it should be seconds, or a text like",
        ),
        ({"kind": "crash"}, "task or service should be named"),
        ({"kind": "crash", "service": "web", "task": "0" * 32}, "task or service should be named, and not both"),
        ({"kind": "crash", "service": "web", "exitCode": 256}, "exitCode should be a whole number from 0 to 255"),
        ({"kind": "crash", "service": "web", "every": 0}, "every should be at least 1 seconds"),
        ({"kind": "crash", "service": "web", "count": 2}, "count needs every"),
        ({"kind": "crash", "service": "ghost"}, "Service not found."),
        ({"kind": "crash", "service": "web", "cluster": "ghost"}, "Cluster not found."),
        ({"kind": "crash", "task": "0" * 32}, "there is no task"),
        ({"kind": "crash", "task": "short"}, "taskId length should be one of"),
        ({"kind": "slow-start", "service": "web"}, "slow-start needs seconds"),
        ({"kind": "disconnect"}, "instance should be named"),
        ({"kind": "disconnect", "instance": "i-0"}, "there is no container instance i-0 in cluster default"),
        ({"kind": "capacity-loss", "instance": 7}, "instance should be a text"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(sim: Simulation, asked: Document, message: str) -> None:
    serve(sim, 0)
    with pytest.raises(AwsError) as refused:
        order(sim, **asked)
    assert str(refused.value.message).startswith(message)
    assert ordered(sim) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "unhealthy", "service": "web"}, "the engine itself runs the health checks"),
        (
            {"kind": "crash", "service": "web", "exitCode": 3},
            "a real container is killed, and then its exitCode is 137",
        ),
    ],
)
def test_what_real_containers_cannot_be_given_is_refused_for_them(
    sim: Simulation, asked: Document, message: str
) -> None:
    serve(sim, 0)
    with pytest.raises(InvalidParameterException, match=message):
        order(sim, simulated=False, **asked)


def test_another_account_s_fault_is_not_there_to_cancel(sim: Simulation) -> None:
    fault = order(sim, "throttle")
    context = replace(sim.context(), world=replace(sim.world, region="eu-west-1"))
    with pytest.raises(InvalidParameterException, match="there is no fault"), sim.store.transaction() as tx:
        faults.cancel(Call.of(context, "CancelFault", tx), fault["id"])
    assert len(ordered(sim)) == 1


# --- Spot ---------------------------------------------------------------------------------------------------------------


def spot_service(sim: Simulation) -> None:
    sim.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[],
    )
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    containers = [
        {"name": "app", "image": "img", "stopTimeout": 120, "dockerLabels": {"ecs-emulator.simulate": "stop=ignore"}}
    ]
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=containers, **sizes)
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        capacityProviderStrategy=strategy,
        networkConfiguration=NETWORK,
    )
    sim.settle()


def test_a_fargate_spot_task_has_two_minutes_and_says_why_it_stops(sim: Simulation) -> None:
    spot_service(sim)
    (task,) = running(sim)
    told = interrupt(sim, task.arn)
    assert told["stoppedReason"] == "Your Spot Task was interrupted."
    (shown,) = sim.call("DescribeTasks", tasks=[task.arn])["tasks"]
    assert (shown["desiredStatus"], shown["lastStatus"]) == ("STOPPED", "RUNNING")
    assert (shown["stopCode"], shown["stoppedReason"]) == ("SpotInterruption", "Your Spot Task was interrupted.")
    sim.advance(119)
    assert sim.task(task.arn).last_status is TaskStatus.RUNNING
    sim.advance(2)
    assert sim.task(task.arn).last_status is TaskStatus.STOPPED
    assert len(running(sim)) == 1
    with pytest.raises(InvalidParameterException, match="is stopping already"):
        interrupt(sim, task.id)


def test_a_spot_machine_drains_for_two_minutes_and_is_gone_with_what_is_left(machines: Simulation) -> None:
    sim = machines
    (spot,) = add(sim, attributes={"ecs-emulator.purchase": "spot"})
    serve(sim, 1)
    left = run(sim)
    (other,) = add(sim)
    told = interrupt(sim, spot)
    assert told["status"] == "DRAINING" and told["goneAt"] == sim.clock.now() + 120
    sim.advance(60)
    (moved,) = (task for task in running(sim) if task.service_arn)
    assert moved.container_instance_arn == other
    assert sim.task(left.arn).last_status is TaskStatus.RUNNING
    sim.crash()
    sim.settle()
    sim.advance(60)
    with sim.store.snapshot() as tx:
        gone = tx.get(ContainerInstance, spot)
    assert gone is not None and gone.status is InstanceStatus.INACTIVE
    ended = sim.task(left.arn)
    assert (ended.last_status, ended.stop_code) == (TaskStatus.STOPPED, "SpotInterruption")


def test_only_spot_is_interrupted(sim: Simulation) -> None:
    (instance,) = add(sim)
    with pytest.raises(InvalidParameterException, match="is on-demand: its attribute"):
        interrupt(sim, instance)
    task = run(sim)
    with pytest.raises(InvalidParameterException, match="runs on EC2, and only FARGATE_SPOT is interrupted"):
        interrupt(sim, task.id)
    for nothing in ("i-0", "0" * 32, "x"):
        with pytest.raises(InvalidParameterException, match="there is no task and no container instance"):
            interrupt(sim, nothing)


def test_placement_can_ask_how_a_machine_was_bought(machines: Simulation) -> None:
    sim = machines
    add(sim, 2)
    (reserved,) = add(sim, attributes={"ecs-emulator.purchase": "reserved"})
    wanted = [{"type": "memberOf", "expression": "attribute:ecs-emulator.purchase == reserved"}]
    assert run(sim, placementConstraints=wanted).container_instance_arn == reserved
    wanted = [{"type": "memberOf", "expression": "attribute:ecs-emulator.purchase == on-demand"}]
    assert run(sim, placementConstraints=wanted).container_instance_arn != reserved


def test_the_fast_preset_shortens_the_warning() -> None:
    assert (FAST.spot_warning, AWS.spot_warning) == (2.0, 120.0)
