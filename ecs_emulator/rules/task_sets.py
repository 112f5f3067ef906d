"""A task set's share of what is desired, and the document that tells of it.

Source: CreateTaskSet, TaskSet and Scale in the ECS API reference; recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.records.services import Service
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.task_sets import Stability, TaskSet, TaskSetStatus
from ecs_emulator.rules import launching, tags
from ecs_emulator.rules.deployment_controllers import ECS
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.launching import Launching
from ecs_emulator.store import Transaction

Document = dict[str, Any]

MOST = 5
"""Task sets of one service."""
WHOLE = 100.0
SPEC = ("platformVersion", "loadBalancers", "serviceRegistries")
"""What a task set keeps as it was asked for, beside its network and its capacity."""
TOO_MANY = (
    f"{MOST} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit."
)


def computed_count(desired: int, scale: float) -> int:
    """The share, rounded up: 10 × 33.3 % are 4, 3 × 50 % are 2, 100 × 7 % are exactly 7."""
    share = desired * Fraction(str(scale)) / 100
    return -int(-share // 1)


def scale(asked: Mapping[str, Any] | None) -> float:
    """The percentage of a request's `scale`; 0 where there is none. Raises InvalidParameterException."""
    if asked is None:
        return 0.0
    if asked.get("unit", "PERCENT") != "PERCENT":
        raise InvalidParameterException("unit should be one of [PERCENT]")
    value = asked.get("value")
    if value is None:
        raise InvalidParameterException("Scale value is missing")
    if not 0 <= value <= WHOLE:
        raise InvalidParameterException("Scale value must be between 0 and 100.")
    return float(value)


def sets_of(tx: Transaction, service: Service) -> list[TaskSet]:
    """Those of a service, the oldest first; where ECS itself deploys there are none."""
    if service.controller == ECS:
        return []
    return tx.find(TaskSet, service_arn=service.arn, order="created_at,arn")


def target(task_set: TaskSet, desired: int) -> int:
    """The tasks that it is to have; none once it is let go."""
    return 0 if task_set.status is TaskSetStatus.DRAINING else computed_count(desired, task_set.scale)


def unsettled(task_set: TaskSet, desired: int, now: Instant) -> TaskSet:
    """The same, no longer stable where its target is another now: nobody who asks next is to think that it has been reached."""
    if task_set.stability is Stability.STABILIZING or target(task_set, desired) == task_set.computed_count:
        return task_set
    return replace(task_set, stability=Stability.STABILIZING, stability_at=now)


def let_go(task_set: TaskSet, now: Instant) -> TaskSet:
    """It is to vanish, with all its tasks."""
    if task_set.status is TaskSetStatus.DRAINING:
        return task_set
    draining = replace(task_set, status=TaskSetStatus.DRAINING, updated_at=now)
    return replace(draining, stability=Stability.STABILIZING, stability_at=now)


def document(task_set: TaskSet, running: int, pending: int, *, shown_tags: bool = False) -> Document:
    """The task set as it is described."""
    spec = task_set.spec
    strategy = spec.get("capacityProviderStrategy")
    on_fargate = task_set.launch_type == "FARGATE"
    return {
        "id": task_set.id,
        "taskSetArn": task_set.arn,
        "serviceArn": task_set.service_arn,
        "clusterArn": task_set.cluster_arn,
        "startedBy": task_set.started_by,
        "externalId": task_set.external_id,
        "status": task_set.status,
        "taskDefinition": task_set.task_definition_arn,
        "computedDesiredCount": task_set.computed_count,
        "pendingCount": pending,
        "runningCount": running,
        "createdAt": task_set.created_at,
        "updatedAt": task_set.updated_at,
        "launchType": None if strategy else task_set.launch_type,
        "capacityProviderStrategy": strategy,
        **(launching.platform(spec.get("platformVersion"), task_set.platform_family) if on_fargate else {}),
        "networkConfiguration": spec.get("networkConfiguration"),
        "loadBalancers": spec.get("loadBalancers", []),
        "serviceRegistries": spec.get("serviceRegistries", []),
        "scale": {"value": task_set.scale, "unit": "PERCENT"},
        "stabilityStatus": task_set.stability,
        "stabilityStatusAt": task_set.stability_at,
        "tags": tags.document(task_set.tags) if shown_tags else None,
    }


def made(
    world: World,
    service: Service,
    definition: TaskDefinition,
    how: Launching,
    params: Mapping[str, Any],
    number: str,
    now: Instant,
) -> TaskSet:
    """A new task set of a service, ACTIVE, from the words of CreateTaskSet, or of CreateService."""
    path = f"{service.cluster_arn.rpartition('/')[2]}/{service.name}"
    spec = {member: params[member] for member in SPEC if params.get(member) is not None}
    if how.strategy:
        spec["capacityProviderStrategy"] = list(how.strategy)
    if (network := launching.network_configuration(params)) is not None:
        spec["networkConfiguration"] = network
    return TaskSet(
        arn=world.arn("ecs", f"task-set/{path}/ecs-svc/{number}"),
        id=f"ecs-svc/{number}",
        account=world.account,
        region=world.region,
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        status=TaskSetStatus.ACTIVE,
        task_definition_arn=definition.arn,
        launch_type=how.launch_type,
        scale=scale(params.get("scale")),
        spec=spec,
        created_at=now,
        updated_at=now,
        stability_at=now,
        platform_family=launching.platform_family(definition.spec) if how.on_fargate else None,
    )
