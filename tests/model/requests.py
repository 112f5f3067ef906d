"""One request for each operation that the populated world answers: what the tests of bad input spoil, member by member."""

from __future__ import annotations

from typing import Any

from ecs_emulator.records.tasks import TaskStatus
from tests.model.world import APP, GROUP, MACHINE, NAMESPACE, ROLE, TAGS, VERSION, P, arns
from tests.simulation import Simulation

Params = dict[str, Any]

REFUSED_AS_THEY_ARE = {
    "ExecuteCommand": "there are no sessions: a running task is TargetNotConnectedException",
    "ContinueServiceDeployment": "no deployment of the world waits at a hook",
    "UpdateContainerAgent": "the simulated agent is always of the newest version: NoUpdateAvailableException is the answer",
}
"""Operations that answer even their best request with a refusal, and why."""


def requests(sim: Simulation) -> dict[str, Params]:
    """By operation; of the world as it is now."""
    found = arns(sim)
    running = [task for task in sim.tasks() if task.last_status is TaskStatus.RUNNING]
    alone = next(task.arn for task in running if task.service_arn is None)
    served = next(task.arn for task in running if task.service_arn == f"{P}:service/default/web")
    instance = found["container-instance"][0]

    def first(kind: str, containing: str = "") -> str:
        return next((arn for arn in found.get(kind, ()) if containing in arn), f"{P}:{kind}/default/none/0")

    rolling = sim.call("ListServiceDeployments", service="rolling", status=["IN_PROGRESS"])["serviceDeployments"]
    return {
        **_of_clusters(),
        **_of_instances(instance, alone),
        **_of_definitions(),
        **_of_tasks(alone, served, instance),
        **_of_services(first("service-revision"), rolling[0]["serviceDeploymentArn"]),
        **_of_task_sets(first("task-set")),
        **_of_daemons(first("daemon-deployment"), first("daemon-revision")),
        **_of_gateways(first("gateway-route"), first("service", "express")),
        **_of_accounts(),
    }


def _of_clusters() -> dict[str, Params]:
    setting = [{"name": "containerInsights", "value": "enabled"}]
    return {
        "CreateCapacityProvider": {
            "name": "newer",
            "autoScalingGroupProvider": {"autoScalingGroupArn": GROUP + "-new"},
        },
        "CreateCluster": {"clusterName": "newer"},
        "DeleteCapacityProvider": {"capacityProvider": "unused"},
        "DeleteCluster": {"cluster": "spare"},
        "DescribeCapacityProviders": {"capacityProviders": ["mine"]},
        "DescribeClusters": {"clusters": ["default"]},
        "ListClusters": {},
        "PutClusterCapacityProviders": {
            "cluster": "other",
            "capacityProviders": ["FARGATE", "mine"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "mine"}],
        },
        "UpdateCapacityProvider": {"name": "mine", "autoScalingGroupProvider": {"managedDraining": "DISABLED"}},
        "UpdateCluster": {"cluster": "default", "settings": setting},
        "UpdateClusterSettings": {"cluster": "default", "settings": setting},
    }


def _of_instances(instance: str, task: str) -> dict[str, Params]:
    attribute = {"name": "stack", "value": "test", "targetType": "container-instance", "targetId": instance}
    attachment = {"attachmentArn": f"{P}:attachment/0a1b2c3d-0000-4000-8000-000000000000", "status": "ATTACHED"}
    return {
        "DeleteAttributes": {
            "attributes": [{"name": "stack", "targetType": "container-instance", "targetId": instance}]
        },
        "DeregisterContainerInstance": {"containerInstance": instance, "force": True},
        "DescribeContainerInstances": {"containerInstances": [instance]},
        "DiscoverPollEndpoint": {"containerInstance": instance},
        "ListAttributes": {"targetType": "container-instance"},
        "ListContainerInstances": {},
        "PutAttributes": {"attributes": [attribute]},
        "RegisterContainerInstance": {"totalResources": MACHINE, "versionInfo": VERSION},
        "SubmitAttachmentStateChanges": {"attachments": [attachment]},
        "SubmitContainerStateChange": {"task": task, "containerName": "app", "status": "RUNNING"},
        "SubmitTaskStateChange": {"task": task, "status": "RUNNING"},
        "UpdateContainerAgent": {"containerInstance": instance},
        "UpdateContainerInstancesState": {"containerInstances": [instance], "status": "DRAINING"},
    }


def _of_definitions() -> dict[str, Params]:
    return {
        "DeleteTaskDefinitions": {"taskDefinitions": ["old:1"]},
        "DeregisterTaskDefinition": {"taskDefinition": "older:1"},
        "DescribeTaskDefinition": {"taskDefinition": "web"},
        "ListTaskDefinitionFamilies": {},
        "ListTaskDefinitions": {},
        "RegisterTaskDefinition": {"family": "newer", "containerDefinitions": [APP]},
    }


