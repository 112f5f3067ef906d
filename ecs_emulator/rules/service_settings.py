"""What a service may ask for: the order in which ECS refuses, and the defaults it fills in.

Source: CreateService and UpdateService in the ECS API reference; recorded refusals of the real service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ecs_emulator.rules import deployment_strategies
from ecs_emulator.rules.errors import InvalidParameterException, quoted

Params = Mapping[str, Any]
Document = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9\-_]{1,255}")
LONGEST_TOKEN = 36
MOST_TASKS = 5_000
"""Of one service: the quota "Tasks per service"."""
ZONE_SPREAD = "attribute:ecs.availability-zone"
BREAKER = {
    "enable": False,
    "rollback": False,
    "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}
DEPLOYMENT = {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0}
DAEMON_PERCENTS = {"maximumPercent": 100, "minimumHealthyPercent": 0}
"""Of a service with one task on each machine: the old one goes before the new one comes."""
RESOLUTIONS = (20, 60)
METRICS = ("CPUUtilization", "MemoryUtilization")
THRESHOLDS = ("BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT")

NEW_DEPLOYMENT = (
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "capacityProviderStrategy",
    "gatewayConnectors",
    "expressGateway",
)
"""Members of UpdateService whose change makes a new revision; `taskDefinition` and `forceNewDeployment` do besides.

`expressGateway` is no member of it: the operations of Express services write it.
"""
IN_PLACE = (
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "availabilityZoneRebalancing",
)
"""Members of UpdateService that change the service and leave its deployment."""


def with_revision(spec: Params, revision: Params) -> Document:
    """A service's `spec` with what makes a revision taken from that revision, and nothing left of another."""
    return {**{member: value for member, value in spec.items() if member not in NEW_DEPLOYMENT}, **revision}


# --- names and numbers ----------------------------------------------------------------------------------------------


def refuse_name(name: str) -> None:
    if not name:
        raise InvalidParameterException("Service name cannot be empty.")
    if not NAME.fullmatch(name):
        shown = "".join(sign if sign.isascii() else "?" for sign in quoted(name))
        raise InvalidParameterException(rf"ServiceName must match ^[a-zA-Z0-9\-_]{{1,255}}, but was {shown}")


def refuse_token(token: str | None) -> None:
    if token is not None and len(token) > LONGEST_TOKEN:
        raise InvalidParameterException(f"idempotency token longer than {LONGEST_TOKEN}.")


def refuse_enums(params: Params) -> None:
    for member, text, allowed in (
        ("schedulingStrategy", "Scheduling strategy", ("REPLICA", "DAEMON")),
        ("propagateTags", "propagateTags", ("TASK_DEFINITION", "SERVICE", "NONE")),
        ("availabilityZoneRebalancing", "availabilityZoneRebalancing", ("ENABLED", "DISABLED")),
        ("resourceManagementType", "resourceManagementType", ("CUSTOMER", "ECS")),
    ):
        if params.get(member) is not None and params[member] not in allowed:
            raise InvalidParameterException(f"{text} should be one of [{','.join(allowed)}]")


def refuse_counts(params: Params) -> None:
    """CreateService's count and grace period; a DAEMON service's count is that of its machines."""
    if params.get("schedulingStrategy") == "DAEMON":
        refuse_grace(params)
        return
    if params.get("desiredCount") is None:
        raise InvalidParameterException("DesiredCount is missing")
    if params["desiredCount"] < 0:
        raise InvalidParameterException("DesiredCount can not be lesser than 0")
    refuse_too_many(params)
    refuse_grace(params)


def refuse_too_many(params: Params) -> None:
    """More than the quota "Tasks per service", in the words that were recorded of it."""
    if (params.get("desiredCount") or 0) > MOST_TASKS:
        raise InvalidParameterException("Desired count exceeds limit.")


def refuse_grace(params: Params) -> None:
    if params.get("healthCheckGracePeriodSeconds", 0) < 0:
        raise InvalidParameterException("healthCheckGracePeriodSeconds must be at least 0")


# --- deployment configuration ---------------------------------------------------------------------------------------


def deployment_configuration(
    asked: Params | None, present: Params | None = None, controller: str = "ECS", *, daemon: bool = False
) -> Document:
    """What is given over what is there over the defaults, inside the circuit breaker as well; checked.

    `{"maximumPercent": 150}` becomes `{"maximumPercent": 150, "minimumHealthyPercent": 100, "strategy": "ROLLING", …}`.
    """
    asked = asked or {}
    known = present or {**DEPLOYMENT, **(DAEMON_PERCENTS if daemon else {}), "deploymentCircuitBreaker": BREAKER}
    breaker = {**known["deploymentCircuitBreaker"], **(asked.get("deploymentCircuitBreaker") or {})}
    if not breaker["enable"]:
        breaker["rollback"] = False
    merged = {**known, **asked, "deploymentCircuitBreaker": breaker}
    _refuse_percents(merged, blocked=controller == "ECS" and not daemon)
    _refuse_breaker(breaker)
    merged = deployment_strategies.completed(merged, asked)
    deployment_strategies.refuse(merged, asked, present)
    return merged


def _refuse_percents(configuration: Params, *, blocked: bool) -> None:
    least, most = configuration["minimumHealthyPercent"], configuration["maximumPercent"]
    for applies, text in PERCENTS:
        if applies(least, most):
            raise InvalidParameterException(text)
    if blocked and least == most == 100:
        raise InvalidParameterException(BLOCKED)


