"""The lines themselves: append-only files, message after message, and beside each an index of fixed-size records.

    logs/<account>/<region>/<group>/<stream>/00000000000000000000.log      the messages, a line end after each
                                             00000000000000000000.index    88 bytes for each message
                                             00000000000000041982.log …    the next segment, named by its first ordinal
    logs/trash/…                                                           deleted streams, until `empty_trash`

What holds it together: the message is written before its record, so a record always has its message; a torn last record
is not there (readers count whole records, the next writer cuts the rest off); a record whose message does not have its
checksum is passed over. A segment is a row of runs, each sorted by position: nearly always one, and one more whenever a
batch begins earlier than the last one ended. Writers take the directory's `flock`, so threads and processes alike write
one after another; readers take nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import heapq
import os
import re
import shutil
import struct
import uuid
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from ecs_emulator.arns import World
from ecs_emulator.logs import positions

SEGMENT_BYTES = 64 << 20
"""A segment that holds this much is followed by the next."""

_BATCH = 10_000
"""As many events as PutLogEvents takes at once; the index within a batch has 16 bits."""
_FIRST_RECORDS = 16
_CHUNK_RECORDS = 1024
_CHUNK_BYTES = 1 << 20
_TRASH = "trash"
_AHEAD = 2 * 3_600_000
"""No event is stored that is more milliseconds ahead of its ingestion."""

# timestamp, ingestion, batch, index in it | run | offset, length, checksum | a bookmark, its marks as ns and records
_RECORD = struct.Struct(">QQQHIQIIQQHQHQ6x")
_POSITION_BYTES = 26
_RUN = struct.Struct(">I")
_BOOKMARK = struct.Struct(">QQHQHQ")
_BOOKMARK_AT = 46


class Mark(NamedTuple):
    """How far one output of a container was read: this nanosecond, and so many records of it."""

    ns: int
    records: int


UNREAD = Mark(0, 0)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Kept in each record of a collected line, so that what is stored and how far was read cannot disagree."""

    origin: int
    """Which container, as 64 bits; 0 is nobody."""
    stdout: Mark = UNREAD
    stderr: Mark = UNREAD
    open_since: int = 0
    """The nanosecond of the oldest line that was read and is not stored, because more belongs to it; 0 without any."""


NOBODY = Bookmark(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on its way in; the timestamp is in milliseconds."""

    timestamp: int
    message: str
    bookmark: Bookmark = NOBODY


class Event(NamedTuple):
    """An event as it is kept. Times are milliseconds; `size` is the message's length in bytes."""

    position: int
    timestamp: int
    ingested: int
    message: str
    size: int


class Extent(NamedTuple):
    """What DescribeLogStreams says of a stream that holds events."""

    first_timestamp: int
    last_timestamp: int
    last_ingested: int


# --- places -----------------------------------------------------------------------------------------------------------


def group_directory(data_dir: Path, world: World, group: str) -> Path:
    """Where the streams of a group lie."""
    return data_dir / "logs" / world.account / world.region / _file_name(group)


def stream_directory(data_dir: Path, world: World, group: str, stream: str) -> Path:
    """Where the segments of a stream lie."""
    return group_directory(data_dir, world, group) / _file_name(stream)


def _file_name(name: str) -> str:
    """Names have up to 512 characters and any but `:` and `*`; a file name has fewer, and may not care for case."""
    readable = re.sub(r"[^a-z0-9_-]", "_", name.lower())[-60:]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def create(directory: Path) -> None:
    """Make the place of a new stream, empty also where an older stream of this name left something."""
    discard(directory)
    directory.mkdir(parents=True, exist_ok=True)


def discard(directory: Path) -> None:
    """Have a stream, or a group with all its streams, gone at once; `empty_trash` frees the space later."""
    if not directory.is_dir():
        return
    root = next(parent for parent in directory.parents if parent.name == "logs")
    (root / _TRASH).mkdir(exist_ok=True)
    directory.rename(root / _TRASH / uuid.uuid4().hex)


def empty_trash(data_dir: Path) -> None:
    """Free the space of what was discarded."""
    with contextlib.suppress(FileNotFoundError):
        for discarded in os.scandir(data_dir / "logs" / _TRASH):
            shutil.rmtree(discarded.path, ignore_errors=True)


# --- writing ----------------------------------------------------------------------------------------------------------


def append(directory: Path, entries: Sequence[Entry], ingested: int) -> int:
    """Store these events, ordered by time; the position of the last one.

    Raises FileNotFoundError where the stream is deleted, OSError where the disk takes no more; then the events that are
    whole stay.
    """
    ordered = sorted(entries, key=attrgetter("timestamp"))
    position = 0
    with _alone_in(directory) as directory_fd:
        for start in range(0, len(ordered), _BATCH):
            position = _append_batch(directory_fd, directory.name, ordered[start : start + _BATCH], ingested)
    return position


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[int]:
    """Hold the directory against other writers. What is opened beneath its descriptor stays right when it is moved."""
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory_fd, fcntl.LOCK_EX)
        yield directory_fd
    finally:
        os.close(directory_fd)


