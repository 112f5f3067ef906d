"""Tags on every kind of thing that carries them, and who refuses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import clusters, container_instances, tags
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition, TaskDefinitionStatus
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from tests.ecs.calls import NOW, Ecs

P = "arn:aws:ecs:us-east-1:123456789012"
ID = "0123456789abcdef0123456789abcdef"
INVALID = "InvalidParameterException"
OWNER = {"key": "owner", "value": "x"}


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, clusters, container_instances, tags)
    found.ask("CreateCluster", clusterName="web")
    found.put(a_task(), a_service(), a_definition())
    return found


def a_task() -> Task:
    return Task(
        arn=f"{P}:task/web/{ID}",
        account="123456789012",
        region="us-east-1",
        cluster_arn=f"{P}:cluster/web",
        task_definition_arn=f"{P}:task-definition/app:1",
        family="app",
        group="family:app",
        launch_type="FARGATE",
        network_mode="awsvpc",
        created_at=NOW,
        cpu=256,
        memory=512,
        spec={},
        containers=(),
        last_status=TaskStatus.RUNNING,
    )


def a_service() -> Service:
    return Service(
        arn=f"{P}:service/web/api",
        account="123456789012",
        region="us-east-1",
        cluster_arn=f"{P}:cluster/web",
        name="api",
        status=ServiceStatus.ACTIVE,
        desired_count=1,
        launch_type="FARGATE",
        task_definition_arn=f"{P}:task-definition/app:1",
        scheduling_strategy="REPLICA",
        spec={},
        created_at=NOW,
        created_by="arn:aws:iam::123456789012:root",
        listing_id="1",
    )


def a_definition() -> TaskDefinition:
    return TaskDefinition(
        arn=f"{P}:task-definition/app:1",
        account="123456789012",
        region="us-east-1",
        family="app",
        revision=1,
        status=TaskDefinitionStatus.ACTIVE,
        spec={},
        registered_at=NOW,
        registered_by="arn:aws:iam::123456789012:root",
    )


def listed(ecs: Ecs, arn: str) -> list[dict[str, str]]:
    return list(ecs.ask("ListTagsForResource", resourceArn=arn)["tags"])


TAGGED = [f"{P}:cluster/web", f"{P}:service/web/api", f"{P}:task/web/{ID}", f"{P}:task-definition/app:1"]


@pytest.mark.parametrize("arn", TAGGED)
def test_tags_are_added_replaced_in_place_and_removed(ecs: Ecs, arn: str) -> None:
    assert listed(ecs, arn) == []
    assert ecs.ask("TagResource", resourceArn=arn, tags=[OWNER, {"key": "Owner", "value": ""}]) == {}
    ecs.ask("TagResource", resourceArn=arn, tags=[{"key": "stage", "value": "a"}, {"key": "owner", "value": "y"}])
    assert listed(ecs, arn) == [
        {"key": "owner", "value": "y"},
        {"key": "Owner", "value": ""},
        {"key": "stage", "value": "a"},
    ]
    assert ecs.ask("UntagResource", resourceArn=arn, tagKeys=["Owner", "nope"]) == {}
    assert listed(ecs, arn) == [{"key": "owner", "value": "y"}, {"key": "stage", "value": "a"}]


def test_an_instance_is_tagged_too(ecs: Ecs) -> None:
    arn = ecs.ask("RegisterContainerInstance", cluster="web")["containerInstance"]["containerInstanceArn"]
    ecs.ask("TagResource", resourceArn=arn, tags=[OWNER])
    assert listed(ecs, arn) == [OWNER]
    ecs.ask("DeregisterContainerInstance", cluster="web", containerInstance=arn)
    assert ecs.refusal("TagResource", resourceArn=arn, tags=[OWNER]) == (
        INVALID,
        "The specified container instance is inactive. Specify an active container instance and try again.",
    )


def test_the_reserved_providers_have_no_tags(ecs: Ecs) -> None:
    assert listed(ecs, f"{P}:capacity-provider/FARGATE") == []


BAD_TAGS: list[tuple[list[dict[str, str]], str]] = [
    ([{"key": "empty"}], "Tag value can not be null."),
    ([{"value": "empty"}], "Tag key can not be null."),
    ([OWNER, OWNER], "Duplicate tag keys are not allowed."),
    ([{"key": f"k{n}", "value": ""} for n in range(51)], "The maximum number of tags per resource is 50."),
    ([{"key": "aws:x", "value": ""}], "Tag keys/values with prefix 'aws:' are reserved"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_TAGS)
@pytest.mark.parametrize(("arn", "code"), [(TAGGED[0], INVALID), (TAGGED[2], INVALID), (TAGGED[3], "ClientException")])
def test_a_bad_tag_refuses_the_whole_call(
    ecs: Ecs, arn: str, code: str, bad: list[dict[str, str]], message: str
) -> None:
    asked = [{"key": "good", "value": "1"}, *bad]
    assert ecs.refusal("TagResource", resourceArn=arn, tags=asked) == (code, message)
    assert listed(ecs, arn) == []


def test_fifty_tags_are_counted_with_those_that_are_there(ecs: Ecs) -> None:
    arn = TAGGED[0]
    ecs.ask("TagResource", resourceArn=arn, tags=[{"key": f"k{n}", "value": ""} for n in range(50)])
    ecs.ask("TagResource", resourceArn=arn, tags=[{"key": "k1", "value": "new"}])
    assert ecs.refusal("TagResource", resourceArn=arn, tags=[OWNER])[0] == INVALID
    assert len(listed(ecs, arn)) == 50


LONG = "Long arn format must be used for tagging operations"
REFERENCES = [
    ("web", INVALID, "The ARN provided is invalid."),
    ("arn:aws:s3:::bucket", INVALID, "The ARN provided is invalid."),
    (f"{P}:cluster/nope", INVALID, "The specified cluster does not exist."),
    (f"{P}:service/web/nope", INVALID, "The specified service does not exist."),
    (f"{P}:task/web/{'f' * 32}", INVALID, "The specified task does not exist."),
    (f"{P}:task-definition/app:2", INVALID, "The specified task definition does not exist."),
    (f"{P}:service/api", INVALID, LONG),
    (f"{P}:task/{ID}", INVALID, LONG),
    (f"{P}:container-instance/{ID}", INVALID, LONG),
    ("arn:aws:ecs:us-east-1:210987654321:cluster/web", INVALID, "AccountIDs mismatch"),
    (f"{P}:planet/mars", "ResourceNotFoundException", "The specified resource wasn't found."),
]


@pytest.mark.parametrize(("arn", "code", "message"), REFERENCES)
@pytest.mark.parametrize(
    ("operation", "more"),
    [("TagResource", {"tags": [OWNER]}), ("UntagResource", {"tagKeys": ["owner"]}), ("ListTagsForResource", {})],
)
def test_what_cannot_be_tagged_is_refused(
    ecs: Ecs, operation: str, more: dict[str, Any], arn: str, code: str, message: str
) -> None:
    if operation == "ListTagsForResource" and code == "ResourceNotFoundException":
        code = INVALID  # the model declares no other for it
    assert ecs.refusal(operation, resourceArn=arn, **more) == (code, message)


def test_what_is_over_is_not_tagged_any_more(ecs: Ecs) -> None:
    ecs.put(replace(a_task(), desired_status=DesiredStatus.STOPPED, last_status=TaskStatus.STOPPED))
    ecs.put(replace(a_service(), status=ServiceStatus.INACTIVE))
    ecs.ask("CreateCluster", clusterName="old")
    ecs.ask("DeleteCluster", cluster="old")
    for arn, message in (
        (TAGGED[2], "The specified task is stopped. Specify a running task and try again."),
        (TAGGED[1], "The specified service is inactive. Specify an active service and try again."),
        (f"{P}:cluster/old", "The specified cluster is inactive. Specify an active cluster and try again."),
    ):
        assert ecs.refusal("TagResource", resourceArn=arn, tags=[OWNER]) == (INVALID, message)
        assert ecs.refusal("ListTagsForResource", resourceArn=arn) == (INVALID, message)
