"""A DAEMON service has one task on each machine that matches, and follows the machines: they come, drain, change and go.

Nothing is placed here: each launch names its machines. An update stops the old task of a machine before the new one starts
there, on as many machines at once as the minimum lets it: 4 machines at 50 % are done two by two, at 0 % all at once.
Source: "Daemon scheduling strategy" in the ECS developer guide; "deployment parameters" for the percentages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Timings
from ecs_emulator.control import rolling
from ecs_emulator.control.condition import grace_ends, seen_unhealthy
from ecs_emulator.control.plan import (
    Announce,
    Cover,
    Decision,
    Launch,
    Resize,
    ServiceSlice,
    Stop,
    Supersede,
    Wait,
)
from ecs_emulator.control.rolling import View
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import RolloutState, Service, ServiceDeployment
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, Member, Task
from ecs_emulator.rules import pools
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS
from ecs_emulator.store import Transaction

VIOLATED = "has {} tasks on container instances that no longer satisfy its placement constraints."
"""The line is not recorded: its service action, SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED, is documented."""

# --- what is there --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sight:
    """The machines as one DAEMON service sees them. Lives for one decision."""

    machines: tuple[str, ...]
    leaving: frozenset[str]
    busy: frozenset[str]
    violating: frozenset[str]


def seen(tx: Transaction, service: Service, primary: ServiceDeployment, tasks: Iterable[Member]) -> Sight:
    """Those of the cluster that match, and those with tasks of the service that do not: three queries, or four."""
    status = [InstanceStatus.ACTIVE, InstanceStatus.DRAINING]
    instances = tx.find(ContainerInstance, cluster_arn=service.cluster_arn, status=status, order="arn")
    active = [each for each in instances if each.status is InstanceStatus.ACTIVE]
    definition = tx.get(TaskDefinition, primary.task_definition_arn)
    machines = [] if definition is None else pools.matching(tx, service, definition, active)
    leaving = {arn for task in tasks if (arn := task.container_instance_arn) is not None}.difference(machines)
    draining = [each.arn for each in instances if each.status is InstanceStatus.DRAINING and each.arn in leaving]
    return Sight(
        tuple(machines),
        frozenset(leaving),
        _busy(tx, draining),
        frozenset(each.arn for each in active if each.arn in leaving),
    )


def _busy(tx: Transaction, draining: Sequence[str]) -> frozenset[str]:
    """Those with tasks of services that go by count: their machines may be let go only after those."""
    if not draining:
        return frozenset()
    counted = {"container_instance_arn": list(draining), "last_status": HOLDING, "stays_with_machine": False}
    found = tx.tally(Task, ("container_instance_arn", "service_arn"), **counted)
    return frozenset(arn for arn, service_arn in found if service_arn is not None)


def concerned(tx: Transaction, instance: ContainerInstance) -> Iterator[str]:
    """The DAEMON services that have something to do about a machine: to come, to leave, or to count anew."""
    services = pools.daemons(tx, instance.cluster_arn)
    if not services:
        return
    on_it = {"container_instance_arn": instance.arn, "desired_status": DesiredStatus.RUNNING}
    here = {arn for (arn,) in tx.tally(Task, ("service_arn",), **on_it)}
    for service, definition in services:
        matches = bool(pools.matching(tx, service, definition, [instance]))
        if instance.status is not InstanceStatus.ACTIVE or (service.arn in here) is not matches:
            yield service.arn


# --- what is to be done ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moves:
    """What one pass starts and stops, before it is said. Lives for one decision."""

    keeper: ServiceDeployment | None
    """Whose tasks are started where one is missing; None: nobody's."""
    missing: tuple[str, ...]
    lost: tuple[Member, ...]
    """On machines that are no place for them any more."""
    replaced: tuple[Member, ...]
    sick: tuple[Member, ...]

    @property
    def still(self) -> bool:
        return not ((self.keeper and self.missing) or self.lost or self.replaced or self.sick)


