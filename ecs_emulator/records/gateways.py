"""A gateway is a promise of ingress; an association lends it to a cluster, and a route to one service of that cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class GatewayStatus(StrEnum):
    ACTIVE = "ACTIVE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    UPDATE_FAILED = "UPDATE_FAILED"
    DELETED = "DELETED"


class AssociationStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DISASSOCIATING = "DISASSOCIATING"
    INACTIVE = "INACTIVE"


class RouteStatus(StrEnum):
    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    ACTIVE = "ACTIVE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"


class AccessType(StrEnum):
    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Lives from CreateGateway until DeleteGateway, which needs that no cluster is associated."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("account", "region", "name"),
        ("account", "region", "status", "name"),
        ("account", "region", "client_token"),
    )

    arn: str
    account: str
    region: str
    name: str
    status: GatewayStatus
    access_type: AccessType
    spec: dict[str, Any]
    """infrastructureRoleArn, deletionProtection, propagateTags, and configuration with its defaults."""
    created_at: float
    updated_at: float
    client_token: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayAssociation:
    """Lives from AssociateGatewayWithCluster until it is to go and no route of the cluster is left, or its cluster goes."""

    KEY: ClassVar = ("gateway_arn", "cluster_arn")
    INDEXES: ClassVar = (
        ("account", "region", "gateway_arn", "cluster_arn"),
        ("account", "region", "status", "gateway_arn", "cluster_arn"),
        ("cluster_arn", "gateway_arn"),
    )

    gateway_arn: str
    cluster_arn: str
    account: str
    region: str
    status: AssociationStatus


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """Lives as long as its service has a connector for the gateway, which its cluster is associated with."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("account", "region", "status", "arn"),
        ("gateway_arn", "status", "arn"),
        ("cluster_arn", "status", "arn"),
        ("service_arn", "status", "arn"),
        ("account", "region", "service_name", "status", "arn"),
        ("gateway_arn", "cluster_arn"),
    )

    arn: str
    account: str
    region: str
    gateway_arn: str
    cluster_arn: str
    service_arn: str
    service_name: str
    port_name: str
    status: RouteStatus
    status_reason: str
    created_at: float
