"""What the engine says of a container, as the loop is told it."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.agent.docker.watch import as_seen
from ecs_emulator.agent.names import LABEL_CONTAINER, LABEL_TASK
from ecs_emulator.records.tasks import Health, Stage

STARTED, FINISHED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"


def inspected(*, running: bool, health: str) -> dict[str, Any]:
    return {
        "Id": "0" * 64,
        "Config": {"Labels": {LABEL_TASK: "arn", LABEL_CONTAINER: "app"}},
        "NetworkSettings": {"Ports": {}},
        "State": {
            "Running": running,
            "StartedAt": STARTED,
            "FinishedAt": "0001-01-01T00:00:00Z" if running else FINISHED,
            "ExitCode": 0,
            "Health": {"Status": health},
        },
    }


@pytest.mark.parametrize(
    ("status", "health"),
    [("healthy", Health.HEALTHY), ("unhealthy", Health.UNHEALTHY), ("starting", Health.UNKNOWN)],
)
def test_a_running_container_has_the_health_that_its_check_found(status: str, health: Health) -> None:
    seen = as_seen(inspected(running=True, health=status))
    assert (seen.stage, seen.health) == (Stage.RUNNING, health)


def test_a_container_that_ended_keeps_the_health_it_had() -> None:
    """The engine calls every one that ended unhealthy, whatever its last check found."""
    seen = as_seen(inspected(running=False, health="unhealthy"))
    assert (seen.stage, seen.exit_code, seen.health) == (Stage.STOPPED, 0, None)
