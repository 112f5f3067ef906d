"""Services as their users see them: what the events say and in which order, what the counts are, what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import AWS, FAST
from ecs_emulator.records.tasks import Health, TaskStatus
from tests.simulation import Simulation

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2", "subnet-3"]}}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
STEADY = "has reached a steady state."
Document = dict[str, Any]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    yield from _simulation(tmp_path)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Simulation]:
    """With the waits of the real service."""
    yield from _simulation(tmp_path, timings=AWS)


def _simulation(directory: Path, **settings: Any) -> Iterator[Simulation]:
    sim = Simulation(directory, **settings)
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


def define(sim: Simulation, words: str = "", **container: Any) -> None:
    labels = {"dockerLabels": {"ecs-emulator.simulate": words}} if words else {}
    definition = {"name": "app", "image": "img", **labels, **container}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[definition], **SIZES)


def create(sim: Simulation, desired: int, words: str = "", *, container: Document | None = None, **params: Any) -> None:
    define(sim, words, **(container or {}))
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        desiredCount=desired,
        **params,
    )
    sim.settle()


def update(sim: Simulation, **params: Any) -> None:
    sim.call("UpdateService", service="web", **params)
    sim.settle()


def service(sim: Simulation) -> Document:
    (found,) = sim.call("DescribeServices", services=["web"])["services"]
    document: Document = found
    return document


def said(sim: Simulation) -> list[str]:
    """The service's events, oldest first, ids left out."""
    messages = [re.sub(r"\(task [0-9a-f]{32}\)", "(task)", text) for text in sim.events()]
    return [re.sub(r"ecs-svc/\d{19}", "ecs-svc/N", text) for text in messages]


def running(sim: Simulation) -> list[str]:
    return [task.id for task in sim.tasks(last_status=TaskStatus.RUNNING)]


# --- events ---------------------------------------------------------------------------------------------------------


def test_the_first_deployment_is_told_in_three_lines(sim: Simulation) -> None:
    create(sim, 2)
    ids = sorted(running(sim))
    primary = service(sim)["deployments"][0]["id"]
    assert sim.events() == [
        f"has started 2 tasks: (task {ids[0]}) (task {ids[1]}).",
        f"(deployment {primary}) deployment completed.",
        STEADY,
    ]
    steady, completed, _ = service(sim)["events"]
    assert steady["createdAt"] == pytest.approx(completed["createdAt"] + 0.001)
    assert len({event["id"] for event in service(sim)["events"]}) == 3


def test_a_service_without_tasks_is_complete_and_steady(sim: Simulation) -> None:
    create(sim, 0)
    assert said(sim) == ["(deployment ecs-svc/N) deployment completed.", STEADY]
    assert service(sim)["deployments"][0]["rolloutState"] == "COMPLETED"


def test_a_rolling_update_starts_then_stops_then_completes(sim: Simulation) -> None:
    create(sim, 1)
    define(sim)
    update(sim, taskDefinition="web")
    assert said(sim)[3:] == [
        "has started 1 tasks: (task).",
        "has stopped 1 running tasks: (task).",
        "(deployment ecs-svc/N) deployment completed.",
        STEADY,
    ]
    document = service(sim)
    (deployment,) = document["deployments"]
    assert deployment["taskDefinition"].endswith("web:2")
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    stopped = next(task for task in sim.tasks() if task.task_definition_arn.endswith("web:1"))
    assert stopped.stopped_reason == f"Scaling activity initiated by (deployment {stopped.deployment_id})"
    assert stopped.stop_code == "ServiceSchedulerInitiated" and stopped.deployment_id != deployment["id"]


def test_scaling_in_and_out_says_what_it_did_and_each_new_steady_state(sim: Simulation) -> None:
    create(sim, 2)
    update(sim, desiredCount=4)
    update(sim, desiredCount=0)
    assert said(sim)[3:] == [
        "has started 2 tasks: (task) (task).",
        STEADY,
        "has stopped 4 running tasks: (task) (task) (task) (task).",
        STEADY,
    ]
    stopped = re.findall("[0-9a-f]{32}", sim.events()[-2])
    assert stopped == sorted(stopped)


