"""Events go in by batches and come out in order of time: one stream at a time, or a group's streams as one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import pairwise
from typing import NamedTuple

from ecs_emulator.logs import files, patterns, positions, resolve, streams
from ecs_emulator.logs.errors import BAD_TOKEN, InvalidParameterException
from ecs_emulator.logs.files import Entry, Event
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.wire import encoding, tokens
from ecs_emulator.wire.call import Call, Document, Params

PAGE_EVENTS = 10_000
PAGE_BYTES = 1 << 20
EVENT_OVERHEAD = 26
SCAN_BYTES = 32 << 20
"""So much is searched for one page; a page with a token may hold nothing, as AWS's may."""

_BATCH_BYTES = 1 << 20
_HOUR = 3_600_000
_DAY = 24 * _HOUR
_OLDEST = 14 * _DAY
_NEWEST = 2 * _HOUR
_DESCENDING_SINCE = 1_704_067_200_000
"""2024-01-01: FilterLogEvents reads backwards no further."""


# --- in ---------------------------------------------------------------------------------------------------------------


def put_log_events(call: Call, params: Params) -> Document:
    """Store a batch; what is too old or too new is left out and told. `sequenceToken` means nothing any more.

    Errors: InvalidParameter (then nothing is stored), ResourceNotFound.
    """
    group = resolve.group_named(call, params["logGroupName"])
    stream = resolve.stream(call, group, params["logStreamName"])
    entries = [Entry(event["timestamp"], event["message"]) for event in params["logEvents"]]
    _refuse_volume(entries)
    if any(later.timestamp < earlier.timestamp for earlier, later in pairwise(entries)):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
    now = resolve.milliseconds(call.now)
    rejected, accepted = _sorted_out(group, entries, now)
    if accepted and accepted[-1].timestamp - accepted[0].timestamp > _DAY:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    position = positions.of(now, now, 0, 0)
    if accepted:
        directory = streams.directory(call, stream)
        directory.mkdir(parents=True, exist_ok=True)
        position = files.append(directory, accepted, now)
    return {"nextSequenceToken": positions.text(position), "rejectedLogEventsInfo": rejected or None}


def _refuse_volume(entries: Sequence[Entry]) -> None:
    sizes = [len(entry.message.encode("utf-8", "replace")) + EVENT_OVERHEAD for entry in entries]
    if (largest := max(sizes)) > _BATCH_BYTES:
        raise InvalidParameterException(f"Log event too large: {largest} bytes exceeds limit of {_BATCH_BYTES}")
    if (total := sum(sizes)) > _BATCH_BYTES:
        raise InvalidParameterException(f"Upload too large: {total} bytes exceeds limit of {_BATCH_BYTES}")


def _sorted_out(group: LogGroup, entries: Sequence[Entry], now: int) -> tuple[dict[str, int], Sequence[Entry]]:
    """`rejectedLogEventsInfo`, and the entries that are left. The entries are in order of time; ends are exclusive."""
    too_old = _count_before(entries, now - _OLDEST)
    expired = _count_before(entries, _cutoff(group, now))
    too_new = _count_before(entries, now + _NEWEST + 1)
    rejected: dict[str, int] = {}
    if too_new < len(entries):
        rejected["tooNewLogEventStartIndex"] = too_new
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    return rejected, entries[max(too_old, expired) : too_new]


def _count_before(entries: Sequence[Entry], moment: int) -> int:
    return sum(entry.timestamp < moment for entry in entries)


def _cutoff(group: LogGroup, now: int) -> int:
    """Events before this millisecond are expired."""
    return 0 if group.retention_days is None else now - group.retention_days * _DAY


# --- out, one stream --------------------------------------------------------------------------------------------------


def get_log_events(call: Call, params: Params) -> Document:
    """One page of a stream in order of time, the last page first unless `startFromHead`; always with both tokens.

    A token's letter is the way to read on. The end is reached where the token that was sent comes back.
    Errors: InvalidParameter, ResourceNotFound.
    """
    group = resolve.group(call, params)
    stream = resolve.stream(call, group, params["logStreamName"])
    token = _token(params.get("nextToken"))
    low, high = _window(call, group, params)
    newest_first = not params.get("startFromHead", False)
    if token is not None:
        newest_first = not token.forward
        low, high = (max(low, token.position + 1), high) if token.forward else (low, min(high, token.position))
    scanned = files.scan(streams.directory(call, stream), low, high, newest_first=newest_first)
    events = _page(scanned, params.get("limit", PAGE_EVENTS))
    if newest_first:
        events.reverse()
    forward, backward = (events[-1].position, events[0].position) if events else _empty_page(token, params)
    return {
        "events": [
            {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}
            for event in events
        ],
        "nextForwardToken": positions.forward_token(forward),
        "nextBackwardToken": positions.backward_token(backward),
    }


def _token(text: str | None) -> positions.Token | None:
    if text is None:
        return None
    token = positions.parse(text)
    if token is None:
        raise InvalidParameterException(BAD_TOKEN)
    return token


def _window(call: Call, group: LogGroup, params: Params) -> tuple[int, int]:
    """The positions asked for: from `startTime` or the end of retention, up to but not at `endTime`."""
    start = max(params.get("startTime", 0), _cutoff(group, resolve.milliseconds(call.now)))
    end = params.get("endTime")
    return positions.first_of(start), positions.BEYOND_ALL if end is None else positions.first_of(end)


