"""`ecs-emulator reset`: remove a data directory and all that its server made on the engine, and nothing else."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from ecs_emulator.agent.docker.engine import Engine, Refused, TimedOut, Unreachable
from ecs_emulator.agent.docker.reach import Reached, find_engine
from ecs_emulator.agent.docker.sweep import Swept, sweep, sweep_orphans
from ecs_emulator.cli import default_data_dir, fail
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store, StoreUnusable
from ecs_emulator.store.directory import STATE, DataDir, DataDirInUse, orphans, remove


def reset(options: argparse.Namespace) -> int:
    """Ask, unless told `--yes`; refused while a server runs on the directory, or while its containers cannot be reached."""
    if options.orphans:
        return _sweep_orphans()
    path = options.data_dir or default_data_dir()
    if not (path / STATE).exists():
        return fail(f"{path} is no data directory of the emulator; nothing was removed.")
    if not options.yes and not _agreed(path):
        return fail("nothing was removed.")
    try:
        directory = DataDir(path)
    except (DataDirInUse, OSError) as error:
        return fail(f"{error}; nothing was removed.")
    try:
        if (emulator_id := _on_docker(path)) is not None:
            print(_swept(sweep(_engine(), emulator_id)))
    except (StoreUnusable, Refused, TimedOut, Unreachable) as error:
        directory.release()
        return fail(f"{error}; nothing was removed.")
    left = remove(directory)
    print(
        f"Removed the emulator's data from {path}"
        + (f"; left what is not its own: {', '.join(left)}." if left else ".")
    )
    return 0


def _engine() -> Engine:
    found = find_engine()
    if isinstance(found, Reached):
        return Engine(found)
    raise Unreachable(f"its containers run on a Docker engine, and none answers ({found.problem})")


def _sweep_orphans() -> int:
    gone = list(orphans())
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    print(f"Removed {len(gone)} directories of dead ephemeral servers.")
    engine = find_engine()
    if isinstance(engine, Reached):
        print(_swept(sweep_orphans(Engine(engine))))
    return 0


def _swept(swept: Swept) -> str:
    return f"Removed {swept.containers} containers, {swept.networks} networks and {swept.volumes} volumes."


def _on_docker(path: Path) -> str | None:
    """The emulator's id if its tasks are on a Docker engine; None where they were simulated."""
    from ecs_emulator.app import EMULATOR_ID, ENGINE_KIND

    store = Store(path)
    try:
        with store.snapshot() as tx:
            kind, fact = tx.get(Fact, ENGINE_KIND), tx.get(Fact, EMULATOR_ID)
    finally:
        store.close()
    simulated = kind is not None and kind.value == "simulated"
    return None if fact is None or simulated else fact.value


def _agreed(path: Path) -> bool:
    print(f"Remove {path} and every container, network and volume that its server made? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
