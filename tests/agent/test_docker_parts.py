"""The pieces of the Docker agent, each on a real engine: the pause image, the VPC network, the watch, the sweeping up."""

from __future__ import annotations

import ipaddress
import queue
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from ecs_emulator.agent.docker import pause
from ecs_emulator.agent.docker.engine import START_SECONDS, Engine, Machine, Refused, TimedOut, Unreachable
from ecs_emulator.agent.docker.networks import NoNetwork, VpcNetwork
from ecs_emulator.agent.docker.reach import Reached
from ecs_emulator.agent.docker.sweep import sweep, sweep_orphans
from ecs_emulator.agent.docker.watch import Watch, instant
from ecs_emulator.agent.names import LABEL_CONTAINER, LABEL_TASK, Identity
from ecs_emulator.clock import SystemClock
from ecs_emulator.control.plan import EngineLost, Observation, Seen, Snapshot
from ecs_emulator.records.tasks import Health, Stage
from tests.agent.conftest import eventually
from tests.agent.wire_cutter import WireCutter, unclosed_sockets
from tests.environment import ROOT

TASK = "arn:aws:ecs:us-east-1:123456789012:task/test/00"


@pytest.fixture
def other(engine: Engine) -> Iterator[Identity]:
    """Another emulator's identity."""
    made = Identity(f"test-{secrets.token_hex(6)}", "nobody", ephemeral=True)
    yield made
    sweep(engine, made.emulator_id)


# --- the pause image --------------------------------------------------------------------------------------------------


def test_the_ids_of_the_pause_images_are_constants() -> None:
    assert {name: pause.pause_image(name).id for name in pause.MACHINES} == {
        "amd64": "sha256:2095b11292c2a45ba4cae587eb457bfa4eb49c95df4539ea0c6bb6096bce86bc",
        "arm64": "sha256:5d34e39a5bd93e2ab307cc65bb761e369feabcca014b46b4a9588f64654f689e",
    }
    assert {name: len(pause.program(name)) for name in pause.MACHINES} == {"amd64": 188, "arm64": 208}


@pytest.mark.engine
def test_the_pause_program_waits_for_ever_and_has_its_children_reaped(engine: Engine, identity: Identity) -> None:
    made = pause.for_machine(engine.machine())
    pause.load(engine, made)
    body = {"Image": made.id, "Labels": identity.labels, "HostConfig": {"NetworkMode": "none"}}
    container = engine.create(f"pause-{identity.emulator_id}", body)
    engine.start(container)
    inspected = engine.inspect(container)
    assert inspected is not None
    assert inspected["State"]["Running"]
    assert inspected["Config"]["StopSignal"] == "SIGKILL"
    status = Path(f"/proc/{inspected['State']['Pid']}/status")
    if engine.machine().architecture == "x86_64" and status.exists():
        ignored = int(status.read_text().split("SigIgn:")[1].split()[0], 16)
        assert ignored >> (pause.SIGCHLD - 1) & 1


# --- the VPC network --------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_many_tasks_at_once_make_one_network(engine: Engine, identity: Identity) -> None:
    network = VpcNetwork(engine, identity, None)
    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(lambda _: network.id(), range(8)))
    assert len(ids) == 1
    assert VpcNetwork(engine, identity, None).id() == ids.pop()
    assert len(engine.networks(identity.labels)) == 1


@pytest.mark.engine
def test_a_range_that_somebody_has_is_passed_over(engine: Engine, identity: Identity, other: Identity) -> None:
    subnets = []
    for one in (identity, other):
        VpcNetwork(engine, one, None).id()
        config = engine.networks(one.labels)[0]["IPAM"]["Config"][0]
        subnets.append(ipaddress.ip_network(config["Subnet"]))
        assert ipaddress.ip_network(config["IPRange"]).subnet_of(subnets[-1])  # type: ignore[arg-type]
    assert not subnets[0].overlaps(subnets[1])


