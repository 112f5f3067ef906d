"""A fault is trouble that somebody ordered: what shall go wrong, for whom, and how often it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark


class FaultKind(StrEnum):
    """What goes wrong. The first three befall requests, the next three tasks, the last two container instances."""

    THROTTLE = "throttle"
    """Requests are refused with ThrottlingException."""
    ERROR = "error"
    """Requests are answered with ServerException."""
    LATENCY = "latency"
    """Requests are answered late."""
    CRASH = "crash"
    """A container is killed."""
    SLOW_START = "slow-start"
    """Containers start late."""
    UNHEALTHY = "unhealthy"
    """Container health checks fail."""
    DISCONNECT = "disconnect"
    """The agent of an instance does not answer."""
    CAPACITY_LOSS = "capacity-loss"
    """An instance is gone."""


OF_REQUESTS = (FaultKind.THROTTLE, FaultKind.ERROR, FaultKind.LATENCY)
OF_TASKS = (FaultKind.CRASH, FaultKind.SLOW_START, FaultKind.UNHEALTHY)
OF_INSTANCES = (FaultKind.DISCONNECT, FaultKind.CAPACITY_LOSS)


@dataclass(frozen=True, slots=True)
class Fault:
    """Lives until it is removed or has struck as often as it should; kept in the store, so that it outlives a restart."""

    KEY: ClassVar = ("id",)
    INDEXES: ClassVar = (("account", "region", "created_at", "id"), ("trouble",))

    id: str
    account: str
    region: str
    trouble: FaultKind
    created_at: float
    subject: str | None = None
    """The ARN of the task, the service or the instance that it befalls; requests have none."""
    spec: dict[str, Any] = field(default_factory=dict)
    """The rest of what was asked, with its defaults."""
    seen: int = 0
    """Requests so far that it could have befallen."""
    struck: int = 0
    """How often it has."""
    next_at: float | None = None
    """When a crash is due."""
    ended_at: float | None = None
    """It was removed; what it had changed is put right by the loop."""

    def marks(self) -> tuple[Mark, ...]:
        return () if self.trouble in OF_REQUESTS else (("fault", self.id),)
