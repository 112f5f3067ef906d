"""A socket between an agent and its engine that a test can cut and mend: the engine itself knows nothing of it."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ecs_emulator.agent.docker.reach import Reached


class WireCutter:
    """Lives as long as a test."""

    def __init__(self, engine: Reached, directory: Path) -> None:
        assert engine.socket_path is not None
        self._engine = engine.socket_path
        self._path = directory / "engine.sock"
        self.reached = Reached(f"unix://{self._path}", engine.version)
        self._open: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def mend(self) -> None:
        """Let calls through again."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._path))
        self._listening.listen(16)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let no new one in."""
        with self._lock:
            if self._listening is not None:
                with suppress(OSError):
                    self._listening.shutdown(socket.SHUT_RDWR)
                self._listening.close()
                self._listening = None
                self._path.unlink()
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._engine)
            except OSError:
                return
            with self._lock:
                self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()


@contextmanager
def unclosed_sockets() -> Iterator[None]:
    """The docker package leaves a socket open that could not connect; here that is no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
