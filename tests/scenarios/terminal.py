"""Somebody at a terminal: the AWS CLI, docker and skopeo as they are installed, told an endpoint and keys and no more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.demo.clients import private_docker_config
from tests.environment import calm
from tests.scenarios.server import ACCOUNT, REGION, Server

PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """Lives as long as its test; its logins are in a directory of its own."""

    server: Server
    environment: Mapping[str, str]

    def types(self, *words: str | Path, stdin: str = "") -> str:
        """What the command prints; it has to succeed."""
        done = self.tries(*words, stdin=stdin)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def tries(self, *words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def aws(self, *words: str | Path) -> Any:
        """The answer, its JSON read. Releases before 2.13 do not read AWS_ENDPOINT_URL: so it is said aloud."""
        said = self.types("aws", "--endpoint-url", self.server.endpoint, *words)
        return json.loads(said) if said.startswith(("{", "[")) else said

    def login(self) -> str:
        """`aws ecr get-login-password | docker login`."""
        password = self.aws("ecr", "get-login-password")
        host = f"localhost:{self.server.port}"
        return self.types("docker", "login", "--username", "AWS", "--password-stdin", host, stdin=password)


def terminal_of(server: Server, directory: Path) -> Terminal:
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION}
    config = private_docker_config(directory / "docker")
    environment = {**calm(os.environ), **keys, "DOCKER_CONFIG": str(config), "HOME": str(directory)}
    for needed in ("aws", "docker"):
        if shutil.which(needed, path=environment["PATH"]) is None:
            pytest.skip(f"{needed} is not installed")
    return Terminal(server, environment)
