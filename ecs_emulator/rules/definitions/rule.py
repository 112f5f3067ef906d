"""A rule has a name and yields what it refuses; the first refusal is the whole answer, as it is in ECS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from ecs_emulator.rules.errors import ClientException
from ecs_emulator.wire.errors import AwsError

Definition = dict[str, Any]
"""RegisterTaskDefinition's request, or the document that became of it: the rules read both alike."""
Container = dict[str, Any]
"""One item of `containerDefinitions`."""
Refusals = Iterator[str]
"""The messages of what is refused, in the order of the checks."""


class Rule(NamedTuple):
    """A row of the table of checks: what is looked at, who looks, and the error AWS gives."""

    name: str
    refusals: Callable[[Definition], Refusals]
    error: type[AwsError] = ClientException


class ContainerRule(NamedTuple):
    """A row of the table that each container is held against; the error is ClientException."""

    name: str
    refusals: Callable[[Definition, Container], Refusals]


def refusal(rules: Iterable[Rule], definition: Definition) -> AwsError | None:
    """What the first rule that refuses the definition says; None where all accept it."""
    for rule in rules:
        for message in rule.refusals(definition):
            return rule.error(message)
    return None


def one_of(name: str, value: str | None, allowed: Collection[str]) -> Refusals:
    """ECS names the values of an enumeration in its own words; the front end lets every text pass."""
    if value is not None and value not in allowed:
        yield f"{name} should be one of [{','.join(allowed)}]"
