"""Which container of a task waits for which: to start after it, and to stop before it.

Source: the dependency graph of amazon-ecs-agent; `dependsOn`, `links` and `volumesFrom` of the ContainerDefinition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.records.tasks import Container, Health, Stage, Task

Definition = dict[str, Any]

ENDS = ("COMPLETE", "SUCCESS", "HEALTHY")
"""The conditions that `startTimeout` puts an end to."""


def definition_of(definition: Definition, container_name: str) -> Definition:
    """The container's own part of the task definition."""
    found: Definition = next(one for one in definition["containerDefinitions"] if one["name"] == container_name)
    return found


def hold(task: Task, definition: Definition, container: Container) -> bool:
    """Whether everything that this container waits for has come."""
    return all(_holds(definition, needed, condition) for needed, condition in _needs(task, definition, container.name))


def never_hold(task: Task, definition: Definition, container: Container, now: Instant) -> str | None:
    """Why this container can never start, in the agent's words; None while it still may."""
    for needed, condition in _needs(task, definition, container.name):
        if (verdict := _lost(definition, needed, condition, now)) is None:
            continue
        lead, tail = verdict
        what = f"[{_printed(needed)}] for target [{_printed(container)}]"
        return f"dependency graph: {lead}container ordering dependency {what} {tail}"
    return None


def deadlines(task: Task, definition: Definition, container: Container) -> Iterator[Instant]:
    """When the patience of this container ends, for each that it waits for and whose `startTimeout` runs."""
    for needed, condition in _needs(task, definition, container.name):
        if (due := _deadline(definition, needed, condition)) is not None and not _holds(definition, needed, condition):
            yield due


def dependents_ended(task: Task, definition: Definition, container: Container) -> bool:
    """Whether every container that waited for this one has stopped: stopping goes the other way round."""
    return not any(
        other.stage in (Stage.CREATED, Stage.RUNNING)
        and any(needed.name == container.name for needed, _ in _needs(task, definition, other.name))
        for other in task.containers
        if other.name != container.name
    )


def _needs(task: Task, definition: Definition, container_name: str) -> list[tuple[Container, str]]:
    """What this container waits for: dependsOn as it says, links as START, volumesFrom as CREATE."""
    by_name = {one.name: one for one in task.containers}
    own = definition_of(definition, container_name)
    asked = [(item["containerName"], item["condition"]) for item in own.get("dependsOn") or ()]
    asked += [(link.partition(":")[0], "START") for link in own.get("links") or ()]
    asked += [(item["sourceContainer"], "CREATE") for item in own.get("volumesFrom") or ()]
    return [(by_name[needed], condition) for needed, condition in asked if needed in by_name]


def _holds(definition: Definition, needed: Container, condition: str) -> bool:
    match condition:
        case "CREATE":
            return needed.stage.reached(Stage.CREATED)
        case "START":
            return needed.stage.reached(Stage.RUNNING)
        case "COMPLETE":
            return needed.stage is Stage.STOPPED and needed.exit_code is not None
        case "SUCCESS":
            return needed.stage is Stage.STOPPED and needed.exit_code == 0
        case "HEALTHY":
            checked = "healthCheck" in definition_of(definition, needed.name)
            return checked and needed.stage is Stage.RUNNING and needed.health is Health.HEALTHY
        case _:
            return False


def _lost(definition: Definition, needed: Container, condition: str, now: Instant) -> tuple[str, str] | None:
    """Before and behind the two names: why what is waited for will never come."""
    if needed.stage is Stage.STOPPED:
        if condition == "SUCCESS" and needed.exit_code not in (None, 0):
            return "failed to resolve ", "as dependency did not exit successfully."
        never_ran = needed.exit_code is None and needed.started_at is None
        if condition == "HEALTHY" or never_ran or (condition in ENDS and needed.exit_code is None):
            return "failed to resolve ", "because dependency will never start"
        return None
    due = _deadline(definition, needed, condition)
    if due is not None and now >= due and not _holds(definition, needed, condition):
        return "", "has timed out."
    return None


def _deadline(definition: Definition, needed: Container, condition: str) -> Instant | None:
    """`startTimeout` is the dependency's, and runs from its start; without one there is all the time in the world."""
    timeout = definition_of(definition, needed.name).get("startTimeout")
    if timeout is None or condition not in ENDS or needed.started_at is None or needed.stage is not Stage.RUNNING:
        return None
    return needed.started_at + float(timeout)


def _printed(container: Container) -> str:
    """`init(busybox) (STOPPED->RUNNING) - Exit: 7`, as the agent prints a container that is wanted to run."""
    waiting = container.stage in (Stage.NONE, Stage.PULLED)
    known = "MANIFEST_PULLED" if waiting else container.stage
    ended = "" if container.exit_code is None else f" - Exit: {container.exit_code}"
    return f"{container.name}({container.image}) ({known}->RUNNING){ended}"
