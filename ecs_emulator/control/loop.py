"""The one thread that moves things: it observes, decides, records and acts, and sleeps until something changes.

What lives only here: the inbox, the timers, which effects are under way. What it does not know: engines, HTTP, AWS's wire.
A step costs what changed: it reads the slices that a commit or an observation touched, by index, and asks the pure functions for each.
Nothing needs recovery code: at start every slice is looked at once, and the agent's first snapshot tells what runs.
"""

from __future__ import annotations

import heapq
import logging
import queue
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ecs_emulator.clock import Clock, Instant
from ecs_emulator.config import Config
from ecs_emulator.control import (
    capacity,
    daemons,
    faults,
    hooks,
    instances,
    observe,
    reaper,
    record,
    record_daemons,
    scaling,
    services,
    tasks,
)
from ecs_emulator.control.backlog import Backlog
from ecs_emulator.control.plan import (
    PAUSE,
    Agent,
    Effect,
    EngineLost,
    Errand,
    Observation,
    Postponed,
    Remove,
    Snapshot,
    Start,
    TaskObservation,
    TaskSlice,
    Wait,
    effect_key,
    mark_of,
)
from ecs_emulator.control.shift_plan import CallHook, HookAnswered
from ecs_emulator.ids import Ids
from ecs_emulator.records import Mark
from ecs_emulator.records.daemons import Daemon, DaemonTaskDefinition
from ecs_emulator.records.faults import OF_INSTANCES, OF_TASKS, Fault
from ecs_emulator.records.hooks import LifecycleHook
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.scaling import ScalingGroup, key_of
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.task_definitions import TaskDefinition
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import daemon_definitions
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Store, StoreUnusable, Transaction

log = logging.getLogger(__name__)

FULL_PASS_EVERY = 900.0
"""Seconds between two looks at everything: a safety net, not the way things move."""
MOST_AT_ONCE = 200
"""Slices looked at in one transaction: the rest waits for the next step, so that requests get in between."""
MOST_HANDLED = 2000
"""Records read and written in one transaction, after which no further slice is looked at: services differ in size."""
LONGEST_SLEEP = 60.0
"""Seconds: a clock that was set, or a machine that slept, is noticed after that."""
RETRY_AFTER = 1.0
"""Seconds until what could not be written down is tried again."""
REAPER: Mark = ("reaper", "")
ORDER = {"fault": -1, "task": 0, "service": 1, "instance": 2, "daemon": 3, "scaling": 3, "reaper": 4}


@dataclass(frozen=True, slots=True)
class Done:
    """A worker's answer: the effect is over, and this is what was seen."""

    effect: Errand
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the loop's thread once what is in the inbox is done."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Have it later: `move_to` moves the clock, `done` is told when all that was to happen until then has happened."""

    until: Instant
    move_to: Callable[[Instant], None]
    done: Callable[[], None]


Letter = frozenset[Mark] | Done | Observation | Stop | Advance
Definition = TaskDefinition | DaemonTaskDefinition


class Workers(Protocol):
    """Performs effects, each in its lane, and posts each answer as a `Done`."""

    def submit(self, effect: Errand, post: Callable[[Done], None]) -> None: ...


@dataclass(slots=True)
class _Step:
    """What one step gathers. Lives inside one transaction."""

    now: Instant
    effects: dict[tuple[str, str], Errand] = field(default_factory=dict)
    most_handled: int = 0
    definitions: set[str] = field(default_factory=set)
    """Those that were seen to be what the loop remembers."""
    faults: tuple[Fault, ...] | None = None
    """What befalls tasks now; None until a task is looked at."""


