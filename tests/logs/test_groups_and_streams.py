"""Groups, streams and tags, as CloudWatch Logs was recorded to answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.logs.conftest import START, Logs, Refusal

NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"


def refused(logs: Logs, operation: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        logs(operation, **params)
    return refusal.value.args


def test_a_group_is_described_as_recorded(logs: Logs) -> None:
    assert logs("CreateLogGroup", logGroupName="/ecs/web") == {}
    described = {
        "logGroupName": "/ecs/web",
        "creationTime": int(START * 1000),
        "metricFilterCount": 0,
        "arn": ARN + "/ecs/web:*",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": ARN + "/ecs/web",
        "deletionProtectionEnabled": False,
        "bearerTokenAuthenticationEnabled": False,
    }
    assert logs("DescribeLogGroups") == {"logGroups": [described]}
    assert logs("PutRetentionPolicy", logGroupName="/ecs/web", retentionInDays=7) == {}
    assert logs("DescribeLogGroups") == {"logGroups": [described | {"retentionInDays": 7}]}
    assert logs("DeleteRetentionPolicy", logGroupName="/ecs/web") == {}
    assert logs("DeleteRetentionPolicy", logGroupName="/ecs/web") == {}
    assert logs("DescribeLogGroups", logGroupNamePrefix="/ecs/w") == {"logGroups": [described]}
    assert logs("DescribeLogGroups", logGroupNamePrefix="nothing") == {"logGroups": []}


def test_a_group_that_is_there_or_not_is_refused_in_aws_words(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    assert refused(logs, "CreateLogGroup", logGroupName="g") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    for operation in ("DeleteLogGroup", "DeleteRetentionPolicy", "ListTagsLogGroup", "DescribeLogStreams"):
        assert refused(logs, operation, logGroupName="x") == NO_GROUP
    assert refused(logs, "PutRetentionPolicy", logGroupName="x", retentionInDays=1) == NO_GROUP
    assert refused(logs, "CreateLogStream", logGroupName="x", logStreamName="s") == NO_GROUP
    assert refused(logs, "GetLogEvents", logGroupName="x", logStreamName="s") == NO_GROUP
    assert refused(logs, "FilterLogEvents", logGroupName="x") == NO_GROUP
    assert refused(logs, "CreateLogGroup", logGroupName="aws/x")[0] == "InvalidParameterException"


def test_a_retention_that_aws_does_not_offer_is_refused(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    code, text = refused(logs, "PutRetentionPolicy", logGroupName="g", retentionInDays=2)
    assert code == "InvalidParameterException"
    assert text.startswith("1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint")


def test_groups_come_by_name_in_pages(logs: Logs) -> None:
    names = [f"g{number:02d}" for number in range(7)] + ["g", "h"]
    for name in reversed(names):
        logs("CreateLogGroup", logGroupName=name)
    assert paged(logs, "DescribeLogGroups", "logGroups", "logGroupName", limit=2) == sorted(names)
    with_prefix = paged(logs, "DescribeLogGroups", "logGroups", "logGroupName", limit=3, logGroupNamePrefix="g")
    assert with_prefix == sorted(name for name in names if name.startswith("g"))
    assert paged(logs, "DescribeLogGroups", "logGroups", "logGroupName", logGroupNamePattern="0") == names[:7]
    named = logs("DescribeLogGroups", logGroupIdentifiers=["h", ARN + "g", "x"])["logGroups"]
    assert [group["logGroupName"] for group in named] == ["g", "h"]
    assert refused(logs, "DescribeLogGroups", logGroupNamePrefix="g", logGroupNamePattern="0")[0] == (
        "InvalidParameterException"
    )


def paged(logs: Logs, operation: str, key: str, name: str, **params: Any) -> list[str]:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = logs(operation, **params, **token)
        found += [item[name] for item in page[key]]
        assert len(page[key]) <= params.get("limit", 50)
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


def test_classes_of_groups_are_told_apart(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="a")
    logs("CreateLogGroup", logGroupName="b", logGroupClass="INFREQUENT_ACCESS")
    assert paged(logs, "DescribeLogGroups", "logGroups", "logGroupName", logGroupClass="ESSENTIALS") == ["b"]
    assert paged(logs, "DescribeLogGroups", "logGroups", "logGroupName", logGroupClass="STANDARD") == ["a"]


def test_a_protected_group_is_not_deleted(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g", deletionProtectionEnabled=True)
    assert refused(logs, "DeleteLogGroup", logGroupName="g")[0] == "ValidationException"
    logs("PutLogGroupDeletionProtection", logGroupIdentifier=ARN + "g", deletionProtectionEnabled=False)
    assert logs("DeleteLogGroup", logGroupName="g") == {}


def test_a_deleted_group_takes_its_streams_and_events_along(logs: Logs) -> None:
    for _ in range(2):
        logs("CreateLogGroup", logGroupName="g")
        assert logs("DescribeLogStreams", logGroupName="g") == {"logStreams": []}
        logs("CreateLogStream", logGroupName="g", logStreamName="s")
        assert logs("GetLogEvents", logGroupName="g", logStreamName="s")["events"] == []
        logs.put("g", "s", (logs.now, "x"))
        logs("DeleteLogGroup", logGroupName="g")


def test_a_stream_is_described_as_recorded(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    assert logs("CreateLogStream", logGroupName="g", logStreamName="web/app/1") == {}
    (described,) = logs("DescribeLogStreams", logGroupName="g")["logStreams"]
    assert described == {
        "logStreamName": "web/app/1",
        "creationTime": int(START * 1000),
        "arn": ARN + "g:log-stream:web/app/1",
        "storedBytes": 0,
    }
    logs.clock.advance(10)
    logs.put("g", "web/app/1", (logs.now - 5000, "a"), (logs.now - 1000, "b"))
    (described,) = logs("DescribeLogStreams", logGroupIdentifier=ARN + "g")["logStreams"]
    assert (described["firstEventTimestamp"], described["lastEventTimestamp"]) == (logs.now - 5000, logs.now - 1000)
    assert described["lastIngestionTime"] == logs.now
    assert len(described["uploadSequenceToken"]) == 56


def test_a_stream_that_is_there_or_not_is_refused_in_aws_words(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    logs("CreateLogStream", logGroupName="g", logStreamName="s")
    assert refused(logs, "CreateLogStream", logGroupName="g", logStreamName="s") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert logs("DeleteLogStream", logGroupName="g", logStreamName="s") == {}
    assert refused(logs, "DeleteLogStream", logGroupName="g", logStreamName="s") == NO_STREAM
    assert refused(logs, "DeleteLogStream", logGroupName="x", logStreamName="s") == NO_GROUP
    assert refused(logs, "GetLogEvents", logGroupName="g", logStreamName="s") == NO_STREAM
    assert refused(logs, "FilterLogEvents", logGroupName="g", logStreamNames=["s"]) == NO_STREAM
    event = {"timestamp": logs.now, "message": "x"}
    assert refused(logs, "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[event]) == NO_STREAM


def test_streams_come_by_name_or_by_their_last_event(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    for place, name in enumerate(["b", "a", "ab", "aé", "c"]):
        logs("CreateLogStream", logGroupName="g", logStreamName=name)
        if name != "c":
            logs.put("g", name, (logs.now + place, "x"))

    def names(**params: Any) -> list[str]:
        return paged(logs, "DescribeLogStreams", "logStreams", "logStreamName", logGroupName="g", **params)

    assert names(limit=2) == ["a", "ab", "aé", "b", "c"]
    assert names(limit=2, descending=True) == ["c", "b", "aé", "ab", "a"]
    assert names(limit=1, logStreamNamePrefix="a") == ["a", "ab", "aé"]
    assert names(limit=2, logStreamNamePrefix="a", descending=True) == ["aé", "ab", "a"]
    assert names(limit=2, orderBy="LastEventTime") == ["c", "b", "a", "ab", "aé"]
    assert names(limit=2, orderBy="LastEventTime", descending=True) == ["aé", "ab", "a", "b", "c"]
    assert refused(logs, "DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", logStreamNamePrefix="a") == (
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )


def test_a_group_is_meant_by_name_or_by_arn_but_not_by_both_or_none(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    assert refused(logs, "DescribeLogStreams", logGroupName="g", logGroupIdentifier="g")[0] == (
        "InvalidParameterException"
    )
    assert refused(logs, "DescribeLogStreams")[0] == "InvalidParameterException"
    assert logs("DescribeLogStreams", logGroupIdentifier="g") == {"logStreams": []}
    elsewhere = ARN.replace("us-east-1", "eu-west-1") + "g"
    assert refused(logs, "DescribeLogStreams", logGroupIdentifier=elsewhere) == NO_GROUP


def test_tags_are_merged_replaced_and_taken_away_by_arn_and_by_name(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g", tags={"a": "1"})
    assert logs("TagResource", resourceArn=ARN + "g", tags={"a": "2", "b": "3"}) == {}
    assert logs("ListTagsForResource", resourceArn=ARN + "g") == {"tags": {"a": "2", "b": "3"}}
    assert logs("UntagResource", resourceArn=ARN + "g", tagKeys=["a", "absent"]) == {}
    assert logs("TagLogGroup", logGroupName="g", tags={"c": ""}) == {}
    assert logs("UntagLogGroup", logGroupName="g", tags=["b"]) == {}
    assert logs("ListTagsLogGroup", logGroupName="g") == {"tags": {"c": ""}}
    assert refused(logs, "TagResource", resourceArn=ARN + "x", tags={"a": "1"}) == NO_GROUP
    many = {f"k{number}": "" for number in range(50)}
    assert refused(logs, "TagResource", resourceArn=ARN + "g", tags=many)[0] == "TooManyTagsException"


def test_each_account_and_region_has_groups_of_its_own(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName="g")
    logs.world = type(logs.world)("123456789012", "eu-west-1")
    assert logs("DescribeLogGroups") == {"logGroups": []}
    logs("CreateLogGroup", logGroupName="g")
