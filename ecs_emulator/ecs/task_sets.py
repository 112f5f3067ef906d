"""Task sets: what a deployment controller other than ECS makes, scales and lets go; `control/task_sets.py` keeps their tasks."""

from __future__ import annotations

from dataclasses import replace

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    ServiceNotActiveException,
    ServiceNotFoundException,
    TaskSetNotFoundException,
)
from ecs_emulator.ecs.task_definitions import refuse_unusable, resolve_definition
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.task_sets import TaskSet, TaskSetStatus
from ecs_emulator.rules import deployment_controllers, launching, service_settings, tags, task_sets
from ecs_emulator.rules.service_documents import counted
from ecs_emulator.wire.call import Call, Document, Params

SETS_ONLY = (
    "Amazon ECS only supports task set management on services configured to use external deployment controllers."
)


def create_task_set(call: Call, params: Params) -> Document:
    """Have a share of a service's desired count kept running, made of what is said here.

    Source: CreateTaskSet in the ECS API reference; recorded refusals. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException, PlatformTaskDefinitionIncompatibilityException, PlatformUnknownException, ServiceNotActiveException,
    ServiceNotFoundException.
    """
    cluster, service = _active(call, params)
    definition = resolve_definition(call, params["taskDefinition"])
    refuse_unusable(definition, ClientException)
    service_settings.refuse_token(params.get("clientToken"))
    how = launching.of_service(params, cluster)
    launching.refuse_contradictions(params, definition, how)
    task_sets.scale(params.get("scale"))
    present = task_sets.sets_of(call.tx, service)
    if (twin := _twin(present, params)) is not None:
        return {"taskSet": _document(call, twin, shown_tags=bool(twin.tags))}
    service_settings.refuse_load_balancers(params, definition.spec, how.launch_type)
    checked = tags.checked(params.get("tags") or ())
    if len(present) >= task_sets.MOST:
        raise InvalidParameterException(task_sets.TOO_MANY)
    number = call.ids.digits("task-set")
    made = replace(
        task_sets.made(call.world, service, definition, how, params, number, call.now),
        external_id=params.get("externalId"),
        started_by=service.controller if service.controller == deployment_controllers.CODE_DEPLOY else None,
        client_token=params.get("clientToken"),
        request={name: value for name, value in params.items() if name != "tags"},
        tags=checked,
    )
    call.put(made)
    return {"taskSet": _document(call, made, shown_tags=bool(made.tags))}


def update_task_set(call: Call, params: Params) -> Document:
    """Scale a task set; nothing else of it can be changed.

    Source: UpdateTaskSet in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException,
    ServiceNotActiveException, ServiceNotFoundException, TaskSetNotFoundException.
    """
    _, service = _active(call, params)
    task_set = _living(call, service, params["taskSet"])
    scaled = replace(task_set, scale=task_sets.scale(params["scale"]), updated_at=call.now)
    scaled = task_sets.unsettled(scaled, service.desired_count, call.now)
    call.put(scaled)
    return {"taskSet": _document(call, scaled)}


def delete_task_set(call: Call, params: Params) -> Document:
    """Let a task set go: it drains, and vanishes with its last task. What still has tasks or serves goes by force only.

    Source: DeleteTaskSet in the ECS API reference. Errors: as UpdateTaskSet.
    """
    _, service = _active(call, params)
    task_set = _named(call, service, params["taskSet"])
    if task_set.status is not TaskSetStatus.DRAINING:
        if not params.get("force"):
            _refuse_in_use(task_set)
        task_set = task_sets.let_go(task_set, call.now)
        call.put(task_set)
    return {"taskSet": _document(call, task_set)}


def describe_task_sets(call: Call, params: Params) -> Document:
    """Those that are named, or all of the service, the oldest first; one that does not exist is a failure.

    Source: DescribeTaskSets in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException,
    ServiceNotActiveException, ServiceNotFoundException.
    """
    cluster, service = _service(call, params)
    if service.status is ServiceStatus.INACTIVE:
        raise ServiceNotActiveException()
    _refuse_other_controllers(service)
    include = params.get("include") or ()
    if any(one != "TAGS" for one in include):
        raise InvalidParameterException("include should be one of [TAGS]")
    present = {each.arn: each for each in task_sets.sets_of(call.tx, service)}
    wanted = [_arn(call, cluster, service, each) for each in dict.fromkeys(params.get("taskSets") or ())]
    shown = [present[arn] for arn in dict.fromkeys(wanted or present) if arn in present]
    running, pending = counted(call.tx, service.arn)
    return {
        "taskSets": [
            task_sets.document(each, running.get(each.id, 0), pending.get(each.id, 0), shown_tags=bool(include))
            for each in shown
        ],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in present],
    }


