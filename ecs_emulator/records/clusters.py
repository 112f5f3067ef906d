"""A cluster is a name that tasks, services and container instances gather under."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class ClusterStatus(StrEnum):
    PROVISIONING = "PROVISIONING"
    ACTIVE = "ACTIVE"
    DEPROVISIONING = "DEPROVISIONING"
    FAILED = "FAILED"
    INACTIVE = "INACTIVE"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Lives from CreateCluster until some time after DeleteCluster; a cluster made again keeps its ARN."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("account", "region", "status", "name"),)

    arn: str
    account: str
    region: str
    name: str
    status: ClusterStatus
    created_at: float
    spec: dict[str, Any]
    """The request as validated: settings, configuration, serviceConnectDefaults."""
    capacity_providers: list[str] = field(default_factory=list)
    managed_instances: list[str] = field(default_factory=list)
    """Those of its capacity providers that are managed instances: its own, for as long as they live."""
    default_strategy: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    """What its capacity providers brought along: scaling policies and lifecycle hooks."""
    tags: dict[str, str] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    """CreateCluster's arguments as sent, for its idempotency."""
    deleted_at: float | None = None
