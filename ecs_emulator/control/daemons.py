"""One task on each machine, and from one revision to the next a few machines at a time: what is to be done now, of what is there.

A machine is not replaced when its daemon is, as ECS does it: the old task stops, then the new one starts on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ecs_emulator.clock import Instant
from ecs_emulator.control.daemon_plan import (
    Bake,
    Begin,
    Cease,
    DaemonDecision,
    DaemonSlice,
    Fault,
    Finish,
    Forget,
    GiveUp,
    Halt,
    LetGo,
    Place,
    Step,
)
from ecs_emulator.control.plan import Wait
from ecs_emulator.records.daemons import (
    UNDER_WAY,
    Daemon,
    DaemonDeployment,
    DaemonDeploymentStatus,
    DaemonRevision,
    DaemonStatus,
)
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import DesiredStatus, Health, Task, TaskStatus
from ecs_emulator.rules import daemon_definitions, daemons, stopping
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.rules.stopping import FAILED_HEALTH_CHECKS
from ecs_emulator.store import Transaction

Decided = Iterator[DaemonDecision | Wait]


# --- what is there --------------------------------------------------------------------------------------------------


def read(tx: Transaction, daemon_arn: str) -> DaemonSlice | None:
    """The slice of one daemon, by index."""
    daemon = tx.get(Daemon, daemon_arn)
    if daemon is None or daemon.gone:
        return None
    under_way = tx.find(DaemonDeployment, daemon_arn=daemon_arn, status=UNDER_WAY)
    deployments = sorted(under_way, key=lambda each: each.created_at)
    if not deployments and (newest := tx.get(DaemonDeployment, daemon.deployment_arn)) is not None:
        deployments = [newest]
    sight = daemons.seen(
        tx, daemon.cluster_arn, daemon_arn, {daemon.revision_arn, daemon.stable_revision_arn or daemon.revision_arn}
    )
    specs = daemon_definitions.of_tasks(tx, (each.task_definition_arn for each in sight.revisions.values()))
    checked = (
        each.arn for each in sight.revisions.values() if daemons.has_check(specs.get(each.task_definition_arn, {}))
    )
    return DaemonSlice(
        daemon,
        sight.revisions,
        tuple(deployments),
        tuple(sight.instances),
        tuple(sight.tasks),
        frozenset(checked),
        _busy(tx, sight.instances),
    )


def _busy(tx: Transaction, instances: Iterable[ContainerInstance]) -> frozenset[str]:
    """The DRAINING machines that tasks are on which are no daemon's: daemons leave last."""
    draining = [each.arn for each in instances if each.status is InstanceStatus.DRAINING]
    if not draining:
        return frozenset()
    found = tx.tally(
        Task, ("container_instance_arn",), container_instance_arn=draining, last_status=HOLDING, daemon_arn=None
    )
    return frozenset(arn for (arn,) in found)


def concerned(tx: Transaction, instance: ContainerInstance) -> Iterator[str]:
    """The daemons that have something to do about a machine: to come, or to leave."""
    if instance.capacity_provider_name is None:
        return
    on_it = {"container_instance_arn": instance.arn, "desired_status": DesiredStatus.RUNNING}
    here = {arn for (arn,) in tx.tally(Task, ("daemon_arn",), **on_it) if arn is not None}
    if instance.status is not InstanceStatus.ACTIVE:
        yield from here
        return
    for daemon in tx.find(Daemon, cluster_arn=instance.cluster_arn, gone=False):
        if daemon.arn not in here and daemons.on(tx.get(DaemonRevision, daemon.revision_arn), [instance]):
            yield daemon.arn


