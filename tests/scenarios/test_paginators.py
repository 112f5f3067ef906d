"""Every paginator that botocore has for ECS gives each item once, also while others come and go between its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import botocore
import botocore.loaders
import pytest

import ecs_emulator
from ecs_emulator.app import Emulator

PAGED: dict[str, Any] = botocore.loaders.Loader().load_service_model("ecs", "paginators-1")["pagination"]
PAGINATORS = sorted(PAGED)
ACCOUNTS = count(100_000_000_001)
"""Each test has a world of its own in the one emulator."""

CONTAINER = {"name": "app", "image": "app:1", "memory": 64, "portMappings": [{"containerPort": 80, "name": "http"}]}
ROLE = "arn:aws:iam::123456789012:role/ecs"
NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-0123456789abcdef"
ALB = {"hostSharedAlb": {"networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}}
SETTINGS = {
    "awsvpcTrunking": "enabled",
    "containerInsights": "enabled",
    "containerInstanceLongArnFormat": "enabled",
    "defaultLogDriverMode": "blocking",
    "fargateFIPSMode": "enabled",
    "fargateTaskRetirementWaitPeriod": "14",
    "tagResourceAuthorization": "on",
}
MANY, PAGE = 7, 2


def nothing(ecs: Any) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Collection:
    """What one paginator goes through."""

    make: Callable[[Any, int], Any]
    """The n-th item, as the pages show it; what `key` makes of it."""
    remove: Callable[[Any, Any], object]
    before: Callable[[Any], object] = nothing
    asked: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    """The member of an item by which it is known; None where the item is a text."""
    many: int = MANY


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with ecs_emulator.start(engine="simulated", instances="none") as started:
        yield started


@pytest.fixture
def ecs(emulator: Emulator) -> Any:
    return emulator.client("ecs", account=str(next(ACCOUNTS)))


# --- what is listed ---------------------------------------------------------------------------------------------------


def a_cluster(ecs: Any, n: int) -> Any:
    return ecs.create_cluster(clusterName=f"cluster-{n:02}")["cluster"]["clusterArn"]


def a_definition(ecs: Any, n: int) -> Any:
    made = ecs.register_task_definition(family=f"family-{n // 2}", containerDefinitions=[CONTAINER])
    return made["taskDefinition"]["taskDefinitionArn"]


def a_family(ecs: Any, n: int) -> Any:
    return ecs.register_task_definition(family=f"family-{n}", containerDefinitions=[CONTAINER])["taskDefinition"][
        "family"
    ]


def an_instance(ecs: Any, n: int) -> Any:
    resources = [{"name": name, "type": "INTEGER", "integerValue": 4096} for name in ("CPU", "MEMORY")]
    return ecs.register_container_instance(totalResources=resources)["containerInstance"]["containerInstanceArn"]


def a_task(ecs: Any, n: int) -> Any:
    return ecs.run_task(taskDefinition="web")["tasks"][0]["taskArn"]


def a_service(ecs: Any, n: int, **more: Any) -> Any:
    made = ecs.create_service(serviceName=f"service-{n:02}", taskDefinition="web", desiredCount=0, **more)
    return made["service"]["serviceArn"]


def a_service_of_the_namespace(ecs: Any, n: int) -> Any:
    return a_service(ecs, n, serviceConnectConfiguration={"enabled": True, "namespace": NAMESPACE})


def a_setting(ecs: Any, n: int) -> Any:
    name = sorted(SETTINGS)[n % len(SETTINGS)]
    return ecs.put_account_setting(name=name, value=SETTINGS[name])["setting"]["name"]


def an_attribute(ecs: Any, n: int) -> Any:
    instances = ecs.list_container_instances()["containerInstanceArns"]
    target = instances[0] if instances else an_instance(ecs, 0)
    attribute = {"name": "colour", "value": f"value-{n}", "targetType": "container-instance", "targetId": target}
    if n > 0:
        attribute["targetId"] = an_instance(ecs, n)
    ecs.put_attributes(attributes=[attribute])
    return attribute["value"]


def a_gateway(ecs: Any, n: int) -> Any:
    made = ecs.create_gateway(
        name=f"gateway-{n}", infrastructureRoleArn=ROLE, configuration=ALB, deletionProtection=False
    )
    return made["gatewayArn"]


def an_association(ecs: Any, n: int) -> Any:
    ecs.associate_gateway_with_cluster(gateway="door", cluster=(cluster := a_cluster(ecs, n)))
    return cluster


def a_route(ecs: Any, n: int) -> Any:
    return a_service(ecs, n, gatewayConnectors=[{"portName": "http"}])


# --- what has to be there before --------------------------------------------------------------------------------------


def the_cluster(ecs: Any) -> None:
    ecs.create_cluster()


def a_cluster_and_a_definition(ecs: Any) -> None:
    the_cluster(ecs)
    ecs.register_task_definition(family="web", containerDefinitions=[CONTAINER])


def a_machine(ecs: Any) -> None:
    a_cluster_and_a_definition(ecs)
    an_instance(ecs, 0)


def a_door(ecs: Any) -> None:
    ecs.create_gateway(name="door", infrastructureRoleArn=ROLE, configuration=ALB)


def a_door_of_the_cluster(ecs: Any) -> None:
    a_cluster_and_a_definition(ecs)
    a_door(ecs)
    ecs.associate_gateway_with_cluster(gateway="door", cluster="default")


def without_attribute(ecs: Any, value: Any) -> None:
    found = ecs.list_attributes(targetType="container-instance", attributeName="colour", attributeValue=value)
    ecs.delete_attributes(attributes=[{"name": "colour", "targetId": each["targetId"]} for each in found["attributes"]])


def deleted_service(ecs: Any, service: Any) -> None:
    ecs.delete_service(service=service, force=True)


COLLECTIONS = {
    "ListAccountSettings": Collection(
        a_setting, lambda ecs, name: ecs.delete_account_setting(name=name), key="name", many=len(SETTINGS) - 1
    ),
    "ListAttributes": Collection(
        an_attribute,
        without_attribute,
        the_cluster,
        {"targetType": "container-instance", "attributeName": "colour"},
        key="value",
    ),
    "ListClusters": Collection(a_cluster, lambda ecs, arn: ecs.delete_cluster(cluster=arn)),
    "ListContainerInstances": Collection(
        an_instance, lambda ecs, arn: ecs.deregister_container_instance(containerInstance=arn), the_cluster
    ),
    "ListGatewayClusterAssociations": Collection(
        an_association,
        lambda ecs, arn: ecs.disassociate_gateway_from_cluster(gateway="door", cluster=arn),
        a_door,
        {"gateway": "door"},
        key="clusterArn",
    ),
    "ListGatewayRoutes": Collection(a_route, deleted_service, a_door_of_the_cluster, key="serviceArn"),
    "ListGateways": Collection(a_gateway, lambda ecs, arn: ecs.delete_gateway(gateway=arn), key="gatewayArn"),
    "ListServices": Collection(a_service, deleted_service, a_cluster_and_a_definition),
    "ListServicesByNamespace": Collection(
        a_service_of_the_namespace, deleted_service, a_cluster_and_a_definition, {"namespace": NAMESPACE}
    ),
    "ListTaskDefinitionFamilies": Collection(
        a_family,
        lambda ecs, family: ecs.deregister_task_definition(taskDefinition=f"{family}:1"),
        asked={"status": "ACTIVE"},
    ),
    "ListTaskDefinitions": Collection(
        a_definition, lambda ecs, arn: ecs.deregister_task_definition(taskDefinition=arn)
    ),
    "ListTasks": Collection(a_task, lambda ecs, arn: ecs.stop_task(task=arn), a_machine),
}


# --- the tests --------------------------------------------------------------------------------------------------------


def pages(ecs: Any, name: str) -> Iterator[list[Any]]:
    collection = COLLECTIONS[name]
    paginator = ecs.get_paginator(botocore.xform_name(name))
    for page in paginator.paginate(**collection.asked, PaginationConfig={"PageSize": PAGE}):
        items = page[PAGED[name]["result_key"]]
        assert len(items) <= PAGE
        yield [item if collection.key is None else item[collection.key] for item in items]


@pytest.mark.parametrize("name", PAGINATORS)
def test_each_item_comes_once(ecs: Any, name: str) -> None:
    collection = COLLECTIONS[name]
    collection.before(ecs)
    made = [collection.make(ecs, n) for n in range(collection.many)]
    seen = [item for page in pages(ecs, name) for item in page]
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize("name", PAGINATORS)
def test_what_stays_comes_once_while_others_come_and_go(ecs: Any, name: str) -> None:
    collection = COLLECTIONS[name]
    collection.before(ecs)
    left = {collection.make(ecs, n) for n in range(collection.many)}
    seen: list[Any] = []
    for place, page in enumerate(pages(ecs, name)):
        seen.extend(page)
        if place < 2:
            for gone in (page[0], max(left - set(seen))):  # one that was shown, and one that was not
                collection.remove(ecs, gone)
                left.discard(gone)
            collection.make(ecs, collection.many + place)
    assert left <= set(seen)
    assert len(seen) == len(set(seen))
