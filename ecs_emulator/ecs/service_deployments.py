"""Service deployments and the revisions that they carry: the history of a service, which only the loop writes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ConflictException,
    InvalidParameterException,
    ServiceDeploymentNotFoundException,
    ServiceNotFoundException,
    UnsupportedFeatureException,
)
from ecs_emulator.ecs.express_gateway_services import managed_resources
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.services import (
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceRevision,
    ServiceStatus,
)
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import Container, DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import deployment_documents, deployment_hooks, gateway_routes
from ecs_emulator.rules.deployment_counts import counted, deployment_id
from ecs_emulator.rules.deployment_strategies import ROLLING
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 20
NO_ARN = "The Service ARN provided is invalid."


# --- the operations -------------------------------------------------------------------------------


def list_service_deployments(call: Call, params: Params) -> Document:
    """The deployments of a service, newest first.

    Source: ListServiceDeployments in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException,
    ServiceNotFoundException.
    """
    cluster = resolve.active_cluster(call, params, [params["service"]])
    service = resolve.service_named(call, cluster, params["service"])
    if service is None or service.status is ServiceStatus.INACTIVE:
        raise ServiceNotFoundException()
    equals: dict[str, Any] = {"service_arn": service.arn}
    if statuses := params.get("status"):
        if any(each not in list(ServiceDeploymentStatus) for each in statuses):
            raise InvalidParameterException(f"status should be one of [{','.join(ServiceDeploymentStatus)}]")
        equals["deployment_status"] = statuses
    created = params.get("createdAt") or {}
    before, since = created.get("before"), created.get("after")

    def fetch(after: Sequence[object] | None, limit: int) -> list[ServiceDeployment]:
        if after is None and before is not None:
            after = (before, "")
        found = call.find(ServiceDeployment, **equals, order="created_at,id", descending=True, after=after, limit=limit)
        return [each for each in found if since is None or each.created_at > since]

    found, token = page(call, params, fetch, lambda each: (each.created_at, each.id), default=20, maximum=100)
    return {"serviceDeployments": [deployment_documents.brief(each) for each in found], "nextToken": token}


def describe_service_deployments(call: Call, params: Params) -> Document:
    """Deployments in the order asked for, each once; one that does not exist is a failure.

    Source: DescribeServiceDeployments in the ECS API reference. Errors: InvalidParameterException.
    """
    named = _named(call, params.get("serviceDeploymentArns") or (), DEPLOYMENT)
    service_arns = {each.service_arn for each in named}
    services = {each.arn: each for each in call.find(Service, arn=service_arns) if each.status in REMEMBERING}
    wanted = {each.arn for each in named if each.service_arn in services}
    found = {each.arn: each for each in call.find(ServiceDeployment, arn=wanted)}
    counts = counted(call.tx, found.values())
    shown = [found[arn] for arn in dict.fromkeys(each.arn for each in named) if arn in found]
    return {
        "serviceDeployments": [
            deployment_documents.deployment(each, services[each.service_arn], counts, _hooks(call, each))
            for each in shown
        ],
        "failures": [{"arn": each.arn, "reason": "MISSING"} for each in named if each.arn not in found],
    }


def describe_service_revisions(call: Call, params: Params) -> Document:
    """Revisions of one service in the order asked for; one that does not exist is a failure each time it is named.

    Source: DescribeServiceRevisions in the ECS API reference; recorded refusals, in their order. Errors:
    ClusterNotFoundException, InvalidParameterException, ServiceNotFoundException.
    """
    named = _named(call, params.get("serviceRevisionArns") or (), REVISION)
    if len({each.service_arn for each in named}) > 1:
        raise InvalidParameterException(
            "Cross service requests are not allowed. All requested service revisions must be for a single service"
        )
    service = _service_of_revisions(call, named[0])
    found = {each.arn: each for each in call.find(ServiceRevision, arn={each.arn for each in named})}
    shown = [found[arn] for arn in dict.fromkeys(each.arn for each in named) if arn in found]
    return {
        "serviceRevisions": [_revision(call, each, service) for each in shown],
        "failures": [{"arn": each.arn, "reason": "MISSING"} for each in named if each.arn not in found],
    }


def stop_service_deployment(call: Call, params: Params) -> Document:
    """Have a service deployment that goes on rolled back to the last one that had completed.

    Source: StopServiceDeployment in the ECS API reference; "Stopping Amazon ECS service deployments" in the developer guide.
    Errors: ConflictException, InvalidParameterException, ServiceDeploymentNotFoundException, UnsupportedFeatureException.
    """
    deployment = _deployment(call, params["serviceDeploymentArn"])
    kind = params.get("stopType") or "ROLLBACK"
    if kind not in ("ROLLBACK", "ABORT"):
        raise InvalidParameterException("stopType should be one of [ABORT,ROLLBACK]")
    if kind == "ABORT":
        raise UnsupportedFeatureException("The stop type ABORT is not supported. Specify ROLLBACK and try again.")
    if deployment.deployment_status not in GOING_ON:
        raise ConflictException("The service deployment is in a terminal state and cannot be stopped.")
    if deployment.deployment_status in STOPPABLE:
        status = ServiceDeploymentStatus.ROLLBACK_REQUESTED
        call.put(replace(deployment, deployment_status=status, updated_at=call.now))
    return {"serviceDeploymentArn": deployment.arn}


def continue_service_deployment(call: Call, params: Params) -> Document:
    """Have a deployment go on that a PAUSE hook holds, or have it rolled back.

    Source: ContinueServiceDeployment in the ECS API reference. Errors: InvalidParameterException,
    ServiceDeploymentNotFoundException.
    """
    deployment = _deployment(call, params["serviceDeploymentArn"])
    action = params.get("action") or "CONTINUE"
    if action not in ("CONTINUE", "ROLLBACK"):
        raise InvalidParameterException("action should be one of [CONTINUE,ROLLBACK]")
    hook = call.get(LifecycleHook, params["hookId"])
    held = hook is not None and hook.deployment_id == deployment.id and hook.status is HookStatus.AWAITING_ACTION
    if hook is None or not held or deployment.deployment_status is not ServiceDeploymentStatus.IN_PROGRESS:
        raise InvalidParameterException(
            f"The lifecycle hook {params['hookId']} of the service deployment {deployment.arn} is not awaiting action."
        )
    if action == "CONTINUE":
        call.put(replace(hook, status=HookStatus.SUCCEEDED))
    else:
        call.put(
            replace(hook, status=HookStatus.FAILED, problem=f"Lifecycle hook {hook.id} was rolled back by its user.")
        )
    return {"serviceDeploymentArn": deployment.arn}


# --- ARNs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two things that are only ever named by an ARN: `service-revision/cluster/service/id`."""

    prefix: str
    name: str
    words: str
    digits: bool
    """The id is a number."""


