"""Tasks and the machines they go to: placement, and a new machine where none fits and the user wants one made.

Called inside a transaction by RunTask and by the loop; each task is booked before the next is placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Instances
from ecs_emulator.ids import Ids
from ecs_emulator.records.capacity_providers import CapacityProvider
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import launching, machines, placement, pools, providers, resources
from ecs_emulator.rules.launching import Wanted
from ecs_emulator.rules.placement import Constraint, Failure, Placement, Refusal, Strategy
from ecs_emulator.rules.resources import Candidate
from ecs_emulator.store import Transaction

MOST_WAITING = 500
"""Tasks of one cluster that may wait for machines."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The tasks that found a place, not yet written, and why the next one did not."""

    tasks: tuple[Task, ...]
    refusal: Refusal | None = None


def place(
    tx: Transaction,
    wanted: Sequence[Wanted],
    ids: Ids,
    now: Instant,
    config: Config,
    *,
    strategies: Sequence[Strategy] = (),
    constraints: Sequence[Constraint] = (),
    first_turn: int = 0,
    present: Mapping[str | None, int] = MappingProxyType({}),
    waits: bool = True,
) -> Placed:
    """A task for each that is wanted, as long as there is room; stops at the first for which there is none.

    A task whose capacity provider brings machines when they are needed waits for one where there is no room, unless it is not to.
    `first_turn`: how many came before, so that the tasks of a service go round its subnets. `present`: how many there are in each
    zone, so that on Fargate the next goes where the fewest are.
    """
    waiting: int | None = None
    counts = Counter(present)
    tasks: list[Task] = []
    known: dict[str | None, tuple[Candidate, ...]] = {}  # a strategy's providers each have instances of their own
    for turn, one in enumerate(wanted, first_turn):
        if one.how.on_fargate:
            task = launching.task(one, ids, now, turn=_fairest(one, counts, turn))
            counts[task.availability_zone] += 1
            tasks.append(task)
            continue
        provider = one.capacity_provider
        candidates = known.get(provider)
        if candidates is None:
            candidates = pools.candidates(tx, one.cluster, one.how.launch_type, provider)
        found = _found_or_made(tx, one, candidates, ids, now, config, strategies, constraints)
        if waits and isinstance(found, Refusal) and _brings_machines(tx, one):
            waiting = _count_waiting(tx, one) if waiting is None else waiting
            if waiting < MOST_WAITING:
                waiting += 1
                known[provider] = candidates
                tasks.append(_waiting(launching.task(one, ids, now, turn=turn), strategies, constraints))
                continue
            found = replace(found, full=True)
        if isinstance(found, Refusal):
            return Placed(tuple(tasks), replace(found, of_provider=provider is not None))
        known[provider] = found.candidates
        tasks.append(launching.task(one, ids, now, instance_arn=found.arn, zone=found.zone, turn=turn))
    return Placed(tuple(tasks))


def _fairest(wanted: Wanted, counts: Mapping[str | None, int], turn: int) -> int:
    """The turn of the subnet in the zone with the fewest, of those that are meant; among equals whose turn it is."""
    zones = launching.zones_of(wanted.spec, wanted.world.region)
    meant = wanted.need.zones
    turns = [each for each in range(turn, turn + len(zones)) if meant is None or zones[each % len(zones)] in meant]
    return min(turns, key=lambda each: counts[zones[each % len(zones)]], default=turn)


def place_waiting(
    tx: Transaction, task: Task, wanted: Wanted, ids: Ids, now: Instant, config: Config
) -> Task | Refusal:
    """The task on the machine that has come for it, by the rules that it was asked for with; or why there is none still."""
    rules = task.spec["placement"]
    candidates = pools.candidates(tx, wanted.cluster, wanted.how.launch_type, wanted.capacity_provider)
    strategies, constraints = placement.strategies(rules["strategies"]), placement.constraints(rules["constraints"])
    found = _found_or_made(tx, wanted, candidates, ids, now, config, strategies, constraints)
    if isinstance(found, Refusal):
        return found
    return replace(task, container_instance_arn=found.arn, availability_zone=found.zone, waiting_for=None)


