"""Task sets and the tasks that follow them: started, replaced, told of, ended with their service, and after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import AWS, Instances
from ecs_emulator.control import clearing, reaper
from ecs_emulator.records.services import Service
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import Health
from tests.ecs.running import INVALID, refusal
from tests.ecs.task_set_world import (
    MACHINE,
    NETWORK,
    TARGET,
    a_set,
    begun,
    counts,
    create,
    let_go,
    promoted,
    running,
    scaled,
    sets,
    shown,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_each_set_keeps_its_own_share_running(sim: Simulation) -> None:
    create(sim, desiredCount=3)
    blue, green = a_set(sim, 100, taskDefinition="web:1"), a_set(sim, 50)
    sim.settle()
    assert counts(sim) == [("ACTIVE", 3, 3, 0, "STEADY_STATE"), ("ACTIVE", 2, 2, 0, "STEADY_STATE")]
    assert (len(running(sim, blue)), len(running(sim, green))) == (3, 2)
    tasks = sim.call("DescribeTasks", tasks=running(sim, green))["tasks"]
    assert {(each["startedBy"], each["group"], each["taskDefinitionArn"][-5:]) for each in tasks} == {
        (green["id"], "service:web", "web:2")
    }
    assert (shown(sim)["runningCount"], shown(sim)["desiredCount"]) == (5, 3)


def test_the_events_name_the_set_that_they_are_about(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim, 100)
    sim.settle()
    tasks = " ".join(f"(task {task.id})" for task in sorted(sim.tasks(), key=lambda task: task.id))
    sim.call("UpdateService", service="web", desiredCount=0)
    sim.settle()
    own = f"(service web, taskSet {made['id']})"
    assert sim.events() == [
        f"updated computedDesiredCount for taskSet {made['id']} to 2.",
        f"{own} has started 2 tasks: {tasks}.",
        "has reached a steady state.",
        f"updated computedDesiredCount for taskSet {made['id']} to 0.",
        f"{own} has stopped 2 running tasks: {tasks}.",
        "has reached a steady state.",
    ]
    reasons = {(task.stop_code, task.stopped_reason) for task in sim.tasks()}
    assert reasons == {("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {made['id']})")}


def test_a_set_that_is_scaled_is_not_stable_until_its_tasks_run(sim: Simulation) -> None:
    create(sim, desiredCount=4)
    made = a_set(sim, 50)
    sim.settle()
    at = sets(sim)[0]["stabilityStatusAt"]
    sim.clock.advance(5)
    answer = scaled(sim, made, 100)
    assert (answer["scale"]["value"], answer["computedDesiredCount"], answer["stabilityStatus"]) == (
        100.0,
        2,
        "STABILIZING",
    )
    sim.settle()
    assert counts(sim) == [("ACTIVE", 4, 4, 0, "STEADY_STATE")]
    assert sets(sim)[0]["stabilityStatusAt"] > at
    scaled(sim, made, 25)
    sim.advance(60)
    assert counts(sim) == [("ACTIVE", 1, 1, 0, "STEADY_STATE")]
    assert len(running(sim, made)) == 1


def test_with_the_waits_of_aws_a_set_is_steady_after_a_while(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    a_set(sim)
    sim.settle()
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STABILIZING")]
    sim.advance(AWS.steady_after)
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STEADY_STATE")]
    sim.close()


def test_the_primary_is_what_the_service_is_described_by(sim: Simulation) -> None:
    create(sim)
    blue = a_set(sim, taskDefinition="web:1")
    green = a_set(sim, taskDefinition="far", launchType="FARGATE", networkConfiguration=NETWORK, loadBalancers=[TARGET])
    sim.settle()
    assert promoted(sim, blue)["status"] == "PRIMARY"
    assert (shown(sim)["taskDefinition"][-5:], shown(sim)["launchType"]) == ("web:1", "EC2")
    promoted(sim, green)
    assert [each["status"] for each in sets(sim)] == ["ACTIVE", "PRIMARY"]
    service = shown(sim)
    assert (service["taskDefinition"][-5:], service["launchType"], service["platformVersion"]) == (
        "far:1",
        "FARGATE",
        "LATEST",
    )
    assert (service["loadBalancers"], service["networkConfiguration"]) == ([TARGET], green["networkConfiguration"])
    promoted(sim, blue)
    assert shown(sim)["loadBalancers"] == [] and "networkConfiguration" not in shown(sim)
    assert len(sim.tasks()) == 4


def test_a_set_that_is_let_go_vanishes_with_its_last_task(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    made, kept = a_set(sim), a_set(sim)
    sim.advance(10)
    let_go(sim, made, force=True)
    sim.step()
    assert [each[:3] for each in counts(sim)] == [("DRAINING", 0, 0), ("ACTIVE", 2, 2)]
    sim.advance(120)
    assert [each["id"] for each in sets(sim)] == [kept["id"]]
    assert {task.last_status for task in sim.tasks(deployment_id=made["id"])} == {"STOPPED"}
    assert len(running(sim, kept)) == 2
    sim.close()


def test_a_task_that_ends_is_replaced_in_its_own_set(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    blue, green = a_set(sim), a_set(sim)
    sim.settle()
    (task,) = running(sim, green)
    sim.clock.advance(60)
    sim.kill(task)
    sim.advance(60)
    assert len(running(sim, green)) == 1 and running(sim, green) != [task]
    assert len(sim.tasks(deployment_id=blue["id"])) == 1


def test_tasks_that_cannot_start_are_tried_again_at_leisure(sim: Simulation) -> None:
    labels = {"ecs-emulator.simulate": "pull=fail"}
    container = {"name": "app", "image": "web:1", "memory": 64, "dockerLabels": labels}
    sim.call("RegisterTaskDefinition", family="bad", containerDefinitions=[container])
    create(sim, desiredCount=1)
    bad = a_set(sim, taskDefinition="bad")
    sim.settle()
    tried = len(sim.tasks())
    assert 4 <= tried <= 6
    sim.advance(300)
    assert tried < len(sim.tasks()) < 30
    assert any(event.startswith("is unable to consistently start tasks") for event in sim.events())
    assert counts(sim)[0][-1] == "STABILIZING"
    scaled(sim, bad, 0)
    sim.advance(60)
    assert counts(sim) == [("ACTIVE", 0, 0, 0, "STEADY_STATE")]


def test_an_unhealthy_task_goes_when_its_replacement_is_healthy(sim: Simulation) -> None:
    check = {"healthCheck": {"command": ["CMD", "true"]}}
    container = {"name": "app", "image": "web:1", "memory": 64, **check}
    sim.call("RegisterTaskDefinition", family="checked", containerDefinitions=[container])
    create(sim, desiredCount=1)
    a_set(sim, taskDefinition="checked")
    sim.settle()
    (first,) = sim.tasks()
    sim.health(first.id, Health.HEALTHY)
    sim.settle()
    assert counts(sim)[0][-1] == "STEADY_STATE"
    sim.health(first.id, Health.UNHEALTHY)
    sim.step()
    (second,) = (task for task in sim.tasks() if task.id != first.id)
    assert (sim.task(first.id).desired_status, counts(sim)[0][-1]) == ("RUNNING", "STABILIZING")
    sim.settle()
    sim.health(second.id, Health.HEALTHY)
    sim.settle()
    assert sim.task(first.id).stopped_reason == "Task failed container health checks"
    assert sim.task(second.id).desired_status == "RUNNING"


def test_a_protected_task_is_not_scaled_in_until_its_protection_ends(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    made = a_set(sim)
    sim.settle()
    (task,) = running(sim, made)
    protected = {"cluster": "default", "tasks": [task], "protectionEnabled": True, "expiresInMinutes": 10}
    assert sim.call("UpdateTaskProtection", **protected)["failures"] == []
    scaled(sim, made, 0)
    sim.advance(60)
    assert running(sim, made) == [task]
    assert f"because task set ({made['id']}) was unable to scale in" in sim.events()[-1]
    sim.advance(600)
    assert running(sim, made) == []


def test_tasks_move_off_a_machine_that_drains(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim)
    sim.settle()
    before = running(sim, made)
    (instance,) = sim.call("ListContainerInstances")["containerInstanceArns"]
    sim.call("UpdateContainerInstancesState", containerInstances=[instance], status="DRAINING")
    sim.advance(60)
    assert not set(before) & set(running(sim, made))
    assert counts(sim) == [("ACTIVE", 2, 2, 0, "STEADY_STATE")]


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_a_service_with_task_sets_is_deleted_by_force_only(sim: Simulation) -> None:
    create(sim, desiredCount=0)
    a_set(sim, 0)
    text = "The service cannot be stopped while deployments are active."
    assert refusal(sim, "DeleteService", service="web") == (INVALID, text)
    assert sim.call("DeleteService", service="web", force=True)["service"]["taskSets"][0]["status"] == "DRAINING"


def test_the_tasks_of_all_sets_end_with_the_service(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    create(sim)
    a_set(sim), a_set(sim)
    sim.advance(10)
    sim.call("DeleteService", service="web", force=True)
    sim.advance(10)
    assert shown(sim)["status"] == "DRAINING"
    sim.advance(300)
    assert {task.last_status for task in sim.tasks()} == {"STOPPED"}
    service = shown(sim)
    assert (service["status"], service["taskSets"], service["runningCount"]) == ("INACTIVE", [], 0)
    answer = refusal(sim, "DescribeTaskSets", cluster="default", service="web")
    assert answer == ("ServiceNotActiveException", "Service was not ACTIVE.")
    create(sim)
    assert shown(sim)["status"] == "ACTIVE"
    sim.close()


def test_task_sets_are_forgotten_with_their_service(sim: Simulation) -> None:
    create(sim)
    a_set(sim)
    with sim.store.transaction() as tx:
        (service,) = tx.find(Service)
        reaper.forget_service(tx, service)
        assert tx.find(TaskSet) == []


def test_a_crash_at_any_step_changes_nothing_of_it(tmp_path: Path) -> None:
    def played(directory: Path, crash_at: int | None) -> tuple[list[tuple[Any, ...]], int]:
        sim = begun(directory)
        create(sim, desiredCount=2)
        blue = a_set(sim, 100)
        steps = 0

        def rest() -> None:
            nonlocal steps
            sim.step()
            while not sim.loop.idle():
                steps += 1
                if steps == crash_at:
                    sim.crash()
                sim.step()

        rest()
        green = a_set(sim, 50)
        rest()
        promoted(sim, green)
        let_go(sim, blue, force=True)
        rest()
        sim.advance(120)
        found = counts(sim)
        alive = len([task for task in sim.tasks() if task.last_status != "STOPPED"])
        sim.close()
        return [*found, (alive,)], steps

    whole, steps = played(tmp_path / "whole", None)
    assert whole == [("PRIMARY", 1, 1, 0, "STEADY_STATE"), (1,)]
    assert steps > 3
    for at in range(1, steps + 1):
        assert played(tmp_path / str(at), at)[0] == whole, f"a crash at step {at}"


def test_the_sets_of_a_cleared_account_start_nothing_more(sim: Simulation) -> None:
    create(sim)
    a_set(sim)
    sim.settle()
    with sim.store.transaction() as tx:
        clearing.begin(tx, sim.world.account, sim.clock.now())
    sim.advance(120)
    assert len(sim.tasks()) <= 2
    with sim.store.transaction() as tx:
        assert clearing.finish(tx, sim.world.account)
        assert tx.find(TaskSet) == []


def test_a_definition_stays_as_long_as_a_task_set_goes_by_it(sim: Simulation) -> None:
    create(sim)
    made = a_set(sim, 0, taskDefinition="web:1")
    sim.call("DeregisterTaskDefinition", taskDefinition="web:1")
    sim.call("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    sim.advance(300)
    scaled(sim, made, 100)
    sim.settle()
    assert len(running(sim, made)) == 2


# --- without room -----------------------------------------------------------------------------------------------------


def test_sets_that_find_no_place_for_different_reasons_say_each_once(tmp_path: Path) -> None:
    sim = begun(tmp_path, instances=Instances.NONE)
    fussy = [{"type": "memberOf", "expression": "attribute:colour == red"}]
    for family, memory, where in (("big", 900_000, []), ("fussy", 64, fussy)):
        container = {"name": "app", "image": "web:1", "memory": memory}
        sim.call("RegisterTaskDefinition", family=family, containerDefinitions=[container], placementConstraints=where)
    sim.call("RegisterContainerInstance", totalResources=MACHINE)
    create(sim, desiredCount=1)
    a_set(sim, taskDefinition="big"), a_set(sim, taskDefinition="fussy")
    sim.advance(60)
    problems = [event for event in sim.events() if event.startswith("was unable to place a task")]
    assert len(problems) == len(set(problems)) == 2
    sim.close()


def test_two_sets_that_cannot_scale_in_come_to_rest(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    made = [a_set(sim), a_set(sim)]
    sim.settle()
    tasks = [task for each in made for task in running(sim, each)]
    sim.call("UpdateTaskProtection", cluster="default", tasks=tasks, protectionEnabled=True, expiresInMinutes=10)
    for each in made:
        scaled(sim, each, 0)
    sim.advance(60)
    assert sum("was unable to scale in" in event for event in sim.events()) == 1
    sim.advance(600)
    assert counts(sim) == [("ACTIVE", 0, 0, 0, "STEADY_STATE")] * 2
