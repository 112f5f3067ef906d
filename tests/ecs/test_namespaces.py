"""Services that share a namespace of Service Connect are found by it, whatever their cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ecs.running import ARN, INVALID, refusal
from tests.simulation import Simulation

NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-0123456789abcdef"
UNKNOWN = ("NamespaceNotFoundException", "The specified namespace wasn't found.")


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    sim.call("CreateCluster", clusterName="meshed", serviceConnectDefaults={"namespace": "internal"})
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "a", "image": "i", "memory": 64}])
    yield sim
    sim.close()


def create(sim: Simulation, name: str, connect: dict[str, Any] | None, cluster: str = "default") -> None:
    asked = {"serviceConnectConfiguration": connect} if connect is not None else {}
    sim.call("CreateService", serviceName=name, cluster=cluster, taskDefinition="web", desiredCount=0, **asked)


def listed(sim: Simulation, namespace: str = "internal") -> set[str]:
    return {arn.removeprefix(ARN) for arn in sim.call("ListServicesByNamespace", namespace=namespace)["serviceArns"]}


def test_services_of_all_clusters_are_found_by_the_name_that_they_share(sim: Simulation) -> None:
    create(sim, "named", {"enabled": True, "namespace": "internal"})
    create(sim, "by-default", {"enabled": True}, "meshed")
    create(sim, "off", {"enabled": False, "namespace": "internal"})
    create(sim, "elsewhere", {"enabled": True, "namespace": "other"})
    create(sim, "plain", None)
    assert listed(sim) == {"service/default/named", "service/meshed/by-default"}
    assert listed(sim, "other") == {"service/default/elsewhere"}
    (cluster,) = sim.call("DescribeClusters", clusters=["meshed"])["clusters"]
    assert listed(sim, cluster["serviceConnectDefaults"]["namespace"]) == listed(sim)


def test_a_namespace_is_known_from_the_first_that_names_it(sim: Simulation) -> None:
    assert refusal(sim, "ListServicesByNamespace", namespace=NAMESPACE) == UNKNOWN
    assert refusal(sim, "ListServicesByNamespace", namespace="other") == UNKNOWN
    assert listed(sim) == set()
    create(sim, "web", {"enabled": True, "namespace": NAMESPACE})
    assert listed(sim, NAMESPACE) == {"service/default/web"}
    sim.call("UpdateCluster", cluster="default", serviceConnectDefaults={"namespace": "other"})
    assert listed(sim, "other") == set()


def test_a_service_that_changes_its_namespace_is_found_by_the_new_one(sim: Simulation) -> None:
    create(sim, "web", {"enabled": True, "namespace": "internal"})
    create(sim, "gone", {"enabled": True, "namespace": "internal"})
    sim.call("UpdateService", service="web", serviceConnectConfiguration={"enabled": True, "namespace": "other"})
    sim.call("DeleteService", service="gone")
    assert (listed(sim), listed(sim, "other")) == (set(), {"service/default/web"})
    sim.call("UpdateService", service="web", desiredCount=1)
    assert listed(sim, "other") == {"service/default/web"}
    sim.call("UpdateService", service="web", serviceConnectConfiguration={"enabled": False})
    assert listed(sim, "other") == set()


def test_a_page_has_ten_services_unless_more_are_asked_for(sim: Simulation) -> None:
    for number in range(12):
        create(sim, f"web-{number}", {"enabled": True}, "meshed")
    first = sim.call("ListServicesByNamespace", namespace="internal")
    rest = sim.call("ListServicesByNamespace", namespace="internal", nextToken=first["nextToken"])
    assert (len(first["serviceArns"]), len(rest["serviceArns"])) == (10, 2)
    assert len({*first["serviceArns"], *rest["serviceArns"]}) == 12
    assert len(sim.call("ListServicesByNamespace", namespace="internal", maxResults=100)["serviceArns"]) == 12


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"namespace": ""}, (INVALID, "Namespace can not be blank.")),
        ({"namespace": "internal", "maxResults": 101}, (INVALID, "Max results can not be greater than 100")),
        ({"namespace": "internal", "maxResults": 0}, (INVALID, "maxResults must be between 1 and 100")),
        ({"namespace": "internal", "nextToken": "odd"}, (INVALID, "Invalid next token.")),
    ],
)
def test_what_the_list_refuses(sim: Simulation, params: dict[str, Any], error: tuple[str, str]) -> None:
    assert refusal(sim, "ListServicesByNamespace", **params) == error


def test_service_connect_without_any_namespace_is_refused(sim: Simulation) -> None:
    asked = {"taskDefinition": "web", "desiredCount": 0, "serviceConnectConfiguration": {"enabled": True}}
    assert refusal(sim, "CreateService", serviceName="web", **asked) == (INVALID, "Namespace is missing")
    create(sim, "web", None)
    refused = refusal(sim, "UpdateService", service="web", serviceConnectConfiguration={"enabled": True})
    assert refused == (INVALID, "Namespace is missing")
