"""A task of launch type EC2 is on a machine whose CPU, memory and ports count; its containers are on the real engine."""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.scenarios.cluster import FOREVER, Cluster, Document, container_of
from tests.scenarios.conftest import ON_DOCKER, Servers
from tests.scenarios.engine import Witness
from tests.scenarios.server import command, free_port, page
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

WEB = "exec /bin/sh /bin/web"


def published(cluster: Cluster, mapping: Document) -> Document:
    """The one network binding of a web server with this port mapping, once it runs."""
    task = cluster.running(cluster.run_ec2(cluster.container(WEB, portMappings=[mapping])))
    (binding,) = container_of(task)["networkBindings"]
    assert (binding["containerPort"], binding["protocol"], binding["bindIP"]) == (8080, "tcp", "0.0.0.0")
    assert eventually("the page", lambda: page(f"http://127.0.0.1:{binding['hostPort']}/")) == "web 1"
    bound: Document = binding
    return bound


def test_a_dynamic_host_port_is_told_and_answers(cluster: Cluster) -> None:
    assert published(cluster, {"containerPort": 8080, "hostPort": 0})["hostPort"] >= 32768


def test_a_static_host_port_is_the_one_that_was_asked_for(cluster: Cluster) -> None:
    port = free_port()
    assert published(cluster, {"containerPort": 8080, "hostPort": port})["hostPort"] == port


def test_a_task_on_the_host_s_network_listens_there(cluster: Cluster) -> None:
    port = free_port()
    container = cluster.container(WEB, environment=[{"name": "PORT", "value": str(port)}])
    container["portMappings"] = [{"containerPort": port}]
    task = cluster.running(cluster.run_ec2(container, network_mode="host"))
    assert container_of(task)["networkBindings"][0]["hostPort"] == port
    assert eventually("the page", lambda: page(f"http://127.0.0.1:{port}/")) == "web 1"
    assert cluster.stop(task["taskArn"])["attachments"] == []


def test_a_task_without_network_has_only_itself(cluster: Cluster) -> None:
    arn = cluster.run_ec2(cluster.logging("/bin/busybox ls /sys/class/net; echo done"), network_mode="none")
    assert container_of(cluster.stopped(arn))["exitCode"] == 0
    seen = cluster.said(arn, "done")
    assert "lo" in seen and "eth0" not in seen


def test_a_bind_mount_is_a_directory_of_the_host(cluster: Cluster, tmp_path: Path) -> None:
    tmp_path.chmod(tmp_path.stat().st_mode | stat.S_IRWXO)
    (tmp_path / "question").write_text("how are you?\n")
    mounts = [
        {"sourceVolume": "here", "containerPath": "/in", "readOnly": True},
        {"sourceVolume": "here", "containerPath": "/out"},
    ]
    script = "cat /in/question >/out/answer; echo no >/in/refused; exit 0"
    volume = {"name": "here", "host": {"sourcePath": str(tmp_path)}}
    arn = cluster.run_ec2(cluster.container(script, mountPoints=mounts), volumes=[volume])
    assert container_of(cluster.stopped(arn))["exitCode"] == 0
    assert sorted(os.listdir(tmp_path)) == ["answer", "question"]
    assert (tmp_path / "answer").read_text() == "how are you?\n"


def test_an_instance_appears_when_a_task_needs_one(cluster: Cluster, engine: Witness) -> None:
    arn = cluster.run_ec2(cluster.container(cpu=128))
    task = cluster.running(arn)
    (instance,) = instances(cluster)
    assert task["containerInstanceArn"] == instance["containerInstanceArn"]
    assert (instance["status"], instance["agentConnected"], instance["runningTasksCount"]) == ("ACTIVE", True, 1)
    assert amount(instance, "registeredResources", "CPU") - amount(instance, "remainingResources", "CPU") == 128
    assert amount(instance, "registeredResources", "MEMORY") - amount(instance, "remainingResources", "MEMORY") == 64
    assert container_of(task)["runtimeId"] == engine.container(arn, "main")["Id"]


def test_linked_containers_know_each_other_by_name(cluster: Cluster) -> None:
    client = "until wget -q -O - http://server:8080/; do /bin/busybox sleep 0.1; done"
    containers = cluster.container(WEB, "server"), cluster.logging(client, "client", links=["server"])
    arn = cluster.run_ec2(*containers)
    assert container_of(cluster.stopped(arn), "client")["exitCode"] == 0
    assert cluster.said(arn, "web 1", "client") == ["web 1"]


