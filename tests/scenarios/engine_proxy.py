"""A wire between an emulator and its engine that can be cut: the engine goes away for one emulator, and for nobody else."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class EngineWire:
    """Listens on a socket file of its own and passes every byte on, while it is whole. Lives from `mend` to `cut`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listening: socket.socket | None = None
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.path}"}

    def mend(self) -> None:
        """Listen, and connect whoever comes."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(self.path))
        listening.listen(64)
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def cut(self) -> None:
        """Every connection ends, and nobody listens any more."""
        if self._listening is None:
            return
        self.path.unlink()
        listening, self._listening = self._listening, None
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        with self._lock:
            for end in self._pairs:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(ENGINE)
            with self._lock:
                self._pairs |= {near, far}
                whole = self._listening is listening
            if not whole:
                near.shutdown(socket.SHUT_RDWR)
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        """Both ways; a half that ends is ended on the other side too."""
        with selectors.DefaultSelector() as selector, near, far:
            selector.register(near, selectors.EVENT_READ, (near, far))
            selector.register(far, selectors.EVENT_READ, (far, near))
            while selector.get_map():
                for key, _ in selector.select():
                    here, there = key.data
                    with contextlib.suppress(OSError):
                        if some := here.recv(65536):
                            there.sendall(some)
                            continue
                    selector.unregister(here)
                    with contextlib.suppress(OSError):
                        there.shutdown(socket.SHUT_WR)
        with self._lock:
            self._pairs -= {near, far}
