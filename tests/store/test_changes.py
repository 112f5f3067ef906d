"""What a transaction changed in the columns that are told of: noted state by state, and written about before the commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecs_emulator.records import Mark
from ecs_emulator.records.events import ResourcesChanged, StateEvent
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.store import Change, Store, Transaction

MACHINE = ContainerInstance(
    arn="arn:aws:ecs:us-east-1:123456789012:container-instance/default/a",
    account="123456789012",
    region="us-east-1",
    cluster_arn="arn:aws:ecs:us-east-1:123456789012:cluster/default",
    ec2_instance_id="i-1",
    status=InstanceStatus.ACTIVE,
    origin=Origin.API,
    agent_connected=True,
    cpu=1024,
    memory=1024,
    registered_at=0.0,
)
FIRST = (1, "ACTIVE", True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path, durable=False)
    yield made
    made.close()


@pytest.fixture
def noted(store: Store) -> list[list[Change]]:
    found: list[list[Change]] = []
    store.before_commit(lambda tx: found.append(tx.take_changes()))
    return found


def test_each_state_is_noted_with_the_one_before(store: Store, noted: list[list[Change]]) -> None:
    second = replace(MACHINE, version=2)
    third = replace(second, version=3, status=InstanceStatus.DRAINING)
    with store.transaction() as tx:
        tx.put(MACHINE)
        tx.put(second)
    with store.transaction() as tx:
        tx.put(third)
    assert noted == [[(None, MACHINE), (FIRST, second)], [((2, "ACTIVE", True), third)]]


def test_what_changes_in_other_columns_alone_is_not(store: Store, noted: list[list[Change]]) -> None:
    with store.transaction() as tx:
        tx.put(MACHINE)
        tx.put(replace(MACHINE, cpu=2048))
    with store.transaction() as tx:
        tx.put(replace(MACHINE, memory=2048), ResourcesChanged(MACHINE.arn, MACHINE.account, MACHINE.region))
    assert noted == [[(None, MACHINE)], []]


def test_nothing_is_noted_where_nobody_asks(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(MACHINE)
        assert tx.take_changes() == []


def test_what_is_written_beside_a_change_is_undone_with_it(store: Store) -> None:
    def beside(tx: Transaction) -> None:
        tx.put(ResourcesChanged(MACHINE.arn, MACHINE.account, MACHINE.region))
        if tx.take_changes()[0].record.version == 2:
            raise ZeroDivisionError

    store.before_commit(beside)
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.put(replace(MACHINE, version=2))
    with store.snapshot() as tx:
        assert (tx.find(ContainerInstance), tx.find(ResourcesChanged)) == ([], [])
    with store.transaction() as tx:
        tx.put(MACHINE)
    with store.snapshot() as tx:
        assert (len(tx.find(ContainerInstance)), len(tx.find(ResourcesChanged))) == (1, 1)


def test_what_is_marked_beside_a_change_is_told_or_left_to_the_quiet(store: Store) -> None:
    told: list[frozenset[Mark]] = []
    store.before_commit(lambda tx: tx.mark(("instance", "beside")))
    store.on_commit(told.append)
    with store.transaction():
        pass
    with store.transaction(quietly=True) as tx:
        pass
    assert told == [frozenset({("instance", "beside")})]
    assert tx.take_marks() == {("instance", "beside")}


def test_a_number_that_counts_on_is_not_given_again(store: Store) -> None:
    event = StateEvent("1", "r", "id", 0.0, "type", None, None, "default", None, {})
    with store.transaction() as tx:
        tx.put(event, event)
    with store.transaction() as tx:
        tx.delete_until(StateEvent, 2)
        tx.put(event)
        assert [one.seq for one in tx.find(StateEvent)] == [3]
