"""A request for every operation of ECS, against the crowded store: an operation that is not here is missed by name.

The order is that in which they can be asked, over and over: what one makes, a later one removes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tests.crowded.asked import AGENT, ASKED, EXPRESS, NAMESPACE, ROLE
from tests.crowded.world import CROWD, HOME, NETWORK, QUIET, TAGS, Crowded, cluster_name, family, spare

Params = dict[str, Any]
Ask = Callable[[Crowded, int], Params]
"""The parameters of the request with this number: 0, 1, 2 … up to SPARE."""

ONE, PAGE, MANY, CHANGE = "one thing", "a page of names", "many things", "a change"
"""What is asked for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. `handled` bounds the records that it may read or write."""

    operation: str
    ask: Ask
    kind: str = CHANGE
    what: str = ""
    handled: int = 12
    refused: bool = False
    """The operation never succeeds here; its refusal is what costs."""

    def __str__(self) -> str:
        return f"{self.operation}, {self.what}" if self.what else self.operation


def _one(operation: str, ask: Ask, what: str = "", *, handled: int = 12) -> Sample:
    return Sample(operation, ask, ONE, what, handled)


def _page(operation: str, ask: Ask, what: str = "", *, handled: int = 110) -> Sample:
    return Sample(operation, ask, PAGE, what, handled)


def _in_crowd(**params: Any) -> Ask:
    return lambda made, number: {"cluster": CROWD, **params}


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _tag_target(made: Crowded, number: int) -> str:
    return made.services[number]


def _group(name: str) -> Params:
    return {"autoScalingGroupArn": HOME.arn("autoscaling", f"autoScalingGroup:2:autoScalingGroupName/{name}")}


def _attribute(made: Crowded, number: int) -> Params:
    return {"name": "rack", "value": "1", "targetId": made.idle_instances[number]}


CONTAINERS = [
    {
        "name": f"part-{number}",
        "image": f"registry.example.com/part-{number}:1",
        "cpu": 16,
        "memory": 64,
        "memoryReservation": 32,
        "essential": number == 0,
        "command": ["serve", "--port", str(8000 + number)],
        "portMappings": [{"containerPort": 8000 + number, "protocol": "tcp"}],
        "environment": [{"name": f"NAME_{each}", "value": f"value {each}"} for each in range(10)],
        "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/ecs/parts", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "part"},
        },
        "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10},
        "dependsOn": [{"containerName": "part-0", "condition": "HEALTHY"}] if number else [],
    }
    for number in range(10)
]
"""Ten containers as they are written by hand: ports, environment, logs, a check, an order."""

DEFINITION_OF_A_DAEMON = HOME.arn("ecs", f"daemon-task-definition/{spare(1)}:1")


def _set(made: Crowded, number: int) -> Params:
    return {"cluster": ASKED, "service": f"sets-{number}", "taskSet": made.task_sets[number]}


def _late_daemon(made: Crowded, number: int) -> str:
    return HOME.arn("ecs", f"daemon/{ASKED}/late-{number}")


def _daemon(made: Crowded) -> Params:
    return {"daemonTaskDefinitionArn": DEFINITION_OF_A_DAEMON, "capacityProviderArns": [made.machines]}


ATTACHMENT = {
    "attachmentArn": HOME.arn("ecs", f"attachment/{CROWD}/00000000-0000-4000-8000-000000000000"),
    "status": "ATTACHED",
}
GATEWAY = {"infrastructureRoleArn": ROLE, "configuration": {"hostSharedAlb": {}}}


READS = (
    _one("DescribeClusters", lambda made, number: {"clusters": [spare(number)]}),
    _one("DescribeClusters", lambda made, number: {"clusters": [CROWD]}, "of 50,000 tasks"),
    _one("DescribeServices", lambda made, number: {"cluster": CROWD, "services": [made.services[number + 1]]}),
    _one("DescribeServices", lambda made, number: {"cluster": CROWD, "services": [made.services[0]]}, "of 1,000 tasks"),
    _one("DescribeTasks", lambda made, number: {"cluster": CROWD, "tasks": [made.running[number * 7]]}),
    Sample(
        "DescribeTasks",
        lambda made, number: {"cluster": CROWD, "tasks": made.running[2_000 + number :: 300][:100]},
        MANY,
        "of 100",
        handled=220,
    ),
    _one("DescribeTaskDefinition", lambda made, number: {"taskDefinition": family(number)}, "by family"),
    _one("DescribeTaskDefinition", lambda made, number: {"taskDefinition": f"{family(number)}:2", "include": ["TAGS"]}),
    _one(
        "DescribeContainerInstances",
        lambda made, number: {"cluster": CROWD, "containerInstances": [made.instances[number]]},
        handled=40,
    ),
    _one("DescribeCapacityProviders", lambda made, number: {"capacityProviders": [spare(number)]}),
    _page("DescribeCapacityProviders", lambda made, number: {}, "a page", handled=15),
    _one("DescribeServiceDeployments", lambda made, number: {"serviceDeploymentArns": [made.deployments[number]]}),
    _one("DescribeServiceRevisions", lambda made, number: {"serviceRevisionArns": [made.revisions[number]]}),
    _one("GetTaskProtection", lambda made, number: {"cluster": CROWD, "tasks": [made.running[number]]}),
    _one("GetTaskProtection", _in_crowd(), "of a cluster", handled=220),
    _one("DiscoverPollEndpoint", _in_crowd()),
    _one("DescribeTaskSets", lambda made, number: {"cluster": ASKED, "service": f"sets-{number}"}),
    _one("DescribeExpressGatewayService", lambda made, number: {"serviceArn": made.express[number]}, handled=20),
    _one("DescribeGateway", lambda made, number: {"gateway": f"lent-{number}"}),
    _one("DescribeGatewayResources", lambda made, number: {"gateway": f"lent-{number}"}),
    _one("DescribeGatewayRoute", lambda made, number: {"gatewayRouteArn": made.routes[number % 20]}),
    _one("DescribeDaemon", lambda made, number: {"daemonArn": made.daemons[number]}),
    _one("DescribeDaemonDeployments", lambda made, number: {"daemonDeploymentArns": [made.daemon_deployments[number]]}),
    _one("DescribeDaemonRevisions", lambda made, number: {"daemonRevisionArns": [made.daemon_revisions[number]]}),
    _one("DescribeDaemonTaskDefinition", lambda made, number: {"daemonTaskDefinition": spare(number)}),
    _one("ListTagsForResource", lambda made, number: {"resourceArn": _tag_target(made, number)}),
    _page("ListAccountSettings", lambda made, number: {"effectiveSettings": True}),
    _page("ListAttributes", _in_crowd(targetType="container-instance")),
    _page(
        "ListAttributes",
        _in_crowd(targetType="container-instance", attributeName="ecs.os-type"),
        "by name",
        handled=260,
    ),
    _page("ListClusters", lambda made, number: {}),
    _page("ListDaemons", lambda made, number: {"clusterArn": HOME.arn("ecs", f"cluster/{ASKED}")}),
    _page("ListDaemonDeployments", lambda made, number: {"daemonArn": made.daemons[number]}),
    _page("ListDaemonTaskDefinitions", lambda made, number: {}),
    _page("ListDaemonTaskDefinitions", lambda made, number: {"family": spare(number)}, "of a family"),
    _page("ListGateways", lambda made, number: {}),
    _page("ListGatewayRoutes", lambda made, number: {}),
    _page("ListGatewayRoutes", lambda made, number: {"cluster": ASKED}, "of a cluster"),
    _page("ListGatewayClusterAssociations", lambda made, number: {}),
    _page("ListGatewayClusterAssociations", lambda made, number: {"gateway": f"lent-{number}"}, "of a gateway"),
    _page("ListServicesByNamespace", lambda made, number: {"namespace": NAMESPACE}),
    _page("ListContainerInstances", _in_crowd()),
    _page("ListServiceDeployments", lambda made, number: {"cluster": CROWD, "service": made.services[number]}),
    _page("ListServices", _in_crowd()),
    _page("ListServices", _in_crowd(maxResults=100), "100"),
    _page("ListServices", _in_crowd(maxResults=100, launchType="EC2"), "by launch type"),
    _page("ListServices", _in_crowd(maxResults=100, schedulingStrategy="DAEMON"), "of no such strategy"),
    _page("ListTaskDefinitionFamilies", lambda made, number: {}),
    _page(
        "ListTaskDefinitionFamilies",
        lambda made, number: {"familyPrefix": "family-05", "status": "ACTIVE"},
        "by prefix",
    ),
    _page("ListTaskDefinitions", lambda made, number: {}),
    _page("ListTaskDefinitions", lambda made, number: {"familyPrefix": family(number), "sort": "DESC"}, "of a family"),
    _page("ListTasks", _in_crowd()),
    _page("ListTasks", _in_crowd(desiredStatus="STOPPED"), "STOPPED"),
    _page("ListTasks", lambda made, number: {"cluster": CROWD, "serviceName": _last(made.services[0])}, "of a service"),
    _page("ListTasks", lambda made, number: {"cluster": CROWD, "family": family(number)}, "of a family"),
    _page(
        "ListTasks",
        lambda made, number: {"cluster": CROWD, "containerInstance": made.instances[number]},
        "of a machine",
    ),
    _page("ListTasks", _in_crowd(startedBy="nobody"), "by nobody"),
    _page("ListTasks", _in_crowd(launchType="EC2"), "by launch type"),
    _page("ListTasks", _in_crowd(launchType="EXTERNAL"), "of no such launch type"),
)

CHANGES = (
    Sample("CreateCluster", lambda made, number: {"clusterName": f"new-{number}", "tags": TAGS}),
    Sample(
        "UpdateCluster",
        lambda made, number: {
            "cluster": spare(number),
            "settings": [{"name": "containerInsights", "value": "enabled"}],
        },
    ),
    Sample(
        "UpdateClusterSettings",
        lambda made, number: {
            "cluster": spare(number),
            "settings": [{"name": "containerInsights", "value": "disabled"}],
        },
    ),
    Sample(
        "PutClusterCapacityProviders",
        lambda made, number: {
            "cluster": spare(number),
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": [],
        },
    ),
    Sample("DeleteCluster", lambda made, number: {"cluster": spare(number)}),
    Sample(
        "CreateCapacityProvider",
        lambda made, number: {
            "name": f"new-{number}",
            "autoScalingGroupProvider": _group(f"new-{number}"),
            "tags": TAGS,
        },
        handled=3 * 150,
    ),
    Sample(
        "UpdateCapacityProvider",
        lambda made, number: {
            "name": spare(number),
            "autoScalingGroupProvider": {"managedTerminationProtection": "DISABLED"},
        },
        handled=3 * 150,
    ),
    Sample("DeleteCapacityProvider", lambda made, number: {"capacityProvider": spare(number)}, handled=3 * 150),
    Sample("RegisterContainerInstance", _in_crowd(), handled=700),
    Sample("PutAttributes", lambda made, number: {"cluster": QUIET, "attributes": [_attribute(made, number)]}),
    Sample("DeleteAttributes", lambda made, number: {"cluster": QUIET, "attributes": [_attribute(made, number)]}),
    Sample(
        "UpdateContainerInstancesState",
        lambda made, number: {
            "cluster": QUIET,
            "containerInstances": [made.idle_instances[number]],
            "status": "DRAINING",
        },
    ),
    Sample(
        "UpdateContainerAgent",
        lambda made, number: {"cluster": CROWD, "containerInstance": made.instances[number]},
        refused=True,
    ),
    Sample(
        "DeregisterContainerInstance",
        lambda made, number: {"cluster": QUIET, "containerInstance": made.idle_instances[number]},
    ),
    Sample("PutAccountSetting", lambda made, number: {"name": "containerInsights", "value": "enabled"}),
    Sample("PutAccountSettingDefault", lambda made, number: {"name": "awsvpcTrunking", "value": "enabled"}),
    Sample("DeleteAccountSetting", lambda made, number: {"name": "containerInsights"}),
    Sample("TagResource", lambda made, number: {"resourceArn": _tag_target(made, number), "tags": TAGS}),
    Sample("UntagResource", lambda made, number: {"resourceArn": _tag_target(made, number), "tagKeys": ["stage"]}),
    Sample(
        "RegisterTaskDefinition",
        lambda made, number: {"family": "parts", "containerDefinitions": CONTAINERS, "volumes": [{"name": "shared"}]},
        what="of 10 containers",
    ),
    Sample("DeregisterTaskDefinition", lambda made, number: {"taskDefinition": f"{family(number)}:2"}),
    Sample("DeleteTaskDefinitions", lambda made, number: {"taskDefinitions": [f"{family(number)}:1"]}),
    Sample(
        "RunTask",
        lambda made, number: {
            "cluster": CROWD,
            "taskDefinition": family(number % 5),
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
        },
        what="on Fargate",
    ),
    Sample(
        "RunTask",
        lambda made, number: {"cluster": CROWD, "taskDefinition": family(5)},
        what="among 500 machines",
        handled=12_000,
    ),
    Sample(
        "StartTask",
        lambda made, number: {
            "cluster": CROWD,
            "taskDefinition": family(5),
            "containerInstances": [made.instances[number]],
        },
        handled=60,
    ),
    Sample("StopTask", lambda made, number: {"cluster": CROWD, "task": made.running[-1 - 180 * number]}),
    Sample(
        "UpdateTaskProtection",
        lambda made, number: {"cluster": CROWD, "tasks": [made.running[5_000 + number]], "protectionEnabled": True},
    ),
    Sample(
        "CreateService",
        lambda made, number: {
            "cluster": CROWD,
            "serviceName": f"new-{number}",
            "taskDefinition": family(number % 5),
            "desiredCount": 0,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
        },
        what="of no task",
        handled=20,
    ),
    Sample(
        "UpdateService",
        lambda made, number: {"cluster": "cluster-001", "service": spare(number), "forceNewDeployment": True},
        what="a new deployment",
        handled=30,
    ),
    Sample(
        "DeleteService",
        lambda made, number: {"cluster": "cluster-001", "service": spare(number)},
        handled=20,
    ),
    Sample(
        "StopServiceDeployment",
        lambda made, number: {"serviceDeploymentArn": made.deployments[number]},
        refused=True,
    ),
    Sample(
        "ContinueServiceDeployment",
        lambda made, number: {"serviceDeploymentArn": made.deployments[number], "hookId": "hook"},
        refused=True,
    ),
    Sample(
        "ExecuteCommand",
        lambda made, number: {"cluster": CROWD, "task": made.running[number], "command": "sh", "interactive": True},
        refused=True,
    ),
    Sample(
        "SubmitTaskStateChange",
        lambda made, number: {"cluster": CROWD, "task": made.running[number], "status": "RUNNING"},
    ),
    Sample(
        "SubmitContainerStateChange",
        lambda made, number: {
            "cluster": CROWD,
            "task": made.running[number],
            "containerName": "app",
            "status": "RUNNING",
        },
    ),
    Sample("SubmitAttachmentStateChanges", lambda made, number: {"cluster": CROWD, "attachments": [ATTACHMENT]}),
    Sample(
        "DisassociateGatewayFromCluster",
        lambda made, number: {"gateway": f"lent-{number}", "cluster": cluster_name(number % 90 + 1)},
        handled=20,
    ),
    Sample(
        "AssociateGatewayWithCluster",
        lambda made, number: {"gateway": f"lone-{number}", "cluster": cluster_name(number % 90 + 1)},
        handled=20,
    ),
    Sample("CreateGateway", lambda made, number: {"name": f"new-{number}", **GATEWAY}),
    Sample("UpdateGateway", lambda made, number: {"gateway": f"lone-{number}", "deletionProtection": True}),
    Sample("DeleteGateway", lambda made, number: {"gateway": f"late-{number}"}),
    Sample(
        "RegisterDaemonTaskDefinition",
        lambda made, number: {"family": "agents", "containerDefinitions": [AGENT]},
    ),
    Sample("DeleteDaemonTaskDefinition", lambda made, number: {"daemonTaskDefinition": f"late-{number}:1"}),
    Sample(
        "CreateDaemon",
        lambda made, number: {
            "clusterArn": HOME.arn("ecs", f"cluster/{ASKED}"),
            "daemonName": f"new-{number}",
            **_daemon(made),
        },
        handled=20,
    ),
    Sample("UpdateDaemon", lambda made, number: {"daemonArn": made.daemons[number], **_daemon(made)}, handled=20),
    Sample("DeleteDaemon", lambda made, number: {"daemonArn": _late_daemon(made, number)}, handled=20),
    Sample("UpdateTaskSet", lambda made, number: {**_set(made, number), "scale": {"value": 0, "unit": "PERCENT"}}),
    Sample(
        "UpdateServicePrimaryTaskSet",
        lambda made, number: {
            "cluster": ASKED,
            "service": f"sets-{number}",
            "primaryTaskSet": made.task_sets[number],
        },
        handled=20,
    ),
    Sample(
        "CreateTaskSet",
        lambda made, number: {
            "cluster": ASKED,
            "service": f"sets-{number}",
            "taskDefinition": "routed",
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
            "scale": {"value": 0, "unit": "PERCENT"},
        },
        handled=20,
    ),
    Sample("DeleteTaskSet", lambda made, number: {**_set(made, number), "force": True}, handled=20),
    Sample(
        "CreateExpressGatewayService",
        lambda made, number: {"cluster": ASKED, "serviceName": f"new-{number}", **EXPRESS},
        handled=30,
    ),
    Sample(
        "UpdateExpressGatewayService",
        lambda made, number: {"serviceArn": made.express[number], "healthCheckPath": "/up"},
        handled=30,
    ),
    Sample("DeleteExpressGatewayService", lambda made, number: {"serviceArn": made.express[number]}, handled=30),
)

SAMPLES = (*READS, *CHANGES)


def missing(operations: Collection[str]) -> list[str]:
    """Those of these operations that no sample asks for."""
    return sorted(set(operations) - {sample.operation for sample in SAMPLES})
