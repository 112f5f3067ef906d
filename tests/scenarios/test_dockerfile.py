"""The emulator's image is built without registry or network, and runs tasks on the engine whose socket it gets."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.environment import ROOT
from tests.images import build_context

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CACHE = ROOT / ".cache"
SOURCES = ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")
SOCKET = "/var/run/docker.sock"
PATIENCE = 60.0


def run(*words: str | Path, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        words, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """A Debian with Python and nothing else, made from packages and imported: no image registry is asked."""
    tag = f"ecs-emulator-test-base:{uuid.uuid4().hex}"
    run("docker", "import", base_system(), tag)
    yield tag
    run("docker", "image", "rm", "--force", tag)


def base_system() -> Path:
    """A tarball of this machine's own release, kept in the cache: the packages are fetched once."""
    release = platform.freedesktop_os_release()
    codename = release.get("VERSION_CODENAME", "")
    tarball = CACHE / f"base-{release['ID']}-{codename}.tar"
    if tarball.exists():
        return tarball
    sources = next((path for path in map(Path("/etc/apt").joinpath, SOURCES) if path.exists()), None)
    if os.geteuid() != 0 or sources is None or shutil.which("apt-get") is None or not codename:
        pytest.skip("a base without a registry is made with mmdebstrap, by root, on Debian or Ubuntu")
    if shutil.which("mmdebstrap") is None:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", "mmdebstrap", env=quiet, umask=0o022)
    unfinished = tarball.with_suffix(f".{uuid.uuid4().hex}.tar")
    try:
        forget = 'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*'
        options = [f"--aptopt={line}" for line in host_settings()]
        packages = "--include=python3,python3-venv"
        hook = f"--customize-hook={forget}"
        run("mmdebstrap", "--variant=minbase", packages, hook, *options, codename, unfinished, sources, umask=0o022)
        unfinished.rename(tarball)
    finally:
        unfinished.unlink(missing_ok=True)
    return tarball


def host_settings() -> list[str]:
    """How this machine reaches its packages; none of it stays in the base."""
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ")
    return [line for line in run("apt-config", "dump").splitlines() if line.startswith(wanted)]


@pytest.fixture(scope="module")
def emulator_image(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    context = tmp_path_factory.mktemp("image")
    version = run("docker", "run", "--rm", base, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    run(ROOT / ".ci" / "wheels", version, context / "dist")
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, context)
    tag = f"ecs-emulator-test:{uuid.uuid4().hex}"
    options = ("--network", "none", "--force-rm", "--build-arg", f"BASE={base}", "--tag", tag)
    said = run("docker", "build", *options, context)
    yield tag
    run("docker", "image", "rm", "--force", tag)
    forget_stages(said)


def forget_stages(said: str) -> None:
    """The builder of engines before 23 leaves its intermediate stage behind, without a name."""
    nameless = set(run("docker", "image", "ls", "--quiet", "--filter", "dangling=true").split())
    for stage in nameless & set(re.findall(r"^ ---> ([0-9a-f]{12})$", said, re.MULTILINE)):
        run("docker", "image", "rm", "--force", stage)


@pytest.fixture(scope="module")
def web_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tag = f"ecs-emulator-test-web:{uuid.uuid4().hex}"
    run("docker", "build", "--quiet", "--tag", tag, build_context("web", tmp_path_factory.mktemp("web")))
    yield tag
    run("docker", "image", "rm", "--force", tag)


@pytest.fixture
def endpoint(emulator_image: str) -> Iterator[str]:
    """The emulator in its container, as the Dockerfile says to run it, but for a port of its own and `--ephemeral`."""
    port = free_port()
    name = f"ecs-emulator-test-{uuid.uuid4().hex}"
    published = ("--publish", f"127.0.0.1:{port}:4566", "--volume", f"{SOCKET}:{SOCKET}")
    run("docker", "run", "--detach", "--name", name, *published, emulator_image, "serve", "--ephemeral")
    try:
        yield f"http://127.0.0.1:{port}"
        run("docker", "stop", "--time", "30", name)
        assert run("docker", "inspect", "--format", "{{.State.ExitCode}}", name) == "0", run("docker", "logs", name)
    finally:
        run("docker", "rm", "--force", "--volumes", name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def health(endpoint: str) -> dict[str, Any]:
    """Asked until the container answers."""
    deadline = time.monotonic() + PATIENCE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"{endpoint}/_emulator/health", timeout=5) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the emulator in its container does not answer"
            time.sleep(0.1)


def test_the_image_runs_a_fargate_task_on_the_engine_of_its_host(endpoint: str, web_image: str) -> None:
    assert health(endpoint)["engine"]["kind"] == "docker"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    ecs: Any = boto3.client("ecs", endpoint_url=endpoint, **keys)  # type: ignore[call-overload]
    ecs.create_cluster()
    container = {"name": "web", "image": web_image, "essential": True}
    fargate = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    ecs.register_task_definition(family="web", containerDefinitions=[container], **fargate)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}
    task = ecs.run_task(taskDefinition="web", launchType="FARGATE", networkConfiguration=network)["tasks"][0]

    ecs.get_waiter("tasks_running").wait(tasks=[task["taskArn"]], WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})

    running = run("docker", "ps", "--quiet", "--filter", f"label=com.amazonaws.ecs.task-arn={task['taskArn']}")
    assert running, "the task's container runs on the engine"
    ecs.stop_task(task=task["taskArn"])
    ecs.get_waiter("tasks_stopped").wait(tasks=[task["taskArn"]], WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
