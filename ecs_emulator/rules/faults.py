"""Whom a fault befalls, and whether this time: arithmetic alone, so that the same seed gives the same trouble."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.records.faults import Fault, FaultKind
from ecs_emulator.records.tasks import Container, Health, Stage, Task
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.dependencies import definition_of


def concerns_request(fault: Fault, account: str, region: str, service: str, operation: str) -> bool:
    """Whether one of its patterns, `Describe*` or `ecs:RunTask`, names this request of its own account and region."""
    if (fault.account, fault.region) != (account, region):
        return False
    return any(
        fnmatchcase(f"{service}:{operation}", pattern if ":" in pattern else f"*:{pattern}")
        for pattern in fault.spec["operations"]
    )


def strikes(fault: Fault) -> bool:
    """Whether it befalls the next request: with a share of 0.25 one in four, which ones being a matter of the seed alone."""
    share: float = fault.spec["share"]
    drawn = hashlib.sha256(f"{fault.spec['seed']}/{fault.seen}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


def counted(fault: Fault, struck: bool) -> Fault | None:
    """The fault after one more request; None once it has struck as often as it should."""
    after = replace(fault, seen=fault.seen + 1, struck=fault.struck + struck)
    return None if spent(after) else after


def spent(fault: Fault) -> bool:
    count: int | None = fault.spec.get("count")
    return count is not None and fault.struck >= count


def crashed(fault: Fault, now: Instant) -> Fault | None:
    """The fault after a crash; None where none is to follow."""
    every: float | None = fault.spec.get("every")
    after = replace(fault, struck=fault.struck + 1, next_at=None if every is None else now + every)
    return None if every is None or spent(after) else after


def concerns_task(fault: Fault, task: Task) -> bool:
    """Whether it is of this task, or of the service that it belongs to."""
    return fault.subject is not None and fault.subject in (task.arn, task.service_arn)


def victim(fault: Fault, task: Task, definition: dict[str, Any]) -> Container | None:
    """The running container that a crash ends: the one that was named, else the first that is essential."""
    wanted = fault.spec.get("container")
    for one in task.containers:
        named = one.name == wanted if wanted else facts.essential(definition_of(definition, one.name))
        if named and one.stage is Stage.RUNNING:
            return one
    return None


def failing(fault: Fault, task: Task, definition: dict[str, Any]) -> tuple[str, ...]:
    """The running containers whose health check is to fail and does not yet."""
    wanted = fault.spec.get("container")
    return tuple(
        one.name
        for one in task.containers
        if one.stage is Stage.RUNNING
        and one.health is not Health.UNHEALTHY
        and wanted in (None, one.name)
        and "healthCheck" in definition_of(definition, one.name)
    )


def recovering(fault: Fault, task: Task) -> Task:
    """The task as its agent is to look at it again when the fault is over: nothing is known of its containers' health."""
    wanted = fault.spec.get("container")
    containers = tuple(
        replace(one, health=Health.UNKNOWN)
        if one.stage is Stage.RUNNING and one.health is Health.UNHEALTHY and wanted in (None, one.name)
        else one
        for one in task.containers
    )
    return replace(task, containers=containers)


def starts_at(faults: tuple[Fault, ...], task: Task, container: str) -> Instant | None:
    """When this container may start, where a fault makes it slow."""
    late = [
        task.created_at + float(fault.spec["seconds"])
        for fault in faults
        if fault.trouble is FaultKind.SLOW_START and concerns_task(fault, task)
        if fault.spec.get("container") in (None, container)
    ]
    return max(late, default=None)
