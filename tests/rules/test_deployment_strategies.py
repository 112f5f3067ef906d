"""In which shares the traffic goes over, and what a configuration becomes when it is written down."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.rules import deployment_strategies as strategies
from ecs_emulator.rules import service_settings

BLUE_GREEN: dict[str, Any] = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}


@pytest.mark.parametrize(
    ("configuration", "shares"),
    [
        ({}, (100.0,)),
        (BLUE_GREEN, (100.0,)),
        ({"strategy": "CANARY"}, (5.0, 100.0)),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.1}}, (0.1, 100.0)),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 100.0}}, (100.0,)),
        ({"strategy": "LINEAR"}, (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 30.0}}, (30.0, 60.0, 90.0, 100.0)),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.4}}, (33.4, 66.8, 100.0)),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 100.0}}, (100.0,)),
    ],
)
def test_the_traffic_goes_over_in_these_shares(configuration: dict[str, Any], shares: tuple[float, ...]) -> None:
    written = service_settings.deployment_configuration(configuration)
    assert strategies.shares(written) == shares


def test_the_smallest_step_of_a_linear_deployment_makes_34_of_them() -> None:
    written = service_settings.deployment_configuration(
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 3.0}}
    )
    shares = strategies.shares(written)
    assert (len(shares), shares[-2:]) == (34, (99.0, 100.0))


@pytest.mark.parametrize(
    ("asked", "bake", "between"),
    [
        (BLUE_GREEN, 300.0, 0.0),
        ({"strategy": "CANARY"}, 0.0, 600.0),
        ({"strategy": "LINEAR", "bakeTimeInMinutes": 1}, 60.0, 360.0),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepBakeTimeInMinutes": 0}}, 0.0, 0.0),
    ],
)
def test_the_bake_times_are_the_users(asked: dict[str, Any], bake: float, between: float) -> None:
    written = service_settings.deployment_configuration(asked)
    assert (strategies.bake(written), strategies.step_bake(written)) == (bake, between)


def test_what_belongs_to_another_strategy_goes_with_it() -> None:
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}
    linear = service_settings.deployment_configuration({"strategy": "LINEAR", "lifecycleHooks": [hook]})
    canary = service_settings.deployment_configuration({"strategy": "CANARY"}, linear)
    assert "linearConfiguration" not in canary
    assert canary["canaryConfiguration"] == {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}
    assert canary["lifecycleHooks"] == [hook]
    rolling = service_settings.deployment_configuration({"strategy": "ROLLING"}, canary)
    assert "canaryConfiguration" not in rolling and "lifecycleHooks" not in rolling
