"""What becomes of a daemon: roll-outs, rollbacks and the end, and what waiters see of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecs_emulator.control import clearing
from tests.ecs.daemon_world import DAEMON, PROVIDER, World, verdict
from tests.ecs.running import refusal

INVALID, CLIENT = "InvalidParameterException", "ClientException"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.sim.close()


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[World]:
    """Ten machines, and the daemon on each."""
    world = World(tmp_path, machines=10)
    world.create()
    world.settle()
    yield world
    world.sim.close()


# --- UpdateDaemon -----------------------------------------------------------------------------------------------------


def test_an_update_goes_on_a_quarter_of_the_machines_at_a_time(ten: World) -> None:
    ten.define()
    arn = ten.update(deploymentConfiguration={"bakeTimeInMinutes": 1})
    assert (
        verdict("DaemonDeploymentSuccessful", ten.call("DescribeDaemonDeployments", daemonDeploymentArns=[arn]))
        == "retry"
    )
    seen = []
    for _ in range(5):
        ten.settle()
        seen.append(ten.definitions().count("agent:2"))
        ten.advance(60)
    assert seen == [2, 4, 6, 8, 10]
    found = ten.deployment(arn)
    assert found["status"] == "SUCCESSFUL"
    assert [each["totalRunningInstanceCount"] for each in found["sourceDaemonRevisions"]] == [0]
    assert (
        verdict("DaemonDeploymentSuccessful", ten.call("DescribeDaemonDeployments", daemonDeploymentArns=[arn]))
        == "success"
    )


def test_what_an_update_does_not_say_goes_back_to_its_default(world: World) -> None:
    world.create(
        enableExecuteCommand=True, propagateTags="DAEMON", critical=False, deploymentConfiguration={"drainPercent": 50}
    )
    world.settle()
    found = world.deployment(world.update())
    assert found["deploymentConfiguration"]["drainPercent"] == 25.0
    arns = [found["targetDaemonRevision"]["arn"]]
    (revision,) = world.call("DescribeDaemonRevisions", daemonRevisionArns=arns)["daemonRevisions"]
    assert (revision["propagateTags"], revision["enableExecuteCommand"], revision["critical"]) == ("NONE", False, True)


def test_a_newer_deployment_stops_the_one_under_way(ten: World) -> None:
    ten.define()
    first = ten.update(deploymentConfiguration={"bakeTimeInMinutes": 1})
    ten.settle()
    second = ten.update(deploymentConfiguration={"drainPercent": 100.0})
    ten.settle()
    answer = ten.call("DescribeDaemonDeployments", daemonDeploymentArns=[first])
    assert verdict("DaemonDeploymentStopped", answer) == "success"
    assert verdict("DaemonDeploymentSuccessful", answer) == "failure"
    assert answer["daemonDeployments"][0]["stoppedAt"]
    assert ten.deployment(second)["status"] == "SUCCESSFUL"
    assert ten.definitions() == ["agent:2"] * 10


def test_a_provider_that_is_taken_away_loses_its_tasks(world: World) -> None:
    other = world.provider("other")
    world.machine()
    kept = world.machine("other")
    world.create(capacityProviderArns=[PROVIDER, other])
    world.settle()
    assert len(world.running()) == 2
    arn = world.update(capacityProviderArns=[other])
    world.settle()
    assert [task.container_instance_arn for task in world.running()] == [kept.arn]
    assert world.deployment(arn)["status"] == "SUCCESSFUL"


def test_too_many_failures_roll_back_to_the_revision_before(ten: World) -> None:
    ten.define(memory="100000")
    before = ten.described()["currentRevisions"][0]["arn"]
    arn = ten.update()
    ten.advance(60)
    found = ten.deployment(arn)
    assert found["status"] == "ROLLBACK_SUCCESSFUL"
    assert found["statusReason"] == found["rollback"]["reason"]
    assert found["rollback"]["rollbackTargetDaemonRevisionArn"] == before
    assert found["rollback"]["rollbackCapacityProviders"] == [PROVIDER]
    assert found["circuitBreaker"]["status"] == "TRIGGERED"
    assert found["circuitBreaker"]["failureCount"] >= found["circuitBreaker"]["threshold"] == 5
    assert ten.definitions() == ["agent:1"] * 10
    assert [each["arn"] for each in ten.described()["currentRevisions"]] == [before]
    assert verdict("DaemonDeploymentSuccessful", {"daemonDeployments": [found], "failures": []}) == "failure"


def test_tasks_that_end_while_a_step_bakes_break_the_deployment(world: World) -> None:
    world.machine()
    world.create()
    world.settle()
    world.define()
    arn = world.update(deploymentConfiguration={"bakeTimeInMinutes": 5})
    world.settle()
    for _ in range(3):
        assert world.deployment(arn)["status"] == "IN_PROGRESS"
        world.sim.kill(world.running()[0].arn)
        world.settle()
    assert world.definitions() == ["agent:1"]
    assert world.deployment(arn)["circuitBreaker"]["failureCount"] == 3


def test_a_first_deployment_that_fails_has_nothing_to_roll_back_to(world: World) -> None:
    world.machine()
    world.define(memory="100000")
    arn = world.create()["deploymentArn"]
    world.advance(60)
    found = world.deployment(arn)
    assert (found["status"], found["statusReason"]) == (
        "ROLLBACK_FAILED",
        "No rollback candidate was found to run the rollback.",
    )
    assert world.running() == []


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_deleted_daemon_stops_its_tasks_and_is_not_found_any_more(ten: World) -> None:
    assert verdict("DaemonActive", ten.call("DescribeDaemon", daemonArn=DAEMON)) == "success"
    answer = ten.call("DeleteDaemon", daemonArn=DAEMON)
    assert answer["status"] == "DELETE_IN_PROGRESS"
    assert verdict("DaemonActive", ten.call("DescribeDaemon", daemonArn=DAEMON)) == "failure"
    more = {"daemonTaskDefinitionArn": "agent", "capacityProviderArns": [PROVIDER]}
    assert refusal(ten.sim, "UpdateDaemon", daemonArn=DAEMON, **more) == (
        "DaemonNotActiveException",
        "Daemon was not ACTIVE.",
    )
    code, message = refusal(ten.sim, "DeleteDaemon", daemonArn=DAEMON)
    assert code == INVALID
    assert "deployment deletion is ongoing" in message
    ten.settle()
    assert ten.running() == []
    assert refusal(ten.sim, "DescribeDaemon", daemonArn=DAEMON)[0] == "DaemonNotFoundException"
    assert ten.call("ListDaemons")["daemonSummariesList"] == []
    assert refusal(ten.sim, "ListTagsForResource", resourceArn=DAEMON)[0] == INVALID
    assert ten.deployment(answer["deploymentArn"])["status"] == "SUCCESSFUL"


def test_the_history_of_a_deleted_daemon_goes_after_an_hour_or_with_its_successor(world: World) -> None:
    first = world.create()["deploymentArn"]
    world.call("DeleteDaemon", daemonArn=DAEMON)
    world.settle()
    second = world.create()["deploymentArn"]
    answer = world.call("DescribeDaemonDeployments", daemonDeploymentArns=[first])
    assert answer["failures"] == [{"arn": first, "reason": "MISSING"}]
    world.call("DeleteDaemon", daemonArn=DAEMON)
    world.advance(4000)
    answer = world.call("DescribeDaemonDeployments", daemonDeploymentArns=[second])
    assert answer["failures"] == [{"arn": second, "reason": "MISSING"}]


def test_a_provider_and_a_cluster_with_a_daemon_cannot_go(world: World) -> None:
    world.create()
    world.settle()
    assert refusal(world.sim, "DeleteCapacityProvider", capacityProvider="mi") == (
        CLIENT,
        "The specified capacity provider is in use and cannot be removed.",
    )
    assert refusal(world.sim, "DeleteCluster", cluster="default")[0] == "ClusterContainsCapacityProviderException"
    world.call("DeleteDaemon", daemonArn=DAEMON)
    world.settle()
    world.call("DeleteCapacityProvider", capacityProvider="mi")
    assert world.call("DeleteCluster", cluster="default")["cluster"]["status"] == "INACTIVE"


def test_a_deleted_definition_is_deleted_when_no_daemon_has_it(world: World) -> None:
    def standing(waiter: str) -> str:
        return verdict(waiter, world.call("DescribeDaemonTaskDefinition", daemonTaskDefinition="agent:1"))

    assert standing("DaemonTaskDefinitionActive") == "success"
    world.create()
    world.settle()
    world.call("DeleteDaemonTaskDefinition", daemonTaskDefinition="agent:1")
    world.settle()
    assert (standing("DaemonTaskDefinitionActive"), standing("DaemonTaskDefinitionDeleted")) == ("failure", "retry")
    world.call("DeleteDaemon", daemonArn=DAEMON)
    world.settle()
    assert standing("DaemonTaskDefinitionDeleted") == "success"
    world.advance(4000)
    assert refusal(world.sim, "DescribeDaemonTaskDefinition", daemonTaskDefinition="agent:1")[0] == CLIENT


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_machine_ends_with_one_task_of_the_last_revision(tmp_path: Path, seed: int) -> None:
    world, chance = World(tmp_path, machines=3), random.Random(seed)
    world.create()
    revision = 1

    def kill() -> None:
        if ran := [task for task in world.running() if task.started_at is not None]:
            world.sim.kill(chance.choice(ran).arn)

    def update() -> None:
        nonlocal revision
        world.define()
        revision += 1
        world.update(deploymentConfiguration={"drainPercent": chance.choice([0.0, 50.0, 100.0])})

    def drain() -> None:
        arns = world.call("ListContainerInstances", status="ACTIVE")["containerInstanceArns"]
        if len(arns) > 1:
            world.call("UpdateContainerInstancesState", containerInstances=[chance.choice(arns)], status="DRAINING")

    acts: list[Callable[[], object]] = [kill, update, drain, world.machine, world.sim.step, lambda: world.advance(7)]
    for _ in range(30):
        chance.choice(acts)()
        on_machines = [task.container_instance_arn for task in world.running()]
        assert len(on_machines) == len(set(on_machines)), "never two on one machine"
    world.advance(300)
    active = world.call("ListContainerInstances", status="ACTIVE")["containerInstanceArns"]
    assert {task.container_instance_arn for task in world.running()} == set(active)
    assert set(world.definitions()) == {f"agent:{revision}"}
    assert world.deployment(world.described()["deploymentArn"])["status"] == "SUCCESSFUL"
    world.sim.close()


def test_a_cleared_account_keeps_no_daemon(world: World) -> None:
    world.machine()
    world.create()
    world.settle()
    account = world.sim.world.account
    with world.sim.store.transaction() as tx:
        clearing.begin(tx, account, world.sim.clock.now())
    for _ in range(5):
        world.settle()
        with world.sim.store.transaction() as tx:
            if clearing.finish(tx, account):
                break
    assert world.sim.tasks() == []


def test_a_crash_at_any_moment_ends_in_the_same_world(tmp_path: Path) -> None:
    world = World(tmp_path, machines=4)
    world.create()
    world.settle()
    world.define()
    arn = world.update()
    for _ in range(6):
        world.sim.step()
        world.sim.crash()
    world.advance(1)
    assert world.deployment(arn)["status"] == "SUCCESSFUL"
    assert world.definitions() == ["agent:2"] * 4
    world.sim.close()
