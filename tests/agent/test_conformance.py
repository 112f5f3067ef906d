"""Whatever agent it is, a task lives and dies the same way: one suite, run on the simulated agent and on the Docker agent.

A container's `command` tells the engine what to do, its label tells the simulated agent the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecs_emulator.agent.simulated import LABEL
from ecs_emulator.clock import SystemClock
from ecs_emulator.control.plan import PAUSE, Connect, Create, Pull, Start
from ecs_emulator.records.tasks import AttachmentStatus, Health, Stage, StopCode, TaskStatus
from tests.agent.conftest import Bench
from tests.agent.small_loop import SmallLoop, stages

STAYS = ["sleep", "1000"]
"""Process 1 without a handler: it does not hear SIGTERM."""
HEARS = ["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.05; done"]


@pytest.fixture
def loop(bench: Bench) -> Iterator[SmallLoop]:
    made = SmallLoop(bench.agent(), SystemClock())
    yield made
    made.end()
    made.die()


def container(bench: Bench, name: str = "app", script: str = "", **members: Any) -> dict[str, Any]:
    """A container that runs until it is stopped, and stops when asked."""
    said = {"name": name, "image": bench.image, "essential": True, "command": HEARS, "stopTimeout": 2, **members}
    return {**said, "dockerLabels": {LABEL: script}} if script else said


def definition(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"family": "conformance", "networkMode": "none", "containerDefinitions": list(containers), **members}


def test_a_task_runs_once_its_container_has_started(bench: Bench, loop: SmallLoop) -> None:
    arn = loop.run(definition(container(bench)), "runs")
    loop.until_running(arn)
    app = loop.container(arn)
    assert app.stage is Stage.RUNNING
    assert app.started_at is not None and abs(app.started_at - loop.clock.now()) < 60
    assert app.engine_id is not None and len(app.engine_id) == 64
    assert app.image_id is not None and app.image_id.startswith("sha256:")
    assert app.exit_code is None and app.reason is None


def test_an_exit_code_is_reported_and_an_essential_exit_ends_the_task(bench: Bench, loop: SmallLoop) -> None:
    ends = container(bench, "ends", "exit=3 after=0.3s", command=["sh", "-c", "sleep 0.3; exit 3"])
    arn = loop.run(definition(ends, container(bench, "other")), "essential")
    loop.until_stopped(arn)
    task = loop.task(arn)
    assert task.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert task.stopped_reason == "Essential container in task exited"
    assert loop.container(arn, "ends").exit_code == 3
    assert loop.container(arn, "other").exit_code == 143
    assert all(one.finished_at is not None for one in task.containers)


def test_a_container_that_is_not_essential_may_end(bench: Bench, loop: SmallLoop) -> None:
    ends = container(bench, "ends", "exit=0 after=0s", command=["true"], essential=False)
    arn = loop.run(definition(ends, container(bench)), "not-essential")
    loop.until(lambda: loop.container(arn, "ends").stage is Stage.STOPPED and loop.task(arn).started_at is not None)
    assert loop.container(arn, "ends").exit_code == 0
    assert loop.task(arn).last_status is TaskStatus.RUNNING


def test_stopping_asks_first(bench: Bench, loop: SmallLoop) -> None:
    arn = loop.run(definition(container(bench)), "asked")
    loop.until_running(arn)
    loop.stop(arn)
    loop.until_stopped(arn)
    assert loop.container(arn).exit_code == 143
    assert loop.container(arn).reason is None


def test_what_does_not_hear_is_killed_after_its_stop_timeout(bench: Bench, loop: SmallLoop) -> None:
    deaf = container(bench, script="stop=ignore", command=STAYS, stopTimeout=1)
    arn = loop.run(definition(deaf), "deaf")
    loop.until_running(arn)
    loop.stop(arn)
    asked_at = loop.clock.now()
    loop.until_stopped(arn)
    assert loop.container(arn).exit_code == 137
    assert 1.0 <= loop.clock.now() - asked_at < 5.0


def test_what_was_created_and_never_started_ends_without_an_exit_code(bench: Bench, loop: SmallLoop) -> None:
    gate = container(bench, "gate", "health=unhealthy", healthCheck=check("false"))
    waits = container(bench, "waits", dependsOn=[{"containerName": "gate", "condition": "HEALTHY"}])
    arn = loop.run(definition(gate, waits), "waits")
    loop.until(lambda: loop.container(arn, "gate").stage is Stage.RUNNING)
    loop.perform(Pull(loop.slices[arn], "waits", because="the test says so"))
    loop.perform(Create(loop.slices[arn], "waits", because="the test says so"))
    assert loop.container(arn, "waits").stage is Stage.CREATED
    loop.stop(arn)
    loop.until_stopped(arn)
    assert loop.container(arn, "waits").exit_code is None
    assert loop.container(arn, "waits").started_at is None
    assert loop.container(arn, "gate").exit_code == 143


def check(command: str) -> dict[str, Any]:
    return {"command": ["CMD", command], "interval": 1, "timeout": 2, "retries": 1}


def test_a_missing_image_stops_the_task_in_the_words_of_fargate(bench: Bench, loop: SmallLoop) -> None:
    missing = "localhost:1/nosuch:1" if bench.engine is not None else "nosuch:1"
    app = container(bench, script="pull=fail", image=missing)
    arn = loop.run(definition(app), "missing-image", launch_type="FARGATE")
    loop.until_stopped(arn)
    task = loop.task(arn)
    assert task.stop_code is StopCode.TASK_FAILED_TO_START
    assert (task.stopped_reason or "").startswith("CannotPullContainerError: ")
    assert loop.container(arn).exit_code is None
    assert loop.container(arn).started_at is None


def test_a_command_that_is_not_there_stops_the_task_with_the_engines_words(bench: Bench, loop: SmallLoop) -> None:
    app = container(bench, script="start=fail", command=["/no/such/binary"])
    arn = loop.run(definition(app), "bad-command")
    loop.until_stopped(arn)
    task = loop.task(arn)
    assert task.stop_code is StopCode.TASK_FAILED_TO_START
    assert task.stopped_reason == "Task failed to start"
    reason = loop.container(arn).reason or ""
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")
    if bench.engine is not None:
        assert 'exec: "/no/such/binary": stat /no/such/binary: no such file or directory' in reason
    assert loop.container(arn).exit_code is None


def test_each_step_may_be_asked_for_twice(bench: Bench, loop: SmallLoop) -> None:
    arn = loop.run(definition(container(bench)), "twice")
    loop.until_running(arn)
    engine_id = loop.container(arn).engine_id
    for effect in [one for one in loop.performed if isinstance(one, Create | Start)]:
        loop.perform(effect)
    assert loop.container(arn).engine_id == engine_id
    assert loop.container(arn).stage is Stage.RUNNING
    if bench.engine is not None:
        assert len(bench.engine.containers(bench.identity.labels)) == 1


def test_a_new_process_goes_on_with_what_runs(bench: Bench) -> None:
    first = SmallLoop(bench.agent(), SystemClock())
    lives = first.run(definition(container(bench)), "lives")
    dies = first.run(
        definition(container(bench, script="exit=4 after=0.5s", command=["sh", "-c", "sleep 0.5; exit 4"])), "dies"
    )
    first.until(lambda: all(first.task(arn).started_at is not None for arn in (lives, dies)))
    engine_id = first.container(lives).engine_id
    left = first.die()
    second = SmallLoop(bench.agent(), SystemClock(), left)
    second.until_stopped(dies)
    assert second.container(dies).exit_code == 4
    assert second.task(lives).last_status is TaskStatus.RUNNING
    assert second.container(lives).engine_id == engine_id
    assert not [one for one in second.performed if isinstance(one, Create | Start)]
    second.end()
    assert second.container(lives).exit_code == 143
    second.die()


def test_health_is_what_the_check_of_the_definition_says(bench: Bench, loop: SmallLoop) -> None:
    well = container(bench, "well", healthCheck=check("true"))
    ill = container(bench, "ill", "health=unhealthy", healthCheck=check("false"))
    arn = loop.run(definition(well, ill, container(bench, "unchecked")), "health")
    loop.until_running(arn)
    loop.until(lambda: loop.container(arn, "well").health is Health.HEALTHY)
    loop.until(lambda: loop.container(arn, "ill").health is Health.UNHEALTHY)
    assert loop.container(arn, "unchecked").health is Health.UNKNOWN
    assert loop.task(arn).last_status is TaskStatus.RUNNING


def test_an_awsvpc_task_has_an_address_of_its_own_until_it_ends(bench: Bench, loop: SmallLoop) -> None:
    arn = loop.run(definition(container(bench), networkMode="awsvpc", cpu="256", memory="512"), "awsvpc")
    loop.until_running(arn)
    attachment = loop.task(arn).attachment
    assert attachment is not None
    assert attachment.status is AttachmentStatus.ATTACHED
    address = (attachment.private_ipv4_address or "").split(".")
    assert len(address) == 4
    assert attachment.mac_address == "02:42:" + ":".join(f"{int(part):02x}" for part in address)
    loop.stop(arn)
    loop.until_stopped(arn)
    attachment = loop.task(arn).attachment
    assert attachment is not None and attachment.status is AttachmentStatus.DELETED
    assert loop.container(arn).exit_code == 143


def test_two_awsvpc_tasks_have_two_addresses(bench: Bench, loop: SmallLoop) -> None:
    arns = [loop.run(definition(container(bench), networkMode="awsvpc"), label) for label in ("one", "two")]
    loop.until(lambda: all(loop.task(arn).last_status is TaskStatus.RUNNING for arn in arns))
    addresses = {getattr(loop.task(arn).attachment, "private_ipv4_address", None) for arn in arns}
    assert len(addresses) == 2 and None not in addresses
    assert len([one for one in loop.performed if isinstance(one, Connect) and one.container == PAUSE]) == 2


def test_what_depends_starts_after_and_stops_before(bench: Bench, loop: SmallLoop) -> None:
    before = container(bench, "before", "exit=0 after=0.3s", command=["sh", "-c", "sleep 0.3"], essential=False)
    after = container(bench, "after", dependsOn=[{"containerName": "before", "condition": "SUCCESS"}])
    last = container(bench, "last", dependsOn=[{"containerName": "after", "condition": "START"}])
    arn = loop.run(definition(last, after, before), "depends")
    loop.until_running(arn)
    first, second, third = (loop.container(arn, name) for name in ("before", "after", "last"))
    assert first.exit_code == 0
    assert (first.finished_at or 0) <= (second.started_at or 0) <= (third.started_at or 0)
    loop.stop(arn)
    loop.until_stopped(arn)
    second, third = (loop.container(arn, name) for name in ("after", "last"))
    assert (third.finished_at or 0) <= (second.finished_at or 0)


def test_what_can_never_start_stops_the_task(bench: Bench, loop: SmallLoop) -> None:
    before = container(bench, "before", "exit=7 after=0s", command=["sh", "-c", "exit 7"], essential=False)
    after = container(bench, "after", dependsOn=[{"containerName": "before", "condition": "SUCCESS"}])
    arn = loop.run(definition(before, after), "never")
    loop.until_stopped(arn)
    assert loop.task(arn).stop_code is StopCode.TASK_FAILED_TO_START
    assert stages(loop.task(arn)) == [Stage.STOPPED, Stage.STOPPED]
    assert loop.container(arn, "before").exit_code == 7
    assert loop.container(arn, "after").started_at is None


def test_host_ports_that_were_left_open_are_reported(bench: Bench, loop: SmallLoop) -> None:
    mapped = [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}, {"containerPort": 53, "protocol": "udp"}]
    arn = loop.run(definition(container(bench, portMappings=mapped), networkMode="bridge"), "ports")
    loop.until_running(arn)
    loop.until(lambda: bool(loop.container(arn).network_bindings))
    found = {(one["containerPort"], one["protocol"]): one for one in loop.container(arn).network_bindings}
    assert found.keys() == {(80, "tcp"), (53, "udp")}
    assert all(one["bindIP"] == "0.0.0.0" and one["hostPort"] > 1023 for one in found.values())
