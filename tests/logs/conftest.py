"""CloudWatch Logs by itself: its model, its operations and a store, with a clock that a test moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator import logs as package
from ecs_emulator.arns import World
from ecs_emulator.clock import ManualClock
from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.logs import constraints
from ecs_emulator.store import Store
from ecs_emulator.wire import models
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.dispatch import Service
from ecs_emulator.wire.tokens import Tokens

START = 1_750_000_000.0


class Refusal(Exception):
    """A code and a text."""


@dataclass
class Logs:
    """What a client of the service sees. Lives as long as a test."""

    store: Store
    data_dir: Path
    world: World = field(default_factory=lambda: World("123456789012", "us-east-1"))
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    ids: Ids = field(default_factory=lambda: Ids(1))
    tokens: Tokens = field(default_factory=lambda: Tokens(b"k"))
    service: Service = field(default_factory=lambda: Service("logs", models.load("logs"), package, constraints))

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        context = Context(
            store=self.store,
            world=self.world,
            now=self.clock.now(),
            ids=self.ids,
            config=Config(data_dir=self.data_dir),
            principal_arn=self.world.root_arn,
            request_id="request",
            data_dir=self.data_dir,
            endpoint="http://127.0.0.1:4566",
            tokens=self.tokens,
        )
        status, body = self.service.answer(operation, json.dumps(params).encode(), context)
        document: dict[str, Any] = json.loads(body)
        if status != 200:
            raise Refusal(document["__type"], document.get("message"))
        return document

    @property
    def now(self) -> int:
        return round(self.clock.now() * 1000)

    def put(self, group: str, stream: str, *events: tuple[int, str]) -> dict[str, Any]:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        return self("PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=listed)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    store = Store(tmp_path, durable=False)
    yield Logs(store, tmp_path)
    store.close()
