"""A task definition is held against one ordered table of checks, and what passes is echoed ever after.

Each module holds the checks of one part; here they stand in the order in which ECS was seen to make them, and
where that is not known in the order of a reader: what it is, its containers, what they share, where it may run.
"""

from __future__ import annotations

from ecs_emulator.rules.definitions import (
    containers,
    echo,
    logs,
    ordering,
    platforms,
    ports,
    sizes,
    task,
    volumes,
)
from ecs_emulator.rules.definitions.attributes import required as requires_attributes
from ecs_emulator.rules.definitions.facts import essential, is_fargate, network_mode, supports
from ecs_emulator.rules.definitions.platforms import compatibilities, obstacle
from ecs_emulator.rules.definitions.references import Reference, arn_of, family_and_revision
from ecs_emulator.rules.definitions.rule import Definition, Refusals, Rule, refusal
from ecs_emulator.rules.errors import ClientException, InvalidParameterException
from ecs_emulator.rules.tags import checked as checked_tags

__all__ = [
    "RULES", "Definition", "Reference", "arn_of", "compatibilities", "essential", "family_and_revision", "is_fargate",
    "network_mode", "obstacle", "requires_attributes", "supports", "validated",
]  # fmt: skip


def _tags(definition: Definition) -> Refusals:
    if (tags := definition.get("tags")) is None:
        return
    if not tags:
        yield "Tags can not be empty."
    checked_tags(tags, ClientException)


RULES = (
    Rule("family", task.family),
    Rule("number of containers", task.number_of_containers),
    Rule("length", task.length),
    Rule("retired members", task.retired_members),
    Rule("cpu", sizes.cpu, InvalidParameterException),
    Rule("memory", sizes.memory, InvalidParameterException),
    Rule("enumerations", task.enumerations),
    Rule("containers", containers.each),
    Rule("names", task.names),
    Rule("essential container", task.some_essential),
    Rule("volumes", volumes.declared),
    Rule("mount points", volumes.mounted),
    Rule("volumes from", ordering.volumes_from),
    Rule("links", ordering.links),
    Rule("dependencies", ordering.depends_on),
    Rule("ports", ports.of_task),
    Rule("log router", logs.routed),
    Rule("proxy", task.proxy),
    Rule("ephemeral storage", task.ephemeral_storage),
    Rule("placement constraints", task.placement_constraints),
    Rule("roles", task.roles),
    Rule("execution role", task.execution_role),
    Rule("launch types", platforms.required),
    Rule("sizes of containers", sizes.of_containers),
    Rule("tags", _tags),
)
"""Row by row, first refusal first."""


def validated(params: Definition) -> Definition:
    """The definition as it is described ever after, with `compatibilities` and any `requiresAttributes`.

    Errors: ClientException, InvalidParameterException; the first check that fails decides.
    """
    if (error := refusal(RULES, params)) is not None:
        raise error
    spec = echo.echoed(params)
    spec["compatibilities"] = compatibilities(spec)
    if needed := requires_attributes(spec):
        spec["requiresAttributes"] = needed
    return spec
