"""Managed scaling: as many machines as the waiting tasks take and the target leaves spare, and idle ones go when they are not needed.

The group behind a provider is simulated: its machines appear as container instances of the host's shape, zone after zone. With M machines
needed and N there, the reservation is M / N × 100; at a target of 100 the group has M machines, at a target of 50 twice as many.
Source: "Automatically manage Amazon ECS capacity with cluster auto scaling" in the developer guide; ManagedScaling in the API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Timings
from ecs_emulator.control.losing import lose, terminated_reason
from ecs_emulator.control.plan import Wait
from ecs_emulator.ids import Ids
from ecs_emulator.records.capacity_providers import CapacityProvider
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.scaling import ScalingGroup
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task
from ecs_emulator.rules import launching, machines, placement, pools, providers, resources
from ecs_emulator.rules.placement import Placement
from ecs_emulator.rules.resources import AVAILABILITY_ZONE, HOLDING, Candidate
from ecs_emulator.store import Transaction

MOST_MACHINES = 100
"""Of one group: what its `maxSize` would be."""


# --- what is to be done ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the provider asks of its group: the members of `managedScaling`, and how machines go."""

    target: int = 100
    smallest_step: int = 1
    largest_step: int = 10_000
    warm_up: float = 300.0
    drains: bool = True


@dataclass(frozen=True, slots=True)
class GroupSlice:
    """All that a decision about one group may look at."""

    group: ScalingGroup
    scaling: Scaling | None
    """None: nobody wants the group any more."""
    machines: tuple[ContainerInstance, ...]
    """Its ACTIVE machines, the oldest first, whoever registered them for the provider."""
    idle: frozenset[str]
    """Those of them that have no task but what every machine has."""
    emptied: tuple[ContainerInstance, ...]
    """Machines that it lets go of, and on which nothing is left."""
    leaving: int
    """Machines that it lets go of, and on which something is left."""
    missing: int
    """New machines that the waiting tasks take, packed as close as they fit."""


@dataclass(frozen=True, slots=True)
class Grow:
    """Launch machines."""

    count: int
    because: str

    def __str__(self) -> str:
        return f"launch {self.count} machines"


@dataclass(frozen=True, slots=True)
class LetGo:
    """An idle machine drains, or goes at once where its provider does not drain."""

    machine: ContainerInstance
    drains: bool
    because: str

    def __str__(self) -> str:
        return f"{'drain' if self.drains else 'terminate'} {self.machine.ec2_instance_id}"


@dataclass(frozen=True, slots=True)
class Terminate:
    """A machine that drained has nothing left on it."""

    machine: ContainerInstance
    because: str

    def __str__(self) -> str:
        return f"terminate {self.machine.ec2_instance_id}"


@dataclass(frozen=True, slots=True)
class Note:
    """Since when the group has had too few machines, or too many."""

    short_since: Instant | None
    spare_since: Instant | None
    because: str

    def __str__(self) -> str:
        return "note"


Decision = Grow | LetGo | Terminate | Note


def reservation(needed: int, there: int) -> float:
    """The metric `CapacityProviderReservation`: 3 needed of 4 are 75; without machines 200 where some are needed, else 100."""
    if there == 0:
        return 200.0 if needed else 100.0
    return needed / there * 100.0


