"""How many tasks a deployment has, and how many those that it replaces: counted as long as it goes on, kept when it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ecs_emulator.records.services import DeploymentStatus, ServiceDeployment
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.store import Transaction

GONE = (DeploymentStatus.DRAINING, DeploymentStatus.INACTIVE)


@dataclass(frozen=True, slots=True)
class Counts:
    """The tasks of one revision. Lives for one answer."""

    requested: int = 0
    running: int = 0
    pending: int = 0
    production: float | None = None
    """What it is given of the production traffic, in percent; None where traffic is not shared out."""
    test: float | None = None


def deployment_id(revision_arn: str) -> str:
    """The deployment that first carried a revision: both end in the same number."""
    return f"ecs-svc/{revision_arn.rpartition('/')[2]}"


def requested(deployment: ServiceDeployment | None) -> int:
    """The tasks that a deployment is to have; none once it is on its way out."""
    return 0 if deployment is None or deployment.status in GONE else deployment.desired_count


def revisions(deployment: ServiceDeployment) -> tuple[str, ...]:
    """The one that it brings and those that it replaces."""
    return (deployment.revision_arn, *deployment.source_revision_arns)


def counted(tx: Transaction, deployments: Iterable[ServiceDeployment]) -> dict[str, Counts]:
    """By revision ARN, as they are now: two queries."""
    arns = {arn for each in deployments for arn in revisions(each)}
    ids = {deployment_id(arn): arn for arn in arns}
    if not ids:
        return {}
    known = {each.id: each for each in tx.find(ServiceDeployment, id=set(ids))}
    running: dict[str, int] = defaultdict(int)
    pending: dict[str, int] = defaultdict(int)
    wanted = {"deployment_id": set(ids), "desired_status": DesiredStatus.RUNNING}
    for (identifier, status), number in tx.tally(Task, ("deployment_id", "last_status"), **wanted).items():
        moment = TaskStatus(status)
        if moment is TaskStatus.RUNNING:
            running[identifier] += number
        elif not moment.reached(TaskStatus.RUNNING):
            pending[identifier] += number
    return {
        arn: Counts(requested(known.get(each)), running[each], pending[each], *_weights(known.get(each)))
        for each, arn in ids.items()
    }


def _weights(deployment: ServiceDeployment | None) -> tuple[float | None, float | None]:
    return (None, None) if deployment is None else (deployment.production_weight, deployment.test_weight)


def kept(counts: Mapping[str, Counts]) -> dict[str, Any]:
    """As the record of a deployment that is over keeps them."""
    return {
        arn: [each.requested, each.running, each.pending, each.production, each.test] for arn, each in counts.items()
    }


def shown(deployment: ServiceDeployment, now: Mapping[str, Counts]) -> Mapping[str, Counts]:
    """Those that it ended with, else those of now."""
    if not deployment.final_counts:
        return now
    return {arn: Counts(*numbers) for arn, numbers in deployment.final_counts.items()}
