"""What the agent does next is a table: where a task stands, and the steps that follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecs_emulator.agent.steps import next_steps
from ecs_emulator.control.plan import TaskSlice, Wait
from ecs_emulator.records.tasks import Attachment, AttachmentStatus, DesiredStatus, Health, Stage, TaskStatus
from tests.agent.small_loop import task_slice

NOW = 100.0
KEPT = 60.0
Containers = dict[str, dict[str, Any]]


def steps(
    containers: Containers,
    *,
    depends: dict[str, list[tuple[str, str]]] | None = None,
    awsvpc: bool = False,
    **facts: Any,
) -> str:
    """The next steps as text: each container is given by what was seen of it, and what its definition says under `says`."""
    slice = standing(containers, depends or {}, awsvpc, facts)
    return ", ".join(worded(one) for one in next_steps(slice, NOW, containers_kept=KEPT)) or "nothing"


def standing(
    containers: Containers, depends: dict[str, list[tuple[str, str]]], awsvpc: bool, facts: dict[str, Any]
) -> TaskSlice:
    definitions = []
    for name, seen in containers.items():
        needs = [{"containerName": on, "condition": condition} for on, condition in depends.get(name, ())]
        definitions.append({"name": name, "image": name, "dependsOn": needs, **seen.pop("says", {})})
    mode = "awsvpc" if awsvpc else "bridge"
    slice = task_slice({"family": "f", "networkMode": mode, "containerDefinitions": definitions}, "steps")
    known = tuple(replace(one, **containers[one.name]) for one in slice.task.containers)
    return replace(slice, task=replace(slice.task, containers=known, **facts))


def worded(step: Any) -> str:
    if isinstance(step, Wait):
        return f"wait until {step.until:g}"
    name = type(step).__name__.lower()
    return name if name in ("connect", "disconnect", "remove") else f"{name} {step.container}"


def at(stage: Stage, **facts: Any) -> dict[str, Any]:
    return {"stage": stage, **facts}


NONE, PULLED, CREATED, RUNNING, STOPPED = Stage
STOP: dict[str, Any] = {
    "desired_status": DesiredStatus.STOPPED,
    "last_status": TaskStatus.RUNNING,
    "stopped_reason": "asked",
}
OVER: dict[str, Any] = {"desired_status": DesiredStatus.STOPPED, "last_status": TaskStatus.STOPPED}
NETWORK: dict[str, Any] = {"attachment": Attachment("e", AttachmentStatus.ATTACHED, "s"), "pause_engine_id": "pause"}
NO_NETWORK: dict[str, Any] = {"attachment": Attachment("e", AttachmentStatus.DELETED, "s"), "pause_engine_id": "pause"}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ({"a": at(NONE)}, "pull a"),
        ({"a": at(PULLED)}, "create a"),
        ({"a": at(CREATED)}, "start a"),
        ({"a": at(RUNNING)}, "nothing"),
        ({"a": at(STOPPED)}, "nothing"),
        ({"a": at(NONE), "b": at(PULLED), "c": at(CREATED), "d": at(RUNNING)}, "pull a, create b, start c"),
    ],
)
def test_a_container_takes_one_step_after_another(containers: Containers, expected: str) -> None:
    assert steps(containers) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "connect"),
        (NETWORK, "pull a, create b"),
    ],
)
def test_the_network_comes_before_the_images(facts: dict[str, Any], expected: str) -> None:
    assert steps({"a": at(NONE), "b": at(PULLED)}, awsvpc=True, **facts) == expected


CHECKED = {"healthCheck": {"command": ["CMD", "true"]}}


@pytest.mark.parametrize(
    ("condition", "needed", "expected"),
    [
        ("START", at(NONE), "pull needed"),
        ("START", at(PULLED), "create needed"),
        ("START", at(CREATED), "start needed"),
        ("START", at(RUNNING), "create a"),
        ("START", at(STOPPED, exit_code=1, started_at=1.0), "create a"),
        ("COMPLETE", at(RUNNING), "nothing"),
        ("COMPLETE", at(STOPPED, exit_code=1, started_at=1.0), "create a"),
        ("COMPLETE", at(STOPPED, started_at=1.0), "nothing"),
        ("SUCCESS", at(RUNNING), "nothing"),
        ("SUCCESS", at(STOPPED, exit_code=1, started_at=1.0), "nothing"),
        ("SUCCESS", at(STOPPED, exit_code=0, started_at=1.0), "create a"),
        ("HEALTHY", at(RUNNING, says=CHECKED), "nothing"),
        ("HEALTHY", at(RUNNING, says=CHECKED, health=Health.UNHEALTHY), "nothing"),
        ("HEALTHY", at(RUNNING, says=CHECKED, health=Health.HEALTHY), "create a"),
        ("HEALTHY", at(STOPPED, says=CHECKED, health=Health.HEALTHY, exit_code=0, started_at=1.0), "nothing"),
        ("HEALTHY", at(RUNNING, health=Health.HEALTHY), "nothing"),
        ("COMPLETE", at(RUNNING, says={"startTimeout": 30}, started_at=90.0), "wait until 120"),
        ("SUCCESS", at(RUNNING, says={"startTimeout": 30}, started_at=90.0), "wait until 120"),
        ("HEALTHY", at(RUNNING, says={**CHECKED, "startTimeout": 30}, started_at=90.0), "wait until 120"),
    ],
)
def test_what_depends_waits(condition: str, needed: dict[str, Any], expected: str) -> None:
    assert steps({"a": at(PULLED), "needed": dict(needed)}, depends={"a": [("needed", condition)]}) == expected


def test_a_container_that_must_wait_has_its_image_pulled_all_the_same() -> None:
    assert steps({"a": at(NONE), "b": at(NONE)}, depends={"a": [("b", "HEALTHY")]}) == "pull a, pull b"


def test_every_condition_must_hold() -> None:
    needs = {"a": [("b", "START"), ("c", "START")]}
    assert steps({"a": at(PULLED), "b": at(RUNNING), "c": at(PULLED)}, depends=needs) == "create c"
    assert steps({"a": at(PULLED), "b": at(RUNNING), "c": at(RUNNING)}, depends=needs) == "create a"


@pytest.mark.parametrize(
    ("says", "other", "expected"),
    [
        ({"links": ["b:alias"]}, CREATED, "start b"),
        ({"links": ["b"]}, RUNNING, "create a"),
        ({"volumesFrom": [{"sourceContainer": "b"}]}, PULLED, "create b"),
        ({"volumesFrom": [{"sourceContainer": "b"}]}, CREATED, "create a, start b"),
    ],
)
def test_links_wait_for_a_start_and_shared_volumes_for_a_creation(
    says: dict[str, Any], other: Stage, expected: str
) -> None:
    assert steps({"a": at(PULLED, says=says), "b": at(other)}) == expected


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (at(NONE), "nothing"),
        (at(PULLED), "nothing"),
        (at(CREATED), "kill a"),
        (at(RUNNING), "signal a"),
        (at(RUNNING, stop_sent_at=99.0), "wait until 129"),
        (at(RUNNING, stop_sent_at=99.0, says={"stopTimeout": 5}), "wait until 104"),
        (at(RUNNING, stop_sent_at=95.0, says={"stopTimeout": 5}), "kill a"),
        (at(RUNNING, stop_sent_at=70.0), "kill a"),
        (at(RUNNING, stop_sent_at=100.0, says={"stopTimeout": 0}), "kill a"),
        (at(STOPPED), "nothing"),
    ],
)
def test_a_container_is_asked_to_stop_and_then_made_to(container: dict[str, Any], expected: str) -> None:
    assert steps({"a": dict(container)}, **STOP) == expected


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ({"a": at(RUNNING), "b": at(RUNNING), "c": at(RUNNING)}, "signal c"),
        ({"a": at(RUNNING), "b": at(RUNNING), "c": at(CREATED)}, "kill c"),
        ({"a": at(RUNNING), "b": at(RUNNING), "c": at(PULLED)}, "signal b"),
        ({"a": at(RUNNING), "b": at(RUNNING), "c": at(STOPPED)}, "signal b"),
        ({"a": at(RUNNING), "b": at(STOPPED), "c": at(STOPPED)}, "signal a"),
        ({"a": at(RUNNING), "b": at(RUNNING, stop_sent_at=99.0), "c": at(STOPPED)}, "wait until 129"),
    ],
)
def test_stopping_goes_the_other_way_round(containers: Containers, expected: str) -> None:
    assert steps(containers, depends={"b": [("a", "START")], "c": [("b", "START")]}, **STOP) == expected


def test_what_does_not_depend_stops_side_by_side() -> None:
    assert steps({"a": at(RUNNING), "b": at(RUNNING)}, **STOP) == "signal a, signal b"


@pytest.mark.parametrize(
    ("container", "facts", "expected"),
    [
        (at(RUNNING), NETWORK, "signal a"),
        (at(STOPPED), NETWORK, "disconnect"),
        (at(NONE), NETWORK, "disconnect"),
        (at(STOPPED), NO_NETWORK, "nothing"),
        (at(NONE), {}, "disconnect"),
    ],
)
def test_the_network_goes_last(container: dict[str, Any], facts: dict[str, Any], expected: str) -> None:
    assert steps({"a": dict(container)}, awsvpc=True, **{**STOP, **facts}) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"stopped_at": 90.0}, "wait until 150"),
        ({"stopped_at": 40.0}, "remove"),
        ({"stopped_at": None}, "wait until 160"),
        ({"stopped_at": 40.0, "cleaned": True}, "nothing"),
    ],
)
def test_what_has_stopped_is_kept_for_a_look_at_it_and_then_removed(facts: dict[str, Any], expected: str) -> None:
    assert steps({"a": at(STOPPED)}, **{**OVER, **facts}) == expected
