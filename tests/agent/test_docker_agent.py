"""What only an engine can show: that a container is what its definition says, and that nothing is left of it."""

from __future__ import annotations

import io
import secrets
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ecs_emulator.agent.docker import agent as docker_agent_module
from ecs_emulator.agent.docker.agent import DockerAgent
from ecs_emulator.agent.docker.engine import Engine
from ecs_emulator.agent.docker.reach import Reached
from ecs_emulator.agent.names import Identity, container_name
from ecs_emulator.arns import World
from ecs_emulator.clock import SystemClock
from ecs_emulator.config import FAST, Config
from ecs_emulator.control.plan import PAUSE, Create, Kill, Postponed, Pull, Start
from ecs_emulator.logs import files, positions
from ecs_emulator.records.logs import LogGroup
from ecs_emulator.records.tasks import Health, Stage, StopCode, TaskStatus
from ecs_emulator.store import Store
from tests.agent.conftest import docker_agent, eventually
from tests.agent.small_loop import ACCOUNT, REGION, SmallLoop
from tests.agent.test_conformance import HEARS, STAYS
from tests.agent.wire_cutter import WireCutter, unclosed_sockets

pytestmark = pytest.mark.engine


@pytest.fixture
def loop(engine: Engine, identity: Identity) -> Iterator[SmallLoop]:
    made = SmallLoop(docker_agent(engine, identity), SystemClock())
    yield made
    made.end()
    made.die()


def definition(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"family": "engine", "networkMode": "none", "containerDefinitions": list(containers), **members}


def container(image: str, name: str = "app", **members: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "essential": True, "command": HEARS, "stopTimeout": 2, **members}


def shell(script: str) -> list[str]:
    return ["sh", "-c", f"{script}; while :; do sleep 0.05; done"]


def output(client: docker.APIClient, loop: SmallLoop, arn: str, name: str = "app") -> str:
    """What the container wrote once it wrote a line `done`."""
    written = engine_id(loop, arn, name)
    eventually(lambda: b"done" in client.logs(written))
    found: bytes = client.logs(written)
    return found.decode()


def engine_id(loop: SmallLoop, arn: str, name: str = "app") -> str:
    found = loop.container(arn, name).engine_id
    assert found is not None
    return found


# --- what a container is ----------------------------------------------------------------------------------------------


def test_a_process_finds_what_its_definition_says(loop: SmallLoop, image: str, client: docker.APIClient) -> None:
    told = container(
        image,
        entryPoint=["sh", "-c"],
        command=[
            'echo "$0 $COLOUR $AWS_REGION $AWS_EXECUTION_ENV $(pwd) $(id -u) $(hostname)"; echo done; sleep 1000',
            "zero",
        ],
        environment=[{"name": "COLOUR", "value": "blue = green"}],
        workingDirectory="/srv",
        user="1000",
        hostname="front",
        stopTimeout=1,
    )
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "SHAPE", "value": "round"}]}]}
    arn = loop.run(definition(told), "finds", spec={"overrides": overrides})
    loop.until_running(arn)
    first = output(client, loop, arn).splitlines()[0]
    assert first == "zero blue = green us-east-1 AWS_ECS_EC2 /srv 1000 front"
    inspected = client.inspect_container(engine_id(loop, arn))
    assert "SHAPE=round" in inspected["Config"]["Env"]


def test_limits_and_linux_parameters_reach_the_engine(loop: SmallLoop, image: str, client: docker.APIClient) -> None:
    limited = container(
        image,
        cpu=128,
        memory=64,
        memoryReservation=32,
        readonlyRootFilesystem=True,
        ulimits=[{"name": "core", "softLimit": 0, "hardLimit": 0}],
        linuxParameters={
            "initProcessEnabled": True,
            "sharedMemorySize": 16,
            "tmpfs": [{"containerPath": "/run", "size": 4, "mountOptions": ["noexec"]}],
            "capabilities": {"drop": ["NET_RAW"]},
            "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/nothing"}],
        },
    )
    arn = loop.run(definition(limited, cpu="512", memory="128"), "limits")
    loop.until_running(arn)
    found = client.inspect_container(engine_id(loop, arn))["HostConfig"]
    assert (found["CpuShares"], found["NanoCpus"]) == (128, 500_000_000)
    assert (found["Memory"], found["MemoryReservation"], found["ShmSize"]) == (64 << 20, 32 << 20, 16 << 20)
    assert (found["ReadonlyRootfs"], found["Init"], found["Tmpfs"]) == (True, True, {"/run": "size=4m,noexec"})
    assert found["RestartPolicy"]["Name"] in ("", "no")


