"""Express services: an image becomes a task definition, a log group and a service of ECS's own, and its tasks run.

What a load balancer, a certificate manager and auto scaling would add is not here: it is shown as FAILED with the reason, see
`rules/express.py`, where the deployment strategy has its one place as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import clusters, resolve, services
from ecs_emulator.ecs.errors import (
    ClientException,
    InvalidParameterException,
    ResourceNotFoundException,
    ServiceNotActiveException,
    ServiceNotFoundException,
)
from ecs_emulator.ecs.task_definitions import refuse_unusable, register_task_definition, resolve_definition
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.logs import LogGroup
from ecs_emulator.records.services import Service, ServiceRevision, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.rules import capacity, deployment_controllers, express, gateways, launching, service_settings, tags
from ecs_emulator.rules.service_documents import ONGOING, listed
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.errors import AwsError

NOT_ACTIVE = {
    ServiceStatus.DRAINING: "Service is in DRAINING status",
    ServiceStatus.INACTIVE: "Cannot perform this operation on a service in INACTIVE status",
}
OWN_DEFINITION = "primaryContainer must be specified to replace a task definition that Amazon ECS does not manage."


# --- the operations -------------------------------------------------------------------------------


def create_express_gateway_service(call: Call, params: Params) -> Document:
    """Make a service of an image, with all that it needs; `minTaskCount` tasks of it run.

    Source: CreateExpressGatewayService in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException.
    """
    express.refuse_mixture(params)
    express.refuse_incomplete(params)
    express.refuse_words(params)
    gateways.refuse_role(params["infrastructureRoleArn"])
    target = express.scaling(params.get("scalingTarget"))
    cluster = _home(call, params)
    name = _name(call, params)
    _refuse_taken(call, cluster, name)
    group = f"/aws/ecs/{cluster.name}/{name}-{_suffix(call)}"
    definition = _defined(call, cluster, name, params, group)
    words = {
        "serviceName": name,
        "desiredCount": target["minTaskCount"],
        "networkConfiguration": express.network(call.world, params.get("networkConfiguration")),
        "deploymentConfiguration": express.DEPLOYMENT,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "healthCheckGracePeriodSeconds": express.GRACE,
        "tags": params.get("tags") or [],
        "expressGateway": {
            "infrastructureRoleArn": params["infrastructureRoleArn"],
            "healthCheckPath": params.get("healthCheckPath") or express.HEALTH_CHECK_PATH,
            "scalingTarget": target,
            "endpoint": _endpoint(call, name),
            "logGroup": group,
        },
    }
    launching.refuse_contradictions(words, definition, express.FARGATE)
    spec = services.checked_spec(words, express.FARGATE, deployment_controllers.ECS)
    service = services.make_service(call, cluster, definition, express.FARGATE, words, spec)
    return {"service": _document(call, service, shown_tags=True)}


def update_express_gateway_service(call: Call, params: Params) -> Document:
    """Change what is given, by a new revision and its deployment; nothing given that is new, and nothing happens.

    Source: UpdateExpressGatewayService in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException, ServiceNotActiveException, ServiceNotFoundException.
    """
    cluster, service = _named(call, params["serviceArn"], ServiceNotFoundException)
    _refuse_over(service)
    express.refuse_mixture(params)
    express.refuse_words(params)
    present = service.spec["expressGateway"]
    target = express.scaling(params.get("scalingTarget"), present["scalingTarget"])
    path = params.get("healthCheckPath") or present["healthCheckPath"]
    definition = _redefined(call, cluster, service, params)
    network = service.spec.get("networkConfiguration")
    spec = {
        **service.spec,
        "networkConfiguration": express.network(call.world, params.get("networkConfiguration"), network),
        "expressGateway": {**present, "healthCheckPath": path, "scalingTarget": target},
    }
    launching.refuse_contradictions(spec, definition, express.FARGATE)
    least = target["minTaskCount"]
    updated = replace(
        service,
        spec=spec,
        task_definition_arn=definition.arn,
        desired_count=service.desired_count if least == present["scalingTarget"]["minTaskCount"] else least,
    )
    updated = services.change_service(call, service, updated, definition)
    shown = _document(call, updated)
    return {"service": {**shown, "targetConfiguration": shown["activeConfigurations"][0]}}


def delete_express_gateway_service(call: Call, params: Params) -> Document:
    """Let an Express service go, with its tasks; its task definitions and its log group stay.

    Source: DeleteExpressGatewayService in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException,
    ServiceNotActiveException, ServiceNotFoundException.
    """
    _, service = _named(call, params["serviceArn"], ServiceNotFoundException)
    _refuse_over(service)
    return {"service": _document(call, services.drain_service(call, service))}


def describe_express_gateway_service(call: Call, params: Params) -> Document:
    """An Express service with the configurations that its tasks run of; an INACTIVE one is remembered.

    Source: DescribeExpressGatewayService in the ECS API reference. Errors: ClusterNotFoundException,
    InvalidParameterException, ResourceNotFoundException.
    """
    include = params.get("include") or ()
    if any(each != "TAGS" for each in include):
        raise InvalidParameterException("include should be one of [TAGS]")
    _, service = _named(call, params["serviceArn"], ResourceNotFoundException)
    return {"service": _document(call, service, shown_tags=bool(include))}


# --- which one ------------------------------------------------------------------------------------


def _named(call: Call, reference: str, missing: type[AwsError]) -> tuple[Cluster, Service]:
    """The cluster and the Express service of a long ARN, in any status."""
    if arns.parse(reference) is None:
        raise InvalidParameterException("The Service ARN provided is invalid.")
    arn = resolve.own_arn(call, reference, "service")
    _, _, path = arn.partition("/")
    cluster_name, _, name = path.partition("/")
    if not name:
        raise InvalidParameterException("The Service ARN provided is invalid.")
    cluster = resolve.cluster_named(call, cluster_name)
    service = call.get(Service, arn)
    if service is None or not services.remembered(call, service):
        raise missing()
    if service.resource_management_type != express.MANAGED:
        raise InvalidParameterException("The specified service is not an Express service.")
    return cluster, service


def _refuse_over(service: Service) -> None:
    if service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotActiveException(NOT_ACTIVE[service.status])


def _home(call: Call, params: Params) -> Cluster:
    """The cluster that is meant; `default` is made with Fargate's providers when it is not there."""
    if resolve.cluster_name(call, params.get("cluster")) == resolve.DEFAULT:
        return clusters.default_cluster(call, capacityProviders=list(capacity.RESERVED))
    return resolve.active_cluster(call, params)


