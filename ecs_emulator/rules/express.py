"""An Express service is an ordinary service that ECS fills in: from an image and two roles to a definition, a network, counts.

Its deployments are CANARY, as in AWS, where a load balancer, certificates and scaling policies are made for it as well. Here its tasks
really run, and the weights of the traffic are records that nobody reads yet; what there is not is shown as FAILED, with the reason.
Source: CreateExpressGatewayService and ECSManagedResources in the ECS API reference; "Resources created by Amazon ECS Express Mode
services" in the developer guide.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.records.services import Service, ServiceRevision
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.rules import capacity, definitions
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.gateways import NO_BALANCER
from ecs_emulator.rules.launching import Launching

Params = Mapping[str, Any]
Document = dict[str, Any]

MANAGED = "ECS"
"""The `resourceManagementType` of an Express service."""
DEPLOYMENT = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3},
    "bakeTimeInMinutes": 3,
}
"""5 % of the traffic for three minutes, then all of it, and three minutes more."""
PRIMARY = "Main"
FARGATE = Launching("FARGATE", ({"capacityProvider": capacity.FARGATE, "weight": 1, "base": 1},))
HEALTH_CHECK_PATH = "/ping"
GRACE = 300
PORT = 80
STREAM_PREFIX = "ecs"
SIZES = {"cpu": "256", "memory": "512", "cpuArchitecture": "X86_64"}
SCALING = {"minTaskCount": 1, "maxTaskCount": 20, "autoScalingMetric": "AVERAGE_CPU", "autoScalingTargetValue": 60}
METRICS = {
    "AVERAGE_CPU": "ECSServiceAverageCPUUtilization",
    "AVERAGE_MEMORY": "ECSServiceAverageMemoryUtilization",
    "REQUEST_COUNT_PER_TARGET": "ALBRequestCountPerTarget",
}
MOST_TASKS = 5_000
OF_DEFINITION = ("primaryContainer", "executionRoleArn", "taskRoleArn", "cpu", "memory", "cpuArchitecture")
"""What a task definition says, and so is not said beside the ARN of one."""
OF_CONTAINER = ("image", "command", "environment", "secrets", "repositoryCredentials")

NO_SCALING = "There is no auto scaling in this emulator yet."
NO_ENDPOINT = f"{NO_BALANCER} The tasks run, and the endpoint of the service leads nowhere."
_UNNAMED = re.compile(r"[^a-zA-Z0-9_-]+")


# --- what is refused ------------------------------------------------------------------------------


def refuse_mixture(params: Params) -> None:
    """A task definition of the user's own says for itself all that would make one."""
    if not params.get("taskDefinitionArn"):
        return
    given = [each for each in OF_DEFINITION if params.get(each) is not None]
    if given:
        raise InvalidParameterException(f"{', '.join(given)} cannot be specified together with taskDefinitionArn.")


def refuse_incomplete(params: Params) -> None:
    """Without a task definition there must be what makes one."""
    if params.get("taskDefinitionArn"):
        return
    if not params.get("executionRoleArn"):
        raise InvalidParameterException("ExecutionRoleArn can not be blank.")
    if not (params.get("primaryContainer") or {}).get("image"):
        raise InvalidParameterException("primaryContainer.image can not be blank.")


def refuse_words(params: Params) -> None:
    """What is wrong with the words by themselves, of a new service or of an update."""
    if not (params.get("healthCheckPath") or "/").startswith("/"):
        raise InvalidParameterException("healthCheckPath must start with a forward slash.")
    architecture = params.get("cpuArchitecture")
    if architecture not in (None, "X86_64", "ARM64"):
        raise InvalidParameterException("cpuArchitecture should be one of [X86_64,ARM64]")


def refuse_definition(definition: TaskDefinition) -> None:
    """A task definition of the user's own must have a container `Main` with one named TCP port, and go on Fargate."""
    main = main_container(definition)
    if main is None:
        raise InvalidParameterException(f"The task definition must have a container named {PRIMARY}.")
    ports = [each for each in main.get("portMappings") or () if (each.get("protocol") or "tcp") == "tcp"]
    if len(ports) != 1 or not (ports[0].get("containerPort") and ports[0].get("name")):
        raise InvalidParameterException(
            f"The container {PRIMARY} must have a single TCP port mapping with a container port and a name."
        )
    if not definitions.supports(definition.spec, "FARGATE"):
        raise InvalidParameterException("Task definition does not support launch_type FARGATE.")


