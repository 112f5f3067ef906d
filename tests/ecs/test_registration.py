"""RegisterContainerInstance as the ECS agent sends it: what it says comes back to the last word, the second time too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.ecs.running import INVALID, NETWORK, refusal, run
from tests.simulation import Simulation

ATTRIBUTES = [
    {"name": "ecs.capability.secrets.ssm.environment-variables"},
    {"name": "com.amazonaws.ecs.capability.docker-remote-api.1.32"},
    {"name": "ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit"},
    {"name": "ecs.capability.external"},
    {"name": "ecs.os-type", "value": "linux"},
    {"name": "ecs.os-family", "value": "LINUX"},
    {"name": "ecs.os-type-detailed", "value": "LINUX"},
    {"name": "ecs.cpu-architecture", "value": "x86_64"},
    {"name": "ecs.capability.cni-plugin-version", "value": "91ccefc8-2019.06.0"},
    {"name": "rack", "value": "r 7/b:2@x_y.z-1\\2"},
]
AGENT: dict[str, Any] = {
    "clientToken": "ab36f106-f4e5-4df1-a405-526109f0d65d",
    "cluster": "demo",
    "instanceIdentityDocument": "",
    "instanceIdentityDocumentSignature": "",
    "totalResources": [
        {"integerValue": 2048, "name": "CPU", "type": "INTEGER"},
        {"integerValue": 24105, "name": "MEMORY", "type": "INTEGER"},
        {"name": "PORTS", "stringSetValue": ["22", "2375", "2376", "51678", "51679"], "type": "STRINGSET"},
        {"name": "PORTS_UDP", "stringSetValue": [], "type": "STRINGSET"},
    ],
    "attributes": ATTRIBUTES,
}
"""Recorded from an agent of version 1.105.1, with fewer capabilities."""


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, instances=Instances.NONE)
    found.call("CreateCluster", clusterName="demo")
    found.call("CreateCluster")
    yield found
    found.close()


def registered(sim: Simulation, **more: Any) -> dict[str, Any]:
    return dict(sim.call("RegisterContainerInstance", **{**AGENT, **more})["containerInstance"])


def described(sim: Simulation, instance: dict[str, Any], *include: str) -> dict[str, Any]:
    arn = instance["containerInstanceArn"]
    asked = {"cluster": arn.split("/")[1], "containerInstances": [arn], "include": list(include)}
    (found,) = sim.call("DescribeContainerInstances", **asked)["containerInstances"]
    return dict(found)


def by_name(instance: dict[str, Any], member: str = "registeredResources") -> dict[str, Any]:
    return {
        each["name"]: each.get("stringSetValue") if each["type"] == "STRINGSET" else each["integerValue"]
        for each in instance[member]
    }


def identity(kind: str) -> str:
    return json.dumps({"instanceId": "i-0123", "instanceType": kind, "availabilityZone": "us-east-1b"})


def test_every_attribute_comes_back_as_it_was_sent(sim: Simulation) -> None:
    """An agent that misses one, or finds another value, ends and does not come back."""
    found = registered(sim)
    assert [each for each in ATTRIBUTES if each not in found["attributes"]] == []
    assert "ecs.capability.task-eni" not in [each["name"] for each in found["attributes"]], (
        "it can no more than it says"
    )
    assert found["agentConnected"] is True


def test_a_machine_that_is_none_of_aws_has_an_id_of_its_own_kind(sim: Simulation) -> None:
    assert registered(sim)["ec2InstanceId"].startswith("mi-")
    assert registered(sim, attributes=[])["ec2InstanceId"].startswith("i-")
    assert registered(sim, instanceIdentityDocument=identity("m5.large"))["ec2InstanceId"] == "i-0123"


def test_resources_are_those_that_were_sent(sim: Simulation) -> None:
    ports = ["22", "2375", "2376", "51678", "51679"]
    assert by_name(registered(sim)) == {"CPU": 2048, "MEMORY": 24105, "PORTS": ports, "PORTS_UDP": []}


def test_an_agent_that_comes_back_says_what_it_has_now(sim: Simulation) -> None:
    first = registered(sim, tags=[{"key": "team", "value": "a"}])
    sim.call(
        "PutAttributes",
        cluster="demo",
        attributes=[{"name": "stack", "value": "prod", "targetId": first["containerInstanceArn"]}],
    )
    resources = [
        {"name": "CPU", "type": "INTEGER", "integerValue": 4096, "longValue": 0, "doubleValue": 0.0},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 2000},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": ["53"]},
    ]
    again = registered(
        sim,
        containerInstanceArn=first["containerInstanceArn"],
        totalResources=resources,
        attributes=[*ATTRIBUTES[:-1], {"name": "ecs.capability.env-files.s3"}],
        versionInfo={"agentVersion": "1.105.1", "agentHash": "*a8b3e7d3", "dockerVersion": "DockerVersion: 20.10.24"},
        tags=[{"key": "owner", "value": "x"}],
    )
    assert again["containerInstanceArn"] == first["containerInstanceArn"]
    assert again["version"] == first["version"] + 1
    assert by_name(again) == {"CPU": 4096, "MEMORY": 2000, "PORTS": ["22"], "PORTS_UDP": ["53"]}
    assert again["versionInfo"]["agentVersion"] == "1.105.1"
    assert again["tags"] == [{"key": "team", "value": "a"}, {"key": "owner", "value": "x"}]
    found = {each["name"]: each.get("value") for each in again["attributes"]}
    assert (found["stack"], found["ecs.capability.env-files.s3"], found["rack"]) == (
        "prod",
        None,
        ATTRIBUTES[-1]["value"],
    )
    assert described(sim, again, "TAGS") == again


def test_gpus_and_other_devices_are_registered_and_taken(sim: Simulation) -> None:
    devices = [{"id": f"GPU-{n}", "type": "GPU"} for n in range(3)] + [{"id": "n", "type": "NEURON_DEVICE"}]
    neuron = {"name": "NEURON_CORES", "type": "STRINGSET", "stringSetValue": ["0", "1"]}
    instance = registered(
        sim,
        cluster="default",
        attributes=[],
        platformDevices=devices,
        totalResources=[*AGENT["totalResources"], neuron],
    )
    assert list(by_name(instance)) == ["CPU", "MEMORY", "PORTS", "PORTS_UDP", "GPU", "NEURON_CORES"]
    assert by_name(instance)["GPU"] == ["GPU-0", "GPU-1", "GPU-2"]
    assert by_name(instance, "remainingResources") == by_name(instance)
    needs = {"resourceRequirements": [{"type": "GPU", "value": "1"}]}
    sim.call(
        "RegisterTaskDefinition", family="gpu", containerDefinitions=[{"name": "a", "image": "a", "memory": 8, **needs}]
    )
    left = []
    for _ in range(3):
        run(sim, taskDefinition="gpu")
        left.append(by_name(described(sim, instance), "remainingResources")["GPU"])
    assert left == [["GPU-1", "GPU-2"], ["GPU-2"], []]
    answer = sim.call("RunTask", taskDefinition="gpu")
    assert [each["reason"] for each in answer["failures"]] == ["RESOURCE:GPU"]
    assert by_name(described(sim, instance))["GPU"] == ["GPU-0", "GPU-1", "GPU-2"]


def test_a_task_takes_its_ports_until_it_has_stopped(sim: Simulation) -> None:
    instance = registered(sim, cluster="default", attributes=[])
    mappings = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
        {"containerPort": 22, "hostPort": 8022, "protocol": "tcp"},
    ]
    container = {"name": "app", "image": "a", "cpu": 100, "memory": 500, "memoryReservation": 200}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[{**container, "portMappings": mappings}])
    task = run(sim)
    left = by_name(described(sim, instance), "remainingResources")
    assert (left["CPU"], left["MEMORY"]) == (2048 - 100, 24105 - 200)
    assert left["PORTS"] == ["22", "2375", "2376", "51678", "51679", "8022", "8080"]
    assert left["PORTS_UDP"] == ["53"]
    assert by_name(described(sim, instance))["PORTS"] == ["22", "2375", "2376", "51678", "51679"]
    assert [each["reason"] for each in sim.call("RunTask", taskDefinition="web")["failures"]] == ["RESOURCE:PORTS"]
    sim.settle()
    sim.call("StopTask", task=task["taskArn"])
    assert by_name(described(sim, instance), "remainingResources")["CPU"] == 2048 - 100, (
        "it holds on until it is STOPPED"
    )
    sim.advance(60)
    assert by_name(described(sim, instance), "remainingResources") == by_name(instance)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"platformDevices": [{"id": "x", "type": "TPU"}]}, "TPU should be one of [GPU,NEURON_DEVICE]"),
        ({"attributes": [{"name": "a b"}]}, "Attribute name must match"),
        ({"attributes": [{"name": "a", "value": " b"}]}, "Attribute value must match"),
        ({"tags": [{"key": "a"}]}, "Tag value can not be null."),
    ],
)
def test_a_registration_is_refused(sim: Simulation, more: dict[str, Any], message: str) -> None:
    code, text = refusal(sim, "RegisterContainerInstance", **{**AGENT, **more})
    assert (code, text[: len(message)]) == (INVALID, message)


# --- network interfaces -----------------------------------------------------------------------------------------------


def networked(sim: Simulation, count: int) -> list[str]:
    """The failures of so many tasks with an interface each, one after the other."""
    container = {"name": "app", "image": "a", "cpu": 1, "memory": 8}
    sim.call("RegisterTaskDefinition", family="net", networkMode="awsvpc", containerDefinitions=[container])
    answers = [sim.call("RunTask", taskDefinition="net", networkConfiguration=NETWORK) for _ in range(count)]
    return [each["reason"] for answer in answers for each in answer["failures"]]


def test_a_machine_of_a_known_type_has_as_many_interfaces_as_one(sim: Simulation) -> None:
    registered(sim, cluster="default", attributes=[], instanceIdentityDocument=identity("m5.large"))
    assert networked(sim, 4) == ["RESOURCE:ENI"] * 2
    sim.call("RegisterTaskDefinition", family="b", containerDefinitions=[{"name": "a", "image": "a", "memory": 8}])
    run(sim, taskDefinition="b")  # a bridge needs none


def test_a_machine_of_no_known_type_has_enough(sim: Simulation) -> None:
    registered(sim, cluster="default", attributes=[])
    assert networked(sim, 6) == []


def test_awsvpc_trunking_gives_new_machines_more_interfaces(sim: Simulation) -> None:
    before = registered(sim, cluster="default", attributes=[], instanceIdentityDocument=identity("m5.large"))
    sim.call("PutAccountSettingDefault", name="awsvpcTrunking", value="enabled")
    assert "ecs.awsvpc-trunk-id" not in [each["name"] for each in described(sim, before)["attributes"]]
    sim.call("DeregisterContainerInstance", containerInstance=before["containerInstanceArn"])
    after = registered(sim, cluster="default", attributes=[], instanceIdentityDocument=identity("m5.large"))
    (trunk,) = [each["value"] for each in after["attributes"] if each["name"] == "ecs.awsvpc-trunk-id"]
    assert trunk.startswith("eni-")
    assert networked(sim, 12) == ["RESOURCE:ENI"] * 2


@pytest.mark.parametrize(
    ("kind", "attributes"), [("t3.large", []), ("m5.large", [{"name": "ecs.capability.task-eni"}])]
)
def test_what_cannot_trunk_is_as_it_was(sim: Simulation, kind: str, attributes: list[dict[str, str]]) -> None:
    sim.call("PutAccountSettingDefault", name="awsvpcTrunking", value="enabled")
    found = registered(sim, attributes=attributes, instanceIdentityDocument=identity(kind))
    assert "ecs.awsvpc-trunk-id" not in [each["name"] for each in found["attributes"]]


LONG = "x" * 129


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ({"name": LONG}, "Attribute name must match"),
        ({"name": "rack", "value": LONG}, "Attribute value must match"),
        ({"name": f"ecs.{LONG}"}, "Attribute name can have at most 128 characters"),
        ({"name": "ecs.os-family", "value": LONG}, "Attribute value can have at most 128 characters"),
    ],
)
def test_what_an_agent_says_of_its_machine_has_its_length_the_second_time_too(
    sim: Simulation, attribute: dict[str, str], text: str
) -> None:
    known = registered(sim, cluster="default", attributes=[])
    before = described(sim, known)["attributes"]
    asked = {"cluster": "default", "attributes": [attribute]}
    for again in ({}, {"containerInstanceArn": known["containerInstanceArn"]}):
        code, message = refusal(sim, "RegisterContainerInstance", **asked, **again)
        assert code == INVALID and message.startswith(text)
    assert described(sim, known)["attributes"] == before
