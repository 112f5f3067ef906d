"""What a task definition may ask for and no agent here can give yet: such a task stops with a reason, never runs without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Container = Mapping[str, Any]

MEMBERS: tuple[tuple[str, Callable[[Container], bool]], ...] = (
    ("secrets", lambda one: bool(one.get("secrets"))),
    ("environmentFiles", lambda one: bool(one.get("environmentFiles"))),
    ("repositoryCredentials", lambda one: bool(one.get("repositoryCredentials"))),
    ("logConfiguration.secretOptions", lambda one: bool(_log(one).get("secretOptions"))),
    ("firelensConfiguration", lambda one: bool(one.get("firelensConfiguration"))),
    ("the log driver awsfirelens", lambda one: _log(one).get("logDriver") == "awsfirelens"),
)


def refusal(container: Container) -> str | None:
    """The reason to stop with, in the form of ECS's own; None where all can be given."""
    for name, asked in MEMBERS:
        if asked(container):
            return f"ResourceInitializationError: {name} of container {container['name']} is not built in this emulator yet"
    return None


def _log(container: Container) -> Mapping[str, Any]:
    found: Mapping[str, Any] = container.get("logConfiguration") or {}
    return found
