"""Capacity providers: FARGATE and FARGATE_SPOT, which every account has, and those of the user's own.

What AWS does in a while is done at once here: only the answer of the operation that does it still shows the first moment,
`…_IN_PROGRESS`; the next look shows the end. The Auto Scaling group behind a provider is a name: its machines are the
container instances that were registered for the provider, and those that placement makes for it on demand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ecs_emulator.ecs import clusters, resolve
from ecs_emulator.ecs.errors import ClientException, InvalidParameterException, ResourceInUseException
from ecs_emulator.records.capacity_providers import (
    CapacityProvider,
    CapacityProviderStatus,
    ProviderType,
    UpdateStatus,
)
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import Daemon, DaemonRevision
from ecs_emulator.records.scaling import key_of
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import Task
from ecs_emulator.rules import capacity, daemons, providers, resources, tags
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import among, page

MOST_DESCRIBED = 100
ACTIVE = CapacityProviderStatus.ACTIVE

EXISTS = (
    "The specified capacity provider already exists. To change the configuration of an existing capacity provider, "
    "update the capacity provider."
)
EXISTS_SCOPED = "The specified capacity provider already exists with cluster scope"
IN_USE = "The specified capacity provider is in use and cannot be removed."
GROUP_TAKEN = (
    "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto "
    "Scaling group ARN and try again."
)
RESERVED = (
    "The specified capacity provider is reserved and cannot be changed or deleted. Specify a valid name and try again."
)
ONE_KIND = "Specify exactly one of autoScalingGroupProvider and managedInstancesProvider and try again."
OTHER_KIND = "The specified capacity provider is of type {type}. Specify a configuration of this type and try again."


# --- the operations -------------------------------------------------------------------------------


def create_capacity_provider(call: Call, params: Params) -> Document:
    """Make a provider over an Auto Scaling group, or one of managed instances inside one cluster.

    Source: CreateCapacityProvider in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException.
    """
    name = params["name"]
    providers.refuse_name(name)
    if (params.get("autoScalingGroupProvider") is None) is (params.get("managedInstancesProvider") is None):
        raise InvalidParameterException(ONE_KIND)
    twin = resolve.capacity_provider(call, name)
    if twin is not None and twin.status is not CapacityProviderStatus.INACTIVE:
        raise ClientException(EXISTS if twin.cluster_arn is None else EXISTS_SCOPED)
    if params.get("autoScalingGroupProvider") is not None:
        made = _auto_scaling_group(call, params)
        call.put(made)
        return {"capacityProvider": providers.document(made, shown_tags=True)}
    made = _managed_instances(call, params)
    call.put(made)
    return _answer(made, CapacityProviderStatus.PROVISIONING, UpdateStatus.CREATE_IN_PROGRESS, shown_tags=True)


def update_capacity_provider(call: Call, params: Params) -> Document:
    """Change the parts that are given; the answer still shows the provider as it was.

    Source: UpdateCapacityProvider in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException.
    """
    provider = _changeable(call, params["name"], params)
    if provider.status is CapacityProviderStatus.INACTIVE:
        raise ClientException(capacity.UNKNOWN)
    group, managed = params.get("autoScalingGroupProvider"), params.get("managedInstancesProvider")
    if (group is None) is (managed is None):
        raise InvalidParameterException(ONE_KIND)
    if (group is None) is (provider.type is ProviderType.EC2_AUTOSCALING):
        raise InvalidParameterException(OTHER_KIND.format(type=provider.type))
    if group is not None:
        present = provider.spec["autoScalingGroupProvider"]
        spec = {"autoScalingGroupProvider": providers.auto_scaling_group(group, present)}
    else:
        present = provider.spec["managedInstancesProvider"]
        spec = {"managedInstancesProvider": providers.managed_instances(managed or {}, present)}
    changed = replace(provider, spec=spec, update_status=UpdateStatus.UPDATE_COMPLETE)
    call.put(changed)
    for cluster in clusters.with_provider(call, provider):
        call.put(replace(cluster, attachments=_attachments(call, cluster)))
        call.tx.mark(("scaling", key_of(cluster.arn, provider.name)))
    return _answer(provider, provider.status, UpdateStatus.UPDATE_IN_PROGRESS)


def delete_capacity_provider(call: Call, params: Params) -> Document:
    """Let a provider go that no cluster has, or of managed instances one that nothing in its cluster uses.

    Source: DeleteCapacityProvider in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException.
    """
    provider = _changeable(call, params["capacityProvider"], params)
    if provider.status is CapacityProviderStatus.INACTIVE:
        return {"capacityProvider": providers.document(provider, shown_tags=False)}
    homes = clusters.with_provider(call, provider)
    if provider.type is ProviderType.EC2_AUTOSCALING and homes:
        raise ClientException(IN_USE)
    for home in homes:
        by_default = {item["capacityProvider"] for item in home.default_strategy}
        if provider.name in by_default or _in_use(call, home, {provider.name}):
            raise ClientException(IN_USE)
        left = [one for one in home.capacity_providers if one != provider.name]
        managed = [one for one in home.managed_instances if one != provider.name]
        call.put(replace(home, capacity_providers=left, managed_instances=managed))
    call.put(
        replace(
            provider,
            status=CapacityProviderStatus.INACTIVE,
            update_status=UpdateStatus.DELETE_COMPLETE,
            deleted_at=call.now,
        )
    )
    leaving = ACTIVE if provider.type is ProviderType.EC2_AUTOSCALING else CapacityProviderStatus.DEPROVISIONING
    return _answer(provider, leaving, UpdateStatus.DELETE_IN_PROGRESS)


def describe_capacity_providers(call: Call, params: Params) -> Document:
    """The providers that are named, or all ACTIVE ones, of the account or of one cluster; one that there is not is a failure.

    Source: DescribeCapacityProviders in the ECS API reference. Errors: ClusterNotFoundException,
    InvalidParameterException.
    """
    asked = params.get("capacityProviders") or ()
    if len(asked) > MOST_DESCRIBED:
        raise InvalidParameterException(f"capacityProviders can have at most {MOST_DESCRIBED} items.")
    shown_tags = "TAGS" in (params.get("include") or ())
    cluster = resolve.active_cluster(call, params) if params.get("cluster") else None
    failures: list[Document] = []
    if asked or cluster is not None:
        wanted = dict.fromkeys(asked or (cluster.capacity_providers if cluster is not None else ()))
        found: dict[str, Document] = {}
        for reference in wanted:
            shown = _described(call, reference, cluster, shown_tags=shown_tags)
            if shown is None:
                failures.append({"arn": _arn(call, reference), "reason": "MISSING"})
            else:
                found[shown["name"]] = shown
        shown_page, token = page(call, params, among(found.values(), _name), _name, default=10, maximum=10)
        return {"capacityProviders": shown_page, "failures": failures, "nextToken": token}

    def fetch(after: Sequence[object] | None, limit: int) -> list[Document]:
        return _all_active(call, after, limit, shown_tags=shown_tags)

    shown_page, token = page(call, params, fetch, _name, default=10, maximum=10)
    return {"capacityProviders": shown_page, "failures": failures, "nextToken": token}


def put_cluster_capacity_providers(call: Call, params: Params) -> Document:
    """Replace the cluster's providers and its default strategy, both whole; RunTask uses them from now on.

    Providers of managed instances are the cluster's for as long as they live, whether they are named or not.
    Source: PutClusterCapacityProviders in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException, ResourceInUseException.
    """
    for member in ("capacityProviders", "defaultCapacityProviderStrategy"):
        if params.get(member) is None:
            raise InvalidParameterException(f"{member} is missing")
    cluster = resolve.changeable_cluster(call, params)
    asked = params["capacityProviders"]
    own = resolve.capacity_providers(call, asked, cluster.arn)
    associated = capacity.associated(asked, {each.name for each in own})
    clusters.refuse_shared(call, cluster.arn, [each for each in own if each.name not in cluster.capacity_providers])
    scoped = call.find(CapacityProvider, cluster_arn=cluster.arn, status=ACTIVE)
    associated += [each.name for each in scoped if each.name not in associated]
    strategy = capacity.strategy(params["defaultCapacityProviderStrategy"], associated, cluster.managed_instances)
    if _in_use(call, cluster, set(cluster.capacity_providers) - set(associated)):
        raise ResourceInUseException()
    changed = replace(cluster, capacity_providers=associated, default_strategy=strategy)
    changed = replace(changed, attachments=_attachments(call, changed))
    call.put(changed)
    shown = clusters.document(call, changed)
    attachments = providers.as_changed(changed.attachments, cluster.attachments)
    return {"cluster": {**shown, "attachments": attachments, "attachmentsStatus": "UPDATE_IN_PROGRESS"}}


# --- what is asked for ----------------------------------------------------------------------------


def _auto_scaling_group(call: Call, params: Params) -> CapacityProvider:
    if params.get("cluster"):
        raise InvalidParameterException("The cluster can be specified for managed instances capacity providers only.")
    asked = params["autoScalingGroupProvider"]
    if not asked["autoScalingGroupArn"]:
        raise InvalidParameterException("AutoScalingGroupArn can not be blank.")
    spec = providers.auto_scaling_group(asked)
    group = providers.group_name(asked["autoScalingGroupArn"])
    for other in _of_account(call):
        taken = other.spec.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn")
        if taken is not None and providers.group_name(taken) == group:
            raise ClientException(GROUP_TAKEN)
    return _provider(call, params, ProviderType.EC2_AUTOSCALING, {"autoScalingGroupProvider": spec})


def _managed_instances(call: Call, params: Params) -> CapacityProvider:
    """The provider, which its cluster has from now on."""
    if not params.get("cluster"):
        raise InvalidParameterException("A cluster must be specified for a managed instances capacity provider.")
    spec = {"managedInstancesProvider": providers.managed_instances(params["managedInstancesProvider"])}
    cluster = resolve.active_cluster(call, params)
    made = _provider(call, params, ProviderType.MANAGED_INSTANCES, spec)
    providers_now = [*cluster.capacity_providers, made.name]
    call.put(
        replace(cluster, capacity_providers=providers_now, managed_instances=[*cluster.managed_instances, made.name])
    )
    return replace(made, cluster_arn=cluster.arn, update_status=UpdateStatus.CREATE_COMPLETE)


def _provider(call: Call, params: Params, kind: ProviderType, spec: Document) -> CapacityProvider:
    return CapacityProvider(
        arn=_arn(call, params["name"]),
        account=call.world.account,
        region=call.world.region,
        name=params["name"],
        type=kind,
        status=ACTIVE,
        spec=spec,
        created_at=call.now,
        tags=tags.checked(params.get("tags") or ()),
    )


def _changeable(call: Call, reference: str, params: Params) -> CapacityProvider:
    """The user's own provider; with `cluster`, if it is that cluster's or belongs to none."""
    if capacity.name_of(reference) in capacity.RESERVED:
        raise ClientException(RESERVED)
    found = resolve.capacity_provider(call, reference)
    if found is None:
        raise ClientException(capacity.UNKNOWN)
    if params.get("cluster") and found.cluster_arn not in (None, resolve.active_cluster(call, params).arn):
        raise ClientException(capacity.UNKNOWN)
    return found


# --- what uses it ---------------------------------------------------------------------------------


def _in_use(call: Call, cluster: Cluster, removed: Collection[str]) -> bool:
    """Whether a task, a service or a daemon of the cluster goes by one of these providers."""
    if not removed:
        return False
    if call.count(Task, cluster_arn=cluster.arn, last_status=resources.HOLDING, capacity_provider_name=tuple(removed)):
        return True
    alive = (ServiceStatus.ACTIVE, ServiceStatus.DRAINING)
    for service in call.find(Service, cluster_arn=cluster.arn, status=alive):
        used = {each["capacityProvider"] for each in service.spec.get("capacityProviderStrategy") or ()}
        if not used.isdisjoint(removed):
            return True
    running = call.find(Daemon, cluster_arn=cluster.arn, gone=False)
    revisions = call.find(DaemonRevision, arn=[each.revision_arn for each in running])
    return any(not daemons.provider_names(each).isdisjoint(removed) for each in revisions)


def _attachments(call: Call, cluster: Cluster) -> list[Document]:
    own = resolve.capacity_providers(call, cluster.capacity_providers, cluster.arn)
    return providers.attachments(own, cluster.attachments, call.ids)


# --- showing --------------------------------------------------------------------------------------


def _answer(
    provider: CapacityProvider,
    status: CapacityProviderStatus,
    update_status: UpdateStatus,
    *,
    shown_tags: bool = False,
) -> Document:
    """The first moment of a change, as its operation answers it."""
    shown = replace(provider, status=status, update_status=update_status)
    return {"capacityProvider": providers.document(shown, shown_tags=shown_tags)}


def _described(call: Call, reference: str, cluster: Cluster | None, *, shown_tags: bool) -> Document | None:
    """One provider by name or ARN; of `cluster`, if one is meant."""
    name = capacity.name_of(reference)
    if cluster is not None and name not in cluster.capacity_providers:
        return None
    if name in capacity.RESERVED:
        return _reserved(call, name)
    found = resolve.capacity_provider(call, reference)
    return None if found is None else providers.document(found, shown_tags=shown_tags)


def _all_active(call: Call, after: Sequence[object] | None, limit: int, *, shown_tags: bool) -> list[Document]:
    """The account's own and the reserved ones, by name."""
    own = [providers.document(each, shown_tags=shown_tags) for each in _of_account(call, after, limit)]
    reserved = [_reserved(call, name) for name in capacity.RESERVED if after is None or name > str(after[0])]
    return sorted([*own, *reserved], key=_name)[:limit]


def _of_account(call: Call, after: Sequence[object] | None = None, limit: int | None = None) -> list[CapacityProvider]:
    world = call.world
    return call.find(
        CapacityProvider,
        account=world.account,
        region=world.region,
        status=ACTIVE,
        order="name",
        after=after,
        limit=limit,
    )


def _name(shown: Document) -> str:
    return str(shown["name"])


def _arn(call: Call, reference: str) -> str:
    return reference if reference.startswith("arn:") else call.world.arn("ecs", f"capacity-provider/{reference}")


def _reserved(call: Call, name: str) -> Document:
    return {"capacityProviderArn": _arn(call, name), "name": name, "status": ACTIVE, "tags": [], "type": name}
