"""Account settings and tags at the prompt."""

from __future__ import annotations

import pytest

from tests.scenarios.aws_ecs.prompt import Prompt

pytestmark = pytest.mark.clients

NAMED = ("--name", "containerInsights")


def test_account_settings_are_put_listed_inherited_and_deleted(aws: Prompt) -> None:
    role = f"arn:aws:iam::{aws.account}:role/someone"
    default, own = aws.all(
        ("put-account-setting-default", *NAMED, "--value", "enabled"),
        ("put-account-setting", "--name", "tagResourceAuthorization", "--value", "on", "--principal-arn", role),
    )
    assert default["setting"]["value"] == "enabled"
    assert (own["setting"]["principalArn"], own["setting"]["value"]) == (role, "on")
    inherited, every, put = aws.all(
        (
            "list-account-settings",
            *NAMED,
            "--effective-settings",
            "--principal-arn",
            role,
            "--query",
            "settings[].value",
        ),
        ("list-account-settings", "--effective-settings", "--page-size", "3", "--query", "settings[].name"),
        ("list-account-settings", "--name", "tagResourceAuthorization", "--value", "on", "--principal-arn", role),
    )
    assert inherited == ["enabled"]
    assert "serviceLongArnFormat" in every and len(set(every)) == len(every) > 8
    assert [each["principalArn"] for each in put["settings"]] == [role]
    made = aws.given("create_cluster")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    gone = aws.ecs("delete-account-setting", "--name", "tagResourceAuthorization", "--principal-arn", role)
    assert gone["setting"]["name"] == "tagResourceAuthorization"
    code, message = aws.refused("put-account-setting", "--name", "nope", "--value", "on")
    assert (code, message.partition("[")[0]) == ("InvalidParameterException", "nope should be one of ")


def test_tags_are_put_on_read_from_and_taken_off_a_resource(aws: Prompt) -> None:
    arn = aws.serving()["serviceArn"]
    resource = ("--resource-arn", arn)
    assert aws.ecs("tag-resource", *resource, "--tags", "key=team,value=blue", "key=stage,value=live") == ""
    listed = ("list-tags-for-resource", *resource, "--query", "sort_by(tags,&key)[].[key,value]", "--output", "text")
    assert aws.ecs(*listed) == "stage\tlive\nteam\tblue"
    assert aws.ecs("untag-resource", *resource, "--tag-keys", "stage", "never") == ""
    unknown, reserved = aws.all_refused(
        ("list-tags-for-resource", "--resource-arn", aws.arn("service/default/nope")),
        ("tag-resource", *resource, "--tags", "key=aws:mine,value=1"),
    )
    assert aws.ecs(*listed) == "team\tblue"
    assert unknown == ("InvalidParameterException", "The specified service does not exist.")
    assert reserved == ("InvalidParameterException", "Tag keys/values with prefix 'aws:' are reserved")
