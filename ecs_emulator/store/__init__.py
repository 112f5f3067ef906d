"""The one place state lives, behind the one lock in the program.

What lives only here: SQL, connections, the write lock. What it does not know: what any record means.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ecs_emulator.records import Mark
from ecs_emulator.store.tables import Table, migrate, refuse_damaged, table_of

R = TypeVar("R")


class StoreUnusable(Exception):
    """The data directory cannot be used; the message is one sentence for the user, and nothing was touched."""


class StoreFull(StoreUnusable):
    """There is no room left where the data directory is; the transaction was undone, and may be tried again."""


class StoreClosed(RuntimeError):
    """The store was closed: its directory may be another server's by now, so nothing is read or written any more."""


def _unusable(path: Path, error: sqlite3.Error) -> StoreUnusable:
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return (StoreFull if full else StoreUnusable)(f"the data directory {path.parent} cannot be used: {error}")


# --- transactions ---------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """A record that was written with other values in the columns that its `TOLD` names. Lives inside one transaction."""

    before: tuple[Any, ...] | None
    """These columns as they were; None where there was no such record."""
    record: Any


class Transaction:
    """One consistent view of the store; in a write transaction also the changes that are to be, all of them or none.

    Lives inside one `with store.transaction()` or `with store.snapshot()`, on one thread.
    """

    __slots__ = ("_changes", "_connection", "_marks", "_writes", "handled", "noting")

    def __init__(self, connection: sqlite3.Connection, *, writes: bool) -> None:
        self._connection = connection
        self._writes = writes
        self._changes: list[Change] = []
        self._marks: set[Mark] = set()
        self.handled = 0
        """Records read and written so far: what the transaction has cost."""
        self.noting = False
        """Whether somebody will ask for the changes."""

    def get(self, kind: type[R], *key: object) -> R | None:
        """The record with this key, or None."""
        table = table_of(kind)
        row = self._connection.execute(table.get, key).fetchone()
        self.handled += 1
        return None if row is None else table.record(row)

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
        """The records whose columns equal these values.

        A list, tuple or set as value means any of them, None means unset. `order` names the columns to sort by, comma separated;
        `after` are values of these columns: the answer begins behind them.
        """
        where, values = _where(equals)
        table = table_of(kind)
        sql = table.select + where + _behind(where, order, descending, after is not None, limit is not None)
        values.extend(after or ())
        if limit is not None:
            values.append(limit)
        found = [table.record(row) for row in self._connection.execute(sql, values)]
        self.handled += len(found)
        return found

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
        """What `find` finds, but of each record these scalar columns alone: a page of names needs no more, and costs much less."""
        where, values = _where(equals)
        sql = _select(table_of(kind).name, columns) + where
        sql += _behind(where, order, descending, after is not None, limit is not None)
        values.extend(after or ())
        if limit is not None:
            values.append(limit)
        found = self._connection.execute(sql, values).fetchall()
        self.handled += len(found)
        return found

    def first(self, kind: type[R], **equals: object) -> R | None:
        """One of the records whose columns equal these values, or None."""
        table = table_of(kind)
        where, values = _where(equals)
        row = self._connection.execute(f"{table.select}{where} LIMIT 1", values).fetchone()
        self.handled += 1
        return None if row is None else table.record(row)

    def count(self, kind: type, **equals: object) -> int:
        """How many records have columns that equal these values."""
        where, values = _where(equals)
        table = table_of(kind)
        counts = table.counts_of(equals)
        sql = f'SELECT count(*) FROM "{table.name}"' if counts is None else f'SELECT total("number") FROM "{counts}"'
        return int(self._connection.execute(sql + where, values).fetchone()[0])

    def keys(self, kind: type, **equals: object) -> list[tuple[Any, ...]]:
        """The keys alone of the records whose columns equal these values: much cheaper than the records."""
        where, values = _where(equals)
        return self._connection.execute(table_of(kind).keys + where, values).fetchall()

    def tally(self, kind: type, by: tuple[str, ...], **equals: object) -> dict[tuple[Any, ...], int]:
        """How many such records there are for each combination of the columns `by`."""
        where, values = _where(equals)
        grouped = ", ".join(f'"{column}"' for column in by)
        table = table_of(kind)
        counts = table.counts_of((*by, *equals))
        number, name = ("count(*)", table.name) if counts is None else ('sum("number")', counts)
        rows = self._connection.execute(f'SELECT {grouped}, {number} FROM "{name}"{where} GROUP BY {grouped}', values)
        return {tuple(row[:-1]): row[-1] for row in rows if row[-1]}

    def put(self, *changed: object) -> None:
        """Insert each record, or replace the one with its key."""
        self._refuse_in_snapshot()
        self.handled += len(changed)
        for record in changed:
            table = table_of(type(record))
            row = table.row(record)
            before = self._written(table, row)
            if before is None:
                self._connection.execute(table.insert, row)
            else:
                self._update(table, before, row)
            if self.noting and table.told:
                self._note(table, record, before)
            if table.marks is not None:
                self._marks.update(table.marks(record))

    def delete(self, *gone: object) -> None:
        """Remove each record by its key."""
        self._refuse_in_snapshot()
        self.handled += len(gone)
        for record in gone:
            table = table_of(type(record))
            self._connection.execute(table.delete, [getattr(record, column) for column in table.key])
            if table.marks is not None:
                self._marks.update(table.marks(record))

    def delete_until(self, kind: type, last: int) -> None:
        """Remove every record up to this number, unread: for kinds that are counted through and concern no slice."""
        self._refuse_in_snapshot()
        table = table_of(kind)
        (number,) = table.key
        self._connection.execute(f'DELETE FROM "{table.name}" WHERE "{number}" <= ?', (last,))

    def mark(self, *marks: Mark) -> None:
        """Have the loop look at these slices though no record of theirs changed."""
        self._refuse_in_snapshot()
        self._marks.update(marks)

    def take_marks(self) -> set[Mark]:
        """The slices that were touched since this was last asked."""
        taken, self._marks = self._marks, set()
        return taken

    def take_changes(self) -> list[Change]:
        """What was put since this was last asked, in this order: each state of a record that went through several."""
        taken, self._changes = self._changes, []
        return taken

    def _written(self, table: Table, row: Sequence[Any]) -> tuple[Any, ...] | None:
        """The row with this key as it is now; None where there is none, or the number is yet to be given."""
        key = [row[place] for place in table.key_places]
        if None in key:
            return None
        found: tuple[Any, ...] | None = self._connection.execute(table.get, key).fetchone()
        return found

    def _update(self, table: Table, before: Sequence[Any], row: Sequence[Any]) -> None:
        """Write the columns that are others now: an index of none of them is left alone, and most are."""
        places = [place for place, value in enumerate(row) if value != before[place]]
        if places:
            values = [row[place] for place in (*places, *table.key_places)]
            self._connection.execute(table.update(tuple(places)), values)

    def _note(self, table: Table, record: Any, before: Sequence[Any] | None) -> None:
        then = None if before is None else tuple([before[place] for place in table.told_places])
        if then != tuple([getattr(record, column) for column in table.told]):
            self._changes.append(Change(then, record))

    def _refuse_in_snapshot(self) -> None:
        if not self._writes:
            raise RuntimeError("a snapshot cannot be written to")


