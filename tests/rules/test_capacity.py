"""What a strategy over capacity providers may say, and how it shares tasks out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecs_emulator.rules.capacity import NO_WEIGHT, NOT_ASSOCIATED, TWO_BASES, associated, distribute, strategy
from ecs_emulator.rules.errors import InvalidParameterException


def item(name: str, weight: int = 0, base: int = 0) -> dict[str, Any]:
    return {"capacityProvider": name, "weight": weight, "base": base}


SHARES: list[tuple[list[dict[str, Any]], int, dict[str, int]]] = [
    ([item("A", 1), item("B", 1)], 5, {"A": 3, "B": 2}),
    ([item("A", 1, 1), item("B", 4)], 1, {"A": 1}),
    ([item("A", 1, 1), item("B", 4)], 6, {"A": 2, "B": 4}),
    ([item("A", 1, 1), item("B", 4)], 11, {"A": 3, "B": 8}),
    ([item("A", 0, 2), item("B", 1)], 5, {"A": 2, "B": 3}),
    ([item("A", 1, 10)], 4, {"A": 4}),
    ([item("A", 3), item("B", 1)], 8, {"A": 6, "B": 2}),
    ([item("A", 1, 2), item("B", 4)], 10, {"A": 4, "B": 6}),
    ([item("A", 1), item("B", 4)], 5, {"A": 1, "B": 4}),
    ([item("A", 1), item("B", 1)], 3, {"A": 2, "B": 1}),
    ([item("A", 0, 1), item("B", 1)], 1, {"A": 1}),
    ([item("A", 0, 1), item("B", 1)], 4, {"A": 1, "B": 3}),
    ([item("A")], 3, {"A": 3}),
]


@pytest.mark.parametrize(("asked", "count", "expected"), SHARES)
def test_the_base_comes_first_and_the_weights_share_the_rest(
    asked: list[dict[str, Any]], count: int, expected: dict[str, int]
) -> None:
    assert Counter(distribute(asked, {}, count)) == expected


def test_what_runs_already_counts() -> None:
    assert distribute([item("A", 1), item("B", 1)], {"A": 3}, 3) == ["B", "B", "B"]


def test_base_and_weight_are_filled_in() -> None:
    asked: list[dict[str, Any]] = [{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "FARGATE_SPOT"}]
    assert strategy(asked, ["FARGATE", "FARGATE_SPOT"]) == [item("FARGATE", 1), item("FARGATE_SPOT")]
    assert strategy([{"capacityProvider": "FARGATE"}], ["FARGATE"]) == [item("FARGATE")]
    assert strategy([], []) == []


REFUSED: list[tuple[list[dict[str, Any]], str]] = [
    ([item("B", 1)], NOT_ASSOCIATED),
    ([item("A", 1, 1), item("A", 1, 1)], TWO_BASES),
    ([item("A", 0, 1)], NO_WEIGHT),
    ([item("A", 1001)], "weight must be between 0 and 1000"),
    ([item("A", 1, 100_001)], "base must be between 0 and 100000"),
    ([item("A", 1)] * 21, "capacityProviderStrategy can have at most 20 items."),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED)
def test_a_strategy_is_refused_in_the_words_of_aws(asked: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        strategy(asked, ["A"])
    assert refused.value.message == message


def test_providers_are_named_once_by_name_or_arn() -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE"
    assert associated(["FARGATE_SPOT", arn, "FARGATE"]) == ["FARGATE_SPOT", "FARGATE"]