def test_a_missing_image_is_told_at_the_container(cluster: Cluster) -> None:
    missing = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{cluster.name}:gone"
    ended = cluster.stopped(cluster.run_ec2({**cluster.container(), "image": missing}))
    assert (ended["stopCode"], ended["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert container_of(ended)["reason"] == (
        f"CannotPullContainerError: Error response from daemon: repository {missing.partition(':')[0]} not found: "
        f"name unknown: The repository with name '{cluster.name}' does not exist in the registry with id '123456789012'"
    )


def test_a_container_has_the_memory_and_the_labels_of_its_definition(cluster: Cluster, engine: Witness) -> None:
    container = cluster.container(memory=48, memoryReservation=32, cpu=64, dockerLabels={"team": "shop"})
    arn = cluster.run_ec2(container)
    cluster.running(arn)
    inspected = engine.container(arn, "main")
    host, labels = inspected["HostConfig"], inspected["Config"]["Labels"]
    assert (host["Memory"], host["MemoryReservation"], host["CpuShares"]) == (48 << 20, 32 << 20, 64)
    assert labels["team"] == "shop"
    assert labels["com.amazonaws.ecs.cluster"] == cluster.name
    assert labels["com.amazonaws.ecs.task-definition-family"] == cluster.name
    assert re.fullmatch(rf"/ecs-{cluster.name}-1-main-[0-9a-f]+", inspected["Name"])


def instances(cluster: Cluster) -> list[Document]:
    arns = cluster.ecs.list_container_instances(cluster=cluster.name)["containerInstanceArns"]
    asked = cluster.ecs.describe_container_instances(cluster=cluster.name, containerInstances=arns)
    found: list[Document] = asked["containerInstances"]
    return found


def amount(instance: Document, kind: str, name: str) -> int:
    return int(next(one["integerValue"] for one in instance[kind] if one["name"] == name))


# --- where instances are added by hand ------------------------------------------------------------------------------


@pytest.fixture
def strict(servers: Servers, image: str) -> Iterator[Cluster]:
    """A cluster of a server that makes no instance of its own accord."""
    server = servers.start("--ephemeral", *ON_DOCKER, "--instances", "none")
    yield Cluster(server, f"c{uuid.uuid4().hex[:10]}", image)
    assert server.end() == 0


def test_a_strict_cluster_has_no_machine_until_one_is_added_and_its_ports_are_counted(strict: Cluster) -> None:
    port = free_port()
    web = strict.container(WEB, portMappings=[{"containerPort": 8080, "hostPort": port}])
    definition = strict.register(web, networkMode="bridge")
    asked = {"cluster": strict.name, "taskDefinition": definition, "launchType": "EC2"}
    with pytest.raises(ClientError) as refused:
        strict.ecs.run_task(**asked)
    assert refused.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "No Container Instances were found in your cluster.",
    }

    added = command("instances", "add", "--cluster", strict.name, "--cpu", "1024", "--memory", "512", "--endpoint",
                    strict.server.endpoint)  # fmt: skip
    assert added.returncode == 0, added.stderr
    (instance,) = instances(strict)
    assert added.stdout.strip() == instance["containerInstanceArn"]

    first = strict.ecs.run_task(**asked)
    strict.running(first["tasks"][0]["taskArn"])
    assert eventually("the page", lambda: page(f"http://127.0.0.1:{port}/")) == "web 1"

    second = strict.ecs.run_task(**asked)
    assert second["tasks"] == []
    assert second["failures"] == [{"arn": instance["containerInstanceArn"], "reason": "RESOURCE:PORTS"}]

    strict.stop(first["tasks"][0]["taskArn"])
    third = strict.ecs.run_task(**asked)
    assert third["failures"] == []
    strict.running(third["tasks"][0]["taskArn"])


def test_a_registered_instance_takes_tasks_as_far_as_it_reaches(strict: Cluster) -> None:
    resources = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 1024},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 100},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
    ]
    registered = strict.ecs.register_container_instance(cluster=strict.name, totalResources=resources)
    instance = registered["containerInstance"]["containerInstanceArn"]
    definition = strict.register(strict.container(FOREVER, memory=64), networkMode="bridge")
    answer = strict.ecs.run_task(cluster=strict.name, taskDefinition=definition, launchType="EC2", count=2)
    assert [task["containerInstanceArn"] for task in answer["tasks"]] == [instance]
    assert answer["failures"] == [{"arn": instance, "reason": "RESOURCE:MEMORY"}]
    strict.running(answer["tasks"][0]["taskArn"])

    service = {"serviceName": "waiting", "taskDefinition": definition, "desiredCount": 1, "launchType": "EC2"}
    strict.ecs.create_service(cluster=strict.name, **service)
    assert strict.event("was unable to place a task", "waiting") == (
        "was unable to place a task because no container instance met all of its requirements. The closest matching "
        f"(container-instance {instance.rpartition('/')[2]}) has insufficient memory available. "
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
    strict.stop(answer["tasks"][0]["taskArn"])
    assert strict.stable("waiting")["runningCount"] == 1


def test_the_tasks_of_a_draining_instance_move_to_another(strict: Cluster, engine: Witness) -> None:
    add = ("instances", "add", "--cluster", strict.name, "--cpu", "1024", "--memory", "512", "--count", "2")
    first, second = command(*add, "--endpoint", strict.server.endpoint).stdout.split()
    service = {"serviceName": "web", "desiredCount": 2, "launchType": "EC2"}
    definition = strict.register(strict.container(), networkMode="bridge")
    strict.ecs.create_service(cluster=strict.name, taskDefinition=definition, **service)
    strict.stable()
    assert {placed_on(strict, arn) for arn in strict.tasks()} == {first, second}

    drained = strict.ecs.update_container_instances_state(
        cluster=strict.name, containerInstances=[first], status="DRAINING"
    )
    assert drained["failures"] == []
    eventually("the move", lambda: [placed_on(strict, arn) for arn in strict.tasks()] == [second, second])
    strict.stable()
    expected = sorted((arn, "main") for arn in strict.tasks())
    eventually("the containers", lambda: engine.running(strict.server.id) == expected)
    strict.ecs.deregister_container_instance(cluster=strict.name, containerInstance=first)


def placed_on(cluster: Cluster, arn: str) -> str:
    return str(cluster.task(arn)["containerInstanceArn"])
