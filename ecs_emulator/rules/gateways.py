"""What a gateway may be, what a service may ask of one, and how both are shown; there is no load balancer behind them yet.

Source: CreateGateway, UpdateGateway, GatewayConfiguration and GatewayConnector in the ECS API reference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ecs_emulator import arns
from ecs_emulator.records.gateways import AccessType, Gateway, GatewayAssociation, GatewayRoute
from ecs_emulator.rules import tags
from ecs_emulator.rules.errors import InvalidParameterException, quoted

Params = Mapping[str, Any]
Document = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9\-_]{1,255}")
ALB = {
    "scheme": "internet-facing",
    "port": 443,
    "protocol": "HTTPS",
    "maxAlbCount": 10,
    "httpDesync": "defensive",
}
NETWORK = {"ipAddressType": "dualstack"}
PROPAGATE = ("NONE", "GATEWAY")
ENUMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("scheme", ("internet-facing", "internal")),
    ("protocol", ("HTTP", "HTTPS")),
    ("httpDesync", ("monitor", "defensive", "strictest")),
)
ADDRESS_TYPES = ("ipv4", "dualstack", "dualstack-without-public-ipv4")
MOST_CONNECTORS = 1
LAST_PORT = 65_535
NO_BALANCER = "There is no load balancer in this emulator yet."

ONE_VARIANT = "Exactly one gateway configuration must be specified."
NO_UNNAMED_PORT = "portName({}) does not refer to any named PortMapping in the task definition."
"""Recorded of Service Connect, which asks for a named port as well."""


# --- gateways -------------------------------------------------------------------------------------


def refuse_name(name: str) -> None:
    if not name:
        raise InvalidParameterException("Gateway name cannot be empty.")
    if not NAME.fullmatch(name):
        shown = "".join(sign if sign.isascii() else "?" for sign in quoted(name))
        raise InvalidParameterException(rf"GatewayName must match ^[a-zA-Z0-9\-_]{{1,255}}$, but was {shown}")


def refuse_role(role_arn: str | None) -> None:
    if role_arn is None:
        return
    parsed = arns.parse(role_arn)
    if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("role/"):
        raise InvalidParameterException(f"The infrastructure role ARN '{role_arn}' is invalid.")


def refuse_one_of(member: str, value: str | None, allowed: Collection[str]) -> None:
    if value is not None and value not in allowed:
        raise InvalidParameterException(f"{member} should be one of [{','.join(allowed)}]")


def configuration(asked: Params) -> Document:
    """CreateGateway's `configuration` with its defaults, checked: `{"hostSharedAlb": {}}` becomes one with a scheme, a port, …"""
    given = _variant(asked)
    network = {**NETWORK, **(given.get("networkConfiguration") or {})}
    merged = {**ALB, **given, "networkConfiguration": network}
    _refuse_balancer(merged)
    return {"hostSharedAlb": merged}


def changed(present: Params, asked: Params) -> Document:
    """The configuration with what UpdateGateway gives: the members that are given, inside the network as well; checked."""
    given = _variant(asked)
    known = present["hostSharedAlb"]
    network = {**known["networkConfiguration"], **(given.get("networkConfiguration") or {})}
    merged = {**known, **given, "networkConfiguration": network}
    _refuse_balancer(merged)
    return {"hostSharedAlb": merged}


def _variant(asked: Params) -> Params:
    given = asked.get("hostSharedAlb")
    if given is None:
        raise InvalidParameterException(ONE_VARIANT)
    found: Params = given
    return found


def _refuse_balancer(merged: Params) -> None:
    for member, allowed in ENUMS:
        refuse_one_of(member, merged[member], allowed)
    refuse_one_of("ipAddressType", merged["networkConfiguration"]["ipAddressType"], ADDRESS_TYPES)
    if (merged["protocol"], merged["port"]) != ("HTTPS", 443):
        raise InvalidParameterException("The gateway supports only HTTPS at port 443.")
    if merged["maxAlbCount"] < 1:
        raise InvalidParameterException("maxAlbCount must be at least 1")
    if (logs := merged.get("accessLogs")) is not None and not (logs.get("destination") or {}).get("s3"):
        raise InvalidParameterException("Exactly one access log destination must be specified.")
    header = (merged.get("testTrafficRules") or {}).get("header")
    if header is not None and not (header["name"] and header["values"]):
        raise InvalidParameterException("The test traffic header must have a name and at least one value.")


