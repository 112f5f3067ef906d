"""A log group keeps settings, a log stream keeps a name; the lines themselves are files of `logs/`, not records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Lives from CreateLogGroup, or the first task that may create it, until DeleteLogGroup."""

    KEY: ClassVar = ("account", "region", "name")
    INDEXES: ClassVar = ()

    account: str
    region: str
    name: str
    created_at: float
    log_group_class: str = "STANDARD"
    kms_key_id: str | None = None
    retention_days: int | None = None
    deletion_protection: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogStream:
    """Lives from CreateLogStream, or the start of the container that writes it, until it or its group is deleted."""

    KEY: ClassVar = ("account", "region", "group_name", "name")
    INDEXES: ClassVar = ()

    account: str
    region: str
    group_name: str
    name: str
    created_at: float
