"""Tasks: asked for, looked at, asked to stop. Nothing is started here: `control/` moves what these write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    ConflictException,
    InvalidParameterException,
    ServiceNotFoundException,
)
from ecs_emulator.ecs.task_definitions import refuse_unusable, resolve_definition
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.services import LISTED, ServiceDeployment, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import DesiredStatus, RunTaskRequest, StopCode, Task, TaskStatus
from ecs_emulator.rules import (
    capacity,
    daemon_definitions,
    launching,
    placement,
    placing,
    resources,
    settings,
    tags,
)
from ecs_emulator.rules.launching import Launching, Wanted
from ecs_emulator.rules.stopping import STOPPED_BY_USER, asked_to_stop
from ecs_emulator.rules.task_documents import bare_document, document
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 100
MOST_TASKS = 10
LONGEST_STARTED_BY = 128
LONGEST_OVERRIDES = 8192
TOKENS_KEPT = 86_400.0
LONGEST_TOKEN = 64
LONGEST_GROUP = 255
LONGEST_STOP_REASON = 255
EXTERNAL_INSTANCE = "ecs.capability.external"
"""The attribute of an instance that is no machine of AWS."""
FILTERS = ("containerInstance", "family", "serviceName", "launchType", "daemonName")
_TOKEN = re.compile("[!-~]*")


# --- the operations -------------------------------------------------------------------------------------------------


def run_task(call: Call, params: Params) -> Document:
    """Start up to ten tasks of a definition, each where placement puts it; those that cannot be placed are failures.

    Source: RunTask in the ECS API reference. Errors: ClientException, ClusterNotFoundException, ConflictException,
    InvalidParameterException, PlatformUnknownException.
    """
    definition = resolve_definition(call, params["taskDefinition"])
    cluster = resolve.active_cluster(call, params)
    refuse_unusable(definition)
    asked_tags = _tags(params)
    _refuse_token(params)
    if (replay := _replayed(call, cluster, params)) is not None:
        return replay
    count = _count(params)
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise InvalidParameterException("You may choose a capacity provider or a launch type but not both.")
    how = launching.launching(params, cluster)
    launching.refuse_contradictions(params, definition, how)
    launching.refuse_overrides(params.get("overrides") or {}, definition, how)
    _refuse_words(params, definition)
    shares = capacity.distribute(how.strategy, {}, count) if how.strategy else [None] * count
    wanted = [_wanted(call, cluster, definition, how, params, asked_tags, provider) for provider in shares]
    rules = _placement_rules(params, definition)
    placed = placing.place(call.tx, wanted, call.ids, call.now, call.config, **rules)
    if placed.refusal is not None and placed.refusal.full:
        raise ClientException("The tasks provisioning capacity limit was exceeded.")
    if placed.refusal is not None and not placed.refusal.failures:
        raise InvalidParameterException(placement.NO_INSTANCES)
    failures = placed.refusal.documents() if placed.refusal is not None else []
    call.put(*placed.tasks)
    _remember(call, cluster, params, placed.tasks, failures)
    return {
        "tasks": [document(task, definition.spec, shown_tags=True, health=False) for task in placed.tasks],
        "failures": failures,
    }


def start_task(call: Call, params: Params) -> Document:
    """Start a task on each of the instances named: no placement, but what the instance lacks is a failure.

    Source: StartTask in the ECS API reference. Errors: ClientException, ClusterNotFoundException, InvalidParameterException.
    """
    definition = resolve_definition(call, params["taskDefinition"])
    cluster = resolve.active_cluster(call, params)
    refuse_unusable(definition)
    asked_tags = _tags(params)
    references = params.get("containerInstances") or []
    if not references:
        raise InvalidParameterException("Container Instances cannot be empty.")
    if len(references) > MOST_TASKS:
        raise InvalidParameterException(f"Container Instances cannot have more than {MOST_TASKS} elements")
    how = Launching("EC2")
    launching.refuse_contradictions(params, definition, how)
    launching.refuse_overrides(params.get("overrides") or {}, definition, how)
    _refuse_words(params, definition)
    tasks: list[Task] = []
    failures: list[Document] = []
    for reference in references:
        wanted = _wanted(call, cluster, definition, how, params, asked_tags, None)
        started = _started_on(call, cluster, reference, wanted)
        if isinstance(started, Task):
            call.put(started)
            tasks.append(started)
        else:
            failures.append(started)
    return {
        "tasks": [document(task, definition.spec, shown_tags=True, health=False) for task in tasks],
        "failures": failures,
    }


def stop_task(call: Call, params: Params) -> Document:
    """Ask a task to stop: SIGTERM, then SIGKILL after `stopTimeout`. The first cause stays.

    Source: StopTask in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    cluster = resolve.active_cluster(call, params, [params["task"]])
    task = resolve.task_named(call, cluster, params["task"])
    if task is None:
        raise InvalidParameterException("The referenced task was not found.")
    reason = params.get("reason") or STOPPED_BY_USER
    if len(reason) > LONGEST_STOP_REASON:
        raise InvalidParameterException(f"reason can have at most {LONGEST_STOP_REASON} characters.")
    definition = _definition_of(call, task)
    if task.last_status is TaskStatus.STOPPED:
        return {"task": bare_document(task, definition)}
    stopped = asked_to_stop(task, StopCode.USER_INITIATED, reason, call.now)
    if stopped is not task:
        call.put(stopped)
    return {"task": document(stopped, definition, shown_tags=False, health=False)}