def _where(equals: dict[str, object]) -> tuple[str, list[object]]:
    if not equals:
        return "", []
    parts: list[str] = []
    values: list[object] = []
    for column, value in equals.items():
        if value is None:
            parts.append(f'"{column}" IS NULL')
        elif isinstance(value, Collection) and not isinstance(value, str | bytes):
            parts.append(f'"{column}" IN ({", ".join("?" * len(value))})')
            values.extend(value)
        else:
            parts.append(f'"{column}" = ?')
            values.append(value)
    return " WHERE " + " AND ".join(parts), values


@functools.lru_cache(maxsize=256)
def _select(table: str, columns: tuple[str, ...]) -> str:
    return "SELECT " + ", ".join(f'"{column}"' for column in columns) + f' FROM "{table}"'


@functools.lru_cache(maxsize=1024)
def _behind(where: str, order: str | None, descending: bool, after: bool, limit: bool) -> str:
    """What follows the WHERE of a `find`: where to begin, in which order, how many."""
    sql = ""
    columns = [f'"{column.strip()}"' for column in order.split(",")] if order else []
    if after:
        side = "<" if descending else ">"
        behind = f"({', '.join(columns)}) {side} ({', '.join('?' * len(columns))})"
        sql += f" AND {behind}" if where else f" WHERE {behind}"
    if columns:
        way = " DESC" if descending else ""
        sql += " ORDER BY " + ", ".join(column + way for column in columns)
    return sql + (" LIMIT ?" if limit else "")