def test_many_tasks_are_started_ten_at_a_time(sim: Simulation) -> None:
    create(sim, 25)
    assert [text.split(":")[0] for text in said(sim)[:3]] == [
        "has started 10 tasks",
        "has started 10 tasks",
        "has started 5 tasks",
    ]
    assert service(sim)["runningCount"] == 25


def test_pending_tasks_that_are_stopped_are_only_counted(sim: Simulation) -> None:
    create(sim, 2, "pull=slow")
    define(sim)
    sim.call("UpdateService", service="web", taskDefinition="web")
    sim.settle()
    assert "stopped 2 pending tasks." in said(sim)


def test_a_steady_state_is_said_again_after_six_hours(sim: Simulation) -> None:
    create(sim, 1)
    sim.advance(6 * 3600 + 1)
    assert said(sim).count(STEADY) == 2
    sim.advance(6 * 3600 + 1)
    assert said(sim).count(STEADY) == 3


def test_a_hundred_events_are_kept_newest_first(sim: Simulation) -> None:
    create(sim, 0)
    for round_ in range(60):
        update(sim, desiredCount=1 - round_ % 2)
    events = service(sim)["events"]
    assert len(events) == 100
    assert events[0]["message"].endswith(STEADY)
    assert [event["createdAt"] for event in events] == sorted((e["createdAt"] for e in events), reverse=True)


def test_with_the_waits_of_aws_the_steady_state_comes_seven_seconds_later(slow: Simulation) -> None:
    create(slow, 1)
    assert said(slow) == ["has started 1 tasks: (task)."]
    slow.advance(6)
    assert service(slow)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    slow.advance(2)
    assert said(slow)[1:] == ["(deployment ecs-svc/N) deployment completed.", STEADY]
    slow.call("DeleteService", service="web", force=True)
    slow.advance(40)
    assert service(slow)["status"] == "DRAINING"
    slow.advance(20)
    assert service(slow)["status"] == "INACTIVE"


# --- replacement ----------------------------------------------------------------------------------------------------


def test_a_killed_container_is_replaced_and_is_no_failure_once_it_ran_well(sim: Simulation) -> None:
    create(sim, 2)
    sim.advance(60)
    killed = running(sim)[0]
    sim.kill(killed)
    sim.settle()
    assert said(sim)[3:] == ["has started 1 tasks: (task).", STEADY]
    document = service(sim)
    assert (document["runningCount"], document["deployments"][0]["failedTasks"]) == (2, 0)
    assert sim.task(killed).stopped_reason == "Essential container in task exited"


def test_the_running_count_falls_at_once_and_not_only_when_the_task_has_stopped(sim: Simulation) -> None:
    create(sim, 2, "stop=ignore", deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100})
    sim.call("StopTask", task=running(sim)[0])
    sim.settle()
    document = service(sim)
    assert (document["runningCount"], document["pendingCount"]) == (1, 0)
    assert document["deployments"][0]["failedTasks"] == 0
    sim.advance(31)
    assert service(sim)["runningCount"] == 2
    assert said(sim)[3:] == ["has started 1 tasks: (task).", STEADY]


def test_an_unhealthy_task_is_replaced_first_and_then_stopped(sim: Simulation) -> None:
    create(sim, 2, container={"healthCheck": {"command": ["CMD", "true"]}})
    sim.advance(60)
    sick = running(sim)[0]
    sim.health(sick, Health.UNHEALTHY)
    sim.settle()
    assert said(sim)[3:] == [
        "has started 1 tasks: (task). Amazon ECS replaced 1 tasks due to an unhealthy status.",
        "(task) failed container health checks.",
        "has stopped 1 running tasks: (task).",
        STEADY,
    ]
    stopped = sim.task(sick)
    assert (stopped.stopped_reason, stopped.stop_code) == (
        "Task failed container health checks",
        "ServiceSchedulerInitiated",
    )