def test_containers_of_a_task_share_a_volume_that_ends_with_them(
    loop: SmallLoop, image: str, engine: Engine, identity: Identity, client: docker.APIClient, tmp_path: Path
) -> None:
    (tmp_path / "greeting").write_text("hello")
    volumes = [{"name": "shared", "host": {}}, {"name": "given", "host": {"sourcePath": str(tmp_path)}}]
    both = [{"sourceVolume": "shared", "containerPath": "/data"}, {"sourceVolume": "given", "containerPath": "/given"}]
    writes = container(
        image, "writes", command=["sh", "-c", "cat /given/greeting > /data/copy"], essential=False, mountPoints=both
    )
    reads = container(
        image,
        "reads",
        command=shell("cat /data/copy; echo; cat /given/greeting; touch /given/new; echo done"),
        dependsOn=[{"containerName": "writes", "condition": "SUCCESS"}],
        volumesFrom=[{"sourceContainer": "writes", "readOnly": True}],
        stopTimeout=0,
    )
    arn = loop.run(definition(writes, reads, volumes=volumes), "volumes")
    loop.until_running(arn)
    written = output(client, loop, arn, "reads")
    assert written.count("hello") == 2
    assert "Read-only file system" in written
    assert len(engine.volumes(identity.labels)) == 1
    loop.end()
    assert not engine.volumes(identity.labels)


def test_a_shared_volume_that_is_not_there_stops_the_task(loop: SmallLoop, image: str) -> None:
    name = f"absent-{secrets.token_hex(4)}"
    volume = {"name": name, "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": False}}
    app = container(image, mountPoints=[{"sourceVolume": name, "containerPath": "/m"}])
    arn = loop.run(definition(app, volumes=[volume]), "absent")
    loop.until_stopped(arn)
    assert loop.container(arn).reason == (
        f"ResourceInitializationError: resource cannot be initialized for task {arn}: initialize volume: volume "
        f"detection failed, volume '{name}' does not exist and autoprovision is set to false: "
        f"Error response from daemon: get {name}: no such volume"
    )


def test_a_link_is_a_name(loop: SmallLoop, image: str, client: docker.APIClient) -> None:
    serves = container(image, "data_base", command=shell("echo hello > /index.html; httpd -p 8080 -h /"), stopTimeout=0)
    asks = container(
        image,
        "asks",
        command=shell("until wget -q -O - http://db:8080/; do sleep 0.05; done; echo done"),
        links=["data_base:db"],
        stopTimeout=0,
    )
    arn = loop.run(definition(asks, serves, networkMode="bridge"), "link")
    loop.until_running(arn)
    assert "hello" in output(client, loop, arn, "asks")


# --- the image --------------------------------------------------------------------------------------------------------


@pytest.fixture
def particular(image: str, client: docker.APIClient) -> Iterator[str]:
    """The image with a STOPSIGNAL, a HEALTHCHECK that fails and a region of its own."""
    reference = f"{image.partition(':')[0]}-particular:1"
    said = f"FROM {image}\nSTOPSIGNAL SIGUSR1\nENV AWS_REGION=eu-central-1\nHEALTHCHECK --interval=50ms --retries=1 CMD false\n"
    for _ in client.build(fileobj=io.BytesIO(said.encode()), tag=reference, rm=True, decode=True):
        pass
    yield reference
    client.remove_image(reference, force=True)


def test_the_images_stop_signal_counts_and_its_health_check_does_not(
    loop: SmallLoop, particular: str, client: docker.APIClient
) -> None:
    hears = shell("trap 'exit 9' USR1; echo $AWS_REGION-$AWS_DEFAULT_REGION; echo done")
    arn = loop.run(definition(container(particular, command=hears)), "particular")
    loop.until_running(arn)
    assert output(client, loop, arn).startswith("eu-central-1-\n")
    loop.stop(arn)
    loop.until_stopped(arn)
    assert loop.container(arn).exit_code == 9
    assert loop.container(arn).health is Health.UNKNOWN


def test_an_image_that_was_removed_since_is_looked_for_again(
    loop: SmallLoop, image: str, particular: str, client: docker.APIClient, engine: Engine
) -> None:
    moving = f"{particular.partition(':')[0]}-moving"
    client.tag(particular, moving, "1")
    arn = loop.run(definition(container(f"{moving}:1")), "moving")
    loop.perform(Pull(loop.slices[arn], "app", because="the test says so"))
    assert loop.container(arn).stage is Stage.PULLED
    client.remove_image(f"{moving}:1")
    client.remove_image(particular)
    client.tag(image, moving, "1")
    client.tag(image, particular.partition(":")[0], "1")
    loop.until_running(arn)
    found, expected = client.inspect_container(engine_id(loop, arn)), engine.image(image)
    assert expected is not None and found["Image"] == expected["Id"]
    loop.end()
    client.remove_image(f"{moving}:1")


