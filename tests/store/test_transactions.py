"""One write lock, snapshots that never wait, and nothing half done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ecs_emulator.records import Mark
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.tasks import Attachment, AttachmentStatus, Container, Health, Stage, Task, TaskStatus
from ecs_emulator.store import Store

PATIENCE = 10.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, durable=False)
    yield store
    store.close()


def cluster(name: str, **more: object) -> Cluster:
    made = Cluster(f"arn:{name}", "1", "r", name, ClusterStatus.ACTIVE, 1.5, {"settings": [{"name": "x"}]})
    return replace(made, **more)  # type: ignore[arg-type]


def task(name: str, **more: object) -> Task:
    made = Task(
        f"arn/{name}", "1", "r", "c", "d", "f", "g", "EC2", "bridge", 0.0, 0, 0, {}, (Container("u", "app", "i"),)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def put(store: Store, *records: object) -> None:
    with store.transaction() as tx:
        tx.put(*records)


def names(store: Store, **wanted: object) -> list[str]:
    with store.snapshot() as tx:
        return [one.name for one in tx.find(Cluster, **wanted)]  # type: ignore[arg-type]


# --- records --------------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_went_in(store: Store) -> None:
    attached = Attachment("a", AttachmentStatus.ATTACHED, "subnet-1", private_ipv4_address="10.0.0.4")
    container = Container("u", "app", "i", Stage.RUNNING, health=Health.HEALTHY, network_bindings=({"hostPort": 80},))
    whole = task("whole", containers=(container,), attachment=attached, ports=(80, 443), spec={"é": [1, None]})
    put(store, whole, cluster("a", tags={"k": "v"}))
    with store.snapshot() as tx:
        assert tx.get(Task, "arn/whole") == whole
        assert tx.get(Cluster, "arn:a") == cluster("a", tags={"k": "v"})
        found = tx.get(Task, "arn/whole")
    assert found is not None and isinstance(found.last_status, TaskStatus)
    assert isinstance(found.containers[0].stage, Stage) and isinstance(found.ports, tuple)


def test_putting_again_replaces_by_key(store: Store) -> None:
    put(store, cluster("a"))
    put(store, cluster("a", status=ClusterStatus.INACTIVE))
    with store.snapshot() as tx:
        assert tx.count(Cluster) == 1
        found = tx.get(Cluster, "arn:a")
    assert found is not None and found.status is ClusterStatus.INACTIVE


def test_a_record_without_a_number_gets_the_next_one(store: Store) -> None:
    put(store, Decided(1.0, "a", "first"), Decided(2.0, "b", "second"))
    with store.snapshot() as tx:
        assert [(one.seq, one.text) for one in tx.find(Decided, order="seq")] == [(1, "first"), (2, "second")]


def test_what_is_deleted_is_gone_and_what_never_was_is_none(store: Store) -> None:
    put(store, cluster("a"))
    with store.transaction() as tx:
        tx.delete(cluster("a"), cluster("b"))
    with store.snapshot() as tx:
        assert tx.get(Cluster, "arn:a") is None
        assert tx.first(Cluster, name="a") is None


# --- questions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(store: Store) -> Store:
    put(store, *(cluster(name, deleted_at=place or None) for place, name in enumerate("abcde")))
    return store


def test_find_takes_a_value_any_of_several_or_none(five: Store) -> None:
    assert names(five, name="b") == ["b"]
    assert names(five, name=["b", "d", "x"], order="name") == ["b", "d"]
    assert names(five, name=frozenset({"e"})) == ["e"]
    assert names(five, name=[]) == []
    assert names(five, deleted_at=None) == ["a"]
    assert names(five, status=ClusterStatus.ACTIVE, name=("a", "b"), deleted_at=None) == ["a"]


def test_find_orders_limits_and_begins_behind_a_key(five: Store) -> None:
    assert names(five, order="name", descending=True, limit=2) == ["e", "d"]
    assert names(five, order="name", after=("b",), limit=2) == ["c", "d"]
    assert names(five, order="name", after=("b",), descending=True) == ["a"]
    assert names(five, order="status, name", after=("ACTIVE", "c"), region="r") == ["d", "e"]
    assert names(five, order="name", after=("bb",), limit=1) == ["c"]


def test_pages_by_key_are_each_record_once(five: Store) -> None:
    seen: list[str] = []
    after = None
    while page := names(five, order="name", after=after, limit=2):
        seen += page
        after = (page[-1],)
    assert seen == list("abcde")


def test_counts_keys_and_tallies(five: Store) -> None:
    put(five, cluster("f", status=ClusterStatus.INACTIVE, region="s"))
    with five.snapshot() as tx:
        assert tx.count(Cluster) == 6
        assert tx.count(Cluster, status=ClusterStatus.INACTIVE, name=["e", "f"]) == 1
        assert sorted(tx.keys(Cluster, region="s")) == [("arn:f",)]
        assert tx.tally(Cluster, ("region", "status")) == {("r", "ACTIVE"): 5, ("s", "INACTIVE"): 1}
        assert tx.tally(Cluster, ("region",), status="INACTIVE") == {("s",): 1}


# --- transactions ---------------------------------------------------------------------------------------------------


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    told: list[frozenset[Mark]] = []
    store.on_commit(told.append)
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.put(cluster("a"), task("one"))
        _ = 1 // 0
    assert names(store) == []
    assert told == []
    put(store, cluster("b"))
    assert names(store) == ["b"]


def test_a_transaction_reads_what_it_wrote(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(cluster("a"))
        assert tx.count(Cluster) == 1


def test_a_snapshot_refuses_to_be_written_to(store: Store) -> None:
    with store.snapshot() as tx:
        with pytest.raises(RuntimeError, match="a snapshot cannot be written to"):
            tx.put(cluster("a"))
        with pytest.raises(RuntimeError, match="a snapshot cannot be written to"):
            tx.delete(cluster("a"))
        with pytest.raises(RuntimeError, match="a snapshot cannot be written to"):
            tx.mark(("task", "x"))


def test_a_snapshot_neither_waits_for_a_writer_nor_sees_it(store: Store) -> None:
    put(store, cluster("a"))
    with store.transaction() as writing:
        writing.put(cluster("b"))
        assert names(store) == ["a"]
    assert names(store, order="name") == ["a", "b"]


def test_a_snapshot_stays_as_it_began(store: Store) -> None:
    put(store, cluster("a"))
    with store.snapshot() as tx:
        assert tx.count(Cluster) == 1
        put(store, cluster("b"))
        assert tx.count(Cluster) == 1
    assert len(names(store)) == 2


def test_writers_queue_for_the_one_lock(store: Store) -> None:
    begun = threading.Event()
    order: list[str] = []

    def late() -> None:
        begun.set()
        with store.transaction():
            order.append("late")

    with store.transaction():
        thread = threading.Thread(target=late)
        thread.start()
        assert begun.wait(PATIENCE)
        order.append("early")
    thread.join(PATIENCE)
    assert order == ["early", "late"]


def test_many_threads_lose_no_write(store: Store) -> None:
    put(store, cluster("counter", tags={"n": "0"}))

    def count(_: int) -> None:
        with store.transaction() as tx:
            found = tx.get(Cluster, "arn:counter")
            assert found is not None
            tx.put(replace(found, tags={"n": str(int(found.tags["n"]) + 1)}))
        with store.snapshot() as tx:
            assert tx.count(Cluster) == 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(count, range(240)))
    with store.snapshot() as tx:
        found = tx.get(Cluster, "arn:counter")
    assert found is not None and found.tags == {"n": "240"}


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, cluster("a"))
    store.close()
    again = Store(tmp_path)
    assert names(again) == ["a"]
    again.close()


# --- marks ----------------------------------------------------------------------------------------------------------


def test_a_commit_tells_once_which_slices_it_touched(store: Store) -> None:
    told: list[frozenset[Mark]] = []
    store.on_commit(told.append)
    with store.transaction() as tx:
        tx.put(task("one", service_arn="s", container_instance_arn="i"), cluster("a"))
        tx.delete(task("two"))
        tx.mark(("service", "waiting"))
    everything = {("task", "arn/one"), ("service", "s"), ("instance", "i"), ("task", "arn/two"), ("service", "waiting")}
    assert told == [everything]


def test_nobody_is_told_of_what_touches_no_slice_or_is_done_quietly(store: Store) -> None:
    told: list[frozenset[Mark]] = []
    store.on_commit(told.append)
    put(store, cluster("a"))
    with store.transaction(quietly=True) as tx:
        tx.put(task("one"))
        assert tx.take_marks() == {("task", "arn/one")}
        assert tx.take_marks() == set()
    assert told == []


def test_the_lock_is_free_when_listeners_are_told(store: Store) -> None:
    store.on_commit(lambda marks: put(store, cluster("told")))
    put(store, task("one"))
    assert names(store) == ["told"]