def test_a_deployment_with_a_health_check_completes_when_its_tasks_are_healthy(sim: Simulation) -> None:
    create(sim, 1, "health=healthy after-health=20s", container={"healthCheck": {"command": ["CMD", "true"]}})
    sim.advance(15)
    document = service(sim)
    assert (document["runningCount"], document["deployments"][0]["rolloutState"]) == (1, "IN_PROGRESS")
    sim.advance(10)
    assert service(sim)["deployments"][0]["rolloutState"] == "COMPLETED"


def test_tasks_go_round_the_subnets_of_their_service(sim: Simulation) -> None:
    create(sim, 6)
    subnets = sorted(task.attachment.subnet_id for task in sim.tasks() if task.attachment is not None)
    assert subnets == ["subnet-1", "subnet-1", "subnet-2", "subnet-2", "subnet-3", "subnet-3"]


# --- failures -------------------------------------------------------------------------------------------------------

NOT_FOUND = (
    "was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    "failed to resolve ref img: img: not found."
)


def test_starts_that_fail_are_told_counted_and_tried_again_with_growing_pauses(sim: Simulation) -> None:
    create(sim, 1, "pull=fail")
    started = "has started 1 tasks: (task)."
    assert said(sim) == [
        *[started, NOT_FOUND] * 4,
        "is unable to consistently start tasks successfully. "
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
    ]
    assert service(sim)["deployments"][0]["failedTasks"] == 4
    times = []
    for _ in range(6):
        due = sim.loop.next_due()
        assert due is not None
        times.append(due - sim.clock.now())
        sim.advance(times[-1])
    assert times == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert service(sim)["deployments"][0]["failedTasks"] == 10


def test_the_pause_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    for sim in _simulation(tmp_path, timings=replace(FAST, retry_most=2.0)):
        create(sim, 1, "pull=fail")
        sim.advance(60)
        failures = service(sim)["deployments"][0]["failedTasks"]
        sim.advance(20)
        assert service(sim)["deployments"][0]["failedTasks"] == failures + 10


def test_a_new_deployment_is_tried_at_once_and_counts_anew(sim: Simulation) -> None:
    create(sim, 1, "pull=fail")
    sim.advance(100)
    define(sim)
    update(sim, taskDefinition="web")
    document = service(sim)
    assert document["runningCount"] == 1
    assert [(one["rolloutState"], one["failedTasks"]) for one in document["deployments"]] == [("COMPLETED", 0)]


def test_containers_that_end_at_once_are_paced_like_those_that_never_ran_but_are_no_placement_problem(
    sim: Simulation,
) -> None:
    create(sim, 1, "exit=1 after=0s")
    assert set(said(sim)) == {
        "has started 1 tasks: (task).",
        "(deployment ecs-svc/N) deployment completed.",
        STEADY,
    } or set(said(sim)) == {"has started 1 tasks: (task)."}
    assert len(sim.tasks()) == 4
    sim.advance(10)
    assert len(sim.tasks()) < 12


def test_a_task_that_runs_well_ends_the_row_of_failures(sim: Simulation) -> None:
    create(sim, 2, "start=fail")
    define(sim, "start=slow")
    update(sim, desiredCount=0)
    sim.advance(3600)
    update(sim, taskDefinition="web", desiredCount=1)
    sim.kill(sim.tasks()[-1].id, exit_code=None, reason="CannotStartContainerError: x")
    sim.settle()
    assert service(sim)["deployments"][0]["failedTasks"] == 1
    sim.advance(9)
    assert service(sim)["runningCount"] == 1
    sim.advance(5)
    assert service(sim)["deployments"][0]["failedTasks"] == 0


