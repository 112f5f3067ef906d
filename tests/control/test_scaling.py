"""Managed scaling: machines of a simulated Auto Scaling group come for the tasks that wait, and go when they are not needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.config import AWS, Instances
from ecs_emulator.control import scaling
from ecs_emulator.control.scaling import reservation, wanted_machines
from ecs_emulator.ecs import container_instances
from ecs_emulator.records.tasks import TaskStatus
from ecs_emulator.rules import machines
from ecs_emulator.wire.call import Call
from tests.simulation import Simulation

STRATEGY = [{"capacityProvider": "scaled", "weight": 1}]


@pytest.fixture(autouse=True)
def a_small_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 vCPUs and 1024 MiB, whatever this machine has: two tasks fit."""
    monkeypatch.setattr(machines, "host_shape", lambda: machines.Shape(2048, 1024))


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = simulation(tmp_path)
    yield found
    found.close()


def simulation(
    directory: Path | None = None,
    instances: Instances = Instances.ON_DEMAND,
    *,
    tags: dict[str, str] | None = None,
    group: dict[str, Any] | None = None,
    asked: dict[str, Any] | None = None,
    **config: Any,
) -> Simulation:
    sim = Simulation(directory, instances=instances, **config)
    managed = {"status": "ENABLED", "instanceWarmupPeriod": 30, **(asked or {})}
    provider = {"autoScalingGroupArn": "scaled", "managedScaling": managed, **(group or {})}
    listed = [{"key": key, "value": value} for key, value in (tags or {}).items()]
    sim.call("CreateCapacityProvider", name="scaled", autoScalingGroupProvider=provider, tags=listed)
    sim.call("CreateCluster", capacityProviders=["scaled"], defaultCapacityProviderStrategy=STRATEGY)
    container = {"name": "app", "image": "app", "memory": 400}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    return sim


def there(sim: Simulation, status: str = "ACTIVE") -> list[dict[str, Any]]:
    arns = sim.call("ListContainerInstances", status=status)["containerInstanceArns"]
    if not arns:
        return []
    found: list[dict[str, Any]] = sim.call("DescribeContainerInstances", containerInstances=arns)["containerInstances"]
    return found


def running(sim: Simulation) -> int:
    return len(sim.tasks(last_status=TaskStatus.RUNNING, desired_status="RUNNING"))


def serve(sim: Simulation, desired: int) -> None:
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=desired)
    sim.settle()


def scale(sim: Simulation, desired: int) -> None:
    sim.call("UpdateService", service="web", desiredCount=desired)
    sim.settle()


# --- the arithmetic -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needed", "machines_there", "expected"),
    [(3, 4, 75.0), (4, 4, 100.0), (6, 4, 150.0), (0, 0, 100.0), (5, 0, 200.0), (0, 3, 0.0)],
)
def test_the_reservation_is_what_is_needed_of_what_is_there(needed: int, machines_there: int, expected: float) -> None:
    assert reservation(needed, machines_there) == expected


@pytest.mark.parametrize(
    ("needed", "target", "expected"), [(3, 100, 3), (3, 75, 4), (1, 50, 2), (0, 50, 0), (10, 90, 12)]
)
def test_the_target_leaves_machines_spare(needed: int, target: int, expected: int) -> None:
    assert wanted_machines(needed, target) == expected


# --- out ------------------------------------------------------------------------------------------------------------


def test_machines_come_for_the_tasks_that_wait_packed_as_close_as_they_fit(sim: Simulation) -> None:
    (task,) = sim.call("RunTask", taskDefinition="web")["tasks"]
    assert task["lastStatus"] == "PROVISIONING"
    assert there(sim) == []
    serve(sim, 4)
    assert running(sim) == 5
    machines_now = there(sim)
    assert len(machines_now) == 3
    assert {each["capacityProviderName"] for each in machines_now} == {"scaled"}


def test_a_target_below_100_keeps_machines_spare(tmp_path: Path) -> None:
    sim = simulation(tmp_path, asked={"targetCapacity": 50})
    packed = [{"type": "binpack", "field": "memory"}]
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=4, placementStrategy=packed)
    sim.settle()
    assert (running(sim), len(there(sim))) == (4, 4)
    sim.advance(3600)
    assert len(there(sim)) == 4


