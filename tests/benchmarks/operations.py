"""Every operation of ECS among 100,000 tasks, beside an endpoint that does nothing: what one request takes on a kept connection."""

from __future__ import annotations

import json
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from ecs_emulator.store import Store
from tests.benchmarks.clients import SIGNATURE, TARGET
from tests.benchmarks.loop import until_at_rest
from tests.benchmarks.processes import Served, null
from tests.benchmarks.table import BREATH, Row, Target, at_most
from tests.crowded import asked, requests
from tests.crowded.requests import CHANGE, MANY, SAMPLES, Sample
from tests.crowded.world import Crowded
from tests.simulation import ECS

TITLE = "operations: each among 100,000 tasks in 10,000 services, against a Flask endpoint that does nothing"
SECONDS = 420

ROUNDS = 4
REQUESTS = 30
"""In one round, of each sample; the first round has a few more, which nobody counts."""
WARMING = 3
BETWEEN = 6
"""So many samples are measured between two looks at the null endpoint."""
ANSWER = json.dumps({"clusters": [], "failures": []}).encode()


class NotMeasured(Exception):
    """Operations that are built and have no sample in `tests/crowded/requests.py`."""


class Unexpected(Exception):
    """A sample was not answered as it says."""


def measure() -> Iterator[Row]:
    with TemporaryDirectory(prefix="ecs-emulator-benchmark-") as scratch:
        made = _filled(Path(scratch))
        with _emulator(scratch) as ours, null(ANSWER) as nothing:
            yield _first_look(ours)
            with Kept(ours.port) as asking, Kept(nothing.port) as idling:
                spent, least = _measured(made, asking, idling)
        yield Row("the null endpoint", least, "ms")
        yield from (_row(sample, spent[sample], least) for sample in SAMPLES)
    if missing := requests.missing(ECS.functions()):
        raise NotMeasured(f"tests/crowded/requests.py has no sample of {', '.join(missing)}")


def _filled(directory: Path) -> Crowded:
    store = Store(directory, durable=False)
    try:
        return asked.fill(store, time.time())
    finally:
        store.close()


def _emulator(directory: str) -> Served:
    """With its data kept, as a user's are who has so many."""
    return Served("-m", "ecs_emulator", "serve", "--data-dir", directory, "--port", "0", "--engine", "simulated")


def _first_look(ours: Served) -> Row:
    """The loop looks at everything once after a start; it is measured, and waited for."""
    before = ours.cpu()
    until_at_rest(ours.cpu)
    return Row("the loop's first look at everything, in all", ours.cpu() - before, "s")


def _measured(made: Crowded, asking: Kept, idling: Kept) -> tuple[Mapping[Sample, float], float]:
    """Milliseconds for one request of each sample and of the null endpoint: the median of the rounds' means, all in turns."""
    found: dict[Sample, list[float]] = defaultdict(list)
    base: list[float] = []
    nothing = _request("DescribeClusters", {})
    number = 0
    for turn in range(ROUNDS):
        for place, sample in enumerate(SAMPLES):
            if place % BETWEEN == 0:
                base.append(_mean(idling, [nothing] * REQUESTS, 200))
            numbers = range(number, number + REQUESTS + (0 if turn else WARMING))
            asked = [_request(sample.operation, sample.ask(made, each)) for each in numbers]
            expected = 400 if sample.refused else 200
            if turn == 0:
                _mean(asking, asked[:WARMING], expected)
            found[sample].append(_mean(asking, asked[-REQUESTS:], expected))
        number += REQUESTS + (0 if turn else WARMING)
    return {sample: median(means) for sample, means in found.items()}, median(base)


def _mean(kept: Kept, asked: list[bytes], expected: int) -> float:
    time.sleep(BREATH)
    took = []
    for request in asked:
        began = time.perf_counter()
        status, content = kept.ask(request)
        took.append((time.perf_counter() - began) * 1000)
        if status != expected:
            raise Unexpected(f"{status} {content[:300].decode()} to {request[-300:].decode()}")
    return fmean(took)


def _row(sample: Sample, spent: float, least: float) -> Row:
    if sample.kind == MANY:
        return Row(str(sample), spent, "ms", at_most(15))
    return Row(str(sample), spent, "ms", _target(sample), "null endpoint", least)


def _target(sample: Sample) -> Target | None:
    if sample.operation == "RegisterTaskDefinition":
        return at_most(4)
    return None if sample.kind == CHANGE else at_most(3)


# --- the wire -------------------------------------------------------------------------------------------------------


def _request(operation: str, params: Mapping[str, object]) -> bytes:
    """All that goes over the wire, made before the clock starts."""
    body = json.dumps(params).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"X-Amz-Target: {TARGET}.{operation}\r\nX-Amz-Date: 20240101T000000Z\r\nAuthorization: {SIGNATURE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Kept:
    """The least that a client can do: bytes out, bytes in, over a connection that is kept where the server keeps it.

    Lives inside its `with`. Python's own HTTP client takes nearly as long for a small request as the server does.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and content of the answer."""
        connection = self._connection or self._open()
        try:
            connection.sendall(request)
            head, content = self._answer(connection)
        except ConnectionError:  # it lay idle for so long that the server let go of it
            connection = self._open()
            connection.sendall(request)
            head, content = self._answer(connection)
        if b"connection: close" in head.lower():
            self._close()
        return int(head[9:12]), content

    def _open(self) -> socket.socket:
        self._close()
        self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answer(self, connection: socket.socket) -> tuple[bytes, bytes]:
        said = b""
        while (end := said.find(b"\r\n\r\n")) < 0:
            said += self._more(connection)
        head, content = said[:end], bytearray(said[end + 4 :])
        length = int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])
        while len(content) < length:
            content += self._more(connection)
        return head, bytes(content)

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        return piece
