"""Whatever happens to a service, and whenever: it stays within its bounds, and comes to the same end."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecs_emulator.clock import Instant
from ecs_emulator.config import FAST, Config
from ecs_emulator.control import loop, record, rolling, services
from ecs_emulator.control.plan import Decision, Launch, Stop
from ecs_emulator.ids import Ids
from ecs_emulator.records.services import ServiceStatus
from ecs_emulator.records.tasks import Health, TaskStatus
from ecs_emulator.store import Transaction
from tests.simulation import Refused, Simulation

SCRIPTS = (
    "",
    "start=slow",
    "pull=slow",
    "pull=fail",
    "start=fail",
    "exit=1 after=0s",
    "exit=1 after=7s",
    "stop=ignore",
)
CHECKED = ("", "health=unhealthy", "health=healthy after-health=3s")
LONG = 600.0
"""Seconds in which everything comes to rest with these timings."""
TIMINGS = replace(FAST, retry_most=60.0)

Act = tuple[Any, ...]

acts = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.just("advance"), st.sampled_from([0.1, 2.0, 7.0, 45.0])),
        st.tuples(st.just("scale"), st.integers(0, 6)),
        st.tuples(st.just("deploy"), st.sampled_from([*SCRIPTS, *(f"checked {one}" for one in CHECKED)])),
        st.tuples(st.just("kill"), st.integers(0, 9)),
        st.tuples(st.just("sicken"), st.integers(0, 9)),
        st.tuples(st.just("stop"), st.integers(0, 9)),
        st.tuples(st.just("drain"), st.integers(0, 3)),
        st.tuples(st.just("crash")),
    ),
    max_size=14,
)
percents = st.tuples(
    st.sampled_from([0, 34, 50, 66, 75, 100]), st.sampled_from([100, 110, 125, 133, 150, 200, 250])
).filter(lambda pair: pair != (100, 100))
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
quick = settings(calm, max_examples=40, derandomize=True)
long = settings(calm, max_examples=1000)


@contextlib.contextmanager
def _world(desired: int, percent: tuple[int, int], launch_type: str) -> Iterator[Simulation]:
    with tempfile.TemporaryDirectory(prefix="rollout-") as directory:
        sim = Simulation(Path(directory), timings=TIMINGS)
        sim.call("CreateCluster", clusterName="default")
        _define(sim, "", launch_type)
        network = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}
        sim.call(
            "CreateService",
            serviceName="web",
            taskDefinition="web",
            launchType=launch_type,
            desiredCount=desired,
            deploymentConfiguration={"minimumHealthyPercent": percent[0], "maximumPercent": percent[1]},
            **(network if launch_type == "FARGATE" else {}),
        )
        sim.settle()
        try:
            yield sim
        finally:
            sim.close()


def _define(sim: Simulation, script: str, launch_type: str) -> None:
    words = script.rpartition("checked ")[2]
    container: dict[str, Any] = {"name": "app", "image": "app", "memory": 64, "stopTimeout": 5}
    if "checked" in script:
        container["healthCheck"] = {"command": ["CMD", "true"]}
    if words:
        container["dockerLabels"] = {"ecs-emulator.simulate": words}
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[container],
        **(sizes if launch_type == "FARGATE" else {}),
    )


def _play(sim: Simulation, acts: list[Act], launch_type: str) -> None:
    for act in acts:
        match act:
            case ("step", times):
                for _ in range(times):
                    sim.step()
            case ("advance", seconds):
                sim.advance(seconds)
            case ("scale", count):
                sim.call("UpdateService", service="web", desiredCount=count)
            case ("deploy", script):
                _define(sim, script, launch_type)
                sim.call("UpdateService", service="web", taskDefinition="web")
            case ("kill", which):
                for task in _nth(sim, which):
                    sim.kill(task)
            case ("sicken", which):
                for task in _nth(sim, which):
                    sim.health(task, Health.UNHEALTHY)
            case ("stop", which):
                for task in _nth(sim, which):
                    sim.call("StopTask", task=task)
            case ("drain", which):
                found = sim.call("ListContainerInstances", status="ACTIVE")["containerInstanceArns"]
                if found:
                    chosen = found[which % len(found)]
                    sim.call("UpdateContainerInstancesState", containerInstances=[chosen], status="DRAINING")
            case _:
                sim.crash()


def _nth(sim: Simulation, which: int) -> list[str]:
    running = sim.tasks(last_status=TaskStatus.RUNNING)
    return [running[which % len(running)].id] if running else []


def _comes_to_rest(sim: Simulation, desired: int, launch_type: str) -> dict[str, Any]:
    """What is there when a good revision has been asked for, and time has passed."""
    _define(sim, "", launch_type)
    sim.call("UpdateService", service="web", taskDefinition="web", desiredCount=desired)
    sim.advance(LONG)
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    tasks = sim.tasks()
    return {
        "deployments": [(one["status"], one["rolloutState"], one["desiredCount"]) for one in service["deployments"]],
        "counts": (service["desiredCount"], service["runningCount"], service["pendingCount"]),
        "last said": service["events"][0]["message"],
        "running": sorted(task.last_status for task in tasks if task.last_status is not TaskStatus.STOPPED),
        "revision": {task.task_definition_arn for task in tasks if task.last_status is TaskStatus.RUNNING}
        <= {service["taskDefinition"]},
        "unclean": sum(task.last_status is TaskStatus.STOPPED and not task.cleaned for task in tasks),
    }


def _bounded(tx: Transaction, decision: Decision, now: Instant, ids: Ids, config: Config) -> None:
    """Record the decision, and hold what it did against the service's bounds."""
    match decision:
        case Launch(deployment=deployment):
            record.record(tx, decision, now, ids, config)
            if (after := _view(tx, deployment.service_arn, now)) is not None:
                alive = len(after.good) + len(after.sick) + len(after.old) + after.in_the_way
                assert alive <= after.ceiling, f"{alive} are alive after {decision}, at most {after.ceiling} may be"
        case Stop(service=service):
            before = _view(tx, service.arn, now)
            record.record(tx, decision, now, ids, config)
            after = _view(tx, service.arn, now)
            if before is not None and after is not None and len(after.healthy) < len(before.healthy):
                left = len(after.healthy)
                assert left >= after.floor, f"{left} are healthy after {decision}, at least {after.floor} must be"
        case _:
            record.record(tx, decision, now, ids, config)


