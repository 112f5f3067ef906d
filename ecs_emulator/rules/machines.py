"""A simulated machine: a container instance that the local engine stands for; its resources are counted, not made.

Every machine that the emulator makes itself is made here, whether a user added it, a RegisterContainerInstance without
an agent asked for it, or placement found nothing that fits. It is able to do what the local engine is able to do.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import placement, resources
from ecs_emulator.rules.resources import Need

ZONES = ("a", "b", "c")
RESERVED_PORTS = ("22", "2375", "2376", "51678", "51679", "51680")
"""What the agent keeps for itself: ssh, Docker's API, its own introspection and metadata."""
VERSION_INFO = {"agentVersion": "1.86.2", "agentHash": "5d9f0d1c", "dockerVersion": "DockerVersion: 25.0.8"}

# The types that ecs.instance-type can say, by vCPUs; constraints are written about such names.
INSTANCE_TYPES = (
    (1, "t3.micro"),
    (2, "m5.large"),
    (4, "m5.xlarge"),
    (8, "m5.2xlarge"),
    (16, "m5.4xlarge"),
    (32, "m5.8xlarge"),
    (48, "m5.12xlarge"),
    (64, "m5.16xlarge"),
)
LARGEST_TYPE = "m5.24xlarge"

# Tasks with a network interface of their own that a type of real machine takes, without and with trunking (0: has none).
INTERFACES: Mapping[str, tuple[int, int]] = {
    **{f"t2.{size}": (count, 0) for size, count in (("micro", 1), ("small", 2), ("medium", 2), ("large", 2))},
    **{f"t3.{size}": (count, 0) for size, count in (("micro", 1), ("small", 2), ("medium", 2), ("large", 2))},
    **{
        f"{family}.{size}": counts
        for family in ("m5", "c5", "r5")
        for size, counts in (
            ("large", (2, 10)),
            ("xlarge", (3, 20)),
            ("2xlarge", (3, 40)),
            ("4xlarge", (7, 60)),
            ("12xlarge", (7, 60)),
            ("24xlarge", (14, 120)),
        )
    },
}
TRUNKING = "ecs.capability.task-eni-trunking"
EXTERNAL = "ecs.capability.external"
"""Of an agent on a machine that is none of AWS's."""

PURCHASE = "ecs-emulator.purchase"
"""The attribute that says how a machine was bought; ECS itself does not tell, so the name is the emulator's own."""

