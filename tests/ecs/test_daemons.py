"""Daemons: documents and refusals by table, lists, and one task on each machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.records.tasks import TaskStatus
from tests.ecs.daemon_world import ARN, DAEMON, PROVIDER, World
from tests.ecs.running import refusal

INVALID, CLIENT = "InvalidParameterException", "ClientException"
CLUSTER = "ClusterNotFoundException"
NOT_MANAGED = (
    "The specified capacity provider {} is not supported. Daemons support Amazon ECS Managed Instances capacity "
    "providers of their own cluster only. Specify a valid capacity provider and try again."
)
UNKNOWN = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."
GROUP = {"autoScalingGroupArn": "mine"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.sim.close()


# --- CreateDaemon -----------------------------------------------------------------------------------------------------


def test_a_daemon_on_no_machine_is_deployed_at_once(world: World) -> None:
    made = world.create(tags=[{"key": "a", "value": "1"}])
    assert made["daemonArn"] == DAEMON
    assert made["status"] == "ACTIVE"
    assert made["deploymentArn"].startswith(f"{ARN}daemon-deployment/default/logs/")
    assert len(made["deploymentArn"].rpartition("/")[2]) == 21
    assert world.deployment(made["deploymentArn"])["status"] == "PENDING"
    world.settle()
    found = world.deployment(made["deploymentArn"])
    assert found["status"] == "SUCCESSFUL"
    assert found["startedAt"] == found["finishedAt"] == made["createdAt"]
    tags = world.call("ListTagsForResource", resourceArn=DAEMON)
    assert tags == {"tags": [{"key": "a", "value": "1"}]}


def test_a_deployment_and_a_revision_say_what_was_asked_for(world: World) -> None:
    world.machine()
    configuration = {"drainPercent": 50.0, "alarms": {"alarmNames": ["a"], "enable": True}}
    made = world.create(deploymentConfiguration=configuration, propagateTags="DAEMON", critical=False)
    world.settle()
    found = world.deployment(made["deploymentArn"])
    counts = {"runningInstanceCount": 1, "withoutDaemonInstanceCount": 0, "drainingInstanceCount": 0}
    revision_arn = found["targetDaemonRevision"]["arn"]
    assert revision_arn.startswith(f"{ARN}daemon-revision/default/logs/")
    assert found == {
        "daemonDeploymentArn": made["deploymentArn"],
        "clusterArn": f"{ARN}cluster/default",
        "status": "SUCCESSFUL",
        "targetDaemonRevision": {
            "arn": revision_arn,
            "capacityProviders": [{"arn": PROVIDER, **counts}],
            "totalRunningInstanceCount": 1,
            "totalWithoutDaemonInstanceCount": 0,
            "totalDrainingInstanceCount": 0,
        },
        "sourceDaemonRevisions": [],
        "circuitBreaker": {"failureCount": 0, "status": "MONITORING_COMPLETE", "threshold": 3},
        "alarms": {"status": "MONITORING_COMPLETE", "alarmNames": ["a"], "triggeredAlarmNames": []},
        "deploymentConfiguration": {**configuration, "bakeTimeInMinutes": 0},
        "createdAt": made["createdAt"],
        "startedAt": made["createdAt"],
        "finishedAt": made["createdAt"],
    }
    (revision,) = world.call("DescribeDaemonRevisions", daemonRevisionArns=[revision_arn])["daemonRevisions"]
    (image,) = revision.pop("containerImages")
    assert (image["containerName"], image["image"], image["imageDigest"][:7]) == ("app", "agent", "sha256:")
    assert revision == {
        "daemonRevisionArn": revision_arn,
        "clusterArn": f"{ARN}cluster/default",
        "daemonArn": DAEMON,
        "daemonTaskDefinitionArn": f"{ARN}daemon-task-definition/agent:1",
        "createdAt": made["createdAt"],
        "propagateTags": "DAEMON",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "critical": False,
    }


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"clusterArn": "nowhere"}, CLUSTER, "Cluster not found."),
        (
            {"daemonName": "a b"},
            INVALID,
            "The specified daemon name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), "
            "numbers, underscores, and hyphens. Specify a valid name and try again.",
        ),
        ({"daemonTaskDefinitionArn": "other"}, CLIENT, "DaemonTaskDefinition not found."),
        (
            {"daemonTaskDefinitionArn": f"{ARN}task-definition/agent:1"},
            INVALID,
            "Unsupported resource type: task-definition",
        ),
        ({"capacityProviderArns": []}, INVALID, "capacityProviderArns cannot be empty."),
        ({"capacityProviderArns": [f"{ARN}capacity-provider/none"]}, INVALID, UNKNOWN),
        ({"capacityProviderArns": [f"{ARN}capacity-provider/FARGATE"]}, INVALID, NOT_MANAGED.format("FARGATE")),
        ({"capacityProviderArns": [PROVIDER, f"{ARN}capacity-provider/asg"]}, INVALID, NOT_MANAGED.format("asg")),
        ({"clusterArn": "other"}, INVALID, NOT_MANAGED.format("mi")),
        ({"propagateTags": "SERVICE"}, INVALID, "propagateTags should be one of [DAEMON,NONE]"),
        ({"deploymentConfiguration": {"drainPercent": 101}}, INVALID, "drainPercent must be at most 100"),
        (
            {"deploymentConfiguration": {"bakeTimeInMinutes": 1441}},
            INVALID,
            "bakeTimeInMinutes must be between 0 and 1440",
        ),
        (
            {"deploymentConfiguration": {"alarms": {"enable": True}}},
            INVALID,
            "alarmNames cannot be empty when alarms are enabled.",
        ),
        (
            {"clientToken": "x" * 37},
            INVALID,
            "clientToken can have at most 36 ASCII characters in the range of 33-126.",
        ),
        ({"tags": [{"key": "a"}]}, INVALID, "Tag value can not be null."),
    ],
)
def test_a_daemon_is_refused(world: World, params: dict[str, Any], code: str, message: str) -> None:
    world.call("CreateCluster", clusterName="other")
    world.call("CreateCapacityProvider", name="asg", autoScalingGroupProvider=GROUP)
    asked = {
        "daemonName": "logs",
        "daemonTaskDefinitionArn": "agent",
        "capacityProviderArns": [PROVIDER],
        **params,
    }
    assert refusal(world.sim, "CreateDaemon", **asked) == (code, message)
    assert world.call("ListDaemons")["daemonSummariesList"] == []


def test_a_deleted_definition_makes_no_daemon(world: World) -> None:
    world.call("DeleteDaemonTaskDefinition", daemonTaskDefinition="agent:1")
    asked = {"daemonName": "logs", "daemonTaskDefinitionArn": "agent:1", "capacityProviderArns": [PROVIDER]}
    assert refusal(world.sim, "CreateDaemon", **asked) == (CLIENT, "DaemonTaskDefinition is being deleted")


def test_the_same_token_and_words_answer_the_same_daemon(world: World) -> None:
    made = world.create(clientToken="once")
    assert world.create(clientToken="once") == made
    for more in ({}, {"clientToken": "twice"}, {"clientToken": "once", "critical": False}):
        asked = {"daemonName": "logs", "daemonTaskDefinitionArn": "agent", "capacityProviderArns": [PROVIDER], **more}
        assert refusal(world.sim, "CreateDaemon", **asked) == (INVALID, "Creation of daemon was not idempotent.")


# --- references -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["DescribeDaemon", "DeleteDaemon", "UpdateDaemon", "ListDaemonDeployments"])
@pytest.mark.parametrize(
    ("arn", "code", "message"),
    [
        ("logs", INVALID, "The Daemon ARN is invalid."),
        (f"{ARN}service/default/logs", INVALID, "The Daemon ARN is invalid."),
        (f"{ARN}daemon/logs", INVALID, "The Daemon ARN is invalid."),
        ("arn:aws:ecs:us-east-1:999999999999:daemon/default/logs", INVALID, "AccountIDs mismatch"),
        (f"{ARN}daemon/nowhere/logs", CLUSTER, "Cluster not found."),
        (f"{ARN}daemon/default/other", "DaemonNotFoundException", "Daemon not found."),
    ],
)
def test_a_daemon_arn_is_refused(world: World, operation: str, arn: str, code: str, message: str) -> None:
    more = {"daemonTaskDefinitionArn": "agent", "capacityProviderArns": [PROVIDER]}
    params = {"daemonArn": arn, **(more if operation == "UpdateDaemon" else {})}
    if operation == "ListDaemonDeployments" and code == "DaemonNotFoundException":
        code = CLIENT  # the only one of them that the model lets it say
    assert refusal(world.sim, operation, **params) == (code, message)


@pytest.mark.parametrize(
    ("operation", "member", "kind", "name"),
    [
        ("DescribeDaemonDeployments", "daemonDeploymentArns", "daemon-deployment", "DaemonDeployment"),
        ("DescribeDaemonRevisions", "daemonRevisionArns", "daemon-revision", "DaemonRevision"),
    ],
)
def test_what_is_named_by_arn_is_missing_or_refused(
    world: World, operation: str, member: str, kind: str, name: str
) -> None:
    absent = f"{ARN}{kind}/default/logs/none"
    answer = world.call(operation, **{member: [absent, absent]})
    assert answer["failures"] == [{"arn": absent, "reason": "MISSING"}]
    for arns, message in (
        ([], f"{name} ARNs cannot be empty."),
        ([absent] * 21, f"{name} ARN count cannot exceed 20"),
        (["none"], f"The {name} ARN is invalid."),
        ([DAEMON], f"The {name} ARN is invalid."),
        ([absent.replace("us-east-1", "eu-west-1")], f"The {name} ARN is invalid."),
    ):
        assert refusal(world.sim, operation, **{member: arns}) == (INVALID, message)


# --- lists ------------------------------------------------------------------------------------------------------------


def test_daemons_are_listed_by_name_and_by_provider_page_by_page(world: World) -> None:
    other = world.provider("other")
    for name in ("c", "a", "b"):
        world.create(name, capacityProviderArns=[PROVIDER, other] if name == "b" else [PROVIDER])
    names, token = [], None
    while True:
        answer = world.call("ListDaemons", maxResults=2, **({"nextToken": token} if token else {}))
        names += [each["daemonArn"].rpartition("/")[2] for each in answer["daemonSummariesList"]]
        token = answer.get("nextToken")
        if token is None:
            break
    assert names == ["a", "b", "c"]
    (found,) = world.call("ListDaemons", capacityProviderArns=[other])["daemonSummariesList"]
    assert found["daemonArn"] == f"{ARN}daemon/default/b"
    assert found.keys() == {"daemonArn", "status", "createdAt", "updatedAt"}
    assert refusal(world.sim, "ListDaemons", clusterArn="nowhere") == (CLUSTER, "Cluster not found.")


def test_deployments_are_listed_newest_first_by_status_and_age(world: World) -> None:
    first = world.create()["deploymentArn"]
    world.advance(10)
    second = world.update()
    world.advance(10)

    def listed(**filters: Any) -> list[str]:
        found = world.call("ListDaemonDeployments", daemonArn=DAEMON, **filters)["daemonDeployments"]
        return [each["daemonDeploymentArn"] for each in found]

    began = world.record().created_at
    assert listed() == [second, first]
    assert listed(status=["SUCCESSFUL"]) == [second, first]
    assert listed(status=["STOPPED"]) == []
    assert listed(createdAt={"after": began + 5}) == [second]
    assert listed(createdAt={"before": began + 5}) == [first]
    code, _ = refusal(world.sim, "ListDaemonDeployments", daemonArn=DAEMON, status=["DONE"])
    assert code == INVALID


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_each_machine_of_the_providers_gets_one_task_and_later_ones_too(world: World) -> None:
    world.provider("other")
    there, elsewhere = world.machine(), world.machine("other")
    world.create(propagateTags="DAEMON", enableECSManagedTags=True, tags=[{"key": "a", "value": "1"}])
    world.settle()
    (task,) = world.running()
    assert (task.container_instance_arn, task.last_status) == (there.arn, TaskStatus.RUNNING)
    assert (task.group, task.launch_type, task.capacity_provider_name) == ("daemon:logs", "MANAGED_INSTANCES", "mi")
    assert task.started_by == "ecs-daemon/" + world.described()["deploymentArn"].rpartition("/")[2]
    assert task.tags == {"a": "1", "aws:ecs:clusterName": "default"}
    later = world.machine()
    world.settle()
    assert {each.container_instance_arn for each in world.running()} == {there.arn, later.arn}
    (revision,) = world.described()["currentRevisions"]
    assert revision["totalRunningCount"] == 2
    assert elsewhere.arn not in {each.container_instance_arn for each in world.running()}


def test_tasks_are_listed_by_the_name_of_their_daemon(world: World) -> None:
    world.machine()
    world.create()
    world.create("metrics")
    world.settle()
    (arn,) = world.call("ListTasks", daemonName="logs")["taskArns"]
    (task,) = world.call("DescribeTasks", tasks=[arn])["tasks"]
    assert (task["group"], task["taskDefinitionArn"]) == ("daemon:logs", f"{ARN}daemon-task-definition/agent:1")
    assert world.call("ListTasks", daemonName="none")["taskArns"] == []
    assert len(world.call("ListTasks")["taskArns"]) == 2


def test_a_task_that_ends_is_replaced_on_its_machine(world: World) -> None:
    machine = world.machine()
    world.create()
    world.settle()
    (first,) = world.running()
    world.advance(10)
    world.sim.kill(first.arn)
    world.settle()
    (second,) = world.running()
    assert second.arn != first.arn
    assert second.container_instance_arn == machine.arn
    world.call("StopTask", task=second.id)
    world.settle()
    assert len(world.running()) == 1


def test_a_task_that_fails_again_and_again_is_started_at_leisure(world: World) -> None:
    world.machine()
    world.create()
    world.settle()
    for _ in range(4):
        world.sim.kill(world.running()[0].arn)
        world.settle()
    assert world.running() == []
    assert world.record().failures == 4
    world.advance(1)
    assert len(world.running()) == 1


def test_the_daemon_of_a_machine_runs_before_any_other_task(world: World) -> None:
    world.create()
    world.settle()
    container = {"name": "app", "image": "web", "memory": 64}
    needs = {"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"]}
    world.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **needs)
    world.call("RunTask", taskDefinition="web", capacityProviderStrategy=[{"capacityProvider": "mi"}])
    world.settle()
    lines = [line.split(" ", 2)[1:] for line in world.sim.journal().splitlines() if " RUNNING (" in line]
    (daemon,) = world.running()
    (web,) = (task for task in world.sim.tasks() if task.daemon_arn is None)
    assert [start for start, _ in lines] == [daemon.id[:12], web.id[:12]]


def test_a_daemon_that_fails_keeps_no_other_task_waiting(world: World) -> None:
    world.define(memory="100000")
    world.create()
    world.settle()
    container = {"name": "app", "image": "web", "memory": 64}
    needs = {"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"]}
    world.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **needs)
    world.call("RunTask", taskDefinition="web", capacityProviderStrategy=[{"capacityProvider": "mi"}])
    world.settle()
    assert [task.last_status for task in world.sim.tasks()] == [TaskStatus.RUNNING]


def a_task_that_waits_for_the_daemon(world: World) -> str:
    """On a machine that comes while the deployment bakes on the first one."""
    world.machine()
    world.create(deploymentConfiguration={"drainPercent": 50, "bakeTimeInMinutes": 10})
    world.settle()
    late = world.machine()
    container = {"name": "app", "image": "web", "memory": 600}
    needs = {"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"]}
    world.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **needs)
    managed = [{"capacityProvider": "mi"}]
    world.call("RunTask", taskDefinition="web", capacityProviderStrategy=managed, count=2)
    world.settle()
    (task,) = (one for one in world.sim.tasks(last_status="PENDING") if one.container_instance_arn == late.arn)
    return task.arn


def test_a_task_waits_no_longer_for_a_daemon_that_is_deleted(world: World) -> None:
    waiting = a_task_that_waits_for_the_daemon(world)
    world.call("DeleteDaemon", daemonArn=DAEMON)
    world.settle()
    assert world.sim.task(waiting).last_status is TaskStatus.RUNNING


def test_a_task_waits_no_longer_for_a_daemon_that_is_to_be_elsewhere(world: World) -> None:
    waiting = a_task_that_waits_for_the_daemon(world)
    world.update(capacityProviderArns=[world.provider("other")])
    world.settle()
    assert world.sim.task(waiting).last_status is TaskStatus.RUNNING


@pytest.mark.parametrize(("critical", "without"), [(False, 1), (True, 0)])
def test_machines_without_the_daemon_are_counted_where_they_serve_all_the_same(
    world: World, critical: bool, without: int
) -> None:
    world.machine()
    world.define(memory="100000")
    world.create(critical=critical)
    world.settle()
    (revision,) = world.described()["currentRevisions"]
    assert (revision["totalRunningCount"], revision["totalWithoutDaemonCount"]) == (0, without)


def test_a_machine_made_on_demand_goes_with_its_daemon_when_no_other_task_is_left(world: World) -> None:
    world.create()
    world.settle()
    container = {"name": "app", "image": "web", "memory": 64}
    needs = {"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"]}
    world.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **needs)
    strategy = [{"capacityProvider": "mi"}]
    (task,) = world.call("RunTask", taskDefinition="web", capacityProviderStrategy=strategy)["tasks"]
    world.settle()
    world.call("StopTask", task=task["taskArn"])
    world.advance(120)
    assert world.running() == []
    assert world.call("ListContainerInstances")["containerInstanceArns"] == []


def test_a_draining_machine_keeps_its_daemon_until_the_others_have_left(world: World) -> None:
    machine = world.machine()
    world.create()
    world.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "app", "image": "w", "memory": 64}]
    )
    (task,) = world.call("StartTask", taskDefinition="web", containerInstances=[machine.arn])["tasks"]
    world.settle()
    world.call("UpdateContainerInstancesState", containerInstances=[machine.arn], status="DRAINING")
    world.settle()
    assert len(world.running()) == 1
    world.call("StopTask", task=task["taskArn"])
    world.settle()
    assert world.running() == []
