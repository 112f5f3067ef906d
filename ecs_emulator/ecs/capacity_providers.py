"""Capacity providers of a cluster: FARGATE and FARGATE_SPOT, which are there in every account and always ACTIVE."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ecs_emulator.ecs import clusters, resolve
from ecs_emulator.ecs.errors import InvalidParameterException, ResourceInUseException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules import capacity, resources
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import among, page


def describe_capacity_providers(call: Call, params: Params) -> Document:
    """The providers that are named, or all; one that there is not is a failure.

    Source: DescribeCapacityProviders in the ECS API reference. Errors: InvalidParameterException.
    """
    asked = params.get("capacityProviders")
    names = list(capacity.RESERVED) if not asked else list(dict.fromkeys(map(capacity.name_of, asked)))
    fetch = among([name for name in names if name in capacity.RESERVED], lambda name: name)
    shown, token = page(call, params, fetch, lambda name: name, default=10, maximum=10)
    return {
        "capacityProviders": [_document(call, name) for name in shown],
        "failures": [{"arn": _arn(call, name), "reason": "MISSING"} for name in names if name not in capacity.RESERVED],
        "nextToken": token,
    }


def put_cluster_capacity_providers(call: Call, params: Params) -> Document:
    """Replace the cluster's providers and its default strategy, both whole; RunTask uses them from now on.

    Source: PutClusterCapacityProviders in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException, ResourceInUseException.
    """
    for member in ("capacityProviders", "defaultCapacityProviderStrategy"):
        if params.get(member) is None:
            raise InvalidParameterException(f"{member} is missing")
    cluster = resolve.changeable_cluster(call, params)
    providers = capacity.associated(params["capacityProviders"])
    strategy = capacity.strategy(params["defaultCapacityProviderStrategy"], providers)
    _refuse_in_use(call, cluster, set(cluster.capacity_providers) - set(providers))
    changed = replace(cluster, capacity_providers=providers, default_strategy=strategy)
    call.put(changed)
    shown = clusters.document(call, changed)
    return {"cluster": {**shown, "attachments": [], "attachmentsStatus": "UPDATE_IN_PROGRESS"}}


def _refuse_in_use(call: Call, cluster: Cluster, removed: Collection[str]) -> None:
    if not removed:
        return
    if call.count(Task, cluster_arn=cluster.arn, last_status=resources.HOLDING, capacity_provider_name=tuple(removed)):
        raise ResourceInUseException()
    for service in call.find(Service, cluster_arn=cluster.arn, status=(ServiceStatus.ACTIVE, ServiceStatus.DRAINING)):
        used = {each["capacityProvider"] for each in service.spec.get("capacityProviderStrategy") or ()}
        if not used.isdisjoint(removed):
            raise ResourceInUseException()


def _arn(call: Call, name: str) -> str:
    return call.world.arn("ecs", f"capacity-provider/{name}")


def _document(call: Call, name: str) -> Document:
    return {"capacityProviderArn": _arn(call, name), "name": name, "status": "ACTIVE", "tags": [], "type": name}
