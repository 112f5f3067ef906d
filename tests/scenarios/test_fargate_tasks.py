"""A Fargate task is seen by its user from the first line of RunTask to its exit code, through boto3 and past it."""

from __future__ import annotations

import pytest

from tests.scenarios.cluster import FOREVER, Cluster, Document, address_of, checked, container_of
from tests.scenarios.engine import Witness, with_pause
from tests.scenarios.server import page
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine


def test_a_task_answers_on_its_own_address_and_ends_when_told(cluster: Cluster, engine: Witness) -> None:
    web = cluster.logging("exec /bin/sh /bin/web", portMappings=[{"containerPort": 8080}])
    answer = cluster.ecs.run_task(
        cluster=cluster.name,
        taskDefinition=cluster.register(web),
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}},
        startedBy="a scenario",
    )
    asked = answer["tasks"][0]
    assert (asked["lastStatus"], asked["desiredStatus"], asked["version"]) == ("PROVISIONING", "RUNNING", 1)

    task = cluster.running(asked["taskArn"])
    assert task["startedBy"] == "a scenario"
    assert task["group"] == f"family:{cluster.name}"
    assert task["connectivity"] == "CONNECTED"
    assert task["createdAt"] <= task["pullStartedAt"] <= task["pullStoppedAt"] <= task["startedAt"]
    address = address_of(task)
    assert container_of(task)["networkInterfaces"][0]["privateIpv4Address"] == address
    assert eventually("the page", lambda: page(f"http://{address}:8080/")) == "web 1"
    assert engine.running(cluster.server.id) == with_pause(task["taskArn"], "main")
    assert "web 1 listens on port 8080" in cluster.said(task["taskArn"], "web 1 listens on port 8080")

    stopping = cluster.ecs.stop_task(cluster=cluster.name, task=task["taskArn"], reason="the scenario is over")["task"]
    assert (stopping["lastStatus"], stopping["desiredStatus"]) == ("RUNNING", "STOPPED")
    ended = cluster.stopped(task["taskArn"])
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "the scenario is over")
    assert container_of(ended)["exitCode"] == 0
    assert ended["stoppingAt"] <= ended["executionStoppedAt"] <= ended["stoppedAt"]
    assert ended["attachments"][0]["status"] == "DELETED"
    assert cluster.said(task["taskArn"], "web 1 is asked to stop")[-1] == "web 1 is asked to stop"
    assert [one for one in engine.running(cluster.server.id) if one[0] == task["taskArn"]] == []


