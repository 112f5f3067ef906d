"""Where a task goes, or why it can go nowhere: constraints bind, strategies only prefer, each refusal has its reason.

Placing: the candidates that have what the task needs and satisfy its constraints, narrowed by one strategy after the
other; what is still equal is left to chance. The next task of the same request is placed among
`Placement.candidates`, where this one is booked. Stopping runs the same preferences backwards.
Source: "Amazon ECS task placement" and "Stopped tasks" in the ECS developer guide.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ecs_emulator.rules import query
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.resources import AVAILABILITY_ZONE, Candidate, Need

MOST_STRATEGIES = 5
MOST_CONSTRAINTS = 10
LONGEST_EXPRESSION = 2000
NO_INSTANCES = "No Container Instances were found in your cluster."
NO_PROVIDED = "No Container Instances were found in your capacity provider."
SEE_ALSO = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


@dataclass(frozen=True, slots=True)
class Strategy:
    """One rule of preference: `random`, `spread` over `instanceId` or `attribute:…`, `binpack` of `cpu` or `memory`."""

    type: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.type} {self.field}".strip()

    def document(self) -> dict[str, str]:
        """As the API echoes it: `random` has no field."""
        return {"type": self.type, "field": self.field} if self.field else {"type": self.type}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One binding rule: `distinctInstance`, or `memberOf` with an expression of the cluster query language."""

    type: str
    expression: str = ""

    def document(self) -> dict[str, str]:
        """As the API echoes it: `distinctInstance` has no expression."""
        return {"type": self.type, "expression": self.expression} if self.expression else {"type": self.type}


SERVICE_DEFAULT = (Strategy("spread", f"attribute:{AVAILABILITY_ZONE}"), Strategy("spread", "instanceId"))
"""A REPLICA service without a strategy. RunTask without one takes any candidate."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one instance could not take the task, in the words of RunTask's failures[]."""

    arn: str
    reason: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The instance that was chosen, and all candidates with the task booked on it."""

    arn: str
    zone: str | None
    candidates: tuple[Candidate, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """No instance can take the task: one failure for each that was looked at, none where there was none."""

    failures: tuple[Failure, ...]
    closest: Failure | None
    """The one that came furthest through the checks."""
    full: bool = False
    """The task could have waited for a machine, but too many in its cluster do."""
    of_provider: bool = False
    """Only the machines of one capacity provider were looked at."""

    def documents(self) -> list[dict[str, str]]:
        """As RunTask and StartTask answer them."""
        return [{"arn": each.arn, "reason": each.reason} for each in self.failures]

    @property
    def event(self) -> str:
        """What the service says, behind its `(service web) `."""
        if self.full:
            return (
                "was unable to place tasks in your cluster because the tasks provisioning capacity limit was exceeded."
            )
        start = "was unable to place a task because no container instance met all of its requirements."
        if self.closest is None and self.of_provider:
            return f"was unable to reach steady state. Reason: {NO_PROVIDED}"
        if self.closest is None:
            return f"{start} Reason: {NO_INSTANCES} {SEE_ALSO}"
        reason = self.closest.reason
        what = EVENT_TEXTS.get(reason) or f'encountered error "{reason}"'
        instance = self.closest.arn.rpartition("/")[2]
        return f"{start} The closest matching (container-instance {instance}) {what}. {SEE_ALSO}"

    @property
    def stopped_reason(self) -> str:
        """What a task says that waited for capacity in vain."""
        if self.closest is None:
            return "TaskFailedToStart: EMPTY CAPACITY PROVIDER"
        return f"TaskFailedToStart: {STOPPED_TEXTS.get(self.closest.reason, self.closest.reason)}"


DISTINCT = "distinctInstance placement constraint unsatisfied."
MEMBER_OF = "memberOf constraint unsatisfied."

EVENT_TEXTS = {
    "RESOURCE:CPU": "has insufficient CPU units available",
    "RESOURCE:MEMORY": "has insufficient memory available",
    "RESOURCE:PORTS": "is already using a port required by your task",
    "RESOURCE:PORTS_UDP": "is already using a port required by your task",
    "ATTRIBUTE": "is missing an attribute required by your task",
    "AGENT": "doesn't have the agent connected",
}
STOPPED_TEXTS = {
    MEMBER_OF: "MemberOf placement constraint unsatisfied",
    DISTINCT: "Distinct instance placement constraint unsatisfied",
}

# What an instance must have, in the order in which it is asked; the first that it lacks is the reason.
REQUIREMENTS: tuple[tuple[str, Callable[[Need, Candidate], bool]], ...] = (
    ("AGENT", lambda need, candidate: candidate.agent_connected),
    ("RESOURCE:CPU", lambda need, candidate: need.cpu <= candidate.cpu),
    ("RESOURCE:MEMORY", lambda need, candidate: need.memory <= candidate.memory),
    ("RESOURCE:GPU", lambda need, candidate: need.gpus <= candidate.gpus),
    ("RESOURCE:PORTS", lambda need, candidate: candidate.ports.isdisjoint(need.ports)),
    ("RESOURCE:PORTS_UDP", lambda need, candidate: candidate.ports_udp.isdisjoint(need.ports_udp)),
    ("RESOURCE:ENI", lambda need, candidate: candidate.enis is None or need.enis <= candidate.enis),
    ("ATTRIBUTE", lambda need, candidate: all(_has(candidate, *each) for each in need.attributes)),
    ("LOCATION", lambda need, candidate: need.zones is None or candidate.zone in need.zones),
)
STAGES = {reason: stage for stage, reason in enumerate([*(name for name, _ in REQUIREMENTS), DISTINCT, MEMBER_OF])}


def _has(candidate: Candidate, name: str, value: str | None) -> bool:
    return name in candidate.attributes and (value is None or candidate.attributes[name] == value)


# --- what was asked for ---------------------------------------------------------------------------


def strategies(asked: Iterable[Mapping[str, Any]] | None) -> tuple[Strategy, ...]:
    """`placementStrategy` of a request, refused in AWS's words where it is none."""
    found = tuple(_strategy(each.get("type"), each.get("field") or "") for each in asked or ())
    if len(found) > MOST_STRATEGIES:
        raise InvalidParameterException(f"Maximum number of strategies is {MOST_STRATEGIES}.")
    return found


