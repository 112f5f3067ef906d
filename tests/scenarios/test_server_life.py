"""What a user sees of the server itself: how it starts, refuses to start, answers, and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import ecs_emulator
from tests.scenarios.conftest import Servers
from tests.scenarios.server import ACCOUNT, Server, answer_to, command

SIMULATED = ("--engine", "simulated")


def refused(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    """The one sentence of a server that does not start; its exit status is not 0."""
    done = command("serve", *words, environment=environment)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("ecs-emulator: ")]
    assert len(said) == 1 and said[0].endswith("."), done.stderr
    return said[0].removeprefix("ecs-emulator: ")


# --- the start ------------------------------------------------------------------------------------------------------


def test_port_0_is_a_free_one_and_the_ready_line_says_what_to_export(servers: Servers) -> None:
    server = servers.start("--ephemeral", *SIMULATED)
    ready, *exports = server.said.splitlines()
    assert re.match(r"ecs-emulator ready: http://127\.0\.0\.1:\d+ \(engine simulated, ", ready)
    assert exports == [
        f"export AWS_ENDPOINT_URL={server.endpoint}",
        "export AWS_DEFAULT_REGION=us-east-1",
        f"export AWS_ACCESS_KEY_ID={ACCOUNT}",
        "export AWS_SECRET_ACCESS_KEY=emulated",
    ]
    assert "TASKS ARE SIMULATED" in server.log
    assert server.end() == 0


def test_every_flag_is_a_variable_too(servers: Servers, tmp_path: Path) -> None:
    told = {
        "ECS_EMULATOR_PORT": "0",
        "ECS_EMULATOR_ENGINE": "simulated",
        "ECS_EMULATOR_DATA_DIR": str(tmp_path / "data"),
        "ECS_EMULATOR_ACCOUNT": "210987654321",
        "ECS_EMULATOR_REGION": "eu-west-1",
        "ECS_EMULATOR_INSTANCES": "none",
        "ECS_EMULATOR_ALLOWED_HOSTS": "emulator.example",
        "ECS_EMULATOR_LOG_FORMAT": "json",
        "ECS_EMULATOR_REGISTRY_HOST": "registry.example",
    }
    server = servers.start(environment=told)
    assert "(engine simulated, account 210987654321, region eu-west-1, data in " in server.said
    assert (tmp_path / "data" / "state.sqlite3").exists()
    ecs = server.client("ecs", account="test", region="eu-west-1")
    assert ecs.create_cluster()["cluster"]["clusterArn"] == "arn:aws:ecs:eu-west-1:210987654321:cluster/default"
    ecr = server.client("ecr", account="test", region="eu-west-1")
    assert ecr.create_repository(repositoryName="web")["repository"]["repositoryUri"] == "registry.example/web"
    assert server.ask("/_emulator/health", {"Host": "emulator.example"})[0] == 200
    assert server.end() == 0
    assert all(json.loads(line)["message"] for line in server.log.splitlines() if line.startswith("{"))


def test_a_flag_wins_over_its_variable(servers: Servers) -> None:
    server = servers.start("--ephemeral", *SIMULATED, "--region", "eu-west-1", environment={"ECS_EMULATOR_REGION": "x"})
    assert "region eu-west-1" in server.said


def test_a_word_that_no_flag_knows_is_refused() -> None:
    for words in (("--engine", "podman"), ("--port", "many"), ("--timings", "slow"), ("--frobnicate",)):
        done = command("serve", *words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert words[-1] in done.stderr


def test_without_an_engine_auto_simulates_and_docker_refuses(servers: Servers, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    assert refused("--ephemeral", "--port", "0", "--engine", "docker", environment=nowhere).startswith(
        f"no Docker engine answers (unix://{tmp_path}/no.sock: "
    )
    server = servers.start("--ephemeral", environment=nowhere)
    assert server.engine == "simulated"
    assert f"TASKS ARE SIMULATED, no container will run: no Docker engine answers (unix://{tmp_path}" in server.log


def test_the_version_and_the_help_need_no_server() -> None:
    assert command("--version").stdout == f"ecs-emulator {ecs_emulator.__version__}\n"
    assert "serve" in command("--help").stdout
    assert command().returncode == 2


def test_it_listens_on_the_other_loopback_too(servers: Servers) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = servers.start("--ephemeral", *SIMULATED, "--host", "::1")
    assert server.endpoint == f"http://[::1]:{server.port}"
    assert server.client("ecs").list_clusters()["clusterArns"] == []


# --- what stands in the way of a start ------------------------------------------------------------------------------


def test_a_port_in_use_is_one_sentence_and_the_data_stays(servers: Servers, tmp_path: Path) -> None:
    server = servers.start("--ephemeral", *SIMULATED)
    said = refused("--data-dir", tmp_path / "data", "--port", str(server.port), *SIMULATED)
    assert said == f"cannot listen on 127.0.0.1:{server.port}: Address already in use."
    assert servers.start("--data-dir", tmp_path / "data", *SIMULATED).end() == 0


def test_an_address_of_somebody_else_is_one_sentence() -> None:
    said = refused("--ephemeral", "--port", "0", "--host", "192.0.2.1", *SIMULATED)
    assert said == "cannot listen on 192.0.2.1:0: Cannot assign requested address."
    said = refused("--ephemeral", "--port", "0", "--host", "no.such.host.invalid", *SIMULATED)
    assert said.startswith("cannot listen on no.such.host.invalid:0: ")


def test_a_second_server_on_the_same_data_is_refused(servers: Servers, tmp_path: Path) -> None:
    server = servers.start("--data-dir", tmp_path / "data", *SIMULATED)
    said = refused("--data-dir", tmp_path / "data", "--port", "0", *SIMULATED)
    assert said == f"a server already runs on {tmp_path / 'data'} (process {server.pid})."
    assert server.health()["status"] == "ok"


def test_damaged_data_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    damaged = tmp_path / "state.sqlite3"
    damaged.write_bytes(b"this was a database once, and is not any more\n" * 300)
    before = damaged.read_bytes()
    said = refused("--data-dir", tmp_path, "--port", "0", *SIMULATED)
    assert str(tmp_path) in said
    assert damaged.read_bytes() == before


def test_half_of_a_database_is_refused_and_left_as_it_is(servers: Servers, tmp_path: Path) -> None:
    server = servers.start("--data-dir", tmp_path / "data", *SIMULATED)
    for number in range(30):
        server.client("ecs").create_cluster(clusterName=f"c{number}")
    assert server.end() == 0
    state = tmp_path / "data" / "state.sqlite3"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    before = state.read_bytes()
    said = refused("--data-dir", tmp_path / "data", "--port", "0", *SIMULATED)
    assert str(tmp_path / "data") in said
    assert state.read_bytes() == before


def test_a_data_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    assert refused("--data-dir", file / "data", "--port", "0", *SIMULATED) == (
        f"the data directory {file / 'data'} cannot be used: Not a directory."
    )


@contextmanager
def mounted(at: Path, options: str) -> Iterator[Path]:
    """A small disk in memory; where that may not be, the test is skipped."""
    at.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", at], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this root may not mount a disk")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def test_a_disk_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        assert refused("--data-dir", disk / "data", "--port", "0", *SIMULATED) == (
            f"the data directory {disk / 'data'} cannot be used: Read-only file system."
        )


def test_a_disk_without_room_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=32k") as disk:
        assert str(disk / "data") in refused("--data-dir", disk / "data", "--port", "0", *SIMULATED)


def test_a_disk_that_fills_up_refuses_what_it_cannot_keep_and_goes_on(servers: Servers, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        server = servers.start("--data-dir", disk / "data", *SIMULATED)
        ecs = server.client("ecs")
        ecs.create_cluster(clusterName="before")
        fill(disk / "filler")
        answered: list[str] = []
        with pytest.raises(ClientError) as refusal:
            for number in range(2000):
                ecs.create_cluster(clusterName=f"c{number}")
                answered.append(f"c{number}")
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert refusal.value.response["Error"]["Code"] == "ServerException"
        (disk / "filler").unlink()
        ecs.create_cluster(clusterName="after")
        wanted = ["before", "after", *answered[-90:]]
        assert ecs.describe_clusters(clusters=wanted)["failures"] == []
        assert server.end() == 0


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


# --- what it answers ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all the questions."""
    servers = Servers(tmp_path_factory.mktemp("quiet"))
    server = servers.start("--ephemeral", *SIMULATED, "--allowed-hosts", "emulator.example,.dev.example")
    yield server
    assert server.end() == 0


