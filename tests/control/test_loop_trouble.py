"""When nothing can be written down nothing is lost, and what is large is taken in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.control import loop, reaper, services
from ecs_emulator.control.loop import Done, Loop, Stop
from ecs_emulator.control.plan import Effect, Errand, Postponed, Remove
from ecs_emulator.control.shift_plan import CallHook
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceDeployment
from ecs_emulator.records.tasks import Stage, Task, TaskStatus
from ecs_emulator.store import StoreFull, Transaction
from tests.simulation import Simulation

FULL = "the data directory cannot be used: database or disk is full"


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path)
    made.call("CreateCluster", clusterName="default")
    made.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "app", "image": "app", "memory": 64}]
    )
    yield made
    made.close()


def run(sim: Simulation) -> str:
    arn: str = sim.call("RunTask", taskDefinition="web")["tasks"][0]["taskArn"]
    return arn


def disk(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While the answer's only item is True every commit of the store fails."""
    full = [True]
    whole = sim.store.transaction

    @contextlib.contextmanager
    def transaction(*, quietly: bool = False) -> Iterator[Transaction]:
        with whole(quietly=quietly) as tx:
            yield tx
            if full[0]:
                raise StoreFull(FULL)

    monkeypatch.setattr(sim.store, "transaction", transaction)
    return full


# --- a full disk ----------------------------------------------------------------------------------------------------


