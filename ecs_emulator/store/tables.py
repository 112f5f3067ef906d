"""Each record class is a table: its fields are the columns, `KEY` the primary key, `INDEXES` the indexes.

Scalars and StrEnums are columns of their own type; dicts, lists and tuples are JSON text. A field added later needs a default, and is
added to old tables; nothing is ever dropped from one.
`COUNTED` names combinations of columns, never null, for which SQLite itself keeps how many records there are, as it keeps an index: to
count a hundred thousand records then takes no longer than to count ten.
`TOLD` names columns of which each change is noted, for whoever writes something down beside it before the commit.
`COUNTS_ON`: its number is never given twice, not even when every record is gone.
A class with `OF` is a view of another record: it names some of its fields, and is read where the others would only cost.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import sqlite3
import types
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ecs_emulator import records
from ecs_emulator.records import Mark

try:
    import orjson

    def _to_json(value: object) -> str:
        return orjson.dumps(value).decode()

    _from_json: Callable[[str], Any] = orjson.loads
except ImportError:  # orjson is an extra

    def _to_json(value: object) -> str:
        return json.dumps(_plain(value), separators=(",", ":"))

    _from_json = json.loads

    def _plain(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, list | tuple):
            return [_plain(item) for item in value]
        return value


Codec = Callable[[Any], Any]

FORMAT = 1
"""Raised when an older program could no longer read what this one writes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """How one record class is kept. Lives as long as the process."""

    kind: type
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    sql_types: tuple[str, ...]
    encoders: tuple[tuple[int, Codec], ...]
    decoders: tuple[tuple[int, Codec], ...]
    defaults: tuple[object, ...]
    select: str
    keys: str
    get: str
    insert: str
    delete: str
    marks: Callable[[Any], tuple[Mark, ...]] | None
    told: tuple[str, ...]
    key_places: tuple[int, ...] = ()
    told_places: tuple[int, ...] = ()
    counted: tuple[tuple[str, ...], ...] = ()

    def counts_of(self, columns: Collection[str]) -> str | None:
        """The table that knows how many records there are by these columns; None where they have to be counted."""
        return next(
            (_counts(self.name, known) for known in self.counted if columns and set(columns) <= set(known)), None
        )

    def update(self, places: tuple[int, ...]) -> str:
        """What writes the columns in these places alone; the key comes behind their values."""
        return _update(self.name, tuple([self.columns[place] for place in places]), self.key)

    def row(self, record: object) -> list[Any]:
        values = [getattr(record, column) for column in self.columns]
        for place, encode in self.encoders:
            values[place] = encode(values[place])
        return values

    def record(self, row: Sequence[Any]) -> Any:
        values = list(row)
        for place, decode in self.decoders:
            if values[place] is not None:
                values[place] = decode(values[place])
        return self.kind(*values)


@functools.lru_cache(maxsize=1024)
def _update(name: str, columns: Sequence[str], key: Sequence[str]) -> str:
    changed = ", ".join(f'"{column}" = ?' for column in columns)
    return f'UPDATE "{name}" SET {changed} WHERE ' + " AND ".join(f'"{column}" = ?' for column in key)


_TABLES: dict[type, Table] = {}


def table_of(kind: type) -> Table:
    found = _TABLES.get(kind)
    return found if found is not None else _TABLES.setdefault(kind, _described(kind))


def _described(kind: type) -> Table:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    columns = tuple(field.name for field in fields)
    codecs = [_codec(hints[column]) for column in columns]
    of: Any = getattr(kind, "OF", kind)  # a view: it names some of another record's fields, and can only be read
    key: tuple[str, ...] = of.KEY
    name = of.__name__
    listed = ", ".join(f'"{column}"' for column in columns)
    keyed = " AND ".join(f'"{column}" = ?' for column in key)
    return Table(
        kind=kind,
        name=name,
        columns=columns,
        key=key,
        sql_types=tuple(sql for sql, _, _ in codecs),
        encoders=tuple((place, encode) for place, (_, encode, _) in enumerate(codecs) if encode is not None),
        decoders=tuple((place, decode) for place, (_, _, decode) in enumerate(codecs) if decode is not None),
        defaults=tuple(_default(field) for field in fields),
        select=f'SELECT {listed} FROM "{name}"',
        keys="SELECT " + ", ".join(f'"{column}"' for column in key) + f' FROM "{name}"',
        get=f'SELECT {listed} FROM "{name}" WHERE {keyed}',
        insert=f'INSERT OR REPLACE INTO "{name}" ({listed}) VALUES ({", ".join("?" * len(columns))})'
        if of is kind
        else "",
        delete=f'DELETE FROM "{name}" WHERE {keyed}',
        marks=getattr(kind, "marks", None),
        told=(told := getattr(of, "TOLD", ())),
        key_places=tuple(map(columns.index, key)) if of is kind else (),
        told_places=tuple(map(columns.index, told)) if of is kind else (),
        counted=getattr(of, "COUNTED", ()),
    )


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _codec(hint: Any) -> tuple[str, Codec | None, Codec | None]:
    """The SQL type, and how a value goes in and comes out; None where it passes as it is."""
    bare = _without_none(hint)
    if bare is bool:
        return "INTEGER", None, bool
    if bare is int:
        return "INTEGER", None, None
    if bare is float:
        return "REAL", None, None
    if bare is str:
        return "TEXT", None, None
    if bare is bytes:
        return "BLOB", None, None
    if isinstance(bare, type) and issubclass(bare, enum.StrEnum):
        return "TEXT", None, _members(bare)
    return "TEXT", _json_or_none, _json_decoder(bare)


