"""Who asks: unmodified boto3 clients, many of them in processes of their own, and one that speaks plain HTTP and adds no weight."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.environment import calm

ACCOUNT, REGION = "123456789012", "us-east-1"
HEAD_START = 0.25
"""Seconds until all clients of a load begin at once."""
SIGNATURE = (
    f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20240101/{REGION}/ecs/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + "0" * 64
)
TARGET = "AmazonEC2ContainerServiceV20141113"

DEFINITION: dict[str, Any] = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "web:1",
            "essential": True,
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "environment": [{"name": "GREETING", "value": "hello"}],
            "stopTimeout": 5,
        }
    ],
}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}


def boto3_client(endpoint: str) -> Any:
    """What a user has who was told an endpoint and keys."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "ecs",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="benchmark",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


class Refused(Exception):
    """The server answered with an error."""


class Plain:
    """Asks over one connection, kept where the server keeps it. Lives inside its `with`; one thread's own."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, operation: str, **params: Any) -> dict[str, Any]:
        """The answer's document; raises Refused."""
        answer: dict[str, Any] = json.loads(self.post(operation, json.dumps(params).encode()))
        return answer

    def post(self, operation: str, body: bytes) -> bytes:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGET}.{operation}",
            "X-Amz-Date": "20240101T000000Z",
            "Authorization": SIGNATURE,
        }
        status, content = self._sent("POST", "/", body, headers)
        if status != 200:
            raise Refused(f"{operation}: {status} {content.decode(errors='replace')}")
        return content

    def get(self, path: str) -> Any:
        status, content = self._sent("GET", path)
        if status != 200:
            raise Refused(f"{path}: {status}")
        return json.loads(content)

    def _sent(self, *request: Any) -> tuple[int, bytes]:
        try:
            self._connection.request(*request)
            answer = self._connection.getresponse()
        except ConnectionError:  # it lay idle for so long that the server let go of it
            self._connection.close()
            self._connection.request(*request)
            answer = self._connection.getresponse()
        return answer.status, answer.read()


@dataclass(frozen=True, slots=True)
class Load:
    """What one client does, over and over, between two instants of the monotonic clock."""

    endpoint: str
    operation: str
    params: dict[str, Any]
    begin: float
    seconds: float


@dataclass
class Crowd:
    """Boto3 clients, each in a process of its own. Lives inside its `with`."""

    size: int
    _pool: ProcessPoolExecutor = field(init=False, repr=False)

    def __enter__(self) -> Self:
        spawned = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.size, mp_context=spawned, initializer=_settle_in)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def rate(self, endpoint: str, operation: str, each: Sequence[dict[str, Any]], seconds: float) -> float:
        """Answers a second to as many clients as there are `params`, all at once."""
        begin = time.monotonic() + HEAD_START
        loads = [Load(endpoint, operation, params, begin, seconds) for params in each]
        return sum(self._pool.map(_work, loads)) / seconds

    def warm(self, endpoint: str, operation: str, params: dict[str, Any]) -> None:
        """Have every process import boto3 and make its client."""
        for _ in range(2):
            self.rate(endpoint, operation, [params] * self.size, 0.5)


def _settle_in() -> None:
    """Ctrl-C is the benchmark's affair; what the user's shell says about AWS is nobody's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environment = calm(os.environ)
    os.environ.clear()
    os.environ.update(environment)


_clients: dict[str, Any] = {}


def _work(load: Load) -> int:
    """How often one client got its answer in its time."""
    client = _clients.get(load.endpoint)
    if client is None:
        client = _clients[load.endpoint] = boto3_client(load.endpoint)
    call = getattr(client, load.operation)
    time.sleep(max(0.0, load.begin - time.monotonic()))
    end = load.begin + load.seconds
    count = 0
    while time.monotonic() < end:
        call(**load.params)
        count += 1
    return count
