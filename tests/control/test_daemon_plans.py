"""What is decided about a daemon, as text: what is given, what follows, and why. Nothing is recorded, so nothing moves."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any

import pytest

from ecs_emulator.control import daemons
from ecs_emulator.control.daemon_plan import DaemonSlice
from ecs_emulator.control.plan import Wait
from ecs_emulator.records.daemons import Daemon, DaemonDeployment, DaemonDeploymentStatus, DaemonRevision, DaemonStatus
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.tasks import DesiredStatus, Health, StopCode, Task, TaskStatus
from ecs_emulator.rules import daemons as rules

NOW = 100.0
WORLD: dict[str, Any] = {"account": "1", "region": "r"}
DEPLOYMENTS = {
    "pending": DaemonDeploymentStatus.PENDING,
    "rolling": DaemonDeploymentStatus.IN_PROGRESS,
    "back": DaemonDeploymentStatus.ROLLBACK_IN_PROGRESS,
    "done": DaemonDeploymentStatus.SUCCESSFUL,
    "given up": DaemonDeploymentStatus.ROLLBACK_FAILED,
}
FACTS: dict[str, dict[str, Any]] = {
    "runs": {},
    "starts": {"last_status": TaskStatus.PENDING},
    "stops": {"desired_status": DesiredStatus.STOPPED},
    "failed": {"desired_status": DesiredStatus.STOPPED, "stop_code": StopCode.TASK_FAILED_TO_START},
    "over": {"desired_status": DesiredStatus.STOPPED, "last_status": TaskStatus.STOPPED},
    "sick": {"health": Health.UNHEALTHY},
}
"""What a word of a plan says of a task."""


def revision(name: str) -> DaemonRevision:
    spec = rules.settings({})
    return DaemonRevision(f"/{name}", **WORLD, daemon_arn="/d", cluster_arn="/c", task_definition_arn="/t",
                          capacity_provider_arns=("/mi",), created_at=0.0, spec=spec)  # fmt: skip


def machine(name: str, status: InstanceStatus = InstanceStatus.ACTIVE, provider: str = "mi") -> ContainerInstance:
    return ContainerInstance(f"/{name}", **WORLD, cluster_arn="/c", ec2_instance_id="i", status=status, origin=Origin.API,
                             agent_connected=True, cpu=1, memory=1, registered_at=0.0, capacity_provider_name=provider)  # fmt: skip


def task(words: str, number: int) -> Task:
    """`m1 new runs`: machine, revision, and how it is."""
    place, of, how = words.split(" ")
    known = Task(f"/task{number:04d}", **WORLD, cluster_arn="/c", task_definition_arn="/t", family="t", group="g",
                 launch_type="MANAGED_INSTANCES", network_mode="bridge", created_at=0.0, cpu=0, memory=0, spec={},
                 containers=(), last_status=TaskStatus.RUNNING, container_instance_arn=f"/{place}",
                 capacity_provider_name="mi", daemon_arn="/d", daemon_revision_arn=f"/{of}")  # fmt: skip
    return replace(known, **FACTS[how])


def given(machines: int, tasks: list[str], standing: str = "done", **facts: Any) -> DaemonSlice:
    """A daemon on so many machines that wants `new` where `old` had been before."""
    of_daemon = {name: facts.pop(name) for name in ("status", "failures", "launch_not_before") if name in facts}
    of_slice = {name: facts.pop(name) for name in ("busy", "checked", "instances") if name in facts}
    spec = rules.configuration({"deploymentConfiguration": facts.pop("configuration", {})})
    target = facts.pop("revision_arn", "/new")
    deployment = DaemonDeployment("/deployment", **WORLD, daemon_arn="/d", cluster_arn="/c", revision_arn="/new",
                                  status=DEPLOYMENTS[standing], spec=spec, created_at=0.0, **facts)  # fmt: skip
    daemon = Daemon("/d", **WORLD, cluster_arn="/c", name="d", revision_arn=target, deployment_arn="/deployment",
                    created_at=0.0, updated_at=0.0, stable_revision_arn="/old",
                    **{"status": DaemonStatus.ACTIVE, **of_daemon})  # fmt: skip
    made = of_slice.pop("instances", tuple(machine(f"m{number}") for number in range(1, machines + 1)))
    numbered = tuple(task(words, number) for number, words in enumerate(tasks, 1))
    revisions = {"/new": revision("new"), "/old": revision("old")}
    return DaemonSlice(daemon, revisions, (deployment,), made, numbered, **of_slice)


def plan(slice: DaemonSlice) -> str:
    lines = []
    for decision in daemons.decide(slice, NOW):
        text = f"wait until {decision.until:g}" if isinstance(decision, Wait) else str(decision)
        lines.append(f"{text} because {decision.because}")
    return "\n".join(lines)


OLD = [f"m{number} old runs" for number in range(1, 9)]
NEW = [f"m{number} new runs" for number in range(1, 9)]
PLANS: dict[str, tuple[DaemonSlice, str]] = {
    "a deployment begins": (
        given(2, [], "pending"),
        "begin because nothing is in its way",
    ),
    "no machine is no work": (
        given(0, [], "rolling"),
        "finish because all of 0 machines have it",
    ),
    "a quarter of the machines is taken on first": (
        given(8, OLD, "rolling"),
        "take on m1 m2 because 8 of 8 lack it, 2 at a time",
    ),
    "at least one machine is taken on": (
        given(3, OLD[:3], "rolling", configuration={"drainPercent": 0.0}),
        "take on m1 because 3 of 3 lack it, 1 at a time",
    ),
    "what is old stops first": (
        given(8, OLD, "rolling", step=("/m1", "/m2")),
        """
        stop task0001 because its revision is replaced
        stop task0002 because its revision is replaced
        """,
    ),
    "what is new starts where nothing is any more": (
        given(3, ["m2 old stops", *OLD[2:3]], "rolling", step=("/m1", "/m2")),
        "start new on m1 because the machine lacks it",
    ),
    "a step waits for the slowest of its machines": (
        given(3, ["m1 new runs", "m2 new starts", *OLD[2:3]], "rolling", step=("/m1", "/m2")),
        "",
    ),
    "a step waits for health where there is a check": (
        given(1, ["m1 new runs"], "rolling", step=("/m1",), checked=frozenset({"/new"})),
        "",
    ),
    "the next step follows": (
        given(3, ["m1 new runs", *OLD[1:3]], "rolling", step=("/m1",)),
        "take on m2 because 2 of 3 lack it, 1 at a time",
    ),
    "a step begins to bake": (
        given(3, ["m1 new runs", *OLD[1:3]], "rolling", step=("/m1",), configuration={"bakeTimeInMinutes": 1}),
        "bake because 1 more have it",
    ),
    "a step bakes": (
        given(1, ["m1 new runs"], "rolling", step=("/m1",), step_done_at=90.0, configuration={"bakeTimeInMinutes": 1}),
        "wait until 150 because the last step bakes",
    ),
    "all machines have it": (
        given(8, NEW, "rolling", step=("/m7", "/m8")),
        "finish because all of 8 machines have it",
    ),
    "failures are counted and what is over is let go of": (
        given(2, ["m1 new failed", "m2 new over"], "rolling"),
        """
        count task0001 because it ends
        let go of task0002 because it stopped
        """,
    ),
    "too many failures": (
        given(8, OLD, "rolling", failed_tasks=4),
        "roll back to old because 4 tasks failed, 4 are too many",
    ),
    "failures are not counted on the way back": (
        given(8, ["m1 new runs", *OLD[1:]], "back", revision_arn="/old", failed_tasks=4),
        "take on m1 because 1 of 8 lack it, 2 at a time",
    ),
    "the way back is done": (
        given(8, OLD, "back", revision_arn="/old", failed_tasks=4),
        "finish because all of 8 machines have it",
    ),
    "a deployment that was given up starts nothing": (
        given(2, ["m1 new runs"], "given up"),
        "",
    ),
    "nothing is left to do": (
        given(8, NEW),
        "",
    ),
    "a new machine gets its task": (
        given(2, NEW[:1]),
        "start new on m2 because the machine lacks it",
    ),
    "what fails is started at leisure": (
        given(1, [], failures=5, launch_not_before=NOW + 4),
        "wait until 104 because 5 of its tasks failed in a row",
    ),
    "an unhealthy task is replaced": (
        given(1, ["m1 new sick"]),
        "stop task0001 because it is unhealthy",
    ),
    "a machine of another provider is no place for it": (
        given(0, NEW[:1], instances=(machine("m1", provider="other"),)),
        "stop task0001 because its machine is no place for it any more",
    ),
    "a draining machine keeps it as long as others are there": (
        given(0, NEW[:1], instances=(machine("m1", InstanceStatus.DRAINING),), busy=frozenset({"/m1"})),
        "",
    ),
    "it leaves a draining machine last": (
        given(0, NEW[:1], instances=(machine("m1", InstanceStatus.DRAINING),)),
        "stop task0001 because its machine is no place for it any more",
    ),
    "a deleted daemon stops its tasks": (
        given(2, NEW[:2], "rolling", status=DaemonStatus.DELETE_IN_PROGRESS),
        "stop task0001 task0002 because its daemon was deleted",
    ),
    "a deleted daemon waits for their end": (
        given(1, ["m1 new stops"], "rolling", status=DaemonStatus.DELETE_IN_PROGRESS),
        "",
    ),
    "a deleted daemon is forgotten": (
        given(2, [], "rolling", status=DaemonStatus.DELETE_IN_PROGRESS),
        """
        finish because none of its tasks is left
        forget because it was deleted and none of its tasks is left
        """,
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_plan_is_the_golden_one(name: str) -> None:
    slice, expected = PLANS[name]
    assert plan(slice) == textwrap.dedent(expected).strip()


def test_a_deployment_that_was_overtaken_ceases() -> None:
    slice = given(0, [])
    former = replace(slice.deployments[0], arn="/former", status=DaemonDeploymentStatus.STOP_REQUESTED)
    both = replace(slice, deployments=(former, *slice.deployments))
    assert plan(both) == "cease because a newer deployment has taken over"


@pytest.mark.parametrize(("percent", "machines", "size"), [(25, 10, 2), (25, 3, 1), (100, 7, 7), (0, 9, 1), (50, 5, 2)])
def test_a_step_is_a_part_of_the_machines_and_at_least_one(percent: float, machines: int, size: int) -> None:
    assert rules.step_size(percent, machines) == size


@pytest.mark.parametrize(("machines", "failures"), [(0, 3), (6, 3), (7, 4), (10, 5), (1000, 200)])
def test_half_as_many_failures_as_machines_are_too_many(machines: int, failures: int) -> None:
    assert rules.threshold(machines) == failures
