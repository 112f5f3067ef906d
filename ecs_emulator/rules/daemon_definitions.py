"""A daemon task definition is held against the same checks as any other, less what its containers cannot say.

Source: RegisterDaemonTaskDefinition, DaemonContainerDefinition and DaemonVolume in the ECS API reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ecs_emulator.records.daemons import DaemonTaskDefinition
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.rules import tags
from ecs_emulator.rules.definitions import containers, facts, logs, ordering, platforms, sizes, task, volumes
from ecs_emulator.rules.definitions.echo import HEALTH_CHECK
from ecs_emulator.rules.definitions.rule import ContainerRule, Definition, Refusals, Rule, one_of, refusal
from ecs_emulator.rules.errors import ClientException, InvalidParameterException
from ecs_emulator.store import Transaction

KIND = "daemon-task-definition"
MODES = ("none", "shared")
LISTS = ("environment", "mountPoints", "systemControls")
"""Members of a container that are always there, if only empty."""
ENGINE_LOGS = "/var/lib/docker/containers"
"""Where an engine keeps the files of its json-file driver: a directory for each container, named with its id."""
_UNSIZED = "none"


def _size(definition: Definition, container: Definition) -> Refusals:
    """As in any other definition, but that a daemon's memory may be left open altogether."""
    yield from containers.size({"memory": definition.get("memory") or _UNSIZED}, container)


_OWN = {"cpu and memory": ContainerRule("cpu and memory", _size)}
CONTAINER_RULES = tuple(_OWN.get(rule.name, rule) for rule in containers.RULES)


def _containers(definition: Definition) -> Refusals:
    for container in facts.containers(definition):
        for rule in CONTAINER_RULES:
            yield from rule.refusals(definition, container)
        driver = facts.log_driver(container)
        if driver is not None and driver not in platforms.MANAGED_LOG_DRIVERS:
            yield f"{driver} is not a valid log driver. Must be one of [{','.join(platforms.MANAGED_LOG_DRIVERS)}]"


def _modes(definition: Definition) -> Refusals:
    yield from one_of("pidMode", definition.get("pidMode"), MODES)
    yield from one_of("ipcMode", definition.get("ipcMode"), MODES)


def _volumes(definition: Definition) -> Refusals:
    yield from volumes.declared(definition)
    for volume in definition.get("volumes") or ():
        if (said := volume.get("logDriverVolumeConfiguration")) is None:
            continue
        if volume.get("host") is not None:
            yield "When the volume parameter is specified, only one volume configuration type should be used."
        if said.get("driver") != "json-file":
            yield "Log driver volumes support the log driver json-file only."


def _tags(definition: Definition) -> Refusals:
    if (asked := definition.get("tags")) is None:
        return
    if not asked:
        yield "Tags can not be empty."
    tags.checked(asked, ClientException)


RULES = (
    Rule("family", task.family),
    Rule("number of containers", task.number_of_containers),
    Rule("length", task.length),
    Rule("cpu", sizes.cpu, InvalidParameterException),
    Rule("memory", sizes.memory, InvalidParameterException),
    Rule("modes", _modes),
    Rule("containers", _containers),
    Rule("names", task.names),
    Rule("essential container", task.some_essential),
    Rule("volumes", _volumes),
    Rule("mount points", volumes.mounted),
    Rule("dependencies", ordering.depends_on),
    Rule("log router", logs.routed),
    Rule("roles", task.roles),
    Rule("execution role", task.execution_role),
    Rule("sizes of containers", sizes.of_containers),
    Rule("tags", _tags),
)
"""Row by row, first refusal first, in the order of RegisterTaskDefinition."""


def validated(params: Definition) -> Definition:
    """The definition as it is described ever after. Errors: ClientException, InvalidParameterException."""
    if (error := refusal(RULES, params)) is not None:
        raise error
    echo = {name: value for name, value in params.items() if name not in ("tags", "family")}
    echo["containerDefinitions"] = [_container(each) for each in facts.containers(params)]
    echo["volumes"] = [
        {**each, "host": {}} if each.keys() == {"name"} else each for each in params.get("volumes") or ()
    ]
    for member, units in (("cpu", sizes.cpu_units), ("memory", sizes.memory_mib)):
        if member in echo:
            echo[member] = str(units(echo[member]))
    return echo


def _container(container: Definition) -> Definition:
    echo: Definition = {"cpu": 0, "essential": True, **container}
    for member in LISTS:
        echo[member] = list(container.get(member) or ())
    if (check := container.get("healthCheck")) is not None:
        echo["healthCheck"] = {**HEALTH_CHECK, **check}
    return echo


# --- of tasks of either kind --------------------------------------------------------------------------------------------


def of_task(tx: Transaction, arn: str) -> TaskDefinition | DaemonTaskDefinition | None:
    """The definition that a task goes by, whichever kind its ARN says."""
    return tx.get(DaemonTaskDefinition, arn) if _is_daemons(arn) else tx.get(TaskDefinition, arn)


def of_tasks(tx: Transaction, arns: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The same of many, their `spec` by ARN: one query for each kind."""
    asked = set(arns)
    of_daemons = {arn for arn in asked if _is_daemons(arn)}
    found: dict[str, dict[str, Any]] = {}
    if asked - of_daemons:
        found |= {one.arn: one.spec for one in tx.find(TaskDefinition, arn=asked - of_daemons)}
    if of_daemons:
        found |= {one.arn: one.spec for one in tx.find(DaemonTaskDefinition, arn=of_daemons)}
    return found


def _is_daemons(arn: str) -> bool:
    return f":{KIND}/" in arn


def as_run(definition: TaskDefinition | DaemonTaskDefinition) -> dict[str, Any]:
    """The `spec` in the words that agents know: `shared` namespaces are the host's, own ones are what an engine gives anyway.

    A log driver's volume is the directory in which the engine keeps the files of its json-file driver.
    """
    if isinstance(definition, TaskDefinition):
        return definition.spec
    spec = {name: value for name, value in definition.spec.items() if name not in ("pidMode", "ipcMode")}
    for mode in ("pidMode", "ipcMode"):
        if definition.spec.get(mode) == "shared":
            spec[mode] = "host"
    spec["volumes"] = [_volume(each) for each in definition.spec["volumes"]]
    return spec


def _volume(volume: Definition) -> Definition:
    if volume.get("logDriverVolumeConfiguration") is None:
        return volume
    return {"name": volume["name"], "host": {"sourcePath": ENGINE_LOGS}}
