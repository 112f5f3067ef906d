"""Daemons: what a daemon task definition may say, what a daemon is asked for, and what their documents show.

Source: RegisterDaemonTaskDefinition, CreateDaemon, DaemonDetail, DaemonDeployment and DaemonRevision in the ECS API reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecs_emulator.records.daemons import (
    UNDER_WAY,
    Daemon,
    DaemonDeployment,
    DaemonDeploymentStatus,
    DaemonRevision,
    DaemonTaskDefinition,
)
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.tasks import Container, DesiredStatus, Health, Task, TaskStatus
from ecs_emulator.rules import tags
from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.failures import FEWEST_FAILURES, MOST_FAILURES
from ecs_emulator.store import Transaction

Document = dict[str, Any]
Params = Mapping[str, Any]

CONFIGURATION: Document = {"drainPercent": 25.0, "bakeTimeInMinutes": 0}
LONGEST_BAKE = 1440
LONGEST_TOKEN = 36
PROPAGATE_TAGS = ("DAEMON", "NONE")
STANDING = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)
BROKEN = "Daemon deployment rolled back because the circuit breaker threshold was exceeded."


# --- what is asked for --------------------------------------------------------------------------------------------------


def refuse_name(name: str) -> None:
    if not facts.NAME.fullmatch(name):
        raise InvalidParameterException(
            "The specified daemon name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), "
            "numbers, underscores, and hyphens. Specify a valid name and try again."
        )


def refuse_token(token: str | None) -> None:
    if token is None:
        return
    if len(token) > LONGEST_TOKEN or not all(33 <= ord(character) <= 126 for character in token):
        raise InvalidParameterException(
            f"clientToken can have at most {LONGEST_TOKEN} ASCII characters in the range of 33-126."
        )


def settings(params: Params) -> Document:
    """What a revision keeps. Whatever is not said has its default, in UpdateDaemon too: nothing of what was is kept."""
    propagated = params.get("propagateTags") or "NONE"
    if propagated not in PROPAGATE_TAGS:
        raise InvalidParameterException(f"propagateTags should be one of [{','.join(PROPAGATE_TAGS)}]")
    return {
        "propagateTags": propagated,
        "enableECSManagedTags": bool(params.get("enableECSManagedTags")),
        "enableExecuteCommand": bool(params.get("enableExecuteCommand")),
        "critical": params.get("critical") is not False,
    }


def configuration(params: Params) -> Document:
    """`deploymentConfiguration` with its defaults; that `drainPercent` is a percentage the wire has seen to."""
    asked = params.get("deploymentConfiguration") or {}
    bake = asked.get("bakeTimeInMinutes", 0)
    if not 0 <= bake <= LONGEST_BAKE:
        raise InvalidParameterException(f"bakeTimeInMinutes must be between 0 and {LONGEST_BAKE}")
    alarms = asked.get("alarms") or {}
    if alarms.get("enable") and not alarms.get("alarmNames"):
        raise InvalidParameterException("alarmNames cannot be empty when alarms are enabled.")
    said = {"alarmNames": list(alarms.get("alarmNames") or ()), "enable": bool(alarms.get("enable"))}
    return {**CONFIGURATION, **asked, "alarms": said}


# --- where it runs ------------------------------------------------------------------------------------------------------


def provider_names(revision: DaemonRevision | None) -> frozenset[str]:
    return frozenset(arn.rpartition("/")[2] for arn in revision.capacity_provider_arns) if revision else frozenset()


def on(revision: DaemonRevision | None, instances: Iterable[ContainerInstance]) -> list[ContainerInstance]:
    """The machines, ACTIVE and of the revision's providers, that are to have a task of it."""
    names = provider_names(revision)
    return [each for each in instances if each.status is InstanceStatus.ACTIVE and each.capacity_provider_name in names]


def works(task: Task, *, checked: bool = False) -> bool:
    """Whether a daemon task does its work: RUNNING, not UNHEALTHY, and where a check is waited for, HEALTHY."""
    if task.last_status is not TaskStatus.RUNNING or task.desired_status is not DesiredStatus.RUNNING:
        return False
    return task.health is Health.HEALTHY if checked else task.health is not Health.UNHEALTHY


def has_check(definition: Params) -> bool:
    return any("healthCheck" in one and facts.essential(one) for one in definition.get("containerDefinitions", ()))


