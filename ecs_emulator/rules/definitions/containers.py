"""One container by itself: what it is called, what it takes, what it is told and how it is watched.

Source: ContainerDefinition in the ECS API reference.
"""

from __future__ import annotations

import re

from ecs_emulator import arns
from ecs_emulator.rules.definitions import facts, logs, ports
from ecs_emulator.rules.definitions.rule import Container, ContainerRule, Definition, Refusals, one_of

SMALLEST_MEMORY = 4
"""MiB: the oldest engine's own limit."""
SMALLEST_TIMEOUT = 2
MOST_ENVIRONMENT_FILES = 10
MOST_IGNORED_EXIT_CODES = 50
HEALTH_CHECK_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
RESTART_PERIOD = range(60, 1800 + 1)
ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
    "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
NOT_IN_AWSVPC = (
    ("links", "Links are not supported when networkMode=awsvpc."),
    ("hostname", "hostname is not supported on container when networkMode=awsvpc."),
    ("dnsServers", "DNS servers are not supported on container when networkMode=awsvpc."),
    ("extraHosts", "Extra hosts are not supported on container when networkMode=awsvpc."),
    ("disableNetworking", "Disable Networking is not supported on container when networkMode=awsvpc."),
)
"""What speaks of the container's own network, which in awsvpc is the task's."""
REQUIRED = {
    "extraHosts": ("hostname", "ipAddress"),
    "systemControls": ("namespace", "value"),
}
"""What each item of a list must say."""
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,2048}")


def _name(definition: Definition, container: Container) -> Refusals:
    if not container.get("name"):
        yield "Container.name should not be null or empty."
    elif not facts.NAME.fullmatch(container["name"]):
        yield "Container.name contains invalid characters."


def _image(definition: Definition, container: Container) -> Refusals:
    if not container.get("image"):
        yield "Container.image should not be null or empty."


def size(definition: Definition, container: Container) -> Refusals:
    name, memory, reserved = container["name"], container.get("memory"), container.get("memoryReservation")
    if (container.get("cpu") or 0) < 0:
        yield f"Invalid 'cpu' setting for container '{name}'."
    for member, amount in (("memory", memory), ("memoryReservation", reserved)):
        if amount is not None and amount < SMALLEST_MEMORY:
            yield f"Invalid '{member}' setting for container '{name}'."
    setting = f"Invalid setting for container '{name}'."
    if definition.get("memory") is None and memory is None and reserved is None:
        yield f"{setting} At least one of 'memory' or 'memoryReservation' must be specified."
    if memory is not None and reserved is not None and memory < reserved:
        yield f"{setting} 'memory' must be greater than or equal to 'memoryReservation'."


def _network(definition: Definition, container: Container) -> Refusals:
    if facts.network_mode(definition) == "awsvpc":
        for member, message in NOT_IN_AWSVPC:
            if container.get(member):
                yield message


def _environment(definition: Definition, container: Container) -> Refusals:
    for variable in container.get("environment") or ():
        if not (variable.get("name") or "").strip():
            yield "Environment variable name cannot be null or blank."


def _environment_files(definition: Definition, container: Container) -> Refusals:
    files = container.get("environmentFiles") or ()
    if len(files) > MOST_ENVIRONMENT_FILES:
        yield "The maximum number of environment files was exceeded. Specify ten or less and try again."
    for file in files:
        yield from one_of("Environment file type", file.get("type"), ("s3",))
        found = arns.parse(file.get("value") or "")
        if found is None or found.service != "s3":
            yield "Invalid arn syntax."
        elif not found.resource.endswith(".env"):
            yield "The environment file must have a .env file extension."


def _secrets(definition: Definition, container: Container) -> Refusals:
    taken = {variable.get("name") for variable in container.get("environment") or ()}
    for secret in container.get("secrets") or ():
        name = secret.get("name")
        if not name:
            yield "Secret name should not be null or empty."
        if name in taken:
            yield (
                "The secret name must be unique and not shared with any new or existing environment variables "
                f"set on the container, such as '{name}'."
            )
        taken.add(name)
    for secret in facts.secrets(container):
        yield from _secret_source(secret)


def _secret_source(secret: Container) -> Refusals:
    source = secret.get("valueFrom") or ""
    found = arns.parse(source)
    if found.service not in ("ssm", "secretsmanager") if found else not _PARAMETER_NAME.fullmatch(source):
        yield (
            f"The Systems Manager parameter name specified for secret {secret.get('name')} is invalid. "
            "The parameter name can be up to 2048 characters and include the following letters and symbols: "
            "a-zA-Z0-9_.-,"
        )


