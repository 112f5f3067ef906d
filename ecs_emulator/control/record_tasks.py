"""Tasks of a service as records: started where there is room, asked to stop, and counted when they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Instances, Timings
from ecs_emulator.control import condition
from ecs_emulator.control.announcing import announce, latest, listed, service_of
from ecs_emulator.control.plan import (
    Keeper,
    Launch,
    Stop,
)
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import (
    Service,
    ServiceDeployment,
    ServiceRevision,
)
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.task_sets import TaskSet
from ecs_emulator.records.tasks import DesiredStatus, Member, StopCode, Task, TaskStatus
from ecs_emulator.rules import (
    capacity,
    launching,
    placement,
    placing,
    resources,
    settings,
)
from ecs_emulator.rules.launching import Launching, Wanted
from ecs_emulator.rules.placement import Constraint, Failure, Refusal, Strategy
from ecs_emulator.rules.stopping import FAILED_TO_START, asked_to_stop, scaling_reason
from ecs_emulator.store import Transaction

BATCH = 10
"""Tasks that one `has started N tasks` tells of."""
MOST_LAUNCHED = 100
"""Tasks that one decision starts; the rest is decided again, when requests had their turn."""
IMPAIRED = (
    "is unable to consistently start tasks successfully. "
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)


def launch(tx: Transaction, decision: Launch, now: Instant, ids: Ids, config: Config) -> bool:
    """Place what was decided to be started, batch by batch as long as there is room; answers whether anything new came of it."""
    if decision.machines:
        return _launch_on(tx, decision, now, ids)
    if decision.zone is not None:
        return _launch_in(tx, decision, decision.zone, now, ids, config)
    left = min(decision.count, MOST_LAUNCHED)
    replaced = decision.replaced_unhealthy
    said = False
    while left > 0:
        count = min(left, BATCH)
        batch = replace(decision, count=count, replaced_unhealthy=min(replaced, count))
        new, full = _launch_batch(tx, batch, now, ids, config)
        said = said or new
        if full:
            break
        left, replaced = left - count, max(0, replaced - count)
    return said


def _launch_batch(tx: Transaction, decision: Launch, now: Instant, ids: Ids, config: Config) -> tuple[bool, bool]:
    """Whether anything new came of it, and whether there was no room for all."""
    service = service_of(tx, decision.deployment.service_arn)
    wanted = _wanted(tx, service, decision.deployment, decision.count)
    strategies, constraints = _placement_rules(service, wanted[0])
    turn = tx.count(Task, service_arn=service.arn, released=False)
    zones = _zones(tx, service) if wanted[0].how.on_fargate else {}
    placed = placing.place(
        tx, wanted, ids, now, config, strategies=strategies, constraints=constraints, first_turn=turn, present=zones
    )
    said = _started(tx, decision, placed.tasks, now, ids)
    return _refused(tx, decision, placed.refusal, now, ids) or said, placed.refusal is not None


def _zones(tx: Transaction, service: Service) -> dict[str | None, int]:
    """How many of the service's tasks that are wanted are in each zone."""
    wanted = {"service_arn": service.arn, "desired_status": DesiredStatus.RUNNING}
    return {zone: number for (zone,), number in tx.tally(Task, ("availability_zone",), **wanted).items()}


def _launch_in(tx: Transaction, decision: Launch, zone: str, now: Instant, ids: Ids, config: Config) -> bool:
    """In one zone, to balance them, where there is room: no machine is made for it, and a steady service stays so without."""
    service = service_of(tx, decision.deployment.service_arn)
    wanted = [
        replace(one, need=replace(one.need, zones=frozenset({zone})))
        for one in _wanted(tx, service, decision.deployment, min(decision.count, BATCH))
    ]
    strategies, constraints = _placement_rules(service, wanted[0])
    strict = replace(config, instances=Instances.NONE)
    placed = placing.place(tx, wanted, ids, now, strict, strategies=strategies, constraints=constraints, waits=False)
    if placed.tasks:
        tx.put(*placed.tasks)
        tx.put(replace(service, steady=False, refusal=None, refused_at=None, waiting_for=None))
        text = f"has started {len(placed.tasks)} tasks in {zone} to AZ Rebalance: {listed(placed.tasks)}."
        return announce(tx, service.arn, text, now, ids)
    if service.waiting_for is None:
        tx.put(replace(service, waiting_for=service.cluster_arn))
    problem = f"is unable to place a task in {zone} because no container instance met all of its requirements."
    return announce(tx, service.arn, problem, now, ids, problem=True)


