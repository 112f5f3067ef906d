"""Daemons: asked for, changed, asked to go. Nothing is started here: `control/daemons.py` moves what these write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.daemon_task_definitions import active_daemon_definition
from ecs_emulator.ecs.errors import (
    DaemonNotActiveException,
    DaemonNotFoundException,
    InvalidParameterException,
)
from ecs_emulator.records.capacity_providers import ProviderType
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.daemons import (
    UNDER_WAY,
    Daemon,
    DaemonDeployment,
    DaemonDeploymentStatus,
    DaemonRevision,
    DaemonStatus,
    DaemonTaskDefinition,
)
from ecs_emulator.rules import capacity, daemons, tags
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

BAD_ARN = "The Daemon ARN is invalid."
EXISTS = "Creation of daemon was not idempotent."
DELETING = "The specified daemon cannot be deleted: its deployment deletion is ongoing."
NO_PROVIDERS = "capacityProviderArns cannot be empty."
NOT_MANAGED = (
    "The specified capacity provider {name} is not supported. Daemons support Amazon ECS Managed Instances capacity "
    "providers of their own cluster only. Specify a valid capacity provider and try again."
)


# --- operations -------------------------------------------------------------------------------------------------------


def create_daemon(call: Call, params: Params) -> Document:
    """Ask for one task of a definition on each machine of some managed instances capacity providers.

    Source: CreateDaemon in the ECS API reference. Errors: ClientException, ClusterNotFoundException, InvalidParameterException.
    """
    cluster = resolve.active_cluster(call, {"cluster": params.get("clusterArn")})
    name = params["daemonName"]
    daemons.refuse_name(name)
    daemons.refuse_token(params.get("clientToken"))
    definition = active_daemon_definition(call, params["daemonTaskDefinitionArn"])
    settings, configuration = daemons.settings(params), daemons.configuration(params)
    asked_tags = tags.checked(params.get("tags") or ())
    arn = call.world.arn("ecs", f"daemon/{cluster.name}/{name}")
    twin = call.get(Daemon, arn)
    if twin is not None and not twin.gone:
        return _made(_same(twin, params))
    providers = _providers(call, cluster, params["capacityProviderArns"])
    if twin is not None:
        _forget(call, twin)
    daemon = Daemon(
        arn=arn,
        account=call.world.account,
        region=call.world.region,
        cluster_arn=cluster.arn,
        name=name,
        status=DaemonStatus.ACTIVE,
        revision_arn="",
        deployment_arn="",
        created_at=call.now,
        updated_at=call.now,
        client_token=params.get("clientToken"),
        request=_words(params),
        tags=asked_tags,
    )
    return _made(_deploy(call, daemon, definition, providers, settings, configuration))


def update_daemon(call: Call, params: Params) -> Document:
    """Deploy another revision; what is not said goes back to its default.

    Source: UpdateDaemon in the ECS API reference. Errors: ClientException, ClusterNotFoundException, DaemonNotActiveException,
    DaemonNotFoundException, InvalidParameterException.
    """
    cluster, daemon = _named(call, params["daemonArn"])
    if daemon.status is not DaemonStatus.ACTIVE:
        raise DaemonNotActiveException()
    definition = active_daemon_definition(call, params["daemonTaskDefinitionArn"])
    settings, configuration = daemons.settings(params), daemons.configuration(params)
    providers = _providers(call, cluster, params["capacityProviderArns"])
    changed = _deploy(call, replace(daemon, updated_at=call.now), definition, providers, settings, configuration)
    return {**daemons.summary(changed), "deploymentArn": changed.deployment_arn}


def delete_daemon(call: Call, params: Params) -> Document:
    """Let a daemon go: its tasks stop, then it is not found any more.

    Source: DeleteDaemon in the ECS API reference. Errors: ClusterNotFoundException, DaemonNotFoundException,
    InvalidParameterException.
    """
    _, daemon = _named(call, params["daemonArn"])
    if daemon.status is not DaemonStatus.ACTIVE:
        raise InvalidParameterException(DELETING)
    last = call.get(DaemonDeployment, daemon.deployment_arn)
    leaving = replace(daemon, status=DaemonStatus.DELETE_IN_PROGRESS, updated_at=call.now)
    deployment = _deployment(call, leaving, None, {} if last is None else last.spec)
    leaving = replace(leaving, deployment_arn=deployment.arn)
    call.put(leaving, deployment)
    return {**daemons.summary(leaving), "deploymentArn": deployment.arn}


def describe_daemon(call: Call, params: Params) -> Document:
    """One daemon, with the tasks of each revision that is to run or still does.

    Source: DescribeDaemon in the ECS API reference. Errors: ClusterNotFoundException, DaemonNotFoundException,
    InvalidParameterException.
    """
    _, daemon = _named(call, params["daemonArn"])
    sight = daemons.seen(call.tx, daemon.cluster_arn, daemon.arn, [daemon.revision_arn])
    return {"daemon": daemons.detail(daemon, sight)}


def list_daemons(call: Call, params: Params) -> Document:
    """The daemons of a cluster by name, or those of them that one of some capacity providers has.

    Source: ListDaemons in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    cluster = resolve.active_cluster(call, {"cluster": params.get("clusterArn")})
    providers = set(params.get("capacityProviderArns") or ())

    def fetch(after: Sequence[object] | None, limit: int) -> list[Daemon]:
        found: list[Daemon] = []
        while len(found) < limit:
            more = call.find(Daemon, cluster_arn=cluster.arn, gone=False, order="name", after=after, limit=limit)
            found += [each for each in more if not providers or _is_on(call, each, providers)]
            if len(more) < limit:
                break
            after = (more[-1].name,)
        return found[:limit]

    found, token = page(call, params, fetch, lambda each: each.name, default=100, maximum=100)
    return {"daemonSummariesList": [daemons.summary(each) for each in found], "nextToken": token}