def _members(kind: type[enum.StrEnum]) -> Codec:
    """From the text of a member to the member: a look into a dict is much cheaper than the class's own."""
    return {str(member): member for member in kind}.__getitem__


def _json_or_none(value: object) -> str | None:
    return None if value is None else _to_json(value)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not types.NoneType]
        if len(inner) == 1:
            return inner[0]
    return hint


def _json_decoder(hint: Any) -> Codec:
    rebuild = _rebuilder(hint)
    if rebuild is None:
        return _from_json
    return lambda text: rebuild(_from_json(text))


@functools.cache
def _rebuilder(hint: Any) -> Codec | None:
    """What turns plain JSON back into the value of this type; None where the JSON is the value."""
    hint = _without_none(hint)
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return _members(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _nested(hint)
    if typing.get_origin(hint) is tuple:
        inner = _rebuilder(typing.get_args(hint)[0])
        return tuple if inner is None else lambda items: tuple(map(inner, items))
    return None


def _nested(kind: type) -> Codec:
    hints = typing.get_type_hints(kind)
    rebuilders = {
        field.name: found for field in dataclasses.fields(kind) if (found := _rebuilder(hints[field.name])) is not None
    }
    known = frozenset(field.name for field in dataclasses.fields(kind))

    def build(document: dict[str, Any]) -> Any:
        for name, rebuild in rebuilders.items():
            value = document.get(name)
            if value is not None:
                document[name] = rebuild(value)
        if not known.issuperset(document):
            document = {name: document[name] for name in known.intersection(document)}
        return kind(**document)

    return build


def refuse_damaged(connection: sqlite3.Connection) -> None:
    """Read through the whole file once, so that damage is found now and not by a request in a week."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"it is damaged ({' '.join(found.split())})")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to what the record classes are now; old rows take the default of a column that is new."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise sqlite3.DatabaseError(f"it was written by a newer version (format {found}, this program knows {FORMAT})")
    connection.execute("BEGIN IMMEDIATE")
    for kind in records.kinds():
        _migrate_table(connection, kind)
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")


def _migrate_table(connection: sqlite3.Connection, kind: type) -> None:
    table = table_of(kind)
    typed = dict(zip(table.columns, table.sql_types, strict=True))
    present = {row[1] for row in connection.execute(f'PRAGMA table_info("{table.name}")')}
    if not present:
        lone_integer = len(table.key) == 1 and typed[table.key[0]] == "INTEGER"
        numbered = " PRIMARY KEY AUTOINCREMENT" if getattr(kind, "COUNTS_ON", False) else " PRIMARY KEY"
        columns = [
            f'"{name}" {sql}' + (numbered if lone_integer and name in table.key else "") for name, sql in typed.items()
        ]
        if not lone_integer:
            columns.append("PRIMARY KEY (" + ", ".join(f'"{name}"' for name in table.key) + ")")
        connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
    else:
        _add_columns(connection, table, present)
    for columns_of_index in kind.INDEXES:  # type: ignore[attr-defined]
        index = f"{table.name}__{'__'.join(columns_of_index)}"
        listed = ", ".join(f'"{name}"' for name in columns_of_index)
        connection.execute(f'CREATE INDEX IF NOT EXISTS "{index}" ON "{table.name}" ({listed})')
    for counted in table.counted:
        _keep_counts(connection, table, counted)


def _counts(table_name: str, columns: Sequence[str]) -> str:
    return f"{table_name}__number_by__{'__'.join(columns)}"


def _keep_counts(connection: sqlite3.Connection, table: Table, columns: tuple[str, ...]) -> None:
    """A table of the numbers, right from the start, and what keeps it right.

    A record that an earlier version replaces leaves its number before the new one comes: SQLite calls no trigger for the row that goes.
    """
    name = _counts(table.name, columns)
    listed = ", ".join(f'"{column}"' for column in columns)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
        connection.execute(f'CREATE TABLE "{name}" ({listed}, "number" INTEGER, PRIMARY KEY ({listed})) WITHOUT ROWID')
        connection.execute(f'INSERT INTO "{name}" SELECT {listed}, count(*) FROM "{table.name}" GROUP BY {listed}')
    same_key = " AND ".join(f'"{column}" = NEW."{column}"' for column in table.key)
    new, old = (", ".join(f'{row}."{column}"' for column in columns) for row in ("NEW", "OLD"))
    fewer = f'UPDATE "{name}" SET "number" = "number" - 1 WHERE ({listed}) = '
    more = f'INSERT INTO "{name}" VALUES ({new}, 1) ON CONFLICT DO UPDATE SET "number" = "number" + 1'
    for event, of, act in (
        ("BEFORE INSERT", "", f'{fewer} (SELECT {listed} FROM "{table.name}" WHERE {same_key})'),
        ("AFTER INSERT", "", more),
        ("AFTER UPDATE", f" OF {listed}", f"{fewer} ({old}); {more}"),
        ("AFTER DELETE", "", f"{fewer} ({old})"),
    ):
        trigger = f'"{name} {event}" {event}{of} ON "{table.name}"'
        connection.execute(f"CREATE TRIGGER IF NOT EXISTS {trigger} BEGIN {act}; END")


def _add_columns(connection: sqlite3.Connection, table: Table, present: set[str]) -> None:
    encoders = dict(table.encoders)
    for place, name in enumerate(table.columns):
        if name in present:
            continue
        default = table.defaults[place]
        if default is dataclasses.MISSING:
            raise sqlite3.DatabaseError(f"{table.name}.{name} is new and has no default for the rows that are there")
        connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN "{name}" {table.sql_types[place]}')
        value = encoders[place](default) if place in encoders else default
        if value is not None:
            connection.execute(f'UPDATE "{table.name}" SET "{name}" = ?', (value,))
