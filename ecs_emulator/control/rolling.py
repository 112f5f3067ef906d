"""The rolling update: from the tasks of old deployments to those of the newest, within `[minimum %, maximum %]` of what is desired.

What is healthy stops only above the floor, what is started stays below the ceiling; what is not healthy is in nobody's way. A task of
the newest deployment on a machine that drains is as good as an old one: it goes when another is healthy elsewhere.
Source: "Amazon ECS rolling update" and "service deployment parameters" in the developer guide; recorded deployments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import baking, giving_up
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
from ecs_emulator.control.plan import (
    Announce,
    Complete,
    Decision,
    Fail,
    Forgive,
    Launch,
    Resize,
    ServiceSlice,
    Settle,
    Stop,
    Supersede,
    Wait,
)
from ecs_emulator.records.services import RolloutState, ServiceDeployment
from ecs_emulator.records.tasks import DesiredStatus, Member, TaskStatus
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS

DEADLOCK = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again."
)
PROTECTED = (
    "was unable to reach steady state because task set ({}) was unable to scale in. "
    "Reason: The number of protected tasks are more than the desired count of tasks."
)


def bounds(desired: int, minimum_percent: int, maximum_percent: int) -> tuple[int, int]:
    """The fewest healthy and the most alive tasks: 10 desired at 66–133 % may have 7 to 13, 3 at 100–125 % exactly 3."""
    return -(-desired * minimum_percent // 100), desired * maximum_percent // 100


# --- what is there --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """One service's tasks that are wanted, sorted by what an update asks of them. Lives for one decision."""

    slice: ServiceSlice
    now: Instant
    good: tuple[Member, ...]
    """Of the PRIMARY, on machines that stay, and not sick."""
    sick: tuple[Member, ...]
    """Of the PRIMARY, on machines that stay, unhealthy for longer than the grace period."""
    old: tuple[Member, ...]
    """All others."""
    healthy: frozenset[str]
    """Those of all three that RUN and are healthy."""
    in_the_way: int
    """Tasks that were asked to stop and have not: with 100 % as the most, they keep their place until they have."""
    floor: int
    ceiling: int

    @property
    def primary(self) -> ServiceDeployment:
        return self.slice.deployments[0]

    @property
    def sources(self) -> tuple[ServiceDeployment, ...]:
        return self.slice.deployments[1:]

    @property
    def desired(self) -> int:
        return self.slice.service.desired_count

    @property
    def missing(self) -> int:
        """Tasks that the PRIMARY lacks; a deployment that FAILED gets no more."""
        failed = self.primary.rollout_state is RolloutState.FAILED
        return 0 if failed else max(0, self.desired - len(self.good))

    @property
    def room(self) -> int:
        return max(0, self.ceiling - len(self.good) - len(self.sick) - len(self.old) - self.in_the_way)

    def count_healthy(self, tasks: Iterable[Member]) -> int:
        return sum(task.arn in self.healthy for task in tasks)


def view_of(slice: ServiceSlice, now: Instant) -> View:
    configuration = slice.service.spec["deploymentConfiguration"]
    maximum = configuration["maximumPercent"]
    floor, ceiling = bounds(slice.service.desired_count, configuration["minimumHealthyPercent"], maximum)
    alive = [task for task in slice.tasks if task.desired_status is DesiredStatus.RUNNING]
    primary = slice.deployments[0].id
    new, old = _parted(alive, lambda task: task.deployment_id == primary and not is_leaving(task, slice))
    sick, good = _parted(new, lambda task: is_sick(task, slice, now))
    return View(
        slice,
        now,
        good=good,
        sick=sick,
        old=old,
        healthy=frozenset(task.arn for task in alive if is_healthy(task, slice)),
        in_the_way=len(slice.tasks) - len(alive) if maximum <= 100 else 0,
        floor=floor,
        ceiling=ceiling,
    )


def _parted(tasks: Iterable[Member], apart: Callable[[Member], bool]) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """Those for which it holds, and the others."""
    found: tuple[list[Member], list[Member]] = ([], [])
    for task in tasks:
        found[0 if apart(task) else 1].append(task)
    return tuple(found[0]), tuple(found[1])


