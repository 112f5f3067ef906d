"""A task: what was asked of it never changes, what was seen of it only moves forward, what is wanted of it has one writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class TaskStatus(StrEnum):
    """In the order of life; `reached` compares."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"

    def reached(self, other: TaskStatus) -> bool:
        """Whether this status is `other` or a later one."""
        return _TASK_ORDER[self] >= _TASK_ORDER[other]


_TASK_ORDER = {status: place for place, status in enumerate(TaskStatus)}


class DesiredStatus(StrEnum):
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class Stage(StrEnum):
    """How far a container has come, in the order of life; the API shows PENDING, RUNNING or STOPPED."""

    NONE = "NONE"
    PULLED = "PULLED"
    CREATED = "CREATED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"

    def reached(self, other: Stage) -> bool:
        return _STAGE_ORDER[self] >= _STAGE_ORDER[other]


_STAGE_ORDER = {stage: place for place, stage in enumerate(Stage)}


class Health(StrEnum):
    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


class StopCode(StrEnum):
    TASK_FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
    USER_INITIATED = "UserInitiated"
    SERVICE_SCHEDULER_INITIATED = "ServiceSchedulerInitiated"
    SPOT_INTERRUPTION = "SpotInterruption"
    TERMINATION_NOTICE = "TerminationNotice"


class AttachmentStatus(StrEnum):
    PRECREATED = "PRECREATED"
    CREATED = "CREATED"
    ATTACHING = "ATTACHING"
    ATTACHED = "ATTACHED"
    DETACHING = "DETACHING"
    DETACHED = "DETACHED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Attachment:
    """The elastic network interface of an awsvpc task. Lives with its task."""

    id: str
    status: AttachmentStatus
    subnet_id: str
    network_interface_id: str | None = None
    mac_address: str | None = None
    private_dns_name: str | None = None
    private_ipv4_address: str | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task, as the agent saw it last. Lives with its task; `stage` never moves back."""

    id: str
    """The UUID that ends its ARN; also its metadata endpoint's token."""
    name: str
    image: str
    stage: Stage = Stage.NONE
    engine_id: str | None = None
    """The engine's own id of the container."""
    image_id: str | None = None
    image_digest: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    health: Health = Health.UNKNOWN
    network_bindings: tuple[dict[str, Any], ...] = ()
    started_at: float | None = None
    finished_at: float | None = None
    stop_sent_at: float | None = None
    """When SIGTERM was asked for; SIGKILL follows after `stopTimeout`."""
    end_counted: bool = False
    """Its end, which did not end the task, has raised the task's version."""