# --- the network ------------------------------------------------------------------------------------------------------


def test_containers_of_an_awsvpc_task_share_their_loopback_and_are_reached_at_their_address(
    loop: SmallLoop, image: str, client: docker.APIClient
) -> None:
    serves = container(image, "serves", command=shell("echo hello > /index.html; httpd -p 8080 -h /"), stopTimeout=0)
    asks = container(
        image,
        "asks",
        command=shell("until wget -q -O - http://127.0.0.1:8080/; do sleep 0.05; done; echo done"),
        stopTimeout=0,
    )
    arn = loop.run(definition(serves, asks, networkMode="awsvpc", cpu="256", memory="512"), "loopback")
    loop.until_running(arn)
    assert "hello" in output(client, loop, arn, "asks")
    attachment = loop.task(arn).attachment
    assert attachment is not None
    with urllib.request.urlopen(f"http://{attachment.private_ipv4_address}:8080/", timeout=5) as answer:
        assert answer.read() == b"hello\n"
    assert loop.container(arn, "serves").network_bindings == ()


def test_a_task_whose_network_dies_is_stopped(loop: SmallLoop, image: str, client: docker.APIClient) -> None:
    arn = loop.run(definition(container(image), networkMode="awsvpc"), "network-dies")
    loop.until_running(arn)
    client.kill(loop.task(arn).pause_engine_id or "")
    loop.until_stopped(arn)
    assert loop.task(arn).stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert loop.container(arn).exit_code == 143


def test_a_block_of_host_ports_is_published_in_a_row(loop: SmallLoop, image: str) -> None:
    mapped = [{"containerPortRange": "7000-7002", "protocol": "tcp"}, {"containerPort": 80, "hostPort": 0}]
    listens = shell("httpd -p 7001 -h /")
    arn = loop.run(
        definition(container(image, command=listens, portMappings=mapped, stopTimeout=0), networkMode="bridge"), "block"
    )
    loop.until_running(arn)
    block, single = loop.container(arn).network_bindings
    first, last = map(int, block["hostPortRange"].split("-"))
    assert (block["containerPortRange"], last - first) == ("7000-7002", 2)
    assert single["containerPort"] == 80
    with socket.create_connection(("127.0.0.1", first + 1), timeout=5):
        pass


def test_a_host_port_that_is_taken_stops_the_task_in_the_engines_words(loop: SmallLoop, image: str) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        mapped = [{"containerPort": 80, "hostPort": taken.getsockname()[1], "protocol": "tcp"}]
        arn = loop.run(definition(container(image, portMappings=mapped), networkMode="bridge"), "taken")
        loop.until_stopped(arn)
    reason = loop.container(arn).reason or ""
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")
    assert "address already in use" in reason


def test_in_host_mode_every_port_is_its_own_host_port(loop: SmallLoop, image: str) -> None:
    mapped = [{"containerPort": 7999, "protocol": "tcp"}]
    arn = loop.run(definition(container(image, portMappings=mapped), networkMode="host"), "host")
    loop.until_running(arn)
    assert loop.container(arn).network_bindings == (
        {"bindIP": "0.0.0.0", "containerPort": 7999, "hostPort": 7999, "protocol": "tcp"},
    )


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_a_container_that_somebody_removes_has_been_killed(
    loop: SmallLoop, image: str, client: docker.APIClient
) -> None:
    arn = loop.run(definition(container(image, command=STAYS)), "removed")
    loop.until_running(arn)
    client.remove_container(engine_id(loop, arn), force=True)
    loop.until_stopped(arn)
    assert loop.container(arn).exit_code == 137
    assert loop.task(arn).stopped_reason == "Essential container in task exited"


def test_what_is_there_no_more_has_stopped_whatever_is_asked_of_it(loop: SmallLoop, image: str) -> None:
    arn = loop.run(definition(container(image)), "vanished")
    gone = replace(loop.container(arn), engine_id="0" * 64, stage=Stage.RUNNING)
    slice = replace(loop.slices[arn], task=replace(loop.task(arn), containers=(gone,)))
    for effect in (Start(slice, "app", because=""), Kill(slice, "app", because="")):
        (seen,) = loop.agent.perform(effect)
        assert getattr(seen, "stage", None) is Stage.STOPPED
        assert f"{'0' * 64}" in (getattr(seen, "reason", None) or "")


