"""A server that is shot at any moment loses nothing that it answered, and doubles nothing that it began."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError
from docker.errors import APIError

from ecs_emulator.agent.names import LABEL_CONTAINER, LABEL_TASK
from tests.scenarios.cluster import Cluster
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness, with_pause
from tests.scenarios.server import free_port
from tests.scenarios.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SEEDS = [20_260_901, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 9))]
ROUNDS = 10
LONGEST_LIFE = 2.0
DESIRED = 4
COUNTING = "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.3 & wait $!; done"


@dataclass
class Gambler:
    """Asks a server for things until it is shot, and remembers what it was told. Lives as long as the test."""

    definition: str
    chance: random.Random
    engine: Witness
    tokens: list[str] = field(default_factory=list)
    """Of each RunTask that was ever sent; one that was not answered is sent again."""
    answered: dict[str, str] = field(default_factory=dict)
    """The task of each token."""
    stopped: set[str] = field(default_factory=set)
    """Tasks whose end was asked for; perhaps without an answer."""

    def play(self, cluster: Cluster) -> None:
        """One round: until the connection breaks."""
        try:
            for act in self.acts():
                act(cluster)
        except BotoCoreError:
            return

    def acts(self) -> Iterator[Callable[[Cluster], object]]:
        for token in [one for one in self.tokens if one not in self.answered]:
            yield lambda cluster, token=token: self.run(cluster, token)  # type: ignore[misc]
        self.tokens.append(uuid.UUID(int=self.chance.getrandbits(128)).hex)
        yield lambda cluster: self.run(cluster, self.tokens[-1])
        if len(self.answered) > 3:
            yield self.stop_one
        yield self.chance.choice([self.roll, self.kill_one, self.kill_one])
        while True:
            yield lambda cluster: cluster.service()

    def run(self, cluster: Cluster, token: str) -> None:
        self.answered[token] = cluster.run_definition(self.definition, clientToken=token)

    def stop_one(self, cluster: Cluster) -> None:
        standing = [arn for arn in self.answered.values() if arn not in self.stopped]
        arn = self.chance.choice(standing)
        self.stopped.add(arn)
        cluster.ecs.stop_task(cluster=cluster.name, task=arn)

    def kill_one(self, cluster: Cluster) -> None:
        """A container of the service, behind the emulator's back."""
        with suppress(APIError, ValueError):  # it may not run yet, or not any more
            self.engine.kill(self.chance.choice(cluster.tasks(serviceName="web") or [""]), "main")

    def roll(self, cluster: Cluster) -> None:
        cluster.ecs.update_service(cluster=cluster.name, service="web", forceNewDeployment=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_shot_again_and_again_loses_and_doubles_nothing(
    servers: Servers, engine: Witness, image: str, tmp_path: Path, seed: int
) -> None:
    words = ("--data-dir", tmp_path / "data", "--port", str(free_port()), *ON_DOCKER)
    server = servers.start(*words)
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    counting = cluster.run(cluster.logging(COUNTING))
    chance = random.Random(seed)
    gambler = Gambler(cluster.register(cluster.container()), chance, engine)
    cluster.create_service(gambler.definition, DESIRED)
    for _ in range(ROUNDS):
        shot = threading.Timer(chance.uniform(0.0, LONGEST_LIFE), server.shoot)
        shot.start()
        gambler.play(cluster)
        shot.join()
        server = servers.start(*words)
        cluster = Cluster(server, cluster.name, image)
    for token in gambler.tokens:
        if token not in gambler.answered:
            gambler.run(cluster, token)
    converges(cluster, engine, gambler, counting)
    assert server.end() == 0


def converges(cluster: Cluster, engine: Witness, gambler: Gambler, counting: str) -> None:
    """Everything that was ever answered is as it should be, once, and nothing else is there."""
    standing = [arn for arn in gambler.answered.values() if arn not in gambler.stopped]
    cluster.running(counting, *standing)
    for arn in gambler.stopped:
        eventually("the end", lambda arn=arn: ended_or_asked_again(cluster, arn))  # type: ignore[misc]
    service = cluster.stable()
    assert (service["runningCount"], service["desiredCount"], len(service["deployments"])) == (DESIRED, DESIRED, 1)
    kept = cluster.tasks(serviceName="web")
    assert len(kept) == DESIRED

    assert len(set(gambler.answered.values())) == len(gambler.tokens)
    wanted = {counting, *standing, *kept}
    assert set(cluster.tasks()) == wanted
    everybody = [*cluster.tasks(), *cluster.tasks(desiredStatus="STOPPED")]
    assert set(gambler.answered.values()) <= set(everybody)
    expected = sorted(row for arn in wanted for row in with_pause(arn, "main"))
    eventually("only what is wanted", lambda: engine.running(cluster.server.id) == expected)
    made = [
        (one["Labels"][LABEL_TASK], one["Labels"][LABEL_CONTAINER])
        for one in engine.containers(emulator=cluster.server.id)
    ]
    assert len(made) == len(set(made))
    assert {arn for arn, _ in made} <= set(everybody)

    lines = cluster.lines(counting)
    last = int(lines[-1].removeprefix("line ")) + 2
    lines = cluster.said(counting, f"line {last}")
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]


def ended_or_asked_again(cluster: Cluster, arn: str) -> bool:
    """A StopTask that was not answered may not have happened: it is asked again."""
    task = cluster.task(arn)
    if task["desiredStatus"] == "RUNNING":
        cluster.ecs.stop_task(cluster=cluster.name, task=arn)
    return bool(task["lastStatus"] == "STOPPED")
