"""What a task definition says of itself, read the same way by every rule, and by request and record alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
"""Families, containers and volumes are named so."""

_PRIVATE_ECR = re.compile(r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)/", re.ASCII)


def is_fargate(definition: Mapping[str, Any]) -> bool:
    """Whether the definition is registered for FARGATE (`requiresCompatibilities`), perhaps among others."""
    return "FARGATE" in (definition.get("requiresCompatibilities") or ())


def supports(definition: Mapping[str, Any], launch_type: str) -> bool:
    """Whether a registered definition may run on this launch type."""
    return launch_type in (definition.get("compatibilities") or ())


def essential(container: Mapping[str, Any]) -> bool:
    """Whether the task ends with this container: yes, unless it says no."""
    return container.get("essential") is not False


def network_mode(definition: Mapping[str, Any]) -> str:
    """`bridge` where none is given."""
    return str(definition.get("networkMode") or "bridge")


def is_windows(definition: Mapping[str, Any]) -> bool:
    platform = definition.get("runtimePlatform") or {}
    return str(platform.get("operatingSystemFamily") or "").startswith("WINDOWS")


def containers(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    return definition.get("containerDefinitions") or []


def log_driver(container: Mapping[str, Any]) -> str | None:
    configuration = container.get("logConfiguration") or {}
    return configuration.get("logDriver")


def secrets(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Secrets that become environment variables, and those that the log driver is given."""
    return [*(container.get("secrets") or ()), *log_secrets(container)]


def log_secrets(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    configuration = container.get("logConfiguration") or {}
    return configuration.get("secretOptions") or []


def in_private_ecr(image: str) -> bool:
    """Whether the image is named as of a private ECR registry: `<account>.dkr.ecr.<region>.amazonaws.com/…`."""
    return _PRIVATE_ECR.match(image) is not None