def place_on(
    tx: Transaction, wanted: Wanted, instance: ContainerInstance, ids: Ids, now: Instant, *, turn: int = 0
) -> Task | Failure:
    """The task on the instance that was named, not yet written; what the instance lacks is the failure. Nothing else is asked."""
    if instance.status is not InstanceStatus.ACTIVE:
        return Failure(instance.arn, "INACTIVE")  # a DRAINING one takes nothing new either
    held = resources.tasks_by_instance(tx, [instance.arn])[instance.arn]
    candidate = resources.candidate(instance, held)
    if (lacking := placement.lacks(wanted.need, candidate)) is not None:
        return Failure(instance.arn, lacking)
    return launching.task(wanted, ids, now, instance_arn=instance.arn, zone=candidate.zone, turn=turn)


def _brings_machines(tx: Transaction, wanted: Wanted) -> bool:
    provider = _provider(tx, wanted)
    return provider is not None and providers.brings_machines(provider)


def _provider(tx: Transaction, wanted: Wanted) -> CapacityProvider | None:
    if wanted.capacity_provider is None:
        return None
    return tx.get(CapacityProvider, wanted.world.arn("ecs", f"capacity-provider/{wanted.capacity_provider}"))


def _count_waiting(tx: Transaction, wanted: Wanted) -> int:
    return tx.count(Task, waiting_for=wanted.cluster.arn, desired_status=DesiredStatus.RUNNING)


def _waiting(task: Task, strategies: Sequence[Strategy], constraints: Sequence[Constraint]) -> Task:
    """The task without a place: PROVISIONING, with all that placement has to know later."""
    rules = {
        "strategies": [each.document() for each in strategies],
        "constraints": [each.document() for each in constraints],
    }
    return replace(
        task,
        last_status=TaskStatus.PROVISIONING,
        availability_zone=None,
        waiting_for=task.cluster_arn,
        spec={**task.spec, "placement": rules},
    )


def _found_or_made(
    tx: Transaction,
    wanted: Wanted,
    candidates: Sequence[Candidate],
    ids: Ids,
    now: Instant,
    config: Config,
    strategies: Sequence[Strategy],
    constraints: Sequence[Constraint],
) -> Placement | Refusal:
    """A machine among `candidates`, or one made for this task where none fits and the user wants one made."""
    found = _found(wanted, candidates, ids, strategies, constraints)
    if isinstance(found, Placement) or config.instances is not Instances.ON_DEMAND:
        return found
    provider = _provider(tx, wanted)
    if provider is not None and providers.is_simulated(provider, config.instances):
        return found  # its own group brings the machine
    machine = _made(tx, wanted, ids, now, constraints)
    if machine is None:
        return found
    fresh = pools.reserved(tx, machine)
    if placement.lacks(wanted.need, fresh) is not None:
        fresh = resources.candidate(machine, ())  # it was made for this task: that it is too small for all is no help
    return _found(wanted, (*candidates, fresh), ids, strategies, constraints)


def _found(
    wanted: Wanted,
    candidates: Sequence[Candidate],
    ids: Ids,
    strategies: Sequence[Strategy],
    constraints: Sequence[Constraint],
) -> Placement | Refusal:
    return placement.place(
        wanted.need,
        candidates,
        group=wanted.group,
        chance=ids.stream("placement"),
        strategies=strategies,
        constraints=constraints,
    )


def _made(
    tx: Transaction, wanted: Wanted, ids: Ids, now: Instant, constraints: Sequence[Constraint]
) -> ContainerInstance | None:
    present = tx.find(ContainerInstance, cluster_arn=wanted.cluster.arn, status=InstanceStatus.ACTIVE)
    machine = machines.on_demand(
        wanted.need,
        wanted.world,
        wanted.cluster,
        ids,
        now,
        present=present,
        group=wanted.group,
        constraints=constraints,
        capacity_provider=wanted.capacity_provider,
        external=wanted.how.launch_type == "EXTERNAL",
    )
    if machine is not None:
        tx.put(machine)
    return machine
