"""What nobody can see any more is removed from the disk; the reads hide it meanwhile."""

from __future__ import annotations

from pathlib import Path

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.logs import files, resolve
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.store import Store

_DAY = 24 * 3_600_000


def sweep(store: Store, data_dir: Path, now: Instant) -> int:
    """Remove the files of expired events and of deleted streams; how many segments were expired.

    Reads the store, then works on files alone: for a worker thread, every hour or so.
    """
    files.empty_trash(data_dir)
    with store.snapshot() as tx:
        groups = [group for group in tx.find(LogGroup) if group.retention_days is not None]
        expiring = [
            (group, stream)
            for group in groups
            for stream in tx.find(LogStream, account=group.account, region=group.region, group_name=group.name)
        ]
    removed = 0
    for group, stream in expiring:
        world = World(group.account, group.region)
        cutoff = resolve.milliseconds(now) - (group.retention_days or 0) * _DAY
        directory = files.stream_directory(data_dir, world, group.name, stream.name)
        removed += files.expire(directory, cutoff)
    return removed
