"""The demo from its first word to its last: whatever happens in between, it takes away what it made, and says so."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from tests.demo.aftermath import remove_images, sweep
from tests.demo.clients import KEYS, Clients, Shell, private_docker_config
from tests.demo.server import Server
from tests.demo.stage import DemoError, Stage
from tests.demo.story import RUN_LABEL, Story
from tests.environment import calm
from tests.images import NoBusyboxError

INTERRUPTED = 130
"""What a shell reports of a command that Ctrl-C ended."""
TROUBLE = (DemoError, NoBusyboxError, BotoCoreError, ClientError, OSError, subprocess.SubprocessError)


def main() -> int:
    signal.signal(signal.SIGTERM, interrupt)
    stage, run = Stage(), secrets.token_hex(4)
    scratch = Path(tempfile.mkdtemp(prefix="ecs-emulator-demo-"))
    environment = {**calm(os.environ), **KEYS, "DOCKER_CONFIG": str(private_docker_config(scratch / "docker"))}
    shell = Shell(stage, environment)
    server = Server(scratch, environment)
    status, complaints = 1, []
    try:
        play(stage, shell, server, run)
        status = 0
    except KeyboardInterrupt:
        stage.say("Interrupted: what was made is taken away.")
        status = INTERRUPTED
    except TROUBLE as error:
        stage.say(f"The demo failed: {error}\n\nThe emulator's last words:\n{server.last_words()}")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        complaints = tidy(stage, shell, server, run)
    for complaint in complaints:
        stage.say(f"Not as it should be: {complaint}")
    if not complaints:
        stage.say(f"{stage.seconds:.0f} s. Nothing is left: no container, network, volume, image, process or file.")
    return status or int(bool(complaints))


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def play(stage: Stage, shell: Shell, server: Server, run: str) -> None:
    with stage.step("the emulator starts"):
        stage.command(["ecs-emulator", *server.arguments])
        server.start()
        stage.tell(f"it listens on {server.endpoint}, with the engine of this machine ({server.engine})")
    Story(stage, Clients(shell, server.endpoint), server.scratch, run).tell()


def tidy(stage: Stage, shell: Shell, server: Server, run: str) -> list[str]:
    """Each part is done whatever became of the others; the complaints say what went wrong."""
    complaints: list[str] = []

    def attempt(part: Callable[[], None]) -> None:
        try:
            part()
        except TROUBLE as error:
            complaints.append(str(error))

    with stage.step("the emulator is stopped; what it and the demo made is looked for"):
        attempt(server.stop)
        attempt(lambda: sweep(shell, server.pid))
        attempt(lambda: remove_images(shell, f"{RUN_LABEL}={run}"))
        attempt(lambda: shutil.rmtree(server.scratch))
    return complaints


if __name__ == "__main__":
    sys.exit(main())