def update_service_primary_task_set(call: Call, params: Params) -> Document:
    """Have a task set serve production: the service is described by what it is made of, and the one before is ACTIVE again.

    Source: UpdateServicePrimaryTaskSet in the ECS API reference. Errors: as UpdateTaskSet.
    """
    _, service = _active(call, params)
    task_set = _living(call, service, params["primaryTaskSet"])
    for former in task_sets.sets_of(call.tx, service):
        if former.status is TaskSetStatus.PRIMARY and former.arn != task_set.arn:
            call.put(replace(former, status=TaskSetStatus.ACTIVE, updated_at=call.now))
    if task_set.status is not TaskSetStatus.PRIMARY:
        task_set = replace(task_set, status=TaskSetStatus.PRIMARY, updated_at=call.now)
        call.put(task_set)
    call.put(
        replace(
            service,
            task_definition_arn=task_set.task_definition_arn,
            launch_type=task_set.launch_type,
            spec=service_settings.with_revision(service.spec, task_set.spec),
        )
    )
    return {"taskSet": _document(call, task_set)}


# --- what is named --------------------------------------------------------------------------------


def _service(call: Call, params: Params) -> tuple[Cluster, Service]:
    cluster = resolve.active_cluster(call, params, [params["service"]])
    service = resolve.service_named(call, cluster, params["service"])
    if service is None:
        raise ServiceNotFoundException()
    return cluster, service


def _active(call: Call, params: Params) -> tuple[Cluster, Service]:
    """The cluster, and its ACTIVE service that keeps task sets."""
    cluster, service = _service(call, params)
    if service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotActiveException()
    _refuse_other_controllers(service)
    return cluster, service


def _refuse_other_controllers(service: Service) -> None:
    if service.controller == deployment_controllers.ECS:
        raise InvalidParameterException(SETS_ONLY)


def _arn(call: Call, cluster: Cluster, service: Service, reference: str) -> str:
    """The ARN that an id, `ecs-svc/<19 digits>`, or an ARN means."""
    if reference.startswith("arn:"):
        return reference
    return call.world.arn("ecs", f"task-set/{cluster.name}/{service.name}/{reference}")


def _named(call: Call, service: Service, reference: str) -> TaskSet:
    """The task set of this service that an id or an ARN means. Raises TaskSetNotFoundException."""
    for task_set in task_sets.sets_of(call.tx, service):
        if reference in (task_set.id, task_set.arn):
            return task_set
    raise TaskSetNotFoundException()


def _living(call: Call, service: Service, reference: str) -> TaskSet:
    """The same, unless it has been let go."""
    task_set = _named(call, service, reference)
    if task_set.status is TaskSetStatus.DRAINING:
        raise InvalidParameterException("The specified task set is DRAINING.")
    return task_set


def _refuse_in_use(task_set: TaskSet) -> None:
    if task_set.status is TaskSetStatus.PRIMARY:
        raise InvalidParameterException("Primary TaskSet cannot be deleted")
    if task_set.scale > 0:
        raise InvalidParameterException("The task set cannot be deleted while it is scaled above 0.")


def _twin(present: list[TaskSet], params: Params) -> TaskSet | None:
    """The task set that the same words with the same token made before; other words with that token are refused."""
    token = params.get("clientToken")
    twin = next((each for each in present if token is not None and each.client_token == token), None)
    if twin is not None and twin.request != {name: value for name, value in params.items() if name != "tags"}:
        raise InvalidParameterException("Creation of task set was not idempotent.")
    return twin


def _document(call: Call, task_set: TaskSet, *, shown_tags: bool = False) -> Document:
    running, pending = counted(call.tx, task_set.service_arn)
    return task_sets.document(task_set, running.get(task_set.id, 0), pending.get(task_set.id, 0), shown_tags=shown_tags)
