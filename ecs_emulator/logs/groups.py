"""A log group is what retention and tags belong to; everything else of it is its streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.logs import files, resolve
from ecs_emulator.logs.errors import InvalidParameterException, ResourceAlreadyExistsException, ValidationException
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.wire import paging
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.tokens import Scalar

RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The days that PutRetentionPolicy takes. Source: PutRetentionPolicy in the CloudWatch Logs API reference."""

_PAGE = 50
_ALIKE = ("INFREQUENT_ACCESS", "ESSENTIALS")
_RESERVED = "aws/"


def create_log_group(call: Call, params: Params) -> Document:
    """Make a group without retention. Errors: InvalidParameter, ResourceAlreadyExists."""
    name = params["logGroupName"]
    if name.lower().startswith(_RESERVED):
        raise InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
    if call.get(LogGroup, call.world.account, call.world.region, name) is not None:
        raise ResourceAlreadyExistsException()
    call.put(
        LogGroup(
            call.world.account,
            call.world.region,
            name,
            call.now,
            log_group_class=params.get("logGroupClass", "STANDARD"),
            kms_key_id=params.get("kmsKeyId"),
            deletion_protection=params.get("deletionProtectionEnabled", False),
            tags=params.get("tags", {}),
        )
    )
    return {}


def delete_log_group(call: Call, params: Params) -> Document:
    """Delete a group with its streams and their events. Errors: ResourceNotFound, Validation where it is protected."""
    group = resolve.group_named(call, params["logGroupName"])
    if group.deletion_protection:
        raise ValidationException("The specified log group has deletion protection enabled.")
    call.delete(group, *call.find(LogStream, account=group.account, region=group.region, group_name=group.name))
    files.discard(files.group_directory(call.data_dir, call.world, group.name))
    return {}


def describe_log_groups(call: Call, params: Params) -> Document:
    """Groups by name, all or those with a prefix, a part of the name, or identifiers; at most 50 a page."""
    prefix, part = params.get("logGroupNamePrefix", ""), params.get("logGroupNamePattern", "")
    if prefix and part:
        raise InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    classes = _classes(params.get("logGroupClass"))
    if "logGroupIdentifiers" in params:
        names = {resolve.name_of(call, each) for each in params["logGroupIdentifiers"]}
        fetch = paging.among(_found(call, name=names, **classes), _name)
    elif part:
        fetch = paging.among([group for group in _found(call, **classes) if part in group.name], _name)
    else:
        fetch = _with_prefix(call, prefix, classes)
    found, token = paging.page(call, params, fetch, _name, default=_PAGE, maximum=_PAGE, max_key="limit")
    return {"logGroups": [_document(group) for group in found], "nextToken": token}


def put_retention_policy(call: Call, params: Params) -> Document:
    """Hide, and in time remove, events older than so many days. Errors: InvalidParameter, ResourceNotFound."""
    days = params["retentionInDays"]
    if days not in RETENTIONS:
        raise InvalidParameterException(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: {list(RETENTIONS)}"
        )
    call.put(replace(resolve.group_named(call, params["logGroupName"]), retention_days=days))
    return {}


def delete_retention_policy(call: Call, params: Params) -> Document:
    """Keep events for ever; also where they already are."""
    call.put(replace(resolve.group_named(call, params["logGroupName"]), retention_days=None))
    return {}


def put_log_group_deletion_protection(call: Call, params: Params) -> Document:
    """Have DeleteLogGroup refuse, or no longer. Errors: ResourceNotFound."""
    group = resolve.group(call, params)
    call.put(replace(group, deletion_protection=params["deletionProtectionEnabled"]))
    return {}


def _classes(wanted: str | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    return {"log_group_class": _ALIKE if wanted in _ALIKE else wanted}


def _found(call: Call, **equals: Any) -> list[LogGroup]:
    return call.find(LogGroup, account=call.world.account, region=call.world.region, **equals)


def _with_prefix(call: Call, prefix: str, equals: dict[str, Any]) -> paging.Fetch[LogGroup]:
    """The names that begin so stand together, right behind the prefix itself."""

    def fetch(after: tuple[Scalar, ...] | None, limit: int) -> Sequence[LogGroup]:
        itself = _found(call, name=prefix, **equals) if prefix and after is None else []
        behind = _found(call, order="name", after=after or (prefix,), limit=limit, **equals)
        return [group for group in itself + behind if group.name.startswith(prefix)][:limit]

    return fetch


def _name(group: LogGroup) -> str:
    return group.name


def _document(group: LogGroup) -> Document:
    """`storedBytes` is 0, as it is in AWS for hours: nothing counts the bytes of a group."""
    arn = resolve.arn(group)
    return {
        "logGroupName": group.name,
        "creationTime": resolve.milliseconds(group.created_at),
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": 0,
        "kmsKeyId": group.kms_key_id,
        "logGroupClass": group.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.deletion_protection,
        "bearerTokenAuthenticationEnabled": False,
    }
