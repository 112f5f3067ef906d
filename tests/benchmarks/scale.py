"""10,000 services of 10 tasks, built up from nothing: what a task costs must not depend on how many there are already.

The whole emulator on one thread with a manual clock (`tests/simulation.py`), its data in a directory as a user's is. On the way up the
directory is copied at each size, and at the end all the copies are worked on in turns.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ecs_emulator.clock import Instant
from ecs_emulator.control.plan import Seen
from ecs_emulator.records.tasks import DesiredStatus, Stage, Task, TaskStatus
from tests.benchmarks import plotting
from tests.benchmarks.clients import DEFINITION, NETWORK
from tests.benchmarks.plotting import Curve
from tests.benchmarks.table import Point, Row, at_most
from tests.simulation import Simulation

TITLE = "scale: 100 to 100,000 tasks in services of 10, what one of them costs and what all of them do"
SECONDS = 900

SIZES = (100, 1_000, 10_000, 100_000)
IN_A_SERVICE = 10
AT_ONCE = 10
"""Services that are asked for before the loop has its turn."""
PACE = 0.15
"""Seconds by the clock for so many services: what came before is forgotten by policy on the way."""
TRIMMED = 300.0
"""Seconds after which all that is to be forgotten is."""
ROUNDS = 16
KILLED = 10
"""Tasks in each round, each of another service: as soon as one service's tasks end, it pauses."""
LAUNCHED = 2
"""Services in each round."""
PROVEN = 30.0
"""Seconds after which a task's end is an accident."""
FLAT = at_most(1.2)
A_QUARTER, SIX_HOURS = 900.0, 21_600.0
"""Everything is looked at four times an hour, and every service says four times a day that it is steady."""
LAUNCH, REPLACE = (
    "a new service's task, until the service is steady",
    "a task's death, until its replacement is RUNNING",
)


def measure() -> Iterator[Row]:
    with TemporaryDirectory(prefix="ecs-emulator-benchmark-") as scratch:
        worlds: dict[int, World] = {}
        try:
            yield from _built(Path(scratch), worlds)
            yield from _worked_on(worlds)
            yield from _at_rest(worlds[SIZES[-1]])
        finally:
            for world in worlds.values():
                world.simulation.close()


def plot(rows: Sequence[Row]) -> str:
    """The two curves that must be flat, as SVG."""
    curves = [
        Curve(
            name,
            tuple((row.point.x, row.measured) for row in rows if row.point is not None and row.point.curve == name),
        )
        for name in (LAUNCH, REPLACE)
    ]
    return plotting.svg("Processor time of one decision's consequences", "tasks in the store", "ms", curves)


class World:
    """So many tasks in services of ten, all at rest. Lives inside the benchmark's directory."""

    def __init__(self, directory: Path, seed: int, now: Instant | None = None) -> None:
        """Another `seed` names other things than those that were copied."""
        self.simulation = Simulation(directory, seed=seed)
        self.services = 0
        self._killed = 0
        if now is not None:
            self.simulation.clock.move_to(now)

    @classmethod
    def of_nothing(cls, directory: Path) -> World:
        world = cls(directory, 1)
        world.simulation.call("CreateCluster", clusterName="benchmark")
        world.simulation.call("RegisterTaskDefinition", family="web", **DEFINITION)
        return world

    def copied(self, directory: Path) -> World:
        """The same once more, as a server that starts on a copy of the data finds it."""
        self.simulation.store.close()
        shutil.copytree(self.simulation.directory, directory)
        self.simulation.crash()
        self.simulation.settle()
        copy = World(directory, self.services, self.simulation.clock.now())
        copy.services = self.services
        copy.simulation.settle()
        return copy

    def grow(self, services: int) -> float:
        """Seconds of processor time until so many more are steady."""
        began = time.process_time()
        for _ in range(services):
            self.simulation.call(
                "CreateService",
                cluster="benchmark",
                serviceName=f"service-{self.services:05}",
                taskDefinition="web",
                desiredCount=IN_A_SERVICE,
                launchType="FARGATE",
                networkConfiguration=NETWORK,
            )
            self.services += 1
        self.simulation.settle()
        return time.process_time() - began

    def victims(self, count: int) -> list[Task]:
        """One task each of services that are far apart, of other ones each time as long as there are any."""
        found = []
        with self.simulation.store.snapshot() as tx:
            for _ in range(count):
                name = f"service-{self._killed * 7919 % self.services:05}"
                self._killed += 1
                arn = self.simulation.world.arn("ecs", f"service/benchmark/{name}")
                task = tx.first(Task, service_arn=arn, desired_status=DesiredStatus.RUNNING)
                assert task is not None
                found.append(task)
        return found

    def kill(self, task: Task) -> float:
        """Seconds of processor time from its container's end until nothing is left to do: then its replacement runs."""
        seen = Seen(task.arn, "web", Stage.STOPPED, "", 137, None, finished_at=self.simulation.clock.now())
        began = time.process_time()
        self.simulation.loop.tell(seen)
        self.simulation.settle()
        return time.process_time() - began

    def running(self) -> int:
        with self.simulation.store.snapshot() as tx:
            return tx.count(Task, desired_status=DesiredStatus.RUNNING, last_status=TaskStatus.RUNNING)

    def bytes_kept(self) -> int:
        """On the disk, once all of it is in the one file."""
        self.simulation.store.close()
        kept = sum(each.stat().st_size for each in self.simulation.directory.glob("state.sqlite3*"))
        self.simulation.crash()
        return kept


