"""The golden plans of deployments that shift traffic: each strategy, each point at which one may be rolled back, bake times and alarms."""

from __future__ import annotations

from typing import Any

from ecs_emulator.records.tasks import TaskStatus
from tests.control.stage import Stage, plan

RUNNING = TaskStatus.RUNNING
ROLLBACK = {"enable": True, "rollback": True}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
ROLE = "arn:aws:iam::123456789012:role/hooks"
HOOKS = ((FUNCTION, "http://127.0.0.1:1/"),)
"""Nobody is called: the plans tell what is answered."""
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
CANARY = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3},
    "bakeTimeInMinutes": 2,
}
LINEAR = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}}
ALARMS = {"alarms": {"alarmNames": ["errors", "latency"], "enable": True, "rollback": True}}


def _function(*stages: str) -> dict[str, Any]:
    return {"hookTargetArn": FUNCTION, "roleArn": ROLE, "lifecycleStages": list(stages)}


def _pause(*stages: str, minutes: int = 60, action: str = "ROLLBACK") -> dict[str, Any]:
    timeout = {"timeoutInMinutes": minutes, "action": action}
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), "timeoutConfiguration": timeout}


def _updated(stage: Stage, configuration: dict[str, Any], *hooks: dict[str, Any], **more: Any) -> None:
    """A service that runs its first revision, and is asked for its second; the first was rolled out without hooks."""
    stage.given(2, 100, 200, configuration=configuration, **more)
    if hooks:
        stage.update("hooks are said", deploymentConfiguration={"lifecycleHooks": list(hooks)})
    stage.new_revision()


# --- the strategies -------------------------------------------------------------------------------------------------


@plan()
def shift_first_deployment(stage: Stage) -> None:
    """Where nothing serves yet there is nothing to go over from, and nothing to bake beside."""
    stage.given(2, 100, 200, healthy=False, configuration=CANARY)
    stage.move(RUNNING)


@plan()
def shift_blue_green(stage: Stage) -> None:
    """Green comes up whole beside blue, all traffic goes over at once, both bake, then blue goes."""
    _updated(stage, BLUE_GREEN)
    stage.move(RUNNING)
    stage.wait(300)
    stage.stopped()


@plan()
def shift_canary(stage: Stage) -> None:
    """A tenth of the traffic bakes, then all of it."""
    _updated(stage, CANARY)
    stage.move(RUNNING)
    stage.wait(180)
    stage.wait(120)


@plan()
def shift_linear(stage: Stage) -> None:
    """40, 80 and 100 %: after the last step only the bake time of the deployment counts, and here there is none."""
    _updated(stage, LINEAR)
    stage.move(RUNNING)
    stage.wait(60)
    stage.wait(60)


@plan()
def shift_and_scale(stage: Stage) -> None:
    """What is desired is desired of both; a task of blue that ends is replaced by one of blue."""
    _updated(stage, BLUE_GREEN)
    stage.update("3 are desired", desiredCount=3)
    stage.move(RUNNING)
    stage.move(TaskStatus.STOPPED, "task 01", stopped_reason="it was killed")
    stage.move(RUNNING)


@plan()
def shift_overtaken(stage: Stage) -> None:
    """A newer revision begins by letting go of the one that was on its way: what serves is replaced, and nothing else."""
    _updated(stage, CANARY)
    stage.move(RUNNING)
    stage.new_revision()
    stage.move(RUNNING)


@plan(launch_type="EC2")
def shift_on_a_draining_machine(stage: Stage) -> None:
    """A task of green on a machine that drains is replaced like any other."""
    _updated(stage, BLUE_GREEN)
    stage.move(RUNNING)
    (machine, *_) = stage.sim.call("ListContainerInstances")["containerInstanceArns"]
    stage.sim.call("UpdateContainerInstancesState", containerInstances=[machine], status="DRAINING")
    stage.update("a machine drains")
    stage.move(RUNNING)


# --- roll-backs -----------------------------------------------------------------------------------------------------


@plan()
def shift_back_from_scale_up(stage: Stage) -> None:
    """The circuit breaker trips before any traffic has gone over: green goes."""
    _updated(stage, BLUE_GREEN, breaker=ROLLBACK)
    stage.fail("task 03", "task 04", "task 05")


@plan()
def shift_back_from_canary(stage: Stage) -> None:
    """The traffic goes back, production first, then the test traffic; then green goes."""
    _updated(stage, CANARY)
    stage.move(RUNNING)
    stage.stop_deployment()
    stage.stopped()


@plan()
def shift_back_from_bake_time(stage: Stage) -> None:
    """All traffic goes back at once."""
    _updated(stage, {**BLUE_GREEN, **ALARMS})
    stage.move(RUNNING)
    stage.wait(60)
    stage.alarm("latency", "ALARM")


@plan()
def shift_back_from_clean_up(stage: Stage) -> None:
    """What had gone of blue comes back before the traffic does."""
    stage.given(2, 100, 200, configuration=BLUE_GREEN)
    stage.protect("task 01", minutes=60)
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(300)
    stage.stop_deployment()
    stage.move(RUNNING)


