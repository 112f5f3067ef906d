"""What agents ask, tell and are asked: endpoints that never leave the machine, reports that move nothing, no updates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import agents, clusters, container_instances
from ecs_emulator.records.instances import ContainerInstance
from tests.ecs.calls import Ecs
from tests.ecs.running import ARN, FARGATE, INVALID, begun, refusal, run, shown
from tests.simulation import Simulation


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, clusters, container_instances, agents)
    found.ask("CreateCluster", clusterName="web")
    return found


def registered(ecs: Ecs) -> str:
    answer = ecs.ask("RegisterContainerInstance", cluster="web")
    return str(answer["containerInstance"]["containerInstanceArn"])


def refused(ecs: Ecs, reference: str, cluster: str = "web") -> tuple[str, str | None]:
    return ecs.refusal("UpdateContainerAgent", cluster=cluster, containerInstance=reference)


def test_an_agent_polls_this_emulator(ecs: Ecs) -> None:
    own = "http://127.0.0.1:4566/"
    endpoints = {"endpoint": own, "telemetryEndpoint": own, "serviceConnectEndpoint": own}
    assert ecs.ask("DiscoverPollEndpoint", cluster="web") == endpoints
    assert ecs.ask("DiscoverPollEndpoint", containerInstance=registered(ecs), cluster="web", zoneId="") == endpoints


def test_every_agent_is_as_new_as_it_can_be(ecs: Ecs) -> None:
    arn = registered(ecs)
    expected = ("NoUpdateAvailableException", "There is no update available for your container agent.")
    assert refused(ecs, arn) == refused(ecs, arn.rpartition("/")[2]) == expected


def test_an_agent_without_a_version_cannot_be_updated(ecs: Ecs) -> None:
    arn = registered(ecs)
    with ecs.store.transaction() as tx:
        instance = tx.get(ContainerInstance, arn)
        assert instance is not None
        tx.put(replace(instance, version_info={"dockerVersion": "DockerVersion: 25.0.8"}))
    assert refused(ecs, arn)[0] == "MissingVersionException"


def test_the_instance_must_be_there(ecs: Ecs) -> None:
    arn = registered(ecs)
    assert refused(ecs, "0" * 32) == ("InvalidParameterException", "Referenced container instance not found.")
    assert refused(ecs, "abc") == ("InvalidParameterException", "containerInstanceId length should be one of [32,36]")
    assert refused(ecs, arn, "nope")[0] == "InvalidParameterException"
    assert refused(ecs, "0" * 32, "nope") == ("ClusterNotFoundException", "Cluster not found.")
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn)
    gone = f"Container instance {arn.rpartition('/')[2]} is inactive."
    assert refused(ecs, arn) == ("ClientException", gone)


# --- what agents report -----------------------------------------------------------------------------------------------

ACCEPTED = {"acknowledgment": "ACCEPT"}
UNKNOWN = "f" * 32
NO_CLUSTER = ("ClusterNotFoundException", "Cluster not found.")
TASK_REPORT = {
    "status": "STOPPED",
    "reason": "",
    "pullStartedAt": 1700000000.0,
    "pullStoppedAt": 1700000001.0,
    "executionStoppedAt": 1700000002.0,
    "containers": [
        {
            "containerName": "app",
            "runtimeId": "0123456789abcdef",
            "exitCode": 1,
            "status": "STOPPED",
            "reason": "OutOfMemoryError: Container killed due to memory usage",
            "imageDigest": "sha256:" + "0" * 64,
            "networkBindings": [{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"}],
        },
        {"containerName": "side", "status": "RUNNING"},
    ],
    "managedAgents": [
        {"managedAgentName": "ExecuteCommandAgent", "containerName": "app", "status": "RUNNING", "reason": "x"}
    ],
}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


def attachment_of(sim: Simulation) -> tuple[str, str]:
    """A task with a network interface, and the interface's ARN as the agent knows it."""
    task = run(sim, **FARGATE)
    return task["taskArn"], f"{ARN}attachment/{task['attachments'][0]['id']}"


def test_a_report_about_a_task_is_acknowledged_and_moves_nothing(sim: Simulation) -> None:
    task = run(sim)
    sim.settle()
    before = shown(sim, task["taskArn"])
    assert before["lastStatus"] == "RUNNING"
    for cluster in ("default", f"{ARN}cluster/default"):
        assert sim.call("SubmitTaskStateChange", cluster=cluster, task=task["taskArn"], **TASK_REPORT) == ACCEPTED
    container = {"containerName": "app", "status": "STOPPED", "exitCode": 3, "runtimeId": "x", "reason": "gone"}
    assert sim.call("SubmitContainerStateChange", task=before["taskArn"][-32:], **container) == ACCEPTED
    sim.settle()
    assert shown(sim, task["taskArn"]) == before


