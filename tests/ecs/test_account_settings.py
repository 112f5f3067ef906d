"""Account settings: whose value holds, and what may not be set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.ecs import account_settings, clusters
from tests.ecs.calls import ROOT, Ecs
from tests.simulation import Simulation

USER = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:iam::123456789012:role/build"
INVALID = "InvalidParameterException"


@pytest.fixture
def ecs(tmp_path: Path) -> Ecs:
    found = Ecs(tmp_path, account_settings)
    found.principal_arn = USER
    return found


def setting(name: str, value: str, principal_arn: str, kind: str = "user") -> dict[str, str]:
    return {"name": name, "value": value, "principalArn": principal_arn, "type": kind}


def effective(ecs: Ecs, name: str, **more: Any) -> dict[str, str]:
    (found,) = ecs.ask("ListAccountSettings", name=name, effectiveSettings=True, **more)["settings"]
    return dict(found)


def test_the_principals_own_value_wins_over_the_accounts_and_that_over_the_services(ecs: Ecs) -> None:
    assert effective(ecs, "containerInsights") == setting("containerInsights", "disabled", ROOT)
    by_default = ecs.ask("PutAccountSettingDefault", name="containerInsights", value="enabled")
    assert by_default == {"setting": setting("containerInsights", "enabled", ROOT)}
    assert effective(ecs, "containerInsights") == setting("containerInsights", "enabled", ROOT)
    own = ecs.ask("PutAccountSetting", name="containerInsights", value="enhanced")
    assert own == {"setting": setting("containerInsights", "enhanced", USER)}
    assert effective(ecs, "containerInsights") == setting("containerInsights", "enhanced", USER)
    assert effective(ecs, "containerInsights", principalArn=ROLE) == setting("containerInsights", "enabled", ROOT)
    gone = ecs.ask("DeleteAccountSetting", name="containerInsights")
    assert gone == {"setting": setting("containerInsights", "enabled", USER)}
    assert effective(ecs, "containerInsights") == setting("containerInsights", "enabled", ROOT)


def test_only_what_was_set_is_listed_without_effective_settings(ecs: Ecs) -> None:
    assert ecs.ask("ListAccountSettings") == {"settings": []}
    ecs.ask("PutAccountSetting", name="tagResourceAuthorization", value="off")
    ecs.ask("PutAccountSetting", name="awsvpcTrunking", value="enabled")
    ecs.ask("PutAccountSetting", name="awsvpcTrunking", value="enabled", principalArn=ROLE)
    assert ecs.ask("ListAccountSettings") == {
        "settings": [
            setting("awsvpcTrunking", "enabled", USER),
            setting("tagResourceAuthorization", "off", USER),
        ]
    }
    assert ecs.ask("ListAccountSettings", name="awsvpcTrunking", value="disabled") == {"settings": []}


def test_all_effective_settings_come_in_two_pages_by_name(ecs: Ecs) -> None:
    first = ecs.ask("ListAccountSettings", effectiveSettings=True)
    assert len(first["settings"]) == 10
    second = ecs.ask("ListAccountSettings", effectiveSettings=True, nextToken=first["nextToken"])
    found = {each["name"]: (each["value"], each["type"]) for each in (*first["settings"], *second["settings"])}
    assert list(found) == sorted(found)
    assert found == {
        "awsvpcTrunking": ("disabled", "user"),
        "containerInsights": ("disabled", "user"),
        "containerInstanceLongArnFormat": ("enabled", "user"),
        "defaultLogDriverMode": ("non-blocking", "user"),
        "dualStackIPv6": ("enabled", "user"),
        "fargateEventWindows": ("disabled", "user"),
        "fargateFIPSMode": ("disabled", "user"),
        "fargateTaskRetirementWaitPeriod": ("7", "user"),
        "guardDutyActivate": ("off", "aws_managed"),
        "serviceLongArnFormat": ("enabled", "user"),
        "tagResourceAuthorization": ("on", "user"),
        "taskLongArnFormat": ("enabled", "user"),
    }


def test_the_session_of_a_role_is_the_role(ecs: Ecs) -> None:
    ecs.principal_arn = "arn:aws:sts::123456789012:assumed-role/build/session"
    own = ecs.ask("PutAccountSetting", name="awsvpcTrunking", value="enabled")
    assert own == {"setting": setting("awsvpcTrunking", "enabled", ROLE)}


NAMES = "[serviceLongArnFormat,taskLongArnFormat,containerInstanceLongArnFormat,containerLongArnFormat,awsvpcTrunking,"
REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("PutAccountSetting", {"name": "unknown", "value": "enabled"}, f"unknown should be one of {NAMES}"),
    ("PutAccountSettingDefault", {"name": "unknown", "value": "enabled"}, f"unknown should be one of {NAMES}"),
    ("DeleteAccountSetting", {"name": "unknown"}, f"unknown should be one of {NAMES}"),
    ("ListAccountSettings", {"name": "unknown"}, f"unknown should be one of {NAMES}"),
    ("ListAccountSettings", {"value": "enabled"}, "name must be specified when value is specified."),
    (
        "PutAccountSetting",
        {"name": "containerInsights", "value": "on"},
        "on should be one of [enabled,disabled,enhanced]",
    ),
    ("PutAccountSetting", {"name": "taskLongArnFormat", "value": "disabled"}, "You can no longer opt out"),
    ("PutAccountSetting", {"name": "guardDutyActivate", "value": "on"}, "guardDutyActivate is managed by AWS"),
    (
        "PutAccountSetting",
        {"name": "fargateTaskRetirementWaitPeriod", "value": "14"},
        "fargateTaskRetirementWaitPeriod can only be set for the root user.",
    ),
    (
        "PutAccountSetting",
        {"name": "awsvpcTrunking", "value": "enabled", "principalArn": "arn:aws:iam::210987654321:root"},
        "Invalid principal ARN: arn:aws:iam::210987654321:root",
    ),
]


@pytest.mark.parametrize(("operation", "params", "message"), REFUSALS)
def test_refusals(ecs: Ecs, operation: str, params: dict[str, Any], message: str) -> None:
    code, text = ecs.refusal(operation, **params)
    assert code == INVALID
    assert text is not None
    assert text.startswith(message)


def test_the_root_user_sets_how_long_fargate_waits(ecs: Ecs) -> None:
    asked = {"name": "fargateTaskRetirementWaitPeriod", "value": "14"}
    assert ecs.ask("PutAccountSetting", **asked, principalArn=ROOT)["setting"]["value"] == "14"
    assert effective(ecs, "fargateTaskRetirementWaitPeriod")["value"] == "14"


# --- what settings do -------------------------------------------------------------------------------------------------


def insights(ecs: Ecs, name: str) -> str:
    (found,) = ecs.ask("CreateCluster", clusterName=name)["cluster"]["settings"]
    return str(found["value"])


def test_new_clusters_have_the_insights_that_their_creator_wants(ecs: Ecs) -> None:
    ecs.modules = (account_settings, clusters)
    assert insights(ecs, "before") == "disabled"
    ecs.ask("PutAccountSettingDefault", name="containerInsights", value="enabled")
    ecs.ask("PutAccountSetting", name="containerInsights", value="enhanced", principalArn=ROLE)
    assert insights(ecs, "by-user") == "enabled"
    ecs.principal_arn = "arn:aws:sts::123456789012:assumed-role/build/session"
    assert insights(ecs, "by-role") == "enhanced"
    asked = [{"name": "containerInsights", "value": "disabled"}]
    (found,) = ecs.ask("CreateCluster", clusterName="said", settings=asked)["cluster"]["settings"]
    assert found["value"] == "disabled"
    (before,) = ecs.ask("DescribeClusters", clusters=["before"], include=["SETTINGS"])["clusters"]
    assert before["settings"] == [{"name": "containerInsights", "value": "disabled"}]


def test_new_tasks_deliver_their_logs_as_the_account_wants(tmp_path: Path) -> None:
    """Those of a service as its creator wants; the task definition never says it."""
    sim = Simulation(tmp_path)
    sim.call("CreateCluster")
    log = {"logDriver": "json-file"}
    container = {"name": "app", "image": "app", "memory": 64, "logConfiguration": log}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[container])
    for mode in ("non-blocking", "blocking"):
        if mode == "blocking":
            sim.call("PutAccountSettingDefault", name="defaultLogDriverMode", value=mode)
        sim.call("RunTask", taskDefinition="web", startedBy=mode)
        sim.call("CreateService", serviceName=mode, taskDefinition="web", desiredCount=1)
        sim.settle()
        assert {task.spec["logDriverMode"] for task in sim.tasks(started_by=mode)} == {mode}
        (of_service,) = sim.call("ListTasks", serviceName=mode)["taskArns"]
        assert sim.task(of_service).spec["logDriverMode"] == mode
    described = sim.call("DescribeTaskDefinition", taskDefinition="web")["taskDefinition"]
    assert described["containerDefinitions"][0]["logConfiguration"] == log
    sim.close()


@pytest.mark.parametrize("operation", ["PutAccountSetting", "PutAccountSettingDefault"])
@pytest.mark.parametrize("name", ["serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat"])
def test_nobody_goes_back_to_short_arns(ecs: Ecs, operation: str, name: str) -> None:
    assert ecs.ask(operation, name=name, value="enabled")["setting"]["value"] == "enabled"
    assert ecs.refusal(operation, name=name, value="disabled")[0] == INVALID
