"""Namespaces of Service Connect: which there are, and which services share one, over all clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs.errors import InvalidParameterException, NamespaceNotFoundException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.namespaces import Namespace
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_LISTED = 100


def list_services_by_namespace(call: Call, params: Params) -> Document:
    """The ARNs of the ACTIVE services that share a namespace, whatever their cluster, in no visible order.

    Source: ListServicesByNamespace in the ECS API reference. Errors: InvalidParameterException, NamespaceNotFoundException.
    """
    if not params["namespace"]:
        raise InvalidParameterException("Namespace can not be blank.")
    if params.get("maxResults", 1) > MOST_LISTED:
        raise InvalidParameterException(f"Max results can not be greater than {MOST_LISTED}")
    namespace_arn = arn_of(call, params["namespace"])
    if call.get(Namespace, namespace_arn) is None:
        raise NamespaceNotFoundException()
    equals: dict[str, Any] = {
        "account": call.world.account,
        "region": call.world.region,
        "namespace_arn": namespace_arn,
        "status": ServiceStatus.ACTIVE,
    }

    def fetch(after: Sequence[object] | None, limit: int) -> list[tuple[str, str]]:
        return call.columns(Service, ("arn", "listing_id"), **equals, order="listing_id", after=after, limit=limit)

    found, token = page(call, params, fetch, lambda each: each[1], default=10, maximum=MOST_LISTED)
    return {"serviceArns": [arn for arn, _ in found], "nextToken": token}


def arn_of(call: Call, reference: str) -> str:
    """A namespace by its ARN, or by a name that it is found or made under: always the same ARN for the same name.

    Whether an ARN names anything is not known here: it is accepted by its form.
    """
    if arns.parse(reference) is not None:
        return reference
    digest = hashlib.sha256(f"{call.world.account}/{call.world.region}/{reference}".encode()).hexdigest()
    return call.world.arn("servicediscovery", f"namespace/ns-{digest[:16]}")


def known(call: Call, reference: str) -> str:
    """The ARN of a namespace that is known from now on."""
    arn = arn_of(call, reference)
    if call.get(Namespace, arn) is None:
        call.put(Namespace(arn, call.world.account, call.world.region))
    return arn


def of_service(call: Call, cluster: Cluster, spec: Mapping[str, Any]) -> str | None:
    """The namespace of a service with this `serviceConnectConfiguration`: its own, else its cluster's; none where it is off."""
    connect = spec.get("serviceConnectConfiguration") or {}
    if not connect.get("enabled"):
        return None
    namespace = connect.get("namespace") or (cluster.spec.get("serviceConnectDefaults") or {}).get("namespace")
    if not namespace:
        raise InvalidParameterException("Namespace is missing")
    return known(call, namespace)
