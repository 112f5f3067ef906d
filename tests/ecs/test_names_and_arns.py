"""Every operation that is asked about a cluster takes its name and its ARN, and refuses the same ones as the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.arns import World
from tests.ecs.running import ARN, FARGATE, INVALID, NETWORK, begun, refusal, run, shown
from tests.simulation import Simulation

ID = "0123456789abcdef0123456789abcdef"
NO_CLUSTER = ("ClusterNotFoundException", "Cluster not found.")
INACTIVE = ("ClusterNotFoundException", "The referenced cluster was inactive.")
NOT_A_CLUSTER = (INVALID, "Unsupported resource type: cluster")
MANAGED = {
    "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs",
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
        "networkConfiguration": {"subnets": ["subnet-1"]},
    },
}
GROUP = {"autoScalingGroupProvider": {"autoScalingGroupArn": "group"}}
ATTRIBUTE = {"name": "a", "targetId": ID, "targetType": "container-instance"}

# All that a request needs to be refused for its cluster alone.
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateCapacityProvider": {"name": "managed", "managedInstancesProvider": MANAGED},
    "CreateService": {"serviceName": "new", "taskDefinition": "web", "desiredCount": 0},
    "CreateTaskSet": {"service": "web", "taskDefinition": "web"},
    "DeleteAttributes": {"attributes": [ATTRIBUTE]},
    "DeleteCapacityProvider": {"capacityProvider": "group"},
    "DeleteCluster": {},
    "DeleteService": {"service": "web"},
    "DeleteTaskSet": {"service": "web", "taskSet": "ecs-svc/1"},
    "DeregisterContainerInstance": {"containerInstance": ID},
    "DescribeCapacityProviders": {},
    "DescribeContainerInstances": {"containerInstances": [ID]},
    "DescribeServices": {"services": ["web"]},
    "DescribeTaskSets": {"service": "web"},
    "DescribeTasks": {"tasks": [ID]},
    "ExecuteCommand": {"task": ID, "command": "sh", "interactive": True},
    "GetTaskProtection": {"tasks": [ID]},
    "ListAttributes": {"targetType": "container-instance"},
    "ListContainerInstances": {},
    "ListServiceDeployments": {"service": "web"},
    "ListServices": {},
    "ListTasks": {},
    "PutAttributes": {"attributes": [ATTRIBUTE]},
    "PutClusterCapacityProviders": {"capacityProviders": [], "defaultCapacityProviderStrategy": []},
    "RegisterContainerInstance": {},
    "RunTask": {"taskDefinition": "web"},
    "StartTask": {"taskDefinition": "web", "containerInstances": [ID]},
    "StopTask": {"task": ID},
    "SubmitAttachmentStateChanges": {"attachments": [{"attachmentArn": f"{ARN}attachment/1", "status": "ATTACHED"}]},
    "SubmitContainerStateChange": {"task": ID, "containerName": "app"},
    "SubmitTaskStateChange": {"task": ID, "status": "RUNNING"},
    "UpdateCapacityProvider": {"name": "group", **GROUP},
    "UpdateCluster": {},
    "UpdateClusterSettings": {"settings": [{"name": "containerInsights", "value": "enabled"}]},
    "UpdateContainerAgent": {"containerInstance": ID},
    "UpdateContainerInstancesState": {"containerInstances": [ID], "status": "DRAINING"},
    "UpdateService": {"service": "web"},
    "UpdateServicePrimaryTaskSet": {"service": "web", "primaryTaskSet": "ecs-svc/1"},
    "UpdateTaskProtection": {"tasks": [ID], "protectionEnabled": True},
    "UpdateTaskSet": {"service": "web", "taskSet": "ecs-svc/1", "scale": {"value": 1, "unit": "PERCENT"}},
}
SEE_INACTIVE = ("DeleteCluster", "DescribeServices", "DescribeTasks")
"""They go on answering about a cluster that was deleted."""
CHANGE = ("PutClusterCapacityProviders", "UpdateCluster", "UpdateClusterSettings")
WITHOUT_DEFAULT = (
    "CreateCapacityProvider",
    "DeleteCapacityProvider",
    "DescribeCapacityProviders",
    "UpdateCapacityProvider",
)

each_operation = pytest.mark.parametrize("operation", REQUESTS)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    found.call("CreateCapacityProvider", name="group", **GROUP)
    found.call("CreateCluster", clusterName="gone")
    found.call("DeleteCluster", cluster="gone")
    yield found
    found.close()


def asked(sim: Simulation, operation: str, cluster: str) -> tuple[str, str]:
    return refusal(sim, operation, cluster=cluster, **REQUESTS[operation])


BAD_CLUSTERS = [
    ("nope", NO_CLUSTER),
    ("Default", NO_CLUSTER),
    (f"{ARN}cluster/nope", NO_CLUSTER),
    ('"default"', NOT_A_CLUSTER),
    (f"{ARN}service/default/web", NOT_A_CLUSTER),
    ("arn:aws:s3:::bucket", NOT_A_CLUSTER),
    ("a b", (INVALID, r"Cluster must match ^[a-zA-Z0-9\-_]{1,255}$, but was a b")),
    ("default\r", (INVALID, "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was default\r")),
    ("arn:aws:ecs:us-east-1:210987654321:cluster/default", (INVALID, "AccountIDs mismatch")),
    ("arn:aws:ecs:eu-west-1:123456789012:cluster/default", (INVALID, "Region mismatch")),
]


@each_operation
def test_a_cluster_that_is_none_is_refused_everywhere_alike(sim: Simulation, operation: str) -> None:
    assert [asked(sim, operation, cluster) for cluster, _ in BAD_CLUSTERS] == [answer for _, answer in BAD_CLUSTERS]


@each_operation
def test_a_deleted_cluster_is_refused_by_all_that_do_not_look_back(sim: Simulation, operation: str) -> None:
    if operation in SEE_INACTIVE:
        assert sim.call(operation, cluster="gone", **REQUESTS[operation])
    elif operation in CHANGE:
        assert asked(sim, operation, "gone") == ("ClientException", "Cluster was not ACTIVE.")
    else:
        assert asked(sim, operation, "gone") == INACTIVE


@pytest.mark.parametrize("operation", [name for name in REQUESTS if name not in WITHOUT_DEFAULT])
def test_without_a_cluster_it_is_the_one_named_default(tmp_path: Path, operation: str) -> None:
    """An agent that registers makes it; nobody else does. Where the model wants a cluster, its absence is the refusal."""
    sim = Simulation(tmp_path)
    container = {"name": "app", "image": "web:1", "memory": 64}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    if operation == "RegisterContainerInstance":
        assert ":container-instance/default/" in sim.call(operation)["containerInstance"]["containerInstanceArn"]
        assert sim.call("ListClusters")["clusterArns"] == [f"{ARN}cluster/default"]
    else:
        code, message = refusal(sim, operation, **REQUESTS[operation])
        assert (code, message) in (NO_CLUSTER, (INVALID, "Cluster can not be blank."))
        assert sim.call("ListClusters")["clusterArns"] == []
    sim.close()


# --- what stands in a cluster -----------------------------------------------------------------------------------------

BY_TASK: dict[str, dict[str, Any]] = {
    "DescribeTasks": {"tasks": [...]},
    "ExecuteCommand": {"task": ..., "command": "sh", "interactive": True},
    "GetTaskProtection": {"tasks": [...]},
    "StopTask": {"task": ...},
    "SubmitContainerStateChange": {"task": ..., "containerName": "app"},
    "SubmitTaskStateChange": {"task": ..., "status": "RUNNING"},
    "UpdateTaskProtection": {"tasks": [...], "protectionEnabled": True},
}
BY_INSTANCE: dict[str, dict[str, Any]] = {
    "DeregisterContainerInstance": {"containerInstance": ...},
    "DescribeContainerInstances": {"containerInstances": [...]},
    "ListTasks": {"containerInstance": ...},
    "StartTask": {"taskDefinition": "web", "containerInstances": [...]},
    "UpdateContainerAgent": {"containerInstance": ...},
    "UpdateContainerInstancesState": {"containerInstances": [...], "status": "DRAINING"},
}
BY_SERVICE: dict[str, dict[str, Any]] = {
    "DeleteService": {"service": ...},
    "DescribeServices": {"services": [...]},
    "ListServiceDeployments": {"service": ...},
    "ListTasks": {"serviceName": ...},
    "UpdateService": {"service": ...},
}
IDENTIFIED = [
    *(("task", operation, params) for operation, params in BY_TASK.items()),
    *(("container-instance", operation, params) for operation, params in BY_INSTANCE.items()),
    *(("service", operation, params) for operation, params in BY_SERVICE.items()),
]
each_identified = pytest.mark.parametrize(("kind", "operation", "params"), IDENTIFIED)


def naming(params: dict[str, Any], reference: str) -> dict[str, Any]:
    """The request with the reference in its place."""
    put = {name: reference if value is ... else value for name, value in params.items()}
    return {name: [reference] if value == [...] else value for name, value in put.items()}


@each_identified
def test_an_arn_of_another_cluster_is_refused(
    sim: Simulation, kind: str, operation: str, params: dict[str, Any]
) -> None:
    """The cluster is never taken from the ARN: it is the request's own, `default` where there is none."""
    arn = f"{ARN}{kind}/other/{'web' if kind == 'service' else ID}"
    message = "Invalid identifier: Identifier is for cluster other. Your cluster is default"
    assert refusal(sim, operation, cluster="default", **naming(params, arn)) == (INVALID, message)
    if "TaskProtection" not in operation:  # for which the model wants a cluster
        assert refusal(sim, operation, **naming(params, arn)) == (INVALID, message)


