"""Whatever is seen, and however often: a task and its containers go forward, never back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.control import observe
from ecs_emulator.control.plan import (
    PAUSE,
    Connected,
    Created,
    Disconnected,
    EngineLost,
    Failed,
    Observation,
    Postponed,
    Pulled,
    Removed,
    Seen,
    Signalled,
    Snapshot,
)
from ecs_emulator.records.tasks import AttachmentStatus, Container, Health, Stage, Task, TaskStatus
from tests.agent.small_loop import task_slice
from tests.simulation import Simulation

DEFINITION: dict[str, Any] = {
    "family": "web",
    "networkMode": "awsvpc",
    "containerDefinitions": [{"name": "app", "image": "app"}],
}
ADDRESS, MAC = "172.31.0.9", "02:42:ac:1f:00:09"


def task_at(stage: Stage, **facts: Any) -> Task:
    """A task whose only container has come so far."""
    known: dict[Stage, dict[str, Any]] = {
        Stage.NONE: {},
        Stage.PULLED: {"image_id": "image"},
        Stage.CREATED: {"image_id": "image", "engine_id": "engine"},
        Stage.RUNNING: {"image_id": "image", "engine_id": "engine", "started_at": 5.0},
        Stage.STOPPED: {
            "image_id": "image",
            "engine_id": "engine",
            "started_at": 5.0,
            "finished_at": 6.0,
            "exit_code": 3,
        },
    }
    task = task_slice(DEFINITION, "observed").task
    return replace(task, containers=(replace(task.containers[0], stage=stage, **known[stage], **facts),))


ARN = task_at(Stage.NONE).arn
SIGHTS: dict[str, Observation] = {
    "pulled": Pulled(ARN, "app", "image", "digest", 1.0, 2.0),
    "created": Created(ARN, "app", "engine"),
    "seen created": Seen(ARN, "app", Stage.CREATED, "engine"),
    "seen running": Seen(ARN, "app", Stage.RUNNING, "engine", started_at=5.0),
    "seen stopped": Seen(ARN, "app", Stage.STOPPED, "engine", exit_code=0, started_at=5.0, finished_at=9.0),
    "signalled": Signalled(ARN, "app", 7.0),
    "failed": Failed(ARN, "app", "CannotStartContainerError: no", 8.0),
    "postponed": Postponed(ARN, 99.0, "later"),
    "lost": EngineLost("it is gone"),
}
TABLE = """
                NONE     PULLED   CREATED  RUNNING  STOPPED
