"""Every kind of constraint is found, at its place, with its value; what the service does not heed is not looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecs_emulator.wire import check, models, parse
from ecs_emulator.wire.check import Constraint, Kind, Violation
from ecs_emulator.wire.models import ServiceModel
from tests.wire.samples import SERVICES, sample, stored
from tests.wire.shapes import model, shape

CONSTRAINED = model(
    shape("Name", "string", minimum=2, maximum=4, pattern="[a-z]+"),
    shape("Count", "integer", minimum=0, maximum=10),
    shape("Share", "double", minimum=0.5, maximum=1.5),
    shape("Color", "string", enum=("RED", "GREEN")),
    shape("Names", "list", element="Name", minimum=1, maximum=2),
    shape("Lines", "list", element="Names"),
    shape("Colors", "list", element="Color"),
    shape("Labels", "map", key="Name", element="Color", maximum=2),
    shape("Owner", "structure", members={"name": "Name", "owner": "Owner", "color": "Color"}, required=("name",)),
    shape("Owners", "list", element="Owner"),
    shape("OwnerMap", "map", key="Text", element="Owner"),
    shape("Chunk", "blob", maximum=3),
    members={
        "name": "Name",
        "count": "Count",
        "share": "Share",
        "color": "Color",
        "names": "Names",
        "lines": "Lines",
        "colors": "Colors",
        "labels": "Labels",
        "owner": "Owner",
        "owners": "Owners",
        "ownerMap": "OwnerMap",
        "chunk": "Chunk",
        "free": "Text",
    },
    required=("name",),
)


def everything(constraint: Constraint) -> bool:
    return True


def compiled(model: ServiceModel, heeds: check.Heeds = everything) -> Callable[[Any], list[Violation]]:
    found = check.compile_input(model, "Do", heeds)
    assert found is not None
    return found


check_do = compiled(CONSTRAINED)


def violations(**params: Any) -> list[tuple[str, str]]:
    return [(found.path, found.constraint.sentence) for found in check_do({"name": "abc"} | params)]


LONG = "Member must have length less than or equal to 4"
SHORT = "Member must have length greater than or equal to 2"
PATTERN = "Member must satisfy regular expression pattern: [a-z]+"
ENUM = "Member must satisfy enum value set: [RED, GREEN]"
NAMES = f"Member must satisfy constraint: [{LONG}, {SHORT}, {PATTERN}]"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "abcde"}, [("name", LONG)]),
        ({"name": "a"}, [("name", SHORT)]),
        ({"name": "ab1"}, [("name", PATTERN)]),
        ({"name": "ab\n"}, [("name", PATTERN)]),
        ({"name": "1"}, [("name", PATTERN), ("name", SHORT)]),
        ({"count": 11}, [("count", "Member must have value less than or equal to 10")]),
        ({"count": -1}, [("count", "Member must have value greater than or equal to 0")]),
        ({"share": 1.6}, [("share", "Member must have value less than or equal to 1.5")]),
        ({"share": 0.4}, [("share", "Member must have value greater than or equal to 0.5")]),
        ({"color": "BLUE"}, [("color", ENUM)]),
        ({"names": []}, [("names", "Member must have length greater than or equal to 1")]),
        ({"names": ["ab"] * 3}, [("names", "Member must have length less than or equal to 2")]),
        ({"names": ["ab", "x"]}, [("names", NAMES)]),
        ({"lines": [["ab"], ["x"]]}, [("lines.2.member", NAMES)]),
        ({"colors": ["RED", "BLUE"]}, [("colors", f"Member must satisfy constraint: [{ENUM}]")]),
        ({"labels": {"x": "RED"}}, [("labels", f"Map keys must satisfy constraint: [{LONG}, {SHORT}, {PATTERN}]")]),
        ({"labels": {"ab": "BLUE"}}, [("labels", f"Map value must satisfy constraint: [{ENUM}]")]),
        (
            {"labels": {"ab": "RED", "cd": "RED", "ef": "RED"}},
            [("labels", "Member must have length less than or equal to 2")],
        ),
        ({"owner": {}}, [("owner.name", "Member must not be null")]),
        ({"owner": {"name": "ab", "owner": {"name": "x"}}}, [("owner.owner.name", SHORT)]),
        ({"owners": [{"name": "ab"}, {"color": "RED"}]}, [("owners.2.member.name", "Member must not be null")]),
        ({"ownerMap": {"k": {"name": "x"}}}, [("ownerMap.k.member.name", SHORT)]),
        ({"chunk": b"1234"}, [("chunk", "Member must have length less than or equal to 3")]),
    ],
)
def test_each_kind_of_breach_is_found_at_its_place(params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert violations(**params) == expected


def test_a_request_within_its_bounds_breaks_nothing() -> None:
    assert not violations(
        name="abcd",
        count=0,
        share=1.5,
        color="GREEN",
        names=["ab", "abcd"],
        labels={"ab": "RED"},
        owners=[{"name": "ab", "owner": {"name": "cd"}}],
        chunk=b"123",
        free="anything at all",
    )


def test_a_missing_member_is_a_violation_without_a_value() -> None:
    (found,) = check_do({"count": 1})
    assert (found.path, found.value, found.constraint.kind) == ("name", None, Kind.REQUIRED)
    assert (found.constraint.operation, found.constraint.owner, found.constraint.member) == ("Do", "DoRequest", "name")


def test_all_breaches_are_collected_the_required_first() -> None:
    assert [found.path for found in check_do({"count": 11, "color": "BLUE"})] == ["name", "count", "color"]


def test_a_violation_carries_the_value_and_the_bound() -> None:
    (found,) = check_do({"name": "ab", "count": 11})
    assert (found.value, found.constraint.bound, found.constraint.shape, found.constraint.type) == (
        11,
        10,
        "Count",
        "integer",
    )


def test_what_is_not_heeded_is_not_looked_for() -> None:
    only_enums = compiled(CONSTRAINED, lambda constraint: constraint.kind is Kind.ENUM)
    assert [found.path for found in only_enums({"name": "1", "count": 99, "colors": ["BLUE"]})] == ["colors"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_without_heeded_constraints_has_no_check_at_all(service: str) -> None:
    model = models.load(service)
    for operation in model.operations:
        assert check.compile_input(model, operation, lambda constraint: False) is None


@pytest.mark.parametrize("service", SERVICES)
def test_a_sample_of_every_operation_breaks_no_constraint_but_patterns(service: str) -> None:
    model = models.load(service)
    for operation in model.operations.values():
        assert operation.input is not None
        look = check.compile_input(model, operation.name, lambda constraint: constraint.kind is not Kind.PATTERN)
        if look is not None:
            assert look(stored(sample(model, operation.input))) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_required_member_of_every_operation_is_missed_when_absent(service: str) -> None:
    model = models.load(service)
    for operation in model.operations.values():
        assert operation.input is not None
        look = check.compile_input(model, operation.name, everything)
        required = model.shapes[operation.input].required
        found = [] if look is None else look(parse.compile_input(model, operation.input, "x")({}))
        assert [violation.path for violation in found] == list(required)


def test_a_union_has_exactly_one_of_its_members() -> None:
    choice = shape("Choice", "structure", members={"text": "Text", "whole": "Whole"}, union=True)
    choices = shape("Choices", "list", element="Choice")
    look = compiled(model(choice, choices, members={"one": "Choice", "many": "Choices"}))
    assert look({"one": {"text": "a"}, "many": [{"whole": 1}]}) == []
    found = look({"one": {}, "many": [{"text": "a"}, {"text": "a", "whole": 1}]})
    assert [(violation.constraint.kind, violation.path) for violation in found] == [
        (Kind.UNION, "one"),
        (Kind.UNION, "many.2.member"),
    ]


def test_a_service_may_have_ranges_that_the_model_has_not() -> None:
    look = check.compile_input(model(members={"whole": "Whole"}), "Do", everything, {"DoRequest.whole": (1, 3)})
    assert look is not None
    assert [[violation.constraint.kind for violation in look({"whole": whole})] for whole in (0, 1, 3, 4)] == [
        [Kind.MIN_VALUE],
        [],
        [],
        [Kind.MAX_VALUE],
    ]
