"""A service keeps its desired count of a revision; a deployment carries it from one revision to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class ServiceStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    INACTIVE = "INACTIVE"


class DeploymentStatus(StrEnum):
    """The `status` of an entry of `deployments[]`; an INACTIVE one is no longer listed."""

    PRIMARY = "PRIMARY"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    INACTIVE = "INACTIVE"


LISTED = (DeploymentStatus.PRIMARY, DeploymentStatus.ACTIVE, DeploymentStatus.DRAINING)
"""The deployments that `deployments[]` shows."""


class RolloutState(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class ServiceDeploymentStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    STOP_REQUESTED = "STOP_REQUESTED"
    ROLLBACK_REQUESTED = "ROLLBACK_REQUESTED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    SUCCESSFUL = "SUCCESSFUL"
    STOPPED = "STOPPED"
    ROLLBACK_SUCCESSFUL = "ROLLBACK_SUCCESSFUL"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"


@dataclass(frozen=True, slots=True)
class Service:
    """Lives from CreateService until about a day after it is INACTIVE; the same name made again replaces it.

    Operations write what is wanted (`desired_count`, `spec`, `status` DRAINING); the loop writes the rest.
    """

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("cluster_arn", "status", "listing_id"),
        ("cluster_arn", "status", "launch_type"),
        ("waiting_for",),
        ("status", "deleted_at"),
    )

    arn: str
    account: str
    region: str
    cluster_arn: str
    name: str
    status: ServiceStatus
    desired_count: int
    launch_type: str
    """EC2, FARGATE or EXTERNAL; with a capacity provider strategy the launch type of its providers."""
    task_definition_arn: str
    scheduling_strategy: str
    spec: dict[str, Any]
    """The request with its defaults: deploymentConfiguration, networkConfiguration, placement…, capacityProviderStrategy, …"""
    created_at: float
    created_by: str
    listing_id: str
    """Lists are ordered by this, as AWS's are: in no visible order."""
    client_token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    """CreateService's words as sent, for its idempotency."""
    tags: dict[str, str] = field(default_factory=dict)
    steady: bool = False
    """All counts are right and it has been said."""
    steady_said_at: float | None = None
    waiting_for: str | None = None
    """The cluster whose capacity it waits for."""
    refusal: str | None = None
    """The last problem it announced; not said again until it is solved, or hours have passed."""
    refused_at: float | None = None
    deleted_at: float | None = None

    def marks(self) -> tuple[Mark, ...]:
        return (("service", self.arn),)


@dataclass(frozen=True, slots=True)
class ServiceRevision:
    """What exactly is to run: written once by CreateService or UpdateService. Lives as long as its service."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("service_arn", "created_at"),)

    arn: str
    account: str
    region: str
    service_arn: str
    cluster_arn: str
    number: str
    """19 digits, the same as its deployment's `ecs-svc/<n>`."""
    task_definition_arn: str
    launch_type: str
    spec: dict[str, Any]
    """networkConfiguration, capacityProviderStrategy, platformVersion, loadBalancers, …"""
    created_at: float


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """One roll-out: an entry of `deployments[]` and a service deployment in one. Lives as long as its service."""

    KEY: ClassVar = ("id",)
    INDEXES: ClassVar = (
        ("service_arn", "status", "created_at"),
        ("service_arn", "created_at"),
        ("task_definition_arn", "status"),
    )

    id: str
    """`ecs-svc/<19 digits>`, and what its tasks carry in `startedBy`."""
    arn: str
    account: str
    region: str
    service_arn: str
    cluster_arn: str
    revision_arn: str
    task_definition_arn: str
    status: DeploymentStatus
    rollout_state: RolloutState
    rollout_reason: str
    deployment_status: ServiceDeploymentStatus
    desired_count: int
    created_at: float
    updated_at: float
    failed_tasks: int = 0
    """Tasks that never ran, or ended at once, one after another."""
    failed_created_at: float | None = None
    """When the youngest of them had been created: one that was started later and runs well ends the row."""
    launch_not_before: float | None = None
    """Its next task waits until then, so that what fails again and again does so at leisure."""
    source_revision_arns: tuple[str, ...] = ()
    started_at: float | None = None
    finished_at: float | None = None
    stopped_at: float | None = None
    status_reason: str | None = None

    def marks(self) -> tuple[Mark, ...]:
        return (("service", self.service_arn),)


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One line of `events[]`; a hundred are kept per service."""

    KEY: ClassVar = ("seq",)
    INDEXES: ClassVar = (("service_arn", "seq"),)

    service_arn: str
    account: str
    region: str
    id: str
    created_at: float
    message: str
    seq: int | None = None
