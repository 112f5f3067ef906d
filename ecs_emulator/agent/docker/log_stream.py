"""The engine's log stream taken apart: chunks into frames, frames into records, records into lines, lines into events.

It knows no socket and no clock: bytes go in as they come, cut anywhere, and events come out.
Source: ContainerLogs and "Stream format" of ContainerAttach in the Docker Engine API reference.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, Protocol

from ecs_emulator.logs.files import UNREAD, Bookmark, Entry, Mark

STDOUT, STDERR = 1, 2
MAX_EVENT_BYTES = 262_144 - 26
"""The awslogs driver cuts a longer line into several events."""
OVERLAP_NS = 2_000_000_000
"""So much is asked for again after an interruption: the two outputs are not stored in the order of their stamps."""

_NS_PER_MS = 1_000_000
_STAMP_BYTES = 30
_MOST_RECORDS = 0xFFFF
_FRAME = struct.Struct(">BxxxL")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")


class Garbled(Exception):
    """What arrives is no log stream of the kind that was asked for."""


class Record(NamedTuple):
    """What the engine's log file has as one record: a line, or a part of one without its line end."""

    output: int
    ns: int
    content: bytes


class Records(Protocol):
    """Takes a body as it comes, and gives the records that are whole."""

    def feed(self, data: bytes) -> list[Record]: ...

    def end(self) -> list[Record]:
        """What is left where the body ended."""
        ...


# --- HTTP -------------------------------------------------------------------------------------------------------------


class Response:
    """One HTTP/1.1 answer as it arrives. Lives as long as its connection.

    `ended` is true once the engine said that this was all; a connection that breaks off before is an interruption.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = False
        self._buffer = bytearray()
        self._left: int | None = None
        self._chunked = False

    def feed(self, data: bytes) -> bytes:
        """The part of the body that these bytes complete."""
        self._buffer += data
        if self.status is None and not self._read_head():
            return b""
        return self._read_chunks() if self._chunked else self._read_plain()

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *fields = bytes(self._buffer[:end]).lower().split(b"\r\n")
        del self._buffer[: end + 4]
        words = first.split()
        if len(words) < 2 or not words[0].startswith(b"http/1.") or not words[1].isdigit():
            raise Garbled(f"no HTTP answer: {first[:40]!r}")
        headers = dict(field.split(b":", 1) for field in fields if b":" in field)
        self._chunked = headers.get(b"transfer-encoding", b"").strip() == b"chunked"
        length = headers.get(b"content-length", b"").strip()
        self._left = int(length) if length.isdigit() else None
        self.status = int(words[1])
        return True

    def _read_plain(self) -> bytes:
        body = bytes(self._buffer if self._left is None else self._buffer[: self._left])
        self._buffer.clear()
        if self._left is not None:
            self._left -= len(body)
            self.ended = self._left == 0
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while not self.ended:
            if self._left is None:
                end = self._buffer.find(b"\r\n")
                if end < 0:
                    break
                self._left = _chunk_size(bytes(self._buffer[:end]))
                del self._buffer[: end + 2]
            if self._left == 0:
                self.ended = True
                break
            if len(self._buffer) < self._left + 2:
                break
            body += self._buffer[: self._left]
            del self._buffer[: self._left + 2]
            self._left = None
        return bytes(body)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";", 1)[0], 16)
    except ValueError:
        raise Garbled(f"no chunk size: {line[:40]!r}") from None


# --- records ----------------------------------------------------------------------------------------------------------


class Frames:
    """The records of a container without a terminal: each in a frame with the output's number and a length."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Record]:
        self._buffer += data
        records: list[Record] = []
        place = 0
        while len(self._buffer) - place >= _FRAME.size:
            output, length = _FRAME.unpack_from(self._buffer, place)
            if output not in (STDOUT, STDERR):
                raise Garbled(f"a frame of output {output}")
            end = place + _FRAME.size + length
            if len(self._buffer) < end:
                break
            records.append(_record(output, bytes(self._buffer[place + _FRAME.size : end])))
            place = end
        del self._buffer[:place]
        return records

    def end(self) -> list[Record]:
        return []