# --- what is to be done ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moves:
    """What one pass starts and stops, before it is said. Lives for one decision."""

    launch: int
    refills: dict[str, int]
    """Tasks of a source that replace its own, by deployment id, while the PRIMARY cannot."""
    surplus: list[Member]
    replaced: list[Member]
    sick: list[Member]
    paused: bool
    """The PRIMARY's tasks fail: its next one waits."""

    @property
    def still(self) -> bool:
        return not (self.launch or self.refills or self.surplus or self.replaced or self.sick)


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """One pass over the service: resize, launch, stop, supersede, complete, settle, or wait."""
    view = view_of(slice, now)
    if (failed := given_up(view)) is not None:
        yield failed
        return
    moves = _moves(view)
    yield from _resized(view, moves)
    yield from _started(view, moves)
    yield from _stopped(view, moves)
    for source in view.sources:
        if source.desired_count == 0 and not any(task.deployment_id == source.id for task in view.old):
            yield Supersede(source, because=f"none of its tasks is left; {view.primary.id} goes on")
    yield from forgiven(view)
    yield from _held(view, moves)
    for task in view.good:
        if seen_unhealthy(task):
            yield Wait(grace_ends(task, slice), because="an unhealthy task is replaced when its grace period is over")
    early = _early(view)
    if early == "DEFERRED" or (early and not view.old and not view.sources):
        because = f"{view.count_healthy(view.good)} of {view.desired} are healthy, which is enough"
        yield from baking.baked(slice, now, timings, because)
        return
    if not moves.still:
        return
    if _is_stuck(view, moves):
        because = f"at least {view.floor} must stay and at most {view.ceiling} may be"
        yield Announce(slice.service, DEADLOCK, because=because, problem=True)
    elif is_quiet(view):
        yield from settled(view, timings)


def given_up(view: View) -> Fail | None:
    return giving_up.given_up(view.slice)


def _early(view: View) -> str | None:
    """How the PRIMARY has succeeded before it is whole: BLOCKING or DEFERRED; None where it has not."""
    return baking.healthy_enough(view.slice, view.count_healthy(view.good))


def _moves(view: View) -> Moves:
    paused = bool(view.missing) and is_paused(view.primary, view.now)
    launch = 0 if paused else min(view.missing, view.room)
    # Nothing is stopped to make room where some can be started, or where a place is about to be free.
    blocked = 0 if launch or paused else max(0, view.missing - view.in_the_way)
    # Below the ceiling the machines may be full: then too old tasks make room, down to the floor.
    waiting = not paused and view.slice.service.waiting_for is not None
    unneeded = len(view.old) if _early(view) == "BLOCKING" else 0
    replaced = _replaced(view, max(unneeded, view.missing if waiting else blocked))
    stuck = paused or view.primary.rollout_state is RolloutState.FAILED
    return Moves(
        launch=launch,
        refills=_refills(view, replaced) if stuck else {},
        surplus=_chosen(view, view.good, len(view.good) - view.desired),
        replaced=replaced,
        sick=_sick_to_stop(view, blocked),
        paused=paused,
    )


def is_paused(deployment: ServiceDeployment, now: Instant) -> bool:
    return deployment.launch_not_before is not None and now < deployment.launch_not_before


def _replaced(view: View, blocked: int) -> list[Member]:
    """The old tasks to stop now: what healthy new ones replace, what stands in their way, and what nobody waits for.

    4 desired at 100–200 %, 1 new healthy: 4 old less the 3 still needed is 1 to replace, and 5 healthy less a floor of 4 lets 1 go.
    4 desired at 50–100 %: nothing may start (4 are alive), so 4 are blocked; 4 healthy less a floor of 2 lets 2 go.
    4 desired, 4 new started, 4 old still PENDING: the new ones suffice already, 4 old are waited for by nobody.
    """
    healthy, idle = _parted(view.old, lambda task: task.arn in view.healthy)
    superfluous = len(idle) - max(0, view.desired - len(view.good) - len(healthy))
    replaced = len(view.old) - max(0, view.desired - view.count_healthy(view.good))
    # A task that has not started yet on a machine that drains will never be of use.
    lost, idle = _parted(idle, lambda t: is_leaving(t, view.slice) and t.last_status is not TaskStatus.RUNNING)
    gone = [*lost, *_chosen(view, idle, max(superfluous, replaced, blocked) - len(lost))]
    spare = max(0, len(view.healthy) - view.floor)
    return gone + _chosen(view, healthy, min(max(replaced, blocked) - len(gone), spare))


