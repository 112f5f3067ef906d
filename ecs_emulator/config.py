"""What the user chose, once, at start: a frozen value that every part is handed and none changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
DEFAULT_PORT = 4566


class EngineChoice(StrEnum):
    AUTO = "auto"
    DOCKER = "docker"
    SIMULATED = "simulated"


class Instances(StrEnum):
    """What an EC2 request finds in an empty cluster: simulated machines as needed, or AWS's refusal."""

    ON_DEMAND = "on-demand"
    NONE = "none"


class Pull(StrEnum):
    """The agent's `ECS_IMAGE_PULL_BEHAVIOR`."""

    PREFER_CACHED = "prefer-cached"
    ALWAYS = "always"
    ONCE = "once"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Timings:
    """The waits that ECS takes of its own accord, in seconds; what a user sets is never here."""

    steady_after: float
    """From all counts right to `has reached a steady state.`"""
    steady_repeat: float
    """Between two `has reached a steady state.` while nothing changes."""
    draining: float
    """A service without tasks stays DRAINING so long before it is INACTIVE."""
    retry_first: float
    """The first pause after tasks that never ran; doubled with each further failure."""
    retry_most: float
    """The longest such pause."""
    stopped_kept: float
    """A STOPPED task stays visible so long."""
    cluster_kept: float
    """An INACTIVE cluster stays described so long."""
    service_kept: float
    """An INACTIVE service stays described so long."""
    capacity_wait: float
    """A task waits so long for a machine of its capacity provider before it fails to start."""
    spot_warning: float
    """A Spot instance that is interrupted is gone after so long."""
    idle_instance: float
    """An instance made on demand is retired after so long without tasks."""
    containers_kept: float
    """Stopped containers stay on the engine so long, for a look at them."""
    alarm_bake: float
    """A rolling deployment with alarms and no bake time of its own is watched so long before it completes."""
    delete_definition: float
    """A task definition in DELETE_IN_PROGRESS goes away after so long once nothing uses it."""
    scale_out: float = 0.0
    """A capacity provider that is short of machines has new ones after so long: its metric is looked at once a minute."""
    scale_in: float = 60.0
    """One that has had too many for so long lets them go."""
    proven_after: float = 0.0
    """A deployment with a circuit breaker has not completed before its youngest task has RUN so long: one that ends at once has failed."""
    event_kept: float = 86_400.0
    """A state change document stays readable so long, if there are no more than `events_kept` newer ones."""


FAST = Timings(
    steady_after=0.0, steady_repeat=21_600.0, draining=0.0, retry_first=0.25, retry_most=60.0, stopped_kept=3_600.0,
    cluster_kept=3_600.0, service_kept=86_400.0, capacity_wait=1_800.0, spot_warning=2.0, idle_instance=60.0, containers_kept=60.0,
    alarm_bake=0.0, delete_definition=0.0,
    proven_after=1.0,
)  # fmt: skip
AWS = Timings(
    steady_after=7.0, steady_repeat=21_600.0, draining=50.0, retry_first=1.0, retry_most=1_620.0, stopped_kept=3_600.0,
    cluster_kept=3_600.0, service_kept=86_400.0, capacity_wait=1_800.0, spot_warning=120.0, idle_instance=60.0, containers_kept=60.0,
    alarm_bake=60.0, delete_definition=3_600.0,
    scale_out=60.0, scale_in=900.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Each member is a flag of `ecs-emulator serve` and an `ECS_EMULATOR_*` variable; the README has the table."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    ephemeral: bool = False
    engine: EngineChoice = EngineChoice.AUTO
    instances: Instances = Instances.ON_DEMAND
    timings: Timings = FAST
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    registry_host: str | None = None
    registry_anonymous: bool = False
    verify_references: bool = False
    vpc_cidr: str | None = None
    allowed_hosts: tuple[str, ...] = field(default=())
    log_format: str = "text"
    events_kept: int = 10_000
    """So many state change documents stay readable, the newest of all accounts together."""
    pull: Pull = Pull.PREFER_CACHED
    time_scale: float = 1.0
    """How many of the emulator's seconds pass in one of the machine's; other than 1 only where tasks are simulated."""
    hooks: tuple[tuple[str, str], ...] = ()
    """Which URL answers in the place of which Lambda function: `(ARN, URL)`."""
    remove_on_exit: bool = False
    """Remove containers and networks at a clean end, also with a data dir."""
