"""Availability zones: where a service's tasks go by default, and how those of one that is uneven are moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.config import Instances
from ecs_emulator.records.services import Service
from ecs_emulator.records.tasks import TaskStatus
from ecs_emulator.rules import service_actions
from tests.control.test_instances import add, define, drain
from tests.simulation import Simulation

SPREAD = {"type": "spread", "field": "attribute:ecs.availability-zone"}
PACK = {"type": "binpack", "field": "cpu"}
IN_A = {"type": "memberOf", "expression": "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]"}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = simulation(tmp_path)
    yield found
    found.close()


def simulation(directory: Path | None = None, instances: Instances = Instances.NONE) -> Simulation:
    sim = Simulation(directory, instances=instances)
    sim.call("CreateCluster", clusterName="default")
    define(sim, memory=100)
    return sim


def serve(sim: Simulation, desired: int, **params: Any) -> None:
    sim.call("CreateService", **{"serviceName": "web", "taskDefinition": "web", "desiredCount": desired, **params})
    sim.settle()


def fargate(sim: Simulation, desired: int, subnets: int) -> None:
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call("RegisterTaskDefinition", family="net", containerDefinitions=[{"name": "app", "image": "img"}], **sizes)
    network = {"awsvpcConfiguration": {"subnets": [f"subnet-{number}" for number in range(subnets)]}}
    serve(sim, desired, taskDefinition="net", launchType="FARGATE", networkConfiguration=network)


def by_zone(sim: Simulation) -> dict[str, int]:
    alive = sim.tasks(last_status=TaskStatus.RUNNING, desired_status="RUNNING")
    return dict(Counter((task.availability_zone or "")[-1] for task in alive))


def test_a_zone_that_comes_is_used_and_the_events_tell_of_it(sim: Simulation) -> None:
    add(sim)
    serve(sim, 4)
    assert by_zone(sim) == {"a": 4}
    said = len(sim.events())
    add(sim)
    sim.settle()
    assert by_zone(sim) == {"a": 2, "b": 2}
    assert [text.split(": (task")[0] for text in sim.events()[said:]] == [
        "is not AZ balanced with 4 tasks in us-east-1a, 0 tasks in us-east-1b. AZ Rebalancing in progress.",
        "has started 2 tasks in us-east-1b to AZ Rebalance",
        "has stopped 2 running tasks in us-east-1a due to AZ rebalancing",
        "is AZ balanced with 2 tasks in us-east-1a, 2 tasks in us-east-1b.",
        "has reached a steady state.",
    ]
    stopped = sim.tasks(last_status=TaskStatus.STOPPED)[0]
    assert stopped.stopped_reason == f"Scaling activity initiated by (deployment {stopped.deployment_id})"


def test_a_zone_that_drained_is_used_again_when_it_is_back(sim: Simulation) -> None:
    first = add(sim)
    add(sim)
    serve(sim, 4)
    assert by_zone(sim) == {"a": 2, "b": 2}
    drain(sim, first)
    sim.settle()
    assert by_zone(sim) == {"b": 4}
    drain(sim, first, "ACTIVE")
    sim.settle()
    assert by_zone(sim) == {"a": 2, "b": 2}


AGAINST: list[tuple[str, dict[str, Any]]] = [
    ("it is not wanted", {"availabilityZoneRebalancing": "DISABLED"}),
    ("no more than desired may be", {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 50}}),
    ("another strategy comes first", {"placementStrategy": [PACK, SPREAD]}),
    ("a constraint speaks of zones", {"placementConstraints": [IN_A]}),
]


@pytest.mark.parametrize(("why", "params"), AGAINST, ids=[row[0] for row in AGAINST])
def test_nothing_is_moved_where_something_speaks_against_it(sim: Simulation, why: str, params: dict[str, Any]) -> None:
    add(sim)
    serve(sim, 4, **params)
    add(sim)
    sim.advance(900)
    assert by_zone(sim) == {"a": 4}


def test_a_strategy_that_spreads_over_zones_first_is_balanced_too(sim: Simulation) -> None:
    add(sim)
    serve(sim, 4, placementStrategy=[SPREAD, PACK])
    add(sim)
    sim.settle()
    assert by_zone(sim) == {"a": 2, "b": 2}


def test_machines_that_placement_made_are_in_no_zone_to_balance_over(tmp_path: Path) -> None:
    sim = simulation(tmp_path, Instances.ON_DEMAND)
    serve(sim, 6)
    before = by_zone(sim)
    sim.advance(900)
    assert by_zone(sim) == before
    assert not any("AZ" in text for text in sim.events())
    sim.close()


def test_a_zone_without_room_is_told_of_once_and_used_when_it_has_some(sim: Simulation) -> None:
    add(sim)
    serve(sim, 4)
    add(sim, memory=50)
    sim.advance(600)
    problem = "is unable to place a task in us-east-1b because no container instance met all of its requirements."
    assert sim.events().count(problem) == 1
    assert by_zone(sim) == {"a": 4}
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert (service["runningCount"], service["desiredCount"]) == (4, 4)
    sim.call("RegisterContainerInstance", instanceIdentityDocument='{"availabilityZone": "us-east-1b"}')
    sim.settle()
    assert by_zone(sim) == {"a": 2, "b": 2}


def test_fargate_tasks_go_where_the_fewest_are(sim: Simulation) -> None:
    fargate(sim, 6, subnets=3)
    assert by_zone(sim) == {"a": 2, "b": 2, "c": 2}
    for task in sim.tasks():
        if task.availability_zone == "us-east-1c":
            sim.call("StopTask", task=task.id)
    sim.settle()
    assert by_zone(sim) == {"a": 2, "b": 2, "c": 2}


def test_fargate_tasks_that_are_uneven_are_moved(sim: Simulation) -> None:
    fargate(sim, 2, subnets=1)
    sim.call(
        "UpdateService",
        service="web",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}},
    )
    sim.settle()
    assert by_zone(sim) == {"a": 1, "b": 1}


def test_four_subnets_share_three_zones(sim: Simulation) -> None:
    fargate(sim, 6, subnets=4)
    assert by_zone(sim) == {"a": 2, "b": 2, "c": 2}


STEPS = st.lists(st.sampled_from(["add", "drain", "activate", "kill", "scale", "update", "crash", "time"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(1, 7))
def test_whatever_happened_the_zones_are_even_in_the_end(steps: list[str], desired: int) -> None:
    sim = simulation()
    machines = [add(sim)]
    serve(sim, desired)
    for number, step in enumerate(steps):
        if step == "add":
            machines.append(add(sim))
        elif step in ("drain", "activate"):
            drain(sim, machines[number % len(machines)], "DRAINING" if step == "drain" else "ACTIVE")
        elif step == "scale":
            sim.call("UpdateService", service="web", desiredCount=number % 6)
        elif step == "update":
            define(sim, memory=100)
            sim.call("UpdateService", service="web", taskDefinition="web")
        elif step == "crash":
            sim.crash()
        elif step == "kill" and (alive := sim.tasks(desired_status="RUNNING", last_status=TaskStatus.RUNNING)):
            sim.kill(alive[0].arn)
        sim.advance(30) if step == "time" else sim.step()
    drain(sim, machines[0], "ACTIVE")
    sim.advance(600)
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert service["runningCount"] == service["desiredCount"]
    counts = by_zone(sim)
    active = sim.call("ListContainerInstances", status="ACTIVE")["containerInstanceArns"]
    described = sim.call("DescribeContainerInstances", containerInstances=active)["containerInstances"]
    zones = {
        each["value"][-1] for one in described for each in one["attributes"] if each["name"] == "ecs.availability-zone"
    }
    numbers = [counts.get(zone, 0) for zone in zones]
    assert max(numbers) - min(numbers) <= 1
    sim.close()


def test_eventbridge_hears_of_the_beginning_and_the_end(sim: Simulation) -> None:
    add(sim)
    serve(sim, 2)
    add(sim)
    sim.settle()
    with sim.store.snapshot() as tx:
        (service,) = tx.find(Service)
    names = [name for text in sim.events() for _, name, _ in service_actions.actions(text, service)]
    assert names[-4:] == [
        "SERVICE_REBALANCING_STARTED",
        "TASKS_STOPPED",
        "SERVICE_REBALANCING_STOPPED",
        "SERVICE_STEADY_STATE",
    ]
