"""Trouble to order: what `ecs-emulator fault` asks for, checked word by word before anything is stored.

AWS has no such operations (its Fault Injection Service has). Nothing goes wrong here: `control/faults` and the door see to that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from ecs_emulator.clock import seconds_of
from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import InvalidParameterException, ServiceNotFoundException
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.faults import OF_INSTANCES, OF_TASKS, Fault, FaultKind
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import ServiceStatus
from ecs_emulator.records.tasks import TaskStatus
from ecs_emulator.wire.call import Call, Document

MOST_FAULTS = 100
MOST_COUNT = 2**31 - 1
LONGEST_LATENCY = 300.0
"""Real seconds: clients wait no longer."""
MOST_PATTERNS, LONGEST_TEXT = 50, 2048
KILLED = 137
REGISTERED = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)


# --- what may be said -----------------------------------------------------------------------------


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        raise InvalidParameterException(f"{name} should be a text of 1 to {LONGEST_TEXT} characters")
    return value


def _whole(lowest: int, highest: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise InvalidParameterException(f"{name} should be a whole number from {lowest} to {highest}")
        return value

    return read


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise InvalidParameterException(f"{name} should be a number above 0 and at most 1")
    return float(value)


def _duration(lowest: float = 0.0, highest: float = math.inf) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        try:
            seconds = seconds_of(value)
        except ValueError as error:
            raise InvalidParameterException(f"{name}: {error}") from None
        if not lowest <= seconds <= highest:
            most = "" if highest == math.inf else f" and at most {highest:g}"
            raise InvalidParameterException(f"{name} should be at least {lowest:g} seconds{most}")
        return seconds

    return read


def _patterns(name: str, value: Any) -> list[str]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not 0 < len(patterns) <= MOST_PATTERNS:
        raise InvalidParameterException(f"{name} should be 1 to {MOST_PATTERNS} patterns like RunTask or ecs:Describe*")
    return [_text(name, each) for each in patterns]


Reader = Callable[[str, Any], Any]
REQUESTS: Mapping[str, Reader] = {
    "operations": _patterns,
    "share": _share,
    "count": _whole(1, MOST_COUNT),
    "seed": _whole(0, MOST_COUNT),
}
SUBJECT: Mapping[str, Reader] = {"cluster": _text, "task": _text, "service": _text, "container": _text}
INSTANCE: Mapping[str, Reader] = {"cluster": _text, "instance": _text}
MEMBERS: Mapping[FaultKind, Mapping[str, Reader]] = {
    FaultKind.THROTTLE: REQUESTS,
    FaultKind.ERROR: REQUESTS,
    FaultKind.LATENCY: {**REQUESTS, "seconds": _duration(0.001, LONGEST_LATENCY)},
    FaultKind.CRASH: {
        **SUBJECT,
        "exitCode": _whole(0, 255),
        "after": _duration(),
        "every": _duration(1.0),
        "count": _whole(1, MOST_COUNT),
    },
    FaultKind.SLOW_START: {**SUBJECT, "seconds": _duration(0.001)},
    FaultKind.UNHEALTHY: SUBJECT,
    FaultKind.DISCONNECT: INSTANCE,
    FaultKind.CAPACITY_LOSS: INSTANCE,
}
DEFAULTS: Mapping[str, Any] = {"operations": ["*"], "share": 1.0, "seed": 0, "exitCode": KILLED}


# --- the orders -----------------------------------------------------------------------------------


def order(call: Call, asked: Mapping[str, Any], *, simulated: bool) -> Document:
    """Have something go wrong from now on. `simulated`: whether the tasks run nowhere; some trouble cannot be made for real ones.

    Raises InvalidParameterException, and what says that a cluster or a service is not there.
    """
    trouble = _trouble(asked.get("kind"))
    said = _said(trouble, {name: value for name, value in asked.items() if name != "kind"})
    _refuse_real(trouble, said, simulated)
    if call.count(Fault, account=call.world.account, region=call.world.region) >= MOST_FAULTS:
        raise InvalidParameterException(f"there are {MOST_FAULTS} faults already")
    subject = _subject(call, trouble, said)
    spec = {name: default for name, default in DEFAULTS.items() if name in MEMBERS[trouble]} | {
        name: value for name, value in said.items() if name not in ("cluster", "task", "service", "instance")
    }
    fault = Fault(
        id=f"fault-{call.ids.hex17('fault')}",
        account=call.world.account,
        region=call.world.region,
        trouble=trouble,
        created_at=call.now,
        subject=subject,
        spec=spec,
        next_at=call.now + spec.get("after", 0.0) if trouble is FaultKind.CRASH else None,
    )
    call.put(fault)
    if subject is not None:
        call.put(Decided(call.now, subject, f"{trouble} because it was ordered as {fault.id}"))
    return document(fault)


def ordered(call: Call) -> list[Document]:
    """All trouble of this account and region that goes on, the oldest first."""
    world = call.world
    found = call.find(Fault, account=world.account, region=world.region, order="created_at,id")
    return [document(each) for each in found if each.ended_at is None]


def cancel(call: Call, fault_id: str) -> Document:
    """Have this go wrong no more; the loop puts right what can be put right. Raises InvalidParameterException."""
    fault = call.get(Fault, fault_id)
    if (
        fault is None
        or fault.ended_at is not None
        or (fault.account, fault.region) != (call.world.account, call.world.region)
    ):
        raise InvalidParameterException(f"there is no fault {fault_id[:LONGEST_TEXT]}")
    if fault.trouble in OF_TASKS or fault.trouble in OF_INSTANCES:
        call.put(replace(fault, ended_at=call.now))
    else:
        call.delete(fault)
    return document(fault)


def document(fault: Fault) -> Document:
    """The order as it was understood, with how often it has come true."""
    shown: Document = {"id": fault.id, "kind": fault.trouble, "createdAt": fault.created_at, **fault.spec}
    shown |= {"struck": fault.struck}
    if fault.subject is not None:
        shown["subject"] = fault.subject
    if fault.next_at is not None:
        shown["nextAt"] = fault.next_at
    return shown


# --- reading them ---------------------------------------------------------------------------------


def _trouble(kind: Any) -> FaultKind:
    if kind not in tuple(FaultKind):
        raise InvalidParameterException(f"kind should be one of {', '.join(FaultKind)}")
    return FaultKind(kind)


def _said(trouble: FaultKind, asked: Mapping[str, Any]) -> dict[str, Any]:
    members = MEMBERS[trouble]
    said = {name: value for name, value in asked.items() if value is not None}
    if strange := next((name for name in said if name not in members), None):
        raise InvalidParameterException(f"{strange[:LONGEST_TEXT]} is none of {', '.join(members)}")
    read = {name: members[name](name, value) for name, value in said.items()}
    if "seconds" in members and "seconds" not in read:
        raise InvalidParameterException(f"{trouble} needs seconds")
    if "count" in read and trouble is FaultKind.CRASH and "every" not in read and read["count"] > 1:
        raise InvalidParameterException("count needs every: how long after a crash the next one comes")
    return read


def _refuse_real(trouble: FaultKind, said: Mapping[str, Any], simulated: bool) -> None:
    if simulated:
        return
    if trouble is FaultKind.UNHEALTHY:
        raise InvalidParameterException(
            "the engine itself runs the health checks of real containers: unhealthy is for simulated tasks only"
        )
    if said.get("exitCode", KILLED) != KILLED:
        raise InvalidParameterException(f"a real container is killed, and then its exitCode is {KILLED}")


def _subject(call: Call, trouble: FaultKind, said: Mapping[str, Any]) -> str | None:
    """The ARN of what it befalls."""
    named = _one(said, ("task", "service") if trouble in OF_TASKS else ("instance",) if trouble in OF_INSTANCES else ())
    if named is None:
        return None
    reference = said[named]
    cluster = home_of(call, said.get("cluster"), reference)
    if named == "instance":
        return registered_instance(call, cluster, reference).arn
    if named == "task":
        task = resolve.task_named(call, cluster, reference)
        if task is None or task.last_status is TaskStatus.STOPPED:
            raise InvalidParameterException(
                f"there is no task {reference} in cluster {cluster.name}, or it has stopped"
            )
        return task.arn
    service = resolve.service_named(call, cluster, reference)
    if service is None or service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotFoundException("Service not found.")
    return service.arn


def _one(said: Mapping[str, Any], names: Collection[str]) -> str | None:
    given = [name for name in names if name in said]
    if names and len(given) != 1:
        raise InvalidParameterException(f"{' or '.join(names)} should be named{'' if not given else ', and not both'}")
    return given[0] if given else None


def home_of(call: Call, cluster: str | None, reference: str) -> Cluster:
    """The cluster that was named, else the one that an ARN tells of, else `default`. Raises ClusterNotFoundException."""
    parts = reference.rpartition(":")[2].split("/") if reference.startswith("arn:") else []
    return resolve.active_cluster(call, {"cluster": cluster or (parts[1] if len(parts) == 3 else None)})


def registered_instance(call: Call, cluster: Cluster, reference: str) -> ContainerInstance:
    """The instance that an id, an ARN or the id of its machine (`i-…`) means. Raises InvalidParameterException."""
    if reference.startswith(("i-", "mi-")):
        statuses = call.find(ContainerInstance, cluster_arn=cluster.arn, status=REGISTERED)
        found = next((each for each in statuses if each.ec2_instance_id == reference), None)
    else:
        found = resolve.instance_named(call, cluster, reference)
    if found is None or found.status not in REGISTERED:
        raise InvalidParameterException(f"there is no container instance {reference} in cluster {cluster.name}")
    return found
