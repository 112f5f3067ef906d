"""Every example of the README is run as it stands: a reader who types it sees it work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo.clients import KEYS, private_docker_config
from tests.demo.server import COMMAND, Server
from tests.environment import ROOT, calm

README = (ROOT / "README.md").read_text()
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
SHOWN = {"make", "python3", "pip", "docker", "ecs-emulator"}
"""Commands of the blocks that are only shown: the demo, the suite and the test of the Dockerfile run them."""

ENDPOINT = "http://127.0.0.1:4566"
IMAGE = re.compile(r"(?<![\w/])hello:1")
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows the README in one terminal, with a server and an image name of their own."""

    endpoint: str
    image: str
    environment: dict[str, str]
    directory: Path

    def types(self, *words: str) -> str:
        done = subprocess.run(
            words,
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def adapted(self, text: str) -> str:
        return IMAGE.sub(self.image, text.replace(ENDPOINT, self.endpoint))


def environment_of(directory: Path) -> dict[str, str]:
    """A calm one; this session's own pytest options are not the reader's."""
    config = private_docker_config(directory / "docker")
    calmed = {name: value for name, value in calm(os.environ).items() if not name.startswith("PYTEST_")}
    path = f"{COMMAND.parent}{os.pathsep}{calmed['PATH']}"
    return {**calmed, **KEYS, "DOCKER_CONFIG": str(config), "PATH": path}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    directory = tmp_path_factory.mktemp("reader")
    environment = environment_of(directory)
    server = Server(directory, environment, ("serve", "--ephemeral", "--port", "0", "--engine", "docker"))
    image = f"hello-{uuid.uuid4().hex}:1"
    try:
        server.start()
        environment["AWS_ENDPOINT_URL"] = server.endpoint
        yield Reader(server.endpoint, image, environment, directory)
    finally:
        try:
            server.stop()
        finally:
            forget({image.partition(":")[0], server.endpoint.replace("http://127.0.0.1", "localhost") + "/hello"})


@pytest.fixture(scope="module")
def hello(reader: Reader) -> None:
    """The image that the README's first example makes, on the engine."""
    reader.types("bash", "-euo", "pipefail", "-c", reader.adapted(the_block("docker import", SHELL)))


def forget(names: set[str]) -> None:
    """The images of these names: the imported ones, and those that were pushed and pulled."""
    listing = ["docker", "image", "ls", "--format", "{{.Repository}} {{.ID}}"]
    rows = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {row.split()[1] for row in rows if row.split()[0] in names}
    if found:
        subprocess.run(["docker", "image", "rm", "--force", *found], capture_output=True, check=True)


def test_every_block_is_run_or_only_shown() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "console"}
    shown = [line.split()[0] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    assert set(shown) <= SHOWN


@pytest.mark.engine
def test_the_shell_examples_run_one_after_the_other(reader: Reader) -> None:
    if reader.types("aws", "--version").startswith("aws-cli/1"):
        pytest.skip("`aws logs tail` came with version 2 of the AWS CLI")
    said = reader.types("bash", "-euo", "pipefail", "-c", reader.adapted("".join(SHELL)))
    assert "Login Succeeded" in said
    assert "hello from a task" in said
    assert '"STOPPED"' in said


@pytest.mark.engine
@pytest.mark.usefixtures("hello")
def test_the_boto3_example_keeps_two_tasks(reader: Reader) -> None:
    said = reader.types(sys.executable, "-c", reader.adapted(the_block("boto3.client")))
    assert said.startswith("2 (service shelf) has reached a steady state.")


def test_the_program_example_lists_its_cluster(tmp_path: Path) -> None:
    reader = Reader(ENDPOINT, "hello:1", environment_of(tmp_path), tmp_path)
    assert "cluster/shop" in reader.types(sys.executable, "-c", the_block("ecs_emulator.start("))


@pytest.mark.engine
@pytest.mark.usefixtures("hello")
def test_the_pytest_example_passes(reader: Reader) -> None:
    file = reader.directory / "test_shop.py"
    file.write_text(reader.adapted(the_block("def test_")))
    said = reader.types(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file))
    assert "1 passed" in said


def test_the_table_of_flags_is_the_command_s_own() -> None:
    help_text = subprocess.run([COMMAND, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    flags = {
        flag for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_text) if not flag.startswith(("--help", "--no-"))
    }
    rows = re.findall(r"^\| `(--[a-z-]+)` \| `(\w+)` \|", README, re.MULTILINE)
    assert {flag for flag, _ in rows} == flags
    assert all(variable == "ECS_EMULATOR_" + flag[2:].upper().replace("-", "_") for flag, variable in rows)


def the_block(words: str, blocks: list[str] = PYTHON) -> str:
    return next(text for text in blocks if words in text)


def test_the_table_of_commands_is_true() -> None:
    rows = re.findall(r"^\| `ecs-emulator ([a-z ]+?)(?: [A-Z]+)?` \| (.*) \|$", README, re.MULTILINE)
    overview = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^    ([a-z]+)(?:\s|$)", overview, re.MULTILINE))
    assert {command.split()[0] for command, _ in rows} == commands - {"serve"}
    for command, said in rows:
        asked = [COMMAND, *command.split(), "--help"]
        help_text = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        assert all(flag in help_text for flag in re.findall(r"--[a-z-]+", said)), command
