"""Whatever RegisterTaskDefinition's model lets through is refused in words or echoed; what is echoed is accepted again."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ecs_emulator.rules import definitions
from ecs_emulator.wire import models
from ecs_emulator.wire.errors import AwsError

MODEL = models.load("ecs")
TEXTS = {
    "family": ("web",),
    "name": ("app", "b"),
    "networkMode": ("bridge", "awsvpc", "host"),
    "image": ("busybox", "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"),
    "cpu": ("256", "1 vCPU"),
    "memory": ("512", "1GB"),
    "containerPortRange": ("80-90", "90-80", "-"),
    "sourceVolume": ("app", "b"),
    "containerName": ("app", "b"),
    "sourceContainer": ("app", "b"),
    "valueFrom": ("/key", "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"),
    "value": ("1", "arn:aws:s3:::bucket/a.env"),
    "executionRoleArn": ("runs",),
    "taskRoleArn": ("works",),
    "expression": ("attribute:stack == prod", "prod"),
}
NUMBERS = (0, 1, 2, 30, 64, 80, 256, -1, 65_536)
OFTEN = {"containerDefinitions": 1.0, "family": 1.0, "name": 1.0, "image": 1.0, "memory": 0.9, "networkMode": 0.5}
NEVER = {"inferenceAccelerators", "tags"}


def request(stream: random.Random, shape_name: str = "RegisterTaskDefinitionRequest", member: str = "") -> Any:
    """A value of a shape's JSON type with its required members, right or wrong in all else."""
    shape = MODEL.shapes[shape_name]
    match shape.type:
        case "structure":
            return {
                name: request(stream, inner, name)
                for name, inner in shape.members.items()
                if name not in NEVER and (name in shape.required or stream.random() < OFTEN.get(name, 0.04))
            }
        case "list":
            count = stream.choice((1, 2) if member == "containerDefinitions" else (0, 1, 2))
            return [request(stream, shape.element, member) for _ in range(count)]
        case "map":
            return {"awslogs-group": "web", "awslogs-region": "us-east-1"}
        case "string":
            return stream.choice(shape.enum or TEXTS.get(member, ("", "x", "app")))
        case "boolean":
            return stream.random() < 0.6
    return stream.choice(NUMBERS)


@pytest.mark.parametrize("seed", range(20))
def test_every_request_is_refused_in_words_or_can_be_described_and_registered_again(seed: int) -> None:
    stream, accepted = random.Random(seed), 0
    for _ in range(200):
        try:
            spec = definitions.validated(request(stream))
        except AwsError as refused:
            assert refused.message
            continue
        accepted += 1
        assert definitions.validated(spec) == spec
    assert accepted > 5, "requests that are hardly ever accepted try nothing"