def _strategy(kind: object, field: str) -> Strategy:
    match kind:
        case "random":
            if field:
                raise InvalidParameterException("random field should not be specified.")
            return Strategy("random")
        case "binpack":
            if field.lower() not in ("cpu", "memory"):
                raise InvalidParameterException(f"binpack field '{field}' is invalid.")
            return Strategy("binpack", field.lower())
        case "spread":
            if field.lower() in ("instanceid", "host") or field.lower().startswith("attribute:"):
                return Strategy("spread", field)
            raise InvalidParameterException(f"spread field '{field}' is invalid.")
    raise InvalidParameterException("Placement strategy type should be one of [random,spread,binpack]")


def constraints(asked: Iterable[Mapping[str, Any]] | None) -> tuple[Constraint, ...]:
    """`placementConstraints` of a request (the definition's together with its own), refused where they are none."""
    found = tuple(_constraint(each) for each in asked or ())
    if len(found) > MOST_CONSTRAINTS:
        raise InvalidParameterException(f"Maximum number of constraints is {MOST_CONSTRAINTS}.")
    return found


def of_task(definition: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """The constraints of a task definition's `spec` and then of a request or a service, as one list."""
    own = definition.get("placementConstraints") or ()
    return constraints([*own, *(asked.get("placementConstraints") or ())])


def _constraint(asked: Mapping[str, Any]) -> Constraint:
    expression = asked.get("expression")
    match asked.get("type"):
        case "distinctInstance":
            if expression is not None:
                raise InvalidParameterException("distinctInstance expression should not be specified.")
            return Constraint("distinctInstance")
        case "memberOf":
            return Constraint("memberOf", _expression(expression or ""))
    raise InvalidParameterException("Placement constraint type should be one of [distinctInstance,memberOf]")


def _expression(text: str) -> str:
    if len(text) > LONGEST_EXPRESSION:
        raise InvalidParameterException(f"Invalid expression: longer than {LONGEST_EXPRESSION} characters.")
    try:
        query.parse(text)
    except query.NotAnExpression as error:
        raise InvalidParameterException(f"Invalid expression '{text}': {error}") from None
    return text


# --- placing --------------------------------------------------------------------------------------


def lacks(need: Need, candidate: Candidate) -> str | None:
    """What the instance has not got of what the task needs; StartTask asks no more than this."""
    return next((reason for reason, has in REQUIREMENTS if not has(need, candidate)), None)


def unsatisfied(constraints: Sequence[Constraint], candidate: Candidate, group: str) -> str | None:
    """The constraint that keeps a task of `group` off this instance."""
    for constraint in constraints:
        if constraint.type == "distinctInstance" and candidate.groups.get(group):
            return DISTINCT
    for constraint in constraints:
        if constraint.type == "memberOf" and not query.parse(constraint.expression)(candidate.subject):
            return MEMBER_OF
    return None


def asks_for_zone(constraint: Constraint) -> bool:
    """Whether it speaks of the availability zone: then the zones are the user's own business."""
    return f"attribute:{AVAILABILITY_ZONE}" in constraint.expression


def matches(need: Need, candidate: Candidate, constraints: Sequence[Constraint]) -> bool:
    """Whether the instance is one that the task could be on if there were room: its attributes, and every `memberOf`."""
    if not all(_has(candidate, *each) for each in need.attributes):
        return False
    return unsatisfied([each for each in constraints if each.type == "memberOf"], candidate, "") is None


def place(
    need: Need,
    candidates: Sequence[Candidate],
    *,
    group: str,
    chance: random.Random,
    strategies: Sequence[Strategy] = (),
    constraints: Sequence[Constraint] = (),
) -> Placement | Refusal:
    """Choose the instance for one task of `group` (`service:web`, `family:cron`) among the cluster's ACTIVE ones.

    Worked: A(zone a, 512 units free), B(a, 1024), C(b, 1024), one task of the service on A, a new one of 256:
    SERVICE_DEFAULT takes C (zone a has 1 task, b none); binpack cpu takes A (the least that still fits).
    """
    reasons = {each.arn: lacks(need, each) or unsatisfied(constraints, each, group) for each in candidates}
    fitting = [each for each in candidates if reasons[each.arn] is None]
    if not fitting:
        return refused(Failure(arn, reason) for arn, reason in reasons.items() if reason is not None)
    trail = [f"{len(fitting)} of {len(candidates)} fit"]
    path: tuple[str, ...] = ()  # the attributes spread over so far: a rack is counted inside its zone
    best = fitting
    for strategy in strategies:
        if strategy.type == "spread" and strategy.field.lower().startswith("attribute:"):
            path = (*path, strategy.field.partition(":")[2])
        best = _narrowed(strategy, best, candidates, group, path)
        trail.append(f"{strategy} leaves {len(best)}")
    chosen = chance.choice(sorted(best, key=lambda each: each.arn))
    booked = tuple(each.with_task(need, group) if each.arn == chosen.arn else each for each in candidates)
    return Placement(chosen.arn, chosen.zone, booked, ", ".join(trail))


def refused(failures: Iterable[Failure]) -> Refusal:
    """What these failures come to: the instance that came furthest through the checks is the closest, the first of equals."""
    found = tuple(failures)
    return Refusal(found, max(found, key=lambda each: STAGES.get(each.reason, -1), default=None))


def _narrowed(
    strategy: Strategy,
    fitting: Sequence[Candidate],
    all_of_them: Sequence[Candidate],
    group: str,
    path: tuple[str, ...],
) -> list[Candidate]:
    """Those of `fitting` that the strategy likes equally well, and better than the others."""
    if strategy.type == "random":
        return list(fitting)
    if strategy.type == "binpack":
        return _least(fitting, lambda each: each.cpu if strategy.field == "cpu" else each.memory)
    if strategy.field.lower() in ("instanceid", "host"):
        return _least(fitting, lambda each: each.groups.get(group, 0))
    placed = [each for each in fitting if each.attributes.get(path[-1]) is not None]
    # Tasks on instances that are full count too, else a zone would look emptier than it is.
    tasks: Counter[tuple[str | None, ...]] = Counter()
    for each in all_of_them:
        tasks[_bucket(each, path)] += each.groups.get(group, 0)
    return _least(placed or fitting, lambda each: tasks[_bucket(each, path)])


def _bucket(candidate: Candidate, path: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(candidate.attributes.get(name) for name in path)


def _least(candidates: Sequence[Candidate], measure: Callable[[Candidate], int]) -> list[Candidate]:
    least = min(map(measure, candidates))
    return [each for each in candidates if measure(each) == least]


# --- stopping -------------------------------------------------------------------------------------


NOTHING = Need()


class Worth(IntEnum):
    """How dear a task is to its service; the cheapest is stopped first."""

    UNHEALTHY = 0
    PENDING = 1
    RUNNING = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """A task that may be stopped, and where it stands."""

    arn: str
    worth: Worth
    zone: str | None = None
    instance_arn: str | None = None
    """None on Fargate."""
    need: Need = NOTHING
    protected: bool = False
    """Scale-in protection: counted where it stands, never stopped."""


def first_to_stop(
    standings: Sequence[Standing],
    count: int,
    *,
    chance: random.Random,
    strategies: Sequence[Strategy] = (),
    free: Mapping[str, Candidate] | None = None,
) -> list[Standing]:
    """The `count` tasks to stop, in order: unhealthy, pending, then running ones; among equals the placement decides.

    With binpack: on the instance that will have most free afterwards (`free` tells what each has now). Otherwise in the
    zone with most tasks, and without a strategy there on the instance with most tasks. Fewer than `count` where the
    others are protected.
    Worked: 3 tasks in zone a (2 on A, 1 on B), 2 in zone b: the first goes from A, the next from a zone of 2.
    """
    left = list(standings)
    stopped: list[Standing] = []
    regained: Counter[tuple[str | None, str]] = Counter()
    while len(stopped) < count:
        stoppable = [each for each in left if not each.protected]
        if not stoppable:
            break
        cheapest = min(each.worth for each in stoppable)
        best = [each for each in stoppable if each.worth is cheapest]
        for preference in _backwards(strategies, left, free or {}, regained):
            most = max(map(preference, best))
            best = [each for each in best if preference(each) == most]
        chosen = chance.choice(sorted(best, key=lambda each: each.arn))
        left.remove(chosen)
        stopped.append(chosen)
        regained[chosen.instance_arn, "cpu"] += chosen.need.cpu
        regained[chosen.instance_arn, "memory"] += chosen.need.memory
    return stopped


def _backwards(
    strategies: Sequence[Strategy],
    left: Sequence[Standing],
    free: Mapping[str, Candidate],
    regained: Counter[tuple[str | None, str]],
) -> list[Callable[[Standing], int]]:
    """One measure per preference: the task with the highest goes first."""

    def crowd(key: Callable[[Standing], object]) -> Callable[[Standing], int]:
        sizes = Counter(map(key, left))
        return lambda each: sizes[key(each)]

    def attribute(name: str) -> Callable[[Standing], object]:
        if name == AVAILABILITY_ZONE:
            return lambda each: each.zone
        return lambda each: there.attributes.get(name) if (there := free.get(each.instance_arn or "")) else None

    def free_afterwards(resource: str) -> Callable[[Standing], int]:
        def measure(each: Standing) -> int:
            there = free.get(each.instance_arn or "")
            now: int = getattr(there, resource) if there else 0
            taken: int = getattr(each.need, resource)
            return now + regained[each.instance_arn, resource] + taken

        return measure

    most_on_instance = crowd(lambda each: each.instance_arn)
    if not strategies:
        return [crowd(attribute(AVAILABILITY_ZONE)), most_on_instance]
    found: list[Callable[[Standing], int]] = []
    for strategy in strategies:
        if strategy.type == "binpack":
            found.append(free_afterwards(strategy.field))
        elif strategy.type == "spread" and strategy.field.lower() in ("instanceid", "host"):
            found.append(most_on_instance)
        elif strategy.type == "spread":
            found.append(crowd(attribute(strategy.field.partition(":")[2])))
    return found
