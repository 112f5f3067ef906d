"""A task set is a share of a service's desired count, made of what its maker says; who that is, the deployment controller tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class TaskSetStatus(StrEnum):
    """PRIMARY serves production; a DRAINING one is let go, and vanishes with its last task."""

    PRIMARY = "PRIMARY"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"


class Stability(StrEnum):
    STABILIZING = "STABILIZING"
    STEADY_STATE = "STEADY_STATE"


@dataclass(frozen=True, slots=True)
class TaskSet:
    """Lives from CreateTaskSet, or CreateService with CODE_DEPLOY, until it was DRAINING and its tasks have STOPPED.

    Operations write what is wanted (`status`, `scale`) and that it is not stable any more; the loop writes the rest.
    """

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("service_arn", "created_at", "arn"), ("id",), ("task_definition_arn",))
    TOLD: ClassVar = ("stability",)

    arn: str
    id: str
    """`ecs-svc/<19 digits>`: its tasks carry it in `startedBy`, and as their `deployment_id`."""
    account: str
    region: str
    service_arn: str
    cluster_arn: str
    status: TaskSetStatus
    task_definition_arn: str
    launch_type: str
    scale: float
    """Percent of the service's desired count."""
    spec: dict[str, Any]
    """networkConfiguration, capacityProviderStrategy, platformVersion, loadBalancers, serviceRegistries."""
    created_at: float
    updated_at: float
    stability_at: float
    stability: Stability = Stability.STABILIZING
    computed_count: int = 0
    """The scheduler's current target."""
    external_id: str | None = None
    started_by: str | None = None
    client_token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    """CreateTaskSet's words as sent, for its idempotency."""
    tags: dict[str, str] = field(default_factory=dict)
    failed_tasks: int = 0
    """Tasks that never ran, or ended at once, one after another."""
    failed_created_at: float | None = None
    launch_not_before: float | None = None
    refusal: str | None = None
    """The last reason why its tasks found no place; not said again until one has, or hours have passed."""
    refused_at: float | None = None
    platform_family: str | None = None
    """Of Fargate: `Linux`, or the Windows of its definition."""

    def marks(self) -> tuple[Mark, ...]:
        return (("service", self.service_arn),)
