"""Daemons at the prompt: registered, deployed to every machine of a capacity provider, overtaken, deleted, and awaited at each step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.aws_ecs.prompt import Prompt

pytestmark = pytest.mark.clients

TEMPLATE = {
    "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/p",
    "networkConfiguration": {"subnets": ["subnet-1"]},
}
MANAGED = {"infrastructureRoleArn": "arn:aws:iam::123456789012:role/r", "instanceLaunchTemplate": TEMPLATE}
CONTAINERS = json.dumps([{"name": "app", "image": "agent"}])


def deployed(aws: Prompt, arn: str, status: str) -> None:
    def holds(answer: dict[str, Any]) -> bool:
        return bool(answer["daemonDeployments"][0]["status"] == status)

    aws.until(status, "describe_daemon_deployments", holds, daemonDeploymentArns=[arn])


def bring_a_machine(aws: Prompt) -> None:
    """A task asks the capacity provider for it; on no machine a deployment is over at once."""
    container = {"name": "app", "image": "app"}
    sizes = {"requiresCompatibilities": ["MANAGED_INSTANCES"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    aws.given("register_task_definition", family="app", containerDefinitions=[container], **sizes)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    strategy = [{"capacityProvider": "mi"}]
    aws.given("run_task", taskDefinition="app", capacityProviderStrategy=strategy, networkConfiguration=network)


def test_a_daemon_is_deployed_overtaken_deleted_and_awaited_at_each_step(aws: Prompt) -> None:
    aws.given("create_cluster")
    made = aws.ecs("create-capacity-provider", "--name", "mi", "--cluster", "default",
                   "--managed-instances-provider", json.dumps(MANAGED))["capacityProvider"]  # fmt: skip
    bring_a_machine(aws)
    sizes = ("--memory", "64", "--container-definitions", CONTAINERS)
    definition = aws.ecs("register-daemon-task-definition", "--family", "agent", *sizes)["daemonTaskDefinitionArn"]
    assert definition == aws.arn("daemon-task-definition/agent:1")
    agent = ("--daemon-task-definition", "agent:1")
    found, _ = aws.all(("describe-daemon-task-definition", *agent), ("wait", "daemon-task-definition-active", *agent))
    assert found["daemonTaskDefinition"]["containerDefinitions"][0]["essential"] is True

    asked = ("--daemon-task-definition-arn", definition, "--capacity-provider-arns", made["capacityProviderArn"])
    created = aws.ecs("create-daemon", "--daemon-name", "logs", *asked)
    daemon = ("--daemon-arn", created["daemonArn"])
    deployed(aws, created["deploymentArn"], "SUCCESSFUL")
    described, daemons, definitions, *waited = aws.all(
        ("describe-daemon", *daemon),
        ("list-daemons", "--query", "daemonSummariesList[].daemonArn"),
        ("list-daemon-task-definitions", "--family", "agent", "--query", "daemonTaskDefinitions[].status"),
        ("wait", "daemon-active", *daemon),
        ("wait", "daemon-deployment-successful", "--daemon-deployment-arns", created["deploymentArn"]),
    )
    assert (described["daemon"]["status"], daemons, definitions) == ("ACTIVE", [created["daemonArn"]], ["ACTIVE"])
    assert waited == ["", ""]

    baking = aws.ecs("update-daemon", *daemon, *asked, "--deployment-configuration", "bakeTimeInMinutes=5")
    overtaking = aws.given(
        "update_daemon",
        daemonArn=created["daemonArn"],
        daemonTaskDefinitionArn=definition,
        capacityProviderArns=[made["capacityProviderArn"]],
    )
    deployed(aws, baking["deploymentArn"], "STOPPED")
    aws.waits("daemon-deployment-stopped", "--daemon-deployment-arns", baking["deploymentArn"])
    deployments, newest = aws.all(
        ("list-daemon-deployments", *daemon),
        ("describe-daemon-deployments", "--daemon-deployment-arns", overtaking["deploymentArn"]),
    )
    assert len(deployments["daemonDeployments"]) == 3
    revision = newest["daemonDeployments"][0]["targetDaemonRevision"]["arn"]
    (shown,) = aws.ecs("describe-daemon-revisions", "--daemon-revision-arns", revision)["daemonRevisions"]
    assert [each["image"] for each in shown["containerImages"]] == ["agent"]

    assert aws.ecs("delete-daemon", *daemon)["status"] == "DELETE_IN_PROGRESS"
    assert aws.ecs("delete-daemon-task-definition", *agent)["daemonTaskDefinitionArn"] == definition
    aws.until("its end", "describe_daemon_task_definition",
              lambda answer: answer["daemonTaskDefinition"]["status"] == "DELETED", daemonTaskDefinition="agent:1")  # fmt: skip
    aws.waits("daemon-task-definition-deleted", *agent)
    assert aws.refused("describe-daemon", *daemon) == ("DaemonNotFoundException", "Daemon not found.")
