"""Task definitions to hold against the checks: each passes, but for what a test changes in it."""

from __future__ import annotations

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/runs"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"
AWSLOGS = {"awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}


def container(**changes: Any) -> dict[str, Any]:
    """A container that passes everywhere; None takes a member away."""
    members = {"name": "app", "image": "busybox", "memory": 64, **changes}
    return {name: value for name, value in members.items() if value is not None}


def bridge(*given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A definition that passes; what it is called with takes the place of its own."""
    members = {"family": "web", "containerDefinitions": list(given) or [container()], **changes}
    return {name: value for name, value in members.items() if value is not None}


def one(**changes: Any) -> dict[str, Any]:
    return bridge(container(**changes))


def awsvpc(*given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return bridge(*given, **{"networkMode": "awsvpc", **changes})


def fargate(*given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return awsvpc(*given, **{"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", **changes})


def fargate_one(**changes: Any) -> dict[str, Any]:
    return fargate(container(**changes))


def port(number: int, **others: Any) -> dict[str, Any]:
    return {"containerPort": number, **others}


def logs(driver: str, **options: str) -> dict[str, Any]:
    return {"logDriver": driver, "options": options}


def awslogs(*without: str, **changes: str) -> dict[str, Any]:
    options = {name: value for name, value in {**AWSLOGS, **changes}.items() if name not in without}
    return {"logDriver": "awslogs", "options": options}


def waits(condition: str = "START", *, on: str, **changes: Any) -> dict[str, Any]:
    return container(dependsOn=[{"containerName": on, "condition": condition}], **changes)


def efs(**members: Any) -> dict[str, Any]:
    return bridge(volumes=[{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", **members}}])


def mounts(*names: str) -> list[dict[str, str]]:
    return [{"sourceVolume": name, "containerPath": f"/{name}"} for name in names]


def docker_volume(**members: Any) -> dict[str, Any]:
    return bridge(volumes=[{"name": "v", "dockerVolumeConfiguration": members}])


Case = tuple[dict[str, Any], str]
"""A definition, and the message of its refusal."""