def _of_tasks(alone: str, served: str, instance: str) -> dict[str, Params]:
    return {
        "DescribeTasks": {"tasks": [alone]},
        "ExecuteCommand": {"task": alone, "container": "app", "command": "/bin/sh", "interactive": True},
        "GetTaskProtection": {"cluster": "default", "tasks": [served]},
        "ListTasks": {},
        "RunTask": {"taskDefinition": "web"},
        "StartTask": {"taskDefinition": "web", "containerInstances": [instance]},
        "StopTask": {"task": alone},
        "UpdateTaskProtection": {"cluster": "default", "tasks": [served], "protectionEnabled": True},
    }


def _of_services(revision: str, rolling: str) -> dict[str, Params]:
    return {
        "ContinueServiceDeployment": {"serviceDeploymentArn": rolling, "hookId": "0"},
        "CreateService": {"serviceName": "newer", "taskDefinition": "web", "desiredCount": 1},
        "DeleteService": {"service": "web", "force": True},
        "DescribeServiceDeployments": {"serviceDeploymentArns": [rolling]},
        "DescribeServiceRevisions": {"serviceRevisionArns": [revision]},
        "DescribeServices": {"services": ["web"]},
        "ListServiceDeployments": {"service": "web"},
        "ListServices": {},
        "ListServicesByNamespace": {"namespace": NAMESPACE},
        "StopServiceDeployment": {"serviceDeploymentArn": rolling},
        "UpdateService": {"service": "web", "desiredCount": 2},
    }


def _of_task_sets(task_set: str) -> dict[str, Params]:
    of = {"cluster": "default", "service": "sets"}
    half = {"value": 50.0, "unit": "PERCENT"}
    return {
        "CreateTaskSet": {**of, "taskDefinition": "web", "scale": half},
        "DeleteTaskSet": {**of, "taskSet": task_set, "force": True},
        "DescribeTaskSets": {**of, "taskSets": [task_set]},
        "UpdateServicePrimaryTaskSet": {**of, "primaryTaskSet": task_set},
        "UpdateTaskSet": {**of, "taskSet": task_set, "scale": half},
    }


def _of_daemons(deployment: str, revision: str) -> dict[str, Params]:
    daemon, definition = f"{P}:daemon/default/log", f"{P}:daemon-task-definition/log:1"
    providers = {"capacityProviderArns": [f"{P}:capacity-provider/managed"]}
    of: Params = {"daemonTaskDefinitionArn": definition, **providers}
    container = {"name": "app", "image": "app:1", "memory": 64}
    return {
        "CreateDaemon": {"daemonName": "newer", "clusterArn": f"{P}:cluster/default", **of},
        "DeleteDaemon": {"daemonArn": daemon},
        "DeleteDaemonTaskDefinition": {"daemonTaskDefinition": "trace:1"},
        "DescribeDaemon": {"daemonArn": daemon},
        "DescribeDaemonDeployments": {"daemonDeploymentArns": [deployment]},
        "DescribeDaemonRevisions": {"daemonRevisionArns": [revision]},
        "DescribeDaemonTaskDefinition": {"daemonTaskDefinition": "log"},
        "ListDaemonDeployments": {"daemonArn": daemon},
        "ListDaemonTaskDefinitions": {},
        "ListDaemons": {"clusterArn": f"{P}:cluster/default"},
        "RegisterDaemonTaskDefinition": {"family": "newer", "containerDefinitions": [container]},
        "UpdateDaemon": {"daemonArn": daemon, **of},
    }


def _of_gateways(route: str, express: str) -> dict[str, Params]:
    alb = {"hostSharedAlb": {"networkConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}}
    return {
        "AssociateGatewayWithCluster": {"gateway": "gate", "cluster": "default"},
        "CreateExpressGatewayService": {
            "serviceName": "newer",
            "infrastructureRoleArn": ROLE,
            "executionRoleArn": ROLE,
            "primaryContainer": {"image": "app:1"},
        },
        "CreateGateway": {"name": "newer", "infrastructureRoleArn": ROLE, "configuration": alb},
        "DeleteExpressGatewayService": {"serviceArn": express},
        "DeleteGateway": {"gateway": "gate"},
        "DescribeExpressGatewayService": {"serviceArn": express},
        "DescribeGateway": {"gateway": "door"},
        "DescribeGatewayResources": {"gateway": "door"},
        "DescribeGatewayRoute": {"gatewayRouteArn": route},
        "DisassociateGatewayFromCluster": {"gateway": "door", "cluster": "default"},
        "ListGatewayClusterAssociations": {"gateway": "door"},
        "ListGatewayRoutes": {"gateway": "door"},
        "ListGateways": {},
        "UpdateExpressGatewayService": {"serviceArn": express, "cpu": "512", "memory": "1024"},
        "UpdateGateway": {"gateway": "door", "deletionProtection": True},
    }


def _of_accounts() -> dict[str, Params]:
    cluster = f"{P}:cluster/default"
    insights = {"name": "containerInsights", "value": "enabled"}
    return {
        "DeleteAccountSetting": {"name": "containerInsights"},
        "ListAccountSettings": {},
        "ListTagsForResource": {"resourceArn": cluster},
        "PutAccountSetting": insights,
        "PutAccountSettingDefault": insights,
        "TagResource": {"resourceArn": cluster, "tags": TAGS},
        "UntagResource": {"resourceArn": cluster, "tagKeys": ["team"]},
    }
