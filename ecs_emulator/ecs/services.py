"""Services: how many tasks of what are to be kept. Nothing is started here: `control/services.py` moves what these write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs import namespaces, resolve
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    ServiceNotActiveException,
    ServiceNotFoundException,
)
from ecs_emulator.ecs.task_definitions import refuse_unusable, resolve_definition
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.services import (
    DAEMON,
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
from ecs_emulator.records.task_sets import TaskSetStatus
from ecs_emulator.rules import (
    daemon_settings,
    deployment_alarms,
    deployment_controllers,
    deployment_hooks,
    deployment_strategies,
    express,
    failures,
    gateway_routes,
    gateways,
    launching,
    service_connect,
    service_settings,
    tags,
    task_sets,
)
from ecs_emulator.rules.launching import Launching
from ecs_emulator.rules.service_documents import deleted, described, document, known, listed
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
    controller = deployment_controllers.asked(params)
    deployment_controllers.refuse_definition(controller, params.get("taskDefinition"))
    definition = _usable(call, params["taskDefinition"]) if params.get("taskDefinition") else None
    service_settings.refuse_token(params.get("clientToken"))
    if definition is None:
        deployment_controllers.refuse_external(params)
        params, how = {"desiredCount": 0, **params}, Launching("EC2")
    else:
        how = launching.of_service(params, cluster)
        daemon_settings.refuse_created(params, definition.spec, how)
        launching.refuse_contradictions(params, definition, how)
    service_settings.refuse_enums(params)
    deployment_controllers.refuse_created(controller, params, how.launch_type)
    service_settings.refuse_counts(params)
    service_settings.refuse_monitoring(params)
    params = {"desiredCount": 0, **params}  # of a DAEMON service: as many as it has machines, once they are counted
    spec = checked_spec(params, how, controller)
    _refuse_strategy(call, params.get("schedulingStrategy"), spec)
    twin = resolve.service_named(call, cluster, name)
    if twin is not None and twin.status is not ServiceStatus.INACTIVE:
        return {"service": document(known(call.tx, _same(twin, params)), shown_tags=True)}
    if definition is not None:
        service_settings.refuse_load_balancers(spec, definition.spec, how.launch_type)
        deployment_strategies.refuse_load_balancers(spec)
        service_settings.refuse_exec(spec, definition.spec, "created")
        service_connect.refuse(spec, definition.spec)
        gateways.refuse_connectors(spec, definition.spec)
    service = make_service(call, cluster, definition, how, params, spec)
    return {"service": document(known(call.tx, service), shown_tags=True)}


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
    if service.is_daemon:
        daemon_settings.refuse_updated(params)
    if params.get("desiredCount", 0) < 0:
        raise InvalidParameterException("Task count can not be lesser than 0")
    service_settings.refuse_too_many(params)
    if deployment_controllers.wanted(service, params) != deployment_controllers.ECS:
        return {"service": document(known(call.tx, _shared_out(call, service, params)))}
    express.refuse_managed(service, params)
    definition = _definition_for(call, service, params)
    updated = _updated(service, params, definition, cluster)
    _refuse_strategy(call, service.scheduling_strategy, updated.spec)
    if params.get("serviceConnectConfiguration") is not None:
        updated = replace(updated, namespace_arn=namespaces.of_service(call, cluster, updated.spec))
    updated = change_service(call, service, updated, definition, forced=bool(params.get("forceNewDeployment")))
    return {"service": document(known(call.tx, updated))}


def delete_service(call: Call, params: Params) -> Document:
    """Let a service go: it drains, then it is remembered as INACTIVE.

    Source: DeleteService in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException, ServiceNotFoundException.
    """
    cluster = resolve.active_cluster(call, params, [params["service"]])
    service = resolve.service_named(call, cluster, params["service"])
    if service is None or service.status is ServiceStatus.INACTIVE:
        raise ServiceNotFoundException("")
    if service.status is ServiceStatus.ACTIVE:
        sets = task_sets.sets_of(call.tx, service)
        if sets and not params.get("force"):
            raise InvalidParameterException("The service cannot be stopped while deployments are active.")
        if service.desired_count > 0 and not (service.is_daemon or params.get("force")):
            raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
        service = drain_service(call, service)
        call.put(*(task_sets.let_go(each, call.now) for each in sets))
    return {"service": deleted(known(call.tx, service))}


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
    found = {service.arn: service for service in call.find(Service, arn=wanted) if remembered(call, service)}
    return {
        "services": [described(known(call.tx, found[arn]), shown_tags=bool(include)) for arn in wanted if arn in found],
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
    if management := params.get("resourceManagementType"):
        equals["resource_management_type"] = management

    def fetch(after: Sequence[object] | None, limit: int) -> list[tuple[str, str]]:
        return call.columns(Service, ("arn", "listing_id"), **equals, order="listing_id", after=after, limit=limit)

    found, token = page(call, params, fetch, lambda each: each[1], default=10, maximum=100)
    return {"serviceArns": [arn for arn, _ in found], "nextToken": token}


# --- CreateService --------------------------------------------------------------------------------------------------


def _usable(call: Call, reference: str) -> TaskDefinition:
    definition = resolve_definition(call, reference)
    refuse_unusable(definition, ClientException)
    return definition


def _refuse_strategy(call: Call, scheduling_strategy: str | None, spec: Document) -> None:
    configuration = spec["deploymentConfiguration"]
    deployment_strategies.refuse_daemon(scheduling_strategy, configuration)
    deployment_strategies.refuse_uncallable(configuration, {arn for arn, _ in call.config.hooks})


def checked_spec(params: Params, how: Launching, controller: str) -> Document:
    """The service's own members with their defaults, checked."""
    configuration = service_settings.deployment_configuration(
        params.get("deploymentConfiguration"), None, controller, daemon=params.get("schedulingStrategy") == DAEMON
    )
    rebalancing = service_settings.zone_rebalancing(params, configuration, how.launch_type)
    kept = (*service_settings.NEW_DEPLOYMENT, *service_settings.IN_PLACE, "role", "deploymentController")
    spec = {member: params[member] for member in kept if params.get(member) is not None}
    spec |= {"deploymentConfiguration": configuration, "availabilityZoneRebalancing": rebalancing}
    spec.pop("capacityProviderStrategy", None)
    if how.strategy:
        spec["capacityProviderStrategy"] = list(how.strategy)
    if (network := launching.network_configuration(params)) is not None:
        spec["networkConfiguration"] = network
    return spec


