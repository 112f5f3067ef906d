"""Services at the prompt: made, awaited, updated, rolled back, given task sets, handed to CodeDeploy, let go."""

from __future__ import annotations

import re

import pytest

from tests.scenarios.aws_ecs.codedeploy import DEPLOYMENT, codedeploy
from tests.scenarios.aws_ecs.prompt import FARGATE, Prompt

pytestmark = pytest.mark.clients

WEB = ("--cluster", "default", "--service", "web")
NO_TASK_SET = "The specified task set does not exist. Specify a valid taskset and try again."
TEXT = ("--output", "text")


def test_a_service_is_made_awaited_scaled_and_deleted(aws: Prompt) -> None:
    aws.given("create_cluster")
    aws.defined()
    breaker = "deploymentCircuitBreaker={enable=true,rollback=true},maximumPercent=200,minimumHealthyPercent=50"
    made = aws.ecs(
        "create-service", "--service-name", "web", "--task-definition", "web", "--desired-count", "2", *FARGATE,
        "--deployment-configuration", breaker, "--enable-ecs-managed-tags", "--tags", "key=team,value=blue",
    )["service"]  # fmt: skip
    assert (made["status"], made["desiredCount"], made["runningCount"]) == ("ACTIVE", 2, 0)
    assert made["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    aws.until_stable("web")
    aws.waits("services-stable", "--services", "web")
    described, listed = aws.all(
        ("describe-services", "--services", "web", "nope", "--include", "TAGS"),
        ("list-services", "--launch-type", "FARGATE", "--page-size", "1", *TEXT),
    )
    (shown,) = described["services"]
    assert (shown["runningCount"], shown["enableECSManagedTags"]) == (2, True)
    assert shown["tags"] == [{"key": "team", "value": "blue"}]
    assert described["failures"] == [{"arn": aws.arn("service/default/nope"), "reason": "MISSING"}]
    assert listed == f"SERVICEARNS\t{made['serviceArn']}"
    twice = ("create-service", "--service-name", "web", "--task-definition", "web", *FARGATE)
    not_idempotent, not_scaled, unknown = aws.all_refused(
        (*twice, "--desired-count", "1"),
        ("delete-service", "--service", "web"),
        ("delete-service", "--service", "nope"),
    )
    assert not_idempotent == ("InvalidParameterException", "Creation of service was not idempotent.")
    assert not_scaled == ("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    assert unknown == ("ServiceNotFoundException", "")

    count = ("--query", "service.desiredCount", *TEXT)
    assert aws.ecs("update-service", "--service", "web", "--desired-count", "1", *count) == "1"
    aws.until_stable("web")
    assert aws.ecs("delete-service", "--service", "web", "--force")["service"]["status"] == "DRAINING"
    gone = {"services": ["web"]}
    aws.until("its end", "describe_services", lambda answer: answer["services"][0]["status"] == "INACTIVE", **gone)
    aws.waits("services-inactive", "--services", "web")
    status, said = aws.fails("wait", "services-stable", "--services", "web")
    assert (status, "Waiter ServicesStable failed: Waiter encountered a terminal failure state" in said) == (255, True)


def test_a_deployment_is_followed_stopped_and_rolled_back(aws: Prompt) -> None:
    aws.serving(deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100})
    aws.defined(words="pull=fail")
    aws.ecs("update-service", "--service", "web", "--task-definition", "web", "--force-new-deployment")
    newest, every = aws.all(
        ("list-service-deployments", "--service", "web", "--status", "IN_PROGRESS", "PENDING"),
        ("list-service-deployments", "--service", "web", "--query", "serviceDeployments[].status", *TEXT),
    )
    assert every.split() == ["IN_PROGRESS", "SUCCESSFUL"]
    (brief,) = newest["serviceDeployments"]
    deployment = ("--service-deployment-arn", brief["serviceDeploymentArn"])
    assert aws.ecs("stop-service-deployment", *deployment, "--stop-type", "ROLLBACK") == {
        "serviceDeploymentArn": brief["serviceDeploymentArn"]
    }
    named = {"serviceDeploymentArns": [brief["serviceDeploymentArn"]]}
    aws.until("the rollback", "describe_service_deployments",
              lambda answer: answer["serviceDeployments"][0]["status"] == "ROLLBACK_SUCCESSFUL", **named)  # fmt: skip
    described, revisions, service = aws.all(
        ("describe-service-deployments", "--service-deployment-arns", brief["serviceDeploymentArn"]),
        ("describe-service-revisions", "--service-revision-arns", brief["targetServiceRevisionArn"]),
        ("describe-services", "--services", "web", "--query", "services[0].taskDefinition", *TEXT),
    )
    (shown,) = described["serviceDeployments"]
    assert shown["targetServiceRevision"]["arn"] == brief["targetServiceRevisionArn"]
    assert shown["rollback"]["serviceRevisionArn"] == shown["sourceServiceRevisions"][0]["arn"]
    assert revisions["serviceRevisions"][0]["taskDefinition"] == aws.arn("task-definition/web:2")
    assert service == aws.arn("task-definition/web:1")
    over, no_hook = aws.all_refused(
        ("stop-service-deployment", *deployment), ("continue-service-deployment", *deployment, "--hook-id", "pause-1")
    )
    assert over == ("ConflictException", "The service deployment is in a terminal state and cannot be stopped.")
    assert (no_hook[0], no_hook[1].endswith("is not awaiting action.")) == ("InvalidParameterException", True)


def test_task_sets_take_over_from_each_other(aws: Prompt) -> None:
    aws.given("create_cluster")
    aws.defined()
    external = ("--deployment-controller", "type=EXTERNAL")
    made = aws.ecs("create-service", "--service-name", "web", "--desired-count", "2", *external)["service"]
    assert (made["taskSets"], made["deployments"]) == ([], [])
    create = ("create-task-set", *WEB, "--task-definition", "web", *FARGATE, "--query", "taskSet.id", *TEXT)
    blue = aws.ecs(*create, "--external-id", "blue", "--scale", "value=100,unit=PERCENT")
    assert re.fullmatch(r"ecs-svc/\d+", blue)
    green = aws.ecs(*create, "--scale", "value=0,unit=PERCENT")
    promoted, scaled = aws.all(
        ("update-service-primary-task-set", *WEB, "--primary-task-set", blue),
        ("update-task-set", *WEB, "--task-set", green, "--scale", "value=50,unit=PERCENT"),
    )
    assert promoted["taskSet"]["status"] == "PRIMARY"
    assert scaled["taskSet"]["scale"] == {"value": 50.0, "unit": "PERCENT"}
    aws.until("both run", "describe_task_sets",
              lambda answer: [each["runningCount"] for each in answer["taskSets"]] == [2, 1],
              cluster="default", service="web", taskSets=[blue, green])  # fmt: skip
    described, tasks = aws.all(
        ("describe-task-sets", *WEB, "--task-sets", blue, "--include", "TAGS"),
        ("list-tasks", "--started-by", green, "--query", "length(taskArns)"),
    )
    (shown,) = described["taskSets"]
    assert (shown["externalId"], shown["stabilityStatus"], tasks) == ("blue", "STEADY_STATE", "1")
    unknown, primary = aws.all_refused(
        ("delete-task-set", *WEB, "--task-set", "ecs-svc/1"), ("delete-task-set", *WEB, "--task-set", blue)
    )
    assert unknown == ("TaskSetNotFoundException", NO_TASK_SET)
    assert primary == ("InvalidParameterException", "Primary TaskSet cannot be deleted")
    assert aws.ecs("delete-task-set", *WEB, "--task-set", green, "--force")["taskSet"]["status"] == "DRAINING"


APPSPEC = """\
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: <replaced>
        LoadBalancerInfo: {ContainerName: app, ContainerPort: 80}
"""


def test_a_service_of_codedeploy_is_deployed_by_one_command(aws: Prompt) -> None:
    target = f"arn:aws:elasticloadbalancing:us-east-1:{aws.account}:targetgroup/blue/0a1b2c3d4e5f6a7b"
    balancer = {"targetGroupArn": target, "containerName": "app", "containerPort": 80}
    aws.given("create_cluster")
    aws.defined()
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}
    aws.given("create_service", serviceName="web", taskDefinition="web", desiredCount=1, launchType="FARGATE",
              networkConfiguration=network, loadBalancers=[balancer], deploymentController={"type": "CODE_DEPLOY"})  # fmt: skip
    container = {"name": "app", "image": "app:2", "portMappings": [{"containerPort": 80}]}
    sizes = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    aws.file("next.json", {"family": "web", "containerDefinitions": [container], **sizes})
    aws.file("appspec.yaml", APPSPEC)
    with codedeploy(aws, "web") as address:
        done = aws.tries(
            "--endpoint-url", aws.server.endpoint, "ecs", "deploy", "--service", "web",
            "--task-definition", "next.json", "--codedeploy-appspec", "appspec.yaml",
            AWS_ENDPOINT_URL_CODEDEPLOY=address,
        )  # fmt: skip
    green = aws.arn("task-definition/web:2")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            f"Successfully registered new ECS task definition {green}",
            f"Successfully created deployment {DEPLOYMENT}",
            f"Waiting for {DEPLOYMENT} to succeed (will wait up to 30 minutes)...",
            f"Successfully deployed {green} to service 'web'",
        ],
    ), done.stderr
    (service,) = aws.given("describe_services", services=["web"])["services"]
    assert [each["taskDefinition"] for each in service["taskSets"] if each["status"] == "PRIMARY"] == [green]


