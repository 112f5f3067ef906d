"""What stands in the place of a Lambda function, over a real connection: what it is sent, and what becomes of each answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ecs_emulator.agent.hooks import HookCaller
from ecs_emulator.app import start
from ecs_emulator.clock import ManualClock
from ecs_emulator.control.shift_plan import CallHook, HookAnswered
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.services import LifecycleStage

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
PATIENCE = 20.0
Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


@contextmanager
def listening(answer: Answer) -> Iterator[str]:
    """A server on loopback; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(told)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook() -> LifecycleHook:
    return LifecycleHook(
        id="ecs-lambda-1",
        account="123456789012",
        region="us-east-1",
        service_arn="web",
        deployment_id="ecs-svc/1",
        stage=LifecycleStage.POST_SCALE_UP,
        step=0,
        target_type="AWS_LAMBDA",
        target_arn=FUNCTION,
        status=HookStatus.IN_PROGRESS,
        created_at=0.0,
        expires_at=60.0,
        timeout_action="ROLLBACK",
    )


def called(url: str, *, longest: float = PATIENCE) -> HookAnswered:
    caller = HookCaller([(FUNCTION, url)], ManualClock(), longest=longest)
    return caller(CallHook(hook(), {"executionId": "1"}, because="a test says so"))


def test_the_document_is_posted_and_the_answer_understood() -> None:
    told: list[dict[str, Any]] = []

    def answer(document: dict[str, Any]) -> tuple[int, bytes]:
        told.append(document)
        return 200, b'{"hookStatus": "IN_PROGRESS", "callBackDelay": 2, "hookDetails": {"a": 1}}'

    with listening(answer) as url:
        answered = called(url)
    assert told == [{"executionId": "1"}]
    assert (answered.status, answered.delay, answered.details) == (HookStatus.IN_PROGRESS, 2.0, {"a": 1})


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (500, b"", "ECS was unable to invoke hook target {} due to {} answering HTTP 500"),
        (200, b"", "ECS was unable to parse the response from {} due to HookStatus must not be null"),
        (200, b"x" * 300_000, "ECS was unable to parse the response from {} due to HookStatus must not be null"),
    ],
)
def test_what_is_no_answer_is_a_no(status: int, body: bytes, problem: str) -> None:
    with listening(lambda told: (status, body)) as url:
        answered = called(url)
        assert (answered.status, answered.problem) == (HookStatus.FAILED, problem.format(FUNCTION, url))


def test_an_answer_that_does_not_come_is_a_no() -> None:
    done = threading.Event()

    def answer(told: dict[str, Any]) -> tuple[int, bytes]:
        done.wait(PATIENCE)
        return 200, b"{}"

    with listening(answer) as url:
        answered = called(url, longest=0.2)
        done.set()
    assert answered.status is HookStatus.FAILED
    assert answered.problem is not None and answered.problem.endswith("due to HookStatus must not be null")


def test_a_server_that_is_not_there_and_a_function_without_url_are_a_no() -> None:
    with listening(lambda told: (200, b"{}")) as url:
        pass
    assert "ECS was unable to invoke hook target" in str(called(url).problem)
    nobody = HookCaller([], ManualClock())(CallHook(hook(), {}, because="a test says so"))
    assert f"--hook {FUNCTION}=<http URL>" in str(nobody.problem)


def test_a_deployment_asks_the_url_of_its_hook() -> None:
    stages: list[str] = []

    def answer(told: dict[str, Any]) -> tuple[int, bytes]:
        stages.append(told["lifecycleStage"])
        return 200, b'{"hookStatus": "SUCCEEDED"}'

    with listening(answer) as url, start(engine="simulated", hooks={FUNCTION: url}) as emulator:
        ecs: Any = emulator.client("ecs")
        ecs.create_cluster()
        container = {"name": "app", "image": "app", "memory": 64}
        ecs.register_task_definition(family="web", containerDefinitions=[container])
        asked = {"hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hooks"}
        ecs.create_service(
            serviceName="web",
            taskDefinition="web",
            desiredCount=1,
            deploymentConfiguration={
                "strategy": "BLUE_GREEN",
                "bakeTimeInMinutes": 0,
                "lifecycleHooks": [{**asked, "lifecycleStages": ["POST_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"]}],
            },
        )
        deadline = time.monotonic() + PATIENCE
        while (found := ecs.list_service_deployments(service="web")["serviceDeployments"][0])[
            "status"
        ] == "IN_PROGRESS":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert found["status"] == "SUCCESSFUL"
    assert stages == ["POST_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"]