def _launch_on(tx: Transaction, decision: Launch, now: Instant, ids: Ids) -> bool:
    """A task on each machine that was named and has room for it; of the others the closest says why it has none."""
    service = service_of(tx, decision.deployment.service_arn)
    (wanted,) = _wanted(tx, service, decision.deployment, 1)
    known = {each.arn: each for each in tx.find(ContainerInstance, arn=sorted(decision.machines))}
    tasks: list[Task] = []
    failures: list[Failure] = []
    for turn, arn in enumerate(decision.machines):
        found = placing.place_on(tx, wanted, known[arn], ids, now, turn=turn)
        if isinstance(found, Failure):
            failures.append(found)
            continue
        tasks.append(replace(found, stays_with_machine=True))
        if len(tasks) == MOST_LAUNCHED:
            break
    said = [_started(tx, decision, tasks[first : first + BATCH], now, ids) for first in range(0, len(tasks), BATCH)]
    return _refused(tx, decision, placement.refused(failures) if failures else None, now, ids) or any(said)


def _started(tx: Transaction, decision: Launch, tasks: Sequence[Task], now: Instant, ids: Ids) -> bool:
    """The tasks written, and told of: whether there were any."""
    if not tasks:
        return False
    keeper = decision.deployment
    tail = ""
    if decision.replaced_unhealthy:
        tail = f" Amazon ECS replaced {decision.replaced_unhealthy} tasks due to an unhealthy status."
    tx.put(*tasks)
    tx.put(replace(service_of(tx, keeper.service_arn), steady=False, refusal=None, refused_at=None))
    text = f"has started {len(tasks)} tasks: {listed(tasks)}.{tail}"
    announce(tx, keeper.service_arn, text, now, ids, keeper=keeper)
    if (known := latest(tx, keeper)).refusal is not None:
        tx.put(replace(known, refusal=None, refused_at=None))
    return True


def _refused(tx: Transaction, decision: Launch, refusal: Refusal | None, now: Instant, ids: Ids) -> bool:
    """Say why there is no room for more, and wait for it; or no longer. Answers whether it was said."""
    keeper = decision.deployment
    said = False
    if refusal is not None:
        said = announce(tx, keeper.service_arn, refusal.event, now, ids, problem=True, keeper=keeper)
    service = service_of(tx, keeper.service_arn)
    waiting_for = service.cluster_arn if refusal is not None else None
    if service.waiting_for != waiting_for:
        tx.put(replace(service, waiting_for=waiting_for, steady=False))
    return said


def _wanted(tx: Transaction, service: Service, keeper: Keeper, count: int) -> list[Wanted]:
    cluster = tx.get(Cluster, service.cluster_arn)
    definition = tx.get(TaskDefinition, keeper.task_definition_arn)
    made_as = keeper if isinstance(keeper, TaskSet) else tx.get(ServiceRevision, keeper.revision_arn)
    assert cluster is not None and definition is not None and made_as is not None
    strategy = tuple(made_as.spec.get("capacityProviderStrategy", ()))
    spec: dict[str, Any] = {"enableExecuteCommand": service.spec.get("enableExecuteCommand", False)}
    for member in ("networkConfiguration", "volumeConfigurations"):
        if asked := made_as.spec.get(member):
            spec[member] = asked
    world = World(service.account, service.region)
    spec["logDriverMode"] = settings.value_for(tx, world, "defaultLogDriverMode", service.created_by)
    return [
        Wanted(
            world=world,
            cluster=cluster,
            definition=definition,
            need=resources.needed(definition.spec),
            how=Launching(made_as.launch_type, strategy),
            group=f"service:{service.name}",
            spec=spec,
            started_by=keeper.id,
            service_arn=service.arn,
            deployment_id=keeper.id,
            capacity_provider=provider,
            platform_version=made_as.spec.get("platformVersion"),
            tags=_task_tags(service, definition, cluster),
        )
        for provider in _providers(tx, keeper.id, strategy, count)
    ]