def _view(tx: Transaction, service_arn: str, now: Instant) -> rolling.View | None:
    slice = services.read(tx, service_arn)
    assert slice is not None
    return rolling.view_of(slice, now) if slice.service.status is ServiceStatus.ACTIVE else None


class _Bounded:
    record = staticmethod(_bounded)


@pytest.fixture(scope="module", autouse=True)
def every_decision_is_held_against_the_bounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "record", _Bounded)
        yield


def _settled(desired: int) -> dict[str, Any]:
    return {
        "deployments": [("PRIMARY", "COMPLETED", desired)],
        "counts": (desired, desired, 0),
        "last said": "(service web) has reached a steady state.",
        "running": ["RUNNING"] * desired,
        "revision": True,
        "unclean": 0,
    }


def _any_rollout(desired: int, percent: tuple[int, int], acts: list[Act], launch_type: str) -> None:
    floor, ceiling = rolling.bounds(desired, *percent)
    with _world(desired, percent, launch_type) as sim:
        _play(sim, acts, launch_type)
        if floor < ceiling or desired == 0:
            assert _comes_to_rest(sim, desired, launch_type) == _settled(desired), sim.journal()
        else:
            with contextlib.suppress(Refused):
                _comes_to_rest(sim, desired, launch_type)


def _any_crash(desired: int, acts: list[Act], at: int) -> None:
    with _world(desired, (50, 200), "FARGATE") as sim:
        _play(sim, acts, "FARGATE")
        _define(sim, "", "FARGATE")
        sim.call("UpdateService", service="web", taskDefinition="web", desiredCount=desired)
        for _ in range(at):
            if sim.loop.idle():
                break
            sim.step()
        sim.crash()
        assert _comes_to_rest(sim, desired, "FARGATE") == _settled(desired), sim.journal()


rollouts = given(st.integers(0, 5), percents, acts, st.sampled_from(["FARGATE", "EC2"]))
crashes = given(st.integers(1, 4), acts, st.integers(0, 60))


@quick
@rollouts
def test_a_service_stays_within_its_bounds_and_comes_to_rest(
    desired: int, percent: tuple[int, int], acts: list[Act], launch_type: str
) -> None:
    _any_rollout(desired, percent, acts, launch_type)


@quick
@crashes
def test_a_crash_at_any_point_leads_to_the_same_world(desired: int, acts: list[Act], at: int) -> None:
    _any_crash(desired, acts, at)


@pytest.mark.soak
@long
@rollouts
def test_no_service_of_many_leaves_its_bounds(
    desired: int, percent: tuple[int, int], acts: list[Act], launch_type: str
) -> None:
    _any_rollout(desired, percent, acts, launch_type)


@pytest.mark.soak
@long
@crashes
def test_no_crash_of_many_leads_to_another_world(desired: int, acts: list[Act], at: int) -> None:
    _any_crash(desired, acts, at)
