"""A service keeps its desired count of a revision; a deployment carries it from one revision to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark

DAEMON = "DAEMON"
"""The scheduling strategy of one task on each machine; the other, REPLICA, keeps a count."""


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


class LifecycleStage(StrEnum):
    """Of a deployment that shifts traffic, in the order in which they come; the two of production traffic come once for each step."""

    RECONCILE_SERVICE = "RECONCILE_SERVICE"
    PRE_SCALE_UP = "PRE_SCALE_UP"
    SCALE_UP = "SCALE_UP"
    POST_SCALE_UP = "POST_SCALE_UP"
    TEST_TRAFFIC_SHIFT = "TEST_TRAFFIC_SHIFT"
    POST_TEST_TRAFFIC_SHIFT = "POST_TEST_TRAFFIC_SHIFT"
    PRE_PRODUCTION_TRAFFIC_SHIFT = "PRE_PRODUCTION_TRAFFIC_SHIFT"
    PRODUCTION_TRAFFIC_SHIFT = "PRODUCTION_TRAFFIC_SHIFT"
    POST_PRODUCTION_TRAFFIC_SHIFT = "POST_PRODUCTION_TRAFFIC_SHIFT"
    BAKE_TIME = "BAKE_TIME"
    CLEAN_UP = "CLEAN_UP"


@dataclass(frozen=True, slots=True)
class Service:
    """Lives from CreateService until about a day after it is INACTIVE; the same name made again replaces it.

    Operations write what is wanted (`desired_count`, `spec`, `status` DRAINING); the loop writes the rest.
    """

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("cluster_arn", "status", "listing_id"),
        ("cluster_arn", "status", "launch_type", "listing_id"),
        ("cluster_arn", "status", "scheduling_strategy", "listing_id"),
        ("cluster_arn", "status", "resource_management_type", "listing_id"),
        ("account", "region", "namespace_arn", "status", "listing_id"),
        ("waiting_for",),
        ("status", "deleted_at"),
    )
    COUNTED: ClassVar = (("cluster_arn", "status", "launch_type"),)

    arn: str
    account: str
    region: str
    cluster_arn: str
    name: str
    status: ServiceStatus
    desired_count: int
    launch_type: str
    """EC2, FARGATE or EXTERNAL; with a capacity provider strategy the launch type of its providers."""
    task_definition_arn: str | None
    """None until a service of task sets has a PRIMARY."""
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
    resource_management_type: str = "CUSTOMER"
    """ECS for an Express service, whose definition and infrastructure ECS makes."""
    namespace_arn: str | None = None
    """The namespace of Service Connect that it shares."""
    rebalancing: bool = False
    """Its tasks are being balanced over the zones: until they are, it may have more than are desired."""

    @property
    def is_daemon(self) -> bool:
        """Whether it has one task on each machine that matches, instead of a count."""
        return self.scheduling_strategy == DAEMON

    @property
    def controller(self) -> str:
        """ECS keeps deployments; CODE_DEPLOY and EXTERNAL keep task sets."""
        return str((self.spec.get("deploymentController") or {}).get("type", "ECS"))

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
    platform_family: str | None = None
    """Of Fargate: `Linux`, or the Windows of its definition."""
    namespace_arn: str | None = None
    """The namespace of Service Connect that the service shares with this revision."""
    target_groups: tuple[str, ...] = ()
    """Where load balancers have two each: the one of each that is this revision's."""


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """One roll-out: an entry of `deployments[]` and a service deployment in one. Lives as long as its service."""

    KEY: ClassVar = ("id",)
    INDEXES: ClassVar = (
        ("service_arn", "status", "created_at"),
        ("service_arn", "created_at", "id"),
        ("task_definition_arn", "status"),
        ("account", "region", "deployment_status"),
        ("arn",),
    )
    TOLD: ClassVar = ("rollout_state",)

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
    rolled_back_to: str | None = None
    """The revision that took over when this one failed."""
    rolled_back_at: float | None = None
    final_counts: dict[str, Any] = field(default_factory=dict)
    """`{revision ARN: [requested, running, pending, and the two weights]}` at its end: what is shown of it no longer moves."""
    configuration: dict[str, Any] = field(default_factory=dict)
    """The deploymentConfiguration that it began with: its strategy, hooks and times are these, whatever is said later."""
    stage: LifecycleStage | None = None
    """How far it has come; of a rolling one only BAKE_TIME is known."""
    stage_at: float | None = None
    """When that began."""
    step: int = 0
    """Which share of the production traffic it is at, counted from 0; -1 once the traffic goes back."""
    production_weight: float | None = None
    """The percentage of production traffic that goes to its tasks: what a load balancer is to read. None where all tasks are alike."""
    test_weight: float | None = None
    alarms_ignored: bool = False
    """One of its alarms was in ALARM when it began: none of them counts."""
    triggered_alarms: tuple[str, ...] = ()
    """Those that it was given up for."""
    refusal: str | None = None
    """Beside the PRIMARY: the last reason why its tasks found no place; not said again until one has, or hours have passed."""
    refused_at: float | None = None

    @property
    def strategy(self) -> str:
        return str(self.configuration.get("strategy") or "ROLLING")

    def marks(self) -> tuple[Mark, ...]:
        return (("service", self.service_arn),)


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One line of `events[]`; a hundred are kept per service."""

    KEY: ClassVar = ("seq",)
    INDEXES: ClassVar = (("service_arn", "seq"),)
    TOLD: ClassVar = ("id",)

    service_arn: str
    account: str
    region: str
    id: str
    created_at: float
    message: str
    seq: int | None = None
