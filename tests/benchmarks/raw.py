"""The engine's own calls, made by hand: what the emulator is measured against where containers are real.

The bodies ask for what a task of the same size asks for, and no more. Everything carries one label, and goes with the context.
"""

from __future__ import annotations

import io
import secrets
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ecs_emulator.agent.docker.reach import Reached, find_engine
from tests.images import static_busybox

if TYPE_CHECKING:
    from docker import APIClient

MODES = ("bridge", "host", "awsvpc")
LABEL = "ecs-emulator-benchmark"
COMMAND = ["/busybox", "sleep", "3600"]
MEMORY_MIB = 64
PAUSE = "~internal~ecs~pause"
REMOVERS = 4
CALL_SECONDS = 120


class NoEngine(Exception):
    """No Docker engine answers; the text says where was asked."""


def engine() -> Reached:
    """The one that the emulator uses too."""
    found = find_engine()
    if not isinstance(found, Reached):
        raise NoEngine(found.problem)
    return found


@contextmanager
def imported_image() -> Iterator[str]:
    """The name of an image with one program in it; at the end it goes, with every container that anybody made of it."""
    client = engine().client(CALL_SECONDS)
    run = secrets.token_hex(4)
    client.import_image_from_data(_archive(), repository=LABEL, tag=run)
    try:
        yield f"{LABEL}:{run}"
    finally:
        image = client.inspect_image(f"{LABEL}:{run}")["Id"]  # type: ignore[no-untyped-call]
        for left in client.containers(all=True, filters={"ancestor": image}):
            client.remove_container(left["Id"], force=True, v=True)
        client.remove_image(image, force=True)
        client.close()


@dataclass(frozen=True, slots=True)
class Started:
    """The containers of what would be a task, by their ids."""

    main: str
    pause: str | None


@dataclass
class Raw:
    """Containers without an emulator. Lives inside its `with`, which has to end before the emulator whose network it uses."""

    image: str
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    _reached: Reached = field(default_factory=engine)
    _own: threading.local = field(default_factory=threading.local, repr=False)
    _pause: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        found = self.client.containers(all=True, filters={"label": f"{LABEL}={self.run}"})
        with ThreadPoolExecutor(REMOVERS) as pool:
            list(pool.map(self._remove, [each["Id"] for each in found]))

    @property
    def client(self) -> APIClient:
        """This thread's own."""
        found: APIClient | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._reached.client(CALL_SECONDS)
        return found

    def use_network_of(self, task_arn: str) -> None:
        """Let awsvpc starts use the VPC network and the pause image of this task's emulator."""
        (pause,) = self.containers_of(task_arn, PAUSE)
        self._pause = (next(iter(pause["NetworkSettings"]["Networks"].values()))["NetworkID"], pause["ImageID"])

    def containers_of(self, task_arn: str, name: str) -> list[dict[str, Any]]:
        """The containers of this name in a task of the emulator."""
        labels = [f"com.amazonaws.ecs.task-arn={task_arn}", f"com.amazonaws.ecs.container-name={name}"]
        return list(self.client.containers(filters={"label": labels}))

    def start(self, mode: str) -> float:
        """Seconds that create and start take; awsvpc: of a pause on the VPC network, and of a container joined to it."""
        began = time.monotonic()
        self.started(mode, COMMAND)
        return time.monotonic() - began

    def started(self, mode: str, command: list[str]) -> Started:
        """What a task of this mode is made of."""
        pause = self._started(*self._pause_body()) if mode == "awsvpc" else None
        joined = mode if pause is None else f"container:{pause}"
        host_config = {"NetworkMode": joined, "CpuShares": 2, "Memory": MEMORY_MIB << 20}
        return Started(self._started(self.image, host_config, command), pause)

    def stop(self, started: Started) -> None:
        """SIGTERM, and wait for the end; then the pause container goes."""
        self.client.kill(started.main, "SIGTERM")
        self.client.wait(started.main)
        if started.pause is not None:
            self._remove(started.pause)

    def start_many(self, mode: str, count: int, threads: int) -> float:
        """Seconds until so many run, started by so many threads, each with a client of its own."""
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: self.client.ping(), range(threads)))
            began = time.monotonic()
            list(pool.map(self.start, [mode] * count))
            return time.monotonic() - began

    def kill(self, container: str) -> None:
        self.client.kill(container, "SIGKILL")

    @contextmanager
    def deaths_of(self, container: str, tell: Callable[[float], object]) -> Iterator[None]:
        """Tell the engine's own time of this container's death, from a thread that ends with the `with`."""
        events = self.client.events(decode=True, filters={"event": "die", "container": container})

        def read() -> None:
            for event in events:
                tell(event["timeNano"] / 1e9)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield
        finally:
            events.close()
            reader.join()

    def _pause_body(self) -> tuple[str, dict[str, Any]]:
        assert self._pause is not None
        network, image = self._pause
        return image, {"NetworkMode": network, "LogConfig": {"Type": "none", "Config": {}}}

    def _started(self, image: str, host_config: dict[str, Any], command: list[str] | None = None) -> str:
        body = {"Image": image, "Cmd": command, "Labels": {LABEL: self.run}, "HostConfig": host_config}
        made: str = self.client.create_container_from_config(body)["Id"]  # type: ignore[no-untyped-call]
        self.client.start(made)
        return made

    def _remove(self, container: str) -> None:
        self.client.remove_container(container, force=True, v=True)


def _archive() -> bytes:
    """One program in an image: what `docker import` takes."""
    content = static_busybox().read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("busybox")
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
