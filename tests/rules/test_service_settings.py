"""The arithmetic of what a service asks for: defaults, merges, and the bounds of a rolling update."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.control.rolling import bounds
from ecs_emulator.rules import service_settings
from ecs_emulator.rules.errors import InvalidParameterException

DEFAULT = service_settings.deployment_configuration(None)


@pytest.mark.parametrize(
    ("desired", "percents", "expected"),
    [
        (1, (100, 200), (1, 2)),
        (4, (50, 100), (2, 4)),
        (4, (100, 200), (4, 8)),
        (4, (50, 200), (2, 8)),
        (2, (75, 100), (2, 2)),
        (3, (100, 125), (3, 3)),
        (3, (50, 125), (2, 3)),
        (10, (100, 110), (10, 11)),
        (1, (0, 100), (0, 1)),
        (5, (66, 133), (4, 6)),
        (10, (66, 133), (7, 13)),
        (0, (100, 200), (0, 0)),
    ],
)
def test_the_floor_is_rounded_up_and_the_ceiling_down(
    desired: int, percents: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert bounds(desired, *percents) == expected


def test_what_is_given_goes_over_what_is_there() -> None:
    first = service_settings.deployment_configuration({"maximumPercent": 150})
    assert first == {**DEFAULT, "maximumPercent": 150}
    assert service_settings.deployment_configuration({"minimumHealthyPercent": 50}, first) == {
        **DEFAULT,
        "maximumPercent": 150,
        "minimumHealthyPercent": 50,
    }
    assert service_settings.deployment_configuration(None, first) == first


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"enable": True, "rollback": True}, {"enable": True, "rollback": True}),
        ({"enable": False, "rollback": True}, {"enable": False, "rollback": False}),
        ({"enable": True}, {"enable": True, "rollback": False}),
        (
            {"enable": True, "thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 100}},
            {"enable": True, "thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 100}},
        ),
        (
            {"enable": False, "thresholdConfiguration": {"type": "COUNT", "value": 1000}},
            {"thresholdConfiguration": {"type": "COUNT", "value": 1000}},
        ),
    ],
)
def test_the_circuit_breaker_keeps_what_is_not_said(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    found = service_settings.deployment_configuration({"deploymentCircuitBreaker": asked})
    assert found["deploymentCircuitBreaker"] == {**service_settings.BREAKER, **expected}


def test_more_than_200_percent_is_accepted() -> None:
    assert service_settings.deployment_configuration({"maximumPercent": 1000})["maximumPercent"] == 1000


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 255])
def test_a_name_is_letters_digits_hyphens_and_underscores(name: str) -> None:
    service_settings.refuse_name(name)


@pytest.mark.parametrize("name", ["x" * 256, "a/b", "a.b", " "])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidParameterException, match="ServiceName must match"):
        service_settings.refuse_name(name)