# --- the store ------------------------------------------------------------------------------------------------------


class Store:
    """Durable records under one directory. Lives as long as the server.

    Readers use their own snapshot and never wait for a writer; writers queue for the one lock. With `durable=False` nothing is
    forced to disk: what a `kill -9` of this process leaves is still whole, what a power cut leaves need not be.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self._path = directory / "state.sqlite3"
        self._synchronous = "NORMAL" if durable else "OFF"
        self._write_lock = threading.Lock()
        self._idle_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._tell: list[Callable[[frozenset[Mark]], None]] = []
        self._beside: Callable[[Transaction], None] | None = None
        self._closed = False
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._keep_private()
            with contextlib.closing(self._open()) as connection:
                refuse_damaged(connection)
                migrate(connection)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreUnusable(f"the data directory {directory} cannot be used: {error}") from error

    def _keep_private(self) -> None:
        """Keys are in it: whatever the umask, only its owner reads it. SQLite gives the files beside it the mode of this one."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for path in self._path.parent.glob(f"{self._path.name}*"):  # an earlier version did not think of it
            with contextlib.suppress(PermissionError):  # another user's, who let us in
                path.chmod(0o600)

    def on_commit(self, tell: Callable[[frozenset[Mark]], None]) -> None:
        """Call this after each commit, outside the lock, with the slices that it touched."""
        self._tell.append(tell)

    def before_commit(self, beside: Callable[[Transaction], None]) -> None:
        """Call this at the end of each transaction: what it writes, from the changes that it takes, is part of that transaction."""
        self._beside = beside

    @contextlib.contextmanager
    def transaction(self, *, quietly: bool = False) -> Iterator[Transaction]:
        """Read and write, alone; an exception undoes all of it. `quietly`: tell nobody what was touched, as the loop itself wants."""
        with self._write_lock, self._begun("BEGIN IMMEDIATE") as connection:
            transaction = Transaction(connection, writes=True)
            transaction.noting = self._beside is not None
            yield transaction
            if self._beside is not None:
                self._beside(transaction)
            connection.execute("COMMIT")
        if quietly:
            return
        if marks := frozenset(transaction.take_marks()):
            for tell in self._tell:
                tell(marks)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Read one consistent state, beside any writer."""
        with self._begun("BEGIN") as connection:
            yield Transaction(connection, writes=False)

    def close(self) -> None:
        """Let go of the files, for good. Transactions under way end first where they hold the write lock."""
        with self._write_lock, self._idle_lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, which is undone unless it was committed. Raises StoreUnusable where SQLite cannot go on."""
        connection = self._checkout()
        try:
            connection.execute(begin)
            yield connection
        except sqlite3.DatabaseError as error:
            if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
                raise  # the program's own mistake: a constraint, a closed cursor
            raise _unusable(self._path, error) from error
        finally:
            self._undo(connection)

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.DatabaseError:
            connection.close()  # which undoes it as well
        else:
            self._return(connection)

    def _checkout(self) -> sqlite3.Connection:
        with self._idle_lock:
            if self._closed:
                raise StoreClosed(f"the store in {self._path.parent} is closed")
            if self._idle:
                return self._idle.pop()
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error

    def _return(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=30
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.execute("PRAGMA temp_store=MEMORY")
        except sqlite3.Error:
            connection.close()
            raise
        return connection
