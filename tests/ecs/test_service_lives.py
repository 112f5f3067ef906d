"""What a service says of itself from its first task to its end, and which words change it and which do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import AWS
from tests.simulation import Refused, Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
FARGATE = {"taskDefinition": "far", "launchType": "FARGATE", "networkConfiguration": NETWORK}
STRATEGY = [{"capacityProvider": "FARGATE", "weight": 1}]
TARGET = {"targetGroupArn": "tg", "containerName": "app", "containerPort": 80}
LINKED_ROLE = "You cannot specify an IAM role for services that require a service linked role."


def begun(directory: Path, **settings: Any) -> Simulation:
    sim = Simulation(directory, **settings)
    sim.call("CreateCluster", clusterName="default", capacityProviders=["FARGATE"])
    container = {"name": "app", "image": "web:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    for _ in range(2):
        sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    sim.call("RegisterTaskDefinition", family="far", containerDefinitions=[{"name": "app", "image": "web:1"}], **sizes)
    return sim


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = begun(tmp_path)
    yield sim
    sim.close()


def create(sim: Simulation, **params: Any) -> dict[str, Any]:
    asked = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, **params}
    return dict(sim.call("CreateService", **asked)["service"])


def update(sim: Simulation, **params: Any) -> dict[str, Any]:
    return dict(sim.call("UpdateService", service="web", **params)["service"])


def shown(sim: Simulation) -> dict[str, Any]:
    (found,) = sim.call("DescribeServices", services=["web"])["services"]
    return dict(found)


def deployments(service: dict[str, Any], *members: str) -> list[tuple[Any, ...]]:
    return [tuple(one[member] for member in members) for one in service["deployments"]]


# --- what changes it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"loadBalancers": []},
        {"serviceRegistries": []},
        {"volumeConfigurations": []},
        {"capacityProviderStrategy": []},
        {"placementConstraints": [], "placementStrategy": []},
    ],
    ids=str,
)
def test_taking_away_what_was_never_there_makes_no_deployment(sim: Simulation, asked: dict[str, Any]) -> None:
    before = create(sim)
    assert deployments(update(sim, **asked), "id") == deployments(before, "id")


def test_taking_away_what_was_there_makes_one(sim: Simulation) -> None:
    create(sim, loadBalancers=[TARGET])
    updated = update(sim, loadBalancers=[])
    assert updated["loadBalancers"] == []
    assert len(updated["deployments"]) == 2


def test_the_latest_platform_is_what_a_service_has_without_a_word(sim: Simulation) -> None:
    create(sim, **FARGATE)
    assert len(update(sim, platformVersion="LATEST")["deployments"]) == 1
    assert len(update(sim, platformVersion="1.3.0")["deployments"]) == 2
    assert len(update(sim, platformVersion="LATEST")["deployments"]) == 3


def test_a_strategy_replaces_the_launch_type_and_an_empty_one_brings_it_back(sim: Simulation) -> None:
    create(sim, **FARGATE)
    updated = update(sim, capacityProviderStrategy=STRATEGY, forceNewDeployment=True)
    assert updated["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    assert "launchType" not in updated
    assert ["launchType" in one for one in updated["deployments"]] == [False, True]
    assert len(update(sim, capacityProviderStrategy=STRATEGY)["deployments"]) == 2
    assert update(sim, capacityProviderStrategy=[], forceNewDeployment=True)["launchType"] == "FARGATE"


@pytest.mark.parametrize("asked", [FARGATE, {"loadBalancers": [TARGET] * 2}, {"serviceRegistries": [{}]}], ids=str)
def test_a_role_is_refused_where_ecs_uses_its_own(sim: Simulation, asked: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        create(sim, role="ecsServiceRole", **asked)
    assert (refused.value.code, refused.value.message) == ("InvalidParameterException", LINKED_ROLE)


def test_a_role_is_echoed_where_one_load_balancer_needs_it(sim: Simulation) -> None:
    assert create(sim, role="ecsServiceRole", loadBalancers=[TARGET])["roleArn"] == "ecsServiceRole"


def test_superseded_deployments_are_listed_newest_first_and_still_in_progress(tmp_path: Path) -> None:
    sim = begun(tmp_path, timings=AWS)
    (first,) = deployments(create(sim, taskDefinition="web:1", desiredCount=1), "id")
    sim.step()
    sim.clock.advance(1)
    second = deployments(update(sim, taskDefinition="web:2"), "id")[0]
    sim.clock.advance(1)
    third = update(sim, forceNewDeployment=True)
    assert deployments(third, "status", "rolloutState") == [
        ("PRIMARY", "IN_PROGRESS"),
        ("ACTIVE", "IN_PROGRESS"),
        ("ACTIVE", "IN_PROGRESS"),
    ]
    assert deployments(third, "id")[1:] == [second, first]
    sim.close()


# --- what it says -----------------------------------------------------------------------------------------------------


def test_events_tell_a_life_in_the_words_of_ecs(sim: Simulation) -> None:
    ((deployment,),) = deployments(create(sim, desiredCount=2), "id")
    sim.settle()
    tasks = sorted(task.id for task in sim.tasks())
    first = [
        f"has started 2 tasks: (task {tasks[0]}) (task {tasks[1]}).",
        f"(deployment {deployment}) deployment completed.",
        "has reached a steady state.",
    ]
    assert sim.events() == first
    sim.clock.advance(1)
    update(sim, desiredCount=0)
    sim.advance(60)
    stopped = f"has stopped 2 running tasks: (task {tasks[0]}) (task {tasks[1]})."
    assert sim.events() == [*first, stopped, "has reached a steady state."]
    events = shown(sim)["events"]
    assert all(set(one) == {"id", "createdAt", "message"} for one in events)
    times = [one["createdAt"] for one in events]
    assert times == sorted(times, reverse=True)
    assert {task.stopped_reason for task in sim.tasks()} == {f"Scaling activity initiated by (deployment {deployment})"}


def test_a_task_stopped_by_hand_leaves_the_count_at_once_and_is_replaced_without_a_word_about_health(
    sim: Simulation,
) -> None:
    create(sim, desiredCount=1)
    sim.settle()
    (task,) = sim.tasks()
    sim.call("StopTask", task=task.arn)
    assert (shown(sim)["runningCount"], shown(sim)["pendingCount"]) == (0, 0)
    sim.advance(60)
    (successor,) = (one for one in sim.tasks() if one.arn != task.arn)
    assert f"has started 1 tasks: (task {successor.id})." in sim.events()
    assert (shown(sim)["runningCount"], deployments(shown(sim), "failedTasks")) == (1, [(0,)])


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_force_deletes_what_runs_and_the_scheduler_stops_its_tasks(sim: Simulation) -> None:
    create(sim, taskDefinition="web:1", desiredCount=1)
    sim.settle()
    update(sim, taskDefinition="web:2")
    gone = sim.call("DeleteService", service="web", force=True)["service"]
    assert (gone["status"], gone["desiredCount"], gone["runningCount"]) == ("DRAINING", 0, 1)
    assert deployments(gone, "status", "desiredCount") == [("PRIMARY", 0), ("DRAINING", 0)]
    sim.advance(120)
    (task,) = sim.tasks()
    assert (task.last_status, task.stop_code) == ("STOPPED", "ServiceSchedulerInitiated")
    assert task.stopped_reason == f"Scaling activity initiated by (deployment {task.deployment_id})"
    ended = shown(sim)
    assert (ended["status"], ended["events"]) == ("INACTIVE", [])
    assert deployments(ended, "status", "rolloutState") == [("PRIMARY", "COMPLETED")]