@dataclass(frozen=True, slots=True)
class Task:
    """Lives from RunTask, StartTask or a service's launch until an hour after it STOPPED.

    Written once by who asked (`spec` and all of the first part), `desired_status` and the stop's cause by who stops it first, all
    observed members by the loop alone.
    """

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("cluster_arn", "desired_status", "arn"),
        ("cluster_arn", "desired_status", "launch_type", "arn"),
        ("cluster_arn", "desired_status", "protected_until"),
        ("service_arn", "released", "desired_status", "deployment_id", "last_status"),
        ("service_arn", "desired_status", "arn"),
        ("daemon_arn", "desired_status", "arn"),
        ("deployment_id", "desired_status", "last_status"),
        ("container_instance_arn", "last_status", "stopped_at"),
        ("container_instance_arn", "desired_status", "arn"),
        ("cluster_arn", "family", "desired_status", "arn"),
        ("cluster_arn", "started_by", "desired_status", "arn"),
        ("last_status", "cleaned", "stopped_at"),
        ("task_definition_arn", "last_status"),
        ("waiting_for", "desired_status"),
    )
    COUNTED: ClassVar = (("cluster_arn", "desired_status", "last_status", "launch_type"),)
    TOLD: ClassVar = ("version", "last_status", "container_instance_arn")

    arn: str
    account: str
    region: str
    cluster_arn: str
    task_definition_arn: str
    family: str
    group: str
    launch_type: str
    network_mode: str
    created_at: float
    cpu: int
    """CPU units that it takes of its instance."""
    memory: int
    """MiB that it takes of its instance."""
    spec: dict[str, Any]
    """The validated request: overrides, networkConfiguration, enableExecuteCommand, …"""
    containers: tuple[Container, ...]
    desired_status: DesiredStatus = DesiredStatus.RUNNING
    last_status: TaskStatus = TaskStatus.PROVISIONING
    started_by: str | None = None
    service_arn: str | None = None
    deployment_id: str | None = None
    """What its service started it for: a deployment, or a task set."""
    capacity_provider_name: str | None = None
    platform_version: str | None = None
    platform_family: str | None = None
    container_instance_arn: str | None = None
    availability_zone: str | None = None
    ports: tuple[int, ...] = ()
    """Static TCP host ports that it takes of its instance."""
    ports_udp: tuple[int, ...] = ()
    gpus: int = 0
    """GPUs that it takes of its instance."""
    attachment: Attachment | None = None
    pause_engine_id: str | None = None
    version: int = 1
    health: Health = Health.UNKNOWN
    connectivity_at: float | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    execution_stopped_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    stop_code: StopCode | None = None
    stopped_reason: str | None = None
    protected_until: float | None = None
    cleaned: bool = False
    """Its containers, network endpoint and volumes are gone from the engine."""
    judged: bool = False
    """It ended by itself, and its service or daemon has counted that."""
    released: bool = False
    """It STOPPED, and its service or daemon no longer looks at it."""
    tags: dict[str, str] = field(default_factory=dict)
    waiting_for: str | None = None
    """The cluster that has no machine for it yet: its capacity provider is to bring one."""
    daemon_arn: str | None = None
    daemon_revision_arn: str | None = None
    stays_with_machine: bool = False
    """Of a DAEMON service: it holds no machine that nobody else needs, and leaves a draining one last."""

    @property
    def id(self) -> str:
        """The 32 hexadecimal digits that end the ARN."""
        return self.arn.rpartition("/")[2]

    def marks(self) -> tuple[Mark, ...]:
        found = [("task", self.arn)]
        if self.service_arn is not None:
            found.append(("service", self.service_arn))
        if self.daemon_arn is not None:
            found.append(("daemon", self.daemon_arn))
        if self.container_instance_arn is not None:
            found.append(("instance", self.container_instance_arn))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Member:
    """A task as its service's scheduler looks at it: a thousand of these are read where a hundred tasks would be."""

    OF: ClassVar = Task

    arn: str
    service_arn: str | None
    deployment_id: str | None
    desired_status: DesiredStatus
    last_status: TaskStatus
    health: Health
    created_at: float
    started_at: float | None
    container_instance_arn: str | None
    availability_zone: str | None
    cpu: int
    memory: int
    protected_until: float | None
    stop_code: StopCode | None
    stopped_reason: str | None
    judged: bool

    @property
    def id(self) -> str:
        """The 32 hexadecimal digits that end the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Bound:
    """Of a container the ports that the engine gave it."""

    network_bindings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Occupant:
    """A task as its machine looks at it: what it takes there, and whom it belongs to. Placement reads those of every machine."""

    OF: ClassVar = Task

    arn: str
    group: str
    network_mode: str
    cpu: int
    memory: int
    containers: tuple[Bound, ...]
    desired_status: DesiredStatus
    last_status: TaskStatus
    service_arn: str | None
    container_instance_arn: str | None
    ports: tuple[int, ...]
    ports_udp: tuple[int, ...]
    gpus: int


@dataclass(frozen=True, slots=True)
class RunTaskRequest:
    """A RunTask call remembered by its clientToken, for a day: the same words again give the same tasks."""

    KEY: ClassVar = ("cluster_arn", "client_token")
    INDEXES: ClassVar = (("expires_at",),)

    cluster_arn: str
    client_token: str
    account: str
    region: str
    request: dict[str, Any]
    task_arns: list[str]
    failures: list[dict[str, Any]]
    expires_at: float
