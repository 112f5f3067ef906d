"""Task definitions and tasks at the prompt: registered from files, listed by pages, run, awaited, protected, stopped."""

from __future__ import annotations

import json

import pytest

from tests.images import FIXTURES
from tests.scenarios.aws_ecs.conftest import both
from tests.scenarios.aws_ecs.prompt import FARGATE, Prompt

pytestmark = pytest.mark.clients

NO_AGENT = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)
CONTAINERS = '[{"name":"main","image":"app","memory":64}]'


def definition_of(aws: Prompt, family: str = "web") -> str:
    """What a user hands over as a file: the task definition `web` of the fixtures."""
    document = json.loads((FIXTURES / "task-definitions" / "web.json").read_text())
    return aws.file(f"{family}.json", {**document, "family": family})


def test_task_definitions_are_registered_listed_by_pages_and_deleted(aws: Prompt) -> None:
    file = definition_of(aws)
    first = aws.ecs("register-task-definition", "--cli-input-json", file, "--tags", "key=team,value=blue")
    assert first["taskDefinition"]["taskDefinitionArn"] == aws.arn("task-definition/web:1")
    for family in ("web", "web", "web", "job"):
        aws.given("register_task_definition", family=family, containerDefinitions=json.loads(CONTAINERS))
    web = ("list-task-definitions", "--family-prefix", "web")
    every, newest, page, families, described = aws.all(
        (*web, "--page-size", "2", "--query", "taskDefinitionArns[]", "--output", "text"),
        (*web, "--sort", "DESC", "--max-items", "1"),
        (*web, "--page-size", "2", "--max-items", "3"),
        ("list-task-definition-families", "--status", "ACTIVE", "--output", "text"),
        ("describe-task-definition", "--task-definition", "web:1", "--include", "TAGS"),
    )
    arns = [aws.arn(f"task-definition/web:{number}") for number in (1, 2, 3, 4)]
    assert every.split() == arns
    assert newest["taskDefinitionArns"] == arns[3:]
    assert page["taskDefinitionArns"] == arns[:3]
    assert families.split() == ["FAMILIES", "job", "FAMILIES", "web"]
    assert described["tags"] == [{"key": "team", "value": "blue"}]

    rest, gone = aws.all(
        (*web, "--page-size", "2", "--starting-token", page["NextToken"]),
        ("deregister-task-definition", "--task-definition", "web:1"),
    )
    assert (rest["taskDefinitionArns"], gone["taskDefinition"]["status"]) == (arns[3:], "INACTIVE")
    assert aws.ecs(*web, "--status", "INACTIVE", "--query", "taskDefinitionArns") == arns[:1]
    deleted = aws.ecs("delete-task-definitions", "--task-definitions", "web:1", "web:9")
    assert [each["status"] for each in deleted["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert [each["arn"] for each in deleted["failures"]] == ["web:9"]
    assert aws.all_refused(
        ("deregister-task-definition", "--task-definition", "web:9"),
        ("describe-task-definition", "--task-definition", "nope"),
        ("register-task-definition", "--family", "a b", "--container-definitions", CONTAINERS),
    ) == [
        ("ClientException", "Unable to deregister task definition."),
        ("ClientException", "Unable to describe task definition."),
        ("ClientException", "Family contains invalid characters."),
    ]


@both
def test_a_task_is_run_awaited_and_stopped(aws: Prompt) -> None:
    aws.given("create_cluster", clusterName="web")
    aws.defined()
    environment = [{"name": "A", "value": "1"}]
    overrides = aws.file("overrides.json", {"containerOverrides": [{"name": "app", "environment": environment}]})
    run = ("run-task", "--cluster", "web", "--task-definition", "web", *FARGATE)
    arns = aws.ecs(*run, "--count", "2", "--started-by", "somebody", "--overrides", overrides,
                   "--query", "tasks[].taskArn", "--output", "text").split()  # fmt: skip
    aws.until_task("RUNNING", *arns, cluster="web")
    mine = ("--cluster", "web", "--tasks", *arns)
    aws.waits("tasks-running", *mine)
    described, listed, table = aws.all(
        ("describe-tasks", *mine),
        ("list-tasks", "--cluster", "web", "--started-by", "somebody", "--page-size", "1", "--query", "taskArns[]"),
        ("describe-tasks", *mine, "--query", "tasks[].{status:lastStatus}", "--output", "table"),
    )
    assert described["tasks"][0]["overrides"]["containerOverrides"][0]["environment"] == environment
    assert sorted(listed) == sorted(arns)
    assert table.count("RUNNING") == 2
    desired = ("--query", "task.desiredStatus", "--output", "text")
    stop = ("stop-task", "--cluster", "web", "--reason", "enough", *desired, "--task")
    assert aws.all(*[(*stop, arn) for arn in arns]) == ["STOPPED"] * 2
    stopped = aws.until_task("STOPPED", *arns, cluster="web")
    aws.waits("tasks-stopped", *mine)
    assert {(each["stopCode"], each["stoppedReason"]) for each in stopped} == {("UserInitiated", "enough")}
    status, said = aws.fails("wait", "tasks-running", *mine)
    assert (status, said) == (255, "Waiter TasksRunning failed: Waiter encountered a terminal failure state: "
                              'For expression "tasks[].lastStatus" we matched expected path: "STOPPED" at least once')  # fmt: skip


def test_what_cannot_run_is_refused_in_the_words_of_ecs(aws: Prompt) -> None:
    aws.defined()
    run = ("run-task", "--task-definition")
    assert aws.all_refused(
        (*run, "nope", *FARGATE),
        (*run, "web", *FARGATE),
        ("stop-task", "--task", "f" * 32),
    ) == [
        ("ClientException", "TaskDefinition not found."),
        ("ClusterNotFoundException", "Cluster not found."),
        ("ClusterNotFoundException", "Cluster not found."),
    ]
    status, said = aws.fails("run-task", "--count", "many", "--task-definition", "web")
    assert (status, "invalid literal for int() with base 10: 'many'" in said) == (255, True)


def test_a_running_task_is_protected_and_refuses_commands(aws: Prompt) -> None:
    plugin = aws.home / "bin" / "session-manager-plugin"
    plugin.parent.mkdir()
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    aws.serving()
    (arn,) = aws.given("list_tasks", serviceName="web")["taskArns"]
    cluster = ("--cluster", "default", "--tasks", arn)
    protected = aws.ecs("update-task-protection", *cluster, "--protection-enabled", "--expires-in-minutes", "5")
    assert protected["protectedTasks"][0]["protectionEnabled"] is True
    shown = aws.ecs("get-task-protection", *cluster, "--query", "protectedTasks[].protectionEnabled")
    assert shown == [True]
    for_ever = ("update-task-protection", *cluster, "--protection-enabled", "--expires-in-minutes", "9999")
    assert aws.refused(*for_ever) == ("InvalidParameterException", "expiresInMinutes must be between 1 and 2880")
    command = ("execute-command", "--task", arn, "--interactive", "--command", "/bin/sh")
    assert aws.refused(*command) == ("InvalidParameterException", NO_AGENT)
