"""The two agents, and for the one with an engine an image made from nothing and an emulator's id of the test's own."""

from __future__ import annotations

import io
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import docker
import pytest

from ecs_emulator.agent.docker.agent import DockerAgent
from ecs_emulator.agent.docker.engine import Engine
from ecs_emulator.agent.docker.images import Images
from ecs_emulator.agent.docker.networks import VpcNetwork
from ecs_emulator.agent.docker.owner import this_process
from ecs_emulator.agent.docker.reach import Reached, find_engine
from ecs_emulator.agent.docker.sweep import sweep
from ecs_emulator.agent.names import LABEL_EMULATOR, Identity
from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.clock import SystemClock
from ecs_emulator.config import Pull
from ecs_emulator.control.plan import Agent
from tests.images import APPLETS, static_busybox

KEPT = 0.0
"""Stopped containers are removed at once."""


@pytest.fixture(scope="session")
def reached() -> Reached:
    found = find_engine()
    assert isinstance(found, Reached), found
    return found


@pytest.fixture(scope="session")
def image(reached: Reached) -> Iterator[str]:
    """A reference to a static busybox with its applets, which only the engine has."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(static_busybox(), "bin/busybox")
        for applet in (*APPLETS, "httpd", "hostname", "env", "id", "mount", "test", "touch"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    repository = f"ecs-emulator-test-{secrets.token_hex(6)}"
    client = reached.client(60)
    try:
        client.import_image_from_data(archive.getvalue(), repository=repository, tag="1", changes=["ENV PATH=/bin"])
        yield f"{repository}:1"
        client.remove_image(f"{repository}:1", force=True)
    finally:
        client.close()


@dataclass(frozen=True, slots=True)
class Bench:
    """One emulator's worth of an agent. `agent()` makes a new one, as after a restart of the process."""

    agent: Callable[[], Agent]
    image: str
    engine: Engine | None
    identity: Identity


def docker_agent(engine: Engine, identity: Identity, *, pull: Pull = Pull.PREFER_CACHED) -> DockerAgent:
    clock = SystemClock()
    images = Images(engine, clock, pull, None)
    return DockerAgent(engine, clock, identity, images, VpcNetwork(engine, identity, None), containers_kept=KEPT)


@pytest.fixture
def identity() -> Identity:
    return Identity(f"test-{secrets.token_hex(6)}", this_process(), ephemeral=True)


@pytest.fixture
def engine(reached: Reached, identity: Identity) -> Iterator[Engine]:
    """An engine on which this test's identity leaves nothing."""
    made = Engine(reached)
    yield made
    sweep(made, identity.emulator_id)
    mine = {LABEL_EMULATOR: identity.emulator_id}
    assert not made.containers(mine)
    assert not made.networks(mine)
    assert not made.volumes(mine)
    made.close()


@pytest.fixture(params=["simulated", pytest.param("docker", marks=pytest.mark.engine)])
def bench(request: pytest.FixtureRequest, identity: Identity) -> Bench:
    if request.param == "simulated":
        return Bench(lambda: SimulatedAgent(SystemClock(), containers_kept=KEPT), "app:1", None, identity)
    engine = request.getfixturevalue("engine")
    return Bench(lambda: docker_agent(Engine(find()), identity), request.getfixturevalue("image"), engine, identity)


def find() -> Reached:
    found = find_engine()
    assert isinstance(found, Reached)
    return found


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until this holds; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture
def client(reached: Reached) -> Iterator[docker.APIClient]:
    """The engine as a bystander sees it."""
    made = reached.client(30)
    yield made
    made.close()
