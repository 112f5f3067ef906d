"""ECS words each breach of its model by hand, and leaves most of the model to its operations.

What is checked here, before the operation: that required members are there, that numbers and lists keep the model's
bounds. Enums, lengths and patterns of strings are the operations' own: each has its own text, in an order of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecs_emulator.ecs.errors import ClientException, InvalidParameterException
from ecs_emulator.wire.check import Constraint, Kind, Violation
from ecs_emulator.wire.errors import AwsError

JAVA_PACKAGE = "com.amazonaws.madison.frontend"

Refusal = tuple[type[AwsError], str]

WORDED: dict[str, Refusal | None] = {
    "CreateService.serviceName": (InvalidParameterException, "Service name cannot be empty."),
    "DeleteAttributes.attributes": (InvalidParameterException, "attributes can not be empty"),
    "DeregisterTaskDefinition.taskDefinition": (ClientException, "TaskDefinition can not be blank."),
    "DescribeContainerInstances.containerInstances": (ClientException, "Container Instances cannot be empty."),
    "DescribeServiceDeployments.serviceDeploymentArns": (
        InvalidParameterException,
        "The Service ARN provided is invalid.",
    ),
    "DescribeServiceRevisions.serviceRevisionArns": (
        InvalidParameterException,
        "The Service ARN provided is invalid.",
    ),
    "DescribeTaskDefinition.taskDefinition": (ClientException, "TaskDefinition can not be blank."),
    "ListAttributes.targetType": (InvalidParameterException, "targetType must be container-instance"),
    "PutAttributes.attributes": (InvalidParameterException, "attributes can not be empty"),
    "RegisterDaemonTaskDefinition.containerDefinitions": (ClientException, "Container list cannot be empty."),
    "RegisterDaemonTaskDefinition.family": (ClientException, "Family can not be blank."),
    "RegisterTaskDefinition.containerDefinitions": (ClientException, "Container list cannot be empty."),
    "RegisterTaskDefinition.family": (ClientException, "Family can not be blank."),
    "RunTask.taskDefinition": (ClientException, "TaskDefinition can not be blank."),
    "StartTask.taskDefinition": (ClientException, "TaskDefinition can not be blank."),
    "UpdateContainerInstancesState.status": (
        InvalidParameterException,
        "Container instance status should be one of [ACTIVE,DRAINING]",
    ),
    "AwsVpcConfiguration.subnets": (InvalidParameterException, "subnets can not be empty."),
}
"""What a missing member is answered with, by `operation.member`, or `shape.member` inside the request.

None leaves it to the operation. A member that is not here gets a text in ECS's style; see `_missing`.
"""

LEFT_TO_OPERATIONS = frozenset({"Tags"})
"""Shapes whose bounds the operations hold themselves."""

_CLIENT_EXCEPTIONS = frozenset({"RegisterTaskDefinition", "RegisterDaemonTaskDefinition"})
"""Operations that answer any fault of their request with a ClientException."""

_CAPITAL = re.compile("(?<=[a-z0-9])(?=[A-Z])")


def heeds(constraint: Constraint) -> bool:
    match constraint.kind:
        case Kind.REQUIRED:
            return WORDED.get(_site(constraint), (AwsError, "")) is not None
        case Kind.MAX_VALUE | Kind.MIN_VALUE:
            return constraint.shape not in LEFT_TO_OPERATIONS
        case Kind.MAX_LENGTH | Kind.MIN_LENGTH:
            return constraint.type == "list" and constraint.shape not in LEFT_TO_OPERATIONS
    return False


def refusal(violations: Sequence[Violation]) -> AwsError:
    """Only the first breach is reported."""
    constraint = violations[0].constraint
    if constraint.kind is Kind.REQUIRED and (worded := WORDED.get(_site(constraint))) is not None:
        error, text = worded
        return error(text)
    if constraint.operation in _CLIENT_EXCEPTIONS:
        return ClientException(_sentence(constraint))
    return InvalidParameterException(_sentence(constraint))


def bad_token() -> AwsError:
    return InvalidParameterException("Invalid next token.")


def bad_page_size(member: str, maximum: int) -> AwsError:
    return InvalidParameterException(f"{member} must be between 1 and {maximum}")


def _site(constraint: Constraint) -> str:
    owner = constraint.owner
    return f"{constraint.operation if owner == f'{constraint.operation}Request' else owner}.{constraint.member}"


def _sentence(constraint: Constraint) -> str:
    match constraint.kind:
        case Kind.MAX_VALUE:
            return f"{constraint.member} must be at most {int(constraint.bound)}"
        case Kind.MIN_VALUE:
            return f"{constraint.member} must be at least {int(constraint.bound)}"
        case Kind.MAX_LENGTH:
            return f"{_CAPITAL.sub(' ', constraint.member).lower()} can have at most {constraint.bound} items."
    return _missing(constraint)


def _missing(constraint: Constraint) -> str:
    """Lists, texts, others: `Tasks cannot be empty.`, `Task can not be blank.`, `Interactive is missing`."""
    name = constraint.member[0].upper() + constraint.member[1:]
    if constraint.type == "list":
        return f"{_CAPITAL.sub(' ', name)} cannot be empty."
    if constraint.type == "string":
        return f"{name} can not be blank."
    return f"{name} is missing"
