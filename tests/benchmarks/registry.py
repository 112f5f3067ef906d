"""Push and pull of a large layer beside Debian's docker-registry, on the same disk, in turns.

The emulator keeps its data as with `--data-dir`: what it acknowledges is on the disk, which docker-registry does not promise.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from tests.benchmarks.clients import ACCOUNT, REGION
from tests.benchmarks.processes import SCHEDULED, START_SECONDS, Served, ServerFailed
from tests.benchmarks.table import Row, Target, at_least, at_most

TITLE = "registry: a layer of 200 MB against Debian's docker-registry"
SECONDS = 240

SIZE = 200 << 20
ROUNDS = 5
CHUNK = 32 * 1024
"""What the engine puts into one chunk of its stream."""
PIECE = 256 * 1024
REPOSITORY = "benchmark"
MOST_MEMORY = 150
AGAINST = "docker-registry"


class Server(Protocol):
    """A registry in a process of its own."""

    endpoint: str

    @property
    def pid(self) -> int: ...

    def cpu(self) -> float: ...


class DockerRegistry:
    """Debian's registry, as fast as it can be told to be: no log, no metrics, files on the same disk. A context."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.endpoint = ""

    def __enter__(self) -> Self:
        if (program := shutil.which("docker-registry")) is None:
            raise ServerFailed("docker-registry is not installed (Debian and Ubuntu: apt-get install docker-registry)")
        port = _free_port()
        config = self._directory / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: '{self._directory / 'files'}'}}}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n"
        )
        self._process = subprocess.Popen(
            [program, "serve", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.endpoint = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__(None, None, None)
                raise ServerFailed("docker-registry did not start")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        return time.clock_gettime(~self.pid << 3 | SCHEDULED)


@dataclass
class Spent:
    """What one kind of transfer took, round by round."""

    rates: list[float] = field(default_factory=list)
    """Megabytes per second of the wall's clock."""
    seconds: list[float] = field(default_factory=list)
    """Of the server's processor time."""


Transfer = Callable[[http.client.HTTPConnection, bytes, str], None]


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="ecs-emulator-benchmark-") as scratch:
        ours_at, theirs_at = Path(scratch) / "ours", Path(scratch) / "theirs"
        theirs_at.mkdir()
        flags = ("--data-dir", str(ours_at), "--port", "0", "--engine", "simulated", "--registry-anonymous")
        with Served("-m", "ecs_emulator", "serve", *flags) as ours, DockerRegistry(theirs_at) as theirs:
            _create_repository(ours.endpoint)
            idle = _peak(ours.pid)
            servers: tuple[Server, Server] = (ours, theirs)
            spent = {(name, server): Spent() for name, _ in TRANSFERS for server in servers}
            for number in range(ROUNDS + 1):
                if number == 1:
                    spent = {each: Spent() for each in spent}  # the first round only warmed the machine
                for server in servers if number % 2 else reversed(servers):
                    _round(server, spent, Path(scratch))
            for name, _ in TRANSFERS:
                yield from _rows(name, spent[name, ours], spent[name, theirs])
            yield Row("memory of ours at its peak", _peak(ours.pid), "MB", at_most(MOST_MEMORY), f"idle: {idle:.0f} MB")
            yield Row("memory of docker-registry at its peak", _peak(theirs.pid), "MB")


def _round(server: Server, spent: dict[tuple[str, Server], Spent], files: Path) -> None:
    parts = urlsplit(server.endpoint)
    content, digest = b"", ""
    for name, transfer in TRANSFERS:
        if name.startswith("push"):
            _forget(files)
            content = os.urandom(SIZE)
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            os.sync()  # what the other one left in memory is not written at this one's cost
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        cpu, began = server.cpu(), time.monotonic()
        transfer(connection, content, digest)
        took = time.monotonic() - began
        spent[name, server].rates.append(SIZE / 1e6 / took)
        spent[name, server].seconds.append(server.cpu() - cpu)
        connection.close()


def _rows(name: str, ours: Spent, theirs: Spent) -> Iterator[Row]:
    wall: Target = at_least(1.0)
    yield Row(f"{name}, by the wall's clock", median(ours.rates), "MB/s", wall, AGAINST, median(theirs.rates))
    yield Row(f"{name}, server CPU", median(ours.seconds), "s", at_most(1.0), AGAINST, median(theirs.seconds))


# --- transfers ------------------------------------------------------------------------------------------------------------


def _push_stream(connection: http.client.HTTPConnection, content: bytes, digest: str) -> None:
    """As the engine does: one PATCH without a length, then the digest."""
    view = memoryview(content)
    pieces = (view[start : start + CHUNK] for start in range(0, len(content), CHUNK))
    connection.request("PATCH", _begin(connection), pieces, encode_chunked=True, headers=STREAMED)
    location = _location(_answer(connection, 202))
    connection.request("PUT", _with_digest(location, digest))
    _answer(connection, 201)


def _push_whole(connection: http.client.HTTPConnection, content: bytes, digest: str) -> None:
    """As containerd does: one PUT with the digest and the body."""
    headers = {"Content-Type": "application/octet-stream"}
    connection.request("PUT", _with_digest(_begin(connection), digest), content, headers)
    _answer(connection, 201)


def _pull(connection: http.client.HTTPConnection, content: bytes, digest: str) -> None:
    _get(connection, digest, {}, len(content))


def _pull_ranges(connection: http.client.HTTPConnection, content: bytes, digest: str) -> None:
    """Twenty ranges over one connection."""
    size = len(content) // 20
    for start in range(0, len(content), size):
        _get(connection, digest, {"Range": f"bytes={start}-{start + size - 1}"}, size)


def _get(connection: http.client.HTTPConnection, digest: str, headers: dict[str, str], size: int) -> None:
    connection.request("GET", f"/v2/{REPOSITORY}/blobs/{digest}", headers=headers)
    answer = connection.getresponse()
    space = bytearray(PIECE)
    got = 0
    while count := answer.readinto(space):
        got += count
    if got != size:
        raise ServerFailed(f"{got} of {size} bytes came")


TRANSFERS: tuple[tuple[str, Transfer], ...] = (
    ("push, streamed as docker does", _push_stream),
    ("push, whole as containerd does", _push_whole),
    ("pull", _pull),
    ("pull in ranges", _pull_ranges),
)
STREAMED = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}


def _begin(connection: http.client.HTTPConnection) -> str:
    connection.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
    return _location(_answer(connection, 202))


def _answer(connection: http.client.HTTPConnection, status: int) -> http.client.HTTPResponse:
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != status:
        raise ServerFailed(f"{answer.status} instead of {status}: {said[:200]!r}")
    return answer


def _location(answer: http.client.HTTPResponse) -> str:
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


# --- around them ----------------------------------------------------------------------------------------------------------


def _create_repository(endpoint: str) -> None:
    import boto3

    ecr = boto3.session.Session().client(
        "ecr",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="benchmark",
    )
    ecr.create_repository(repositoryName=REPOSITORY)


def _forget(directory: Path) -> None:
    """Remove the layers behind the servers' backs: memory and disk that held one hold the next, for both the same."""
    for path in directory.rglob("*"):
        if path.is_file() and path.stat().st_size == SIZE:
            path.unlink()


def _peak(pid: int) -> float:
    """Megabytes that the process held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0
