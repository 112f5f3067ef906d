"""The Auto Scaling group behind a capacity provider, simulated: what it waits for; its machines are the cluster's instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ScalingGroup:
    """Of one provider in one cluster. Lives from its first machine, or the first task that waits for one, to its last machine."""

    KEY: ClassVar = ("cluster_arn", "provider_name")
    INDEXES: ClassVar = (("account", "region"),)

    cluster_arn: str
    provider_name: str
    account: str
    region: str
    short_since: float | None = None
    """Since when it has had fewer machines than its target asks for."""
    spare_since: float | None = None
    """Since when it has had more."""
    grown_at: float | None = None
    """When it last launched machines: while they warm up none is taken away."""


def key_of(cluster_arn: str, provider_name: str) -> str:
    """What the mark of a group says."""
    return f"{cluster_arn} {provider_name}"
