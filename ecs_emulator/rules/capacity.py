"""Capacity providers as a cluster sees them: which ones it may have, and what a strategy over them may say.

Source: "Amazon ECS capacity providers" in the developer guide; CapacityProviderStrategyItem in the API reference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ecs_emulator.rules.errors import InvalidParameterException

FARGATE = "FARGATE"
FARGATE_SPOT = "FARGATE_SPOT"
RESERVED = (FARGATE, FARGATE_SPOT)
MANAGED_INSTANCES = "MANAGED_INSTANCES"
MOST_PROVIDERS = 20
LARGEST_BASE = 100_000
LARGEST_WEIGHT = 1000

UNKNOWN = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."
NOT_ASSOCIATED = (
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the "
    "cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again."
)
TWO_BASES = (
    "There are multiple capacity providers in the specified capacity provider strategy with a base value greater than "
    "zero. Only one capacity provider can have a base value greater than zero. Specify a valid capacity provider "
    "strategy and try again."
)
MIXED = (
    "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate "
    "providers. Specify one or the other and try again."
)
MIXED_MANAGED = (
    "A capacity provider strategy cannot contain a mix of managed instances capacity providers and other capacity "
    "providers. Specify one or the other and try again."
)
NO_WEIGHT = (
    "There are no capacity providers in the capacity provider strategy with a weight value greater than zero. "
    "Specify a weight value greater than zero for at least one capacity provider and try again."
)


def name_of(reference: str) -> str:
    """The provider's name, of a name or an ARN."""
    return reference.rpartition("/")[2] if reference.startswith("arn:") else reference


def associated(references: Iterable[str], own: Collection[str] = ()) -> list[str]:
    """The names of the providers that a cluster is to have, each once. Raises InvalidParameterException.

    `own` names those of the account that the cluster may have.
    """
    names = list(dict.fromkeys(map(name_of, references)))
    if len(names) > MOST_PROVIDERS:
        raise InvalidParameterException(f"capacityProviders can have at most {MOST_PROVIDERS} items.")
    if any(name not in RESERVED and name not in own for name in names):
        raise InvalidParameterException(UNKNOWN)
    return names


def strategy(
    items: Collection[Mapping[str, Any]], providers: Collection[str], managed: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The strategy as echoed, base and weight filled in, for a cluster that has these providers, `managed` ones among them.

    `{"capacityProvider": "FARGATE", "weight": 1}` becomes `{"capacityProvider": "FARGATE", "weight": 1, "base": 0}`.
    Raises InvalidParameterException.
    """
    found = [
        {
            "capacityProvider": name_of(each.get("capacityProvider", "")),
            "weight": each.get("weight", 0),
            "base": each.get("base", 0),
        }
        for each in items
    ]
    if len(found) > MOST_PROVIDERS:
        raise InvalidParameterException(f"capacityProviderStrategy can have at most {MOST_PROVIDERS} items.")
    for each in found:
        if not 0 <= each["base"] <= LARGEST_BASE:
            raise InvalidParameterException(f"base must be between 0 and {LARGEST_BASE}")
        if not 0 <= each["weight"] <= LARGEST_WEIGHT:
            raise InvalidParameterException(f"weight must be between 0 and {LARGEST_WEIGHT}")
    if any(each["capacityProvider"] not in providers for each in found):
        raise InvalidParameterException(NOT_ASSOCIATED)
    kinds = {launch_type(each["capacityProvider"], managed) for each in found}
    if len(kinds) > 1:
        raise InvalidParameterException(MIXED_MANAGED if MANAGED_INSTANCES in kinds else MIXED)
    if sum(each["base"] > 0 for each in found) > 1:
        raise InvalidParameterException(TWO_BASES)
    alone = len(found) == 1 and all("weight" not in each for each in items)  # then all tasks are its own
    if found and not alone and not any(each["weight"] for each in found):
        raise InvalidParameterException(NO_WEIGHT)
    return found


def launch_type(name: str, managed: Collection[str]) -> str:
    """Of the tasks that go by this provider; `managed` names the cluster's providers of managed instances."""
    if name in RESERVED:
        return FARGATE
    return MANAGED_INSTANCES if name in managed else "EC2"


def distribute(strategy: Collection[Mapping[str, Any]], present: Mapping[str, int], count: int) -> list[str]:
    """The providers of the next `count` tasks, in order, where `present` says how many each has already.

    The base is filled first; then each task goes where the share is furthest below its target, ties by the order of
    listing. Worked: FARGATE base 2 weight 1, FARGATE_SPOT weight 4, ten tasks: 2 by the base, then 8 as 1:4 (1.6 and
    6.4), that is 2 and 6; in all 4 and 6.
    """
    counts = {each["capacityProvider"]: present.get(each["capacityProvider"], 0) for each in strategy}
    chosen: list[str] = []
    for _ in range(count):
        name = _next(strategy, counts)
        counts[name] += 1
        chosen.append(name)
    return chosen


def _next(strategy: Collection[Mapping[str, Any]], counts: Mapping[str, int]) -> str:
    for each in strategy:
        if counts[each["capacityProvider"]] < each.get("base", 0):
            return str(each["capacityProvider"])
    weights = sum(each.get("weight", 0) for each in strategy) or 1
    beyond = {each["capacityProvider"]: counts[each["capacityProvider"]] - each.get("base", 0) for each in strategy}
    shared = sum(beyond.values()) + 1

    def deficit(each: Mapping[str, Any]) -> float:
        return float(shared * each.get("weight", 0) / weights - beyond[each["capacityProvider"]])

    sharing = [each for each in strategy if each.get("weight", 0)] or list(strategy)
    return str(max(sharing, key=deficit)["capacityProvider"])