def decide(slice: ServiceSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """One pass over the service: count the machines, leave some, stop, start, supersede, complete, settle, or wait."""
    count = len(slice.machines)
    if slice.service.desired_count != count:
        yield Cover(slice.service, count, because=f"{count} ACTIVE machines match")
        return
    view = rolling.view_of(slice, now)
    if (failed := rolling.given_up(view)) is not None:
        yield failed
        return
    moves = _moves(view)
    yield from _resized(view, moves)
    yield from _stopped(view, moves)
    yield from _started(view, moves)
    for source in view.sources:
        if source.desired_count == 0 and not any(task.deployment_id == source.id for task in view.old):
            yield Supersede(source, because=f"none of its tasks is left; {view.primary.id} goes on")
    yield from rolling.forgiven(view)
    for task in view.good:
        if seen_unhealthy(task):
            yield Wait(grace_ends(task, slice), because="an unhealthy task is replaced when its grace period is over")
    if not moves.still:
        return
    if _is_stuck(view):
        because = f"at least {view.floor} of {count} must stay"
        yield Announce(slice.service, rolling.DEADLOCK, because=because, problem=True)
    elif rolling.is_quiet(view):
        yield from rolling.settled(view, timings)


def _moves(view: View) -> Moves:
    slice = view.slice
    keeper = _keeper(view)
    places = frozenset(slice.machines)
    lost = tuple(task for task in _wanted(slice) if _is_lost(task, slice))
    taken = {task.container_instance_arn for task in slice.tasks}
    missing = tuple(arn for arn in slice.machines if arn not in taken)
    moves_on = keeper is view.primary and not rolling.is_paused(view.primary, view.now)
    replaced = _replaced(view, places) if moves_on else ()
    # The next unhealthy one when the one before has its successor, or will not get any.
    awaited = view.in_the_way or (missing and slice.service.waiting_for is None)
    sick = () if awaited else view.sick[:1]
    return Moves(keeper, missing, lost, replaced, sick)


def _keeper(view: View) -> ServiceDeployment | None:
    """The PRIMARY; one that FAILED gets no more tasks, and the newest that had completed keeps up its own."""
    if view.primary.rollout_state is not RolloutState.FAILED:
        return view.primary
    return next((one for one in view.sources if one.rollout_state is RolloutState.COMPLETED), None)


def _is_lost(task: Member, slice: ServiceSlice) -> bool:
    arn = task.container_instance_arn
    return arn in slice.leaving and arn not in slice.busy


def _replaced(view: View, places: Collection[str]) -> tuple[Member, ...]:
    """The old tasks that make room for the new one of their machine: what is not healthy at once, the rest above the floor.

    4 machines at 50–100 %: 4 healthy less a floor of 2 lets 2 go; as soon as their successors are healthy, the other 2.
    """
    old = [task for task in view.old if task.container_instance_arn in places]
    idle = [task for task in old if task.arn not in view.healthy]
    healthy = [task for task in old if task.arn in view.healthy]
    spare = view.count_healthy(view.good) + len(healthy) - view.floor
    return (*idle, *healthy[: max(0, spare)])


# --- how it is said -------------------------------------------------------------------------------------------------


def _resized(view: View, moves: Moves) -> Iterator[Decision]:
    """The targets follow: a source's is what it still has, the PRIMARY's all others."""
    wanted = f"{view.desired} machines match"
    beside = 0
    for source in view.sources:
        going = (*moves.replaced, *moves.lost)
        target = sum(task.deployment_id == source.id for task in view.old if task not in going)
        if source is moves.keeper:
            target += len(moves.missing)
        beside += target
        if source.desired_count != target:
            yield Resize(source, target, because=wanted)
    target = max(0, view.desired - beside)
    if view.primary.rollout_state is not RolloutState.FAILED and view.primary.desired_count != target:
        yield Resize(view.primary, target, because=wanted)


def _stopped(view: View, moves: Moves) -> Iterator[Decision]:
    service = view.slice.service
    violating = view.slice.violating
    unfit = tuple(task for task in moves.lost if task.container_instance_arn in violating)
    if unfit:
        because = "they were matched when the tasks were started"
        yield Announce(service, VIOLATED.format(len(unfit)), because=because)
        yield Stop(service, unfit, because="their machine no longer satisfies its constraints")
    if left := tuple(task for task in moves.lost if task not in unfit):
        yield Stop(service, left, because="their machine leaves")
    if moves.replaced:
        yield Stop(service, moves.replaced, because=f"{view.primary.id} takes their place")
    for task in moves.sick:
        yield Announce(service, f"(task {task.id}) failed container health checks.", because="its health check failed")
        yield Stop(service, (task,), because="it is unhealthy", reason=FAILED_HEALTH_CHECKS)


def _started(view: View, moves: Moves) -> Iterator[Decision | Wait]:
    keeper, missing = moves.keeper, moves.missing
    if keeper is None or not missing:
        return
    if keeper.launch_not_before is not None and rolling.is_paused(keeper, view.now):
        because = f"{keeper.failed_tasks} of its tasks in a row have failed"
        yield Wait(keeper.launch_not_before, because=because)
        return
    because = f"{len(missing)} of {view.desired} machines lack it"
    yield Launch(keeper, len(missing), because, machines=missing)


def _is_stuck(view: View) -> bool:
    """All that is there is healthy, and none of the old may go: time will not help."""
    if view.in_the_way or view.primary.rollout_state is RolloutState.FAILED:
        return False
    if rolling.is_paused(view.primary, view.now):
        return False
    here = [task for task in view.old if task.container_instance_arn not in view.slice.leaving]
    return bool(here) and len(view.healthy) == len(view.good) + len(view.old) and not view.sick


def _wanted(slice: ServiceSlice) -> Iterator[Member]:
    return (task for task in slice.tasks if task.desired_status is DesiredStatus.RUNNING)
