"""What UpdateService changes and what it refuses; a change of what a task is made of is a new deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.service_world import (
    BLOCKED,
    CLIENT,
    INVALID,
    LONG,
    NETWORK,
    ROLE,
    TARGET,
    Document,
    begun,
    breaker,
    connected,
    create,
    described,
    fargate,
    no_role,
    percents,
    rebalancing,
    refusal,
    update,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


THRESHOLD = "Invalid deployment circuit breaker threshold {}."
SWITCH = (
    "When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider "
    "strategy on a service that is already using one, you must force a new deployment."
)
CPU = {"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}

UPDATE_REFUSALS: list[tuple[Document, str, str]] = [
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ({"service": "nothing"}, "ServiceNotFoundException", "Service not found."),
    ({"cluster": "gone"}, "ClusterNotFoundException", "The referenced cluster was inactive."),
    ({"desiredCount": -1}, INVALID, "Task count can not be lesser than 0"),
    ({"taskDefinition": "nothing"}, CLIENT, "TaskDefinition not found."),
    ({"taskDefinition": "old:1"}, CLIENT, "TaskDefinition is inactive"),
    (
        {"taskDefinition": "vpc"},
        INVALID,
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    (
        {"networkConfiguration": NETWORK},
        INVALID,
        "Network Configuration is not valid for the given networkMode of this task definition.",
    ),
    ({"platformVersion": "LATEST"}, INVALID, "The platform version must be null when specifying an EC2 launch type."),
    ({"deploymentConfiguration": breaker(type="COUNT", value=0)}, INVALID, THRESHOLD.format("value")),
    ({"deploymentConfiguration": breaker(type="MOON", value=1)}, INVALID, THRESHOLD.format("type")),
    ({"propagateTags": "MOON"}, INVALID, "propagateTags should be one of [TASK_DEFINITION,SERVICE,NONE]"),
    ({"healthCheckGracePeriodSeconds": -1}, INVALID, "healthCheckGracePeriodSeconds must be at least 0"),
    ({"placementStrategy": [{"type": "random"}] * 6}, INVALID, "Maximum number of strategies is 5."),
    (connected({"port": 80}, {"port": 81}), INVALID, "2 clientAliases exceeds the max limit of 1"),
    (percents(100, 100), INVALID, BLOCKED),
    ({"deploymentConfiguration": {"maximumPercent": 100}}, INVALID, BLOCKED),
    (percents(0, 100), INVALID, rebalancing("updated")),
    ({"enableExecuteCommand": True}, INVALID, no_role("updated")),
    (
        {"capacityProviderStrategy": [{"capacityProvider": "mine"}]},
        INVALID,
        "The specified capacity provider 'mine' was not found.",
    ),
    ({"loadBalancers": [{**TARGET, "containerPort": 81}]}, INVALID, "The container app did not have a container port 81 defined."),
]  # fmt: skip


@pytest.mark.parametrize(("params", "code", "message"), UPDATE_REFUSALS)
def test_update_service_refuses_in_aws_words(sim: Simulation, params: Document, code: str, message: str) -> None:
    before = create(sim)
    assert refusal(sim, "UpdateService", **{"service": "web", **params}) == (code, message)
    assert described(sim)["deployments"] == before["deployments"]


def test_only_an_active_service_is_updated(sim: Simulation) -> None:
    create(sim)
    sim.call("DeleteService", service="web")
    assert refusal(sim, "UpdateService", service="web") == ("ServiceNotActiveException", "Service was not ACTIVE.")
    sim.settle()
    assert refusal(sim, "UpdateService", service="web") == ("ServiceNotActiveException", "Service was not ACTIVE.")


def test_switching_to_a_strategy_demands_a_forced_deployment(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="f", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    fargate(sim, cluster="f")
    asked = {"service": "web", "cluster": "f", "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
    assert refusal(sim, "UpdateService", **asked) == (INVALID, SWITCH)
    document = sim.call("UpdateService", **asked, forceNewDeployment=True)["service"]
    assert document["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert "launchType" in document["deployments"][1] and "launchType" not in document["deployments"][0]
    back = sim.call("UpdateService", service="web", cluster="f", capacityProviderStrategy=[], forceNewDeployment=True)
    assert back["service"]["launchType"] == "FARGATE"


def test_a_new_deployment_is_first_and_wants_nothing_yet(sim: Simulation) -> None:
    sim.call("CreateCluster", clusterName="default")
    fargate(sim, desiredCount=2)
    sim.settle()
    sim.clock.advance(60)
    document = update(sim, forceNewDeployment=True)
    new, old = document["deployments"]
    assert (new["status"], new["desiredCount"], new["runningCount"], new["rolloutState"]) == (
        "PRIMARY", 0, 0, "IN_PROGRESS",
    )  # fmt: skip
    assert (old["status"], old["desiredCount"], old["runningCount"], old["rolloutState"]) == (
        "ACTIVE", 2, 2, "COMPLETED",
    )  # fmt: skip
    assert new["updatedAt"] == old["updatedAt"] == sim.clock.now()
    assert (document["runningCount"], document["pendingCount"]) == (2, 0)
    assert [one["arn"].rpartition("/")[2] for one in document["currentServiceRevisions"]] == [
        one["id"].removeprefix("ecs-svc/") for one in document["deployments"]
    ]
    assert "currentServiceDeployment" not in document
    ongoing = described(sim)["currentServiceDeployment"]
    assert ":service-deployment/default/web/" in ongoing
    sim.settle()
    assert "currentServiceDeployment" not in described(sim)


NEW_DEPLOYMENT: list[tuple[Document, bool]] = [
    ({"forceNewDeployment": True}, True),
    ({"taskDefinition": "vpc"}, True),
    ({"taskDefinition": "vpc:1"}, False),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-2"]}}}, True),
    ({"networkConfiguration": NETWORK}, False),
    ({"platformVersion": "1.3.0"}, True),
    ({"loadBalancers": [TARGET]}, True),
    ({"serviceRegistries": [{"registryArn": "arn:sd"}]}, True),
    (connected({"port": 80}), True),
    ({"vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "t", "portName": "http"}]}, True),
    ({"monitoring": {"metricConfigurations": [CPU]}}, True),
    ({"monitoring": {"metricConfigurations": []}}, False),
    ({"monitoring": {}}, False),
    ({"desiredCount": 3}, False),
    ({"placementConstraints": [], "placementStrategy": []}, False),
    ({"enableExecuteCommand": False}, False),
    ({"deploymentConfiguration": {"bakeTimeInMinutes": 5}}, False),
    ({"deploymentConfiguration": {"maximumPercent": 150}}, False),
    ({"healthCheckGracePeriodSeconds": 9}, False),
    ({"enableECSManagedTags": True}, False),
    ({"propagateTags": "SERVICE"}, False),
    ({"availabilityZoneRebalancing": "DISABLED"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("params", "expected"), NEW_DEPLOYMENT)
def test_what_a_task_is_made_of_makes_a_new_deployment_and_nothing_else_does(
    sim: Simulation, params: Document, expected: bool
) -> None:
    fargate(sim)
    if params == {"taskDefinition": "vpc"}:
        sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
        sim.call("RegisterTaskDefinition", family="vpc", containerDefinitions=[{"name": "a", "image": "i"}], **sizes)
    assert (len(update(sim, **params)["deployments"]) == 2) is expected


def test_what_is_given_replaces_what_is_not_stays_and_an_empty_list_removes(sim: Simulation) -> None:
    strategy = [{"type": "spread", "field": "instanceId"}]
    create(sim, placementStrategy=strategy, placementConstraints=[{"type": "distinctInstance"}])
    document = update(sim, placementConstraints=[], deploymentConfiguration={"maximumPercent": 150})
    assert document["placementStrategy"] == strategy
    assert document["placementConstraints"] == []
    assert document["deploymentConfiguration"] == {**LONG, "maximumPercent": 150}


def test_the_circuit_breaker_is_merged_inside_and_rollback_goes_off_with_it(sim: Simulation) -> None:
    on = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1}}
    create(sim, deploymentConfiguration={"deploymentCircuitBreaker": {**on, "resetOnHealthyTask": False}})
    off = update(sim, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": False, "rollback": True}})
    assert off["deploymentConfiguration"]["deploymentCircuitBreaker"] == {
        "enable": False,
        "rollback": False,
        "resetOnHealthyTask": False,
        "thresholdConfiguration": {"type": "COUNT", "value": 1},
    }


def test_volumes_make_a_new_deployment_where_they_differ(sim: Simulation) -> None:
    disk: Document = {"name": "data", "managedEBSVolume": {"roleArn": ROLE, "sizeInGiB": 1}}
    larger = {**disk, "managedEBSVolume": {"roleArn": ROLE, "sizeInGiB": 2}}
    create(sim, taskDefinition="disk", volumeConfigurations=[disk])
    assert len(update(sim, volumeConfigurations=[disk])["deployments"]) == 1
    assert len(update(sim, volumeConfigurations=[larger])["deployments"]) == 2


def test_a_resolution_stays_without_a_word_and_an_empty_list_is_the_default_again(sim: Simulation) -> None:
    fargate(sim, monitoring={"metricConfigurations": [CPU]})
    assert len(update(sim, desiredCount=1)["deployments"]) == 1
    same = update(sim, monitoring={"metricConfigurations": [CPU]})
    assert len(same["deployments"]) == 1 and "monitoring" not in same
    reset = update(sim, monitoring={"metricConfigurations": []})
    new, old = [one["arn"] for one in reset["currentServiceRevisions"]]
    shown = sim.call("DescribeServiceRevisions", serviceRevisionArns=[new, old])["serviceRevisions"]
    assert [one["monitoring"]["metricConfigurations"] for one in shown] == [[], [CPU]]


def test_scaling_out_is_answered_before_the_scheduler_follows(sim: Simulation) -> None:
    fargate(sim)
    sim.settle()
    document = update(sim, desiredCount=1)
    assert (document["desiredCount"], document["deployments"][0]["desiredCount"]) == (1, 0)
    sim.settle()
    assert described(sim)["deployments"][0]["desiredCount"] == 1


def test_a_plain_scale_moves_the_updated_time_and_leaves_the_rollout_completed(sim: Simulation) -> None:
    fargate(sim, desiredCount=1)
    sim.settle()
    sim.clock.advance(60)
    document = update(sim, desiredCount=0)
    (deployment,) = document["deployments"]
    assert (document["desiredCount"], document["runningCount"], deployment["desiredCount"]) == (0, 1, 1)
    assert (deployment["rolloutState"], deployment["updatedAt"]) == ("COMPLETED", sim.clock.now())
    sim.settle()
    assert described(sim)["deployments"][0]["desiredCount"] == 0
