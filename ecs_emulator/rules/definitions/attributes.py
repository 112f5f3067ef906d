"""What an agent must be able to do to run a task: one attribute for each feature that the definition uses.

Source: `requiresAttributes` as recorded from ECS, and the capabilities that amazon-ecs-agent registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ecs_emulator import arns
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Container, Definition

AGENT = "com.amazonaws.ecs.capability."
ECS = "ecs.capability."
SECURITY = "dockerSecurityOptions"
LOG_DRIVER_API = {"json-file": "1.18", "syslog": "1.18", "splunk": "1.22"}
"""The engine API that a log driver came with; the others need 1.19."""
ORDER = (
    f"{ECS}container-ordering",
    f"{AGENT}logging-driver.awslogs",
    f"{AGENT}docker-remote-api.1.24",
    f"{ECS}execution-role-awslogs",
    f"{ECS}efsAuth",
    f"{AGENT}privileged-container",
    f"{AGENT}ecr-auth",
    f"{AGENT}docker-remote-api.1.19",
    f"{ECS}secrets.asm.environment-variables",
    f"{ECS}efs",
    f"{ECS}firelens.fluentbit",
    f"{AGENT}docker-remote-api.1.28",
    f"{ECS}pid-ipc-namespace-sharing",
    f"{AGENT}docker-remote-api.1.17",
    f"{AGENT}docker-remote-api.1.21",
    f"{AGENT}docker-remote-api.1.25",
    f"{AGENT}logging-driver.",
    f"{ECS}env-files.s3",
    f"{AGENT}task-iam-role",
    f"{ECS}container-health-check",
    f"{ECS}execution-role-ecr-pull",
    f"{ECS}secrets.ssm.environment-variables",
    f"{ECS}extensible-ephemeral-storage",
    f"{AGENT}docker-remote-api.1.18",
    f"{ECS}task-eni",
    f"{AGENT}docker-remote-api.1.29",
)
"""As AWS was seen to name them, one list at a time; the others follow."""
PLACES = {name: place for place, name in enumerate(ORDER)}
DRIVER = f"{AGENT}logging-driver."


def _api(version: str) -> str:
    return f"{AGENT}docker-remote-api.{version}"


# --- the task ---------------------------------------------------------------------------------------------------------


def _network(definition: Definition) -> Iterator[str]:
    if facts.network_mode(definition) == "awsvpc":
        yield from (_api("1.18"), f"{ECS}task-eni")


def _task_role(definition: Definition) -> Iterator[str]:
    if definition.get("taskRoleArn"):
        host = facts.network_mode(definition) == "host"
        yield f"{AGENT}task-iam-role-network-host" if host else f"{AGENT}task-iam-role"


def _execution_role(definition: Definition) -> Iterator[str]:
    if definition.get("executionRoleArn"):
        containers = facts.containers(definition)
        if any(facts.log_driver(each) == "awslogs" for each in containers):
            yield f"{ECS}execution-role-awslogs"
        if any(facts.in_private_ecr(each["image"]) for each in containers):
            yield f"{ECS}execution-role-ecr-pull"


def _namespaces(definition: Definition) -> Iterator[str]:
    if {definition.get("pidMode"), definition.get("ipcMode")} & {"host", "task"}:
        yield f"{ECS}pid-ipc-namespace-sharing"


def _volumes(definition: Definition) -> Iterator[str]:
    for volume in definition.get("volumes") or ():
        if (docker := volume.get("dockerVolumeConfiguration")) is not None:
            yield from (f"{ECS}docker-plugin.{docker.get('driver') or 'local'}", _api("1.25"))
        if (efs := volume.get("efsVolumeConfiguration")) is not None:
            yield from (f"{ECS}efs", _api("1.25"))
            if efs.get("authorizationConfig"):
                yield f"{ECS}efsAuth"
        if volume.get("s3filesVolumeConfiguration") is not None:
            yield f"{ECS}storage.s3-files"
        if volume.get("fsxWindowsFileServerVolumeConfiguration") is not None:
            yield f"{ECS}fsxWindowsFileServer"
        if volume.get("configuredAtLaunch"):
            yield f"{ECS}storage.ebs-task-volume-attach"


def _others(definition: Definition) -> Iterator[str]:
    if definition.get("proxyConfiguration") is not None:
        yield f"{ECS}aws-appmesh"
    if definition.get("enableFaultInjection"):
        yield f"{ECS}fault-injection"
    if definition.get("ephemeralStorage") is not None:
        yield f"{ECS}extensible-ephemeral-storage"


# --- a container ------------------------------------------------------------------------------------------------------


def _logs(container: Container) -> Iterator[str]:
    if (driver := facts.log_driver(container)) is None:
        return
    yield from (f"{AGENT}logging-driver.{driver}", _api(LOG_DRIVER_API.get(driver, "1.19")))
    options = container["logConfiguration"].get("options") or {}
    if driver != "awslogs":
        return
    if "mode" in options or "max-buffer-size" in options:
        yield _api("1.28")
    if "awslogs-create-group" in options:
        yield _api("1.29")


def _router(container: Container) -> Iterator[str]:
    if (router := container.get("firelensConfiguration")) is not None:
        yield f"{ECS}firelens.{router['type']}"
        if kind := (router.get("options") or {}).get("config-file-type"):
            yield f"{ECS}firelens.options.config.{kind}"


def _image(container: Container) -> Iterator[str]:
    if facts.in_private_ecr(container["image"]):
        yield f"{AGENT}ecr-auth"
    if "@" in container["image"]:
        yield _api("1.21")
    if container.get("repositoryCredentials") is not None:
        yield f"{ECS}private-registry-authentication.secretsmanager"


def _secrets(container: Container) -> Iterator[str]:
    for secret in container.get("secrets") or ():
        yield f"{ECS}secrets.{_secret_store(secret)}.environment-variables"
    for secret in facts.log_secrets(container):
        yield f"{ECS}secrets.{_secret_store(secret)}.bootstrap.log-driver"
    if container.get("environmentFiles"):
        yield f"{ECS}env-files.s3"


def _secret_store(secret: Container) -> str:
    found = arns.parse(secret["valueFrom"])
    return "asm" if found is not None and found.service == "secretsmanager" else "ssm"


def _life(container: Container) -> Iterator[str]:
    if (check := container.get("healthCheck")) is not None:
        yield from (f"{ECS}container-health-check", _api("1.24" if check.get("startPeriod") is None else "1.29"))
    timeouts = container.get("startTimeout"), container.get("stopTimeout")
    if container.get("dependsOn") or timeouts != (None, None):
        yield f"{ECS}container-ordering"
    if (container.get("restartPolicy") or {}).get("enabled"):
        yield f"{ECS}container-restart-policy"


def _ports(container: Container) -> Iterator[str]:
    if any("containerPortRange" in each for each in container.get("portMappings") or ()):
        yield f"{ECS}network.container-port-range"


def _engine(container: Container) -> Iterator[str]:
    """Each with the engine's API that brought it. What is said of the last five counts even where it is empty (seen)."""
    parameters = container.get("linuxParameters") or {}
    if container.get("memoryReservation") is not None:
        yield _api("1.21")
    if container.get("privileged"):
        yield f"{AGENT}privileged-container"
    if parameters.get("initProcessEnabled"):
        yield _api("1.25")
    if parameters.get("tmpfs") or parameters.get("sharedMemorySize"):
        yield _api("1.22")
    if any(container.get(member) is not None for member in ("ulimits", "dockerLabels")):
        yield _api("1.18")
    if any(container.get(member) is not None for member in ("readonlyRootFilesystem", "extraHosts", SECURITY)):
        yield _api("1.17")


