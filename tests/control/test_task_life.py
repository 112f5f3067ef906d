"""Tasks from PROVISIONING to STOPPED as real ones were recorded: their versions, their members, their last words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.records.tasks import Health
from tests.simulation import Simulation

SCRIPT = "ecs-emulator.simulate"
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
Run = Callable[..., str]
Document = dict[str, Any]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


def fargate(sim: Simulation, *containers: Document, **params: Any) -> str:
    """The id of a Fargate task of these containers, just asked for."""
    sim.call(
        "RegisterTaskDefinition",
        family="job",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "img", **one} for one in containers or ({},)],
    )
    answer = sim.call("RunTask", taskDefinition="job", launchType="FARGATE", networkConfiguration=SUBNETS, **params)
    return str(answer["tasks"][0]["taskArn"]).rpartition("/")[2]


def ec2(sim: Simulation, *containers: Document, mode: str = "bridge", **params: Any) -> str:
    sim.call(
        "RegisterTaskDefinition",
        family="job",
        networkMode=mode,
        containerDefinitions=[{"name": "app", "image": "img", "memory": 64, **one} for one in containers or ({},)],
    )
    answer = sim.call("RunTask", taskDefinition="job", **params)
    return str(answer["tasks"][0]["taskArn"]).rpartition("/")[2]


def described(sim: Simulation, task: str) -> Document:
    (found,) = sim.call("DescribeTasks", tasks=[task])["tasks"]
    document: Document = found
    return document


def part(document: Document, name: str = "app") -> Document:
    found: Document = next(one for one in document["containers"] if one["name"] == name)
    return found


def life(sim: Simulation, task: str) -> str:
    """Each status with the version it began with: `PENDING 2, RUNNING 3, …`; `!` where it was asked to stop."""
    found: list[str] = []
    for line in sim.journal().splitlines():
        _, subject, text = line.split(" ", 2)
        if subject == task[:12] and (moved := re.match(r"([A-Z]+) \(desired (\w+), version (\d+)\)", text)):
            status, desired, version = moved.groups()
            step = f"{status}{'' if desired == 'RUNNING' else '!'} {version}"
            if not found or found[-1] != step:
                found.append(step)
    return ", ".join(found)


def stop(sim: Simulation, task: str, **params: Any) -> Document:
    document: Document = sim.call("StopTask", task=task, **params)["task"]
    return document


def scripted(words: str, **more: Any) -> Document:
    return {"dockerLabels": {SCRIPT: words}, **more}


# --- versions -------------------------------------------------------------------------------------------------------


def test_versions_of_a_task_that_runs_and_is_stopped(sim: Simulation) -> None:
    task = fargate(sim)
    assert described(sim, task)["version"] == 1
    sim.settle()
    assert stop(sim, task)["version"] == 4
    sim.settle()
    assert life(sim, task) == "PENDING 2, RUNNING 3, DEPROVISIONING! 5, STOPPED! 6"


def test_versions_of_a_task_that_ends_by_itself(sim: Simulation) -> None:
    task = fargate(sim, scripted("exit=0 after=9s"))
    sim.advance(10)
    assert life(sim, task) == "PENDING 2, RUNNING 3, RUNNING! 3, DEPROVISIONING! 4, STOPPED! 5"


def test_versions_of_a_task_that_is_stopped_while_pending(sim: Simulation) -> None:
    task = fargate(sim, scripted("pull=slow"))
    sim.settle()
    assert described(sim, task)["lastStatus"] == "PENDING"
    assert stop(sim, task)["version"] == 3
    sim.advance(6)
    assert life(sim, task) == "PENDING 2, PENDING! 3, DEPROVISIONING! 4, STOPPED! 5"


def test_versions_of_a_task_that_is_stopped_before_it_has_its_network(sim: Simulation) -> None:
    task = fargate(sim)
    assert stop(sim, task)["version"] == 2
    sim.settle()
    assert life(sim, task) == "PROVISIONING! 2, STOPPED! 4"


def test_versions_of_a_task_that_fails_to_start(sim: Simulation) -> None:
    task = fargate(sim, scripted("pull=fail"))
    sim.settle()
    assert life(sim, task) == "PENDING 2, PENDING! 2, DEPROVISIONING! 3, STOPPED! 4"


def test_the_end_of_a_container_that_is_not_essential_is_a_version(sim: Simulation) -> None:
    task = fargate(sim, {"name": "main"}, scripted("exit=7 after=3s", name="side", essential=False))
    sim.advance(4)
    assert (described(sim, task)["lastStatus"], described(sim, task)["version"]) == ("RUNNING", 4)
    assert stop(sim, task)["version"] == 5
    sim.settle()
    assert described(sim, task)["version"] == 7


def test_versions_on_ec2_know_no_network_states(sim: Simulation) -> None:
    task = ec2(sim)
    assert described(sim, task)["lastStatus"] == "PENDING"
    sim.settle()
    stop(sim, task)
    sim.settle()
    assert life(sim, task) == "RUNNING 2, STOPPED! 4"


# --- what a task shows, by state ------------------------------------------------------------------------------------

ALWAYS = {
    "attachments", "attributes", "availabilityZone", "clusterArn", "containers", "cpu", "createdAt", "desiredStatus",
    "enableExecuteCommand", "ephemeralStorage", "fargateEphemeralStorage", "group", "lastStatus", "launchType", "memory",
    "overrides", "platformFamily", "platformVersion", "tags", "taskArn", "taskDefinitionArn", "version",
}  # fmt: skip
PENDING_CONTAINER = {"containerArn", "taskArn", "name", "image", "lastStatus", "networkInterfaces", "cpu"}
RUNS = {"connectivity", "connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt"}
STOPS = {"stopCode", "stoppedReason", "stoppingAt"}


def test_a_pending_task_shows_its_address_and_no_connection_yet(sim: Simulation) -> None:
    task = fargate(sim, scripted("pull=slow"))
    sim.settle()
    document = described(sim, task)
    assert (document["lastStatus"], document["version"]) == ("PENDING", 2)
    assert set(document) == ALWAYS | {"healthStatus"}
    details = [one["name"] for one in document["attachments"][0]["details"]]
    assert details == ["subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"]
    assert document["attachments"][0]["status"] == "ATTACHED"
    shown = part(document)
    assert set(shown) == PENDING_CONTAINER | {"healthStatus"}
    (interface,) = shown["networkInterfaces"]
    assert interface["attachmentId"] == document["attachments"][0]["id"]
    assert (document["healthStatus"], shown["healthStatus"]) == ("UNKNOWN", "UNKNOWN")


def test_a_running_task_shows_times_digest_and_runtime_id(sim: Simulation) -> None:
    task = fargate(sim, {"name": "main"})
    sim.settle()
    document = described(sim, task)
    assert set(document) == ALWAYS | RUNS | {"healthStatus"}
    shown = part(document, "main")
    assert set(shown) == PENDING_CONTAINER | {"healthStatus", "imageDigest", "runtimeId", "networkBindings"}
    assert shown["runtimeId"] == f"{task}-3935363592"  # recorded: the digits depend on the container's name alone
    assert shown["networkBindings"] == []
    assert document["connectivity"] == "CONNECTED"


def test_stop_task_answers_a_running_task_with_its_cause_and_without_its_health(sim: Simulation) -> None:
    task = fargate(sim, tags=[{"key": "k", "value": "v"}])
    sim.settle()
    document = stop(sim, task, reason="enough")
    assert set(document) == ALWAYS | RUNS | STOPS
    assert (document["lastStatus"], document["desiredStatus"]) == ("RUNNING", "STOPPED")
    assert (document["stopCode"], document["stoppedReason"], document["tags"]) == ("UserInitiated", "enough", [])


def test_a_stopped_task_shows_how_it_ended(sim: Simulation) -> None:
    task = fargate(sim)
    sim.settle()
    stop(sim, task)
    sim.settle()
    document = described(sim, task)
    assert set(document) == ALWAYS | RUNS | STOPS | {"healthStatus", "executionStoppedAt", "stoppedAt"}
    assert document["stoppedReason"] == "Task stopped by user"
    assert document["attachments"][0]["status"] == "DELETED"
    assert len(document["attachments"][0]["details"]) == 5
    assert (part(document)["lastStatus"], part(document)["exitCode"]) == ("STOPPED", 143)
    bare = stop(sim, task, reason="too late")
    assert (bare["stoppedReason"], bare["attachments"], bare["containers"]) == ("Task stopped by user", [], [])
    assert bare["overrides"] == {"containerOverrides": [], "inferenceAcceleratorOverrides": []}
    assert "attributes" not in bare


def test_a_task_stopped_while_it_pulled_has_a_runtime_id_and_nothing_of_an_image(sim: Simulation) -> None:
    task = fargate(sim, scripted("pull=slow"))
    sim.settle()
    stop(sim, task)
    sim.advance(6)
    document = described(sim, task)
    assert "startedAt" not in document
    assert document["pullStartedAt"] == document["pullStoppedAt"] == document["executionStoppedAt"]
    assert set(part(document)) == PENDING_CONTAINER | {"healthStatus", "runtimeId"}


def test_a_task_whose_network_is_being_taken_down_shows_that(sim: Simulation) -> None:
    task = fargate(sim)
    sim.settle()
    stop(sim, task)
    for _ in range(20):
        if described(sim, task)["lastStatus"] == "DEPROVISIONING":
            break
        sim.step()
    document = described(sim, task)
    assert set(document) == ALWAYS | RUNS | STOPS | {"healthStatus", "executionStoppedAt"}
    assert (document["lastStatus"], document["version"]) == ("DEPROVISIONING", 5)
    assert document["attachments"][0]["status"] == "DETACHING"
    assert (part(document)["lastStatus"], part(document)["networkBindings"]) == ("STOPPED", [])


def test_a_task_that_its_service_stops_while_it_is_pending_never_started(sim: Simulation) -> None:
    fargate(sim, scripted("pull=slow"))
    service = {"serviceName": "web", "taskDefinition": "job", "launchType": "FARGATE", "networkConfiguration": SUBNETS}
    sim.call("CreateService", desiredCount=1, **service)
    sim.settle()
    (task,) = (one.id for one in sim.tasks(group="service:web"))
    assert described(sim, task)["version"] == 2
    sim.call("UpdateService", service="web", desiredCount=0)
    sim.advance(30)
    assert life(sim, task) == "PENDING 2, PENDING! 3, DEPROVISIONING! 4, STOPPED! 5"
    document = described(sim, task)
    assert document["stopCode"] == "ServiceSchedulerInitiated"
    assert {"pullStartedAt", "pullStoppedAt", "executionStoppedAt", "stoppedAt"} <= set(document)
    assert "startedAt" not in document
    assert "runtimeId" in part(document) and not {"exitCode", "networkBindings"} & set(part(document))


def test_a_task_on_ec2_with_a_network_of_its_own_waits_for_it_on_its_instance(sim: Simulation) -> None:
    task = ec2(sim, mode="awsvpc", networkConfiguration=SUBNETS)
    document = described(sim, task)
    assert (document["lastStatus"], document["launchType"], document["version"]) == ("PROVISIONING", "EC2", 1)
    assert ":container-instance/default/" in document["containerInstanceArn"]
    assert document["attachments"][0]["status"] == "PRECREATED"
    assert not {"platformVersion", "platformFamily", "ephemeralStorage"} & set(document)
    sim.settle()
    document = described(sim, task)
    assert (document["lastStatus"], document["version"]) == ("RUNNING", 3)
    (interface,) = part(document)["networkInterfaces"]
    assert interface["attachmentId"] == document["attachments"][0]["id"]


def test_a_task_on_ec2_shows_its_instance_and_its_ports(sim: Simulation) -> None:
    task = ec2(
        sim, {"portMappings": [{"containerPort": 80}, {"containerPort": 53, "hostPort": 5353, "protocol": "udp"}]}
    )
    sim.settle()
    document = described(sim, task)
    absent = {"platformVersion", "platformFamily", "ephemeralStorage", "fargateEphemeralStorage", "pullStartedAt"}
    assert not absent & set(document) - {"pullStartedAt"}
    assert document["attachments"] == [] and document["launchType"] == "EC2"
    assert ":container-instance/default/" in document["containerInstanceArn"]
    assert (document["cpu"], document["memory"]) == ("0", "64")
    shown = part(document)
    assert shown["memory"] == "64" and shown["networkInterfaces"] == []
    assert re.fullmatch("[0-9a-f]{64}", shown["runtimeId"])
    dynamic, fixed = shown["networkBindings"]
    assert dynamic["containerPort"] == 80 and 49153 <= dynamic["hostPort"] <= 65535
    assert fixed == {"bindIP": "0.0.0.0", "containerPort": 53, "hostPort": 5353, "protocol": "udp"}


# --- failed starts --------------------------------------------------------------------------------------------------

PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref img: img: not found"
CREATE = "CannotCreateContainerError: Error response from daemon: simulated"
START = "CannotStartContainerError: Error response from daemon: simulated"


@pytest.mark.parametrize(("words", "text"), [("pull=fail", PULL), ("create=fail", CREATE), ("start=fail", START)])
def test_on_fargate_the_containers_error_is_the_tasks_reason(sim: Simulation, words: str, text: str) -> None:
    task = fargate(sim, scripted(words))
    sim.settle()
    document = described(sim, task)
    assert (document["lastStatus"], document["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert document["stoppedReason"] == text
    assert "startedAt" not in document
    assert not {"reason", "exitCode", "networkBindings"} & set(part(document))


@pytest.mark.parametrize(("words", "text"), [("pull=fail", PULL), ("create=fail", CREATE), ("start=fail", START)])
def test_on_ec2_the_containers_error_stays_with_the_container(sim: Simulation, words: str, text: str) -> None:
    task = ec2(sim, scripted(words))
    sim.settle()
    document = described(sim, task)
    assert (document["stopCode"], document["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert part(document)["reason"] == text
    assert "startedAt" not in document and "exitCode" not in part(document)


# --- dependencies ---------------------------------------------------------------------------------------------------


def needs(condition: str, on: str = "first") -> Document:
    return {"dependsOn": [{"containerName": on, "condition": condition}]}


def statuses(sim: Simulation, task: str) -> dict[str, str]:
    return {one["name"]: one["lastStatus"] for one in described(sim, task)["containers"]}


def test_start_waits_for_the_start(sim: Simulation) -> None:
    task = fargate(sim, scripted("start=slow", name="first"), {"name": "app", **needs("START")})
    sim.advance(4)
    assert statuses(sim, task) == {"first": "PENDING", "app": "PENDING"}
    sim.advance(2)
    assert statuses(sim, task) == {"first": "RUNNING", "app": "RUNNING"}


@pytest.mark.parametrize(("condition", "code"), [("COMPLETE", 3), ("SUCCESS", 0)])
def test_complete_and_success_wait_for_the_end(sim: Simulation, condition: str, code: int) -> None:
    init = scripted(f"exit={code} after=5s", name="first", essential=False)
    task = fargate(sim, init, {"name": "app", **needs(condition)})
    sim.advance(4)
    assert statuses(sim, task) == {"first": "RUNNING", "app": "PENDING"}
    assert described(sim, task)["lastStatus"] == "PENDING"
    sim.advance(2)
    document = described(sim, task)
    assert statuses(sim, task) == {"first": "STOPPED", "app": "RUNNING"}
    assert (document["lastStatus"], document["version"]) == ("RUNNING", 3)
    assert document["startedAt"] - document["createdAt"] == 5.0


def test_healthy_waits_for_the_first_check_that_passes(sim: Simulation) -> None:
    check = {"healthCheck": {"command": ["CMD", "true"]}}
    provider = scripted("health=healthy after-health=25s", name="first", **check)
    task = fargate(sim, provider, {"name": "app", **needs("HEALTHY")})
    sim.advance(20)
    assert statuses(sim, task) == {"first": "RUNNING", "app": "PENDING"}
    document = described(sim, task)
    assert not RUNS & set(document)
    assert not {"imageDigest", "runtimeId", "networkBindings"} & set(part(document))
    assert {"imageDigest", "runtimeId", "networkBindings"} <= set(part(document, "first"))
    sim.advance(6)
    assert statuses(sim, task) == {"first": "RUNNING", "app": "RUNNING"}
    assert described(sim, task)["healthStatus"] == "HEALTHY"


def test_a_dependency_without_success_is_a_failed_start_of_which_the_dependent_says_nothing(sim: Simulation) -> None:
    init = scripted("exit=7 after=5s", name="first", essential=False)
    task = fargate(sim, init, {"name": "app", **needs("SUCCESS")})
    sim.advance(6)
    document = described(sim, task)
    assert (document["stopCode"], document["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert "startedAt" not in document
    assert part(document, "first")["exitCode"] == 7
    assert not {"exitCode", "reason", "networkBindings"} & set(part(document))
    assert {"imageDigest", "runtimeId"} <= set(part(document))
    assert life(sim, task) == "PENDING 2, PENDING! 2, DEPROVISIONING! 3, STOPPED! 4"


def test_the_patience_for_a_dependency_ends_with_its_start_timeout(sim: Simulation) -> None:
    slow = {"name": "first", "essential": False, "startTimeout": 30}
    task = ec2(sim, slow, {"name": "app", **needs("COMPLETE")})
    sim.advance(29)
    assert described(sim, task)["desiredStatus"] == "RUNNING"
    sim.advance(2)
    document = described(sim, task)
    assert document["stoppedReason"] == "Task failed to start"
    assert part(document)["exitCode"] == 143
    assert part(document)["reason"] == (
        "CannotStartContainerError: dependency graph: container ordering dependency [first(img) (RUNNING->RUNNING)] "
        "for target [app(img) (MANIFEST_PULLED->RUNNING)] has timed out."
    )


# --- stopping -------------------------------------------------------------------------------------------------------


def test_dependents_stop_before_what_they_depend_on(sim: Simulation) -> None:
    first = {"name": "first", "stopTimeout": 10}
    late = scripted("stop=ignore", name="app", stopTimeout=11, **needs("START"))
    task = fargate(sim, first, late)
    sim.settle()
    stop(sim, task)
    sim.advance(10)
    assert statuses(sim, task) == {"first": "RUNNING", "app": "RUNNING"}
    assert described(sim, task)["lastStatus"] == "RUNNING"
    sim.advance(2)
    document = described(sim, task)
    assert (part(document)["exitCode"], part(document, "first")["exitCode"]) == (137, 143)
    assert document["executionStoppedAt"] - document["stoppingAt"] == 11.0


def test_what_does_not_heed_sigterm_is_killed_after_its_stop_timeout(sim: Simulation) -> None:
    task = ec2(sim, scripted("stop=ignore"))
    sim.settle()
    stop(sim, task)
    sim.advance(29)
    assert described(sim, task)["lastStatus"] == "RUNNING"
    sim.advance(2)
    document = described(sim, task)
    assert (document["lastStatus"], part(document)["exitCode"]) == ("STOPPED", 137)
    assert document["stoppedAt"] - document["stoppingAt"] == 30.0


def test_stopping_while_a_dependency_is_not_ready_leaves_the_dependent_unstarted(sim: Simulation) -> None:
    task = fargate(sim, {"name": "first", "essential": False}, {"name": "app", **needs("COMPLETE")})
    sim.settle()
    first = stop(sim, task, reason="first reason")
    second = stop(sim, task, reason="second reason")
    assert first["lastStatus"] == "PENDING"
    assert second["stoppedReason"] == "first reason" and second["version"] == first["version"]
    sim.settle()
    document = described(sim, task)
    assert (part(document, "first")["exitCode"], part(document)["lastStatus"]) == (143, "STOPPED")
    assert not {"exitCode", "reason"} & set(part(document))
    assert "startedAt" not in document


def test_the_end_of_an_essential_container_takes_the_others_along(sim: Simulation) -> None:
    task = fargate(
        sim, scripted("exit=3 after=5s", name="main"), {"name": "other"}, {"name": "third", "essential": False}
    )
    sim.advance(6)
    document = described(sim, task)
    assert (document["stopCode"], document["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert [part(document, name)["exitCode"] for name in ("main", "other", "third")] == [3, 143, 143]
    assert document["startedAt"] < document["executionStoppedAt"] <= document["stoppingAt"] <= document["stoppedAt"]


def test_a_task_goes_on_without_a_container_that_is_not_essential(sim: Simulation) -> None:
    task = fargate(sim, {"name": "main"}, scripted("exit=1 after=5s", name="side", essential=False))
    sim.advance(60)
    document = described(sim, task)
    assert (document["lastStatus"], part(document, "side")["exitCode"]) == ("RUNNING", 1)


def test_a_vanished_container_and_one_out_of_memory_say_so(sim: Simulation) -> None:
    task = ec2(sim)
    sim.settle()
    sim.kill(task, reason="OutOfMemoryError: Container killed due to memory usage")
    sim.settle()
    document = described(sim, task)
    assert part(document)["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert part(document)["exitCode"] == 137
    assert document["stopCode"] == "EssentialContainerExited"


# --- health ---------------------------------------------------------------------------------------------------------


def test_health_is_shown_changes_no_version_and_ends_no_task_that_stands_alone(sim: Simulation) -> None:
    task = fargate(sim, {"healthCheck": {"command": ["CMD", "true"]}}, {"name": "side", "essential": False})
    sim.settle()
    assert described(sim, task)["healthStatus"] == "HEALTHY"
    before = described(sim, task)["version"]
    sim.health(task, Health.UNHEALTHY)
    sim.health(task, Health.UNHEALTHY, "side")
    sim.advance(120)
    document = described(sim, task)
    assert (document["lastStatus"], document["healthStatus"], document["version"]) == ("RUNNING", "UNHEALTHY", before)
    # What the image's own check says is not ECS's concern.
    assert (part(document)["healthStatus"], part(document, "side")["healthStatus"]) == ("UNHEALTHY", "UNKNOWN")
    stop(sim, task)
    sim.settle()
    assert described(sim, task)["healthStatus"] == "UNHEALTHY"


# --- afterwards -----------------------------------------------------------------------------------------------------


def test_containers_are_removed_a_minute_after_the_end(sim: Simulation) -> None:
    task = fargate(sim, scripted("exit=0 after=1s"))
    sim.advance(59)
    assert not sim.task(task).cleaned
    sim.advance(3)
    assert sim.task(task).cleaned


def test_a_crash_at_any_step_of_a_life_changes_nothing_of_it(tmp_path: Path) -> None:
    lives = set()
    for at in range(14):
        sim = Simulation(tmp_path / str(at))
        sim.call("CreateCluster", clusterName="default")
        task = fargate(sim, {"name": "main"}, scripted("exit=0 after=3s", name="side", essential=False))
        for _ in range(at):
            sim.step()
        sim.crash()
        sim.advance(4)
        stop(sim, task)
        sim.crash()
        sim.advance(120)
        document = described(sim, task)
        lives.add((life(sim, task), document["version"], part(document, "main")["exitCode"], sim.task(task).cleaned))
        sim.close()
    assert len(lives) == 1, lives
