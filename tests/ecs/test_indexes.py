"""No operation walks a whole table: each is asked among 100,000 tasks and 10,000 services, and SQLite tells how it reads.

Three measures, none of them a clock: the plan of every statement, the records handled, and the instructions of SQLite's machine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.clock import Instant
from ecs_emulator.config import Config
from ecs_emulator.ids import Ids
from ecs_emulator.records.services import Service
from ecs_emulator.records.tasks import Task
from ecs_emulator.store import Store, Transaction
from ecs_emulator.wire.call import Call, Context, Document
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.tokens import Tokens
from tests.crowded import asked, requests, world
from tests.crowded.requests import CHANGES, READS, Sample
from tests.crowded.world import Crowded
from tests.simulation import ECS

NOW: Instant = 1_789_591_225.0
READING = ("SELECT", "UPDATE", "DELETE")
STEPS = 100
"""How exactly the instructions are counted."""
INSTRUCTIONS, INSTRUCTIONS_FOR_A_RECORD = 25_000, 60
"""What one operation may take, and more for each record that it is allowed: a walk through the crowd's tasks takes 200,000."""


@dataclass(slots=True)
class Crowd:
    """The store and what is in it. Lives as long as this module's tests."""

    store: Store
    made: Crowded
    directory: Path

    def call(self, operation: str, tx: Transaction) -> Call:
        context = Context(
            store=self.store,
            world=world.HOME,
            now=NOW,
            ids=Ids(7),
            config=Config(data_dir=self.directory),
            principal_arn=world.HOME.root_arn,
            request_id="request",
            data_dir=self.directory,
            endpoint="http://127.0.0.1:4566",
            tokens=Tokens(b"0" * 32),
        )
        return Call.of(context, operation, tx)


@dataclass(slots=True)
class Watched:
    """What SQLite was asked in one transaction, and how much it had to do."""

    connection: sqlite3.Connection
    statements: list[str] = field(default_factory=list)
    instructions: int = 0

    def stepped(self) -> None:
        self.instructions += STEPS

    def walks(self) -> list[str]:
        """Every part of a plan that reads a table or an index from end to end, or sorts what it found."""
        return [
            f"{step}: {statement}"
            for statement in self.statements
            if statement.startswith(READING)
            for _, _, _, step in self.connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            if step.startswith("SCAN") or step == "USE TEMP B-TREE FOR ORDER BY"
        ]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    directory = tmp_path_factory.mktemp("crowd")
    store = Store(directory, durable=False)
    yield Crowd(store, asked.fill(store, NOW), directory)
    store.close()


class Undone(Exception):
    """Ends a transaction without a trace: the next test finds the crowd as it was."""


@contextmanager
def watched(tx: Transaction) -> Iterator[Watched]:
    """What happens on the transaction's own connection."""
    connection = tx._connection
    seen = Watched(connection)
    connection.set_trace_callback(seen.statements.append)
    connection.set_progress_handler(seen.stepped, STEPS)
    try:
        yield seen
    finally:
        connection.set_trace_callback(None)
        connection.set_progress_handler(None, 0)


def ask(crowd: Crowd, sample: Sample, tx: Transaction, params: dict[str, Any]) -> Document:
    """The operation's answer, once it is known that it read by index, and not more than it may."""
    before = tx.handled
    answer: Document = {}
    with watched(tx) as seen:
        try:
            answer = ECS.functions()[sample.operation](crowd.call(sample.operation, tx), params)
        except AwsError:
            if not sample.refused:
                raise
    assert seen.walks() == []
    assert tx.handled - before <= sample.handled
    assert seen.instructions <= INSTRUCTIONS + INSTRUCTIONS_FOR_A_RECORD * sample.handled
    return answer


# --- the crowd ------------------------------------------------------------------------------------------------------


def test_the_crowd_is_as_large_as_it_says(crowd: Crowd) -> None:
    with crowd.store.snapshot() as tx:
        assert tx.count(Task) == 100_000
        assert tx.count(Service) >= 10_000
        assert tx.count(Task, cluster_arn=world.HOME.arn("ecs", "cluster/crowd")) >= 50_000


def test_a_walk_is_noticed(crowd: Crowd) -> None:
    with crowd.store.snapshot() as tx, watched(tx) as seen:
        tx.find(Service, name="service-00001")
        tx.find(Service, cluster_arn=world.HOME.arn("ecs", "cluster/crowd"), order="name", limit=1)
    assert [walk.partition(":")[0] for walk in seen.walks()] == ["SCAN Service", "USE TEMP B-TREE FOR ORDER BY"]
    assert seen.instructions > INSTRUCTIONS


# --- the operations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", sorted(ECS.functions()))
def test_every_operation_has_a_request_among_the_crowd(operation: str) -> None:
    assert not requests.missing([operation]), f"add a sample of {operation} to tests/crowded/requests.py"


@pytest.mark.parametrize("sample", READS, ids=str)
def test_a_read_goes_by_index(crowd: Crowd, sample: Sample) -> None:
    params = sample.ask(crowd.made, 0)
    with crowd.store.snapshot() as tx:
        answer = ask(crowd, sample, tx, params)
        if token := answer.get("nextToken"):
            following = ask(crowd, sample, tx, {**params, "nextToken": token})
            assert following != answer


@pytest.mark.parametrize("sample", CHANGES, ids=str)
def test_a_change_reads_by_index(crowd: Crowd, sample: Sample) -> None:
    with pytest.raises(Undone), crowd.store.transaction() as tx:
        ask(crowd, sample, tx, sample.ask(crowd.made, 0))
        raise Undone