def refuse_managed(service: Service, params: Params) -> None:
    """What UpdateService may not change of an Express service."""
    if service.resource_management_type != MANAGED:
        return
    strategy = (params.get("deploymentConfiguration") or {}).get("strategy")
    if strategy is not None or params.get("loadBalancers"):
        raise InvalidParameterException(
            "The deployment strategy and the load balancers of an Express service are managed by Amazon ECS."
        )


# --- what is asked for ----------------------------------------------------------------------------


def scaling(asked: Params | None, present: Params = SCALING) -> Document:
    """`scalingTarget` with what is given over what is there; checked. Nothing scales by it yet: `minTaskCount` tasks run."""
    target = {**present, **(asked or {})}
    if target["autoScalingMetric"] not in METRICS:
        raise InvalidParameterException(f"autoScalingMetric should be one of [{','.join(METRICS)}]")
    for member in ("minTaskCount", "maxTaskCount"):
        if not 0 <= target[member] <= MOST_TASKS:
            raise InvalidParameterException(f"{member} must be between 0 and {MOST_TASKS}")
    if target["minTaskCount"] > target["maxTaskCount"]:
        raise InvalidParameterException("minTaskCount must not be greater than maxTaskCount.")
    if target["autoScalingTargetValue"] < 1:
        raise InvalidParameterException("autoScalingTargetValue must be at least 1")
    return target


def service_name(source: str, suffix: str) -> str:
    """A name for the service of an image or a family: `ghcr.io/me/my.app:1` becomes `my-app-` and the suffix."""
    last = source.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return f"{_UNNAMED.sub('-', last)[:240] or 'service'}-{suffix}"


def family(cluster_name: str, name: str) -> str:
    """The family of the definitions that ECS makes for the service."""
    return f"{cluster_name}-{name}"[:255]


def network(world: World, asked: Params | None, present: Params | None = None) -> Document:
    """The network of the tasks: what is given, else what is there, else two subnets of a default VPC.

    There is no VPC here to ask: its subnets are names that are always the same for an account and region.
    """
    known = (present or {}).get("awsvpcConfiguration") or {"subnets": _default_subnets(world)}
    given = {name: value for name, value in (asked or {}).items() if value}
    return {"awsvpcConfiguration": {**known, **given}}


def _default_subnets(world: World) -> list[str]:
    places = (f"{world.account}/{world.region}{zone}" for zone in "ab")
    return [f"subnet-{hashlib.sha256(place.encode()).hexdigest()[:17]}" for place in places]