def test_while_the_engine_is_gone_nothing_fails_and_then_it_goes_on(
    reached: Reached, identity: Identity, image: str, tmp_path: Path, engine: Engine
) -> None:
    with unclosed_sockets(), WireCutter(reached, tmp_path) as wire:
        loop = SmallLoop(docker_agent(Engine(wire.reached), identity), SystemClock())
        arn = loop.run(definition(container(image)), "gone")
        loop.perform(Pull(loop.slices[arn], "app", because="the test says so"))
        wire.cut()
        (postponed,) = loop.agent.perform(Create(loop.slices[arn], "app", because=""))
        assert isinstance(postponed, Postponed)
        assert postponed.until > loop.clock.now()
        wire.mend()
        loop.until_running(arn)
        loop.end()
        loop.die()


def test_a_pause_container_of_before_is_adopted(
    loop: SmallLoop, image: str, engine: Engine, identity: Identity
) -> None:
    arn = loop.run(definition(container(image), networkMode="awsvpc"), "adopted")
    loop.until_running(arn)
    connect = loop.performed[0]
    (again,) = loop.agent.perform(connect)
    assert getattr(again, "engine_id", None) == loop.task(arn).pause_engine_id
    found = engine.inspect(container_name(loop.slices[arn], PAUSE, identity))
    assert found is not None and found["Id"] == loop.task(arn).pause_engine_id


@pytest.mark.parametrize("keep_running", [True, False])
def test_at_the_end_tasks_keep_running_or_are_gone(
    engine: Engine, identity: Identity, image: str, keep_running: bool
) -> None:
    loop = SmallLoop(docker_agent(engine, identity), SystemClock())
    arn = loop.run(definition(container(image, command=STAYS), networkMode="awsvpc"), "keeps")
    loop.until_running(arn)
    loop.agent.forget(keep_running)
    assert len(engine.containers(identity.labels)) == (2 if keep_running else 0)
    assert len(engine.networks(identity.labels)) == (1 if keep_running else 0)
    loop.die()


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(reached: Reached, engine: Engine, identity: Identity, tmp_path: Path) -> Iterator[tuple[SmallLoop, Store]]:
    """An agent as the application makes it, with a store and its log files."""
    store = Store(tmp_path / "data", durable=False)
    config = Config(tmp_path / "data", port=1, ephemeral=True, timings=replace(FAST, containers_kept=0.0))
    agent = docker_agent_module.docker_agent(
        reached, store, SystemClock(), config, identity.emulator_id, lambda: "http://127.0.0.1:1"
    )
    assert isinstance(agent, DockerAgent)
    loop = SmallLoop(agent, SystemClock())
    yield loop, store
    loop.end()
    loop.die()
    store.close()


def log_configuration(**options: str) -> dict[str, Any]:
    said = {"awslogs-group": "/ecs/web", "awslogs-region": REGION, "awslogs-stream-prefix": "web", **options}
    return {"logDriver": "awslogs", "options": said}


def test_what_a_container_writes_is_in_its_stream_when_the_task_is_cleaned_up(
    logged: tuple[SmallLoop, Store], image: str, tmp_path: Path
) -> None:
    loop, _ = logged
    writes = container(
        image,
        command=["sh", "-c", "for i in 1 2 3; do echo line $i; done; echo last >&2; exit 5"],
        logConfiguration=log_configuration(**{"awslogs-create-group": "true"}),
    )
    arn = loop.run(definition(writes), "writes")
    loop.until_stopped(arn)
    assert loop.container(arn).exit_code == 5
    loop.end()
    directory = files.stream_directory(
        tmp_path / "data", World(ACCOUNT, REGION), "/ecs/web", f"web/app/{loop.task(arn).id}"
    )
    lines = [event.message for event in files.scan(directory, 0, positions.BEYOND_ALL)]
    assert [line for line in lines if "line" in line] == ["line 1", "line 2", "line 3"]
    assert "last" in lines


def test_without_its_log_group_a_fargate_task_never_starts(logged: tuple[SmallLoop, Store], image: str) -> None:
    loop, store = logged
    app = container(image, logConfiguration=log_configuration())
    arn = loop.run(definition(app), "no-group", launch_type="FARGATE")
    loop.until_stopped(arn)
    assert (loop.task(arn).stopped_reason or "").startswith(
        "ResourceInitializationError: failed to validate logger args"
    )
    assert loop.container(arn).started_at is None
    with store.transaction() as tx:
        tx.put(LogGroup(ACCOUNT, REGION, "/ecs/web", 0.0))
    again = loop.run(definition(app), "group", launch_type="FARGATE")
    loop.until_running(again)
    assert loop.task(again).last_status is TaskStatus.RUNNING
