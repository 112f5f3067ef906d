"""The server: what the door takes, what the app gets, how bodies are read, and that it ends."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.http.exchange import Body, BodyCut, Exchange, MalformedRequest
from ecs_emulator.http.server import Server, serve


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    content = f"app {environ['PATH_INFO']} {body.decode()}".encode()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


class Door:
    """Counts what it reads under /door/; /door/blind reads nothing, /door/fails fails."""

    def __init__(self) -> None:
        self.file: Path | None = None
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.leave.set()

    def takes(self, path: str, headers: Message) -> bool:
        return path.startswith("/door/")

    def serve(self, exchange: Exchange) -> None:
        self.entered.set()
        self.leave.wait(10)
        if exchange.path == "/door/fails":
            raise RuntimeError("on purpose")
        if exchange.path == "/door/file":
            assert self.file is not None
            with self.file.open("rb", buffering=0) as file:
                exchange.answer_with_file(200, [], file, 2, 5)
            return
        space = memoryview(bytearray(1000))
        total = 0
        while exchange.path != "/door/blind" and (count := exchange.body.readinto(space)):
            total += count
        exchange.answer(200, [("X-Query", exchange.query.get("q", ""))], f"{exchange.method} {total}".encode())


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def server(door: Door) -> Iterator[Server]:
    with serve(app, "127.0.0.1", 0, door) as running:
        yield running


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield made
    made.close()


def ask(connection: http.client.HTTPConnection, *request: Any, **more: Any) -> tuple[int, bytes]:
    connection.request(*request, **more)
    answer = connection.getresponse()
    return answer.status, answer.read()


def raw(server: Server, request: bytes) -> bytes:
    """All that the server says to these bytes until it closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_door_gets_what_it_takes_and_the_app_the_rest(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "PUT", "/door/x", b"12345") == (200, b"PUT 5")
    assert ask(connection, "POST", "/other", b"hello") == (200, b"app /other hello")


def test_a_connection_is_kept_between_requests_at_the_door(connection: http.client.HTTPConnection) -> None:
    ask(connection, "PUT", "/door/x", b"1")
    kept = connection.sock
    assert kept is not None
    for _ in range(3):
        assert ask(connection, "PUT", "/door/x", b"12") == (200, b"PUT 2")
    assert connection.sock is kept


def test_a_chunked_body_is_read_to_its_end(connection: http.client.HTTPConnection) -> None:
    pieces = (bytes([65 + number]) * (number * 700) for number in range(1, 9))
    assert ask(connection, "PATCH", "/door/x", pieces, encode_chunked=True) == (200, b"PATCH 25200")
    assert ask(connection, "GET", "/door/x") == (200, b"GET 0")


def test_head_is_answered_without_a_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/door/x")
    answer = connection.getresponse()
    assert (answer.headers["Content-Length"], answer.read()) == ("6", b"")


def test_the_query_is_decoded(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/door/x?q=sha256%3Aab&q2")
    answer = connection.getresponse()
    answer.read()
    assert answer.headers["X-Query"] == "sha256:ab"


def test_a_part_of_a_file_is_sent(door: Door, connection: http.client.HTTPConnection, tmp_path: Path) -> None:
    door.file = tmp_path / "file"
    door.file.write_bytes(b"0123456789")
    assert ask(connection, "GET", "/door/file") == (200, b"23456")
    connection.request("HEAD", "/door/file")
    answer = connection.getresponse()
    assert (answer.headers["Content-Length"], answer.read()) == ("5", b"")


def test_a_small_body_that_nobody_read_does_not_spoil_the_next_request(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "PUT", "/door/blind", b"x" * 1000) == (200, b"PUT 0")
    assert ask(connection, "PUT", "/door/x", b"12") == (200, b"PUT 2")


def test_a_large_body_that_nobody_reads_ends_the_connection_after_the_answer(server: Server) -> None:
    size = 5_000_000
    answer = raw(server, b"PUT /door/blind HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer
    assert answer.endswith(b"PUT 0")


def test_the_client_is_told_to_go_on_only_when_its_body_is_wanted(server: Server) -> None:
    head = b"PUT /door/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    assert raw(server, head % b"x" + b"abc").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert raw(server, head % b"blind").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: -1",
        b"Content-Length: x",
        b"Content-Length: " + b"9" * 5000,
        b"Transfer-Encoding: gzip, chunked",
    ],
)
@pytest.mark.parametrize("path", [b"/door/x", b"/other"])
def test_a_body_of_unclear_length_is_refused(server: Server, path: bytes, headers: bytes) -> None:
    answer = raw(server, b"PUT " + path + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "line",
    [
        b"bad line",
        b"X-Name : x",
        b" X-Name: x",
        b"From somebody",
        b": x",
        b"X-Name: x\r\n y",
        b"Host: y",
        b"Host: x",
    ],
)
@pytest.mark.parametrize("first", [b"", b"Host: x\r\n"])
@pytest.mark.parametrize("path", [b"/door/x", b"/other"])
def test_a_head_that_could_be_read_in_two_ways_is_refused(
    server: Server, path: bytes, first: bytes, line: bytes
) -> None:
    if not first and line.startswith(b"Host"):
        first = b"Host: y\r\n"
    smuggled = b"GET /door/x HTTP/1.1\r\n\r\n"
    head = b"PUT %s HTTP/1.1\r\n%s%s\r\nContent-Length: %d\r\n\r\n" % (path, first, line, len(smuggled))
    answer = raw(server, head + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_of_several_parts_is_no_malformed_head(connection: http.client.HTTPConnection) -> None:
    for kind in ("multipart/form-data; boundary=x", "message/rfc822"):
        assert ask(connection, "PUT", "/door/x", b"12", {"Content-Type": kind}) == (200, b"PUT 2")


def test_of_too_many_connections_the_one_idle_for_longest_is_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecs_emulator.http.server._MOST_OPEN", 3)
    made = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10) for _ in range(4)]
    kept = []
    for each in (*made[:3], made[0], made[3]):
        assert ask(each, "GET", "/door/x") == (200, b"GET 0")
        kept.append(each.sock)
    assert kept[0] is kept[3]
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(made[1], "GET", "/door/x")
    for each in (made[0], made[2], made[3]):
        assert ask(each, "GET", "/door/x") == (200, b"GET 0")
    for each in made:
        each.close()


