"""A daemon keeps one task of a revision on each machine of its capacity providers; a deployment carries it to the next revision."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class DaemonTaskDefinitionStatus(StrEnum):
    """In the order of life."""

    ACTIVE = "ACTIVE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class DaemonTaskDefinition:
    """One revision. Lives from RegisterDaemonTaskDefinition until some time after it is DELETED; that waits for its daemons."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("account", "region", "status", "family", "revision"),
        ("account", "region", "last_registered", "family", "revision"),
        ("account", "region", "family", "revision"),
        ("status", "delete_requested_at"),
        ("status", "deleted_at"),
    )

    arn: str
    account: str
    region: str
    family: str
    revision: int
    status: DaemonTaskDefinitionStatus
    spec: dict[str, Any]
    """The request with its defaults: all that is echoed and never changes."""
    registered_at: float
    registered_by: str
    last_registered: bool = True
    """No later revision of its family was registered."""
    delete_requested_at: float | None = None
    deleted_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def marks(self) -> tuple[Mark, ...]:
        """One that is to go is seen to at once: nothing may be using it."""
        return (("reaper", ""),) if self.status is DaemonTaskDefinitionStatus.DELETE_IN_PROGRESS else ()


@dataclass(frozen=True, slots=True)
class DaemonTaskDefinitionFamily:
    """How far a family has counted. Lives for ever, so that no number comes back."""

    KEY: ClassVar = ("account", "region", "name")
    INDEXES: ClassVar = ()

    account: str
    region: str
    name: str
    latest_revision: int = 0


class DaemonStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class Daemon:
    """Lives from CreateDaemon until its last task is gone; then it is not found any more, while its history is still described.

    Operations write what is wanted (`revision_arn`, `status`), a rollback writes the revision too; the loop writes the rest.
    """

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("cluster_arn", "gone", "name"), ("gone", "gone_at"))

    arn: str
    account: str
    region: str
    cluster_arn: str
    name: str
    status: DaemonStatus
    revision_arn: str
    """What is to run."""
    deployment_arn: str
    """The newest one."""
    created_at: float
    updated_at: float
    stable_revision_arn: str | None = None
    """The last revision that a deployment had brought everywhere: where a rollback goes."""
    client_token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    """CreateDaemon's words as sent, for its idempotency."""
    tags: dict[str, str] = field(default_factory=dict)
    failures: int = 0
    """Tasks that never ran, or ended soon, one after another."""
    launch_not_before: float | None = None
    """Its next task waits until then, so that what fails again and again does so at leisure."""
    gone: bool = False
    gone_at: float | None = None

    def marks(self) -> tuple[Mark, ...]:
        return (("daemon", self.arn),)


@dataclass(frozen=True, slots=True)
class DaemonRevision:
    """What exactly is to run, and where: written once by CreateDaemon or UpdateDaemon. Lives as long as its daemon's history."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("daemon_arn", "created_at"), ("task_definition_arn", "daemon_arn"))

    arn: str
    account: str
    region: str
    daemon_arn: str
    cluster_arn: str
    task_definition_arn: str
    capacity_provider_arns: tuple[str, ...]
    created_at: float
    spec: dict[str, Any]
    """propagateTags, enableECSManagedTags, enableExecuteCommand, critical."""


class DaemonDeploymentStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    STOP_REQUESTED = "STOP_REQUESTED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    SUCCESSFUL = "SUCCESSFUL"
    STOPPED = "STOPPED"
    ROLLBACK_SUCCESSFUL = "ROLLBACK_SUCCESSFUL"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"


UNDER_WAY = (
    DaemonDeploymentStatus.PENDING,
    DaemonDeploymentStatus.IN_PROGRESS,
    DaemonDeploymentStatus.STOP_REQUESTED,
    DaemonDeploymentStatus.ROLLBACK_IN_PROGRESS,
)
"""The statuses that something still works on."""


@dataclass(frozen=True, slots=True)
class DaemonDeployment:
    """One roll-out, machine by machine. Lives as long as its daemon's history."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("daemon_arn", "created_at", "arn"), ("daemon_arn", "status", "created_at", "arn"))
    TOLD: ClassVar = ("status",)

    arn: str
    account: str
    region: str
    daemon_arn: str
    cluster_arn: str
    revision_arn: str | None
    """The target; None: the daemon is deleted, and this takes its tasks away."""
    status: DaemonDeploymentStatus
    spec: dict[str, Any]
    """deploymentConfiguration, with its defaults."""
    created_at: float
    source_revision_arns: tuple[str, ...] = ()
    status_reason: str | None = None
    step: tuple[str, ...] = ()
    """The machines that are taken on now; the next ones come when all of these have the target."""
    step_done_at: float | None = None
    """Since when they have: the bake time counts from here."""
    failed_tasks: int = 0
    rollback: dict[str, Any] | None = None
    """As echoed, once one began: reason, startedAt, rollbackTargetDaemonRevisionArn, rollbackCapacityProviders."""
    started_at: float | None = None
    stopped_at: float | None = None
    finished_at: float | None = None

    @property
    def id(self) -> str:
        """`ecs-daemon/<21 characters>`: what its tasks carry in `startedBy`."""
        return f"ecs-daemon/{self.arn.rpartition('/')[2]}"

    def marks(self) -> tuple[Mark, ...]:
        return (("daemon", self.daemon_arn),)
