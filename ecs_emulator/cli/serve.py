"""`ecs-emulator serve`: start, say where, and end when asked to."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
import sys
from typing import Any

from ecs_emulator import config
from ecs_emulator.app import CannotStart, Emulator
from ecs_emulator.cli import default_data_dir, fail
from ecs_emulator.config import Config

FAILED = 70
"""The exit status of a bug, as sysexits.h has it."""


def serve(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    _log_as(options.log_format)
    end = _End()
    try:
        emulator = Emulator(_config(options), on_failure=end.tell).start()
    except CannotStart as error:
        return fail(f"{error}.")
    _say_ready(emulator)
    end.wait()
    emulator.stop()
    if emulator.failure is not None:
        print(f"ecs-emulator: {emulator.failure}.", file=sys.stderr)
        return FAILED
    return 0


class _End:
    """Told by SIGTERM, SIGINT or a failure. Lives as long as the process.

    Bytes on a wire: a lock would miss a signal that comes just before the wait for it begins.
    """

    def __init__(self) -> None:
        self._told, self._telling = socket.socketpair()
        self._telling.setblocking(False)
        signal.set_wakeup_fd(self._telling.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def tell(self) -> None:
        """From any thread."""
        self._telling.send(b"!")

    def wait(self) -> None:
        self._told.recv(1)


def _config(options: argparse.Namespace) -> Config:
    names = (
        "host",
        "port",
        "ephemeral",
        "account",
        "region",
        "registry_host",
        "registry_anonymous",
        "verify_references",
        "time_scale",
    )
    return config.Config(
        data_dir=options.data_dir or default_data_dir(),
        engine=config.EngineChoice(options.engine),
        instances=config.Instances(options.instances),
        timings=config.AWS if options.timings == "aws" else config.FAST,
        vpc_cidr=options.vpc_cidr,
        hooks=tuple((arn, url) for arn, _, url in (one.partition("=") for one in options.hook)),
        allowed_hosts=tuple(name.strip() for name in options.allowed_hosts.split(",") if name.strip()),
        log_format=options.log_format,
        pull=config.Pull(options.pull),
        remove_on_exit=options.remove_on_exit,
        events_kept=options.events_kept,
        **{name: getattr(options, name) for name in names},
    )


def _say_ready(emulator: Emulator) -> None:
    settings, engine = emulator.config, emulator.engine
    if engine.reached is None:
        print(f"TASKS ARE SIMULATED, no container will run: {engine.because}.", file=sys.stderr, flush=True)
    kept = "nothing is kept" if settings.ephemeral else f"data in {settings.data_dir}"
    print(
        f"ecs-emulator ready: {emulator.endpoint} (engine {engine.name}, account {settings.account}, region {settings.region}, {kept})"
    )
    print(f"export AWS_ENDPOINT_URL={emulator.endpoint}")
    print(f"export AWS_DEFAULT_REGION={settings.region}")
    print(f"export AWS_ACCESS_KEY_ID={settings.account}")
    print("export AWS_SECRET_ACCESS_KEY=emulated", flush=True)


class _JsonLines(logging.Formatter):
    """One JSON document a line."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document)


def _log_as(form: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _JsonLines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
