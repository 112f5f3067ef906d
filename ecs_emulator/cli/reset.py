"""`ecs-emulator reset`: remove a data directory and all that its server made on the engine, and nothing else."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from ecs_emulator.agent.docker.engine import Engine
from ecs_emulator.agent.docker.reach import Reached, find_engine
from ecs_emulator.agent.docker.sweep import Swept, sweep, sweep_orphans
from ecs_emulator.cli import default_data_dir, fail
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store, StoreUnusable
from ecs_emulator.store.directory import DataDir, DataDirInUse, orphans


def reset(options: argparse.Namespace) -> int:
    """Ask, unless told `--yes`; refused while a server runs on the directory."""
    if options.orphans:
        return _sweep_orphans()
    path = options.data_dir or default_data_dir()
    if not (path / "state.sqlite3").exists():
        return fail(f"{path} is no data directory of the emulator; nothing was removed.")
    if not options.yes and not _agreed(path):
        return fail("nothing was removed.")
    try:
        directory = DataDir(path)
        emulator_id = _emulator_id(path)
    except (DataDirInUse, StoreUnusable, OSError) as error:
        return fail(f"{error}; nothing was removed.")
    engine = find_engine()
    if emulator_id is not None and isinstance(engine, Reached):
        print(_swept(sweep(Engine(engine), emulator_id)))
    elif emulator_id is not None:
        print("No Docker engine answers: containers that this server made are still on it.", file=sys.stderr)
    directory.release()
    shutil.rmtree(path)
    print(f"Removed {path}.")
    return 0


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


def _emulator_id(path: Path) -> str | None:
    from ecs_emulator.app import EMULATOR_ID

    store = Store(path)
    try:
        with store.snapshot() as tx:
            fact = tx.get(Fact, EMULATOR_ID)
    finally:
        store.close()
    return None if fact is None else fact.value


def _agreed(path: Path) -> bool:
    print(f"Remove {path} and every container, network and volume that its server made? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