def test_its_health_tells_version_engine_and_counts(quiet: Server) -> None:
    quiet.client("ecs").create_cluster(clusterName="healthy")
    health = quiet.health()
    assert health["version"] == ecs_emulator.__version__
    assert health["status"] == "ok"
    assert health["engine"] == {"kind": "simulated", "because": "it was asked for", "problem": None}
    assert (health["process"], health["ephemeral"]) == (quiet.pid, True)
    assert health["counts"]["clusters"] >= 1
    assert health["counts"].keys() >= {"clusters", "services", "tasks", "runningTasks", "repositories"}
    told = command("status", "--endpoint", quiet.endpoint)
    assert told.returncode == 0
    assert f"ecs-emulator {ecs_emulator.__version__} is ok at {quiet.endpoint}, process {quiet.pid}" in told.stdout


def test_a_web_page_s_name_is_refused_and_an_address_is_not(quiet: Server) -> None:
    port = quiet.port
    for host in (
        "rebound.example",
        f"rebound.example:{port}",
        "dev.example.org",
        "notemulator.example",
        "127.0.0.1.example",
    ):
        status, _, body = quiet.ask("/_emulator/health", {"Host": host})
        assert status == 403, host
        assert b"--allowed-hosts" in body
    allowed = (
        "127.0.0.1",
        f"localhost:{port}",
        "[::1]",
        "ecs.localhost",
        "emulator.example",
        f"a.b.dev.example:{port}",
    )
    for host in allowed:
        assert quiet.ask("/_emulator/health", {"Host": host})[0] == 200, host


