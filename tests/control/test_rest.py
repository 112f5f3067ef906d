"""The loop comes to rest, whatever a service and its machines have been brought into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.config import Instances
from ecs_emulator.control.loop import Advance, Stop
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, instances=Instances.NONE)
    found.call("CreateCluster")
    yield found
    found.close()


def machine(sim: Simulation) -> str:
    """One of 2 vCPUs and 1024 MiB."""
    sizes = {"CPU": 2048, "MEMORY": 1024}
    total = [{"name": name, "type": "INTEGER", "integerValue": value} for name, value in sizes.items()]
    made = sim.call("RegisterContainerInstance", totalResources=total)["containerInstance"]
    return str(made["containerInstanceArn"])


def define(sim: Simulation, cpu: int, memory: int) -> None:
    container = {"name": "app", "image": "app", "cpu": cpu, "memory": memory}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])


def test_two_deployments_that_find_no_room_for_different_reasons_say_so_once_each(sim: Simulation) -> None:
    machine(sim)
    leaving = machine(sim)
    define(sim, cpu=10, memory=600)
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=2,
        deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
    )
    sim.advance(30)
    define(sim, cpu=2048, memory=300)
    sim.call("UpdateService", service="web", taskDefinition="web")
    sim.settle()
    sim.call("DeregisterContainerInstance", containerInstance=leaving, force=True)
    sim.settle(100)
    lacking = [event.partition("insufficient ")[2].partition(" available")[0] for event in sim.events()]
    assert Counter(filter(None, lacking)) == {"CPU units": 2, "memory": 1}  # the CPU units of either machine


def test_a_stop_does_not_wait_for_the_time_that_is_still_to_pass(sim: Simulation) -> None:
    define(sim, cpu=10, memory=600)
    machine(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    sim.settle()
    told: list[str] = []
    now = sim.clock.now()
    sim.loop.tell(Advance(now + 30 * 86_400, sim.clock.move_to, lambda: told.append("done")))
    sim.loop.tell(Stop())
    sim.loop.run()
    assert (sim.clock.now(), told) == (now, ["done"])
