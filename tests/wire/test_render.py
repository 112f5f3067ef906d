"""An answer holds what the output shape names, in the types the model has, and never a null."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import pytest

from ecs_emulator.wire import encoding, render
from ecs_emulator.wire.render import Unrenderable
from tests.wire.shapes import model

render_do = render.compile_output(model(), "DoRequest")


class Status(StrEnum):
    ACTIVE = "ACTIVE"


def test_members_that_the_shape_does_not_name_are_left_out() -> None:
    assert render_do({"text": "a", "other": 1, "part": {"other": 2, "text": "b"}}) == {
        "text": "a",
        "part": {"text": "b"},
    }


def test_nulls_are_left_out_and_empty_lists_stay() -> None:
    assert render_do({"text": None, "part": {"text": None}, "map": {"a": None}, "texts": []}) == {
        "part": {},
        "map": {},
        "texts": [],
    }


def test_nothing_to_say_is_an_empty_object() -> None:
    assert render_do({}) == {}
    assert render.compile_output(model(), None)({"ignored": 1}) == {}


def test_each_type_has_its_form_on_the_wire() -> None:
    document = {
        "text": Status.ACTIVE,
        "whole": 1,
        "double": 2,
        "flag": False,
        "moment": 1700000000.1239999,
        "bytes": b"\x00\xff",
        "texts": ("a", "b"),
        "map": {"k": "v"},
        "parts": [{"text": "a"}],
        "anything": {"x": [None]},
    }
    assert encoding.encode(render_do(document)) == (
        b'{"text":"ACTIVE","whole":1,"double":2.0,"flag":false,"moment":1700000000.124,"bytes":"AP8=",'
        b'"texts":["a","b"],"map":{"k":"v"},"parts":[{"text":"a"}],"anything":{"x":[null]}}'
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("text", 1),
        ("text", b"bytes"),
        ("whole", "1"),
        ("whole", 1.0),
        ("whole", True),
        ("double", "1"),
        ("double", math.nan),
        ("flag", 1),
        ("moment", "2023-11-14T22:13:20Z"),
        ("moment", math.inf),
        ("moment", True),
        ("bytes", "AP8="),
        ("texts", "ab"),
        ("texts", [None]),
        ("texts", {"a"}),
        ("map", []),
        ("map", {1: "a"}),
        ("part", []),
        ("parts", [None]),
    ],
)
def test_a_wrong_type_is_a_bug_that_names_its_place(member: str, value: Any) -> None:
    with pytest.raises(Unrenderable, match=f"^DoRequest.{member}: .* where the model has "):
        render_do({member: value})


def test_a_bug_deep_inside_names_the_way_to_it() -> None:
    with pytest.raises(
        Unrenderable, match=r"^DoRequest\.parts: Part\.part: Part\.text: 1 where the model has a string$"
    ):
        render_do({"parts": [{"part": {"text": 1}}]})
