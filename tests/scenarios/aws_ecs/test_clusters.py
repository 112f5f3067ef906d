"""Clusters and capacity providers at the prompt: made, listed, changed, refused, let go."""

from __future__ import annotations

import pytest

from tests.scenarios.aws_ecs.conftest import both
from tests.scenarios.aws_ecs.prompt import Prompt

pytestmark = pytest.mark.clients

STRATEGY = ("capacityProvider=FARGATE_SPOT,weight=4", "capacityProvider=FARGATE,weight=1,base=1")
GROUP = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:0a1b2c3d:autoScalingGroupName/machines"
IN_USE = "The specified capacity provider is in use and cannot be removed."
NO_PROVIDER = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."


@both
def test_a_cluster_is_made_read_changed_and_deleted(aws: Prompt) -> None:
    made = aws.ecs(
        "create-cluster", "--cluster-name", "web", "--tags", "key=team,value=blue",
        "--settings", "name=containerInsights,value=enabled",
        "--configuration", "executeCommandConfiguration={logging=DEFAULT}",
        "--capacity-providers", "FARGATE", "FARGATE_SPOT", "--default-capacity-provider-strategy", *STRATEGY,
    )["cluster"]  # fmt: skip
    assert (made["clusterArn"], made["status"]) == (aws.arn("cluster/web"), "ACTIVE")
    assert made["tags"] == [{"key": "team", "value": "blue"}]
    assert made["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0},
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
    ]
    described, listed, table = aws.all(
        ("describe-clusters", "--clusters", "web", "nope", "--include", "SETTINGS", "CONFIGURATIONS", "STATISTICS"),
        ("list-clusters", "--output", "text"),
        ("describe-clusters", "--clusters", "web", "--query", "clusters[].[clusterName,status]", "--output", "table"),
    )
    (shown,) = described["clusters"]
    assert shown["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert shown["configuration"] == {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    assert {"name": "runningFargateTasksCount", "value": "0"} in shown["statistics"]
    assert described["failures"] == [{"arn": aws.arn("cluster/nope"), "reason": "MISSING"}]
    assert listed == f"CLUSTERARNS\t{made['clusterArn']}"
    assert [line.strip("|+- ") for line in table.splitlines() if line.strip("|+- ")] == [
        "DescribeClusters",
        "web |  ACTIVE",
    ]

    logging = "executeCommandConfiguration={logging=NONE}"
    settings, changed = aws.all(
        ("update-cluster-settings", "--cluster", "web", "--settings", "name=containerInsights,value=disabled"),
        ("update-cluster", "--cluster", "web", "--configuration", logging),
    )
    assert settings["cluster"]["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert changed["cluster"]["configuration"] == {"executeCommandConfiguration": {"logging": "NONE"}}

    assert aws.ecs("delete-cluster", "--cluster", "web")["cluster"]["status"] == "INACTIVE"
    assert aws.ecs("list-clusters") == {"clusterArns": []}
    assert aws.refused("delete-cluster", "--cluster", "nope") == ("ClusterNotFoundException", "Cluster not found.")


def test_capacity_providers_are_made_used_changed_and_deleted(aws: Prompt) -> None:
    aws.given("create_cluster", clusterName="web")
    group = f"autoScalingGroupArn={GROUP},managedScaling={{status=ENABLED,targetCapacity=80}},managedDraining=ENABLED"
    made = aws.ecs("create-capacity-provider", "--name", "machines", "--auto-scaling-group-provider", group)
    provider = made["capacityProvider"]
    assert (provider["capacityProviderArn"], provider["status"]) == (aws.arn("capacity-provider/machines"), "ACTIVE")
    put = ("put-cluster-capacity-providers", "--cluster", "web")
    strategy = ("--default-capacity-provider-strategy", "capacityProvider=machines,weight=1")
    with_it = aws.ecs(*put, "--capacity-providers", "machines", "FARGATE", *strategy)["cluster"]
    assert with_it["capacityProviders"] == ["machines", "FARGATE"]

    delete = ("delete-capacity-provider", "--capacity-provider")
    updated = "managedScaling={status=ENABLED,targetCapacity=90}"
    changed, described, unknown = aws.all(
        ("update-capacity-provider", "--name", "machines", "--auto-scaling-group-provider", updated),
        ("describe-capacity-providers", "--query", "capacityProviders[].name", "--output", "text"),
        ("describe-capacity-providers", "--capacity-providers", "nope"),
    )
    assert changed["capacityProvider"]["updateStatus"] == "UPDATE_IN_PROGRESS"
    assert sorted(described.split()) == ["FARGATE", "FARGATE_SPOT", "machines"]
    assert unknown["failures"] == [{"arn": aws.arn("capacity-provider/nope"), "reason": "MISSING"}]
    in_use, no_such = aws.all_refused((*delete, "machines"), (*delete, "nope"))
    assert (in_use, no_such) == (("ClientException", IN_USE), ("ClientException", NO_PROVIDER))
    (shown,) = aws.given("describe_capacity_providers", capacityProviders=["machines"])["capacityProviders"]
    assert shown["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 90

    aws.ecs(*put, "--capacity-providers", "[]", "--default-capacity-provider-strategy", "[]")
    assert aws.ecs(*delete, "machines")["capacityProvider"]["name"] == "machines"