def test_where_all_connections_are_busy_the_next_one_waits(
    server: Server, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecs_emulator.http.server._MOST_OPEN", 1)
    door.leave.clear()
    answers: list[bytes] = []
    asking = [
        threading.Thread(target=lambda: answers.append(raw(server, b"GET /door/x HTTP/1.1\r\nHost: x\r\n\r\n")))
        for _ in range(2)
    ]
    asking[0].start()
    assert door.entered.wait(10)
    asking[1].start()
    door.leave.set()
    for each in asking:
        each.join(10)
    assert [answer.endswith(b"GET 0") for answer in answers] == [True, True]


def test_a_client_of_http_1_0_gets_one_answer(server: Server) -> None:
    answer = raw(server, b"GET /door/x HTTP/1.0\r\n\r\nGET /door/x HTTP/1.0\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    request = b"PUT /door/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
    answer = raw(server, request % (1, b"a") + request % (2, b"bb") + request % (3, b"ccc"))
    assert answer.index(b"PUT 1") < answer.index(b"PUT 2") < answer.index(b"PUT 3")


def test_an_error_at_the_door_ends_the_connection_and_not_the_server(
    server: Server, connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    assert raw(server, b"GET /door/fails HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert "on purpose" in caplog.text
    assert ask(connection, "GET", "/door/x") == (200, b"GET 0")


def test_a_port_that_is_taken_is_an_error_that_names_it(server: Server) -> None:
    with pytest.raises(OSError, match="in use"):
        Server("127.0.0.1", server.port)


def test_several_addresses_share_one_app() -> None:
    server = Server("127.0.0.1", 0)
    other = server.listen("127.0.0.2", 0)
    server.mount(app)
    with server:
        for host, port in (("127.0.0.1", server.port), ("127.0.0.2", other)):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            assert ask(connection, "GET", "/") == (200, b"app / ")
            connection.close()


def test_the_end_waits_for_the_request_under_way(server: Server, door: Door) -> None:
    door.leave.clear()
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(raw(server, b"GET /door/x HTTP/1.1\r\nHost: x\r\n\r\n")))
    asking.start()
    assert door.entered.wait(10)
    ending = threading.Thread(target=server.stop)
    ending.start()
    door.leave.set()
    ending.join(10)
    asking.join(10)
    assert answers[0].endswith(b"GET 0")


def test_the_end_does_not_wait_for_idle_connections(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    ask(connection, "GET", "/door/x")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 4  # less than the grace of a request
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)
    connection.close()


def body(content: bytes, **headers: str) -> Body:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Body(io.BytesIO(content), message)


def test_a_plain_body_ends_where_its_length_says() -> None:
    plain = body(b"abcdef", Content_Length="4")
    assert (plain.read(3), plain.finished, plain.read(3), plain.finished) == (b"abc", False, b"d", True)


def test_a_chunked_body_ends_with_its_last_chunk_and_trailers() -> None:
    chunked = body(b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\nnext", Transfer_Encoding="chunked")
    assert chunked.read(5) == b"abc01"
    assert chunked.read(100) == b"23456789"
    assert chunked.finished


@pytest.mark.parametrize("content", [b"x\r\n", b"\r\nabc", b"3\r\nabcd\r\n", b"-1\r\n", b"0x3\r\nabc\r\n", b"1" * 5000])
def test_bad_chunks_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedRequest):
        body(content, Transfer_Encoding="chunked").read(100)


def test_a_body_that_breaks_off_gives_what_came_and_then_says_so() -> None:
    for cut in (body(b"abc", Content_Length="10"), body(b"A\r\nabc", Transfer_Encoding="chunked")):
        assert cut.read(100) == b"abc"
        with pytest.raises(BodyCut):
            cut.read(100)
