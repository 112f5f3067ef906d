"""Task definitions in the engine's words: golden files, and what must hold of every one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.agent.names import Identity, container_name
from ecs_emulator.agent.volumes import required_volumes, task_volumes
from tests.agent.regenerate import IDENTITY, golden_files, translated
from tests.agent.small_loop import task_slice

REFUSED_WHEN_JOINED = ("PortBindings", "Dns", "DnsSearch", "ExtraHosts", "Links")


def golden(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


each_golden = pytest.mark.parametrize("path", golden_files(), ids=lambda path: path.stem)


@each_golden
def test_a_definition_becomes_what_its_golden_file_says(path: Path) -> None:
    case = golden(path)
    assert translated(case, path.stem) == case["engine"]


@each_golden
def test_the_engine_never_restarts_a_container_by_itself(path: Path) -> None:
    for container in golden(path)["engine"].values():
        assert "RestartPolicy" not in container["body"]["HostConfig"]


@each_golden
def test_every_container_says_whose_it_is(path: Path) -> None:
    for name, container in golden(path)["engine"].items():
        labels = container["body"]["Labels"]
        assert labels["com.amazonaws.ecs.container-name"] == name
        assert labels["io.ecs-emulator.id"] == IDENTITY.emulator_id
        assert {one for one in labels if one.startswith("com.amazonaws.ecs.")} == {
            "com.amazonaws.ecs.cluster",
            "com.amazonaws.ecs.container-name",
            "com.amazonaws.ecs.task-arn",
            "com.amazonaws.ecs.task-definition-family",
            "com.amazonaws.ecs.task-definition-version",
        }


@each_golden
def test_who_joins_a_network_asks_nothing_of_it(path: Path) -> None:
    """The engine refuses each of these on a container that joins another one's network."""
    for container in golden(path)["engine"].values():
        body, host_config = container["body"], container["body"]["HostConfig"]
        if host_config["NetworkMode"].startswith("container:"):
            assert not [member for member in REFUSED_WHEN_JOINED if member in host_config]
            assert "Hostname" not in body and "ExposedPorts" not in body
            assert not [name for name in host_config.get("Sysctls", {}) if name.startswith("net.")]


def test_a_repeated_create_meets_itself_and_nobody_else() -> None:
    definition = {
        "family": "web",
        "containerDefinitions": [{"name": "a_b", "image": "i"}, {"name": "ab", "image": "i"}],
    }
    one, other = task_slice(definition, "one"), task_slice(definition, "other")
    names = [
        container_name(one, "a_b", IDENTITY),
        container_name(one, "ab", IDENTITY),
        container_name(one, "ab", IDENTITY, attempt=2),
        container_name(other, "ab", IDENTITY),
        container_name(one, "ab", Identity("another", IDENTITY.owner, ephemeral=False)),
    ]
    assert len(set(names)) == len(names)
    assert container_name(one, "a_b", IDENTITY) == names[0]
    assert names[0].startswith("ecs-web-3-ab-") and len(names[0].rpartition("-")[2]) == 20


def test_only_a_tasks_own_volumes_end_with_it() -> None:
    case = golden(next(path for path in golden_files() if path.stem == "volumes"))
    slice = task_slice(case["definition"], "volumes")
    kept = {"scratch", "cache", "disk"}
    assert {name.split("-")[3] for name in task_volumes(slice, IDENTITY)} == kept
    sources = {one["Source"] for one in case["engine"]["app"]["body"]["HostConfig"]["Mounts"]}
    assert set(task_volumes(slice, IDENTITY)) < sources


def test_a_shared_volume_that_nobody_may_provision_must_be_there() -> None:
    volume = {"name": "models", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": False}}
    app = {"name": "app", "image": "i", "mountPoints": [{"sourceVolume": "models", "containerPath": "/m"}]}
    slice = task_slice({"family": "web", "volumes": [volume], "containerDefinitions": [app]}, "shared")
    assert list(required_volumes(slice, "app")) == ["models"]
    volume["dockerVolumeConfiguration"] = {"scope": "shared", "autoprovision": True}
    assert list(required_volumes(replace(slice), "app")) == []
