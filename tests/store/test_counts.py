"""Numbers that SQLite keeps: whatever is put, replaced, deleted or undone, they are what counting would give."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from ecs_emulator import records
from ecs_emulator.store import Store

COLOURS, SIZES = ("red", "green"), (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Ball:
    """A record kind of this test's own."""

    KEY: ClassVar = ("box", "name")
    INDEXES: ClassVar = ()
    COUNTED: ClassVar = (("box", "colour", "size"),)

    box: str
    name: str
    colour: str
    size: int
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class UncountedBall:
    """The same a version earlier."""

    KEY: ClassVar = ("box", "name")
    INDEXES: ClassVar = ()

    box: str
    name: str
    colour: str
    size: int
    owner: str | None = None


UncountedBall.__name__ = UncountedBall.__qualname__ = "Ball"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(records, "kinds", lambda: iter([Ball]))
    store = Store(tmp_path, durable=False)
    yield store
    store.close()


def test_numbers_are_those_of_the_records_whatever_happened(store: Store) -> None:
    chance = random.Random(1)
    known: dict[tuple[str, str], Ball] = {}
    for _ in range(300):
        ball = Ball(chance.choice("ab"), chance.choice("stuvwxyz"), chance.choice(COLOURS), chance.choice(SIZES))
        with store.transaction() as tx:
            if chance.random() < 0.3:
                tx.delete(ball)
                known.pop((ball.box, ball.name), None)
            else:
                tx.put(ball)
                known[ball.box, ball.name] = ball
    with store.snapshot() as tx:
        assert tx.tally(Ball, ("colour", "size")) == Counter((ball.colour, ball.size) for ball in known.values())
        assert tx.tally(Ball, ("colour",), box="a") == Counter((b.colour,) for b in known.values() if b.box == "a")
        assert tx.count(Ball, size=[1, 2]) == sum(ball.size < 3 for ball in known.values())


def test_what_is_undone_is_not_counted(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.put(Ball("a", "x", "red", 1))
        raise ZeroDivisionError
    with store.snapshot() as tx:
        assert tx.count(Ball, box="a") == 0


def test_numbers_are_asked_and_records_are_not_read(store: Store) -> None:
    statements: list[str] = []
    with store.transaction() as tx:
        ball = Ball("a", "x", "red", 1)
        tx.put(ball, replace(ball, size=2), Ball("a", "y", "red", 2, owner="me"))
        tx._connection.set_trace_callback(statements.append)
        assert tx.count(Ball, box="a", size=2) == 2
        assert tx.count(Ball, box="a", owner="me") == 1
        tx._connection.set_trace_callback(None)
    assert ["number_by" in statement for statement in statements] == [True, False]


def test_old_records_are_counted_when_their_kind_begins_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "kinds", lambda: iter([UncountedBall]))
    old = Store(tmp_path, durable=False)
    with old.transaction() as tx:
        tx.put(
            UncountedBall("a", "x", "red", 1), UncountedBall("a", "y", "red", 1), UncountedBall("b", "x", "green", 3)
        )
    old.close()
    monkeypatch.setattr(records, "kinds", lambda: iter([Ball]))
    for _ in range(2):
        new = Store(tmp_path, durable=False)
        with new.transaction() as tx:
            assert tx.tally(Ball, ("box", "colour")) == {("a", "red"): 2, ("b", "green"): 1}
        new.close()


def test_a_directory_of_an_earlier_version_counts_what_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaced whole records, and had no trigger for one that is changed."""
    monkeypatch.setattr(records, "kinds", lambda: iter([Ball]))
    old = Store(tmp_path, durable=False)
    with old.transaction() as tx:
        tx.put(Ball("a", "x", "red", 1))
        (trigger,) = tx._connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%AFTER UPDATE'").fetchone()
        tx._connection.execute(f'DROP TRIGGER "{trigger}"')
    old.close()
    new = Store(tmp_path, durable=False)
    with new.transaction() as tx:
        tx.put(Ball("a", "x", "green", 2))
        assert tx.tally(Ball, ("colour", "size")) == {("green", 2): 1}
    new.close()


def test_only_what_changed_is_written(store: Store) -> None:
    statements: list[str] = []
    ball = Ball("a", "x", "red", 1)
    with store.transaction() as tx:
        tx.put(ball)
        tx._connection.set_trace_callback(statements.append)
        tx.put(ball)
        tx.put(replace(ball, owner="me"))
        tx._connection.set_trace_callback(None)
    written = [one for one in statements if not one.startswith("SELECT")]
    assert written == ["""UPDATE "Ball" SET "owner" = 'me' WHERE "box" = 'a' AND "name" = 'x'"""]
    with store.snapshot() as tx:
        assert tx.get(Ball, "a", "x") == replace(ball, owner="me")


def test_columns_alone_come_in_the_order_and_from_the_place_that_is_asked_for(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(*(Ball("a", name, "red", 1) for name in "zyxw"), Ball("b", "v", "red", 1))
        assert tx.columns(Ball, ("name", "size"), box="a", order="name", after=("w",), limit=2) == [("x", 1), ("y", 1)]
        assert tx.columns(Ball, ("name",), box="a", order="name", descending=True, limit=1) == [("z",)]
