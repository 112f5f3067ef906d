"""An alarm that the user sets and a hook that the user answers, from the command line to the end of a deployment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import ecs_emulator
from ecs_emulator.app import CannotStart, Emulator
from ecs_emulator.cli import main
from ecs_emulator.cli.serve import _config

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
PATIENCE = 20.0


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def status(emulator: Emulator) -> str:
    ecs: Any = emulator.client("ecs")
    listed = ecs.list_service_deployments(service="web")["serviceDeployments"]
    return str(listed[0]["status"])


def test_an_alarm_from_the_command_line_rolls_a_deployment_back(capsys: pytest.CaptureFixture[str]) -> None:
    with ecs_emulator.start(engine="simulated") as emulator:
        ecs: Any = emulator.client("ecs")
        ecs.create_cluster()
        ecs.register_task_definition(family="web", containerDefinitions=[{"name": "app", "image": "app", "memory": 64}])
        alarms = {"alarmNames": ["errors"], "enable": True, "rollback": True}
        ecs.create_service(
            serviceName="web",
            taskDefinition="web",
            desiredCount=1,
            deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60, "alarms": alarms},
        )
        eventually(lambda: status(emulator) == "SUCCESSFUL")
        ecs.update_service(service="web", forceNewDeployment=True)
        eventually(lambda: ecs.describe_services(services=["web"])["services"][0]["runningCount"] == 2)
        assert main(["alarm", "errors", "ALARM", "--endpoint", emulator.endpoint]) == 0
        assert capsys.readouterr().out == "errors is ALARM\n"
        eventually(lambda: status(emulator) == "ROLLBACK_SUCCESSFUL")
        (said,) = emulator.alarms()
        assert (said["name"], said["state"]) == ("errors", "ALARM")


@pytest.mark.parametrize(
    "hooks", [{"check": "http://127.0.0.1:1/"}, {FUNCTION: "ftp://127.0.0.1/"}, {FUNCTION: ""}], ids=str
)
def test_a_hook_that_is_none_is_refused(hooks: dict[str, str]) -> None:
    with pytest.raises(CannotStart, match="it should be the ARN of a Lambda function, =, and an http URL"):
        ecs_emulator.start(engine="simulated", hooks=hooks)


def test_hooks_come_from_flags_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from ecs_emulator.cli import _parser

    monkeypatch.setenv("ECS_EMULATOR_HOOK", f"{FUNCTION}=http://a/ {FUNCTION}-b=http://b/?x=1")
    told = _config(_parser("serve").parse_args(["serve", "--hook", f"{FUNCTION}-c=http://c/"])).hooks
    assert told == ((FUNCTION, "http://a/"), (f"{FUNCTION}-b", "http://b/?x=1"), (f"{FUNCTION}-c", "http://c/"))