def test_a_failing_update_leaves_the_old_tasks_running(sim: Simulation) -> None:
    create(sim, 3)
    sim.advance(60)
    before = running(sim)
    define(sim, "pull=fail")
    update(sim, taskDefinition="web")
    sim.advance(120)
    document = service(sim)
    assert running(sim) == before
    new, old = document["deployments"]
    assert (new["rolloutState"], new["runningCount"], old["runningCount"]) == ("IN_PROGRESS", 0, 3)
    assert document["runningCount"] == 3 and new["failedTasks"] > 3


# --- tags and members that come from the service --------------------------------------------------------------------


def test_tasks_of_a_service_carry_its_name_its_deployment_and_no_tags(sim: Simulation) -> None:
    create(sim, 1, tags=[{"key": "k", "value": "v"}])
    (task,) = sim.call("DescribeTasks", tasks=running(sim), include=["TAGS"])["tasks"]
    assert (task["group"], task["startedBy"]) == ("service:web", service(sim)["deployments"][0]["id"])
    assert task["tags"] == [] and "capacityProviderName" not in task


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"propagateTags": "SERVICE"}, {"of": "service"}),
        ({"propagateTags": "TASK_DEFINITION"}, {"of": "definition"}),
        ({"enableECSManagedTags": True}, {"aws:ecs:clusterName": "default", "aws:ecs:serviceName": "web"}),
        (
            {"propagateTags": "SERVICE", "enableECSManagedTags": True},
            {"of": "service", "aws:ecs:clusterName": "default", "aws:ecs:serviceName": "web"},
        ),
    ],
)
def test_tags_are_propagated_as_asked(sim: Simulation, params: Document, expected: dict[str, str]) -> None:
    tags = [{"key": "of", "value": "definition"}]
    sim.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "a", "image": "i"}], tags=tags, **SIZES
    )
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        desiredCount=1,
        tags=[{"key": "of", "value": "service"}],
        **params,
    )
    sim.settle()
    assert sim.tasks()[0].tags == expected


def test_a_strategy_spreads_the_tasks_over_its_providers(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="mixed", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    define(sim)
    sim.call(
        "CreateService",
        cluster="mixed",
        serviceName="web",
        taskDefinition="web",
        networkConfiguration=NETWORK,
        desiredCount=10,
        capacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 4},
        ],
    )
    sim.settle()
    names = [task.capacity_provider_name for task in sim.tasks()]
    assert (names.count("FARGATE"), names.count("FARGATE_SPOT")) == (4, 6)
    sim.kill(next(task.id for task in sim.tasks() if task.capacity_provider_name == "FARGATE"))
    sim.settle()
    names = [task.capacity_provider_name for task in sim.tasks(last_status=TaskStatus.RUNNING)]
    assert (names.count("FARGATE"), names.count("FARGATE_SPOT")) == (4, 6)


# --- deployments ----------------------------------------------------------------------------------------------------


def test_the_tasks_of_a_deployment_that_is_gone_are_not_listed_by_the_services_name(sim: Simulation) -> None:
    create(sim, 1)
    (old,) = running(sim)
    define(sim)
    update(sim, taskDefinition="web")
    update(sim, desiredCount=0)
    (new,) = [task.id for task in sim.tasks() if task.id != old]
    listed = sim.call("ListTasks", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    assert [arn.rpartition("/")[2] for arn in listed] == [new]
    assert len(sim.call("DescribeTasks", tasks=[old, new])["tasks"]) == 2


def test_a_superseded_deployment_keeps_its_own_state_until_it_is_gone(sim: Simulation) -> None:
    create(sim, 1)
    for _ in range(2):
        define(sim, "pull=slow")
        sim.clock.advance(0.1)
        sim.step()
        sim.call("UpdateService", service="web", taskDefinition="web")
    listed = [(one["status"], one["rolloutState"]) for one in service(sim)["deployments"]]
    assert listed == [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]
    sim.advance(30)
    assert [(one["status"], one["rolloutState"]) for one in service(sim)["deployments"]] == [("PRIMARY", "COMPLETED")]
