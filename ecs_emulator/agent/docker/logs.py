"""Every container's output through one thread: it follows the engine's log streams and writes the log files.

How far it read is kept in the files themselves, beside each line. So neither an end of this process nor one of the
engine's loses a line or stores one twice: the stream is asked for again from a little earlier, and what is known is
passed over.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ecs_emulator.agent.docker.log_stream import Frames, Garbled, Lines, Records, Response, Terminal, accumulated
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.logs import files
from ecs_emulator.logs.driver import Destination
from ecs_emulator.logs.files import Bookmark, Entry

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_READ_BYTES = 1 << 18
_READS_IN_TURN = 4
_CLOCKS_APART = 60.0
"""Seconds that the engine's clock may differ from ours."""


class _Followed:
    """One container on its way into one stream. Lives from `follow` to `finish`; only the thread touches it."""

    def __init__(self, container_id: str, target: Destination, directory: Path, tty: bool, not_before: int) -> None:
        self.container_id = container_id
        self.target = target
        self.directory = directory
        self.tty = tty
        self.not_before = not_before
        self.stored = Bookmark(int(container_id[:16], 16))
        self.stored_is_known = False
        self.lines = Lines(self.stored, target.event_start)
        self.connection: socket.socket | None = None
        self.response = Response()
        self.records: Records = Frames()
        self.due = 0.0
        self.pause = _FIRST_PAUSE
        self.settles_at: float | None = None
        self.finishing = False
        self.last_look = False
        self.over = threading.Event()
        self.is_whole = False

    def look_up(self) -> None:
        """Begin, or begin again, from what the files say. Raises OSError where they are not readable."""
        self.stored = files.bookmark(self.directory, self.stored.origin, self.not_before)
        self.lines = Lines(self.stored, self.target.event_start)
        self.stored_is_known = True


