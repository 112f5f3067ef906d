"""`requiresAttributes`: what an agent must be able to do, feature by feature, and whole lists as AWS was seen to give them."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.rules import definitions
from tests.rules.given import ECR, ROLE, awslogs, awsvpc, bridge, container, efs, fargate, logs, one, port, waits

AGENT, OWN = "com.amazonaws.ecs.capability.", "ecs.capability."
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"
CHECK = {"command": ["CMD", "true"]}
ROUTER = container(name="router", firelensConfiguration={"type": "fluentbit"})


def api(version: str) -> str:
    return f"{AGENT}docker-remote-api.{version}"


def volume(kind: str, **members: Any) -> dict[str, Any]:
    return bridge(volumes=[{"name": "v", kind: members}])


def routed(**firelens: Any) -> dict[str, Any]:
    router = container(name="router", firelensConfiguration=firelens)
    return bridge(container(logConfiguration=logs("awsfirelens")), router)


FEATURES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": (one(), []),
    "ports on a bridge": (one(portMappings=[port(80)]), []),
    "task sizes on a bridge": (bridge(cpu="256", memory="512"), []),
    "a command and a user": (one(command=["x"], entryPoint=["y"], user="1000", workingDirectory="/"), []),
    "awsvpc": (awsvpc(), [api("1.18"), f"{OWN}task-eni"]),
    "awslogs": (one(logConfiguration=awslogs()), [f"{AGENT}logging-driver.awslogs", api("1.19")]),
    "awslogs with an execution role": (
        bridge(container(logConfiguration=awslogs()), executionRoleArn=ROLE),
        [f"{AGENT}logging-driver.awslogs", f"{OWN}execution-role-awslogs", api("1.19")],
    ),
    "awslogs that does not block": (
        one(logConfiguration=awslogs(mode="non-blocking")),
        [f"{AGENT}logging-driver.awslogs", api("1.19"), api("1.28")],
    ),
    "awslogs that makes its group": (
        one(logConfiguration=awslogs(**{"awslogs-create-group": "true"})),
        [f"{AGENT}logging-driver.awslogs", api("1.19"), api("1.29")],
    ),
    "json-file": (one(logConfiguration=logs("json-file")), [f"{AGENT}logging-driver.json-file", api("1.18")]),
    "syslog": (one(logConfiguration=logs("syslog")), [f"{AGENT}logging-driver.syslog", api("1.18")]),
    "journald": (one(logConfiguration=logs("journald")), [api("1.19"), f"{AGENT}logging-driver.journald"]),
    "gelf": (one(logConfiguration=logs("gelf")), [api("1.19"), f"{AGENT}logging-driver.gelf"]),
    "splunk": (
        one(logConfiguration=logs("splunk", **{"splunk-url": "u", "splunk-token": "t"})),
        [f"{AGENT}logging-driver.splunk", api("1.22")],
    ),
    "secrets of a log driver": (
        bridge(
            container(
                logConfiguration={
                    "logDriver": "splunk",
                    "options": {"splunk-url": "/u"},
                    "secretOptions": [{"name": "splunk-token", "valueFrom": SECRET}, {"name": "x", "valueFrom": "/x"}],
                }
            ),
            executionRoleArn=ROLE,
        ),
        [
            f"{AGENT}logging-driver.splunk",
            api("1.22"),
            f"{OWN}secrets.asm.bootstrap.log-driver",
            f"{OWN}secrets.ssm.bootstrap.log-driver",
        ],
    ),
    "a log router": (
        routed(type="fluentd"),
        [api("1.19"), f"{AGENT}logging-driver.awsfirelens", f"{OWN}firelens.fluentd"],
    ),
    "a log router with a file": (
        routed(type="fluentbit", options={"config-file-type": "file"}),
        [
            api("1.19"),
            f"{OWN}firelens.fluentbit",
            f"{AGENT}logging-driver.awsfirelens",
            f"{OWN}firelens.options.config.file",
        ],
    ),
    "a log router with an object": (
        routed(type="fluentbit", options={"config-file-type": "s3"}),
        [
            api("1.19"),
            f"{OWN}firelens.fluentbit",
            f"{AGENT}logging-driver.awsfirelens",
            f"{OWN}firelens.options.config.s3",
        ],
    ),
    "an image of ECR": (one(image=ECR), [f"{AGENT}ecr-auth"]),
    "an image of ECR, pulled by a role": (
        bridge(container(image=ECR), executionRoleArn=ROLE),
        [f"{AGENT}ecr-auth", f"{OWN}execution-role-ecr-pull"],
    ),
    "an image of the public ECR": (one(image="public.ecr.aws/docker/library/busybox:1"), []),
    "an image by digest": (one(image=f"busybox@sha256:{'0' * 64}"), [api("1.21")]),
    "a private registry": (
        bridge(container(repositoryCredentials={"credentialsParameter": SECRET}), executionRoleArn=ROLE),
        [f"{OWN}private-registry-authentication.secretsmanager"],
    ),
    "a task role": (bridge(taskRoleArn=ROLE), [f"{AGENT}task-iam-role"]),
    "a task role on the host's network": (
        bridge(networkMode="host", taskRoleArn=ROLE),
        [f"{AGENT}task-iam-role-network-host"],
    ),
    "a privileged container": (one(privileged=True), [f"{AGENT}privileged-container"]),
    "secrets": (
        bridge(
            container(secrets=[{"name": "A", "valueFrom": "/a"}, {"name": "B", "valueFrom": SECRET}]),
            executionRoleArn=ROLE,
        ),
        [f"{OWN}secrets.asm.environment-variables", f"{OWN}secrets.ssm.environment-variables"],
    ),
    "no secrets": (one(secrets=[]), []),
    "environment files": (
        one(environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::bucket/a.env"}]),
        [f"{OWN}env-files.s3"],
    ),
    "a health check": (one(healthCheck=CHECK), [api("1.24"), f"{OWN}container-health-check"]),
    "a health check with time to start": (
        one(healthCheck={**CHECK, "startPeriod": 10}),
        [f"{OWN}container-health-check", api("1.29")],
    ),
    "dependencies": (bridge(waits(on="b"), container(name="b")), [f"{OWN}container-ordering"]),
    "patience to start": (one(startTimeout=30), [f"{OWN}container-ordering"]),
    "patience to stop": (one(stopTimeout=30), [f"{OWN}container-ordering"]),
    "the host's processes": (bridge(pidMode="host"), [f"{OWN}pid-ipc-namespace-sharing"]),
    "the task's own processes": (bridge(pidMode="task"), [f"{OWN}pid-ipc-namespace-sharing"]),
    "the host's shared memory": (bridge(ipcMode="host"), [f"{OWN}pid-ipc-namespace-sharing"]),
    "no shared memory": (bridge(ipcMode="none"), []),
    "EFS": (efs(), [f"{OWN}efs", api("1.25")]),
    "EFS with authorization": (
        efs(transitEncryption="ENABLED", authorizationConfig={"iam": "ENABLED"}),
        [f"{OWN}efsAuth", f"{OWN}efs", api("1.25")],
    ),
    "S3 Files": (
        volume("s3filesVolumeConfiguration", fileSystemArn="arn:aws:s3files:us-east-1:123456789012:file-system/fs-1"),
        [f"{OWN}storage.s3-files"],
    ),
    "FSx": (
        volume(
            "fsxWindowsFileServerVolumeConfiguration",
            fileSystemId="fs-1",
            rootDirectory="share",
            authorizationConfig={"credentialsParameter": SECRET, "domain": "corp"},
        ),
        [f"{OWN}fsxWindowsFileServer"],
    ),
    "a local Docker volume": (
        volume("dockerVolumeConfiguration", scope="task"),
        [api("1.25"), f"{OWN}docker-plugin.local"],
    ),
    "a Docker volume of a driver": (
        volume("dockerVolumeConfiguration", driver="rexray"),
        [api("1.25"), f"{OWN}docker-plugin.rexray"],
    ),
    "a volume configured at launch": (
        bridge(
            container(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]),
            volumes=[{"name": "v", "configuredAtLaunch": True}],
        ),
        [f"{OWN}storage.ebs-task-volume-attach"],
    ),
    "a proxy": (
        awsvpc(
            proxyConfiguration={
                "type": "APPMESH",
                "containerName": "app",
                "properties": [{"name": "ProxyIngressPort", "value": "15000"}],
            }
        ),
        [api("1.18"), f"{OWN}task-eni", f"{OWN}aws-appmesh"],
    ),
    "GPUs": (one(resourceRequirements=[{"type": "GPU", "value": "1"}]), []),
    "a range of ports": (
        one(portMappings=[{"containerPortRange": "80-90"}]),
        [f"{OWN}network.container-port-range"],
    ),
    "a restart policy": (one(restartPolicy={"enabled": True}), [f"{OWN}container-restart-policy"]),
    "no restart policy": (one(restartPolicy={"enabled": False}), []),
    "fault injection": (bridge(enableFaultInjection=True), [f"{OWN}fault-injection"]),
    "no fault injection": (bridge(enableFaultInjection=False), []),
    "ephemeral storage": (bridge(ephemeralStorage={"sizeInGiB": 21}), [f"{OWN}extensible-ephemeral-storage"]),
    "an init process": (one(linuxParameters={"initProcessEnabled": True}), [api("1.25")]),
    "memory as a file system": (
        one(linuxParameters={"tmpfs": [{"containerPath": "/run", "size": 64}]}),
        [api("1.22")],
    ),
    "more shared memory": (one(linuxParameters={"sharedMemorySize": 64}), [api("1.22")]),
    "a reservation of memory": (one(memory=None, memoryReservation=32), [api("1.21")]),
    "ulimits": (one(ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": 1}]), [api("1.18")]),
    "labels, if only an empty set": (one(dockerLabels={}), [api("1.18")]),
    "a root file system that is not read-only": (one(readonlyRootFilesystem=False), [api("1.17")]),
    "extra hosts": (one(extraHosts=[{"hostname": "db", "ipAddress": "10.0.0.3"}]), [api("1.17")]),
    "SELinux": (one(dockerSecurityOptions=["label:disable"]), [api("1.17"), f"{AGENT}selinux"]),
    "AppArmor": (one(dockerSecurityOptions=["apparmor:docker-default"]), [api("1.17"), f"{AGENT}apparmor"]),
    "a managed account of Windows": (one(credentialSpecs=["credentialspec:arn:aws:s3:::b/c"]), [f"{OWN}gmsa"]),
    "the same, outside its domain": (
        one(credentialSpecs=["credentialspecdomainless:arn:aws:s3:::b/c"]),
        [f"{OWN}gmsa-domainless"],
    ),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_asks_for_its_attributes(feature: str) -> None:
    definition, names = FEATURES[feature]
    spec = definitions.validated(definition)
    assert [each["name"] for each in spec.get("requiresAttributes", [])] == names
    assert ("requiresAttributes" in spec) == bool(names)
    assert all(each.keys() == {"name"} for each in spec.get("requiresAttributes", []))


CREATES = awslogs(**{"awslogs-create-group": "true"})

SEEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a service of the console": (
        fargate(
            container(
                image=ECR,
                memory=256,
                memoryReservation=128,
                environmentFiles=[],
                ulimits=[],
                logConfiguration=awslogs(
                    **{"awslogs-create-group": "true", "mode": "non-blocking", "max-buffer-size": "25m"}
                ),
            ),
            taskRoleArn=ROLE,
            executionRoleArn=ROLE,
        ),
        [
            f"{AGENT}logging-driver.awslogs",
            f"{OWN}execution-role-awslogs",
            f"{AGENT}ecr-auth",
            api("1.19"),
            api("1.28"),
            api("1.21"),
            f"{AGENT}task-iam-role",
            f"{OWN}execution-role-ecr-pull",
            api("1.18"),
            f"{OWN}task-eni",
            api("1.29"),
        ],
    ),
    "a service of CloudFormation, with a health check and empty lists": (
        fargate(
            container(
                image=ECR,
                dockerLabels={},
                extraHosts=[],
                healthCheck=CHECK,
                links=[],
                logConfiguration=awslogs(),
                secrets=[],
            ),
            taskRoleArn=ROLE,
            executionRoleArn=ROLE,
        ),
        [
            f"{AGENT}logging-driver.awslogs",
            api("1.24"),
            f"{OWN}execution-role-awslogs",
            f"{AGENT}ecr-auth",
            api("1.19"),
            api("1.17"),
            f"{AGENT}task-iam-role",
            f"{OWN}container-health-check",
            f"{OWN}execution-role-ecr-pull",
            api("1.18"),
            f"{OWN}task-eni",
        ],
    ),
    "EFS and a secret": (
        fargate(
            container(
                logConfiguration=awslogs(**{"awslogs-create-group": "true", "mode": "non-blocking"}),
                secrets=[{"name": "KEY", "valueFrom": SECRET}],
            ),
            executionRoleArn=ROLE,
            volumes=[
                {
                    "name": "v",
                    "efsVolumeConfiguration": {
                        "fileSystemId": "fs-1",
                        "transitEncryption": "ENABLED",
                        "authorizationConfig": {"accessPointId": "fsap-1", "iam": "DISABLED"},
                    },
                }
            ],
        ),
        [
            f"{AGENT}logging-driver.awslogs",
            f"{OWN}execution-role-awslogs",
            f"{OWN}efsAuth",
            api("1.19"),
            f"{OWN}secrets.asm.environment-variables",
            f"{OWN}efs",
            api("1.28"),
            api("1.25"),
            api("1.18"),
            f"{OWN}task-eni",
            api("1.29"),
        ],
    ),
    "an environment file and more storage": (
        fargate(
            container(
                image=ECR,
                environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::bucket/a.env"}],
                logConfiguration=awslogs(**{"awslogs-create-group": "true", "mode": "non-blocking"}),
            ),
            ephemeralStorage={"sizeInGiB": 21},
            executionRoleArn=ROLE,
        ),
        [
            f"{AGENT}logging-driver.awslogs",
            f"{OWN}execution-role-awslogs",
            f"{AGENT}ecr-auth",
            api("1.19"),
            api("1.28"),
            f"{OWN}env-files.s3",
            f"{OWN}execution-role-ecr-pull",
            f"{OWN}extensible-ephemeral-storage",
            api("1.18"),
            f"{OWN}task-eni",
            api("1.29"),
        ],
    ),
    "a log router on an instance": (
        bridge(
            container(image=ECR, logConfiguration=logs("awsfirelens")),
            container(name="router", firelensConfiguration={"type": "fluentbit"}, memory=None, memoryReservation=50),
        ),
        [
            f"{AGENT}ecr-auth",
            api("1.19"),
            f"{OWN}firelens.fluentbit",
            api("1.21"),
            f"{AGENT}logging-driver.awsfirelens",
        ],
    ),
    "a group of logs on an instance": (
        bridge(container(image=ECR, logConfiguration=CREATES), requiresCompatibilities=["EC2"]),
        [f"{AGENT}logging-driver.awslogs", f"{AGENT}ecr-auth", api("1.19"), api("1.29")],
    ),
}
"""Definitions of these features, and what AWS was seen to say of them."""


@pytest.mark.parametrize("feature", SEEN)
def test_whole_lists_are_as_they_were_seen(feature: str) -> None:
    definition, names = SEEN[feature]
    assert [each["name"] for each in definitions.validated(definition)["requiresAttributes"]] == names