def awaited(tx: Transaction, task: Task) -> bool:
    """Whether a critical daemon is still to come up on the task's machine: it runs before anything else does.

    One whose tasks fail is not waited for, though ECS would: who tries a broken daemon here still sees the other tasks run.
    """
    if task.daemon_arn is not None or task.launch_type != "MANAGED_INSTANCES" or task.container_instance_arn is None:
        return False
    instance = tx.get(ContainerInstance, task.container_instance_arn)
    for daemon in tx.find(Daemon, cluster_arn=task.cluster_arn, gone=False):
        revision = tx.get(DaemonRevision, daemon.revision_arn)
        if instance is None or revision is None or not revision.spec["critical"]:
            continue
        if daemon.failures or daemon.status is not DaemonStatus.ACTIVE or not daemons.on(revision, [instance]):
            continue
        running = DesiredStatus.RUNNING
        here = tx.find(Task, container_instance_arn=instance.arn, desired_status=running, daemon_arn=daemon.arn)
        if not any(map(daemons.works, here)):
            return True
    return False


def waiting(tx: Transaction, instance: ContainerInstance) -> list[str]:
    """The tasks on the machine that may be waiting for its daemons."""
    if instance.capacity_provider_name is None or not tx.keys(Daemon, cluster_arn=instance.cluster_arn, gone=False):
        return []
    on_it = {"container_instance_arn": instance.arn, "last_status": TaskStatus.PENDING, "daemon_arn": None}
    return [arn for (arn,) in tx.keys(Task, **on_it)]


# --- what is to be done ---------------------------------------------------------------------------------------------


def decide(slice: DaemonSlice, now: Instant) -> Decided:
    """What to do now. Says the same again until it has been done; says nothing when the daemon stands right."""
    ended: list[Fault | LetGo] = [*_faults(slice), *_stopped(slice)]
    if ended:
        yield from ended
        return
    for each in slice.deployments:
        if each.arn != slice.daemon.deployment_arn:
            yield Cease(slice.daemon, each, because="a newer deployment has taken over")
    deployment = next((each for each in slice.deployments if each.arn == slice.daemon.deployment_arn), None)
    if deployment is None:
        return
    if deployment.status is DaemonDeploymentStatus.PENDING:
        yield Begin(slice.daemon, deployment, because="nothing is in its way")
    elif slice.daemon.status is DaemonStatus.DELETE_IN_PROGRESS:
        yield from _remove(slice, deployment)
    else:
        yield from _deploy(slice, deployment, now)


def _faults(slice: DaemonSlice) -> Iterator[Fault]:
    """As soon as they are to stop: what is started in their place must know of them."""
    for task in slice.tasks:
        if task.desired_status is DesiredStatus.STOPPED and not task.judged and stopping.unasked(task):
            yield Fault(slice.daemon, task, because=task.stopped_reason or "it ends")


def _stopped(slice: DaemonSlice) -> Iterator[LetGo]:
    for task in slice.tasks:
        if task.last_status is TaskStatus.STOPPED:
            yield LetGo(slice.daemon, task, because=task.stopped_reason or "it stopped")


def _remove(slice: DaemonSlice, deployment: DaemonDeployment) -> Decided:
    """A deleted daemon stops its tasks, waits for their end, and is forgotten."""
    if wanted := _wanted(slice.tasks):
        yield Halt(slice.daemon, wanted, because="its daemon was deleted")
    elif not slice.tasks:
        yield Finish(slice.daemon, deployment, because="none of its tasks is left")
        yield Forget(slice.daemon, because="it was deleted and none of its tasks is left")


def _deploy(slice: DaemonSlice, deployment: DaemonDeployment, now: Instant) -> Decided:
    target = slice.revisions.get(slice.daemon.revision_arn)
    if target is None:
        return
    yield from _leave(slice, target)
    match deployment.status:
        case DaemonDeploymentStatus.IN_PROGRESS | DaemonDeploymentStatus.ROLLBACK_IN_PROGRESS:
            yield from _roll(slice, deployment, target, now)
        case DaemonDeploymentStatus.ROLLBACK_FAILED:
            pass  # nothing of it has worked: nothing more of it is started
        case _:
            yield from _tend(slice, target, daemons.on(target, slice.instances), now)


