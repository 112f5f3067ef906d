"""What agents ask and are asked: endpoints that never leave the machine, and updates that there are none of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecs_emulator.ecs import agents, clusters, container_instances
from ecs_emulator.records.instances import ContainerInstance
from tests.ecs.calls import Ecs


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, clusters, container_instances, agents)
    found.ask("CreateCluster", clusterName="web")
    return found


def registered(ecs: Ecs) -> str:
    answer = ecs.ask("RegisterContainerInstance", cluster="web")
    return str(answer["containerInstance"]["containerInstanceArn"])


def refused(ecs: Ecs, reference: str, cluster: str = "web") -> tuple[str, str | None]:
    return ecs.refusal("UpdateContainerAgent", cluster=cluster, containerInstance=reference)


def test_an_agent_polls_this_emulator(ecs: Ecs) -> None:
    assert ecs.ask("DiscoverPollEndpoint", cluster="web") == {
        "endpoint": "http://127.0.0.1:4566/",
        "telemetryEndpoint": "http://127.0.0.1:4566/",
        "serviceConnectEndpoint": "http://127.0.0.1:4566/",
    }


def test_every_agent_is_as_new_as_it_can_be(ecs: Ecs) -> None:
    arn = registered(ecs)
    expected = ("NoUpdateAvailableException", "There is no update available for your container agent.")
    assert refused(ecs, arn) == refused(ecs, arn.rpartition("/")[2]) == expected


def test_an_agent_without_a_version_cannot_be_updated(ecs: Ecs) -> None:
    arn = registered(ecs)
    with ecs.store.transaction() as tx:
        instance = tx.get(ContainerInstance, arn)
        assert instance is not None
        tx.put(replace(instance, version_info={"dockerVersion": "DockerVersion: 25.0.8"}))
    assert refused(ecs, arn)[0] == "MissingVersionException"


def test_the_instance_must_be_there(ecs: Ecs) -> None:
    arn = registered(ecs)
    assert refused(ecs, "0" * 32) == ("InvalidParameterException", "Referenced container instance not found.")
    assert refused(ecs, "abc") == ("InvalidParameterException", "containerInstanceId length should be one of [32,36]")
    assert refused(ecs, arn, "nope")[0] == "InvalidParameterException"
    assert refused(ecs, "0" * 32, "nope") == ("ClusterNotFoundException", "Cluster not found.")
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn)
    gone = f"Container instance {arn.rpartition('/')[2]} is inactive."
    assert refused(ecs, arn) == ("ClientException", gone)
