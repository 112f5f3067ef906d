"""Deployments as records: completed, given up and rolled back, superseded; and the service that comes to rest or goes."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.clock import Instant
from ecs_emulator.control.announcing import announce, latest, service_of
from ecs_emulator.control.plan import (
    Fail,
)
from ecs_emulator.ids import Ids
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
from ecs_emulator.rules import (
    deployment_counts,
    deployment_hooks,
    failures,
    gateway_routes,
    service_settings,
)
from ecs_emulator.rules.failures import Cause
from ecs_emulator.store import Transaction


def complete(tx: Transaction, deployment: ServiceDeployment, now: Instant, ids: Ids) -> None:
    """It has replaced all others. One that is completed again had taken over from one that failed, whose rollback this ends."""
    deployment = latest(tx, deployment)
    first = deployment.finished_at is None
    completed = replace(
        deployment,
        rollout_state=RolloutState.COMPLETED,
        rollout_reason=f"ECS deployment {deployment.id} completed.",
        deployment_status=ServiceDeploymentStatus.SUCCESSFUL,
        failed_tasks=0,
        failed_created_at=None,
        launch_not_before=None,
        updated_at=now,
    )
    tx.put(_ended(tx, completed, now) if first else completed)
    rolling_back = ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS
    for failed in tx.find(ServiceDeployment, service_arn=deployment.service_arn, deployment_status=rolling_back):
        over = replace(failed, deployment_status=ServiceDeploymentStatus.ROLLBACK_SUCCESSFUL, updated_at=now)
        tx.put(_ended(tx, over, now))
    announce(tx, deployment.service_arn, f"(deployment {deployment.id}) deployment completed.", now, ids)


def fail(tx: Transaction, decision: Fail, now: Instant, ids: Ids) -> None:
    """It gets no more tasks. With `rollback` the last one that had completed takes over, where there is one."""
    deployment = latest(tx, decision.deployment)
    service = service_of(tx, deployment.service_arn)
    cause = decision.cause
    announce(tx, service.arn, f"(deployment {deployment.id}) deployment failed: {cause.event}", now, ids)
    deployment_hooks.close(tx, deployment.id)
    failed = replace(
        deployment,
        rollout_state=RolloutState.FAILED,
        rollout_reason=cause.rollout,
        triggered_alarms=decision.alarms,
        updated_at=now,
    )
    target = _last_completed(tx, deployment) if decision.rollback else None
    if target is not None:
        _roll_back(tx, service, failed, target, cause, now)
        gateway_routes.connect(tx, service_of(tx, service.arn), now, ids)
        announce(tx, service.arn, f"rolling back to deployment {target.id}.", now + 0.001, ids)
    elif decision.rollback:
        status = ServiceDeploymentStatus.ROLLBACK_FAILED
        tx.put(_ended(tx, replace(failed, deployment_status=status, status_reason=failures.NO_CANDIDATE), now))
    else:
        status = ServiceDeploymentStatus.STOPPED
        tx.put(_ended(tx, replace(failed, deployment_status=status), now))


def _last_completed(tx: Transaction, failed: ServiceDeployment) -> ServiceDeployment | None:
    """The newest that had completed and whose definition is still there."""
    completed = tx.find(
        ServiceDeployment,
        service_arn=failed.service_arn,
        rollout_state=RolloutState.COMPLETED,
        order="created_at",
        descending=True,
        limit=10,
    )
    for one in completed:
        if one.id != failed.id and tx.get(TaskDefinition, one.task_definition_arn) is not None:
            return one
    return None


def _roll_back(
    tx: Transaction, service: Service, failed: ServiceDeployment, target: ServiceDeployment, cause: Cause, now: Instant
) -> None:
    revision = tx.get(ServiceRevision, target.revision_arn)
    assert revision is not None
    tx.put(
        replace(
            failed,
            status=DeploymentStatus.ACTIVE,
            deployment_status=ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
            status_reason=cause.status,
            desired_count=0,
            launch_not_before=None,
            rolled_back_to=revision.arn,
            rolled_back_at=now,
        ),
        replace(
            target,
            status=DeploymentStatus.PRIMARY,
            rollout_state=RolloutState.IN_PROGRESS,
            rollout_reason=f"{cause.rolling_back} {target.id}.",
            failed_tasks=0,
            failed_created_at=None,
            launch_not_before=None,
            updated_at=now,
        ),
        replace(
            service_of(tx, service.arn),
            task_definition_arn=revision.task_definition_arn,
            launch_type=revision.launch_type,
            spec=service_settings.with_revision(service.spec, revision.spec),
            namespace_arn=revision.namespace_arn,
            steady=False,
        ),
    )


def supersede(tx: Transaction, deployment: ServiceDeployment, now: Instant) -> None:
    known = latest(tx, deployment)
    weight = None if known.production_weight is None else 0.0
    gone = replace(
        known,
        status=DeploymentStatus.INACTIVE,
        desired_count=0,
        production_weight=weight,
        test_weight=weight,
        updated_at=now,
    )
    if gone.deployment_status is ServiceDeploymentStatus.STOP_REQUESTED:
        gone = _ended(tx, replace(gone, deployment_status=ServiceDeploymentStatus.STOPPED), now)
    tx.put(gone)


def _ended(tx: Transaction, deployment: ServiceDeployment, now: Instant) -> ServiceDeployment:
    """What is shown of a service deployment that is over stands still from now on."""
    counts = deployment_counts.kept(deployment_counts.counted(tx, [deployment]))
    if deployment.deployment_status is ServiceDeploymentStatus.STOPPED:
        return replace(deployment, stopped_at=now, final_counts=counts)
    return replace(deployment, finished_at=now, final_counts=counts)


def settle(tx: Transaction, service: Service, now: Instant) -> None:
    tx.put(
        replace(
            service_of(tx, service.arn),
            steady=True,
            steady_said_at=now,
            refusal=None,
            refused_at=None,
            waiting_for=None,
        )
    )


def retire(tx: Transaction, service: Service, now: Instant) -> None:
    """An INACTIVE service keeps its last deployment, completed, and no events."""
    for deployment in tx.find(ServiceDeployment, service_arn=service.arn, status=LISTED):
        if deployment.status is not DeploymentStatus.PRIMARY:
            supersede(tx, deployment, now)
            continue
        completed = f"ECS deployment {deployment.id} completed."
        tx.put(replace(deployment, rollout_state=RolloutState.COMPLETED, rollout_reason=completed, updated_at=now))
    tx.delete(*tx.find(ServiceEvent, service_arn=service.arn))
    tx.put(replace(service_of(tx, service.arn), status=ServiceStatus.INACTIVE, deleted_at=now, waiting_for=None))
