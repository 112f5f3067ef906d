"""What the awslogs options mean, and the text of a container that may not start."""

from __future__ import annotations

import pytest

from ecs_emulator.arns import World
from ecs_emulator.logs import driver
from tests.logs.conftest import Logs

WORLD = World("123456789012", "us-east-1")
OPTIONS = {"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"}


def target(**options: str) -> driver.Destination:
    named = {"awslogs-" + name.replace("_", "-"): value for name, value in options.items()}
    return driver.destination(WORLD, OPTIONS | named, container="app", task_id="f00d", runtime_id="abc123")


def test_the_stream_is_prefix_container_and_task_in_the_region_of_the_option() -> None:
    assert target() == driver.Destination(World("123456789012", "eu-west-1"), "/ecs/web", "web/app/f00d")
    assert target(region="").world == WORLD
    assert target(stream_prefix="").stream == "abc123"
    assert target(stream="given").stream == "given"


@pytest.mark.parametrize(
    ("options", "begins", "goes_on"),
    [
        ({"multiline_pattern": "^INFO"}, b"INFO x", b" INFO x"),
        ({"datetime_format": r"\[%b %d, %Y %H:%M:%S\]"}, b"[Oct 10, 2000 13:55:36] x", b"[Okt 10, 2000 13:55:36]"),
        ({"datetime_format": "%Y-%m-%d %H:%M:%S.%f"}, b"at 2024-02-29 23:59:59.123456", b"2024-13-01 00:00:00.000000"),
        ({"datetime_format": "%A %I:%M %p"}, b"Monday 11:59 PM", b"Monday 13:59 PM"),
        ({"datetime_format": "%H:%M:%S%L"}, b"10:00:00.123 x", b"10:00:00"),
    ],
)
def test_a_pattern_or_a_format_says_where_an_event_begins(
    options: dict[str, str], begins: bytes, goes_on: bytes
) -> None:
    event_start = target(**options).event_start
    assert event_start is not None
    assert event_start.search(begins)
    assert not event_start.search(goes_on)


def test_options_that_the_engine_refuses_are_refused_in_its_words() -> None:
    with pytest.raises(driver.BadOption) as refused:
        target(multiline_pattern="^a", datetime_format="%Y")
    assert str(refused.value) == (
        "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"
    )
    with pytest.raises(driver.BadOption):
        target(multiline_pattern="(")


def test_a_missing_group_is_why_the_container_cannot_start(logs: Logs) -> None:
    def opened(**options: bool) -> str | None:
        return driver.open_stream(logs.store, logs.data_dir, there, now=1.0, request_id="r-1", **options)

    there = driver.destination(
        WORLD, OPTIONS | {"awslogs-region": "us-east-1"}, container="app", task_id="f00d", runtime_id="abc"
    )
    assert opened() == (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
        "failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, https response "
        "error StatusCode: 400, RequestID: r-1, ResourceNotFoundException: The specified log group does not exist. "
        ": exit status 1"
    )
    assert str(opened(fargate=False)).startswith("CannotStartContainerError: Error response from daemon: ")
    assert logs("DescribeLogGroups") == {"logGroups": []}
    assert opened(create_group=True) is None
    assert opened() is None
    (stream,) = logs("DescribeLogStreams", logGroupName="/ecs/web")["logStreams"]
    assert stream["logStreamName"] == "web/app/f00d"


def test_opening_a_stream_again_keeps_its_events(logs: Logs) -> None:
    there = driver.Destination(WORLD, "g", "s")
    driver.open_stream(logs.store, logs.data_dir, there, now=1.0, request_id="r", create_group=True)
    logs.put("g", "s", (logs.now, "kept"))
    driver.open_stream(logs.store, logs.data_dir, there, now=2.0, request_id="r", create_group=True)
    assert len(logs("GetLogEvents", logGroupName="g", logStreamName="s")["events"]) == 1
