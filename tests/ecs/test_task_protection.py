"""Scale-in protection: what is answered, what is refused, and that a service's scheduler keeps to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import Refused, Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@pytest.fixture
def sim(tmp_path: Path) -> Simulation:
    found = Simulation(tmp_path)
    found.call("CreateCluster")
    define(found)
    found.call(
        "CreateService",
        serviceName="web",
        taskDefinition="app",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
    )
    found.advance(60)
    return found


def define(sim: Simulation) -> None:
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call("RegisterTaskDefinition", family="app", containerDefinitions=[{"name": "app", "image": "app"}], **sizes)


def arns(sim: Simulation) -> list[str]:
    """The service's tasks that are wanted, oldest first."""
    return [task.arn for task in sim.tasks(desired_status="RUNNING") if task.service_arn is not None]


def protect(sim: Simulation, *tasks: str, enabled: bool = True, **more: Any) -> dict[str, Any]:
    return sim.call("UpdateTaskProtection", cluster="default", tasks=list(tasks), protectionEnabled=enabled, **more)


def protection(sim: Simulation, *tasks: str) -> dict[str, Any]:
    return sim.call("GetTaskProtection", cluster="default", **({"tasks": list(tasks)} if tasks else {}))


def alone(sim: Simulation) -> str:
    answer = sim.call("RunTask", taskDefinition="app", launchType="FARGATE", networkConfiguration=NETWORK)
    return str(answer["tasks"][0]["taskArn"])


# --- what is answered -----------------------------------------------------------------------------


def test_a_task_is_protected_for_two_hours_unless_it_says_otherwise(sim: Simulation) -> None:
    first, second = arns(sim)
    now = sim.clock.now()
    shown = {"taskArn": first, "protectionEnabled": True, "expirationDate": now + 7200}
    assert protect(sim, first) == {"protectedTasks": [shown], "failures": []}
    assert protection(sim, first.rpartition("/")[2], second) == {
        "protectedTasks": [shown, {"taskArn": second, "protectionEnabled": False}],
        "failures": [],
    }
    (longer,) = protect(sim, first, expiresInMinutes=2880)["protectedTasks"]
    assert longer["expirationDate"] == now + 2880 * 60


def test_protection_ends_by_itself_and_by_request(sim: Simulation) -> None:
    first, second = arns(sim)
    protect(sim, first, second, expiresInMinutes=1)
    off = protect(sim, second, enabled=False, expiresInMinutes=0)
    assert off == {"protectedTasks": [{"taskArn": second, "protectionEnabled": False}], "failures": []}
    sim.clock.advance(60)
    assert protection(sim, first)["protectedTasks"] == [{"taskArn": first, "protectionEnabled": False}]


def test_without_tasks_all_that_are_protected_are_answered(sim: Simulation) -> None:
    first, second = arns(sim)
    assert protection(sim) == {"protectedTasks": [], "failures": []}
    protect(sim, first, expiresInMinutes=10)
    protect(sim, second, expiresInMinutes=5)
    assert [each["taskArn"] for each in protection(sim)["protectedTasks"]] == [second, first]
    sim.clock.advance(300)
    assert [each["taskArn"] for each in protection(sim)["protectedTasks"]] == [first]


def test_only_tasks_of_services_are_protected(sim: Simulation) -> None:
    task, nobody = alone(sim), "0" * 32
    expected = [
        {"arn": task, "reason": "TASK_NOT_VALID"},
        {"arn": sim.world.arn("ecs", f"task/default/{nobody}"), "reason": "MISSING"},
    ]
    for answer in (protect(sim, task, nobody, task), protection(sim, task, nobody)):
        assert answer == {"protectedTasks": [], "failures": expected}


def test_a_task_that_is_being_stopped_is_past_protection(sim: Simulation) -> None:
    first, _ = arns(sim)
    sim.call("StopTask", task=first)
    assert protect(sim, first)["failures"] == [{"arn": first, "reason": "TASK_NOT_VALID"}]


# --- what is refused ------------------------------------------------------------------------------

ID = "0" * 32
INVALID = "InvalidParameterException"
REFUSALS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("GetTaskProtection", {"tasks": [ID] * 101}, (INVALID, "Tasks cannot have more than 100 elements")),
    ("GetTaskProtection", {"tasks": ["short"]}, (INVALID, "taskId length should be one of [32,36]")),
    ("GetTaskProtection", {"cluster": "nope"}, ("ClusterNotFoundException", "Cluster not found.")),
    ("UpdateTaskProtection", {"tasks": []}, (INVALID, "Tasks cannot be empty.")),
    ("UpdateTaskProtection", {"tasks": [ID] * 11}, (INVALID, "Tasks cannot have more than 10 elements")),
    (
        "UpdateTaskProtection",
        {"tasks": [ID], "expiresInMinutes": 0},
        (INVALID, "expiresInMinutes must be between 1 and 2880"),
    ),
    (
        "UpdateTaskProtection",
        {"tasks": [ID], "expiresInMinutes": 2881},
        (INVALID, "expiresInMinutes must be between 1 and 2880"),
    ),
    (
        "UpdateTaskProtection",
        {"tasks": [f"arn:aws:ecs:us-east-1:123456789012:task/other/{ID}"]},
        (INVALID, "Invalid identifier: Identifier is for cluster other. Your cluster is default"),
    ),
]


@pytest.mark.parametrize(("operation", "params", "expected"), REFUSALS)
def test_refusals_are_in_the_words_of_aws(
    tmp_path: Path, operation: str, params: dict[str, Any], expected: tuple[str, str]
) -> None:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster")
    enabled = {"protectionEnabled": True} if operation == "UpdateTaskProtection" else {}
    with pytest.raises(Refused) as refused:
        sim.call(operation, **{"cluster": "default", **enabled, **params})
    assert (refused.value.code, refused.value.message) == expected


# --- what it is for -------------------------------------------------------------------------------


def test_scaling_in_leaves_the_protected_task(sim: Simulation) -> None:
    first, _ = arns(sim)
    protect(sim, first)
    sim.call("UpdateService", service="web", desiredCount=1)
    sim.advance(60)
    assert arns(sim) == [first]
    sim.call("UpdateService", service="web", desiredCount=0)
    sim.advance(60)
    assert arns(sim) == [first]
    protect(sim, first, enabled=False)
    sim.settle()
    assert arns(sim) == []


def test_a_deployment_waits_for_protected_tasks_and_no_more_are_protected(sim: Simulation) -> None:
    old = arns(sim)
    protect(sim, *old)
    define(sim)
    sim.call("UpdateService", service="web", taskDefinition="app")
    sim.advance(60)
    third, fourth = (arn for arn in arns(sim) if arn not in old)
    assert set(old) < set(arns(sim))
    answer = protect(sim, third, fourth)  # with the third, three are protected where two are desired
    assert [each["taskArn"] for each in answer["protectedTasks"]] == [third]
    assert answer["failures"] == [{"arn": fourth, "reason": "DEPLOYMENT_BLOCKED"}]
    protect(sim, *old, enabled=False)
    sim.settle()
    assert set(arns(sim)) == {third, fourth}
    assert protect(sim, fourth)["failures"] == []


def test_an_expired_protection_protects_no_more(sim: Simulation) -> None:
    first, second = arns(sim)
    now = sim.clock.now()
    with sim.store.transaction() as tx:
        tx.put(replace(sim.task(first), protected_until=now), replace(sim.task(second), protected_until=now))
    sim.call("UpdateService", service="web", desiredCount=0)
    sim.settle()
    assert arns(sim) == []