def access_type(configured: Params) -> AccessType:
    """What a gateway's scheme makes of it, once and for all."""
    internal = configured["hostSharedAlb"]["scheme"] == "internal"
    return AccessType.PRIVATE if internal else AccessType.PUBLIC


# --- connectors of a service ----------------------------------------------------------------------


def refuse_connectors(params: Params, definition: Params) -> None:
    """`gatewayConnectors` of a request or of a service against the definition they are to serve."""
    connectors = params.get("gatewayConnectors") or ()
    if len(connectors) > MOST_CONNECTORS:
        raise InvalidParameterException(f"gateway connectors can have at most {MOST_CONNECTORS} items.")
    named = port_names(definition)
    for connector in connectors:
        port_name = connector.get("portName")
        if not port_name:
            raise InvalidParameterException("PortName can not be blank.")
        if port_name not in named:
            raise InvalidParameterException(NO_UNNAMED_PORT.format(port_name))
        for each in (connector.get("filters") or {}).get("accessTypes") or ():
            refuse_one_of("accessTypes", each, list(AccessType))
        _refuse_health_check(connector.get("healthCheck") or {})


def port_names(definition: Params) -> set[str]:
    """The names that the port mappings of a task definition have."""
    return {
        mapping["name"]
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings") or ()
        if mapping.get("name")
    }


def _refuse_health_check(check: Params) -> None:
    refuse_one_of("healthCheckProtocol", check.get("healthCheckProtocol"), ("HTTP", "HTTPS"))
    if not 1 <= check.get("healthCheckPort", 1) <= LAST_PORT:
        raise InvalidParameterException(f"healthCheckPort must be between 1 and {LAST_PORT}")
    if not check.get("healthCheckPath", "/").startswith("/"):
        raise InvalidParameterException("The health check path must start with a forward slash.")


def applies(connector: Params, gateway: Gateway) -> bool:
    """Whether the connector's filters let it use the gateway; without any it uses all."""
    wanted = (connector.get("filters") or {}).get("accessTypes")
    return not wanted or gateway.access_type in wanted


# --- what is shown --------------------------------------------------------------------------------


def document(gateway: Gateway) -> Document:
    """The gateway as DescribeGateway shows it. No load balancer has been allocated, and none has failed."""
    balancer = {**gateway.spec["configuration"]["hostSharedAlb"], "currentAlbCount": 0}
    return {
        "gatewayArn": gateway.arn,
        "name": gateway.name,
        "status": gateway.status,
        "failures": [],
        "infrastructureRoleArn": gateway.spec["infrastructureRoleArn"],
        "deletionProtection": gateway.spec["deletionProtection"],
        "configuration": {"hostSharedAlb": balancer},
        "accessType": gateway.access_type,
        "propagateTags": gateway.spec["propagateTags"],
        "tags": tags.document(gateway.tags),
        "createdAt": gateway.created_at,
        "updatedAt": gateway.updated_at,
    }


def summary(gateway: Gateway) -> Document:
    return {
        "gatewayArn": gateway.arn,
        "name": gateway.name,
        "status": gateway.status,
        "createdAt": gateway.created_at,
    }


def association(known: GatewayAssociation) -> Document:
    return {"gatewayArn": known.gateway_arn, "clusterArn": known.cluster_arn, "status": known.status}


def route(known: GatewayRoute) -> Document:
    """The route as DescribeGatewayRoute shows it: no infrastructure has been made for it, and so no URL leads to it."""
    return {
        "gatewayRouteArn": known.arn,
        "serviceArn": known.service_arn,
        "serviceContainerPortName": known.port_name,
        "status": known.status,
        "resources": {"hostSharedAlb": []},
    }


def route_summary(known: GatewayRoute) -> Document:
    return {
        "gatewayRouteArn": known.arn,
        "gatewayArn": known.gateway_arn,
        "clusterArn": known.cluster_arn,
        "serviceArn": known.service_arn,
        "serviceContainerPortName": known.port_name,
        "status": known.status,
    }


def connection(known: GatewayRoute, gateway: Gateway) -> Document:
    """The route as the revision that asked for it shows it."""
    return {
        "gatewayArn": known.gateway_arn,
        "gatewayRouteArn": known.arn,
        "portName": known.port_name,
        "accessType": gateway.access_type,
        "status": known.status,
        "resources": {"hostSharedAlb": []},
    }
