"""A capacity provider says whose machines a strategy's tasks go to; FARGATE and FARGATE_SPOT need no record."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class CapacityProviderStatus(StrEnum):
    PROVISIONING = "PROVISIONING"
    ACTIVE = "ACTIVE"
    DEPROVISIONING = "DEPROVISIONING"
    INACTIVE = "INACTIVE"


class ProviderType(StrEnum):
    EC2_AUTOSCALING = "EC2_AUTOSCALING"
    MANAGED_INSTANCES = "MANAGED_INSTANCES"


class UpdateStatus(StrEnum):
    """How the last change of a provider went; an Auto Scaling group's creation is none."""

    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_COMPLETE = "DELETE_COMPLETE"


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    """Lives from CreateCapacityProvider until some time after it is INACTIVE; the same name made again replaces it."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (("account", "region", "status", "name"), ("cluster_arn", "status"), ("status", "deleted_at"))

    arn: str
    account: str
    region: str
    name: str
    type: ProviderType
    status: CapacityProviderStatus
    spec: dict[str, Any]
    """`autoScalingGroupProvider` or `managedInstancesProvider`, as echoed."""
    created_at: float
    update_status: UpdateStatus | None = None
    cluster_arn: str | None = None
    """The one cluster that managed instances belong to; None: any cluster may associate it."""
    tags: dict[str, str] = field(default_factory=dict)
    deleted_at: float | None = None