def test_a_step_is_no_larger_and_no_smaller_than_the_provider_says(tmp_path: Path) -> None:
    sim = simulation(tmp_path, asked={"minimumScalingStepSize": 3, "maximumScalingStepSize": 3}, timings=AWS)
    serve(sim, 8)
    assert there(sim) == []
    sim.advance(60)
    assert len(there(sim)) == 3
    sim.advance(60)
    assert (len(there(sim)), running(sim)) == (6, 8)


def test_a_task_that_no_machine_of_the_group_could_take_brings_none(sim: Simulation) -> None:
    container = {"name": "app", "image": "app", "memory": 4000}
    sim.call("RegisterTaskDefinition", family="large", containerDefinitions=[container])
    sim.call("RunTask", taskDefinition="large")
    sim.advance(1790)
    assert there(sim) == []
    sim.advance(20)
    assert sim.tasks()[0].stop_code == "TaskFailedToStart"


def test_a_group_has_a_largest_size(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "MOST_MACHINES", 5)
    serve(sim, 15)
    assert (len(there(sim)), running(sim)) == (5, 10)
    before = sim.journal()
    sim.advance(600)
    assert sim.journal() == before


# --- in -------------------------------------------------------------------------------------------------------------


def test_idle_machines_drain_and_go_when_they_have_not_been_needed_for_a_while(sim: Simulation) -> None:
    serve(sim, 4)
    scale(sim, 1)
    sim.advance(55)
    assert len(there(sim)) == 2
    sim.advance(10)
    assert (len(there(sim)), there(sim, "DRAINING")) == (1, [])
    scale(sim, 0)
    sim.advance(120)
    assert there(sim) == []


def test_a_machine_with_a_task_stays_though_another_could_take_it(sim: Simulation) -> None:
    serve(sim, 4)
    placed = {task.container_instance_arn: task for task in sim.tasks()}
    sim.call("UpdateService", service="web", desiredCount=2)
    sim.settle()
    sim.advance(3600)
    assert len(placed) == 2
    assert running(sim) == 2
    assert {task.container_instance_arn for task in sim.tasks(last_status=TaskStatus.RUNNING)} == {
        each["containerInstanceArn"] for each in there(sim)
    }


def test_machines_that_warm_up_are_not_taken_away(tmp_path: Path) -> None:
    sim = simulation(tmp_path, asked={"instanceWarmupPeriod": 600})
    serve(sim, 2)
    scale(sim, 0)
    sim.advance(590)
    assert len(there(sim)) == 1
    sim.advance(20)
    assert there(sim) == []


def test_a_daemon_service_neither_holds_a_machine_nor_is_in_the_way_of_its_draining(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="each", taskDefinition="web", launchType="EC2", schedulingStrategy="DAEMON")
    serve(sim, 1)
    assert running(sim) == 2
    scale(sim, 0)
    sim.advance(300)
    assert there(sim) == there(sim, "DRAINING") == []
    assert running(sim) == 0


def test_room_is_kept_for_the_daemon_service_of_a_machine(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="each", taskDefinition="web", launchType="EC2", schedulingStrategy="DAEMON")
    serve(sim, 3)
    assert (running(sim), len(there(sim))) == (6, 3)


def test_what_somebody_registered_for_the_provider_counts_and_stays(sim: Simulation) -> None:

    with sim.store.transaction() as tx:
        call = Call.of(sim.context(), "RegisterContainerInstance", tx)
        container_instances.add_instances(call, capacity_provider="scaled")
    serve(sim, 2)
    assert (running(sim), len(there(sim))) == (2, 1)
    scale(sim, 0)
    sim.advance(3600)
    assert len(there(sim)) == 1


def draining_with_a_daemon(sim: Simulation, stop_timeout: int) -> str:
    """A machine that the group lets go of, and on which the task of a DAEMON service takes its time to stop."""
    labels = {"ecs-emulator.simulate": "stop=ignore"}
    container = {"name": "app", "image": "app", "memory": 100, "stopTimeout": stop_timeout, "dockerLabels": labels}
    sim.call("RegisterTaskDefinition", family="agent", containerDefinitions=[container])
    daemon = {"schedulingStrategy": "DAEMON", "launchType": "EC2"}
    sim.call("CreateService", serviceName="agent", taskDefinition="agent", **daemon)
    serve(sim, 2)
    scale(sim, 0)
    sim.advance(61)
    (machine,) = there(sim, "DRAINING")
    assert there(sim) == []
    return str(machine["containerInstanceArn"])


