"""Requests that the model calls valid, drawn member by member; names are those of what exists just then, so they go deep."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from ecs_emulator.wire.models import Shape
from tests.model.faults import KNOWN_VALUES, SHAPES, least
from tests.model.requests import Params
from tests.model.world import NETWORK, TAGS, TARGET_GROUP
from tests.simulation import ECS

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

MOST_OPTIONAL, MOST_ITEMS, DEEPEST = 3, 2, 5
FEW = ("desiredCount", "count", "minTaskCount", "maxTaskCount")
"""Members that say how many tasks run: more of them would only take longer."""
SEALED = ("nextToken",)
"""Members that only an answer can give."""

NUMBERS = st.sampled_from((0, 1, 2, 5, 10, 50, 80, 100, 120, 256, 512, 1024, 2048, 65535))
FRACTIONS = st.sampled_from((0.0, 0.5, 1.0, 5.0, 50.0, 100.0))
MOMENTS = st.sampled_from((0, 1_700_000_000, 1_700_000_060.5, 4_000_000_000))
TEXTS = st.one_of(st.sampled_from(("text", "1", "256", "512", "web", "app", "enabled", "")), st.text(max_size=8))
ENDING = re.compile("(Arns|Arn|Names|Name|s)$")
CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
LONE_NAMES = {
    "primaryTaskSet": "task-set",
    "targetId": "container-instance",
    "family": "task-definition",
    "familyPrefix": "task-definition",
}
WHOLE_VALUES: dict[str, tuple[Any, ...]] = {
    "networkConfiguration": (NETWORK, {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}),
    "loadBalancers": ([], [{"targetGroupArn": TARGET_GROUP, "containerName": "app", "containerPort": 80}]),
    "launchType": ("EC2", "FARGATE", "EXTERNAL"),
    "tags": (TAGS, [{"key": "a", "value": ""}, {"key": "b", "value": "2"}], []),
    "settings": ([{"name": "containerInsights", "value": "disabled"}],),
    "maxResults": (1, 2, 10),
    "deploymentController": ({"type": "ECS"}, {"type": "EXTERNAL"}),
}
"""Members that a request drawn blindly would hardly ever get right."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One request being drawn in a world. Lives while it is."""

    draw: Draw[Any]
    known: dict[str, list[str]]
    """The ARNs that exist, by kind."""

    def request(self, operation: str, good: Params) -> Params:
        """A good request with a few members more, or one drawn from the shape alone."""
        shape = SHAPES[str(ECS.model.operations[operation].input)]
        if self.draw(st.integers(0, 3)):
            return {**copy.deepcopy(good), **self._members(shape, self._optional(shape), DEEPEST)}
        return self._structure(shape, DEEPEST)

    def _structure(self, shape: Shape, depth: int) -> Params:
        return self._members(shape, [*shape.required, *(self._optional(shape) if depth else ())], depth)

    def _members(self, shape: Shape, members: list[str], depth: int) -> Params:
        return {member: self._member(SHAPES[shape.members[member]], member, depth) for member in members}

    def _optional(self, shape: Shape) -> list[str]:
        optional = [member for member in shape.members if member not in (*shape.required, *SEALED)]
        few = st.lists(st.sampled_from(optional), max_size=MOST_OPTIONAL, unique=True) if optional else st.just([])
        return list(self.draw(few))

    def _member(self, shape: Shape, member: str, depth: int) -> Any:
        if member in WHOLE_VALUES and self.draw(st.booleans()):
            return copy.deepcopy(self.draw(st.sampled_from(WHOLE_VALUES[member])))
        return self._value(shape, member, depth)

    def _value(self, shape: Shape, member: str, depth: int) -> Any:
        if depth == 0 or shape.document:
            return least(shape, member)
        match shape.type:
            case "structure":
                return self._structure(shape, depth - 1)
            case "list":
                many = self.draw(st.integers(int(shape.minimum or 0), max(MOST_ITEMS, int(shape.minimum or 0))))
                return [self._value(SHAPES[shape.element], member, depth - 1) for _ in range(many)]
            case "map":
                keys = self.draw(st.lists(TEXTS, max_size=MOST_ITEMS, unique=True))
                return {key: self._value(SHAPES[shape.element], member, depth - 1) for key in keys}
            case "string":
                return self._text(shape, member)
            case "boolean":
                return self.draw(st.booleans())
            case "timestamp":
                return self.draw(MOMENTS)
        return self._number(shape, member)

    def _number(self, shape: Shape, member: str) -> Any:
        if shape.type not in ("integer", "long"):
            return self.draw(FRACTIONS)
        if member in FEW:
            return self.draw(st.integers(0, 3))
        number = self.draw(NUMBERS)
        return max(int(shape.minimum or 0), number if shape.maximum is None else min(number, int(shape.maximum)))

    def _text(self, shape: Shape, member: str) -> str:
        if shape.enum:
            return str(self.draw(st.sampled_from(shape.enum)))
        if names := self._names(member):
            return str(self.draw(st.sampled_from(names)))
        if shape.pattern:
            return str(self.draw(st.sampled_from(("t2.micro", "a", "team"))))
        if member in KNOWN_VALUES and self.draw(st.booleans()):
            return KNOWN_VALUES[member]
        return str(self.draw(TEXTS))

    def _names(self, member: str) -> list[str]:
        """ARNs and names of what the member may mean, and a name of nothing yet."""
        if member == "resourceArn":
            return [arn for arns in self.known.values() for arn in arns]
        kind = LONE_NAMES.get(member) or CAPITAL.sub("-", ENDING.sub("", member)).lower()
        arns = self.known.get(kind)
        if not arns:
            return []
        return [*arns, *(arn.rpartition("/")[2] for arn in arns), "fresh"]