def _name(call: Call, params: Params) -> str:
    asked: str | None = params.get("serviceName")
    if asked is not None:
        service_settings.refuse_name(asked)
        return asked
    source = params.get("taskDefinitionArn") or params["primaryContainer"]["image"]
    return express.service_name(source.rpartition("task-definition/")[2], _suffix(call))


def _suffix(call: Call) -> str:
    return call.ids.hex32("express-name")[:4]


def _refuse_taken(call: Call, cluster: Cluster, name: str) -> None:
    """An Express service's name is its own among all services of the cluster."""
    twin = resolve.service_named(call, cluster, name)
    if twin is None or twin.status is ServiceStatus.INACTIVE:
        return
    if twin.status is ServiceStatus.DRAINING:
        raise InvalidParameterException("Unable to Start a service that is still Draining.")
    raise InvalidParameterException("Creation of service was not idempotent.")


def _endpoint(call: Call, name: str) -> str:
    """As AWS forms it; it leads nowhere here."""
    return f"https://{name[:2].lower()}-{call.ids.hex32('express-endpoint')}.ecs.{call.world.region}.on.aws"


# --- its task definition --------------------------------------------------------------------------


def _defined(call: Call, cluster: Cluster, name: str, params: Params, group: str) -> TaskDefinition:
    """The user's own definition, or one made of the request, which logs to `group` unless the request says where."""
    if reference := params.get("taskDefinitionArn"):
        return _own_definition(call, reference)
    given = {member: params[member] for member in express.OF_DEFINITION if params.get(member) is not None}
    container = _whole(call, params["primaryContainer"], {}, group)
    words = {**express.SIZES, **given, "primaryContainer": container}
    return _registered(call, express.family(cluster.name, name), words)