# --- up to the largest ----------------------------------------------------------------------------------------------


def _built(scratch: Path, worlds: dict[int, World]) -> Iterator[Row]:
    """Each size on the way up becomes a world of its own; the last is the one that grew."""
    grown = World.of_nothing(scratch / "grown")
    worlds[SIZES[-1]] = grown
    empty = grown.bytes_kept()
    kept: dict[int, float] = {}
    for size in SIZES:
        first, began = grown.services * IN_A_SERVICE, time.process_time()
        while grown.services * IN_A_SERVICE < size:
            grown.grow(AT_ONCE)
            grown.simulation.advance(PACE)
        spent = time.process_time() - began
        yield Row(f"built up from {first:,} to {size:,} tasks, of processor time", spent, "s")
        grown.simulation.advance(TRIMMED)
        assert grown.running() == size
        kept[size] = (grown.bytes_kept() - empty) / size / 1000
        grown.simulation.settle()
        if size != SIZES[-1]:
            worlds[size] = grown.copied(scratch / str(size))
    for size in SIZES:
        base = kept[SIZES[1]] if size > SIZES[1] else None
        target = FLAT if base is not None else None
        yield Row(
            f"on the disk for a task, of {size:,}", kept[size], "kB", target, f"of {SIZES[1]:,}" if base else "", base
        )


# --- in each of them ------------------------------------------------------------------------------------------------


def _worked_on(worlds: dict[int, World]) -> Iterator[Row]:
    launched: dict[int, list[float]] = {size: [] for size in SIZES}
    replaced: dict[int, list[float]] = {size: [] for size in SIZES}
    for turn in range(ROUNDS):
        for size in SIZES if turn % 2 == 0 else reversed(SIZES):
            world = worlds[size]
            world.simulation.advance(PROVEN)
            launched[size].append(world.grow(LAUNCHED) / (LAUNCHED * IN_A_SERVICE) * 1000)
            replaced[size].append(median(world.kill(task) for task in world.victims(KILLED)) * 1000)
            assert world.running() == world.services * IN_A_SERVICE
    for what, found in ((LAUNCH, launched), (REPLACE, replaced)):
        yield from _curve(what, found)


def _curve(what: str, found: dict[int, list[float]]) -> Iterator[Row]:
    least = SIZES[0]
    for size in SIZES:
        spent, point = median(found[size]), Point(what, size)
        if size == least:
            yield Row(f"among {size:,}: {what}", spent, "ms", point=point)
        else:
            against = f"among {least}"
            yield Row(f"among {size:,}: {what}", spent, "ms", FLAT, against, median(found[least]), point)


def _at_rest(world: World) -> Iterator[Row]:
    """What a quarter of an hour takes, with its look at everything; and what comes four times a day besides."""
    simulation = world.simulation
    quarter = _spent_until(simulation, simulation.clock.now() + A_QUARTER)
    daily = _spent_at(simulation, simulation.clock.now() + SIX_HOURS)
    share = quarter / A_QUARTER + max(0.0, daily - quarter) / SIX_HOURS
    yield Row(f"{world.services * IN_A_SERVICE:,} tasks at rest, of one core", share * 100, "%", at_most(1))
    yield Row("    a quarter of an hour, with a look at everything", quarter, "s")
    yield Row("    every service says that it is steady, with a look at everything", daily, "s")


def _spent_until(simulation: Simulation, end: Instant) -> float:
    began = time.process_time()
    simulation.advance(end - simulation.clock.now())
    return time.process_time() - began


def _spent_at(simulation: Simulation, instant: Instant) -> float:
    began = time.process_time()
    simulation.clock.move_to(instant)
    simulation.settle()
    return time.process_time() - began
