"""An engine that only has logs: a unix socket that streams what a test writes, and breaks off when a test says so."""

from __future__ import annotations

import re
import socketserver
import struct
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

STDOUT, STDERR = 1, 2
_REQUEST = re.compile(
    r"GET /v([\d.]+)/containers/([0-9a-f]+)/logs\?stdout=1&stderr=1&timestamps=1&since=([\d.]+)&follow=(\d)"
)


def stamp(ns: int) -> bytes:
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09d}Z".encode()


@dataclass
class Container:
    """What one container wrote. Lives as long as a test."""

    tty: bool = False
    alive: bool = True
    records: list[tuple[int, int, bytes]] = field(default_factory=list)


class Engine:
    """Lives as long as a test."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.changed = threading.Condition()
        self.containers: dict[str, Container] = {}
        self.requests: list[tuple[str, float, bool]] = []
        self.version = "1.44"
        """The only one that it speaks."""
        self.break_after: int | None = None
        """So many more records, then half a record, then the connection is gone."""
        self._server: socketserver.ThreadingUnixStreamServer | None = None

    def start(self) -> None:
        engine = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                engine.answer(self)

        self._server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            Path(self.path).unlink()
        with self.changed:
            self.changed.notify_all()

    def write(self, container_id: str, content: bytes, output: int = STDOUT, ns: int | None = None) -> None:
        with self.changed:
            self.containers[container_id].records.append((output, time.time_ns() if ns is None else ns, content))
            self.changed.notify_all()

    def die(self, container_id: str) -> None:
        with self.changed:
            self.containers[container_id].alive = False
            self.changed.notify_all()

    def answer(self, handler: socketserver.StreamRequestHandler) -> None:
        found = _REQUEST.match(handler.rfile.readline().decode())
        assert found, "an unexpected request"
        version, container_id, since, follow = found[1], found[2], float(found[3]), found[4] == "1"
        self.requests.append((container_id, since, follow))
        container = self.containers.get(container_id)
        try:
            if version != self.version:
                handler.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
            elif container is None:
                handler.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
            else:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self._stream(handler, container, since, follow)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _stream(
        self, handler: socketserver.StreamRequestHandler, container: Container, since: float, follow: bool
    ) -> None:
        sent = 0
        while True:
            with self.changed:
                while follow and container.alive and self._server and sent == len(container.records):
                    self.changed.wait(0.05)
                records, alive = container.records[sent:], container.alive
            if not self._server:
                return
            for output, ns, content in records:
                sent += 1
                if ns < int(since * 1e9):
                    continue
                body = stamp(ns) + b" " + content
                if not container.tty:
                    body = struct.pack(">BxxxL", output, len(body)) + body
                chunk = b"%x\r\n%b\r\n" % (len(body), body)
                if self.break_after == 0:
                    self.break_after = None
                    handler.wfile.write(chunk[: len(chunk) // 2])
                    return
                handler.wfile.write(chunk)
                if self.break_after is not None:
                    self.break_after -= 1
            if not records and not (follow and alive):
                handler.wfile.write(b"0\r\n\r\n")
                return
