"""What RunTask, StartTask and ListTasks may be told, and where it is seen again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from ecs_emulator.wire import models
from tests.ecs.running import ARN, FARGATE, INVALID, NETWORK, begun, refusal, run, shown
from tests.simulation import ECS, Simulation

MODEL = models.load("ecs")
ROLE = "arn:aws:iam::123456789012:role/runs"


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = begun(tmp_path)
    yield sim
    sim.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Simulation]:
    """Without machines made on demand: an empty cluster is empty, as on AWS."""
    sim = begun(tmp_path, instances=Instances.NONE)
    yield sim
    sim.close()


def machine(
    sim: Simulation, *attributes: str, cpu: int = 1024, memory: int = 1024, gpus: list[str] | None = None, **more: Any
) -> str:
    resources: list[dict[str, Any]] = [
        {"name": name, "type": "INTEGER", "integerValue": value} for name, value in (("CPU", cpu), ("MEMORY", memory))
    ]
    if gpus is not None:
        resources.append({"name": "GPU", "type": "STRINGSET", "stringSetValue": gpus})
    answer = sim.call(
        "RegisterContainerInstance",
        cluster="default",
        totalResources=resources,
        attributes=[{"name": name} for name in attributes],
        **more,
    )
    return str(answer["containerInstance"]["containerInstanceArn"])


# --- overrides ----------------------------------------------------------------------------------------------------------

TEXTS = {
    "ContainerOverride.name": "app",
    "ContainerOverride.memory": 96,
    "ContainerOverride.memoryReservation": 64,
    "ContainerOverride.resourceRequirements": [{"type": "GPU", "value": "1"}],
    "TaskOverride.cpu": "512",
    "TaskOverride.memory": "1024",
    "TaskOverride.taskRoleArn": ROLE,
    "TaskOverride.executionRoleArn": ROLE,
    "EnvironmentFile.value": "arn:aws:s3:::bucket/a.env",
}


def filled(shape_name: str, site: str = "") -> Any:
    """A value with every member that the model knows."""
    if site in TEXTS:
        return TEXTS[site]
    shape = MODEL.shapes[shape_name]
    match shape.type:
        case "structure":
            return {member: filled(inner, f"{shape_name}.{member}") for member, inner in shape.members.items()}
        case "list":
            return [filled(shape.element)]
        case "string":
            return shape.enum[0] if shape.enum else "text"
    return 30


@pytest.mark.parametrize("asked", [FARGATE, {"taskDefinition": "web"}], ids=["fargate", "ec2"])
def test_every_override_of_the_model_is_echoed(sim: Simulation, asked: dict[str, Any]) -> None:
    overrides = filled("TaskOverride")
    (own,) = overrides["containerOverrides"]
    assert own.pop("resourceRequirements"), "which no machine has"
    answer = run(sim, **asked, overrides=overrides)
    names = [one["name"] for one in answer["containers"]]
    assert answer["overrides"] == {
        **overrides,
        "containerOverrides": [*overrides["containerOverrides"], *({"name": name} for name in names[1:])],
    }
    assert (answer["cpu"], answer["memory"]) == ("512", "1024")
    (app, *_) = answer["containers"]
    assert (app["cpu"], app["memory"], app["memoryReservation"]) == ("30", "96", "64")
    assert shown(sim, answer["taskArn"])["overrides"] == answer["overrides"]


def test_gpus_may_be_asked_for_by_an_override(strict: Simulation) -> None:
    arn = machine(strict)
    override = {"name": "app", "resourceRequirements": [{"type": "GPU", "value": "1"}]}
    overrides = {"containerOverrides": [override]}
    answer = strict.call("RunTask", taskDefinition="web", overrides=overrides)
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": arn, "reason": "RESOURCE:GPU"}])
    able = machine(strict, gpus=["gpu-1"])
    task = run(strict, overrides=overrides)
    assert task["containerInstanceArn"] == able
    assert task["overrides"]["containerOverrides"][0] == override


# --- where it runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "version"),
    [({}, "1.4.0"), ({"platformVersion": "LATEST"}, "1.4.0"), ({"platformVersion": "1.3.0"}, "1.3.0")],
)
def test_fargate_has_a_platform_version(sim: Simulation, asked: dict[str, Any], version: str) -> None:
    task = run(sim, **FARGATE, **asked)
    assert (task["platformVersion"], task["platformFamily"]) == (version, "Linux")


@pytest.mark.parametrize("asked", [{}, {"platformVersion": "LATEST"}, {"platformVersion": "1.0.0"}])
def test_windows_on_fargate_has_its_own(sim: Simulation, asked: dict[str, Any]) -> None:
    sim.call(
        "RegisterTaskDefinition",
        family="windows",
        networkMode="awsvpc",
        cpu="1024",
        memory="2048",
        requiresCompatibilities=["FARGATE"],
        runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},
        containerDefinitions=[{"name": "app", "image": "web:1"}],
    )
    task = run(sim, **{**FARGATE, "taskDefinition": "windows"}, **asked)
    assert (task["platformVersion"], task["platformFamily"]) == ("1.0.0", "WINDOWS_SERVER_2022_CORE")


@pytest.mark.parametrize(
    ("count", "strategy", "shares"),
    [
        (10, [("FARGATE", 1, 2), ("FARGATE_SPOT", 4, 0)], {"FARGATE": 4, "FARGATE_SPOT": 6}),
        (5, [("FARGATE", 1, 0), ("FARGATE_SPOT", 4, 0)], {"FARGATE": 1, "FARGATE_SPOT": 4}),
        (1, [("FARGATE", 0, 1), ("FARGATE_SPOT", 1, 0)], {"FARGATE": 1}),
        (4, [("FARGATE", 0, 1), ("FARGATE_SPOT", 1, 0)], {"FARGATE": 1, "FARGATE_SPOT": 3}),
    ],
)
def test_a_strategy_shares_the_tasks_by_base_and_weight(
    sim: Simulation, count: int, strategy: list[tuple[str, int, int]], shares: dict[str, int]
) -> None:
    sim.call("CreateCluster", clusterName="shared", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    answer = sim.call(
        "RunTask",
        taskDefinition="far",
        cluster="shared",
        count=count,
        networkConfiguration=NETWORK,
        capacityProviderStrategy=[
            {"capacityProvider": name, "weight": weight, "base": base} for name, weight, base in strategy
        ],
    )
    assert Counter(task["capacityProviderName"] for task in answer["tasks"]) == shares
    assert {task["launchType"] for task in answer["tasks"]} == {"FARGATE"}


def test_constraints_and_strategies_decide_where_and_a_group_is_what_they_count(strict: Simulation) -> None:
    first, second = machine(strict), machine(strict, cpu=512)
    tight = [{"type": "binpack", "field": "cpu"}]
    answer = strict.call("RunTask", taskDefinition="web", count=2, placementStrategy=tight)
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {second}
    apart = [{"type": "distinctInstance"}]
    answer = strict.call("RunTask", taskDefinition="web", count=3, group="apart", placementConstraints=apart)
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {first, second}
    assert {task["group"] for task in answer["tasks"]} == {"apart"}
    reason = "distinctInstance placement constraint unsatisfied."
    assert sorted(one["arn"] for one in answer["failures"]) == sorted([first, second])
    assert {one["reason"] for one in answer["failures"]} == {reason}


STATIC = {
    "containerDefinitions": [
        {"name": "app", "image": "i", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 80}]}
    ]
}
UDP = {
    "containerDefinitions": [
        {
            "name": "app",
            "image": "i",
            "memory": 64,
            "portMappings": [{"containerPort": 53, "hostPort": 53, "protocol": "udp"}],
        }
    ]
}
SELINUX = {"containerDefinitions": [{"name": "app", "image": "i", "memory": 64, "dockerSecurityOptions": ["label:x"]}]}
NOWHERE = [{"type": "memberOf", "expression": "attribute:stack == prod"}]
FAILURES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "RESOURCE:CPU": ({"cpu": "2048", **STATIC}, {}, 1),
    "RESOURCE:MEMORY": ({"memory": "2048", **STATIC}, {}, 1),
    "RESOURCE:PORTS": (STATIC, {}, 2),
    "RESOURCE:PORTS_UDP": (UDP, {}, 2),
    "ATTRIBUTE": (SELINUX, {}, 1),
    "memberOf constraint unsatisfied.": (STATIC, {"placementConstraints": NOWHERE}, 1),
}


@pytest.mark.parametrize("reason", FAILURES)
def test_an_instance_that_cannot_take_the_task_is_a_failure_with_its_reason(strict: Simulation, reason: str) -> None:
    definition, asked, count = FAILURES[reason]
    strict.call("RegisterTaskDefinition", family="own", **definition)
    arn = machine(strict, "com.amazonaws.ecs.capability.docker-remote-api.1.17", versionInfo={"agentVersion": "1.86.2"})
    answer = strict.call("RunTask", taskDefinition="own", count=count, **asked)
    assert len(answer["tasks"]) == count - 1
    assert answer["failures"] == [{"arn": arn, "reason": reason}]
    if "placementConstraints" in asked:
        return  # StartTask has no such thing
    answer = strict.call("StartTask", taskDefinition="own", containerInstances=[arn])
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": arn, "reason": reason}])


def test_a_deregistered_instance_is_inactive_for_start_task_as_it_was_named(strict: Simulation) -> None:
    arn = machine(strict)
    strict.call("DeregisterContainerInstance", cluster="default", containerInstance=arn)
    short = arn.rpartition("/")[2]
    answer = strict.call("StartTask", taskDefinition="web", containerInstances=[short, "0" * 32])
    assert answer == {
        "tasks": [],
        "failures": [{"arn": short, "reason": "INACTIVE"}, {"arn": "0" * 32, "reason": "MISSING"}],
    }


def test_start_task_takes_the_words_of_run_task(strict: Simulation) -> None:
    arn = machine(strict)
    (task,) = strict.call(
        "StartTask",
        taskDefinition="web",
        containerInstances=[arn],
        startedBy="me",
        overrides={"containerOverrides": [{"name": "app", "cpu": 20}]},
        propagateTags="TASK_DEFINITION",
        enableECSManagedTags=True,
        tags=[{"key": "team", "value": "red"}],
    )["tasks"]
    assert (task["startedBy"], task["group"], task["cpu"]) == ("me", "family:web", "20")
    assert {one["key"]: one["value"] for one in task["tags"]} == {
        "from": "definition",
        "team": "red",
        "aws:ecs:clusterName": "default",
    }


def test_a_task_on_a_machine_that_is_not_of_aws_is_external(strict: Simulation) -> None:
    reserves = "com.amazonaws.ecs.capability.docker-remote-api.1.21"
    arn = machine(strict, "ecs.capability.external", reserves)
    (task,) = strict.call("StartTask", taskDefinition="web", containerInstances=[arn])["tasks"]
    assert task["launchType"] == "EXTERNAL"


def test_a_volume_configured_at_launch_is_an_attachment_as_long_as_the_task_is(sim: Simulation) -> None:
    mounts = [{"sourceVolume": "data", "containerPath": "/data"}]
    container = {"name": "app", "image": "web:1", "memory": 64, "mountPoints": mounts}
    volumes = [{"name": "data", "configuredAtLaunch": True}]
    sim.call("RegisterTaskDefinition", family="kept", containerDefinitions=[container], volumes=volumes)
    managed = {"roleArn": ROLE, "sizeInGiB": 10, "terminationPolicy": {"deleteOnTermination": False}}
    task = run(sim, taskDefinition="kept", volumeConfigurations=[{"name": "data", "managedEBSVolume": managed}])
    (attachment,) = task["attachments"]
    details = {one["name"]: one["value"] for one in attachment["details"]}
    assert (attachment["type"], details["volumeName"]) == ("AmazonElasticBlockStorage", "data")
    assert (details["roleArn"], details["deleteOnTermination"]) == (ROLE, "false")
    sim.settle()
    assert shown(sim, task["taskArn"])["attachments"] == [{**attachment, "status": "ATTACHED"}]
    sim.call("StopTask", task=task["taskArn"])
    sim.advance(60)
    assert shown(sim, task["taskArn"])["attachments"] == [{**attachment, "status": "DELETED"}]


# --- tokens and tags ----------------------------------------------------------------------------------------------------


def test_a_conflict_names_the_tasks_that_the_token_has_made(sim: Simulation) -> None:
    asked = {"taskDefinition": "web", "clientToken": "t", "count": 2}
    made = [task["taskArn"] for task in sim.call("RunTask", **asked)["tasks"]]
    status, body = ECS.answer("RunTask", json.dumps({**asked, "count": 3}).encode(), sim.context())
    answer = json.loads(body)
    assert (status, answer["__type"], answer["resourceIds"]) == (400, "ConflictException", made)


def test_the_same_token_shows_what_has_become_of_the_task(sim: Simulation) -> None:
    """As recorded of a task that was stopped before it had its network."""
    asked = {**FARGATE, "clientToken": "t"}
    first = run(sim, **asked)
    assert run(sim, **asked) == first
    sim.call("StopTask", task=first["taskArn"])
    stopping = run(sim, **asked)
    assert set(stopping) - set(first) == {"stopCode", "stoppedReason", "stoppingAt"}
    sim.advance(60)
    stopped = run(sim, **asked)
    assert set(stopped) - set(stopping) == {"connectivity", "connectivityAt", "stoppedAt"}
    assert set(first) <= set(stopping) <= set(stopped)


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource", "ListTagsForResource"])
def test_the_tags_of_a_stopped_task_are_out_of_reach(sim: Simulation, operation: str) -> None:
    arn = run(sim, tags=[{"key": "a", "value": "b"}])["taskArn"]
    sim.call("StopTask", task=arn)
    sim.advance(60)
    words: dict[str, dict[str, Any]] = {
        "TagResource": {"tags": [{"key": "c", "value": "d"}]},
        "UntagResource": {"tagKeys": ["a"]},
        "ListTagsForResource": {},
    }
    text = "The specified task is stopped. Specify a running task and try again."
    assert refusal(sim, operation, resourceArn=arn, **words[operation]) == (INVALID, text)


def test_later_tags_of_the_definition_do_not_reach_the_task_and_its_own_come_last(sim: Simulation) -> None:
    task = run(sim, taskDefinition="web:1", propagateTags="TASK_DEFINITION")
    late = [{"key": "late", "value": "1"}]
    sim.call("TagResource", resourceArn=f"{ARN}task-definition/web:1", tags=[{"key": "never", "value": "seen"}])
    sim.call("TagResource", resourceArn=task["taskArn"], tags=late)
    assert shown(sim, task["taskArn"], include=["TAGS"])["tags"] == task["tags"] + late


# --- lists --------------------------------------------------------------------------------------------------------------


def test_filters_of_a_list_go_together_as_they_say(sim: Simulation) -> None:
    """Every set of filters against every task: what is listed is what has all of them."""
    instance = run(sim)["containerInstanceArn"]
    run(sim, **FARGATE)
    run(sim, **FARGATE, cluster="other")
    for name, definition in (("one", "web"), ("two", "web")):
        sim.call("CreateService", serviceName=name, taskDefinition=definition, desiredCount=2)
    sim.settle()
    for task in (sim.tasks(group="service:one")[0], sim.tasks(launch_type="FARGATE", family="far")[0]):
        sim.call("StopTask", task=task.arn, cluster=task.cluster_arn)
    sim.settle()
    choices: list[list[tuple[str, str]]] = [
        [("family", "web"), ("family", "far"), ("family", "none")],
        [("serviceName", "one"), ("serviceName", "two")],
        [("launchType", "EC2"), ("launchType", "FARGATE")],
        [("containerInstance", instance)],
        [("desiredStatus", "RUNNING"), ("desiredStatus", "STOPPED"), ("desiredStatus", "PENDING")],
        [("cluster", "default"), ("cluster", "other")],
    ]
    has = {
        "family": lambda task, value: task.family == value,
        "serviceName": lambda task, value: task.group == f"service:{value}",
        "launchType": lambda task, value: task.launch_type == value,
        "containerInstance": lambda task, value: task.container_instance_arn == value,
        "desiredStatus": lambda task, value: task.desired_status == value,
        "cluster": lambda task, value: task.cluster_arn.endswith(f"/{value}"),
    }
    tasks, tried = sim.tasks(), 0
    for size in range(len(choices) + 1):
        for members in combinations(choices, size):
            for filters in _each(members):
                wanted = {"cluster": "default", "desiredStatus": "RUNNING", **filters}
                if wanted["cluster"] == "other" and {"serviceName", "containerInstance"} & set(filters):
                    continue  # they stand in the other cluster
                found = sorted(task.arn for task in tasks if all(has[name](task, wanted[name]) for name in wanted))
                assert sim.call("ListTasks", **filters)["taskArns"] == found, filters
                tried += 1
    assert tried > 300


def _each(members: tuple[list[tuple[str, str]], ...]) -> Iterator[dict[str, str]]:
    if not members:
        yield {}
        return
    for name, value in members[0]:
        for others in _each(members[1:]):
            yield {name: value, **others}