def test_the_end_of_an_essential_container_ends_the_task(cluster: Cluster) -> None:
    neighbour = "trap 'exit 5' TERM; sleep 1000 & wait $!"
    ended = cluster.stopped(
        cluster.run(cluster.container("sleep 1; exit 3"), cluster.container(neighbour, "neighbour"))
    )
    assert (ended["stopCode"], ended["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert container_of(ended)["exitCode"] == 3
    assert container_of(ended, "neighbour")["exitCode"] == 5
    assert "startedAt" in ended


def test_the_end_of_another_container_leaves_the_task_running(cluster: Cluster) -> None:
    arn = cluster.run(cluster.container(), cluster.container("sleep 1; exit 7", "helper", essential=False))
    running = cluster.running(arn)
    helper = eventually("the end of the helper", lambda: ended_container(cluster, arn, "helper"))
    assert helper["exitCode"] == 7
    later = cluster.task(arn)
    assert later["lastStatus"] == "RUNNING"
    assert later["version"] == running["version"] + (container_of(running, "helper")["lastStatus"] == "RUNNING")


def ended_container(cluster: Cluster, arn: str, name: str) -> Document | None:
    container = container_of(cluster.task(arn), name)
    return container if container["lastStatus"] == "STOPPED" else None


def test_the_containers_of_a_task_share_localhost(cluster: Cluster) -> None:
    client = "until wget -q -O - http://127.0.0.1:8080/; do sleep 0.1; done"
    arn = cluster.run(cluster.container("exec /bin/sh /bin/web", "server"), cluster.logging(client, "client"))
    assert container_of(cluster.stopped(arn), "client")["exitCode"] == 0
    assert "web 1" in cluster.said(arn, "web 1", "client")


def test_a_container_waits_for_those_it_depends_on(cluster: Cluster) -> None:
    written, ready = "/shared/greeting", "/shared/ready"
    shared: Document = {"mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}
    check = checked(f"/bin/cat {ready}", startPeriod=60)
    arn = cluster.run(
        cluster.logging(
            f"cat {written}",
            dependsOn=[
                {"containerName": "init", "condition": "SUCCESS"},
                {"containerName": "database", "condition": "HEALTHY"},
            ],
            **shared,
        ),
        cluster.container(f"sleep 1; echo hello >{written}", "init", essential=False, **shared),
        cluster.container(f"sleep 1; echo yes >{ready}; {FOREVER}", "database", **check, **shared),
        volumes=[{"name": "shared"}],
    )
    ended = cluster.stopped(arn)
    assert cluster.said(arn, "hello") == ["hello"]
    assert {one["name"]: one["exitCode"] for one in ended["containers"]} == {"main": 0, "init": 0, "database": 0}
    assert container_of(ended, "database")["healthStatus"] == "HEALTHY"


def test_a_failed_dependency_fails_the_start(cluster: Cluster) -> None:
    depends: Document = {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}
    failing = cluster.container("exit 7", "init", essential=False)
    ended = cluster.stopped(cluster.run(cluster.container(**depends), failing))
    assert (ended["stopCode"], ended["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert "startedAt" not in ended
    assert container_of(ended, "init")["exitCode"] == 7
    assert "exitCode" not in container_of(ended)


def test_a_container_that_ignores_its_stop_signal_is_killed_at_its_timeout(cluster: Cluster) -> None:
    arn = cluster.run(cluster.container("trap '' TERM; while :; do sleep 1; done", stopTimeout=2))
    cluster.running(arn)
    ended = cluster.stop(arn)
    assert container_of(ended)["exitCode"] == 137
    assert ended["stoppedReason"] == "Task stopped by user"
    assert 2.0 <= (ended["executionStoppedAt"] - ended["stoppingAt"]).total_seconds() < 6.0


def test_a_container_runs_as_its_definition_and_the_overrides_say(cluster: Cluster) -> None:
    script = 'echo "$GREETING $NAME from $(/bin/busybox id -u):$(/bin/busybox id -g) in $(pwd) with $1 $2"'
    container = cluster.logging(
        environment=[{"name": "GREETING", "value": "hello"}, {"name": "NAME", "value": "nobody"}],
        user="1000:2000",
        workingDirectory="/www",
        readonlyRootFilesystem=True,
    )
    container |= {"entryPoint": ["/bin/sh", "-c", script, "sh"], "command": ["nothing"]}
    override = {"name": "main", "command": ["one", "two words"], "environment": [{"name": "NAME", "value": "world"}]}
    arn = cluster.run_definition(cluster.register(container), overrides={"containerOverrides": [override]})
    assert container_of(cluster.stopped(arn))["exitCode"] == 0
    said = "hello world from 1000:2000 in /www with one two words"
    assert cluster.said(arn, said) == [said]


def test_a_container_that_takes_too_much_memory_is_killed_for_it(cluster: Cluster) -> None:
    greedy = cluster.container("/bin/busybox dd if=/dev/zero of=/dev/null bs=256M count=1", memory=16)
    ended = container_of(cluster.stopped(cluster.run(greedy)))
    assert (ended["exitCode"], ended["reason"]) == (137, "OutOfMemoryError: Container killed due to memory usage")


def test_a_missing_image_stops_the_task_with_the_words_of_fargate(cluster: Cluster) -> None:
    missing = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{cluster.name}:gone"
    ended = cluster.stopped(cluster.run({**cluster.container(), "image": missing}))
    assert ended["stopCode"] == "TaskFailedToStart"
    assert ended["stoppedReason"].startswith("CannotPullContainerError: pull image manifest has been retried 1 time(s)")
    assert f"{missing}: not found" in ended["stoppedReason"]
    assert "exitCode" not in container_of(ended)
    assert "startedAt" not in ended


def test_a_command_that_does_not_exist_stops_the_task(cluster: Cluster) -> None:
    ended = cluster.stopped(cluster.run({**cluster.container(), "entryPoint": ["/bin/nosuch"]}))
    assert ended["stopCode"] == "TaskFailedToStart"
    assert "CannotStartContainerError" in ended["stoppedReason"]
    assert "/bin/nosuch" in ended["stoppedReason"]


def test_a_task_that_is_stopped_while_it_starts_never_runs(cluster: Cluster, engine: Witness) -> None:
    arn = cluster.run(cluster.container(), cluster.container(name="second"))
    ended = cluster.stop(arn, reason="too soon")
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "too soon")
    assert [one for one in engine.running(cluster.server.id) if one[0] == arn] == []


def test_a_stand_alone_task_stays_although_it_is_unhealthy(cluster: Cluster) -> None:
    arn = cluster.run(cluster.container(**checked("/bin/false")), cluster.container(name="unchecked"))
    cluster.running(arn)
    eventually("UNHEALTHY", lambda: cluster.task(arn)["healthStatus"] == "UNHEALTHY")
    task = cluster.task(arn)
    assert task["lastStatus"] == "RUNNING"
    assert [container_of(task, name)["healthStatus"] for name in ("main", "unchecked")] == ["UNHEALTHY", "UNKNOWN"]


def test_a_task_whose_network_is_killed_ends(cluster: Cluster, engine: Witness) -> None:
    arn = cluster.run(cluster.container())
    cluster.running(arn)
    ((_, pause),) = (one for one in engine.running(cluster.server.id) if one[0] == arn and one[1] != "main")
    engine.kill(arn, pause)
    assert cluster.stopped(arn)["stopCode"] == "EssentialContainerExited"


@pytest.mark.parametrize(("how", "exit_code"), [("stop", 0), ("kill", 137), ("remove", 137), ("restart", 0)])
def test_whatever_a_user_does_to_a_container_ends_its_task(
    cluster: Cluster, engine: Witness, how: str, exit_code: int
) -> None:
    """`docker stop`, `kill`, `rm --force`, and even `restart`: ECS does not take a container back."""
    arn = cluster.run(cluster.container(), cluster.container(name="other"))
    cluster.running(arn)
    container = engine.container(arn, "main")["Id"]
    match how:
        case "stop":
            engine.api.stop(container)
        case "kill":
            engine.api.kill(container)
        case "remove":
            engine.api.remove_container(container, force=True)
        case _:
            engine.api.restart(container)
    ended = cluster.stopped(arn)
    assert ended["stopCode"] == "EssentialContainerExited"
    assert container_of(ended)["exitCode"] == exit_code
    assert container_of(ended, "other")["exitCode"] == 0
    eventually("nothing of it runs", lambda: not engine.containers(running=True, task=arn))