def make_service(
    call: Call, cluster: Cluster, definition: TaskDefinition | None, how: Launching, params: Params, spec: Document
) -> Service:
    """The service of words that were checked, with what it begins with; an INACTIVE one of its name is forgotten."""
    service = _asked_for(call, cluster, definition, how, params, spec)
    if (twin := call.get(Service, service.arn)) is not None:
        _forget(call, twin)
    call.put(service)
    if definition is not None:
        _begin(call, service, definition, how)
    gateway_routes.connect(call.tx, service, call.now, call.ids)
    return service


def _same(twin: Service, params: Params) -> Service:
    """The service that the same words with the same token made before; anything else is refused."""
    if twin.status is ServiceStatus.DRAINING:
        raise InvalidParameterException("Unable to Start a service that is still Draining.")
    words = {name: value for name, value in params.items() if name != "tags"}
    if params.get("clientToken") is None or twin.request != words:
        raise InvalidParameterException("Creation of service was not idempotent.")
    return twin


def _asked_for(
    call: Call, cluster: Cluster, definition: TaskDefinition | None, how: Launching, params: Params, spec: Document
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
        task_definition_arn=None if definition is None else definition.arn,
        scheduling_strategy=params.get("schedulingStrategy") or "REPLICA",
        spec=spec,
        created_at=call.now,
        created_by=call.principal_arn,
        listing_id=call.ids.uuid("listing"),
        client_token=params.get("clientToken"),
        request={name: value for name, value in params.items() if name != "tags"},
        tags=tags.checked(params.get("tags", ())),
        resource_management_type=express.MANAGED if "expressGateway" in spec else "CUSTOMER",
        namespace_arn=namespaces.of_service(call, cluster, spec),
    )