def registration(family_name: str, words: Params, region: str) -> Document:
    """RegisterTaskDefinition's words for the words of an Express service, which are whole."""
    asked = words["primaryContainer"]
    logs = asked["awsLogsConfiguration"]
    port = asked["containerPort"]
    container = {member: asked[member] for member in OF_CONTAINER if asked.get(member)}
    container |= {
        "name": PRIMARY,
        "essential": True,
        "portMappings": [{"containerPort": port, "hostPort": port, "protocol": "tcp", "name": f"main-{port}-tcp"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": logs["logGroup"],
                "awslogs-region": region,
                "awslogs-stream-prefix": logs["logStreamPrefix"],
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }
    roles = {role: words[role] for role in ("executionRoleArn", "taskRoleArn") if words.get(role)}
    return {
        "family": family_name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": words["cpu"],
        "memory": words["memory"],
        "runtimePlatform": {"cpuArchitecture": words["cpuArchitecture"], "operatingSystemFamily": "LINUX"},
        "containerDefinitions": [container],
        **roles,
    }


# --- what a definition says -----------------------------------------------------------------------


def main_container(definition: TaskDefinition) -> Document | None:
    return next((one for one in definition.spec["containerDefinitions"] if one["name"] == PRIMARY), None)


def words_of(definition: TaskDefinition) -> Document:
    """The words of an Express service that its definition tells: the inverse of `registration`."""
    spec = definition.spec
    found = {
        "primaryContainer": primary_container(definition),
        "cpuArchitecture": (spec.get("runtimePlatform") or {}).get("cpuArchitecture"),
        **{member: spec.get(member) for member in ("executionRoleArn", "taskRoleArn", "cpu", "memory")},
    }
    return {name: value for name, value in found.items() if value is not None}


def primary_container(definition: TaskDefinition) -> Document | None:
    """The container `Main` as an Express service shows it."""
    main = main_container(definition)
    if main is None:
        return None
    found = {member: main[member] for member in OF_CONTAINER if main.get(member)}
    ports = main.get("portMappings") or ()
    if ports:
        found["containerPort"] = ports[0].get("containerPort")
    options = (main.get("logConfiguration") or {}).get("options") or {}
    if "awslogs-group" in options:
        found["awsLogsConfiguration"] = {
            "logGroup": options["awslogs-group"],
            "logStreamPrefix": options.get("awslogs-stream-prefix", ""),
        }
    return found


# --- what is shown --------------------------------------------------------------------------------


def configuration(revision: ServiceRevision, definition: TaskDefinition | None) -> Document:
    """A revision as an Express service's `activeConfigurations` shows it."""
    express = revision.spec["expressGateway"]
    vpc = (revision.spec.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        "serviceRevisionArn": revision.arn,
        "taskDefinitionArn": revision.task_definition_arn,
        "networkConfiguration": {
            "securityGroups": vpc.get("securityGroups", []),
            "subnets": vpc.get("subnets", []),
        },
        "healthCheckPath": express["healthCheckPath"],
        "scalingTarget": express["scalingTarget"],
        "ingressPaths": [{"accessType": "PUBLIC", "endpoint": express["endpoint"]}],
        "createdAt": revision.created_at,
        **(words_of(definition) if definition is not None else {}),
    }


def service(known: Service, revisions: Sequence[Document], current_deployment: str | None) -> Document:
    """The Express service; `revisions` are its configurations, the newest first."""
    active = known.status == "ACTIVE"
    return {
        "cluster": known.cluster_arn,
        "serviceName": known.name,
        "serviceArn": known.arn,
        "infrastructureRoleArn": known.spec["expressGateway"]["infrastructureRoleArn"],
        "status": {"statusCode": known.status, "statusReason": NO_ENDPOINT if active else None},
        "currentDeployment": current_deployment,
        "activeConfigurations": list(revisions),
        "createdAt": known.created_at,
        "updatedAt": max((each["createdAt"] for each in revisions), default=known.created_at),
    }


def managed_resources(
    revision: ServiceRevision, definition: TaskDefinition | None, log_group: Document | None
) -> Document:
    """What ECS has made for a revision: its log group, if there is one; all else has FAILED, with the reason."""
    express = revision.spec["expressGateway"]
    container = {} if definition is None else primary_container(definition) or {}
    target = express["scalingTarget"]
    missing = {"status": "FAILED", "statusReason": NO_BALANCER, "updatedAt": revision.created_at}
    unscaled = {**missing, "statusReason": NO_SCALING}
    port = container.get("containerPort", PORT)
    vpc = (revision.spec.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        "ingressPaths": [
            {
                "accessType": "PUBLIC",
                "endpoint": express["endpoint"],
                "loadBalancer": {**missing, "scheme": "internet-facing", "subnetIds": vpc.get("subnets", [])},
                "loadBalancerSecurityGroups": [],
                "certificate": {**missing, "domainName": express["endpoint"].removeprefix("https://")},
                "listener": missing,
                "rule": missing,
                "targetGroups": [
                    {**missing, "healthCheckPath": express["healthCheckPath"], "healthCheckPort": port, "port": port}
                ],
            }
        ],
        "autoScaling": {
            "scalableTarget": {
                **unscaled,
                "minCapacity": target["minTaskCount"],
                "maxCapacity": target["maxTaskCount"],
            },
            "applicationAutoScalingPolicies": [
                {
                    **unscaled,
                    "policyType": "TargetTrackingScaling",
                    "targetValue": float(target["autoScalingTargetValue"]),
                    "metric": METRICS[target["autoScalingMetric"]],
                }
            ],
        },
        "metricAlarms": [],
        "serviceSecurityGroups": [],
        "logGroups": [] if log_group is None else [{**log_group, "status": "ACTIVE"}],
    }
