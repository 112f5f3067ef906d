"""Old data is brought along and never dropped; what cannot be read is refused in one sentence, and left as it is."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ecs_emulator import records
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.store import Store, StoreUnusable, tables

FILE = "state.sqlite3"
PAGE = 4096
MANY = [Cluster(f"arn:{n}", "1", "r", f"c{n}", ClusterStatus.ACTIVE, 0.0, {"x": "y" * 500}) for n in range(400)]


@dataclass(frozen=True, slots=True)
class Thing:
    """A record kind of this test's own, as it was."""

    KEY: ClassVar = ("name",)
    INDEXES: ClassVar = ()

    name: str
    dropped_later: str = "kept"


@dataclass(frozen=True, slots=True)
class NewThing:
    """The same a version later: two columns more, one less, and an index."""

    KEY: ClassVar = ("name",)
    INDEXES: ClassVar = (("colour", "name"),)

    name: str
    colour: str = "grey"
    labels: dict[str, Any] = field(default_factory=dict)
    weight: float | None = None


NewThing.__name__ = NewThing.__qualname__ = "Thing"


@dataclass(frozen=True, slots=True)
class Demanding:
    KEY: ClassVar = ("name",)
    INDEXES: ClassVar = ()

    name: str
    needed: int


Demanding.__name__ = "Thing"


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[type]]:
    """The record kinds that there are, for once."""
    found: list[type] = [Thing]
    monkeypatch.setattr(records, "kinds", lambda: iter(found))
    yield found
    for kind in (Thing, NewThing, Demanding):
        tables._TABLES.pop(kind, None)


def written(directory: Path, *things: object) -> None:
    store = Store(directory, durable=False)
    with store.transaction() as tx:
        tx.put(*things)
    store.close()


def bytes_of(directory: Path) -> bytes:
    return (directory / FILE).read_bytes()


def refusal(directory: Path) -> str:
    with pytest.raises(StoreUnusable) as refused:
        Store(directory, durable=False)
    sentence = str(refused.value)
    assert str(directory) in sentence and "\n" not in sentence
    return sentence


def test_new_columns_take_their_defaults_and_old_ones_stay(tmp_path: Path, kinds: list[type]) -> None:
    written(tmp_path, Thing("a", "treasure"))
    kinds[:] = [NewThing]
    store = Store(tmp_path, durable=False)
    with store.transaction() as tx:
        assert tx.find(NewThing) == [NewThing("a", "grey", {}, None)]
        tx.put(NewThing("b", "blue", {"x": 1}, 2.5))
        assert tx.find(NewThing, colour="blue") == [NewThing("b", "blue", {"x": 1}, 2.5)]
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as raw:
        assert raw.execute("SELECT dropped_later FROM Thing ORDER BY name").fetchall() == [("treasure",), (None,)]
        assert raw.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'Thing__%'").fetchall()


def test_a_new_column_without_a_default_is_refused_and_nothing_is_changed(tmp_path: Path, kinds: list[type]) -> None:
    written(tmp_path, Thing("a"))
    kinds[:] = [Demanding]
    assert "Thing.needed is new and has no default" in refusal(tmp_path)
    kinds[:] = [Thing]
    written(tmp_path, Thing("b"))


def test_data_of_a_newer_version_is_refused_and_untouched(tmp_path: Path) -> None:
    Store(tmp_path, durable=False).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as raw:
        raw.execute(f"PRAGMA user_version={tables.FORMAT + 1}")
    before = bytes_of(tmp_path)
    assert "it was written by a newer version" in refusal(tmp_path)
    assert bytes_of(tmp_path) == before


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, but somebody's diary\n" * 100)
    before = bytes_of(tmp_path)
    assert "file is not a database" in refusal(tmp_path)
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_damaged_database_is_refused_before_anything_is_read_from_it(tmp_path: Path, share: float) -> None:
    written(tmp_path, *MANY)
    whole = bytes_of(tmp_path)
    at = int(len(whole) * share) // PAGE * PAGE
    (tmp_path / FILE).write_bytes(whole[:at] + b"\xff" * PAGE + whole[at + PAGE :])
    damaged = bytes_of(tmp_path)
    assert "damaged" in refusal(tmp_path) or "malformed" in refusal(tmp_path)
    assert bytes_of(tmp_path) == damaged


def test_a_truncated_database_is_refused(tmp_path: Path) -> None:
    written(tmp_path, *MANY)
    whole = bytes_of(tmp_path)
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    refusal(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be used" in refusal(tmp_path / "file" / "data")


@pytest.mark.parametrize("kind", list(records.kinds()), ids=lambda kind: kind.__name__)
def test_every_kind_of_record_has_a_table_by_its_key(kind: type) -> None:
    table = tables.table_of(kind)
    assert set(table.key) <= set(table.columns)
    for index in kind.INDEXES:  # type: ignore[attr-defined]
        assert set(index) <= set(table.columns), f"{kind.__name__} has an index on what it has not"
    assert dataclasses.is_dataclass(kind)


def test_the_store_works_without_orjson(tmp_path: Path) -> None:
    """On another Python than CPython there is none; what was written with one is read with the other."""
    written(tmp_path, Cluster("arn:a", "1", "r", "a", ClusterStatus.ACTIVE, 0.5, {"é": [1, None, {"k": True}]}))
    program = (
        "import sys; sys.modules['orjson'] = None\n"
        "from pathlib import Path\n"
        "from tests.store.test_transactions import task\n"
        "from ecs_emulator.records.clusters import Cluster\n"
        "from ecs_emulator.records.tasks import Task\n"
        "from ecs_emulator.store import Store\n"
        f"store = Store(Path({str(tmp_path)!r}), durable=False)\n"
        "with store.transaction() as tx:\n"
        "    (found,) = tx.find(Cluster)\n"
        "    assert found.spec == {'é': [1, None, {'k': True}]}, found\n"
        "    tx.put(task('one', ports=(1, 2), tags={'k': 'v'}))\n"
        "    assert tx.get(Task, 'arn/one') == task('one', ports=(1, 2), tags={'k': 'v'})\n"
        "store.close()\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=60)
    store = Store(tmp_path, durable=False)
    with store.snapshot() as tx:
        (spec,) = (one.spec for one in tx.find(Cluster))
    assert spec == {"é": [1, None, {"k": True}]}
    store.close()