def test_services_that_share_a_namespace_are_found_by_it(aws: Prompt) -> None:
    aws.given("create_cluster")
    aws.defined()
    connect = "enabled=true,namespace=internal"
    create = ("create-service", "--task-definition", "web", "--desired-count", "0", *FARGATE, "--service-name", "web")
    aws.ecs(*create, "--service-connect-configuration", connect)
    found = aws.ecs("list-services-by-namespace", "--namespace", "internal", "--page-size", "1")
    assert found["serviceArns"] == [aws.arn("service/default/web")]
    unknown = aws.refused("list-services-by-namespace", "--namespace", "other")
    assert unknown == ("NamespaceNotFoundException", "The specified namespace wasn't found.")


def test_an_express_service_is_made_of_an_image_and_two_roles(aws: Prompt) -> None:
    role = f"arn:aws:iam::{aws.account}:role/"
    roles = ("--infrastructure-role-arn", f"{role}infra", "--execution-role-arn", f"{role}execution")
    made = aws.ecs("create-express-gateway-service", *roles, "--service-name", "shop",
                   "--primary-container", "image=shop:1,containerPort=8080", "--health-check-path", "/up")["service"]  # fmt: skip
    service = ("--service-arn", made["serviceArn"])
    assert made["status"]["statusCode"] == "ACTIVE"
    aws.until_stable("shop")
    updated, described = aws.all(
        ("update-express-gateway-service", *service, "--cpu", "512", "--memory", "1024"),
        ("describe-express-gateway-service", *service, "--include", "TAGS"),
    )
    assert updated["service"]["targetConfiguration"]["cpu"] == "512"
    assert described["service"]["activeConfigurations"][0]["healthCheckPath"] == "/up"
    gone = aws.ecs("delete-express-gateway-service", *service)
    assert gone["service"]["status"]["statusCode"] == "DRAINING"
    unknown = aws.refused("describe-express-gateway-service", "--service-arn", aws.arn("service/default/nope"))
    assert unknown == ("ResourceNotFoundException", "The specified resource wasn't found.")
