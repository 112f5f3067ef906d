"""Gateways: ingress that is described, lent to clusters and asked for by services; no load balancer is made of it yet.

What AWS does in a while is done at once here: only the answer of the operation that does it still shows the first moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs import gateway_routes, resolve
from ecs_emulator.ecs.errors import ClientException, InvalidParameterException, ResourceNotFoundException
from ecs_emulator.records.gateways import AssociationStatus, Gateway, GatewayAssociation, GatewayStatus
from ecs_emulator.rules import gateways, tags
from ecs_emulator.rules.gateway_routes import end_if_unused
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import Fetch, among, page

MOST_NAMES = 10
MOST_OF_CLUSTER = 5
EXISTS = "A gateway with the name {} already exists. Specify a unique name and try again."
PROTECTED = "The gateway cannot be deleted while deletion protection is enabled."
ASSOCIATED = "The gateway cannot be deleted while it is associated with clusters."
TOO_MANY = f"A cluster can be associated with at most {MOST_OF_CLUSTER} gateways."
LEAVING = "The gateway is being disassociated from the cluster."
NOT_ASSOCIATED = "The gateway is not associated with the cluster."


# --- gateways -------------------------------------------------------------------------------------


def create_gateway(call: Call, params: Params) -> Document:
    """Make a gateway; the token of an earlier request finds what that made.

    Source: CreateGateway in the ECS API reference. Errors: ClientException, InvalidParameterException.
    """
    token = params.get("clientToken")
    world = call.world
    if token and (twin := call.first(Gateway, account=world.account, region=world.region, client_token=token)):
        return _answer(twin, twin.status)
    name = params["name"]
    gateways.refuse_name(name)
    gateways.refuse_role(params["infrastructureRoleArn"])
    gateways.refuse_one_of("propagateTags", params.get("propagateTags"), gateways.PROPAGATE)
    configuration = gateways.configuration(params["configuration"])
    arn = resolve.gateway_arn(call, name)
    if call.get(Gateway, arn) is not None:
        raise ClientException(EXISTS.format(name))
    gateway = Gateway(
        arn=arn,
        account=world.account,
        region=world.region,
        name=name,
        status=GatewayStatus.ACTIVE,
        access_type=gateways.access_type(configuration),
        spec={
            "infrastructureRoleArn": params["infrastructureRoleArn"],
            "deletionProtection": params.get("deletionProtection", True),
            "propagateTags": params.get("propagateTags") or "GATEWAY",
            "configuration": configuration,
        },
        created_at=call.now,
        updated_at=call.now,
        client_token=token,
        tags=tags.checked(params.get("tags") or ()),
    )
    call.put(gateway)
    return _answer(gateway, gateway.status)


def update_gateway(call: Call, params: Params) -> Document:
    """Change what is given; the answer still shows the update under way.

    Source: UpdateGateway in the ECS API reference. Errors: GatewayNotFoundException, InvalidParameterException.
    """
    gateway = resolve.gateway(call, params["gateway"])
    gateways.refuse_role(params.get("infrastructureRoleArn"))
    gateways.refuse_one_of("propagateTags", params.get("propagateTags"), gateways.PROPAGATE)
    plain = ("infrastructureRoleArn", "deletionProtection", "propagateTags")
    spec = {**gateway.spec, **{each: params[each] for each in plain if params.get(each) is not None}}
    if (asked := params.get("configuration")) is not None:
        spec["configuration"] = gateways.changed(spec["configuration"], asked)
    call.put(replace(gateway, spec=spec, status=GatewayStatus.UPDATE_COMPLETE, updated_at=call.now))
    return _answer(gateway, GatewayStatus.UPDATE_IN_PROGRESS)


def delete_gateway(call: Call, params: Params) -> Document:
    """Let a gateway go that is not protected and that no cluster is associated with; nothing remembers it.

    Source: DeleteGateway in the ECS API reference. Errors: GatewayNotFoundException, ClientException.
    """
    gateway = resolve.gateway(call, params["gateway"])
    if gateway.spec["deletionProtection"]:
        raise ClientException(PROTECTED)
    if call.count(GatewayAssociation, gateway_arn=gateway.arn):
        raise ClientException(ASSOCIATED)
    call.delete(gateway)
    return _answer(gateway, GatewayStatus.DELETED)


def describe_gateway(call: Call, params: Params) -> Document:
    """One gateway, by name or ARN.

    Source: DescribeGateway in the ECS API reference. Errors: GatewayNotFoundException, InvalidParameterException.
    """
    return {"gateway": gateways.document(resolve.gateway(call, params["gateway"]))}


def list_gateways(call: Call, params: Params) -> Document:
    """The account's gateways by name; those of some names and statuses only where they are given.

    Source: ListGateways in the ECS API reference. Errors: InvalidParameterException.
    """
    names = params.get("names") or ()
    if len(names) > MOST_NAMES:
        raise InvalidParameterException(f"names can have at most {MOST_NAMES} items.")
    statuses = gateway_routes.chosen(params, GatewayStatus)
    fetch = _of_names(call, names, statuses) if names else _of_account(call, statuses)
    found, token = page(call, params, fetch, _name, default=100, maximum=100)
    return {"gateways": [gateways.summary(each) for each in found], "nextToken": token}


def _of_names(call: Call, names: Sequence[str], statuses: Sequence[str]) -> Fetch[Gateway]:
    known = (call.get(Gateway, call.world.arn("ecs", f"gateway/{name}")) for name in dict.fromkeys(names))
    return among([each for each in known if each is not None and each.status in statuses], _name)


def _of_account(call: Call, statuses: Sequence[str]) -> Fetch[Gateway]:
    equals = {"account": call.world.account, "region": call.world.region}

    def fetch(after: Sequence[object] | None, limit: int) -> list[Gateway]:
        found = gateway_routes.by_status(call, Gateway, statuses, equals, order="name", after=after, limit=limit)
        return sorted(found, key=_name)[:limit]

    return fetch


def describe_gateway_resources(call: Call, params: Params) -> Document:
    """The infrastructure that the gateway has made: none, until there is a load balancer here.

    Source: DescribeGatewayResources in the ECS API reference. Errors: GatewayNotFoundException, InvalidParameterException.
    """
    gateway = resolve.gateway(call, params["gateway"])
    made: list[dict[str, Any]] = []
    shown, token = page(
        call, params, among(made, lambda each: str(each["loadBalancerArn"])), str, default=10, maximum=20
    )
    return {
        "gatewayResources": {"gatewayArn": gateway.arn, "resources": {"hostSharedAlb": shown}},
        "nextToken": token,
    }


# --- associations ---------------------------------------------------------------------------------


def associate_gateway_with_cluster(call: Call, params: Params) -> Document:
    """Lend the gateway to a cluster; its services use it from their next update on. Twice is as good as once.

    Source: AssociateGatewayWithCluster in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    GatewayNotFoundException, InvalidParameterException.
    """
    gateway = resolve.gateway(call, params["gateway"])
    cluster = resolve.active_cluster(call, params)
    present = call.get(GatewayAssociation, gateway.arn, cluster.arn)
    if present is not None and present.status is AssociationStatus.DISASSOCIATING:
        raise ClientException(LEAVING)
    if present is None and call.count(GatewayAssociation, cluster_arn=cluster.arn) >= MOST_OF_CLUSTER:
        raise InvalidParameterException(TOO_MANY)
    association = GatewayAssociation(
        gateway.arn, cluster.arn, call.world.account, call.world.region, AssociationStatus.ACTIVE
    )
    call.put(association)
    return gateways.association(association)


def disassociate_gateway_from_cluster(call: Call, params: Params) -> Document:
    """Take the gateway from a cluster: at once where no service has a route, else with the last route.

    Source: DisassociateGatewayFromCluster in the ECS API reference. Errors: ClusterNotFoundException,
    GatewayNotFoundException, InvalidParameterException, ResourceNotFoundException.
    """
    gateway = resolve.gateway(call, params["gateway"])
    cluster = resolve.active_cluster(call, params)
    present = call.get(GatewayAssociation, gateway.arn, cluster.arn)
    if present is None:
        raise ResourceNotFoundException(NOT_ASSOCIATED)
    association = replace(present, status=AssociationStatus.DISASSOCIATING)
    call.put(association)
    end_if_unused(call.tx, association)
    return gateways.association(association)


def list_gateway_cluster_associations(call: Call, params: Params) -> Document:
    """Which gateways are lent to which clusters; a gateway or a cluster that is not known has none.

    Source: ListGatewayClusterAssociations in the ECS API reference. Errors: InvalidParameterException.
    """
    equals: dict[str, Any] = {}
    if cluster := params.get("cluster"):
        equals["cluster_arn"] = resolve.cluster_arn(call, cluster)
    else:
        equals |= {"account": call.world.account, "region": call.world.region}
    if gateway := params.get("gateway"):
        equals["gateway_arn"] = resolve.gateway_arn(call, gateway)
    statuses = gateway_routes.chosen(params, AssociationStatus)

    def fetch(after: Sequence[object] | None, limit: int) -> list[GatewayAssociation]:
        order = "gateway_arn,cluster_arn"
        found = gateway_routes.by_status(
            call, GatewayAssociation, statuses, equals, order=order, after=after, limit=limit
        )
        return sorted(found, key=_place)[:limit]

    found, token = page(call, params, fetch, _place, default=100, maximum=100)
    return {"gatewayClusterAssociations": [gateways.association(each) for each in found], "nextToken": token}


# --- showing --------------------------------------------------------------------------------------


def _answer(gateway: Gateway, status: GatewayStatus) -> Document:
    return {"gatewayArn": gateway.arn, "name": gateway.name, "status": status}


def _name(gateway: Gateway) -> str:
    return gateway.name


def _place(association: GatewayAssociation) -> tuple[str, str]:
    return association.gateway_arn, association.cluster_arn
