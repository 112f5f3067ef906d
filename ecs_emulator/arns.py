"""An ARN says where a thing lives: partition, service, region, account, resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Arn(NamedTuple):
    """The five parts behind `arn:`, in their order."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None where the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return Arn(*parts[1:])


def partition(region: str) -> str:
    """`aws`, `aws-cn` or `aws-us-gov`, by the region's name."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


@dataclass(frozen=True, slots=True)
class World:
    """One account in one region: everything the emulator knows belongs to exactly one of them."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:ecs:us-east-1:123456789012:cluster/web` for `("ecs", "cluster/web")`."""
        return f"arn:{partition(self.region)}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def root_arn(self) -> str:
        return f"arn:{partition(self.region)}:iam::{self.account}:root"