class Collector:
    """Lives as long as the server; `run` is the body of its one thread, all else may be called from any."""

    def __init__(
        self, engine_socket: str, data_dir: Path, clock: Clock, *, api_version: str, settle_after: float = 1.0
    ) -> None:
        """`settle_after`: seconds without a further line after which a multi-line event is whole."""
        self._engine_socket = engine_socket
        self._api_version = api_version
        self._data_dir = data_dir
        self._clock = clock
        self._settle_after = settle_after
        self._followed: dict[str, _Followed] = {}
        self._orders: deque[Callable[[], None]] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._stopping = False

    # --- from any thread ----------------------------------------------------------------------------------------------

    def follow(
        self, container_id: str, target: Destination, *, tty: bool = False, since: Instant | None = None
    ) -> None:
        """Bring all that this container wrote and writes into the stream, also after a restart. Once more is no harm.

        Call it after the container's start, by its full id; a stream that does not exist takes nothing. The container is
        no older than `since`: so far back it is looked up what is stored already.
        """
        directory = files.stream_directory(self._data_dir, target.world, target.group, target.stream)
        not_before = 0 if since is None else max(0, round((since - _CLOCKS_APART) * 1000))

        def order() -> None:
            if (known := self._followed.get(container_id)) is not None:
                known.finishing = False
                known.due = 0.0
                return
            self._followed[container_id] = _Followed(container_id, target, directory, tty, not_before)

        self._order(order)

    def finish(self, container_id: str, patience: float = 10.0) -> bool:
        """Wait until the last line of a dead container is stored, and follow it no more; False if that takes longer.

        For a worker thread, before the container is removed. A container that is not followed is finished.
        """
        taken = threading.Event()
        found: list[_Followed] = []

        def order() -> None:
            if (followed := self._followed.get(container_id)) is not None:
                found.append(followed)
                followed.finishing = True
                followed.due = 0.0
            taken.set()

        deadline = time.monotonic() + patience
        self._order(order)
        if self._stopping or not taken.wait(patience):
            return False
        return not found or (found[0].over.wait(max(0.0, deadline - time.monotonic())) and found[0].is_whole)

    def unfollow(self, container_id: str) -> None:
        """Follow this container no longer, whatever it still writes."""

        def order() -> None:
            if (followed := self._followed.get(container_id)) is not None:
                self._let_go(followed)

        self._order(order)

    def stop(self) -> None:
        """Have `run` return soon. What was not stored yet is read again when the container is followed the next time."""
        self._stopping = True
        self._order(lambda: None)

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.append(order)
        with suppress(OSError):  # the pipe is full of wake-ups already, or the collector is gone
            self._waker.send(b"!")

    # --- the thread ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Follow until stopped."""
        try:
            while not self._stopping:
                self._take_orders()
                self._connect_those_due()
                for key, _ in self._selector.select(self._patience()):
                    if key.data is None:
                        self._sleep_no_more()
                    else:
                        self._read(key.data)
                self._settle()
        finally:
            self._stopping = True
            self._take_orders()
            for followed in list(self._followed.values()):
                self._let_go(followed)
            self._selector.close()
            self._wake.close()
            self._waker.close()

    def _take_orders(self) -> None:
        while self._orders:
            self._orders.popleft()()

    def _sleep_no_more(self) -> None:
        with suppress(BlockingIOError):
            self._wake.recv(4096)

    def _patience(self) -> float | None:
        """Seconds until something is due of itself."""
        waiting = [followed.due for followed in self._followed.values() if followed.connection is None]
        waiting += [followed.settles_at for followed in self._followed.values() if followed.settles_at is not None]
        if self._orders:
            return 0.0
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _connect_those_due(self) -> None:
        now = time.monotonic()
        for followed in list(self._followed.values()):
            if followed.connection is None and followed.due <= now:
                self._connect(followed)

    def _connect(self, followed: _Followed) -> None:
        followed.last_look = followed.finishing
        try:
            if not followed.stored_is_known:
                followed.look_up()
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            log.error("the logs of %s cannot be collected now: %s", followed.container_id, error)
            self._again_later(followed)
            return
        since = followed.lines.reconnect()
        try:
            connection.setblocking(False)
            connection.connect(self._engine_socket)
            connection.sendall(self._request(followed.container_id, since, follow=not followed.last_look))
            self._selector.register(connection, selectors.EVENT_READ, followed)
        except OSError as error:
            connection.close()
            log.debug("the engine does not answer for the logs of %s: %s", followed.container_id, error)
            self._again_later(followed)
            return
        followed.connection = connection
        followed.response = Response()
        followed.records = Terminal() if followed.tty else Frames()

    def _request(self, container_id: str, since: int, *, follow: bool) -> bytes:
        query = f"stdout=1&stderr=1&timestamps=1&since={since // 1_000_000_000}.{since % 1_000_000_000:09d}"
        path = f"/v{self._api_version}/containers/{container_id}/logs?{query}&follow={int(follow)}"
        return f"GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode("ascii")

    def _read(self, followed: _Followed) -> None:
        if followed.connection is None:
            return
        for _ in range(_READS_IN_TURN):
            try:
                data = followed.connection.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._close(followed)
                self._again_later(followed)
                return
            try:
                body = followed.response.feed(data)
                entries = followed.lines.take(followed.records.feed(body)) if followed.response.status == 200 else []
            except Garbled as error:
                log.error("the logs of %s are not readable: %s", followed.container_id, error)
                self._let_go(followed)
                return
            if not self._store(followed, entries):
                return
            if followed.response.ended:
                self._close(followed)
                self._ended(followed)
                return

    def _ended(self, followed: _Followed) -> None:
        """The engine said that this was all. For a container that ran on it is all of now: it is asked again."""
        status = followed.response.status
        if status == 404 or (status == 200 and followed.finishing and followed.last_look):
            last = followed.lines.take(followed.records.end()) + followed.lines.end()
            if self._store(followed, last):
                followed.is_whole = True
                self._let_go(followed)
            return
        if status == 200 and (followed.finishing or followed.last_look):
            followed.due = 0.0
            return
        if status != 200:
            log.warning("the engine answers %s for the logs of %s", status, followed.container_id)
        self._again_later(followed)

    def _again_later(self, followed: _Followed) -> None:
        followed.due = time.monotonic() + followed.pause
        followed.pause = min(followed.pause * 2, _LONGEST_PAUSE)

    def _close(self, followed: _Followed) -> None:
        if followed.connection is not None:
            self._selector.unregister(followed.connection)
            followed.connection.close()
            followed.connection = None

    def _let_go(self, followed: _Followed) -> None:
        self._close(followed)
        self._followed.pop(followed.container_id, None)
        followed.over.set()

    # --- storing ------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        now = time.monotonic()
        for followed in list(self._followed.values()):
            if followed.settles_at is not None and followed.settles_at <= now:
                self._store(followed, followed.lines.settle())

    def _store(self, followed: _Followed, entries: list[Entry]) -> bool:
        """False where the disk refused: then all is read again later."""
        followed.settles_at = time.monotonic() + self._settle_after if followed.lines.settles else None
        if not entries:
            return True
        followed.pause = _FIRST_PAUSE
        ordered = accumulated(entries, followed.stored, followed.lines.open_since)
        try:
            files.append(followed.directory, ordered, round(self._clock.now() * 1000))
        except FileNotFoundError:
            log.debug("the stream %s is deleted: %d lines are dropped", followed.target.stream, len(entries))
        except OSError as error:
            log.error("the logs of %s cannot be stored, and will be read again: %s", followed.container_id, error)
            self._close(followed)
            followed.stored_is_known = False
            self._again_later(followed)
            return False
        followed.stored = ordered[-1].bookmark
        return True
