"""Placement as clients see it: what is echoed, whose machines a launch type takes, and what is kept free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.simulation import Refused, Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, instances=Instances.NONE)
    found.call("CreateCluster")
    container = {"name": "app", "image": "app", "memory": 400}
    found.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    yield found
    found.close()


def register(sim: Simulation, memory: int = 1024, **params: Any) -> str:
    total = [{"name": "MEMORY", "type": "INTEGER", "integerValue": memory}]
    arn: str = sim.call("RegisterContainerInstance", totalResources=total, **params)["containerInstance"][
        "containerInstanceArn"
    ]
    return arn


ECHOED = [
    ([{"type": "binpack", "field": "MEMORY"}], [{"type": "binpack", "field": "memory"}]),
    ([{"type": "spread", "field": "instanceId"}], [{"type": "spread", "field": "instanceId"}]),
    ([{"type": "random"}], [{"type": "random"}]),
    ([{"type": "spread", "field": "host"}], [{"type": "spread", "field": "host"}]),
]


@pytest.mark.parametrize(("asked", "shown"), ECHOED)
def test_strategies_are_echoed_in_lower_case(sim: Simulation, asked: list[Any], shown: list[Any]) -> None:
    made = sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=0, placementStrategy=asked)
    assert made["service"]["placementStrategy"] == shown


def test_tasks_go_to_machines_of_their_launch_type_alone(sim: Simulation) -> None:
    outside = register(sim, attributes=[{"name": "ecs.capability.external"}])
    with pytest.raises(Refused, match="No Container Instances were found in your cluster"):
        sim.call("RunTask", taskDefinition="web", launchType="EC2")
    (task,) = sim.call("RunTask", taskDefinition="web", launchType="EXTERNAL")["tasks"]
    assert task["containerInstanceArn"] == outside
    inside = register(sim)
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    assert task["containerInstanceArn"] == inside


def test_an_external_task_on_demand_gets_an_external_machine_once(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster")
    container = {"name": "app", "image": "app", "memory": 64}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    answer = sim.call("RunTask", taskDefinition="web", launchType="EXTERNAL", count=3)
    assert len({task["containerInstanceArn"] for task in answer["tasks"]}) == 1
    sim.close()


def test_room_for_a_daemon_service_is_not_given_away(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="each", taskDefinition="web", schedulingStrategy="DAEMON")
    register(sim)
    answer = sim.call("RunTask", taskDefinition="web", count=2)  # before the service has had its turn
    assert (len(answer["tasks"]), [one["reason"] for one in answer["failures"]]) == (1, ["RESOURCE:MEMORY"])
    sim.settle()
    assert sum(task.service_arn is not None for task in sim.tasks(last_status="RUNNING")) == 1
    answer = sim.call("RunTask", taskDefinition="web")
    assert answer["failures"] != []
