"""What ten thousand tasks cost that do nothing, and whether they make it dearer to move one that does something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.api import running, until
from tests.benchmarks.clients import DEFINITION, NETWORK, Plain
from tests.benchmarks.processes import emulator
from tests.benchmarks.table import Row, at_most, compared
from tests.simulation import Simulation

TITLE = "loop: 10,000 simulated tasks that idle, and one service that moves among them"
SECONDS = 360

FEW, MANY = 100, 10_000
IN_A_SERVICE = 1_000
IDLE_SECONDS = 20.0
MOVES = 60
LOOKS = 400
FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK, "cluster": "benchmark"}


def measure() -> Iterator[Row]:
    yield from _idle()
    with TemporaryDirectory(prefix="ecs-emulator-benchmark-") as scratch:
        few, many = (_inhabited(Path(scratch), count) for count in (FEW, MANY))
        try:
            yield from _steps(few, many)
        finally:
            few.close()
            many.close()


def _idle() -> Iterator[Row]:
    """A server of its own: its processor time while nobody asks for anything."""
    with emulator("simulated") as server, Plain(server.endpoint) as asking:
        began = time.monotonic()
        asking.ask("CreateCluster", clusterName="benchmark")
        asking.ask("RegisterTaskDefinition", family="idle", **DEFINITION)
        for number in range(MANY // IN_A_SERVICE):
            wanted = {"serviceName": f"idle-{number}", "taskDefinition": "idle", "desiredCount": IN_A_SERVICE}
            asking.ask("CreateService", **wanted, **FARGATE)
        until(lambda: running(asking) == MANY, f"{MANY:,} tasks to run", 180)
        launched = time.monotonic() - began
        until_at_rest(server.cpu)
        before = server.cpu()
        time.sleep(IDLE_SECONDS)
        spent = (server.cpu() - before) / IDLE_SECONDS * 100
        yield Row(f"{MANY:,} idle tasks, of one core", spent, "%", at_most(1))
        yield Row(f"    launching them, {MANY // IN_A_SERVICE} services", launched, "s")
        yield Row("    memory then", server.memory(), "MB")


def until_at_rest(cpu: Callable[[], float]) -> None:
    """Until a second passes in which the server does next to nothing."""
    for _ in range(60):
        before = cpu()
        time.sleep(1.0)
        if cpu() - before < 0.02:
            return


def _inhabited(scratch: Path, count: int) -> Simulation:
    """The emulator on this thread, with so many idle tasks and one service of one task, `mover`."""
    simulation = Simulation(scratch / str(count))
    simulation.call("CreateCluster", clusterName="benchmark")
    simulation.call("RegisterTaskDefinition", family="idle", **DEFINITION)
    number = 0
    while (wanted := min(IN_A_SERVICE, count - number * IN_A_SERVICE)) > 0:
        service = {"serviceName": f"idle-{number}", "taskDefinition": "idle", "desiredCount": wanted}
        simulation.call("CreateService", **service, **FARGATE)
        simulation.settle()
        number += 1
    simulation.call("CreateService", serviceName="mover", taskDefinition="idle", desiredCount=1, **FARGATE)
    simulation.settle()
    return simulation


def _steps(few: Simulation, many: Simulation) -> Iterator[Row]:
    looks: dict[Simulation, list[float]] = {few: [], many: []}
    for _ in range(LOOKS):
        for simulation, found in looks.items():
            found.append(_look(simulation))
    against = f"among {FEW}"
    yield compared(
        f"a step that looks at one service, among {MANY:,} tasks", looks[many], looks[few], "ms", against, at_most(1.2)
    )
    moves: dict[Simulation, list[float]] = {few: [], many: []}
    for _ in range(MOVES):
        for simulation, found in moves.items():
            found.append(_move(simulation))
    yield compared(
        f"stop a task, run its replacement, among {MANY:,} tasks",
        moves[many],
        moves[few],
        "ms",
        against,
        at_most(1.2),
    )


def _look(simulation: Simulation) -> float:
    """Milliseconds of processor time for a step in which a service is to be looked at, and nothing is to be done."""
    mark = ("service", simulation.world.arn("ecs", "service/benchmark/mover"))
    began = time.process_time()
    simulation.loop.step([frozenset({mark})])
    return (time.process_time() - began) * 1000


def _move(simulation: Simulation) -> float:
    """Milliseconds of processor time from the end of a service's one task to its replacement's RUNNING."""
    (task,) = simulation.call("ListTasks", cluster="benchmark", serviceName="mover")["taskArns"]
    began = time.process_time()
    simulation.call("StopTask", cluster="benchmark", task=task)
    simulation.settle()
    return (time.process_time() - began) * 1000
