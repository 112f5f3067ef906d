"""What CreateService refuses: in AWS's words, and of two faults the first in AWS's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.service_world import (
    BLOCKED,
    CLASSIC,
    CLIENT,
    INVALID,
    NETWORK,
    ON_FARGATE,
    TARGET,
    TYPES,
    VPC,
    Document,
    begun,
    breaker,
    connected,
    create,
    no_role,
    percents,
    providers,
    rebalancing,
    refusal,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


BOTH = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
BOTH_BALANCERS = (
    "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a loadBalancerName or a "
    "targetGroupArn in all loadBalancer entries"
)

TWO_BASES = (
    "There are multiple capacity providers in the specified capacity provider strategy with a base value greater than zero. "
    "Only one capacity provider can have a base value greater than zero. Specify a valid capacity provider strategy and try again."
)
NO_WEIGHT = (
    "There are no capacity providers in the capacity provider strategy with a weight value greater than zero. "
    "Specify a weight value greater than zero for at least one capacity provider and try again."
)
DNS_NAME = (
    "The DNS name that you provided is invalid. The name must be a valid DNS name but doesn’t need to be fully-qualified. "
    "Up to 127 characters are allowed. The characters can include lowercase letters, numbers, underscores (_), hyphens (-), "
    "and periods (.). A hyphen can’t be the first character."
)
LINKED_ROLE = "You cannot specify an IAM role for services that require a service linked role."
ZONES = "availabilityZoneRebalancing should be one of [ENABLED,DISABLED]"
TWICE = "A metric name can be specified only once in metricConfigurations."
BOTH_PROVIDERS = {**VPC, "cluster": "both"}
ON_LINUX = {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}


def measured(seconds: int, *names: str) -> Document:
    metrics = {"metricNames": list(names or ("CPUUtilization",)), "resolutionSeconds": seconds}
    return {"monitoring": {"metricConfigurations": [metrics]}}


# In AWS's order: each row is refused for its own reason though the rows after it would be refused as well.
REFUSALS: list[tuple[Document, str, str]] = [
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ({"cluster": "gone"}, "ClusterNotFoundException", "The referenced cluster was inactive."),
    ({"serviceName": ""}, INVALID, "Service name cannot be empty."),
    ({"serviceName": "a b"}, INVALID, r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was a b"),
    ({"serviceName": "naïve"}, INVALID, r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was na?ve"),
    ({"serviceName": "x" * 256}, INVALID, rf"ServiceName must match ^[a-zA-Z0-9\-_]{{1,255}}, but was {'x' * 256}"),
    (
        {"serviceName": "x" * 9999},
        INVALID,
        rf"ServiceName must match ^[a-zA-Z0-9\-_]{{1,255}}, but was {'x' * 1000}...",
    ),
    ({"taskDefinition": None}, INVALID, "TaskDefinition can not be blank."),
    ({"taskDefinition": ""}, INVALID, "TaskDefinition can not be blank."),
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
    ({**BOTH_PROVIDERS, "capacityProviderStrategy": providers({"base": 1}, {"base": 1})}, INVALID, TWO_BASES),
    ({**BOTH_PROVIDERS, "capacityProviderStrategy": providers({"weight": 0}, {"weight": 0})}, INVALID, NO_WEIGHT),
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
    (
        {
            **ON_FARGATE,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["g"] * 6}},
        },
        INVALID,
        "securityGroups can have at most 5 items.",
    ),
    ({**ON_FARGATE, "platformVersion": "9"}, "PlatformUnknownException", "The platform version '9' does not exist"),
    (
        {"volumeConfigurations": [{"name": "v"}]},
        INVALID,
        "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.",
    ),
    (
        {"taskDefinition": "disk", "volumeConfigurations": [{"name": "v"}]},
        INVALID,
        "The volume name 'v' in your request does not have a matching volume in your Task Definition that is configurable at launch.",
    ),
    (
        {"placementStrategy": [{"type": "binpack", "field": "moon"}]},
        INVALID,
        "binpack field 'moon' is invalid.",
    ),
    ({"placementStrategy": [{"type": "random", "field": "cpu"}]}, INVALID, "random field should not be specified."),
    ({"placementConstraints": [ON_LINUX] * 11}, INVALID, "Maximum number of constraints is 10."),
    ({"placementStrategy": [{"type": "random"}] * 6}, INVALID, "Maximum number of strategies is 5."),
    (
        {"placementConstraints": [{"type": "distinctInstance", "expression": ""}]},
        INVALID,
        "distinctInstance expression should not be specified.",
    ),
    ({"schedulingStrategy": "MOON"}, INVALID, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ({"propagateTags": "MOON"}, INVALID, "propagateTags should be one of [TASK_DEFINITION,SERVICE,NONE]"),
    ({"availabilityZoneRebalancing": "MOON"}, INVALID, ZONES),
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
    ({**percents(0, 100), "availabilityZoneRebalancing": "ENABLED"}, INVALID, rebalancing("created")),
    ({"loadBalancers": [TARGET] * 6}, INVALID, "load balancers can have at most 5 items."),
    ({"serviceRegistries": [{}, {}]}, INVALID, "service registries can have at most 1 items."),
    ({"loadBalancers": [{**TARGET, "loadBalancerName": "elb"}]}, INVALID, BOTH_BALANCERS),
    ({**ON_FARGATE, "loadBalancers": [CLASSIC]}, INVALID, "Classic Load Balancers are not supported with Fargate."),
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
    ({"role": "r", "loadBalancers": [TARGET] * 2}, INVALID, LINKED_ROLE),
    ({"role": "r", "serviceRegistries": [{"registryArn": "arn:sd"}]}, INVALID, LINKED_ROLE),
    ({**VPC, "role": "r", "loadBalancers": [TARGET]}, INVALID, LINKED_ROLE),
    ({"enableExecuteCommand": True}, INVALID, no_role("created")),
    (
        connected({"port": 80}, port_name="no"),
        INVALID,
        "portName(no) does not refer to any named PortMapping in the task definition.",
    ),
    (connected({"port": 80}, {"port": 81}), INVALID, "2 clientAliases exceeds the max limit of 1"),
    (connected(), INVALID, "clientAliases must have 1 element."),
    (connected({"port": 80, "dnsName": "-web"}), INVALID, DNS_NAME),
    (connected({"port": 80, "dnsName": "Web"}), INVALID, DNS_NAME),
    (connected({"port": 80, "dnsName": "x" * 128}), INVALID, DNS_NAME),
    ({"serviceConnectConfiguration": {"enabled": True}}, INVALID, "Namespace is missing"),
    (measured(30), INVALID, "resolutionSeconds should be one of [20,60]"),
    (measured(20, "LiveTaskCount"), INVALID, "metricNames should be one of [CPUUtilization,MemoryUtilization]"),
    (measured(20, "CPUUtilization", "CPUUtilization"), INVALID, TWICE),
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