def _ulimits(definition: Definition, container: Container) -> Refusals:
    for limit in container.get("ulimits") or ():
        if limit.get("name") not in ULIMITS:
            yield f"Unrecognized ulimit name {limit.get('name', 'null')}"


def _timeouts(definition: Definition, container: Container) -> Refusals:
    for member, word in (("startTimeout", "start"), ("stopTimeout", "stop")):
        seconds = container.get(member)
        if seconds is not None and seconds < SMALLEST_TIMEOUT:
            yield f"Granular {word} timeout on container '{container['name']}' must be at least 2 seconds."


def _health_check(definition: Definition, container: Container) -> Refusals:
    check = container.get("healthCheck")
    if check is None:
        return
    if not check.get("command"):
        yield f"Health check command must not be empty for container '{container['name']}'"
    for member, (least, most) in HEALTH_CHECK_BOUNDS.items():
        value = check.get(member)
        if value is None:
            continue
        if value > most:
            bound = f"less than or equal to the maximum allowed value {most}"
        elif value < least:
            bound = f"greater than or equal to the minimum allowed value {least}"
        else:
            continue
        yield f"Health check {member} must be {bound} for container '{container['name']}'"


def _restart_policy(definition: Definition, container: Container) -> Refusals:
    policy, name = container.get("restartPolicy") or {}, container["name"]
    period = policy.get("restartAttemptPeriod")
    if period is not None and period not in RESTART_PERIOD:
        yield f"The 'restartAttemptPeriod' setting for container '{name}' must be between 60 and 1800."
    if len(policy.get("ignoredExitCodes") or ()) > MOST_IGNORED_EXIT_CODES:
        yield f"The 'ignoredExitCodes' setting for container '{name}' can have at most 50 items."


def resource_requirements(definition: Definition, container: Container) -> Refusals:
    for needed in container.get("resourceRequirements") or ():
        kinds = ("GPU", "InferenceAccelerator", "NeuronDevice")
        yield from one_of("Resource requirement type", needed.get("type"), kinds)
        if needed.get("type") == "GPU" and not _COUNT.fullmatch(needed.get("value", "")):
            yield f"Invalid 'resourceRequirements' setting for container '{container['name']}'."


def _linux_parameters(definition: Definition, container: Container) -> Refusals:
    parameters, name = container.get("linuxParameters") or {}, container["name"]
    if not 0 <= parameters.get("swappiness", 0) <= 100:
        yield f"The 'swappiness' setting for container '{name}' must be between 0 and 100."
    if parameters.get("maxSwap", 0) < 0 or parameters.get("sharedMemorySize", 1) < 1:
        yield f"Invalid 'linuxParameters' setting for container '{name}'."
    for mount in parameters.get("tmpfs") or ():
        if not mount.get("containerPath") or mount.get("size", 0) < 1:
            yield f"Invalid 'tmpfs' setting for container '{name}'."
    for device in parameters.get("devices") or ():
        if not device.get("hostPath"):
            yield f"Invalid 'devices' setting for container '{name}'."


def _complete(definition: Definition, container: Container) -> Refusals:
    for member, needed in REQUIRED.items():
        for item in container.get(member) or ():
            if not all(item.get(each) for each in needed):
                yield f"Invalid '{member}' setting for container '{container['name']}'."
    credentials = container.get("repositoryCredentials")
    if credentials is not None and not credentials.get("credentialsParameter"):
        yield f"Invalid 'repositoryCredentials' setting for container '{container['name']}'."


def _version_consistency(definition: Definition, container: Container) -> Refusals:
    yield from one_of("versionConsistency", container.get("versionConsistency"), ("enabled", "disabled"))


RULES = (
    ContainerRule("name", _name),
    ContainerRule("image", _image),
    ContainerRule("cpu and memory", size),
    ContainerRule("network", _network),
    ContainerRule("port mappings", ports.of_container),
    ContainerRule("environment", _environment),
    ContainerRule("environment files", _environment_files),
    ContainerRule("secrets", _secrets),
    ContainerRule("ulimits", _ulimits),
    ContainerRule("timeouts", _timeouts),
    ContainerRule("health check", _health_check),
    ContainerRule("restart policy", _restart_policy),
    ContainerRule("resource requirements", resource_requirements),
    ContainerRule("linux parameters", _linux_parameters),
    ContainerRule("complete items", _complete),
    ContainerRule("version consistency", _version_consistency),
    ContainerRule("logs", logs.of_container),
)


def each(definition: Definition) -> Refusals:
    """Every container, in the order given, against every row."""
    for container in facts.containers(definition):
        for rule in RULES:
            yield from rule.refusals(definition, container)
