"""CloudWatch Logs lets the framework speak: how many breaches, and each with its value, its place and what was asked.

`1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or
equal to 50`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecs_emulator.logs.errors import InvalidParameterException, ValidationException
from ecs_emulator.wire import models
from ecs_emulator.wire.check import Constraint, Kind, Violation
from ecs_emulator.wire.errors import AwsError

JAVA_PACKAGE = "com.amazonaws.logs.frontend"


def heeds(constraint: Constraint) -> bool:
    """CloudWatch Logs holds all of its model."""
    return True


def refusal(violations: Sequence[Violation]) -> AwsError:
    """The older operations declare InvalidParameterException, the newer ValidationException; the text is the same."""
    declared = models.load("logs").operations[violations[0].constraint.operation].errors
    newer = "ValidationException" in declared and "InvalidParameterException" not in declared
    detected = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
    text = f"{detected} detected: " + "; ".join(map(_finding, violations))
    return ValidationException(text) if newer else InvalidParameterException(text)


def bad_token() -> AwsError:
    return InvalidParameterException("The specified nextToken is invalid.")


def bad_page_size(member: str, maximum: int) -> AwsError:
    return InvalidParameterException(f"{member} must be between 1 and {maximum}")


def afterwards(model: models.ServiceModel, operation: str) -> None:
    """Nothing: all of the model was held before."""


def _finding(violation: Violation) -> str:
    constraint = violation.constraint
    value = "" if isinstance(violation.value, list | dict) else f" {_java_text(constraint, violation.value)}"
    return f"Value{value} at '{violation.path}' failed to satisfy constraint: {constraint.sentence}"


def _java_text(constraint: Constraint, value: Any) -> str:
    if constraint.kind is Kind.REQUIRED:
        return "null"
    return f"'{value}'"