class Loop:
    """Lives as long as the server; only its own thread calls anything but `tell`."""

    def __init__(self, store: Store, agent: Agent, workers: Workers, clock: Clock, ids: Ids, config: Config) -> None:
        self._store = store
        self._agent = agent
        self._workers = workers
        self._clock = clock
        self._ids = ids
        self._config = config
        self._inbox: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self._under_way: set[tuple[str, str]] = set()
        self._postponed: dict[str, dict[str, tuple[type[Errand], Instant]]] = {}
        """By task and container, which step until when; forgotten with the task."""
        self._timers: list[tuple[Instant, Mark]] = []
        self._due: dict[Mark, Instant] = {}
        self._definitions: OrderedDict[str, Definition] = OrderedDict()
        self._backlog = Backlog(_in_order)
        self._unrecorded: list[Observation] = []
        """What was seen when it could not be written down."""
        self._next_full_pass = 0.0
        self._advances: list[Advance] = []
        """Those who want it to be later, in the order of their asking."""
        self.engine_lost: str | None = None
        self.problem: str | None = None
        """Why nothing can be written down now, as when the disk is full; None as long as it can."""
        store.on_commit(self.tell)

    def tell(self, letter: Letter) -> None:
        """Put something into the inbox; the only thing that other threads may call."""
        self._inbox.put(letter)

    def run(self) -> None:
        """Step whenever something changed or is due, until a `Stop`."""
        while True:
            letters = self._letters(self._sleep())
            self.step(letters)
            if any(isinstance(letter, Stop) for letter in letters):
                for asked in self._advances:
                    asked.done()
                return
            self._hurry()

    def step(self, letters: Iterable[Letter] = ()) -> None:
        """Observe what came in, decide about all it touched, record that, then act on it."""
        now = self._clock.now()
        step = _Step(now)
        seen, marks = self._opened(letters)
        marks |= self._timers_due(now)
        seen = [*self._unrecorded, *seen]
        try:
            with self._store.transaction(quietly=True) as tx:
                self._record(tx, seen, marks, step)
        except StoreUnusable as error:
            self._keep(seen, str(error))
            return
        self._backlog.add(tx.take_marks())
        self._unrecorded, self.problem = [], None
        for effect in step.effects.values():
            self._under_way.add(effect_key(effect))
            self._workers.submit(effect, self.tell)

    def _hurry(self) -> None:
        """Move time on to the next instant that something waits for, as long as it shall be later and nothing is left to do now."""
        while self._advances and self.idle():
            asked, due = self._advances[0], self.next_due()
            if due is not None and due <= asked.until:
                asked.move_to(due)
            elif self._clock.now() < asked.until:
                asked.move_to(asked.until)
            else:
                asked.done()
                del self._advances[0]
                continue
            self.step()

    def _record(self, tx: Transaction, seen: list[Observation], marks: set[Mark], step: _Step) -> None:
        if self._full_pass_due(step.now):
            self._backlog.add(self._everything(tx, step.now))
        for observation in seen:
            self._observe(tx, observation, step.now)
        self._settle(tx, marks | tx.take_marks(), step)
        self._journal_effects(tx, step)

    def _keep(self, seen: list[Observation], problem: str) -> None:
        """The step was undone: what was seen is observed again, and as nobody knows any more what was decided, all is looked at."""
        if self.problem is None:
            log.error("nothing can be recorded, so nothing moves: %s; trying again", problem)
        self.problem = problem
        self._unrecorded = seen
        self._next_full_pass = 0.0

    def idle(self) -> bool:
        """Whether nothing is left to look at and nothing is under way: what happens next happens by time or by the user."""
        return self._inbox.empty() and not self._under_way and not self._backlog and self.problem is None

    def next_due(self) -> Instant | None:
        """The earliest instant that something waits for."""
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def waiting_letters(self) -> list[Letter]:
        """What is in the inbox now, without waiting."""
        found: list[Letter] = []
        while not self._inbox.empty():
            found.append(self._inbox.get())
        return found

    # --- what came in -------------------------------------------------------------------------------------------------

    def _sleep(self) -> float:
        if self.problem is not None:
            return RETRY_AFTER
        if self._backlog:
            return 0.0
        due = min(self._next_full_pass, self.next_due() or self._next_full_pass)
        return min(max(0.0, due - self._clock.now()) / self._clock.scale, LONGEST_SLEEP)

    def _full_pass_due(self, now: Instant) -> bool:
        """Also where the clock was set back, so that the next pass is further away than any ever is."""
        return not now < self._next_full_pass <= now + (FULL_PASS_EVERY + LONGEST_SLEEP) * self._clock.scale

    def _letters(self, timeout: float) -> list[Letter]:
        try:
            first = self._inbox.get(block=timeout > 0, timeout=timeout or None)
        except queue.Empty:
            return []
        return [first, *self.waiting_letters()]

    def _opened(self, letters: Iterable[Letter]) -> tuple[list[Observation], set[Mark]]:
        seen: list[Observation] = []
        marks: set[Mark] = set()
        for letter in letters:
            match letter:
                case frozenset():
                    marks |= letter
                case Done(effect=effect, observations=observations):
                    key = effect_key(effect)
                    self._under_way.discard(key)
                    marks.add(mark_of(effect))
                    seen.extend(observations)
                    for one in observations:
                        if isinstance(one, Postponed):
                            self._postponed.setdefault(key[0], {})[key[1]] = (type(effect), one.until)
                case Stop():
                    pass
                case Advance():
                    self._advances.append(letter)
                case _:
                    seen.append(letter)
        return seen, marks

    def _timers_due(self, now: Instant) -> set[Mark]:
        due: set[Mark] = set()
        while self._timers and self._timers[0][0] <= now:
            at, mark = heapq.heappop(self._timers)
            if self._due.get(mark) == at:
                del self._due[mark]
                due.add(mark)
        return due

    def _everything(self, tx: Transaction, now: Instant) -> set[Mark]:
        """Every slice that can move: the first look after a start, and the safety net. Names only, so that it is short."""
        self._next_full_pass = now + FULL_PASS_EVERY * self._clock.scale
        found = {
            "task": [
                *tx.keys(Task, last_status=HOLDING),
                *tx.keys(Task, last_status=TaskStatus.STOPPED, cleaned=False),
            ],
            "service": tx.keys(Service, status=[ServiceStatus.ACTIVE, ServiceStatus.DRAINING]),
            "instance": tx.keys(ContainerInstance, status=[InstanceStatus.ACTIVE, InstanceStatus.DRAINING]),
            "daemon": tx.keys(Daemon, gone=False),
            "fault": tx.keys(Fault, trouble=[*OF_TASKS, *OF_INSTANCES]),
        }
        groups = {("scaling", key_of(*key)) for key in tx.keys(ScalingGroup)}
        return {REAPER, *groups, *((kind, arn) for kind, keys in found.items() for (arn,) in keys)}

    def _observe(self, tx: Transaction, observation: Observation, now: Instant) -> None:
        match observation:
            case Snapshot():
                self.engine_lost = None
                for task in tx.find(Task, last_status=HOLDING):
                    for one in observe.missing_from(task, observation):
                        self._observe(tx, one, now)
                for one in observation.seen:
                    self._observe(tx, one, now)
            case EngineLost(because=because):
                self.engine_lost = because
            case HookAnswered(hook_id=hook_id):
                hook = tx.get(LifecycleHook, hook_id)
                if hook is not None and (heard := hooks.heard(hook, observation)) != hook:
                    tx.put(heard)
            case Postponed():
                pass  # its effect is asked for again when it is due
            case _:
                self._observe_task(tx, observation, now)

    def _observe_task(self, tx: Transaction, observation: TaskObservation, now: Instant) -> None:
        task = tx.get(Task, observation.task_arn)
        if task is not None and (moved := observe.seen(task, observation, now)) != task:
            tx.put(moved)

    # --- what follows from it -----------------------------------------------------------------------------------------

    def _settle(self, tx: Transaction, marks: set[Mark], step: _Step) -> None:
        """Decide about each marked slice, and about each that this marks in turn: tasks first, so that services see them as they are.

        What was left over from earlier steps comes when what is new is done, and only as long as the step stays short.
        """
        left, step.most_handled = MOST_AT_ONCE, tx.handled + MOST_HANDLED
        while left and tx.handled < step.most_handled and (marks or self._backlog):
            if not marks:
                marks = self._backlog.take(left)
            left = self._decide_all(tx, marks, step, left)
        self._backlog.add(marks)

    def _decide_all(self, tx: Transaction, marks: set[Mark], step: _Step, most: int) -> int:
        """Take from `marks` until it is empty or `most` are done; answers how many more may be."""
        waiting = [(_in_order(mark), mark) for mark in marks]
        heapq.heapify(waiting)
        while waiting and most and tx.handled < step.most_handled:
            most -= 1
            _, mark = heapq.heappop(waiting)
            marks.discard(mark)
            self._decide(tx, mark, step)
            for touched in tx.take_marks() - marks:
                marks.add(touched)
                heapq.heappush(waiting, (_in_order(touched), touched))
        return most

    def _decide(self, tx: Transaction, mark: Mark, step: _Step) -> None:
        kind, key = mark
        match kind:
            case "task":
                self._decide_task(tx, key, step)
            case "service":
                self._decide_service(tx, key, step)
            case "instance":
                for wait in instances.decide(tx, key, step.now, self._config.timings):
                    self._wait(mark, wait.until)
            case "scaling":
                for wait in scaling.run(tx, key, step.now, self._ids, self._config):
                    self._wait(mark, wait.until)
            case "daemon":
                self._decide_daemon(tx, key, step)
            case "fault":
                step.faults = None
                for wait in faults.decide(tx, key, step.now):
                    self._wait(mark, wait.until)
            case _:
                self._wait(REAPER, reaper.reap(tx, step.now, self._config.timings, self._config.events_kept))

    def _decide_task(self, tx: Transaction, arn: str, step: _Step) -> None:
        task = tx.get(Task, arn)
        if task is None or task.cleaned:
            self._postponed.pop(arn, None)
        if task is None:
            return
        if capacity.waits(task):
            given = capacity.decide(tx, task, self._definition(tx, task, step), step.now, self._ids, self._config)
            if isinstance(given, Wait):
                self._wait(("task", arn), given.until)
                return
            task = given.task
            tx.put(task, Decided(step.now, arn, f"{_standing(task)} because {given.because}"))
        slice = faults.afflicted(tx, self._slice(tx, task, step), self._faults(tx, step), step.now)
        while (moved := tasks.advance(slice, step.now)) is not None:
            tx.put(moved.task, Decided(step.now, arn, f"{_standing(moved.task)} because {moved.because}"))
            slice = TaskSlice(moved.task, slice.definition, slice.revision, slice.cluster_name)
        troubles = self._faults(tx, step)
        if faults.cut_off(troubles, slice.task):
            return  # it is looked at again when its agent is connected
        self._crash(tx, slice, step)
        for wanted in self._agent.decide(slice, step.now):
            item = faults.held(troubles, wanted, step.now)
            if isinstance(item, Wait):
                self._wait(("task", arn), item.until)
            elif isinstance(item, Start) and daemons.awaited(tx, task):
                continue  # the machine looks at its tasks again when its daemons run
            elif (key := effect_key(item)) not in self._under_way and not self._held(item):
                self._ask(key, item, step)

    def _faults(self, tx: Transaction, step: _Step) -> tuple[Fault, ...]:
        if step.faults is None:
            step.faults = faults.active(tx)
        return step.faults

    def _crash(self, tx: Transaction, slice: TaskSlice, step: _Step) -> None:
        """Kill a container whose crash is due, unless something is under way with it: it is looked at again then."""
        found = faults.crash(self._faults(tx, step), slice, step.now)
        if found is None or (key := effect_key(found.kill)) in self._under_way:
            return
        step.effects[key] = found.kill
        faults.remember(tx, found)
        step.faults = None

    def _held(self, effect: Effect) -> bool:
        """Nothing is removed while something is still made: a container created after it would stay for ever."""
        if not isinstance(effect, Remove):
            return False
        task = effect.slice.task
        return any((task.arn, name) in self._under_way for name in (PAUSE, *(one.name for one in task.containers)))

    def _ask(self, key: tuple[str, str], effect: Errand, step: _Step) -> None:
        """Have the effect performed, unless it was postponed to a later time: a stop is not by what a start waits for."""
        postponed = self._postponed.get(key[0], {})
        kind, until = postponed.get(key[1], (None, step.now))
        if kind is type(effect) and step.now < until:
            self._wait(mark_of(effect), until)
            return
        postponed.pop(key[1], None)
        step.effects[key] = effect

    def _decide_service(self, tx: Transaction, arn: str, step: _Step) -> None:
        slice = services.read(tx, arn)
        if slice is None:
            return
        for decision in services.decide(slice, step.now, self._config.timings):
            if isinstance(decision, Wait):
                self._wait(("service", arn), decision.until)
            elif isinstance(decision, CallHook):
                if (key := effect_key(decision)) not in self._under_way:
                    self._ask(key, decision, step)
            else:
                record.record(tx, decision, step.now, self._ids, self._config)

    def _decide_daemon(self, tx: Transaction, arn: str, step: _Step) -> None:
        slice = daemons.read(tx, arn)
        if slice is None:
            return
        for decision in daemons.decide(slice, step.now):
            if isinstance(decision, Wait):
                self._wait(("daemon", arn), decision.until)
            else:
                record_daemons.record(tx, decision, step.now, self._ids, self._config)

    def _slice(self, tx: Transaction, task: Task, step: _Step) -> TaskSlice:
        definition = self._definition(tx, task, step)
        spec, cluster_name = daemon_definitions.as_run(definition), task.cluster_arn.rpartition("/")[2]
        return TaskSlice(task, spec, definition.revision, cluster_name)

    def _definition(self, tx: Transaction, task: Task, step: _Step) -> Definition:
        arn = task.task_definition_arn
        definition = self._definitions.get(arn)
        if definition is None or (arn not in step.definitions and not _still_there(tx, definition)):
            definition = daemon_definitions.of_task(tx, arn)
            if definition is None:
                raise RuntimeError(f"task {task.arn} has lost its definition {arn}")
            self._definitions[arn] = definition
            if len(self._definitions) > 1000:
                self._definitions.popitem(last=False)
        step.definitions.add(arn)
        return definition

    def _wait(self, mark: Mark, until: Instant) -> None:
        known = self._due.get(mark)
        if known is None or until < known:
            self._due[mark] = until
            heapq.heappush(self._timers, (until, mark))

    def _journal_effects(self, tx: Transaction, step: _Step) -> None:
        for (task_arn, container), effect in step.effects.items():
            tx.put(Decided(step.now, task_arn, f"{type(effect).__name__.lower()} {container} because {effect.because}"))


def _in_order(mark: Mark) -> tuple[int, str]:
    kind, key = mark
    return ORDER[kind], key


def _still_there(tx: Transaction, known: Definition) -> bool:
    """Whether this is the definition still: a cleared account counts its revisions from 1 again."""
    return bool(tx.keys(type(known), arn=known.arn, registered_at=known.registered_at))


def _standing(task: Task) -> str:
    return f"{task.last_status} (desired {task.desired_status}, version {task.version})"