@pytest.mark.engine
def test_a_wished_range_is_taken_or_refused_with_a_sentence(
    engine: Engine, identity: Identity, other: Identity
) -> None:
    VpcNetwork(engine, identity, "10.213.0.0/24").id()
    assert engine.networks(identity.labels)[0]["IPAM"]["Config"][0]["Subnet"] == "10.213.0.0/24"
    with pytest.raises(NoNetwork, match=r"overlap.*; choose a range with --vpc-cidr$"):
        VpcNetwork(engine, other, "10.213.0.0/16").id()


@pytest.mark.engine
def test_a_network_that_was_removed_is_made_anew(engine: Engine, identity: Identity) -> None:
    network = VpcNetwork(engine, identity, None)
    engine.remove_network(network.id())
    network.forget()
    network.id()
    assert len(engine.networks(identity.labels)) == 1


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.0.0.0/29", "10.0.0.1/24", "nonsense"])
def test_what_is_no_range_of_a_vpc_is_refused(cidr: str, identity: Identity) -> None:
    with pytest.raises(ValueError):
        VpcNetwork(Engine(Reached("unix:///nowhere", "1.41")), identity, cidr)


# --- the watch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-11-21T03:52:10.12293229Z", 1795233130.122932), ("0001-01-01T00:00:00Z", None), ("", None), (None, None)],
)
def test_the_engines_time_becomes_an_instant(text: str | None, expected: float | None) -> None:
    assert instant(text) == (None if expected is None else pytest.approx(expected, abs=1e-6))


class Watched:
    """A watch on its thread, and what it told. Lives as long as a test."""

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self.told: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        self.watch = Watch(engine, SystemClock(), identity.emulator_id, lambda inspected: None)
        self.thread = threading.Thread(target=self.watch.run, args=(self.told.put,), daemon=True)
        self.thread.start()

    def next(self) -> Observation:
        return self.told.get(timeout=10)

    def close(self) -> None:
        self.watch.close()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def watched(engine: Engine, identity: Identity) -> Iterator[Watched]:
    made = Watched(engine, identity)
    yield made
    made.close()


Run = Callable[..., str]


@pytest.fixture
def run(engine: Engine, identity: Identity, image: str) -> Run:
    """Start a container of a task that nobody knows; its id."""

    def start(*command: str, start: bool = True, **host_config: object) -> str:
        labels = {**identity.labels, LABEL_TASK: TASK, LABEL_CONTAINER: "app"}
        body = {
            "Image": image,
            "Cmd": list(command),
            "Labels": labels,
            "HostConfig": {"NetworkMode": "none", **host_config},
        }
        container = engine.create(f"{identity.emulator_id}-{secrets.token_hex(4)}", body)
        if start:
            engine.start(container)
        return container

    return start


@pytest.mark.engine
def test_a_death_is_seen_with_its_exit_code_and_its_times(watched: Watched, run: Run) -> None:
    assert isinstance(snapshot := watched.next(), Snapshot) and snapshot.seen == ()
    container = run("sh", "-c", "exit 9")
    seen = watched.next()
    assert isinstance(seen, Seen)
    assert (seen.task_arn, seen.container, seen.stage, seen.engine_id) == (TASK, "app", Stage.STOPPED, container)
    assert (seen.exit_code, seen.reason) == (9, None)
    assert seen.started_at is not None and seen.finished_at is not None and seen.started_at <= seen.finished_at


