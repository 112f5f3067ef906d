"""A container instance is a machine of a cluster; here a simulated one, whose resources are counted and not made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class InstanceStatus(StrEnum):
    REGISTERING = "REGISTERING"
    REGISTRATION_FAILED = "REGISTRATION_FAILED"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    DEREGISTERING = "DEREGISTERING"
    INACTIVE = "INACTIVE"


class Origin(StrEnum):
    """Who asked for the machine: decides when it goes away again."""

    API = "api"
    """RegisterContainerInstance: stays until it is deregistered."""
    COMMAND = "command"
    """`ecs-emulator instances add`: stays until it is deregistered."""
    ON_DEMAND = "on-demand"
    """Placement needed it: retired when idle, deregistered by DeleteCluster."""


@dataclass(frozen=True, slots=True)
class ContainerInstance:
    """Lives from its registration until some time after it is INACTIVE. What remains of it is always derived from tasks."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("cluster_arn", "status", "arn"),)

    arn: str
    account: str
    region: str
    cluster_arn: str
    ec2_instance_id: str
    status: InstanceStatus
    origin: Origin
    agent_connected: bool
    cpu: int
    """CPU units, 1024 a vCPU."""
    memory: int
    """MiB."""
    registered_at: float
    ports: tuple[str, ...] = ()
    """Reserved TCP ports, as the agent sent them."""
    ports_udp: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    """The ids of its GPUs."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Name to value; a capability has None."""
    capacity_provider_name: str | None = None
    version_info: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    idle_since: float | None = None
    deregistered_at: float | None = None

    def marks(self) -> tuple[Mark, ...]:
        return (("instance", self.arn),)
