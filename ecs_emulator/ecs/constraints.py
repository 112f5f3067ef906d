"""ECS words each breach of its model by hand, and leaves most of the model to its operations.

What is checked here, before the operation: that required members are there, that numbers and lists keep the model's
bounds. Enums, lengths and patterns of strings are the operations' own: each has its own text, in an order of its own.
What no operation has words for is looked at after it, and undoes it: an unknown value of an enum, a union of nothing, a documented
range, a required text that is empty, a NUL anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ecs_emulator.ecs.errors import ClientException, InvalidParameterException
from ecs_emulator.wire import check
from ecs_emulator.wire.check import Constraint, Kind, Violation
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.models import ServiceModel

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

_MINUTES_OF_A_DAY = (0, 1440)
_PORTS = (0, 65535)

BOUNDS: check.Bounds = {
    "CanaryConfiguration.canaryBakeTimeInMinutes": _MINUTES_OF_A_DAY,
    "CanaryConfiguration.canaryPercent": (0.1, 100),
    "DaemonDeploymentConfiguration.bakeTimeInMinutes": _MINUTES_OF_A_DAY,
    "DeploymentConfiguration.bakeTimeInMinutes": _MINUTES_OF_A_DAY,
    "GatewayConnectorHealthCheck.healthCheckIntervalSeconds": (5, 300),
    "GatewayConnectorHealthCheck.healthCheckPort": _PORTS,
    "GatewayConnectorHealthCheck.healthCheckTimeoutSeconds": (2, 120),
    "GatewayConnectorHealthCheck.healthyThresholdCount": (2, 10),
    "GatewayConnectorHealthCheck.unhealthyThresholdCount": (2, 10),
    "LinearConfiguration.stepBakeTimeInMinutes": _MINUTES_OF_A_DAY,
    "LinearConfiguration.stepPercent": (3, 100),
    "NetworkBinding.containerPort": _PORTS,
    "NetworkBinding.hostPort": _PORTS,
    "Resource.doubleValue": (0, float("inf")),
    "Resource.integerValue": (0, 2**31 - 1),
    "Resource.longValue": (0, 2**63 - 1),
    "ServiceRegistry.containerPort": _PORTS,
    "ServiceRegistry.port": _PORTS,
}
"""Ranges that the documentation has and the model does not; those of a gateway's health checks are the load balancers'."""

IGNORED_ENUMS = frozenset({"include"})
"""Members whose unknown values mean nothing, and are no fault."""

OPEN_ENUMS = frozenset({"SettingName"})
"""Enums that have lost a value which the operation still knows (`dualStackIPv6`)."""

_ANY_TEXT = frozenset({"UntagResource"})
"""Operations to which a text of the wrong form is one that does not occur."""

MAY_BE_BLANK = frozenset({"cluster", "namespace"})
"""Required texts that may be empty: the name of the default cluster, and of no namespace any more."""

_CLIENT_EXCEPTIONS = frozenset({"RegisterTaskDefinition", "RegisterDaemonTaskDefinition"})
"""Operations that answer any fault of their request with a ClientException."""

_ESCAPED_NUL = b"\\u0000"
"""The only way in which JSON can hold one."""

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
    return _fault(constraint.operation, _sentence(constraint))


def _fault(operation: str, text: str) -> AwsError:
    return ClientException(text) if operation in _CLIENT_EXCEPTIONS else InvalidParameterException(text)


def afterwards(model: ServiceModel, operation: str) -> check.LastLook:
    """The last look at a request that its operation took."""
    look = check.compile_input(model, operation, _overlooked, {**_required_texts(model), **BOUNDS})

    def refuse(params: Any, body: bytes) -> None:
        if look is not None and (violations := look(params)):
            raise refusal(violations)
        if _ESCAPED_NUL in body and (member := _holding_nul(params, "")) is not None:
            raise _fault(operation, _bad_characters(member))

    return refuse


def _required_texts(model: ServiceModel) -> check.Bounds:
    """A text that must be there says something."""
    return {
        f"{owner.name}.{member}": (1, None)
        for owner in model.shapes.values()
        for member in owner.required
        if model.shapes[owner.members[member]].type == "string" and member not in MAY_BE_BLANK
    }


def _overlooked(constraint: Constraint) -> bool:
    match constraint.kind:
        case Kind.UNION:
            return True
        case Kind.ENUM:
            return constraint.member not in IGNORED_ENUMS and constraint.shape not in OPEN_ENUMS
        case Kind.PATTERN | Kind.MAX_LENGTH | Kind.MIN_LENGTH:
            return constraint.type == "string" and constraint.operation not in _ANY_TEXT
        case Kind.MAX_VALUE | Kind.MIN_VALUE:
            return f"{constraint.owner}.{constraint.member}" in BOUNDS
    return False


def _holding_nul(value: Any, member: str) -> str | None:
    """The member with a text that no process, file or header could be given."""
    if type(value) is str:
        return member if "\0" in value else None
    if type(value) is dict:
        found = (_holding_nul(item, name) if "\0" not in name else member for name, item in value.items())
        return next((name for name in found if name is not None), None)
    if type(value) is list:
        return next((name for item in value if (name := _holding_nul(item, member)) is not None), None)
    return None


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
            return f"{constraint.member} must be at most {_number(constraint.bound)}"
        case Kind.MIN_VALUE:
            return f"{constraint.member} must be at least {_number(constraint.bound)}"
        case Kind.MAX_LENGTH if constraint.type == "string":
            return f"{constraint.member} can have at most {constraint.bound} characters."
        case Kind.MAX_LENGTH:
            return f"{_CAPITAL.sub(' ', constraint.member).lower()} can have at most {constraint.bound} items."
        case Kind.UNION:
            return f"Specify exactly one member of {constraint.member}."
        case Kind.ENUM:
            return f"{constraint.member} should be one of [{','.join(constraint.bound)}]"
        case Kind.PATTERN:
            return _bad_characters(constraint.member)
        case Kind.ELEMENTS:
            return _sentence(constraint.bound[0])
    return _missing(constraint)


def _bad_characters(member: str) -> str:
    return f"{member[:1].upper()}{member[1:]} contains invalid characters."


def _number(bound: float) -> str:
    return str(int(bound) if bound == int(bound) else bound)


def _missing(constraint: Constraint) -> str:
    """Lists, texts, others: `Tasks cannot be empty.`, `Task can not be blank.`, `Interactive is missing`."""
    name = constraint.member[0].upper() + constraint.member[1:]
    if constraint.type == "list":
        return f"{_CAPITAL.sub(' ', name)} cannot be empty."
    if constraint.type == "string":
        return f"{name} can not be blank."
    return f"{name} is missing"
