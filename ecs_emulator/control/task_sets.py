"""Task sets: each keeps its own share of what is desired, and none makes room for another.

What an EXTERNAL or a CODE_DEPLOY controller makes of them is its own: it scales, it says which is PRIMARY, it lets go. The percentages
of a rolling update do not count here: 5 sets at 100 % of 3 are 15 tasks, and what is to be replaced stays until its replacement is healthy.
Source: "Amazon ECS external deployment", TaskSet in the ECS API reference; recorded events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import keeping
from ecs_emulator.control.condition import is_protected
from ecs_emulator.control.plan import (
    Announce,
    Decision,
    Drop,
    Recompute,
    ServiceSlice,
    Settle,
    Stabilize,
    Stop,
    Wait,
)
from ecs_emulator.control.rolling import PROTECTED
from ecs_emulator.records.services import ServiceStatus
from ecs_emulator.records.task_sets import Stability, TaskSet, TaskSetStatus
from ecs_emulator.rules.task_sets import target


@dataclass(frozen=True, slots=True)
class View:
    """One task set and its tasks. Lives for one decision."""

    task_set: TaskSet
    tasks: keeping.View
    gone: bool
    """It is let go, by itself or with its service: none of its tasks is wanted."""


def view_of(slice: ServiceSlice, task_set: TaskSet, now: Instant) -> View:
    gone = task_set.status is TaskSetStatus.DRAINING or slice.service.status is ServiceStatus.DRAINING
    number = 0 if gone else target(task_set, slice.service.desired_count)
    return View(task_set, keeping.view_of(slice, task_set, number, now), gone)


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """One pass over the sets of a service, the oldest first; then over the service, when all of them stand right."""
    views = [view_of(slice, task_set, now) for task_set in slice.task_sets]
    for view in views:
        yield from _let_go(view) if view.gone else _kept(view, timings)
    yield from _held(views)
    if slice.service.status is ServiceStatus.ACTIVE and all(_is_steady(view) for view in views):
        yield from _settled(slice, now, timings)


def _let_go(view: View) -> Iterator[Decision | Wait]:
    """Nothing protects the tasks of a set that is deleted."""
    tasks, task_set = view.tasks, view.task_set
    wanted = keeping.by_arn([*tasks.good, *tasks.sick, *tasks.leaving])
    yield from _recomputed(view)
    if wanted:
        yield Stop(tasks.slice.service, wanted, because=f"{task_set.id} is deleted", task_set=task_set)
    elif not tasks.ending:
        yield Drop(task_set, because="it is deleted, and none of its tasks is left")


def _kept(view: View, timings: Timings) -> Iterator[Decision | Wait]:
    yield from _recomputed(view)
    yield from keeping.kept(view.tasks)
    yield from _stabilized(view, timings)


def _recomputed(view: View) -> Iterator[Decision]:
    task_set, wanted = view.task_set, view.tasks.target
    if task_set.computed_count == wanted:
        return
    because = f"{task_set.scale:g} % of {view.tasks.slice.service.desired_count} are {wanted}"
    yield Recompute(task_set, wanted, because="it is deleted" if view.gone else because)


def _held(views: Sequence[View]) -> Iterator[Decision]:
    """The first set that has too many protected tasks is told of: a service says one problem at a time."""
    for view in views:
        tasks = view.tasks
        protected = sum(is_protected(task, tasks.now) for task in tasks.good)
        if not view.gone and protected > tasks.target:
            because = f"{protected} of its tasks are protected, it is to have {tasks.target}"
            yield Announce(tasks.slice.service, PROTECTED.format(view.task_set.id), because, problem=True)
            return


def _stabilized(view: View, timings: Timings) -> Iterator[Decision | Wait]:
    task_set, tasks = view.task_set, view.tasks
    if not tasks.complete:
        if task_set.stability is Stability.STEADY_STATE:
            because = f"{len(tasks.healthy)} of {tasks.target} are healthy"
            yield Stabilize(task_set, Stability.STABILIZING, because)
        return
    if task_set.stability is Stability.STEADY_STATE:
        return
    due = max([task_set.updated_at, *(task.started_at or tasks.now for task in tasks.good)]) + timings.steady_after
    if tasks.now < due:
        yield Wait(due, because="a steady state is a state that lasts")
    else:
        yield Stabilize(task_set, Stability.STEADY_STATE, because=f"all {tasks.target} are healthy")


def _is_steady(view: View) -> bool:
    return not view.gone and view.tasks.complete and view.task_set.stability is Stability.STEADY_STATE


def _settled(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    again = (slice.service.steady_said_at or now) + timings.steady_repeat
    if not slice.service.steady:
        yield Settle(slice.service, because="all its task sets are steady")
    elif now >= again:
        yield Settle(slice.service, because="nothing has changed for hours")
    else:
        yield Wait(again, because="the steady state is said again every six hours")
