"""Container instances at the prompt: registered, labelled, found by query, drained, let go; and what their agents report."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.aws_ecs.prompt import Prompt

pytestmark = pytest.mark.clients

RESOURCES = json.dumps(
    [
        {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375", "2376", "51678", "51679"]},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
    ]
)
IDENTITY = {"instanceId": "i-0123456789abcdef0", "instanceType": "t3.medium", "region": "us-east-1"}
VERSIONS = "agentVersion=1.90.0,agentHash=abcdef12,dockerVersion=DockerVersion: 25.0.8"
WEB = ("--cluster", "web")


def register(aws: Prompt, cluster: str = "web") -> str:
    aws.given("create_cluster", clusterName=cluster)
    document = aws.file("identity.json", IDENTITY)
    made = aws.ecs("register-container-instance", "--cluster", cluster, "--total-resources", RESOURCES, "--version-info", VERSIONS,
                   "--instance-identity-document", document, "--attributes", "name=rack,value=a1")["containerInstance"]  # fmt: skip
    assert (made["status"], made["ec2InstanceId"]) == ("ACTIVE", IDENTITY["instanceId"])
    return str(made["containerInstanceArn"])


def test_a_container_instance_is_labelled_found_drained_and_deregistered(aws: Prompt) -> None:
    arn = register(aws)
    one = (*WEB, "--container-instances", arn)
    put = aws.ecs("put-attributes", *WEB, "--attributes", f"name=stack,value=blue,targetId={arn}")
    assert put["attributes"] == [{"name": "stack", "value": "blue", "targetId": arn}]
    found, missed, listed, described = aws.all(
        ("list-container-instances", *WEB, "--filter", "attribute:stack == blue and attribute:rack == a1"),
        ("list-container-instances", *WEB, "--filter", "attribute:stack == green", "--query", "containerInstanceArns"),
        (
            "list-attributes",
            *WEB,
            "--target-type",
            "container-instance",
            "--attribute-name",
            "stack",
            "--output",
            "text",
        ),
        ("describe-container-instances", *WEB, "--container-instances", arn, "f" * 32),
    )
    assert (found, missed) == ({"containerInstanceArns": [arn]}, [])
    assert listed.split() == ["ATTRIBUTES", "stack", arn, "blue"]
    assert described["containerInstances"][0]["agentConnected"] is True
    assert described["failures"] == [{"arn": aws.arn(f"container-instance/web/{'f' * 32}"), "reason": "MISSING"}]

    drained = aws.ecs("update-container-instances-state", *one, "--status", "DRAINING")
    assert drained["containerInstances"][0]["status"] == "DRAINING"
    draining, unlabelled = aws.all(
        ("list-container-instances", *WEB, "--status", "DRAINING"),
        ("delete-attributes", *WEB, "--attributes", f"name=stack,targetId={arn}"),
    )
    assert (draining["containerInstanceArns"], unlabelled["attributes"][0]["name"]) == ([arn], "stack")
    newest, contained = aws.all_refused(
        ("update-container-agent", *WEB, "--container-instance", arn), ("delete-cluster", *WEB)
    )
    assert newest == ("NoUpdateAvailableException", "There is no update available for your container agent.")
    assert contained == (
        "ClusterContainsContainerInstancesException",
        "The Cluster cannot be deleted while Container Instances are active or draining.",
    )
    gone = aws.ecs("deregister-container-instance", *WEB, "--container-instance", arn)["containerInstance"]
    assert gone["status"] == "INACTIVE"


def test_an_agent_finds_its_end_point_and_is_heard(aws: Prompt) -> None:
    """The agent's own calls, acknowledged: who runs the tasks here is the emulator, and it alone says what they do."""
    machine = register(aws, "default")
    aws.given(
        "register_task_definition", family="app", containerDefinitions=[{"name": "main", "image": "app", "memory": 64}]
    )
    started = aws.ecs("start-task", "--task-definition", "app", "--container-instances", machine, "--started-by", "me")
    arn = started["tasks"][0]["taskArn"]
    (shown,) = aws.until_task("RUNNING", arn)
    assert (shown["containerInstanceArn"], shown["startedBy"]) == (machine, "me")
    attachments = f"attachmentArn={aws.arn('attachment/0a1b2c3d')},status=ATTACHED"
    state = ("--container-name", "main", "--status", "STOPPED", "--exit-code", "3")
    endpoint, *heard = aws.all(
        ("discover-poll-endpoint", "--container-instance", machine, "--cluster", "default"),
        ("submit-task-state-change", "--task", arn, "--status", "STOPPED", "--reason", "it ended"),
        ("submit-container-state-change", "--task", arn, *state),
        ("submit-attachment-state-changes", "--attachments", attachments),
    )
    assert endpoint["endpoint"] == f"{aws.server.endpoint}/"
    assert heard == [{"acknowledgment": "ACCEPT"}] * 3
    assert aws.until_task("RUNNING", arn)[0]["lastStatus"] == "RUNNING"
    blank, busy = aws.all_refused(
        ("submit-task-state-change", "--task", arn), ("deregister-container-instance", "--container-instance", machine)
    )
    assert blank == ("InvalidParameterException", "Status can not be blank.")
    assert busy == ("InvalidParameterException", "Found running tasks on the instance.")
    forced = aws.ecs("deregister-container-instance", "--container-instance", machine, "--force")
    assert forced["containerInstance"]["status"] == "INACTIVE"
