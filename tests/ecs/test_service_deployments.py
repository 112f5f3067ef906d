"""Service deployments and revisions: the documents of a roll-out while it goes on and when it is over, and the refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.records.tasks import Task
from ecs_emulator.rules.failures import threshold
from tests.simulation import Refused, Simulation

P = "arn:aws:ecs:us-east-1:123456789012"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture
def sim(tmp_path: Path) -> Simulation:
    found = Simulation(tmp_path)
    found.call("CreateCluster")
    define(found)
    return found


def define(sim: Simulation) -> None:
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call("RegisterTaskDefinition", family="app", containerDefinitions=[{"name": "app", "image": "app:1"}], **sizes)


def create(sim: Simulation, name: str = "web", desired: int = 2, **more: Any) -> dict[str, Any]:
    service = sim.call(
        "CreateService",
        serviceName=name,
        taskDefinition="app",
        desiredCount=desired,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        **more,
    )
    return dict(service["service"])


def redeploy(sim: Simulation, times: int = 1) -> None:
    for _ in range(times):
        sim.clock.advance(1)
        sim.call("UpdateService", service="web", forceNewDeployment=True)
        sim.advance(60)


def listed(sim: Simulation, **more: Any) -> list[dict[str, Any]]:
    return list(sim.call("ListServiceDeployments", **{"service": "web", **more})["serviceDeployments"])


def described(sim: Simulation, *arns: str) -> list[dict[str, Any]]:
    answer = sim.call("DescribeServiceDeployments", serviceDeploymentArns=list(arns))
    assert answer["failures"] == []
    return list(answer["serviceDeployments"])


def revisions(sim: Simulation, *arns: str) -> list[dict[str, Any]]:
    return list(sim.call("DescribeServiceRevisions", serviceRevisionArns=list(arns))["serviceRevisions"])


# --- deployments ----------------------------------------------------------------------------------


def test_a_first_deployment_is_shown_from_its_start_to_its_end(sim: Simulation) -> None:
    began = sim.clock.now()
    service = create(sim, deploymentConfiguration=BREAKER)
    number = service["deployments"][0]["id"].removeprefix("ecs-svc/")
    (brief,) = listed(sim)
    revision = f"{P}:service-revision/default/web/{number}"
    arn = brief["serviceDeploymentArn"]
    assert arn.startswith(f"{P}:service-deployment/default/web/")
    assert brief == {
        "serviceDeploymentArn": arn,
        "serviceArn": service["serviceArn"],
        "clusterArn": f"{P}:cluster/default",
        "startedAt": began,
        "createdAt": began,
        "targetServiceRevisionArn": revision,
        "status": "IN_PROGRESS",
    }
    (before,) = described(sim, arn)
    assert before["deploymentCircuitBreaker"] == {"status": "MONITORING", "failureCount": 0, "threshold": 3}
    sim.advance(60)
    (shown,) = described(sim, arn)
    finished = shown["finishedAt"]
    del brief["targetServiceRevisionArn"]
    assert shown == {
        **brief,
        "finishedAt": finished,
        "updatedAt": finished,
        "sourceServiceRevisions": [],
        "targetServiceRevision": {
            "arn": revision,
            "requestedTaskCount": 2,
            "runningTaskCount": 2,
            "pendingTaskCount": 0,
        },
        "status": "SUCCESSFUL",
        "deploymentConfiguration": service["deploymentConfiguration"],
        "deploymentCircuitBreaker": {"status": "MONITORING_COMPLETE", "failureCount": 0, "threshold": 3},
        "alarms": {"status": "DISABLED"},
    }


def test_an_update_names_what_it_replaces_and_how_far_it_has_come(sim: Simulation) -> None:
    create(sim)
    sim.advance(60)
    sim.call("UpdateService", service="web", forceNewDeployment=True)
    newest, oldest = listed(sim)
    (shown,) = described(sim, newest["serviceDeploymentArn"])
    (source,) = shown["sourceServiceRevisions"]
    assert source["arn"] == oldest["targetServiceRevisionArn"]
    assert (source["requestedTaskCount"], source["runningTaskCount"]) == (2, 2)
    assert shown["targetServiceRevision"]["runningTaskCount"] == 0
    assert shown["deploymentCircuitBreaker"]["status"] == "DISABLED"
    sim.advance(60)
    (shown,) = described(sim, newest["serviceDeploymentArn"])
    assert shown["status"] == "SUCCESSFUL"
    assert shown["targetServiceRevision"]["runningTaskCount"] == 2
    assert [each["runningTaskCount"] for each in shown["sourceServiceRevisions"]] == [0]


def test_a_deployment_that_another_overtakes_is_stopped(sim: Simulation) -> None:
    create(sim)
    sim.clock.advance(1)
    sim.call("UpdateService", service="web", forceNewDeployment=True)
    assert [each["status"] for each in listed(sim)] == ["IN_PROGRESS", "STOP_REQUESTED"]
    sim.advance(60)
    newest, oldest = listed(sim)
    assert (newest["status"], oldest["status"]) == ("SUCCESSFUL", "STOPPED")
    (shown,) = described(sim, oldest["serviceDeploymentArn"])
    assert "stoppedAt" in shown
    assert "finishedAt" not in shown


def test_deployments_are_listed_newest_first_by_page_by_status_and_by_time(sim: Simulation) -> None:
    create(sim, desired=0)
    sim.advance(60)
    redeploy(sim, 4)
    everything = listed(sim)
    times = [each["createdAt"] for each in everything]
    assert times == sorted(times, reverse=True)
    assert len(times) == 5
    first = sim.call("ListServiceDeployments", service="web", maxResults=2)
    redeploy(sim)
    second = sim.call("ListServiceDeployments", service="web", maxResults=2, nextToken=first["nextToken"])
    last = sim.call("ListServiceDeployments", service="web", maxResults=2, nextToken=second["nextToken"])
    pages = [page["serviceDeployments"] for page in (first, second, last)]
    assert [each for page in pages for each in page] == everything
    assert "nextToken" not in last
    assert listed(sim, status=["SUCCESSFUL"])[1:] == everything
    assert listed(sim, status=["STOPPED", "PENDING"]) == []
    between = {"before": times[0], "after": times[3]}
    assert [each["createdAt"] for each in listed(sim, createdAt=between)] == times[1:3]
    assert listed(sim, createdAt={"after": sim.clock.now()}) == []


def test_an_unknown_deployment_is_a_failure_and_a_known_one_is_answered_once(sim: Simulation) -> None:
    create(sim)
    (brief,) = listed(sim)
    known = brief["serviceDeploymentArn"]
    unknown = [f"{P}:service-deployment/default/web/x", f"{P}:service-deployment/other/web/x"]
    answer = sim.call("DescribeServiceDeployments", serviceDeploymentArns=[unknown[0], known, known, unknown[1]])
    assert [each["serviceDeploymentArn"] for each in answer["serviceDeployments"]] == [known]
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"} for arn in unknown]


def test_deployments_go_with_their_service(sim: Simulation) -> None:
    create(sim, desired=0)
    sim.advance(60)
    (brief,) = listed(sim)
    sim.call("DeleteService", service="web")
    sim.advance(60)
    with pytest.raises(Refused, match="ServiceNotFoundException: Service not found"):
        listed(sim)
    answer = sim.call("DescribeServiceDeployments", serviceDeploymentArns=[brief["serviceDeploymentArn"]])
    assert [each["reason"] for each in answer["failures"]] == ["MISSING"]


THRESHOLDS: list[tuple[dict[str, Any], int, int]] = [
    ({}, 1, 3),
    ({}, 2, 3),
    ({}, 6, 3),
    ({}, 7, 4),
    ({}, 25, 13),
    ({}, 400, 200),
    ({}, 800, 200),
    ({"type": "UNBOUNDED_PERCENT", "value": 50}, 800, 400),
    ({"type": "UNBOUNDED_PERCENT", "value": 50}, 0, 1),
    ({"type": "COUNT", "value": 7}, 1, 7),
    ({"type": "BOUNDED_PERCENT", "value": 100}, 5, 5),
]


@pytest.mark.parametrize(("configuration", "desired", "expected"), THRESHOLDS)
def test_the_threshold_follows_the_desired_count(configuration: dict[str, Any], desired: int, expected: int) -> None:
    assert threshold({"thresholdConfiguration": configuration}, desired) == expected


# --- revisions ------------------------------------------------------------------------------------


def test_a_first_revision_shows_what_was_asked_for_and_its_images(sim: Simulation) -> None:
    began = sim.clock.now()
    service = create(sim)
    (summary,) = service["currentServiceRevisions"]
    (shown,) = revisions(sim, summary["arn"])
    assert shown == {
        "serviceRevisionArn": summary["arn"],
        "serviceArn": service["serviceArn"],
        "clusterArn": f"{P}:cluster/default",
        "taskDefinition": f"{P}:task-definition/app:1",
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": NETWORK,
        "containerImages": [{"containerName": "app", "image": "app:1"}],
        "guardDutyEnabled": False,
        "createdAt": began,
    }


def test_the_digest_is_that_of_what_ran(sim: Simulation) -> None:
    (summary,) = create(sim)["currentServiceRevisions"]
    sim.advance(60)
    with sim.store.snapshot() as tx:
        tasks = tx.find(Task)
    digest = tasks[0].containers[0].image_digest
    (shown,) = revisions(sim, summary["arn"])
    expected = {"containerName": "app", "image": "app:1"} | ({"imageDigest": digest} if digest else {})
    assert shown["containerImages"] == [expected]


def test_a_later_revision_has_its_images_when_its_deployment_is_complete(sim: Simulation) -> None:
    create(sim)
    sim.advance(60)
    sim.clock.advance(1)
    sim.call("UpdateService", service="web", forceNewDeployment=True)
    arn = listed(sim)[0]["targetServiceRevisionArn"]
    (shown,) = revisions(sim, arn)
    assert (shown["loadBalancers"], shown["serviceRegistries"]) == ([], [])
    assert "containerImages" not in shown
    sim.advance(60)
    (shown,) = revisions(sim, arn)
    assert [each["containerName"] for each in shown["containerImages"]] == ["app"]


def test_a_strategy_stands_in_the_place_of_the_launch_type(sim: Simulation) -> None:
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    sim.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[],
    )
    service = sim.call(
        "CreateService",
        serviceName="web",
        taskDefinition="app",
        desiredCount=0,
        capacityProviderStrategy=strategy,
        networkConfiguration=NETWORK,
    )["service"]
    (shown,) = revisions(sim, service["currentServiceRevisions"][0]["arn"])
    assert shown["capacityProviderStrategy"] == strategy
    assert "launchType" not in shown


def test_an_unknown_revision_is_a_failure_each_time_it_is_named(sim: Simulation) -> None:
    (summary,) = create(sim)["currentServiceRevisions"]
    unknown = f"{P}:service-revision/default/web/1"
    asked = [unknown, summary["arn"], unknown, summary["arn"]]
    answer = sim.call("DescribeServiceRevisions", serviceRevisionArns=asked)
    assert [each["serviceRevisionArn"] for each in answer["serviceRevisions"]] == [summary["arn"]]
    assert answer["failures"] == [{"arn": unknown, "reason": "MISSING"}] * 2


def test_revisions_of_a_draining_service_are_still_there_of_an_inactive_one_not(sim: Simulation) -> None:
    (summary,) = create(sim)["currentServiceRevisions"]
    sim.settle()
    sim.call("DeleteService", service="web", force=True)
    assert len(revisions(sim, summary["arn"])) == 1
    sim.advance(120)
    with pytest.raises(Refused, match="Cannot call DescribeServiceRevisions for a service that is INACTIVE"):
        revisions(sim, summary["arn"])
    sim.call("DeleteCluster", cluster="default")
    with pytest.raises(Refused, match="The referenced cluster was inactive"):
        revisions(sim, summary["arn"])


# --- refusals -------------------------------------------------------------------------------------

INVALID = "InvalidParameterException"
NO_ARN = (INVALID, "The Service ARN provided is invalid.")
BAD_REVISION = (INVALID, "The ServiceRevision ARN is invalid.")
BAD_DEPLOYMENT = (INVALID, "The ServiceDeployment ARN is invalid.")
NO_CLUSTER = ("ClusterNotFoundException", "Cluster not found.")
NO_SERVICE = ("ServiceNotFoundException", "Service not found.")
REVISION = f"{P}:service-revision/default/web/1"
CROSS = "Cross service requests are not allowed. All requested service revisions must be for a single service"
STATUSES = (
    "PENDING,IN_PROGRESS,STOP_REQUESTED,ROLLBACK_REQUESTED,ROLLBACK_IN_PROGRESS,SUCCESSFUL,STOPPED,ROLLBACK_SUCCESSFUL,"
    "ROLLBACK_FAILED"
)

REFUSED_REVISIONS: list[tuple[list[str], tuple[str, str]]] = [
    ([], NO_ARN),
    (["web"], NO_ARN),
    ([REVISION, "web"], NO_ARN),
    ([REVISION] * 21, (INVALID, "Service Revision ARN count cannot exceed 20")),
    (["arn:aws:ecs:eu-west-1:123456789012:service-revision/default/web/1"], BAD_REVISION),
    (["arn:aws:ecs:us-east-1:111122223333:service-revision/default/web/1"], BAD_REVISION),
    ([f"{P}:service-revision/default/web/x1"], BAD_REVISION),
    ([f"{P}:service-revision/web/1"], BAD_REVISION),
    ([f"{P}:service/default/web"], BAD_REVISION),
    ([REVISION, f"{P}:service-revision/default/api/1"], (INVALID, CROSS)),
    ([f"{P}:service-revision/nope/web/1"], NO_CLUSTER),
    ([REVISION], NO_SERVICE),
]


@pytest.mark.parametrize(("arns", "expected"), REFUSED_REVISIONS)
def test_revisions_are_refused_as_recorded(sim: Simulation, arns: list[str], expected: tuple[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        sim.call("DescribeServiceRevisions", serviceRevisionArns=arns)
    assert (refused.value.code, refused.value.message) == expected


REFUSED: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("DescribeServiceDeployments", {}, NO_ARN),
    ("DescribeServiceRevisions", {}, NO_ARN),
    ("DescribeServiceDeployments", {"serviceDeploymentArns": []}, NO_ARN),
    ("DescribeServiceDeployments", {"serviceDeploymentArns": ["web"]}, NO_ARN),
    ("DescribeServiceDeployments", {"serviceDeploymentArns": [REVISION]}, BAD_DEPLOYMENT),
    (
        "DescribeServiceDeployments",
        {"serviceDeploymentArns": [f"{P}:service-deployment/default/web/x"] * 21},
        (INVALID, "Service Deployment ARN count cannot exceed 20"),
    ),
    ("ListServiceDeployments", {"service": "nope"}, NO_SERVICE),
    ("ListServiceDeployments", {"service": "web", "cluster": "nope"}, NO_CLUSTER),
    (
        "ListServiceDeployments",
        {"service": f"{P}:service/other/web"},
        (INVALID, "Invalid identifier: Identifier is for cluster other. Your cluster is default"),
    ),
    (
        "ListServiceDeployments",
        {"service": "known", "maxResults": 101},
        (INVALID, "maxResults must be between 1 and 100"),
    ),
    ("ListServiceDeployments", {"service": "known", "nextToken": "x"}, (INVALID, "Invalid next token.")),
    (
        "ListServiceDeployments",
        {"service": "known", "status": ["DONE"]},
        (INVALID, f"status should be one of [{STATUSES}]"),
    ),
]


@pytest.mark.parametrize(("operation", "params", "expected"), REFUSED)
def test_refusals_name_the_cause(
    sim: Simulation, operation: str, params: dict[str, Any], expected: tuple[str, str]
) -> None:
    create(sim, "known", desired=0)
    with pytest.raises(Refused) as refused:
        sim.call(operation, **params)
    assert (refused.value.code, refused.value.message) == expected
