"""The AWS CLI, unmodified: what somebody types at ECS, ECR and CloudWatch Logs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.images import FIXTURES
from tests.scenarios.cluster import Cluster
from tests.scenarios.terminal import Terminal, terminal_of
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

NETWORK = "awsvpcConfiguration={subnets=[subnet-0a1b2c3d],assignPublicIp=ENABLED}"


@pytest.fixture
def terminal(cluster: Cluster, tmp_path: Path) -> Terminal:
    return terminal_of(cluster.server, tmp_path)


def definition_of(cluster: Cluster, name: str, directory: Path) -> Path:
    """A task definition of the fixtures, with the image that this engine has and the cluster's own family and log group."""
    definition: dict[str, Any] = json.loads((FIXTURES / "task-definitions" / name).read_text())
    definition["family"] = cluster.name
    for container in definition["containerDefinitions"]:
        container["image"] = cluster.image
        container["logConfiguration"]["options"]["awslogs-group"] = cluster.log_group
    file = directory / name
    file.write_text(json.dumps(definition))
    return file


def test_a_task_is_registered_run_awaited_read_and_stopped(
    cluster: Cluster, terminal: Terminal, tmp_path: Path
) -> None:
    created = terminal.aws("ecs", "create-cluster", "--cluster-name", cluster.name)
    assert created["cluster"]["status"] == "ACTIVE"
    file = definition_of(cluster, "web.json", tmp_path)
    registered = terminal.aws("ecs", "register-task-definition", "--cli-input-json", f"file://{file}")
    assert registered["taskDefinition"]["revision"] == 1
    mine = ("--cluster", cluster.name)
    run = (
        "run-task",
        "--task-definition",
        cluster.name,
        "--launch-type",
        "FARGATE",
        "--network-configuration",
        NETWORK,
    )
    arn = terminal.aws("ecs", *run, *mine, "--query", "tasks[0].taskArn", "--output", "text")
    assert terminal.aws("ecs", "wait", "tasks-running", *mine, "--tasks", arn) == ""
    status = ("describe-tasks", *mine, "--tasks", arn, "--query", "tasks[].lastStatus", "--output", "text")
    assert terminal.aws("ecs", *status) == "RUNNING"

    tail = follow(cluster, terminal)
    try:
        eventually("the line", lambda: "web 1 listens on port 8080" in tail())
        terminal.aws("ecs", "stop-task", *mine, "--task", arn, "--reason", "enough")
        eventually("the last line", lambda: "web 1 is asked to stop" in tail())
    finally:
        tail.process.terminate()
        tail.process.communicate()
    assert terminal.aws("ecs", "wait", "tasks-stopped", *mine, "--tasks", arn) == ""
    terminal.aws("ecs", "deregister-task-definition", "--task-definition", f"{cluster.name}:1")
    assert terminal.aws("ecs", "list-task-definitions", "--family-prefix", cluster.name)["taskDefinitionArns"] == []


class Followed:
    """`aws logs tail --follow` in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[str], file: Path) -> None:
        self.process = process
        self._file = file

    def __call__(self) -> str:
        assert self.process.poll() is None, self._file.read_text()
        return self._file.read_text()


def follow(cluster: Cluster, terminal: Terminal) -> Followed:
    if terminal.types("aws", "--version").startswith("aws-cli/1"):
        pytest.skip("`aws logs tail` came with version 2 of the AWS CLI")
    file = cluster.server.scratch / f"{cluster.name}.tail"
    words = ("aws", "--endpoint-url", cluster.server.endpoint, "logs", "tail", cluster.log_group, "--follow")
    with file.open("w") as said:
        environment = {**terminal.environment, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(words, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True)
    return Followed(process, file)


def test_a_service_is_created_awaited_scaled_and_deleted(cluster: Cluster, terminal: Terminal) -> None:
    definition = cluster.register(cluster.container())
    mine = ("--cluster", cluster.name)
    launch = ("--launch-type", "FARGATE", "--network-configuration", NETWORK)
    terminal.aws("ecs", "create-service", *mine, "--service-name", "web", "--task-definition", definition,
                 "--desired-count", "1", *launch)  # fmt: skip
    cluster.stable()  # looked at more often than the 15 seconds of the next line
    terminal.aws("ecs", "wait", "services-stable", *mine, "--services", "web")
    answer = terminal.aws("ecs", "describe-services", *mine, "--services", "web")["services"][0]
    assert (answer["runningCount"], answer["events"][0]["message"]) == (1, "(service web) has reached a steady state.")
    refused = terminal.tries(
        "aws", "--endpoint-url", cluster.server.endpoint, "ecs", "delete-service", *mine, "--service", "web"
    )
    assert refused.returncode in (254, 255)
    assert "An error occurred (InvalidParameterException) when calling the DeleteService operation: " in refused.stderr
    terminal.aws("ecs", "update-service", *mine, "--service", "web", "--desired-count", "0")
    terminal.aws("ecs", "delete-service", *mine, "--service", "web")
    terminal.aws("ecs", "wait", "services-inactive", *mine, "--services", "web")
    pages = terminal.aws("ecs", "list-services", *mine, "--page-size", "1")
    assert pages["serviceArns"] == []


def test_lists_are_paged(cluster: Cluster, terminal: Terminal) -> None:
    for _ in range(7):
        cluster.register(cluster.container())
    listed = ("list-task-definitions", "--family-prefix", cluster.name, "--page-size", "3")
    assert len(terminal.aws("ecs", *listed)["taskDefinitionArns"]) == 7
    first = terminal.aws("ecs", *listed, "--max-items", "2")
    assert len(first["taskDefinitionArns"]) == 2
    rest = terminal.aws("ecs", *listed, "--starting-token", first["NextToken"])
    assert len(rest["taskDefinitionArns"]) == 5
