"""Tags of log groups, asked for by ARN today and by name in older clients."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ecs_emulator.logs import resolve
from ecs_emulator.logs.errors import TooManyTagsException
from ecs_emulator.records.logs import LogGroup
from ecs_emulator.wire.call import Call, Document, Params

_MOST = 50


def tag_resource(call: Call, params: Params) -> Document:
    """Add tags, and replace those with the same key. Errors: ResourceNotFound, TooManyTags."""
    return _tag(call, _by_arn(call, params), params["tags"])


def untag_resource(call: Call, params: Params) -> Document:
    """Take tags away; keys that are not there are no error."""
    return _untag(call, _by_arn(call, params), params["tagKeys"])


def list_tags_for_resource(call: Call, params: Params) -> Document:
    """The tags of the group with this ARN, which has no `:*` at its end."""
    return {"tags": _by_arn(call, params).tags}


def tag_log_group(call: Call, params: Params) -> Document:
    """`TagResource` by the group's name."""
    return _tag(call, resolve.group_named(call, params["logGroupName"]), params["tags"])


def untag_log_group(call: Call, params: Params) -> Document:
    """`UntagResource` by the group's name."""
    return _untag(call, resolve.group_named(call, params["logGroupName"]), params["tags"])


def list_tags_log_group(call: Call, params: Params) -> Document:
    """`ListTagsForResource` by the group's name."""
    return {"tags": resolve.group_named(call, params["logGroupName"]).tags}


def _by_arn(call: Call, params: Params) -> LogGroup:
    arn: str = params["resourceArn"]
    return resolve.group_named(call, resolve.name_of(call, arn) if arn.startswith("arn:") else None)


def _tag(call: Call, group: LogGroup, added: dict[str, str]) -> Document:
    tags = group.tags | added
    if len(tags) > _MOST:
        raise TooManyTagsException(resourceName=resolve.arn(group))
    call.put(replace(group, tags=tags))
    return {}


def _untag(call: Call, group: LogGroup, keys: Collection[str]) -> Document:
    call.put(replace(group, tags={key: value for key, value in group.tags.items() if key not in keys}))
    return {}
