"""Availability Zone rebalancing: in a steady state a task is started in the poorest zone, then one is stopped in the richest.

Balanced is what differs by no more than one task: 5 tasks over 3 zones are 2, 2, 1. A machine that placement itself made stands in
no zone that anybody chose: where there are no others, nothing is moved.
Source: "Balancing an Amazon ECS service across Availability Zones" in the developer guide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.control.condition import (
    first_to_go,
    grace_ends,
    is_healthy,
    is_leaving,
    is_protected,
    is_sick,
    seen_unhealthy,
)
from ecs_emulator.control.plan import Announce, Balance, Decision, Launch, ServiceSlice, Stop, Wait
from ecs_emulator.control.rolling import bounds, is_paused
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.services import RolloutState, Service, ServiceDeployment, ServiceRevision
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, Member
from ecs_emulator.rules import launching, placement, pools, service_settings
from ecs_emulator.store import Transaction

UNABLE = "was unable to AZ Rebalance because {} was unable to scale in due to {}."
PROTECTED = "the number of protected tasks"


# --- what is there --------------------------------------------------------------------------------------------------


def configured(tx: Transaction, service: Service, primary: ServiceDeployment) -> tuple[str, ...]:
    """The zones that the service's tasks are to be balanced over, by name; none where they are not to be."""
    if service.desired_count < 2 or not (service.steady or service.rebalancing):
        return ()
    if not service_settings.rebalances(service.spec):
        return ()
    revision = tx.get(ServiceRevision, primary.revision_arn)
    definition = tx.get(TaskDefinition, primary.task_definition_arn)
    if revision is None or definition is None or revision.launch_type == "EXTERNAL":
        return ()
    if revision.launch_type == "FARGATE":
        return tuple(sorted(set(launching.zones_of(revision.spec, service.region))))
    constraints = placement.of_task(definition.spec, service.spec)
    if any(placement.asks_for_zone(each) for each in constraints):
        return ()
    here: dict[str, Any] = {"cluster_arn": service.cluster_arn, "status": InstanceStatus.ACTIVE}
    if not constraints and not revision.spec.get("capacityProviderStrategy"):
        return tuple(sorted(zone for (zone,) in tx.tally(ContainerInstance, ("zone",), **here) if zone))
    instances = tx.find(ContainerInstance, **here)
    if strategy := revision.spec.get("capacityProviderStrategy"):
        names = {item["capacityProvider"] for item in strategy}
        instances = [each for each in instances if each.capacity_provider_name in names]
    matching = set(pools.matching(tx, service, definition, instances))
    return tuple(sorted({each.zone for each in instances if each.zone and each.arn in matching}))


@dataclass(frozen=True, slots=True)
class Standing:
    """A steady service's tasks by zone. Lives for one decision."""

    slice: ServiceSlice
    now: Instant
    tasks: tuple[Member, ...]
    counts: Counter[str]

    @property
    def extra(self) -> int:
        """Tasks that were started beside those desired, to take another's place."""
        return len(self.tasks) - self.slice.service.desired_count

    @property
    def is_uneven(self) -> bool:
        return max(self.counts.values()) - min(self.counts.values()) > 1

    @property
    def poorest(self) -> str:
        return min(sorted(self.counts), key=self.counts.__getitem__)

    def in_richest(self) -> list[Member]:
        richest = max(sorted(self.counts), key=self.counts.__getitem__)
        return [task for task in self.tasks if task.availability_zone == richest]

    def __str__(self) -> str:
        return ", ".join(f"{number} tasks in {zone}" for zone, number in sorted(self.counts.items()))


def standing_of(slice: ServiceSlice, now: Instant) -> Standing | None:
    """None where the service has something else to do, or nothing to balance."""
    service = slice.service
    if len(slice.zones) < 2 or len(slice.deployments) != 1 or not (service.steady or service.rebalancing):
        return None
    if slice.deployments[0].rollout_state is not RolloutState.COMPLETED or not _leaves_room(service):
        return None
    alive = tuple(task for task in slice.tasks if task.desired_status is DesiredStatus.RUNNING)
    if len(alive) < service.desired_count or (len(alive) > service.desired_count and not service.rebalancing):
        return None
    if any(is_leaving(task, slice) or is_sick(task, slice, now) for task in alive):
        return None
    if not service.rebalancing and not all(is_healthy(task, slice) for task in alive):
        return None
    counts = Counter(dict.fromkeys(slice.zones, 0))
    counts.update(task.availability_zone or "" for task in alive)
    if set(counts) - set(slice.zones):
        return None  # some are where the service's tasks go no more, or nowhere yet
    return Standing(slice, now, alive, counts)


