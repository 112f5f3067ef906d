"""An engine that goes away takes nothing with it: the emulator says so, answers on, and carries on when it is back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.agent.docker.reach import Reached, find_engine
from tests.agent.wire_cutter import WireCutter
from tests.scenarios.cluster import Cluster, container_of
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness, with_pause
from tests.scenarios.server import command
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

COUNTING = "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2 & wait $!; done"


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[WireCutter]:
    """What the emulator is told in place of its engine's socket."""
    engine = find_engine()
    assert isinstance(engine, Reached), engine
    with WireCutter(engine, tmp_path) as wire:
        yield wire


def through(wire: WireCutter) -> dict[str, str]:
    return {"DOCKER_HOST": wire.reached.url}


def test_a_lost_engine_is_told_waited_for_and_looked_at_again(
    servers: Servers, engine: Witness, wire: WireCutter, image: str
) -> None:
    server = servers.start("--ephemeral", *ON_DOCKER, environment=through(wire))
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    counting = cluster.run(cluster.logging(COUNTING))
    plain = cluster.register(cluster.container())
    stopping = cluster.run_definition(plain)
    cluster.create_service(plain, 2)
    cluster.running(counting, stopping)
    cluster.stable()
    first, second = sorted(cluster.tasks(serviceName="web"))
    cluster.said(counting, "line 3")

    wire.cut()
    eventually("degraded", lambda: server.health()["status"] == "degraded")
    assert server.health()["engine"]["problem"]
    told = command("status", "--endpoint", server.endpoint)
    assert told.returncode == 3 and "is degraded at" in told.stdout
    engine.kill(first, "main")
    meanwhile = cluster.run_definition(plain)
    cluster.ecs.stop_task(cluster=cluster.name, task=stopping)
    assert cluster.task(meanwhile)["lastStatus"] == "PROVISIONING"
    assert cluster.task(first)["lastStatus"] == "RUNNING"

    wire.mend()
    eventually("ok", lambda: server.health()["status"] == "ok")
    assert server.health()["engine"]["problem"] is None
    assert container_of(cluster.stopped(first))["exitCode"] == 137
    cluster.stopped(stopping)
    cluster.running(counting, meanwhile)
    assert cluster.stable()["runningCount"] == 2
    kept = cluster.tasks(serviceName="web")
    assert second in kept and first not in kept
    expected = sorted(row for arn in (counting, meanwhile, *kept) for row in with_pause(arn, "main"))
    eventually("only what is wanted", lambda: engine.running(server.id) == expected)
    last = 3 + len(cluster.lines(counting))
    lines = cluster.said(counting, f"line {last}")
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]
    assert server.end() == 0
    assert engine.remains(server.id) == []


def test_an_engine_lost_while_tasks_start_fails_none_of_them(
    servers: Servers, engine: Witness, wire: WireCutter, image: str
) -> None:
    server = servers.start("--ephemeral", *ON_DOCKER, environment=through(wire))
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    cluster.create_service(cluster.register(cluster.container(), cluster.container(name="second")), 3)
    for _ in range(3):
        eventually("something under way", lambda: engine.containers(emulator=server.id))
        wire.cut()
        eventually("degraded", lambda: server.health()["status"] == "degraded")
        wire.mend()
        eventually("ok", lambda: server.health()["status"] == "ok")
    assert cluster.stable()["runningCount"] == 3
    tasks = cluster.tasks(serviceName="web")
    assert cluster.service()["deployments"][0]["failedTasks"] == 0
    assert cluster.tasks(serviceName="web", desiredStatus="STOPPED") == []
    assert engine.running(server.id) == sorted(row for arn in tasks for row in with_pause(arn, "main", "second"))
    assert server.end() == 0
    assert engine.remains(server.id) == []


def test_a_server_whose_engine_is_gone_still_ends(servers: Servers, wire: WireCutter, image: str) -> None:
    server = servers.start("--ephemeral", *ON_DOCKER, environment=through(wire))
    cluster = Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    cluster.running(cluster.run(cluster.container()))
    wire.cut()
    assert server.end() == 0
    assert "not everything was removed from the engine" in server.log
    assert "Traceback" not in server.log