def _providers(
    tx: Transaction, keeper_id: str, strategy: Sequence[Mapping[str, Any]], count: int
) -> Sequence[str | None]:
    if not strategy:
        return [None] * count
    alive = {"deployment_id": keeper_id, "desired_status": DesiredStatus.RUNNING}
    present = tx.tally(Task, ("capacity_provider_name",), **alive)
    return capacity.distribute(strategy, {name: number for (name,), number in present.items() if name}, count)


def _task_tags(service: Service, definition: TaskDefinition, cluster: Cluster) -> dict[str, str]:
    match service.spec.get("propagateTags"):
        case "SERVICE":
            tags = dict(service.tags)
        case "TASK_DEFINITION":
            tags = dict(definition.tags)
        case _:
            tags = {}
    return launching.managed_tags(cluster, service.name, tags) if service.spec.get("enableECSManagedTags") else tags


def _placement_rules(service: Service, wanted: Wanted) -> tuple[Sequence[Strategy], Sequence[Constraint]]:
    if wanted.how.on_fargate:
        return (), ()
    own = wanted.definition.spec.get("placementConstraints") or ()
    asked = placement.strategies(service.spec.get("placementStrategy"))
    constraints = [*own, *(service.spec.get("placementConstraints") or ())]
    return asked or placement.SERVICE_DEFAULT, placement.constraints(constraints)


def stop(tx: Transaction, decision: Stop, now: Instant, ids: Ids) -> None:
    service = service_of(tx, decision.service.arn)
    running = [task for task in decision.tasks if task.last_status is TaskStatus.RUNNING]
    pending = len(decision.tasks) - len(running)
    for member in decision.tasks:
        task = tx.get(Task, member.arn)
        assert task is not None
        reason = decision.reason or scaling_reason(task)
        tx.put(asked_to_stop(task, StopCode.SERVICE_SCHEDULER_INITIATED, reason, now))
        tx.put(Decided(now, task.arn, f"stop because {decision.because}"))
    tx.put(replace(service, steady=False))
    if running:
        where = "" if decision.zone is None else f" in {decision.zone} due to AZ rebalancing"
        text = f"has stopped {len(running)} running tasks{where}: {listed(running)}."
        announce(tx, service.arn, text, now, ids, keeper=decision.task_set)
    if pending:
        announce(tx, service.arn, f"stopped {pending} pending tasks.", now, ids, keeper=decision.task_set)


def release(tx: Transaction, member: Member) -> None:
    task = tx.get(Task, member.arn)
    assert task is not None
    tx.put(replace(task, released=True))


def judge(tx: Transaction, member: Member, now: Instant, ids: Ids, timings: Timings) -> None:
    """What did not run well counts, and from the fourth in a row on it delays the next of its deployment."""
    task = tx.get(Task, member.arn)
    assert task is not None
    tx.put(replace(task, judged=True))
    deployment: Keeper | None = tx.get(ServiceDeployment, task.deployment_id)
    deployment = deployment or tx.first(TaskSet, id=task.deployment_id)
    if deployment is None or condition.ran_well(task, now):
        return
    failures = deployment.failed_tasks + 1
    tx.put(
        replace(
            deployment,
            failed_tasks=failures,
            failed_created_at=max(task.created_at, deployment.failed_created_at or 0.0),
            launch_not_before=condition.next_try(failures, now, timings),
            updated_at=now,
        )
    )
    if task.started_at is None:
        reason = (task.stopped_reason or FAILED_TO_START).rstrip(".")
        problem = f"was unable to place a task. Reason: {reason}."
        announce(tx, deployment.service_arn, problem, now, ids, problem=True)
        if failures == condition.FREE_RETRIES + 1:
            announce(tx, deployment.service_arn, IMPAIRED, now, ids)