class Terminal:
    """The records of a container with a terminal: stamped text on end.

    A part of a long line has no line end; the next part begins with the same stamp, which is how one is known.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Record]:
        self._buffer += data
        records: list[Record] = []
        while (end := self._end()) > 0:
            records.append(_record(STDOUT, bytes(self._buffer[:end])))
            del self._buffer[:end]
        return records

    def end(self) -> list[Record]:
        left = bytes(self._buffer)
        self._buffer.clear()
        return [_record(STDOUT, left)] if _STAMP.match(left) else []

    def _end(self) -> int:
        """Where the first record ends; 0 as long as that is not known."""
        line_end = self._buffer.find(b"\n") + 1
        stamp = bytes(self._buffer[: _STAMP_BYTES + 1])
        again = self._buffer.find(stamp, len(stamp), line_end or len(self._buffer))
        return again if again > 0 else line_end


def _record(output: int, stamped: bytes) -> Record:
    if _STAMP.match(stamped) is None:
        raise Garbled(f"a record without a time: {stamped[:40]!r}")
    ns = _seconds(stamped[:19]) * 1_000_000_000 + int(stamped[20 : _STAMP_BYTES - 1])
    return Record(output, ns, stamped[_STAMP_BYTES + 1 :])


@lru_cache(maxsize=64)
def _seconds(moment: bytes) -> int:
    return int(datetime.fromisoformat(moment.decode("ascii")).replace(tzinfo=UTC).timestamp())


# --- lines and events -------------------------------------------------------------------------------------------------


class Lines:
    """From records to events, over any number of connections, each record once. Lives while a container is followed.

    The bookmark of an event says only what that event adds; `accumulated` makes each say all that came before.
    """

    def __init__(self, stored: Bookmark, event_start: re.Pattern[bytes] | None) -> None:
        self._origin = stored.origin
        self._still_open = stored.open_since
        self._event_start = event_start
        self._arrived = {STDOUT: stored.stdout, STDERR: stored.stderr}
        self._known = dict(self._arrived)
        self._repeated = {STDOUT: 0, STDERR: 0}
        self._parts: dict[int, _Part] = {}
        self._open: list[_Line] = []
        self._open_bytes = 0

    def reconnect(self) -> int:
        """Another connection begins: what arrived before will come again. From which nanosecond to ask."""
        self._known = dict(self._arrived)
        self._repeated = {STDOUT: 0, STDERR: 0}
        since = max(mark.ns for mark in self._arrived.values())
        if self._still_open:
            since = min(since, self._still_open)
        return max(0, since - OVERLAP_NS)

    def take(self, records: Iterable[Record]) -> list[Entry]:
        """The events that these records complete."""
        entries: list[Entry] = []
        for record in records:
            if self._is_known(record):
                continue
            mark = self._count(record)
            for line in self._lines(record, mark):
                entries += self._event(line)
        return entries

    @property
    def settles(self) -> bool:
        """Whether lines wait for others of their event."""
        return bool(self._open)

    @property
    def open_since(self) -> int:
        """The nanosecond of the oldest line that waits for its end or for others of its event; 0 where none does."""
        waiting = [part.ns for part in self._parts.values()] + [line.ns for line in self._open]
        return min(waiting, default=0)

    def settle(self) -> list[Entry]:
        """The event that was still open: nothing more belongs to it."""
        lines, self._open, self._open_bytes = self._open, [], 0
        return self._entries(lines) if lines else []

    def end(self) -> list[Entry]:
        """All that is left once the container wrote its last: also a line without its end."""
        entries: list[Entry] = []
        for output in sorted(self._parts):
            entries += self._event(self._parts.pop(output).line(output))
        return entries + self.settle()

    def _is_known(self, record: Record) -> bool:
        known = self._known[record.output]
        if record.ns < known.ns:
            return True
        if record.ns == known.ns and self._repeated[record.output] < known.records:
            self._repeated[record.output] += 1
            return True
        return False

    def _count(self, record: Record) -> Mark:
        """A clock that was set back leaves the mark where it is."""
        mark = self._arrived[record.output]
        if record.ns > mark.ns:
            mark = Mark(record.ns, 1)
        elif record.ns == mark.ns:
            mark = Mark(record.ns, min(mark.records + 1, _MOST_RECORDS))
        self._arrived[record.output] = mark
        return mark

    def _lines(self, record: Record, mark: Mark) -> Iterator[_Line]:
        part = self._parts.get(record.output)
        if part is None and record.content.endswith(b"\n"):
            yield _Line(record.output, record.ns, record.content[:-1], mark)
            return
        if part is None:
            part = self._parts[record.output] = _Part(record.ns)
        part.content += record.content
        part.mark = mark
        if record.content.endswith(b"\n") or len(part.content) >= MAX_EVENT_BYTES:
            yield self._parts.pop(record.output).line(record.output)

    def _event(self, line: _Line) -> list[Entry]:
        if self._event_start is None:
            return self._entries([line])
        too_long = self._open_bytes + len(line.text) > MAX_EVENT_BYTES
        entries = self.settle() if too_long or self._event_start.search(line.text) else []
        self._open.append(line)
        self._open_bytes += len(line.text) + 1
        return entries

    def _entries(self, lines: Sequence[_Line]) -> list[Entry]:
        """One event of these lines, or several where it is too long; none where it is empty."""
        read = {STDOUT: UNREAD, STDERR: UNREAD}
        for line in lines:
            read[line.output] = line.mark
        timestamp = lines[0].ns // _NS_PER_MS
        messages = [part.decode("utf-8", "replace") for part in _cut(b"\n".join(line.text for line in lines))]
        if not messages:
            return []
        whole = Entry(timestamp, messages[-1], Bookmark(self._origin, read[STDOUT], read[STDERR]))
        return [*(Entry(timestamp, message) for message in messages[:-1]), whole]


class _Line(NamedTuple):
    """One line of output without its end, and how far it was read with it."""

    output: int
    ns: int
    text: bytes
    mark: Mark


class _Part:
    """A line that is still growing. Lives until its end comes."""

    __slots__ = ("content", "mark", "ns")

    def __init__(self, ns: int) -> None:
        self.ns = ns
        self.content = bytearray()
        self.mark = UNREAD

    def line(self, output: int) -> _Line:
        return _Line(output, self.ns, bytes(self.content.removesuffix(b"\n")), self.mark)


def accumulated(entries: Sequence[Entry], stored: Bookmark, open_since: int) -> list[Entry]:
    """The entries in order of time, each with a bookmark that says all that is stored once it is.

    For each but the last the next is still open: a power cut may leave only the first of them.
    """
    ordered = sorted(entries, key=attrgetter("timestamp"))
    opens = [entry.timestamp * _NS_PER_MS for entry in ordered[1:]] + [open_since]
    stdout, stderr = stored.stdout, stored.stderr
    for place, entry in enumerate(ordered):
        stdout, stderr = max(stdout, entry.bookmark.stdout), max(stderr, entry.bookmark.stderr)
        since = min(opens[place], open_since or opens[place])
        read = Bookmark(stored.origin, stdout, stderr, since)
        ordered[place] = Entry(entry.timestamp, entry.message, read)
    return ordered


def _cut(text: bytes) -> Iterator[bytes]:
    """Parts of at most `MAX_EVENT_BYTES`, none of which ends inside of a character."""
    while len(text) > MAX_EVENT_BYTES:
        end = MAX_EVENT_BYTES
        while end > MAX_EVENT_BYTES - 4 and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[:end]
        text = text[end:]
    if text:
        yield text
