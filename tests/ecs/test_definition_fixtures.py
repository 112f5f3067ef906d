"""Task definitions as users write them, one for each feature: registered, described, run, and each time as expected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rules.regenerate import GOLDEN, definition_files, golden_of
from tests.simulation import Simulation

FILES = definition_files()
MADE_BY_REGISTERING = {"taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy"}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    yield sim
    sim.close()


def test_every_definition_has_its_golden_file() -> None:
    assert {file.name for file in FILES} == {file.name for file in GOLDEN.glob("*.json")}
    assert len(FILES) >= 12


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_described_with_all_that_ecs_adds(sim: Simulation, file: Path) -> None:
    asked = json.loads(file.read_text(encoding="utf-8"))
    registered = sim.call("RegisterTaskDefinition", **asked)
    described = sim.call("DescribeTaskDefinition", taskDefinition=asked["family"], include=["TAGS"])
    assert described["taskDefinition"] == registered["taskDefinition"]
    assert described["tags"] == asked.get("tags", []) == registered.get("tags", [])
    own = {name: value for name, value in described["taskDefinition"].items() if name not in MADE_BY_REGISTERING}
    assert own == json.loads(golden_of(file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_described_can_be_registered_again_and_says_the_same(sim: Simulation, file: Path) -> None:
    asked = json.loads(file.read_text(encoding="utf-8"))
    first = sim.call("RegisterTaskDefinition", **asked)["taskDefinition"]
    made = MADE_BY_REGISTERING | {"compatibilities", "requiresAttributes"}
    again = {name: value for name, value in first.items() if name not in made}
    second = sim.call("RegisterTaskDefinition", **again)["taskDefinition"]
    assert second["revision"] == first["revision"] + 1
    same = MADE_BY_REGISTERING ^ first.keys()
    assert {name: second[name] for name in same} == {name: first[name] for name in same}


FARGATE = [
    file for file in FILES if "FARGATE" in json.loads(file.read_text(encoding="utf-8"))["requiresCompatibilities"]
]


@pytest.mark.parametrize("file", FARGATE, ids=lambda file: file.stem)
def test_what_is_made_for_fargate_is_accepted_there(sim: Simulation, file: Path) -> None:
    asked: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    sim.call("RegisterTaskDefinition", **asked)
    open_ones = [volume["name"] for volume in asked.get("volumes", ()) if volume.get("configuredAtLaunch")]
    managed = {"roleArn": "arn:aws:iam::123456789012:role/ecsInfrastructureRole", "sizeInGiB": 10}
    answer = sim.call(
        "RunTask",
        taskDefinition=asked["family"],
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        volumeConfigurations=[{"name": name, "managedEBSVolume": managed} for name in open_ones],
    )
    (task,) = answer["tasks"]
    assert [one["name"] for one in task["containers"]] == [one["name"] for one in asked["containerDefinitions"]]
    arm = asked.get("runtimePlatform", {}).get("cpuArchitecture") == "ARM64"
    assert task["attributes"] == [{"name": "ecs.cpu-architecture", "value": "arm64" if arm else "x86_64"}]
    sim.call("StopTask", task=task["taskArn"])
    sim.advance(300)
    (stopped,) = sim.call("DescribeTasks", tasks=[task["taskArn"]])["tasks"]
    assert stopped["lastStatus"] == "STOPPED"
