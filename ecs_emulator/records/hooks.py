"""What a lifecycle hook was asked at one stage of one deployment, and what it said."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from ecs_emulator.records import Mark
from ecs_emulator.records.services import LifecycleStage


class HookStatus(StrEnum):
    AWAITING_ACTION = "AWAITING_ACTION"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


OPEN = (HookStatus.AWAITING_ACTION, HookStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class LifecycleHook:
    """One hook at one stage, and at one step of it. Lives from the stage's beginning as long as the service.

    The loop makes it and writes its end; ContinueServiceDeployment writes the end of one that awaits action.
    """

    KEY: ClassVar = ("id",)
    INDEXES: ClassVar = (("deployment_id", "created_at", "id"), ("service_arn",))
    TOLD: ClassVar = ("status",)

    id: str
    """`ecs-pause-` or `ecs-lambda-` and 43 characters."""
    account: str
    region: str
    service_arn: str
    deployment_id: str
    stage: LifecycleStage
    step: int
    """The deployment's; -1 where the traffic goes back."""
    target_type: str
    """PAUSE or AWS_LAMBDA."""
    target_arn: str | None
    status: HookStatus
    created_at: float
    expires_at: float
    timeout_action: str
    """CONTINUE or ROLLBACK."""
    execution_id: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """The `hookDetails` of the next invocation: the user's, and over them what the last one answered."""
    call_at: float | None = None
    """When it is invoked next; None for a pause."""
    problem: str | None = None
    """Why it FAILED, as the deployment's reason tells it."""

    def marks(self) -> tuple[Mark, ...]:
        return (("service", self.service_arn),)
