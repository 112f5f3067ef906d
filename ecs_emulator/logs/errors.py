"""The refusals of CloudWatch Logs: the code is the name, the text is what AWS says where it always says the same."""

from __future__ import annotations

from ecs_emulator.wire.errors import AwsError

GROUP_EXISTS = "The specified log group already exists"
STREAM_EXISTS = "The specified log stream already exists"
NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."
BAD_TOKEN = "The specified nextToken is invalid."


class InvalidParameterException(AwsError):
    """Says which parameter, or which two."""


class ResourceAlreadyExistsException(AwsError):
    message = GROUP_EXISTS


class ResourceNotFoundException(AwsError):
    message = NO_GROUP


class TooManyTagsException(AwsError):
    """Carries `resourceName`."""

    message = "The number of tags exceeds the maximum of 50."


class ValidationException(AwsError):
    """Deletion protection, above all."""