def describe_tasks(call: Call, params: Params) -> Document:
    """Tasks in the order asked for; a STOPPED one is remembered for an hour.

    Source: DescribeTasks in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    references = params.get("tasks") or []
    if not references:
        raise InvalidParameterException("Tasks cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException(f"Tasks cannot have more than {MOST_DESCRIBED} elements")
    cluster = resolve.cluster_named(call, params.get("cluster"), references)
    wanted = list(dict.fromkeys(resolve.task_arn(call, cluster, each) for each in references))
    found = {task.arn: task for task in call.find(Task, arn=wanted) if _remembered(call, task)}
    definitions = _definitions_of(call, found.values())
    shown = "TAGS" in (params.get("include") or ())
    return {
        "tasks": [
            document(found[arn], definitions[found[arn].task_definition_arn], shown_tags=shown)
            for arn in wanted
            if arn in found
        ],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
    }


def list_tasks(call: Call, params: Params) -> Document:
    """The ARNs of a cluster's tasks, by id; those that are wanted to run, unless `desiredStatus` says STOPPED.

    Source: ListTasks in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException, ServiceNotFoundException.
    """
    cluster = resolve.active_cluster(call, params)
    equals = _filters(call, cluster, params)
    if equals is None:
        return {"taskArns": []}

    fetch = _remembered_tasks(call, equals)
    arns, token = page(call, params, fetch, lambda arn: arn, default=100, maximum=100)
    return {"taskArns": arns, "nextToken": token}


# --- what is asked for ----------------------------------------------------------------------------------------------


def _tags(params: Params) -> dict[str, str]:
    if params.get("propagateTags") not in (None, "TASK_DEFINITION", "NONE"):
        raise InvalidParameterException("propagateTags should be one of [TASK_DEFINITION,NONE]")
    return tags.checked(params.get("tags", ()))


def _count(params: Params) -> int:
    count: int = params.get("count", 1)
    if count > MOST_TASKS:
        raise InvalidParameterException(f"count cannot be greater than {MOST_TASKS}.")
    if count < 1:
        raise InvalidParameterException("count must be greater than or equal to 1.")
    return count


def _refuse_words(params: Params, definition: TaskDefinition) -> None:
    """What is wrong with the free words of the request: group, startedBy, overrides."""
    if len(params.get("startedBy", "")) > LONGEST_STARTED_BY:
        raise InvalidParameterException(f"startedBy can have at most {LONGEST_STARTED_BY} characters.")
    if len(params.get("group", "")) > LONGEST_GROUP:
        raise InvalidParameterException(f"group can have at most {LONGEST_GROUP} characters.")
    if params.get("group", "").startswith("service:"):
        raise InvalidParameterException("Invalid namespace for group.")
    overrides = params.get("overrides") or {}
    names = {one["name"] for one in definition.spec["containerDefinitions"]}
    for override in overrides.get("containerOverrides") or ():
        if (name := override.get("name", "null")) not in names:
            raise InvalidParameterException(
                f"Override for container named {name} is not a container in the TaskDefinition."
            )
    if len(json.dumps(overrides, separators=(",", ":"), ensure_ascii=False)) > LONGEST_OVERRIDES:
        raise InvalidParameterException(f"Container Overrides length must be at most {LONGEST_OVERRIDES}")
    if params.get("enableExecuteCommand") and not (overrides.get("taskRoleArn") or definition.spec.get("taskRoleArn")):
        raise InvalidParameterException(
            "The task couldn't be started because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


def _wanted(
    call: Call,
    cluster: Cluster,
    definition: TaskDefinition,
    how: Launching,
    params: Params,
    asked_tags: dict[str, str],
    provider: str | None,
) -> Wanted:
    own = dict(definition.tags) if params.get("propagateTags") == "TASK_DEFINITION" else {}
    found = {**own, **asked_tags}
    overrides = params.get("overrides") or {}
    spec: dict[str, Any] = {"overrides": overrides, "enableExecuteCommand": bool(params.get("enableExecuteCommand"))}
    if (network := launching.network_configuration(params)) is not None:
        spec["networkConfiguration"] = network
    if volumes := params.get("volumeConfigurations"):
        spec["volumeConfigurations"] = volumes
    spec["logDriverMode"] = settings.value_for(call.tx, call.world, "defaultLogDriverMode", call.principal_arn)
    return Wanted(
        world=call.world,
        cluster=cluster,
        definition=definition,
        need=resources.needed(definition.spec, launching.in_units(overrides)),
        how=how,
        group=params.get("group") or f"family:{definition.family}",
        spec=spec,
        started_by=params.get("startedBy"),
        capacity_provider=provider,
        platform_version=params.get("platformVersion"),
        tags=launching.managed_tags(cluster, None, found) if params.get("enableECSManagedTags") else found,
    )


def _placement_rules(params: Params, definition: TaskDefinition) -> dict[str, Any]:
    own, asked = definition.spec.get("placementConstraints") or (), params.get("placementConstraints") or ()
    return {
        "strategies": placement.strategies(params.get("placementStrategy")),
        "constraints": placement.constraints([*own, *asked]),
    }


def _started_on(call: Call, cluster: Cluster, reference: str, wanted: Wanted) -> Task | Document:
    """The task, or its failure: an instance that is not there, or takes nothing new, is named as it was given."""
    instance = resolve.instance_named(call, cluster, reference)
    if instance is None:
        return {"arn": reference, "reason": "MISSING"}
    if EXTERNAL_INSTANCE in instance.attributes:
        wanted = replace(wanted, how=Launching("EXTERNAL"))
    started = placing.place_on(call.tx, wanted, instance, call.ids, call.now)
    if isinstance(started, Task):
        return started
    return {"arn": reference if started.reason == "INACTIVE" else started.arn, "reason": started.reason}


# --- clientToken ----------------------------------------------------------------------------------------------------


def _refuse_token(params: Params) -> None:
    token = params.get("clientToken") or ""
    if len(token) > LONGEST_TOKEN:
        raise InvalidParameterException(f"idempotency token longer than {LONGEST_TOKEN}.")
    if not _TOKEN.fullmatch(token):
        raise InvalidParameterException("idempotency token can only contain ASCII characters in the range of 33-126.")


def _replayed(call: Call, cluster: Cluster, params: Params) -> Document | None:
    """The tasks of the same request made before with the same token, as they are now."""
    token = params.get("clientToken")
    known = call.get(RunTaskRequest, cluster.arn, token) if token else None
    if known is None or call.now >= known.expires_at:
        return None
    tasks = {task.arn: task for task in call.find(Task, arn=known.task_arns) if _remembered(call, task)}
    if known.task_arns and not tasks:
        return None  # the token is free again an hour after the last of its tasks has stopped
    if known.request != params:
        raise ConflictException(resourceIds=known.task_arns)
    definitions = _definitions_of(call, tasks.values())
    found = [tasks[arn] for arn in known.task_arns if arn in tasks]
    documents = [document(task, definitions[task.task_definition_arn], shown_tags=True, health=False) for task in found]
    return {"tasks": documents, "failures": known.failures}


def _remember(call: Call, cluster: Cluster, params: Params, tasks: Sequence[Task], failures: list[Document]) -> None:
    if token := params.get("clientToken"):
        arns = [task.arn for task in tasks]
        world = call.world
        expires_at = call.now + TOKENS_KEPT
        call.put(RunTaskRequest(cluster.arn, token, world.account, world.region, params, arns, failures, expires_at))


# --- what is there --------------------------------------------------------------------------------------------------


def _filters(call: Call, cluster: Cluster, params: Params) -> dict[str, Any] | None:
    """The columns to list by; None where nothing can match."""
    desired = params.get("desiredStatus", "RUNNING")
    if desired not in ("RUNNING", "PENDING", "STOPPED"):
        raise InvalidParameterException("desired status should be one of [RUNNING,PENDING,STOPPED]")
    if params.get("startedBy") and any(params.get(name) for name in FILTERS):
        raise InvalidParameterException("cannot specify startedBy with other filters")
    equals: dict[str, Any] = {"cluster_arn": cluster.arn, "desired_status": DesiredStatus.RUNNING}
    if desired == "STOPPED":
        equals["desired_status"] = DesiredStatus.STOPPED
    if launch_type := params.get("launchType"):
        launching.refuse_launch_type(launch_type)
        equals["launch_type"] = launch_type
    for member, column in (("startedBy", "started_by"), ("family", "family")):
        if params.get(member):
            equals[column] = params[member]
    if name := params.get("serviceName"):
        del equals["cluster_arn"]  # the service's ARN says as much, and leads straight to its tasks
        equals |= _of_service(call, cluster, name)
    if reference := params.get("containerInstance"):
        equals.pop("cluster_arn", None)
        equals["container_instance_arn"] = resolve.instance_arn(call, cluster, reference)
    if name := params.get("daemonName"):
        equals.pop("cluster_arn", None)  # as with a service
        equals["daemon_arn"] = call.world.arn("ecs", f"daemon/{cluster.name}/{name}")
    return None if desired == "PENDING" else equals


def _of_service(call: Call, cluster: Cluster, name: str) -> dict[str, Any]:
    """Recorded: the tasks of a deployment that has left the service are not listed by its name any more."""
    service = resolve.service_named(call, cluster, name)
    if service is None or service.status is ServiceStatus.INACTIVE:
        raise ServiceNotFoundException("Service not found.")
    listed = call.find(ServiceDeployment, service_arn=service.arn, status=LISTED)
    return {"service_arn": service.arn, "deployment_id": [one.id for one in listed]}


def _remembered_tasks(call: Call, equals: dict[str, Any]) -> Callable[[tuple[Any, ...] | None, int], list[str]]:
    """Pages of tasks' ARNs without those that are over for too long, which may lie between the others."""

    def fetch(after: tuple[Any, ...] | None, limit: int) -> list[str]:
        found: list[str] = []
        while len(found) < limit:
            more = call.columns(Task, ("arn", "stopped_at"), **equals, order="arn", after=after, limit=limit)
            found += [arn for arn, stopped_at in more if _remembers(call, stopped_at)]
            if len(more) < limit:
                break
            after = more[-1][:1]
        return found[:limit]

    return fetch


def _remembered(call: Call, task: Task) -> bool:
    return _remembers(call, task.stopped_at)


def _remembers(call: Call, stopped_at: float | None) -> bool:
    return stopped_at is None or call.now < stopped_at + call.config.timings.stopped_kept


def _definition_of(call: Call, task: Task) -> Document:
    return _definitions_of(call, [task])[task.task_definition_arn]


def _definitions_of(call: Call, tasks: Iterable[Task]) -> dict[str, Document]:
    return daemon_definitions.of_tasks(call.tx, (task.task_definition_arn for task in tasks))
