"""What is over is remembered for as long as AWS remembers it, and not a minute longer than the reaper sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import FAST
from ecs_emulator.control import reaper
from ecs_emulator.records.capacity_providers import CapacityProvider
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceDeployment, ServiceEvent, ServiceRevision
from ecs_emulator.records.task_definitions import TaskDefinition, TaskDefinitionFamily
from ecs_emulator.records.tasks import RunTaskRequest, Task
from tests.simulation import Refused, Simulation

TIMINGS = replace(FAST, service_kept=7_200.0, delete_definition=600.0)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path, timings=TIMINGS)
    made.call("CreateCluster", clusterName="default")
    yield made
    made.close()


def define(sim: Simulation, family: str = "web") -> str:
    app = {"name": "app", "image": "app", "memory": 64}
    document = sim.call("RegisterTaskDefinition", family=family, containerDefinitions=[app])["taskDefinition"]
    arn: str = document["taskDefinitionArn"]
    return arn


def run(sim: Simulation, **asked: Any) -> str:
    arn: str = sim.call("RunTask", **{"taskDefinition": "web", **asked})["tasks"][0]["taskArn"]
    return arn


def delete_definition(sim: Simulation, definition: str) -> None:
    sim.call("DeregisterTaskDefinition", taskDefinition=definition)
    sim.call("DeleteTaskDefinitions", taskDefinitions=[definition])


def status(sim: Simulation, definition: str) -> str | None:
    try:
        found: str = sim.call("DescribeTaskDefinition", taskDefinition=definition)["taskDefinition"]["status"]
        return found
    except Refused:
        return None


def left(sim: Simulation, kind: type) -> int:
    with sim.store.snapshot() as tx:
        return tx.count(kind)


# --- tasks ----------------------------------------------------------------------------------------------------------


def test_a_stopped_task_is_gone_after_an_hour(sim: Simulation) -> None:
    define(sim)
    lives, dies = run(sim), run(sim)
    sim.settle()
    sim.call("StopTask", task=dies)
    sim.advance(3_599)
    assert [one["lastStatus"] for one in sim.call("DescribeTasks", tasks=[dies])["tasks"]] == ["STOPPED"]
    sim.advance(1)
    assert sim.call("DescribeTasks", tasks=[dies])["failures"] == [{"arn": dies, "reason": "MISSING"}]
    sim.advance(reaper.EVERY)
    assert [task.arn for task in sim.tasks()] == [lives]


def test_a_task_whose_containers_are_still_there_is_kept(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, timings=replace(TIMINGS, containers_kept=7_200.0))
    sim.call("CreateCluster", clusterName="default")
    define(sim)
    task = run(sim)
    sim.settle()
    sim.call("StopTask", task=task)
    sim.advance(7_100)
    assert len(sim.tasks()) == 1
    sim.advance(200)
    assert sim.tasks() == []
    sim.close()


def test_a_client_token_is_good_for_a_day(sim: Simulation) -> None:
    define(sim)
    run(sim, clientToken="once")
    sim.advance(86_000)
    assert left(sim, RunTaskRequest) == 1
    sim.advance(500)
    assert left(sim, RunTaskRequest) == 0


def test_more_than_one_pass_may_forget_is_forgotten_in_several(sim: Simulation) -> None:
    define(sim)
    task = run(sim)
    sim.settle()
    sim.call("StopTask", task=task)
    sim.advance(100)
    one = sim.task(task)
    assert one.cleaned
    with sim.store.transaction() as tx:
        prefix = task.rpartition("/")[0]
        tx.put(*(replace(one, arn=f"{prefix}/{place:032x}") for place in range(2 * reaper.AT_ONCE)))
    with sim.store.transaction() as tx:
        again = reaper.reap(tx, sim.clock.now() + 4_000, TIMINGS)
        assert tx.count(Task) == reaper.AT_ONCE + 1
        assert again < sim.clock.now() + 4_000 + reaper.EVERY
    sim.advance(4_000)
    assert left(sim, Task) == 0


# --- clusters and services ------------------------------------------------------------------------------------------


def test_a_deleted_cluster_is_described_for_an_hour(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="gone")
    sim.call("DeleteCluster", cluster="gone")
    sim.advance(3_500)
    (cluster,) = sim.call("DescribeClusters", clusters=["gone"])["clusters"]
    assert cluster["status"] == "INACTIVE"
    sim.advance(200)
    assert sim.call("DescribeClusters", clusters=["gone"])["clusters"] == []
    (cluster,) = sim.call("DescribeClusters", clusters=["default"])["clusters"]
    assert cluster["status"] == "ACTIVE"


def test_a_deleted_capacity_provider_is_forgotten_with_its_name(sim: Simulation) -> None:
    for name in ("gone", "kept"):
        group = {"autoScalingGroupArn": name}
        sim.call("CreateCapacityProvider", name=name, autoScalingGroupProvider=group)
    sim.call("DeleteCapacityProvider", capacityProvider="gone")
    sim.advance(3_500)
    assert left(sim, CapacityProvider) == 2
    sim.advance(200)
    assert left(sim, CapacityProvider) == 1
    answer = sim.call("DescribeCapacityProviders", capacityProviders=["gone", "kept"])
    assert [each["name"] for each in answer["capacityProviders"]] == ["kept"]
    assert [each["reason"] for each in answer["failures"]] == ["MISSING"]


def test_a_cluster_that_was_made_again_stays(sim: Simulation) -> None:
    for operation in ("CreateCluster", "DeleteCluster", "CreateCluster"):
        name = "cluster" if operation == "DeleteCluster" else "clusterName"
        sim.call(operation, **{name: "again"})
    sim.advance(4_000)
    (cluster,) = sim.call("DescribeClusters", clusters=["again"])["clusters"]
    assert cluster["status"] == "ACTIVE"


def test_a_deleted_service_goes_with_all_that_belongs_to_it(sim: Simulation) -> None:
    define(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    sim.settle()
    sim.call("DeleteService", service="web", force=True)
    sim.advance(7_000)
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert service["status"] == "INACTIVE"
    sim.advance(400)
    assert sim.call("DescribeServices", services=["web"])["services"] == []
    assert [left(sim, kind) for kind in (Service, ServiceDeployment, ServiceRevision, ServiceEvent)] == [0, 0, 0, 0]


# --- task definitions -----------------------------------------------------------------------------------------------


def test_a_deleted_definition_that_nobody_uses_goes(sim: Simulation) -> None:
    definition, other = define(sim), define(sim)
    delete_definition(sim, definition)
    sim.advance(500)
    assert status(sim, definition) == "DELETE_IN_PROGRESS"
    sim.advance(200)
    assert (status(sim, definition), status(sim, other)) == (None, "ACTIVE")


def test_a_deregistered_definition_stays(sim: Simulation) -> None:
    definition = define(sim)
    sim.call("DeregisterTaskDefinition", taskDefinition=definition)
    sim.advance(10_000)
    assert status(sim, definition) == "INACTIVE"


def test_a_family_goes_with_its_last_revision_and_counts_on_when_it_comes_back(sim: Simulation) -> None:
    for definition in (define(sim), define(sim)):
        delete_definition(sim, definition)
    sim.advance(700)
    assert sim.call("ListTaskDefinitionFamilies", status="ALL")["families"] == []
    with sim.store.snapshot() as tx:
        (family,) = tx.find(TaskDefinitionFamily)
    assert (family.active, family.retired) == (0, 0)
    assert define(sim).endswith("/web:3")


def test_a_deleted_definition_stays_while_a_task_goes_by_it(sim: Simulation) -> None:
    definition = define(sim)
    task = run(sim)
    delete_definition(sim, definition)
    sim.advance(5_000)
    assert status(sim, definition) == "DELETE_IN_PROGRESS"
    sim.call("StopTask", task=task)
    sim.advance(100)
    (document,) = sim.call("DescribeTasks", tasks=[task])["tasks"]
    assert (document["lastStatus"], document["taskDefinitionArn"]) == ("STOPPED", definition)
    sim.advance(3_700)
    assert status(sim, definition) is None


def test_a_deleted_definition_stays_while_a_service_goes_by_it(sim: Simulation) -> None:
    old = define(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=0)
    sim.settle()
    new = define(sim)
    delete_definition(sim, old)
    sim.advance(1_000)
    assert status(sim, old) == "DELETE_IN_PROGRESS"
    sim.call("UpdateService", service="web", taskDefinition=new)
    sim.advance(1_000)
    assert status(sim, old) is None
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert service["taskDefinition"] == new
    delete_definition(sim, new)
    sim.call("DeleteService", service="web", force=True)
    sim.advance(8_000)
    assert status(sim, new) is None


# --- the journal ----------------------------------------------------------------------------------------------------


def test_only_the_newest_decisions_are_remembered(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "JOURNAL_KEPT", 100)
    with sim.store.transaction() as tx:
        tx.put(*(Decided(1.0, "subject", f"decision {number}") for number in range(350)))
    sim.advance(600)
    with sim.store.snapshot() as tx:
        remembered = [one.text for one in tx.find(Decided, order="seq")]
    assert remembered == [f"decision {number}" for number in range(250, 350)]


def test_what_is_not_over_is_left_alone(sim: Simulation) -> None:
    definition = define(sim)
    task = run(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    sim.advance(90_000)
    assert task in [one.arn for one in sim.tasks()]
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert (service["status"], service["runningCount"]) == ("ACTIVE", 1)
    assert status(sim, definition) == "ACTIVE"
    assert left(sim, TaskDefinition) == 1