def _begin(call: Call, service: Service, definition: TaskDefinition, how: Launching) -> None:
    """The first deployment; where CodeDeploy makes those that follow, a task set for all that is desired."""
    if service.controller == deployment_controllers.ECS:
        _deploy(call, service, definition, service.desired_count)
        return
    number = call.ids.digits("task-set")
    asked = {**service.spec, "scale": {"value": task_sets.WHOLE}}
    first = task_sets.made(call.world, service, definition, how, asked, number, call.now)
    call.put(replace(first, status=TaskSetStatus.PRIMARY, computed_count=service.desired_count))


def _deploy(call: Call, service: Service, definition: TaskDefinition, desired_count: int) -> None:
    """A new revision, and the deployment that carries it; the one before is a source from now on."""
    before = listed(call.tx, service)
    for deployment in before:
        call.put(replace(deployment, status=DeploymentStatus.ACTIVE, updated_at=call.now))
    for ongoing in call.find(ServiceDeployment, service_arn=service.arn, deployment_status=list(failures.OVERTAKEN)):
        deployment_hooks.close(call.tx, ongoing.id)
        call.put(failures.overtaken(ongoing, call.now))
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
        platform_family=launching.platform_family(definition.spec) if service.launch_type == "FARGATE" else None,
        namespace_arn=service.namespace_arn,
        target_groups=deployment_strategies.target_groups(service.spec, _serving(call, before)),
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
        configuration=service.spec["deploymentConfiguration"],
        alarms_ignored=bool(deployment_alarms.raised(call.tx, service)),
    )
    call.put(revision, deployment)


def _serving(call: Call, before: Sequence[ServiceDeployment]) -> tuple[str, ...]:
    """The target groups of the newest revision that has completed: what traffic goes to."""
    completed = [one for one in before if one.finished_at is not None and one.rollout_state is not RolloutState.FAILED]
    serving = call.get(ServiceRevision, completed[0].revision_arn) if completed else None
    return () if serving is None else serving.target_groups


def _forget(call: Call, service: Service) -> None:
    """A service made again under the name of an INACTIVE one starts without a past."""
    for kind in (ServiceDeployment, ServiceRevision, ServiceEvent, LifecycleHook):
        call.delete(*call.find(kind, service_arn=service.arn))


# --- UpdateService and DeleteService --------------------------------------------------------------------------------


def change_service(
    call: Call, service: Service, updated: Service, definition: TaskDefinition, *, forced: bool = False
) -> Service:
    """Write what a service is from now on, by a new deployment where what a task is made of has changed."""
    if forced or _differs(service, updated):
        updated = replace(updated, steady=False, refusal=None)
        call.put(updated)
        call.delete(*task_sets.sets_of(call.tx, service))  # their tasks are replaced as those of an old deployment
        _deploy(call, updated, definition, 0)
    elif updated != service:
        updated = replace(updated, steady=False, refusal=None)
        call.put(updated)
        for primary in call.find(ServiceDeployment, service_arn=service.arn, status=DeploymentStatus.PRIMARY):
            call.put(replace(primary, updated_at=call.now))
    gateway_routes.connect(call.tx, updated, call.now, call.ids)
    return updated


