"""Does the process that made this still live? It is known by its machine, its id and when it started.

An id alone comes again; together with the start it does not. A process in another container, or on another machine that
uses the same engine, cannot be judged from here, and what cannot be judged is left alone.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

PROC = Path("/proc")


def this_process() -> str:
    """`<machine>/<process id>/<start>`, as the label `io.ecs-emulator.owner` keeps it."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether this owner certainly ended: same machine, and no such process with that start."""
    machine, _, process = owner.rpartition("/")[0].rpartition("/")
    if machine != _machine() or not process.isdecimal():
        return False
    return _started(int(process)) != owner.rpartition("/")[2]


def _machine() -> str:
    """The name of the machine and its process namespace: two containers on one host see different processes."""
    namespace = PROC / "self/ns/pid"
    return f"{platform.node()}-{os.readlink(namespace)}" if namespace.is_symlink() else platform.node()


def _started(process: int) -> str | None:
    """When the process started, in whatever words the system has for it; None where there is no such process.

    Linux counts ticks since the machine's own start, so that start belongs to it.
    """
    if not PROC.joinpath("self/stat").exists():
        return _asked_of_ps(process)
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        after_name = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = after_name[0], after_name[19]
    return None if state == "Z" else f"{boot}-{ticks}"


def _asked_of_ps(process: int) -> str | None:
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False)
    return "-".join(asked.stdout.split()) or None
