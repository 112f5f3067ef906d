"""Deployments that shift traffic, as their user sees them: stages, weights, hooks, pauses, roll-backs, crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.control.loop import Done
from ecs_emulator.control.plan import Errand
from ecs_emulator.control.shift_plan import CallHook
from ecs_emulator.records.alarms import AlarmState
from ecs_emulator.rules import deployment_alarms
from tests.ecs.running import refusal
from tests.simulation import Simulation

Document = dict[str, Any]

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
LAMBDA: Document = {"hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hooks"}
CANARY: Document = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3},
    "bakeTimeInMinutes": 2,
}
BLUE_GREEN: Document = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
STAGES = [
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
]
FAILED = "Service deployment rolled back because {} lifecycle hook(s) failed. "


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, hooks=((FUNCTION, "http://127.0.0.1:1/"),))
    found.call("CreateCluster")
    yield found
    found.close()


def define(sim: Simulation, words: str = "") -> None:
    labels = {"dockerLabels": {"ecs-emulator.simulate": words}} if words else {}
    container = {"name": "app", "image": "app", **labels}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **SIZES)


def create(sim: Simulation, configuration: Document) -> None:
    define(sim)
    sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        deploymentConfiguration={name: value for name, value in configuration.items() if name != "lifecycleHooks"},
    )
    sim.advance(60)
    if "lifecycleHooks" in configuration:
        hooks = {"lifecycleHooks": configuration["lifecycleHooks"]}
        sim.call("UpdateService", service="web", deploymentConfiguration=hooks)
    sim.settle()


def update(sim: Simulation, words: str = "") -> None:
    define(sim, words)
    sim.call("UpdateService", service="web", taskDefinition="web")


def service(sim: Simulation) -> Document:
    return dict(sim.call("DescribeServices", services=["web"])["services"][0])


def deployment(sim: Simulation) -> Document:
    """The newest."""
    listed = sim.call("ListServiceDeployments", service="web")["serviceDeployments"]
    arns = [listed[0]["serviceDeploymentArn"]]
    return dict(sim.call("DescribeServiceDeployments", serviceDeploymentArns=arns)["serviceDeployments"][0])


def weights(sim: Simulation) -> list[tuple[float, float]]:
    """Production and test, of the target and of the sources."""
    found = deployment(sim)
    return [
        (one["requestedProductionTrafficWeight"], one["requestedTestTrafficWeight"])
        for one in (found["targetServiceRevision"], *found["sourceServiceRevisions"])
    ]


def until(sim: Simulation, stage: str) -> None:
    """Step by step, and from one instant to the next that something waits for."""

    def there() -> bool:
        return deployment(sim).get("lifecycleStage") == stage

    for _ in range(1_000):
        if there():
            return
        due = sim.loop.next_due()
        if sim.loop.idle() and due is not None:
            sim.clock.move_to(due)
        sim.step()
    raise AssertionError(f"it never came to {stage}:\n{sim.journal()}")


def paused(sim: Simulation) -> Document:
    """The hook that waits for its user's word."""
    (held,) = [one for one in deployment(sim)["lifecycleHookDetails"] if one["status"] == "AWAITING_ACTION"]
    return dict(held)


def go_on(sim: Simulation, **more: Any) -> Document:
    arn = deployment(sim)["serviceDeploymentArn"]
    return sim.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=paused(sim)["hookId"], **more)


def functions(*stages: str) -> Document:
    return {"lifecycleHooks": [{**LAMBDA, "lifecycleStages": list(stages)}]}


def pauses(*stages: str, **timeout: Any) -> Document:
    hook = {"targetType": "PAUSE", "lifecycleStages": list(stages)}
    return {"lifecycleHooks": [{**hook, **({"timeoutConfiguration": timeout} if timeout else {})}]}


# --- forward --------------------------------------------------------------------------------------------------------