def drain_service(call: Call, service: Service) -> Service:
    """Have a service let go of its tasks, and then of itself."""
    service = replace(
        service, status=ServiceStatus.DRAINING, desired_count=0, deleted_at=call.now, waiting_for=None, tags={}
    )
    call.put(service)
    for deployment in listed(call.tx, service):
        status = deployment.status if deployment.status is DeploymentStatus.PRIMARY else DeploymentStatus.DRAINING
        call.put(replace(deployment, status=status, desired_count=0, updated_at=call.now))
    gateway_routes.disconnect(call.tx, service)
    return service


def _definition_for(call: Call, service: Service, params: Params) -> TaskDefinition:
    if not params.get("taskDefinition"):
        if service.task_definition_arn is None:
            raise InvalidParameterException("TaskDefinition can not be blank.")
        current = call.get(TaskDefinition, service.task_definition_arn)
        if current is None:
            raise ClientException("TaskDefinition not found.")
        return current
    return _usable(call, params["taskDefinition"])


def _shared_out(call: Call, service: Service, params: Params) -> Service:
    """A service of task sets as changed; each of its sets has its share of the count that is desired now."""
    updated = deployment_controllers.updated(service, params)
    if updated != service:
        updated = replace(updated, steady=False, refusal=None)
        call.put(updated)
        call.put(
            *(
                task_sets.unsettled(each, updated.desired_count, call.now)
                for each in task_sets.sets_of(call.tx, service)
            )
        )
    return updated


def _updated(service: Service, params: Params, definition: TaskDefinition, cluster: Cluster) -> Service:
    """The service with every member that is given; one that is not stays, an empty list removes."""
    spec = dict(service.spec)
    if service.controller != deployment_controllers.ECS:
        del spec["deploymentController"]
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
    service_settings.refuse_grace(params)
    spec["deploymentConfiguration"] = service_settings.deployment_configuration(
        params.get("deploymentConfiguration"), service.spec["deploymentConfiguration"], daemon=service.is_daemon
    )
    service_settings.refuse_rebalancing(spec, "updated", daemon=service.is_daemon)
    service_settings.refuse_load_balancers({**spec, "role": None}, definition.spec, how.launch_type)
    deployment_strategies.refuse_load_balancers(spec)
    service_settings.refuse_exec(spec, definition.spec, "updated")
    service_settings.refuse_monitoring(params)
    service_connect.refuse(spec, definition.spec)
    gateways.refuse_connectors(spec, definition.spec)
    return replace(
        service,
        spec=spec,
        launch_type=how.launch_type,
        desired_count=params.get("desiredCount", service.desired_count),
        task_definition_arn=definition.arn,
    )


def _differs(service: Service, updated: Service) -> bool:
    """Whether what a task is made of has changed, or who deploys it."""
    if updated.controller != service.controller or updated.task_definition_arn != service.task_definition_arn:
        return True
    return any(_meant(updated, member) != _meant(service, member) for member in REVISION)


def _meant(service: Service, member: str) -> Any:
    """What is empty or as it would be without a word is not there: `loadBalancers: []`, `platformVersion: LATEST`."""
    value = service.spec.get(member)
    return None if value in ([], {}, "LATEST", {"metricConfigurations": []}) else value


def _changed_launching(service: Service, params: Params, cluster: Cluster) -> Launching:
    present = tuple(service.spec.get("capacityProviderStrategy", ()))
    asked = params.get("capacityProviderStrategy")
    if asked is None:
        return Launching(service.launch_type, present)
    how = (
        launching.of_service({"capacityProviderStrategy": asked}, cluster)
        if asked
        else Launching(service.request.get("launchType", "EC2"))
    )
    if how.strategy != present and not params.get("forceNewDeployment"):
        raise InvalidParameterException(SWITCH_NEEDS_FORCE)
    return how


# --- what is there --------------------------------------------------------------------------------------------------


def remembered(call: Call, service: Service) -> bool:
    return (
        service.status is not ServiceStatus.INACTIVE
        or call.now < (service.deleted_at or call.now) + call.config.timings.service_kept
    )