def wanted_machines(needed: int, target: int) -> int:
    """As many as bring the reservation to the target: 3 needed at 100 are 3, at 75 they are 4."""
    return -(-needed * 100 // target)


def decide(slice: GroupSlice, now: Instant, timings: Timings) -> Iterator[Decision | Wait]:
    """What to do now. Says the same again until it has been done; says nothing when the group stands right."""
    for machine in slice.emptied:
        yield Terminate(machine, because="nothing is left on it")
    if slice.scaling is None:
        for machine in slice.machines:
            if machine.arn in slice.idle and machine.origin is Origin.SCALED:
                yield LetGo(machine, False, because="its provider does not scale any more")
        return
    there = len(slice.machines)
    needed = there - len(slice.idle) + slice.missing
    wanted = min(MOST_MACHINES, wanted_machines(needed, slice.scaling.target))
    because = f"{needed} are needed and {there} there: {reservation(needed, there):.0f} of {slice.scaling.target}"
    short, spare = wanted > there, wanted < there and bool(_removable(slice))
    group = slice.group
    noted = Note(
        (group.short_since or now) if short else None, (group.spare_since or now) if spare else None, because=because
    )
    if (noted.short_since, noted.spare_since) != (group.short_since, group.spare_since):
        yield noted
    if short:
        yield from _grow(slice.scaling, wanted - there, (noted.short_since or now) + timings.scale_out, now, because)
    elif spare:
        warm = (group.grown_at or 0.0) + slice.scaling.warm_up if group.grown_at is not None else 0.0
        due = max((noted.spare_since or now) + timings.scale_in, warm)
        yield from _shrink(slice, slice.scaling, there - wanted, due, now, because)


def _grow(scaling: Scaling, lacking: int, due: Instant, now: Instant, because: str) -> Iterator[Decision | Wait]:
    """By one step: no fewer than the smallest, no more than the largest."""
    if now < due:
        yield Wait(due, because="a group that is short is noticed after a while, and a machine takes time to start")
        return
    yield Grow(min(MOST_MACHINES, max(scaling.smallest_step, min(scaling.largest_step, lacking))), because)


def _shrink(
    slice: GroupSlice, scaling: Scaling, over: int, due: Instant, now: Instant, because: str
) -> Iterator[Decision | Wait]:
    """Idle machines only, the youngest first: with managed termination protection or without, no task is taken along."""
    if now < due:
        yield Wait(due, because="machines go when they have not been needed for a while, and none is warming up")
        return
    for machine in _removable(slice)[:over]:
        yield LetGo(machine, scaling.drains, because)


def _removable(slice: GroupSlice) -> list[ContainerInstance]:
    """Those that the group launched itself: what somebody registered stays."""
    own = [each for each in slice.machines if each.origin is Origin.SCALED and each.arn in slice.idle]
    return sorted(own, key=lambda each: (-each.registered_at, each.arn))


# --- what is there --------------------------------------------------------------------------------------------------


def read(tx: Transaction, key: str, config: Config) -> GroupSlice | None:
    """The slice of one provider's group in one cluster; None where it has none."""
    cluster_arn, _, name = key.partition(" ")
    cluster = tx.get(Cluster, cluster_arn)
    if cluster is None:
        return None
    world = World(cluster.account, cluster.region)
    provider = tx.get(CapacityProvider, world.arn("ecs", f"capacity-provider/{name}"))
    group = tx.get(ScalingGroup, cluster_arn, name)
    scaling = _scaling(provider, cluster, config)
    if group is None:
        if scaling is None:
            return None
        group = ScalingGroup(cluster_arn, name, cluster.account, cluster.region)
    status = [InstanceStatus.ACTIVE, InstanceStatus.DRAINING]
    found = tx.find(ContainerInstance, cluster_arn=cluster_arn, status=status, order="arn")
    own = [each for each in found if each.capacity_provider_name == name]
    busy, held = _held(tx, own)
    retiring = [each for each in own if each.retiring and each.status is InstanceStatus.DRAINING]
    emptied = tuple(each for each in retiring if each.arn not in held)
    active = sorted((each for each in own if each.status is InstanceStatus.ACTIVE), key=lambda each: each.registered_at)
    return GroupSlice(
        group,
        scaling,
        machines=tuple(active),
        idle=frozenset(each.arn for each in active if each.arn not in busy),
        emptied=emptied,
        leaving=len(retiring) - len(emptied),
        missing=_missing(tx, cluster, name, own) if scaling is not None else 0,
    )


def _scaling(provider: CapacityProvider | None, cluster: Cluster, config: Config) -> Scaling | None:
    if (
        cluster.status is not ClusterStatus.ACTIVE
        or provider is None
        or provider.name not in cluster.capacity_providers
    ):
        return None
    if not providers.is_simulated(provider, config.instances):
        return None
    spec = provider.spec["autoScalingGroupProvider"]
    said = spec["managedScaling"]
    return Scaling(
        target=said["targetCapacity"],
        smallest_step=said["minimumScalingStepSize"],
        largest_step=said["maximumScalingStepSize"],
        warm_up=float(said["instanceWarmupPeriod"]),
        drains=spec["managedDraining"] == "ENABLED",
    )


def _held(tx: Transaction, own: Sequence[ContainerInstance]) -> tuple[set[str], set[str]]:
    """The machines with tasks that need them, and those with any."""
    if not own:
        return set(), set()
    on_them = {"container_instance_arn": [each.arn for each in own], "last_status": HOLDING}
    columns = ("container_instance_arn", "daemon_arn", "stays_with_machine")
    found = list(tx.tally(Task, columns, **on_them))
    return {arn for arn, daemon, stays in found if daemon is None and not stays}, {arn for arn, _, _ in found}


def _missing(tx: Transaction, cluster: Cluster, name: str, own: Sequence[ContainerInstance]) -> int:
    """How many new machines those take that wait for one: each is put where it fits most closely, else on a new one."""
    waiting = tx.find(Task, waiting_for=cluster.arn, desired_status=DesiredStatus.RUNNING)
    meant = sorted((each for each in waiting if each.capacity_provider_name == name), key=lambda each: each.arn)
    if not meant:
        return 0
    world = World(cluster.account, cluster.region)
    free = pools.candidates(tx, cluster, "EC2", name)
    zones = [each.attributes.get(AVAILABILITY_ZONE) for each in own]
    chance = Ids(0)
    added = 0
    for task in meant:
        definition = tx.get(TaskDefinition, task.task_definition_arn)
        if definition is None:
            continue
        fresh: tuple[Candidate, ...] = ()
        if added < MOST_MACHINES:
            zone = machines.zones_to_fill(world.region, zones)[0]
            probe = machines.new(world, cluster, chance, 0.0, origin=Origin.SCALED, zone=zone, capacity_provider=name)
            fresh = (pools.reserved(tx, probe),)
        taken = _taken(task, definition, free, chance)
        if taken is None and (taken := _taken(task, definition, (*free, *fresh), chance)) is not None:
            added += 1
            zones.append(fresh[0].zone)
        free = taken or free
    return added


def _taken(
    task: Task, definition: TaskDefinition, free: Sequence[Candidate], chance: Ids
) -> tuple[Candidate, ...] | None:
    """The machines with the task booked on one of them; None where none can take it."""
    overrides = task.spec.get("overrides") or {}
    found = placement.place(
        resources.needed(definition.spec, launching.in_units(overrides)),
        free,
        group=task.group,
        chance=chance.stream("placement"),
        strategies=placement.strategies([{"type": "binpack", "field": "memory"}]),
        constraints=placement.constraints(task.spec["placement"]["constraints"]),
    )
    return found.candidates if isinstance(found, Placement) else None


# --- what is written down -------------------------------------------------------------------------------------------


def run(tx: Transaction, key: str, now: Instant, ids: Ids, config: Config) -> Iterator[Wait]:
    """Decide about one group and record it; answers until when it waits."""
    slice = read(tx, key, config)
    if slice is None:
        return
    for decision in decide(slice, now, config.timings):
        if isinstance(decision, Wait):
            yield decision
        else:
            _record(tx, slice.group, decision, now, ids)
            tx.put(Decided(now, key, f"{decision} because {decision.because}"))
    group = tx.get(ScalingGroup, slice.group.cluster_arn, slice.group.provider_name)
    if group is not None and slice.scaling is None and not slice.machines and not slice.leaving:
        tx.delete(group)


def _record(tx: Transaction, group: ScalingGroup, decision: Decision, now: Instant, ids: Ids) -> None:
    latest = tx.get(ScalingGroup, group.cluster_arn, group.provider_name) or group
    match decision:
        case Note(short_since=short, spare_since=spare):
            tx.put(replace(latest, short_since=short, spare_since=spare))
        case Grow(count=count):
            _launch(tx, group, count, now, ids)
            # The next step comes when the metric has been looked at again.
            tx.put(replace(latest, short_since=now, grown_at=now))
        case LetGo(machine=machine, drains=True):
            drained = replace(machine, status=InstanceStatus.DRAINING, retiring=True, version=machine.version + 1)
            tx.put(drained)
        case LetGo(machine=machine) | Terminate(machine=machine):
            lose(tx, machine, StopCode.TERMINATION_NOTICE, terminated_reason(machine), now, decision.because)


def _launch(tx: Transaction, group: ScalingGroup, count: int, now: Instant, ids: Ids) -> None:
    """Machines of the host's shape, in the zones with the fewest."""
    cluster = tx.get(Cluster, group.cluster_arn)
    assert cluster is not None
    status = [InstanceStatus.ACTIVE, InstanceStatus.DRAINING]
    there = tx.find(ContainerInstance, cluster_arn=group.cluster_arn, status=status)
    own = [each for each in there if each.capacity_provider_name == group.provider_name]
    zones = [each.attributes.get(AVAILABILITY_ZONE) for each in own]
    world = World(cluster.account, cluster.region)
    for _ in range(min(count, MOST_MACHINES - len(own))):
        zone, *_others = machines.zones_to_fill(world.region, zones)
        zones.append(zone)
        name = group.provider_name
        tx.put(machines.new(world, cluster, ids, now, origin=Origin.SCALED, zone=zone, capacity_provider=name))
