"""The emulator as its user starts it: a process of its own, on a free port, told nothing but that it is ephemeral."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo.clients import eventually
from tests.demo.stage import DemoError, tail

COMMAND = Path(sys.executable).with_name("ecs-emulator")
READY = re.compile(r"^ecs-emulator ready: (http://\S+) \(engine (\w+)", re.MULTILINE)
START_PATIENCE = 20.0
STOP_PATIENCE = 30.0


@dataclass
class Server:
    """Lives in a session of its own, from `start` to `stop`: Ctrl-C reaches the demo, and the demo ends it."""

    scratch: Path
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ("serve", "--ephemeral", "--port", "0", "--engine", "docker")
    endpoint: str = ""
    engine: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def private(self) -> Path:
        """Where its temporary files go: what it forgets is found there, and goes away with the scratch directory."""
        return self.scratch / "private"

    def start(self) -> None:
        self.private.mkdir()
        with (self.scratch / "emulator.out").open("w") as said, (self.scratch / "emulator.log").open("w") as log:
            self._process = subprocess.Popen(
                [COMMAND, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                env={**self.environment, "TMPDIR": str(self.private)},
                start_new_session=True,
            )
        self.endpoint, self.engine = eventually("the emulator's ready line", self._ready, START_PATIENCE)

    @property
    def pid(self) -> int:
        """0 before the start."""
        return self._process.pid if self._process else 0

    def _ready(self) -> tuple[str, str] | None:
        if found := READY.search((self.scratch / "emulator.out").read_text()):
            return found[1], found[2]
        if self._process and self._process.poll() is not None:
            raise DemoError(f"the emulator ended with status {self._process.returncode}")
        return None

    def last_words(self) -> str:
        log = self.scratch / "emulator.log"
        return tail(log.read_text()) if log.exists() else ""

    def stop(self) -> None:
        """SIGTERM, as a supervisor would; SIGKILL only where that is not obeyed. Before it is ready it just dies of it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired as patience:
            self._process.kill()
            self._process.wait()
            raise DemoError(f"the emulator did not end on SIGTERM:\n{self.last_words()}") from patience
        if status not in ((0,) if self.endpoint else (0, -signal.SIGTERM)):
            raise DemoError(f"the emulator ended with status {status}:\n{self.last_words()}")
        if forgotten := sorted(path.name for path in self.private.iterdir()):
            raise DemoError(f"the emulator left {', '.join(forgotten)} in its temporary directory")
