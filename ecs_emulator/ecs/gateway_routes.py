"""A gateway route is what a service asks of a gateway of its cluster; without a load balancer here its creation has failed.

The routes of a service are made and unmade by what is done to the service and to its cluster, never by a call of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import ResourceNotFoundException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.gateways import (
    AssociationStatus,
    Gateway,
    GatewayAssociation,
    GatewayRoute,
    RouteStatus,
)
from ecs_emulator.records.services import Service, ServiceEvent, ServiceRevision
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


# --- what services and clusters do to routes ------------------------------------------------------


def connect(call: Call, service: Service) -> None:
    """Give the service the routes that its connector asks for, of the gateways of its cluster, and take away all others."""
    present = {(each.gateway_arn, each.port_name): each for each in call.find(GatewayRoute, service_arn=service.arn)}
    wanted = _wanted(call, service)
    _remove(call, [route for place, route in present.items() if place not in wanted])
    for (_, port_name), gateway in wanted.items():
        if (gateway.arn, port_name) not in present:
            _add(call, service, gateway, port_name)


def disconnect(call: Call, service: Service) -> None:
    """Take all routes of a service that is going away."""
    _remove(call, call.find(GatewayRoute, service_arn=service.arn))


def leave(call: Call, cluster: Cluster) -> None:
    """End the associations of a cluster that is going away."""
    call.delete(*call.find(GatewayRoute, cluster_arn=cluster.arn))
    call.delete(*call.find(GatewayAssociation, cluster_arn=cluster.arn))


def end_if_unused(call: Call, association: GatewayAssociation) -> None:
    """An association that is to go is gone with the last route of the cluster."""
    if association.status is not AssociationStatus.DISASSOCIATING:
        return
    if not call.count(GatewayRoute, gateway_arn=association.gateway_arn, cluster_arn=association.cluster_arn):
        call.delete(association)


def connections(call: Call, revision: ServiceRevision) -> list[Document]:
    """The routes that carry the connector of a revision."""
    port_names = {each["portName"] for each in revision.spec.get("gatewayConnectors") or ()}
    if not port_names:
        return []
    found = []
    for route in call.find(GatewayRoute, service_arn=revision.service_arn):
        gateway = call.get(Gateway, route.gateway_arn)
        if gateway is not None and route.port_name in port_names:
            found.append(gateways.connection(route, gateway))
    return found


def _wanted(call: Call, service: Service) -> dict[tuple[str, str], Gateway]:
    connectors = service.spec.get("gatewayConnectors") or ()
    found: dict[tuple[str, str], Gateway] = {}
    for connector in connectors:
        for association in call.find(GatewayAssociation, cluster_arn=service.cluster_arn, order="gateway_arn"):
            gateway = call.get(Gateway, association.gateway_arn)
            if gateway is None or association.status is not AssociationStatus.ACTIVE:
                continue
            if gateways.applies(connector, gateway):
                found[gateway.arn, connector["portName"]] = gateway
    return found


def _add(call: Call, service: Service, gateway: Gateway, port_name: str) -> None:
    """The model gives a route no reason: the service's events tell it."""
    route = GatewayRoute(
        arn=call.world.arn("ecs", f"gateway-route/{gateway.name}/{call.ids.hex32('gateway-route')}"),
        account=service.account,
        region=service.region,
        gateway_arn=gateway.arn,
        cluster_arn=service.cluster_arn,
        service_arn=service.arn,
        service_name=service.name,
        port_name=port_name,
        status=RouteStatus.CREATE_FAILED,
        status_reason=gateways.NO_BALANCER,
        created_at=call.now,
    )
    text = f"(service {service.name}) was unable to create (gateway-route {route.arn}). Reason: {route.status_reason}"
    event = ServiceEvent(service.arn, service.account, service.region, call.ids.uuid("event"), call.now, text)
    call.put(route, event)


def _remove(call: Call, gone: Sequence[GatewayRoute]) -> None:
    call.delete(*gone)
    for gateway_arn, cluster_arn in {(each.gateway_arn, each.cluster_arn) for each in gone}:
        if (association := call.get(GatewayAssociation, gateway_arn, cluster_arn)) is not None:
            end_if_unused(call, association)
