"""The ECS errors that a pure rule may refuse with: the class is AWS's code, the message AWS's words."""

from __future__ import annotations

from ecs_emulator.wire.errors import AwsError

LONGEST_QUOTED = 1_000


def quoted(text: str) -> str:
    """A value as the message that refuses it repeats it: the beginning of one that nobody would read to its end."""
    return text if len(text) <= LONGEST_QUOTED else f"{text[:LONGEST_QUOTED]}..."


class ClientException(AwsError):
    """What ECS answers where the request itself makes no sense."""


class InvalidParameterException(AwsError):
    """What ECS answers where one parameter is wrong."""


class LimitExceededException(AwsError):
    """What ECS answers where a quota ends."""


class PlatformUnknownException(AwsError):
    message = "The specified platform does not exist."


class PlatformTaskDefinitionIncompatibilityException(AwsError):
    message = "One or more of the requested capabilities are not supported."


class UnsupportedFeatureException(AwsError):
    message = "The specified task isn't supported in this Region."
