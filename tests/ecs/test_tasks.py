"""Tasks as a client sees them: documents as recorded, lists, and what a token remembers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.ecs.running import ARN, FARGATE, INVALID, NETWORK, begun, refusal, run, shown
from tests.simulation import Simulation

UNKNOWN_ID = "0" * 32
CONFLICT = (
    "The RunTask request could not be processed due to conflicts. "
    "The provided clientToken is already in use with a different request."
)


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


# --- documents ----------------------------------------------------------------------------------------------------------


def test_run_task_on_fargate_answers_the_document_that_was_recorded(sim: Simulation) -> None:
    now = sim.clock.now()
    answer = sim.call("RunTask", **FARGATE, startedBy="me")
    (task,) = answer["tasks"]
    attachment, container = task["attachments"][0]["id"], task["containers"][0]["containerArn"]
    arn = task["taskArn"]
    assert container.startswith(arn.replace(":task/", ":container/") + "/")
    assert answer["failures"] == []
    assert task == {
        "attachments": [
            {
                "id": attachment,
                "type": "ElasticNetworkInterface",
                "status": "PRECREATED",
                "details": [{"name": "subnetId", "value": "subnet-1"}],
            }
        ],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "availabilityZone": "us-east-1a",
        "clusterArn": f"{ARN}cluster/default",
        "containers": [
            {
                "containerArn": container,
                "taskArn": arn,
                "name": "app",
                "image": "web:1",
                "lastStatus": "PENDING",
                "networkInterfaces": [],
                "cpu": "0",
            }
        ],
        "cpu": "256",
        "memory": "512",
        "createdAt": now,
        "desiredStatus": "RUNNING",
        "lastStatus": "PROVISIONING",
        "enableExecuteCommand": False,
        "ephemeralStorage": {"sizeInGiB": 20},
        "fargateEphemeralStorage": {"sizeInGiB": 20},
        "group": "family:far",
        "launchType": "FARGATE",
        "platformFamily": "Linux",
        "platformVersion": "1.4.0",
        "overrides": {"containerOverrides": [{"name": "app"}], "inferenceAcceleratorOverrides": []},
        "startedBy": "me",
        "tags": [],
        "taskArn": arn,
        "taskDefinitionArn": f"{ARN}task-definition/far:1",
        "version": 1,
    }


def test_a_fargate_task_gains_its_members_as_it_runs_and_keeps_them_when_it_stops(sim: Simulation) -> None:
    asked = run(sim, **FARGATE)
    arn = asked["taskArn"]
    sim.settle()
    running = shown(sim, arn)
    new = {"connectivity", "connectivityAt", "healthStatus", "pullStartedAt", "pullStoppedAt", "startedAt"}
    assert set(running) - set(asked) == new
    assert (running["lastStatus"], running["version"], running["healthStatus"]) == ("RUNNING", 3, "UNKNOWN")
    (container,) = running["containers"]
    assert set(container) - set(asked["containers"][0]) == {
        "healthStatus",
        "imageDigest",
        "networkBindings",
        "runtimeId",
    }
    (attachment,) = running["attachments"]
    details = {one["name"]: one["value"] for one in attachment["details"]}
    assert attachment["status"] == "ATTACHED"
    assert list(details) == ["subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"]
    assert container["networkInterfaces"] == [
        {"attachmentId": attachment["id"], "privateIpv4Address": details["privateIPv4Address"]}
    ]
    assert container["networkBindings"] == []
    assert container["runtimeId"].startswith(arn.rpartition("/")[2] + "-")

    stopping = sim.call("StopTask", task=arn)["task"]
    assert set(stopping) - set(running) == {"stopCode", "stoppedReason", "stoppingAt"}
    assert set(running) - set(stopping) == {"healthStatus"}
    assert (stopping["lastStatus"], stopping["desiredStatus"], stopping["version"]) == ("RUNNING", "STOPPED", 4)
    assert (stopping["stopCode"], stopping["stoppedReason"]) == ("UserInitiated", "Task stopped by user")
    assert "healthStatus" not in stopping["containers"][0]

    sim.advance(60)
    stopped = shown(sim, arn)
    assert set(stopped) - set(stopping) == {"executionStoppedAt", "healthStatus", "stoppedAt"}
    assert (stopped["lastStatus"], stopped["version"]) == ("STOPPED", 6)
    assert stopped["attachments"][0]["status"] == "DELETED"
    assert stopped["attachments"][0]["details"] == attachment["details"]
    assert (stopped["containers"][0]["lastStatus"], stopped["containers"][0]["exitCode"]) == ("STOPPED", 143)


def test_an_ec2_task_on_a_bridge_is_pending_at_once_and_shows_its_ports_when_it_runs(sim: Simulation) -> None:
    asked = run(sim)
    assert (asked["lastStatus"], asked["launchType"], asked["attachments"]) == ("PENDING", "EC2", [])
    assert asked["containerInstanceArn"].startswith(f"{ARN}container-instance/default/")
    assert (asked["cpu"], asked["memory"]) == ("10", "96")
    assert [(one["cpu"], one.get("memory"), one.get("memoryReservation")) for one in asked["containers"]] == [
        ("10", "64", None),
        ("0", None, "32"),
    ]
    assert not {"platformVersion", "platformFamily", "ephemeralStorage", "fargateEphemeralStorage"} & set(asked)
    sim.settle()
    app, side = shown(sim, asked["taskArn"])["containers"]
    (binding,) = app["networkBindings"]
    assert binding == {**binding, "bindIP": "0.0.0.0", "containerPort": 80, "protocol": "tcp"}
    assert 32768 <= binding["hostPort"] <= 65535
    assert (side["networkBindings"], side["networkInterfaces"]) == ([], [])
    assert len(app["runtimeId"]) == 64


def test_what_stops_before_it_has_a_network_never_shows_one(sim: Simulation) -> None:
    arn = run(sim, **FARGATE)["taskArn"]
    sim.call("StopTask", task=arn, reason="changed my mind")
    sim.advance(60)
    stopped = shown(sim, arn)
    assert (stopped["lastStatus"], stopped["stoppedReason"]) == ("STOPPED", "changed my mind")
    assert stopped["version"] == 4
    (attachment,) = stopped["attachments"]
    assert attachment["status"] == "DELETED"
    assert attachment["details"] == [
        {"name": "subnetId", "value": "subnet-1"},
        {"name": "networkInterfaceId", "value": "unset"},
        {"name": "macAddress"},
    ]
    assert (stopped["connectivity"], stopped["connectivityAt"]) == ("CONNECTED", stopped["stoppedAt"])
    assert not {"startedAt", "pullStartedAt", "pullStoppedAt", "executionStoppedAt"} & set(stopped)
    (container,) = stopped["containers"]
    assert container["lastStatus"] == "STOPPED"
    assert not {"exitCode", "runtimeId"} & set(container)


def test_overrides_are_echoed_between_the_bare_names_and_change_what_the_task_takes(sim: Simulation) -> None:
    environment = [{"name": "A", "value": "1"}]
    override = {"name": "side", "environment": environment, "cpu": 20, "memoryReservation": 40}
    asked = run(sim, overrides={"containerOverrides": [override], "taskRoleArn": "arn:aws:iam::123456789012:role/r"})
    assert asked["overrides"] == {
        "containerOverrides": [{"name": "app"}, override],
        "inferenceAcceleratorOverrides": [],
        "taskRoleArn": "arn:aws:iam::123456789012:role/r",
    }
    assert (asked["cpu"], asked["memory"]) == ("30", "104")
    assert (asked["containers"][1]["cpu"], asked["containers"][1]["memoryReservation"]) == ("20", "40")


def test_sizes_of_the_task_are_overridden_in_any_words_a_definition_may_use(sim: Simulation) -> None:
    asked = run(sim, **FARGATE, overrides={"cpu": ".5 vCPU", "memory": "2 GB"})
    assert (asked["cpu"], asked["memory"]) == ("512", "2048")
    assert asked["overrides"]["cpu"] == ".5 vCPU"


def test_ephemeral_storage_is_the_overridden_one(sim: Simulation) -> None:
    asked = run(sim, **FARGATE, overrides={"ephemeralStorage": {"sizeInGiB": 40}})
    assert asked["ephemeralStorage"] == asked["fargateEphemeralStorage"] == {"sizeInGiB": 40}


def test_a_strategy_shows_its_provider_beside_the_launch_type(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="spot", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    plain = {"taskDefinition": "far", "networkConfiguration": NETWORK, "cluster": "spot"}
    asked = run(sim, **plain, capacityProviderStrategy=strategy)
    assert (asked["capacityProviderName"], asked["launchType"]) == ("FARGATE_SPOT", "FARGATE")
    sim.call(
        "PutClusterCapacityProviders",
        cluster="spot",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    asked = run(sim, **plain)
    assert (asked["capacityProviderName"], asked["launchType"]) == ("FARGATE", "FARGATE")
    assert "capacityProviderName" not in run(sim, **plain, launchType="FARGATE")


# --- tags ---------------------------------------------------------------------------------------------------------------


def test_tags_are_shown_by_run_task_and_by_describe_only_when_asked_for(sim: Simulation) -> None:
    tags = [{"key": "owner", "value": "me"}]
    asked = run(sim, tags=tags)
    assert asked["tags"] == tags
    assert shown(sim, asked["taskArn"])["tags"] == []
    assert shown(sim, asked["taskArn"], include=["TAGS"])["tags"] == tags
    assert sim.call("StopTask", task=asked["taskArn"])["task"]["tags"] == []


def test_the_definitions_tags_are_propagated_and_the_requests_own_win(sim: Simulation) -> None:
    asked = run(sim, propagateTags="TASK_DEFINITION", tags=[{"key": "team", "value": "red"}])
    assert {one["key"]: one["value"] for one in asked["tags"]} == {"from": "definition", "team": "red"}
    assert run(sim)["tags"] == []


def test_managed_tags_name_the_cluster(sim: Simulation) -> None:
    asked = run(sim, enableECSManagedTags=True, tags=[{"key": "a", "value": "b"}])
    assert {one["key"]: one["value"] for one in asked["tags"]} == {"a": "b", "aws:ecs:clusterName": "default"}


def test_a_stopped_task_keeps_its_tags_for_describe_alone(sim: Simulation) -> None:
    arn = run(sim, tags=[{"key": "a", "value": "b"}])["taskArn"]
    sim.call("StopTask", task=arn)
    sim.advance(60)
    text = "The specified task is stopped. Specify a running task and try again."
    assert refusal(sim, "ListTagsForResource", resourceArn=arn) == (INVALID, text)
    assert shown(sim, arn, include=["TAGS"])["tags"] == [{"key": "a", "value": "b"}]


# --- failures -----------------------------------------------------------------------------------------------------------


def machine(sim: Simulation, cpu: int = 1024, memory: int = 1024) -> str:
    resources = [
        {"name": name, "type": "INTEGER", "integerValue": value} for name, value in (("CPU", cpu), ("MEMORY", memory))
    ]
    answer = sim.call("RegisterContainerInstance", cluster="default", totalResources=resources)
    return str(answer["containerInstance"]["containerInstanceArn"])


def test_run_task_starts_what_fits_and_reports_the_rest(strict: Simulation) -> None:
    arn = machine(strict, memory=200)
    answer = strict.call("RunTask", taskDefinition="web", count=3)
    assert len(answer["tasks"]) == 2
    assert answer["failures"] == [{"arn": arn, "reason": "RESOURCE:MEMORY"}]
    answer = strict.call("RunTask", taskDefinition="web", overrides={"cpu": "2048"})
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": arn, "reason": "RESOURCE:CPU"}])


def test_start_task_names_its_instances_and_fails_one_by_one(strict: Simulation) -> None:
    arn, small = machine(strict), machine(strict, memory=50)
    unknown = "1" * 32
    drained = machine(strict)
    strict.call("UpdateContainerInstancesState", containerInstances=[drained], status="DRAINING")
    answer = strict.call(
        "StartTask", taskDefinition="web", containerInstances=[arn, small, unknown, drained], group="g"
    )
    (task,) = answer["tasks"]
    assert (task["containerInstanceArn"], task["launchType"], task["group"]) == (arn, "EC2", "g")
    assert answer["failures"] == [
        {"arn": small, "reason": "RESOURCE:MEMORY"},
        {"arn": unknown, "reason": "MISSING"},
        {"arn": drained, "reason": "INACTIVE"},
    ]
    strict.settle()
    assert shown(strict, task["taskArn"])["lastStatus"] == "RUNNING"


# --- clientToken --------------------------------------------------------------------------------------------------------


def test_the_same_token_and_request_answer_the_first_tasks_as_they_are_now(sim: Simulation) -> None:
    asked = {"taskDefinition": "web", "clientToken": "t", "count": 2, "tags": [{"key": "a", "value": "b"}]}
    first = sim.call("RunTask", **asked)
    assert sim.call("RunTask", **asked) == first
    sim.settle()
    again = sim.call("RunTask", **asked)
    assert [one["taskArn"] for one in again["tasks"]] == [one["taskArn"] for one in first["tasks"]]
    assert all(one["lastStatus"] == "RUNNING" and one["tags"] for one in again["tasks"])
    assert all("healthStatus" not in one for one in again["tasks"])
    sim.call("StopTask", task=first["tasks"][0]["taskArn"])
    sim.advance(60)
    assert [one["lastStatus"] for one in sim.call("RunTask", **asked)["tasks"]] == ["STOPPED", "RUNNING"]
    assert len(sim.tasks()) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 1},
        {"count": 2},
        {"taskDefinition": "web:1"},
        {"taskDefinition": f"{ARN}task-definition/web:1"},
        {"overrides": {}},
        {"cluster": f"{ARN}cluster/default"},
        {"tags": [{"key": "b", "value": ""}, {"key": "a", "value": ""}]},
    ],
    ids=str,
)
def test_a_token_with_other_words_is_a_conflict_however_little_they_differ(
    sim: Simulation, changed: dict[str, Any]
) -> None:
    tags = [{"key": "a", "value": ""}, {"key": "b", "value": ""}]
    asked = {"taskDefinition": "web", "clientToken": "t", "cluster": "default", "tags": tags}
    sim.call("RunTask", **asked)
    assert refusal(sim, "RunTask", **{**asked, **changed}) == ("ConflictException", CONFLICT)
    assert len(sim.tasks()) == 1


def test_a_token_is_known_in_its_own_cluster_alone(sim: Simulation) -> None:
    first = run(sim, clientToken="t")
    assert run(sim, clientToken="t", cluster="other")["taskArn"] != first["taskArn"]


def test_a_token_is_free_an_hour_after_its_last_task_stopped_and_after_a_day_anyway(sim: Simulation) -> None:
    first = run(sim, clientToken="t")["taskArn"]
    second = run(sim, clientToken="u")["taskArn"]
    sim.call("StopTask", task=first)
    sim.advance(3_500)
    assert run(sim, clientToken="t")["taskArn"] == first
    sim.advance(200)
    assert run(sim, clientToken="t")["taskArn"] != first
    assert run(sim, clientToken="u")["taskArn"] == second
    sim.advance(86_400)
    assert run(sim, clientToken="u")["taskArn"] != second


def test_definition_and_cluster_are_looked_at_before_the_token(sim: Simulation) -> None:
    run(sim, clientToken="t", taskDefinition="web:1")
    sim.call("DeregisterTaskDefinition", taskDefinition="web:1")
    asked = {"taskDefinition": "web:1", "clientToken": "t"}
    assert refusal(sim, "RunTask", **asked) == (INVALID, "TaskDefinition is inactive")


# --- looking ------------------------------------------------------------------------------------------------------------


def test_describe_answers_in_the_order_asked_for_each_once_and_tells_what_is_missing(sim: Simulation) -> None:
    first, second = run(sim)["taskArn"], run(sim)["taskArn"]
    answer = sim.call("DescribeTasks", tasks=[second, UNKNOWN_ID, first.rpartition("/")[2], first])
    assert [one["taskArn"] for one in answer["tasks"]] == [second, first]
    assert answer["failures"] == [{"arn": f"{ARN}task/default/{UNKNOWN_ID}", "reason": "MISSING"}]


def test_a_stopped_task_is_remembered_for_an_hour(sim: Simulation) -> None:
    arn = run(sim)["taskArn"]
    sim.call("StopTask", task=arn)
    sim.advance(3_590)
    assert shown(sim, arn)["lastStatus"] == "STOPPED"
    assert sim.call("ListTasks", desiredStatus="STOPPED")["taskArns"] == [arn]
    sim.clock.advance(20)  # forgotten at the moment, not when the next sweep comes round
    assert sim.call("DescribeTasks", tasks=[arn]) == {"tasks": [], "failures": [{"arn": arn, "reason": "MISSING"}]}
    assert sim.call("ListTasks", desiredStatus="STOPPED")["taskArns"] == []
    assert refusal(sim, "StopTask", task=arn) == (INVALID, "The referenced task was not found.")
    sim.advance(120)
    assert sim.tasks() == []


def test_stopping_twice_keeps_the_first_reason(sim: Simulation) -> None:
    arn = run(sim)["taskArn"]
    sim.settle()
    first = sim.call("StopTask", task=arn, reason="first")["task"]
    sim.clock.advance(1)
    assert sim.call("StopTask", task=arn, reason="second")["task"] == first


def test_stopping_what_is_stopped_answers_its_end_without_its_parts(sim: Simulation) -> None:
    arn = run(sim, **FARGATE)["taskArn"]
    sim.settle()
    sim.call("StopTask", task=arn, reason="first")
    sim.advance(60)
    task = sim.call("StopTask", task=arn, reason="second")["task"]
    assert (task["lastStatus"], task["stopCode"], task["stoppedReason"]) == ("STOPPED", "UserInitiated", "first")
    assert (task["attachments"], task["containers"], task["overrides"]["containerOverrides"]) == ([], [], [])
    assert not {"attributes", "healthStatus"} & set(task)


def test_lists_filter_by_family_starter_service_instance_launch_type_and_wish(sim: Simulation) -> None:
    web = run(sim, startedBy="me")
    far = run(sim, **FARGATE)["taskArn"]
    run(sim, cluster="other")
    sim.call("CreateService", serviceName="keeper", taskDefinition="web", desiredCount=1)
    sim.settle()
    (kept,) = (task for task in sim.tasks() if task.group == "service:keeper")

    def listed(**filters: Any) -> set[str]:
        return set(sim.call("ListTasks", **filters)["taskArns"])

    arn = web["taskArn"]
    assert listed() == {arn, far, kept.arn}
    assert listed(family="web") == {arn, kept.arn}
    assert listed(family="ghost") == set()
    assert listed(startedBy="me") == {arn}
    assert listed(startedBy=kept.started_by) == {kept.arn}
    assert listed(serviceName="keeper") == listed(serviceName=kept.service_arn) == {kept.arn}
    assert listed(launchType="FARGATE") == {far}
    assert arn in listed(containerInstance=web["containerInstanceArn"])
    assert far not in listed(containerInstance=web["containerInstanceArn"])
    assert listed(desiredStatus="PENDING") == set()
    assert refusal(sim, "ListTasks", desiredStatus="GONE")[0] == INVALID
    sim.call("StopTask", task=far)
    assert listed(desiredStatus="STOPPED") == {far}
    assert listed(desiredStatus="STOPPED", family="far") == {far}
    assert far not in listed()


def test_pages_are_in_the_order_of_ids_and_hold_though_tasks_come_and_go(sim: Simulation) -> None:
    sim.call("RunTask", taskDefinition="web", count=10)
    every = sim.call("ListTasks")["taskArns"]
    assert every == sorted(every)
    first = sim.call("ListTasks", maxResults=4)
    sim.call("StopTask", task=first["taskArns"][-1])
    second = sim.call("ListTasks", maxResults=4, nextToken=first["nextToken"])
    third = sim.call("ListTasks", maxResults=4, nextToken=second["nextToken"])
    assert first["taskArns"] + second["taskArns"] + third["taskArns"] == every
    assert "nextToken" not in third
    asked = {"family": "web", "nextToken": first["nextToken"]}
    assert refusal(sim, "ListTasks", **asked) == (INVALID, "Invalid next token.")


def test_a_task_of_a_service_carries_its_group_and_deployment_and_no_tags(sim: Simulation) -> None:
    made = sim.call(
        "CreateService", serviceName="keeper", taskDefinition="web", desiredCount=1, tags=[{"key": "a", "value": "b"}]
    )
    sim.settle()
    (arn,) = sim.call("ListTasks", serviceName="keeper")["taskArns"]
    task = shown(sim, arn, include=["TAGS"])
    assert (task["group"], task["startedBy"]) == ("service:keeper", made["service"]["deployments"][0]["id"])
    assert task["tags"] == []
    assert "capacityProviderName" not in task
    stopped = sim.call("StopTask", task=arn)["task"]
    assert stopped["tags"] == []
    sim.advance(60)
    (successor,) = sim.call("ListTasks", serviceName="keeper")["taskArns"]
    assert successor != arn
    assert sim.call("ListTasks", serviceName="keeper", desiredStatus="STOPPED")["taskArns"] == [arn]
