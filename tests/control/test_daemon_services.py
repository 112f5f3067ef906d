"""A DAEMON service is on each machine that matches: what it may not ask for, and what it does as machines come, change and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.config import Instances
from ecs_emulator.ecs import container_instances
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.wire.call import Call
from tests.control.test_instances import add, define, drain, listed
from tests.simulation import Refused, Simulation

DAEMON = "The daemon scheduling strategy does not support"
NO_COUNT = f"{DAEMON} a desired count for services. Remove the desired count value and try again"
NO_STRATEGY = f"{DAEMON} placement strategies. Remove the placement strategy and try again"
TOO_MANY = (
    f"{DAEMON} values above 100 for maximumPercent on a deployment configuration. "
    "Change the maximumPercent value to 100, and try again"
)
NO_PROVIDERS = "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy."
REBALANCING = (
    "The service couldn't be {} because Availability Zone Rebalancing does not support DAEMON as scheduling strategy. "
    "Update scheduling strategy and try again."
)
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = simulation(tmp_path, Instances.NONE)
    yield found
    found.close()


def simulation(directory: Path | None, instances: Instances) -> Simulation:
    sim = Simulation(directory, instances=instances)
    sim.call("CreateCluster", clusterName="default")
    define(sim, memory=100)
    return sim


def serve(sim: Simulation, **params: Any) -> dict[str, Any]:
    asked = {"serviceName": "web", "taskDefinition": "web", "schedulingStrategy": "DAEMON", **params}
    made: dict[str, Any] = sim.call("CreateService", **asked)["service"]
    sim.settle()
    return made


def shown(sim: Simulation) -> dict[str, Any]:
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    found: dict[str, Any] = service
    return found


def running(sim: Simulation) -> list[Task]:
    return sim.tasks(last_status=TaskStatus.RUNNING, desired_status="RUNNING")


def places(sim: Simulation) -> set[str | None]:
    return {task.container_instance_arn for task in running(sim) if task.service_arn}


# --- what may be asked for ------------------------------------------------------------------------------------------

REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("a count", {"desiredCount": 1}, NO_COUNT),
    ("even none", {"desiredCount": 0}, NO_COUNT),
    ("a count before the launch type", {"desiredCount": 1, "launchType": "FARGATE"}, NO_COUNT),
    (
        "a network before a count",
        {"desiredCount": 1, "taskDefinition": "net"},
        "Network Configuration must be provided",
    ),
    (
        "Fargate",
        {"launchType": "FARGATE", "taskDefinition": "net", "networkConfiguration": NETWORK},
        f"{DAEMON} the FARGATE launch type. Change the launch type and try again",
    ),
    ("a provider", {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}, NO_PROVIDERS),
    ("a strategy", {"placementStrategy": [{"type": "random"}]}, NO_STRATEGY),
    ("more than 100 %", {"deploymentConfiguration": {"maximumPercent": 200}}, TOO_MANY),
    ("rebalancing", {"availabilityZoneRebalancing": "ENABLED"}, REBALANCING.format("created")),
    ("another controller", {"deploymentController": {"type": "EXTERNAL"}, "taskDefinition": None}, "controller"),
    ("blue/green", {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "BLUE_GREEN deployment strategy"),
    ("less than 100 %", {"deploymentConfiguration": {"maximumPercent": 50}}, "maximumPercent must be at least 100"),
]


@pytest.mark.parametrize(("name", "params", "text"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_a_daemon_service_cannot_be_made_with(
    sim: Simulation, name: str, params: dict[str, Any], text: str
) -> None:
    sim.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[],
    )
    container = {"name": "app", "image": "img", "memory": 64}
    sim.call("RegisterTaskDefinition", family="net", networkMode="awsvpc", containerDefinitions=[container])
    given = {member: value for member, value in {"taskDefinition": "web", **params}.items() if value is not None}
    with pytest.raises(Refused) as refused:
        sim.call("CreateService", serviceName="web", schedulingStrategy="DAEMON", **given)
    assert refused.value.code == "InvalidParameterException"
    assert text in refused.value.message


CHANGES = [
    ({"desiredCount": 0}, NO_COUNT),
    ({"desiredCount": -1}, NO_COUNT),
    ({"placementStrategy": [{"type": "random"}]}, NO_STRATEGY),
    ({"deploymentConfiguration": {"maximumPercent": 150}}, TOO_MANY),
    ({"availabilityZoneRebalancing": "ENABLED"}, REBALANCING.format("updated")),
]


@pytest.mark.parametrize(("params", "text"), CHANGES)
def test_what_a_daemon_service_cannot_be_changed_to(sim: Simulation, params: dict[str, Any], text: str) -> None:
    serve(sim)
    with pytest.raises(Refused) as refused:
        sim.call("UpdateService", service="web", **params)
    assert (refused.value.code, refused.value.message) == ("InvalidParameterException", text)


def test_the_clusters_default_strategy_counts_as_asked_for(sim: Simulation) -> None:
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    sim.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=strategy,
    )
    with pytest.raises(Refused, match="Specifying a capacity provider strategy is not supported"):
        serve(sim)
    assert serve(sim, launchType="EC2")["launchType"] == "EC2"


def test_its_defaults_are_those_of_the_strategy(sim: Simulation) -> None:
    made = serve(sim)
    configuration = made["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (0, 100)
    assert (made["schedulingStrategy"], made["desiredCount"]) == ("DAEMON", 0)
    assert made["availabilityZoneRebalancing"] == "DISABLED"
    assert sim.call("ListServices", schedulingStrategy="DAEMON")["serviceArns"] == [made["serviceArn"]]
    assert sim.call("ListServices", schedulingStrategy="REPLICA")["serviceArns"] == []


def test_all_healthy_at_100_percent_is_accepted_though_it_blocks(sim: Simulation) -> None:
    serve(sim, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100})


# --- machines -------------------------------------------------------------------------------------------------------


def test_each_machine_that_comes_gets_its_task_and_counts(sim: Simulation) -> None:
    serve(sim)
    assert sim.events() == [
        f"(deployment {shown(sim)['deployments'][0]['id']}) deployment completed.",
        "has reached a steady state.",
    ]
    machines = {add(sim), add(sim)}
    sim.settle()
    service = shown(sim)
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)
    assert service["deployments"][0]["desiredCount"] == 2
    assert places(sim) == machines
    assert sim.events()[-2].startswith("has started 2 tasks: (task ")
    assert sim.events()[-1] == "has reached a steady state."


def test_no_machine_is_made_for_it_and_it_holds_none(tmp_path: Path) -> None:
    sim = simulation(tmp_path, Instances.ON_DEMAND)
    serve(sim)
    sim.advance(60)
    assert listed(sim) == []
    task = sim.call("RunTask", taskDefinition="web")["tasks"][0]
    sim.settle()
    assert len(places(sim)) == 1
    sim.call("StopTask", task=task["taskArn"])
    sim.advance(120)
    assert listed(sim) == []
    assert (shown(sim)["desiredCount"], shown(sim)["runningCount"]) == (0, 0)
    sim.close()


def test_only_machines_that_match_are_meant(sim: Simulation) -> None:
    first, second = add(sim), add(sim)
    sim.call("PutAttributes", attributes=[{"name": "stack", "value": "prod", "targetId": first}])
    serve(sim, placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}])
    assert places(sim) == {first}
    sim.call("PutAttributes", attributes=[{"name": "stack", "value": "prod", "targetId": second}])
    sim.settle()
    assert places(sim) == {first, second}
    sim.call("DeleteAttributes", attributes=[{"name": "stack", "targetId": first}])
    sim.settle()
    assert places(sim) == {second}
    assert shown(sim)["desiredCount"] == 1
    assert "has 1 tasks on container instances that no longer satisfy its placement constraints." in sim.events()


def test_the_definitions_own_constraint_counts_too(sim: Simulation) -> None:
    add(sim)
    wanted = [{"type": "memberOf", "expression": "attribute:gone exists"}]
    container = {"name": "app", "image": "img", "memory": 64}
    sim.call("RegisterTaskDefinition", family="tied", containerDefinitions=[container], placementConstraints=wanted)
    serve(sim, taskDefinition="tied")
    assert (shown(sim)["desiredCount"], places(sim)) == (0, set())


def test_its_own_tasks_do_not_count_where_a_constraint_counts_tasks(sim: Simulation) -> None:
    add(sim)
    serve(sim, placementConstraints=[{"type": "memberOf", "expression": "runningTasksCount == 0"}])
    sim.advance(60)
    assert len(running(sim)) == 1
    assert len(sim.tasks()) == 1


def test_on_a_machine_that_drains_its_task_goes_when_those_of_other_services_have_gone(sim: Simulation) -> None:
    first = add(sim)
    serve(sim)
    sim.call("CreateService", serviceName="other", taskDefinition="web", desiredCount=1)
    sim.settle()
    drain(sim, first)
    sim.settle()
    assert places(sim) == {first}  # there is no other machine for the task of `other`
    second = add(sim)
    sim.settle()
    assert places(sim) == {second}
    stopped = [
        task.group for task in sorted(sim.tasks(last_status=TaskStatus.STOPPED), key=lambda t: t.stopping_at or 0)
    ]
    assert sorted(stopped) == ["service:other", "service:web"]


def test_tasks_of_nobody_do_not_keep_it_on_a_machine_that_drains(sim: Simulation) -> None:
    first = add(sim)
    sim.call("RunTask", taskDefinition="web")
    serve(sim)
    drain(sim, first)
    sim.settle()
    assert places(sim) == set()
    assert len(running(sim)) == 1
    drain(sim, first, "ACTIVE")
    sim.settle()
    assert places(sim) == {first}


def test_a_machine_without_room_is_told_of_once_and_served_when_there_is_some(sim: Simulation) -> None:
    full = add(sim, memory=150)
    standing = sim.call("RunTask", taskDefinition="web")["tasks"][0]
    other = add(sim)
    serve(sim)
    assert places(sim) == {other}
    problem = (
        "was unable to place a task because no container instance met all of its requirements. "
        f"The closest matching (container-instance {full.rpartition('/')[2]}) has insufficient memory available. "
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
    sim.advance(600)
    assert sim.events().count(problem) == 1
    sim.call("StopTask", task=standing["taskArn"])
    sim.settle()
    assert places(sim) == {full, other}
    assert sim.events()[-1] == "has reached a steady state."


def test_more_machines_than_one_decision_serves_are_all_served_though_the_first_have_no_room(sim: Simulation) -> None:
    serve(sim)
    with sim.store.transaction() as tx:
        call = Call.of(sim.context(), "RegisterContainerInstance", tx)
        container_instances.add_instances(call, count=15, memory=10)
        container_instances.add_instances(call, count=120)
    sim.settle()
    assert (shown(sim)["desiredCount"], len(places(sim))) == (135, 120)
    before = len(sim.events())
    sim.advance(900)
    assert len(sim.events()) == before


def test_a_forced_deregistration_takes_its_task_along(sim: Simulation) -> None:
    first, second = add(sim), add(sim)
    serve(sim)
    sim.call("DeregisterContainerInstance", containerInstance=first, force=True)
    sim.settle()
    assert places(sim) == {second}
    assert (shown(sim)["desiredCount"], sim.events()[-1]) == (1, "has reached a steady state.")


def test_it_needs_no_force_to_be_deleted(sim: Simulation) -> None:
    add(sim)
    serve(sim)
    sim.call("DeleteService", service="web")
    sim.settle()
    assert shown(sim)["status"] == "INACTIVE"


def test_external_machines_are_for_external_services_alone(sim: Simulation) -> None:
    machine = sim.call("RegisterContainerInstance", attributes=[{"name": "ecs.capability.external"}])[
        "containerInstance"
    ]
    serve(sim)
    assert shown(sim)["desiredCount"] == 0
    sim.call(
        "CreateService", serviceName="there", taskDefinition="web", launchType="EXTERNAL", schedulingStrategy="DAEMON"
    )
    sim.settle()
    assert places(sim) == {machine["containerInstanceArn"]}


# --- histories ------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["add", "small", "drain", "activate", "gone", "update", "kill", "crash", "time", "constrain", "free"]
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from([0, 50, 66]))
def test_whatever_happens_each_machine_that_matches_has_one_task_in_the_end(steps: list[str], minimum: int) -> None:
    sim = simulation(None, Instances.NONE)
    machines = [add(sim)]
    gone: set[str] = set()
    serve(sim, deploymentConfiguration={"minimumHealthyPercent": minimum})
    for number, step in enumerate(steps):
        there = [each for each in machines if each not in gone]
        _happens(sim, step, there, machines, gone, number)
    sim.advance(600)
    drained = {arn for arn in machines if arn not in gone and _status(sim, arn) == "DRAINING"}
    matching = [arn for arn in machines if arn not in gone | drained]
    service = shown(sim)
    if not service["placementConstraints"]:
        assert service["desiredCount"] == len(matching)
    alive = [task.container_instance_arn for task in sim.tasks(desired_status="RUNNING")]
    assert len(alive) == len(set(alive)) <= service["desiredCount"]
    assert not drained & set(alive)
    revisions = {task.task_definition_arn for task in sim.tasks(desired_status="RUNNING")}
    if minimum == 0:  # else one machine may have to stay as it is
        assert revisions <= {service["taskDefinition"]}
    before = sim.journal()
    sim.crash()
    sim.advance(1)
    assert sim.journal() == before
    sim.close()


def _happens(sim: Simulation, step: str, there: list[str], machines: list[str], gone: set[str], number: int) -> None:
    if step in ("add", "small"):
        machines.append(add(sim, memory=1024 if step == "add" else 50))
    elif step in ("drain", "activate") and there:
        drain(sim, there[number % len(there)], "DRAINING" if step == "drain" else "ACTIVE")
    elif step == "gone" and there:
        gone.add(there[number % len(there)])
        sim.call("DeregisterContainerInstance", containerInstance=there[number % len(there)], force=True)
    elif step == "update":
        define(sim, memory=100)
        sim.call("UpdateService", service="web", taskDefinition="web")
    elif step in ("constrain", "free"):
        wanted = [{"type": "memberOf", "expression": "attribute:stack exists"}] if step == "constrain" else []
        sim.call("UpdateService", service="web", placementConstraints=wanted)
    elif step == "kill" and (alive := running(sim)):
        sim.kill(alive[0].arn)
    elif step == "crash":
        sim.crash()
    if step == "time":
        sim.advance(30)
    elif number % 3:
        sim.settle()
    else:
        sim.step()


def _status(sim: Simulation, arn: str) -> str:
    (found,) = sim.call("DescribeContainerInstances", containerInstances=[arn])["containerInstances"]
    status: str = found["status"]
    return status