def test_a_first_deployment_does_not_wait_for_what_nobody_uses(sim: Simulation) -> None:
    create(sim, CANARY)
    found = deployment(sim)
    assert (found["status"], found["lifecycleStage"]) == ("SUCCESSFUL", "CLEAN_UP")
    assert weights(sim) == [(100.0, 100.0)]
    assert [line.partition(": ")[0] for line in sim.events()] == [
        "has started 2 tasks",
        f"(deployment {service(sim)['deployments'][0]['id']}) deployment completed.",
        "has reached a steady state.",
    ]


def test_a_canary_goes_over_in_two_steps_and_takes_the_time_that_was_said(sim: Simulation) -> None:
    create(sim, CANARY)
    update(sim)
    began = sim.clock.now()
    until(sim, "PRODUCTION_TRAFFIC_SHIFT")
    sim.settle()
    assert weights(sim) == [(10.0, 100.0), (90.0, 0.0)]
    assert service(sim)["runningCount"] == 4
    green, blue = service(sim)["deployments"]
    assert (green["status"], green["rolloutState"], green["desiredCount"]) == ("PRIMARY", "IN_PROGRESS", 2)
    assert (blue["status"], blue["rolloutState"], blue["desiredCount"]) == ("ACTIVE", "COMPLETED", 2)
    until(sim, "BAKE_TIME")
    assert weights(sim) == [(100.0, 100.0), (0.0, 0.0)]
    assert sim.clock.now() - began >= 180
    until(sim, "CLEAN_UP")
    assert sim.clock.now() - began >= 300
    sim.advance(60)
    found = deployment(sim)
    assert (found["status"], found["lifecycleHookDetails"]) == ("SUCCESSFUL", [])
    assert found["deploymentConfiguration"]["strategy"] == "CANARY"
    assert service(sim)["runningCount"] == 2
    assert len(service(sim)["deployments"]) == 1
    assert sim.events()[-1] == "has reached a steady state."


def test_after_a_deployment_the_service_is_kept_like_any_other(sim: Simulation) -> None:
    create(sim, BLUE_GREEN)
    update(sim)
    sim.advance(600)
    sim.call("UpdateService", service="web", desiredCount=3)
    sim.advance(60)
    assert service(sim)["runningCount"] == 3
    (task, *_) = sim.tasks(last_status="RUNNING")
    sim.kill(task.arn)
    sim.advance(60)
    assert service(sim)["runningCount"] == 3
    assert deployment(sim)["targetServiceRevision"]["requestedTaskCount"] == 2


def test_the_configuration_of_a_deployment_is_that_of_its_beginning(sim: Simulation) -> None:
    create(sim, BLUE_GREEN)
    update(sim)
    until(sim, "BAKE_TIME")
    sim.call("UpdateService", service="web", deploymentConfiguration={"bakeTimeInMinutes": 0})
    sim.advance(200)
    assert deployment(sim)["lifecycleStage"] == "BAKE_TIME"
    assert deployment(sim)["deploymentConfiguration"]["bakeTimeInMinutes"] == 5


def test_a_service_that_was_rolled_becomes_blue_green(sim: Simulation) -> None:
    create(sim, {})
    sim.call("UpdateService", service="web", deploymentConfiguration=BLUE_GREEN)
    update(sim)
    until(sim, "BAKE_TIME")
    assert weights(sim) == [(100.0, 100.0), (0.0, 0.0)]
    sim.advance(600)
    assert deployment(sim)["status"] == "SUCCESSFUL"


def test_a_service_that_is_deleted_on_its_way_ends(sim: Simulation) -> None:
    create(sim, BLUE_GREEN)
    update(sim)
    until(sim, "BAKE_TIME")
    sim.call("DeleteService", service="web", force=True)
    sim.advance(120)
    assert service(sim)["status"] == "INACTIVE"


@pytest.mark.parametrize("stage", ["PRE_SCALE_UP", "SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"])
def test_a_crash_in_any_stage_changes_nothing_of_it(sim: Simulation, stage: str) -> None:
    create(sim, {**BLUE_GREEN, **pauses("PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT")})
    update(sim)
    for held in ("PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"):
        if stage == "SCALE_UP" and held == "POST_TEST_TRAFFIC_SHIFT":
            until(sim, stage)
            sim.crash()
        until(sim, held)
        sim.settle()
        if stage == held:
            sim.crash()
            sim.settle()
        go_on(sim)
    if stage in ("BAKE_TIME", "CLEAN_UP"):
        until(sim, stage)
        sim.crash()
    sim.advance(600)
    assert deployment(sim)["status"] == "SUCCESSFUL"
    assert service(sim)["runningCount"] == 2
    assert len([line for line in sim.events() if "has started" in line]) == 2
    assert len(deployment(sim)["lifecycleHookDetails"]) == 2


