"""The words of a deployment that shifts traffic: a stage entered, a hook called, a hook answered, a hook that took too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_emulator.clock import Instant
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.services import LifecycleStage, ServiceDeployment


@dataclass(frozen=True, slots=True)
class Share:
    """What one deployment's tasks are given of the traffic, in percent."""

    deployment: ServiceDeployment
    production: float
    test: float

    def __str__(self) -> str:
        tested = f" and {self.test:g} % of test" if self.test else ""
        return f"{self.deployment.id} {self.production:g} %{tested}"


@dataclass(frozen=True, slots=True)
class Enter:
    """A deployment comes to its next stage, or to the next step of it; the traffic shifts and the stage's hooks begin."""

    deployment: ServiceDeployment
    stage: LifecycleStage
    because: str
    step: int = 0
    shares: tuple[Share, ...] = ()
    """Where they change."""

    def __str__(self) -> str:
        shares = ", ".join(map(str, self.shares))
        return f"{self.deployment.id} enters {self.stage}" + (f": {shares}" if shares else "")


@dataclass(frozen=True, slots=True)
class Expire:
    """A hook has not been done in its time."""

    hook: LifecycleHook
    because: str

    def __str__(self) -> str:
        return f"{self.hook.target_type} hook of {self.hook.stage} times out"


@dataclass(frozen=True, slots=True)
class CallHook:
    """Ask what stands in the place of a Lambda function. Answers `HookAnswered`; whether it is asked twice is nobody's harm."""

    hook: LifecycleHook
    payload: Mapping[str, Any]
    because: str

    def __str__(self) -> str:
        return f"call the hook of {self.hook.stage}"


@dataclass(frozen=True, slots=True)
class HookAnswered:
    """What a hook's target answered, as far as that could be understood."""

    hook_id: str
    at: Instant
    status: HookStatus
    delay: float = 0.0
    """Seconds until it is asked again; of an answer IN_PROGRESS."""
    details: Mapping[str, Any] | None = None
    problem: str | None = None
    """Why it FAILED."""
