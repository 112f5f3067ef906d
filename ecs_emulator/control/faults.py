"""Trouble that was ordered, as the loop brings it about: level-driven like all else, so that a crash neither loses nor doubles it.

What befalls requests is the door's; which task or container it is, `rules/faults` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ecs_emulator.clock import Instant
from ecs_emulator.control import observe
from ecs_emulator.control.losing import lose, terminated_reason
from ecs_emulator.control.plan import Effect, Kill, Seen, Start, TaskSlice, Wait
from ecs_emulator.records.faults import OF_TASKS, Fault, FaultKind
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import Health, Stage, StopCode, Task, TaskStatus
from ecs_emulator.rules import faults as rules
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Transaction

REGISTERED = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)


def active(tx: Transaction) -> tuple[Fault, ...]:
    """Those that a look at a task has to heed: nearly always none."""
    found = tx.find(Fault, trouble=[*OF_TASKS, FaultKind.DISCONNECT])
    return tuple(sorted((one for one in found if one.ended_at is None), key=lambda one: (one.created_at, one.id)))


def decide(tx: Transaction, fault_id: str, now: Instant) -> Iterator[Wait]:
    """Have those looked at whom it befalls, now or when it is due; put right what it did once it is over."""
    fault = tx.get(Fault, fault_id)
    if fault is None:
        return
    if fault.trouble in OF_TASKS:
        yield from _of_tasks(tx, fault, now)
        return
    instance = None if fault.subject is None else tx.get(ContainerInstance, fault.subject)
    if instance is None or instance.status not in REGISTERED:
        tx.delete(fault)
    elif fault.trouble is FaultKind.CAPACITY_LOSS:
        tx.delete(fault)
        because = "its machine is gone, as was ordered"
        lose(tx, instance, StopCode.TERMINATION_NOTICE, terminated_reason(instance), now, because)
    else:
        _disconnect(tx, fault, instance, now)


def _of_tasks(tx: Transaction, fault: Fault, now: Instant) -> Iterator[Wait]:
    if fault.ended_at is None and _subject_gone(tx, fault):
        tx.delete(fault)
    elif fault.ended_at is not None:
        tx.delete(fault)
        for task in _targets(tx, fault):
            recovered = rules.recovering(fault, task) if fault.trouble is FaultKind.UNHEALTHY else task
            tx.put(recovered)
    elif fault.next_at is not None and now < fault.next_at:
        yield Wait(fault.next_at, because="the next crash is due then")
    else:
        tx.mark(*(("task", task.arn) for task in _targets(tx, fault)))


def _subject_gone(tx: Transaction, fault: Fault) -> bool:
    """Nothing can befall what is over; noticed at the latest when everything is looked at."""
    assert fault.subject is not None
    if ":task/" in fault.subject:
        task = tx.get(Task, fault.subject)
        return task is None or task.last_status is TaskStatus.STOPPED
    service = tx.get(Service, fault.subject)
    return service is None or service.status is ServiceStatus.INACTIVE


def _targets(tx: Transaction, fault: Fault) -> list[Task]:
    assert fault.subject is not None
    if ":task/" in fault.subject:
        task = tx.get(Task, fault.subject)
        return [] if task is None else [task]
    return [one for one in tx.find(Task, service_arn=fault.subject, released=False) if one.last_status in HOLDING]


def _disconnect(tx: Transaction, fault: Fault, instance: ContainerInstance, now: Instant) -> None:
    """The agent is heard of no more; when the fault is over, it says what happened meanwhile."""
    connected = fault.ended_at is not None
    if connected:
        tx.delete(fault)
        held = tx.keys(Task, container_instance_arn=instance.arn, last_status=HOLDING)
        tx.mark(*(("task", arn) for (arn,) in held))
    if instance.agent_connected is not connected:
        text = "its agent is connected again" if connected else "its agent is disconnected, as was ordered"
        changed = replace(instance, agent_connected=connected, version=instance.version + 1)
        tx.put(changed, Decided(now, instance.arn, text))


# --- one task -------------------------------------------------------------------------------------------------------


def cut_off(faults: tuple[Fault, ...], task: Task) -> bool:
    """Whether the task's agent hears of nothing that is decided."""
    arn = task.container_instance_arn
    return arn is not None and any(one.trouble is FaultKind.DISCONNECT and one.subject == arn for one in faults)


def held(faults: tuple[Fault, ...], wanted: Effect | Wait, now: Instant) -> Effect | Wait:
    """What the agent wants to do next, or the wait that a slow start is made of."""
    if not faults or not isinstance(wanted, Start):
        return wanted
    due = rules.starts_at(faults, wanted.slice.task, wanted.container)
    if due is None or now >= due:
        return wanted
    return Wait(due, because=f"{wanted.container} is slow to start, as was ordered")


def afflicted(tx: Transaction, slice: TaskSlice, faults: tuple[Fault, ...], now: Instant) -> TaskSlice:
    """The slice as the failing health checks of its containers leave it."""
    task = slice.task
    for fault in faults:
        if fault.trouble is FaultKind.UNHEALTHY and rules.concerns_task(fault, task):
            for name in rules.failing(fault, task, slice.definition):
                task = observe.seen(task, Seen(task.arn, name, Stage.RUNNING, "", health=Health.UNHEALTHY), now)
    if task is slice.task:
        return slice
    tx.put(task)
    return replace(slice, task=task)


@dataclass(frozen=True, slots=True)
class Crash:
    """A container is to be killed, and the fault as it is after that; None where it is over."""

    kill: Kill
    before: Fault
    after: Fault | None


def crash(faults: tuple[Fault, ...], slice: TaskSlice, now: Instant) -> Crash | None:
    """The first crash that is due for this task, if one is."""
    for fault in faults:
        if fault.trouble is not FaultKind.CRASH or not rules.concerns_task(fault, slice.task):
            continue
        if fault.next_at is not None and now < fault.next_at:
            continue
        if (victim := rules.victim(fault, slice.task, slice.definition)) is not None:
            kill = Kill(slice, victim.name, "its crash was ordered", exit_code=fault.spec["exitCode"])
            return Crash(kill, fault, rules.crashed(fault, now))
    return None


def remember(tx: Transaction, crash: Crash) -> None:
    """The fault has struck."""
    if crash.after is None:
        tx.delete(crash.before)
    else:
        tx.put(crash.after)