pulled          PULLED   PULLED   CREATED  RUNNING  STOPPED
created         CREATED  CREATED  CREATED  RUNNING  STOPPED
seen created    CREATED  CREATED  CREATED  RUNNING  STOPPED
seen running    RUNNING  RUNNING  RUNNING  RUNNING  STOPPED
seen stopped    STOPPED  STOPPED  STOPPED  STOPPED  STOPPED
signalled       NONE     PULLED   CREATED  RUNNING  STOPPED
failed          STOPPED  STOPPED  STOPPED  STOPPED  STOPPED
postponed       NONE     PULLED   CREATED  RUNNING  STOPPED
lost            NONE     PULLED   CREATED  RUNNING  STOPPED
"""


def only(task: Task) -> Container:
    (container,) = task.containers
    return container


def test_the_stage_after_each_sight_at_each_stage() -> None:
    lines = [f"{'':<16}{''.join(f'{stage:<9}' for stage in Stage)}".rstrip()]
    for name, sight in SIGHTS.items():
        after = [only(observe.seen(task_at(stage), sight, 10.0)).stage for stage in Stage]
        lines.append(f"{name:<16}{''.join(f'{stage:<9}' for stage in after)}".rstrip())
    assert "\n".join(lines) == TABLE.strip("\n")


@pytest.mark.parametrize(("first", "second"), list(itertools.product(SIGHTS, repeat=2)))
def test_no_sight_takes_a_container_back(first: str, second: str) -> None:
    task = task_at(Stage.NONE)
    for sight in (SIGHTS[first], SIGHTS[second]):
        moved = observe.seen(task, sight, 10.0)
        assert only(moved).stage.reached(only(task).stage)
        assert moved.last_status.reached(task.last_status) and moved.version == task.version
        task = moved


@pytest.mark.parametrize("name", SIGHTS)
def test_the_same_seen_twice_is_nothing_new(name: str) -> None:
    for stage in Stage:
        once = observe.seen(task_at(stage), SIGHTS[name], 10.0)
        assert observe.seen(once, SIGHTS[name], 20.0) == once


def test_how_a_container_ended_is_told_once() -> None:
    ended = task_at(Stage.STOPPED)
    again = Seen(ARN, "app", Stage.STOPPED, "engine", exit_code=137, reason="OutOfMemoryError: late", finished_at=99.0)
    assert only(observe.seen(ended, again, 100.0)) == only(ended)


def test_the_first_reason_stays() -> None:
    known = task_at(Stage.CREATED, reason="CannotPullContainerError: first")
    assert only(observe.seen(known, SIGHTS["failed"], 10.0)).reason == "CannotPullContainerError: first"
    ended = Seen(ARN, "app", Stage.STOPPED, "engine", exit_code=1, reason="DockerStateError: second")
    assert only(observe.seen(known, ended, 10.0)).reason == "CannotPullContainerError: first"


def test_what_a_later_sight_leaves_out_is_kept() -> None:
    bound = ({"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"},)
    known = task_at(Stage.RUNNING, health=Health.HEALTHY, network_bindings=bound)
    assert only(observe.seen(known, SIGHTS["seen running"], 10.0)) == only(known)
    assert only(observe.seen(known, Seen(ARN, "app", Stage.RUNNING, ""), 10.0)) == only(known)


def test_the_first_signal_sets_the_hour() -> None:
    task = observe.seen(task_at(Stage.RUNNING), SIGHTS["signalled"], 7.0)
    assert only(observe.seen(task, Signalled(ARN, "app", 20.0), 20.0)).stop_sent_at == 7.0


def test_a_stranger_among_the_containers_changes_nothing() -> None:
    task = task_at(Stage.RUNNING)
    assert observe.seen(task, Seen(ARN, "stranger", Stage.STOPPED, "other", exit_code=1), 10.0) is task


def test_pulling_lasts_from_the_first_beginning_to_the_last_end() -> None:
    definition = {**DEFINITION, "containerDefinitions": [{"name": name, "image": name} for name in ("a", "b")]}
    task = task_slice(definition, "two").task
    task = observe.seen(task, Pulled(task.arn, "a", "1", None, 4.0, 6.0), 6.0)
    task = observe.seen(task, Pulled(task.arn, "b", "2", None, 3.0, 9.0), 9.0)
    assert (task.pull_started_at, task.pull_stopped_at) == (3.0, 9.0)


@pytest.mark.parametrize(("launch_type", "expected"), [("FARGATE", 10.0), ("EC2", None)])
def test_what_the_cache_served_was_pulled_on_fargate_only(launch_type: str, expected: float | None) -> None:
    task = replace(task_at(Stage.NONE), launch_type=launch_type)
    task = observe.seen(task, Pulled(ARN, "app", "image", "digest"), 10.0)
    assert (task.pull_started_at, task.pull_stopped_at) == (expected, expected)


# --- the network ----------------------------------------------------------------------------------------------------


def connected() -> Task:
    return observe.seen(task_at(Stage.NONE), Connected(ARN, "pause", ADDRESS, MAC, 3.0), 3.0)


def test_the_interface_has_the_address_that_was_seen() -> None:
    attachment = connected().attachment
    assert attachment is not None
    assert (attachment.status, attachment.private_ipv4_address) == (AttachmentStatus.ATTACHED, ADDRESS)
    assert (attachment.mac_address, attachment.private_dns_name) == (MAC, "ip-172-31-0-9.ec2.internal")
    assert attachment.network_interface_id == observe.interface_id(attachment)


def test_a_second_network_is_not_taken() -> None:
    task = connected()
    assert observe.seen(task, Connected(ARN, "other", "172.31.0.10", MAC, 9.0), 9.0) is task


def test_an_interface_that_is_gone_does_not_come_back() -> None:
    for task in (connected(), task_at(Stage.NONE)):
        gone = observe.seen(task, Disconnected(ARN, 4.0), 4.0)
        assert gone.attachment is not None and gone.attachment.status is AttachmentStatus.DELETED
        assert observe.seen(gone, Connected(ARN, "pause", ADDRESS, MAC, 5.0), 5.0) == gone
        assert observe.seen(gone, Disconnected(ARN, 6.0), 6.0) == gone


def test_a_network_that_dies_takes_the_task_with_it() -> None:
    task = observe.seen(connected(), Seen(ARN, PAUSE, Stage.STOPPED, "pause", exit_code=137), 9.0)
    assert (task.desired_status, task.stopped_reason) == ("STOPPED", "Essential container in task exited")
    assert only(task).stage is Stage.NONE


def test_a_network_that_cannot_be_made_fails_the_task() -> None:
    task = observe.seen(task_at(Stage.NONE), Failed(ARN, PAUSE, "ResourceInitializationError: no address", 4.0), 4.0)
    assert (task.stop_code, task.stopped_reason) == ("TaskFailedToStart", "ResourceInitializationError: no address")
    assert task.attachment is not None and task.attachment.status is AttachmentStatus.DELETED


def test_what_was_removed_is_clean() -> None:
    assert observe.seen(task_at(Stage.STOPPED), Removed(ARN), 9.0).cleaned


# --- the silence of a snapshot --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
def test_only_what_was_there_can_vanish(stage: Stage) -> None:
    missing = list(observe.missing_from(task_at(stage), Snapshot((), 20.0)))
    if stage not in (Stage.CREATED, Stage.RUNNING):
        assert missing == []
        return
    assert missing == [Seen(ARN, "app", Stage.STOPPED, "engine", reason=observe.VANISHED, finished_at=20.0)]
    vanished = only(observe.seen(task_at(stage), missing[0], 20.0))
    assert (vanished.stage, vanished.exit_code) == (Stage.STOPPED, None)
    assert vanished.reason == "ContainerVanishedError: No container matching saved ID found"


def test_what_the_snapshot_shows_has_not_vanished() -> None:
    shown = Snapshot((Seen(ARN, "app", Stage.STOPPED, "engine", exit_code=4),), 20.0)
    assert list(observe.missing_from(task_at(Stage.RUNNING), shown)) == []
    another = Snapshot((Seen("another task", "app", Stage.RUNNING, "engine"),), 20.0)
    assert len(list(observe.missing_from(task_at(Stage.RUNNING), another))) == 1


def test_a_network_can_vanish_too() -> None:
    (missing,) = observe.missing_from(connected(), Snapshot((), 20.0))
    assert (missing.container, missing.stage) == (PAUSE, Stage.STOPPED)
    gone = observe.seen(connected(), Disconnected(ARN, 4.0), 4.0)
    assert list(observe.missing_from(gone, Snapshot((), 20.0))) == []


# --- in the loop ----------------------------------------------------------------------------------------------------


def running(sim: Simulation, **container: Any) -> str:
    sim.call("CreateCluster", clusterName="default")
    one = {"name": "app", "image": "app", "memory": 64, **container}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[one])
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    sim.settle()
    arn: str = task["taskArn"]
    return arn


def after(tmp_path: Path, sight: Callable[[str], Observation]) -> Task:
    """The task as it comes to rest once this was told to an emulator that has just started again."""
    sim = Simulation(tmp_path)
    arn = running(sim)
    sim.crash()
    sim.loop.tell(sight(arn))
    sim.settle()
    task = sim.task(arn)
    sim.close()
    return task


def test_a_container_that_the_first_snapshot_does_not_show_ends_its_task(tmp_path: Path) -> None:
    task = after(tmp_path, lambda arn: Snapshot((), 1_700_000_000.0))
    assert (task.last_status, task.stop_code) == (TaskStatus.STOPPED, "EssentialContainerExited")
    assert (only(task).exit_code, only(task).reason) == (None, observe.VANISHED)


def test_a_container_that_ended_meanwhile_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    ended = after(
        tmp_path,
        lambda arn: Snapshot((Seen(arn, "app", Stage.STOPPED, "engine", exit_code=4, finished_at=1.0),), 2.0),
    )
    assert (ended.last_status, only(ended).exit_code, only(ended).reason) == (TaskStatus.STOPPED, 4, None)


def test_a_container_that_runs_on_is_adopted(tmp_path: Path) -> None:
    task = after(tmp_path, lambda arn: Snapshot((Seen(arn, "app", Stage.RUNNING, "engine"),), 1_700_000_000.0))
    assert (task.last_status, task.version, only(task).engine_id) == (TaskStatus.RUNNING, 2, "engine")


def test_a_container_made_before_a_crash_and_never_recorded_is_adopted(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    arn = running(sim, dockerLabels={"ecs-emulator.simulate": "create=slow"})
    assert only(sim.task(arn)).stage is Stage.PULLED
    sim.crash()
    sim.loop.tell(Snapshot((Seen(arn, "app", Stage.CREATED, "engine"),), sim.clock.now()))
    sim.settle()
    assert sim.task(arn).last_status is TaskStatus.RUNNING
    assert "create app because" not in sim.journal().rpartition("start app")[2]
    sim.close()


def test_an_engine_that_is_lost_proves_nothing(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    arn = running(sim)
    before = sim.task(arn)
    sim.loop.tell(EngineLost("it does not answer"))
    sim.settle()
    assert sim.loop.engine_lost == "it does not answer"
    assert sim.task(arn) == before
    sim.loop.tell(Snapshot((Seen(arn, "app", Stage.RUNNING, ""),), sim.clock.now()))
    sim.settle()
    assert sim.loop.engine_lost is None
    assert sim.task(arn) == before
    sim.close()


def test_what_is_seen_of_an_unknown_task_is_nobodys_business(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    sim.loop.tell(Seen("arn:aws:ecs:us-east-1:123456789012:task/c/unknown", "app", Stage.RUNNING, "engine"))
    sim.settle()
    assert sim.tasks() == []
    sim.close()
