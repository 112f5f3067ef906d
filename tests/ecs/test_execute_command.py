"""ExecuteCommand: every refusal in its order, and the one answer that is left while nobody runs commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ecs.running import ARN, INVALID, begun, refusal, run, shown
from tests.simulation import Simulation

UNKNOWN = "f" * 32
ROLE = {"taskRoleArn": "arn:aws:iam::123456789012:role/app"}
NO_AGENT = (
    INVALID,
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.",
)
NOT_CONNECTED = ("TargetNotConnectedException", "The execute command failed due to an internal error. Try again later.")
NO_TASK = (INVALID, "The task provided in the request was not found.")
ONE_MODE = (INVALID, "Interactive is the only mode supported currently.")
UNNAMED = (INVALID, "Container name is required when the task has more than one container.")
NO_CONTAINER = (
    INVALID,
    "The container name specified is not valid. Specify the name of a container of the task and try again.",
)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


def reachable(sim: Simulation, **more: Any) -> str:
    """A running task of two containers that was run with commands in mind."""
    task = str(run(sim, enableExecuteCommand=True, overrides=ROLE, **more)["taskArn"])
    sim.settle()
    return task


def refused(sim: Simulation, task: str, **more: Any) -> tuple[str, str]:
    return refusal(sim, "ExecuteCommand", **{"task": task, "command": "sh", "interactive": True, **more})


def test_a_request_that_is_right_finds_no_agent_connected(sim: Simulation) -> None:
    task = reachable(sim)
    for reference in (task, task[-32:]):
        assert refused(sim, reference, container="app") == NOT_CONNECTED
    assert refused(sim, task, container="side", cluster=f"{ARN}cluster/default") == NOT_CONNECTED
    for container in shown(sim, task)["containers"]:
        assert container["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]


def test_the_only_container_needs_no_name(sim: Simulation) -> None:
    container = {"name": "app", "image": "app", "memory": 64}
    sim.call("RegisterTaskDefinition", family="one", containerDefinitions=[container])
    assert refused(sim, reachable(sim, taskDefinition="one")) == NOT_CONNECTED


def test_a_task_that_was_not_run_for_commands_takes_none(sim: Simulation) -> None:
    task = run(sim)["taskArn"]
    sim.settle()
    assert refused(sim, task, container="app") == NO_AGENT


def test_only_a_container_that_runs_takes_commands(sim: Simulation) -> None:
    task = str(run(sim, enableExecuteCommand=True, overrides=ROLE)["taskArn"])
    assert refused(sim, task, container="app") == NO_AGENT, "it has not started yet"
    sim.settle()
    sim.kill(task, "side")
    sim.settle()
    assert refused(sim, task, container="side") == NO_AGENT, "it has ended"
    assert refused(sim, task, container="app") == NOT_CONNECTED
    sim.call("StopTask", task=task)
    assert refused(sim, task, container="app") == NO_AGENT, "the task is asked to stop"
    sim.advance(60)
    assert refused(sim, task, container="app") == NO_AGENT, "the task is over"
    sim.advance(3600)
    assert refused(sim, task, container="app") == NO_TASK, "the task is forgotten"


# Each row is wrong in all that the rows below it are, so that it proves its place in the order.
IN_ORDER: list[tuple[dict[str, Any], tuple[str, str]]] = [
    (
        {"task": f"{ARN}task/other/{UNKNOWN}", "cluster": "nope"},
        (INVALID, "Invalid identifier: Identifier is for cluster other. Your cluster is nope"),
    ),
    ({"task": "short", "cluster": "nope"}, ("ClusterNotFoundException", "Cluster not found.")),
    ({"task": "short"}, (INVALID, "task length should be one of [32,36]")),
    ({"task": UNKNOWN}, NO_TASK),
    ({}, ONE_MODE),
    ({"interactive": True}, NO_CONTAINER),
    ({"interactive": True, "container": None}, UNNAMED),
    ({"interactive": True, "container": "app"}, NO_AGENT),
]


@pytest.mark.parametrize(("better", "expected"), IN_ORDER)
def test_what_is_wrong_first_is_said(sim: Simulation, better: dict[str, Any], expected: tuple[str, str]) -> None:
    task = run(sim)["taskArn"]
    worst = {"task": task, "interactive": False, "container": "nope", **better}
    assert refused(sim, **{name: value for name, value in worst.items() if value is not None}) == expected


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("task", "Task can not be blank."),
        ("command", "Command can not be blank."),
        ("interactive", "Interactive is missing"),
    ],
)
def test_what_is_not_said_is_missed(sim: Simulation, missing: str, message: str) -> None:
    params = {"task": UNKNOWN, "command": "sh", "interactive": True}
    del params[missing]
    assert refusal(sim, "ExecuteCommand", **params) == (INVALID, message)