@plan()
def shift_given_up_without_rollback(stage: Stage) -> None:
    """Green gets no more tasks, blue serves on; the next revision begins by letting go of green."""
    _updated(stage, BLUE_GREEN, breaker={"enable": True, "rollback": False})
    stage.fail("task 03", "task 04", "task 05")
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(1)


@plan()
def shift_first_deployment_fails(stage: Stage) -> None:
    """There is nothing to go back to."""
    stage.given(1, 100, 200, healthy=False, configuration=BLUE_GREEN, breaker=ROLLBACK)
    stage.fail("task 01", "task 02", "task 03")
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(1)


@plan()
def shift_takes_too_long(stage: Stage) -> None:
    """A stage may take 24 hours."""
    _updated(stage, BLUE_GREEN)
    stage.wait(86_400)


# --- hooks ----------------------------------------------------------------------------------------------------------


@plan(hooks=HOOKS)
def hook_at_every_step(stage: Stage) -> None:
    """A hook of production traffic is called at each step, and asked again while it is in progress."""
    _updated(stage, CANARY, _function("PRE_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"))
    stage.hook("IN_PROGRESS", callBackDelay=20, hookDetails={"seen": 1})
    stage.wait(20)
    stage.hook("SUCCEEDED")
    stage.move(RUNNING)
    stage.hook("SUCCEEDED")
    stage.wait(180)
    stage.hook("SUCCEEDED")


@plan(hooks=HOOKS)
def hook_refuses(stage: Stage) -> None:
    """One that says FAILED has the traffic go back, and hears of that as well; what it says then changes nothing."""
    stages = ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
    _updated(stage, BLUE_GREEN, _function(*stages))
    stage.move(RUNNING)
    stage.hook("SUCCEEDED")
    stage.hook("FAILED")
    stage.hook("FAILED")
    stage.hook("SUCCEEDED")


@plan()
def hook_pauses(stage: Stage) -> None:
    """A deployment waits for its user's word, at each step for another."""
    _updated(stage, CANARY, _pause("PRE_PRODUCTION_TRAFFIC_SHIFT"))
    stage.move(RUNNING)
    stage.go_on("CONTINUE")
    stage.wait(180)
    stage.go_on("ROLLBACK")


@plan()
def hook_pauses_too_long(stage: Stage) -> None:
    """Time is an answer too: the one that was configured."""
    hooks = (_pause("POST_SCALE_UP", minutes=5, action="CONTINUE"), _pause("POST_TEST_TRAFFIC_SHIFT", minutes=10))
    _updated(stage, BLUE_GREEN, *hooks)
    stage.move(RUNNING)
    stage.wait(300)
    stage.wait(600)


# --- bake times, alarms and early success of a rolling update -------------------------------------------------------


@plan()
def rolling_bakes(stage: Stage) -> None:
    """What has been rolled out is watched before it is called complete."""
    stage.given(2, 100, 200)
    stage.update("a bake time is said", deploymentConfiguration={"bakeTimeInMinutes": 5})
    stage.new_revision()
    stage.move(RUNNING)
    stage.wait(300)


@plan()
def rolling_alarm(stage: Stage) -> None:
    """An alarm during the bake time rolls back."""
    stage.given(2, 100, 200)
    stage.update("a bake time and alarms are said", deploymentConfiguration={"bakeTimeInMinutes": 5, **ALARMS})
    stage.new_revision()
    stage.move(RUNNING)
    stage.alarm("errors", "ALARM")
    stage.move(RUNNING)


@plan()
def rolling_alarm_without_rollback(stage: Stage) -> None:
    """The deployment is given up where it stands."""
    alarms = {"alarms": {"alarmNames": ["errors"], "enable": True, "rollback": False}}
    stage.given(2, 50, 150, configuration=alarms)
    stage.new_revision()
    stage.alarm("errors", "ALARM")


@plan()
def rolling_alarm_that_was_there_before(stage: Stage) -> None:
    """An alarm that is raised when the deployment begins says nothing about it."""
    stage.given(1, 100, 200, configuration=ALARMS)
    stage.alarm("errors", "ALARM")
    stage.new_revision()
    stage.alarm("latency", "ALARM")
    stage.move(RUNNING)


@plan()
def rolling_early_success_blocking(stage: Stage) -> None:
    """With 2 of 4 healthy the old tasks go, then the deployment is complete; the other 2 come in their time."""
    stage.given(4, 50, 150, configuration=_early("BLOCKING"))
    stage.new_revision()
    stage.move(RUNNING, "task 05", "task 06")
    stage.stopped()
    stage.move(RUNNING)


@plan()
def rolling_early_success_deferred(stage: Stage) -> None:
    """With 2 of 4 healthy the deployment is complete; what is left is replaced in its time."""
    stage.given(4, 50, 150, configuration=_early("DEFERRED"))
    stage.new_revision()
    stage.move(RUNNING, "task 05", "task 06")
    stage.move(RUNNING)
    stage.stopped()


def _early(cleanup: str) -> dict[str, Any]:
    criteria = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup}
    return {"earlySuccessCriteria": criteria}