def _leaves_room(service: Service) -> bool:
    """Whether one more task than desired may be alive: 3 at 110 % may be 3, so that none of them can be moved."""
    maximum = service.spec["deploymentConfiguration"]["maximumPercent"]
    return bounds(service.desired_count, 0, maximum)[1] > service.desired_count


def holds(slice: ServiceSlice, now: Instant) -> bool:
    """Whether a move is under way: one task too many is meant then, and no steady state is said."""
    standing = standing_of(slice, now)
    if standing is None or not slice.service.rebalancing:
        return False
    return standing.extra > 0 or (standing.is_uneven and slice.service.waiting_for is None)


# --- what is to be done ---------------------------------------------------------------------------------------------


def decide(slice: ServiceSlice, now: Instant) -> Iterator[Decision | Wait]:
    """Begin, move a task or several of one zone, or end; nothing where the zones are even, or the service is not steady."""
    service, standing = slice.service, standing_of(slice, now)
    if standing is None:
        if service.rebalancing:
            yield Balance(service, "stopped AZ Rebalancing.", False, because="it has something else to do")
    elif not service.rebalancing:
        if standing.is_uneven and not (yield from _blocked(standing)):
            text = f"is not AZ balanced with {standing}. AZ Rebalancing in progress."
            yield Balance(service, text, True, because=f"{standing}")
    elif standing.extra > 0:
        yield from _stopped(standing)
    elif standing.is_uneven:
        if not (yield from _blocked(standing)):
            yield from _started(standing)
    else:
        yield Balance(service, f"is AZ balanced with {standing}.", False, because=f"{standing}")


def _blocked(standing: Standing) -> Generator[Announce | Wait, None, bool]:
    """Whether all tasks of the richest zone are protected: it is said once, and looked at again when a protection ends."""
    richest = standing.in_richest()
    if not all(is_protected(task, standing.now) for task in richest):
        return False
    slice = standing.slice
    text = UNABLE.format(f"task set ({slice.deployments[0].id})", PROTECTED)
    yield Announce(slice.service, text, because=f"{len(richest)} tasks are protected", problem=True)
    ends = [task.protected_until for task in richest if task.protected_until is not None]
    yield Wait(min(ends), because="a protected task may go when its protection ends")
    return True


def _started(standing: Standing) -> Iterator[Launch | Wait]:
    """In the poorest zone, up to its share, as far as the maximum lets them be beside the others.

    6 tasks, 5 and 1: 2 more in the second zone at 150 %, 1 at 117 %.
    """
    slice, zone = standing.slice, standing.poorest
    primary, service = slice.deployments[0], slice.service
    if primary.launch_not_before is not None and is_paused(primary, standing.now):
        yield Wait(primary.launch_not_before, because=f"{primary.failed_tasks} of its tasks in a row have failed")
        return
    _, ceiling = bounds(service.desired_count, 0, service.spec["deploymentConfiguration"]["maximumPercent"])
    share = service.desired_count // len(standing.counts)
    count = min(max(1, share - standing.counts[zone]), ceiling - len(standing.tasks))
    if count > 0:
        yield Launch(primary, count, because=f"{standing}", zone=zone)


def _stopped(standing: Standing) -> Iterator[Decision | Wait]:
    """When those that were started are healthy, as many of the richest zone go."""
    slice, now = standing.slice, standing.now
    for task in standing.tasks:
        if seen_unhealthy(task):
            yield Wait(grace_ends(task, slice), because="an unhealthy task is replaced when its grace period is over")
    if not all(is_healthy(task, slice) for task in standing.tasks):
        return
    left = standing
    gone: dict[str, list[Member]] = {}
    for _ in range(standing.extra):
        if (yield from _blocked(left)):
            break
        (task,) = first_to_go(slice, left.in_richest(), 1, now)
        zone = task.availability_zone or ""
        gone.setdefault(zone, []).append(task)
        remaining = tuple(one for one in left.tasks if one is not task)
        left = Standing(slice, now, remaining, Counter({**left.counts, zone: left.counts[zone] - 1}))
    for zone, tasks in gone.items():
        because = f"{len(tasks)} more are healthy in another zone"
        yield Stop(slice.service, tuple(sorted(tasks, key=lambda one: one.arn)), because, zone=zone)
