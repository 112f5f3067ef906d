"""A hook's answer comes from a stranger: whatever it is, the loop goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.control import hooks
from ecs_emulator.control.shift_plan import CallHook, HookAnswered
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.services import LifecycleStage
from tests.simulation import Simulation

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:judge"
HOOK = LifecycleHook(
    id="ecs-lambda-1",
    account="123456789012",
    region="us-east-1",
    service_arn="service",
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
UNKEPT = {
    "half a character as status": b'{"hookStatus": "\\ud800"}',
    "half a character in its details": b'{"hookStatus": "IN_PROGRESS", "hookDetails": {"who": "\\ud800"}}',
    "too deep": b'{"hookStatus": "IN_PROGRESS", "hookDetails": {"who": ' + b"[" * 400 + b"]" * 400 + b"}}",
    "deeper than Python reads": b"[" * 100_000,
    "a number of more digits than Python reads": b'{"hookStatus": ' + b"9" * 5_000 + b"}",
    "no text": b"\xff\xfe",
}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, hooks=((FUNCTION, "http://127.0.0.1/"),))
    found.call("CreateCluster")
    yield found
    found.close()


def deploy(sim: Simulation, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the first deployment is where it is, when its hook has answered this for a minute."""

    def call(asked: CallHook) -> HookAnswered:
        return hooks.answered(asked.hook, answer, sim.clock.now())

    monkeypatch.setattr(sim.loop._workers, "_call", call)
    hook = {
        "hookTargetArn": FUNCTION,
        "roleArn": "arn:aws:iam::123456789012:role/hook",
        "lifecycleStages": ["POST_SCALE_UP"],
    }
    container = {"name": "app", "image": "app", "memory": 64}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]},
    )
    sim.advance(60)
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    return str(service["deployments"][0]["rolloutStateReason"])


@pytest.mark.parametrize("body", UNKEPT.values(), ids=UNKEPT.keys())
def test_an_answer_that_cannot_be_kept_says_nothing(
    sim: Simulation, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hooks.answered(HOOK, body, 1.0) == hooks.unparsed(HOOK, 1.0)
    assert "unable to parse the response" in deploy(sim, body, monkeypatch)


def test_a_number_of_more_than_64_bits_is_told_again_as_json_means_it(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"hookStatus": "IN_PROGRESS", "hookDetails": {"turns": 36893488147419103232, "left": 3}}'
    assert "in progress" in deploy(sim, body, monkeypatch)
    with sim.store.snapshot() as tx:
        (hook,) = tx.find(LifecycleHook)
    assert json.dumps(hook.details) == '{"turns": 3.6893488147419103e+19, "left": 3}'