def test_an_agent_reports_attachments_without_a_status(sim: Simulation) -> None:
    task, attachment = attachment_of(sim)
    sim.settle()
    before = shown(sim, task)
    change = [{"attachmentArn": attachment, "status": "ATTACHED"}]
    assert sim.call("SubmitTaskStateChange", cluster="default", task=task, attachments=change) == ACCEPTED
    assert sim.call("SubmitAttachmentStateChanges", cluster="default", attachments=change) == ACCEPTED
    sim.settle()
    assert shown(sim, task) == before


STATES = "should be one of [PENDING,RUNNING,STOPPED]"
TASK_REFUSALS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"cluster": "nope", "status": "RUNNING"}, (INVALID, "Invalid identifier: Identifier is for cluster default.")),
    ({"task": UNKNOWN, "cluster": "nope", "status": "RUNNING"}, NO_CLUSTER),
    ({"task": UNKNOWN, "status": "RUNNING"}, (INVALID, "The referenced task was not found.")),
    ({"task": "x", "status": "RUNNING"}, (INVALID, "taskId length should be one of [32,36]")),
    ({"task": None, "status": "RUNNING"}, (INVALID, "Task can not be blank.")),
    ({}, (INVALID, "Status can not be blank.")),
    ({"status": "GONE"}, (INVALID, f"Task status {STATES}")),
    ({"status": "STOPPED", "reason": "x" * 1025}, (INVALID, "reason can have at most 1024 characters.")),
    (
        {"status": "STOPPED", "containers": [{"containerName": "nope", "status": "STOPPED"}]},
        (INVALID, "The task has no container named nope."),
    ),
    (
        {"status": "STOPPED", "containers": [{"containerName": "app", "status": "EXITED"}]},
        (INVALID, f"Container status {STATES}"),
    ),
    (
        {"status": "RUNNING", "containers": [{"containerName": "app", "networkBindings": [{"protocol": "sctp"}]}]},
        (INVALID, "protocol should be one of [tcp,udp]"),
    ),
    (
        {
            "status": "RUNNING",
            "managedAgents": [{"containerName": "app", "managedAgentName": "Other", "status": "RUNNING"}],
        },
        (INVALID, "managed agent name should be one of [ExecuteCommandAgent]"),
    ),
    (
        {
            "status": "RUNNING",
            "managedAgents": [{"containerName": "app", "managedAgentName": "ExecuteCommandAgent", "status": "UP"}],
        },
        (INVALID, f"Managed agent status {STATES}"),
    ),
    (
        {"attachments": [{"attachmentArn": f"{ARN}attachment/other", "status": "ATTACHED"}]},
        (INVALID, "The referenced attachment was not found."),
    ),
]


@pytest.mark.parametrize(("more", "expected"), TASK_REFUSALS)
def test_a_report_about_a_task_is_refused(sim: Simulation, more: dict[str, Any], expected: tuple[str, str]) -> None:
    task = run(sim)["taskArn"]
    params = {name: value for name, value in {"task": task, **more}.items() if value is not None}
    code, message = refusal(sim, "SubmitTaskStateChange", **params)
    assert (code, message[: len(expected[1])]) == expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"task": UNKNOWN, "containerName": "app"}, "The referenced task was not found."),
        ({"containerName": "nope"}, "The task has no container named nope."),
        ({"status": "RUNNING"}, "The task has no container named None."),
        ({"containerName": "app", "status": "UP"}, f"Container status {STATES}"),
    ],
)
def test_a_report_about_a_container_is_refused(sim: Simulation, more: dict[str, Any], message: str) -> None:
    params = {"task": run(sim)["taskArn"], **more}
    assert refusal(sim, "SubmitContainerStateChange", **params) == (INVALID, message)


@pytest.mark.parametrize(
    ("cluster", "attachment", "status", "expected"),
    [
        ("nope", f"{ARN}attachment/1", "ATTACHED", NO_CLUSTER),
        ("default", "eni-1", "ATTACHED", (INVALID, "Invalid attachment ARN: eni-1")),
        ("default", f"{ARN}task/1", "ATTACHED", (INVALID, f"Invalid attachment ARN: {ARN}task/1")),
        (
            "default",
            "arn:aws:ecs:us-east-1:210987654321:attachment/1",
            "ATTACHED",
            (INVALID, "AccountIDs mismatch"),
        ),
        (
            "default",
            f"{ARN}attachment/1",
            "THERE",
            (
                INVALID,
                "Attachment status should be one of [PRECREATED,CREATED,ATTACHING,ATTACHED,DETACHING,DETACHED,DELETED]",
            ),
        ),
    ],
)
def test_a_report_about_attachments_is_refused(
    sim: Simulation, cluster: str, attachment: str, status: str, expected: tuple[str, str]
) -> None:
    change = [{"attachmentArn": attachment, "status": status}]
    assert refusal(sim, "SubmitAttachmentStateChanges", cluster=cluster, attachments=change) == expected


def test_a_report_about_no_attachment_is_none(sim: Simulation) -> None:
    assert refusal(sim, "SubmitAttachmentStateChanges", attachments=[]) == (INVALID, "Attachments cannot be empty.")
