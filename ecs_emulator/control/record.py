"""Decisions become records: one arm for each, and beside each change the sentence that says why.

A decision was made from a slice that an earlier decision of the same pass may have changed: each arm reads what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Timings
from ecs_emulator.control import rolling
from ecs_emulator.control.plan import (
    Announce,
    Complete,
    Decision,
    Forgive,
    Judge,
    Launch,
    Release,
    Resize,
    Retire,
    Settle,
    Stop,
    Supersede,
)
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import (
    LISTED,
    DeploymentStatus,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceEvent,
    ServiceRevision,
    ServiceStatus,
)
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task, TaskStatus
from ecs_emulator.rules import capacity, launching, placement, placing, resources
from ecs_emulator.rules.launching import Launching, Wanted
from ecs_emulator.rules.placement import Constraint, Strategy
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS, FAILED_TO_START, asked_to_stop, scaling_reason
from ecs_emulator.store import Transaction

EVENTS_KEPT = 100
BATCH = 10
"""Tasks that one `has started N tasks` tells of."""
MOST_LAUNCHED = 100
"""Tasks that one decision starts; the rest is decided again, when requests had their turn."""
FREE_RETRIES = 3
"""Failures in a row that are tried again at once."""
PROBLEM_REPEATED = 21_600.0
"""Seconds until a problem that is still the same is said again."""
IMPAIRED = (
    "is unable to consistently start tasks successfully. "
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)


def record(tx: Transaction, decision: Decision, now: Instant, ids: Ids, config: Config) -> None:
    """Write down what was decided."""
    match decision:
        case Launch(deployment=deployment):
            subject = deployment.service_arn
            if not _launch(tx, decision, now, ids, config):
                return
        case Stop(service=service):
            subject = service.arn
            _stop(tx, decision, now, ids)
        case Judge(task=task):
            subject = task.arn
            _judge(tx, task, now, ids, config.timings)
        case Release(task=task):
            subject = task.arn
            tx.put(replace(tx.get(Task, task.arn) or task, released=True))
        case Announce(service=service, message=message, problem=problem):
            subject = service.arn
            if not announce(tx, service.arn, message, now, ids, problem=problem):
                return
        case Resize(deployment=deployment, desired_count=count):
            subject = deployment.service_arn
            tx.put(replace(_deployment(tx, deployment), desired_count=count, updated_at=now))
        case Complete(service=service, deployment=deployment):
            subject = service.arn
            _complete(tx, deployment, now, ids)
        case Supersede(deployment=deployment):
            subject = deployment.service_arn
            _supersede(tx, deployment, now)
        case Forgive(deployment=deployment):
            subject = deployment.service_arn
            tx.put(replace(_deployment(tx, deployment), failed_tasks=0, failed_created_at=None, launch_not_before=None))
        case Settle(service=service):
            subject = service.arn
            announce(tx, service.arn, "has reached a steady state.", now + 0.001, ids)
            _settle(tx, service, now)
        case Retire(service=service):
            subject = service.arn
            _retire(tx, service, now)
    tx.put(Decided(now, subject, f"{decision} because {decision.because}"))


# --- tasks of a service ---------------------------------------------------------------------------------------------


def _launch(tx: Transaction, decision: Launch, now: Instant, ids: Ids, config: Config) -> bool:
    """Place what was decided to be started, batch by batch as long as there is room; answers whether anything new came of it."""
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
    service = _service(tx, decision.deployment.service_arn)
    wanted = _wanted(tx, service, decision.deployment, decision.count)
    strategies, constraints = _placement_rules(service, wanted[0])
    turn = tx.count(Task, service_arn=service.arn, released=False)
    placed = placing.place(
        tx, wanted, ids, now, config, strategies=strategies, constraints=constraints, first_turn=turn
    )
    tx.put(*placed.tasks)
    said = False
    if placed.tasks:
        tail = ""
        if decision.replaced_unhealthy:
            tail = f" Amazon ECS replaced {decision.replaced_unhealthy} tasks due to an unhealthy status."
        tx.put(replace(service, steady=False, refusal=None, refused_at=None))
        announce(tx, service.arn, f"has started {len(placed.tasks)} tasks: {_listed(placed.tasks)}.{tail}", now, ids)
    if placed.refusal is not None:
        said = announce(tx, service.arn, placed.refusal.event, now, ids, problem=True)
    waiting_for = service.cluster_arn if placed.refusal is not None else None
    service = _service(tx, service.arn)
    if service.waiting_for != waiting_for:
        tx.put(replace(service, waiting_for=waiting_for, steady=False))
    return bool(placed.tasks) or said, placed.refusal is not None


def _wanted(tx: Transaction, service: Service, deployment: ServiceDeployment, count: int) -> list[Wanted]:
    cluster = tx.get(Cluster, service.cluster_arn)
    definition = tx.get(TaskDefinition, deployment.task_definition_arn)
    revision = tx.get(ServiceRevision, deployment.revision_arn)
    assert cluster is not None and definition is not None and revision is not None
    strategy = tuple(revision.spec.get("capacityProviderStrategy", ()))
    spec: dict[str, Any] = {"enableExecuteCommand": service.spec.get("enableExecuteCommand", False)}
    if network := revision.spec.get("networkConfiguration"):
        spec["networkConfiguration"] = network
    return [
        Wanted(
            world=World(service.account, service.region),
            cluster=cluster,
            definition=definition,
            need=resources.needed(definition.spec),
            how=Launching(revision.launch_type, strategy),
            group=f"service:{service.name}",
            spec=spec,
            started_by=deployment.id,
            service_arn=service.arn,
            deployment_id=deployment.id,
            capacity_provider=provider,
            platform_version=revision.spec.get("platformVersion"),
            tags=_task_tags(service, definition, cluster),
        )
        for provider in _providers(tx, deployment, strategy, count)
    ]


def _providers(
    tx: Transaction, deployment: ServiceDeployment, strategy: Sequence[Mapping[str, Any]], count: int
) -> Sequence[str | None]:
    if not strategy:
        return [None] * count
    alive = {"deployment_id": deployment.id, "desired_status": DesiredStatus.RUNNING}
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


def _stop(tx: Transaction, decision: Stop, now: Instant, ids: Ids) -> None:
    service = _service(tx, decision.service.arn)
    running = [task for task in decision.tasks if task.last_status is TaskStatus.RUNNING]
    pending = len(decision.tasks) - len(running)
    for task in decision.tasks:
        reason = decision.reason or scaling_reason(task)
        tx.put(asked_to_stop(task, StopCode.SERVICE_SCHEDULER_INITIATED, reason, now))
        tx.put(Decided(now, task.arn, f"stop because {decision.because}"))
    tx.put(replace(service, steady=False))
    if running:
        announce(tx, service.arn, f"has stopped {len(running)} running tasks: {_listed(running)}.", now, ids)
    if pending:
        announce(tx, service.arn, f"stopped {pending} pending tasks.", now, ids)


def _judge(tx: Transaction, task: Task, now: Instant, ids: Ids, timings: Timings) -> None:
    """What did not run well counts, and from the fourth in a row on it delays the next of its deployment."""
    tx.put(replace(task, judged=True))
    deployment = tx.get(ServiceDeployment, task.deployment_id)
    if deployment is None or _ran_well(task, now):
        return
    failures = deployment.failed_tasks + 1
    pause = None
    if failures > FREE_RETRIES:
        pause = min(timings.retry_most, timings.retry_first * 2.0 ** min(failures - FREE_RETRIES - 1, 30))
    tx.put(
        replace(
            deployment,
            failed_tasks=failures,
            failed_created_at=max(task.created_at, deployment.failed_created_at or 0.0),
            launch_not_before=None if pause is None else now + pause,
            updated_at=now,
        )
    )
    if task.started_at is None:
        reason = (task.stopped_reason or FAILED_TO_START).rstrip(".")
        problem = f"was unable to place a task. Reason: {reason}."
        announce(tx, deployment.service_arn, problem, now, ids, problem=True)
        if failures == FREE_RETRIES + 1:
            announce(tx, deployment.service_arn, IMPAIRED, now, ids)


def _ran_well(task: Task, now: Instant) -> bool:
    if task.started_at is None or task.stopped_reason == FAILED_HEALTH_CHECKS:
        return False
    ended_at = max((one.finished_at for one in task.containers if one.finished_at is not None), default=now)
    return ended_at - task.started_at >= rolling.RUNS_WELL_AFTER


# --- deployments ----------------------------------------------------------------------------------------------------


def _complete(tx: Transaction, deployment: ServiceDeployment, now: Instant, ids: Ids) -> None:
    tx.put(
        replace(
            _deployment(tx, deployment),
            rollout_state=RolloutState.COMPLETED,
            rollout_reason=f"ECS deployment {deployment.id} completed.",
            deployment_status=ServiceDeploymentStatus.SUCCESSFUL,
            failed_tasks=0,
            failed_created_at=None,
            launch_not_before=None,
            updated_at=now,
            finished_at=now,
        )
    )
    announce(tx, deployment.service_arn, f"(deployment {deployment.id}) deployment completed.", now, ids)


def _supersede(tx: Transaction, deployment: ServiceDeployment, now: Instant) -> None:
    gone = replace(_deployment(tx, deployment), status=DeploymentStatus.INACTIVE, desired_count=0, updated_at=now)
    if gone.deployment_status is ServiceDeploymentStatus.STOP_REQUESTED:
        gone = replace(gone, deployment_status=ServiceDeploymentStatus.STOPPED, stopped_at=now)
    tx.put(gone)


def _settle(tx: Transaction, service: Service, now: Instant) -> None:
    tx.put(
        replace(
            _service(tx, service.arn),
            steady=True,
            steady_said_at=now,
            refusal=None,
            refused_at=None,
            waiting_for=None,
        )
    )


def _retire(tx: Transaction, service: Service, now: Instant) -> None:
    """An INACTIVE service keeps its last deployment, completed, and no events."""
    for deployment in tx.find(ServiceDeployment, service_arn=service.arn, status=LISTED):
        if deployment.status is not DeploymentStatus.PRIMARY:
            _supersede(tx, deployment, now)
            continue
        completed = f"ECS deployment {deployment.id} completed."
        tx.put(replace(deployment, rollout_state=RolloutState.COMPLETED, rollout_reason=completed, updated_at=now))
    tx.delete(*tx.find(ServiceEvent, service_arn=service.arn))
    tx.put(replace(_service(tx, service.arn), status=ServiceStatus.INACTIVE, deleted_at=now, waiting_for=None))


# --- events ---------------------------------------------------------------------------------------------------------


def announce(tx: Transaction, service_arn: str, message: str, now: Instant, ids: Ids, *, problem: bool = False) -> bool:
    """Add a line to the service's events, unless it is the problem that was said last; answers whether it was said."""
    service = _service(tx, service_arn)
    if problem:
        if service.refusal == message and now < (service.refused_at or now) + PROBLEM_REPEATED:
            return False
        tx.put(replace(service, refusal=message, refused_at=now))
    text = f"(service {service.name}) {message}"
    newest = tx.find(ServiceEvent, service_arn=service_arn, order="seq", descending=True, limit=1)
    at = max(
        [now, *(event.created_at for event in newest)]
    )  # whoever sorts by time finds the order in which it was said
    tx.put(ServiceEvent(service_arn, service.account, service.region, ids.uuid("event"), at, text))
    surplus = tx.count(ServiceEvent, service_arn=service_arn) - EVENTS_KEPT
    if surplus > 0:
        tx.delete(*tx.find(ServiceEvent, service_arn=service_arn, order="seq", limit=surplus))
    return True


def _listed(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {task_id})" for task_id in sorted(task.id for task in tasks))


def _service(tx: Transaction, arn: str) -> Service:
    service = tx.get(Service, arn)
    assert service is not None
    return service


def _deployment(tx: Transaction, known: ServiceDeployment) -> ServiceDeployment:
    return tx.get(ServiceDeployment, known.id) or known
