"""Which requests a fault befalls: the ones its patterns name, as often as its share says, the same ones with the same seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecs_emulator.records.faults import Fault, FaultKind
from ecs_emulator.rules import faults


def fault(**spec: object) -> Fault:
    asked = {"operations": ["*"], "share": 1.0, "seed": 0, **spec}
    return Fault("f", "123456789012", "us-east-1", FaultKind.THROTTLE, 0.0, spec=asked)


@pytest.mark.parametrize(
    ("pattern", "service", "operation", "meant"),
    [
        ("*", "ecr", "PutImage", True),
        ("RunTask", "ecs", "RunTask", True),
        ("runtask", "ecs", "RunTask", False),
        ("Describe*", "logs", "DescribeLogGroups", True),
        ("ecs:Describe*", "logs", "DescribeLogGroups", False),
        ("ecs:*", "ecs", "ListTasks", True),
        ("Task", "ecs", "RunTask", False),
    ],
)
def test_patterns_name_operations(pattern: str, service: str, operation: str, meant: bool) -> None:
    one = fault(operations=[pattern])
    assert faults.concerns_request(one, "123456789012", "us-east-1", service, operation) is meant
    assert not faults.concerns_request(one, "210987654321", "us-east-1", service, operation)
    assert not faults.concerns_request(one, "123456789012", "eu-west-1", service, operation)


def struck(share: float, seed: int, requests: int = 2_000) -> list[bool]:
    one = fault(share=share, seed=seed)
    return [faults.strikes(replace(one, seen=number)) for number in range(requests)]


def test_a_share_is_kept_and_a_seed_says_which() -> None:
    assert struck(1.0, 0) == [True] * 2_000
    assert 450 < sum(struck(0.25, 0)) < 550
    assert struck(0.25, 7) == struck(0.25, 7)
    assert struck(0.25, 7) != struck(0.25, 8)


def test_a_count_is_of_what_was_struck_not_of_what_was_seen() -> None:
    one: Fault | None = fault(count=2)
    for hit in (False, True, False):
        assert one is not None
        one = faults.counted(one, hit)
    assert one is not None and (one.seen, one.struck) == (3, 1)
    assert faults.counted(one, True) is None
