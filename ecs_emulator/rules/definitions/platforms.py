"""What a launch type cannot do: a refusal where it was asked for, and the reason why `compatibilities` leaves it out.

Source: "Amazon ECS task definition differences for Fargate" and "… for Managed Instances" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecs_emulator.rules.definitions import facts, sizes
from ecs_emulator.rules.definitions.rule import Definition, Refusals, Rule, refusal

LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")
FARGATE_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")
MANAGED_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens", "json-file")
LONGEST_FARGATE_STOP = 120


# --- Fargate ----------------------------------------------------------------------------------------------------------


def _fargate_network(definition: Definition) -> Refusals:
    if facts.network_mode(definition) != "awsvpc":
        yield "Fargate only supports network mode ‘awsvpc’."


def fargate_size(definition: Definition) -> Refusals:
    cpu, memory = definition.get("cpu"), definition.get("memory")
    if cpu is None:
        yield "Fargate requires that 'cpu' be defined at the task level."
    if memory is None:
        yield "Fargate requires that 'memory' be defined at the task level."
    units, mib = sizes.cpu_units(cpu or "") or 0, sizes.memory_mib(memory or "") or 0
    if not sizes.fits_fargate(units, mib, windows=facts.is_windows(definition)):
        yield (
            f"No Fargate configuration exists for given values: {units} CPU, {mib} memory. "
            "See the Amazon ECS documentation for the valid values."
        )


def _fargate_task(definition: Definition) -> Refusals:
    if definition.get("ipcMode") is not None:
        yield "Tasks using the Fargate launch type do not support ipcMode."
    if definition.get("pidMode") == "host":
        yield (
            "Tasks using the Fargate launch type do not support pidMode 'host'. "
            "The supported value for pidMode is 'task'."
        )
    if definition.get("placementConstraints"):
        yield "Fargate does not support task placement constraints."


def _fargate_volumes(definition: Definition) -> Refusals:
    for volume in definition.get("volumes") or ():
        if (volume.get("host") or {}).get("sourcePath"):
            yield _unsupported("sourcePath")
        if volume.get("dockerVolumeConfiguration") is not None:
            yield _unsupported("dockerVolumeConfiguration")


def _unsupported(member: str) -> str:
    return f"Fargate compatible task definitions do not support {member}"


def _fargate_containers(definition: Definition) -> Refusals:
    for container in facts.containers(definition):
        if container.get("privileged"):
            yield "Fargate requires that the ‘privileged’ setting be ‘false’ at the container level."
        if container.get("dockerSecurityOptions"):
            yield _unsupported("dockerSecurityOptions")
        yield from _fargate_linux(container.get("linuxParameters") or {})
        if any(needed.get("type") == "GPU" for needed in container.get("resourceRequirements") or ()):
            yield "Tasks using the Fargate launch type do not support GPU resource requirements."
        if (container.get("stopTimeout") or 0) > LONGEST_FARGATE_STOP:
            yield "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds."
        for limit in container.get("ulimits") or ():
            if limit.get("name") != "nofile":
                yield _unsupported(f"ulimit {limit.get('name')}")


def _fargate_linux(parameters: dict[str, Any]) -> Refusals:
    for capability in (parameters.get("capabilities") or {}).get("add") or ():
        if capability != "SYS_PTRACE":
            yield f"{capability} is not allowed on Fargate."
    if parameters.get("devices"):
        yield _unsupported("devices")
    for member in ("maxSwap", "swappiness", "sharedMemorySize"):
        if parameters.get(member) is not None:
            yield _unsupported(member)


def _fargate_logs(definition: Definition) -> Refusals:
    executes = definition.get("executionRoleArn") is not None
    for container in facts.containers(definition):
        yield from _log_driver(container, FARGATE_LOG_DRIVERS)
        if facts.log_driver(container) == "awslogs":
            if "awslogs-stream-prefix" not in (container["logConfiguration"].get("options") or {}):
                yield (
                    "Fargate requires log configuration options to include awslogs-stream-prefix "
                    "to support log driver awslogs."
                )
            if not executes:
                yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."
        options = (container.get("firelensConfiguration") or {}).get("options") or {}
        if options.get("config-file-type") == "s3":
            yield "Fargate launch type does not support FirelensConfiguration config file from 's3'"


def _log_driver(container: Definition, allowed: tuple[str, ...]) -> Refusals:
    driver = facts.log_driver(container)
    if driver is not None and driver not in allowed:
        yield f"{driver} is not a valid log driver. Must be one of [{','.join(allowed)}]"


def _fargate_images(definition: Definition) -> Refusals:
    if definition.get("executionRoleArn") is None:
        for container in facts.containers(definition):
            if facts.in_private_ecr(container["image"]):
                yield "Fargate requires task definition to have execution role ARN to support ECR images."


# --- the others -------------------------------------------------------------------------------------------------------


def _ec2(definition: Definition) -> Refusals:
    if definition.get("ephemeralStorage") is not None:
        yield "Tasks using the EC2 launch type do not support EphemeralStorage."


def _external(definition: Definition) -> Refusals:
    if facts.network_mode(definition) == "awsvpc":
        yield "Tasks using the External launch type do not support network mode 'awsvpc'."


def _managed(definition: Definition) -> Refusals:
    if facts.network_mode(definition) not in ("awsvpc", "host"):
        yield "Tasks using the Managed Instances launch type only support network modes 'awsvpc' and 'host'."
    if facts.is_windows(definition):
        yield "Tasks using the Managed Instances launch type do not support Windows."
    for container in facts.containers(definition):
        yield from _log_driver(container, MANAGED_LOG_DRIVERS)


RULES: dict[str, tuple[Rule, ...]] = {
    "FARGATE": (
        Rule("Fargate network", _fargate_network),
        Rule("Fargate size", fargate_size),
        Rule("Fargate task", _fargate_task),
        Rule("Fargate volumes", _fargate_volumes),
        Rule("Fargate containers", _fargate_containers),
        Rule("Fargate logs", _fargate_logs),
        Rule("Fargate images", _fargate_images),
    ),
    "EC2": (Rule("EC2", _ec2),),
    "EXTERNAL": (Rule("External", _external),),
    "MANAGED_INSTANCES": (Rule("Managed Instances", _managed),),
}


def required(definition: Definition) -> Refusals:
    """Each launch type of `requiresCompatibilities` has its say, in the order of the request."""
    for launch_type in definition.get("requiresCompatibilities") or ():
        if (reason := obstacle(definition, launch_type)) is not None:
            yield reason


def obstacle(definition: Definition, launch_type: str) -> str | None:
    """Why a definition cannot run on a launch type, in the words of its refusal; None where it can."""
    found = refusal(RULES[launch_type], definition)
    return None if found is None else found.message


def compatibilities(definition: Definition) -> list[str]:
    """Every launch type that a definition could run on, asked for or not, in the order AWS was seen to name them.

    EC2 is always one of them, even with the `ephemeralStorage` that is refused where EC2 is asked for (seen).
    """
    return [each for each in _candidates(definition) if each == "EC2" or obstacle(definition, each) is None]


def _candidates(definition: Definition) -> Iterator[str]:
    """Managed Instances take `host` too, but are named for it only where they were asked for.

    Ports with a name are Service Connect's, which does not reach external instances: seen to leave EC2 alone.
    """
    if facts.network_mode(definition) == "awsvpc":
        yield from ("EC2", "MANAGED_INSTANCES", "FARGATE")
        return
    asked = definition.get("requiresCompatibilities") or ()
    if "EXTERNAL" in asked or not _names_ports(definition):
        yield "EXTERNAL"
    yield "EC2"
    if "MANAGED_INSTANCES" in asked:
        yield "MANAGED_INSTANCES"


def _names_ports(definition: Definition) -> bool:
    mappings = (each for one in facts.containers(definition) for each in one.get("portMappings") or ())
    return any("name" in each for each in mappings)
