"""Operations called by hand, one transaction each, on a store of the test's own; answers as the wire carries them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ecs_emulator.arns import World
from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.store import Store, Transaction
from ecs_emulator.wire import models, render
from ecs_emulator.wire.call import Call
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.tokens import Tokens

T = TypeVar("T")

NOW = 1_789_591_225.309
ROOT = "arn:aws:iam::123456789012:root"


class Ecs:
    """One emulated account, a moment that only the test moves, and the modules whose operations are asked for."""

    def __init__(self, directory: Path, *modules: ModuleType) -> None:
        self.directory = directory
        self.modules = modules
        self.world = World("123456789012", "us-east-1")
        self.now = NOW
        self.principal_arn = ROOT
        self.ids = Ids(1)
        self.tokens = Tokens()
        self.store = Store(directory, durable=False)
        self.config = Config(data_dir=directory)

    def ask(self, operation: str, /, **params: Any) -> dict[str, Any]:
        """The answer to `operation` (`CreateCluster`), rendered as its output shape says."""
        described = models.load("ecs").operations[operation]
        function = self._function(described.python_name)
        reading = operation.startswith(("Describe", "List"))
        with self.store.snapshot() if reading else self.store.transaction() as tx:
            answer = function(self._call(tx, operation), params)
        shown: dict[str, Any] = render.compile_output(models.load("ecs"), described.output)(answer)
        return shown

    def refusal(self, operation: str, /, **params: Any) -> tuple[str, str | None]:
        """Code and message of the error that the operation answers."""
        try:
            answer = self.ask(operation, **params)
        except AwsError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} was not refused: {answer}")

    def doing(self, act: Callable[[Call], T]) -> T:
        """Whatever `act` gives for a call in a transaction."""
        with self.store.transaction() as tx:
            return act(self._call(tx, ""))

    def put(self, *records: Any) -> None:
        """Records that an operation or the loop would have written."""
        with self.store.transaction() as tx:
            tx.put(*records)

    def arn(self, resource: str) -> str:
        """`arn:aws:ecs:us-east-1:123456789012:cluster/web` for `cluster/web`."""
        return self.world.arn("ecs", resource)

    def elsewhere(self, account: str, region: str) -> Ecs:
        """The same emulator asked from another world."""
        other = copy.copy(self)
        other.world = World(account, region)
        return other

    def _call(self, tx: Transaction, operation: str) -> Call:
        return Call(
            world=self.world,
            now=self.now,
            ids=self.ids,
            tx=tx,
            config=self.config,
            principal_arn=self.principal_arn,
            request_id="4b1c6a0e-0000-4000-8000-000000000000",
            data_dir=self.directory,
            endpoint="http://127.0.0.1:4566",
            operation=operation,
            tokens=self.tokens,
        )

    def _function(self, name: str) -> Callable[[Call, dict[str, Any]], dict[str, Any]]:
        found: Callable[[Call, dict[str, Any]], dict[str, Any]]
        found = next(getattr(module, name) for module in self.modules if hasattr(module, name))
        return found
