"""ECR says what the model forbids in one sentence of its own, about the first breach it finds.

`Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ecs_emulator.ecr.errors import InvalidParameterException
from ecs_emulator.wire import models
from ecs_emulator.wire.check import Constraint, Kind, Violation
from ecs_emulator.wire.errors import AwsError

JAVA_PACKAGE = "com.amazonaws.ecr.frontend"

_REPORTED_PATTERNS = {"RepositoryName": "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"}
"""Shapes whose pattern ECR reports in an older form than the one it enforces."""

_REPORTED_ENUMS = {
    "ImageTagMutability": ("IMMUTABLE", "MUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"),
}
"""Shapes whose values ECR reports in another order than the model's."""


def heeds(constraint: Constraint) -> bool:
    """ECR holds all of its model."""
    return True


def refusal(violations: Sequence[Violation]) -> AwsError:
    """The framework's findings come before a pattern, which the service looks at itself."""
    first = min(violations, key=lambda violation: violation.constraint.kind is Kind.PATTERN)
    return invalid(first.path, _sentence(first.constraint))


def invalid(member: str, sentence: str) -> AwsError:
    """ECR's one form of refusing a parameter; operations use it with sentences of their own."""
    return InvalidParameterException(f"Invalid parameter at '{member}' failed to satisfy constraint: '{sentence}'")


def bad_token() -> AwsError:
    return invalid("NextToken", "Invalid NextToken")


def bad_page_size(member: str, maximum: int) -> AwsError:
    return invalid(member, f"Member must have value less than or equal to {maximum}")


def afterwards(model: models.ServiceModel, operation: str) -> None:
    """Nothing: all of the model was held before."""


def _sentence(constraint: Constraint) -> str:
    if constraint.kind is Kind.PATTERN:
        reported = _REPORTED_PATTERNS.get(constraint.shape, constraint.bound)
        return f"must satisfy regular expression '{reported}'"
    if constraint.kind is Kind.ENUM and constraint.shape in _REPORTED_ENUMS:
        constraint = replace(constraint, bound=_REPORTED_ENUMS[constraint.shape])
    return constraint.sentence
