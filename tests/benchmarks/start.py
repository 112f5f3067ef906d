"""From the command to the first answer, and what the emulator holds while it waits: beside a null server and a bare Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from tests.benchmarks.clients import DEFINITION, NETWORK, Plain
from tests.benchmarks.processes import Served, emulator, null, run
from tests.benchmarks.table import Row, at_most, compared

TITLE = "start: from the command to the first answer, and the memory of a server that waits"
SECONDS = 150

ROUNDS = 9
IDLE_SECONDS = 2.0
MEMORY = 80


def measure() -> Iterator[Row]:
    yield from _first_answer()
    yield from _help()
    for engine in ("simulated", "docker"):
        with emulator(engine) as server, Plain(server.endpoint) as asking:
            time.sleep(IDLE_SECONDS)
            yield Row(f"memory, idle since the start, {engine} engine", server.memory(), "MB", at_most(MEMORY))
            _use(asking)
            time.sleep(IDLE_SECONDS)
            yield Row(f"memory, idle after some use, {engine} engine", server.memory(), "MB", at_most(MEMORY))


def _first_answer() -> Iterator[Row]:
    ours, nothing = [], []
    for _ in range(ROUNDS):
        ours.append(_until_answered(emulator("simulated")))
        nothing.append(_until_answered(null()))
    yield compared("start → first answer", ours, nothing, "s", "null server", at_most(3))
    yield Row("    in seconds, on a quiet machine", median(ours), "s", at_most(1))


def _until_answered(server: Served) -> float:
    with server, Plain(server.endpoint) as asking:
        asking.ask("DescribeClusters")
        return time.monotonic() - server.began_at


def _help() -> Iterator[Row]:
    helped, bare = [], []
    for _ in range(ROUNDS):
        helped.append(run(["-m", "ecs_emulator", "--help"]))
        bare.append(run(["-c", "pass"]))
    yield Row("ecs-emulator --help", median(helped), "s", at_most(0.3))
    yield Row("    a Python that does nothing", median(bare), "s")


def _use(asking: Plain) -> None:
    """What a test suite does: some of each kind of request; nothing stays."""
    for number in range(50):
        asking.ask("CreateCluster", clusterName=f"benchmark-{number}")
        asking.ask("RegisterTaskDefinition", family=f"benchmark-{number}", **DEFINITION)
        asking.ask("DescribeClusters", clusters=[f"benchmark-{number}"])
        asking.ask("ListTasks", cluster=f"benchmark-{number}")
        asking.ask(
            "CreateService",
            cluster=f"benchmark-{number}",
            serviceName="idle",
            taskDefinition=f"benchmark-{number}",
            desiredCount=0,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
        )
    for number in range(50):
        asking.ask("DescribeServices", cluster=f"benchmark-{number}", services=["idle"])
        asking.ask("DeleteService", cluster=f"benchmark-{number}", service="idle", force=True)