def _page(scanned: Iterable[Event], limit: int) -> list[Event]:
    """As many as were asked for, or as one megabyte takes; at least one."""
    events: list[Event] = []
    volume = 0
    for event in scanned:
        volume += event.size + EVENT_OVERHEAD
        if events and volume > PAGE_BYTES:
            break
        events.append(event)
        if len(events) == limit:
            break
    return events


def _empty_page(token: positions.Token | None, params: Params) -> tuple[int, int]:
    """Forward and backward position of a page without events: what was sent, or the border of the range it ran into."""
    start, end = params.get("startTime"), params.get("endTime")
    first = positions.first_of(start or 0)
    if token is None:
        return first if end is None else positions.last_of(end), first
    if token.forward:
        return max(token.position, positions.last_of(end) if end is not None else 0), token.position
    return token.position, token.position if start is None else min(token.position, first)


# --- out, many streams ------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where a page of FilterLogEvents goes on."""

    descending: bool
    position: int


def filter_log_events(call: Call, params: Params) -> Document:
    """The events of a group's streams that match a pattern, as one row in order of time.

    A page that holds something has a token even where nothing follows. Errors: InvalidParameter, ResourceNotFound.
    """
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names and prefix:
        raise InvalidParameterException("LogStream names and LogStream name prefix are mutually exclusive parameters.")
    matches = _pattern(params.get("filterPattern", ""))
    group = resolve.group(call, params)
    question = _question(call, group, params)
    place = _opened(call, question, params)
    low, high = _window(call, group, params)
    if place.descending:
        high = min(high, place.position)
    else:
        low = max(low, place.position + 1)
    if names:
        searched = [resolve.stream(call, group, name) for name in dict.fromkeys(names)]
    else:
        searched = streams.of_group(call, group, prefix or "")
    scanned = _together(call, searched, low, high, place.descending)
    found, last, ended = _search(scanned, matches, params.get("limit", PAGE_EVENTS))
    following = None
    if found or not ended:
        following = call.tokens.seal(question, ("-" if place.descending else "+", str(last)))
    return {"events": [_found(*each) for each in found], "searchedLogStreams": [], "nextToken": following}


def test_metric_filter(call: Call, params: Params) -> Document:
    """Which of these messages a pattern matches. Errors: InvalidParameter."""
    try:
        matches = patterns.compiled(params["filterPattern"])
    except patterns.Refused as refused:
        raise InvalidParameterException(refused.in_metric_filter) from None
    numbered = enumerate(params["logEventMessages"], 1)
    found = [{"eventNumber": number, "eventMessage": text} for number, text in numbered if matches(text)]
    return {"matches": [{**each, "extractedValues": {}} for each in found]}


def _pattern(text: str) -> patterns.Matches:
    try:
        return patterns.compiled(text)
    except patterns.Refused as refused:
        raise InvalidParameterException(refused.text) from None


def _question(call: Call, group: LogGroup, params: Params) -> bytes:
    """What a token of FilterLogEvents is bound to; times, limit and direction may change from page to page."""
    asked = [params.get(name) for name in ("filterPattern", "logStreamNames", "logStreamNamePrefix")]
    return encoding.encode([call.operation, call.world.account, call.world.region, group.name, asked])


def _opened(call: Call, question: bytes, params: Params) -> _Place:
    token = params.get("nextToken")
    if token is None:
        descending = not params.get("startFromHead", True)
        if descending and params.get("startTime", 0) < _DESCENDING_SINCE:
            raise InvalidParameterException(
                "startFromHead can only be false when startTime is on or after January 1, 2024 00:00:00 UTC."
            )
        return _Place(descending, positions.BEYOND_ALL if descending else -1)
    try:
        way, position = call.tokens.open(question, token)
    except tokens.BadToken:
        raise InvalidParameterException(BAD_TOKEN) from None
    return _Place(way == "-", int(str(position)))


Located = tuple[LogStream, Event]


def _together(call: Call, searched: Sequence[LogStream], low: int, high: int, descending: bool) -> Iterator[Located]:
    def walk(stream: LogStream) -> Iterator[Located]:
        for event in files.scan(streams.directory(call, stream), low, high, newest_first=descending):
            yield stream, event

    return merge(*map(walk, searched), key=lambda located: located[1].position, reverse=descending)


def _search(scanned: Iterable[Located], matches: patterns.Matches, limit: int) -> tuple[list[Located], int, bool]:
    """The matches of one page, the last position that was looked at, and whether everything was."""
    found: list[Located] = []
    searched = volume = 0
    last = -1
    for stream, event in scanned:
        if len(found) == limit or searched > SCAN_BYTES:
            return found, last, False
        searched += event.size + EVENT_OVERHEAD
        if matches(event.message):
            volume += event.size + EVENT_OVERHEAD
            if found and volume > PAGE_BYTES:
                return found, last, False
            found.append((stream, event))
        last = event.position
    return found, last, True


def _found(stream: LogStream, event: Event) -> Document:
    return {
        "logStreamName": stream.name,
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingested,
        "eventId": positions.text(event.position),
    }
