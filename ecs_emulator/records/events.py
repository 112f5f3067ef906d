"""A state change document says once what one thing was when it changed: the stream that EventBridge would be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class StateEvent:
    """One document. Written together with the change that it tells; lives until newer ones or its age push it out.

    `cluster` and `service` are names, as readers ask for them.
    """

    KEY: ClassVar = ("seq",)
    INDEXES: ClassVar = (("account", "region", "seq"), ("resource_id", "seq"))
    COUNTS_ON: ClassVar = True

    account: str
    region: str
    id: str
    """The UUID of the envelope."""
    at: float
    detail_type: str
    resource: str | None
    """The ARN in `resources`; a hook's event has none there."""
    resource_id: str | None
    """What follows the last slash of it."""
    cluster: str
    service: str | None
    """The service, or the daemon, that the change concerns: of a task that runs for it, too."""
    detail: dict[str, Any]
    seq: int | None = None
    """Where readers resume: grows with each event, and never comes back."""


@dataclass(frozen=True, slots=True)
class ResourcesChanged:
    """A task came to this machine or left it, and no document has told so yet. Lives until the loop looks at the machine."""

    KEY: ClassVar = ("instance_arn",)
    INDEXES: ClassVar = ()

    instance_arn: str
    account: str
    region: str
