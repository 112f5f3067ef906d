"""One emulator as its user runs it: a process that is started, asked, ended, or shot."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import boto3
from botocore.config import Config

from tests.environment import ROOT, calm
from tests.scenarios.waiting import eventually

COMMAND = (sys.executable, "-m", "ecs_emulator")
READY = re.compile(r"^ecs-emulator ready: (http://\S+) \(engine (\w+)", re.MULTILINE)
ACCOUNT, REGION = "123456789012", "us-east-1"
PATIENCE = 30.0

LIVING: list[Server] = []
"""What a failing test is told about."""


@dataclass(eq=False)
class Server:
    """Lives from `start` to `end` or `shoot`, and can be started again: the same flags, so the same data."""

    scratch: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""
    engine: str = ""
    id: str = ""
    """What the labels on the engine carry."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> Self:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with self._out.open("w") as said, self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                cwd=ROOT,
                env={**calm(os.environ), **self.environment},
                start_new_session=True,
            )
        LIVING.append(self)
        self.endpoint, self.engine = eventually("the ready line", self._ready, PATIENCE)
        self.id = self.health()["id"]
        return self

    def _ready(self) -> tuple[str, str] | None:
        if found := READY.search(self._out.read_text()):
            return found[1], found[2]
        assert self.running, f"the emulator ended with status {self._process and self._process.returncode}: {self.log}"
        return None

    @property
    def _out(self) -> Path:
        return self.scratch / "emulator.out"

    @property
    def _log(self) -> Path:
        return self.scratch / "emulator.log"

    @property
    def said(self) -> str:
        """What it printed for its user."""
        return self._out.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    # --- its end ------------------------------------------------------------------------------------------------------

    def end(self, number: int = signal.SIGTERM, patience: float = PATIENCE) -> int:
        """Ends it as a supervisor or a user would; the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(patience)
        LIVING.remove(self)
        return status

    def shoot(self) -> None:
        """SIGKILL: it can say and write no more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        LIVING.remove(self)

    # --- what it answers ----------------------------------------------------------------------------------------------

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a GET, asked past every proxy."""
        request = urllib.request.Request(f"{self.endpoint}{path}", headers=dict(headers or {}))
        return answer_to(request)

    def health(self) -> dict[str, Any]:
        status, _, body = self.ask("/_emulator/health")
        assert status == 200, body
        document: dict[str, Any] = json.loads(body)
        return document

    def decisions(self, subject: str = "", limit: int = 300) -> list[dict[str, Any]]:
        _, _, body = self.ask(f"/_emulator/decisions?subject={quote(subject)}&limit={limit}")
        found: list[dict[str, Any]] = json.loads(body)
        return found

    def story(self) -> str:
        """The decision log and the last lines of its own log: the report of a failed test."""
        try:
            found = self.decisions() if self.endpoint else []
        except OSError as error:
            decided = f"it does not answer: {error}"
        else:
            start = found[0]["at"] if found else 0.0
            decided = "\n".join(f"{one['at'] - start:8.3f} {one['subject'][-40:]} {one['text']}" for one in found)
        return decided + "\n" + "\n".join(self.log.splitlines()[-40:])

    def client(self, service: str, account: str = ACCOUNT, region: str = REGION) -> Any:
        """boto3, told an endpoint and keys and no more."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


class NoRedirect(urllib.request.HTTPErrorProcessor):
    """Every status is an answer."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def answer_to(request: urllib.request.Request | str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, whatever the status."""
    with OPENER.open(request, timeout=10) as answer:
        return answer.status, dict(answer.headers), answer.read()


def page(url: str) -> str | None:
    """The text at the address; None while nobody answers."""
    try:
        status, _, body = answer_to(url)
    except OSError:
        return None
    return body.decode().strip() if status == 200 else None


def free_port() -> int:
    """One that nobody listens on now: for what has to keep its port from one start to the next."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(
    *words: str | Path, environment: Mapping[str, str] | None = None, patience: float = PATIENCE, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`ecs-emulator …` typed by somebody: status, stdout, stderr."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env={**calm(os.environ), **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
