"""What RegisterTaskDefinition refuses of containers, their network, order, volumes and logs, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.rules import definitions
from ecs_emulator.rules.errors import ClientException
from tests.rules.given import (
    Case,
    awslogs,
    awsvpc,
    bridge,
    container,
    docker_volume,
    efs,
    fargate_one,
    logs,
    mounts,
    one,
    port,
    waits,
)

CONTAINERS: list[Case] = [
    (one(name=None), "Container.name should not be null or empty."),
    (one(name=""), "Container.name should not be null or empty."),
    (one(name="my app"), "Container.name contains invalid characters."),
    (one(image=None), "Container.image should not be null or empty."),
    (one(image=""), "Container.image should not be null or empty."),
    (
        one(memory=None),
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.",
    ),
    (
        one(memoryReservation=65),
        "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.",
    ),
    (one(memory=3), "Invalid 'memory' setting for container 'app'."),
    (one(memory=None, memoryReservation=3), "Invalid 'memoryReservation' setting for container 'app'."),
    (one(cpu=-1), "Invalid 'cpu' setting for container 'app'."),
    (one(environment=[{"name": " ", "value": "x"}]), "Environment variable name cannot be null or blank."),
    (one(environment=[{"value": "x"}]), "Environment variable name cannot be null or blank."),
    (
        one(environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::b/a.env"}] * 11),
        "The maximum number of environment files was exceeded. Specify ten or less and try again.",
    ),
    (one(environmentFiles=[{"type": "s3", "value": "s3://b/a.env"}]), "Invalid arn syntax."),
    (
        one(environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::b/a.txt"}]),
        "The environment file must have a .env file extension.",
    ),
    (
        one(environment=[{"name": "KEY", "value": "x"}], secrets=[{"name": "KEY", "valueFrom": "/app/key"}]),
        "The secret name must be unique and not shared with any new or existing environment variables set on the "
        "container, such as 'KEY'.",
    ),
    (
        one(secrets=[{"name": "KEY", "valueFrom": "no such name"}]),
        "The Systems Manager parameter name specified for secret KEY is invalid. The parameter name can be up to 2048 "
        "characters and include the following letters and symbols: a-zA-Z0-9_.-,",
    ),
    (one(ulimits=[{"name": "memory", "softLimit": 1, "hardLimit": 1}]), "Unrecognized ulimit name memory"),
    *(
        (make(**{f"{word}Timeout": seconds}), f"Granular {word} timeout on container 'app' must be at least 2 seconds.")
        for make in (one, fargate_one)
        for word in ("start", "stop")
        for seconds in (-1, 0, 1)
    ),
    (one(secrets=[{"name": "", "valueFrom": "/app/key"}]), "Secret name should not be null or empty."),
    (
        one(secrets=[{"name": "KEY", "valueFrom": "arn:aws:s3:::bucket/key"}]),
        "The Systems Manager parameter name specified for secret KEY is invalid. The parameter name can be up to 2048 "
        "characters and include the following letters and symbols: a-zA-Z0-9_.-,",
    ),
    (
        one(logConfiguration={"logDriver": "syslog", "secretOptions": [{"name": "KEY", "valueFrom": " "}]}),
        "The Systems Manager parameter name specified for secret KEY is invalid. The parameter name can be up to 2048 "
        "characters and include the following letters and symbols: a-zA-Z0-9_.-,",
    ),
    (
        one(restartPolicy={"enabled": True, "restartAttemptPeriod": 1801}),
        "The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.",
    ),
    (
        one(repositoryCredentials={"credentialsParameter": ""}),
        "Invalid 'repositoryCredentials' setting for container 'app'.",
    ),
    (
        one(resourceRequirements=[{"type": "TPU", "value": "1"}]),
        "Resource requirement type should be one of [GPU,InferenceAccelerator,NeuronDevice]",
    ),
    (
        one(environmentFiles=[{"type": "ssm", "value": "arn:aws:s3:::b/a.env"}]),
        "Environment file type should be one of [s3]",
    ),
    (one(linuxParameters={"maxSwap": -1}), "Invalid 'linuxParameters' setting for container 'app'."),
    (one(linuxParameters={"sharedMemorySize": 0}), "Invalid 'linuxParameters' setting for container 'app'."),
    (
        one(linuxParameters={"tmpfs": [{"containerPath": "/run", "size": 0}]}),
        "Invalid 'tmpfs' setting for container 'app'.",
    ),
    (one(linuxParameters={"devices": [{"hostPath": ""}]}), "Invalid 'devices' setting for container 'app'."),
    (one(healthCheck={"command": []}), "Health check command must not be empty for container 'app'"),
    (
        one(restartPolicy={"enabled": True, "restartAttemptPeriod": 59}),
        "The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.",
    ),
    (
        one(restartPolicy={"enabled": True, "ignoredExitCodes": list(range(51))}),
        "The 'ignoredExitCodes' setting for container 'app' can have at most 50 items.",
    ),
    (
        one(resourceRequirements=[{"type": "GPU", "value": "some"}]),
        "Invalid 'resourceRequirements' setting for container 'app'.",
    ),
    (
        one(linuxParameters={"swappiness": 101}),
        "The 'swappiness' setting for container 'app' must be between 0 and 100.",
    ),
    (one(systemControls=[{"namespace": "net.core"}]), "Invalid 'systemControls' setting for container 'app'."),
    (one(extraHosts=[{"hostname": "db", "ipAddress": ""}]), "Invalid 'extraHosts' setting for container 'app'."),
    (one(versionConsistency="on"), "versionConsistency should be one of [enabled,disabled]"),
]

HEALTH_CHECKS: list[Case] = [
    (
        one(healthCheck={"command": ["CMD", "true"], member: value}),
        f"Health check {member} must be {bound} for container 'app'",
    )
    for member, value, bound in (
        ("interval", 301, "less than or equal to the maximum allowed value 300"),
        ("interval", 4, "greater than or equal to the minimum allowed value 5"),
        ("timeout", 61, "less than or equal to the maximum allowed value 60"),
        ("timeout", 1, "greater than or equal to the minimum allowed value 2"),
        ("retries", 11, "less than or equal to the maximum allowed value 10"),
        ("retries", 0, "greater than or equal to the minimum allowed value 1"),
        ("startPeriod", 301, "less than or equal to the maximum allowed value 300"),
        ("startPeriod", -1, "greater than or equal to the minimum allowed value 0"),
    )
]

NETWORK: list[Case] = [
    (awsvpc(container(links=["b"])), "Links are not supported when networkMode=awsvpc."),
    (awsvpc(container(hostname="h")), "hostname is not supported on container when networkMode=awsvpc."),
    (awsvpc(container(dnsServers=["10.0.0.2"])), "DNS servers are not supported on container when networkMode=awsvpc."),
    (
        awsvpc(container(extraHosts=[{"hostname": "db", "ipAddress": "10.0.0.3"}])),
        "Extra hosts are not supported on container when networkMode=awsvpc.",
    ),
    (
        awsvpc(container(disableNetworking=True)),
        "Disable Networking is not supported on container when networkMode=awsvpc.",
    ),
    (
        bridge(container(links=["b"]), container(name="b"), networkMode="host"),
        "Links are not supported when networkMode=host.",
    ),
    (
        bridge(container(portMappings=[port(80)]), networkMode="none"),
        "Port mappings are not supported when networkMode=none.",
    ),
    (one(portMappings=[{"hostPort": 80}]), "Invalid 'containerPort' setting for container 'app'."),
    (one(portMappings=[port(0)]), "Invalid 'containerPort' setting for container 'app'."),
    (one(portMappings=[port(65536)]), "Invalid 'containerPort' setting for container 'app'."),
    (one(portMappings=[port(80, hostPort=65536)]), "Invalid 'hostPort' setting for container 'app'."),
    (one(portMappings=[port(80, protocol="http")]), "protocol should be one of [tcp,udp]"),
    (
        awsvpc(container(portMappings=[port(80, hostPort=0)])),
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    ),
    (
        bridge(container(portMappings=[port(80, hostPort=8080)]), networkMode="host"),
        "When networkMode=host, the host ports and container ports in port mappings must match.",
    ),
    (
        bridge(
            container(portMappings=[port(80, hostPort=8080)]),
            container(name="b", portMappings=[port(81, hostPort=8080)]),
        ),
        "TCP host port '8080' is mapped multiple times in task.",
    ),
    (
        bridge(container(portMappings=[port(80)]), container(name="b", portMappings=[port(80)]), networkMode="host"),
        "TCP host port '80' is mapped multiple times in task.",
    ),
    (
        awsvpc(
            container(portMappings=[port(53, protocol="udp")]),
            container(name="b", portMappings=[port(53, protocol="udp")]),
        ),
        "UDP container port '53' is used multiple times in task when networkMode=awsvpc.",
    ),
    (
        awsvpc(container(portMappings=[port(80)]), container(name="b", portMappings=[port(80)])),
        "TCP container port '80' is used multiple times in task when networkMode=awsvpc.",
    ),
    (
        one(portMappings=[{"containerPortRange": f"{n}000-{n}009"} for n in range(1, 10)] * 12),
        "Container 'app' can have at most 100 container port ranges.",
    ),
    (
        awsvpc(container(portMappings=[{"containerPortRange": "8000-8010"}, port(8010)])),
        "TCP container port '8010' is used multiple times in task when networkMode=awsvpc.",
    ),
    (
        awsvpc(container(portMappings=[port(80, name="web"), port(81, name="web")])),
        "When networkMode=awsvpc, port mapping name is already used",
    ),
    (one(portMappings=[port(80, name="-web")]), "Invalid port mapping name for container 'app'."),
    (
        one(portMappings=[port(80, appProtocol="http")]),
        "Invalid 'appProtocol' setting for container 'app'. The port mapping must have a name.",
    ),
    (one(portMappings=[port(80, name="web", appProtocol="ftp")]), "appProtocol should be one of [http,http2,grpc]"),
    (
        one(portMappings=[{"containerPortRange": "90-80"}]),
        "Invalid 'containerPortRange' setting for container 'app'.",
    ),
    (one(portMappings=[{"containerPortRange": "80"}]), "Invalid 'containerPortRange' setting for container 'app'."),
    (
        one(portMappings=[port(80, containerPortRange="90-99")]),
        "Invalid port mapping for container 'app', cannot specify both single port and port range.",
    ),
    (
        bridge(container(portMappings=[{"containerPortRange": "80-90"}]), networkMode="host"),
        "Container port ranges are not supported when networkMode=host.",
    ),
    (
        bridge(proxyConfiguration={"containerName": "app"}),
        "APPMESH proxy configuration is only supported in networkMode=awsvpc",
    ),
    (awsvpc(proxyConfiguration={"containerName": "envoy"}), "Proxy container [envoy] does not exist."),
    (awsvpc(proxyConfiguration={"containerName": "app", "properties": []}), "Ingress port not found"),
]

ORDERING: list[Case] = [
    (bridge(waits(on="x")), "Cannot depend on container + 'x' because it does not exist"),
    (
        bridge(waits("HEALTHY", on="b"), container(name="b")),
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    (
        bridge(waits("SUCCESS", on="b"), container(name="b")),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (
        bridge(waits("COMPLETE", on="b"), container(name="b", essential=True)),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (bridge(waits("DONE", on="b"), container(name="b")), "condition should be one of [START,COMPLETE,SUCCESS,HEALTHY]"),
    (bridge(waits(on="app")), "Container dependsOn contains a cycle"),
    (
        bridge(waits(on="b"), waits(on="c", name="b"), waits(on="app", name="c")),
        "Container dependsOn contains a cycle",
    ),
    (one(links=["x:y"]), "Invalid 'links' setting. Unknown container: 'x'."),
    (
        bridge(container(links=["b"]), container(name="b", links=["app"])),
        "Container links should not have a cycle",
    ),
    (
        one(volumesFrom=[{"sourceContainer": "x"}]),
        "Invalid 'volumesFrom' setting. Unknown container: 'x'.",
    ),
]

VOLUMES: list[Case] = [
    (one(mountPoints=mounts("v")), "Unknown volume 'v'."),
    (one(mountPoints=[{"containerPath": "/v"}]), "Unknown volume 'null'."),
    (
        bridge(container(mountPoints=[{"sourceVolume": "v"}]), volumes=[{"name": "v"}]),
        "Invalid 'containerPath' setting for container 'app'.",
    ),
    (bridge(volumes=[{}]), "volume.name should not be null or empty."),
    (bridge(volumes=[{"name": "a.b"}]), "volume.name contains invalid characters."),
    (bridge(volumes=[{"name": "v"}, {"name": "v"}]), "Volume names must be unique within a task definition"),
    (
        bridge(volumes=[{"name": "v", "host": {}, "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]),
        "When the volume parameter is specified, only one volume configuration type should be used.",
    ),
    (
        bridge(volumes=[{"name": "v", "efsVolumeConfiguration": {"fileSystemId": ""}}]),
        "volume.efsVolumeConfiguration.fileSystemId should not be null or empty.",
    ),
    (
        bridge(volumes=[{"name": "v", "s3filesVolumeConfiguration": {"fileSystemArn": ""}}]),
        "volume.s3filesVolumeConfiguration.fileSystemArn should not be null or empty.",
    ),
    (
        bridge(volumes=[{"name": "v", "fsxWindowsFileServerVolumeConfiguration": {"fileSystemId": "fs-1"}}]),
        "volume.fsxWindowsFileServerVolumeConfiguration.rootDirectory should not be null or empty.",
    ),
    (efs(transitEncryption="ON"), "transitEncryption should be one of [ENABLED,DISABLED]"),
    (efs(authorizationConfig={"iam": "ON"}), "iam should be one of [ENABLED,DISABLED]"),
    (docker_volume(scope="node"), "scope should be one of [task,shared]"),
    (
        docker_volume(scope="task", autoprovision=False),
        "When 'scope' parameter is 'task', 'autoprovision' must either not be specified or set to 'True'.",
    ),
    (docker_volume(driver=""), "volume.dockerVolumeConfiguration.driver should not be null or empty."),
    (
        efs(
            rootDirectory="/data",
            transitEncryption="ENABLED",
            authorizationConfig={"accessPointId": "fsap-1"},
        ),
        'When using an EFS access point, the root directory must either be set to "/" or be omitted.',
    ),
    (
        efs(authorizationConfig={"iam": "ENABLED"}),
        "EFS IAM authorization requires TransitEncryption to be enabled.",
    ),
    (
        efs(transitEncryption="DISABLED", transitEncryptionPort=2049),
        "TransitEncryptionPort requires that TransitEncryption is enabled.",
    ),
    (
        bridge(volumes=[{"name": "data", "configuredAtLaunch": True}]),
        "Volumes [data] are not referenced by any of the containers",
    ),
    (
        bridge(
            container(mountPoints=mounts("a", "b")),
            volumes=[{"name": "a", "configuredAtLaunch": True}, {"name": "b", "configuredAtLaunch": True}],
        ),
        "Only one volume can be configured at launch.",
    ),
]

LOGS: list[Case] = [
    (
        one(logConfiguration=awslogs("awslogs-group", "awslogs-region")),
        "Log driver awslogs requires options: awslogs-region, awslogs-group",
    ),
    (one(logConfiguration=awslogs("awslogs-group")), "Log driver awslogs requires options: awslogs-group"),
    (one(logConfiguration=awslogs("awslogs-region")), "Log driver awslogs requires options: awslogs-region"),
    (one(logConfiguration=logs("splunk")), "Log driver splunk requires options: splunk-token, splunk-url"),
    (one(logConfiguration=logs("")), "Log driver should not be null or empty."),
    (
        one(logConfiguration=awslogs(**{"awslogs-group": "a group"})),
        "Log driver awslogs option 'awslogs-group' contains invalid characters.",
    ),
    (
        one(logConfiguration=awslogs(**{"awslogs-endpoint": "http://logs"})),
        "Log driver awslogs disallows options: awslogs-endpoint",
    ),
    (
        one(logConfiguration=awslogs(**{"awslogs-create-group": "false"})),
        "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.",
    ),
    (one(logConfiguration=logs("splunk", **{"splunk-url": "u"})), "Log driver splunk requires options: splunk-token"),
    (
        one(logConfiguration=logs("awsfirelens")),
        "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be "
        "configured in one of the containers.",
    ),
    (
        one(firelensConfiguration={"type": "fluentbit"}),
        "When a firelensConfiguration object is specified, at least one container has to be configured with the "
        "awsfirelens log driver.",
    ),
    (
        one(firelensConfiguration={"type": "logstash"}),
        "Firelens configuration type should be one of [fluentd,fluentbit]",
    ),
]

REFUSED = [*CONTAINERS, *HEALTH_CHECKS, *NETWORK, *ORDERING, *VOLUMES, *LOGS]


@pytest.mark.parametrize(("definition", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_a_wrong_container_is_refused_in_the_words_of_ecs(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientException) as refused:
        definitions.validated(definition)
    assert refused.value.message == message
