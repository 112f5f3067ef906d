"""Daemon deployments and the revisions that they carry: the history of a daemon, which stays a while longer than it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ecs_emulator import arns
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.daemons import cluster_of
from ecs_emulator.ecs.errors import ClientException, InvalidParameterException
from ecs_emulator.records.daemons import Daemon, DaemonDeployment, DaemonDeploymentStatus, DaemonRevision
from ecs_emulator.records.tasks import Container, DesiredStatus, Task
from ecs_emulator.rules import daemon_definitions, daemons
from ecs_emulator.rules.daemons import Sight
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 20


# --- the operations -------------------------------------------------------------------------------


def list_daemon_deployments(call: Call, params: Params) -> Document:
    """The deployments of a daemon, newest first.

    Source: ListDaemonDeployments in the ECS API reference. Errors: ClientException, ClusterNotFoundException,
    InvalidParameterException.
    """
    resolve.active_cluster(call, {"cluster": cluster_of(call, params["daemonArn"])})
    daemon = call.get(Daemon, params["daemonArn"])
    if daemon is None or daemon.gone:
        raise ClientException("Daemon not found.")  # the model has no DaemonNotFoundException here
    equals: dict[str, Any] = {"daemon_arn": daemon.arn}
    if statuses := params.get("status"):
        if any(each not in list(DaemonDeploymentStatus) for each in statuses):
            raise InvalidParameterException(f"status should be one of [{','.join(DaemonDeploymentStatus)}]")
        equals["status"] = statuses
    created = params.get("createdAt") or {}
    before, since = created.get("before"), created.get("after")

    def fetch(after: Sequence[object] | None, limit: int) -> list[DaemonDeployment]:
        if after is None and before is not None:
            after = (before, "")
        found = call.find(DaemonDeployment, **equals, order="created_at,arn", descending=True, after=after, limit=limit)
        return [each for each in found if since is None or each.created_at > since]

    found, token = page(call, params, fetch, lambda each: (each.created_at, each.arn), default=20, maximum=100)
    return {"daemonDeployments": [daemons.deployment_summary(each) for each in found], "nextToken": token}


def describe_daemon_deployments(call: Call, params: Params) -> Document:
    """Deployments in the order asked for, each once; one that does not exist is a failure.

    The counts of a deployment that is over are those of now: they do not stand still.
    Source: DescribeDaemonDeployments in the ECS API reference. Errors: InvalidParameterException.
    """
    asked = _asked(call, params["daemonDeploymentArns"], "daemon-deployment", "DaemonDeployment")
    found = {each.arn: each for each in call.find(DaemonDeployment, arn=asked)}
    sights = _sights(call, found.values())
    return {
        "daemonDeployments": [
            daemons.deployment(found[arn], sights[found[arn].daemon_arn]) for arn in asked if arn in found
        ],
        "failures": _missing(asked, found),
    }


def describe_daemon_revisions(call: Call, params: Params) -> Document:
    """Revisions in the order asked for, each once; one that does not exist is a failure.

    Source: DescribeDaemonRevisions in the ECS API reference. Errors: InvalidParameterException.
    """
    asked = _asked(call, params["daemonRevisionArns"], "daemon-revision", "DaemonRevision")
    found = {each.arn: each for each in call.find(DaemonRevision, arn=asked)}
    specs = daemon_definitions.of_tasks(call.tx, (each.task_definition_arn for each in found.values()))
    shown = [found[arn] for arn in asked if arn in found]
    return {
        "daemonRevisions": [
            daemons.revision(each, specs.get(each.task_definition_arn, {}), _containers(call, each)) for each in shown
        ],
        "failures": _missing(asked, found),
    }


# --- parts ----------------------------------------------------------------------------------------


def _asked(call: Call, references: Sequence[str], kind: str, name: str) -> list[str]:
    """The ARNs, each once. Raises InvalidParameterException where one is none of this kind, account and region."""
    if not references:
        raise InvalidParameterException(f"{name} ARNs cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException(f"{name} ARN count cannot exceed {MOST_DESCRIBED}")
    for reference in references:
        arn = arns.parse(reference)
        parts = arn.resource.split("/") if arn is not None else []
        own = arn is not None and reference == call.world.arn("ecs", arn.resource)
        if not own or parts[0] != kind or len(parts) != 4 or not all(parts):
            raise InvalidParameterException(f"The {name} ARN is invalid.")
    return list(dict.fromkeys(references))


def _missing(asked: Iterable[str], found: Iterable[str]) -> list[Document]:
    there = set(found)
    return [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in there]


def _sights(call: Call, deployments: Iterable[DaemonDeployment]) -> dict[str, Sight]:
    """What is there of each daemon that these are of."""
    revisions: dict[tuple[str, str], set[str]] = {}
    for each in deployments:
        wanted = revisions.setdefault((each.daemon_arn, each.cluster_arn), set())
        wanted.update(each.source_revision_arns)
        wanted.update({each.revision_arn} if each.revision_arn is not None else ())
    return {
        daemon_arn: daemons.seen(call.tx, cluster_arn, daemon_arn, wanted)
        for (daemon_arn, cluster_arn), wanted in revisions.items()
    }


def _containers(call: Call, revision: DaemonRevision) -> tuple[Container, ...]:
    """The containers of one task of the revision that got so far as to know its images, if one is remembered."""
    for moment in (DesiredStatus.RUNNING, DesiredStatus.STOPPED):
        ran = {"daemon_arn": revision.daemon_arn, "desired_status": moment, "daemon_revision_arn": revision.arn}
        task = call.first(Task, **ran)
        if task is not None and any(each.image_digest for each in task.containers):
            return task.containers
    return ()
