"""A log group is meant by its name or its ARN, never both; a log stream by its name within it."""

from __future__ import annotations

from ecs_emulator import arns
from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.logs.errors import NO_STREAM, InvalidParameterException, ResourceNotFoundException
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.wire.call import Call, Params

_ARN_PREFIX = "log-group:"


def milliseconds(instant: Instant) -> int:
    """CloudWatch Logs counts in whole milliseconds where ECS has seconds with a fraction."""
    return round(instant * 1000)


def arn(group: LogGroup) -> str:
    """The ARN that tags go by; most other places of AWS put a `:*` behind it."""
    return World(group.account, group.region).arn("logs", _ARN_PREFIX + group.name)


def group_named(call: Call, name: str | None) -> LogGroup:
    """Raises ResourceNotFoundException `The specified log group does not exist.`"""
    group = None if name is None else call.get(LogGroup, call.world.account, call.world.region, name)
    if group is None:
        raise ResourceNotFoundException()
    return group


def group(call: Call, params: Params) -> LogGroup:
    """The group of `logGroupName` or `logGroupIdentifier`. Raises InvalidParameterException for none or both."""
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if name and identifier:
        raise InvalidParameterException("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if not name and not identifier:
        raise InvalidParameterException("Either logGroupName or logGroupIdentifier must be specified.")
    return group_named(call, name or name_of(call, identifier))


def name_of(call: Call, identifier: str | None) -> str | None:
    """The group's name in an identifier; None for an ARN that is of another world, or of no log group."""
    if identifier is None or not identifier.startswith("arn:"):
        return identifier
    parsed = arns.parse(identifier)
    if parsed is None or parsed.service != "logs" or not parsed.resource.startswith(_ARN_PREFIX):
        return None
    if (parsed.account, parsed.region) != (call.world.account, call.world.region):
        return None
    return parsed.resource.removeprefix(_ARN_PREFIX)


def stream(call: Call, group: LogGroup, name: str) -> LogStream:
    """Raises ResourceNotFoundException `The specified log stream does not exist.`"""
    found = call.get(LogStream, group.account, group.region, group.name, name)
    if found is None:
        raise ResourceNotFoundException(NO_STREAM)
    return found