def _redefined(call: Call, cluster: Cluster, service: Service, params: Params) -> TaskDefinition:
    """The definition after an update: another, a new revision where the words have changed, or the same.

    A `primaryContainer` replaces the whole one, but for its port and its logs where it says nothing of them.
    """
    if reference := params.get("taskDefinitionArn"):
        return _own_definition(call, reference)
    current = call.get(TaskDefinition, service.task_definition_arn)
    if current is None:
        raise ClientException("TaskDefinition not found.")
    given = {member: params[member] for member in express.OF_DEFINITION if params.get(member) is not None}
    if not given:
        return current
    family = express.family(cluster.name, service.name)
    if current.family != family and "primaryContainer" not in given:
        raise InvalidParameterException(OWN_DEFINITION)
    words = express.words_of(current)
    known: Document = words.get("primaryContainer", {})
    group = service.spec["expressGateway"]["logGroup"]
    container = _whole(call, given.get("primaryContainer", known), known, group)
    changed = {**express.SIZES, **words, **given, "primaryContainer": container}
    return current if changed == words else _registered(call, family, changed)


def _whole(call: Call, asked: Params, known: Params, group: str) -> Document:
    """The container with the port and the logs that it had, or that it has where nothing is said; its log group is there then."""
    logs = asked.get("awsLogsConfiguration") or known.get("awsLogsConfiguration")
    if not logs:
        logs = {"logGroup": group, "logStreamPrefix": express.STREAM_PREFIX}
        if call.get(LogGroup, call.world.account, call.world.region, group) is None:
            call.put(LogGroup(call.world.account, call.world.region, group, call.now))
    return {"containerPort": known.get("containerPort", express.PORT), **asked, "awsLogsConfiguration": logs}


def _own_definition(call: Call, reference: str) -> TaskDefinition:
    definition = resolve_definition(call, reference)
    refuse_unusable(definition, ClientException)
    express.refuse_definition(definition)
    return definition


def _registered(call: Call, family: str, words: dict[str, Any]) -> TaskDefinition:
    answer = register_task_definition(call, express.registration(family, words, call.world.region))
    definition = call.get(TaskDefinition, answer["taskDefinition"]["taskDefinitionArn"])
    assert definition is not None
    return definition


# --- showing --------------------------------------------------------------------------------------


def _document(call: Call, service: Service, *, shown_tags: bool = False) -> Document:
    deployments = listed(call.tx, service)
    shown = []
    for deployment in deployments:
        revision = call.get(ServiceRevision, deployment.revision_arn)
        if revision is not None and "expressGateway" in revision.spec:
            shown.append(express.configuration(revision, call.get(TaskDefinition, revision.task_definition_arn)))
    current = next((each.arn for each in deployments if each.deployment_status in ONGOING), None)
    found = express.service(service, shown, current)
    return {**found, "tags": tags.document(service.tags)} if shown_tags else found


def managed_resources(call: Call, revision: ServiceRevision, definition: TaskDefinition | None) -> Document | None:
    """`ecsManagedResources` of a revision of an Express service; None of any other."""
    if "expressGateway" not in revision.spec:
        return None
    world = call.world
    group = call.get(LogGroup, world.account, world.region, revision.spec["expressGateway"]["logGroup"])
    shown = None
    if group is not None:
        arn = world.arn("logs", f"log-group:{group.name}")
        shown = {"arn": arn, "logGroupName": group.name, "updatedAt": group.created_at}
    return express.managed_resources(revision, definition, shown)