@pytest.mark.engine
def test_a_death_for_want_of_memory_says_so(watched: Watched, run: Run) -> None:
    watched.next()
    run("sh", "-c", "sleep 0.3; x=x; while :; do x=$x$x; done", Memory=8 << 20, MemorySwap=8 << 20)
    seen = watched.next()
    assert isinstance(seen, Seen)
    assert (seen.exit_code, seen.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")


@pytest.mark.engine
def test_what_somebody_removes_has_stopped(watched: Watched, run: Run, client: docker.APIClient) -> None:
    watched.next()
    created = run("true", start=False)
    client.remove_container(created, force=True)
    seen = watched.next()
    assert isinstance(seen, Seen)
    assert (seen.stage, seen.exit_code, seen.engine_id) == (Stage.STOPPED, None, created)
    assert seen.reason == "ContainerVanishedError: No container matching saved ID found"


@pytest.mark.engine
def test_a_snapshot_tells_of_the_running_the_dead_the_created_and_those_that_could_not_start(
    engine: Engine, identity: Identity, run: Run
) -> None:
    running, dead, created = run("sleep", "1000"), run("false"), run("true", start=False)
    failed = run("/no/such/binary", start=False)
    with pytest.raises(Refused):
        engine.start(failed)
    eventually(lambda: (engine.inspect(dead) or {})["State"]["Status"] == "exited")
    watched = Watched(engine, identity)
    snapshot = watched.next()
    watched.close()
    assert isinstance(snapshot, Snapshot)
    seen = {one.engine_id: one for one in snapshot.seen}
    assert {id: (seen[id].stage, seen[id].exit_code) for id in (running, dead, created, failed)} == {
        running: (Stage.RUNNING, None),
        dead: (Stage.STOPPED, 1),
        created: (Stage.CREATED, None),
        failed: (Stage.STOPPED, None),
    }
    assert (seen[failed].reason or "").startswith("CannotStartContainerError: Error response from daemon: ")


@pytest.mark.engine
def test_a_container_that_somebody_starts_again_after_its_end_is_ended_again(
    watched: Watched, run: Run, client: docker.APIClient
) -> None:
    watched.next()
    container = run("sleep", "1000")
    client.kill(container)
    first = watched.next()
    assert isinstance(first, Seen) and (first.stage, first.exit_code) == (Stage.STOPPED, 137)
    client.start(container)
    second = watched.next()
    assert isinstance(second, Seen) and (second.stage, second.engine_id) == (Stage.STOPPED, container)
    assert not client.inspect_container(container)["State"]["Running"]


@pytest.mark.engine
def test_a_container_that_somebody_restarts_ends(watched: Watched, run: Run, client: docker.APIClient) -> None:
    watched.next()
    container = run("sleep", "1000")
    client.restart(container, timeout=0)
    seen = watched.next()
    while isinstance(seen, Seen) and seen.stage is not Stage.STOPPED:
        seen = watched.next()
    eventually(lambda: not client.inspect_container(container)["State"]["Running"])


@pytest.mark.engine
def test_one_that_was_started_again_while_nobody_watched_is_ended_too(
    reached: Reached, identity: Identity, run: Run, client: docker.APIClient, tmp_path: Path
) -> None:
    container = run("sleep", "1000")
    with WireCutter(reached, tmp_path) as wire, unclosed_sockets():
        cut_off = Engine(wire.reached)
        watched = Watched(cut_off, identity)
        assert isinstance(watched.next(), Snapshot)
        client.kill(container)
        assert isinstance(watched.next(), Seen)
        wire.cut()
        assert isinstance(watched.next(), EngineLost)
        client.start(container)
        wire.mend()
        eventually(lambda: not client.inspect_container(container)["State"]["Running"])
        watched.close()
        cut_off.close()


@pytest.mark.engine
def test_health_is_told_as_it_changes(
    watched: Watched, run: Run, engine: Engine, identity: Identity, image: str
) -> None:
    watched.next()
    labels = {**identity.labels, LABEL_TASK: TASK, LABEL_CONTAINER: "app"}
    check = {"Test": ["CMD", "true"], "Interval": 50_000_000, "Retries": 1}
    body = {"Image": image, "Cmd": ["sleep", "9"], "Labels": labels, "Healthcheck": check}
    container = engine.create(f"{identity.emulator_id}-healthy", {**body, "HostConfig": {"NetworkMode": "none"}})
    engine.start(container)
    seen = watched.next()
    assert isinstance(seen, Seen)
    assert (seen.stage, seen.health) == (Stage.RUNNING, Health.HEALTHY)


@pytest.mark.engine
def test_an_engine_that_goes_away_is_lost_and_what_happened_meanwhile_is_found(
    reached: Reached, identity: Identity, run: Run, tmp_path: Path
) -> None:
    container = run("sleep", "1000")
    with unclosed_sockets(), WireCutter(reached, tmp_path) as wire:
        cut_off = Engine(wire.reached)
        watched = Watched(cut_off, identity)
        first = watched.next()
        assert isinstance(first, Snapshot) and first.seen[0].stage is Stage.RUNNING
        wire.cut()
        assert isinstance(watched.next(), EngineLost)
        bystander = Engine(reached)
        bystander.kill(container)
        bystander.close()
        wire.mend()
        second = watched.next()
        assert isinstance(second, Snapshot)
        assert (second.seen[0].stage, second.seen[0].exit_code) == (Stage.STOPPED, 137)
        watched.close()
        cut_off.close()


@pytest.mark.engine
def test_a_snapshot_is_told_before_the_answer_of_a_create_that_it_missed(engine: Engine, identity: Identity) -> None:
    order: list[str] = []
    begun = threading.Event()
    watch = Watch(engine, SystemClock(), identity.emulator_id, lambda inspected: None)

    def tell(observation: Observation) -> None:
        if isinstance(observation, Snapshot):
            begun.set()
            threading.Event().wait(0.2)
            order.append("snapshot")

    thread = threading.Thread(target=watch.run, args=(tell,), daemon=True)
    thread.start()
    assert begun.wait(10)
    watch.after_snapshot()
    order.append("created")
    watch.close()
    thread.join(5)
    assert order == ["snapshot", "created"]


# --- the engine -------------------------------------------------------------------------------------------------------


def test_an_engine_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    engine = Engine(Reached(f"unix://{tmp_path}/none.sock", "1.41"))
    with unclosed_sockets():
        with pytest.raises(Unreachable):
            engine.create("x", {"Image": "y", "Labels": {}})
        engine.close()


def stalled_engine(path: Path) -> socket.socket:
    """It begins the answer to a pull, and then says nothing more."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}\r\n\r\n")
            while connection.recv(65536):
                pass

    threading.Thread(target=answer, daemon=True).start()
    return listening


def test_a_pull_that_stalls_has_taken_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecs_emulator.agent.docker.engine.PULL_IDLE_SECONDS", 0.1)
    with stalled_engine(tmp_path / "engine.sock"):
        engine = Engine(Reached(f"unix://{tmp_path}/engine.sock", "1.44"))
        with unclosed_sockets():
            with pytest.raises(TimedOut):
                engine.pull("web", "1", {})
            engine.close()


def test_a_call_that_took_too_long_says_how_long_in_gos_words() -> None:
    assert str(TimedOut(START_SECONDS)) == "timed out after waiting 3m0s"


def test_an_unknown_machine_gets_the_image_of_the_usual_one() -> None:
    assert pause.for_machine(Machine(1, "riscv64")).id == pause.pause_image("amd64").id
    assert pause.for_machine(Machine(1, "aarch64")).id == pause.pause_image("arm64").id


# --- sweeping up ------------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_sweeping_removes_all_of_one_emulator_and_nothing_of_another(
    engine: Engine, identity: Identity, other: Identity, run: Run, client: docker.APIClient
) -> None:
    run("sleep", "1000")
    run("true", start=False)
    VpcNetwork(engine, identity, None).id()
    volumes = [f"{one.emulator_id}-volume" for one in (identity, other)]
    for name, one in zip(volumes, (identity, other), strict=True):
        client.create_volume(name, labels=one.labels)
    swept = sweep(engine, identity.emulator_id)
    assert (swept.containers, swept.networks, swept.volumes) == (2, 1, 1)
    assert [engine.has_volume(name) for name in volumes] == [False, True]


@pytest.mark.engine
def test_only_what_the_dead_left_is_swept_up(engine: Engine, identity: Identity, other: Identity, run: Run) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from ecs_emulator.agent.docker.owner import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.strip()
    dead = Identity(other.emulator_id, ended, ephemeral=True)
    VpcNetwork(engine, identity, None).id()
    VpcNetwork(engine, dead, None).id()
    assert sweep_orphans(engine).networks >= 1
    assert not engine.networks(dead.labels)
    assert engine.networks(identity.labels)
