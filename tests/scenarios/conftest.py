"""The stage of the scenarios: two images without a download, a server for each module, a cluster for each test.

Whoever starts a server here sees to its end, and to nothing of it being left on the engine.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from tests.images import build_context
from tests.scenarios.cluster import Cluster
from tests.scenarios.engine import Witness
from tests.scenarios.server import LIVING, Server, command

ON_DOCKER = ("--engine", "docker")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure is told with what every living server decided."""
    report = yield
    if report.failed:
        for server in LIVING:
            report.sections.append((f"decisions of the emulator at {server.endpoint}", server.story()))
    return report


@pytest.fixture(scope="session")
def engine() -> Iterator[Witness]:
    with closing(docker.from_env(timeout=60)) as client:
        yield Witness(client.api)


@pytest.fixture(scope="session")
def images(engine: Witness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], str]]:
    """The web page of `fixtures/images/web` in any version, each built when it is first asked for."""
    context = build_context("web", tmp_path_factory.mktemp("images"))
    name = f"ecs-emulator-scenarios-{uuid.uuid4().hex[:12]}"
    built: dict[int, str] = {}

    def version(number: int) -> str:
        if number not in built:
            tag = f"{name}:{number}"
            said = list(
                engine.api.build(
                    path=str(context), tag=tag, buildargs={"VERSION": str(number)}, rm=True, forcerm=True, decode=True
                )
            )
            assert "stream" in said[-1], said
            built[number] = tag
        return built[number]

    yield version
    for tag in built.values():
        engine.api.remove_image(tag, force=True)


@pytest.fixture(scope="session")
def image(images: Callable[[int], str]) -> str:
    return images(1)


@pytest.fixture(scope="module")
def emulator(engine: Witness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The module's server, ephemeral, on the real engine; its end is a test of its own."""
    server = Server(tmp_path_factory.mktemp("emulator"), ("--ephemeral", "--port", "0", *ON_DOCKER)).start()
    yield server
    status = server.end()
    left = engine.remains(server.id)
    if left:
        command("reset", "--orphans", patience=120.0)
    assert (status, left) == (0, []), server.log
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def cluster(emulator: Server, image: str) -> Iterator[Cluster]:
    """An empty cluster of the module's server, for one test."""
    mine = Cluster(emulator, f"c{uuid.uuid4().hex[:10]}", image)
    yield mine
    mine.leave()


class Servers:
    """The servers of one test. Lives as long as the test, and takes away what they made."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Server] = []

    def start(self, *arguments: str | Path, environment: dict[str, str] | None = None) -> Server:
        """`serve` with these arguments, on a free port unless one is among them."""
        words = tuple(map(str, arguments))
        port = () if "--port" in words or "ECS_EMULATOR_PORT" in (environment or {}) else ("--port", "0")
        server = Server(self._directory / f"server-{len(self._started)}", (*words, *port), environment or {})
        self._started.append(server)
        return server.start()

    def finish(self) -> None:
        for server in self._started:
            if server.running:
                server.end()
        if any(server.engine == "docker" for server in self._started):
            self._clear_engine()

    def _clear_engine(self) -> None:
        for server in self._started:
            if "--data-dir" in server.arguments:
                directory = Path(server.arguments[server.arguments.index("--data-dir") + 1])
                if directory.exists():
                    done = command("reset", "--yes", "--data-dir", directory, patience=120.0)
                    assert done.returncode == 0, done.stderr
        command("reset", "--orphans", patience=120.0)
        with closing(docker.from_env(timeout=60)) as client:
            for server in self._started:
                assert not server.id or Witness(client.api).remains(server.id) == []


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    started = Servers(tmp_path)
    yield started
    started.finish()
