"""ECR asked as a client asks it, past the socket: parsed and checked by the model, one transaction each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ecs_emulator import ecr
from ecs_emulator.arns import World
from ecs_emulator.config import Config
from ecs_emulator.ecr import constraints
from ecs_emulator.ids import Ids
from ecs_emulator.records.ecr import Layer
from ecs_emulator.registry import tokens
from ecs_emulator.store import Store
from ecs_emulator.wire import dispatch, models
from ecs_emulator.wire.call import Context
from ecs_emulator.wire.tokens import Tokens
from tests.http.registry import digest_of, image_manifest

NOW = 1_790_433_493.69
SERVICE = dispatch.Service("ecr", models.load("ecr"), ecr, constraints, writes=["BatchGetImage"])

Refused = tuple[str, str]


@dataclass
class Ecr:
    """One registry of one account in one region, and a moment that only the test moves."""

    directory: Path
    world: World = field(default_factory=lambda: World("123456789012", "us-east-1"))
    now: float = NOW
    settings: dict[str, Any] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)

    def __post_init__(self) -> None:
        self.store = Store(self.directory, durable=False)
        self.key = tokens.ensure_signing_key(self.store)

    def ask(self, operation: str, /, **params: Any) -> dict[str, Any]:
        """The answer's document."""
        status, document = self.answer(operation, params)
        assert status == 200, document
        return document

    def refused(self, operation: str, /, **params: Any) -> Refused:
        """Code and message of the refusal."""
        status, document = self.answer(operation, params)
        assert status == 400, (status, document)
        return document["__type"], document["message"]

    def answer(self, operation: str, params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        context = Context(
            store=self.store,
            world=self.world,
            now=self.now,
            ids=Ids(1),
            config=Config(data_dir=self.directory, **self.settings),
            principal_arn=self.world.root_arn,
            request_id="request",
            data_dir=self.directory,
            endpoint="http://127.0.0.1:4566",
            tokens=self.tokens,
        )
        status, body = SERVICE.answer(operation, json.dumps(params).encode(), context)
        return status, json.loads(body)

    def of(self, account: str) -> Ecr:
        """The same emulator, asked by another account."""
        other = replace(self, world=World(account, self.world.region))
        other.store.close()
        other.store = self.store
        return other

    def create(self, name: str = "app", **params: Any) -> dict[str, Any]:
        created: dict[str, Any] = self.ask("CreateRepository", repositoryName=name, **params)["repository"]
        return created

    def has_blobs(self, *blobs: bytes, name: str = "app") -> None:
        """As if docker had pushed them."""
        with self.store.transaction() as tx:
            for blob in blobs:
                tx.put(Layer(*_place(self.world), name, digest_of(blob), len(blob), self.now))

    def push(self, *tags: str, name: str = "app", layer: bytes = b"layer") -> str:
        """An image of one layer under these tags, or under none; its digest."""
        self.has_blobs(layer, b"{}", name=name)
        manifest = image_manifest(b"{}", layer).decode()
        for tag in tags:
            self.ask("PutImage", repositoryName=name, imageManifest=manifest, imageTag=tag)
        if not tags:
            self.ask("PutImage", repositoryName=name, imageManifest=manifest)
        return digest_of(manifest.encode())


def _place(world: World) -> tuple[str, str]:
    return world.account, world.region
