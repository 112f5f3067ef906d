"""Gateways at the prompt. An AWS CLI that is older than they are is taught them the way its own manual says: `aws configure add-model`."""

from __future__ import annotations

import json

import botocore.loaders
import pytest

from tests.scenarios.aws_ecs.prompt import FARGATE, Prompt

pytestmark = pytest.mark.clients

EDGE = ("--gateway", "edge")


@pytest.fixture
def taught(aws: Prompt) -> Prompt:
    """Version 1 with the newest model of ECS, in this test's own home directory."""
    model = botocore.loaders.Loader().load_service_model("ecs", "service-2")
    done = aws.tries(
        "configure", "add-model", "--service-name", "ecs", "--service-model", aws.file("model.json", model)
    )
    if done.returncode:
        pytest.skip(f"This AWS CLI knows no gateways and cannot be taught them: {done.stderr}")
    return aws


def test_a_gateway_is_made_lent_asked_for_routes_and_deleted(taught: Prompt) -> None:
    aws = taught
    aws.given("create_cluster")
    aws.defined()
    role = f"arn:aws:iam::{aws.account}:role/infra"
    made = aws.ecs("create-gateway", "--name", "edge", "--infrastructure-role-arn", role,
                   "--configuration", json.dumps({"hostSharedAlb": {"scheme": "internet-facing"}}))  # fmt: skip
    assert (made["gatewayArn"], made["status"]) == (aws.arn("gateway/edge"), "ACTIVE")
    assert aws.ecs("associate-gateway-with-cluster", *EDGE, "--cluster", "default")["status"] == "ACTIVE"
    aws.ecs("create-service", "--service-name", "web", "--task-definition", "web", "--desired-count", "0", *FARGATE,
            "--gateway-connectors", "portName=http")  # fmt: skip
    described, listed, resources, lent, routes, updated = aws.all(
        ("describe-gateway", *EDGE),
        ("list-gateways", "--max-results", "5", "--query", "gateways[].name"),
        ("describe-gateway-resources", *EDGE),
        ("list-gateway-cluster-associations", *EDGE, "--query", "gatewayClusterAssociations[].clusterArn"),
        ("list-gateway-routes",),
        ("update-gateway", *EDGE, "--no-deletion-protection"),
    )
    assert described["gateway"]["configuration"]["hostSharedAlb"]["scheme"] == "internet-facing"
    assert (listed, lent) == (["edge"], [aws.arn("cluster/default")])
    assert resources["gatewayResources"]["resources"] == {"hostSharedAlb": []}
    assert updated["status"] == "UPDATE_IN_PROGRESS"
    (route,) = routes["gatewayRoutes"]
    shown = aws.ecs("describe-gateway-route", "--gateway-route-arn", route["gatewayRouteArn"])["gatewayRoute"]
    assert (shown["serviceArn"], shown["status"]) == (aws.arn("service/default/web"), "CREATE_FAILED")
    lent_out, unknown = aws.all_refused(("delete-gateway", *EDGE), ("describe-gateway", "--gateway", "nope"))
    assert lent_out == ("ClientException", "The gateway cannot be deleted while it is associated with clusters.")
    assert unknown == ("GatewayNotFoundException", "Gateway not found.")

    aws.given("delete_service", service="web", force=True)
    assert (
        aws.ecs("disassociate-gateway-from-cluster", *EDGE, "--cluster", "default")["gatewayArn"] == made["gatewayArn"]
    )
    aws.until(
        "its return",
        "describe_services",
        lambda answer: answer["services"][0]["status"] == "INACTIVE",
        services=["web"],
    )
    assert aws.ecs("delete-gateway", *EDGE)["status"] == "DELETED"
