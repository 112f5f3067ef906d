"""What CreateService answers: the documents as they were recorded, the defaults, and the same request again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.service_world import (
    BREAKER,
    CLASSIC,
    INVALID,
    LONG,
    VPC,
    Document,
    begun,
    connected,
    create,
    described,
    fargate,
    percents,
    refusal,
    update,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


def test_create_service_on_ec2_answers_exactly_these_members(sim: Simulation) -> None:
    document = create(sim)
    arn = "arn:aws:ecs:us-east-1:123456789012:service/default/web"
    definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"
    (deployment,) = document["deployments"]
    number = deployment["id"].removeprefix("ecs-svc/")
    assert len(number) == 19 and number.isdigit()
    now = sim.clock.now()
    assert document == {
        "serviceArn": arn,
        "serviceName": "web",
        "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/default",
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": 0,
        "runningCount": 0,
        "pendingCount": 0,
        "launchType": "EC2",
        "taskDefinition": definition,
        "deploymentConfiguration": LONG,
        "deployments": [
            {
                "id": f"ecs-svc/{number}",
                "status": "PRIMARY",
                "taskDefinition": definition,
                "desiredCount": 0,
                "pendingCount": 0,
                "runningCount": 0,
                "failedTasks": 0,
                "createdAt": now,
                "updatedAt": now,
                "launchType": "EC2",
                "rolloutState": "IN_PROGRESS",
                "rolloutStateReason": f"ECS deployment ecs-svc/{number} in progress.",
            }
        ],
        "events": [],
        "createdAt": now,
        "currentServiceRevisions": [
            {
                "arn": f"arn:aws:ecs:us-east-1:123456789012:service-revision/default/web/{number}",
                "requestedTaskCount": 0,
                "runningTaskCount": 0,
                "pendingTaskCount": 0,
            }
        ],
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "createdBy": "arn:aws:iam::123456789012:root",
        "enableECSManagedTags": False,
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        "availabilityZoneRebalancing": "ENABLED",
        "resourceManagementType": "CUSTOMER",
    }


def test_on_fargate_there_are_a_platform_a_role_and_a_network_besides(sim: Simulation) -> None:
    on_ec2 = create(sim, serviceName="other")
    document = fargate(sim)
    added = {"platformVersion", "platformFamily", "roleArn", "networkConfiguration"}
    assert set(document) == set(on_ec2) | added
    assert (document["platformVersion"], document["platformFamily"]) == ("LATEST", "Linux")
    assert document["roleArn"].endswith(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
    assert document["networkConfiguration"] == network
    (deployment,) = document["deployments"]
    assert (deployment["platformVersion"], deployment["platformFamily"]) == ("1.4.0", "Linux")
    assert deployment["networkConfiguration"] == network


def test_tags_are_echoed_when_given_and_shown_only_when_asked_for(sim: Simulation) -> None:
    given = [{"key": "b", "value": "1"}, {"key": "a", "value": "2"}]
    assert create(sim, tags=given)["tags"] == given
    assert "tags" not in described(sim)
    assert described(sim, include=["TAGS"])["tags"] == sorted(given, key=lambda tag: tag["key"])
    assert "tags" not in update(sim, desiredCount=1)
    assert "tags" not in sim.call("DeleteService", service="web", force=True)["service"]


def test_the_latest_active_revision_is_meant_by_a_family(sim: Simulation) -> None:
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "a", "image": "i", "memory": 64}])
    assert create(sim)["taskDefinition"].endswith(":task-definition/web:2")


def test_a_strategy_is_echoed_whole_instead_of_the_launch_type(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="spot", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    document = create(sim, cluster="spot", **VPC, capacityProviderStrategy=strategy)
    whole = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    assert document["capacityProviderStrategy"] == document["deployments"][0]["capacityProviderStrategy"] == whole
    assert "launchType" not in document and "launchType" not in document["deployments"][0]
    assert document["platformVersion"] == "LATEST"


def test_without_launch_type_the_clusters_default_strategy_counts(sim: Simulation) -> None:
    default = [{"capacityProvider": "FARGATE", "weight": 1}]
    sim.call("CreateCluster", clusterName="f", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=default)
    document = create(sim, cluster="f", **VPC)
    assert document["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]


def test_a_lone_provider_needs_no_weight(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="f", capacityProviders=["FARGATE"])
    document = create(sim, cluster="f", **VPC, capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])
    assert document["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 0, "base": 0}]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "ENABLED"),
        ({"availabilityZoneRebalancing": "DISABLED"}, "DISABLED"),
        (percents(0, 100), "DISABLED"),
        ({"placementStrategy": [{"type": "binpack", "field": "cpu"}]}, "DISABLED"),
        ({"placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}]}, "ENABLED"),
        ({"loadBalancers": [CLASSIC]}, "DISABLED"),
        ({"schedulingStrategy": "DAEMON", "desiredCount": None}, "DISABLED"),
    ],
)
def test_zones_are_balanced_unless_something_speaks_against_it(
    sim: Simulation, params: Document, expected: str
) -> None:
    given = {name: value for name, value in {"desiredCount": 0, **params}.items() if value is not None}
    asked = {"serviceName": "web", "taskDefinition": "web", **given}
    assert sim.call("CreateService", **asked)["service"]["availabilityZoneRebalancing"] == expected


CONFIGURATIONS: list[Document] = [
    {"deploymentCircuitBreaker": {**BREAKER, "thresholdConfiguration": {"type": "COUNT", "value": 1}}},
    {"deploymentCircuitBreaker": {**BREAKER, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 1}}},
    {"deploymentCircuitBreaker": {**BREAKER, "thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 100}}},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_a_threshold_within_its_limits_is_echoed_though_the_breaker_is_off(
    sim: Simulation, configuration: Document
) -> None:
    assert create(sim, deploymentConfiguration=configuration)["deploymentConfiguration"] == {**LONG, **configuration}


def test_a_grace_period_needs_no_load_balancer(sim: Simulation) -> None:
    assert create(sim, healthCheckGracePeriodSeconds=30)["healthCheckGracePeriodSeconds"] == 30


def test_of_a_classic_load_balancer_no_rollout_is_told(sim: Simulation) -> None:
    (deployment,) = create(sim, loadBalancers=[CLASSIC])["deployments"]
    assert not {"rolloutState", "rolloutStateReason"} & set(deployment)


def test_what_a_service_shares_by_service_connect_is_echoed_by_its_deployment_and_revision(sim: Simulation) -> None:
    asked = connected({"port": 80, "dnsName": "web.shop_1"})
    document = create(sim, **asked)
    assert document["deployments"][0]["serviceConnectConfiguration"] == asked["serviceConnectConfiguration"]
    arn = document["currentServiceRevisions"][0]["arn"]
    (revision,) = sim.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    assert revision["serviceConnectConfiguration"] == asked["serviceConnectConfiguration"]


WINDOWS = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "1024", "memory": "2048"}


def test_windows_on_fargate_has_a_platform_of_its_own(sim: Simulation) -> None:
    container = {"name": "app", "image": "img"}
    sim.call("RegisterTaskDefinition", family="win", containerDefinitions=[container], runtimePlatform=WINDOWS, **SIZES)
    document = fargate(sim, taskDefinition="win", desiredCount=1)
    family = "WINDOWS_SERVER_2022_CORE"
    assert (document["platformVersion"], document["platformFamily"]) == ("LATEST", family)
    arn = document["currentServiceRevisions"][0]["arn"]
    (revision,) = sim.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    for shown in (document["deployments"][0], revision):
        assert (shown["platformVersion"], shown["platformFamily"]) == ("1.0.0", family)
    sim.settle()
    (task,) = sim.tasks()
    assert (task.platform_version, task.platform_family) == ("1.0.0", family)


# --- idempotency ----------------------------------------------------------------------------------------------------

NOT_IDEMPOTENT = (INVALID, "Creation of service was not idempotent.")
ASKED: Document = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1}


def test_the_same_token_and_words_answer_the_same_service(sim: Simulation) -> None:
    first = create(sim, clientToken="t", desiredCount=1, tags=[{"key": "a", "value": "1"}])
    again = create(sim, clientToken="t", desiredCount=1, tags=[{"key": "b", "value": "2"}])
    assert again["deployments"][0]["id"] == first["deployments"][0]["id"]
    assert again["tags"] == [{"key": "a", "value": "1"}]


@pytest.mark.parametrize(
    "other", [{}, {"clientToken": "u"}, {"clientToken": "t", "desiredCount": 2}, {"clientToken": "t", "role": None}]
)
def test_anything_else_under_the_same_name_is_not_idempotent(sim: Simulation, other: Document) -> None:
    create(sim, clientToken="t", desiredCount=1)
    given = {name: value for name, value in {**ASKED, **other}.items() if value is not None}
    if given == {**ASKED, "clientToken": "t"}:
        assert sim.call("CreateService", **given)["service"]["status"] == "ACTIVE"
    else:
        assert refusal(sim, "CreateService", **given) == NOT_IDEMPOTENT
    assert described(sim)["desiredCount"] == 1


def test_the_same_token_with_another_name_is_another_service(sim: Simulation) -> None:
    create(sim, clientToken="t")
    create(sim, clientToken="t", serviceName="other")
    assert len(sim.call("ListServices")["serviceArns"]) == 2
