"""Time that runs as it is told and trouble that comes when it is ordered, over the wire and at a terminal; tasks are simulated."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import ecs_emulator
from ecs_emulator.app import CannotStart, Emulator
from ecs_emulator.ecs.errors import InvalidParameterException
from tests.scenarios.conftest import Servers
from tests.scenarios.server import Server, answer_to, command
from tests.scenarios.waiting import eventually

HOUR = 3_600.0
CONTAINER = {"name": "app", "image": "web", "memory": 8}
WAITER = {"Delay": 0.05, "MaxAttempts": 400}
ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with ecs_emulator.start(engine="simulated") as emulator:
        yield emulator


def serve(ecs: Any, desired: int = 2) -> None:
    ecs.create_cluster()
    ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=desired)
    ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)


def post(endpoint: str, path: str, body: Any, method: str = "POST") -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}/_emulator/{path}", data=data, method=method)
    status, _, answer = answer_to(request)
    return status, json.loads(answer)


# --- time ---------------------------------------------------------------------------------------------------------------


def test_a_rollout_with_the_real_service_s_waits_takes_a_moment_where_time_is_fast() -> None:
    with ecs_emulator.start(engine="simulated", timings="aws", time_scale=100) as emulator:
        ecs: Any = emulator.client("ecs")
        began = time.monotonic()
        serve(ecs, 3)
        ecs.register_task_definition(family="web", containerDefinitions=[{**CONTAINER, "image": "web:2"}])
        ecs.update_service(service="web", taskDefinition="web")
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)
        assert time.monotonic() - began < 10

        def steady() -> bool:
            (service,) = ecs.describe_services(services=["web"])["services"]
            said = [one for one in service["events"] if "steady state" in one["message"]]
            return bool(said) and [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"]

        eventually("the steady state", steady)
        assert emulator.time()["scale"] == 100


def test_hours_pass_in_less_than_a_second_and_leave_a_true_history(emulator: Emulator) -> None:
    ecs: Any = emulator.client("ecs")
    serve(ecs)
    began, was = time.monotonic(), emulator.time()["now"]
    assert emulator.advance("13h")["now"] - was == pytest.approx(13 * HOUR, abs=5)
    assert time.monotonic() - began < 1
    (service,) = ecs.describe_services(services=["web"])["services"]
    steady = [one["createdAt"].timestamp() for one in service["events"] if "steady state" in one["message"]]
    pauses = [round(newer - older) for newer, older in itertools.pairwise(steady)]
    assert pauses == [6 * HOUR, 6 * HOUR]


def test_a_stopped_task_is_forgotten_an_hour_later_and_a_registry_login_is_not(emulator: Emulator) -> None:
    ecs: Any = emulator.client("ecs")
    ecr: Any = emulator.client("ecr")
    serve(ecs, 1)
    (task,) = ecs.list_tasks()["taskArns"]
    ecs.stop_task(task=task)
    ecs.get_waiter("tasks_stopped").wait(tasks=[task], WaiterConfig=WAITER)
    (login,) = ecr.get_authorization_token()["authorizationData"]
    emulator.advance("14h")
    assert ecs.describe_tasks(tasks=[task])["failures"] == [{"arn": task, "reason": "MISSING"}]
    headers = {"Authorization": f"Basic {login['authorizationToken']}"}
    assert answer_to(urllib.request.Request(f"{emulator.endpoint}/v2/", headers=headers))[0] == 200
    assert login["expiresAt"].timestamp() - time.time() == pytest.approx(12 * HOUR, abs=60)


def test_advances_that_are_asked_for_one_after_the_other_add_up(emulator: Emulator) -> None:
    before = emulator.time()["now"]
    for _ in range(5):
        emulator.advance(60)
    assert emulator.time()["now"] - before == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    "body", [{"advance": "soon"}, {"advance": -1}, {"advance": True}, {"advance": [1]}, {}, {"to": 1}]
)
def test_an_advance_by_what_is_no_duration_is_refused(emulator: Emulator, body: Any) -> None:
    before = emulator.time()["ahead"]
    status, refusal = post(emulator.endpoint, "clock", body)
    assert status == 400 and refusal["message"]
    assert emulator.time()["ahead"] == before


@pytest.mark.parametrize("scale", [0, 0.5, -1, 1e9, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(CannotStart, match=r"--time-scale .* is none: it should be between 1 and 100000"):
        ecs_emulator.start(engine="simulated", time_scale=scale)


@pytest.mark.engine
def test_real_containers_live_in_real_time(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="--time-scale is for simulated tasks"):
        ecs_emulator.start(engine="docker", time_scale=2)
    with ecs_emulator.start(engine="docker") as emulator:
        assert emulator.time()["settable"] is False
        with pytest.raises(InvalidParameterException, match="real containers live in real time"):
            emulator.advance(1)


def test_time_is_not_earlier_after_kill_9(servers: Servers, tmp_path: Path) -> None:
    words = ("--data-dir", str(tmp_path / "data"), "--engine", "simulated", "--port", "0")
    server = servers.start(*words, "--time-scale", "1000")
    server.client("ecs").create_cluster(clusterName="default")
    post(server.endpoint, "clock", {"advance": "5h"})
    seen = now_of(server)
    server.shoot()
    server.start()
    assert seen <= now_of(server) < seen + 60 * 1_000
    assert server.end() == 0


def now_of(server: Server) -> float:
    found: float = json.loads(server.ask("/_emulator/clock")[2])["now"]
    return found


# --- trouble with requests ----------------------------------------------------------------------------------------------


def client(emulator: Emulator, service: str = "ecs") -> Any:
    import boto3

    session = boto3.session.Session()
    keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    return session.client(service, endpoint_url=emulator.endpoint, config=ONCE, **keys)  # type: ignore[call-overload]


def test_so_many_requests_are_throttled_and_then_none(emulator: Emulator) -> None:
    ecs = client(emulator)
    post(emulator.endpoint, "faults", {"kind": "throttle", "operations": ["ListClusters"], "count": 2})
    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            ecs.list_clusters()
        assert refused.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        ecs.list_task_definitions()
    ecs.list_clusters()
    assert emulator.faults() == []


def test_an_sdk_that_retries_does_not_notice(emulator: Emulator) -> None:
    emulator.order_fault({"kind": "throttle", "count": 2})
    ecs: Any = emulator.client("ecs")
    assert ecs.list_clusters()["clusterArns"] == []


def test_errors_last_until_they_are_removed_and_write_nothing(emulator: Emulator) -> None:
    ecs = client(emulator)
    fault = emulator.order_fault({"kind": "error", "operations": "ecs:Create*"})
    with pytest.raises(ClientError) as failed:
        ecs.create_cluster()
    assert failed.value.response["Error"]["Code"] == "ServerException"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert ecs.list_clusters()["clusterArns"] == []
    assert post(emulator.endpoint, f"faults/{fault['id']}", None, "DELETE")[0] == 200
    assert ecs.create_cluster()["cluster"]["status"] == "ACTIVE"
    assert post(emulator.endpoint, f"faults/{fault['id']}", None, "DELETE")[0] == 400


def test_another_account_is_spared(emulator: Emulator) -> None:
    emulator.order_fault({"kind": "error", "account": "210987654321"})
    assert client(emulator).list_clusters()["clusterArns"] == []


def test_answers_are_late_as_long_as_it_was_ordered(emulator: Emulator) -> None:
    ecs = client(emulator)
    fault = emulator.order_fault({"kind": "latency", "seconds": "300ms", "operations": ["ListClusters"]})
    began = time.monotonic()
    ecs.list_clusters()
    assert time.monotonic() - began >= 0.3
    emulator.cancel_fault(fault["id"])
    began = time.monotonic()
    ecs.list_clusters()
    assert time.monotonic() - began < 0.3


# --- at a terminal ------------------------------------------------------------------------------------------------------


def test_faults_and_time_at_a_terminal(servers: Servers, tmp_path: Path) -> None:
    server = servers.start("--data-dir", str(tmp_path / "data"), "--engine", "simulated")
    ecs = server.client("ecs")
    serve(ecs)
    asked = ("--endpoint", server.endpoint)

    def say(*words: str) -> str:
        done = command(*words, *asked)
        assert done.returncode == 0, done.stderr
        return done.stdout

    added = say("fault", "add", "crash", "--service", "web", "--exit-code", "3", "--after", "1h")
    assert added.startswith("fault-") and "exitCode=3" in added
    server.shoot()
    server.start()
    asked = ("--endpoint", server.endpoint)
    assert say("fault", "list").split()[0] == added.split()[0]
    assert "ahead of this machine" in say("clock", "--advance", "61m")
    assert say("fault", "list") == ""

    def crashed() -> list[int]:
        arns = ecs_of(server).list_tasks(desiredStatus="STOPPED")["taskArns"]
        tasks = ecs_of(server).describe_tasks(tasks=arns)["tasks"] if arns else []
        return [task["containers"][0]["exitCode"] for task in tasks]

    assert eventually("the crash", crashed) == [3]
    throttled = say("fault", "add", "throttle", "--operation", "RunTask", "--share", "0.5").split()[0]
    say("fault", "remove", throttled)
    refused = command("fault", "remove", throttled, *asked)
    assert refused.returncode == 1 and "there is no fault" in refused.stderr
    refused = command("fault", "add", "latency", *asked)
    assert refused.returncode == 1 and "latency needs seconds" in refused.stderr
    say("instances", "add", "--purchase", "spot")
    instances = ecs_of(server).list_container_instances(filter="attribute:ecs-emulator.purchase == spot")
    (arn,) = instances["containerInstanceArns"]
    assert "DRAINING" in say("interrupt", arn)
    refused = command("interrupt", "i-0", *asked)
    assert refused.returncode == 1 and "there is no task and no container instance i-0" in refused.stderr
    assert server.end() == 0


def ecs_of(server: Server) -> Any:
    return server.client("ecs")


# --- real containers ----------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_real_container_is_really_killed_and_its_service_goes_on(images: Any, engine: Any) -> None:
    with ecs_emulator.start(engine="docker") as emulator:
        ecs: Any = emulator.client("ecs")
        ecs.create_cluster()
        ecs.register_task_definition(family="web", containerDefinitions=[{**CONTAINER, "image": images(1)}])
        ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)
        with pytest.raises(InvalidParameterException, match="the engine itself runs the health checks"):
            emulator.order_fault({"kind": "unhealthy", "service": "web"})
        emulator.order_fault({"kind": "crash", "service": "web"})

        def exit_codes() -> list[int]:
            arns = ecs.list_tasks(desiredStatus="STOPPED")["taskArns"]
            tasks = ecs.describe_tasks(tasks=arns)["tasks"] if arns else []
            return [one["containers"][0]["exitCode"] for one in tasks if one["lastStatus"] == "STOPPED"]

        assert eventually("the killed container", exit_codes) == [137]
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)
        (instance,) = ecs.list_container_instances()["containerInstanceArns"]
        emulator.order_fault({"kind": "capacity-loss", "instance": instance})

        def reasons() -> set[str]:
            arns = ecs.list_tasks(desiredStatus="STOPPED")["taskArns"]
            found = {one["stoppedReason"] for one in ecs.describe_tasks(tasks=arns)["tasks"] if "stoppedAt" in one}
            return {one for one in found if one.startswith("Host EC2")}

        eventually("the tasks of the machine that is gone", reasons)
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)
        assert ecs.list_container_instances()["containerInstanceArns"] != [instance]
