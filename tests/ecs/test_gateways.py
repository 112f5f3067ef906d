"""Gateways, what they are lent to, and the routes that services ask of them: documents, refusals by table, who ends what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ecs.running import ARN, CLIENT, INVALID, NETWORK, refusal
from tests.simulation import Simulation

Document = dict[str, Any]

ROLE = "arn:aws:iam::123456789012:role/infra"
ALB = {
    "scheme": "internet-facing",
    "port": 443,
    "protocol": "HTTPS",
    "maxAlbCount": 10,
    "httpDesync": "defensive",
    "networkConfiguration": {"ipAddressType": "dualstack"},
}
NO_ROUTE = "was unable to create (gateway-route {}). Reason: There is no load balancer in this emulator yet."


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    for name in ("default", "other"):
        sim.call("CreateCluster", clusterName=name)
    ports = [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]
    container = {"name": "app", "image": "web:1", "portMappings": ports}
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container], **sizes)
    yield sim
    sim.close()


def create(sim: Simulation, name: str = "edge", alb: Document | None = None, **more: Any) -> Document:
    asked = {"infrastructureRoleArn": ROLE, "configuration": {"hostSharedAlb": alb or {}}, **more}
    return sim.call("CreateGateway", name=name, **asked)


def described(sim: Simulation, name: str = "edge") -> Document:
    return dict(sim.call("DescribeGateway", gateway=name)["gateway"])


def associate(sim: Simulation, name: str = "edge", cluster: str = "default") -> Document:
    return sim.call("AssociateGatewayWithCluster", gateway=name, cluster=cluster)


def associations(sim: Simulation, **filters: Any) -> list[tuple[str, str, str]]:
    found = sim.call("ListGatewayClusterAssociations", **filters)["gatewayClusterAssociations"]
    return [
        (one["gatewayArn"].rpartition("/")[2], one["clusterArn"].rpartition("/")[2], one["status"]) for one in found
    ]


def serve(sim: Simulation, name: str = "web", *, connectors: Any = ({"portName": "http"},), **more: Any) -> Document:
    asked = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK, "desiredCount": 1}
    answer = sim.call("CreateService", serviceName=name, gatewayConnectors=list(connectors), **asked, **more)
    return dict(answer["service"])


def routes(sim: Simulation, **filters: Any) -> list[Document]:
    return list(sim.call("ListGatewayRoutes", **filters)["gatewayRoutes"])


# --- gateways -------------------------------------------------------------------------------------


def test_a_gateway_is_described_as_it_was_asked_for_with_its_defaults(sim: Simulation) -> None:
    tags = [{"key": "team", "value": "blue"}]
    arn = f"{ARN}gateway/edge"
    assert create(sim, tags=tags) == {"gatewayArn": arn, "name": "edge", "status": "ACTIVE"}
    now = sim.clock.now()
    assert described(sim) == described(sim, arn)
    assert described(sim) == {
        "gatewayArn": arn,
        "name": "edge",
        "status": "ACTIVE",
        "failures": [],
        "infrastructureRoleArn": ROLE,
        "deletionProtection": True,
        "configuration": {"hostSharedAlb": {**ALB, "currentAlbCount": 0}},
        "accessType": "PUBLIC",
        "propagateTags": "GATEWAY",
        "tags": tags,
        "createdAt": now,
        "updatedAt": now,
    }


def test_an_internal_gateway_is_private(sim: Simulation) -> None:
    create(sim, alb={"scheme": "internal", "networkConfiguration": {"subnets": ["subnet-1"]}})
    found = described(sim)
    assert found["accessType"] == "PRIVATE"
    network = {"ipAddressType": "dualstack", "subnets": ["subnet-1"]}
    assert found["configuration"]["hostSharedAlb"]["networkConfiguration"] == network


def test_the_token_of_an_earlier_request_finds_what_that_made(sim: Simulation) -> None:
    first = create(sim, clientToken="t")
    assert create(sim, clientToken="t") == first
    assert create(sim, "second", clientToken="t") == first
    assert [one["name"] for one in sim.call("ListGateways")["gateways"]] == ["edge"]


def test_an_update_keeps_what_is_not_given_and_is_complete_at_the_next_look(sim: Simulation) -> None:
    create(sim, alb={"maxAlbCount": 3, "networkConfiguration": {"subnets": ["subnet-1"]}})
    sim.advance(5)
    network = {"inboundSecurityGroup": "sg-1"}
    changed = {"hostSharedAlb": {"httpDesync": "strictest", "networkConfiguration": network}}
    answer = sim.call("UpdateGateway", gateway="edge", deletionProtection=False, configuration=changed)
    assert answer == {"gatewayArn": f"{ARN}gateway/edge", "name": "edge", "status": "UPDATE_IN_PROGRESS"}
    found = described(sim)
    assert (found["status"], found["deletionProtection"], found["propagateTags"]) == (
        "UPDATE_COMPLETE",
        False,
        "GATEWAY",
    )
    balancer = found["configuration"]["hostSharedAlb"]
    assert (balancer["maxAlbCount"], balancer["httpDesync"]) == (3, "strictest")
    assert balancer["networkConfiguration"] == {"ipAddressType": "dualstack", "subnets": ["subnet-1"], **network}
    assert found["updatedAt"] == found["createdAt"] + 5


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": "a b"}, (INVALID, r"GatewayName must match ^[a-zA-Z0-9\-_]{1,255}$, but was a b")),
        ({"name": "g" * 256}, (INVALID, rf"GatewayName must match ^[a-zA-Z0-9\-_]{{1,255}}$, but was {'g' * 256}")),
        ({"name": ""}, (INVALID, "Gateway name cannot be empty.")),
        (
            {"name": "taken"},
            (CLIENT, "A gateway with the name taken already exists. Specify a unique name and try again."),
        ),
        ({"infrastructureRoleArn": "me"}, (INVALID, "The infrastructure role ARN 'me' is invalid.")),
        ({"configuration": {}}, (INVALID, "Exactly one gateway configuration must be specified.")),
        ({"propagateTags": "ALL"}, (INVALID, "propagateTags should be one of [NONE,GATEWAY]")),
        ({"tags": [{"key": "aws:x", "value": ""}]}, (INVALID, "Tag keys/values with prefix 'aws:' are reserved")),
        ({"alb": {"scheme": "odd"}}, (INVALID, "scheme should be one of [internet-facing,internal]")),
        ({"alb": {"protocol": "HTTP"}}, (INVALID, "The gateway supports only HTTPS at port 443.")),
        ({"alb": {"port": 80}}, (INVALID, "The gateway supports only HTTPS at port 443.")),
        ({"alb": {"maxAlbCount": 0}}, (INVALID, "maxAlbCount must be at least 1")),
        ({"alb": {"httpDesync": "odd"}}, (INVALID, "httpDesync should be one of [monitor,defensive,strictest]")),
        (
            {"alb": {"networkConfiguration": {"ipAddressType": "ipv6"}}},
            (INVALID, "ipAddressType should be one of [ipv4,dualstack,dualstack-without-public-ipv4]"),
        ),
        (
            {"alb": {"accessLogs": {"destination": {}}}},
            (INVALID, "Exactly one access log destination must be specified."),
        ),
        (
            {"alb": {"testTrafficRules": {"header": {"name": "x", "values": []}}}},
            (INVALID, "The test traffic header must have a name and at least one value."),
        ),
    ],
)
def test_what_create_gateway_refuses(sim: Simulation, changed: Document, error: tuple[str, str]) -> None:
    create(sim, "taken")
    alb = changed.pop("alb", {})
    asked = {"name": "edge", "infrastructureRoleArn": ROLE, "configuration": {"hostSharedAlb": alb}, **changed}
    assert refusal(sim, "CreateGateway", **asked) == error
    assert [one["name"] for one in sim.call("ListGateways")["gateways"]] == ["taken"]


@pytest.mark.parametrize("operation", ["DescribeGateway", "UpdateGateway", "DeleteGateway", "DescribeGatewayResources"])
def test_a_gateway_that_there_is_not(sim: Simulation, operation: str) -> None:
    assert refusal(sim, operation, gateway="none") == ("GatewayNotFoundException", "Gateway not found.")
    assert refusal(sim, operation, gateway=f"{ARN}cluster/default") == (INVALID, "Unsupported resource type: cluster")
    elsewhere = "arn:aws:ecs:us-east-1:210987654321:gateway/edge"
    assert refusal(sim, operation, gateway=elsewhere) == (INVALID, "AccountIDs mismatch")


def test_a_gateway_goes_only_unprotected_and_unassociated(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    protected = "The gateway cannot be deleted while deletion protection is enabled."
    assert refusal(sim, "DeleteGateway", gateway="edge") == (CLIENT, protected)
    sim.call("UpdateGateway", gateway="edge", deletionProtection=False)
    lent = "The gateway cannot be deleted while it is associated with clusters."
    assert refusal(sim, "DeleteGateway", gateway="edge") == (CLIENT, lent)
    sim.call("DisassociateGatewayFromCluster", gateway="edge", cluster="default")
    assert sim.call("DeleteGateway", gateway="edge")["status"] == "DELETED"
    assert refusal(sim, "DescribeGateway", gateway="edge")[0] == "GatewayNotFoundException"
    create(sim)


def test_gateways_are_listed_by_name_page_by_page_and_by_status(sim: Simulation) -> None:
    for name in ("c", "a", "d", "b"):
        create(sim, name)
    sim.call("UpdateGateway", gateway="b", deletionProtection=False)

    def listed(**params: Any) -> tuple[list[str], str | None]:
        answer = sim.call("ListGateways", **params)
        return [one["name"] for one in answer["gateways"]], answer.get("nextToken")

    assert listed() == (["a", "b", "c", "d"], None)
    first, token = listed(maxResults=3)
    assert first == ["a", "b", "c"]
    assert listed(maxResults=3, nextToken=token) == (["d"], None)
    assert listed(status=["ACTIVE"]) == (["a", "c", "d"], None)
    assert listed(status=["UPDATE_COMPLETE", "DELETED"]) == (["b"], None)
    assert listed(names=["d", "a", "none", "a"]) == (["a", "d"], None)
    assert listed(names=["b", "a"], status=["ACTIVE"]) == (["a"], None)
    assert refusal(sim, "ListGateways", names=["g"] * 11) == (INVALID, "names can have at most 10 items.")
    assert refusal(sim, "ListGateways", status=["ODD"])[0] == INVALID
    assert refusal(sim, "ListGateways", maxResults=101) == (INVALID, "maxResults must be between 1 and 100")


def test_a_gateway_carries_tags_as_anything_else(sim: Simulation) -> None:
    arn = create(sim)["gatewayArn"]
    sim.call("TagResource", resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    sim.call("UntagResource", resourceArn=arn, tagKeys=["a"])
    left = [{"key": "b", "value": "2"}]
    assert sim.call("ListTagsForResource", resourceArn=arn)["tags"] == described(sim)["tags"] == left


def test_no_infrastructure_is_claimed(sim: Simulation) -> None:
    arn = create(sim)["gatewayArn"]
    answer = sim.call("DescribeGatewayResources", gateway="edge")
    assert answer == {"gatewayResources": {"gatewayArn": arn, "resources": {"hostSharedAlb": []}}}
    assert refusal(sim, "DescribeGatewayResources", gateway="edge", maxResults=21)[0] == INVALID


# --- associations ---------------------------------------------------------------------------------


def test_a_gateway_is_lent_to_clusters_and_taken_back(sim: Simulation) -> None:
    create(sim)
    arns = {"gatewayArn": f"{ARN}gateway/edge", "clusterArn": f"{ARN}cluster/default"}
    assert associate(sim) == associate(sim) == {**arns, "status": "ACTIVE"}
    associate(sim, cluster=f"{ARN}cluster/other")
    assert associations(sim) == [("edge", "default", "ACTIVE"), ("edge", "other", "ACTIVE")]
    answer = sim.call("DisassociateGatewayFromCluster", gateway="edge", cluster="default")
    assert answer == {**arns, "status": "DISASSOCIATING"}
    assert associations(sim) == [("edge", "other", "ACTIVE")]


def test_associations_are_filtered_and_paged(sim: Simulation) -> None:
    for gateway in ("a", "b", "c"):
        create(sim, gateway)
        associate(sim, gateway)
    associate(sim, "b", "other")
    pairs = [
        ("a", "default", "ACTIVE"),
        ("b", "default", "ACTIVE"),
        ("b", "other", "ACTIVE"),
        ("c", "default", "ACTIVE"),
    ]
    assert associations(sim, gateway="b") == pairs[1:3]
    assert associations(sim, cluster="other") == [pairs[2]]
    assert associations(sim, gateway="a", cluster="other") == associations(sim, gateway="none") == []
    assert associations(sim, status=["INACTIVE"]) == []
    token, seen = None, []
    while True:
        answer = sim.call("ListGatewayClusterAssociations", maxResults=1, **({"nextToken": token} if token else {}))
        seen += answer["gatewayClusterAssociations"]
        if (token := answer.get("nextToken")) is None:
            break
    assert [one["gatewayArn"].rpartition("/")[2] for one in seen] == ["a", "b", "b", "c"]


def test_what_an_association_is_refused_for(sim: Simulation) -> None:
    for number in range(6):
        create(sim, f"g{number}")
    for number in range(5):
        associate(sim, f"g{number}")
    asked: Document = {"gateway": "g5", "cluster": "default"}
    most = "A cluster can be associated with at most 5 gateways."
    assert refusal(sim, "AssociateGatewayWithCluster", **asked) == (INVALID, most)
    unknown = ("ResourceNotFoundException", "The gateway is not associated with the cluster.")
    assert refusal(sim, "DisassociateGatewayFromCluster", **asked) == unknown
    for operation in ("AssociateGatewayWithCluster", "DisassociateGatewayFromCluster"):
        assert refusal(sim, operation, gateway="none", cluster="default")[0] == "GatewayNotFoundException"
        assert refusal(sim, operation, gateway="g1", cluster="none")[0] == "ClusterNotFoundException"


def test_a_deleted_cluster_leaves_its_gateways(sim: Simulation) -> None:
    create(sim, deletionProtection=False)
    associate(sim, cluster="other")
    sim.call("DeleteCluster", cluster="other")
    assert associations(sim) == []
    sim.call("DeleteGateway", gateway="edge")


# --- routes ---------------------------------------------------------------------------------------


def test_a_service_with_a_connector_gets_a_route_that_says_what_there_is_not(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    serve(sim)
    (route,) = routes(sim)
    assert route == {
        "gatewayRouteArn": route["gatewayRouteArn"],
        "gatewayArn": f"{ARN}gateway/edge",
        "clusterArn": f"{ARN}cluster/default",
        "serviceArn": f"{ARN}service/default/web",
        "serviceContainerPortName": "http",
        "status": "CREATE_FAILED",
    }
    described = sim.call("DescribeGatewayRoute", gatewayRouteArn=route["gatewayRouteArn"])["gatewayRoute"]
    shown = ("gatewayRouteArn", "serviceArn", "serviceContainerPortName", "status")
    assert described == {**{name: route[name] for name in shown}, "resources": {"hostSharedAlb": []}}
    assert sim.events()[0] == NO_ROUTE.format(route["gatewayRouteArn"])
    sim.settle()
    assert [task.last_status for task in sim.tasks()] == ["RUNNING"]


def test_the_revision_shows_its_connector_and_the_connection(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    connector = {
        "portName": "http",
        "healthCheck": {"healthCheckProtocol": "HTTP", "healthCheckPort": 80, "healthCheckPath": "/ping"},
        "filters": {"accessTypes": ["PUBLIC"]},
        "deregistrationDelay": {"timeoutSeconds": 5},
    }
    arn = serve(sim, connectors=[connector])["currentServiceRevisions"][0]["arn"]
    (revision,) = sim.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    assert revision["gatewayConnectors"] == [connector]
    (connection,) = revision["ecsManagedResources"]["gatewayConnections"]
    assert (connection["portName"], connection["accessType"], connection["status"]) == (
        "http",
        "PUBLIC",
        "CREATE_FAILED",
    )
    assert "serviceUrl" not in connection


def test_filters_choose_among_the_gateways_of_the_cluster(sim: Simulation) -> None:
    create(sim, "in", {"scheme": "internal"})
    create(sim, "out")
    for name in ("in", "out"):
        associate(sim, name)
    serve(sim, "all")
    serve(sim, "inner", connectors=[{"portName": "http", "filters": {"accessTypes": ["PRIVATE"]}}])
    serve(sim, "none", connectors=[])

    def gateways(service: str) -> set[str]:
        return {one["gatewayArn"].rpartition("/")[2] for one in routes(sim, service=service)}

    assert (gateways("all"), gateways("inner"), gateways("none")) == ({"in", "out"}, {"in"}, set())


def test_a_connector_that_comes_or_goes_is_a_new_deployment(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    serve(sim, connectors=[])
    sim.settle()
    for connectors, expected in (([{"portName": "http"}], 1), ([], 0)):
        answer = sim.call("UpdateService", service="web", gatewayConnectors=connectors)["service"]
        assert [one["status"] for one in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
        assert len(routes(sim)) == expected
        sim.advance(60)


def test_an_association_ends_with_its_last_route(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    serve(sim, "kept")
    serve(sim, "changed")
    answer = sim.call("DisassociateGatewayFromCluster", gateway="edge", cluster="default")
    assert answer["status"] == "DISASSOCIATING"
    assert associations(sim) == [("edge", "default", "DISASSOCIATING")]
    leaving = "The gateway is being disassociated from the cluster."
    assert refusal(sim, "AssociateGatewayWithCluster", gateway="edge", cluster="default") == (CLIENT, leaving)
    sim.call("UpdateService", service="changed", gatewayConnectors=[])
    assert [one["serviceArn"].rpartition("/")[2] for one in routes(sim)] == ["kept"]
    assert associations(sim, status=["DISASSOCIATING"]) == [("edge", "default", "DISASSOCIATING")]
    sim.call("DeleteService", service="kept", force=True)
    assert (routes(sim), associations(sim)) == ([], [])
    associate(sim)


def test_any_update_of_a_service_leaves_a_gateway_that_is_to_go(sim: Simulation) -> None:
    create(sim)
    associate(sim)
    serve(sim)
    sim.call("DisassociateGatewayFromCluster", gateway="edge", cluster="default")
    sim.call("UpdateService", service="web", desiredCount=2)
    assert (routes(sim), associations(sim)) == ([], [])


def test_routes_are_listed_by_what_they_join_page_by_page(sim: Simulation) -> None:
    for gateway in ("a", "b"):
        create(sim, gateway)
        associate(sim, gateway)
    associate(sim, "a", "other")
    serve(sim, "web")
    serve(sim, "web", cluster="other")
    serve(sim, "api")
    counts: dict[str, Document] = {
        "all": {},
        "gateway": {"gateway": "a"},
        "cluster": {"cluster": "other"},
        "name in any cluster": {"service": "web"},
        "service": {"service": f"{ARN}service/default/web"},
        "both": {"gateway": "a", "cluster": "default"},
        "port": {"serviceContainerPortName": "http"},
        "no such port": {"serviceContainerPortName": "odd"},
        "failed": {"status": ["CREATE_FAILED", "DELETE_FAILED"]},
        "active": {"status": ["ACTIVE"]},
    }
    found = {name: len(routes(sim, **filters)) for name, filters in counts.items()}
    assert list(found.values()) == [5, 3, 1, 3, 2, 2, 5, 0, 5, 0]
    first = sim.call("ListGatewayRoutes", maxResults=3)
    rest = sim.call("ListGatewayRoutes", maxResults=3, nextToken=first["nextToken"])
    arns = [one["gatewayRouteArn"] for one in first["gatewayRoutes"] + rest["gatewayRoutes"]]
    assert (len(arns), arns, rest.get("nextToken")) == (5, sorted(set(arns)), None)


@pytest.mark.parametrize(
    ("operation", "params", "error"),
    [
        ("ListGatewayRoutes", {"gateway": "none"}, ("GatewayNotFoundException", "Gateway not found.")),
        ("ListGatewayRoutes", {"service": f"{ARN}task/x"}, (INVALID, "Unsupported resource type: task")),
        ("ListGatewayRoutes", {"maxResults": 0}, (INVALID, "maxResults must be between 1 and 100")),
        ("ListGatewayRoutes", {"nextToken": "odd"}, (INVALID, "Invalid next token.")),
        (
            "DescribeGatewayRoute",
            {"gatewayRouteArn": f"{ARN}gateway-route/edge/0"},
            ("ResourceNotFoundException", "Gateway route not found."),
        ),
        ("DescribeGatewayRoute", {"gatewayRouteArn": "edge"}, (INVALID, "Unsupported resource type: gateway-route")),
    ],
)
def test_what_operations_on_routes_refuse(
    sim: Simulation, operation: str, params: Document, error: tuple[str, str]
) -> None:
    assert refusal(sim, operation, **params) == error


@pytest.mark.parametrize(
    ("connectors", "text"),
    [
        ([{"portName": "http"}] * 2, "gateway connectors can have at most 1 items."),
        ([{"portName": ""}], "PortName can not be blank."),
        ([{"portName": "odd"}], "portName(odd) does not refer to any named PortMapping in the task definition."),
        (
            [{"portName": "http", "filters": {"accessTypes": ["SECRET"]}}],
            "accessTypes should be one of [PUBLIC,PRIVATE]",
        ),
        (
            [{"portName": "http", "healthCheck": {"healthCheckProtocol": "TCP"}}],
            "healthCheckProtocol should be one of [HTTP,HTTPS]",
        ),
        ([{"portName": "http", "healthCheck": {"healthCheckPort": 0}}], "healthCheckPort must be between 1 and 65535"),
        (
            [{"portName": "http", "healthCheck": {"healthCheckPath": "ping"}}],
            "The health check path must start with a forward slash.",
        ),
    ],
)
def test_what_is_refused_of_a_connector(sim: Simulation, connectors: list[Document], text: str) -> None:
    asked = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK, "desiredCount": 0}
    new = {"serviceName": "new", "gatewayConnectors": connectors, **asked}
    assert refusal(sim, "CreateService", **new) == (INVALID, text)
    serve(sim, connectors=[])
    assert refusal(sim, "UpdateService", service="web", gatewayConnectors=connectors) == (INVALID, text)
