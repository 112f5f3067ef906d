"""What a service that runs one task on each machine cannot be asked for: whatever chooses a number, a place or another's machine.

Source: CreateService and UpdateService in the ECS API reference; recorded refusals of the real service, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ecs_emulator.records.services import DAEMON
from ecs_emulator.rules import launching
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.launching import Launching

Params = Mapping[str, Any]

START = "The daemon scheduling strategy does not support"
NO_COUNT = f"{START} a desired count for services. Remove the desired count value and try again"
NO_STRATEGY = f"{START} placement strategies. Remove the placement strategy and try again"
NO_PROVIDERS = "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy."
NO_VOLUMES = f"{START} volume configurations. Remove the volume configurations and try again"
TOO_MANY = (
    f"{START} values above 100 for maximumPercent on a deployment configuration. "
    "Change the maximumPercent value to 100, and try again"
)

CREATED: tuple[tuple[Callable[[Params, Launching], bool], str], ...] = (
    (lambda params, how: params.get("desiredCount") is not None, NO_COUNT),
    (lambda params, how: bool(how.strategy), NO_PROVIDERS),
    (
        lambda params, how: how.on_fargate,
        f"{START} the FARGATE launch type. Change the launch type and try again",
    ),
    (lambda params, how: bool(params.get("placementStrategy")), NO_STRATEGY),
    (lambda params, how: bool(params.get("volumeConfigurations")), NO_VOLUMES),
)
"""The volumes' and the deployment strategy's texts are not recorded; they follow those that are."""
UPDATED: tuple[tuple[Callable[[Params], bool], str], ...] = (
    (lambda params: params.get("desiredCount") is not None, NO_COUNT),
    (lambda params: bool(params.get("placementStrategy")), NO_STRATEGY),
    (lambda params: bool(params.get("capacityProviderStrategy")), NO_PROVIDERS),
    (lambda params: bool(params.get("volumeConfigurations")), NO_VOLUMES),
)


def refuse_created(params: Params, definition: Params, how: Launching) -> None:
    """The first that CreateService cannot have, of a DAEMON service; a missing network comes before."""
    if params.get("schedulingStrategy") != DAEMON:
        return
    launching.refuse_network_mode(params, definition, how)
    for applies, text in CREATED:
        if applies(params, how):
            raise InvalidParameterException(text)
    _refuse_deployment(params)


def refuse_updated(params: Params) -> None:
    """The first that UpdateService cannot change of a DAEMON service."""
    for applies, text in UPDATED:
        if applies(params):
            raise InvalidParameterException(text)
    _refuse_deployment(params)


def _refuse_deployment(params: Params) -> None:
    configuration = params.get("deploymentConfiguration") or {}
    strategy = configuration.get("strategy") or "ROLLING"
    if strategy in ("BLUE_GREEN", "LINEAR", "CANARY"):
        raise InvalidParameterException(
            f"{START} the {strategy} deployment strategy. Change the deployment strategy to ROLLING and try again"
        )
    if configuration.get("maximumPercent", 100) > 100:
        raise InvalidParameterException(TOO_MANY)
