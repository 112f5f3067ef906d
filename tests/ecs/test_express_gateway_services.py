"""Express services: what ECS makes of an image, that it runs, what is changed by what, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.records.logs import LogGroup
from tests.ecs.running import ARN, CLIENT, INVALID, NETWORK, refusal
from tests.simulation import Simulation

Document = dict[str, Any]

EXECUTION, TASK, INFRA = (f"arn:aws:iam::123456789012:role/{name}" for name in ("execution", "task", "infra"))
CONTAINER = {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/shop.web:1"}
SCALING = {"minTaskCount": 1, "maxTaskCount": 20, "autoScalingMetric": "AVERAGE_CPU", "autoScalingTargetValue": 60}
NO_BALANCER = "There is no load balancer in this emulator yet."
NO_SCALING = "There is no auto scaling in this emulator yet."
WEB = f"{ARN}service/default/web"
DRAINING = "Unable to Start a service that is still Draining."
TWICE = "Creation of service was not idempotent."


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    yield sim
    sim.close()


def asked(**more: Any) -> Document:
    least = {"infrastructureRoleArn": INFRA, "executionRoleArn": EXECUTION, "primaryContainer": CONTAINER}
    return {name: value for name, value in {**least, **more}.items() if value is not None}


def create(sim: Simulation, name: str | None = "web", **more: Any) -> Document:
    return dict(sim.call("CreateExpressGatewayService", **asked(serviceName=name, **more))["service"])


def described(sim: Simulation, arn: str = WEB, **more: Any) -> Document:
    return dict(sim.call("DescribeExpressGatewayService", serviceArn=arn, **more)["service"])


def update(sim: Simulation, **more: Any) -> Document:
    return dict(sim.call("UpdateExpressGatewayService", serviceArn=WEB, **more)["service"])


def service(sim: Simulation) -> Document:
    (found,) = sim.call("DescribeServices", services=["web"])["services"]
    return dict(found)


def definition(sim: Simulation, reference: str = "default-web") -> Document:
    return dict(sim.call("DescribeTaskDefinition", taskDefinition=reference)["taskDefinition"])


def own_definition(sim: Simulation, *, family: str = "mine", **container: Any) -> str:
    main = {"name": "Main", "image": "web:9", "portMappings": [{"containerPort": 8080, "name": "http"}], **container}
    sizes = {"cpu": "512", "memory": "1024", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    side = {"name": "side", "image": "side:1"}
    answer = sim.call("RegisterTaskDefinition", family=family, containerDefinitions=[main, side], **sizes)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def running(sim: Simulation) -> list[str]:
    """The definitions of the tasks in RUNNING."""
    return [task.task_definition_arn.rpartition("/")[2] for task in sim.tasks() if task.last_status == "RUNNING"]


# --- what is made ---------------------------------------------------------------------------------


def test_an_image_and_two_roles_are_enough(sim: Simulation) -> None:
    tags = [{"key": "team", "value": "blue"}]
    made = create(sim, tags=tags)
    (configuration,) = made.pop("activeConfigurations")
    endpoint = configuration["ingressPaths"][0]["endpoint"]
    assert endpoint.startswith("https://we-") and endpoint.endswith(".ecs.us-east-1.on.aws")
    assert made == {
        "cluster": f"{ARN}cluster/default",
        "serviceName": "web",
        "serviceArn": WEB,
        "infrastructureRoleArn": INFRA,
        "status": {
            "statusCode": "ACTIVE",
            "statusReason": f"{NO_BALANCER} The tasks run, and the endpoint of the service leads nowhere.",
        },
        "currentDeployment": made["currentDeployment"],
        "tags": tags,
        "createdAt": sim.clock.now(),
        "updatedAt": sim.clock.now(),
    }
    logs = configuration["primaryContainer"].pop("awsLogsConfiguration")
    assert logs["logGroup"].startswith("/aws/ecs/default/web-") and logs["logStreamPrefix"] == "ecs"
    subnets = configuration["networkConfiguration"]["subnets"]
    assert len(set(subnets)) == 2
    assert configuration == {
        "serviceRevisionArn": service(sim)["currentServiceRevisions"][0]["arn"],
        "executionRoleArn": EXECUTION,
        "taskDefinitionArn": f"{ARN}task-definition/default-web:1",
        "cpu": "256",
        "memory": "512",
        "cpuArchitecture": "X86_64",
        "networkConfiguration": {"securityGroups": [], "subnets": subnets},
        "healthCheckPath": "/ping",
        "primaryContainer": {**CONTAINER, "containerPort": 80},
        "scalingTarget": SCALING,
        "ingressPaths": [{"accessType": "PUBLIC", "endpoint": endpoint}],
        "createdAt": sim.clock.now(),
    }


def test_the_task_definition_says_what_was_asked_for(sim: Simulation) -> None:
    words = {
        "command": ["serve"],
        "environment": [{"name": "A", "value": "1"}],
        "secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/s"}],
        "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:us-east-1:123456789012:secret:r"},
        "awsLogsConfiguration": {"logGroup": "mine", "logStreamPrefix": "p"},
        "containerPort": 8080,
    }
    given = {"taskRoleArn": TASK, "cpu": "1024", "memory": "2048", "cpuArchitecture": "ARM64"}
    made = create(sim, primaryContainer={**CONTAINER, **words}, **given)["activeConfigurations"][0]
    assert made["primaryContainer"] == {**CONTAINER, **words}
    assert {name: made[name] for name in given} == given
    found = definition(sim)
    assert found["networkMode"] == "awsvpc" and found["requiresCompatibilities"] == ["FARGATE"]
    assert found["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    (main,) = found["containerDefinitions"]
    assert main["name"] == "Main" and main["essential"] is True
    assert main["portMappings"][0]["containerPort"] == 8080 and main["portMappings"][0]["name"] == "main-8080-tcp"
    assert main["logConfiguration"]["options"] == {
        "awslogs-group": "mine",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "p",
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }


def test_the_service_beneath_is_one_of_ecs_and_its_tasks_run(sim: Simulation) -> None:
    create(sim, scalingTarget={"minTaskCount": 2}, tags=[{"key": "team", "value": "blue"}])
    sim.settle()
    found = service(sim)
    assert found["resourceManagementType"] == "ECS"
    assert (found["desiredCount"], found["runningCount"]) == (2, 2)
    assert found["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "base": 1, "weight": 1}]
    assert (found["healthCheckGracePeriodSeconds"], found["availabilityZoneRebalancing"]) == (300, "ENABLED")
    assert (found["enableECSManagedTags"], found["propagateTags"]) == (True, "SERVICE")
    configuration = found["deploymentConfiguration"]
    assert (configuration["strategy"], configuration["bakeTimeInMinutes"]) == ("CANARY", 3)
    assert configuration["canaryConfiguration"] == {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3}
    assert found["deployments"][0]["rolloutState"] == "COMPLETED"
    assert running(sim) == ["default-web:1"] * 2
    assert sim.tasks()[0].tags == {"team": "blue", "aws:ecs:clusterName": "default", "aws:ecs:serviceName": "web"}
    assert "currentDeployment" not in described(sim)


def test_the_default_cluster_is_made_with_fargate_when_it_is_needed(sim: Simulation) -> None:
    create(sim)
    (cluster,) = sim.call("DescribeClusters")["clusters"]
    assert cluster["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert refusal(sim, "CreateExpressGatewayService", **asked(cluster="none"))[0] == "ClusterNotFoundException"
    sim.call("CreateCluster", clusterName="other")
    assert create(sim, cluster="other")["serviceArn"] == f"{ARN}service/other/web"


@pytest.mark.parametrize(
    ("image", "stem"),
    [("nginx", "nginx"), ("ghcr.io:443/me/my.app:1.2", "my-app"), ("web@sha256:" + "0" * 64, "web")],
)
def test_a_service_without_a_name_is_named_after_its_image(sim: Simulation, image: str, stem: str) -> None:
    names = {create(sim, None, primaryContainer={"image": image})["serviceName"] for _ in range(2)}
    assert len(names) == 2 and all(name.rpartition("-")[0] == stem for name in names)


def test_a_definition_of_ones_own_runs_as_it_is(sim: Simulation) -> None:
    arn = own_definition(sim)
    made = create(sim, taskDefinitionArn=arn, executionRoleArn=None, primaryContainer=None)["activeConfigurations"][0]
    assert made["taskDefinitionArn"] == arn
    assert made["primaryContainer"] == {"image": "web:9", "containerPort": 8080}
    assert (made["cpu"], made["memory"]) == ("512", "1024")
    assert "cpuArchitecture" not in made and "executionRoleArn" not in made
    sim.settle()
    assert running(sim) == ["mine:1"]


def test_the_log_group_is_there_before_the_tasks(sim: Simulation) -> None:
    container = create(sim)["activeConfigurations"][0]["primaryContainer"]
    with sim.store.snapshot() as tx:
        assert tx.get(LogGroup, "123456789012", "us-east-1", container["awsLogsConfiguration"]["logGroup"])


def test_the_revision_shows_what_was_made_and_why_the_rest_was_not(sim: Simulation) -> None:
    made = create(sim, healthCheckPath="/health?deep=1")["activeConfigurations"][0]
    arn = made["serviceRevisionArn"]
    (revision,) = sim.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    managed = revision["ecsManagedResources"]
    (path,) = managed["ingressPaths"]
    assert path["endpoint"] == made["ingressPaths"][0]["endpoint"]
    missing = {"status": "FAILED", "statusReason": NO_BALANCER, "updatedAt": sim.clock.now()}
    assert path["listener"] == path["rule"] == missing
    assert path["loadBalancer"]["status"] == path["certificate"]["status"] == "FAILED"
    assert path["targetGroups"] == [{**missing, "healthCheckPath": "/health?deep=1", "healthCheckPort": 80, "port": 80}]
    unscaled = {**missing, "statusReason": NO_SCALING}
    assert managed["autoScaling"]["scalableTarget"] == {**unscaled, "minCapacity": 1, "maxCapacity": 20}
    (group,) = managed["logGroups"]
    logs = made["primaryContainer"]["awsLogsConfiguration"]
    assert (group["logGroupName"], group["status"]) == (logs["logGroup"], "ACTIVE")


def test_services_are_listed_by_who_manages_them(sim: Simulation) -> None:
    own = own_definition(sim)
    create(sim)
    plain = {"taskDefinition": own, "launchType": "FARGATE", "networkConfiguration": NETWORK, "desiredCount": 0}
    for number in range(3):
        sim.call("CreateService", serviceName=f"own-{number}", **plain)

    def listed(**filters: Any) -> int:
        return len(sim.call("ListServices", **filters)["serviceArns"])

    found = [listed(), listed(resourceManagementType="ECS"), listed(resourceManagementType="CUSTOMER")]
    assert found == [4, 1, 3]
    assert listed(resourceManagementType="ECS", launchType="EC2") == 0
    first = sim.call("ListServices", resourceManagementType="CUSTOMER", maxResults=2)
    rest = sim.call("ListServices", resourceManagementType="CUSTOMER", maxResults=2, nextToken=first["nextToken"])
    assert (len(first["serviceArns"]), len(rest["serviceArns"])) == (2, 1)
    wrong = refusal(sim, "ListServices", resourceManagementType="ODD")
    assert wrong == (INVALID, "resourceManagementType should be one of [CUSTOMER,ECS]")


# --- what changes ---------------------------------------------------------------------------------


def test_an_update_is_a_new_revision_that_replaces_the_tasks(sim: Simulation) -> None:
    first = create(sim)["activeConfigurations"][0]
    sim.advance(60)
    answer = update(sim, primaryContainer={"image": "web:2", "command": ["x"]}, cpu="512", memory="1024")
    assert set(answer) == {
        "serviceArn",
        "cluster",
        "serviceName",
        "status",
        "targetConfiguration",
        "createdAt",
        "updatedAt",
    }
    assert answer["updatedAt"] == answer["createdAt"] + 60
    target = answer["targetConfiguration"]
    kept = {"containerPort": 80, "awsLogsConfiguration": first["primaryContainer"]["awsLogsConfiguration"]}
    assert target["primaryContainer"] == {"image": "web:2", "command": ["x"], **kept}
    assert (target["cpu"], target["memory"]) == ("512", "1024")
    assert target["taskDefinitionArn"].endswith("default-web:2")
    assert [one["serviceRevisionArn"] for one in described(sim)["activeConfigurations"]] == [
        target["serviceRevisionArn"],
        first["serviceRevisionArn"],
    ]
    assert described(sim)["currentDeployment"]
    sim.advance(60)
    assert sorted(running(sim)) == ["default-web:1", "default-web:2"]
    sim.advance(360)
    assert running(sim) == ["default-web:2"]
    assert [one["serviceRevisionArn"] for one in described(sim)["activeConfigurations"]] == [
        target["serviceRevisionArn"]
    ]


def test_a_container_that_is_given_replaces_the_whole_one(sim: Simulation) -> None:
    create(sim, primaryContainer={**CONTAINER, "command": ["x"], "containerPort": 8080})
    target = update(sim, primaryContainer={"image": "web:2"})["targetConfiguration"]
    assert "command" not in target["primaryContainer"]
    assert target["primaryContainer"]["containerPort"] == 8080


def test_nothing_new_and_nothing_happens(sim: Simulation) -> None:
    made = create(sim)["activeConfigurations"][0]
    sim.advance(60)
    for words in ({}, {"cpu": "256"}, {"primaryContainer": CONTAINER}, {"scalingTarget": SCALING}):
        target = update(sim, **words)["targetConfiguration"]
        assert target == made
    assert definition(sim)["revision"] == 1


@pytest.mark.parametrize(
    ("words", "definitions"),
    [
        ({"healthCheckPath": "/other"}, ["default-web:1"]),
        ({"networkConfiguration": {"securityGroups": ["sg-1"]}}, ["default-web:1"]),
        ({"taskRoleArn": TASK}, ["default-web:2"]),
        ({"cpuArchitecture": "ARM64"}, ["default-web:2"]),
        ({"scalingTarget": {"minTaskCount": 3}}, ["default-web:1"] * 3),
        ({"scalingTarget": {"minTaskCount": 0}}, []),
    ],
)
def test_each_member_alone_is_a_deployment(sim: Simulation, words: Document, definitions: list[str]) -> None:
    made = create(sim)["activeConfigurations"][0]
    sim.advance(60)
    target = update(sim, **words)["targetConfiguration"]
    assert target["serviceRevisionArn"] != made["serviceRevisionArn"]
    sim.advance(400)
    assert running(sim) == definitions
    assert [one["status"] for one in service(sim)["deployments"]] == ["PRIMARY"]


def test_a_network_keeps_the_part_that_is_not_given(sim: Simulation) -> None:
    create(sim, networkConfiguration={"subnets": ["subnet-1"]})
    target = update(sim, networkConfiguration={"securityGroups": ["sg-1"]})["targetConfiguration"]
    assert target["networkConfiguration"] == {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}


def test_a_service_changes_to_a_definition_of_ones_own_and_back(sim: Simulation) -> None:
    create(sim)
    own = own_definition(sim)
    assert update(sim, taskDefinitionArn=own)["targetConfiguration"]["taskDefinitionArn"] == own
    text = "primaryContainer must be specified to replace a task definition that Amazon ECS does not manage."
    assert refusal(sim, "UpdateExpressGatewayService", serviceArn=WEB, cpu="256") == (INVALID, text)
    target = update(sim, primaryContainer={"image": "web:3"}, executionRoleArn=EXECUTION)["targetConfiguration"]
    assert target["taskDefinitionArn"].endswith("default-web:2")
    sim.advance(60)
    assert running(sim) == ["default-web:2"]


def test_update_service_changes_counts_but_not_what_ecs_manages(sim: Simulation) -> None:
    create(sim)
    text = "The deployment strategy and the load balancers of an Express service are managed by Amazon ECS."
    for words in (
        {"deploymentConfiguration": {"strategy": "ROLLING"}},
        {"loadBalancers": [{"targetGroupArn": "arn", "containerName": "Main", "containerPort": 80}]},
    ):
        assert refusal(sim, "UpdateService", service="web", **words) == (INVALID, text)
    sim.call("UpdateService", service="web", desiredCount=2, forceNewDeployment=True)
    sim.advance(60)
    assert running(sim) == ["default-web:1"] * 2
    assert described(sim)["activeConfigurations"][0]["scalingTarget"] == SCALING


# --- the end --------------------------------------------------------------------------------------


def test_a_deleted_service_drains_and_is_remembered(sim: Simulation) -> None:
    create(sim, tags=[{"key": "a", "value": "b"}])
    sim.advance(60)
    answer = sim.call("DeleteExpressGatewayService", serviceArn=WEB)["service"]
    assert answer["status"] == {"statusCode": "DRAINING"}
    again = refusal(sim, "DeleteExpressGatewayService", serviceArn=WEB)
    assert again == ("ServiceNotActiveException", "Service is in DRAINING status")
    assert refusal(sim, "CreateExpressGatewayService", **asked(serviceName="web")) == (INVALID, DRAINING)
    sim.advance(60)
    assert described(sim)["status"] == {"statusCode": "INACTIVE"}
    assert running(sim) == []
    over = "Cannot perform this operation on a service in INACTIVE status"
    for operation in ("DeleteExpressGatewayService", "UpdateExpressGatewayService"):
        assert refusal(sim, operation, serviceArn=WEB) == ("ServiceNotActiveException", over)
    create(sim)
    assert described(sim)["status"]["statusCode"] == "ACTIVE"


def test_tags_are_shown_when_they_are_asked_for(sim: Simulation) -> None:
    create(sim, tags=[{"key": "a", "value": "b"}])
    assert "tags" not in described(sim)
    assert described(sim, include=["TAGS"])["tags"] == [{"key": "a", "value": "b"}]
    refused = refusal(sim, "DescribeExpressGatewayService", serviceArn=WEB, include=["ODD"])
    assert refused == (INVALID, "include should be one of [TAGS]")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"executionRoleArn": None}, (INVALID, "ExecutionRoleArn can not be blank.")),
        ({"primaryContainer": None}, (INVALID, "primaryContainer.image can not be blank.")),
        ({"primaryContainer": None, "taskDefinitionArn": ""}, (INVALID, "primaryContainer.image can not be blank.")),
        ({"primaryContainer": {"image": ""}}, (INVALID, "primaryContainer.image can not be blank.")),
        (
            {"taskDefinitionArn": "mine"},
            (INVALID, "primaryContainer, executionRoleArn cannot be specified together with taskDefinitionArn."),
        ),
        (
            {"taskDefinitionArn": "mine", "primaryContainer": None, "executionRoleArn": None, "cpu": "256"},
            (INVALID, "cpu cannot be specified together with taskDefinitionArn."),
        ),
        (
            {"taskDefinitionArn": "none", "primaryContainer": None, "executionRoleArn": None},
            (CLIENT, "TaskDefinition not found."),
        ),
        ({"infrastructureRoleArn": "me"}, (INVALID, "The infrastructure role ARN 'me' is invalid.")),
        ({"healthCheckPath": "ping"}, (INVALID, "healthCheckPath must start with a forward slash.")),
        ({"cpuArchitecture": "SPARC"}, (INVALID, "cpuArchitecture should be one of [X86_64,ARM64]")),
        (
            {"scalingTarget": {"autoScalingMetric": "MOOD"}},
            (INVALID, "autoScalingMetric should be one of [AVERAGE_CPU,AVERAGE_MEMORY,REQUEST_COUNT_PER_TARGET]"),
        ),
        ({"scalingTarget": {"minTaskCount": -1}}, (INVALID, "minTaskCount must be between 0 and 5000")),
        (
            {"scalingTarget": {"minTaskCount": 3, "maxTaskCount": 2}},
            (INVALID, "minTaskCount must not be greater than maxTaskCount."),
        ),
        ({"scalingTarget": {"autoScalingTargetValue": 0}}, (INVALID, "autoScalingTargetValue must be at least 1")),
        ({"serviceName": "a b"}, (INVALID, r"ServiceName must match ^[a-zA-Z0-9\-_]{1,255}, but was a b")),
        ({"serviceName": "taken"}, (INVALID, TWICE)),
        ({"networkConfiguration": {"subnets": ["s"] * 17}}, (INVALID, "subnets can have at most 16 items.")),
        ({"tags": [{"key": "a"}]}, (INVALID, "Tag value can not be null.")),
    ],
)
def test_what_create_refuses(sim: Simulation, words: Document, error: tuple[str, str]) -> None:
    create(sim, "taken")
    assert refusal(sim, "CreateExpressGatewayService", **asked(**words)) == error
    assert sim.call("ListServices")["serviceArns"] == [f"{ARN}service/default/taken"]
    assert sim.call("ListTaskDefinitionFamilies")["families"] == ["default-taken"]


def test_a_size_that_fargate_has_not_is_refused_and_leaves_nothing(sim: Simulation) -> None:
    assert refusal(sim, "CreateExpressGatewayService", **asked(cpu="256", memory="9000"))[0] == CLIENT
    assert sim.call("ListClusters")["clusterArns"] == []


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"name": "app"}, "The task definition must have a container named Main."),
        (
            {"portMappings": [{"containerPort": 80}]},
            "The container Main must have a single TCP port mapping with a container port and a name.",
        ),
        (
            {"portMappings": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "b"}]},
            "The container Main must have a single TCP port mapping with a container port and a name.",
        ),
        (
            {"portMappings": []},
            "The container Main must have a single TCP port mapping with a container port and a name.",
        ),
    ],
)
def test_a_definition_of_ones_own_must_have_a_main_with_one_named_port(
    sim: Simulation, container: Document, text: str
) -> None:
    own = own_definition(sim, **container)
    new = asked(taskDefinitionArn=own, primaryContainer=None, executionRoleArn=None)
    assert refusal(sim, "CreateExpressGatewayService", **new) == (INVALID, text)
    create(sim)
    changed = {"serviceArn": WEB, "taskDefinitionArn": own}
    assert refusal(sim, "UpdateExpressGatewayService", **changed) == (INVALID, text)


def test_a_definition_that_is_not_for_fargate_is_refused(sim: Simulation) -> None:
    main = {"name": "Main", "image": "i", "memory": 64, "portMappings": [{"containerPort": 80, "name": "http"}]}
    sim.call("RegisterTaskDefinition", family="bridge", containerDefinitions=[main])
    new = asked(taskDefinitionArn="bridge", primaryContainer=None, executionRoleArn=None)
    text = "Task definition does not support launch_type FARGATE."
    assert refusal(sim, "CreateExpressGatewayService", **new) == (INVALID, text)


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        ("DescribeExpressGatewayService", ("ResourceNotFoundException", "The specified resource wasn't found.")),
        ("UpdateExpressGatewayService", ("ServiceNotFoundException", "Service not found.")),
        ("DeleteExpressGatewayService", ("ServiceNotFoundException", "Service not found.")),
    ],
)
def test_a_service_that_there_is_not(sim: Simulation, operation: str, missing: tuple[str, str]) -> None:
    no_arn = (INVALID, "The Service ARN provided is invalid.")
    assert refusal(sim, operation, serviceArn="web") == no_arn
    assert refusal(sim, operation, serviceArn=f"{ARN}service/web") == no_arn
    assert refusal(sim, operation, serviceArn=f"{ARN}task/default/web")[0] == INVALID
    assert refusal(sim, operation, serviceArn=WEB) == ("ClusterNotFoundException", "Cluster not found.")
    own = own_definition(sim)
    sim.call("CreateCluster", clusterName="default")
    assert refusal(sim, operation, serviceArn=WEB) == missing
    plain = {"taskDefinition": own, "launchType": "FARGATE", "networkConfiguration": NETWORK, "desiredCount": 0}
    sim.call("CreateService", serviceName="web", **plain)
    refused = (INVALID, "The specified service is not an Express service.")
    assert refusal(sim, operation, serviceArn=WEB) == refused
