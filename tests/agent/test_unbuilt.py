"""What cannot be given yet is refused by name, before anything is pulled."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.agent import unbuilt

PLAIN: dict[str, Any] = {"name": "app", "image": "web:1", "environment": [], "secrets": []}


@pytest.mark.parametrize(
    ("member", "asked"),
    [
        ("secrets", {"secrets": [{"name": "PASSWORD", "valueFrom": "arn"}]}),
        ("environmentFiles", {"environmentFiles": [{"type": "s3", "value": "arn"}]}),
        ("repositoryCredentials", {"repositoryCredentials": {"credentialsParameter": "arn"}}),
        (
            "logConfiguration.secretOptions",
            {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "t"}]}},
        ),
        ("firelensConfiguration", {"firelensConfiguration": {"type": "fluentbit"}}),
        ("the log driver awsfirelens", {"logConfiguration": {"logDriver": "awsfirelens"}}),
    ],
)
def test_the_reason_names_what_is_missing(member: str, asked: dict[str, Any]) -> None:
    reason = unbuilt.refusal({**PLAIN, **asked})
    assert reason == f"ResourceInitializationError: {member} of container app is not built in this emulator yet"


def test_what_can_be_given_is_not_refused() -> None:
    assert unbuilt.refusal(PLAIN) is None
