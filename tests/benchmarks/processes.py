"""Servers in processes of their own, and what the kernel knows of them: processor time, memory, how long they took.

A server's temporary files are in a directory that goes with it, and Ctrl-C reaches the benchmark alone, which ends the server.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.environment import ROOT, calm

READY = re.compile(r"ready: (http://\S+)")
START_SECONDS = 30.0
STOP_SECONDS = 60.0
SCHEDULED = 2
"""The clock of the time that the scheduler gave to a process, to the nanosecond: see clock_getcpuclockid(3)."""


class ServerFailed(Exception):
    """A server did not start, or did not end as it should; the text has its last words."""


class Served:
    """One server, from its start to its end: a context."""

    def __init__(self, *arguments: str, fed: bytes = b"") -> None:
        """`fed` is given to its standard input."""
        self._arguments = arguments
        self._fed = fed
        self.endpoint = ""
        self.began_at = 0.0
        """On the monotonic clock, before the process was there."""

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="ecs-emulator-benchmark-", ignore_cleanup_errors=True)
        self._log = (Path(self._scratch.name) / "stderr").open("w+b")
        self.began_at = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, *self._arguments],
            cwd=ROOT,
            env={**environment(), "TMPDIR": self._scratch.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._feed()
            self.endpoint = self._ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, ConnectionError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)  # it refuses because it is about to be gone
        died = self._process.poll()
        if died is not None and (kind is None or issubclass(kind, Exception)):
            said = self._last_words()
            self._end()
            raise ServerFailed(f"{self} ended of itself, with status {died}:\n{said}") from error
        status = self._end()
        if kind is None and status != 0:
            raise ServerFailed(f"{self} ended with status {status}")

    def __str__(self) -> str:
        return " ".join(("python", *self._arguments))

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads, those that ended too."""
        return time.clock_gettime(~self.pid << 3 | SCHEDULED)

    def memory(self) -> float:
        """Megabytes of memory that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def _feed(self) -> None:
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(self._fed)

    def _ready(self) -> str:
        """The endpoint that its ready line names."""
        assert self._process.stdout is not None
        said = ""
        deadline = self.began_at + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not (found := READY.search(said)) or not said.endswith("\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ServerFailed(f"{self} was not ready within {START_SECONDS:.0f} s:\n{self._last_words()}")
                if not (more := os.read(self._process.stdout.fileno(), 4096)):
                    raise ServerFailed(f"{self} ended at its start:\n{self._last_words()}")
                said += more.decode()
        return found[1]

    def _last_words(self) -> str:
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-12:])

    def _end(self) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            status = self._process.wait(STOP_SECONDS)
        except BaseException:  # too slow, or the user is impatient: it goes in any case
            self._process.kill()
            status = self._process.wait()
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._log.close()
            self._scratch.cleanup()
        return status


def environment() -> dict[str, str]:
    """A calm one, in which Python keeps compiled modules, as it does wherever the emulator is installed."""
    return {name: value for name, value in calm(os.environ).items() if name != "PYTHONDONTWRITEBYTECODE"}


def emulator(engine: str, *flags: str) -> Served:
    """The emulator as its user starts it, on a free port."""
    flags = ("--ephemeral", "--port", "0", "--engine", engine, *flags)
    return Served("-m", "ecs_emulator", "serve", *flags)


def null(answer: bytes = b"{}") -> Served:
    """The least that Flask can do on the emulator's own server class: it answers `answer`, whatever is asked."""
    return Served("-m", "tests.benchmarks.null", fed=answer)


def run(arguments: Sequence[str]) -> float:
    """Seconds that a Python takes from its start to its end."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=True, timeout=60
    )
    return time.monotonic() - began