@each_identified
def test_an_arn_of_another_account_region_or_kind_is_refused(
    sim: Simulation, kind: str, operation: str, params: dict[str, Any]
) -> None:
    resource = f"{kind}/default/{'web' if kind == 'service' else ID}"
    strange = "cluster/default" if kind == "service" else f"planet/default/{ID}"
    cases = {
        f"arn:aws:ecs:us-east-1:210987654321:{resource}": "AccountIDs mismatch",
        f"arn:aws:ecs:eu-west-1:123456789012:{resource}": "Region mismatch",
        f"{ARN}{strange}": f"Unsupported resource type: {strange.partition('/')[0]}",
        "arn:aws:s3:::bucket": f"Unsupported resource type: {kind}",
    }
    for reference, message in cases.items():
        assert refusal(sim, operation, cluster="default", **naming(params, reference)) == (INVALID, message)


ID_NAMES = {"task": "taskId", "container-instance": "containerInstanceId"}


@pytest.mark.parametrize(("kind", "operation", "params"), [row for row in IDENTIFIED if row[0] != "service"])
def test_an_id_of_another_length_is_refused(sim: Simulation, kind: str, operation: str, params: dict[str, Any]) -> None:
    name = "task" if operation == "ExecuteCommand" else ID_NAMES[kind]
    for reference in ("short", ID + "0", f"{ARN}{kind}/default/short", f"{ARN}{kind}/short"):
        assert refusal(sim, operation, cluster="default", **naming(params, reference)) == (
            INVALID,
            f"{name} length should be one of [32,36]",
        )


