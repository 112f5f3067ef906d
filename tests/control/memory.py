"""A store in memory that forgets a whole history at once: what thousands of short lives are played on.

What lives only here: transactions that are savepoints inside one that is never committed. What it does not have: files, threads, a lock.
A crash is `close` and then another loop on the same store: all that was committed is there, and nothing else, as after a `kill -9`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

from ecs_emulator.records import Mark
from ecs_emulator.store import Transaction
from ecs_emulator.store.tables import migrate


class MemoryStore:
    """Has the four doors of `Store`. Lives as long as the tests; `rewind` takes it back to where it was kept."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self._connection.execute("PRAGMA temp_store=MEMORY")
        migrate(self._connection)
        self._tell: list[Callable[[frozenset[Mark]], None]] = []
        self._beside: Callable[[Transaction], None] | None = None

    def keep(self) -> None:
        """Here `rewind` comes back to."""
        self._connection.execute("BEGIN")

    def rewind(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")

    def on_commit(self, tell: Callable[[frozenset[Mark]], None]) -> None:
        self._tell.append(tell)

    def before_commit(self, beside: Callable[[Transaction], None]) -> None:
        self._beside = beside

    @contextlib.contextmanager
    def transaction(self, *, quietly: bool = False) -> Iterator[Transaction]:
        transaction = Transaction(self._connection, writes=True)
        transaction.noting = self._beside is not None
        self._connection.execute("SAVEPOINT written")
        try:
            yield transaction
            if self._beside is not None:
                self._beside(transaction)
        except BaseException:
            self._connection.execute("ROLLBACK TO written")
            raise
        finally:
            self._connection.execute("RELEASE written")
        if quietly:
            return
        if marks := frozenset(transaction.take_marks()):
            for tell in self._tell:
                tell(marks)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        yield Transaction(self._connection, writes=False)

    def close(self) -> None:
        """Whoever listened is gone."""
        self._tell.clear()
        self._beside = None
