"""A document for EventBridge, member by member: what the recorded ones have, what they leave out, and how times read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecs_emulator.rules import event_documents
from tests.control.regenerate_events import GOLDEN

ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
REQUIRED = {
    "clusterArn",
    "containers",
    "createdAt",
    "desiredStatus",
    "lastStatus",
    "overrides",
    "taskArn",
    "taskDefinitionArn",
    "updatedAt",
    "version",
}
"""Source: the published schema aws.ecs@ECSTaskStateChange."""
RUNNING_ON_FARGATE = REQUIRED | {
    "attachments",
    "attributes",
    "availabilityZone",
    "capacityProviderName",
    "connectivity",
    "connectivityAt",
    "cpu",
    "enableExecuteCommand",
    "ephemeralStorage",
    "group",
    "launchType",
    "memory",
    "platformVersion",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "startedBy",
}
"""Recorded."""
ON_STOPPING = {"executionStoppedAt", "stopCode", "stoppedReason", "stoppingAt"}
CONTAINER = {"containerArn", "cpu", "image", "lastStatus", "name", "networkInterfaces", "taskArn"}


def golden(name: str, detail_type: str) -> list[dict[str, Any]]:
    found = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return [one for one in found if one["detail-type"] == detail_type]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1_789_554_445.94, "2026-09-16T10:27:25.94Z"),
        (1_789_554_445.0, "2026-09-16T10:27:25Z"),
        (1_789_554_445.123456, "2026-09-16T10:27:25.123Z"),
        (1_789_554_445.9996, "2026-09-16T10:27:26Z"),
        (1_789_554_440.0, "2026-09-16T10:27:20Z"),
        (1_789_554_445.1, "2026-09-16T10:27:25.1Z"),
    ],
)
def test_a_time_has_up_to_three_decimals_and_no_zero_at_the_end(at: float, text: str) -> None:
    assert event_documents.iso(at) == text


def test_the_time_of_the_envelope_is_that_of_the_change_without_its_fraction() -> None:
    for one in golden("fargate_task", event_documents.TASK):
        assert one["time"] == one["detail"]["updatedAt"][:19] + "Z"


@pytest.mark.parametrize("name", ["fargate_task", "ec2_service", "rolling_with_breaker", "instance"])
def test_the_envelope_has_its_nine_members(name: str) -> None:
    for one in json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")):
        assert one.keys() == ENVELOPE
        assert (one["version"], one["source"], len(one["resources"])) == ("0", "aws.ecs", 1)


def test_a_running_fargate_task_has_the_recorded_members() -> None:
    running = golden("fargate_task", event_documents.TASK)[2]["detail"]
    assert running.keys() == RUNNING_ON_FARGATE
    assert running["capacityProviderName"] == "FARGATE"
    assert running["attachments"][0]["type"] == "eni"
    assert running["overrides"].keys() == {"containerOverrides"}
    assert [one["name"] for one in running["overrides"]["containerOverrides"]] == [
        one["name"] for one in running["containers"]
    ]


def test_its_containers_have_neither_health_nor_bindings() -> None:
    first, *_, last = (one["detail"]["containers"] for one in golden("fargate_task", event_documents.TASK))
    assert [one.keys() for one in first] == [CONTAINER, CONTAINER | {"memory"}]
    ended = CONTAINER | {"exitCode", "imageDigest", "runtimeId"}
    assert [one.keys() for one in last] == [ended, ended | {"memory"}]


def test_the_end_of_a_task_adds_how_and_why() -> None:
    *_, stopped, deprovisioning, ended = (one["detail"] for one in golden("fargate_task", event_documents.TASK))
    assert stopped.keys() == RUNNING_ON_FARGATE | ON_STOPPING - {"executionStoppedAt"}
    assert deprovisioning.keys() == RUNNING_ON_FARGATE | ON_STOPPING
    assert ended.keys() == RUNNING_ON_FARGATE | ON_STOPPING | {"stoppedAt"}


def test_a_task_on_a_machine_names_it_and_its_ports() -> None:
    first, running, *_ = (one["detail"] for one in golden("ec2_service", event_documents.TASK))
    fargate = {"capacityProviderName", "platformVersion", "ephemeralStorage"}
    assert running.keys() == RUNNING_ON_FARGATE - fargate | {"containerInstanceArn"}
    assert running["attachments"] == []
    assert [one.keys() for one in running["containers"][0]["networkBindings"]] == [
        {"bindIP", "containerPort", "hostPort", "protocol"}
    ]
    assert "networkBindings" not in first["containers"][0]


def test_a_machine_says_what_it_has_and_what_is_left_by_the_one_value_that_counts() -> None:
    registered, placed, *_ = (one["detail"] for one in golden("instance", event_documents.INSTANCE))
    assert registered.keys() == {
        "agentConnected",
        "attributes",
        "clusterArn",
        "containerInstanceArn",
        "ec2InstanceId",
        "registeredResources",
        "remainingResources",
        "status",
        "updatedAt",
        "version",
        "versionInfo",
    }
    assert registered["registeredResources"] == registered["remainingResources"]
    assert placed["registeredResources"][1] == {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096}
    assert placed["remainingResources"][1] == {"name": "MEMORY", "type": "INTEGER", "integerValue": 4032}
    assert registered["registeredResources"][3] == {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []}


def test_a_machine_that_drains_loses_its_agent_and_leaves_says_so_each_time() -> None:
    told = [one["detail"] for one in golden("instance", event_documents.INSTANCE)][-3:]
    assert [(one["status"], one["agentConnected"]) for one in told] == [
        ("DRAINING", True),
        ("DRAINING", False),
        ("INACTIVE", False),
    ]


def test_a_service_action_has_four_members_and_a_failed_placement_two_more() -> None:
    *_, steady, failed = (one["detail"] for one in golden("ec2_service", event_documents.SERVICE))
    assert steady.keys() == {"eventType", "eventName", "clusterArn", "createdAt"}
    assert failed.keys() == steady.keys() | {"reason", "containerInstanceArns"}
    assert (failed["eventType"], failed["reason"]) == ("ERROR", "RESOURCE:CPU")
