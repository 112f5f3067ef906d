"""Spot capacity that is taken away on demand: a Fargate Spot task is told to stop, a Spot instance drains and goes.

AWS has no such operation (its Fault Injection Service has).
Source: Fargate Spot termination notices and Spot Instance draining in the ECS developer guide.
"""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import InvalidParameterException
from ecs_emulator.ecs.faults import home_of, registered_instance
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.tasks import DesiredStatus, StopCode, Task
from ecs_emulator.rules import machines
from ecs_emulator.rules.stopping import SPOT_INTERRUPTED, asked_to_stop
from ecs_emulator.wire.call import Call, Document

FARGATE_SPOT = "FARGATE_SPOT"
BECAUSE = "because its Spot interruption was ordered"


def interrupt(call: Call, subject: str, *, cluster: str | None = None, drain: bool = True) -> Document:
    """Interrupt the task or the container instance that an id or an ARN means; `i-…` is an instance too.

    `drain`: whether the instance's agent was told to drain it (`ECS_ENABLE_SPOT_INSTANCE_DRAINING`).
    Raises ClusterNotFoundException, and InvalidParameterException where it is not there or not Spot.
    """
    home = home_of(call, cluster, subject)
    task = _task(call, home, subject)
    if task is not None:
        return _interrupt_task(call, task)
    try:
        instance = registered_instance(call, home, subject)
    except InvalidParameterException:
        raise InvalidParameterException(
            f"there is no task and no container instance {subject} in cluster {home.name}"
        ) from None
    return _interrupt_instance(call, instance, drain)


def _task(call: Call, cluster: Cluster, subject: str) -> Task | None:
    if ":container-instance/" in subject or (":" not in subject and len(subject) not in resolve.ID_LENGTHS):
        return None
    return resolve.task_named(call, cluster, subject)


def _interrupt_task(call: Call, task: Task) -> Document:
    if task.capacity_provider_name != FARGATE_SPOT:
        runs_on = task.capacity_provider_name or task.launch_type
        raise InvalidParameterException(f"task {task.id} runs on {runs_on}, and only {FARGATE_SPOT} is interrupted")
    if task.desired_status is DesiredStatus.STOPPED:
        raise InvalidParameterException(f"task {task.id} is stopping already")
    stopped = asked_to_stop(task, StopCode.SPOT_INTERRUPTION, SPOT_INTERRUPTED, call.now)
    call.put(stopped, Decided(call.now, task.arn, f"desired STOPPED {BECAUSE}"))
    return {"taskArn": task.arn, "stopCode": stopped.stop_code, "stoppedReason": stopped.stopped_reason}


def _interrupt_instance(call: Call, instance: ContainerInstance, drain: bool) -> Document:
    if not machines.is_spot(instance):
        bought = instance.attributes.get(machines.PURCHASE) or "not Spot"
        raise InvalidParameterException(
            f"container instance {instance.ec2_instance_id} is {bought}: its attribute {machines.PURCHASE} is not spot"
        )
    if instance.interrupted_at is not None:
        raise InvalidParameterException(f"container instance {instance.ec2_instance_id} is interrupted already")
    status = InstanceStatus.DRAINING if drain else instance.status
    changed = replace(instance, status=status, interrupted_at=call.now, version=instance.version + 1)
    call.put(changed, Decided(call.now, instance.arn, f"{status} {BECAUSE}"))
    gone_at = call.now + call.config.timings.spot_warning
    return {"containerInstanceArn": instance.arn, "status": status, "goneAt": gone_at}
