"""Daemon task definitions: what is echoed and refused, how revisions count, are listed and go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import daemon_task_definitions, tags
from ecs_emulator.rules import daemon_definitions
from tests.ecs.calls import NOW, ROOT, Ecs

CLIENT, INVALID = "ClientException", "InvalidParameterException"
APP = {"name": "app", "image": "agent:1"}


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    return Ecs(tmp_path, daemon_task_definitions, tags)


def register(ecs: Ecs, family: str = "agent", **more: Any) -> str:
    params = {"family": family, "containerDefinitions": [APP], **more}
    return str(ecs.ask("RegisterDaemonTaskDefinition", **params)["daemonTaskDefinitionArn"])


def described(ecs: Ecs, reference: str) -> dict[str, Any]:
    return dict(ecs.ask("DescribeDaemonTaskDefinition", daemonTaskDefinition=reference)["daemonTaskDefinition"])


def listed(ecs: Ecs, **filters: Any) -> list[str]:
    found = ecs.ask("ListDaemonTaskDefinitions", **filters)["daemonTaskDefinitions"]
    return [each["arn"].rpartition("/")[2] for each in found]


# --- documents --------------------------------------------------------------------------------------------------------


def test_a_registration_answers_its_arn_alone_and_is_described_with_its_defaults(ecs: Ecs) -> None:
    check = {"command": ["CMD", "true"]}
    arn = register(
        ecs,
        containerDefinitions=[{**APP, "healthCheck": check}],
        cpu=".5 vCPU",
        memory="1 GB",
        pidMode="shared",
        volumes=[{"name": "v"}, {"name": "logs", "logDriverVolumeConfiguration": {"driver": "json-file"}}],
    )
    assert arn == ecs.arn("daemon-task-definition/agent:1")
    assert described(ecs, "agent") == {
        "daemonTaskDefinitionArn": arn,
        "family": "agent",
        "revision": 1,
        "status": "ACTIVE",
        "registeredAt": NOW,
        "registeredBy": ROOT,
        "cpu": "512",
        "memory": "1024",
        "pidMode": "shared",
        "volumes": [
            {"name": "v", "host": {}},
            {"name": "logs", "logDriverVolumeConfiguration": {"driver": "json-file"}},
        ],
        "containerDefinitions": [
            {
                **APP,
                "cpu": 0,
                "essential": True,
                "environment": [],
                "mountPoints": [],
                "systemControls": [],
                "healthCheck": {**check, "interval": 30, "timeout": 5, "retries": 3},
            }
        ],
    }


@pytest.mark.parametrize(
    "reference", ["agent", "agent:2", "arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/agent:2"]
)
def test_a_revision_is_named_by_family_number_or_arn(ecs: Ecs, reference: str) -> None:
    register(ecs)
    register(ecs)
    assert described(ecs, reference)["revision"] == 2


def test_an_agent_reads_shared_namespaces_as_the_hosts(ecs: Ecs) -> None:
    logs = {"name": "logs", "logDriverVolumeConfiguration": {"driver": "json-file"}}
    arn = register(ecs, pidMode="shared", ipcMode="none", volumes=[logs])
    known = ecs.doing(lambda call: daemon_definitions.of_task(call.tx, arn))
    assert known is not None
    spec = daemon_definitions.as_run(known)
    assert (spec["pidMode"], spec.get("ipcMode")) == ("host", None)
    assert spec["volumes"] == [{"name": "logs", "host": {"sourcePath": "/var/lib/docker/containers"}}]


# --- refusals ---------------------------------------------------------------------------------------------------------

FIRST_OF_TWO = {"name": "side", "image": "s", "essential": False}


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"family": ""}, CLIENT, "Family can not be blank."),
        ({"family": "a b"}, CLIENT, "Family contains invalid characters."),
        ({"containerDefinitions": []}, CLIENT, "Container list cannot be empty."),
        ({"containerDefinitions": [{"image": "a"}]}, CLIENT, "Container.name should not be null or empty."),
        (
            {"containerDefinitions": [{"name": "a", "image": ""}]},
            CLIENT,
            "Container.image should not be null or empty.",
        ),
        ({"containerDefinitions": [APP, APP]}, CLIENT, "Container names must be unique within a task definition"),
        (
            {"containerDefinitions": [FIRST_OF_TWO]},
            CLIENT,
            "Task definition doesn't have any essential container.",
        ),
        ({"cpu": "much"}, INVALID, "Invalid 'cpu' setting for task."),
        ({"memory": "much"}, INVALID, "Invalid 'memory' setting for task."),
        ({"pidMode": "host"}, CLIENT, "pidMode should be one of [none,shared]"),
        ({"ipcMode": "task"}, CLIENT, "ipcMode should be one of [none,shared]"),
        (
            {"containerDefinitions": [{**APP, "memory": 64, "memoryReservation": 128}]},
            CLIENT,
            "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.",
        ),
        (
            {"memory": "64", "containerDefinitions": [{**APP, "memory": 128}]},
            CLIENT,
            "The 'memory' setting for container 'app' is greater than for the task.",
        ),
        (
            {"containerDefinitions": [{**APP, "logConfiguration": {"logDriver": "syslog"}}]},
            CLIENT,
            "syslog is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens,json-file]",
        ),
        (
            {"volumes": [{"name": "v", "host": {}, "logDriverVolumeConfiguration": {"driver": "json-file"}}]},
            CLIENT,
            "When the volume parameter is specified, only one volume configuration type should be used.",
        ),
        (
            {"volumes": [{"name": "v", "logDriverVolumeConfiguration": {"driver": "awslogs"}}]},
            CLIENT,
            "Log driver volumes support the log driver json-file only.",
        ),
        (
            {"containerDefinitions": [{**APP, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}]},
            CLIENT,
            "Unknown volume 'v'.",
        ),
        (
            {"containerDefinitions": [{**APP, "dependsOn": [{"containerName": "app", "condition": "START"}]}]},
            CLIENT,
            "Container dependsOn contains a cycle",
        ),
        ({"taskRoleArn": "not a role"}, CLIENT, "Role is not valid"),
        ({"tags": []}, CLIENT, "Tags can not be empty."),
        ({"tags": [{"key": "a"}]}, CLIENT, "Tag value can not be null."),
    ],
)
def test_a_definition_is_refused(ecs: Ecs, params: dict[str, Any], code: str, message: str) -> None:
    asked = {"family": "agent", "containerDefinitions": [APP], **params}
    assert ecs.refusal("RegisterDaemonTaskDefinition", **asked) == (code, message)
    assert register(ecs).endswith("agent:1"), "a refusal counts for nothing"


@pytest.mark.parametrize(
    ("operation", "reference", "code", "message"),
    [
        ("Describe", "agent:9", CLIENT, "Unable to describe daemon task definition."),
        ("Describe", "other", CLIENT, "Unable to describe daemon task definition."),
        ("Describe", "", CLIENT, "DaemonTaskDefinition can not be blank."),
        ("Describe", "agent:x", INVALID, "Invalid task definition: Invalid revision number."),
        ("Describe", "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:1", INVALID, "Unsupported resource type: task-definition"),
        ("Describe", "arn:aws:ecs:us-east-1:999999999999:daemon-task-definition/agent:1", INVALID, "AccountIDs mismatch"),
        ("Delete", "agent", INVALID, "Revision is missing"),
        (
            "Delete",
            "agent:9",
            CLIENT,
            "The specified daemon task definition does not exist. Specify a valid account, family, revision and try again.",
        ),
    ],
)  # fmt: skip
def test_a_reference_is_refused(ecs: Ecs, operation: str, reference: str, code: str, message: str) -> None:
    register(ecs)
    refusal = ecs.refusal(f"{operation}DaemonTaskDefinition", daemonTaskDefinition=reference)
    assert refusal == (code, message)


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_deleted_revision_is_described_and_its_number_does_not_come_back(ecs: Ecs) -> None:
    arn = register(ecs)
    answer = ecs.ask("DeleteDaemonTaskDefinition", daemonTaskDefinition="agent:1")
    assert answer == {"daemonTaskDefinitionArn": arn}
    found = described(ecs, arn)
    assert (found["status"], found["deleteRequestedAt"]) == ("DELETE_IN_PROGRESS", NOW)
    code, _ = ecs.refusal("DeleteDaemonTaskDefinition", daemonTaskDefinition="agent:1")
    assert code == INVALID
    assert ecs.refusal("DescribeDaemonTaskDefinition", daemonTaskDefinition="agent")[0] == CLIENT
    assert register(ecs).endswith("agent:2")


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(ecs: Ecs) -> Ecs:
    for family in ("agent", "agent", "agent-b", "logs"):
        register(ecs, family)
    ecs.ask("DeleteDaemonTaskDefinition", daemonTaskDefinition="agent:1")
    return ecs


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["agent:2", "agent-b:1", "logs:1"]),
        ({"sort": "DESC"}, ["logs:1", "agent-b:1", "agent:2"]),
        ({"familyPrefix": "agent"}, ["agent:2", "agent-b:1"]),
        ({"familyPrefix": "agent", "sort": "DESC"}, ["agent-b:1", "agent:2"]),
        ({"family": "agent"}, ["agent:2"]),
        ({"status": "DELETE_IN_PROGRESS"}, ["agent:1"]),
        ({"status": "ALL", "family": "agent"}, ["agent:1", "agent:2"]),
        ({"status": "ALL", "revision": "LAST_REGISTERED"}, ["agent:2", "agent-b:1", "logs:1"]),
        ({"status": "DELETE_IN_PROGRESS", "revision": "LAST_REGISTERED"}, []),
    ],
)
def test_revisions_are_listed_by_family_and_number(several: Ecs, filters: dict[str, Any], found: list[str]) -> None:
    assert listed(several, **filters) == found


@pytest.mark.parametrize("sort", ["ASC", "DESC"])
def test_pages_join_to_the_whole_list(several: Ecs, sort: str) -> None:
    pages, token = [], None
    while True:
        more: dict[str, Any] = {"nextToken": token} if token else {}
        answer = several.ask("ListDaemonTaskDefinitions", maxResults=1, sort=sort, status="ALL", **more)
        pages += [each["arn"].rpartition("/")[2] for each in answer["daemonTaskDefinitions"]]
        token = answer.get("nextToken")
        if token is None:
            break
    assert pages == listed(several, sort=sort, status="ALL")
    assert len(pages) == 4


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"status": "DELETED"}, "status should be one of [ACTIVE,DELETE_IN_PROGRESS,ALL]"),
        ({"sort": "UP"}, "sort should be one of [ASC,DESC]"),
        ({"revision": "FIRST"}, "revision should be one of [LAST_REGISTERED]"),
    ],
)
def test_a_list_is_refused(several: Ecs, params: dict[str, Any], message: str) -> None:
    assert several.refusal("ListDaemonTaskDefinitions", **params) == (INVALID, message)


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_come_with_the_registration_and_afterwards(ecs: Ecs) -> None:
    arn = register(ecs, tags=[{"key": "a", "value": "1"}])
    ecs.ask("TagResource", resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    ecs.ask("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert ecs.ask("ListTagsForResource", resourceArn=arn) == {"tags": [{"key": "b", "value": "2"}]}
    refusal = ecs.refusal("TagResource", resourceArn=arn, tags=[{"key": "b"}])
    assert refusal == (CLIENT, "Tag value can not be null.")
