"""Finding an engine, or saying where was asked and what happened."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecs_emulator.agent.docker import owner
from ecs_emulator.agent.docker.reach import NotReached, Reached, find_engine

Serve = Callable[[bytes], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A unix socket that answers everything with these bytes."""
    servers: list[socketserver.UnixStreamServer] = []

    def start(answer: bytes) -> str:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                self.wfile.write(answer)

        path = tmp_path / f"engine{len(servers)}.sock"
        server = socketserver.UnixStreamServer(str(path), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"unix://{path}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ping(version: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nServer: Docker\r\n\r\nOK".encode()


@pytest.mark.parametrize(
    ("offered", "spoken"), [("1.41", "1.41"), ("1.43", "1.41"), ("1.44", "1.44"), ("1.52", "1.44")]
)
def test_the_version_is_one_that_both_sides_know(serve: Serve, offered: str, spoken: str) -> None:
    url = serve(ping(offered))
    assert find_engine({"DOCKER_HOST": url}) == Reached(url, spoken)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ping("1.40"), "its API is 1.40, and 1.41 is the oldest that will do"),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", "it answered HTTP/1.1 500 Internal Server Error"),
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n", "what answered is no Docker engine"),
        (b"", "it answered nothing"),
    ],
)
def test_what_answers_otherwise_is_no_engine(serve: Serve, answer: bytes, problem: str) -> None:
    url = serve(answer)
    assert find_engine({"DOCKER_HOST": url}) == NotReached(f"{url}: {problem}")


def test_where_nobody_listens_is_said_where(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    assert find_engine({"DOCKER_HOST": url}) == NotReached(f"{url}: No such file or directory")


def test_an_engine_that_does_not_answer_costs_less_than_half_a_second(tmp_path: Path) -> None:
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(1)
        began_at = time.monotonic()
        assert isinstance(find_engine({"DOCKER_HOST": f"unix://{path}"}), NotReached)
        assert time.monotonic() - began_at < 0.5


def test_an_engine_of_another_user_is_found_where_it_usually_listens(serve: Serve, tmp_path: Path) -> None:
    url = serve(ping("1.47"))
    (tmp_path / "docker.sock").symlink_to(url.removeprefix("unix://"))
    found = find_engine({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)})
    assert isinstance(found, Reached)
    assert found.socket_path is not None


def test_only_a_certainly_dead_owner_is_dead() -> None:
    mine = owner.this_process()
    machine, process, start = mine.rsplit("/", 2)
    assert not owner.is_dead(mine)
    assert owner.is_dead(f"{machine}/{process}/{start}0")
    assert owner.is_dead(f"{machine}/4194304999/{start}")
    assert not owner.is_dead(f"another-{machine}/{process}/{start}0")
    assert not owner.is_dead("")
