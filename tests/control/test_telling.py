"""Each state of each thing is told once, in its order, in the transaction that made it; a crash neither loses one nor doubles it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import FAST, Instances
from ecs_emulator.control.plan import Failed
from ecs_emulator.records.events import ResourcesChanged, StateEvent
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.services import LifecycleStage, ServiceDeployment
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules import event_documents
from ecs_emulator.store import Transaction
from tests.control import event_histories
from tests.control.event_histories import define, documents, machine
from tests.control.regenerate_events import GOLDEN
from tests.ecs.daemon_world import World
from tests.simulation import Refused, Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path, instances=Instances.NONE)
    made.call("CreateCluster", clusterName="default")
    yield made
    made.close()


def by_resource(found: list[dict[str, Any]], detail_type: str) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        if one["detail-type"] == detail_type:
            told[one["resources"][0]].append(one["detail"])
    return told


def versions(tx: Transaction) -> dict[str, int]:
    tasks, machines = tx.find(Task), tx.find(ContainerInstance)
    return {one.arn: one.version for one in tasks} | {one.arn: one.version for one in machines}


def standing(found: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(one["version"], one["lastStatus"], one["desiredStatus"]) for one in found]


def named(found: list[dict[str, Any]], *detail_types: str) -> list[str]:
    return [one["detail"]["eventName"] for one in found if one["detail-type"] in detail_types]


# --- whole histories --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", event_histories.HISTORIES)
def test_what_is_told_of_a_history_is_the_golden_file(name: str, tmp_path: Path) -> None:
    told = json.loads(json.dumps(event_histories.played(name, tmp_path)))
    assert told == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_golden_file_has_its_history() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(event_histories.HISTORIES)


def test_a_fargate_task_is_told_of_in_the_recorded_sequence(tmp_path: Path) -> None:
    (told,) = by_resource(event_histories.played("fargate_task", tmp_path), event_documents.TASK).values()
    assert standing(told) == [
        (1, "PROVISIONING", "RUNNING"),
        (2, "PENDING", "RUNNING"),
        (3, "RUNNING", "RUNNING"),
        (4, "RUNNING", "RUNNING"),
        (5, "RUNNING", "STOPPED"),
        (6, "DEPROVISIONING", "STOPPED"),
        (7, "STOPPED", "STOPPED"),
    ]
    assert told[2]["updatedAt"] == told[2]["startedAt"]
    assert told[4]["updatedAt"] == told[4]["stoppingAt"]
    assert [one["attachments"][0]["status"] for one in told[-2:]] == ["DETACHING", "DELETED"]
    assert [one["exitCode"] for one in told[3]["containers"] if "exitCode" in one] == [7]


@pytest.mark.parametrize("name", event_histories.HISTORIES)
def test_versions_of_a_resource_are_counted_without_a_gap_and_end_at_what_the_api_shows(
    name: str, tmp_path: Path
) -> None:
    found = event_histories.played(name, tmp_path)
    told = by_resource(found, event_documents.TASK) | by_resource(found, event_documents.INSTANCE)
    reopened = Simulation(tmp_path)
    with reopened.store.snapshot() as tx:
        known = versions(tx)
    reopened.close()
    assert told.keys() == known.keys()
    for arn, states in told.items():
        assert [one["version"] for one in states] == list(range(1, known[arn] + 1))


def test_every_document_has_an_id_of_its_own(tmp_path: Path) -> None:
    found = event_histories.played("rolling_with_breaker", tmp_path)
    assert len({one["id"] for one in found}) == len(found)


def test_a_deployment_that_fails_and_is_rolled_back_is_told_of_as_both(tmp_path: Path) -> None:
    found = event_histories.played("rolling_with_breaker", tmp_path)
    assert named(found, event_documents.DEPLOYMENT) == [
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_COMPLETED",
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_FAILED",
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_COMPLETED",
    ]
    failed, rolling_back = [one for one in found if one["detail-type"] == event_documents.DEPLOYMENT][3:5]
    assert failed["detail"]["reason"] == "ECS deployment circuit breaker: task failed to start."
    first = found[1]["detail"]["deploymentId"]
    assert rolling_back["detail"]["reason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {first}."
    assert failed["detail"].keys() == {"eventType", "eventName", "clusterArn", "deploymentId", "updatedAt", "reason"}


# --- one transaction --------------------------------------------------------------------------------------------------


def test_what_is_undone_was_never_told(sim: Simulation) -> None:
    define(sim)
    before = documents(sim)
    with pytest.raises(Refused):
        sim.call("RunTask", taskDefinition="web")
    with pytest.raises(ZeroDivisionError), sim.store.transaction() as tx:
        tx.put(ServiceDeployment(**deployment()))
        raise ZeroDivisionError
    assert documents(sim) == before


def deployment() -> dict[str, Any]:
    arns = dict.fromkeys(("arn", "service_arn", "cluster_arn", "revision_arn", "task_definition_arn"), "a:/b")
    return arns | {
        "id": "ecs-svc/1",
        "account": "123456789012",
        "region": "us-east-1",
        "status": "PRIMARY",
        "rollout_state": "IN_PROGRESS",
        "rollout_reason": "",
        "deployment_status": "PENDING",
        "desired_count": 0,
        "created_at": 0.0,
        "updated_at": 0.0,
    }


@pytest.mark.parametrize("steps", range(12))
def test_a_crash_at_any_step_loses_and_doubles_nothing(steps: int, tmp_path: Path) -> None:
    sim = Simulation(tmp_path, instances=Instances.NONE)
    sim.call("CreateCluster", clusterName="default")
    machine(sim)
    define(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=3)
    for _ in range(steps):
        sim.step()
    sim.crash()
    sim.advance(30)
    sim.kill(sim.tasks()[0].arn)
    for _ in range(steps):
        sim.step()
    sim.crash()
    sim.advance(120)
    found = documents(sim)
    told = by_resource(found, event_documents.TASK) | by_resource(found, event_documents.INSTANCE)
    with sim.store.snapshot() as tx:
        known = versions(tx)
        assert tx.find(ResourcesChanged) == []
    sim.close()
    assert {arn: [one["version"] for one in states] for arn, states in told.items()} == {
        arn: list(range(1, version + 1)) for arn, version in known.items()
    }
    (left,) = [one["remainingResources"] for one in told[next(a for a in told if "container-instance" in a)][-1:]]
    assert [one["integerValue"] for one in left[:2]] == [2048, 4096 - 3 * 64]


def test_a_task_over_in_one_step_is_told_of_in_every_state(sim: Simulation) -> None:
    machine(sim)
    define(sim, "exit=0 after=0s")
    sim.call("RunTask", taskDefinition="web")
    sim.advance(5)
    (told,) = by_resource(documents(sim), event_documents.TASK).values()
    assert standing(told) == [(1, "PENDING", "RUNNING"), (2, "RUNNING", "RUNNING"), (3, "STOPPED", "STOPPED")]


def test_tasks_that_come_at_once_are_one_change_of_their_machine(sim: Simulation) -> None:
    arn = machine(sim)
    define(sim)
    sim.call("RunTask", taskDefinition="web", count=10)
    sim.advance(5)
    told = by_resource(documents(sim), event_documents.INSTANCE)[arn]
    assert [one["version"] for one in told] == [1, 2]
    assert [one["remainingResources"][1]["integerValue"] for one in told] == [4096, 4096 - 640]
    (shown,) = sim.call("DescribeContainerInstances", containerInstances=[arn])["containerInstances"]
    assert shown["version"] == 2


def test_health_is_no_news(sim: Simulation) -> None:
    machine(sim)
    define(sim, "health=unhealthy", healthCheck={"command": ["CMD-SHELL", "true"]})
    sim.call("RunTask", taskDefinition="web")
    sim.advance(300)
    (told,) = by_resource(documents(sim), event_documents.TASK).values()
    assert sim.tasks()[0].health == "UNHEALTHY"
    assert [one["lastStatus"] for one in told] == ["PENDING", "RUNNING"]


def test_a_deleted_service_completes_no_deployment(sim: Simulation) -> None:
    define(sim)
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=1)
    sim.settle()
    sim.call("DeleteService", service="web", force=True)
    sim.advance(300)
    assert named(documents(sim), event_documents.DEPLOYMENT) == ["SERVICE_DEPLOYMENT_IN_PROGRESS"]


def test_a_definition_that_a_cleared_account_has_anew_is_read_anew(sim: Simulation) -> None:
    machine(sim)
    define(sim, cpu=10)
    sim.call("RunTask", taskDefinition="web")
    sim.settle()
    with sim.store.transaction() as tx:  # as after a reset: the same name, another definition
        tx.delete(*tx.find(Task))
        (old,) = tx.find(TaskDefinition)
        containers = [{**old.spec["containerDefinitions"][0], "cpu": 20}]
        tx.put(replace(old, spec={**old.spec, "containerDefinitions": containers}))
    sim.call("RunTask", taskDefinition="web")
    sim.settle()
    told = by_resource(documents(sim), event_documents.TASK)
    assert [states[-1]["containers"][0]["cpu"] for states in told.values()] == ["10", "20"]


# --- task sets and daemons --------------------------------------------------------------------------------------------


def test_a_task_set_that_is_steady_is_told_of(sim: Simulation) -> None:
    machine(sim)
    define(sim)
    sim.call("CreateService", serviceName="web", desiredCount=1, deploymentController={"type": "EXTERNAL"})
    made = sim.call(
        "CreateTaskSet", service="web", cluster="default", taskDefinition="web", scale={"value": 100, "unit": "PERCENT"}
    )
    sim.advance(60)
    actions = [one["detail"] for one in documents(sim) if one["detail-type"] == event_documents.SERVICE]
    (resized,) = [one for one in actions if one["eventName"] == "SERVICE_DESIRED_COUNT_UPDATED"]
    assert resized["desiredCount"] == 1
    (steady,) = [one for one in actions if one["eventName"] == "TASKSET_STEADY_STATE"]
    assert steady["taskSetArns"] == [made["taskSet"]["taskSetArn"]]


def test_a_daemons_deployment_is_told_of_status_by_status(tmp_path: Path) -> None:
    world = World(tmp_path, machines=1)
    world.create()
    world.advance(60)
    found = [one for one in documents(world.sim) if one["detail-type"] == event_documents.DAEMON_DEPLOYMENT]
    assert named(found, event_documents.DAEMON_DEPLOYMENT) == [
        "DAEMON_DEPLOYMENT_PENDING",
        "DAEMON_DEPLOYMENT_IN_PROGRESS",
        "DAEMON_DEPLOYMENT_SUCCESSFUL",
    ]
    assert found[0]["resources"] == [found[0]["detail"]["daemonArn"]]
    assert found[0]["detail"].keys() == {
        "eventType",
        "eventName",
        "clusterArn",
        "daemonArn",
        "daemonDeploymentArn",
        "targetDaemonRevisionArn",
        "updatedAt",
    }


def test_a_daemons_task_that_finds_no_room_or_never_runs_is_told_of(tmp_path: Path) -> None:
    world = World(tmp_path, machines=1)
    world.define("large", memory="4096")
    world.create(definition="large")
    world.settle()
    world.create("other")
    while not (tasks := world.sim.tasks()):
        world.sim.step()
    world.sim.loop.tell(Failed(tasks[0].arn, "app", "CannotPullContainerError: no such image", world.sim.clock.now()))
    world.settle()
    told = [one for one in documents(world.sim) if one["detail-type"] == event_documents.DAEMON]
    by_failure = {one["detail"]["failureType"]: one for one in told}
    never_made, never_ran = by_failure["TASK_CREATION_FAILED"], by_failure["TASK_FAILED_TO_RUN"]
    assert never_made["detail"].keys() == IMPAIRED
    assert never_made["resources"] == []
    assert never_made["detail"]["reason"] == (
        "RESOURCE:MEMORY - Unable to place daemon task on container instance: insufficient memory"
    )
    assert never_ran["detail"].keys() == IMPAIRED | {"taskArn"}
    assert never_ran["resources"] == [never_ran["detail"]["taskArn"]]
    assert never_ran["detail"]["reason"].startswith("Task failed to reach RUNNING status: CannotPullContainerError: ")
    assert {(one["detail"]["eventType"], one["detail"]["eventName"]) for one in told} == {
        ("WARNING", "DAEMON_TASK_START_IMPAIRED")
    }


IMPAIRED = {
    "eventType",
    "eventName",
    "clusterArn",
    "containerInstanceArn",
    "daemonRevisionArn",
    "capacityProviderName",
    "daemonArn",
    "daemonTaskDefinitionArn",
    "failureType",
    "createdAt",
    "reason",
}


# --- pauses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT"])
@pytest.mark.parametrize("target_type", ["PAUSE", "AWS_LAMBDA"])
def test_a_pause_that_ends_is_told_of_and_a_function_is_not(sim: Simulation, status: str, target_type: str) -> None:
    hook = LifecycleHook(
        id="ecs-pause-1",
        account="123456789012",
        region="us-east-1",
        service_arn="arn:aws:ecs:us-east-1:123456789012:service/default/web",
        deployment_id="ecs-svc/1",
        stage=LifecycleStage.PRE_SCALE_UP,
        step=0,
        target_type=target_type,
        target_arn=None,
        status=HookStatus.AWAITING_ACTION,
        created_at=0.0,
        expires_at=60.0,
        timeout_action="ROLLBACK",
    )
    with sim.store.transaction() as tx:
        tx.put(ServiceDeployment(**deployment()), hook)
        tx.put(replace(hook, status=HookStatus(status)))
    found = [one for one in documents(sim) if one["detail-type"] == event_documents.HOOK]
    assert named(found, event_documents.HOOK) == (
        ["HOOK_AWAITING_ACTION", f"HOOK_{status}"] if target_type == "PAUSE" else []
    )
    for one in found:
        assert one["resources"] == []
        assert one["detail"].keys() == {
            "eventType",
            "eventName",
            "hookId",
            "hookType",
            "expiresAt",
            "lifecycleStage",
            "clusterArn",
            "serviceArn",
            "serviceDeploymentArn",
            "updatedAt",
        }


# --- how long they stay -----------------------------------------------------------------------------------------------


def kept(directory: Path, seconds: float, **settings: Any) -> list[int]:
    sim = Simulation(directory, **settings)
    sim.call("CreateCluster", clusterName="default")
    event_histories.fargate_task(sim)
    sim.advance(seconds)
    with sim.store.snapshot() as tx:
        found = [one.seq or 0 for one in tx.find(StateEvent, order="seq")]
    sim.close()
    return found


@pytest.mark.parametrize(
    ("seconds", "settings", "left"),
    [
        (600, {}, [1, 2, 3, 4, 5, 6, 7]),
        (600, {"events_kept": 3}, [5, 6, 7]),
        (600, {"timings": replace(FAST, event_kept=400.0)}, []),
    ],
)
def test_the_newest_stay_and_none_for_too_long(
    tmp_path: Path, seconds: float, settings: dict[str, Any], left: list[int]
) -> None:
    assert kept(tmp_path, seconds, **settings) == left


def test_a_number_never_comes_back(tmp_path: Path) -> None:
    assert kept(tmp_path, 600, timings=replace(FAST, event_kept=100.0)) == []
    sim = Simulation(tmp_path, seed=2)
    sim.call("RunTask", taskDefinition="job", launchType="FARGATE", networkConfiguration=event_histories.NETWORK)
    with sim.store.snapshot() as tx:
        assert [one.seq for one in tx.find(StateEvent)] == [8]
    sim.close()
