"""What a container with the awslogs driver writes reaches its stream: opened before the start, followed until the death.

The engine itself writes such a container's output to files of its own; the container's label says where it goes from there.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecs_emulator.agent.docker.logs import Collector
from ecs_emulator.agent.docker.watch import instant, label_json, stage_of
from ecs_emulator.agent.names import LABEL_CONTAINER, LABEL_LOGS, LABEL_TASK
from ecs_emulator.arns import World, parse
from ecs_emulator.clock import Clock
from ecs_emulator.control.plan import TaskSlice
from ecs_emulator.logs import driver
from ecs_emulator.records.tasks import Stage
from ecs_emulator.store import Store

log = logging.getLogger(__name__)

REFUSED = "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
PATIENCE = 10.0
"""Seconds that a removal waits for the last lines of its container."""


class NoStream(Exception):
    """The container cannot start, as its lines have nowhere to go; the text is AWS's."""


class AwsLogs:
    """Lives as long as the server; safe from any thread."""

    def __init__(self, store: Store, data_dir: Path, clock: Clock, collector: Collector) -> None:
        self._store = store
        self._data_dir = data_dir
        self._clock = clock
        self.collector = collector

    def open(self, slice: TaskSlice, name: str, options: Mapping[str, str], engine_id: str) -> None:
        """Have the stream there, before the container starts. Raises NoStream."""
        try:
            target = _target(slice.task.arn, name, options, engine_id)
        except driver.BadOption as bad:
            raise NoStream(f"{REFUSED}{bad}") from bad
        trouble = driver.open_stream(
            self._store,
            self._data_dir,
            target,
            now=self._clock.now(),
            request_id=str(uuid.uuid4()),
            create_group=options.get(driver.CREATE_GROUP) == "true",
            fargate=slice.task.launch_type == "FARGATE",
        )
        if trouble is not None:
            raise NoStream(trouble)

    def follow(self, slice: TaskSlice, name: str, options: Mapping[str, str], engine_id: str, *, tty: bool) -> None:
        """Bring into the stream what the container writes, from its first line on."""
        target = _target(slice.task.arn, name, options, engine_id)
        self.collector.follow(engine_id, target, tty=tty, since=slice.task.created_at)

    def sighted(self, inspected: dict[str, Any]) -> None:
        """A container that runs is followed, whoever started it; of one that died the last lines are fetched."""
        options = label_json(inspected, LABEL_LOGS)
        stage = stage_of(inspected["State"])
        if options is None or stage is Stage.CREATED:
            return
        labels = inspected["Config"]["Labels"]
        try:
            target = _target(labels[LABEL_TASK], labels[LABEL_CONTAINER], options, inspected["Id"])
        except driver.BadOption:
            return
        tty = bool(inspected["Config"].get("Tty"))
        self.collector.follow(inspected["Id"], target, tty=tty, since=instant(inspected["Created"]))
        if stage is Stage.STOPPED:
            self.collector.finish(inspected["Id"], patience=0)

    def finish(self, engine_id: str) -> None:
        """Wait for the last lines of a dead container: before it is removed, and they with it."""
        if not self.collector.finish(engine_id, PATIENCE):
            log.warning("the last lines of container %s may be missing from its log stream", engine_id[:12])


def _target(task_arn: str, name: str, options: Mapping[str, str], engine_id: str) -> driver.Destination:
    arn = parse(task_arn)
    assert arn is not None
    task_id = arn.resource.rpartition("/")[2]
    return driver.destination(
        World(arn.account, arn.region), options, container=name, task_id=task_id, runtime_id=engine_id
    )
