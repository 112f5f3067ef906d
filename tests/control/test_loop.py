"""What a step costs, what it does again and what it does not, and when the next one is."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.clock import Instant
from ecs_emulator.control import loop as loops
from ecs_emulator.control.loop import Done, Loop, Stop
from ecs_emulator.control.plan import (
    PAUSE,
    Connect,
    Effect,
    EngineLost,
    Errand,
    Failed,
    Observation,
    Postponed,
    Pull,
    Seen,
    Snapshot,
    Wait,
)
from ecs_emulator.control.shift_plan import CallHook
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service
from ecs_emulator.records.tasks import Stage, TaskStatus
from ecs_emulator.store import Transaction
from tests.simulation import InlineWorkers, Simulation

PATIENCE = 10.0
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
SIZES = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    sim = Simulation(tmp_path)
    sim.call("CreateCluster", clusterName="default")
    sim.call("RegisterTaskDefinition", family="web", containerDefinitions=[{"name": "app", "image": "img"}], **SIZES)
    yield sim
    sim.close()


def serve(sim: Simulation, name: str, desired: int) -> None:
    sim.call(
        "CreateService",
        serviceName=name,
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        desiredCount=desired,
    )


def run(sim: Simulation) -> str:
    answer = sim.call("RunTask", taskDefinition="web", launchType="FARGATE", networkConfiguration=NETWORK)
    return str(answer["tasks"][0]["taskArn"])


def copies(sim: Simulation, count: int) -> None:
    """So many more running tasks of other services, put where the loop does not look at them one by one."""
    (task, *_) = sim.tasks(last_status=TaskStatus.RUNNING)
    with sim.store.transaction(quietly=True) as tx:
        (service, *_) = tx.find(Service)
        others = [
            replace(service, arn=f"{service.arn}-{n}", name=f"other-{n}", steady=True) for n in range(count // 50)
        ]
        tx.put(*others)
        for number in range(count):
            other = others[number % len(others)]
            arn = f"{task.arn[:-32]}{number:032x}"
            tx.put(replace(task, arn=arn, service_arn=other.arn, deployment_id=f"other/{other.name}"))


# --- cost -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that a transaction executes, transaction control apart."""
    seen: list[str] = []
    begun = Transaction.__init__

    def watched(self: Transaction, connection: sqlite3.Connection, *, writes: bool) -> None:
        connection.set_trace_callback(lambda sql: seen.append(sql) if not sql.startswith(CONTROL) else None)
        begun(self, connection, writes=writes)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "__init__", watched)
        yield seen


CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")


