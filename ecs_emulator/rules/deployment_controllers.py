"""Who decides what runs: ECS itself, CodeDeploy, or a controller of the user's; the last two leave ECS nothing but task sets.

Source: DeploymentController, CreateService and UpdateService in the ECS API reference; recorded refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecs_emulator.records.services import Service
from ecs_emulator.rules import placement, service_settings
from ecs_emulator.rules.errors import InvalidParameterException, UnsupportedFeatureException

Params = Mapping[str, Any]

ECS, CODE_DEPLOY, EXTERNAL = "ECS", "CODE_DEPLOY", "EXTERNAL"
NEEDS_BALANCER = (
    "When specifying the CODE_DEPLOY deployment controller type, the service requires an Application Load Balancer or "
    "Network Load Balancer."
)
LINKED_ROLE = "You cannot specify an IAM role for services that require a service linked role."
LEFT_TO_SETS = (
    ("loadBalancers", "LoadBalancers must be empty or null."),
    ("networkConfiguration", "NetworkConfiguration must be null."),
    ("launchType", "LaunchType must be null."),
    ("capacityProviderStrategy", "CapacityProviderStrategy must be empty or null."),
    ("platformVersion", "PlatformVersion must be null."),
    ("serviceRegistries", "ServiceRegistries must be empty or null."),
    ("serviceConnectConfiguration", "ServiceConnectConfiguration must be null."),
    ("volumeConfigurations", "VolumeConfigurations must be empty or null."),
)
"""What an EXTERNAL service leaves to its task sets."""
FIXED = (
    ("taskDefinition", "task definition"),
    ("networkConfiguration", "network parameters"),
    ("loadBalancers", "load balancers"),
    ("platformVersion", "platform version"),
    ("serviceRegistries", "service registries"),
    ("capacityProviderStrategy", "capacity provider strategy"),
    ("serviceConnectConfiguration", "service connect configuration"),
    ("volumeConfigurations", "volume configurations"),
)
"""What UpdateService cannot change of a service of task sets."""
INSTEAD = {
    CODE_DEPLOY: ("a CODE_DEPLOY", "Use AWS CodeDeploy to trigger a new deployment."),
    EXTERNAL: ("an EXTERNAL", "Create a new task set to trigger a new deployment."),
}


def asked(params: Params) -> str:
    """The controller's type that a request means. Raises InvalidParameterException for one that there is not."""
    found = (params.get("deploymentController") or {}).get("type", ECS)
    if found not in (ECS, CODE_DEPLOY, EXTERNAL):
        raise InvalidParameterException("deployment controller type should be one of [ECS,CODE_DEPLOY,EXTERNAL]")
    return str(found)


def refuse_definition(controller: str, name: str | None) -> None:
    """A service has a task definition of its own, unless its task sets bring theirs."""
    if controller != EXTERNAL:
        if not name:
            raise InvalidParameterException("TaskDefinition can not be blank.")
    elif name == "":
        raise InvalidParameterException("Family should not be null or empty.")
    elif name is not None:
        raise InvalidParameterException("TaskDefinition must be blank.")


def refuse_external(params: Params) -> None:
    """What CreateService cannot say of a service whose task sets say it."""
    for member, text in LEFT_TO_SETS:
        if params.get(member):
            raise InvalidParameterException(text)
    if params.get("role"):
        raise InvalidParameterException(LINKED_ROLE)
    placement.strategies(params.get("placementStrategy"))
    placement.constraints(params.get("placementConstraints") or ())


def refuse_created(controller: str, params: Params, launch_type: str) -> None:
    """What CreateService cannot ask for where another than ECS deploys; in the recorded order, as far as there is one."""
    if controller == ECS:
        return
    if params.get("schedulingStrategy") == "DAEMON":
        raise InvalidParameterException(
            f"The daemon scheduling strategy does not support the {controller} deployment controller. "
            "Change the deployment controller and try again"
        )
    if controller == CODE_DEPLOY and not any(one.get("targetGroupArn") for one in params.get("loadBalancers") or ()):
        raise InvalidParameterException(NEEDS_BALANCER)
    configuration = params.get("deploymentConfiguration") or {}
    _refuse_configuration(configuration)
    usual = service_settings.DEPLOYMENT
    percents = ("minimumHealthyPercent", "maximumPercent")
    if (
        controller == CODE_DEPLOY
        and launch_type == "EC2"
        and any(configuration.get(one, usual[one]) != usual[one] for one in percents)
    ):
        raise InvalidParameterException(
            "Custom minimumHealthyPercent and maximumPercent values are not supported for services that use the CODE_DEPLOY "
            "deployment controller and the EC2 launch type."
        )


def _refuse_configuration(configuration: Params) -> None:
    for member, name in (("deploymentCircuitBreaker", "Deployment circuit breaker"), ("alarms", "Deployment alarms")):
        if (configuration.get(member) or {}).get("enable"):
            raise InvalidParameterException(f"{name} feature can only be used with ECS deployment controller")
    if (configuration.get("strategy") or "ROLLING") != "ROLLING":
        raise InvalidParameterException("Deployment strategies can only be used with ECS deployment controller")


def wanted(service: Service, params: Params) -> str:
    """The controller that UpdateService leaves a service with: its own, or ECS, which takes over what is there."""
    found = asked(params) if params.get("deploymentController") else service.controller
    if found not in (ECS, service.controller):
        raise UnsupportedFeatureException(
            f"A change of the deployment controller from {service.controller} to {found} is not built in this emulator; to {ECS} is."
        )
    return found


def updated(service: Service, params: Params) -> Service:
    """A service of task sets with what UpdateService may change of it: its count, and what does not make a task."""
    kind, instead = INSTEAD[service.controller]
    for member, name in FIXED:
        if params.get(member) is not None:
            raise InvalidParameterException(
                f"Unable to update {name} on services with {kind} deployment controller. {instead}"
            )
    if params.get("forceNewDeployment"):
        raise InvalidParameterException(
            f"Cannot force a new deployment on services with {kind} deployment controller. {instead}"
        )
    service_settings.refuse_enums(params)
    service_settings.refuse_grace(params)
    placement.strategies(params.get("placementStrategy"))
    placement.constraints(params.get("placementConstraints") or ())
    configuration = params.get("deploymentConfiguration") or {}
    _refuse_configuration(configuration)
    spec = {
        **service.spec,
        **{member: params[member] for member in service_settings.IN_PLACE if params.get(member) is not None},
    }
    spec["deploymentConfiguration"] = service_settings.deployment_configuration(
        configuration, service.spec["deploymentConfiguration"], service.controller
    )
    service_settings.refuse_rebalancing(spec, "updated")
    return replace(service, spec=spec, desired_count=params.get("desiredCount", service.desired_count))
