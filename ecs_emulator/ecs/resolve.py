"""A name, a short ARN or a long one becomes the thing it means, or AWS's exact refusal.

Nothing is looked up in the cluster that a long ARN names: the cluster is the request's own, `default` where it has
none, and a long ARN of another one is refused. A thing that is only remembered is not found once its time is over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs.errors import (
    ClientException,
    ClusterNotFoundException,
    GatewayNotFoundException,
    InvalidParameterException,
)
from ecs_emulator.records.capacity_providers import CapacityProvider, CapacityProviderStatus
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.gateways import Gateway
from ecs_emulator.records.instances import ContainerInstance
from ecs_emulator.records.services import Service
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules import capacity
from ecs_emulator.rules.errors import quoted
from ecs_emulator.wire.call import Call

DEFAULT = "default"
CLUSTER_NAME = re.compile(r"[a-zA-Z0-9\-_]{1,255}")
ID_LENGTHS = (32, 36)


# --- clusters -------------------------------------------------------------------------------------


def cluster_name(call: Call, reference: str | None) -> str:
    """The name that a `cluster` argument means: a name, an ARN of this account and region, or nothing for `default`.

    Raises InvalidParameterException for anything else.
    """
    if not reference:
        return DEFAULT
    if reference.startswith("arn:"):
        kind, _, name = _own_resource(call, reference, "cluster").partition("/")
        if kind != "cluster" or "/" in name:
            raise InvalidParameterException("Unsupported resource type: cluster")
        reference = name
    elif reference[0] in "\"'":
        raise InvalidParameterException("Unsupported resource type: cluster")
    if not CLUSTER_NAME.fullmatch(reference):
        raise InvalidParameterException(rf"Cluster must match ^[a-zA-Z0-9\-_]{{1,255}}$, but was {quoted(reference)}")
    return reference


def cluster_arn(call: Call, reference: str | None) -> str:
    return call.world.arn("ecs", f"cluster/{cluster_name(call, reference)}")


def cluster_named(call: Call, reference: str | None, identifiers: Iterable[str] = ()) -> Cluster:
    """The cluster, ACTIVE or remembered as INACTIVE. Raises ClusterNotFoundException `Cluster not found.`

    `identifiers` are the tasks, services or instances of the same request: a long ARN of another cluster is refused
    before the cluster is looked for.
    """
    name = cluster_name(call, reference)
    for identifier in identifiers:
        _refuse_other_cluster(identifier, name)
    found = remembered_cluster(call, call.world.arn("ecs", f"cluster/{name}"))
    if found is None:
        raise ClusterNotFoundException()
    return found


def active_cluster(call: Call, params: dict[str, Any], identifiers: Iterable[str] = ()) -> Cluster:
    """The ACTIVE cluster that `params["cluster"]` means.

    Raises ClusterNotFoundException `Cluster not found.` or `The referenced cluster was inactive.`
    """
    found = cluster_named(call, params.get("cluster"), identifiers)
    if found.status is ClusterStatus.INACTIVE:
        raise ClusterNotFoundException("The referenced cluster was inactive.")
    return found


def changeable_cluster(call: Call, params: dict[str, Any]) -> Cluster:
    """The cluster, for operations that change it. Raises as `cluster_named`, and ClientException."""
    found = cluster_named(call, params.get("cluster"))
    if found.status is not ClusterStatus.ACTIVE:
        raise ClientException("Cluster was not ACTIVE.")
    return found


def remembered_cluster(call: Call, arn: str) -> Cluster | None:
    """The cluster with this ARN, unless it was deleted too long ago."""
    found = call.get(Cluster, arn)
    return found if found is not None and remembered(call, found) else None


def remembered(call: Call, cluster: Cluster) -> bool:
    """Whether the cluster is there, or was deleted within the time that ECS goes on describing it."""
    return cluster.deleted_at is None or call.now < cluster.deleted_at + call.config.timings.cluster_kept


# --- capacity providers ---------------------------------------------------------------------------


def capacity_provider(call: Call, reference: str) -> CapacityProvider | None:
    """The account's own provider that a name or an ARN means, or None; a deleted one is forgotten as a cluster is."""
    arn = call.world.arn("ecs", f"capacity-provider/{capacity.name_of(reference)}")
    if reference.startswith("arn:") and reference != arn:
        return None
    found = call.get(CapacityProvider, arn)
    if found is None or found.deleted_at is None:
        return found
    return found if call.now < found.deleted_at + call.config.timings.cluster_kept else None


def capacity_providers(call: Call, references: Iterable[str], cluster_arn: str) -> list[CapacityProvider]:
    """Those of the account's own that are meant and that the cluster may have: ACTIVE, and no other cluster's."""
    found = {each.arn: each for each in (capacity_provider(call, one) for one in references) if each is not None}
    return [
        each
        for each in found.values()
        if each.status is CapacityProviderStatus.ACTIVE and each.cluster_arn in (None, cluster_arn)
    ]