def test_every_door_checks_the_host(quiet: Server) -> None:
    for method, path in (("POST", "/"), ("GET", "/v2/"), ("HEAD", f"/v2/web/blobs/sha256:{'0' * 64}"), ("POST", "/_emulator/instances"),
                         ("POST", "/v2/web/blobs/uploads/"), ("GET", "/nothing")):  # fmt: skip
        request = urllib.request.Request(quiet.endpoint + path, method=method, headers={"Host": "rebound.example"})
        assert answer_to(request)[0] == 403, path


def test_no_answer_invites_a_web_page(quiet: Server) -> None:
    for method in ("GET", "OPTIONS", "POST"):
        for path in ("/", "/_emulator/health", "/v2/"):
            headers = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
            request = urllib.request.Request(quiet.endpoint + path, method=method, headers=headers)
            _, answered, _ = answer_to(request)
            assert not [name for name in answered if name.lower().startswith("access-control-")], (method, path)


def test_a_request_without_keys_is_refused_as_aws_does(quiet: Server) -> None:
    headers = {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = urllib.request.Request(quiet.endpoint, data=b"{}", headers=headers)
    status, answered, body = answer_to(request)
    assert (status, json.loads(body)["__type"]) == (400, "MissingAuthenticationTokenException")
    assert answered["x-amzn-RequestId"]


def test_what_is_not_built_says_so_and_names_itself(quiet: Server) -> None:
    with pytest.raises(ClientError) as refusal:
        quiet.client("ecr").get_registry_policy()
    assert "GetRegistryPolicy" in refusal.value.response["Error"]["Message"]
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_two_accounts_and_two_regions_see_nothing_of_each_other(quiet: Server) -> None:
    worlds = [("111111111111", "us-east-1"), ("222222222222", "us-east-1"), ("111111111111", "eu-west-1")]
    for account, region in worlds:
        ecs = quiet.client("ecs", account, region)
        ecs.create_cluster(clusterName="mine")
        container = {"name": "main", "image": "web", "memory": 64}
        ecs.register_task_definition(family="mine", containerDefinitions=[container])
        ecs.run_task(cluster="mine", taskDefinition="mine")
        quiet.client("ecr", account, region).create_repository(repositoryName="mine")
        quiet.client("logs", account, region).create_log_group(logGroupName="mine")
    for account, region in worlds:
        ecs = quiet.client("ecs", account, region)
        arn = f"arn:aws:ecs:{region}:{account}"
        assert ecs.list_clusters()["clusterArns"] == [f"{arn}:cluster/mine"]
        assert ecs.list_task_definitions()["taskDefinitionArns"] == [f"{arn}:task-definition/mine:1"]
        (task,) = ecs.list_tasks(cluster="mine")["taskArns"]
        assert task.startswith(f"{arn}:task/mine/")
        (repository,) = quiet.client("ecr", account, region).describe_repositories()["repositories"]
        assert (repository["registryId"], f":{region}:" in repository["repositoryArn"]) == (account, True)
        groups = quiet.client("logs", account, region).describe_log_groups()["logGroups"]
        assert [group["arn"] for group in groups] == [f"arn:aws:logs:{region}:{account}:log-group:mine:*"]
    stranger = quiet.client("ecs", "333333333333")
    assert stranger.list_clusters()["clusterArns"] == []
    with pytest.raises(ClientError, match="AccountIDs mismatch"):
        stranger.describe_clusters(clusters=["arn:aws:ecs:us-east-1:111111111111:cluster/mine"])


def test_why_tells_the_decisions_about_a_task(quiet: Server) -> None:
    ecs = quiet.client("ecs")
    ecs.create_cluster(clusterName="why")
    ecs.register_task_definition(family="why", containerDefinitions=[{"name": "main", "image": "web", "memory": 64}])
    arn = ecs.run_task(cluster="why", taskDefinition="why")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="why", tasks=[arn], WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    told = command("why", arn, "--endpoint", quiet.endpoint)
    assert told.returncode == 0
    assert "RUNNING" in told.stdout and " because " in told.stdout
    unknown = command("why", arn + "0", "--endpoint", quiet.endpoint)
    assert (unknown.returncode, unknown.stderr) == (1, f"ecs-emulator: nothing was decided about {arn}0.\n")


def test_a_question_to_nobody_is_one_sentence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for words in (("status",), ("why", "x"), ("instances", "add"), ("logs", "/ecs/web")):
            done = command(*words, "--endpoint", nowhere)
            assert done.returncode == 1, words
            assert done.stderr.startswith("ecs-emulator: ") and done.stderr.count("\n") == 1, done.stderr


# --- the end --------------------------------------------------------------------------------------------------------


def test_what_was_answered_is_there_after_any_end(servers: Servers, tmp_path: Path) -> None:
    words = ("--data-dir", tmp_path / "data", *SIMULATED)
    server = servers.start(*words)
    server.client("ecs").create_cluster(clusterName="kept", tags=[{"key": "a", "value": "b"}])
    first = server.id
    server.shoot()
    server = servers.start(*words)
    assert server.id == first
    server.client("ecs").create_cluster(clusterName="kept-too")
    assert server.end() == 0
    server = servers.start(*words)
    found = server.client("ecs").describe_clusters(clusters=["kept", "kept-too"], include=["TAGS"])
    assert [cluster["tags"] for cluster in found["clusters"]] == [[{"key": "a", "value": "b"}], []]
    assert server.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ephemeral_server_leaves_no_directory(servers: Servers, number: signal.Signals) -> None:
    server = servers.start("--ephemeral", *SIMULATED)
    directory = Path(server.health()["dataDir"])
    assert directory.stat().st_mode & 0o077 == 0
    assert server.end(number) == 0
    assert not directory.exists()


def test_nobody_keeps_a_server_from_its_end(servers: Servers) -> None:
    server = servers.start("--ephemeral", *SIMULATED)
    with ExitStack() as clients:
        for said in (
            b"",
            b"GET /_emulator/health HTTP/1.1\r\n",
            b"PUT /v2/web/blobs/uploads/x HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        ):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(said)
        assert server.end(patience=10.0) == 0


def test_reset_removes_the_state_and_is_refused_while_a_server_runs(servers: Servers, tmp_path: Path) -> None:
    data, nowhere = tmp_path / "data", {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    server = servers.start("--data-dir", data, *SIMULATED)
    running = command("reset", "--yes", "--data-dir", data, environment=nowhere)
    assert running.returncode == 1
    assert running.stderr == (
        f"ecs-emulator: a server already runs on {data} (process {server.pid}); nothing was removed.\n"
    )
    assert server.end() == 0
    declined = command("reset", "--data-dir", data, environment=nowhere, stdin="no\n")
    assert declined.returncode == 1 and data.exists()
    done = command("reset", "--yes", "--data-dir", data, environment=nowhere)
    assert done.returncode == 0, done.stderr
    assert not data.exists()


def test_reset_leaves_what_somebody_else_put_there(servers: Servers, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert servers.start("--data-dir", data, *SIMULATED).end() == 0
    (data / "precious").write_text("mine")
    done = command("reset", "--yes", "--data-dir", data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Removed the emulator's data from {data}; left what is not its own: precious.\n"
    assert [path.name for path in data.iterdir()] == ["precious"]


def test_reset_touches_no_other_directory(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    done = command("reset", "--yes", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "precious").read_text() == "mine"
    (tmp_path / "state.sqlite3").write_bytes(b"somebody else's file, with that name" * 100)
    done = command("reset", "--yes", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"
