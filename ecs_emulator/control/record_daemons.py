"""Decisions about daemons become records: one arm for each, and beside each change the sentence that says why.

A decision was made from a slice that an earlier decision of the same pass may have changed: each arm reads what it changes.
"""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config, Timings
from ecs_emulator.control import condition, telling
from ecs_emulator.control.daemon_plan import (
    Bake,
    Begin,
    Cease,
    DaemonDecision,
    Fault,
    Finish,
    Forget,
    GiveUp,
    Halt,
    LetGo,
    Place,
    Step,
)
from ecs_emulator.ids import Ids
from ecs_emulator.records import Mark
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import Daemon, DaemonDeployment, DaemonDeploymentStatus, DaemonTaskDefinition
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task, TaskStatus
from ecs_emulator.rules import daemon_definitions, daemons, placing, resources
from ecs_emulator.rules.failures import NO_CANDIDATE
from ecs_emulator.rules.launching import Launching, Wanted
from ecs_emulator.rules.stopping import asked_to_stop, scaling_reason
from ecs_emulator.store import Transaction

REAPER: Mark = ("reaper", "")


def record(tx: Transaction, decision: DaemonDecision, now: Instant, ids: Ids, config: Config) -> None:
    """Write down what was decided."""
    because = decision.because
    match decision:
        case Place():
            because = _place(tx, decision, now, ids, config.timings) or because
        case Halt(tasks=tasks):
            for task in tasks:
                reason = decision.reason or scaling_reason(task)
                tx.put(asked_to_stop(task, StopCode.SERVICE_SCHEDULER_INITIATED, reason, now))
                tx.put(Decided(now, task.arn, f"stop because {because}"))
        case Fault(task=task):
            tx.put(replace(tx.get(Task, task.arn) or task, judged=True))
            _count(tx, decision.daemon, task, now, config.timings)
        case LetGo(task=task):
            tx.put(replace(tx.get(Task, task.arn) or task, released=True))
        case Begin(deployment=deployment):
            begun = replace(_deployment(tx, deployment), status=DaemonDeploymentStatus.IN_PROGRESS, started_at=now)
            tx.put(begun)
            _look_who_waits(tx, decision.daemon)
        case Step(deployment=deployment, instance_arns=step):
            tx.put(replace(_deployment(tx, deployment), step=step, step_done_at=None))
        case Bake(deployment=deployment):
            tx.put(replace(_deployment(tx, deployment), step_done_at=now))
        case Finish():
            _finish(tx, decision, now)
        case GiveUp():
            _give_up(tx, decision, now)
        case Cease(deployment=deployment):
            tx.put(replace(_deployment(tx, deployment), status=DaemonDeploymentStatus.STOPPED, step=(), stopped_at=now))
        case Forget(daemon=daemon):
            tx.put(replace(_daemon(tx, daemon), gone=True, gone_at=now, tags={}))
            tx.mark(REAPER)
    tx.put(Decided(now, decision.daemon.arn, f"{decision} because {because}"))


# --- tasks ----------------------------------------------------------------------------------------------------------


def _place(tx: Transaction, decision: Place, now: Instant, ids: Ids, timings: Timings) -> str | None:
    """The task on its machine; or why it was not started after all, which counts as a task that never ran."""
    daemon, revision = _daemon(tx, decision.daemon), decision.revision
    instance = tx.get(ContainerInstance, decision.instance_arn)
    cluster = tx.get(Cluster, daemon.cluster_arn)
    definition = tx.get(DaemonTaskDefinition, revision.task_definition_arn)
    deployment = tx.get(DaemonDeployment, daemon.deployment_arn)
    assert cluster is not None and definition is not None and deployment is not None
    if instance is None or instance.status is not InstanceStatus.ACTIVE:
        return "the machine has gone"
    wanted = Wanted(
        world=World(daemon.account, daemon.region),
        cluster=cluster,
        definition=definition,
        need=resources.needed(daemon_definitions.as_run(definition)),
        how=Launching("MANAGED_INSTANCES"),
        group=f"daemon:{daemon.name}",
        spec={"enableExecuteCommand": revision.spec["enableExecuteCommand"]},
        started_by=deployment.id,
        deployment_id=deployment.id,
        capacity_provider=instance.capacity_provider_name,
        tags=daemons.task_tags(daemon, revision, cluster.name),
    )
    task = placing.place_on(tx, wanted, instance, ids, now)
    if not isinstance(task, Task):
        _count(tx, daemon, None, now, timings)
        telling.daemon_task_not_made(tx, revision, instance, task.reason, now, ids)
        tx.mark(("instance", instance.arn))  # other tasks on it wait no longer
        return f"{decision.because}; but there is no room for it: {task.reason}"
    tx.put(replace(task, daemon_arn=daemon.arn, daemon_revision_arn=revision.arn))
    return None


