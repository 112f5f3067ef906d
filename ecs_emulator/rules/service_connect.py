"""Service Connect as a service asks for it: the ports it names and the alias that each is reached by. No proxy is there yet.

Source: ServiceConnectService and ServiceConnectClientAlias in the ECS API reference; recorded refusals of the real service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecs_emulator.rules import gateways
from ecs_emulator.rules.errors import InvalidParameterException, quoted

Params = Mapping[str, Any]

MOST_ALIASES = 1
DNS_NAME = re.compile(r"(?!-)[a-z0-9_.\-]{1,127}")
BAD_DNS_NAME = (
    "The DNS name that you provided is invalid. The name must be a valid DNS name but doesn’t need to be fully-qualified. "
    "Up to 127 characters are allowed. The characters can include lowercase letters, numbers, underscores (_), hyphens (-), "
    "and periods (.). A hyphen can’t be the first character."
)


def refuse(params: Params, definition: Params) -> None:
    """`serviceConnectConfiguration` of a request or of a service against the definition that its ports are of."""
    configuration = params.get("serviceConnectConfiguration") or {}
    if not configuration.get("enabled"):
        return
    named = gateways.port_names(definition)
    for service in configuration.get("services") or ():
        if service["portName"] not in named:
            raise InvalidParameterException(gateways.NO_UNNAMED_PORT.format(quoted(service["portName"])))
        _refuse_aliases(service.get("clientAliases") or ())


def _refuse_aliases(aliases: Any) -> None:
    if not aliases:
        raise InvalidParameterException(f"clientAliases must have {MOST_ALIASES} element.")
    if len(aliases) > MOST_ALIASES:
        raise InvalidParameterException(f"{len(aliases)} clientAliases exceeds the max limit of {MOST_ALIASES}")
    for alias in aliases:
        if alias.get("dnsName") is not None and not DNS_NAME.fullmatch(alias["dnsName"]):
            raise InvalidParameterException(BAD_DNS_NAME)
