"""Clusters: documents exactly as recorded, refusals by table, counts from what really stands in the cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import account_settings, capacity_providers, clusters, container_instances
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import machines
from tests.ecs.calls import NOW, Ecs

DISABLED = [{"name": "containerInsights", "value": "disabled"}]
INCONSISTENT = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    return Ecs(tmp_path, clusters, container_instances, capacity_providers, account_settings)


def a_task(ecs: Ecs, name: str, **more: Any) -> Task:
    task = Task(
        arn=ecs.arn(f"task/web/{name:0>32}"),
        account=ecs.world.account,
        region=ecs.world.region,
        cluster_arn=ecs.arn("cluster/web"),
        task_definition_arn=ecs.arn("task-definition/app:1"),
        family="app",
        group="family:app",
        launch_type="FARGATE",
        network_mode="awsvpc",
        created_at=NOW,
        cpu=256,
        memory=512,
        spec={},
        containers=(),
    )
    return replace(task, **more)


def a_service(ecs: Ecs, name: str, **more: Any) -> Service:
    service = Service(
        arn=ecs.arn(f"service/web/{name}"),
        account=ecs.world.account,
        region=ecs.world.region,
        cluster_arn=ecs.arn("cluster/web"),
        name=name,
        status=ServiceStatus.ACTIVE,
        desired_count=1,
        launch_type="FARGATE",
        task_definition_arn=ecs.arn("task-definition/app:1"),
        scheduling_strategy="REPLICA",
        spec={},
        created_at=NOW,
        created_by="arn:aws:iam::123456789012:root",
        listing_id=name,
    )
    return replace(service, **more)


def a_machine(ecs: Ecs, cluster: str, origin: Origin) -> ContainerInstance:
    with ecs.store.snapshot() as tx:
        home = tx.get(Cluster, ecs.arn(f"cluster/{cluster}"))
    assert home is not None
    shape = machines.Shape(2048, 4096)
    made = machines.new(ecs.world, home, ecs.ids, NOW, origin=origin, zone="us-east-1a", shape=shape)
    ecs.put(made)
    return made


def shown(ecs: Ecs, name: str = "web", *include: str) -> dict[str, Any]:
    (found,) = ecs.ask("DescribeClusters", clusters=[name], include=list(include))["clusters"]
    return dict(found)


# --- documents ------------------------------------------------------------------------------------


def test_create_answers_the_document_that_was_recorded(ecs: Ecs) -> None:
    tags = [{"key": "owner", "value": "x"}, {"key": "Case", "value": ""}]
    assert ecs.ask("CreateCluster", clusterName="web", tags=tags) == {
        "cluster": {
            "activeServicesCount": 0,
            "capacityProviders": [],
            "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/web",
            "clusterName": "web",
            "defaultCapacityProviderStrategy": [],
            "pendingTasksCount": 0,
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": 0,
            "settings": DISABLED,
            "statistics": [],
            "status": "ACTIVE",
            "tags": tags,
        }
    }


CONFIGURATION = {"executeCommandConfiguration": {"logging": "DEFAULT", "kmsKeyId": "k"}}
FULL = {
    "clusterName": "web",
    "tags": [{"key": "owner", "value": "x"}],
    "settings": [{"name": "containerInsights", "value": "enhanced"}],
    "configuration": CONFIGURATION,
    "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    "serviceConnectDefaults": {"namespace": "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1"},
}


def test_create_shows_all_it_was_told_with_the_strategy_completed(ecs: Ecs) -> None:
    made = ecs.ask("CreateCluster", **FULL)["cluster"]
    assert made["settings"] == FULL["settings"]
    assert made["configuration"] == CONFIGURATION
    assert made["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert made["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    assert made["serviceConnectDefaults"] == FULL["serviceConnectDefaults"]
    assert "attachments" not in made


def test_describe_hides_what_was_not_included(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", **FULL)
    bare = shown(ecs)
    assert (bare["settings"], bare["tags"], bare["statistics"]) == ([], [], [])
    assert "configuration" not in bare
    assert "attachments" not in bare
    assert bare["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    full = shown(ecs, "web", "SETTINGS", "TAGS", "CONFIGURATIONS", "ATTACHMENTS", "NONSENSE")
    assert full["settings"] == FULL["settings"]
    assert full["tags"] == FULL["tags"]
    assert full["configuration"] == CONFIGURATION
    assert full["attachments"] == []


def test_changing_a_cluster_answers_attachments_and_no_tags(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", **FULL)
    enabled = [{"name": "containerInsights", "value": "enabled"}]
    for changed in (
        ecs.ask("UpdateCluster", cluster="web", settings=enabled)["cluster"],
        ecs.ask("UpdateClusterSettings", cluster="web", settings=enabled)["cluster"],
    ):
        assert changed["settings"] == enabled
        assert changed["attachments"] == []
        assert changed["tags"] == []
        assert changed["configuration"] == CONFIGURATION


def test_update_replaces_only_the_parts_given(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", **FULL)
    storage = {"managedStorageConfiguration": {"kmsKeyId": "s"}}
    changed = ecs.ask("UpdateCluster", cluster="web", configuration=storage)["cluster"]
    assert changed["configuration"] == {**CONFIGURATION, **storage}
    changed = ecs.ask("UpdateCluster", cluster="web", serviceConnectDefaults={"namespace": ""})["cluster"]
    assert "serviceConnectDefaults" not in changed
    assert changed["settings"] == FULL["settings"]


def test_a_namespace_given_by_name_is_shown_as_the_arn_it_always_has(ecs: Ecs) -> None:
    first = ecs.ask("CreateCluster", clusterName="a", serviceConnectDefaults={"namespace": "team"})["cluster"]
    second = ecs.ask("CreateCluster", clusterName="b", serviceConnectDefaults={"namespace": "team"})["cluster"]
    arn = first["serviceConnectDefaults"]["namespace"]
    assert arn.startswith("arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-")
    assert second["serviceConnectDefaults"]["namespace"] == arn


def test_put_capacity_providers_answers_the_document_that_was_recorded(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web", tags=[{"key": "owner", "value": "x"}])
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    changed = ecs.ask(
        "PutClusterCapacityProviders",
        cluster="web",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=strategy,
    )["cluster"]
    assert changed["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    assert (changed["attachments"], changed["attachmentsStatus"]) == ([], "UPDATE_IN_PROGRESS")
    assert (changed["tags"], changed["settings"]) == ([], DISABLED)
    assert shown(ecs)["capacityProviders"] == ["FARGATE"]


# --- life -----------------------------------------------------------------------------------------


def test_without_a_name_the_cluster_is_default(ecs: Ecs) -> None:
    assert ecs.ask("DescribeClusters")["failures"] == [{"arn": ecs.arn("cluster/default"), "reason": "MISSING"}]
    assert ecs.ask("CreateCluster")["cluster"]["clusterName"] == "default"
    assert ecs.ask("DescribeClusters")["clusters"][0]["clusterName"] == "default"


def test_creating_again_with_the_same_or_fewer_arguments_is_the_same_cluster(ecs: Ecs) -> None:
    first = ecs.ask("CreateCluster", **FULL)
    assert ecs.ask("CreateCluster", **FULL) == first
    assert ecs.ask("CreateCluster", clusterName="web") == first


@pytest.mark.parametrize(
    "other",
    [
        {"tags": [{"key": "owner", "value": "y"}]},
        {"settings": DISABLED},
        {"configuration": {"executeCommandConfiguration": {"logging": "NONE"}}},
        {"capacityProviders": ["FARGATE"]},
    ],
)
def test_creating_again_with_other_arguments_is_refused(ecs: Ecs, other: dict[str, Any]) -> None:
    ecs.ask("CreateCluster", **FULL)
    assert ecs.refusal("CreateCluster", **{**FULL, **other}) == ("InvalidParameterException", INCONSISTENT)


def test_a_deleted_cluster_is_described_for_an_hour_and_listed_no_more(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", **FULL)
    gone = ecs.ask("DeleteCluster", cluster="web")["cluster"]
    assert (gone["status"], gone["tags"], gone["settings"]) == ("INACTIVE", [], FULL["settings"])
    assert "attachments" not in gone
    assert ecs.ask("DeleteCluster", cluster="web")["cluster"]["attachments"] == []
    assert ecs.ask("ListClusters") == {"clusterArns": []}
    assert shown(ecs, "web", "TAGS")["tags"] == FULL["tags"]
    ecs.now += 3601
    assert ecs.ask("DescribeClusters", clusters=["web"])["failures"][0]["reason"] == "MISSING"
    assert ecs.refusal("DeleteCluster", cluster="web") == ("ClusterNotFoundException", "Cluster not found.")


def test_a_cluster_made_again_remembers_nothing(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", **FULL)
    ecs.ask("DeleteCluster", cluster="web")
    again = ecs.ask("CreateCluster", clusterName="web")["cluster"]
    assert (again["status"], again["settings"], again["tags"]) == ("ACTIVE", DISABLED, [])
    assert "configuration" not in again
    assert shown(ecs, "web", "TAGS")["tags"] == []


def test_container_insights_comes_from_the_account(ecs: Ecs) -> None:
    ecs.ask("PutAccountSettingDefault", name="containerInsights", value="enhanced")
    made = ecs.ask("CreateCluster", clusterName="web")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enhanced"}]


def test_describe_keeps_the_order_and_answers_duplicates_once(ecs: Ecs) -> None:
    for name in ("a", "b", "c"):
        ecs.ask("CreateCluster", clusterName=name)
    answer = ecs.ask("DescribeClusters", clusters=["c", "nope", "a", ecs.arn("cluster/c"), "nope"])
    assert [each["clusterName"] for each in answer["clusters"]] == ["c", "a"]
    assert answer["failures"] == [{"arn": ecs.arn("cluster/nope"), "reason": "MISSING"}]


def test_clusters_are_listed_by_name_and_by_page(ecs: Ecs) -> None:
    for name in ("c", "a", "b"):
        ecs.ask("CreateCluster", clusterName=name)
    first = ecs.ask("ListClusters", maxResults=2)
    assert first["clusterArns"] == [ecs.arn("cluster/a"), ecs.arn("cluster/b")]
    second = ecs.ask("ListClusters", maxResults=2, nextToken=first["nextToken"])
    assert second == {"clusterArns": [ecs.arn("cluster/c")]}


def test_each_account_and_region_has_its_own(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    for other in (ecs.elsewhere("210987654321", "us-east-1"), ecs.elsewhere("123456789012", "eu-west-1")):
        assert other.ask("ListClusters") == {"clusterArns": []}
        assert other.ask("DescribeClusters", clusters=["web"])["clusters"] == []


# --- counts ---------------------------------------------------------------------------------------


def test_counts_are_of_what_is_wanted_to_run(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    stopping = {"desired_status": DesiredStatus.STOPPED}
    ecs.put(
        a_task(ecs, "1", last_status=TaskStatus.PROVISIONING),
        a_task(ecs, "2", last_status=TaskStatus.ACTIVATING, launch_type="EC2"),
        a_task(ecs, "3", last_status=TaskStatus.RUNNING),
        a_task(ecs, "4", last_status=TaskStatus.RUNNING, launch_type="EXTERNAL"),
        a_task(ecs, "5", last_status=TaskStatus.RUNNING, **stopping),
        a_task(ecs, "6", last_status=TaskStatus.STOPPED, **stopping),
        a_service(ecs, "api"),
        a_service(ecs, "cron", launch_type="EC2"),
        a_service(ecs, "old", status=ServiceStatus.DRAINING),
        a_service(ecs, "gone", status=ServiceStatus.INACTIVE),
    )
    for status in (InstanceStatus.ACTIVE, InstanceStatus.DRAINING, InstanceStatus.INACTIVE):
        ecs.put(replace(a_machine(ecs, "web", Origin.API), status=status))
    counts = shown(ecs)
    assert (counts["runningTasksCount"], counts["pendingTasksCount"]) == (2, 2)
    assert (counts["activeServicesCount"], counts["registeredContainerInstancesCount"]) == (2, 2)
    assert shown(ecs, "web", "STATISTICS")["statistics"] == [
        {"name": "runningEC2TasksCount", "value": "0"},
        {"name": "runningFargateTasksCount", "value": "1"},
        {"name": "pendingEC2TasksCount", "value": "1"},
        {"name": "pendingFargateTasksCount", "value": "1"},
        {"name": "runningExternalTasksCount", "value": "1"},
        {"name": "pendingExternalTasksCount", "value": "0"},
        {"name": "runningManagedInstancesTasksCount", "value": "0"},
        {"name": "pendingManagedInstancesTasksCount", "value": "0"},
        {"name": "activeEC2ServiceCount", "value": "1"},
        {"name": "activeFargateServiceCount", "value": "1"},
        {"name": "drainingEC2ServiceCount", "value": "0"},
        {"name": "drainingFargateServiceCount", "value": "1"},
        {"name": "activeExternalServiceCount", "value": "0"},
        {"name": "drainingExternalServiceCount", "value": "0"},
        {"name": "activeManagedInstancesServiceCount", "value": "0"},
        {"name": "drainingManagedInstancesServiceCount", "value": "0"},
    ]


# --- refusals -------------------------------------------------------------------------------------

NOT_FOUND = ("ClusterNotFoundException", "Cluster not found.")
INVALID = "InvalidParameterException"
OVERRIDE = "You must set logging to 'OVERRIDE' when you supply a log configuration."
NO_GROUP = (
    "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log configuration."
)
NO_PROVIDER = "The specified capacity provider does not exist. Specify a valid name or ARN and try again."


def executing(**configuration: Any) -> dict[str, Any]:
    return {"clusterName": "new", "configuration": {"executeCommandConfiguration": configuration}}


REFUSALS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("CreateCluster", {"clusterName": "a b"}, (INVALID, r"ClusterName must match ^[a-zA-Z0-9\-_]{1,255}$")),
    ("CreateCluster", {"clusterName": "x" * 256}, (INVALID, r"ClusterName must match ^[a-zA-Z0-9\-_]{1,255}$")),
    ("CreateCluster", {"settings": [{"name": "insights", "value": "enabled"}]}, (INVALID, "Invalid setting 'name'")),
    (
        "CreateCluster",
        {"settings": [{"name": "containerInsights", "value": "on"}]},
        (INVALID, "Invalid setting 'value'"),
    ),
    ("CreateCluster", {"clusterName": "new", "tags": [{"key": "k"}]}, (INVALID, "Tag value can not be null.")),
    ("CreateCluster", {"clusterName": "new", "capacityProviders": ["mine"]}, (INVALID, NO_PROVIDER)),
    (
        "CreateCluster",
        {"clusterName": "new", "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]},
        (
            INVALID,
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with "
            "the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and "
            "try again.",
        ),
    ),
    ("CreateCluster", executing(logging="LOUD"), (INVALID, "logging should be one of [NONE,DEFAULT,OVERRIDE]")),
    ("CreateCluster", executing(logConfiguration={"s3BucketName": "b"}), (INVALID, OVERRIDE)),
    ("CreateCluster", executing(logging="NONE", logConfiguration={"s3BucketName": "b"}), (INVALID, OVERRIDE)),
    ("CreateCluster", executing(logging="OVERRIDE"), (INVALID, NO_GROUP)),
    ("CreateCluster", executing(logging="OVERRIDE", logConfiguration={"s3KeyPrefix": "p"}), (INVALID, NO_GROUP)),
    ("UpdateCluster", {"cluster": "nope", "settings": [{"name": "x", "value": "y"}]}, NOT_FOUND),
    ("UpdateClusterSettings", {"cluster": "nope", "settings": [{"name": "x", "value": "y"}]}, NOT_FOUND),
    ("UpdateClusterSettings", {"cluster": "gone", "settings": []}, ("ClientException", "Cluster was not ACTIVE.")),
    ("UpdateCluster", {"cluster": "web", "settings": [{"name": "x"}]}, (INVALID, "Invalid setting 'name'")),
    ("DeleteCluster", {"cluster": "nope"}, NOT_FOUND),
    ("DescribeClusters", {"clusters": ["c"] * 101}, (INVALID, "Clusters cannot have more than 100 elements")),
    (
        "PutClusterCapacityProviders",
        {"cluster": "gone", "capacityProviders": [], "defaultCapacityProviderStrategy": []},
        ("ClientException", "Cluster was not ACTIVE."),
    ),
    (
        "PutClusterCapacityProviders",
        {"cluster": "web", "capacityProviders": ["mine"], "defaultCapacityProviderStrategy": []},
        (INVALID, NO_PROVIDER),
    ),
]


@pytest.mark.parametrize(("operation", "params", "expected"), REFUSALS)
def test_refusals_are_in_the_words_of_aws_and_store_nothing(
    ecs: Ecs, operation: str, params: dict[str, Any], expected: tuple[str, str]
) -> None:
    ecs.ask("CreateCluster", clusterName="gone")
    ecs.ask("DeleteCluster", cluster="gone")
    ecs.ask("CreateCluster", clusterName="web")
    before = shown(ecs, "web", "SETTINGS")
    assert ecs.refusal(operation, **params) == expected
    assert shown(ecs, "web", "SETTINGS") == before
    assert ecs.ask("ListClusters") == {"clusterArns": [ecs.arn("cluster/web")]}


def test_a_cluster_is_not_deleted_while_something_stands_in_it(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    machine = a_machine(ecs, "web", Origin.API)
    task, service = a_task(ecs, "1"), a_service(ecs, "api")
    ecs.put(task, service)

    def refused() -> str:
        return ecs.refusal("DeleteCluster", cluster="web")[0]

    assert refused() == "ClusterContainsTasksException"
    ecs.put(replace(task, desired_status=DesiredStatus.STOPPED, last_status=TaskStatus.DEPROVISIONING))
    assert refused() == "ClusterContainsTasksException"
    ecs.put(replace(task, desired_status=DesiredStatus.STOPPED, last_status=TaskStatus.STOPPED))
    assert refused() == "ClusterContainsServicesException"
    ecs.put(replace(service, status=ServiceStatus.DRAINING))
    assert refused() == "ClusterContainsContainerInstancesException"
    ecs.put(replace(machine, status=InstanceStatus.INACTIVE))
    assert ecs.ask("DeleteCluster", cluster="web")["cluster"]["status"] == "INACTIVE"


def test_machines_made_on_demand_go_with_their_cluster(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web")
    machine = a_machine(ecs, "web", Origin.ON_DEMAND)
    assert ecs.ask("DeleteCluster", cluster="web")["cluster"]["registeredContainerInstancesCount"] == 0
    with ecs.store.snapshot() as tx:
        gone = tx.get(ContainerInstance, machine.arn)
    assert gone is not None
    assert (gone.status, gone.deregistered_at) == (InstanceStatus.INACTIVE, NOW)


def test_a_provider_in_use_is_not_removed(ecs: Ecs) -> None:
    ecs.ask("CreateCluster", clusterName="web", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    none: dict[str, Any] = {"cluster": "web", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}
    in_use = ("ResourceInUseException", "The specified capacity provider is in use and cannot be removed.")
    task = a_task(ecs, "1", capacity_provider_name="FARGATE_SPOT", last_status=TaskStatus.RUNNING)
    ecs.put(task)
    assert ecs.refusal("PutClusterCapacityProviders", **none) == in_use
    ecs.put(replace(task, last_status=TaskStatus.STOPPED, capacity_provider_name="FARGATE_SPOT"))
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    ecs.put(a_service(ecs, "api", spec={"capacityProviderStrategy": strategy}))
    assert ecs.refusal("PutClusterCapacityProviders", **none) == in_use
    ecs.put(a_service(ecs, "api", status=ServiceStatus.INACTIVE))
    assert ecs.ask("PutClusterCapacityProviders", **none)["cluster"]["capacityProviders"] == ["FARGATE"]


# --- capacity providers ---------------------------------------------------------------------------


def test_the_two_fargate_providers_are_always_there(ecs: Ecs) -> None:
    answer = ecs.ask("DescribeCapacityProviders")
    assert answer == {
        "capacityProviders": [
            {
                "capacityProviderArn": ecs.arn(f"capacity-provider/{name}"),
                "name": name,
                "status": "ACTIVE",
                "tags": [],
                "type": name,
            }
            for name in ("FARGATE", "FARGATE_SPOT")
        ],
        "failures": [],
    }


def test_an_unknown_provider_is_a_failure(ecs: Ecs) -> None:
    answer = ecs.ask("DescribeCapacityProviders", capacityProviders=["mine", ecs.arn("capacity-provider/FARGATE")])
    assert [each["name"] for each in answer["capacityProviders"]] == ["FARGATE"]
    assert answer["failures"] == [{"arn": ecs.arn("capacity-provider/mine"), "reason": "MISSING"}]
