"""ECS, ECR and CloudWatch Logs each refuse a breach of their model in their own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecs_emulator.ecr import constraints as ecr
from ecs_emulator.ecs import constraints as ecs
from ecs_emulator.logs import constraints as logs
from ecs_emulator.wire import check, models
from ecs_emulator.wire.check import Wording
from ecs_emulator.wire.errors import AwsError

WORDINGS: dict[str, Wording] = {"ecs": ecs, "ecr": ecr, "logs": logs}


def refusal(service: str, operation: str, **params: Any) -> tuple[str, str | None] | None:
    wording = WORDINGS[service]
    look = check.compile_input(models.load(service), operation, wording.heeds)
    violations = [] if look is None else look(params)
    if not violations:
        return None
    error = wording.refusal(violations)
    assert error.status == 400
    return error.code, error.message


# --- ECR --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "params", "member", "sentence"),
    [
        (
            "DescribeRepositories",
            {"maxResults": 1001},
            "maxResults",
            "Member must have value less than or equal to 1000",
        ),
        ("DescribeRepositories", {"maxResults": 0}, "maxResults", "Member must have value greater than or equal to 1"),
        (
            "PutLifecyclePolicy",
            {"repositoryName": "ab", "lifecyclePolicyText": "{}"},
            "lifecyclePolicyText",
            "Member must have length greater than or equal to 100",
        ),
        (
            "CreateRepository",
            {"repositoryName": "a" * 257},
            "repositoryName",
            "Member must have length less than or equal to 256",
        ),
        (
            "CreateRepository",
            {"repositoryName": "Bad_Name!"},
            "repositoryName",
            "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
        ),
        (
            "CreateRepository",
            {"repositoryName": "A"},
            "repositoryName",
            "Member must have length greater than or equal to 2",
        ),
        ("CreateRepository", {}, "repositoryName", "Member must not be null"),
        (
            "PutImageTagMutability",
            {"repositoryName": "ab", "imageTagMutability": "SOMETIMES"},
            "imageTagMutability",
            "Member must satisfy enum value set: "
            "[IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]",
        ),
        (
            "CreateRepositoryCreationTemplate",
            {"prefix": "a", "appliedFor": ["NEVER"]},
            "appliedFor",
            "Member must satisfy constraint: "
            "[Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]]",
        ),
        (
            "GetAuthorizationToken",
            {"registryIds": ["1"]},
            "registryIds",
            "Member must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]{12}]",
        ),
        ("TagResource", {"resourceArn": "a", "tags": [{"Key": "a"}]}, "tags.1.member.Value", "Member must not be null"),
    ],
)
def test_ecr_has_one_form_for_all(operation: str, params: dict[str, Any], member: str, sentence: str) -> None:
    expected = f"Invalid parameter at '{member}' failed to satisfy constraint: '{sentence}'"
    assert refusal("ecr", operation, **params) == ("InvalidParameterException", expected)


@pytest.mark.parametrize("name", ["a__b", "a--b", "a/b.c-d", "ab", "0/1"])
def test_ecr_takes_the_names_that_the_model_allows(name: str) -> None:
    assert refusal("ecr", "CreateRepository", repositoryName=name) is None


@pytest.mark.parametrize("name", ["a..b", "-ab", "ab/", "AB", "a/b\n"])
def test_ecr_refuses_other_names(name: str) -> None:
    assert refusal("ecr", "CreateRepository", repositoryName=name) is not None


# --- CloudWatch Logs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "params", "finding"),
    [
        ("DescribeLogGroups", {"limit": 51}, "Value '51' at 'limit' … Member must have value less than or equal to 50"),
        (
            "CreateLogGroup",
            {"logGroupName": "a" * 513},
            f"Value '{'a' * 513}' at 'logGroupName' … Member must have length less than or equal to 512",
        ),
        (
            "DescribeLogStreams",
            {"logGroupName": "a", "orderBy": "Size"},
            "Value 'Size' at 'orderBy' … Member must satisfy enum value set: [LogStreamName, LastEventTime]",
        ),
        (
            "DescribeLogStreams",
            {"logGroupIdentifier": "arn:*"},
            "Value 'arn:*' at 'logGroupIdentifier' … "
            r"Member must satisfy regular expression pattern: [\w#+=/:,.@-]*",
        ),
        (
            "StartLiveTail",
            {"logGroupIdentifiers": ["a"] * 11},
            "Value at 'logGroupIdentifiers' … Member must have length less than or equal to 10",
        ),
        ("CreateLogGroup", {}, "Value null at 'logGroupName' … Member must not be null"),
    ],
)
def test_logs_speaks_as_the_framework_does(operation: str, params: dict[str, Any], finding: str) -> None:
    expected = "1 validation error detected: " + finding.replace("…", "failed to satisfy constraint:")
    assert refusal("logs", operation, **params) == ("InvalidParameterException", expected)


def test_logs_counts_several_breaches() -> None:
    assert refusal("logs", "GetLogEvents", limit=10001, logGroupName="a") == (
        "InvalidParameterException",
        "2 validation errors detected: "
        "Value null at 'logStreamName' failed to satisfy constraint: Member must not be null; "
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
    )


def test_newer_operations_of_logs_declare_validation_exception() -> None:
    found = refusal("logs", "GetDelivery")
    assert found is not None
    assert found[0] == "ValidationException"


# --- ECS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        ("DescribeTasks", {}, "InvalidParameterException", "Tasks cannot be empty."),
        ("DescribeContainerInstances", {}, "ClientException", "Container Instances cannot be empty."),
        ("DescribeServices", {}, "InvalidParameterException", "Services cannot be empty."),
        ("StartTask", {"taskDefinition": "a"}, "InvalidParameterException", "Container Instances cannot be empty."),
        ("RegisterTaskDefinition", {"family": "a"}, "ClientException", "Container list cannot be empty."),
        ("RegisterTaskDefinition", {"containerDefinitions": []}, "ClientException", "Family can not be blank."),
        ("RunTask", {}, "ClientException", "TaskDefinition can not be blank."),
        ("CreateService", {}, "InvalidParameterException", "Service name cannot be empty."),
        ("StopTask", {}, "InvalidParameterException", "Task can not be blank."),
        ("ExecuteCommand", {"command": "a", "task": "a"}, "InvalidParameterException", "Interactive is missing"),
        ("ListAttributes", {}, "InvalidParameterException", "targetType must be container-instance"),
        (
            "RunTask",
            {"taskDefinition": "a", "networkConfiguration": {"awsvpcConfiguration": {}}},
            "InvalidParameterException",
            "subnets can not be empty.",
        ),
        (
            "RegisterTaskDefinition",
            {"family": "a", "containerDefinitions": [{"logConfiguration": {}}]},
            "ClientException",
            "LogDriver can not be blank.",
        ),
        (
            "RunTask",
            {"taskDefinition": "a", "capacityProviderStrategy": [{"capacityProvider": "a", "weight": 1001}]},
            "InvalidParameterException",
            "weight must be at most 1000",
        ),
        (
            "RunTask",
            {"taskDefinition": "a", "capacityProviderStrategy": [{"capacityProvider": "a", "base": -1}]},
            "InvalidParameterException",
            "base must be at least 0",
        ),
        (
            "CreateService",
            {"serviceName": "a", "gatewayConnectors": [{"portName": "a"}] * 2},
            "InvalidParameterException",
            "gateway connectors can have at most 1 items.",
        ),
    ],
)
def test_ecs_has_a_text_for_each(operation: str, params: dict[str, Any], code: str, message: str) -> None:
    assert refusal("ecs", operation, **params) == (code, message)


def test_ecs_leaves_enums_texts_and_tags_to_its_operations() -> None:
    assert refusal("ecs", "RunTask", taskDefinition="a", launchType="ROCKET") is None
    assert refusal("ecs", "TagResource", resourceArn="a", tags=[{"key": "*" * 200}] * 51) is None
    look = check.compile_input(models.load("ecs"), "DescribeClusters", ecs.heeds)
    assert look is None


def afterwards(operation: str, **params: Any) -> tuple[str, str | None] | None:
    try:
        ecs.afterwards(models.load("ecs"), operation)(params, json.dumps(params).encode())
    except AwsError as error:
        return error.code, error.message
    return None


def connected(**more: Any) -> dict[str, Any]:
    return {"serviceConnectConfiguration": {"enabled": True, **more}}


def deployed(**configuration: Any) -> dict[str, Any]:
    return {"deploymentConfiguration": configuration}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (deployed(lifecycleHooks=[{"targetType": "X"}]), "targetType should be one of [AWS_LAMBDA,PAUSE]"),
        (deployed(canaryConfiguration={"canaryPercent": 0.05}), "canaryPercent must be at least 0.1"),
        (deployed(bakeTimeInMinutes=1441), "bakeTimeInMinutes must be at most 1440"),
        (connected(containerConfigurations=[{}]), "Specify exactly one member of containerConfigurations."),
        (connected(services=[{"portName": ""}]), "PortName can not be blank."),
        (
            {"monitoring": {"metricConfigurations": [{"metricNames": ["x" * 256]}]}},
            "metricNames can have at most 255 characters.",
        ),
        ({"tags": [{"key": "<>", "value": ""}]}, "Key contains invalid characters."),
        ({"role": "a\0b"}, "Role contains invalid characters."),
    ],
)
def test_ecs_refuses_afterwards_what_no_operation_has_words_for(params: dict[str, Any], message: str) -> None:
    assert afterwards("CreateService", serviceName="a", **params) == ("InvalidParameterException", message)


def test_a_nul_is_found_wherever_it_is() -> None:
    containers = [{"name": "a", "dockerLabels": {"b\0": "c"}}]
    refused = ("ClientException", "DockerLabels contains invalid characters.")
    assert afterwards("RegisterTaskDefinition", family="a", containerDefinitions=containers) == refused


def test_ecs_passes_over_what_means_nothing() -> None:
    assert afterwards("DescribeClusters", include=["NOTHING"]) is None
    assert afterwards("UpdateCluster", cluster="", serviceConnectDefaults={"namespace": ""}) is None
    assert afterwards("UntagResource", resourceArn="a", tagKeys=["<>", ""]) is None


def test_every_range_of_ecs_is_one_of_the_model_s_members() -> None:
    shapes = models.load("ecs").shapes
    for site in ecs.BOUNDS:
        owner, member = site.split(".")
        assert member in shapes[owner].members, site


def test_every_worded_member_of_ecs_is_a_required_one_of_the_model() -> None:
    model = models.load("ecs")
    for site in ecs.WORDED:
        owner, member = site.split(".")
        operation = model.operations.get(owner)
        shape_name = owner if operation is None else operation.input
        assert shape_name is not None
        assert member in model.shapes[shape_name].required, site


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", WORDINGS)
def test_every_missing_member_of_every_operation_has_words_and_a_declared_code(service: str) -> None:
    for operation in models.load(service).operations.values():
        found = refusal(service, operation.name)
        if found is None:
            continue
        code, message = found
        assert message
        assert code in operation.errors or (service, operation.name) in UNDECLARED


UNDECLARED = {("logs", "ListTagsLogGroup"), ("logs", "UntagLogGroup")}
"""Operations whose model declares no error that fits."""


@pytest.mark.parametrize(
    ("service", "token"), [("ecs", "Invalid next token."), ("logs", "The specified nextToken is invalid.")]
)
def test_a_bad_token_has_words(service: str, token: str) -> None:
    error = WORDINGS[service].bad_token()
    assert (error.code, error.message) == ("InvalidParameterException", token)


def test_a_bad_page_size_has_words() -> None:
    assert ecs.bad_page_size("maxResults", 100).message == "maxResults must be between 1 and 100"
    expected = "Invalid parameter at 'NextToken' failed to satisfy constraint: 'Invalid NextToken'"
    assert ecr.bad_token().message == expected