def step_size(percent: float, machines: int) -> int:
    """How many machines are taken on at a time: 25 % of 10 are 2, and one always is."""
    return max(1, int(machines * percent / 100))


def threshold(machines: int) -> int:
    """The failures that break a deployment: half as many as there are machines, between 3 and 200."""
    return min(max(FEWEST_FAILURES, -(-machines // 2)), MOST_FAILURES)


# --- task definitions ---------------------------------------------------------------------------------------------------


def task_definition(known: DaemonTaskDefinition) -> Document:
    return {
        **known.spec,
        "daemonTaskDefinitionArn": known.arn,
        "family": known.family,
        "revision": known.revision,
        "status": known.status,
        "registeredAt": known.registered_at,
        "registeredBy": known.registered_by,
        "deleteRequestedAt": known.delete_requested_at,
    }


def task_definition_summary(known: DaemonTaskDefinition) -> Document:
    return {
        "arn": known.arn,
        "registeredAt": known.registered_at,
        "registeredBy": known.registered_by,
        "deleteRequestedAt": known.delete_requested_at,
        "status": known.status,
    }


# --- daemons ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sight:
    """What is there of one daemon now. Lives for one answer."""

    instances: Sequence[ContainerInstance] = ()
    """Those of its cluster that are ACTIVE or DRAINING."""
    tasks: Sequence[Task] = ()
    """Those it has not let go of."""
    revisions: Mapping[str, DaemonRevision] = field(default_factory=dict)

    def running(self, revision_arn: str, provider: str) -> int:
        return sum(
            task.daemon_revision_arn == revision_arn and task.capacity_provider_name == provider and works(task)
            for task in self.tasks
        )

    def without(self, revision: DaemonRevision, provider: str) -> int:
        """The machines in service that lack it: of a critical daemon there is none, they do not serve."""
        if revision.spec["critical"]:
            return 0
        served = {task.container_instance_arn for task in self.tasks if works(task)}
        machines = [each for each in on(revision, self.instances) if each.capacity_provider_name == provider]
        return sum(each.arn not in served for each in machines)


def seen(tx: Transaction, cluster_arn: str, daemon_arn: str, revision_arns: Iterable[str]) -> Sight:
    """The daemon's tasks, their revisions and these, and the machines: three queries."""
    tasks = alive(tx, daemon_arn)
    wanted = {*revision_arns, *(task.daemon_revision_arn for task in tasks if task.daemon_revision_arn is not None)}
    revisions = {each.arn: each for each in tx.find(DaemonRevision, arn=wanted)}
    instances = sorted(
        tx.find(ContainerInstance, cluster_arn=cluster_arn, status=STANDING), key=lambda instance: instance.arn
    )
    return Sight(instances, tasks, revisions)


def alive(tx: Transaction, daemon_arn: str) -> list[Task]:
    """The tasks that the daemon has not let go of, by ARN."""
    found = tx.find(Task, daemon_arn=daemon_arn, desired_status=tuple(DesiredStatus), released=False)
    return sorted(found, key=lambda task: task.arn)


def summary(daemon: Daemon) -> Document:
    return {
        "daemonArn": daemon.arn,
        "status": daemon.status,
        "createdAt": daemon.created_at,
        "updatedAt": daemon.updated_at,
    }


def detail(daemon: Daemon, sight: Sight) -> Document:
    """The daemon, and each revision that is to run or still does."""
    present = {daemon.revision_arn: None} | {
        task.daemon_revision_arn: None for task in sight.tasks if task.daemon_revision_arn is not None
    }
    return {
        **summary(daemon),
        "clusterArn": daemon.cluster_arn,
        "deploymentArn": daemon.deployment_arn,
        "currentRevisions": [_current(sight.revisions[arn], sight) for arn in present if arn in sight.revisions],
    }


def _current(revision: DaemonRevision, sight: Sight) -> Document:
    providers = [
        {
            "arn": arn,
            "runningCount": sight.running(revision.arn, arn.rpartition("/")[2]),
            "withoutDaemonCount": sight.without(revision, arn.rpartition("/")[2]),
        }
        for arn in revision.capacity_provider_arns
    ]
    return {
        "arn": revision.arn,
        "capacityProviders": providers,
        "totalRunningCount": sum(each["runningCount"] for each in providers),
        "totalWithoutDaemonCount": sum(each["withoutDaemonCount"] for each in providers),
    }


# --- deployments and revisions ------------------------------------------------------------------------------------------


def deployment_summary(known: DaemonDeployment) -> Document:
    return {
        "daemonDeploymentArn": known.arn,
        "daemonArn": known.daemon_arn,
        "clusterArn": known.cluster_arn,
        "status": known.status,
        "statusReason": known.status_reason,
        "targetDaemonRevisionArn": known.revision_arn,
        "createdAt": known.created_at,
        "startedAt": known.started_at,
        "stoppedAt": known.stopped_at,
        "finishedAt": known.finished_at,
    }


def deployment(known: DaemonDeployment, sight: Sight) -> Document:
    """A deployment with the machines of its revisions as they are now; once it is over nothing of it is draining."""
    found = deployment_summary(known)
    target = sight.revisions.get(known.revision_arn or "")
    sources = [sight.revisions[arn] for arn in known.source_revision_arns if arn in sight.revisions]
    return {
        **found,
        "targetDaemonRevision": None if target is None else _deployed(target, known, sight),
        "sourceDaemonRevisions": [_deployed(each, known, sight) for each in sources],
        "circuitBreaker": {
            "failureCount": known.failed_tasks,
            "status": _monitoring(known),
            "threshold": threshold(len(on(target, sight.instances))),
        },
        "alarms": _alarms(known),
        "rollback": known.rollback,
        "deploymentConfiguration": known.spec,
    }


def _deployed(revision: DaemonRevision, known: DaemonDeployment, sight: Sight) -> Document:
    leaving = _draining(known, sight) if revision.arn != known.revision_arn else []
    providers = []
    for arn in revision.capacity_provider_arns:
        name = arn.rpartition("/")[2]
        providers.append(
            {
                "arn": arn,
                "runningInstanceCount": sight.running(revision.arn, name),
                "withoutDaemonInstanceCount": sight.without(revision, name),
                "drainingInstanceCount": sum(
                    task.daemon_revision_arn == revision.arn and task.capacity_provider_name == name for task in leaving
                ),
            }
        )
    return {
        "arn": revision.arn,
        "capacityProviders": providers,
        "totalRunningInstanceCount": sum(each["runningInstanceCount"] for each in providers),
        "totalWithoutDaemonInstanceCount": sum(each["withoutDaemonInstanceCount"] for each in providers),
        "totalDrainingInstanceCount": sum(each["drainingInstanceCount"] for each in providers),
    }


def _draining(known: DaemonDeployment, sight: Sight) -> list[Task]:
    if known.status not in UNDER_WAY:
        return []
    return [
        task
        for task in sight.tasks
        if task.desired_status is DesiredStatus.STOPPED and task.last_status is not TaskStatus.STOPPED
    ]


def _monitoring(known: DaemonDeployment) -> str:
    """The breaker is always on."""
    if known.rollback is not None or known.status is DaemonDeploymentStatus.ROLLBACK_FAILED:
        return "TRIGGERED"
    return "MONITORING" if known.status in UNDER_WAY else "MONITORING_COMPLETE"


def _alarms(known: DaemonDeployment) -> Document:
    """There is no CloudWatch here: no alarm is ever raised."""
    asked = known.spec["alarms"]
    watching = "MONITORING" if known.status in UNDER_WAY else "MONITORING_COMPLETE"
    return {
        "status": watching if asked["enable"] else "DISABLED",
        "alarmNames": asked["alarmNames"],
        "triggeredAlarmNames": [],
    }


def revision(known: DaemonRevision, definition: Params, ran: Sequence[Container]) -> Document:
    """A revision; the digests of its images are known once a task of it has run."""
    digests = {each.name: each.image_digest for each in ran}
    return {
        **known.spec,
        "daemonRevisionArn": known.arn,
        "clusterArn": known.cluster_arn,
        "daemonArn": known.daemon_arn,
        "daemonTaskDefinitionArn": known.task_definition_arn,
        "createdAt": known.created_at,
        "containerImages": [
            {"containerName": each["name"], "image": each["image"], "imageDigest": digests.get(each["name"])}
            for each in definition.get("containerDefinitions", ())
        ],
    }


def task_tags(daemon: Daemon, revision: DaemonRevision, cluster_name: str) -> dict[str, str]:
    found = dict(daemon.tags) if revision.spec["propagateTags"] == "DAEMON" else {}
    if revision.spec["enableECSManagedTags"]:
        found[f"{tags.RESERVED}ecs:clusterName"] = cluster_name
    return found
