"""What a label tells a simulated container to do, it does, when it was told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.agent.simulated import LABEL, Script, script_of
from ecs_emulator.records.tasks import Container, Health, Stage, Task, TaskStatus
from tests.simulation import Simulation

CHECK = {"command": ["CMD", "true"]}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path)
    made.call("CreateCluster", clusterName="default")
    yield made
    made.close()


def run(sim: Simulation, script: str = "", *, network_mode: str = "bridge", **members: Any) -> str:
    """The ARN of a task whose only container has this script."""
    labels = {"dockerLabels": {LABEL: script}} if script else {}
    app = {"name": "app", "image": "app:1", "memory": 64, **labels, **members}
    sim.call("RegisterTaskDefinition", family="web", networkMode=network_mode, containerDefinitions=[app])
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    sim.settle()
    arn: str = task["taskArn"]
    return arn


def only(task: Task) -> Container:
    (container,) = task.containers
    return container


@pytest.mark.parametrize(
    ("label", "script"),
    [
        (None, Script()),
        ("", Script()),
        ("exit=3", Script(exit=3)),
        ("exit=0 after=2.5s", Script(exit=0, after=2.5)),
        ("after=2", Script(after=2.0)),
        ("health=unhealthy", Script(health=Health.UNHEALTHY)),
        ("health=healthy after-health=3s", Script(health=Health.HEALTHY, health_after=3.0)),
        ("pull=fail", Script(fails=frozenset({"pull"}))),
        ("create=fail start=slow", Script(fails=frozenset({"create"}), slow=frozenset({"start"}))),
        ("stop=ignore", Script(ignores_stop=True)),
        ("  exit=1   stop=ignore ", Script(exit=1, ignores_stop=True)),
    ],
)
def test_a_label_is_read_word_by_word(label: str | None, script: Script) -> None:
    assert script_of({} if label is None else {"dockerLabels": {LABEL: label}}) == script


@pytest.mark.parametrize("word", ["something=else", "exit=soon", "after=-1s", "pull=sometimes", "stop", "health=fine"])
def test_a_word_that_means_nothing_is_told_and_starts_nothing(sim: Simulation, word: str) -> None:
    arn = run(sim, f"exit=0 {word}")
    told = f"CannotStartContainerError: the label {LABEL} says '{word}', which means nothing here"
    assert (only(sim.task(arn)).reason, sim.task(arn).last_status) == (told, TaskStatus.STOPPED)


def test_without_a_label_a_container_runs_until_it_is_stopped(sim: Simulation) -> None:
    arn = run(sim)
    sim.advance(86_400)
    assert sim.task(arn).last_status is TaskStatus.RUNNING
    sim.call("StopTask", task=arn)
    sim.settle()
    assert only(sim.task(arn)).exit_code == 143


@pytest.mark.parametrize(("script", "code", "seconds"), [("exit=3", 3, 0.0), ("exit=0 after=90s", 0, 90.0)])
def test_a_container_ends_by_itself(sim: Simulation, script: str, code: int, seconds: float) -> None:
    arn = run(sim, script)
    if seconds:
        sim.advance(seconds - 0.1)
        assert sim.task(arn).last_status is TaskStatus.RUNNING
        sim.advance(0.1)
    ended = only(sim.task(arn))
    assert (ended.exit_code, (ended.finished_at or 0) - (ended.started_at or 0)) == (code, seconds)
    assert sim.task(arn).last_status is TaskStatus.STOPPED


def test_the_time_of_an_exit_outlives_the_emulator(sim: Simulation) -> None:
    arn = run(sim, "exit=5 after=90s")
    sim.advance(30)
    sim.crash()
    sim.clock.advance(600)
    sim.settle()
    ended = only(sim.task(arn))
    assert (ended.exit_code, (ended.finished_at or 0) - (ended.started_at or 0)) == (5, 90.0)


@pytest.mark.parametrize(
    ("script", "members", "at_start", "later"),
    [
        ("", {}, Health.UNKNOWN, Health.UNKNOWN),
        ("health=unhealthy", {}, Health.UNKNOWN, Health.UNKNOWN),
        ("", {"healthCheck": CHECK}, Health.HEALTHY, Health.HEALTHY),
        ("health=healthy", {"healthCheck": CHECK}, Health.HEALTHY, Health.HEALTHY),
        ("health=unhealthy", {"healthCheck": CHECK}, Health.UNHEALTHY, Health.UNHEALTHY),
        ("after-health=7s", {"healthCheck": CHECK}, Health.UNKNOWN, Health.HEALTHY),
        ("health=unhealthy after-health=7s", {"healthCheck": CHECK}, Health.UNKNOWN, Health.UNHEALTHY),
        ("health=unknown", {"healthCheck": CHECK}, Health.UNKNOWN, Health.UNKNOWN),
    ],
)
def test_a_container_with_a_check_has_the_health_of_its_script(
    sim: Simulation, script: str, members: dict[str, Any], at_start: Health, later: Health
) -> None:
    arn = run(sim, script, **members)
    assert only(sim.task(arn)).health is at_start
    sim.advance(6.9)
    assert only(sim.task(arn)).health is at_start
    sim.advance(0.2)
    assert only(sim.task(arn)).health is later
    assert sim.task(arn).last_status is TaskStatus.RUNNING


def test_a_container_may_be_unhealthy_and_then_end(sim: Simulation) -> None:
    arn = run(sim, "health=unhealthy after-health=2s exit=9 after=4s", healthCheck=CHECK)
    sim.advance(3)
    assert only(sim.task(arn)).health is Health.UNHEALTHY
    sim.advance(2)
    assert (only(sim.task(arn)).exit_code, sim.task(arn).health) == (9, Health.UNHEALTHY)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (
            "pull",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref app:1:",
        ),
        ("create", "CannotCreateContainerError: Error response from daemon: "),
        ("start", "CannotStartContainerError: Error response from daemon: "),
    ],
)
def test_a_step_that_is_to_fail_fails(sim: Simulation, step: str, error: str) -> None:
    arn = run(sim, f"{step}=fail")
    failed = only(sim.task(arn))
    assert (failed.reason or "").startswith(error)
    assert (failed.stage, failed.exit_code, failed.started_at) == (Stage.STOPPED, None, None)


@pytest.mark.parametrize(("step", "before"), [("pull", Stage.NONE), ("create", Stage.PULLED), ("start", Stage.CREATED)])
def test_a_slow_step_takes_five_seconds(sim: Simulation, step: str, before: Stage) -> None:
    arn = run(sim, f"{step}=slow")
    sim.advance(4.9)
    assert only(sim.task(arn)).stage is before
    sim.advance(0.1)
    assert only(sim.task(arn)).stage is Stage.RUNNING


@pytest.mark.parametrize(("stop_timeout", "seconds"), [(2, 2.0), (None, 30.0)])
def test_a_deaf_container_is_killed(sim: Simulation, stop_timeout: int | None, seconds: float) -> None:
    limited: dict[str, Any] = {} if stop_timeout is None else {"stopTimeout": stop_timeout}
    arn = run(sim, "stop=ignore", **limited)
    asked_at = sim.clock.now()
    sim.call("StopTask", task=arn)
    sim.advance(60)
    assert (only(sim.task(arn)).exit_code, only(sim.task(arn)).finished_at) == (137, asked_at + seconds)


def test_host_ports_that_were_left_open_are_of_the_ephemeral_range(sim: Simulation) -> None:
    mappings = [
        {"containerPort": 80},
        {"containerPort": 81, "hostPort": 8081},
        {"containerPort": 53, "protocol": "udp"},
    ]
    arn = run(sim, portMappings=mappings)
    bound = only(sim.task(arn)).network_bindings
    sim.crash()
    sim.settle()
    assert only(sim.task(arn)).network_bindings == bound
    assert [(one["containerPort"], one["protocol"]) for one in bound] == [(80, "tcp"), (81, "tcp"), (53, "udp")]
    assert all(49153 <= one["hostPort"] < 65536 for one in (bound[0], bound[2]))
    assert bound[1] == {"bindIP": "0.0.0.0", "containerPort": 81, "hostPort": 8081, "protocol": "tcp"}


def test_a_task_without_a_network_binds_nothing(sim: Simulation) -> None:
    assert only(sim.task(run(sim, network_mode="none"))).network_bindings == ()
