"""The one socket everything arrives on: what a door takes never reaches WSGI, all else goes to the app.

Lives only here: listening, a thread per connection, ending. Nothing else imports werkzeug's server: it can be replaced.
A connection is kept for the next request after a door's answer; one that reached WSGI is closed, as werkzeug does.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ecs_emulator.http.exchange import Body, Exchange, MalformedRequest, refuse_malformed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

_IDLE_SECONDS = 60.0  # between the requests of one connection
_MOST_KEPT = 256  # connections: with more open at once none waits for a next request, each holds a file and a thread
_MOST_OPEN = 512  # connections: beyond, the one that has been idle for longest goes
_STALLED_SECONDS = 300.0  # within one: engines compress while they send
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BREATH_SECONDS = 0.05


class Door(Protocol):
    """What is asked before WSGI: the AWS API, the registry's blobs, or a test's."""

    def takes(self, path: str, headers: Message) -> bool:
        """Whether a request for this path, as it stands in the request line, is this door's."""

    def serve(self, exchange: Exchange) -> None:
        """Answer it."""


class _Handler(WSGIRequestHandler):
    """Reads the requests of one connection, on its thread."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 64 * 1024  # chunks of a body are cut out of this buffer; what is larger is read past it
    timeout = _IDLE_SECONDS

    def run_wsgi(self) -> None:
        self.server.busy.add(self.connection)
        waits = self.headers.get("Expect", "").strip().lower() == "100-continue"
        try:
            refuse_malformed(self.headers)
            body = Body(self.rfile, self.headers, self.wfile if waits else None)
        except MalformedRequest as error:
            self.send_error(400, explain=str(error))
            return
        door = next((each for each in self.server.doors if each.takes(self.path, self.headers)), None)
        if door is None:
            super().run_wsgi()
            return
        try:
            self._serve_at(door, body)
        finally:
            self.server.idles(self.connection)
            self.connection.settimeout(_IDLE_SECONDS)

    def _serve_at(self, door: Door, body: Body) -> None:
        self.connection.settimeout(_STALLED_SECONDS)
        exchange = Exchange(self.command, self.path, self.headers, body, self.connection)
        exchange.reusable = not self.close_connection and len(self.server.open) <= _MOST_KEPT
        self.close_connection = True  # whatever fails below leaves the stream at an unknown place
        door.serve(exchange)
        if exchange.reusable and body.finished:
            self.close_connection = False
        elif not body.finished:
            exchange.linger()

    def version_string(self) -> str:
        return "ecs-emulator"

    def handle_expect_100(self) -> bool:
        return True  # said when the body is first read: a refusal needs no body

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: one line per request costs more than some requests."""

    def log(self, type: str, message: str, *args: Any) -> None:
        log.log(logging.ERROR if type == "error" else logging.DEBUG, message.rstrip(), *args)

    def log_error(self, format: str, *args: Any) -> None:
        log.debug(format, *args)  # bad request lines and idle ends are the client's affair


class _Listener(ThreadedWSGIServer):
    """One listening address; a thread for each connection."""

    def __init__(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__(host, port, _nothing_mounted, _Handler, fd=listening.fileno())
        listening.close()  # werkzeug duplicated it
        self.doors: tuple[Door, ...] = ()
        self.open: dict[socket.socket, None] = {}  # in the order in which they became idle
        self.busy: set[socket.socket] = set()

    def has_room(self) -> bool:
        """Whether one more connection may come in; if need be an idle one is closed for it."""
        if len(self.open) < _MOST_OPEN:
            return True
        idle = next((each for each in list(self.open) if each not in self.busy), None)
        if idle is None:
            return False
        self.open.pop(idle, None)
        with contextlib.suppress(OSError):  # it goes by itself
            idle.shutdown(socket.SHUT_RDWR)
        return True

    def idles(self, connection: socket.socket) -> None:
        """It has had its answer, and may wait for a next request."""
        self.busy.discard(connection)
        if connection in self.open:
            del self.open[connection]
            self.open[connection] = None

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.busy.discard(request)
        self.open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("a connection from %s ended in an error", client_address)


def _nothing_mounted(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"nothing is served here yet\n"]


class Server:
    """Listens from the moment it is made, so that its port is known; answers between `start` and `stop`."""

    def __init__(self, host: str, port: int) -> None:
        """Listen on `host:port`, or on a free port when it is 0. An address that is taken raises OSError."""
        self._listeners: list[_Listener] = []
        self._app: WSGIApplication = _nothing_mounted
        self._doors: tuple[Door, ...] = ()
        self._thread: threading.Thread | None = None
        self._wake, self._woken = socket.socketpair()
        self.host = host
        self.port = 0
        try:
            self.port = self.listen(host, port)
        except OSError:
            self._close()
            raise

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:4566`: how a client on this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def listen(self, host: str, port: int) -> int:
        """Listen on one more address with the same app and door; only before `start`. Gives the port."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
        self._listeners.append(_Listener(listening))
        return int(self._listeners[-1].port)

    def mount(self, app: WSGIApplication, *doors: Door) -> None:
        """What answers: each door, asked in this order, what it takes, the app all else."""
        self._app, self._doors = app, doors
        for listener in self._listeners:
            listener.app, listener.doors = app, doors

    def start(self) -> None:
        """Answer, from a thread of its own."""
        self.mount(self._app, *self._doors)
        self._thread = threading.Thread(target=self._accept, name="http-accept", daemon=True)
        self._thread.start()

    def stop(self, grace: float = 5.0) -> None:
        """Accept nothing more, give the requests under way `grace` seconds to end, then close every connection."""
        if self._thread is not None:
            self._wake.send(b"\0")
            self._thread.join()
            self._thread = None
        self._close()
        deadline = time.monotonic() + grace
        while any(listener.busy for listener in self._listeners) and time.monotonic() < deadline:
            time.sleep(0.01)
        for connection in self._connections():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + 1.0  # their threads see the end and close them
        while any(self._connections()) and time.monotonic() < deadline:
            time.sleep(0.005)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _connections(self) -> Iterator[socket.socket]:
        for listener in self._listeners:
            yield from list(listener.open)

    def _close(self) -> None:
        for listener in self._listeners:
            listener.server_close()
        self._wake.close()
        self._woken.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ, listener)
            while True:
                for ready, _ in selector.select():
                    if ready.data is None:
                        return
                    self._accept_from(ready.data)

    @staticmethod
    def _accept_from(listener: _Listener) -> None:
        if not listener.has_room():  # it stays in the queue until one of the requests under way has ended
            time.sleep(_BREATH_SECONDS)
            return
        try:
            connection, address = listener.get_request()
        except OSError as error:  # it left before it was let in, or no more files may be open
            log.debug("no connection: %s", error)
            if error.errno in _OUT_OF_FILES:
                time.sleep(_BREATH_SECONDS)  # it stays in the queue: trying at once would only burn the processor
            return
        try:
            listener.process_request(connection, address)
        except RuntimeError as error:  # no thread to be had
            log.error("a connection is turned away: %s", error)
            listener.shutdown_request(connection)


def serve(app: WSGIApplication, host: str, port: int, *doors: Door) -> Server:
    """A server that listens and knows what to answer; `start()` it, or use it as a context."""
    server = Server(host, port)
    server.mount(app, *doors)
    return server
