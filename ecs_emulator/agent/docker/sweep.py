"""Removes what emulators left on the engine, by their labels, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ecs_emulator.agent.docker import owner, pause
from ecs_emulator.agent.docker.engine import Engine, Refused
from ecs_emulator.agent.names import LABEL_EMULATOR, LABEL_EPHEMERAL, LABEL_OWNER, LABEL_SHARED

AT_ONCE = 4
"""Removals under way; more do not make the engine faster."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was removed."""

    containers: int = 0
    networks: int = 0
    volumes: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.containers + other.containers, self.networks + other.networks, self.volumes + other.volumes)


def sweep(engine: Engine, emulator_id: str, *, keep_shared: bool = False) -> Swept:
    """Remove every container, network and volume of one emulator; `keep_shared`: but not what outlives its tasks.

    The pause image goes with its last user. Raises Unreachable.
    """
    mine = {LABEL_EMULATOR: emulator_id}
    containers = [one["Id"] for one in engine.containers(mine)]
    _each(engine.remove, containers)
    networks = [one["Id"] for one in engine.networks(mine)]
    _each(engine.remove_network, networks)
    volumes = [one["Name"] for one in engine.volumes(mine) if not (keep_shared and LABEL_SHARED in one["Labels"])]
    _each(engine.remove_volume, volumes)
    engine.remove_image(pause.for_machine(engine.machine()).id)
    return Swept(len(containers), len(networks), len(volumes))


def sweep_orphans(engine: Engine) -> Swept:
    """Remove what ephemeral emulators left whose process is dead. Raises Unreachable."""
    swept = Swept()
    for emulator_id in _orphaned(engine):
        swept += sweep(engine, emulator_id)
    return swept


def _orphaned(engine: Engine) -> list[str]:
    ephemeral = {LABEL_EPHEMERAL: "true"}
    found = (*engine.containers(ephemeral), *engine.networks(ephemeral), *engine.volumes(ephemeral))
    labels = [one["Labels"] for one in found]
    owners = {(one[LABEL_EMULATOR], one[LABEL_OWNER]) for one in labels if LABEL_EMULATOR in one and LABEL_OWNER in one}
    living = {emulator_id for emulator_id, process in owners if not owner.is_dead(process)}
    return sorted({emulator_id for emulator_id, _ in owners} - living)


def _each(remove: Callable[[str], None], names: Iterable[Any]) -> None:
    """Remove each; what the engine holds on to, because somebody else uses it, stays."""

    def unless_refused(name: str) -> None:
        try:
            remove(name)
        except Refused:
            return

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
        list(pool.map(unless_refused, names))
