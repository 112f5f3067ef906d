"""A task definition is never changed: a change is the next revision, and no number is used twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar


class TaskDefinitionStatus(StrEnum):
    """In the order of life."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"


class FamilyStatus(StrEnum):
    """ACTIVE while one revision is, INACTIVE while only others remain, GONE once none does."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One revision. Lives from RegisterTaskDefinition until it was deleted and nothing uses it any more."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = (
        ("account", "region", "status", "family", "revision"),
        ("status", "delete_requested_at"),
    )

    arn: str
    account: str
    region: str
    family: str
    revision: int
    status: TaskDefinitionStatus
    spec: dict[str, Any]
    """The request with its defaults, compatibilities and requiresAttributes: all that is echoed and never changes."""
    registered_at: float
    registered_by: str
    deregistered_at: float | None = None
    delete_requested_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskDefinitionFamily:
    """How far a family has counted, and how many revisions it has. Lives for ever, so that no number comes back."""

    KEY: ClassVar = ("account", "region", "name")
    INDEXES: ClassVar = (("account", "region", "status", "name"),)

    account: str
    region: str
    name: str
    latest_revision: int = 0
    active: int = 0
    """Revisions in ACTIVE."""
    retired: int = 0
    """Revisions in INACTIVE or DELETE_IN_PROGRESS."""
    status: FamilyStatus = FamilyStatus.GONE

    def registered(self) -> TaskDefinitionFamily:
        """The family with one more revision: the number of the new one is its `latest_revision`."""
        return replace(self, latest_revision=self.latest_revision + 1)._counting(self.active + 1, self.retired)

    def deregistered(self) -> TaskDefinitionFamily:
        """The family once one of its ACTIVE revisions is not."""
        return self._counting(self.active - 1, self.retired + 1)

    def forgotten(self) -> TaskDefinitionFamily:
        """The family once a deleted revision has gone away."""
        return self._counting(self.active, self.retired - 1)

    def _counting(self, active: int, retired: int) -> TaskDefinitionFamily:
        status = FamilyStatus.ACTIVE if active else FamilyStatus.INACTIVE if retired else FamilyStatus.GONE
        return replace(self, active=active, retired=retired, status=status)