def _append_batch(directory_fd: int, stream_key: str, entries: Sequence[Entry], ingested: int) -> int:
    base = max(_bases(directory_fd), default=0)
    with _opened(directory_fd, base, os.O_RDWR | os.O_CREAT | os.O_APPEND) as (index_fd, log_fd):
        records = os.fstat(index_fd).st_size // _RECORD.size
        if records and os.fstat(log_fd).st_size >= SEGMENT_BYTES:
            base, records = base + records, 0
            with _opened(directory_fd, base, os.O_RDWR | os.O_CREAT | os.O_APPEND) as (next_index_fd, next_log_fd):
                return _write(next_index_fd, next_log_fd, base, records, stream_key, entries, ingested)
        return _write(index_fd, log_fd, base, records, stream_key, entries, ingested)


def _write(
    index_fd: int, log_fd: int, base: int, records: int, stream_key: str, entries: Sequence[Entry], ingested: int
) -> int:
    index = _Index(index_fd, records)
    os.ftruncate(index_fd, records * _RECORD.size)  # a torn record, if there is one
    batch = _batch_id(base + records, stream_key)
    run = index.run(records - 1) if records else 0
    if records and positions.of(entries[0].timestamp, ingested, batch, 0) < index.position(records - 1):
        run += 1
    offset = os.fstat(log_fd).st_size
    messages: list[bytes] = []
    packed: list[bytes] = []
    for place, entry in enumerate(entries):
        message = entry.message.encode("utf-8", "replace")
        read = entry.bookmark
        known = (entry.timestamp, ingested, batch, place, run, offset, len(message), zlib.crc32(message))
        packed.append(_RECORD.pack(*known, read.origin, *read.stdout, *read.stderr, read.open_since))
        messages += (message, b"\n")
        offset += len(message) + 1
    _write_all(log_fd, b"".join(messages))
    _write_all(index_fd, b"".join(packed))
    return positions.of(entries[-1].timestamp, ingested, batch, len(entries) - 1)


def _batch_id(ordinal: int, stream_key: str) -> int:
    """Grows within a stream, and differs between streams: `aws logs tail` takes equal event ids for one event."""
    return (ordinal & (1 << 39) - 1) << 24 | zlib.crc32(stream_key.encode()) & 0xFFFFFF


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


# --- reading ----------------------------------------------------------------------------------------------------------


def scan(directory: Path, low: int, high: int, *, newest_first: bool = False) -> Iterator[Event]:
    """The events at positions in [low, high), in their order. Reads as it is asked, and holds no file open between."""
    stretches = _stretches(directory, low, high)
    walks = [_walk(directory, stretch, newest_first) for stretch in stretches]
    if len(walks) == 1:
        return walks[0]
    return heapq.merge(*walks, key=attrgetter("position"), reverse=newest_first)


def extent(directory: Path) -> Extent | None:
    """The earliest and the latest event, and when the last one came in; None without events."""
    first, last, ingested = positions.BEYOND_ALL, -1, 0
    for _, index in _indexes(directory):
        for start, end in index.runs():
            first = min(first, index.position(start))
            last = max(last, index.position(end - 1))
        if index.records:
            ingested = index.ingested(index.records - 1)
    return None if last < 0 else Extent(first >> 144, last >> 144, ingested)


def bookmark(directory: Path, origin: int, not_before: int = 0) -> Bookmark:
    """How far the lines of this container are stored here.

    Nothing of it came in before the millisecond `not_before`; the search ends there.
    """
    for base in sorted(_bases(directory), reverse=True):
        with contextlib.suppress(FileNotFoundError), _index(directory, base) as index:
            found = _last_of_origin(index, origin, not_before)
            if found is not None:
                return found
    return Bookmark(origin)


def _last_of_origin(index: _Index, origin: int, not_before: int) -> Bookmark | None:
    end = index.records
    while end > 0:
        start = max(0, end - _CHUNK_RECORDS)
        chunk = index.read(start, end)
        for at in range(len(chunk) - _RECORD.size, -1, -_RECORD.size):
            found, out_ns, out_records, err_ns, err_records, open_since = _BOOKMARK.unpack_from(
                chunk, at + _BOOKMARK_AT
            )
            if found == origin:
                return Bookmark(origin, Mark(out_ns, out_records), Mark(err_ns, err_records), open_since)
        if index.ingested(start) < not_before:
            return Bookmark(origin)
        end = start
    return None


class _Stretch(NamedTuple):
    """Records of one run that are asked for."""

    base: int
    start: int
    end: int


