"""Whatever happens to a deployment that shifts traffic, and whenever: all of the traffic has somewhere to go, and it comes to an end."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecs_emulator.records.alarms import AlarmState
from ecs_emulator.records.hooks import HookStatus, LifecycleHook
from ecs_emulator.records.services import LISTED, LifecycleStage, ServiceDeployment
from ecs_emulator.records.tasks import TaskStatus
from ecs_emulator.rules import deployment_alarms
from tests.simulation import Refused, Simulation

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
STRATEGIES: tuple[dict[str, Any], ...] = (
    {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1},
    {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}},
    {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1}, "bakeTimeInMinutes": 1},
)
HOOKS = [
    {"hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": [stage]}
    for stage in ("POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
] + [{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}]
MORE = {
    "lifecycleHooks": HOOKS,
    "alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True},
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
A_WHILE, ROUNDS = 45.0, 24

Act = tuple[Any, ...]

acts = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 9)),
        st.tuples(st.just("advance"), st.sampled_from([0.1, 7.0, 61.0, 200.0])),
        st.tuples(st.just("scale"), st.integers(0, 4)),
        st.tuples(st.just("deploy"), st.sampled_from(["", "", "pull=fail", "start=slow", "exit=1 after=7s"])),
        st.tuples(st.just("kill"), st.integers(0, 9)),
        st.tuples(st.just("say"), st.sampled_from(["CONTINUE", "CONTINUE", "CONTINUE", "ROLLBACK"])),
        st.tuples(st.just("function"), st.sampled_from(["SUCCEEDED", "SUCCEEDED", "IN_PROGRESS", "FAILED"])),
        st.tuples(st.just("alarm"), st.sampled_from(["OK", "ALARM"])),
        st.tuples(st.just("stop")),
        st.tuples(st.just("crash")),
    ),
    max_size=16,
)
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextlib.contextmanager
def _world(strategy: dict[str, Any]) -> Iterator[Simulation]:
    with tempfile.TemporaryDirectory(prefix="shift-") as directory:
        sim = Simulation(Path(directory), hooks=((FUNCTION, "http://127.0.0.1:1/"),))
        sim.call("CreateCluster", clusterName="default")
        _define(sim, "")
        sim.call(
            "CreateService",
            serviceName="web",
            taskDefinition="web",
            launchType="FARGATE",
            desiredCount=2,
            deploymentConfiguration=strategy,
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["s"]}},
        )
        sim.advance(60)
        sim.call("UpdateService", service="web", deploymentConfiguration=MORE)
        try:
            yield sim
        finally:
            sim.close()


def _define(sim: Simulation, script: str) -> None:
    labels = {"dockerLabels": {"ecs-emulator.simulate": script}} if script else {}
    sim.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[{"name": "app", "image": "app", **labels}],
        **SIZES,
    )


def _do(sim: Simulation, act: Act) -> None:
    match act:
        case ("step", times):
            for _ in range(times):
                sim.step()
        case ("advance", seconds):
            sim.advance(seconds)
        case ("scale", count):
            sim.call("UpdateService", service="web", desiredCount=count)
        case ("deploy", script):
            _define(sim, script)
            sim.call("UpdateService", service="web", taskDefinition="web")
        case ("kill", which):
            running = sim.tasks(last_status=TaskStatus.RUNNING)
            if running:
                sim.kill(running[which % len(running)].id)
        case ("say", action):
            _say(sim, action)
        case ("function", answer):
            sim.function = lambda told: {"hookStatus": answer, "callBackDelay": 5}
        case ("alarm", state):
            with sim.store.transaction() as tx:
                where = sim.world.account, sim.world.region
                deployment_alarms.set_state(tx, *where, "errors", AlarmState(state), sim.clock.now())
        case ("stop",):
            listed = sim.call("ListServiceDeployments", service="web")["serviceDeployments"]
            with contextlib.suppress(Refused):
                sim.call("StopServiceDeployment", serviceDeploymentArn=listed[0]["serviceDeploymentArn"])
        case _:
            sim.crash()


def _say(sim: Simulation, action: str) -> None:
    """To whatever waits for it."""
    with sim.store.snapshot() as tx:
        held = [
            (hook, tx.get(ServiceDeployment, hook.deployment_id))
            for hook in tx.find(LifecycleHook)
            if hook.status is HookStatus.AWAITING_ACTION
        ]
    for hook, deployment in held:
        assert deployment is not None
        arn = deployment.arn
        with contextlib.suppress(Refused):
            sim.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook.id, action=action)


def _all_traffic_goes_somewhere(sim: Simulation) -> None:
    """Among the deployments that are listed; but of a first one that never came to serve."""
    with sim.store.snapshot() as tx:
        listed = tx.find(ServiceDeployment, status=list(LISTED))
    shared = [one.production_weight for one in listed if one.production_weight is not None]
    if any(one.stage is not None and one.stage is not LifecycleStage.CLEAN_UP for one in listed) or len(listed) == 1:
        assert sum(shared) == pytest.approx(100.0), [(one.id, one.stage, one.production_weight) for one in listed]


def _end(sim: Simulation) -> dict[str, Any]:
    """What is there when trouble is over, a good revision was asked for, and time has passed."""
    for act in (("alarm", "OK"), ("function", "SUCCEEDED"), ("deploy", ""), ("scale", 3)):
        _do(sim, act)
    for _ in range(ROUNDS):
        sim.advance(A_WHILE)
        _all_traffic_goes_somewhere(sim)
        _say(sim, "CONTINUE")
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    return {
        "deployments": [(one["status"], one["rolloutState"], one["desiredCount"]) for one in service["deployments"]],
        "counts": (service["runningCount"], service["pendingCount"]),
        "said": service["events"][0]["message"],
    }


RIGHT = {
    "deployments": [("PRIMARY", "COMPLETED", 3)],
    "counts": (3, 0),
    "said": "(service web) has reached a steady state.",
}


def _lives(strategy: dict[str, Any], history: list[Act]) -> None:
    with _world(strategy) as sim:
        for act in (("deploy", ""), *history):
            _do(sim, act)
            _all_traffic_goes_somewhere(sim)
        found = _end(sim)
        assert found == RIGHT, sim.journal()


@settings(calm, max_examples=25, derandomize=True)
@given(strategy=st.sampled_from(STRATEGIES), history=acts)
def test_all_traffic_goes_somewhere_and_every_history_comes_to_an_end(
    strategy: dict[str, Any], history: list[Act]
) -> None:
    _lives(strategy, history)


@pytest.mark.soak
@settings(calm, max_examples=2_000)
@given(strategy=st.sampled_from(STRATEGIES), history=acts)
def test_every_history_comes_to_an_end(strategy: dict[str, Any], history: list[Act]) -> None:
    _lives(strategy, history)
