"""An account that was cleared is as if it had never been, and its neighbour never knows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ecs_emulator import records
from ecs_emulator.control import clearing
from tests.simulation import Simulation

DEFINITION = {"name": "app", "image": "web:1", "memory": 64}
DEAF = {**DEFINITION, "dockerLabels": {"ecs-emulator.simulate": "stop=ignore"}}


def rows(simulation: Simulation) -> int:
    with simulation.store.snapshot() as tx:
        with_account = [kind for kind in records.kinds() if "account" in {one.name for one in dataclasses.fields(kind)}]
        return sum(tx.count(kind, account=simulation.world.account) for kind in with_account)


def cleared(simulation: Simulation) -> bool:
    with simulation.store.transaction() as tx:
        return clearing.finish(tx, simulation.world.account)


def test_services_and_tasks_of_a_cleared_account_are_killed_removed_and_forgotten(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.call("CreateCluster", clusterName="c")
    simulation.call("RegisterTaskDefinition", family="web", containerDefinitions=[DEAF])
    simulation.call("CreateService", cluster="c", serviceName="web", taskDefinition="web", desiredCount=3)
    simulation.call("RunTask", cluster="c", taskDefinition="web")
    simulation.settle()
    with simulation.store.transaction() as tx:
        clearing.begin(tx, simulation.world.account, simulation.clock.now())
    assert not cleared(simulation)
    simulation.settle()
    assert not cleared(simulation)
    simulation.settle()
    assert cleared(simulation)
    assert rows(simulation) == 0
    simulation.close()


def test_another_account_is_left_alone(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.call("CreateCluster", clusterName="c")
    simulation.call("RegisterTaskDefinition", family="web", containerDefinitions=[DEFINITION])
    simulation.call("CreateService", cluster="c", serviceName="web", taskDefinition="web", desiredCount=2)
    simulation.settle()
    before = rows(simulation)
    with simulation.store.transaction() as tx:
        clearing.begin(tx, "111111111111", simulation.clock.now())
        assert clearing.finish(tx, "111111111111")
    simulation.settle()
    assert rows(simulation) == before
    simulation.close()
