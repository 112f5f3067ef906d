"""Container instances and their attributes: registered, described, filtered, drained, deregistered, and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import attributes, clusters, container_instances
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import machines
from ecs_emulator.wire.errors import AwsError
from tests.ecs.calls import NOW, Ecs

INVALID = "InvalidParameterException"
UNKNOWN_ID = "f" * 32
IDENTITY = json.dumps(
    {"instanceId": "i-0123", "instanceType": "t2.small", "imageId": "ami-1", "availabilityZone": "us-east-1f"}
)
TOTAL = [
    {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
    {"name": "MEMORY", "type": "INTEGER", "integerValue": 3768},
    {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2376", "2375", "51678", "51679"]},
    {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
]
VERSION = {"agentVersion": "1.14.3", "agentHash": "abcdef12", "dockerVersion": "DockerVersion: 25.0.8"}


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, clusters, container_instances, attributes)
    found.ask("CreateCluster", clusterName="web")
    return found


def registered(ecs: Ecs, **more: Any) -> dict[str, Any]:
    params = {"cluster": "web", "totalResources": TOTAL, "versionInfo": VERSION, **more}
    return dict(ecs.ask("RegisterContainerInstance", **params)["containerInstance"])


def described(ecs: Ecs, arn: str, *include: str) -> dict[str, Any]:
    answer = ecs.ask("DescribeContainerInstances", cluster="web", containerInstances=[arn], include=list(include))
    assert answer["failures"] == []
    return dict(answer["containerInstances"][0])


def a_task(ecs: Ecs, instance_arn: str, name: str = "1", **more: Any) -> Task:
    task = Task(
        arn=ecs.arn(f"task/web/{name:0>32}"),
        account=ecs.world.account,
        region=ecs.world.region,
        cluster_arn=ecs.arn("cluster/web"),
        task_definition_arn=ecs.arn("task-definition/app:1"),
        family="app",
        group="service:production",
        launch_type="EC2",
        network_mode="bridge",
        created_at=NOW,
        cpu=256,
        memory=512,
        spec={},
        containers=(),
        last_status=TaskStatus.RUNNING,
        container_instance_arn=instance_arn,
        ports=(80,),
    )
    return replace(task, **more)


def values(shown: dict[str, Any], name: str) -> Any:
    found = {each["name"]: each for each in shown[name]}
    return [found["CPU"]["integerValue"], found["MEMORY"]["integerValue"], found["PORTS"]["stringSetValue"]]


# --- registering and describing -------------------------------------------------------------------


def test_an_instance_is_shown_with_all_it_said(ecs: Ecs) -> None:
    shown = registered(ecs, instanceIdentityDocument=IDENTITY, tags=[{"key": "owner", "value": "x"}])
    said = {name: value for name, value in shown.items() if name not in ("attributes", "remainingResources")}
    assert said == {
        "containerInstanceArn": shown["containerInstanceArn"],
        "ec2InstanceId": "i-0123",
        "status": "ACTIVE",
        "agentConnected": True,
        "version": 1,
        "versionInfo": VERSION,
        "registeredAt": NOW,
        "registeredResources": [
            {"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 3768},
            {
                "name": "PORTS",
                "type": "STRINGSET",
                "doubleValue": 0.0,
                "longValue": 0,
                "integerValue": 0,
                "stringSetValue": ["22", "2376", "2375", "51678", "51679"],
            },
            {
                "name": "PORTS_UDP",
                "type": "STRINGSET",
                "doubleValue": 0.0,
                "longValue": 0,
                "integerValue": 0,
                "stringSetValue": [],
            },
        ],
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
        "attachments": [],
        "tags": [{"key": "owner", "value": "x"}],
    }
    assert shown["remainingResources"] == shown["registeredResources"]
    found = {each["name"]: each.get("value") for each in shown["attributes"]}
    assert found["ecs.instance-type"] == "t2.small"
    assert found["ecs.ami-id"] == "ami-1"
    assert found["ecs.availability-zone"] == "us-east-1f"
    assert found["ecs.instance-id"] == "i-0123"
    assert found["ecs.os-type"] == "linux"
    assert "ecs.capability.task-eni" in found


def test_an_agent_that_says_what_it_can_do_is_believed(ecs: Ecs) -> None:
    said = [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.24"}, {"name": "stack", "value": "prod"}]
    found = {each["name"]: each.get("value") for each in registered(ecs, attributes=said)["attributes"]}
    assert found["stack"] == "prod"
    assert "com.amazonaws.ecs.capability.docker-remote-api.1.24" in found
    assert "ecs.capability.task-eni" not in found


def test_tasks_take_from_what_remains(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    ecs.put(
        a_task(ecs, arn, "1"),
        a_task(ecs, arn, "2", last_status=TaskStatus.PENDING, ports=()),
        a_task(ecs, arn, "3", desired_status=DesiredStatus.STOPPED, ports=()),
        a_task(ecs, arn, "4", desired_status=DesiredStatus.STOPPED, last_status=TaskStatus.STOPPED, ports=(81,)),
    )
    shown = described(ecs, arn)
    assert (shown["runningTasksCount"], shown["pendingTasksCount"]) == (1, 1)
    reserved = ["22", "2376", "2375", "51678", "51679"]
    assert values(shown, "registeredResources") == [2048, 3768, reserved]
    assert values(shown, "remainingResources") == [2048 - 768, 3768 - 1536, [*reserved, "80"]]


def test_tags_and_health_are_shown_when_included(ecs: Ecs) -> None:
    arn = registered(ecs, tags=[{"key": "owner", "value": "x"}])["containerInstanceArn"]
    bare = described(ecs, arn)
    assert bare["tags"] == []
    assert "healthStatus" not in bare
    full = described(ecs, arn, "TAGS", "CONTAINER_INSTANCE_HEALTH")
    assert full["tags"] == [{"key": "owner", "value": "x"}]
    assert full["healthStatus"]["overallStatus"] == "OK"


def test_registering_without_a_cluster_makes_the_default_one(ecs: Ecs) -> None:
    shown = ecs.ask("RegisterContainerInstance")["containerInstance"]
    assert shown["containerInstanceArn"].startswith(ecs.arn("container-instance/default/"))
    assert ecs.ask("DescribeClusters")["clusters"][0]["registeredContainerInstancesCount"] == 1


def test_registering_again_keeps_the_instance(ecs: Ecs) -> None:
    first = registered(ecs, instanceIdentityDocument=IDENTITY, tags=[{"key": "owner", "value": "x"}])
    again = registered(
        ecs,
        containerInstanceArn=first["containerInstanceArn"],
        instanceIdentityDocument=IDENTITY,
        versionInfo={**VERSION, "agentVersion": "1.15.0"},
    )
    assert again["containerInstanceArn"] == first["containerInstanceArn"]
    assert (again["version"], again["versionInfo"]["agentVersion"]) == (2, "1.15.0")
    assert again["tags"] == [{"key": "owner", "value": "x"}]


def test_what_may_not_register_again(ecs: Ecs) -> None:
    arn = registered(ecs, instanceIdentityDocument=IDENTITY)["containerInstanceArn"]
    other = json.dumps({"instanceType": "m5.large"})
    again = {"cluster": "web", "containerInstanceArn": arn}
    assert ecs.refusal("RegisterContainerInstance", **again, instanceIdentityDocument=other) == (
        "ClientException",
        "Container instance type changes are not supported.",
    )
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn)
    assert ecs.refusal("RegisterContainerInstance", **again) == (
        "ClientException",
        f"Container instance {arn[-32:]} is inactive.",
    )


def test_instances_added_by_command_spread_over_the_zones(ecs: Ecs) -> None:
    added = ecs.doing(
        lambda call: container_instances.add_instances(
            call, "web", 4, cpu=1024, memory=2048, attributes={"stack": "prod"}
        )
    )
    assert [each.attributes["ecs.availability-zone"][-1] for each in added] == ["a", "b", "c", "a"]
    assert {(each.cpu, each.memory, each.origin) for each in added} == {(1024, 2048, Origin.COMMAND)}
    arns = ecs.ask("ListContainerInstances", cluster="web", filter="attribute:stack == prod")["containerInstanceArns"]
    assert sorted(each.arn for each in added) == arns


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"count": 0}, INVALID),
        ({"count": 1001}, INVALID),
        ({"cpu": 0}, INVALID),
        ({"memory": -1}, INVALID),
        ({"attributes": {"st ack": "x"}}, INVALID),
        ({"cluster": "nope"}, "ClusterNotFoundException"),
    ],
)
def test_no_machine_is_added_that_is_none(ecs: Ecs, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        ecs.doing(lambda call: container_instances.add_instances(call, **{"cluster": "web", **asked}))
    assert refused.value.code == code


# --- listing --------------------------------------------------------------------------------------


def test_a_filter_asks_each_instance(ecs: Ecs) -> None:
    first = registered(ecs, attributes=[{"name": "stack", "value": "prod"}])["containerInstanceArn"]
    second = registered(ecs, attributes=[{"name": "stack", "value": "dev"}])["containerInstanceArn"]
    ecs.put(a_task(ecs, second))
    for expression, expected in (
        ("attribute:stack == prod", [first]),
        ("task:group == service:production", [second]),
        ("runningTasksCount == 0", [first]),
        ("agentVersion < 1.14.5", sorted([first, second])),
        ("attribute:stack == test", []),
    ):
        found = ecs.ask("ListContainerInstances", cluster="web", filter=expression)["containerInstanceArns"]
        assert found == expected, expression


def test_draining_instances_are_listed_and_deregistered_ones_are_not(ecs: Ecs) -> None:
    active, draining, gone = (registered(ecs)["containerInstanceArn"] for _ in range(3))
    ecs.ask("UpdateContainerInstancesState", cluster="web", containerInstances=[draining], status="DRAINING")
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=gone)
    listed = ecs.ask("ListContainerInstances", cluster="web")["containerInstanceArns"]
    assert listed == sorted([active, draining])
    assert ecs.ask("ListContainerInstances", cluster="web", status="DRAINING")["containerInstanceArns"] == [draining]


@pytest.mark.parametrize("filtered", [{}, {"filter": "attribute:ecs.os-type == linux"}])
def test_pages_go_on_where_the_last_ended(ecs: Ecs, filtered: dict[str, str]) -> None:
    arns = sorted(registered(ecs)["containerInstanceArn"] for _ in range(3))
    first = ecs.ask("ListContainerInstances", cluster="web", maxResults=2, **filtered)
    assert first["containerInstanceArns"] == arns[:2]
    second = ecs.ask("ListContainerInstances", cluster="web", maxResults=2, nextToken=first["nextToken"], **filtered)
    assert second == {"containerInstanceArns": arns[2:]}


# --- draining and deregistering -------------------------------------------------------------------


def test_draining_and_back_is_a_new_version_each(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    for status, version in (("DRAINING", 2), ("DRAINING", 2), ("ACTIVE", 3)):
        answer = ecs.ask("UpdateContainerInstancesState", cluster="web", containerInstances=[arn], status=status)
        assert answer["failures"] == []
        (shown,) = answer["containerInstances"]
        assert (shown["status"], shown["version"]) == (status, version)


def test_what_cannot_be_drained_is_a_failure(ecs: Ecs) -> None:
    gone = registered(ecs)["containerInstanceArn"]
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=gone)
    answer = ecs.ask(
        "UpdateContainerInstancesState", cluster="web", containerInstances=[UNKNOWN_ID, gone], status="DRAINING"
    )
    assert answer == {
        "containerInstances": [],
        "failures": [
            {"arn": ecs.arn(f"container-instance/web/{UNKNOWN_ID}"), "reason": "MISSING"},
            {"arn": gone, "reason": "INACTIVE"},
        ],
    }


def test_an_instance_with_tasks_leaves_only_by_force_and_stops_them(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    task = a_task(ecs, arn)
    ecs.put(task)
    assert ecs.refusal("DeregisterContainerInstance", cluster="web", containerInstance=arn) == (
        INVALID,
        "Found running tasks on the instance.",
    )
    shown = ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn[-32:], force=True)
    assert shown["containerInstance"]["status"] == "INACTIVE"
    assert shown["containerInstance"]["agentConnected"] is False
    with ecs.store.snapshot() as tx:
        stopping = tx.get(Task, task.arn)
    assert stopping is not None
    assert stopping.desired_status is DesiredStatus.STOPPED
    assert stopping.stopped_reason == "Container instance deregistration forced by user"
    assert described(ecs, arn)["status"] == "INACTIVE"
    ecs.now += 3601
    answer = ecs.ask("DescribeContainerInstances", cluster="web", containerInstances=[arn])
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]


def test_deregistering_twice_is_as_good_as_once(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    first = ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn)
    assert ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn) == first


# --- attributes -----------------------------------------------------------------------------------


def stack(arn: str, value: str | None = "prod", **more: Any) -> dict[str, Any]:
    return {"name": "stack", "targetId": arn, **({} if value is None else {"value": value}), **more}


def test_attributes_are_put_replaced_listed_and_deleted(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    asked = [stack(arn)]
    assert ecs.ask("PutAttributes", cluster="web", attributes=asked) == {"attributes": asked}
    by_id = stack(arn[-32:], "dev", targetType="container-instance")
    ecs.ask("PutAttributes", cluster="web", attributes=[by_id])
    named = {"cluster": "web", "targetType": "container-instance", "attributeName": "stack"}
    assert ecs.ask("ListAttributes", **named) == {"attributes": [{"name": "stack", "value": "dev", "targetId": arn}]}
    assert ecs.ask("ListAttributes", **named, attributeValue="prod") == {"attributes": []}
    ecs.ask("DeleteAttributes", cluster="web", attributes=[stack(arn, "prod")])
    assert len(ecs.ask("ListAttributes", **named)["attributes"]) == 1
    ecs.ask("DeleteAttributes", cluster="web", attributes=[stack(arn, None)])
    assert ecs.ask("ListAttributes", **named) == {"attributes": []}


def test_all_attributes_of_all_instances_are_listed_page_by_page(ecs: Ecs) -> None:
    arns = sorted(registered(ecs)["containerInstanceArn"] for _ in range(2))
    asked: dict[str, Any] = {"cluster": "web", "targetType": "container-instance", "maxResults": 50}
    seen: list[tuple[str, str]] = []
    while True:
        answer = ecs.ask("ListAttributes", **asked)
        seen += [(each["targetId"], each["name"]) for each in answer["attributes"]]
        if "nextToken" not in answer:
            break
        asked["nextToken"] = answer["nextToken"]
    assert len(seen) == len(set(seen)) == 2 * len(described(ecs, arns[0])["attributes"])


def test_ten_custom_attributes_and_no_more(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    ecs.ask("PutAttributes", cluster="web", attributes=[{"name": f"n{n}", "targetId": arn} for n in range(10)])
    ecs.ask("PutAttributes", cluster="web", attributes=[{"name": "n1", "value": "new", "targetId": arn}])
    code, _ = ecs.refusal("PutAttributes", cluster="web", attributes=[stack(arn)])
    assert code == "AttributeLimitExceededException"


ATTRIBUTES: list[tuple[str, dict[str, Any], str, str]] = [
    ("none", {"attributes": []}, INVALID, "attributes can not be empty"),
    ("eleven", {"attributes": [stack(UNKNOWN_ID)] * 11}, INVALID, "attributes can have at most 10 items."),
    (
        "unknown",
        {"attributes": [stack(UNKNOWN_ID, targetType="container-instance")]},
        "TargetNotFoundException",
        f"Could not find {UNKNOWN_ID}",
    ),
    (
        "not an id",
        {"attributes": [stack("i-1", targetType="container-instance")]},
        "TargetNotFoundException",
        "Could not find i-1",
    ),
    ("no type", {"attributes": [stack(UNKNOWN_ID)]}, INVALID, "targetType must be container-instance"),
    ("no target", {"attributes": [{"name": "stack"}]}, INVALID, "targetId can not be blank."),
    ("bad name", {"attributes": [{"name": "st ack", "targetId": "i"}]}, INVALID, "Attribute name must match"),
    ("bad value", {"attributes": [stack("i", " x")]}, INVALID, "Attribute value must match"),
    ("long value", {"attributes": [stack("i", "x" * 129)]}, INVALID, "Attribute value must match"),
    (
        "built in",
        {"attributes": [{"name": "ecs.os-type", "value": "x", "targetId": "i"}]},
        INVALID,
        "The attribute ecs.os-type is reserved and can not be changed.",
    ),
    ("no cluster", {"cluster": "nope", "attributes": [stack("i")]}, "ClusterNotFoundException", "Cluster not found."),
]


@pytest.mark.parametrize("operation", ["PutAttributes", "DeleteAttributes"])
@pytest.mark.parametrize(("name", "params", "code", "message"), ATTRIBUTES, ids=[row[0] for row in ATTRIBUTES])
def test_attributes_are_refused(
    ecs: Ecs, operation: str, name: str, params: dict[str, Any], code: str, message: str
) -> None:
    found, text = ecs.refusal(operation, **{"cluster": "web", **params})
    assert found == code
    assert text is not None
    assert text.startswith(message)


# --- refusals -------------------------------------------------------------------------------------

NO_CLUSTER = ("ClusterNotFoundException", "Cluster not found.")
EMPTY = ("ClientException", "Container Instances cannot be empty.")
STATES = "Container instance status should be one of [ACTIVE,DRAINING]"

REFUSALS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("RegisterContainerInstance", {"cluster": "nope"}, NO_CLUSTER),
    ("ListContainerInstances", {"cluster": "nope"}, NO_CLUSTER),
    ("ListContainerInstances", {}, NO_CLUSTER),
    (
        "ListContainerInstances",
        {"cluster": "web", "filter": "stack = prod"},
        (INVALID, "Invalid filter expression 'stack = prod': expected a subject at position 0, found: stack = prod"),
    ),
    (
        "ListContainerInstances",
        {"cluster": "web", "status": "ASLEEP"},
        (
            INVALID,
            "Container instance status should be one of "
            "[REGISTERING,REGISTRATION_FAILED,ACTIVE,DRAINING,DEREGISTERING]",
        ),
    ),
    (
        "ListContainerInstances",
        {"cluster": "web", "status": "INACTIVE"},
        (
            INVALID,
            "Container instance status should be one of "
            "[REGISTERING,REGISTRATION_FAILED,ACTIVE,DRAINING,DEREGISTERING]",
        ),
    ),
    ("DescribeContainerInstances", {"cluster": "web", "containerInstances": []}, EMPTY),
    ("DescribeContainerInstances", {"cluster": "nope", "containerInstances": [UNKNOWN_ID]}, NO_CLUSTER),
    (
        "DescribeContainerInstances",
        {"cluster": "web", "containerInstances": ["i-1"]},
        (INVALID, "containerInstanceId length should be one of [32,36]"),
    ),
    (
        "DescribeContainerInstances",
        {"cluster": "web", "containerInstances": [UNKNOWN_ID] * 101},
        (INVALID, "Container Instances cannot have more than 100 elements"),
    ),
    (
        "UpdateContainerInstancesState",
        {"cluster": "web", "containerInstances": [UNKNOWN_ID], "status": "INACTIVE"},
        (INVALID, STATES),
    ),
    (
        "UpdateContainerInstancesState",
        {"cluster": "web", "containerInstances": [UNKNOWN_ID] * 11, "status": "ACTIVE"},
        (INVALID, "Container Instances cannot have more than 10 elements"),
    ),
    (
        "DeregisterContainerInstance",
        {"cluster": "web", "containerInstance": UNKNOWN_ID},
        (INVALID, "Referenced container instance not found."),
    ),
    (
        "RegisterContainerInstance",
        {"cluster": "web", "totalResources": [{"name": "PORTS", "stringSetValue": ["ssh"]}]},
        (INVALID, "Invalid resource: a port is a number"),
    ),
    (
        "ListAttributes",
        {"cluster": "web", "targetType": "cluster"},
        (INVALID, "targetType must be container-instance"),
    ),
    (
        "ListAttributes",
        {"cluster": "web", "targetType": "container-instance", "attributeValue": "x"},
        (INVALID, "attributeName must be specified when attributeValue is specified."),
    ),
]


@pytest.mark.parametrize(("operation", "params", "expected"), REFUSALS)
def test_refusals(ecs: Ecs, operation: str, params: dict[str, Any], expected: tuple[str, str]) -> None:
    assert ecs.refusal(operation, **params) == expected


def test_a_simulated_machine_can_do_all_that_definitions_require(ecs: Ecs) -> None:
    arn = registered(ecs)["containerInstanceArn"]
    with ecs.store.snapshot() as tx:
        found = tx.get(ContainerInstance, arn)
    assert found is not None
    assert found.status is InstanceStatus.ACTIVE
    assert set(machines.CAPABILITIES) <= found.attributes.keys()