DEPLOYMENT = Kind("service-deployment", "ServiceDeployment", "Service Deployment", digits=False)
REVISION = Kind("service-revision", "ServiceRevision", "Service Revision", digits=True)
STOPPABLE = (ServiceDeploymentStatus.PENDING, ServiceDeploymentStatus.IN_PROGRESS)
GOING_ON = (
    *STOPPABLE,
    ServiceDeploymentStatus.STOP_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_REQUESTED,
    ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
)
REMEMBERING = (ServiceStatus.ACTIVE, ServiceStatus.DRAINING)
"""Services that still have a history to show."""


@dataclass(frozen=True, slots=True)
class Named:
    """An ARN of the request, taken apart. Lives for one call."""

    arn: str
    cluster_name: str
    service_arn: str


def _named(call: Call, references: Sequence[str], kind: Kind) -> list[Named]:
    """The things that are named, duplicates too. Recorded for revisions; deployments are refused in the same manner."""
    parsed = [arns.parse(each) for each in references]
    if not parsed or None in parsed:
        raise InvalidParameterException(NO_ARN)
    if len(parsed) > MOST_DESCRIBED:
        raise InvalidParameterException(f"{kind.words} ARN count cannot exceed {MOST_DESCRIBED}")
    found = []
    for reference in references:
        prefix, _, rest = reference.rpartition(":")[2].partition("/")
        parts = rest.split("/")
        own = reference == call.world.arn("ecs", f"{prefix}/{rest}")
        if not own or prefix != kind.prefix or len(parts) != 3 or (kind.digits and not _is_number(parts[2])):
            raise InvalidParameterException(f"The {kind.name} ARN is invalid.")
        cluster, service, _ = parts
        found.append(Named(reference, cluster, call.world.arn("ecs", f"service/{cluster}/{service}")))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _service_of_revisions(call: Call, named: Named) -> Service:
    resolve.active_cluster(call, {"cluster": named.cluster_name})
    service = call.get(Service, named.service_arn)
    if service is None:
        raise ServiceNotFoundException()
    if service.status is ServiceStatus.INACTIVE:
        raise InvalidParameterException("Cannot call DescribeServiceRevisions for a service that is INACTIVE")
    return service


# --- what is shown --------------------------------------------------------------------------------


def _deployment(call: Call, reference: str) -> ServiceDeployment:
    """The one that is named, of a service that is remembered."""
    (named,) = _named(call, [reference], DEPLOYMENT)
    deployment = call.first(ServiceDeployment, arn=named.arn)
    service = call.get(Service, named.service_arn)
    if deployment is None or service is None or service.status not in REMEMBERING:
        raise ServiceDeploymentNotFoundException()
    return deployment


def _hooks(call: Call, deployment: ServiceDeployment) -> list[LifecycleHook]:
    return deployment_hooks.of(call.tx, deployment.id) if deployment.strategy != ROLLING else []


def _revision(call: Call, revision: ServiceRevision, service: Service) -> Document:
    definition = call.get(TaskDefinition, revision.task_definition_arn)
    deployment = call.get(ServiceDeployment, deployment_id(revision.arn))
    shown = deployment_documents.revision(
        revision,
        service,
        {} if definition is None else definition.spec,
        resolved=deployment is not None and deployment.finished_at is not None,
        ran=_containers(call, deployment_id(revision.arn)),
    )
    return {**shown, "ecsManagedResources": _managed(call, revision, definition)}


def _managed(call: Call, revision: ServiceRevision, definition: TaskDefinition | None) -> Document | None:
    """What ECS has made for a revision: of an Express service, or for a connector to a gateway."""
    found = managed_resources(call, revision, definition)
    if connections := gateway_routes.connections(call.tx, revision):
        found = {**(found or {}), "gatewayConnections": connections}
    return found


def _containers(call: Call, identifier: str) -> tuple[Container, ...]:
    """The containers of one task of the deployment that got so far as to know its images, if one is remembered."""
    running = {"desired_status": DesiredStatus.RUNNING, "last_status": TaskStatus.RUNNING}
    over = {"desired_status": DesiredStatus.STOPPED, "last_status": TaskStatus.STOPPED}
    for moment in (running, over):
        if (task := call.first(Task, deployment_id=identifier, **moment)) is not None:
            return task.containers
    return ()