def test_what_was_seen_while_the_disk_was_full_is_not_lost(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = run(sim)
    sim.settle()
    full = disk(sim, monkeypatch)
    sim.kill(arn, exit_code=3)
    for _ in range(3):
        sim.step()
        assert sim.loop.problem == FULL
        assert not sim.loop.idle()
    assert sim.task(arn).last_status is TaskStatus.RUNNING
    full[0] = False
    sim.settle()
    assert sim.loop.problem is None
    assert sim.task(arn).last_status is TaskStatus.STOPPED
    assert sim.task(arn).containers[0].exit_code == 3


def test_what_was_asked_for_before_the_disk_was_full_is_done_after(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = run(sim)
    full = disk(sim, monkeypatch)
    sim.step()
    sim.step()
    full[0] = False
    sim.settle()
    assert sim.task(arn).last_status is TaskStatus.RUNNING


def test_no_effect_is_performed_that_could_not_be_recorded(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = held(sim)
    run(sim)
    disk(sim, monkeypatch)
    sim.step()
    assert workers.asked == []


def test_the_loop_ends_when_it_is_told_to_though_the_disk_is_full(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(sim, monkeypatch)
    sim.loop.tell(Stop())
    sim.loop.run()
    assert sim.loop.problem == FULL


# --- what is under way ----------------------------------------------------------------------------------------------


class HeldWorkers:
    """Performs an effect when it is told to."""

    def __init__(self, agent: SimulatedAgent) -> None:
        self._agent = agent
        self._held: list[tuple[Effect, Callable[[Done], None]]] = []
        self.asked: list[Effect] = []

    def submit(self, effect: Errand, post: Callable[[Done], None]) -> None:
        assert not isinstance(effect, CallHook)
        self.asked.append(effect)
        self._held.append((effect, post))

    def perform(self) -> None:
        held, self._held = self._held, []
        for effect, post in held:
            post(Done(effect, tuple(self._agent.perform(effect))))

    def words(self) -> list[str]:
        return [type(effect).__name__ for effect in self.asked]


def held(sim: Simulation) -> HeldWorkers:
    workers = HeldWorkers(sim.agent)
    sim.loop = Loop(sim.store, sim.agent, workers, sim.clock, sim.ids, sim.config)
    return workers


def test_nothing_is_removed_while_a_container_may_still_be_created(sim: Simulation) -> None:
    workers = held(sim)
    arn = run(sim)
    sim.step()
    workers.perform()
    sim.step()
    assert workers.words() == ["Pull", "Create"]
    sim.call("StopTask", task=arn)
    sim.step()
    assert sim.task(arn).last_status is TaskStatus.STOPPED
    sim.clock.advance(sim.config.timings.containers_kept + 1)
    sim.step()
    assert workers.words() == ["Pull", "Create"]
    workers.perform()
    sim.step()
    assert isinstance(workers.asked[-1], Remove)
    workers.perform()
    sim.step()
    assert sim.task(arn).cleaned


def test_what_was_postponed_is_forgotten_with_its_task(sim: Simulation) -> None:
    workers = held(sim)
    arn = run(sim)
    sim.step()
    (pull,) = workers.asked
    sim.loop.tell(Done(pull, (Postponed(arn, sim.clock.now() + 40, "not now"),)))
    sim.step()
    assert set(sim.loop._postponed) == {arn}
    sim.call("StopTask", task=arn)
    sim.step()
    sim.clock.advance(sim.config.timings.containers_kept + 1)
    sim.step()
    sim.step()
    workers.perform()
    sim.step()
    assert sim.task(arn).cleaned
    assert sim.loop._postponed == {}


# --- the clock ------------------------------------------------------------------------------------------------------


def test_the_loop_never_sleeps_longer_than_a_minute(sim: Simulation) -> None:
    sim.settle()
    assert 0 < sim.loop._sleep() <= loop.LONGEST_SLEEP


def test_everything_is_looked_at_when_the_clock_was_set_back(sim: Simulation) -> None:
    arn = run(sim)
    sim.settle()
    sim.clock._now -= 3_600.0
    with sim.store.transaction(quietly=True) as tx:  # a change that nobody was told of
        task = tx.get(Task, arn)
        assert task is not None
        tx.put(replace(task, containers=tuple(replace(one, stage=Stage.STOPPED) for one in task.containers)))
    sim.settle()
    assert sim.task(arn).last_status is TaskStatus.STOPPED


# --- much at once ---------------------------------------------------------------------------------------------------


def serve(sim: Simulation, desired: int, **more: Any) -> None:
    sim.call("CreateService", serviceName="web", taskDefinition="web", desiredCount=desired, **more)


def test_one_decision_starts_several_batches_and_says_each(sim: Simulation) -> None:
    serve(sim, 25)
    sim.settle()
    sizes = [event.count("(task ") for event in sim.events() if event.startswith("has started")]
    assert sizes == [10, 10, 5]
    assert sum("launch" in line for line in sim.journal().splitlines()) == 1


def test_what_cannot_be_placed_ends_the_batches(tmp_path: Path) -> None:
    sim = Simulation(tmp_path / "strict")
    sim.call("CreateCluster", clusterName="default")
    app = {"name": "app", "image": "app", "memory": 999_999_999}
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[app])
    serve(sim, 30)
    sim.settle()
    assert [event.partition(" because")[0] for event in sim.events()] == ["was unable to place a task"]
    sim.close()


def test_large_services_are_looked_at_a_few_in_a_transaction(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(sim, 1)
    sim.settle()
    crowd_services(sim, services=40, tasks=10)
    monkeypatch.setattr(loop, "MOST_HANDLED", 100)
    looked: list[int] = []
    read = services.read

    def counted(tx: Transaction, arn: str) -> Any:
        looked[-1] += 1
        return read(tx, arn)

    monkeypatch.setattr(services, "read", counted)
    while not sim.loop.idle():
        looked.append(0)
        sim.step()
    assert sum(looked) >= 40
    assert max(looked) <= 10


def crowd_services(sim: Simulation, services: int, tasks: int) -> None:
    """So many services more, each with so many tasks, as the one that is there; the loop is told to look at all."""
    with sim.store.transaction() as tx:
        (service,), (deployment,), (task,) = tx.find(Service), tx.find(ServiceDeployment), tx.find(Task)
        for number in range(services):
            arn, id = f"{service.arn}-{number}", f"{deployment.id}{number}"
            tx.put(replace(service, arn=arn, name=f"web-{number}", desired_count=tasks))
            tx.put(replace(deployment, id=id, service_arn=arn, desired_count=tasks))
            for place in range(tasks):
                tx.put(replace(task, arn=f"{task.arn}{number:04}{place:04}", service_arn=arn, deployment_id=id))


def test_the_journal_is_cut_in_parts_one_soon_after_the_other(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "JOURNAL_KEPT", 100)
    monkeypatch.setattr(reaper, "JOURNAL_AT_ONCE", 600)
    timings, now = sim.config.timings, sim.clock.now()
    with sim.store.transaction() as tx:
        tx.put(*(Decided(1.0, "subject", f"{number}") for number in range(1_000)))
        assert reaper.reap(tx, now, timings) == now + reaper.AGAIN
        assert tx.count(Decided) == 400
        assert reaper.reap(tx, now, timings) == now + reaper.EVERY
        assert [tx.count(Decided), tx.find(Decided, order="seq", limit=1)[0].text] == [100, "900"]
