"""Keys are in the store: whatever the umask and whoever made the directory, its owner alone reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.glob("state*")}


def write(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(Fact("key", "secret"))


def test_every_file_of_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store)
    assert modes(tmp_path) == {"state.sqlite3": 0o600, "state.sqlite3-wal": 0o600, "state.sqlite3-shm": 0o600}
    store.close()


def test_a_store_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    first = Store(tmp_path)
    write(first)
    for path in tmp_path.glob("state*"):
        path.chmod(0o644)
    store = Store(tmp_path)
    assert set(modes(tmp_path).values()) == {0o600}
    with store.snapshot() as tx:
        assert tx.get(Fact, "key") == Fact("key", "secret")
    store.close()
    first.close()


def test_a_directory_that_is_made_for_it_is_its_owners_alone_too(tmp_path: Path) -> None:
    Store(tmp_path / "made").close()
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
