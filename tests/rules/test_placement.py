"""Placement by tables: who is chosen, who is refused and in which words, and who goes first when fewer are wanted."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.placement import (
    NO_INSTANCES,
    SERVICE_DEFAULT,
    Constraint,
    Failure,
    Placement,
    Refusal,
    Standing,
    Strategy,
    Worth,
    constraints,
    first_to_stop,
    lacks,
    place,
    strategies,
)
from ecs_emulator.rules.resources import Candidate, Need

WEB = "service:web"
SPREAD_ZONES = Strategy("spread", "attribute:ecs.availability-zone")
SPREAD_HOSTS = Strategy("spread", "instanceId")
PACK_CPU = Strategy("binpack", "cpu")
PACK_MEMORY = Strategy("binpack", "memory")
DISTINCT = Constraint("distinctInstance")


def machine(name: str, zone: str, cpu: int, memory: int = 4096, web: int = 0, **more: object) -> Candidate:
    attributes = {"ecs.availability-zone": zone, "ecs.instance-type": "t3.micro"}
    groups = {WEB: web} if web else {}
    return replace(Candidate(name, cpu, memory, attributes=attributes, groups=groups), **more)  # type: ignore[arg-type]


A = machine("A", "az1", 512, web=1)
B = machine("B", "az1", 1024)
C = machine("C", "az2", 1024)


def chosen(
    need: Need, candidates: list[Candidate], *preferred: Strategy, bound: tuple[Constraint, ...] = ()
) -> set[str]:
    """Every instance that some dice could choose."""
    found = set()
    for seed in range(40):
        placed = place(need, candidates, group=WEB, chance=random.Random(seed), strategies=preferred, constraints=bound)
        assert isinstance(placed, Placement)
        found.add(placed.arn)
    return found


CHOICES: list[tuple[str, Need, tuple[Strategy, ...], set[str]]] = [
    ("no strategy: any that fits", Need(cpu=256), (), {"A", "B", "C"}),
    ("random: any that fits", Need(cpu=256), (Strategy("random"),), {"A", "B", "C"}),
    ("a service's default: the zone without tasks", Need(cpu=256), SERVICE_DEFAULT, {"C"}),
    ("binpack cpu: the least that still fits", Need(cpu=256), (PACK_CPU,), {"A"}),
    ("binpack cpu, too large for A: B or C", Need(cpu=600), (PACK_CPU,), {"B", "C"}),
    ("spread zones, then binpack", Need(cpu=256), (SPREAD_ZONES, PACK_CPU), {"C"}),
    ("spread hosts: those with no task of the group", Need(cpu=256), (SPREAD_HOSTS,), {"B", "C"}),
    ("host is instanceId", Need(cpu=256), (Strategy("spread", "host"),), {"B", "C"}),
    ("a task needing exactly the rest fits", Need(cpu=512, memory=4096), (PACK_CPU,), {"A"}),
]


@pytest.mark.parametrize(("name", "need", "preferred", "expected"), CHOICES, ids=[row[0] for row in CHOICES])
def test_strategies_choose_among_those_that_fit(
    name: str, need: Need, preferred: tuple[Strategy, ...], expected: set[str]
) -> None:
    assert chosen(need, [A, B, C], *preferred) == expected


def test_a_full_zone_still_counts_its_tasks_and_the_next_zone_takes_over() -> None:
    full = replace(C, cpu=0)
    assert chosen(Need(cpu=256), [A, B, full], SPREAD_ZONES, PACK_CPU) == {"A"}


def test_a_second_spread_counts_inside_the_buckets_of_the_first() -> None:
    racks = [
        machine("A", "az1", 512, web=1, attributes={"ecs.availability-zone": "az1", "rack": "r1"}),
        machine("B", "az1", 512, attributes={"ecs.availability-zone": "az1", "rack": "r2"}),
        machine("C", "az2", 512, web=1, attributes={"ecs.availability-zone": "az2", "rack": "r2"}),
        machine("D", "az2", 512, web=1, attributes={"ecs.availability-zone": "az2", "rack": "r1"}),
    ]
    assert chosen(Need(cpu=1), racks, SPREAD_ZONES, Strategy("spread", "attribute:rack")) == {"B"}


def test_instances_without_the_attribute_come_last() -> None:
    bare = machine("Z", "az1", 512, attributes={})
    assert chosen(Need(cpu=1), [A, bare], Strategy("spread", "attribute:ecs.availability-zone")) == {"A"}
    assert chosen(Need(cpu=1), [bare], Strategy("spread", "attribute:ecs.availability-zone")) == {"Z"}


def test_the_next_task_of_a_request_sees_the_one_before_it() -> None:
    candidates: tuple[Candidate, ...] = (A, B, C)
    order = []
    for seed in range(5):
        placed = place(Need(cpu=256), candidates, group=WEB, chance=random.Random(seed), strategies=SERVICE_DEFAULT)
        assert isinstance(placed, Placement)
        order.append(placed.arn)
        candidates = placed.candidates
    # az1 has A's old task: C evens it out; then the zones take turns, within az1 B before A.
    assert order[0] == "C"
    assert Counter(order) == {"C": 3, "B": 1, "A": 1} or Counter(order) == {"C": 2, "B": 2, "A": 1}
    assert sum(each.cpu for each in candidates) == 512 + 1024 + 1024 - 5 * 256


REFUSALS: list[tuple[str, Need, Candidate, str]] = [
    ("cpu", Need(cpu=513), A, "RESOURCE:CPU"),
    ("memory", Need(memory=4097), A, "RESOURCE:MEMORY"),
    ("a port in use", Need(ports=(80,)), replace(A, ports=frozenset({80})), "RESOURCE:PORTS"),
    ("a udp port in use", Need(ports_udp=(53,)), replace(A, ports_udp=frozenset({53})), "RESOURCE:PORTS_UDP"),
    ("no gpu", Need(gpus=1), A, "RESOURCE:GPU"),
    ("no interface left", Need(enis=1), replace(A, enis=0), "RESOURCE:ENI"),
    ("a capability", Need(attributes=(("ecs.capability.task-eni", None),)), A, "ATTRIBUTE"),
    ("another value", Need(attributes=(("ecs.instance-type", "m5.large"),)), A, "ATTRIBUTE"),
    ("another zone", Need(zones=frozenset({"az2"})), A, "LOCATION"),
    ("no agent", Need(), replace(A, agent_connected=False), "AGENT"),
    ("cpu before attributes", Need(cpu=9999, attributes=(("x", None),)), A, "RESOURCE:CPU"),
]


@pytest.mark.parametrize(("name", "need", "candidate", "reason"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_an_instance_lacks_is_named_as_ecs_names_it(
    name: str, need: Need, candidate: Candidate, reason: str
) -> None:
    assert lacks(need, candidate) == reason
    refusal = place(need, [candidate], group=WEB, chance=random.Random(0))
    assert refusal == Refusal((Failure("A", reason),), Failure("A", reason))


@pytest.mark.parametrize(
    "need",
    [
        Need(ports=(80,), ports_udp=(22,)),
        Need(attributes=(("ecs.instance-type", "t3.micro"), ("ecs.availability-zone", None))),
        Need(zones=frozenset({"az1", "az9"})),
        Need(enis=3),
    ],
)
def test_what_is_there_is_enough(need: Need) -> None:
    assert lacks(need, replace(A, ports=frozenset({22, 81}))) is None


def test_each_instance_looked_at_gives_one_failure_and_the_closest_came_furthest() -> None:
    without_agent = replace(B, agent_connected=False)
    refusal = place(Need(memory=9999), [without_agent, A, C], group=WEB, chance=random.Random(0))
    assert isinstance(refusal, Refusal)
    assert refusal.documents() == [
        {"arn": "B", "reason": "AGENT"},
        {"arn": "A", "reason": "RESOURCE:MEMORY"},
        {"arn": "C", "reason": "RESOURCE:MEMORY"},
    ]
    assert refusal.closest == Failure("A", "RESOURCE:MEMORY")


def test_distinct_instance_looks_at_the_group_only() -> None:
    assert chosen(Need(), [A, B], bound=(DISTINCT,)) == {"B"}
    refusal = place(Need(), [A], group=WEB, chance=random.Random(0), constraints=(DISTINCT,))
    assert isinstance(refusal, Refusal)
    assert refusal.documents() == [{"arn": "A", "reason": "distinctInstance placement constraint unsatisfied."}]
    assert isinstance(
        place(Need(), [A], group="family:cron", chance=random.Random(0), constraints=(DISTINCT,)), Placement
    )


def test_distinct_instance_holds_within_one_request() -> None:
    first = place(Need(), [B], group="family:cron", chance=random.Random(0), constraints=(DISTINCT,))
    assert isinstance(first, Placement)
    second = place(Need(), first.candidates, group="family:cron", chance=random.Random(0), constraints=(DISTINCT,))
    assert isinstance(second, Refusal)


def test_member_of_asks_the_query_language() -> None:
    in_az2 = Constraint("memberOf", "attribute:ecs.availability-zone == az2")
    assert chosen(Need(), [A, B, C], bound=(in_az2,)) == {"C"}
    refusal = place(Need(), [A], group=WEB, chance=random.Random(0), constraints=(in_az2,))
    assert isinstance(refusal, Refusal)
    assert refusal.documents() == [{"arn": "A", "reason": "memberOf constraint unsatisfied."}]
    assert refusal.stopped_reason == "TaskFailedToStart: MemberOf placement constraint unsatisfied"


BEGINNING = "was unable to place a task because no container instance met all of its requirements."
END = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
EVENTS = [
    ("RESOURCE:CPU", "has insufficient CPU units available"),
    ("RESOURCE:MEMORY", "has insufficient memory available"),
    ("RESOURCE:PORTS", "is already using a port required by your task"),
    ("ATTRIBUTE", "is missing an attribute required by your task"),
    ("AGENT", "doesn't have the agent connected"),
    ("RESOURCE:ENI", 'encountered error "RESOURCE:ENI"'),
]


@pytest.mark.parametrize(("reason", "words"), EVENTS)
def test_the_service_says_what_the_closest_instance_lacks(reason: str, words: str) -> None:
    closest = Failure("arn:aws:ecs:us-east-1:123456789012:container-instance/web/0123abcd", reason)
    event = Refusal((closest,), closest).event
    assert event == f"{BEGINNING} The closest matching (container-instance 0123abcd) {words}. {END}"


def test_an_empty_cluster_has_nothing_to_look_at() -> None:
    refusal = place(Need(), [], group=WEB, chance=random.Random(0))
    assert refusal == Refusal((), None)
    assert refusal.event == f"{BEGINNING} Reason: {NO_INSTANCES} {END}"
    assert refusal.stopped_reason == "TaskFailedToStart: EMPTY CAPACITY PROVIDER"


ASKED_WRONGLY = [
    ([{"type": "random", "field": "cpu"}], "random field should not be specified."),
    ([{"type": "binpack", "field": "disk"}], "binpack field 'disk' is invalid."),
    ([{"type": "binpack"}], "binpack field '' is invalid."),
    ([{"type": "spread"}], "spread field '' is invalid."),
    ([{"type": "pile"}], "Placement strategy type should be one of [random,spread,binpack]"),
    ([{"type": "random"}] * 6, "Maximum number of strategies is 5."),
]


@pytest.mark.parametrize(("asked", "message"), ASKED_WRONGLY, ids=[row[1] for row in ASKED_WRONGLY])
def test_strategies_are_refused_in_the_words_of_aws(asked: list[dict[str, str]], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        strategies(asked)
    assert str(refused.value) == message


def test_strategies_are_echoed_in_lower_case_but_for_spread() -> None:
    asked = [{"type": "binpack", "field": "MEMORY"}, {"type": "spread", "field": "instanceId"}, {"type": "random"}]
    assert [each.document() for each in strategies(asked)] == [
        {"type": "binpack", "field": "memory"},
        {"type": "spread", "field": "instanceId"},
        {"type": "random"},
    ]
    assert strategies(None) == ()


BOUND_WRONGLY = [
    ([{"type": "distinctInstance", "expression": ""}], "distinctInstance expression should not be specified."),
    ([{"type": "distinctInstance"}] * 11, "Maximum number of constraints is 10."),
    ([{"type": "near"}], "Placement constraint type should be one of [distinctInstance,memberOf]"),
    ([{"type": "memberOf", "expression": "attribute:x = y"}], "Invalid expression 'attribute:x = y'"),
    ([{"type": "memberOf"}], "Invalid expression ''"),
    ([{"type": "memberOf", "expression": "attribute:x == " + "y" * 2000}], "Invalid expression: longer than 2000"),
]


@pytest.mark.parametrize(("asked", "message"), BOUND_WRONGLY, ids=[row[1] for row in BOUND_WRONGLY])
def test_constraints_are_refused_in_the_words_of_aws(asked: list[dict[str, str]], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        constraints(asked)
    assert str(refused.value).startswith(message)


def standing(name: str, zone: str, host: str, worth: Worth = Worth.RUNNING, **more: object) -> Standing:
    return replace(Standing(name, worth, zone, host), **more)  # type: ignore[arg-type]


def stopped(
    standings: list[Standing], count: int, *preferred: Strategy, free: list[Candidate] | None = None
) -> list[str]:
    of = {each.arn: each for each in free or []}
    found = first_to_stop(standings, count, chance=random.Random(7), strategies=preferred, free=of)
    return [each.arn for each in found]


def test_unhealthy_tasks_go_first_then_pending_ones_then_running_ones() -> None:
    tasks = [
        standing("runs", "az1", "A"),
        standing("waits", "az1", "A", Worth.PENDING),
        standing("sick", "az2", "B", Worth.UNHEALTHY),
    ]
    assert stopped(tasks, 3) == ["sick", "waits", "runs"]


def test_zones_stay_balanced_and_the_fullest_instance_gives_first() -> None:
    tasks = [
        standing("1", "az1", "A"),
        standing("2", "az1", "A"),
        standing("3", "az1", "B"),
        standing("4", "az2", "C"),
        standing("5", "az2", "C"),
    ]
    first = stopped(tasks, 1)
    assert first[0] in ("1", "2")
    left = Counter(each.zone for each in tasks if each.arn not in stopped(tasks, 3))
    assert left == {"az1": 1, "az2": 1}


def test_binpack_empties_the_instance_that_will_have_most_free() -> None:
    need = Need(cpu=256, memory=256)
    tasks = [
        standing("1", "az1", "A", need=need),
        standing("2", "az1", "B", need=need),
        standing("3", "az1", "B", need=need),
    ]
    free = [machine("A", "az1", 100), machine("B", "az1", 700)]
    assert set(stopped(tasks, 2, PACK_CPU, free=free)) == {"2", "3"}


def test_spread_over_an_attribute_keeps_that_attribute_balanced() -> None:
    free = [machine("A", "az1", 1, attributes={"rack": "r1"}), machine("B", "az1", 1, attributes={"rack": "r2"})]
    tasks = [standing("1", "az1", "A"), standing("2", "az1", "B"), standing("3", "az1", "B")]
    assert stopped(tasks, 1, Strategy("spread", "attribute:rack"), free=free)[0] in ("2", "3")
    assert stopped(tasks, 1, SPREAD_HOSTS, free=free)[0] in ("2", "3")


def test_protected_tasks_are_counted_but_never_stopped() -> None:
    tasks = [
        standing("1", "az1", "A", protected=True),
        standing("2", "az1", "A", protected=True),
        standing("3", "az2", "B"),
    ]
    assert stopped(tasks, 3) == ["3"]


def test_the_same_dice_stop_the_same_tasks_whatever_order_they_come_in() -> None:
    tasks = [standing(str(number), "az1", "A") for number in range(9)]
    assert stopped(tasks, 4) == stopped(list(reversed(tasks)), 4)


needs = st.builds(
    Need,
    cpu=st.integers(0, 600),
    memory=st.integers(0, 2000),
    ports=st.lists(st.integers(80, 83), max_size=2, unique=True).map(tuple),
    enis=st.integers(0, 1),
)
machines = st.lists(
    st.builds(
        machine,
        st.sampled_from("ABCDEF"),
        st.sampled_from(["az1", "az2", "az3"]),
        st.integers(0, 2048),
        st.integers(0, 4096),
        enis=st.integers(0, 3),
    ),
    max_size=6,
    unique_by=lambda each: each.arn,
)
preferences = st.lists(st.sampled_from([SPREAD_ZONES, SPREAD_HOSTS, PACK_CPU, PACK_MEMORY]), max_size=3)


@given(st.lists(needs, max_size=8), machines, preferences, st.booleans(), st.integers(0, 9))
def test_no_row_of_placements_books_more_than_there_is(
    wanted: list[Need], present: list[Candidate], preferred: list[Strategy], distinct: bool, seed: int
) -> None:
    candidates = tuple(present)
    for need in wanted:
        before = {each.arn: each for each in candidates}
        placed = place(
            need,
            candidates,
            group=WEB,
            chance=random.Random(seed),
            strategies=preferred,
            constraints=(DISTINCT,) if distinct else (),
        )
        if isinstance(placed, Refusal):
            assert [each.arn for each in placed.failures] == [each.arn for each in candidates]
            continue
        candidates = placed.candidates
        after = next(each for each in candidates if each.arn == placed.arn)
        assert after.cpu >= 0
        assert after.memory >= 0
        assert after.enis is None or after.enis >= 0
        assert before[placed.arn].ports.isdisjoint(need.ports)
        assert not distinct or after.groups[WEB] == 1


def test_what_is_there_is_said_of_the_one_provider_that_was_asked() -> None:
    assert Refusal((), None, of_provider=True).event == (
        "was unable to reach steady state. Reason: No Container Instances were found in your capacity provider."
    )