def _count(tx: Transaction, daemon: Daemon, task: Task | None, now: Instant, timings: Timings) -> None:
    """A failure delays the next task from the fourth in a row on, and brings a deployment nearer to its end."""
    daemon = _daemon(tx, daemon)
    if task is not None and condition.ran_well(task, now):
        if daemon.failures:
            tx.put(replace(daemon, failures=0, launch_not_before=None))
        return
    failures = daemon.failures + 1
    tx.put(replace(daemon, failures=failures, launch_not_before=condition.next_try(failures, now, timings)))
    deployment = tx.get(DaemonDeployment, daemon.deployment_arn)
    if deployment is None or deployment.status is not DaemonDeploymentStatus.IN_PROGRESS:
        return
    if task is None or task.daemon_revision_arn == deployment.revision_arn:
        tx.put(replace(deployment, failed_tasks=deployment.failed_tasks + 1, step_done_at=None))


# --- deployments ----------------------------------------------------------------------------------------------------


def _finish(tx: Transaction, decision: Finish, now: Instant) -> None:
    deployment, daemon = _deployment(tx, decision.deployment), _daemon(tx, decision.daemon)
    back = deployment.status is DaemonDeploymentStatus.ROLLBACK_IN_PROGRESS
    status = DaemonDeploymentStatus.ROLLBACK_SUCCESSFUL if back else DaemonDeploymentStatus.SUCCESSFUL
    tx.put(replace(deployment, status=status, step=(), step_done_at=None, finished_at=now))
    if deployment.revision_arn is not None:
        tx.put(replace(daemon, stable_revision_arn=daemon.revision_arn, failures=0, launch_not_before=None))
    tx.mark(REAPER)  # a deleted task definition may have lost its last daemon


def _give_up(tx: Transaction, decision: GiveUp, now: Instant) -> None:
    deployment, daemon, back_to = _deployment(tx, decision.deployment), _daemon(tx, decision.daemon), decision.back_to
    ended = replace(deployment, step=(), step_done_at=None)
    if back_to is None:
        failed = DaemonDeploymentStatus.ROLLBACK_FAILED
        tx.put(replace(ended, status=failed, status_reason=NO_CANDIDATE, finished_at=now))
        return
    rollback = {
        "reason": daemons.BROKEN,
        "startedAt": now,
        "rollbackTargetDaemonRevisionArn": back_to.arn,
        "rollbackCapacityProviders": list(back_to.capacity_provider_arns),
    }
    status = DaemonDeploymentStatus.ROLLBACK_IN_PROGRESS
    tx.put(replace(ended, status=status, status_reason=daemons.BROKEN, rollback=rollback))
    tx.put(replace(daemon, revision_arn=back_to.arn, failures=0, launch_not_before=None))
    _look_who_waits(tx, daemon)


def _look_who_waits(tx: Transaction, daemon: Daemon) -> None:
    """Where the daemon is to be has changed: a task that waited for it on its machine may have to wait no longer."""
    here = {"cluster_arn": daemon.cluster_arn, "desired_status": DesiredStatus.RUNNING}
    waiting = {"launch_type": "MANAGED_INSTANCES", "last_status": TaskStatus.PENDING}
    tx.mark(*(("task", arn) for (arn,) in tx.keys(Task, **here, **waiting)))


# --- as they are now ------------------------------------------------------------------------------------------------


def _daemon(tx: Transaction, known: Daemon) -> Daemon:
    return tx.get(Daemon, known.arn) or known


def _deployment(tx: Transaction, known: DaemonDeployment) -> DaemonDeployment:
    return tx.get(DaemonDeployment, known.arn) or known
