"""Every list comes in pages: how long they are, what follows what, and which tokens open nothing.

The tokens of ListTaskDefinitions can be read, and are tested with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.arns import World
from tests.ecs.running import ARN, INVALID, begun, refusal
from tests.simulation import Simulation

BAD_TOKEN = (INVALID, "Invalid next token.")
CONTAINER = {"name": "app", "image": "web:1", "memory": 64}


@dataclass(frozen=True, slots=True)
class Listing:
    """One paged operation: what fills it, one of many at a time, and how it is asked."""

    operation: str
    key: str
    default: int
    most: int
    make: Callable[[Simulation, int], object]
    asked: dict[str, Any]
    others: dict[str, Any]
    """The same operation asked for something else."""


def a_setting(sim: Simulation, n: int) -> None:
    """There are twelve of them whatever is put."""
    sim.call("PutAccountSetting", name="awsvpcTrunking", value="enabled")


def a_task(sim: Simulation, n: int) -> None:
    if n % 10 == 0:
        sim.call("RunTask", taskDefinition="web", count=10)


def attributes(sim: Simulation, n: int) -> None:
    """Sixty and more on each instance."""
    if n % 40 == 0:
        sim.call("RegisterContainerInstance")


def a_deployment(sim: Simulation, n: int) -> None:
    if n == 0:
        sim.call("CreateService", serviceName="s", taskDefinition="web", desiredCount=0)
    sim.clock.advance(1)
    sim.call("UpdateService", service="s", forceNewDeployment=True)


def a_service(sim: Simulation, n: int) -> None:
    sim.call("CreateService", serviceName=f"s{n:03}", taskDefinition="web", desiredCount=0)


def a_provider(sim: Simulation, n: int) -> None:
    sim.call("CreateCapacityProvider", name=f"p{n:03}", autoScalingGroupProvider={"autoScalingGroupArn": f"g{n}"})


def a_family(sim: Simulation, n: int) -> None:
    sim.call("RegisterTaskDefinition", family=f"f{n:03}", containerDefinitions=[CONTAINER])


LISTINGS = [
    Listing("ListClusters", "clusterArns", 100, 100, lambda sim, n: sim.call("CreateCluster", clusterName=f"c{n}"), {}, {}),
    Listing(
        "ListContainerInstances", "containerInstanceArns", 100, 100,
        lambda sim, n: sim.call("RegisterContainerInstance"), {}, {"status": "ACTIVE"},
    ),
    Listing(
        "ListContainerInstances", "containerInstanceArns", 100, 100,
        lambda sim, n: sim.call("RegisterContainerInstance"), {"filter": "agentConnected == true"}, {"cluster": "other"},
    ),
    Listing("ListTasks", "taskArns", 100, 100, a_task, {}, {"family": "web"}),
    Listing("ListTaskDefinitionFamilies", "families", 100, 100, a_family, {}, {"familyPrefix": "f"}),
    Listing(
        "ListAttributes", "attributes", 100, 100, attributes, {"targetType": "container-instance"},
        {"targetType": "container-instance", "attributeName": "ecs.os-type"},
    ),
    Listing("ListServices", "serviceArns", 10, 100, a_service, {}, {"launchType": "EC2"}),
    Listing(
        "ListAccountSettings", "settings", 10, 10, a_setting, {"effectiveSettings": True}, {"effectiveSettings": False}
    ),
    Listing(
        "DescribeCapacityProviders", "capacityProviders", 10, 10, a_provider, {}, {"capacityProviders": ["FARGATE"]}
    ),
    Listing("ListServiceDeployments", "serviceDeployments", 20, 100, a_deployment, {"service": "s"}, {"service": "t"}),
]  # fmt: skip
each_listing = pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: f"{one.operation}-{len(one.asked)}")


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    found.call("CreateService", serviceName="t", taskDefinition="web", desiredCount=0)
    yield found
    found.close()


def filled(sim: Simulation, listing: Listing) -> None:
    for n in range(listing.default + 1):
        listing.make(sim, n)


def names(answer: dict[str, Any], listing: Listing) -> list[str]:
    return [repr(each) for each in answer[listing.key]]


@each_listing
def test_a_page_has_its_length_and_the_last_one_no_token(sim: Simulation, listing: Listing) -> None:
    filled(sim, listing)
    first = sim.call(listing.operation, **listing.asked)
    assert len(first[listing.key]) == listing.default
    found, token = names(first, listing), first["nextToken"]
    while token is not None:
        page = sim.call(listing.operation, **listing.asked, nextToken=token)
        found += names(page, listing)
        token = page.get("nextToken")
    assert len(found) == len(set(found)) > listing.default
    one_by_one: list[str] = []
    token = None
    for _ in range(3):
        more: dict[str, Any] = {} if token is None else {"nextToken": token}
        page = sim.call(listing.operation, **listing.asked, maxResults=1, **more)
        one_by_one += names(page, listing)
        token = page["nextToken"]
    assert one_by_one == found[:3]


@each_listing
def test_a_token_opens_its_own_question_only(sim: Simulation, listing: Listing) -> None:
    filled(sim, listing)
    token = sim.call(listing.operation, **listing.asked)["nextToken"]
    for bad in ("", "x", token[:-1], token + "A", ("B" if token[0] == "A" else "A") + token[1:], "ñ" * 20):
        assert refusal(sim, listing.operation, **listing.asked, nextToken=bad) == BAD_TOKEN
    if listing.others:
        assert refusal(sim, listing.operation, **listing.others, nextToken=token) == BAD_TOKEN
    for other in LISTINGS:
        if other.operation != listing.operation:
            assert refusal(sim, other.operation, **{**other.asked, "nextToken": token}) in (
                BAD_TOKEN,
                ("ServiceNotFoundException", "Service not found."),
            )


@each_listing
def test_a_page_size_has_its_bounds(sim: Simulation, listing: Listing) -> None:
    listing.make(sim, 0)
    bounds = f"maxResults must be between 1 and {listing.most}"
    recorded = f"Max results can not be greater than {listing.most}" if listing.operation == "ListServices" else bounds
    for size, message in ((0, bounds), (-1, bounds), (listing.most + 1, recorded), (2**31 - 1, recorded)):
        assert refusal(sim, listing.operation, **listing.asked, maxResults=size) == (INVALID, message)
    assert sim.call(listing.operation, **listing.asked, maxResults=listing.most)


@each_listing
def test_pages_go_on_while_the_collection_changes(sim: Simulation, listing: Listing) -> None:
    """What was there all the time comes once, whatever comes in between."""
    filled(sim, listing)
    first = sim.call(listing.operation, **listing.asked, maxResults=2)
    for n in range(1000, 1003):
        listing.make(sim, n)
    rest, token = names(first, listing), first["nextToken"]
    while token is not None:
        page = sim.call(listing.operation, **listing.asked, nextToken=token)
        rest += names(page, listing)
        token = page.get("nextToken")
    assert len(rest) == len(set(rest)) > listing.default


def test_a_token_of_another_account_or_region_opens_nothing(sim: Simulation) -> None:
    for n in range(3):
        sim.call("CreateCluster", clusterName=f"c{n}")
    token = sim.call("ListClusters", maxResults=1)["nextToken"]
    sim.world = World("123456789012", "eu-west-1")
    assert refusal(sim, "ListClusters", nextToken=token) == BAD_TOKEN
    sim.world = World("210987654321", "us-east-1")
    assert refusal(sim, "ListClusters", nextToken=token) == BAD_TOKEN


# --- how many may be named at once ------------------------------------------------------------------------------------

ID = "0123456789abcdef0123456789abcdef"
ATTRIBUTE = {"name": "a", "targetId": ID, "targetType": "container-instance"}
DEPLOYMENT = f"{ARN}service-deployment/default/t/aaaaaaaaaaaaaaaaaaaaa"
REVISION = f"{ARN}service-revision/default/t/1234567890123456789"
LIMITS: list[tuple[str, str, Any, int, dict[str, Any]]] = [
    ("DescribeClusters", "clusters", "default", 100, {}),
    ("DescribeContainerInstances", "containerInstances", ID, 100, {}),
    ("DescribeTasks", "tasks", ID, 100, {}),
    ("GetTaskProtection", "tasks", ID, 100, {"cluster": "default"}),
    ("DescribeServices", "services", "t", 10, {}),
    ("DeleteTaskDefinitions", "taskDefinitions", "web:9", 10, {}),
    ("StartTask", "containerInstances", ID, 10, {"taskDefinition": "web"}),
    ("UpdateContainerInstancesState", "containerInstances", ID, 10, {"status": "ACTIVE"}),
    ("UpdateTaskProtection", "tasks", ID, 10, {"cluster": "default", "protectionEnabled": False}),
    ("DescribeServiceDeployments", "serviceDeploymentArns", DEPLOYMENT, 20, {}),
    ("DescribeServiceRevisions", "serviceRevisionArns", REVISION, 20, {}),
]


@pytest.mark.parametrize(("operation", "member", "one", "most", "more"), LIMITS)
def test_only_so_many_are_named_at_once(
    sim: Simulation, operation: str, member: str, one: Any, most: int, more: dict[str, Any]
) -> None:
    assert sim.call(operation, **more, **{member: [one] * most})
    code, message = refusal(sim, operation, **more, **{member: [one] * (most + 1)})
    assert code in (INVALID, "ClientException")
    assert str(most) in message


ARGUMENT_LIMITS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("RunTask", {"count": 10}, {"count": 11}),
    ("RunTask", {}, {"count": 0}),
    (
        "RunTask",
        {"placementConstraints": [{"type": "distinctInstance"}] * 10},
        {"placementConstraints": [{"type": "distinctInstance"}] * 11},
    ),
    ("RunTask", {"placementStrategy": [{"type": "random"}] * 5}, {"placementStrategy": [{"type": "random"}] * 6}),
]


@pytest.mark.parametrize(("operation", "good", "bad"), ARGUMENT_LIMITS)
def test_only_so_much_is_asked_at_once(
    sim: Simulation, operation: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert sim.call(operation, taskDefinition="web", **good)
    assert refusal(sim, operation, taskDefinition="web", **bad)[0] == INVALID


@pytest.mark.parametrize("operation", ["PutAttributes", "DeleteAttributes"])
def test_ten_attributes_are_given_at_once(sim: Simulation, operation: str) -> None:
    arn = sim.call("RegisterContainerInstance")["containerInstance"]["containerInstanceArn"]
    given = [{**ATTRIBUTE, "name": f"a{n}", "targetId": arn[-32:]} for n in range(11)]
    assert sim.call(operation, attributes=given[:10])["attributes"] == given[:10]
    assert refusal(sim, operation, attributes=given) == (INVALID, "attributes can have at most 10 items.")


def test_a_cluster_has_twenty_capacity_providers_and_a_strategy_as_many(sim: Simulation) -> None:
    names = [f"p{n:03}" for n in range(21)]
    for n in range(21):
        a_provider(sim, n)
    strategy = [{"capacityProvider": name, "weight": 1} for name in names]
    asked = {"clusterName": "many", "capacityProviders": names[:20], "defaultCapacityProviderStrategy": strategy[:20]}
    made = sim.call("CreateCluster", **asked)["cluster"]
    assert len(made["capacityProviders"]) == len(made["defaultCapacityProviderStrategy"]) == 20
    for member, value in (("capacityProviders", names), ("defaultCapacityProviderStrategy", strategy)):
        params = {**asked, "clusterName": "more", member: value}
        assert refusal(sim, "CreateCluster", **params)[0] == INVALID