def _security(container: Container) -> Iterator[str]:
    for option in container.get(SECURITY) or ():
        if option.startswith("label:"):
            yield f"{AGENT}selinux"
        if option.startswith("apparmor:"):
            yield f"{AGENT}apparmor"
    for spec in container.get("credentialSpecs") or ():
        yield f"{ECS}gmsa-domainless" if spec.startswith("credentialspecdomainless:") else f"{ECS}gmsa"


OF_TASK: tuple[Callable[[Definition], Iterator[str]], ...] = (
    _network, _task_role, _execution_role, _namespaces, _volumes, _others,
)  # fmt: skip
OF_CONTAINER: tuple[Callable[[Container], Iterator[str]], ...] = (
    _logs, _router, _image, _secrets, _life, _ports, _engine, _security,
)  # fmt: skip


def required(definition: Definition) -> list[dict[str, str]]:
    """`requiresAttributes` as it is described: `[{"name": …}]`, each attribute once."""
    names = {name for ask in OF_TASK for name in ask(definition)}
    for container in facts.containers(definition):
        names.update(name for ask in OF_CONTAINER for name in ask(container))
    return [{"name": name} for name in sorted(names, key=_place)]


def _place(name: str) -> tuple[int, str]:
    place = PLACES.get(name)
    if place is None:
        place = PLACES[DRIVER] if name.startswith(DRIVER) else len(ORDER)
    return place, name