def test_a_step_that_touches_one_service_costs_the_same_whatever_else_there_is(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    serve(sim, "web", 3)
    sim.settle()
    for more in (100, 2900):
        copies(sim, more)
        sim.settle()
        sim.kill(next(task.id for task in sim.tasks(started_by=deployment(sim), last_status=TaskStatus.RUNNING)))
        with statements(monkeypatch) as seen:
            sim.settle()
        costs.append(len(seen))
    assert costs[0] == costs[1] > 0
    assert costs[0] < 250


def deployment(sim: Simulation, name: str = "web") -> str:
    (service,) = sim.call("DescribeServices", services=[name])["services"]
    return str(service["deployments"][0]["id"])


LOOKS: list[tuple[str, Callable[[Simulation], dict[str, Any]]]] = [
    ("DescribeTasks", lambda sim: {"tasks": [task.id for task in sim.tasks()[:3]]}),
    ("ListTasks", lambda sim: {}),
    ("ListTasks", lambda sim: {"desiredStatus": "STOPPED"}),
    ("ListTasks", lambda sim: {"family": "web"}),
    ("ListTasks", lambda sim: {"serviceName": "web"}),
    ("ListTasks", lambda sim: {"startedBy": deployment(sim)}),
    ("ListTasks", lambda sim: {"containerInstance": "0" * 32}),
    ("ListTasks", lambda sim: {"launchType": "FARGATE"}),
    ("DescribeServices", lambda sim: {"services": ["web"]}),
    ("ListServices", lambda sim: {}),
    ("ListServices", lambda sim: {"launchType": "FARGATE"}),
    ("DescribeClusters", lambda sim: {"clusters": ["default"], "include": ["STATISTICS"]}),
]


@pytest.mark.parametrize(("operation", "params"), LOOKS)
def test_looking_reads_by_index(
    sim: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    params: Callable[[Simulation], dict[str, Any]],
) -> None:
    serve(sim, "web", 3)
    sim.settle()
    asked = params(sim)
    with statements(monkeypatch) as seen:
        sim.call(operation, **asked)
    assert seen
    assert scans(sim, seen) == []


def test_deciding_reads_by_index(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(sim, "web", 3)
    sim.settle()
    for task in sim.tasks():
        sim.kill(task.id)
    with statements(monkeypatch) as seen:
        sim.settle()
    assert scans(sim, seen) == []


def scans(sim: Simulation, seen: list[str]) -> list[str]:
    """The statements that read a whole table, by SQLite's own account."""
    found = []
    with contextlib.closing(sqlite3.connect(sim.directory / "state.sqlite3")) as raw:
        for sql in seen:
            plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}")]
            found += [f"{step}: {sql}" for step in plan if step.startswith("SCAN") and "sqlite_master" not in step]
    return found


def test_a_full_pass_is_done_in_short_steps_and_lets_what_is_new_go_first(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "MOST_AT_ONCE", 20)
    serve(sim, "web", 1)
    sim.settle()
    copies(sim, 150)
    decided: list[list[str]] = []
    inner = Loop._decide

    def watched(self: Loop, tx: Transaction, mark: tuple[str, str], step: Any) -> None:
        decided[-1].append(mark[1])
        inner(self, tx, mark, step)

    monkeypatch.setattr(Loop, "_decide", watched)
    sim.clock.advance(loops.FULL_PASS_EVERY)
    decided.append([])
    sim.step()
    assert not sim.loop.idle()
    new = run(sim)
    decided.append([])
    sim.step()
    assert decided[1][0] == new
    while not sim.loop.idle():
        decided.append([])
        sim.step()
    assert max(map(len, decided)) == 20
    assert {task.arn for task in sim.tasks(last_status=TaskStatus.RUNNING)} <= {arn for step in decided for arn in step}


# --- effects --------------------------------------------------------------------------------------------------------


class Scripted:
    """An agent that answers what the test puts there, and remembers what it was asked for."""

    def __init__(self, sim: Simulation) -> None:
        self.real = SimulatedAgent(sim.clock, containers_kept=60.0)
        self.answers: dict[type, list[tuple[Observation, ...]]] = {}
        self.asked: list[tuple[Instant, Effect]] = []
        self._clock = sim.clock

    def decide(self, task: Any, now: Instant) -> Iterator[Effect | Wait]:
        return self.real.decide(task, now)

    def perform(self, effect: Effect) -> Iterable[Observation]:
        self.asked.append((self._clock.now(), effect))
        waiting = self.answers.get(type(effect))
        return waiting.pop(0) if waiting else self.real.perform(effect)

    def watch(self, tell: Callable[[Observation], None]) -> None:
        """Nothing happens by itself."""

    def forget(self, keep_running: bool) -> None:
        """There is nothing."""

    def close(self) -> None:
        """There is nothing."""


class Held:
    """Workers that do nothing until they are told to: what is under way stays so."""

    def __init__(self, agent: Scripted) -> None:
        self.agent = agent
        self.held: list[tuple[Effect, Callable[[Done], None]]] = []

    def submit(self, effect: Errand, post: Callable[[Done], None]) -> None:
        assert not isinstance(effect, CallHook)
        self.held.append((effect, post))

    def release(self) -> None:
        held, self.held = self.held, []
        for effect, post in held:
            post(Done(effect, tuple(self.agent.perform(effect))))


@pytest.fixture
def agent(sim: Simulation) -> Scripted:
    scripted = Scripted(sim)
    sim.loop._agent = scripted
    sim.loop._workers = InlineWorkers(scripted)  # type: ignore[arg-type]
    return scripted


def of(agent: Scripted, kind: type) -> list[Instant]:
    return [at for at, effect in agent.asked if isinstance(effect, kind)]


def test_a_postponed_effect_is_asked_for_again_when_it_is_due_and_not_before(sim: Simulation, agent: Scripted) -> None:
    began = sim.clock.now()
    task = run(sim)
    agent.answers[Pull] = [(Postponed(task, began + 2.0, "the engine is away"),)]
    sim.settle()
    assert of(agent, Pull) == [began]
    sim.call("StopTask", task=run(sim))  # other things go on
    sim.advance(1.0)
    assert [at for at, effect in agent.asked if isinstance(effect, Pull) and effect.slice.task.arn == task] == [began]
    sim.advance(1.5)
    assert [at for at, effect in agent.asked if isinstance(effect, Pull) and effect.slice.task.arn == task] == [
        began,
        began + 2.0,
    ]
    assert sim.task(task).last_status is TaskStatus.RUNNING


def test_an_effect_that_is_under_way_is_not_asked_for_again(sim: Simulation, agent: Scripted) -> None:
    sim.loop._workers = workers = Held(agent)
    task = run(sim)
    for _ in range(5):
        sim.step()
        sim.loop.tell(frozenset({("task", task)}))
    assert len(workers.held) == 1 and not sim.loop.idle()
    workers.release()
    sim.step()
    assert [effect.container for effect, _ in workers.held] == ["app"]
    assert len(of(agent, Connect)) == 1


def test_effects_are_journaled_with_their_cause(sim: Simulation) -> None:
    task = run(sim)
    sim.settle()
    with sim.store.snapshot() as tx:
        texts = [one.text for one in tx.find(Decided, subject=task, order="seq")]
    assert texts == [
        f"connect {PAUSE} because an awsvpc task needs its network before its images",
        "PENDING (desired RUNNING, version 2) because its network is ready",
        "pull app because img is not resolved yet",
        "create app because its image is here and its dependencies hold",
        "start app because it is created and its dependencies hold",
        "RUNNING (desired RUNNING, version 3) because all its containers have started",
    ]


def test_a_network_that_cannot_be_made_ends_the_task_with_its_reason(sim: Simulation, agent: Scripted) -> None:
    task = run(sim)
    agent.answers[Connect] = [(Failed(task, PAUSE, "Unexpected EC2 error while attempting to attach", 1.0),)]
    sim.settle()
    ended = sim.task(task)
    assert (ended.last_status, ended.stop_code) == (TaskStatus.STOPPED, "TaskFailedToStart")
    assert ended.stopped_reason == "Unexpected EC2 error while attempting to attach"


def test_what_is_seen_of_a_task_that_is_forgotten_is_nothing(sim: Simulation) -> None:
    sim.loop.tell(Seen("arn:nobody", "app", Stage.STOPPED, "x"))
    sim.loop.tell(frozenset({("task", "arn:nobody"), ("service", "arn:nobody"), ("instance", "arn:nobody")}))
    sim.settle()
    assert sim.tasks() == []


# --- the engine -----------------------------------------------------------------------------------------------------


def test_a_snapshot_ends_what_is_not_in_it_and_keeps_what_is(sim: Simulation) -> None:
    tasks = sorted([run(sim), run(sim), run(sim)])
    sim.settle()
    kept, stopped, vanished = tasks
    now = sim.clock.now()
    sim.loop.tell(EngineLost("gone away"))
    sim.settle()
    assert sim.loop.engine_lost == "gone away"
    seen = (
        *(Seen(task, PAUSE, Stage.RUNNING, "p") for task in tasks),
        Seen(kept, "app", Stage.RUNNING, "e"),
        Seen(stopped, "app", Stage.STOPPED, "e", exit_code=4, finished_at=now - 5),
        Seen("arn:nobody", "app", Stage.RUNNING, "e"),
    )
    sim.loop.tell(Snapshot(seen, now))
    sim.settle()
    assert sim.loop.engine_lost is None
    assert sim.task(kept).last_status is TaskStatus.RUNNING
    assert sim.task(stopped).containers[0].exit_code == 4
    container = sim.task(vanished).containers[0]
    assert container.reason == "ContainerVanishedError: No container matching saved ID found"
    assert container.exit_code is None and sim.task(vanished).stop_code == "EssentialContainerExited"


# --- timers ---------------------------------------------------------------------------------------------------------


def test_the_next_step_is_due_when_the_earliest_wait_ends(sim: Simulation) -> None:
    sim.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "app", "image": "i", "dockerLabels": {"ecs-emulator.simulate": "exit=0 after=9s"}}
        ],
        **SIZES,
    )
    began = sim.clock.now()
    run(sim)
    sim.settle()
    assert sim.loop.next_due() == began + 9.0
    sim.clock.advance(4)
    run(sim)
    sim.settle()
    assert sim.loop.next_due() == began + 9.0
    sim.advance(5)
    assert sim.loop.next_due() == began + 13.0


def test_without_anything_to_wait_for_only_the_reaper_is_due(sim: Simulation) -> None:
    sim.settle()
    assert sim.loop.next_due() == sim.clock.now() + 60.0
    assert sim.loop.idle()


# --- the thread -----------------------------------------------------------------------------------------------------


def test_the_thread_moves_when_a_request_commits_and_ends_when_it_is_told(sim: Simulation) -> None:
    thread = threading.Thread(target=sim.loop.run)
    thread.start()
    task = run(sim)
    deadline = time.monotonic() + PATIENCE
    while sim.task(task).last_status is not TaskStatus.RUNNING:
        assert time.monotonic() < deadline, "the loop does not hear of the request"
        time.sleep(0.005)
    sim.loop.tell(Stop())
    thread.join(PATIENCE)
    assert not thread.is_alive()
