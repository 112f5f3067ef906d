"""A log stream is a name within a group; when it was written to is asked of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecs_emulator.arns import World
from ecs_emulator.logs import files, resolve
from ecs_emulator.logs.errors import STREAM_EXISTS, InvalidParameterException, ResourceAlreadyExistsException
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.wire import paging
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.tokens import Scalar

_PAGE = 50
_HIGHEST = "\U0010ffff"
_NEVER = -1
"""A stream without events, ordered by its last event."""


def create_log_stream(call: Call, params: Params) -> Document:
    """Make an empty stream. Errors: ResourceNotFound, ResourceAlreadyExists."""
    group = resolve.group_named(call, params["logGroupName"])
    name = params["logStreamName"]
    if call.get(LogStream, group.account, group.region, group.name, name) is not None:
        raise ResourceAlreadyExistsException(STREAM_EXISTS)
    stream = LogStream(group.account, group.region, group.name, name, call.now)
    call.put(stream)
    files.create(directory(call, stream))
    return {}


def delete_log_stream(call: Call, params: Params) -> Document:
    """Delete a stream with its events. Errors: ResourceNotFound."""
    group = resolve.group_named(call, params["logGroupName"])
    stream = resolve.stream(call, group, params["logStreamName"])
    call.delete(stream)
    files.discard(directory(call, stream))
    return {}


def describe_log_streams(call: Call, params: Params) -> Document:
    """Streams by name or by their last event; at most 50 a page. Errors: InvalidParameter, ResourceNotFound."""
    prefix = params.get("logStreamNamePrefix", "")
    by_time = params.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = resolve.group(call, params)
    descending = params.get("descending", False)
    found: Sequence[LogStream]
    if by_time:
        dated, token = paging.page(
            call, params, _by_time(call, group, descending), _place, default=_PAGE, maximum=_PAGE, max_key="limit"
        )
        found = [stream for _, stream in dated]
    else:
        named = _by_name(call, group, prefix, descending)
        found, token = paging.page(call, params, named, _name, default=_PAGE, maximum=_PAGE, max_key="limit")
    return {"logStreams": [_document(call, stream) for stream in found], "nextToken": token}


def of_group(
    call: Call,
    group: LogGroup,
    prefix: str,
    *,
    after: str | None = None,
    descending: bool = False,
    limit: int | None = None,
) -> list[LogStream]:
    """Streams whose names begin so, by name. They stand together: behind the prefix, and before all that follow it."""
    start = after if after is not None else prefix + _HIGHEST if descending else prefix
    found = _found(call, group, order="name", descending=descending, after=(start,), limit=limit)
    if prefix and after is None and not descending:
        found = _found(call, group, name=prefix) + found
    return [stream for stream in found if stream.name.startswith(prefix)][:limit]


def directory(call: Call, stream: LogStream) -> Path:
    """Where the stream's events are."""
    return files.stream_directory(call.data_dir, World(stream.account, stream.region), stream.group_name, stream.name)


def _by_name(call: Call, group: LogGroup, prefix: str, descending: bool) -> paging.Fetch[LogStream]:
    def fetch(after: tuple[Scalar, ...] | None, limit: int) -> Sequence[LogStream]:
        start = None if after is None else str(after[0])
        return of_group(call, group, prefix, after=start, descending=descending, limit=limit)

    return fetch


Dated = tuple[int, LogStream]


def _by_time(call: Call, group: LogGroup, descending: bool) -> paging.Fetch[Dated]:
    def fetch(after: tuple[Scalar, ...] | None, limit: int) -> Sequence[Dated]:
        dated = sorted(((_last_event(call, stream), stream) for stream in _found(call, group)), key=_place)
        if descending:
            dated.reverse()
        if after is not None:
            dated = [each for each in dated if (_place(each) < after if descending else _place(each) > after)]
        return dated[:limit]

    return fetch


def _place(dated: Dated) -> tuple[Scalar, ...]:
    return dated[0], dated[1].name


def _last_event(call: Call, stream: LogStream) -> int:
    extent = files.extent(directory(call, stream))
    return _NEVER if extent is None else extent.last_timestamp


def _name(stream: LogStream) -> str:
    return stream.name


def _found(
    call: Call,
    group: LogGroup,
    *,
    order: str | None = None,
    descending: bool = False,
    after: Sequence[object] | None = None,
    limit: int | None = None,
    **equals: object,
) -> list[LogStream]:
    world = {"account": group.account, "region": group.region, "group_name": group.name}
    return call.find(LogStream, order=order, descending=descending, after=after, limit=limit, **world, **equals)


def _document(call: Call, stream: LogStream) -> Document:
    document: Document = {"logStreamName": stream.name, "creationTime": resolve.milliseconds(stream.created_at)}
    extent = files.extent(directory(call, stream))
    if extent is not None:
        document |= {
            "firstEventTimestamp": extent.first_timestamp,
            "lastEventTimestamp": extent.last_timestamp,
            "lastIngestionTime": extent.last_ingested,
            "uploadSequenceToken": call.ids.digits("sequence-token", 56),
        }
    arn = call.world.arn("logs", f"log-group:{stream.group_name}:log-stream:{stream.name}")
    return document | {"arn": arn, "storedBytes": 0}