def _leave(slice: DaemonSlice, target: DaemonRevision) -> Iterator[Halt]:
    """Machines that are no place for it any more: of a provider it was taken from, or on their way out and empty."""
    places = {each.arn for each in daemons.on(target, slice.instances)} | slice.busy
    lost = [task for task in _wanted(slice.tasks) if task.container_instance_arn not in places]
    if lost:
        yield Halt(slice.daemon, tuple(lost), because="its machine is no place for it any more")


def _roll(slice: DaemonSlice, deployment: DaemonDeployment, target: DaemonRevision, now: Instant) -> Decided:
    """A few machines at a time. With 10 of them and `drainPercent` 25: 2, 2, 2, 2, 2; each step bakes before the next."""
    machines = daemons.on(target, slice.instances)
    most = daemons.threshold(len(machines))
    forward = deployment.status is DaemonDeploymentStatus.IN_PROGRESS
    if forward and deployment.failed_tasks >= most:
        back_to = slice.revisions.get(slice.daemon.stable_revision_arn or "")
        yield GiveUp(
            slice.daemon, deployment, back_to, because=f"{deployment.failed_tasks} tasks failed, {most} are too many"
        )
        return
    served = _served(slice, target)
    missing = [each for each in machines if each.arn not in served]
    taken_on = [each for each in missing if each.arn in deployment.step]
    if taken_on:
        yield from _tend(slice, target, taken_on, now)
        return
    if baking := list(_baking(slice, deployment, now)):
        yield from baking
    elif missing:
        size = daemons.step_size(deployment.spec["drainPercent"], len(machines))
        chosen = tuple(each.arn for each in missing[:size])
        why = f"{len(missing)} of {len(machines)} lack it, {size} at a time"
        yield Step(slice.daemon, deployment, chosen, because=why)
    elif all(
        task.daemon_revision_arn == target.arn or task.container_instance_arn in slice.busy for task in slice.tasks
    ):
        yield Finish(slice.daemon, deployment, because=f"all of {len(machines)} machines have it")


def _baking(slice: DaemonSlice, deployment: DaemonDeployment, now: Instant) -> Iterator[Bake | Wait]:
    bake = deployment.spec["bakeTimeInMinutes"] * 60.0
    if not bake or not deployment.step:
        return
    if deployment.step_done_at is None:
        yield Bake(slice.daemon, deployment, because=f"{len(deployment.step)} more have it")
    elif now < deployment.step_done_at + bake:
        yield Wait(deployment.step_done_at + bake, because="the last step bakes")


def _tend(slice: DaemonSlice, target: DaemonRevision, machines: Iterable[ContainerInstance], now: Instant) -> Decided:
    """Bring each machine to exactly one task of the target, one act at a time: what is old stops before anything starts."""
    present: dict[str | None, list[Task]] = {}
    for task in slice.tasks:
        present.setdefault(task.container_instance_arn, []).append(task)
    for machine in machines:
        here = present.get(machine.arn, [])
        if old := tuple(task for task in _wanted(here) if task.daemon_revision_arn != target.arn):
            yield Halt(slice.daemon, old, because="its revision is replaced")
        elif sick := tuple(task for task in _wanted(here) if task.health is Health.UNHEALTHY):
            yield Halt(slice.daemon, sick, because="it is unhealthy", reason=FAILED_HEALTH_CHECKS)
        elif here:
            continue  # it is on its way: up, or out
        elif slice.daemon.launch_not_before is not None and now < slice.daemon.launch_not_before:
            yield Wait(slice.daemon.launch_not_before, because=f"{slice.daemon.failures} of its tasks failed in a row")
        else:
            yield Place(slice.daemon, target, machine.arn, because="the machine lacks it")


# --- small facts ----------------------------------------------------------------------------------------------------


def _wanted(tasks: Iterable[Task]) -> tuple[Task, ...]:
    return tuple(task for task in tasks if task.desired_status is DesiredStatus.RUNNING)


def _served(slice: DaemonSlice, target: DaemonRevision) -> set[str | None]:
    """The machines on which a task of the target does its work."""
    checked = target.arn in slice.checked
    return {
        task.container_instance_arn
        for task in slice.tasks
        if task.daemon_revision_arn == target.arn and daemons.works(task, checked=checked)
    }
