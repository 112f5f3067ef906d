"""A store that cannot go on says so in a sentence, undoes what was begun, and goes on when it can; one that was closed never does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.records.journal import Decided
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store, StoreClosed, StoreFull, StoreUnusable

FULL_AT = 64
"""Pages that a full disk has."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path, durable=False)
    yield made
    made.close()


def limit(store: Store, pages: int) -> None:
    """There is room for so many pages, more or less what the store has already."""
    with store.snapshot() as tx:
        tx._connection.execute(f"PRAGMA max_page_count = {pages}")


def put(store: Store, name: str, value: str) -> None:
    with store.transaction() as tx:
        tx.put(Fact(name, value))


def test_a_full_disk_undoes_the_transaction_and_is_named(store: Store) -> None:
    put(store, "before", "kept")
    limit(store, FULL_AT)
    with pytest.raises(StoreFull, match=r"^the data directory .* cannot be used: database or disk is full$"):
        put(store, "large", "x" * 5_000_000)
    with store.snapshot() as tx:
        assert (tx.get(Fact, "before"), tx.get(Fact, "large")) == (Fact("before", "kept"), None)


def test_a_store_goes_on_when_there_is_room_again(store: Store) -> None:
    limit(store, FULL_AT)
    with pytest.raises(StoreFull):
        put(store, "large", "x" * 5_000_000)
    limit(store, 1_000_000)
    put(store, "large", "x" * 5_000_000)
    with store.snapshot() as tx:
        assert tx.count(Fact) == 1


def test_a_transaction_that_the_disk_refused_tells_nobody(store: Store) -> None:
    told: list[object] = []
    store.on_commit(told.append)
    limit(store, FULL_AT)
    with pytest.raises(StoreUnusable), store.transaction() as tx:
        tx.mark(("task", "arn"))
        tx.put(Fact("large", "x" * 5_000_000))
    assert told == []


def test_what_sqlite_cannot_do_is_unusable_and_a_mistake_of_the_program_is_its_own(store: Store) -> None:
    with pytest.raises(StoreUnusable, match="no such table"), store.snapshot() as tx:
        tx._connection.execute("SELECT 1 FROM Nowhere")
    with pytest.raises(ValueError, match="mistake"), store.transaction():
        raise ValueError("mistake")


def test_a_closed_store_stays_closed(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    put(store, "before", "kept")
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="is closed"):
        put(store, "after", "lost")
    with pytest.raises(StoreClosed), store.snapshot():
        pass
    assert not (tmp_path / "state.sqlite3-wal").exists()


def test_a_reader_that_outlives_the_store_leaves_no_file_open(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    put(store, "before", "kept")
    with store.snapshot() as tx:
        store.close()
        assert tx.get(Fact, "before") == Fact("before", "kept")
    assert not (tmp_path / "state.sqlite3-wal").exists()


def test_records_are_removed_by_their_numbers_up_to_one(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(*(Decided(1.0, "subject", f"{number}") for number in range(1, 6)))
    with store.transaction() as tx:
        tx.delete_until(Decided, 3)
    with store.snapshot() as tx:
        assert [one.text for one in tx.find(Decided, order="seq")] == ["4", "5"]
        with pytest.raises(RuntimeError, match="snapshot"):
            tx.delete_until(Decided, 4)


def test_a_transaction_knows_how_many_records_it_handled(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(Fact("a", ""), Fact("b", ""))
        tx.find(Fact)
        tx.get(Fact, "a")
        tx.delete(Fact("a", ""))
        assert tx.handled == 6