BLOCKED = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."


PERCENTS: tuple[tuple[Callable[[int, int], bool], str], ...] = (
    (lambda least, most: most < 100, "maximumPercent must be at least 100"),
    (lambda least, most: least > 100, "minimumHealthyPercent must be at most 100"),
    (lambda least, most: least < 0, "minimumHealthyPercent must be at least 0"),
)


def _refuse_breaker(breaker: Params) -> None:
    threshold = breaker["thresholdConfiguration"]
    if threshold.get("type") not in THRESHOLDS:
        raise InvalidParameterException("Invalid deployment circuit breaker threshold type.")
    value = threshold.get("value", 50)
    if value < 1 or (threshold["type"] != "COUNT" and value > 100):
        raise InvalidParameterException("Invalid deployment circuit breaker threshold value.")


# --- availability zones ---------------------------------------------------------------------------------------------


def zone_rebalancing(params: Params, configuration: Params, launch_type: str) -> str:
    """ENABLED unless something speaks against it; asked for against that, it is refused."""
    asked = params.get("availabilityZoneRebalancing")
    daemon = params.get("schedulingStrategy") == "DAEMON"
    if asked is not None:
        whole = {"availabilityZoneRebalancing": asked, "deploymentConfiguration": configuration}
        refuse_rebalancing(whole, "created", daemon=daemon)
        return str(asked)
    whole = {**params, "availabilityZoneRebalancing": "ENABLED", "deploymentConfiguration": configuration}
    return "ENABLED" if launch_type != "EXTERNAL" and rebalances(whole) else "DISABLED"


def rebalances(spec: Params) -> bool:
    """Whether a service's zones are kept even: it wants it, it may have more tasks than desired, and nothing speaks against it."""
    if spec["availabilityZoneRebalancing"] != "ENABLED" or spec["deploymentConfiguration"]["maximumPercent"] <= 100:
        return False
    if any(each.get("loadBalancerName") for each in spec.get("loadBalancers") or ()):
        return False
    first = next(iter(spec.get("placementStrategy") or ()), None)
    return first is None or (first.get("type") == "spread" and first.get("field") == ZONE_SPREAD)


def refuse_rebalancing(spec: Params, verb: str, *, daemon: bool = False) -> None:
    """`spec`: a service's, with its deploymentConfiguration whole."""
    if daemon and spec["availabilityZoneRebalancing"] == "ENABLED":
        raise InvalidParameterException(
            f"The service couldn't be {verb} because Availability Zone Rebalancing does not support DAEMON as scheduling "
            "strategy. Update scheduling strategy and try again."
        )
    if spec["availabilityZoneRebalancing"] != "ENABLED" or spec["deploymentConfiguration"]["maximumPercent"] > 100:
        return
    raise InvalidParameterException(
        f"The service couldn't be {verb} because Availability Zone Rebalancing does not support maximumPercent <= 100 % as "
        "deployment configuration. Update deployment configuration and try again."
    )


# --- load balancers and the rest ------------------------------------------------------------------------------------


def refuse_load_balancers(params: Params, definition: Params, launch_type: str) -> None:
    """Load balancers and registries of a request or of a service against the definition they are to serve."""
    balancers = params.get("loadBalancers") or ()
    if len(balancers) > 5:
        raise InvalidParameterException("load balancers can have at most 5 items.")
    if len(params.get("serviceRegistries") or ()) > 1:
        raise InvalidParameterException("service registries can have at most 1 items.")
    containers = {one["name"]: one for one in definition["containerDefinitions"]}
    for balancer in balancers:
        if balancer.get("targetGroupArn") and balancer.get("loadBalancerName"):
            raise InvalidParameterException(
                "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a loadBalancerName or a "
                "targetGroupArn in all loadBalancer entries"
            )
        if balancer.get("loadBalancerName") and launch_type == "FARGATE":
            raise InvalidParameterException("Classic Load Balancers are not supported with Fargate.")
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in containers:
            raise InvalidParameterException(f"The container {name} does not exist in the task definition.")
        if port not in {mapping.get("containerPort") for mapping in containers[name].get("portMappings", ())}:
            raise InvalidParameterException(f"The container {name} did not have a container port {port} defined.")
    if params.get("role") and (
        params.get("networkConfiguration") or params.get("serviceRegistries") or len(balancers) > 1
    ):
        raise InvalidParameterException(
            "You cannot specify an IAM role for services that require a service linked role."
        )
    if params.get("role") and not balancers:
        raise InvalidParameterException("A role was passed, but no load balancers were present.")


def refuse_monitoring(params: Params) -> None:
    """Of each metric one resolution. That the rest is refused is recorded, its texts are not."""
    named: list[str] = []
    for each in (params.get("monitoring") or {}).get("metricConfigurations") or ():
        if each["resolutionSeconds"] not in RESOLUTIONS:
            raise InvalidParameterException("resolutionSeconds should be one of [20,60]")
        if any(name not in METRICS for name in each["metricNames"]):
            raise InvalidParameterException(f"metricNames should be one of [{','.join(METRICS)}]")
        named += each["metricNames"]
    if len(set(named)) < len(named):
        raise InvalidParameterException("A metric name can be specified only once in metricConfigurations.")


def refuse_exec(params: Params, definition: Params, verb: str) -> None:
    if params.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        raise InvalidParameterException(
            f"The service couldn't be {verb} because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )
