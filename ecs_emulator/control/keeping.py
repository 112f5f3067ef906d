"""Tasks kept at a number of their own: what a task set does for its share, and a deployment beside the one that it replaces.

No percentage counts here: what is to be replaced stays until its replacement is healthy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.control.condition import (
    RUNS_WELL_AFTER,
    first_to_go,
    grace_ends,
    is_healthy,
    is_leaving,
    is_protected,
    is_sick,
    seen_unhealthy,
)
from ecs_emulator.control.plan import Announce, Decision, Forgive, Keeper, Launch, ServiceSlice, Stop, Wait
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import DesiredStatus, Member
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS


@dataclass(frozen=True, slots=True)
class View:
    """The tasks of one keeper that are wanted, sorted by what is to become of them. Lives for one decision."""

    slice: ServiceSlice
    keeper: Keeper
    now: Instant
    target: int
    good: tuple[Member, ...]
    """On machines that stay, and not sick."""
    sick: tuple[Member, ...]
    """On machines that stay, unhealthy for longer than the grace period."""
    leaving: tuple[Member, ...]
    """On machines that drain."""
    ending: bool
    """Some were asked to stop, and are not over."""

    @property
    def task_set(self) -> TaskSet | None:
        """Whom the service's events name, where it has task sets."""
        return self.keeper if isinstance(self.keeper, TaskSet) else None

    @property
    def healthy(self) -> tuple[Member, ...]:
        return tuple(task for task in self.good if is_healthy(task, self.slice))

    @property
    def missing(self) -> int:
        return max(0, self.target - len(self.good))

    @property
    def paused(self) -> bool:
        """Its tasks fail: the next one waits."""
        return self.keeper.launch_not_before is not None and self.now < self.keeper.launch_not_before

    @property
    def complete(self) -> bool:
        """All that is wanted runs well, and nothing else is there."""
        return len(self.healthy) == len(self.good) == self.target and not (self.sick or self.leaving)

    @property
    def empty(self) -> bool:
        return not (self.good or self.sick or self.leaving)


def view_of(slice: ServiceSlice, keeper: Keeper, target: int, now: Instant) -> View:
    own = [task for task in slice.tasks if task.deployment_id == keeper.id]
    alive = [task for task in own if task.desired_status is DesiredStatus.RUNNING]
    staying = [task for task in alive if not is_leaving(task, slice)]
    return View(
        slice,
        keeper,
        now,
        target=target,
        good=tuple(task for task in staying if not is_sick(task, slice, now)),
        sick=tuple(task for task in staying if is_sick(task, slice, now)),
        leaving=tuple(task for task in alive if is_leaving(task, slice)),
        ending=len(own) > len(alive),
    )


def kept(view: View) -> Iterator[Decision | Wait]:
    """Start what is missing, stop what is too much, replace what does not run well."""
    yield from started(view)
    yield from scaled_in(view)
    yield from replaced(view)
    yield from forgiven(view)


def started(view: View) -> Iterator[Decision | Wait]:
    if not view.missing:
        return
    if view.keeper.launch_not_before is not None and view.paused:
        because = f"{view.keeper.failed_tasks} of its tasks in a row have failed"
        yield Wait(view.keeper.launch_not_before, because)
        return
    because = f"{view.missing} of {view.target} missing"
    yield Launch(view.keeper, view.missing, because, replaced_unhealthy=min(view.missing, len(view.sick)))


def scaled_in(view: View) -> Iterator[Decision | Wait]:
    """What is more than the target goes, but for protected tasks: those are waited for."""
    surplus = len(view.good) - view.target
    chosen = first_to_go(view.slice, view.good, surplus, view.now)
    if chosen:
        because = f"{surplus} more than its {view.target}"
        yield Stop(view.slice.service, by_arn(chosen), because, task_set=view.task_set)
    if len(chosen) < surplus:
        ends = [task.protected_until for task in view.good if is_protected(task, view.now) and task.protected_until]
        yield Wait(min(ends), because="the protection of a task ends")


def replaced(view: View) -> Iterator[Decision | Wait]:
    """What is sick or on a machine that drains goes when another is healthy in its place.

    2 wanted, 1 of them sick: with 1 healthy it stays, with 2 healthy it goes.
    """
    service, healthy = view.slice.service, len(view.healthy)
    for task in view.sick[: max(0, healthy + len(view.sick) - view.target)]:
        yield Announce(service, f"(task {task.id}) failed container health checks.", because="its health check failed")
        yield Stop(service, (task,), "it is unhealthy", reason=FAILED_HEALTH_CHECKS, task_set=view.task_set)
    leaving = view.leaving[: max(0, healthy + len(view.leaving) - view.target)]
    if leaving:
        yield Stop(service, by_arn(leaving), "their instance is draining", task_set=view.task_set)
    for task in view.good:
        if seen_unhealthy(task):
            because = "an unhealthy task is replaced when its grace period is over"
            yield Wait(grace_ends(task, view.slice), because)


def forgiven(view: View) -> Iterator[Decision | Wait]:
    """A task that was started after the youngest failure and runs well ends the row of failures."""
    if not view.keeper.failed_tasks or _unforgiving(view):
        return
    since = view.keeper.failed_created_at or 0.0
    well = [task.started_at for task in view.healthy if task.started_at is not None]
    well_at = [at + RUNS_WELL_AFTER for at in well if at >= since]
    if well_at and min(well_at) <= view.now:
        yield Forgive(view.keeper, because=f"a task of it has run for {RUNS_WELL_AFTER:g} s")
    elif well_at:
        yield Wait(min(well_at), because="a task that runs well ends the row of failures")


def _unforgiving(view: View) -> bool:
    """Whether the service's circuit breaker counts every failure."""
    breaker = view.slice.service.spec["deploymentConfiguration"]["deploymentCircuitBreaker"]
    return view.task_set is None and breaker["enable"] and not breaker["resetOnHealthyTask"]


def by_arn(tasks: Sequence[Member]) -> tuple[Member, ...]:
    return tuple(sorted(tasks, key=lambda task: task.arn))
