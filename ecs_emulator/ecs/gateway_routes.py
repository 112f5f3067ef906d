"""A gateway route is what a service asks of a gateway of its cluster; without a load balancer here its creation has failed.

The routes of a service are made and unmade by what is done to the service and to its cluster, never by a call of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import ResourceNotFoundException
from ecs_emulator.records.gateways import (
    GatewayRoute,
    RouteStatus,
)
from ecs_emulator.rules import gateways
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

R = TypeVar("R")


# --- the operations -------------------------------------------------------------------------------


def describe_gateway_route(call: Call, params: Params) -> Document:
    """One route by its ARN.

    Source: DescribeGatewayRoute in the ECS API reference. Errors: InvalidParameterException, ResourceNotFoundException.
    """
    arn = resolve.own_arn(call, params["gatewayRouteArn"], "gateway-route")
    found = call.get(GatewayRoute, arn)
    if found is None:
        raise ResourceNotFoundException("Gateway route not found.")
    return {"gatewayRoute": gateways.route(found)}


def list_gateway_routes(call: Call, params: Params) -> Document:
    """Routes in no visible order, of all or of one gateway, cluster, service, port.

    A service's name may mean services of several clusters.
    Source: ListGatewayRoutes in the ECS API reference. Errors: GatewayNotFoundException, InvalidParameterException.
    """
    equals = _filters(call, params)
    statuses = chosen(params, RouteStatus)

    def fetch(after: Sequence[object] | None, limit: int) -> list[GatewayRoute]:
        found = by_status(call, GatewayRoute, statuses, equals, order="arn", after=after, limit=limit)
        return sorted(found, key=lambda each: each.arn)[:limit]

    found, token = page(call, params, fetch, lambda each: each.arn, default=100, maximum=100)
    return {"gatewayRoutes": [gateways.route_summary(each) for each in found], "nextToken": token}


def _filters(call: Call, params: Params) -> dict[str, Any]:
    """The columns that are asked for; what an ARN says of account and region is not said again."""
    equals: dict[str, Any] = {}
    if gateway := params.get("gateway"):
        equals["gateway_arn"] = resolve.gateway(call, gateway).arn
    if cluster := params.get("cluster"):
        equals["cluster_arn"] = resolve.cluster_arn(call, cluster)
    service = params.get("service") or ""
    if service.startswith("arn:"):
        equals["service_arn"] = resolve.own_arn(call, service, "service")
    if not equals:
        equals |= {"account": call.world.account, "region": call.world.region}
    if service and not service.startswith("arn:"):
        equals["service_name"] = service
    if port_name := params.get("serviceContainerPortName"):
        equals["port_name"] = port_name
    return equals


# --- pages by status ------------------------------------------------------------------------------


def chosen(params: Params, statuses: type[StrEnum]) -> list[str]:
    """The statuses of the request's filter, all where it has none."""
    known = [str(each) for each in statuses]
    asked = params.get("status") or ()
    for each in asked:
        gateways.refuse_one_of("status", each, known)
    return list(dict.fromkeys(asked)) or known


def by_status(
    call: Call,
    kind: type[R],
    statuses: Sequence[str],
    equals: dict[str, Any],
    *,
    order: str,
    after: Sequence[object] | None,
    limit: int,
) -> list[R]:
    """A page for each status, each in the order of its own index: nothing is sorted that is longer than a page."""
    found: list[R] = []
    for status in statuses:
        found += call.find(kind, **equals, status=status, order=order, after=after, limit=limit)
    return found
