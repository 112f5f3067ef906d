"""Which routes a service has follows from its connector and the gateways of its cluster, whoever has changed either of them.

A route comes and goes with what is done to its service and to its cluster, never by a call of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.gateways import (
    AssociationStatus,
    Gateway,
    GatewayAssociation,
    GatewayRoute,
    RouteStatus,
)
from ecs_emulator.records.services import Service, ServiceEvent, ServiceRevision
from ecs_emulator.rules.gateways import NO_BALANCER, applies, connection
from ecs_emulator.store import Transaction

Document = dict[str, Any]


def connect(tx: Transaction, service: Service, now: Instant, ids: Ids) -> None:
    """Give the service the routes that its connector asks for, of the gateways of its cluster, and take away all others."""
    present = {(each.gateway_arn, each.port_name): each for each in tx.find(GatewayRoute, service_arn=service.arn)}
    wanted = _wanted(tx, service)
    _remove(tx, [route for place, route in present.items() if place not in wanted])
    for (_, port_name), gateway in wanted.items():
        if (gateway.arn, port_name) not in present:
            _add(tx, service, gateway, port_name, now, ids)


def disconnect(tx: Transaction, service: Service) -> None:
    """Take all routes of a service that is going away."""
    _remove(tx, tx.find(GatewayRoute, service_arn=service.arn))


def leave(tx: Transaction, cluster: Cluster) -> None:
    """End the associations of a cluster that is going away."""
    tx.delete(*tx.find(GatewayRoute, cluster_arn=cluster.arn))
    tx.delete(*tx.find(GatewayAssociation, cluster_arn=cluster.arn))


def end_if_unused(tx: Transaction, association: GatewayAssociation) -> None:
    """An association that is to go is gone with the last route of the cluster."""
    if association.status is not AssociationStatus.DISASSOCIATING:
        return
    if not tx.count(GatewayRoute, gateway_arn=association.gateway_arn, cluster_arn=association.cluster_arn):
        tx.delete(association)


def connections(tx: Transaction, revision: ServiceRevision) -> list[Document]:
    """The routes that carry the connector of a revision."""
    port_names = {each["portName"] for each in revision.spec.get("gatewayConnectors") or ()}
    if not port_names:
        return []
    found = []
    for route in tx.find(GatewayRoute, service_arn=revision.service_arn):
        gateway = tx.get(Gateway, route.gateway_arn)
        if gateway is not None and route.port_name in port_names:
            found.append(connection(route, gateway))
    return found


def _wanted(tx: Transaction, service: Service) -> dict[tuple[str, str], Gateway]:
    connectors = service.spec.get("gatewayConnectors") or ()
    found: dict[tuple[str, str], Gateway] = {}
    for connector in connectors:
        for association in tx.find(GatewayAssociation, cluster_arn=service.cluster_arn, order="gateway_arn"):
            gateway = tx.get(Gateway, association.gateway_arn)
            if gateway is None or association.status is not AssociationStatus.ACTIVE:
                continue
            if applies(connector, gateway):
                found[gateway.arn, connector["portName"]] = gateway
    return found


def _add(tx: Transaction, service: Service, gateway: Gateway, port_name: str, now: Instant, ids: Ids) -> None:
    """The model gives a route no reason: the service's events tell it."""
    world = World(service.account, service.region)
    route = GatewayRoute(
        arn=world.arn("ecs", f"gateway-route/{gateway.name}/{ids.hex32('gateway-route')}"),
        account=service.account,
        region=service.region,
        gateway_arn=gateway.arn,
        cluster_arn=service.cluster_arn,
        service_arn=service.arn,
        service_name=service.name,
        port_name=port_name,
        status=RouteStatus.CREATE_FAILED,
        status_reason=NO_BALANCER,
        created_at=now,
    )
    text = f"(service {service.name}) was unable to create (gateway-route {route.arn}). Reason: {route.status_reason}"
    event = ServiceEvent(service.arn, service.account, service.region, ids.uuid("event"), now, text)
    tx.put(route, event)


def _remove(tx: Transaction, gone: Sequence[GatewayRoute]) -> None:
    tx.delete(*gone)
    for gateway_arn, cluster_arn in {(each.gateway_arn, each.cluster_arn) for each in gone}:
        if (association := tx.get(GatewayAssociation, gateway_arn, cluster_arn)) is not None:
            end_if_unused(tx, association)
