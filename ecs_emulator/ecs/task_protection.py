"""Scale-in protection: a promise with an end, that a service's scheduler keeps away from a task.

Nothing clears it: a protection whose time is over is none any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import InvalidParameterException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.services import LISTED, Service, ServiceDeployment
from ecs_emulator.records.tasks import DesiredStatus, Task
from ecs_emulator.wire.call import Call, Document, Params

MOST_ASKED = 100
MOST_UPDATED = 10
DEFAULT_MINUTES = 120
LONGEST_MINUTES = 2880

NOT_OF_A_SERVICE = "TASK_NOT_VALID"
BLOCKED = "DEPLOYMENT_BLOCKED"


def get_task_protection(call: Call, params: Params) -> Document:
    """Whether tasks are protected and until when; without `tasks`, all of the cluster that are.

    Source: GetTaskProtection in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    references = params.get("tasks") or []
    _refuse_count(references, MOST_ASKED)
    cluster = resolve.active_cluster(call, params, references)
    if not references:
        protected = _protected(call, cluster_arn=cluster.arn)
        return {"protectedTasks": [_shown(arn, until, call.now) for arn, until in protected], "failures": []}
    tasks, failures = _named(call, cluster, references)
    return {"protectedTasks": [_document(task, call.now) for task in tasks], "failures": failures}


def update_task_protection(call: Call, params: Params) -> Document:
    """Protect tasks of services from scale-in and deployments for so many minutes from now, or no longer.

    Source: UpdateTaskProtection in the ECS API reference; "API failure reasons" in the developer guide. Errors:
    ClusterNotFoundException, InvalidParameterException.
    """
    references = params.get("tasks") or []
    if not references:
        raise InvalidParameterException("Tasks cannot be empty.")
    _refuse_count(references, MOST_UPDATED)
    cluster = resolve.active_cluster(call, params, references)
    until = _until(call, params)
    tasks, failures = _named(call, cluster, references)
    changed: list[Task] = []
    for task in tasks:
        if task.desired_status is DesiredStatus.STOPPED:  # it is past all protection
            failures.append({"arn": task.arn, "reason": NOT_OF_A_SERVICE})
        elif until is not None and _blocks(call, task):
            failures.append({"arn": task.arn, "reason": BLOCKED})
        else:
            changed.append(replace(task, protected_until=until))
            call.put(changed[-1])
    return {"protectedTasks": [_document(task, call.now) for task in changed], "failures": failures}


def _until(call: Call, params: Params) -> float | None:
    """None where protection ends; the minutes are then of no concern."""
    if not params["protectionEnabled"]:
        return None
    minutes = params.get("expiresInMinutes", DEFAULT_MINUTES)
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise InvalidParameterException(f"expiresInMinutes must be between 1 and {LONGEST_MINUTES}")
    return call.now + float(minutes) * 60.0


def _refuse_count(references: Sequence[str], most: int) -> None:
    if len(references) > most:
        raise InvalidParameterException(f"Tasks cannot have more than {most} elements")


def _named(call: Call, cluster: Cluster, references: Sequence[str]) -> tuple[list[Task], list[Document]]:
    """The tasks of services among those that are named, each once, and why the others are none."""
    tasks: list[Task] = []
    failures: list[Document] = []
    for arn in dict.fromkeys(resolve.task_arn(call, cluster, each) for each in references):
        task = resolve.task_named(call, cluster, arn)
        if task is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        elif task.service_arn is None:
            failures.append({"arn": arn, "reason": NOT_OF_A_SERVICE})
        else:
            tasks.append(task)
    return tasks, failures


def _protected(call: Call, **equals: Any) -> list[tuple[str, float]]:
    """The tasks of a cluster or a service whose protection still holds, and until when, the first to end first."""
    held = {"desired_status": DesiredStatus.RUNNING, **equals}
    return call.columns(Task, ("arn", "protected_until"), order="protected_until", after=(call.now,), **held)


def _blocks(call: Call, task: Task) -> bool:
    """Whether the service is in a deployment that more protected tasks than it desires already hold back.

    2 desired, 3 old ones protected while a new revision comes in: it cannot come to rest, and no fourth is protected.
    """
    service = call.get(Service, task.service_arn)
    if service is None or call.count(ServiceDeployment, service_arn=service.arn, status=LISTED) < 2:
        return False
    others = [arn for arn, _ in _protected(call, service_arn=service.arn) if arn != task.arn]
    return len(others) > service.desired_count


def _document(task: Task, now: float) -> Document:
    return _shown(task.arn, task.protected_until, now)


def _shown(arn: str, protected_until: float | None, now: float) -> Document:
    if protected_until is None or protected_until <= now:
        return {"taskArn": arn, "protectionEnabled": False}
    return {"taskArn": arn, "protectionEnabled": True, "expirationDate": protected_until}
