"""The unmodified clients: docker and aws as commands, boto3 as a library; told an endpoint and keys, no more."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from tests.demo.stage import DemoError, Stage, tail

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
COMMAND_PATIENCE = 60.0
POLL = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in one environment and shows each to the audience."""

    stage: Stage
    environment: Mapping[str, str]

    def run(self, *words: str | Path, stdin: str | None = None, shown: bool = True) -> str:
        if shown:
            self.stage.command(words)
        done = subprocess.run(
            words,
            env=self.environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=COMMAND_PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"{words[0]} ended with status {done.returncode}:\n{tail(done.stdout + done.stderr)}")
        return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Clients:
    """One endpoint, seen by each client; lives as long as the emulator."""

    shell: Shell
    endpoint: str

    def aws(self, *words: str | Path, shown: bool = True) -> Any:
        """The AWS CLI, with its JSON read. Releases before 2.13 do not read AWS_ENDPOINT_URL: so it is said aloud."""
        text = self.shell.run("aws", "--endpoint-url", self.endpoint, *words, shown=shown)
        return json.loads(text) if text.startswith("{") else text

    def docker(self, *words: str | Path, stdin: str | None = None, shown: bool = True) -> str:
        return self.shell.run("docker", *words, stdin=stdin, shown=shown)

    def boto3(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


def private_docker_config(into: Path) -> Path:
    """`docker login` writes a file; this one goes away with the demo. The user's plugins (buildx) stay in reach."""
    into.mkdir(mode=0o700)
    plugins = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "cli-plugins"
    settings = {"cliPluginsExtraDirs": [str(plugins)]} if plugins.is_dir() else {}
    (into / "config.json").write_text(json.dumps(settings))
    return into


def fetch(url: str) -> str:
    """The body, asked for without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return str(answer.read().decode().strip())


def reachable(url: str) -> str | None:
    try:
        return fetch(url)
    except (urllib.error.URLError, OSError):
        return None


def eventually(what: str, look: Callable[[], T | None], patience: float = 30.0) -> T:
    """Looks again until there is something, or says what never came."""
    deadline = time.monotonic() + patience
    while (seen := look()) is None:
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not come within {patience:.0f} s")
        time.sleep(POLL)
    return seen
