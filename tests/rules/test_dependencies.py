"""Containers that wait for each other: when they may start, when they never will, and in which order they stop."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.records.tasks import Container, Health, Stage, Task
from ecs_emulator.rules import dependencies

NOW = 100.0
CHECK = {"healthCheck": {"command": ["CMD", "true"]}}


def container(name: str, stage: Stage, **more: Any) -> Container:
    return Container(f"id-{name}", name, "img", stage, **more)


def task(*containers: Container) -> Task:
    return Task("arn/t", "1", "r", "c", "d", "f", "g", "EC2", "bridge", 0.0, 0, 0, {}, containers)


def definition(**own: dict[str, Any]) -> dict[str, Any]:
    names = {"first": {}, "app": {}, **own}
    return {"containerDefinitions": [{"name": name, "image": "img", **parts} for name, parts in names.items()]}


def waiting(condition: str, **first: Any) -> dict[str, Any]:
    return definition(first=first, app={"dependsOn": [{"containerName": "first", "condition": condition}]})


def stopped(code: int | None = 0, started_at: float | None = 1.0) -> Container:
    return container("first", Stage.STOPPED, exit_code=code, started_at=started_at)


NONE = container("first", Stage.NONE)
CREATED = container("first", Stage.CREATED)
RUNNING = container("first", Stage.RUNNING, started_at=90.0)
HEALTHY = container("first", Stage.RUNNING, started_at=90.0, health=Health.HEALTHY)
FAILED = stopped(None, None)
APP = container("app", Stage.PULLED)

UNSUCCESSFUL = "as dependency did not exit successfully."
NEVER = "because dependency will never start"

# What the dependency is, and for each condition: whether it holds, or the end of why it never will.
TABLE: list[tuple[Container, dict[str, bool | str]]] = [
    (NONE, {"CREATE": False, "START": False, "COMPLETE": False, "SUCCESS": False, "HEALTHY": False}),
    (CREATED, {"CREATE": True, "START": False, "COMPLETE": False, "SUCCESS": False, "HEALTHY": False}),
    (RUNNING, {"CREATE": True, "START": True, "COMPLETE": False, "SUCCESS": False, "HEALTHY": False}),
    (HEALTHY, {"CREATE": True, "START": True, "COMPLETE": False, "SUCCESS": False, "HEALTHY": True}),
    (stopped(0), {"CREATE": True, "START": True, "COMPLETE": True, "SUCCESS": True, "HEALTHY": NEVER}),
    (stopped(7), {"CREATE": True, "START": True, "COMPLETE": True, "SUCCESS": UNSUCCESSFUL, "HEALTHY": NEVER}),
    (FAILED, {"START": NEVER, "COMPLETE": NEVER, "SUCCESS": NEVER, "HEALTHY": NEVER}),
]
CASES = [(first, condition, expected) for first, row in TABLE for condition, expected in row.items()]


@pytest.mark.parametrize(("first", "condition", "expected"), CASES)
def test_each_condition_holds_when_it_should(first: Container, condition: str, expected: bool | str) -> None:
    asked, slice = waiting(condition, **CHECK), task(first, APP)
    why = dependencies.never_hold(slice, asked, APP, NOW)
    if isinstance(expected, str):
        assert why is not None and why.endswith(expected)
    else:
        assert why is None
        assert dependencies.hold(slice, asked, APP) is expected


def test_health_is_never_reached_without_a_check() -> None:
    assert not dependencies.hold(task(HEALTHY, APP), waiting("HEALTHY"), APP)


def test_links_are_starts_and_volumes_from_are_creations() -> None:
    linked = definition(app={"links": ["first:alias"]})
    assert not dependencies.hold(task(CREATED, APP), linked, APP)
    assert dependencies.hold(task(RUNNING, APP), linked, APP)
    sharing = definition(app={"volumesFrom": [{"sourceContainer": "first"}]})
    assert not dependencies.hold(task(NONE, APP), sharing, APP)
    assert dependencies.hold(task(CREATED, APP), sharing, APP)


@pytest.mark.parametrize(
    ("condition", "now", "late"),
    [("COMPLETE", 119.9, False), ("COMPLETE", 120.0, True), ("SUCCESS", 120.0, True), ("HEALTHY", 120.0, True),
     ("START", 500.0, False)],
)  # fmt: skip
def test_start_timeout_is_the_dependencys_and_runs_from_its_start(condition: str, now: float, late: bool) -> None:
    asked, slice = waiting(condition, startTimeout=30), task(RUNNING, APP)
    why = dependencies.never_hold(slice, asked, APP, now)
    assert (why is not None and why.endswith("has timed out.")) is late
    assert list(dependencies.deadlines(slice, asked, APP)) == ([] if condition == "START" else [120.0])


def test_without_a_start_timeout_there_is_all_the_time_in_the_world() -> None:
    asked, slice = waiting("COMPLETE"), task(RUNNING, APP)
    assert dependencies.never_hold(slice, asked, APP, 1e9) is None
    assert list(dependencies.deadlines(slice, asked, APP)) == []


def test_the_reason_prints_both_containers_as_the_agent_does() -> None:
    assert dependencies.never_hold(task(stopped(7), APP), waiting("SUCCESS"), APP, NOW) == (
        "dependency graph: failed to resolve container ordering dependency [first(img) (STOPPED->RUNNING) - Exit: 7] "
        "for target [app(img) (MANIFEST_PULLED->RUNNING)] as dependency did not exit successfully."
    )


def test_what_others_depend_on_stops_when_they_have() -> None:
    asked = waiting("START")
    assert not dependencies.dependents_ended(task(RUNNING, container("app", Stage.RUNNING)), asked, RUNNING)
    assert not dependencies.dependents_ended(task(RUNNING, container("app", Stage.CREATED)), asked, RUNNING)
    assert dependencies.dependents_ended(task(RUNNING, APP), asked, RUNNING)
    assert dependencies.dependents_ended(task(RUNNING, container("app", Stage.STOPPED)), asked, RUNNING)