# --- gateways -------------------------------------------------------------------------------------


def gateway_arn(call: Call, reference: str) -> str:
    """The ARN of the gateway that a name or an ARN means."""
    if reference.startswith("arn:"):
        return own_arn(call, reference, "gateway")
    return call.world.arn("ecs", f"gateway/{reference}")


def gateway(call: Call, reference: str) -> Gateway:
    """The gateway. Raises GatewayNotFoundException, and InvalidParameterException for an ARN of anything else."""
    found = call.get(Gateway, gateway_arn(call, reference))
    if found is None:
        raise GatewayNotFoundException()
    return found


def own_arn(call: Call, reference: str, kind: str) -> str:
    """An ARN of a thing of this kind in this account and region. Raises InvalidParameterException for anything else."""
    resource = _own_resource(call, reference, kind)
    found = resource.partition("/")[0]
    if found != kind:
        raise InvalidParameterException(f"Unsupported resource type: {found}")
    return call.world.arn("ecs", resource)


# --- what stands in a cluster ---------------------------------------------------------------------


def service_arn(call: Call, cluster: Cluster, reference: str) -> str:
    """The long ARN of the service that a name, a short or a long ARN means in this cluster."""
    return _arn(call, cluster, reference, "service")


def service_named(call: Call, cluster: Cluster, reference: str) -> Service | None:
    """The service, in any status, or None."""
    return call.get(Service, service_arn(call, cluster, reference))


def task_arn(call: Call, cluster: Cluster, reference: str, id_name: str = "taskId") -> str:
    """The long ARN of the task that an id (32 or 36 characters), a short or a long ARN means in this cluster.

    `id_name`: what the operation calls the id where it refuses one.
    """
    return _arn(call, cluster, reference, "task", id_name)


def task_named(call: Call, cluster: Cluster, reference: str, id_name: str = "taskId") -> Task | None:
    """The task, in any status, or None; a STOPPED one is forgotten after an hour."""
    found = call.get(Task, task_arn(call, cluster, reference, id_name))
    if found is None or found.stopped_at is None:
        return found
    return found if call.now < found.stopped_at + call.config.timings.stopped_kept else None


def instance_arn(call: Call, cluster: Cluster, reference: str) -> str:
    """The long ARN of the container instance that an id, a short or a long ARN means in this cluster."""
    return _arn(call, cluster, reference, "container-instance", "containerInstanceId")


def instance_named(call: Call, cluster: Cluster, reference: str) -> ContainerInstance | None:
    """The container instance, in any status, or None; a deregistered one is forgotten after as long as a cluster is."""
    found = call.get(ContainerInstance, instance_arn(call, cluster, reference))
    if found is None or found.deregistered_at is None:
        return found
    return found if call.now < found.deregistered_at + call.config.timings.cluster_kept else None


def _arn(call: Call, cluster: Cluster, reference: str, kind: str, id_name: str | None = None) -> str:
    """`id_name`: what its identifier is called, where it is one of fixed length and no name."""
    name = reference
    if reference.startswith("arn:"):
        _refuse_other_cluster(reference, cluster.name)
        found, _, name = _own_resource(call, reference, kind).partition("/")
        if found != kind:
            raise InvalidParameterException(f"Unsupported resource type: {found}")
        name = name.rpartition("/")[2]
    if id_name is not None and len(name) not in ID_LENGTHS:
        raise InvalidParameterException(f"{id_name} length should be one of [32,36]")
    return call.world.arn("ecs", f"{kind}/{cluster.name}/{name}")


def _refuse_other_cluster(identifier: str, cluster_name: str) -> None:
    arn = arns.parse(identifier)
    parts = arn.resource.split("/") if arn is not None and arn.service == "ecs" else []
    if len(parts) == 3 and parts[1] != cluster_name:
        raise InvalidParameterException(
            f"Invalid identifier: Identifier is for cluster {parts[1]}. Your cluster is {cluster_name}"
        )


def _own_resource(call: Call, reference: str, kind: str) -> str:
    """The resource of an ARN of ECS in this account and region."""
    arn = arns.parse(reference)
    if arn is None or arn.service != "ecs":
        raise InvalidParameterException(f"Unsupported resource type: {kind}")
    refuse_foreign(call, arn)
    return arn.resource


def refuse_foreign(call: Call, arn: arns.Arn) -> None:
    """Raises InvalidParameterException for an ARN of another account or another region."""
    if arn.account != call.world.account:
        raise InvalidParameterException("AccountIDs mismatch")
    if arn.region != call.world.region:
        raise InvalidParameterException("Region mismatch")
