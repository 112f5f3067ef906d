"""Is there an engine, and where? One small question over its socket, answered in less than half a second.

What lives only here: DOCKER_HOST, the places where engines listen, and which version of the API is spoken. It imports
`docker` only for an engine behind TLS or ssh, and to make a client.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from docker import APIClient

SECONDS = 0.4
"""What one engine may take to answer."""
OLDEST = (1, 41)
SPOKEN = (1, 44)
"""Engines from 29 on refuse anything older; those before 25 know nothing newer than 1.43 and are spoken to in 1.41."""
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reached:
    """An engine that answered, and how to talk to it. Lives as long as the server."""

    url: str
    version: str
    tls: bool = False

    @property
    def socket_path(self) -> str | None:
        """The socket file of an engine on this machine; None: it is somewhere else."""
        return urlsplit(self.url).path if self.url.startswith("unix://") else None

    def client(self, timeout: int) -> APIClient:
        """A low-level client of one thread's own; nothing is asked of the engine yet."""
        import docker
        from docker.utils import kwargs_from_env

        settings = kwargs_from_env() if self.tls else {"base_url": self.url}
        client = docker.APIClient(version=self.version, timeout=timeout, **settings)
        if self.url.startswith("unix://"):
            client.trust_env = False  # no proxy and no .netrc stands between us and a socket file
        return client


@dataclass(frozen=True, slots=True)
class NotReached:
    """No engine answered. `problem` is a clause for the user: where was asked, and what happened."""

    problem: str


def find_engine(environ: Mapping[str, str] = os.environ) -> Reached | NotReached:
    """The engine of DOCKER_HOST, else the first that answers where engines usually listen."""
    problems = []
    for url in _places(environ):
        try:
            return Reached(url, _spoken(_api_version(url, environ)), tls=_is_remote(url, environ))
        except (OSError, ValueError) as error:
            problems.append(f"{url}: {getattr(error, 'strerror', None) or error}")
    return NotReached("; ".join(problems))


def _places(environ: Mapping[str, str]) -> Iterator[str]:
    if said := environ.get("DOCKER_HOST"):
        yield said
        return
    yield "unix:///var/run/docker.sock"
    home = Path(environ.get("HOME", "/"))
    usual = [
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
    ]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        usual.insert(0, Path(runtime) / "docker.sock")
    for path in usual:
        if path.exists():
            yield f"unix://{path}"


def _is_remote(url: str, environ: Mapping[str, str]) -> bool:
    """Whether plain bytes will not do: the `docker` package knows TLS, ssh and named pipes."""
    return urlsplit(url).scheme not in ("unix", "tcp", "http") or bool(environ.get("DOCKER_TLS_VERIFY"))


def _api_version(url: str, environ: Mapping[str, str]) -> str:
    if _is_remote(url, environ):
        return _asked_by_docker(environ)
    head = _ping(url)
    if not re.match(rb"HTTP/1\.\d 200 ", head):
        raise ValueError(f"it answered {head.splitlines()[0].decode(errors='replace') if head else 'nothing'}")
    found = re.search(rb"\r\napi-version:\s*([\d.]+)", head, re.IGNORECASE)
    if found is None:
        raise ValueError("what answered is no Docker engine")
    return found[1].decode()


def _ping(url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address: str | tuple[str, int] = parts.path
    else:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        address = (parts.hostname or "127.0.0.1", parts.port or 2375)
    with closing(connection):
        connection.settimeout(SECONDS)
        connection.connect(address)
        connection.sendall(PING)
        answer = b""
        while b"\r\n\r\n" not in answer and (more := connection.recv(4096)):
            answer += more
        return answer


def _asked_by_docker(environ: Mapping[str, str]) -> str:
    import docker
    import requests
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    try:
        client = docker.APIClient(version="1.41", timeout=2, **kwargs_from_env(environment=dict(environ)))
        with closing(client):
            return str(client.version(api_version=False)["ApiVersion"])
    except (DockerException, requests.exceptions.RequestException, KeyError) as error:
        raise ValueError(str(error)) from error


def _spoken(offered: str) -> str:
    """The version that both sides know: 1.41 up to 1.43, then 1.44."""
    version = tuple(int(part) for part in offered.split("."))
    if version < OLDEST:
        raise ValueError(f"its API is {offered}, and 1.41 is the oldest that will do")
    return "1.44" if version >= SPOKEN else "1.41"
