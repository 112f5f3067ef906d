"""The awslogs driver as a container meets it: where its lines go, where an event begins, and why it may not start.

What it does not know: how the lines are read from the engine; that is `agent/docker/logs.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.logs import files
from ecs_emulator.records.logs import LogGroup, LogStream
from ecs_emulator.store import Store

GROUP, REGION, PREFIX, CREATE_GROUP = "awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group"
STREAM, DATETIME_FORMAT, MULTILINE_PATTERN = "awslogs-stream", "awslogs-datetime-format", "awslogs-multiline-pattern"

_FARGATE = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
    "failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, "
    "https response error StatusCode: 400, RequestID: {request_id}, "
    "ResourceNotFoundException: The specified log group does not exist. : exit status 1"
)
_INSTANCE = (
    "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
    "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
)

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _any_of(names: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(names)})"


_DIRECTIVES = {
    "a": _any_of(tuple(day[:3] for day in _DAYS)),
    "A": _any_of(_DAYS),
    "w": "[0-6]",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "b": _any_of(tuple(month[:3] for month in _MONTHS)),
    "B": _any_of(_MONTHS),
    "m": "(?:0[1-9]|1[0-2])",
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "H": "(?:[01][0-9]|2[0-3])",
    "I": "(?:0[0-9]|1[0-2])",
    "p": "[AP]M",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": r"\d{6}",
    "z": r"[+-]\d{4}",
    "Z": "[A-Z]{1,4}T",
    "j": "(?:[0-2][0-9]{2}|3[0-5][0-9]|36[0-6])",
    "L": r"\.\d{3}",
}
"""The directives of `awslogs-datetime-format`. Source: the awslogs driver in the Docker documentation."""


class BadOption(Exception):
    """A log option that the engine refuses; the text is the engine's."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the lines of one container go. Lives as long as the container is followed."""

    world: World
    group: str
    stream: str
    event_start: re.Pattern[bytes] | None = None
    """A line in which this is found begins an event, others go on with the one before; None: each line is one."""


def destination(
    world: World, options: Mapping[str, str], *, container: str, task_id: str, runtime_id: str
) -> Destination:
    """What the options of an awslogs container mean; the region is the task's where they have none.

    The stream is `{prefix}/{container}/{task id}`, and without a prefix the engine's id of the container.
    Raises BadOption.
    """
    prefix = options.get(PREFIX)
    named = options.get(STREAM) or (f"{prefix}/{container}/{task_id}" if prefix else runtime_id)
    region = options.get(REGION) or world.region
    return Destination(World(world.account, region), options[GROUP], named, _event_start(options))


def _event_start(options: Mapping[str, str]) -> re.Pattern[bytes] | None:
    pattern, described = options.get(MULTILINE_PATTERN), options.get(DATETIME_FORMAT)
    if pattern and described:
        raise BadOption(f"you cannot configure log opt '{DATETIME_FORMAT}' and '{MULTILINE_PATTERN}' at the same time")
    key = MULTILINE_PATTERN if pattern else DATETIME_FORMAT
    if described:
        pattern = re.sub("%(.)", lambda found: _DIRECTIVES.get(found[1], re.escape(found[1])), described)
    if not pattern:
        return None
    try:
        return re.compile(pattern.encode())
    except re.error as error:
        raise BadOption(f'awslogs could not parse {key} "{options[key]}": {error}') from error


def open_stream(
    store: Store,
    data_dir: Path,
    target: Destination,
    *,
    now: Instant,
    request_id: str,
    create_group: bool = False,
    fargate: bool = True,
) -> str | None:
    """Have the stream there before the container is; None, or AWS's text for why the container cannot start.

    `create_group` is the option `awslogs-create-group`. A stream that exists is fine. Takes the store's write lock:
    for a worker thread.
    """
    world = target.world
    with store.transaction() as tx:
        if tx.get(LogGroup, world.account, world.region, target.group) is None:
            if not create_group:
                return _FARGATE.format(request_id=request_id) if fargate else _INSTANCE
            tx.put(LogGroup(world.account, world.region, target.group, now))
        directory = files.stream_directory(data_dir, world, target.group, target.stream)
        if tx.get(LogStream, world.account, world.region, target.group, target.stream) is None:
            tx.put(LogStream(world.account, world.region, target.group, target.stream, now))
            files.create(directory)
        directory.mkdir(parents=True, exist_ok=True)
    return None
