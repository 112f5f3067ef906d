"""What a server leaves on the engine belongs to its data directory: the next server takes it up, `reset` takes it away."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.scenarios.cluster import FOREVER, Cluster, Document, address_of, container_of
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness, with_pause
from tests.scenarios.server import Server, command, page
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

COUNTING = "trap 'echo bye; exit 0' TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2 & wait $!; done"


def cluster_of(server: Server, image: str, name: str = "") -> Cluster:
    return Cluster(server, name or f"c{uuid.uuid4().hex[:10]}", image)


def numbers(lines: list[str]) -> list[int]:
    return [int(line.removeprefix("line ")) for line in lines if line.startswith("line ")]


def test_tasks_go_on_without_the_server_and_the_next_one_takes_them_up(
    servers: Servers, engine: Witness, image: str, tmp_path: Path
) -> None:
    words = ("--data-dir", tmp_path / "data", *ON_DOCKER)
    cluster = cluster_of(first := servers.start(*words), image)
    task = cluster.running(cluster.run(cluster.logging(COUNTING)))
    arn, address = task["taskArn"], address_of(task)
    service = cluster.register(cluster.container("exec /bin/sh /bin/web"))
    cluster.create_service(service, 1)
    cluster.stable()
    (kept,) = cluster.tasks(serviceName="web")
    before = {one["Id"] for one in engine.containers(emulator=first.id)}
    cluster.said(arn, "line 3")
    assert first.end() == 0
    assert engine.running(first.id) == sorted([*with_pause(arn, "main"), *with_pause(kept, "main")])
    assert {one["Id"] for one in engine.containers(emulator=first.id)} == before

    cluster = cluster_of(second := servers.start(*words), image, cluster.name)
    assert second.id == first.id
    again = cluster.task(arn)
    assert (again["lastStatus"], address_of(again)) == ("RUNNING", address)
    assert container_of(again)["runtimeId"] == container_of(task)["runtimeId"]
    last = 3 + numbers(cluster.lines(arn))[-1]
    lines = numbers(cluster.said(arn, f"line {last}"))
    assert lines == list(range(1, len(lines) + 1))
    assert cluster.stable()["runningCount"] == 1
    assert cluster.tasks(serviceName="web") == [kept]
    assert {one["Id"] for one in engine.containers(emulator=first.id)} == before
    assert page(f"http://{address_of(cluster.task(kept))}:8080/") == "web 1"
    assert container_of(cluster.stop(arn))["exitCode"] == 0
    assert cluster.said(arn, "bye")[-1] == "bye"
    assert second.end() == 0


def test_what_ended_while_no_server_looked_is_told_by_the_next_and_replaced(
    servers: Servers, engine: Witness, image: str, tmp_path: Path
) -> None:
    words = ("--data-dir", tmp_path / "data", *ON_DOCKER)
    cluster = cluster_of(server := servers.start(*words), image)
    failing = cluster.run(cluster.container("until [ -e /gone ]; do sleep 0.1; done; exit 9"))
    removed = cluster.run(cluster.container())
    cluster.create_service(cluster.register(cluster.container()), 2)
    cluster.running(failing, removed)
    cluster.stable()
    first, second = sorted(cluster.tasks(serviceName="web"))
    server.shoot()

    engine.execute(failing, "main", "/bin/sh", "-c", "echo >/gone")
    eventually("its end", lambda: not engine.container(failing, "main")["State"]["Running"])
    engine.kill(first, "main")
    engine.api.remove_container(engine.container(removed, "main")["Id"], force=True)
    ((pause, _),) = [(one["Id"], one) for one in engine.containers(task=second) if "pause" in one["Names"][0]]
    engine.api.kill(pause)

    cluster = cluster_of(server := servers.start(*words), image, cluster.name)
    assert container_of(cluster.stopped(failing))["exitCode"] == 9
    assert cluster.stopped(failing)["stopCode"] == "EssentialContainerExited"
    assert container_of(cluster.stopped(first))["exitCode"] == 137
    assert cluster.stopped(removed)["stopCode"] == "EssentialContainerExited"
    assert cluster.stopped(second)["stopCode"] == "EssentialContainerExited"
    assert cluster.stable()["runningCount"] == 2
    now = cluster.tasks(serviceName="web")
    assert len(now) == 2 and not {first, second} & set(now)
    eventually(
        "only the new ones",
        lambda: engine.running(server.id) == sorted(row for arn in now for row in with_pause(arn, "main")),
    )
    assert server.end() == 0


def test_a_server_told_so_removes_its_containers_at_its_end(
    servers: Servers, engine: Witness, image: str, tmp_path: Path
) -> None:
    words = ("--data-dir", tmp_path / "data", *ON_DOCKER, "--remove-on-exit")
    cluster = cluster_of(server := servers.start(*words), image)
    arn = cluster.run(cluster.container())
    cluster.create_service(cluster.register(cluster.container()), 1)
    cluster.running(arn)
    cluster.stable()
    assert server.end() == 0
    assert engine.remains(server.id) == []

    cluster = cluster_of(server := servers.start(*words), image, cluster.name)
    assert cluster.stopped(arn)["lastStatus"] == "STOPPED"
    assert cluster.stable()["runningCount"] == 1
    assert server.end() == 0


@pytest.fixture
def stranger(engine: Witness, image: str) -> Iterator[str]:
    """A container that no emulator made."""
    made: str = engine.api.create_container(image, ["/bin/sh", "-c", FOREVER], entrypoint=[])["Id"]
    engine.api.start(made)
    yield made
    engine.api.remove_container(made, force=True)


def test_reset_removes_what_is_its_own_and_nothing_else(
    servers: Servers, engine: Witness, image: str, stranger: str, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    volume: Document = {
        "name": f"v{uuid.uuid4().hex}",
        "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True},
    }
    mount: Document = {"mountPoints": [{"sourceVolume": volume["name"], "containerPath": "/data"}]}
    for directory in (mine, other):
        cluster = cluster_of(server := servers.start("--data-dir", directory, *ON_DOCKER), image)
        cluster.running(cluster.run(cluster.container()))
        if directory == mine:
            cluster.running(cluster.run_ec2(cluster.container(**mount), volumes=[volume]))
            mine_id = server.id
        assert server.end() == 0
    kept = sorted(engine.remains(server.id))
    assert f"volume {volume['name']}" in engine.remains(mine_id)

    running = servers.start("--data-dir", mine, *ON_DOCKER)
    refused = command("reset", "--yes", "--data-dir", mine)
    assert refused.returncode == 1 and "nothing was removed" in refused.stderr
    assert running.end() == 0
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    blind = command("reset", "--yes", "--data-dir", mine, environment=nowhere)
    assert blind.returncode == 1 and "none answers" in blind.stderr and "nothing was removed" in blind.stderr
    done = command("reset", "--yes", "--data-dir", mine)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Removed 3 containers, 1 networks and 1 volumes.",
        f"Removed the emulator's data from {mine}.",
    ]
    assert engine.remains(mine_id) == []
    assert not mine.exists()
    assert sorted(engine.remains(server.id)) == kept
    assert engine.api.inspect_container(stranger)["State"]["Running"]


def test_orphans_are_what_dead_ephemeral_servers_left(
    servers: Servers, engine: Witness, image: str, stranger: str, tmp_path: Path
) -> None:
    dead = servers.start("--ephemeral", *ON_DOCKER)
    living = servers.start("--ephemeral", *ON_DOCKER)
    durable = servers.start("--data-dir", tmp_path / "data", *ON_DOCKER)
    for server in (dead, living, durable):
        cluster = cluster_of(server, image)
        cluster.running(cluster.run(cluster.container()))
    directory = Path(dead.health()["dataDir"])
    dead.shoot()
    durable.shoot()
    assert engine.running(dead.id)
    done = command("reset", "--orphans")
    assert done.returncode == 0, done.stderr
    assert engine.remains(dead.id) == []
    assert not directory.exists()
    assert len(engine.running(living.id)) == len(engine.running(durable.id)) == 2
    assert engine.api.inspect_container(stranger)["State"]["Running"]
    assert living.end() == 0
    assert engine.remains(living.id) == []


def test_the_command_prints_what_a_task_wrote(servers: Servers, image: str) -> None:
    cluster = cluster_of(server := servers.start("--ephemeral", *ON_DOCKER), image)
    arn = cluster.run(cluster.logging("echo one; echo two; echo three"))
    cluster.stopped(arn)
    cluster.said(arn, "three")
    for subject in (arn, arn.rpartition("/")[2], cluster.log_group):
        told = command("logs", subject, "--cluster", cluster.name, "--endpoint", server.endpoint)
        assert told.returncode == 0, told.stderr
        assert [line.split()[-1] for line in told.stdout.splitlines()] == ["one", "two", "three"]
    assert server.end() == 0


@pytest.mark.parametrize("begun", [0, 2, 5])
def test_an_ephemeral_server_that_ends_while_tasks_start_leaves_nothing(
    servers: Servers, engine: Witness, image: str, begun: int
) -> None:
    """`begun`: containers that are there when it is told to end."""
    cluster = cluster_of(server := servers.start("--ephemeral", *ON_DOCKER), image)
    cluster.create_service(cluster.register(cluster.container()), 5)
    eventually("the beginning", lambda: len(engine.containers(emulator=server.id)) >= begun)
    assert server.end(signal.SIGINT) == 0
    assert engine.remains(server.id) == []
    assert "Traceback" not in server.log


def test_the_addresses_of_tasks_are_where_the_user_wants_them(servers: Servers, engine: Witness, image: str) -> None:
    cluster = cluster_of(server := servers.start("--ephemeral", "--vpc-cidr", "10.213.64.0/24", *ON_DOCKER), image)
    address = address_of(cluster.running(cluster.run(cluster.container())))
    assert ip_address(address) in ip_network("10.213.64.0/24")
    assert server.end() == 0
    assert engine.remains(server.id) == []