def test_a_machine_that_drains_goes_though_its_provider_no_longer_scales(sim: Simulation) -> None:
    draining_with_a_daemon(sim, stop_timeout=100)
    disabled = {"managedScaling": {"status": "DISABLED"}}
    sim.call("UpdateCapacityProvider", name="scaled", autoScalingGroupProvider=disabled)
    sim.advance(120)
    assert there(sim, "DRAINING") == []


def test_a_machine_that_its_user_keeps_from_draining_goes_when_it_has_not_been_needed_again(sim: Simulation) -> None:
    machine = draining_with_a_daemon(sim, stop_timeout=20)
    sim.call("UpdateContainerInstancesState", containerInstances=[machine], status="ACTIVE")
    sim.call("DeleteService", service="agent", force=True)
    sim.advance(40)
    assert [each["containerInstanceArn"] for each in there(sim)] == [machine]
    sim.advance(40)
    assert there(sim) == there(sim, "DRAINING") == []


def test_a_provider_that_no_longer_scales_lets_its_idle_machines_go(sim: Simulation) -> None:
    serve(sim, 3)
    scale(sim, 1)
    changed = {"managedScaling": {"status": "DISABLED"}}
    sim.call("UpdateCapacityProvider", name="scaled", autoScalingGroupProvider=changed)
    sim.settle()
    assert (running(sim), len(there(sim))) == (1, 1)


# --- who wants it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instances", "tag", "expected"),
    [
        (Instances.ON_DEMAND, None, 1),
        (Instances.NONE, None, 0),
        (Instances.NONE, "simulated", 1),
    ],
)
def test_groups_are_simulated_where_machines_come_of_themselves_or_the_provider_says_so(
    tmp_path: Path, instances: Instances, tag: str | None, expected: int
) -> None:
    sim = simulation(tmp_path, instances, tags={} if tag is None else {"ecs-emulator.scaling": tag})
    sim.call("RunTask", taskDefinition="web")
    sim.advance(60)
    assert len(there(sim)) == expected
    sim.close()


def test_with_the_waits_of_aws_a_machine_takes_its_minute_and_goes_after_fifteen(tmp_path: Path) -> None:
    sim = simulation(tmp_path, timings=AWS)
    sim.call("RunTask", taskDefinition="web")
    sim.advance(59)
    assert there(sim) == []
    sim.advance(2)
    assert (len(there(sim)), running(sim)) == (1, 1)
    sim.call("StopTask", task=sim.tasks()[0].id)
    sim.advance(14 * 60)
    assert len(there(sim)) == 1
    sim.advance(180)
    assert there(sim) == []


STEPS = st.lists(st.sampled_from(["more", "fewer", "none", "kill", "crash", "time"]), max_size=10)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_whatever_happened_all_run_and_no_idle_machine_is_left_in_the_end(steps: list[str]) -> None:
    sim = simulation()
    serve(sim, 1)
    desired = 1
    for number, step in enumerate(steps):
        if step in ("more", "fewer", "none"):
            desired = {"more": desired + 3, "fewer": max(0, desired - 2), "none": 0}[step]
            sim.call("UpdateService", service="web", desiredCount=desired)
        elif step == "crash":
            sim.crash()
        elif step == "kill" and (alive := sim.tasks(desired_status="RUNNING", last_status=TaskStatus.RUNNING)):
            sim.kill(alive[0].arn)
        sim.advance(40) if step == "time" else (sim.settle() if number % 2 else sim.step())
    sim.advance(900)
    assert running(sim) == desired
    assert all(each["runningTasksCount"] for each in there(sim))
    assert there(sim, "DRAINING") == []
    sim.close()


PAGE = Path(__file__).parents[2] / "docs" / "scheduling.md"
ROWS = re.findall(r"^\| [a-z][^|]*" + r"\| (\d+) " * 6 + r"\|$", PAGE.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_page_is_what_is_computed(row: tuple[str, ...]) -> None:
    _, busy, new, needed, target, wanted = map(int, row)
    assert busy + new == needed
    assert wanted_machines(needed, target) == wanted


def test_the_page_has_examples() -> None:
    assert len(ROWS) == 4
