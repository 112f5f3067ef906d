"""Tasks and the machines they go to: placement, and a new machine where none fits and the user wants one made.

Called inside a transaction by RunTask and by the loop; each task is booked before the next is placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Instances
from ecs_emulator.ids import Ids
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules import launching, machines, placement, resources
from ecs_emulator.rules.launching import Wanted
from ecs_emulator.rules.placement import Constraint, Placement, Refusal, Strategy
from ecs_emulator.rules.resources import Candidate
from ecs_emulator.store import Transaction


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
) -> Placed:
    """A task for each that is wanted, as long as there is room; stops at the first for which there is none.

    `first_turn`: how many came before, so that the tasks of a service go round its subnets.
    """
    tasks: list[Task] = []
    pools: dict[str | None, tuple[Candidate, ...]] = {}  # a strategy's providers each have instances of their own
    for turn, one in enumerate(wanted, first_turn):
        if one.how.on_fargate:
            tasks.append(launching.task(one, ids, now, turn=turn))
            continue
        provider = one.capacity_provider
        candidates = pools.get(provider)
        if candidates is None:
            candidates = resources.candidates(tx, one.cluster.arn, provider)
        found = _found(one, candidates, ids, strategies, constraints)
        if isinstance(found, Refusal) and config.instances is Instances.ON_DEMAND:
            machine = _made(tx, one, ids, now, constraints)
            if machine is not None:
                more = (*candidates, resources.candidate(machine, ()))
                found = _found(one, more, ids, strategies, constraints)
        if isinstance(found, Refusal):
            return Placed(tuple(tasks), found)
        pools[provider] = found.candidates
        tasks.append(launching.task(one, ids, now, instance_arn=found.arn, zone=found.zone, turn=turn))
    return Placed(tuple(tasks))


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
    )
    if machine is not None:
        tx.put(machine)
    return machine
