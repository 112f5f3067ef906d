"""A context and a call for tests that need a store but no server."""

from __future__ import annotations

from pathlib import Path

from ecs_emulator.arns import World
from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.tokens import Tokens

WORLD = World("123456789012", "us-east-1")


def context(store: Store, data_dir: Path, *, world: World = WORLD, tokens: Tokens | None = None) -> Context:
    return Context(
        store=store,
        world=world,
        now=1_700_000_000.0,
        ids=Ids(1),
        config=Config(data_dir=data_dir),
        principal_arn=world.root_arn,
        request_id="00000000-0000-4000-8000-000000000000",
        data_dir=data_dir,
        endpoint="http://127.0.0.1:4566",
        tokens=tokens or Tokens(b"key"),
    )