def test_a_task_is_meant_by_its_id_its_long_and_its_short_arn(sim: Simulation) -> None:
    arn = run(sim)["taskArn"]
    for reference in (arn, arn[-32:], f"{ARN}task/{arn[-32:]}"):
        for cluster in ({}, {"cluster": "default"}, {"cluster": f"{ARN}cluster/default"}):
            assert shown(sim, reference, **cluster)["taskArn"] == arn
    answer = sim.call("DescribeTasks", cluster="other", tasks=[arn[-32:]])
    missing = {"arn": f"{ARN}task/other/{arn[-32:]}", "reason": "MISSING"}
    assert answer == {"tasks": [], "failures": [missing]}


def test_a_service_is_meant_by_its_name_its_long_and_its_short_arn(sim: Simulation) -> None:
    sim.call("CreateService", serviceName="api", taskDefinition="web", desiredCount=0)
    arn = f"{ARN}service/default/api"
    for reference in ("api", arn, f"{ARN}service/api"):
        (found,) = sim.call("DescribeServices", services=[reference])["services"]
        assert found["serviceArn"] == arn
    assert sim.call("DescribeServices", services=["API"])["failures"] == [
        {"arn": f"{ARN}service/default/API", "reason": "MISSING"}
    ]


def test_an_instance_is_meant_by_its_id_its_long_and_its_short_arn(sim: Simulation) -> None:
    arn = sim.call("RegisterContainerInstance")["containerInstance"]["containerInstanceArn"]
    for reference in (arn, arn[-32:], f"{ARN}container-instance/{arn[-32:]}"):
        (found,) = sim.call("DescribeContainerInstances", containerInstances=[reference])["containerInstances"]
        assert found["containerInstanceArn"] == arn


def test_all_that_is_new_has_a_long_arn(sim: Simulation) -> None:
    task = run(sim, **FARGATE)
    assert task["taskArn"].startswith(f"{ARN}task/default/")
    assert task["containers"][0]["containerArn"].startswith(f"{ARN}container/default/{task['taskArn'][-32:]}/")
    assert task["taskDefinitionArn"] == f"{ARN}task-definition/far:1"
    asked = {"taskDefinition": "far", "networkConfiguration": NETWORK, "launchType": "FARGATE", "desiredCount": 0}
    service = sim.call("CreateService", serviceName="api", **asked)
    assert service["service"]["serviceArn"] == f"{ARN}service/default/api"


def test_partitions_go_by_the_region(tmp_path: Path) -> None:
    sim = Simulation(tmp_path)
    for region, partition in (("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-3", "aws")):
        sim.world = World("123456789012", region)
        made = sim.call("CreateCluster")["cluster"]["clusterArn"]
        assert made == f"arn:{partition}:ecs:{region}:123456789012:cluster/default"
        assert sim.call("DescribeClusters", clusters=[made])["failures"] == []
    sim.close()