def _sick_to_stop(view: View, blocked: int) -> list[Member]:
    """Unhealthy tasks whose replacement is healthy, or which are more than desired; without room for that first, one.

    2 desired, 1 of them unhealthy: with 1 healthy none goes yet; with 2 healthy, 2 + 1 − 2 = 1 goes.
    """
    over = view.count_healthy(view.good) + len(view.sick) - view.desired
    in_the_way = 1 if blocked and not view.in_the_way else 0
    return list(view.sick[: max(0, over, in_the_way)])


def _refills(view: View, replaced: Sequence[Member]) -> dict[str, int]:
    """Where the PRIMARY cannot start tasks, each source keeps up its own number, with its own revision."""
    kept = len(view.old) - len(replaced)
    uncovered = min(view.desired - len(view.good) - kept, view.room)
    refills: dict[str, int] = {}
    for source in view.sources:
        lacking = source.desired_count - sum(task.deployment_id == source.id for task in view.old)
        count = 0 if is_paused(source, view.now) else min(lacking, uncovered)
        if count > 0:
            refills[source.id] = count
            uncovered -= count
    return refills


def _chosen(view: View, tasks: Sequence[Member], count: int) -> list[Member]:
    return first_to_go(view.slice, tasks, count, view.now)


# --- how it is said -------------------------------------------------------------------------------------------------


def _resized(view: View, moves: Moves) -> Iterator[Decision]:
    """The targets follow: the PRIMARY's grows as far as the ceiling lets it, a source's shrinks with its tasks."""
    wanted = f"{view.desired} are desired, at most {view.ceiling} at once"
    beside = 0
    for source in view.sources:
        going = sum(task.deployment_id == source.id for task in moves.replaced)
        target = sum(task.deployment_id == source.id for task in view.old) - going
        if moves.paused or view.primary.rollout_state is RolloutState.FAILED:
            target = max(target, min(source.desired_count - going, view.desired))
        if source.rollout_state is RolloutState.FAILED:
            target = 0
        beside += target
        if source.desired_count != target:
            yield Resize(source, target, because=wanted)
    if view.primary.rollout_state is RolloutState.FAILED:
        return
    target = max(0, min(view.desired, view.ceiling - beside))
    if view.primary.desired_count != target:
        yield Resize(view.primary, target, because=wanted)


def _started(view: View, moves: Moves) -> Iterator[Decision | Wait]:
    if moves.launch:
        because = f"{view.missing} missing, room for {view.room}"
        yield Launch(view.primary, moves.launch, because, replaced_unhealthy=min(moves.launch, len(view.sick)))
    for source in view.sources:
        if count := moves.refills.get(source.id):
            yield Launch(source, count, because=f"{view.primary.id} cannot replace it yet")
    for deployment in view.slice.deployments:
        if deployment.launch_not_before is not None and is_paused(deployment, view.now):
            failed = f"{deployment.failed_tasks} of its tasks in a row have failed"
            yield Wait(deployment.launch_not_before, because=failed)


def _stopped(view: View, moves: Moves) -> Iterator[Decision]:
    service = view.slice.service
    if moves.surplus:
        because = f"{len(moves.surplus)} more than the {view.desired} desired"
        yield Stop(service, _by_arn(moves.surplus), because)
    if moves.replaced:
        draining = all(is_leaving(task, view.slice) for task in moves.replaced)
        because = "their instance is draining" if draining else f"{view.primary.id} takes their place"
        yield Stop(service, _by_arn(moves.replaced), because)
    for task in moves.sick:
        yield Announce(service, f"(task {task.id}) failed container health checks.", because="its health check failed")
        yield Stop(service, (task,), because="it is unhealthy", reason=FAILED_HEALTH_CHECKS)


