"""How a request names a task definition: `web` is the newest of a family, `web:3` one revision, an ARN either.

Source: `taskDefinition` of DescribeTaskDefinition, RunTask and CreateService.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ecs_emulator import arns
from ecs_emulator.arns import World
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.errors import ClientException, InvalidParameterException

RESOURCE = "task-definition"
_FOREIGN = re.compile(r"[^A-Za-z0-9_:-]")
LARGEST_REVISION = 2**31 - 1


class Reference(NamedTuple):
    """A family, and one revision of it or its latest ACTIVE one."""

    family: str
    revision: int | None


def arn_of(world: World, family: str, revision: int, kind: str = RESOURCE) -> str:
    return world.arn("ecs", f"{kind}/{family}:{revision}")


def family_and_revision(text: str, world: World, kind: str = RESOURCE) -> Reference:
    """What `web`, `web:3` or `arn:aws:ecs:…:task-definition/web:3` names, seen from one account and region.

    Errors: Client (blank, no family's name), InvalidParameter (another world's or kind's ARN, no number).
    """
    if not text:
        raise ClientException(f"{kind.title().replace('-', '')} can not be blank.")
    name = _named(text, world, kind)
    family, colon, number = name.partition(":")
    if not facts.NAME.fullmatch(family) or _FOREIGN.search(name):
        raise ClientException("Family contains invalid characters.")
    return Reference(family, _revision(number) if colon else None)


def _named(text: str, world: World, expected: str) -> str:
    """The part of an ARN that names the definition; a text that is no ARN is it."""
    arn = arns.parse(text)
    if arn is None or arn.service != "ecs":
        return text
    kind, _, name = arn.resource.partition("/")
    if kind != expected:
        raise InvalidParameterException(f"Unsupported resource type: {kind}")
    if arn.account != world.account:
        raise InvalidParameterException("AccountIDs mismatch")
    if arn.region != world.region:
        raise InvalidParameterException("Region mismatch")
    return name


def _revision(number: str) -> int:
    if number.isdigit() and len(number) <= 10 and 1 <= int(number) <= LARGEST_REVISION:
        return int(number)
    raise InvalidParameterException("Invalid task definition: Invalid revision number.")