# --- functions ------------------------------------------------------------------------------------------------------


def test_a_function_hears_of_every_stage_and_of_every_step(sim: Simulation) -> None:
    create(sim, {**CANARY, **functions(*STAGES)})
    update(sim)
    sim.advance(600)
    production = [told["executionDetails"]["productionTrafficWeights"] for told in sim.called]
    assert [told["lifecycleStage"] for told in sim.called] == [
        *STAGES[:4],
        *STAGES[4:6],
        *STAGES[4:6],
        STAGES[6],
    ]
    found = deployment(sim)
    green = found["targetServiceRevision"]["arn"]
    (blue,) = [one["arn"] for one in found["sourceServiceRevisions"]]
    assert production[:4] == [{}] * 4
    assert production[4:] == [
        {green: 0, blue: 100},
        {green: 10, blue: 90},
        {green: 10, blue: 90},
        {green: 100, blue: 0},
        {},
    ]
    tests = [told["executionDetails"]["testTrafficWeights"] for told in sim.called]
    assert tests == [
        {green: 100, blue: 0} if told["lifecycleStage"] == "TEST_TRAFFIC_SHIFT" else {} for told in sim.called
    ]
    assert {told["resourceArn"] for told in sim.called} == {found["serviceDeploymentArn"]}
    assert len({told["executionId"] for told in sim.called}) == 9
    assert {one["status"] for one in found["lifecycleHookDetails"]} == {"SUCCEEDED"}
    assert {one["targetArn"] for one in found["lifecycleHookDetails"]} == {FUNCTION}


def test_a_function_in_progress_is_asked_again_with_what_it_said(sim: Simulation) -> None:
    hook = {**LAMBDA, "lifecycleStages": ["POST_SCALE_UP"], "hookDetails": {"suite": "smoke"}}
    create(sim, {**BLUE_GREEN, "lifecycleHooks": [hook]})
    answers: Iterator[Document] = iter(
        [
            {"hookStatus": "IN_PROGRESS", "callBackDelay": 5, "hookDetails": {"run": 7}},
            {"hookStatus": "IN_PROGRESS"},
            {"hookStatus": "SUCCEEDED"},
        ]
    )
    times: list[float] = []

    def answered(told: Document) -> Document:
        times.append(sim.clock.now())
        return next(answers)

    sim.function = answered
    update(sim)
    sim.advance(600)
    assert [told["hookDetails"] for told in sim.called] == [
        {"suite": "smoke"},
        {"suite": "smoke", "run": 7},
        {"suite": "smoke", "run": 7},
    ]
    assert [round(later - earlier, 3) for earlier, later in pairwise(times)] == [5, 30]


def test_a_function_is_asked_once_until_it_answers_and_again_after_a_crash(sim: Simulation) -> None:
    create(sim, {**BLUE_GREEN, **functions("PRE_SCALE_UP")})
    asked: list[Errand] = []
    patient = sim.loop._workers

    class Silent:
        """Never answers for a hook."""

        def submit(self, effect: Errand, post: Callable[[Done], None]) -> None:
            if isinstance(effect, CallHook):
                asked.append(effect)
            else:
                patient.submit(effect, post)

    sim.loop._workers = Silent()
    update(sim)
    for _ in range(20):
        sim.step()
        sim.clock.advance(60)
    assert len(asked) == 1
    sim.crash()
    sim.advance(600)
    assert len(sim.called) == 1
    assert deployment(sim)["status"] == "SUCCESSFUL"


