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
    SCALED = "scaled"
    """The simulated Auto Scaling group of its capacity provider launched it, and lets it go."""


@dataclass(frozen=True, slots=True)
class ContainerInstance:
    """Lives from its registration until some time after it is INACTIVE. What remains of it is always derived from tasks."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("cluster_arn", "status", "arn"),)
    COUNTED: ClassVar = (("cluster_arn", "status", "zone"),)
    TOLD: ClassVar = ("version", "status", "agent_connected")

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
    other_resources: list[dict[str, Any]] = field(default_factory=list)
    """What else the agent said it has (`NEURON_CORES`), as it said it."""
    interfaces: int | None = None
    """Network interfaces that its tasks may have; None: as many as they need, its type is not known."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Name to value; a capability has None."""
    capacity_provider_name: str | None = None
    version_info: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    idle_since: float | None = None
    deregistered_at: float | None = None
    interrupted_at: float | None = None
    """When its Spot interruption was announced."""
    zone: str = ""
    """Its availability zone, where somebody chose it: a machine that placement made is in none that anybody balances over."""
    retiring: bool = False
    """It drains because its Auto Scaling group lets it go, and is gone when it is empty."""
    announced: bool = False
    """The services of its cluster have been told of a zone that came with it."""

    def marks(self) -> tuple[Mark, ...]:
        return (("instance", self.arn),)