LOGGING_DRIVERS = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "none", "splunk", "syslog")
CAPABILITIES = (
    *(f"com.amazonaws.ecs.capability.docker-remote-api.1.{minor}" for minor in range(17, 45)),
    *(f"com.amazonaws.ecs.capability.logging-driver.{driver}" for driver in LOGGING_DRIVERS),
    "com.amazonaws.ecs.capability.apparmor",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.selinux",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.aws-appmesh",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.ecr-endpoint",
    "ecs.capability.efs",
    "ecs.capability.efsAuth",
    "ecs.capability.env-files.s3",
    "ecs.capability.execute-command",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.fault-injection",
    "ecs.capability.firelens.fluentbit",
    "ecs.capability.firelens.fluentd",
    "ecs.capability.firelens.non-root-user",
    "ecs.capability.firelens.options.config.file",
    "ecs.capability.firelens.options.config.s3",
    "ecs.capability.full-sync",
    "ecs.capability.increased-task-cpu-limit",
    "ecs.capability.network.container-port-range",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.bootstrap.log-driver",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.bootstrap.log-driver",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.service-connect-v1",
    "ecs.capability.storage.ebs-task-volume-attach",
    "ecs.capability.storage.ebsta-non-root-user",
    "ecs.capability.storage.s3-files",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
    "ecs.capability.task-eni-block-instance-metadata",
    "ecs.capability.task-eni.ipv6",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a machine is: CPU units (1024 a vCPU), MiB, and x86_64 or arm64."""

    cpu: int
    memory: int
    architecture: str = "x86_64"

    @property
    def instance_type(self) -> str:
        return next((name for vcpus, name in INSTANCE_TYPES if self.cpu <= vcpus * 1024), LARGEST_TYPE)


@lru_cache(maxsize=1)
def host_shape() -> Shape:
    """The machine that the emulator itself runs on; what an instance is given that nobody described."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (ValueError, OSError):
        memory = 4096
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return Shape((os.cpu_count() or 1) * 1024, memory, "arm64" if arm else "x86_64")


def new(
    world: World,
    cluster: Cluster,
    ids: Ids,
    now: Instant,
    *,
    origin: Origin,
    zone: str,
    shape: Shape | None = None,
    attributes: Mapping[str, str | None] | None = None,
    capacity_provider: str | None = None,
) -> ContainerInstance:
    """One machine, ACTIVE and connected, in a zone (`us-east-1a`), with every capability and these attributes too."""
    shape = shape or host_shape()
    instance_id = f"i-{ids.hex17('ec2-instance')}"
    found = builtin_attributes(zone, instance_id, shape.instance_type, shape.architecture)
    if origin is not Origin.API:  # what a user registers says itself what it is
        found[PURCHASE] = "on-demand"
    return ContainerInstance(
        arn=world.arn("ecs", f"container-instance/{cluster.name}/{ids.hex32('container-instance')}"),
        account=world.account,
        region=world.region,
        cluster_arn=cluster.arn,
        ec2_instance_id=instance_id,
        status=InstanceStatus.ACTIVE,
        origin=origin,
        agent_connected=True,
        cpu=shape.cpu,
        memory=shape.memory,
        registered_at=now,
        ports=RESERVED_PORTS,
        attributes=found | dict.fromkeys(CAPABILITIES) | dict(attributes or {}),
        zone="" if origin is Origin.ON_DEMAND else zone,
        capacity_provider_name=capacity_provider,
        version_info=dict(VERSION_INFO),
    )


def builtin_attributes(
    zone: str, instance_id: str, instance_type: str, architecture: str = "x86_64", *, image: str | None = None
) -> dict[str, str | None]:
    """What ECS itself says of every instance, from its identity document."""
    return {
        "ecs.ami-id": image or "ami-00000000000000000",
        "ecs.availability-zone": zone,
        "ecs.instance-type": instance_type,
        "ecs.os-type": "linux",
        "ecs.os-family": "LINUX",
        "ecs.cpu-architecture": architecture,
        "ecs.vpc-id": "vpc-00000000000000000",
        "ecs.subnet-id": f"subnet-{ZONES.index(zone[-1]) if zone[-1] in ZONES else 0:017x}",
        "ecs.instance-id": instance_id,
    }


def is_spot(instance: ContainerInstance) -> bool:
    return instance.attributes.get(PURCHASE) == "spot"


def zones_to_fill(region: str, zones_taken: Iterable[str | None]) -> list[str]:
    """The region's zones, the one with the fewest machines first: a, b, c, a, …"""
    machines = Counter(zones_taken)
    return sorted((region + letter for letter in ZONES), key=lambda zone: (machines[zone], zone))


def on_demand(
    need: Need,
    world: World,
    cluster: Cluster,
    ids: Ids,
    now: Instant,
    *,
    present: Sequence[ContainerInstance],
    group: str,
    constraints: Sequence[placement.Constraint] = (),
    shape: Shape | None = None,
    capacity_provider: str | None = None,
    external: bool = False,
) -> ContainerInstance | None:
    """The machine to register for a task that none `present` can take; None where a new one could not either.

    It belongs to `capacity_provider`, as one that its Auto Scaling group would have launched; `external` ones are none of AWS's.
    """
    zones = zones_to_fill(world.region, (each.attributes.get(resources.AVAILABILITY_ZONE) for each in present))
    attributes = {EXTERNAL: None} if external else None
    for zone in zones:
        probe = new(world, cluster, Ids(0), now, origin=Origin.ON_DEMAND, zone=zone, shape=shape, attributes=attributes)
        fresh = resources.candidate(probe, ())
        if placement.lacks(need, fresh) is None and placement.unsatisfied(constraints, fresh, group) is None:
            return new(
                world,
                cluster,
                ids,
                now,
                origin=Origin.ON_DEMAND,
                zone=zone,
                shape=shape,
                attributes=attributes,
                capacity_provider=capacity_provider,
            )
    return None


def retired_at(instance: ContainerInstance, tasks: Iterable[Task], idle_for: float) -> Instant | None:
    """When a machine made on demand goes: `idle_for` seconds after its last task STOPPED; None while one holds it.

    `tasks` are those of the instance that are remembered, stopped ones included.
    """
    if instance.origin is not Origin.ON_DEMAND or instance.status is not InstanceStatus.ACTIVE:
        return None
    last = instance.registered_at
    for task in tasks:
        if task.last_status is not TaskStatus.STOPPED:
            return None
        last = max(last, task.stopped_at or last)
    return last + idle_for


def deregistered(instance: ContainerInstance, now: Instant) -> ContainerInstance:
    """The instance as it is remembered for a while after it is gone."""
    return replace(
        instance,
        status=InstanceStatus.INACTIVE,
        agent_connected=False,
        deregistered_at=now,
        version=instance.version + 1,
    )
