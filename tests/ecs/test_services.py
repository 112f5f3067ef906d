"""Services as asked for, changed and let go: AWS's refusals in AWS's order, and the documents as they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from tests.simulation import Refused, Simulation

INVALID, CLIENT = "InvalidParameterException", "ClientException"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
ROLE = "arn:aws:iam::123456789012:role/task"
Document = dict[str, Any]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path, instances=Instances.NONE)
    sim.call("CreateCluster", clusterName="default")
    sim.call("CreateCluster", clusterName="gone")
    sim.call("DeleteCluster", cluster="gone")
    container = {"name": "app", "image": "img", "memory": 64, "portMappings": [{"containerPort": 80}]}
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    sim.call("RegisterTaskDefinition", family="vpc", containerDefinitions=[container], **sizes)
    sim.call("RegisterTaskDefinition", family="old", containerDefinitions=[container])
    sim.call("DeregisterTaskDefinition", taskDefinition="old:1")
    yield sim
    sim.close()


def create(sim: Simulation, **params: Any) -> Document:
    document: Document = sim.call(
        "CreateService", **{"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, **params}
    )["service"]
    return document


def fargate(sim: Simulation, **params: Any) -> Document:
    asked = {"taskDefinition": "vpc", "launchType": "FARGATE", "networkConfiguration": NETWORK}
    return create(sim, **{**asked, **params})


def update(sim: Simulation, **params: Any) -> Document:
    document: Document = sim.call("UpdateService", service="web", **params)["service"]
    return document


def described(sim: Simulation, name: str = "web", **params: Any) -> Document:
    (found,) = sim.call("DescribeServices", services=[name], **params)["services"]
    document: Document = found
    return document


def refusal(sim: Simulation, operation: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        sim.call(operation, **params)
    return refused.value.code, refused.value.message


# --- CreateService refuses ------------------------------------------------------------------------------------------

BLOCKED = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
REBALANCING = (
    "The service couldn't be {} because Availability Zone Rebalancing does not support maximumPercent <= 100 % as "
    "deployment configuration. Update deployment configuration and try again."
)
EXEC = (
    "The service couldn't be {} because a valid taskRoleArn is not being used. "
    "Specify a valid task role in your task definition and try again."
)
BOTH = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
BOTH_BALANCERS = (
    "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a loadBalancerName or a "
    "targetGroupArn in all loadBalancer entries"
)
TYPES = "launch type should be one of [EC2,FARGATE,EXTERNAL,FMI,MANAGED_INSTANCES]"
VPC = {"taskDefinition": "vpc", "networkConfiguration": NETWORK}
ON_FARGATE = {**VPC, "launchType": "FARGATE"}
TARGET = {"targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80}


def breaker(**threshold: Any) -> Document:
    return {"deploymentCircuitBreaker": {"enable": True, "rollback": False, "thresholdConfiguration": threshold}}


def percents(minimum: int, maximum: int) -> Document:
    return {"deploymentConfiguration": {"minimumHealthyPercent": minimum, "maximumPercent": maximum}}


# In AWS's order: each row is refused for its own reason though the rows after it would be refused as well.
REFUSALS: list[tuple[Document, str, str]] = [
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ({"cluster": "gone"}, "ClusterNotFoundException", "The referenced cluster was inactive."),
    ({"serviceName": ""}, INVALID, "Service name cannot be empty."),
    ({"serviceName": "a b"}, INVALID, r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was a b"),
    ({"serviceName": "naïve"}, INVALID, r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was na?ve"),
    ({"taskDefinition": None}, INVALID, "TaskDefinition can not be blank."),
    ({"taskDefinition": "nothing"}, CLIENT, "TaskDefinition not found."),
    ({"taskDefinition": "old:1"}, CLIENT, "TaskDefinition is inactive"),
    ({"clientToken": "x" * 37}, INVALID, "idempotency token longer than 36."),
    ({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, INVALID, BOTH),
    ({"launchType": "MOON"}, INVALID, TYPES),
    (
        {"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]},
        INVALID,
        "The specified capacity provider 'mine' was not found.",
    ),
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
    ({"launchType": "FARGATE"}, INVALID, "Task definition does not support launch_type FARGATE."),
    (
        {**VPC, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}}},
        INVALID,
        "Assign public IP is not supported for this launch type.",
    ),
    (
        {"platformVersion": "1.4.0"},
        INVALID,
        "The platform version must be null when specifying an EC2 launch type.",
    ),
    (
        {**ON_FARGATE, "placementConstraints": [{"type": "distinctInstance"}]},
        INVALID,
        "Placement constraints are not supported with FARGATE launch type.",
    ),
    (
        {**ON_FARGATE, "placementStrategy": [{"type": "random"}]},
        INVALID,
        "Placement strategies are not supported with FARGATE launch type.",
    ),
    (
        {**ON_FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
        INVALID,
        "subnets can not be empty.",
    ),
    (
        {**ON_FARGATE, "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"] * 17}}},
        INVALID,
        "subnets can have at most 16 items.",
    ),
    ({**ON_FARGATE, "platformVersion": "9"}, "PlatformUnknownException", "The platform version '9' does not exist"),
    (
        {"volumeConfigurations": [{"name": "v"}]},
        INVALID,
        "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.",
    ),
    (
        {"placementStrategy": [{"type": "binpack", "field": "moon"}]},
        INVALID,
        "binpack field 'moon' is invalid.",
    ),
    ({"placementStrategy": [{"type": "random"}] * 6}, INVALID, "Maximum number of strategies is 5."),
    (
        {"placementConstraints": [{"type": "distinctInstance", "expression": ""}]},
        INVALID,
        "distinctInstance expression should not be specified.",
    ),
    ({"schedulingStrategy": "MOON"}, INVALID, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ({"propagateTags": "MOON"}, INVALID, "propagateTags should be one of [TASK_DEFINITION,SERVICE,NONE]"),
    ({"desiredCount": None}, INVALID, "DesiredCount is missing"),
    ({"desiredCount": -1}, INVALID, "DesiredCount can not be lesser than 0"),
    ({"healthCheckGracePeriodSeconds": -1}, INVALID, "healthCheckGracePeriodSeconds must be at least 0"),
    (percents(100, 0), INVALID, "maximumPercent must be at least 100"),
    (percents(101, 200), INVALID, "minimumHealthyPercent must be at most 100"),
    (percents(-1, 200), INVALID, "minimumHealthyPercent must be at least 0"),
    (percents(100, 100), INVALID, BLOCKED),
    (
        {"deploymentConfiguration": breaker(type="MOON", value=1)},
        INVALID,
        "Invalid deployment circuit breaker threshold type.",
    ),
    (
        {"deploymentConfiguration": breaker(type="COUNT", value=0)},
        INVALID,
        "Invalid deployment circuit breaker threshold value.",
    ),
    (
        {"deploymentConfiguration": breaker(type="BOUNDED_PERCENT", value=101)},
        INVALID,
        "Invalid deployment circuit breaker threshold value.",
    ),
    ({**percents(0, 100), "availabilityZoneRebalancing": "ENABLED"}, INVALID, REBALANCING.format("created")),
    ({"loadBalancers": [TARGET] * 6}, INVALID, "load balancers can have at most 5 items."),
    ({"serviceRegistries": [{}, {}]}, INVALID, "service registries can have at most 1 items."),
    ({"loadBalancers": [{**TARGET, "loadBalancerName": "elb"}]}, INVALID, BOTH_BALANCERS),
    (
        {"loadBalancers": [{**TARGET, "containerName": "no"}]},
        INVALID,
        "The container no does not exist in the task definition.",
    ),
    (
        {"loadBalancers": [{**TARGET, "containerPort": 81}]},
        INVALID,
        "The container app did not have a container port 81 defined.",
    ),
    ({"role": "r"}, INVALID, "A role was passed, but no load balancers were present."),
    ({"enableExecuteCommand": True}, INVALID, EXEC.format("created")),
    ({"tags": [{"key": "k"}]}, INVALID, "Tag value can not be null."),
]


@pytest.mark.parametrize(("params", "code", "message"), REFUSALS)
def test_create_service_refuses_in_aws_words(sim: Simulation, params: Document, code: str, message: str) -> None:
    asked = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1, **params}
    given = {name: value for name, value in asked.items() if value is not None}
    assert refusal(sim, "CreateService", **given) == (code, message)
    assert sim.call("ListServices") == {"serviceArns": []}


# What is wrong in the same request, the first of which is said: recorded.
ORDER: list[tuple[Document, str]] = [
    ({"cluster": "nowhere", "serviceName": "a b"}, "Cluster not found."),
    (
        {"serviceName": "a b", "taskDefinition": "nothing"},
        r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was a b",
    ),
    ({"taskDefinition": "nothing", "clientToken": "x" * 37}, "TaskDefinition not found."),
    ({"clientToken": "x" * 37, "taskDefinition": "vpc"}, "idempotency token longer than 36."),
    (
        {"taskDefinition": "vpc", "schedulingStrategy": "MOON"},
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    ({"schedulingStrategy": "MOON", "desiredCount": -1}, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ({"desiredCount": -1, **percents(100, 100)}, "DesiredCount can not be lesser than 0"),
    ({**percents(100, 100), "loadBalancers": [TARGET] * 6}, BLOCKED),
]


@pytest.mark.parametrize(("params", "message"), ORDER)
def test_of_two_faults_the_first_in_aws_order_is_said(sim: Simulation, params: Document, message: str) -> None:
    asked = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 1, **params}
    assert refusal(sim, "CreateService", **asked)[1] == message


def test_a_twin_is_refused_before_its_load_balancers_are_looked_at(sim: Simulation) -> None:
    create(sim)
    asked = {"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, "loadBalancers": [TARGET] * 6}
    assert refusal(sim, "CreateService", **asked) == (INVALID, "Creation of service was not idempotent.")


# --- CreateService answers ------------------------------------------------------------------------------------------

BREAKER = {
    "enable": False,
    "rollback": False,
    "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}
LONG = {
    "deploymentCircuitBreaker": BREAKER,
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
SHORT = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
}


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
    ],
)
def test_zones_are_balanced_unless_something_speaks_against_it(
    sim: Simulation, params: Document, expected: str
) -> None:
    assert create(sim, **params)["availabilityZoneRebalancing"] == expected


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


# --- UpdateService --------------------------------------------------------------------------------------------------

UPDATE_REFUSALS: list[tuple[Document, str, str]] = [
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ({"service": "nothing"}, "ServiceNotFoundException", "Service not found."),
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
    (percents(100, 100), INVALID, BLOCKED),
    ({"deploymentConfiguration": {"maximumPercent": 100}}, INVALID, BLOCKED),
    (percents(0, 100), INVALID, REBALANCING.format("updated")),
    ({"enableExecuteCommand": True}, INVALID, EXEC.format("updated")),
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
    code, message = refusal(sim, "UpdateService", **asked)
    assert code == INVALID and message.startswith("When switching from launch type to capacity provider strategy")
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
    ({"desiredCount": 3}, False),
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


# --- DeleteService --------------------------------------------------------------------------------------------------


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


# --- DescribeServices, ListServices ---------------------------------------------------------------------------------


def test_describe_services_answers_in_the_order_asked_for_each_once(sim: Simulation) -> None:
    for name in ("a", "b"):
        create(sim, serviceName=name)
    arn = "arn:aws:ecs:us-east-1:123456789012:service/default/"
    answer = sim.call("DescribeServices", services=["b", "no", arn + "a", "b"])
    assert [one["serviceName"] for one in answer["services"]] == ["b", "a"]
    assert answer["failures"] == [{"arn": arn + "no", "reason": "MISSING"}]


LOOKS: list[tuple[str, Document, str]] = [
    ("DescribeServices", {"services": []}, "Services cannot be empty."),
    ("DescribeServices", {}, "Services cannot be empty."),
    ("DescribeServices", {"services": ["s"] * 11}, "services can have at most 10 items."),
    ("DescribeServices", {"services": ["s"], "include": ["BOGUS"]}, "include should be one of [TAGS]"),
    ("DescribeServices", {"services": ["s"], "cluster": "no"}, "Cluster not found."),
    ("ListServices", {"cluster": "no"}, "Cluster not found."),
    ("ListServices", {"maxResults": 101}, "Max results can not be greater than 100"),
    ("ListServices", {"launchType": "BOGUS"}, TYPES),
    ("ListServices", {"schedulingStrategy": "BOGUS"}, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ("ListServices", {"nextToken": "BOGUS"}, "Invalid next token."),
]


@pytest.mark.parametrize(("operation", "params", "message"), LOOKS)
def test_looking_is_refused_in_aws_words(sim: Simulation, operation: str, params: Document, message: str) -> None:
    assert refusal(sim, operation, **params)[1] == message


def test_services_are_listed_ten_at_a_time_each_once(sim: Simulation) -> None:
    arns = {create(sim, serviceName=f"s{number}")["serviceArn"] for number in range(23)}
    pages: list[list[str]] = []
    token: Document = {}
    while True:
        answer = sim.call("ListServices", **token)
        pages.append(answer["serviceArns"])
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert [len(page) for page in pages] == [10, 10, 3]
    assert {arn for page in pages for arn in page} == arns


def test_lists_filter_by_launch_type_and_scheduling_strategy(sim: Simulation) -> None:
    ec2, on_fargate = create(sim, serviceName="e")["serviceArn"], fargate(sim, serviceName="f")["serviceArn"]
    assert sim.call("ListServices", launchType="EC2")["serviceArns"] == [ec2]
    assert sim.call("ListServices", launchType="FARGATE", schedulingStrategy="REPLICA")["serviceArns"] == [on_fargate]
    assert sim.call("ListServices", schedulingStrategy="DAEMON")["serviceArns"] == []
    assert sim.call("ListServices", resourceManagementType="ECS")["serviceArns"] == []
    assert len(sim.call("ListServices", resourceManagementType="CUSTOMER")["serviceArns"]) == 2


def test_a_service_is_named_by_either_form_of_its_arn(sim: Simulation) -> None:
    arn = create(sim)["serviceArn"]
    short = "arn:aws:ecs:us-east-1:123456789012:service/web"
    assert described(sim, arn)["serviceName"] == described(sim, short)["serviceName"] == "web"
    foreign = arn.replace("/default/", "/other/")
    assert refusal(sim, "DescribeServices", services=[foreign])[1] == (
        "Invalid identifier: Identifier is for cluster other. Your cluster is default"
    )
