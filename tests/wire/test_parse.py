"""A body is either what the model promises or a SerializationException that says what AWS says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_emulator.wire import models, parse
from ecs_emulator.wire.errors import SerializationException
from tests.wire.shapes import model

parse_do = parse.compile_input(model(), "DoRequest", "com.example")


def parsed(**members: Any) -> Any:
    return parse_do(parse.decode(json.dumps(members).encode()))


def refused(**members: Any) -> str | None:
    with pytest.raises(SerializationException) as caught:
        parsed(**members)
    assert caught.value.status == 400
    return caught.value.message


def test_an_empty_body_is_no_parameters() -> None:
    assert parse_do(parse.decode(b"")) == {}
    assert parse_do(parse.decode(b"{}")) == {}
    assert parse_do(parse.decode(b"null")) == {}


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1,]", b"{'a': 1}", b"NaN", b'{"whole": NaN}', b'{"double": 1e999}', b'{"text": "\xff"}', b"{} {}"],
)
def test_what_is_not_json_is_refused_without_a_text(body: bytes) -> None:
    with pytest.raises(SerializationException) as caught:
        parse.decode(body)
    assert caught.value.to_document() == {"__type": "SerializationException"}


def test_half_a_surrogate_pair_is_refused_because_no_answer_could_carry_it() -> None:
    with pytest.raises(SerializationException):
        parse.decode(b'{"text": "\\ud800"}')
    assert parse.decode(b'{"text": "\\ud83d\\ude00"}') == {"text": "\U0001f600"}


def test_unknown_members_are_ignored_at_every_level() -> None:
    assert parsed(text="a", other={"b": [1]}, part={"text": "c", "other": 1}) == {"text": "a", "part": {"text": "c"}}


def test_a_null_is_as_good_as_nothing_wherever_it_stands() -> None:
    assert parsed(text=None, whole=None, part={"text": None}, texts=["a", None], map={"a": None, "b": "c"}) == {
        "part": {},
        "texts": ["a"],
        "map": {"b": "c"},
    }
    assert parsed(parts=[None, {"text": "a"}], texts=None, map=None) == {"parts": [{"text": "a"}]}


def test_of_two_equal_keys_the_last_one_counts() -> None:
    body = b'{"text": "first", "part": {"text": "first", "text": "last"}, "text": "last"}'
    assert parse_do(parse.decode(body)) == {"text": "last", "part": {"text": "last"}}


def test_empty_lists_maps_and_structures_stay() -> None:
    assert parsed(texts=[], map={}, part={}) == {"texts": [], "map": {}, "part": {}}


def test_a_blob_is_its_bytes_and_a_time_is_seconds() -> None:
    assert parsed(bytes="AP8=", moment=1700000000.125) == {"bytes": b"\x00\xff", "moment": 1700000000.125}
    assert parsed(moment=1700000000) == {"moment": 1700000000.0}
    for iso in ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20", "2023-11-14T23:13:20+01:00"):
        assert parsed(moment=iso) == {"moment": 1700000000.0}


def test_numbers_keep_their_kind() -> None:
    assert parsed(whole=2**31 - 1, long=-(2**63), double=3, float=0.5) == {
        "whole": 2**31 - 1,
        "long": -(2**63),
        "double": 3.0,
        "float": 0.5,
    }
    assert type(parsed(double=3)["double"]) is float
    whole = parse_do(parse.decode(b'{"whole": 1e3}'))["whole"]
    assert (whole, type(whole)) == (1000, int)


STRUCTURE_FOUND = "Start of structure or map found where not expected."


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("text", 1, "NUMBER_VALUE can not be converted to a String"),
        ("text", 1.5, "NUMBER_VALUE can not be converted to a String"),
        ("text", True, "TRUE_VALUE can not be converted to a String"),
        ("text", False, "FALSE_VALUE can not be converted to a String"),
        ("text", [], "Unrecognized collection type class java.lang.String"),
        ("text", {}, STRUCTURE_FOUND),
        ("whole", "1", "STRING_VALUE can not be converted to an Integer"),
        ("whole", True, "TRUE_VALUE can not be converted to an Integer"),
        ("whole", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("whole", 2**31, "NUMBER_VALUE can not be converted to an Integer"),
        ("whole", [1], "Unrecognized collection type class java.lang.Integer"),
        ("whole", {}, STRUCTURE_FOUND),
        ("long", "1", "STRING_VALUE can not be converted to a Long"),
        ("long", 2**63, "NUMBER_VALUE can not be converted to a Long"),
        ("long", 10**30, "NUMBER_VALUE can not be converted to a Long"),
        ("double", "1", "STRING_VALUE can not be converted to a Double"),
        ("double", False, "FALSE_VALUE can not be converted to a Double"),
        ("float", "1", "STRING_VALUE can not be converted to a Float"),
        ("flag", "true", "STRING_VALUE can not be converted to a Boolean"),
        ("flag", 1, "NUMBER_VALUE can not be converted to a Boolean"),
        ("flag", [], "Unrecognized collection type class java.lang.Boolean"),
        ("flag", {}, STRUCTURE_FOUND),
        ("moment", "yesterday", "STRING_VALUE can not be converted to milliseconds since epoch"),
        ("moment", True, "TRUE_VALUE can not be converted to milliseconds since epoch"),
        ("moment", 1e18, "NUMBER_VALUE can not be converted to milliseconds since epoch"),
        ("bytes", 1, "NUMBER_VALUE can not be converted to a Blob"),
        ("bytes", "not base64!", "STRING_VALUE can not be converted to a Blob"),
        ("texts", "a", "Expected list or null"),
        ("texts", 1, "Expected list or null"),
        ("texts", {}, STRUCTURE_FOUND),
        ("texts", ["a", 1], "NUMBER_VALUE can not be converted to a String"),
        ("map", "a", "Expected map or null"),
        ("map", [], "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>"),
        ("map", {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("part", "a", "Expected null"),
        ("part", 1, "Expected null"),
        ("part", [], "Unrecognized collection type class com.example.Part"),
        ("part", {"part": {"text": 1}}, "NUMBER_VALUE can not be converted to a String"),
        ("parts", [[]], "Unrecognized collection type class com.example.Part"),
    ],
)
def test_a_wrong_json_type_is_refused_in_the_front_ends_words(member: str, value: Any, message: str) -> None:
    assert refused(**{member: value}) == message


def test_a_list_as_body_names_the_class_of_the_request() -> None:
    model = models.load("ecs")
    package = "com.amazonaws.madison.frontend"
    parse_register = parse.compile_input(model, "RegisterTaskDefinitionRequest", package)
    with pytest.raises(SerializationException, match=f"^Unrecognized collection type class {package}.RegisterTask"):
        parse_register([])


def test_a_member_that_may_be_any_json_is_taken_as_it_is_to_a_depth() -> None:
    anything = {"a": [None, {"b": 1.5, "c": [True]}]}
    assert parsed(anything=anything) == {"anything": anything}
    assert parsed(anything="text") == {"anything": "text"}
    deep: Any = 1
    for _ in range(parse.DEEPEST_DOCUMENT):
        deep = [deep]
    assert refused(anything=deep) is None


def test_deep_nesting_is_refused_and_never_a_crash() -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"part": deep}
    assert parse_do(deep) == deep
    for _ in range(5000):
        deep = {"part": deep}
    with pytest.raises(SerializationException):
        parse_do(deep)
    body = b'{"part":' * 1000 + b"{}" + b"}" * 1000
    with pytest.raises(SerializationException):
        parse_do(parse.decode(body))
    with pytest.raises(SerializationException):
        parse.decode(b"[" * 100_000)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "part", "x"]), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["text", "whole", "part", "parts", "texts", "map", "moment"]), json_values))
def test_whatever_is_sent_is_parsed_or_refused(document: dict[str, Any]) -> None:
    try:
        params = parse_do(document)
    except SerializationException:
        return
    assert set(params) <= set(document)
    assert parse_do(json.loads(json.dumps(params))) == params
