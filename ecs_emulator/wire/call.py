"""All that an operation may touch, in one value: its world, its moment, its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store, Transaction
from ecs_emulator.wire.tokens import Tokens

Params = dict[str, Any]
Document = dict[str, Any]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Context:
    """What the door knows of a request before anything is read or written. Lives as long as the request."""

    store: Store
    world: World
    now: Instant
    ids: Ids
    config: Config
    principal_arn: str
    request_id: str
    data_dir: Path
    endpoint: str
    """Where this server answers, as a client writes it: `http://127.0.0.1:4566`."""
    tokens: Tokens
    real_now: Instant | None = None
    """The machine's time, where the emulator's is another."""


@dataclass(slots=True)
class Call:
    """One operation under way. Lives as long as its transaction."""

    world: World
    now: Instant
    ids: Ids
    tx: Transaction
    config: Config
    principal_arn: str
    request_id: str
    data_dir: Path
    endpoint: str
    operation: str
    """The operation's name in the model; page tokens are bound to it."""
    tokens: Tokens
    real_now: Instant | None = None
    """The machine's time, where the emulator's is another: a login is for clients, who live in it."""

    @classmethod
    def of(cls, context: Context, operation: str, tx: Transaction) -> Call:
        return cls(
            context.world,
            context.now,
            context.ids,
            tx,
            context.config,
            context.principal_arn,
            context.request_id,
            context.data_dir,
            context.endpoint,
            operation,
            context.tokens,
            context.real_now,
        )

    def get(self, kind: type[R], *key: object) -> R | None:
        """`Transaction.get`."""
        return self.tx.get(kind, *key)

    def find(
        self,
        kind: type[R],
        *,
        order: str | None = None,
        descending: bool = False,
        after: Sequence[object] | None = None,
        limit: int | None = None,
        **equals: object,
    ) -> list[R]:
        """`Transaction.find`."""
        return self.tx.find(kind, order=order, descending=descending, after=after, limit=limit, **equals)

    def columns(
        self,
        kind: type,
        columns: tuple[str, ...],
        *,
        order: str | None = None,
        after: Sequence[object] | None = None,
        limit: int | None = None,
        descending: bool = False,
        **equals: object,
    ) -> list[tuple[Any, ...]]:
        """`Transaction.columns`."""
        return self.tx.columns(kind, columns, order=order, after=after, limit=limit, descending=descending, **equals)

    def first(self, kind: type[R], **equals: object) -> R | None:
        """`Transaction.first`."""
        return self.tx.first(kind, **equals)

    def count(self, kind: type, **equals: object) -> int:
        """`Transaction.count`."""
        return self.tx.count(kind, **equals)

    def tally(self, kind: type, by: tuple[str, ...], **equals: object) -> dict[tuple[Any, ...], int]:
        """`Transaction.tally`."""
        return self.tx.tally(kind, by, **equals)

    def put(self, *records: object) -> None:
        """`Transaction.put`."""
        self.tx.put(*records)

    def delete(self, *records: object) -> None:
        """`Transaction.delete`."""
        self.tx.delete(*records)
