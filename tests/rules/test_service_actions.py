"""Which line of a service's events is which service action: one row for each name, and the lines that are none."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.rules import placement, service_actions

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/default"
INSTANCE = "arn:aws:ecs:us-east-1:123456789012:container-instance/default/0123456789abcdef0123456789abcdef"
PROVIDER = "arn:aws:ecs:us-east-1:123456789012:capacity-provider/fast"
SEE_ALSO = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def service(*providers: str) -> Service:
    strategy = [{"capacityProvider": each, "base": 0, "weight": 1} for each in providers]
    return Service(
        arn="arn:aws:ecs:us-east-1:123456789012:service/default/web",
        account="123456789012",
        region="us-east-1",
        cluster_arn=CLUSTER,
        name="web",
        status=ServiceStatus.ACTIVE,
        desired_count=1,
        launch_type="EC2",
        task_definition_arn=None,
        scheduling_strategy="REPLICA",
        spec={"capacityProviderStrategy": strategy} if strategy else {},
        created_at=0.0,
        created_by="",
        listing_id="",
    )


def unplaced(reason: str) -> str:
    return placement.Refusal((), placement.Failure(INSTANCE, reason)).event


UNPLACED = "SERVICE_TASK_PLACEMENT_FAILURE"
WHERE = {"containerInstanceArns": [INSTANCE]}


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("has reached a steady state.", ("INFO", "SERVICE_STEADY_STATE", {})),
        ("has stopped 2 running tasks: (task a) (task b).", ("INFO", "TASKS_STOPPED", {})),
        (
            "updated computedDesiredCount for taskSet ecs-svc/1 to 3.",
            ("INFO", "SERVICE_DESIRED_COUNT_UPDATED", {"desiredCount": 3}),
        ),
        (
            f"is unable to consistently start tasks successfully. {SEE_ALSO}",
            ("WARN", "SERVICE_TASK_START_IMPAIRED", {}),
        ),
        *(
            (unplaced(reason), ("ERROR", UNPLACED, WHERE | {"reason": reason}))
            for reason in ("RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS", "RESOURCE:ENI", "AGENT", "ATTRIBUTE")
        ),
        (placement.Refusal((), None).event, ("ERROR", UNPLACED, {"reason": placement.NO_INSTANCES})),
        (
            placement.Refusal((), None, full=True).event,
            ("ERROR", UNPLACED, {"reason": "the tasks provisioning capacity limit was exceeded"}),
        ),
        (
            "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a "
            "different availability zone.",
            ("ERROR", UNPLACED, {"reason": "RESOURCE:FARGATE"}),
        ),
        (
            "was unable to place a task. Reason: CannotPullContainerError: no such image.",
            ("ERROR", "SERVICE_TASK_CONFIGURATION_FAILURE", {"reason": "CannotPullContainerError: no such image"}),
        ),
        (
            "has 2 tasks on container instances that no longer satisfy its placement constraints.",
            ("ERROR", "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED", {}),
        ),
        (
            "is not AZ balanced with 3 tasks in us-east-1a, 1 tasks in us-east-1b. AZ Rebalancing in progress.",
            ("INFO", "SERVICE_REBALANCING_STARTED", {}),
        ),
        (
            "is AZ balanced with 2 tasks in us-east-1a, 2 tasks in us-east-1b.",
            ("INFO", "SERVICE_REBALANCING_STOPPED", {}),
        ),
        ("stopped AZ Rebalancing.", ("INFO", "SERVICE_REBALANCING_STOPPED", {})),
        ("operations are being throttled. Will try again later.", ("ERROR", "ECS_OPERATION_THROTTLED", {})),
    ],
)
def test_a_line_is_the_action_of_its_name(message: str, action: tuple[str, str, dict[str, Any]]) -> None:
    assert list(service_actions.actions(f"(service web) {message}", service())) == [action]


@pytest.mark.parametrize(
    "message",
    [
        "has started 1 tasks: (task a).",
        "stopped 2 pending tasks.",
        "(deployment ecs-svc/1) deployment completed.",
        "(deployment ecs-svc/1) deployment failed: tasks failed to start.",
        "rolling back to deployment ecs-svc/1.",
        "registered 1 targets in (target-group arn)",
        "(task a) failed container health checks.",
    ],
)
def test_other_lines_are_none(message: str) -> None:
    assert list(service_actions.actions(f"(service web) {message}", service())) == []


def test_with_a_strategy_its_providers_are_named() -> None:
    told = list(service_actions.actions(f"(service web) {unplaced('RESOURCE:CPU')}", service("fast")))
    assert told == [("ERROR", UNPLACED, {"capacityProviderArns": [PROVIDER], "reason": "RESOURCE:CPU"})]


def test_the_providers_of_a_steady_service_are_steady_too() -> None:
    assert list(service_actions.actions("(service web) has reached a steady state.", service("fast"))) == [
        ("INFO", "SERVICE_STEADY_STATE", {}),
        ("INFO", "CAPACITY_PROVIDER_STEADY_STATE", {"capacityProviderArns": [PROVIDER]}),
    ]
