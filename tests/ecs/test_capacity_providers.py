"""Capacity providers of one's own: documents, refusals by table, what a cluster gets through them, and where tasks go."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.config import Instances
from ecs_emulator.ecs import capacity_providers, clusters, container_instances, tags
from ecs_emulator.records.capacity_providers import CapacityProvider
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.wire.call import Call
from tests.ecs.calls import NOW, Ecs
from tests.simulation import Simulation

CLIENT, INVALID = "ClientException", "InvalidParameterException"
GROUP = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:0f0f:autoScalingGroupName/mine"
UNKNOWN = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."
IN_USE = "The specified capacity provider is in use and cannot be removed."
BAD_NAME = (
    "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and "
    'lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". '
    "Specify a valid name and try again."
)
TEMPLATE = {
    "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/p",
    "networkConfiguration": {"subnets": ["subnet-1"]},
}
MANAGED = {"infrastructureRoleArn": "arn:aws:iam::123456789012:role/r", "instanceLaunchTemplate": TEMPLATE}
DEFAULTS = {
    "autoScalingGroupArn": GROUP,
    "managedScaling": {
        "status": "DISABLED",
        "targetCapacity": 100,
        "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10000,
        "instanceWarmupPeriod": 300,
    },
    "managedTerminationProtection": "DISABLED",
    "managedDraining": "ENABLED",
}


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    return Ecs(tmp_path, clusters, container_instances, capacity_providers, tags)


def create(ecs: Ecs, name: str = "mine", **more: Any) -> dict[str, Any]:
    group = {"autoScalingGroupArn": more.pop("group", name), **more}
    return dict(ecs.ask("CreateCapacityProvider", name=name, autoScalingGroupProvider=group)["capacityProvider"])


def create_managed(ecs: Ecs, name: str = "managed", cluster: str = "web") -> dict[str, Any]:
    answer = ecs.ask("CreateCapacityProvider", name=name, cluster=cluster, managedInstancesProvider=MANAGED)
    return dict(answer["capacityProvider"])


def shown(ecs: Ecs, name: str = "mine", **more: Any) -> dict[str, Any]:
    (found,) = ecs.ask("DescribeCapacityProviders", capacityProviders=[name], **more)["capacityProviders"]
    return dict(found)


def associate(ecs: Ecs, *names: str, cluster: str = "web", strategy: Any = ()) -> dict[str, Any]:
    answer = ecs.ask(
        "PutClusterCapacityProviders",
        cluster=cluster,
        capacityProviders=list(names),
        defaultCapacityProviderStrategy=list(strategy),
    )
    return dict(answer["cluster"])


# --- providers of an Auto Scaling group -----------------------------------------------------------


def test_a_provider_is_echoed_with_its_defaults_and_active_at_once(ecs: Ecs) -> None:
    owner = [{"key": "owner", "value": "x"}]
    made = ecs.ask(
        "CreateCapacityProvider", name="mine", autoScalingGroupProvider={"autoScalingGroupArn": GROUP}, tags=owner
    )
    document = {
        "capacityProviderArn": ecs.arn("capacity-provider/mine"),
        "name": "mine",
        "status": "ACTIVE",
        "type": "EC2_AUTOSCALING",
        "autoScalingGroupProvider": DEFAULTS,
        "tags": owner,
    }
    assert made == {"capacityProvider": document}
    assert shown(ecs, include=["TAGS"]) == document
    assert shown(ecs, ecs.arn("capacity-provider/mine")) == {**document, "tags": []}


def test_an_update_answers_what_was_and_keeps_what_is_not_given(ecs: Ecs) -> None:
    create(ecs, group=GROUP)
    change = {"managedScaling": {"status": "ENABLED", "targetCapacity": 80}, "managedDraining": "DISABLED"}
    answer = ecs.ask("UpdateCapacityProvider", name="mine", autoScalingGroupProvider=change)["capacityProvider"]
    assert (answer["updateStatus"], answer["autoScalingGroupProvider"]) == ("UPDATE_IN_PROGRESS", DEFAULTS)
    found = shown(ecs)
    assert (found["status"], found["updateStatus"]) == ("ACTIVE", "UPDATE_COMPLETE")
    scaling = {**DEFAULTS["managedScaling"], "status": "ENABLED", "targetCapacity": 80}  # type: ignore[dict-item]
    assert found["autoScalingGroupProvider"] == {**DEFAULTS, "managedScaling": scaling, "managedDraining": "DISABLED"}


def test_a_deleted_provider_is_described_as_inactive_for_a_while(ecs: Ecs) -> None:
    create(ecs)
    gone = ecs.ask("DeleteCapacityProvider", capacityProvider=ecs.arn("capacity-provider/mine"))["capacityProvider"]
    assert (gone["status"], gone["updateStatus"]) == ("ACTIVE", "DELETE_IN_PROGRESS")
    after = shown(ecs)
    assert (after["status"], after["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")
    assert ecs.ask("DeleteCapacityProvider", capacityProvider="mine")["capacityProvider"]["status"] == "INACTIVE"
    names = [each["name"] for each in ecs.ask("DescribeCapacityProviders")["capacityProviders"]]
    assert names == ["FARGATE", "FARGATE_SPOT"]
    ecs.now += 3601
    answer = ecs.ask("DescribeCapacityProviders", capacityProviders=["mine"])
    assert answer["failures"] == [{"arn": ecs.arn("capacity-provider/mine"), "reason": "MISSING"}]


def test_a_name_is_free_again_once_its_provider_is_gone(ecs: Ecs) -> None:
    create(ecs, managedDraining="DISABLED")
    ecs.ask("DeleteCapacityProvider", capacityProvider="mine")
    again = create(ecs)
    assert (again["status"], again["autoScalingGroupProvider"]["managedDraining"]) == ("ACTIVE", "ENABLED")
    assert "updateStatus" not in again


def test_all_providers_are_described_by_name_and_by_page(ecs: Ecs) -> None:
    for number in range(12):
        create(ecs, f"p{number:02}")
    first = ecs.ask("DescribeCapacityProviders")
    names = [each["name"] for each in first["capacityProviders"]]
    assert names == ["FARGATE", "FARGATE_SPOT", *(f"p{number:02}" for number in range(8))]
    ecs.ask("DeleteCapacityProvider", capacityProvider="p07")
    second = ecs.ask("DescribeCapacityProviders", nextToken=first["nextToken"])
    assert [each["name"] for each in second["capacityProviders"]] == ["p08", "p09", "p10", "p11"]
    assert "nextToken" not in second


def test_a_cluster_shows_its_own_providers_only(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    create(ecs)
    create(ecs, "other")
    associate(ecs, "mine", "FARGATE")
    answer = ecs.ask("DescribeCapacityProviders", cluster="web")
    assert [each["name"] for each in answer["capacityProviders"]] == ["FARGATE", "mine"]
    answer = ecs.ask("DescribeCapacityProviders", cluster="web", capacityProviders=["other", "mine"])
    assert [each["name"] for each in answer["capacityProviders"]] == ["mine"]
    assert answer["failures"] == [{"arn": ecs.arn("capacity-provider/other"), "reason": "MISSING"}]


def test_each_account_and_region_has_its_own_providers(ecs: Ecs) -> None:
    create(ecs)
    there = ecs.elsewhere("111122223333", "eu-west-1")
    arn = ecs.arn("capacity-provider/mine")
    assert there.ask("DescribeCapacityProviders", capacityProviders=[arn])["failures"] == [
        {"arn": arn, "reason": "MISSING"}
    ]
    assert there.refusal("DeleteCapacityProvider", capacityProvider=arn) == (CLIENT, UNKNOWN)
    assert create(there)["capacityProviderArn"] == "arn:aws:ecs:eu-west-1:111122223333:capacity-provider/mine"


def test_providers_carry_tags(ecs: Ecs) -> None:
    arn = create(ecs)["capacityProviderArn"]
    ecs.ask("TagResource", resourceArn=arn, tags=[{"key": "a", "value": "b"}])
    assert ecs.ask("ListTagsForResource", resourceArn=arn) == {"tags": [{"key": "a", "value": "b"}]}
    assert shown(ecs, include=["TAGS"])["tags"] == [{"key": "a", "value": "b"}]
    ecs.ask("UntagResource", resourceArn=arn, tagKeys=["a"])
    ecs.ask("DeleteCapacityProvider", capacityProvider=arn)
    assert ecs.refusal("TagResource", resourceArn=arn, tags=[]) == (
        INVALID,
        "The specified capacity provider is inactive. Specify an active capacity provider and try again.",
    )


# --- managed instances ----------------------------------------------------------------------------


def test_managed_instances_belong_to_one_cluster_from_their_creation(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    made = create_managed(ecs)
    assert made == {
        "capacityProviderArn": ecs.arn("capacity-provider/managed"),
        "name": "managed",
        "cluster": "web",
        "status": "PROVISIONING",
        "updateStatus": "CREATE_IN_PROGRESS",
        "type": "MANAGED_INSTANCES",
        "managedInstancesProvider": MANAGED,
        "tags": [],
    }
    assert shown(ecs, "managed") == {**made, "status": "ACTIVE", "updateStatus": "CREATE_COMPLETE"}
    assert ecs.ask("DescribeClusters", clusters=["web"])["clusters"][0]["capacityProviders"] == ["managed"]
    strategy = [{"capacityProvider": "managed", "weight": 1}]
    assert associate(ecs, "FARGATE", strategy=strategy)["capacityProviders"] == ["FARGATE", "managed"]


def test_a_cluster_with_managed_instances_is_not_deleted_before_them(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    create_managed(ecs)
    assert ecs.refusal("DeleteCluster", cluster="web")[0] == "ClusterContainsCapacityProviderException"
    strategy = [{"capacityProvider": "managed", "weight": 1}]
    associate(ecs, strategy=strategy)
    assert ecs.refusal("DeleteCapacityProvider", capacityProvider="managed") == (CLIENT, IN_USE)
    associate(ecs)
    gone = ecs.ask("DeleteCapacityProvider", capacityProvider="managed", cluster="web")["capacityProvider"]
    assert (gone["status"], gone["updateStatus"]) == ("DEPROVISIONING", "DELETE_IN_PROGRESS")
    assert shown(ecs, "managed")["status"] == "INACTIVE"
    assert ecs.ask("DeleteCluster", cluster="web")["cluster"]["capacityProviders"] == []


def test_an_update_of_managed_instances_keeps_the_rest_of_the_template(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    create_managed(ecs)
    change = {"infrastructureRoleArn": "arn:aws:iam::123456789012:role/s", "propagateTags": "NONE"}
    template = {"storageConfiguration": {"storageSizeGiB": 50}}
    ecs.ask(
        "UpdateCapacityProvider",
        name="managed",
        cluster="web",
        managedInstancesProvider={**change, "instanceLaunchTemplate": template},
    )
    assert shown(ecs, "managed")["managedInstancesProvider"] == {
        **change,
        "instanceLaunchTemplate": {**TEMPLATE, **template},
    }


# --- clusters -------------------------------------------------------------------------------------


def test_a_scaled_and_drained_provider_is_attached_by_a_policy_and_a_hook(ecs: Ecs) -> None:
    create(ecs, managedScaling={"status": "ENABLED"})
    ecs.ask("CreateCluster", clusterName="web")
    put = associate(ecs, "mine", "FARGATE")
    assert put["attachmentsStatus"] == "UPDATE_IN_PROGRESS"
    assert [(each["type"], each["status"]) for each in put["attachments"]] == [
        ("as_policy", "PRECREATED"),
        ("managed_draining", "PRECREATED"),
    ]
    (found,) = ecs.ask("DescribeClusters", clusters=["web"], include=["ATTACHMENTS"])["clusters"]
    assert found["attachmentsStatus"] == "UPDATE_COMPLETE"
    policy, hook = found["attachments"]
    assert (policy["status"], hook["status"]) == ("CREATED", "CREATED")
    assert policy["details"][0] == {"name": "capacityProviderName", "value": "mine"}
    assert policy["details"][1]["name"] == "scalingPolicyName"
    assert policy["details"][1]["value"].startswith("ECSManagedAutoScalingPolicy-")
    assert hook["details"] == [
        {"name": "capacityProviderName", "value": "mine"},
        {"name": "autoScalingLifecycleHookName", "value": "ecs-managed-draining-termination-hook"},
    ]
    ecs.ask("UpdateCapacityProvider", name="mine", autoScalingGroupProvider={"managedDraining": "DISABLED"})
    (found,) = ecs.ask("DescribeClusters", clusters=["web"], include=["ATTACHMENTS"])["clusters"]
    assert found["attachments"] == [policy]
    assert associate(ecs, "FARGATE")["attachments"] == []


def test_a_cluster_is_created_with_providers_of_one_s_own(ecs: Ecs) -> None:
    create(ecs)
    made = ecs.ask("CreateCluster", clusterName="web", capacityProviders=["mine", "FARGATE"])["cluster"]
    assert made["capacityProviders"] == ["mine", "FARGATE"]
    assert made["attachmentsStatus"] == "UPDATE_IN_PROGRESS"
    assert [each["status"] for each in made["attachments"]] == ["PRECREATED"]


def test_a_scaled_provider_serves_one_cluster_only(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    ecs.ask("CreateCluster", clusterName="other")
    for name, status in (("scaled", "ENABLED"), ("still", "DISABLED")):
        group = {"autoScalingGroupArn": name, "managedScaling": {"status": status}}
        ecs.ask("CreateCapacityProvider", name=name, autoScalingGroupProvider=group)
    associate(ecs, "scaled", "still")
    associate(ecs, "scaled", "still")
    asked = {"capacityProviders": ["scaled"], "defaultCapacityProviderStrategy": []}
    for operation, params in (
        ("PutClusterCapacityProviders", {"cluster": "other", **asked}),
        ("CreateCluster", {"clusterName": "third", **asked}),
    ):
        code, message = ecs.refusal(operation, **params)
        assert code == INVALID
        assert message is not None
        assert message.startswith("The capacity provider scaled has managed scaling enabled")
    ecs.ask(
        "PutClusterCapacityProviders", cluster="other", capacityProviders=["still"], defaultCapacityProviderStrategy=[]
    )
    associate(ecs)
    assert ecs.ask("PutClusterCapacityProviders", cluster="other", **asked)["cluster"]["capacityProviders"] == [
        "scaled"
    ]


def test_a_provider_that_a_cluster_has_is_not_deleted(ecs: Ecs) -> None:
    create(ecs)
    ecs.ask("CreateCluster", clusterName="web", capacityProviders=["mine"])
    assert ecs.refusal("DeleteCapacityProvider", capacityProvider="mine") == (CLIENT, IN_USE)
    associate(ecs)
    assert ecs.ask("DeleteCapacityProvider", capacityProvider="mine")["capacityProvider"]["status"] == "ACTIVE"
    assert ecs.refusal(
        "PutClusterCapacityProviders",
        cluster="web",
        capacityProviders=["mine"],
        defaultCapacityProviderStrategy=[],
    ) == (INVALID, UNKNOWN)


def test_managed_instances_in_use_are_not_deleted(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    create_managed(ecs)
    strategy = [{"capacityProvider": "managed", "weight": 1, "base": 0}]
    service = Service(
        arn=ecs.arn("service/web/api"),
        account=ecs.world.account,
        region=ecs.world.region,
        cluster_arn=ecs.arn("cluster/web"),
        name="api",
        status=ServiceStatus.ACTIVE,
        desired_count=0,
        launch_type="EC2",
        task_definition_arn=ecs.arn("task-definition/app:1"),
        scheduling_strategy="REPLICA",
        spec={"capacityProviderStrategy": strategy},
        created_at=NOW,
        created_by=ecs.principal_arn,
        listing_id="1",
    )
    ecs.put(service)
    assert ecs.refusal("DeleteCapacityProvider", capacityProvider="managed") == (CLIENT, IN_USE)
    ecs.put(replace(service, status=ServiceStatus.INACTIVE))
    ecs.ask("DeleteCapacityProvider", capacityProvider="managed")


# --- refusals -------------------------------------------------------------------------------------


def group(**members: Any) -> dict[str, Any]:
    return {"name": "new", "autoScalingGroupProvider": {"autoScalingGroupArn": "free", **members}}


def managed(**members: Any) -> dict[str, Any]:
    return {"name": "new", "cluster": "web", "managedInstancesProvider": {**MANAGED, **members}}


ONE_KIND = "Specify exactly one of autoScalingGroupProvider and managedInstancesProvider and try again."
RESERVED = (
    "The specified capacity provider is reserved and cannot be changed or deleted. Specify a valid name and try again."
)
STEPS = (
    "The minimum or maximum scaling step size value is invalid. Specify a minimum scaling step size value that is less "
    "than or equal to the maximum scaling step size value and try again."
)
UNSCALED = (
    "The managed termination protection setting for the capacity provider is invalid. To enable managed termination "
    "protection for a capacity provider, managed scaling must be enabled."
)
EXISTS = (
    "The specified capacity provider already exists. To change the configuration of an existing capacity provider, "
    "update the capacity provider."
)
TAKEN = (
    "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto "
    "Scaling group ARN and try again."
)
MIXED = (
    "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate "
    "providers. Specify one or the other and try again."
)
PUT = {"cluster": "web", "defaultCapacityProviderStrategy": []}
WEIGHED = [{"capacityProvider": name, "weight": 1} for name in ("mine", "FARGATE")]

REFUSALS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("CreateCapacityProvider", {**group(), "name": "aws-mine"}, (CLIENT, BAD_NAME)),
    ("CreateCapacityProvider", {**group(), "name": "ECSmine"}, (CLIENT, BAD_NAME)),
    ("CreateCapacityProvider", {**group(), "name": "fargate_mine"}, (CLIENT, BAD_NAME)),
    ("CreateCapacityProvider", {**group(), "name": "a b"}, (CLIENT, BAD_NAME)),
    ("CreateCapacityProvider", {**group(), "name": "x" * 256}, (CLIENT, BAD_NAME)),
    ("CreateCapacityProvider", {"name": "new"}, (INVALID, ONE_KIND)),
    ("CreateCapacityProvider", {**managed(), **group()}, (INVALID, ONE_KIND)),
    ("CreateCapacityProvider", {**group(), "name": "mine"}, (CLIENT, EXISTS)),
    (
        "CreateCapacityProvider",
        {**managed(), "name": "managed"},
        (CLIENT, "The specified capacity provider already exists with cluster scope"),
    ),
    ("CreateCapacityProvider", group(autoScalingGroupArn=GROUP), (CLIENT, TAKEN)),
    (
        "CreateCapacityProvider",
        group(autoScalingGroupArn=""),
        (INVALID, "AutoScalingGroupArn can not be blank."),
    ),
    (
        "CreateCapacityProvider",
        group(managedScaling={"minimumScalingStepSize": 3, "maximumScalingStepSize": 2}),
        (CLIENT, STEPS),
    ),
    ("CreateCapacityProvider", group(managedTerminationProtection="ENABLED"), (CLIENT, UNSCALED)),
    (
        "CreateCapacityProvider",
        group(managedScaling={"status": "ON"}),
        (INVALID, "status should be one of [ENABLED,DISABLED]"),
    ),
    (
        "CreateCapacityProvider",
        group(managedDraining="ON"),
        (INVALID, "managedDraining should be one of [ENABLED,DISABLED]"),
    ),
    (
        "CreateCapacityProvider",
        {**group(), "cluster": "web"},
        (INVALID, "The cluster can be specified for managed instances capacity providers only."),
    ),
    (
        "CreateCapacityProvider",
        {**managed(), "cluster": ""},
        (INVALID, "A cluster must be specified for a managed instances capacity provider."),
    ),
    ("CreateCapacityProvider", {**managed(), "cluster": "nope"}, ("ClusterNotFoundException", "Cluster not found.")),
    (
        "CreateCapacityProvider",
        managed(propagateTags="SERVICE"),
        (INVALID, "propagateTags should be one of [CAPACITY_PROVIDER,NONE]"),
    ),
    (
        "CreateCapacityProvider",
        managed(infrastructureOptimization={"scaleInAfter": 3601}),
        (INVALID, "scaleInAfter must be between -1 and 3600"),
    ),
    ("CreateCapacityProvider", {**group(), "tags": [{"key": "k"}]}, (INVALID, "Tag value can not be null.")),
    ("UpdateCapacityProvider", {**group(), "name": "nope"}, (CLIENT, UNKNOWN)),
    ("UpdateCapacityProvider", {**group(), "name": "gone"}, (CLIENT, UNKNOWN)),
    ("UpdateCapacityProvider", {**group(), "name": "FARGATE"}, (CLIENT, RESERVED)),
    ("UpdateCapacityProvider", {"name": "mine"}, (INVALID, ONE_KIND)),
    (
        "UpdateCapacityProvider",
        {**managed(), "cluster": None, "name": "mine"},
        (
            INVALID,
            "The specified capacity provider is of type EC2_AUTOSCALING. Specify a configuration of this type and try "
            "again.",
        ),
    ),
    ("UpdateCapacityProvider", {**managed(), "cluster": "other", "name": "managed"}, (CLIENT, UNKNOWN)),
    (
        "UpdateCapacityProvider",
        {"name": "mine", "autoScalingGroupProvider": {"managedScaling": {"minimumScalingStepSize": 10_000 + 1}}},
        (CLIENT, STEPS),
    ),
    ("DeleteCapacityProvider", {"capacityProvider": "nope"}, (CLIENT, UNKNOWN)),
    ("DeleteCapacityProvider", {"capacityProvider": "FARGATE_SPOT"}, (CLIENT, RESERVED)),
    ("DeleteCapacityProvider", {"capacityProvider": "managed", "cluster": "other"}, (CLIENT, UNKNOWN)),
    ("PutClusterCapacityProviders", {**PUT, "capacityProviders": ["gone"]}, (INVALID, UNKNOWN)),
    (
        "PutClusterCapacityProviders",
        {**PUT, "cluster": "other", "capacityProviders": ["managed"]},
        (INVALID, UNKNOWN),
    ),
    (
        "PutClusterCapacityProviders",
        {**PUT, "capacityProviders": ["mine", "FARGATE"], "defaultCapacityProviderStrategy": WEIGHED},
        (INVALID, MIXED),
    ),
    (
        "DescribeCapacityProviders",
        {"capacityProviders": ["p"] * 101},
        (INVALID, "capacityProviders can have at most 100 items."),
    ),
    ("DescribeCapacityProviders", {"cluster": "nope"}, ("ClusterNotFoundException", "Cluster not found.")),
]


@pytest.mark.parametrize(("operation", "params", "expected"), REFUSALS)
def test_refusals_are_in_the_words_of_aws_and_store_nothing(
    ecs: Ecs, operation: str, params: dict[str, Any], expected: tuple[str, str]
) -> None:
    for name in ("web", "other"):
        ecs.ask("CreateCluster", clusterName=name)
    create(ecs, group=GROUP)
    create(ecs, "gone")
    ecs.ask("DeleteCapacityProvider", capacityProvider="gone")
    create_managed(ecs)
    before = stored(ecs)
    given = {name: value for name, value in params.items() if value is not None}
    assert ecs.refusal(operation, **given) == expected
    assert stored(ecs) == before


def stored(ecs: Ecs) -> list[CapacityProvider]:
    with ecs.store.snapshot() as tx:
        return tx.find(CapacityProvider, order="arn")


# --- where tasks go -------------------------------------------------------------------------------


@pytest.fixture
def sim(tmp_path: Path) -> Simulation:
    found = Simulation(tmp_path, instances=Instances.NONE)
    for name in ("left", "right"):
        group = {"autoScalingGroupArn": name}
        found.call("CreateCapacityProvider", name=name, autoScalingGroupProvider=group)
    found.call("CreateCluster", capacityProviders=["left", "right"])
    container = {"name": "app", "image": "app", "memory": 64}
    found.call("RegisterTaskDefinition", family="app", containerDefinitions=[container])
    return found


def add_instance(sim: Simulation, provider: str | None) -> str:
    with sim.store.transaction() as tx:
        call = Call.of(sim.context(), "RegisterContainerInstance", tx)
        (made,) = container_instances.add_instances(call, capacity_provider=provider)
    return made.arn


def test_a_strategy_places_on_the_machines_of_its_provider_only(sim: Simulation) -> None:
    add_instance(sim, None)
    strategy = [{"capacityProvider": "right", "weight": 1}]
    with pytest.raises(AssertionError, match="No Container Instances were found"):
        sim.call("RunTask", taskDefinition="app", capacityProviderStrategy=strategy)
    add_instance(sim, "left")
    right = add_instance(sim, "right")
    answer = sim.call("RunTask", taskDefinition="app", capacityProviderStrategy=strategy, count=3)
    assert {each["containerInstanceArn"] for each in answer["tasks"]} == {right}
    assert {(each["capacityProviderName"], each["launchType"]) for each in answer["tasks"]} == {("right", "EC2")}


def test_a_launch_type_places_on_any_machine(sim: Simulation) -> None:
    left = add_instance(sim, "left")
    (task,) = sim.call("RunTask", taskDefinition="app", launchType="EC2")["tasks"]
    assert task["containerInstanceArn"] == left
    assert "capacityProviderName" not in task


def test_tasks_are_shared_between_two_groups_by_weight(sim: Simulation) -> None:
    left, right = add_instance(sim, "left"), add_instance(sim, "right")
    strategy = [{"capacityProvider": "left", "weight": 3}, {"capacityProvider": "right", "weight": 1}]
    answer = sim.call("RunTask", taskDefinition="app", capacityProviderStrategy=strategy, count=8)
    assert Counter(each["containerInstanceArn"] for each in answer["tasks"]) == {left: 6, right: 2}


def test_a_service_runs_on_the_machines_of_its_provider(sim: Simulation) -> None:
    add_instance(sim, "left")
    right = add_instance(sim, "right")
    strategy = [{"capacityProvider": "right", "weight": 1}]
    sim.call(
        "CreateService", serviceName="web", taskDefinition="app", desiredCount=2, capacityProviderStrategy=strategy
    )
    sim.settle()
    assert {task.container_instance_arn for task in sim.tasks()} == {right}
    assert {task.capacity_provider_name for task in sim.tasks()} == {"right"}


def test_machines_made_on_demand_belong_to_the_provider_that_needs_them(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    sim.call("CreateCapacityProvider", name="left", autoScalingGroupProvider={"autoScalingGroupArn": "left"})
    strategy = [{"capacityProvider": "left", "weight": 1}]
    sim.call("CreateCluster", capacityProviders=["left"], defaultCapacityProviderStrategy=strategy)
    container = {"name": "app", "image": "app", "memory": 64}
    sim.call("RegisterTaskDefinition", family="app", containerDefinitions=[container])
    add_instance(sim, None)
    (task,) = sim.call("RunTask", taskDefinition="app")["tasks"]
    (instance,) = sim.call("DescribeContainerInstances", containerInstances=[task["containerInstanceArn"]])[
        "containerInstances"
    ]
    assert instance["capacityProviderName"] == "left"