class _Index:
    """One open index file, seen as its whole records. Lives inside one `with`."""

    __slots__ = ("_fd", "records")

    def __init__(self, fd: int, records: int) -> None:
        self._fd = fd
        self.records = records

    def read(self, start: int, end: int) -> bytes:
        return os.pread(self._fd, (end - start) * _RECORD.size, start * _RECORD.size)

    def position(self, place: int) -> int:
        return int.from_bytes(os.pread(self._fd, _POSITION_BYTES, place * _RECORD.size), "big")

    def ingested(self, place: int) -> int:
        return int.from_bytes(os.pread(self._fd, 8, place * _RECORD.size + 8), "big")

    def run(self, place: int) -> int:
        run: int = _RUN.unpack(os.pread(self._fd, _RUN.size, place * _RECORD.size + _POSITION_BYTES))[0]
        return run

    def runs(self) -> Iterator[tuple[int, int]]:
        """The first record of each run and the one behind its last."""
        start = 0
        while start < self.records:
            run = self.run(start)
            last_run = self.run(self.records - 1)
            end = self.records if run == last_run else bisect_right(range(self.records), run, lo=start, key=self.run)
            yield start, end
            start = end


@contextlib.contextmanager
def _index(directory: Path, base: int) -> Iterator[_Index]:
    fd = os.open(directory / f"{base:020d}.index", os.O_RDONLY)
    try:
        yield _Index(fd, os.fstat(fd).st_size // _RECORD.size)
    finally:
        os.close(fd)


def _indexes(directory: Path) -> Iterator[tuple[int, _Index]]:
    """The segments' indexes, oldest first; one that retention just removed is not there."""
    for base in sorted(_bases(directory)):
        with contextlib.suppress(FileNotFoundError), _index(directory, base) as index:
            yield base, index


def _stretches(directory: Path, low: int, high: int) -> list[_Stretch]:
    found: list[_Stretch] = []
    for base, index in _indexes(directory):
        for run_start, run_end in index.runs():
            start = bisect_left(range(run_end), low, lo=run_start, key=index.position)
            end = bisect_left(range(run_end), high, lo=start, key=index.position)
            if start < end:
                found.append(_Stretch(base, start, end))
    return found


def _walk(directory: Path, stretch: _Stretch, newest_first: bool) -> Iterator[Event]:
    base, start, end = stretch
    size = _FIRST_RECORDS  # few first: many streams are opened for one page of FilterLogEvents
    while start < end:
        near = (max(start, end - size), end) if newest_first else (start, min(end, start + size))
        size = min(size * 4, _CHUNK_RECORDS)
        try:
            taken, events = _load(directory, _Stretch(base, *near), newest_first)
        except FileNotFoundError:  # retention, or the deletion of the stream, was quicker
            return
        yield from events
        start, end = (start, end - taken) if newest_first else (start + taken, end)


def _load(directory: Path, stretch: _Stretch, newest_first: bool) -> tuple[int, list[Event]]:
    """Some of these events, at least one record's: how many records were taken, and the events that are whole."""
    events: list[Event] = []
    taken = volume = 0
    with contextlib.ExitStack() as files:
        directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        files.callback(os.close, directory_fd)
        index_fd, log_fd = files.enter_context(_opened(directory_fd, stretch.base, os.O_RDONLY))
        records = list(_RECORD.iter_unpack(_Index(index_fd, 0).read(stretch.start, stretch.end)))
        for record in reversed(records) if newest_first else records:
            timestamp, ingested, batch, place, _, offset, length, checksum, *_ = record
            message = os.pread(log_fd, length, offset)
            taken += 1
            volume += length
            if zlib.crc32(message) == checksum and len(message) == length:
                position = positions.of(timestamp, ingested, batch, place)
                events.append(Event(position, timestamp, ingested, message.decode(), length))
            if volume >= _CHUNK_BYTES:
                break
    return taken, events


# --- retention --------------------------------------------------------------------------------------------------------


def expire(directory: Path, cutoff: int) -> int:
    """Remove segments of which every event is from before the millisecond `cutoff`; how many were removed.

    An event is never more than two hours ahead of its ingestion, and a segment's last record came in last. The last
    segment is replaced by an empty one first, so that ordinals go on.
    """
    removed = 0
    if not directory.is_dir():
        return removed
    with _alone_in(directory) as directory_fd:
        bases = sorted(_bases(directory_fd))
        for base in bases:
            with _index(directory, base) as index:
                records = index.records
                expired = records > 0 and index.ingested(records - 1) + _AHEAD < cutoff
            if not expired:
                continue
            if base == bases[-1]:
                with _opened(directory_fd, base + records, os.O_RDWR | os.O_CREAT):
                    pass
            for kind in ("index", "log"):
                os.unlink(f"{base:020d}.{kind}", dir_fd=directory_fd)
            removed += 1
    return removed


def _bases(directory: Path | int) -> list[int]:
    try:
        return [int(name[:-6]) for name in os.listdir(directory) if name.endswith(".index")]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def _opened(directory_fd: int, base: int, flags: int) -> Iterator[tuple[int, int]]:
    """Both files of a segment: index and log."""
    index_fd = os.open(f"{base:020d}.index", flags, 0o600, dir_fd=directory_fd)
    try:
        log_fd = os.open(f"{base:020d}.log", flags, 0o600, dir_fd=directory_fd)
        try:
            yield index_fd, log_fd
        finally:
            os.close(log_fd)
    finally:
        os.close(index_fd)