def _is_on(call: Call, daemon: Daemon, provider_arns: set[str]) -> bool:
    revision = call.get(DaemonRevision, daemon.revision_arn)
    return revision is not None and not provider_arns.isdisjoint(revision.capacity_provider_arns)


# --- finding one ------------------------------------------------------------------------------------------------------


def _named(call: Call, reference: str) -> tuple[Cluster, Daemon]:
    """The daemon that an ARN names, and its cluster. Raises ClusterNotFoundException, DaemonNotFoundException."""
    cluster_name = cluster_of(call, reference)
    cluster = resolve.active_cluster(call, {"cluster": cluster_name})
    found = call.get(Daemon, reference)
    if found is None or found.gone:
        raise DaemonNotFoundException()
    return cluster, found


def cluster_of(call: Call, reference: str) -> str:
    """The name of the cluster that a daemon's ARN tells. Raises InvalidParameterException where it is no such ARN."""
    arn = arns.parse(reference)
    parts = arn.resource.split("/") if arn is not None else []
    if arn is None or arn.service != "ecs" or parts[0] != "daemon" or len(parts) != 3 or not all(parts):
        raise InvalidParameterException(BAD_ARN)
    resolve.refuse_foreign(call, arn)
    return parts[1]


def _providers(call: Call, cluster: Cluster, references: Sequence[str]) -> tuple[str, ...]:
    """The ARNs of the cluster's own managed instances capacity providers that are meant, each once."""
    if not references:
        raise InvalidParameterException(NO_PROVIDERS)
    found: dict[str, None] = {}
    for reference in references:
        name = capacity.name_of(reference)
        if name in capacity.RESERVED:
            raise InvalidParameterException(NOT_MANAGED.format(name=name))
        known = resolve.capacity_provider(call, reference)
        if known is None:
            raise InvalidParameterException(capacity.UNKNOWN)
        if known.type is not ProviderType.MANAGED_INSTANCES or known.cluster_arn != cluster.arn:
            raise InvalidParameterException(NOT_MANAGED.format(name=name))
        if not resolve.capacity_providers(call, [reference], cluster.arn):
            raise InvalidParameterException(capacity.UNKNOWN)  # it is being deleted
        found[known.arn] = None
    return tuple(found)


# --- what is written --------------------------------------------------------------------------------------------------


def _deploy(
    call: Call,
    daemon: Daemon,
    definition: DaemonTaskDefinition,
    providers: tuple[str, ...],
    settings: Document,
    configuration: Document,
) -> Daemon:
    """Write a revision and the deployment that brings it about; those under way give way."""
    revision = DaemonRevision(
        arn=_part(daemon, "daemon-revision", call.ids.uuid("daemon-revision")),
        account=daemon.account,
        region=daemon.region,
        daemon_arn=daemon.arn,
        cluster_arn=daemon.cluster_arn,
        task_definition_arn=definition.arn,
        capacity_provider_arns=providers,
        created_at=call.now,
        spec=settings,
    )
    deployment = _deployment(call, daemon, revision, configuration)
    deployed = replace(
        daemon, revision_arn=revision.arn, deployment_arn=deployment.arn, failures=0, launch_not_before=None
    )
    call.put(deployed, revision, deployment)
    return deployed


def _deployment(
    call: Call, daemon: Daemon, revision: DaemonRevision | None, configuration: Document
) -> DaemonDeployment:
    """The next deployment, from every revision that may still be running; those under way are asked to stop."""
    before = [daemon.stable_revision_arn or ""]
    for other in call.find(DaemonDeployment, daemon_arn=daemon.arn, status=UNDER_WAY):
        call.put(replace(other, status=DaemonDeploymentStatus.STOP_REQUESTED))
        before.append(other.revision_arn or "")
    return DaemonDeployment(
        arn=_part(daemon, "daemon-deployment", call.ids.nano("daemon-deployment")),
        account=daemon.account,
        region=daemon.region,
        daemon_arn=daemon.arn,
        cluster_arn=daemon.cluster_arn,
        revision_arn=None if revision is None else revision.arn,
        status=DaemonDeploymentStatus.PENDING,
        spec=configuration,
        created_at=call.now,
        source_revision_arns=tuple(dict.fromkeys(arn for arn in before if arn)),
    )


def _part(daemon: Daemon, kind: str, identifier: str) -> str:
    return f"{daemon.arn.replace(':daemon/', f':{kind}/')}/{identifier}"


def _words(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "tags"}


def _same(twin: Daemon, params: Params) -> Daemon:
    """The daemon that is there, if it was asked for with the same token and the same words."""
    if twin.client_token is None or twin.request != _words(params) or twin.status is not DaemonStatus.ACTIVE:
        raise InvalidParameterException(EXISTS)
    return twin


def _made(daemon: Daemon) -> Document:
    return {
        "daemonArn": daemon.arn,
        "status": daemon.status,
        "createdAt": daemon.created_at,
        "deploymentArn": daemon.deployment_arn,
    }


def _forget(call: Call, daemon: Daemon) -> None:
    """The history of a daemon that is gone makes room for that of its successor."""
    for kind in (DaemonDeployment, DaemonRevision):
        call.delete(*call.find(kind, daemon_arn=daemon.arn))
