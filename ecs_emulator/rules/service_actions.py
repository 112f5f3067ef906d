"""Which lines of a service's events are news for EventBridge, and under which name: one ordered table, the first that fits.

A line that no row fits (tasks started, targets registered, a deployment completed) is no service action.
Source: "Amazon ECS service action events" in the developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.records.services import Service
from ecs_emulator.rules import placement

Document = dict[str, Any]
Members = Callable[[re.Match[str], Service], Document]


@dataclass(frozen=True, slots=True)
class Action:
    """One name of a service action; `more` are the members that it has besides."""

    said: re.Pattern[str]
    kind: str
    name: str
    more: Members


def actions(message: str, service: Service) -> Iterator[tuple[str, str, Document]]:
    """The type and the name that this line of the service's `events[]` has, and what else its document says."""
    for action in ACTIONS:
        if found := action.said.search(message):
            yield action.kind, action.name, action.more(found, service)
            if action.name == STEADY and (providers := _providers(service)):
                yield "INFO", "CAPACITY_PROVIDER_STEADY_STATE", {"capacityProviderArns": providers}
            return


# --- what they say besides --------------------------------------------------------------------------------------------


def _nothing(found: re.Match[str], service: Service) -> Document:
    return {}


def _count(found: re.Match[str], service: Service) -> Document:
    return {"desiredCount": int(found["count"])}


def _reason(found: re.Match[str], service: Service) -> Document:
    return {"reason": found["reason"]}


def _no_fargate(found: re.Match[str], service: Service) -> Document:
    return _with_providers(service) | {"reason": "RESOURCE:FARGATE"}


def _empty(found: re.Match[str], service: Service) -> Document:
    if providers := _with_providers(service):
        return providers | {"reason": "EMPTY CAPACITY PROVIDER"}
    return {"reason": placement.NO_INSTANCES}


def _closest(found: re.Match[str], service: Service) -> Document:
    """With a capacity provider strategy its providers, else the machine that came closest; why, in RunTask's word."""
    cluster = service.cluster_arn.replace(":cluster/", ":container-instance/")
    where = _with_providers(service) or {"containerInstanceArns": [f"{cluster}/{found['instance']}"]}
    what = found["what"]
    quoted = re.fullmatch('encountered error "(.*)"', what)
    return where | {"reason": quoted[1] if quoted else _REASONS.get(what, what)}


def _with_providers(service: Service) -> Document:
    providers = _providers(service)
    return {"capacityProviderArns": providers} if providers else {}


def _providers(service: Service) -> list[str]:
    world = World(service.account, service.region)
    asked = service.spec.get("capacityProviderStrategy") or ()
    return [world.arn("ecs", f"capacity-provider/{each['capacityProvider']}") for each in asked]


_REASONS = {text: reason for reason, text in reversed(placement.EVENT_TEXTS.items())}


# --- the table --------------------------------------------------------------------------------------------------------


def _action(said: str, kind: str, name: str, more: Members = _nothing) -> Action:
    return Action(re.compile(said, re.DOTALL), kind, name, more)


STEADY = "SERVICE_STEADY_STATE"
UNPLACED = "SERVICE_TASK_PLACEMENT_FAILURE"

ACTIONS = (
    _action(r"has reached a steady state\.$", "INFO", STEADY),
    _action(r"has stopped \d+ running tasks", "INFO", "TASKS_STOPPED"),
    _action(
        r"updated computedDesiredCount for taskSet \S+ to (?P<count>\d+)\.$",
        "INFO",
        "SERVICE_DESIRED_COUNT_UPDATED",
        _count,
    ),
    _action(r"is not AZ balanced with", "INFO", "SERVICE_REBALANCING_STARTED"),
    _action(r"is AZ balanced with|stopped AZ Rebalancing", "INFO", "SERVICE_REBALANCING_STOPPED"),
    _action(r"is unable to consistently start tasks successfully", "WARN", "SERVICE_TASK_START_IMPAIRED"),
    _action(
        r"unable to place a task because .* \(container-instance (?P<instance>\w+)\) (?P<what>.*)\. For more information",
        "ERROR",
        UNPLACED,
        _closest,
    ),
    _action(r"No Container Instances were found in your", "ERROR", UNPLACED, _empty),
    _action(r"unable to place a task\. Reason: Capacity is unavailable", "ERROR", UNPLACED, _no_fargate),
    _action(
        r"unable to place tasks in your cluster because (?P<reason>the tasks provisioning capacity limit was exceeded)",
        "ERROR",
        UNPLACED,
        _reason,
    ),
    _action(
        r"unable to place a task\. Reason: (?P<reason>.*)\.$", "ERROR", "SERVICE_TASK_CONFIGURATION_FAILURE", _reason
    ),
    _action(r"no longer satisfy its placement constraints", "ERROR", "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED"),
    _action(r"operations are being throttled", "ERROR", "ECS_OPERATION_THROTTLED"),
)