def _by_arn(tasks: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(tasks, key=lambda task: task.arn))


def forgiven(view: View) -> Iterator[Decision | Wait]:
    """Failures count in a row: a task that was started after the youngest of them was created, and runs well, ends it."""
    breaker = view.slice.service.spec["deploymentConfiguration"]["deploymentCircuitBreaker"]
    if breaker["enable"] and not breaker["resetOnHealthyTask"]:
        return
    for deployment in view.slice.deployments:
        if not deployment.failed_tasks:
            continue
        since = [
            task.started_at
            for task in (*view.good, *view.old)
            if task.deployment_id == deployment.id and task.arn in view.healthy and task.started_at is not None
        ]
        well_at = [at + RUNS_WELL_AFTER for at in since if at >= (deployment.failed_created_at or 0.0)]
        if well_at and min(well_at) <= view.now:
            yield Forgive(deployment, because=f"a task of it has run for {RUNS_WELL_AFTER:g} s")
        elif well_at:
            yield Wait(min(well_at), because="a task that runs well ends the row of failures")


def _held(view: View, moves: Moves) -> Iterator[Decision | Wait]:
    """Tasks that would have gone, were they not protected: said once, and looked at again when the next protection ends."""
    over = max(0, len(view.good) - view.desired)
    held: list[Member] = []
    if over > len(moves.surplus):
        held.extend(task for task in view.good if is_protected(task, view.now))
        yield Announce(
            view.slice.service,
            PROTECTED.format(view.primary.id),
            because=f"{len(held)} of {len(view.good)} tasks are protected, {view.desired} are desired",
            problem=True,
        )
    held.extend(task for task in view.old if is_protected(task, view.now))
    ends = [task.protected_until for task in held if task.protected_until is not None]
    if ends:
        yield Wait(min(ends), because="a protected task may go when its protection ends")


def _is_stuck(view: View, moves: Moves) -> bool:
    """All that is alive is healthy, nothing may stop and nothing may start: time will not help."""
    if not view.missing or moves.paused or view.in_the_way or view.floor < view.ceiling:
        return False
    return bool(view.old) and len(view.healthy) == len(view.good) + len(view.old) and not view.sick


def is_quiet(view: View) -> bool:
    if view.old or view.sick or view.sources or view.primary.rollout_state is RolloutState.FAILED:
        return False
    return len(view.good) == view.desired == view.count_healthy(view.good)


def _to_be_proven(view: View, timings: Timings) -> float:
    """A container that RUNS and ends at once is what a circuit breaker is for; what has completed is not judged again."""
    breaker = view.slice.service.spec["deploymentConfiguration"]["deploymentCircuitBreaker"]
    judged = breaker["enable"] and view.primary.finished_at is None
    return timings.proven_after if judged else 0.0


def settled(view: View, timings: Timings) -> Iterator[Decision | Wait]:
    service, primary = view.slice.service, view.primary
    since = max([primary.updated_at, *(task.started_at or view.now for task in view.good)])
    lasting = max(timings.steady_after, _to_be_proven(view, timings))
    if not service.steady and view.now < since + lasting:
        yield Wait(since + lasting, because="a steady state is a state that lasts")
        return
    if primary.rollout_state is RolloutState.IN_PROGRESS:
        ended = list(
            baking.baked(view.slice, view.now, timings, f"all {view.desired} are healthy and no other is left")
        )
        yield from ended
        if not any(isinstance(one, Complete) for one in ended):
            return
    if not service.steady:
        yield Settle(service, because=f"{view.desired} of {view.desired} run")
        return
    again = (service.steady_said_at or view.now) + timings.steady_repeat
    if view.now >= again:
        yield Settle(service, because="nothing has changed for hours")
    else:
        yield Wait(again, because="the steady state is said again every six hours")
