"""In what condition a task is, which go first, and when one that failed is tried again: the same whatever it was started for."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control.plan import ServiceSlice
from ecs_emulator.records.tasks import Health, Member, Task, TaskStatus
from ecs_emulator.rules.placement import Standing, Worth, first_to_stop, strategies
from ecs_emulator.rules.resources import Need
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS

RUNS_WELL_AFTER = 5.0
"""Seconds; a task that ends sooner has failed like one that never ran."""
FREE_RETRIES = 3
"""Failures in a row that are tried again at once."""


def is_healthy(task: Member, slice: ServiceSlice) -> bool:
    """Without a health check a task is healthy as soon as it RUNS: recorded, against the 40 seconds of the guide."""
    if task.last_status is not TaskStatus.RUNNING:
        return False
    return task.deployment_id not in slice.checked or task.health is Health.HEALTHY


def is_sick(task: Member, slice: ServiceSlice, now: Instant) -> bool:
    return seen_unhealthy(task) and now >= grace_ends(task, slice)


def seen_unhealthy(task: Member) -> bool:
    return task.health is Health.UNHEALTHY and task.last_status is TaskStatus.RUNNING


def grace_ends(task: Member, slice: ServiceSlice) -> Instant:
    return (task.started_at or 0.0) + float(slice.service.spec.get("healthCheckGracePeriodSeconds") or 0)


def is_leaving(task: Member, slice: ServiceSlice) -> bool:
    """Whether its machine drains."""
    return task.container_instance_arn in slice.leaving


def is_protected(task: Member, now: Instant) -> bool:
    """Scale-in protection."""
    return task.protected_until is not None and task.protected_until > now


def ran_well(task: Task, now: Instant) -> bool:
    """Whether a task that ends is no failure: it RAN long enough, and was not stopped for its health."""
    if task.started_at is None or task.stopped_reason == FAILED_HEALTH_CHECKS:
        return False
    ended_at = max((one.finished_at for one in task.containers if one.finished_at is not None), default=now)
    return ended_at - task.started_at >= RUNS_WELL_AFTER


def next_try(failures: int, now: Instant, timings: Timings) -> Instant | None:
    """When the next task may start after so many failures in a row: from the fourth on later and later; None: at once."""
    if failures <= FREE_RETRIES:
        return None
    return now + min(timings.retry_most, timings.retry_first * 2.0 ** min(failures - FREE_RETRIES - 1, 30))


def first_to_go(slice: ServiceSlice, tasks: Sequence[Member], count: int, now: Instant) -> list[Member]:
    """Which of these go first, by placement run backwards; the same state always gives the same answer. None is protected."""
    if count <= 0:
        return []
    by_arn = {task.arn: task for task in tasks}
    standings = [
        Standing(
            task.arn,
            _worth(task, slice),
            zone=task.availability_zone,
            instance_arn=task.container_instance_arn,
            need=Need(cpu=task.cpu, memory=task.memory),
            protected=is_protected(task, now),
        )
        for task in tasks
    ]
    service = slice.service
    asked = strategies(service.spec.get("placementStrategy"))
    gone = first_to_stop(standings, count, chance=random.Random(service.arn), strategies=asked, free=slice.free or None)
    return [by_arn[standing.arn] for standing in gone]


def _worth(task: Member, slice: ServiceSlice) -> Worth:
    if is_healthy(task, slice):
        return Worth.RUNNING
    return Worth.UNHEALTHY if seen_unhealthy(task) else Worth.PENDING
