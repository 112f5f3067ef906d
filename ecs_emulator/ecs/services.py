"""Services: how many tasks of what are to be kept. Nothing is started here: `control/services.py` moves what these write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    ServiceNotActiveException,
    ServiceNotFoundException,
)
from ecs_emulator.ecs.task_definitions import refuse_unusable, resolve_definition
from ecs_emulator.records.clusters import Cluster
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
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import capacity, launching, service_settings, tags
from ecs_emulator.rules.launching import Launching
from ecs_emulator.rules.service_documents import Known, deleted, described, document
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 10
REVISION = service_settings.NEW_DEPLOYMENT
SWITCH_NEEDS_FORCE = (
    "When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider "
    "strategy on a service that is already using one, you must force a new deployment."
)


# --- the operations -------------------------------------------------------------------------------------------------


def create_service(call: Call, params: Params) -> Document:
    """Ask for `desiredCount` tasks of a definition to be kept running.

    Source: CreateService in the ECS API reference. Errors: ClientException, ClusterNotFoundException, InvalidParameterException,
    PlatformUnknownException, UnsupportedFeatureException.
    """
    cluster = resolve.active_cluster(call, params)
    name = params["serviceName"]
    service_settings.refuse_name(name)
    if not params.get("taskDefinition"):
        raise InvalidParameterException("TaskDefinition can not be blank.")
    definition = resolve_definition(call, params["taskDefinition"])
    refuse_unusable(definition, ClientException)
    service_settings.refuse_token(params.get("clientToken"))
    how = _launching(params, cluster)
    launching.refuse_contradictions(params, definition, how)
    service_settings.refuse_enums(params)
    service_settings.refuse_not_built(params)
    service_settings.refuse_counts(params)
    spec = _spec(params, how)
    twin = resolve.service_named(call, cluster, name)
    if twin is not None and twin.status is not ServiceStatus.INACTIVE:
        return {"service": document(_known(call, _same(twin, params)), shown_tags=True)}
    service_settings.refuse_load_balancers(spec, definition.spec)
    service_settings.refuse_exec(spec, definition.spec, "created")
    if twin is not None:
        _forget(call, twin)
    service = _asked_for(call, cluster, definition, how, params, spec)
    call.put(service)
    _deploy(call, service, definition, service.desired_count)
    return {"service": document(_known(call, service), shown_tags=True)}


def update_service(call: Call, params: Params) -> Document:
    """Change what is kept; a change of what a task is made of is a new deployment, a change of count is not.

    Source: UpdateService in the ECS API reference. Errors: ClientException, ClusterNotFoundException, InvalidParameterException,
    PlatformUnknownException, ServiceNotActiveException, ServiceNotFoundException, UnsupportedFeatureException.
    """
    cluster = resolve.active_cluster(call, params, [params["service"]])
    service = resolve.service_named(call, cluster, params["service"])
    if service is None:
        raise ServiceNotFoundException("Service not found.")
    if service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotActiveException()
    if params.get("desiredCount", 0) < 0:
        raise InvalidParameterException("Task count can not be lesser than 0")
    service_settings.refuse_too_many(params)
    definition = _definition_for(call, service, params)
    updated = _updated(service, params, definition, cluster)
    if params.get("forceNewDeployment") or _differs(service, updated):
        updated = replace(updated, steady=False, refusal=None)
        call.put(updated)
        _deploy(call, updated, definition, 0)
    elif updated != service:
        updated = replace(updated, steady=False, refusal=None)
        call.put(updated)
        for primary in call.find(ServiceDeployment, service_arn=service.arn, status=DeploymentStatus.PRIMARY):
            call.put(replace(primary, updated_at=call.now))
    return {"service": document(_known(call, updated))}


def delete_service(call: Call, params: Params) -> Document:
    """Let a service go: it drains, then it is remembered as INACTIVE.

    Source: DeleteService in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException, ServiceNotFoundException.
    """
    cluster = resolve.active_cluster(call, params, [params["service"]])
    service = resolve.service_named(call, cluster, params["service"])
    if service is None or service.status is ServiceStatus.INACTIVE:
        raise ServiceNotFoundException("")
    if service.status is ServiceStatus.ACTIVE:
        if service.desired_count > 0 and not params.get("force"):
            raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
        service = replace(
            service, status=ServiceStatus.DRAINING, desired_count=0, deleted_at=call.now, waiting_for=None, tags={}
        )
        call.put(service)
        for deployment in _deployments(call, service):
            status = deployment.status if deployment.status is DeploymentStatus.PRIMARY else DeploymentStatus.DRAINING
            call.put(replace(deployment, status=status, desired_count=0, updated_at=call.now))
    return {"service": deleted(_known(call, service))}


def describe_services(call: Call, params: Params) -> Document:
    """Services in the order asked for; an INACTIVE one is remembered, an unknown one is a failure.

    Source: DescribeServices in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    references = params.get("services") or []
    if not references:
        raise InvalidParameterException("Services cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException(f"services can have at most {MOST_DESCRIBED} items.")
    include = params.get("include") or ()
    if any(one != "TAGS" for one in include):
        raise InvalidParameterException("include should be one of [TAGS]")
    cluster = resolve.cluster_named(call, params.get("cluster"), references)
    wanted = list(dict.fromkeys(resolve.service_arn(call, cluster, each) for each in references))
    found = {service.arn: service for service in call.find(Service, arn=wanted) if _remembered(call, service)}
    return {
        "services": [described(_known(call, found[arn]), shown_tags=bool(include)) for arn in wanted if arn in found],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
    }


def list_services(call: Call, params: Params) -> Document:
    """The ARNs of a cluster's ACTIVE services, in no visible order.

    Source: ListServices in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    cluster = resolve.active_cluster(call, params)
    if params.get("maxResults", 1) > 100:
        raise InvalidParameterException("Max results can not be greater than 100")
    equals: dict[str, Any] = {"cluster_arn": cluster.arn, "status": ServiceStatus.ACTIVE}
    service_settings.refuse_enums(params)
    if launch_type := params.get("launchType"):
        launching.refuse_launch_type(launch_type)
        equals["launch_type"] = launch_type
    if strategy := params.get("schedulingStrategy"):
        equals["scheduling_strategy"] = strategy
    if params.get("resourceManagementType") == "ECS":
        return {"serviceArns": []}

    def fetch(after: Sequence[object] | None, limit: int) -> list[Service]:
        return call.find(Service, **equals, order="listing_id", after=after, limit=limit)

    found, token = page(call, params, fetch, lambda service: service.listing_id, default=10, maximum=100)
    return {"serviceArns": [service.arn for service in found], "nextToken": token}


# --- CreateService --------------------------------------------------------------------------------------------------


def _launching(params: Params, cluster: Cluster) -> Launching:
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise InvalidParameterException(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    for item in params.get("capacityProviderStrategy") or ():
        if capacity.name_of(item.get("capacityProvider", "")) not in cluster.capacity_providers:
            name = item.get("capacityProvider")
            raise InvalidParameterException(f"The specified capacity provider '{name}' was not found.")
    return launching.launching(params, cluster)


def _spec(params: Params, how: Launching) -> Document:
    """The service's own members with their defaults, checked."""
    configuration = service_settings.deployment_configuration(params.get("deploymentConfiguration"))
    rebalancing = service_settings.zone_rebalancing(params, configuration, how.launch_type)
    kept = (*service_settings.NEW_DEPLOYMENT, *service_settings.IN_PLACE, "role")
    spec = {member: params[member] for member in kept if params.get(member) is not None}
    spec |= {"deploymentConfiguration": configuration, "availabilityZoneRebalancing": rebalancing}
    spec.pop("capacityProviderStrategy", None)
    if how.strategy:
        spec["capacityProviderStrategy"] = list(how.strategy)
    if (network := launching.network_configuration(params)) is not None:
        spec["networkConfiguration"] = network
    return spec


def _same(twin: Service, params: Params) -> Service:
    """The service that the same words with the same token made before; anything else is refused."""
    if twin.status is ServiceStatus.DRAINING:
        raise InvalidParameterException("Unable to Start a service that is still Draining.")
    words = {name: value for name, value in params.items() if name != "tags"}
    if params.get("clientToken") is None or twin.request != words:
        raise InvalidParameterException("Creation of service was not idempotent.")
    return twin


def _asked_for(
    call: Call, cluster: Cluster, definition: TaskDefinition, how: Launching, params: Params, spec: Document
) -> Service:
    return Service(
        arn=call.world.arn("ecs", f"service/{cluster.name}/{params['serviceName']}"),
        account=call.world.account,
        region=call.world.region,
        cluster_arn=cluster.arn,
        name=params["serviceName"],
        status=ServiceStatus.ACTIVE,
        desired_count=params["desiredCount"],
        launch_type=how.launch_type,
        task_definition_arn=definition.arn,
        scheduling_strategy=params.get("schedulingStrategy") or "REPLICA",
        spec=spec,
        created_at=call.now,
        created_by=call.principal_arn,
        listing_id=call.ids.uuid("listing"),
        client_token=params.get("clientToken"),
        request={name: value for name, value in params.items() if name != "tags"},
        tags=tags.checked(params.get("tags", ())),
    )


def _deploy(call: Call, service: Service, definition: TaskDefinition, desired_count: int) -> None:
    """A new revision, and the deployment that carries it; the one before is a source from now on."""
    before = _deployments(call, service)
    for deployment in before:
        ongoing = deployment.deployment_status is ServiceDeploymentStatus.IN_PROGRESS
        status = ServiceDeploymentStatus.STOP_REQUESTED if ongoing else deployment.deployment_status
        call.put(replace(deployment, status=DeploymentStatus.ACTIVE, deployment_status=status, updated_at=call.now))
    number = call.ids.digits("deployment")
    path = f"{service.cluster_arn.rpartition('/')[2]}/{service.name}"
    revision = ServiceRevision(
        arn=call.world.arn("ecs", f"service-revision/{path}/{number}"),
        account=service.account,
        region=service.region,
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        number=number,
        task_definition_arn=definition.arn,
        launch_type=service.launch_type,
        spec={member: service.spec[member] for member in REVISION if member in service.spec},
        created_at=call.now,
    )
    deployment = ServiceDeployment(
        id=f"ecs-svc/{number}",
        arn=call.world.arn("ecs", f"service-deployment/{path}/{call.ids.nano('service-deployment')}"),
        account=service.account,
        region=service.region,
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        revision_arn=revision.arn,
        task_definition_arn=definition.arn,
        status=DeploymentStatus.PRIMARY,
        rollout_state=RolloutState.IN_PROGRESS,
        rollout_reason=f"ECS deployment ecs-svc/{number} in progress.",
        deployment_status=ServiceDeploymentStatus.IN_PROGRESS,
        desired_count=desired_count,
        created_at=call.now,
        updated_at=call.now,
        started_at=call.now,
        source_revision_arns=tuple(one.revision_arn for one in before),
    )
    call.put(revision, deployment)


def _forget(call: Call, service: Service) -> None:
    """A service made again under the name of an INACTIVE one starts without a past."""
    for kind in (ServiceDeployment, ServiceRevision, ServiceEvent):
        call.delete(*call.find(kind, service_arn=service.arn))


# --- UpdateService --------------------------------------------------------------------------------------------------


def _definition_for(call: Call, service: Service, params: Params) -> TaskDefinition:
    if not params.get("taskDefinition"):
        current = call.get(TaskDefinition, service.task_definition_arn)
        if current is None:
            raise ClientException("TaskDefinition not found.")
        return current
    definition = resolve_definition(call, params["taskDefinition"])
    refuse_unusable(definition, ClientException)
    return definition


def _updated(service: Service, params: Params, definition: TaskDefinition, cluster: Cluster) -> Service:
    """The service with every member that is given; one that is not stays, an empty list removes."""
    spec = dict(service.spec)
    for member in (*service_settings.NEW_DEPLOYMENT, *service_settings.IN_PLACE):
        if params.get(member) is not None:
            spec[member] = params[member]
    if (network := launching.network_configuration(params)) is not None:
        spec["networkConfiguration"] = network
    how = _changed_launching(service, params, cluster)
    spec.pop("capacityProviderStrategy", None)
    if how.strategy:
        spec["capacityProviderStrategy"] = list(how.strategy)
    launching.refuse_contradictions(spec, definition, how)
    service_settings.refuse_enums(params)
    service_settings.refuse_not_built(params)
    service_settings.refuse_grace(params)
    spec["deploymentConfiguration"] = service_settings.deployment_configuration(
        params.get("deploymentConfiguration"), service.spec["deploymentConfiguration"]
    )
    service_settings.refuse_rebalancing(spec, "updated")
    service_settings.refuse_load_balancers({**spec, "role": None}, definition.spec)
    service_settings.refuse_exec(spec, definition.spec, "updated")
    return replace(
        service,
        spec=spec,
        launch_type=how.launch_type,
        desired_count=params.get("desiredCount", service.desired_count),
        task_definition_arn=definition.arn,
    )


def _differs(service: Service, updated: Service) -> bool:
    """Whether what a task is made of has changed."""
    if updated.task_definition_arn != service.task_definition_arn:
        return True
    return any(_meant(updated, member) != _meant(service, member) for member in REVISION)


def _meant(service: Service, member: str) -> Any:
    """What is empty or as it would be without a word is not there: `loadBalancers: []`, `platformVersion: LATEST`."""
    value = service.spec.get(member)
    return None if value in ([], {}, "LATEST") else value


def _changed_launching(service: Service, params: Params, cluster: Cluster) -> Launching:
    present = tuple(service.spec.get("capacityProviderStrategy", ()))
    asked = params.get("capacityProviderStrategy")
    if asked is None:
        return Launching(service.launch_type, present)
    how = (
        _launching({"capacityProviderStrategy": asked}, cluster)
        if asked
        else Launching(service.request.get("launchType", "EC2"))
    )
    if how.strategy != present and not params.get("forceNewDeployment"):
        raise InvalidParameterException(SWITCH_NEEDS_FORCE)
    return how


# --- what is there --------------------------------------------------------------------------------------------------


def _deployments(call: Call, service: Service) -> list[ServiceDeployment]:
    """Those that `deployments[]` lists, newest first."""
    found = call.find(
        ServiceDeployment, service_arn=service.arn, status=list(LISTED), order="created_at", descending=True
    )
    return sorted(found, key=lambda one: one.status is not DeploymentStatus.PRIMARY)


def _known(call: Call, service: Service) -> Known:
    deployments = _deployments(call, service)
    revisions = {one.revision_arn: call.get(ServiceRevision, one.revision_arn) for one in deployments}
    running: dict[str, int] = {}
    pending: dict[str, int] = {}
    tally = call.tally(
        Task,
        ("deployment_id", "last_status"),
        service_arn=service.arn,
        released=False,
        desired_status=DesiredStatus.RUNNING,
    )
    for (deployment_id, status), number in tally.items():
        counts = running if status == TaskStatus.RUNNING else pending
        counts[deployment_id] = counts.get(deployment_id, 0) + number
    events = call.find(ServiceEvent, service_arn=service.arn, order="seq", descending=True, limit=100)
    found = {arn: revision for arn, revision in revisions.items() if revision is not None}
    return Known(service, deployments, found, running, pending, events)


def _remembered(call: Call, service: Service) -> bool:
    return (
        service.status is not ServiceStatus.INACTIVE
        or call.now < (service.deleted_at or call.now) + call.config.timings.service_kept
    )
