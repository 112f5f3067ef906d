"""A service that is let go: it drains, is INACTIVE, and is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.service_world import (
    INVALID,
    LONG,
    Document,
    begun,
    create,
    described,
    fargate,
    refusal,
    update,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


SHORT = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
}
ASKED: Document = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1}


def test_a_service_that_is_scaled_above_zero_needs_force(sim: Simulation) -> None:
    create(sim, desiredCount=1)
    assert refusal(sim, "DeleteService", service="web") == (
        INVALID,
        "The service cannot be stopped while it is scaled above 0.",
    )
    assert sim.call("DeleteService", service="web", force=True)["service"]["status"] == "DRAINING"


def test_delete_service_answers_the_whole_service_with_a_short_configuration(sim: Simulation) -> None:
    fargate(sim, desiredCount=2)
    sim.settle()
    shown = described(sim)
    document = sim.call("DeleteService", service="web", force=True)["service"]
    assert set(document) == set(shown) - {"currentServiceRevisions"}
    assert document["deploymentConfiguration"] == SHORT
    assert (document["status"], document["desiredCount"], document["runningCount"]) == ("DRAINING", 0, 2)
    assert [one["desiredCount"] for one in document["deployments"]] == [0]
    assert document["events"] == shown["events"] != []


def test_a_second_deployment_of_a_deleted_service_is_draining(sim: Simulation) -> None:
    fargate(sim, desiredCount=1)
    sim.settle()
    update(sim, forceNewDeployment=True)
    document = sim.call("DeleteService", service="web", force=True)["service"]
    assert [one["status"] for one in document["deployments"]] == ["PRIMARY", "DRAINING"]


def test_a_deleted_service_drains_is_inactive_and_is_forgotten_after_a_day(sim: Simulation) -> None:
    fargate(sim, desiredCount=1)
    sim.settle()
    sim.call("DeleteService", service="web", force=True)
    assert sim.call("ListServices") == {"serviceArns": []}
    assert sim.call("DescribeClusters")["clusters"][0]["activeServicesCount"] == 0
    assert sim.call("DeleteService", service="web")["service"]["status"] == "DRAINING"
    assert refusal(sim, "CreateService", **ASKED) == (INVALID, "Unable to Start a service that is still Draining.")
    sim.settle()
    document = described(sim)
    assert (document["status"], document["events"], document["runningCount"]) == ("INACTIVE", [], 0)
    assert [(one["status"], one["rolloutState"]) for one in document["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert document["deploymentConfiguration"] == LONG
    assert len(document["currentServiceRevisions"]) == 1
    assert refusal(sim, "DeleteService", service="web") == ("ServiceNotFoundException", "")
    sim.advance(86_401)
    (failure,) = sim.call("DescribeServices", services=["web"])["failures"]
    assert failure == {"arn": document["serviceArn"], "reason": "MISSING"}


def test_the_same_name_again_begins_without_a_past(sim: Simulation) -> None:
    first = fargate(sim, desiredCount=1)
    sim.settle()
    sim.call("DeleteService", service="web", force=True)
    sim.settle()
    sim.clock.advance(60)
    again = fargate(sim)
    assert again["createdAt"] > first["createdAt"]
    assert again["events"] == [] and len(again["deployments"]) == 1
    assert again["deployments"][0]["id"] != first["deployments"][0]["id"]
    assert sim.call("ListTasks", serviceName="web", desiredStatus="STOPPED")["taskArns"] == []
    assert len(sim.call("ListTasks", desiredStatus="STOPPED")["taskArns"]) == 1


def test_what_never_was_cannot_be_deleted_and_says_nothing_more(sim: Simulation) -> None:
    assert refusal(sim, "DeleteService", service="web") == ("ServiceNotFoundException", "")
    assert refusal(sim, "DeleteService", service="web", cluster="no")[1] == "Cluster not found."