@pytest.mark.parametrize("stage", STAGES)
def test_a_function_that_says_no_has_the_deployment_rolled_back(sim: Simulation, stage: str) -> None:
    create(sim, {**CANARY, **functions(*STAGES)})
    sim.function = lambda told: {"hookStatus": "FAILED" if told["lifecycleStage"] == stage else "SUCCEEDED"}
    update(sim)
    sim.advance(600)
    found = deployment(sim)
    reason = FAILED.format(stage) + f"Lifecycle hook target {FUNCTION} returned FAILED status."
    assert (found["status"], found["statusReason"]) == ("ROLLBACK_SUCCESSFUL", reason)
    assert found["rollback"]["reason"] == reason
    assert service(sim)["taskDefinition"].endswith("web:1")
    assert service(sim)["runningCount"] == 2
    number = found["targetServiceRevision"]["arn"].rpartition("/")[2]
    assert f"(deployment ecs-svc/{number}) deployment failed: {reason}" in sim.events()
    back = [told["lifecycleStage"] for told in sim.called if told["executionDetails"]["productionTrafficWeights"]]
    shifted = STAGES.index(stage) >= STAGES.index("PRODUCTION_TRAFFIC_SHIFT")
    assert (back[-1:] == ["PRODUCTION_TRAFFIC_SHIFT"]) == shifted
    assert weights(sim)[1][0] == 100.0


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (None, "ECS was unable to parse the response from {} due to HookStatus must not be null"),
        ({}, "ECS was unable to parse the response from {} due to HookStatus must not be null"),
        ([], "ECS was unable to parse the response from {} due to HookStatus must not be null"),
        (
            {"hookStatus": "GREEN"},
            "ECS was unable to parse the response from {} due to HookStatus GREEN is none of SUCCEEDED, FAILED and IN_PROGRESS",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_no(sim: Simulation, answer: Any, detail: str) -> None:
    create(sim, {**BLUE_GREEN, **functions("PRE_SCALE_UP")})
    sim.function = lambda told: answer
    update(sim)
    sim.advance(60)
    assert deployment(sim)["statusReason"] == FAILED.format("PRE_SCALE_UP") + detail.format(FUNCTION)


def test_a_function_that_never_ends_runs_out_of_time(sim: Simulation) -> None:
    hook = {**LAMBDA, "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 2}}
    create(sim, {**BLUE_GREEN, "lifecycleHooks": [hook]})
    sim.function = lambda told: {"hookStatus": "IN_PROGRESS", "callBackDelay": 50}
    update(sim)
    sim.advance(119)
    assert deployment(sim)["status"] == "IN_PROGRESS"
    sim.advance(60)
    assert deployment(sim)["status"] == "ROLLBACK_SUCCESSFUL"
    assert [one["status"] for one in deployment(sim)["lifecycleHookDetails"]] == ["TIMED_OUT"]


def test_one_hook_that_says_no_is_enough(sim: Simulation) -> None:
    hooks = [*functions("POST_SCALE_UP")["lifecycleHooks"], *pauses("POST_SCALE_UP")["lifecycleHooks"]]
    create(sim, {**BLUE_GREEN, "lifecycleHooks": hooks})
    sim.function = lambda told: {"hookStatus": "FAILED"}
    update(sim)
    sim.advance(60)
    assert deployment(sim)["status"] == "ROLLBACK_SUCCESSFUL"
    assert {one["status"] for one in deployment(sim)["lifecycleHookDetails"]} == {"FAILED"}


# --- pauses ---------------------------------------------------------------------------------------------------------


def test_a_deployment_waits_for_its_users_word(sim: Simulation) -> None:
    create(sim, {**BLUE_GREEN, **pauses("POST_SCALE_UP", timeoutInMinutes=20160)})
    update(sim)
    sim.advance(86_400)
    held = paused(sim)
    assert held["hookId"].startswith("ecs-pause-") and len(held["hookId"]) == len("ecs-pause-") + 43
    assert (held["targetType"], held["timeoutAction"], "targetArn" in held) == ("PAUSE", "ROLLBACK", False)
    assert held["expiresAt"] == pytest.approx(sim.clock.now() + 13 * 86_400, abs=5)
    assert deployment(sim)["lifecycleStage"] == "POST_SCALE_UP"
    assert go_on(sim) == {"serviceDeploymentArn": deployment(sim)["serviceDeploymentArn"]}
    sim.advance(600)
    assert deployment(sim)["status"] == "SUCCESSFUL"
    again = {"serviceDeploymentArn": deployment(sim)["serviceDeploymentArn"], "hookId": held["hookId"]}
    code, message = refusal(sim, "ContinueServiceDeployment", **again)
    assert code == "InvalidParameterException" and message.endswith("is not awaiting action.")


def test_its_user_may_say_no(sim: Simulation) -> None:
    create(sim, {**BLUE_GREEN, **pauses("POST_TEST_TRAFFIC_SHIFT")})
    update(sim)
    until(sim, "POST_TEST_TRAFFIC_SHIFT")
    sim.settle()
    hook_id = paused(sim)["hookId"]
    go_on(sim, action="ROLLBACK")
    sim.advance(60)
    found = deployment(sim)
    assert found["status"] == "ROLLBACK_SUCCESSFUL"
    assert found["statusReason"] == (
        FAILED.format("POST_TEST_TRAFFIC_SHIFT") + f"Lifecycle hook {hook_id} was rolled back by its user."
    )
    assert [one["status"] for one in found["lifecycleHookDetails"]] == ["FAILED"]


def test_each_step_pauses_anew(sim: Simulation) -> None:
    create(sim, {**CANARY, **pauses("PRE_PRODUCTION_TRAFFIC_SHIFT")})
    update(sim)
    seen = set()
    for _ in range(2):
        sim.advance(200)
        assert deployment(sim)["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT"
        seen.add(paused(sim)["hookId"])
        go_on(sim)
    sim.advance(600)
    assert len(seen) == 2
    assert deployment(sim)["status"] == "SUCCESSFUL"


def test_a_pause_that_a_newer_revision_overtakes_is_over(sim: Simulation) -> None:
    create(sim, {**BLUE_GREEN, **pauses("POST_SCALE_UP")})
    update(sim)
    sim.advance(60)
    overtaken, hook_id = deployment(sim)["serviceDeploymentArn"], paused(sim)["hookId"]
    update(sim)
    code, _ = refusal(sim, "ContinueServiceDeployment", serviceDeploymentArn=overtaken, hookId=hook_id)
    assert code == "InvalidParameterException"
    sim.advance(60)
    go_on(sim)
    sim.advance(600)
    (older,) = sim.call("DescribeServiceDeployments", serviceDeploymentArns=[overtaken])["serviceDeployments"]
    assert (older["status"], older["lifecycleHookDetails"][0]["status"]) == ("STOPPED", "FAILED")
    assert deployment(sim)["status"] == "SUCCESSFUL"
    assert service(sim)["runningCount"] == 2


# --- roll-backs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"])
def test_its_user_stops_it_wherever_it_is(sim: Simulation, stage: str) -> None:
    create(sim, CANARY)
    update(sim)
    until(sim, stage)
    sim.call("StopServiceDeployment", serviceDeploymentArn=deployment(sim)["serviceDeploymentArn"])
    sim.advance(60)
    assert deployment(sim)["status"] == "ROLLBACK_SUCCESSFUL"
    assert weights(sim)[1][0] == 100.0
    assert service(sim)["taskDefinition"].endswith("web:1")
    assert service(sim)["runningCount"] == 2


def test_tasks_that_do_not_start_trip_the_circuit_breaker(sim: Simulation) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    create(sim, {**BLUE_GREEN, **breaker})
    update(sim, "pull=fail")
    sim.advance(60)
    found = deployment(sim)
    assert found["status"] == "ROLLBACK_SUCCESSFUL"
    assert found["statusReason"].endswith("because the circuit breaker threshold was exceeded.")
    assert service(sim)["runningCount"] == 2


def test_a_roll_back_goes_on_after_a_crash(sim: Simulation) -> None:
    create(sim, {**CANARY, **functions("PRODUCTION_TRAFFIC_SHIFT")})
    answers: Callable[[Document], Document] = lambda told: {"hookStatus": "IN_PROGRESS", "callBackDelay": 20}  # noqa: E731
    sim.function = answers
    update(sim)
    until(sim, "PRODUCTION_TRAFFIC_SHIFT")
    sim.settle()
    sim.call("StopServiceDeployment", serviceDeploymentArn=deployment(sim)["serviceDeploymentArn"])
    sim.settle()
    assert deployment(sim)["status"] == "ROLLBACK_IN_PROGRESS"
    sim.crash()
    sim.function = lambda told: {"hookStatus": "SUCCEEDED"}
    sim.advance(60)
    assert deployment(sim)["status"] == "ROLLBACK_SUCCESSFUL"
    assert len([line for line in sim.events() if line.startswith("rolling back")]) == 1


# --- alarms ---------------------------------------------------------------------------------------------------------


def alarm(sim: Simulation, name: str, state: AlarmState = AlarmState.ALARM) -> None:
    with sim.store.transaction() as tx:
        deployment_alarms.set_state(tx, sim.world.account, sim.world.region, name, state, sim.clock.now())


def alarmed(**more: Any) -> Document:
    return {"alarms": {"alarmNames": ["errors", "latency"], "enable": True, "rollback": True, **more}}


@pytest.mark.parametrize("configuration", [{**BLUE_GREEN, **alarmed()}, {"bakeTimeInMinutes": 5, **alarmed()}])
def test_an_alarm_during_the_bake_time_rolls_back(sim: Simulation, configuration: Document) -> None:
    create(sim, configuration)
    sim.advance(600)
    (kept,) = service(sim)["deployments"]
    update(sim)
    sim.advance(60)
    assert deployment(sim)["alarms"] == {
        "status": "MONITORING",
        "alarmNames": ["errors", "latency"],
        "triggeredAlarmNames": [],
    }
    alarm(sim, "others")
    alarm(sim, "latency", AlarmState.INSUFFICIENT_DATA)
    sim.advance(1)
    assert deployment(sim)["status"] == "IN_PROGRESS"
    alarm(sim, "latency")
    sim.advance(60)
    found = deployment(sim)
    assert (found["status"], found["alarms"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert found["alarms"]["triggeredAlarmNames"] == ["latency"]
    assert found["statusReason"] == "Service deployment rolled back because one or more alarms were triggered."
    number = found["targetServiceRevision"]["arn"].rpartition("/")[2]
    failed = sim.events().index(f"(deployment ecs-svc/{number}) deployment failed: alarm detected.")
    assert sim.events()[failed + 1] == f"rolling back to deployment {kept['id']}."


def test_an_alarm_that_is_to_roll_nothing_back_fails_the_deployment(sim: Simulation) -> None:
    create(sim, {"bakeTimeInMinutes": 5, **alarmed(rollback=False)})
    sim.advance(600)
    update(sim)
    sim.advance(60)
    alarm(sim, "latency")
    sim.advance(60)
    failed, *_ = service(sim)["deployments"]
    assert (failed["status"], failed["rolloutState"]) == ("PRIMARY", "FAILED")
    assert failed["rolloutStateReason"] == "ECS deployment alarms: alarm detected."
    assert deployment(sim)["status"] == "STOPPED"


def test_an_alarm_that_was_there_before_is_not_heeded(sim: Simulation) -> None:
    create(sim, {"bakeTimeInMinutes": 5, **alarmed()})
    sim.advance(600)
    alarm(sim, "errors")
    update(sim)
    sim.advance(60)
    alarm(sim, "latency")
    sim.advance(600)
    assert (deployment(sim)["status"], deployment(sim)["alarms"]) == ("SUCCESSFUL", {"status": "DISABLED"})


def test_a_rolling_update_bakes_as_long_as_it_was_told(sim: Simulation) -> None:
    create(sim, {"bakeTimeInMinutes": 5})
    sim.advance(299 - 60)
    assert service(sim)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert "lifecycleStage" not in deployment(sim)
    sim.advance(60)
    assert service(sim)["deployments"][0]["rolloutState"] == "COMPLETED"
